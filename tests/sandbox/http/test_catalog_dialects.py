"""Dialects of the catalog, over plain HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox

SEARCH: dict[str, Any] = {"host_name": "archive", "collections": ["test"]}


def ids(features: list[dict[str, Any]]) -> list[str]:
    return [feature["id"] for feature in features]


def test_next_link_announces_pages_in_turn(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Each page announces the next in another way; only the last announces nothing."""
    client = sign_in(serve("next-link"))
    found = [client.call("catalog.search", {**SEARCH, "limit": 2}).json() for _ in range(5)]
    as_object, link, link_object, as_true, matched = found
    assert len({tuple(ids(page["features"])) for page in found}) == 1
    token = as_object["next"]["token"]
    assert ([entry["rel"] for entry in link["links"]], "next" in link) == (["next"], False)
    assert link["links"][0]["href"].endswith(token)
    assert link_object["links"]["next"]["href"].endswith(token)
    assert (as_true["next"], as_true["links"]) == (True, [])
    assert (matched["numberMatched"], matched["numberReturned"], matched["links"]) == (6, 2, [])
    assert "next" not in matched
    last = client.call("catalog.search", {**SEARCH, "limit": 6}).json()
    assert len(last["features"]) == 6
    assert "next" not in last


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_next_link_counts_all_matches(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], method: str):
    """The number of matches counts what the filters select, on every page, also by GET."""
    client = sign_in(serve("next-link:matched"))
    body = {**SEARCH, "limit": 1, "datetime": "2024-03-01/2024-05-02"}
    if method == "GET":
        query = {**body, "collections": "test"}
        page = client.http.get("/v1/op/catalog.search", params=query).json()
    else:
        page = client.call("catalog.search", body).json()
    assert (page["numberMatched"], page["numberReturned"]) == (4, 1)


@pytest.fixture
def stream(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]) -> Callable[[str], Any]:
    """Return a function that searches by stream in one variant of the dialect."""
    return lambda variant: sign_in(serve(f"sse-stream:{variant}")).call("catalog.search_stream", SEARCH)


def test_stream_as_server_sent_events(stream: Callable[[str], Any]):
    """Each capture is an event, and the last event has the count."""
    answer = stream("sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [dict(line.split(": ", 1) for line in event.split("\n")) for event in answer.text.strip().split("\n\n")]
    assert [event["event"] for event in events] == ["feature"] * 6 + ["complete"]
    assert len({json.loads(event["data"])["id"] for event in events[:6]}) == 6
    assert json.loads(events[6]["data"]) == {"count": 6}


def test_stream_as_array_or_wrapped(stream: Callable[[str], Any]):
    """The captures come as one array, or each in an object."""
    assert len(stream("array").json()) == 6
    lines = [json.loads(line) for line in stream("wrapped").text.splitlines()]
    assert {feature["type"] for feature in (line["feature"] for line in lines)} == {"Feature"}
    assert len(lines) == 6


def test_sse_stream_error_variant_fails_after_half_of_the_captures(stream: Callable[[str], Any]):
    """After half of the captures a line says that the search failed; the status is 200."""
    answer = stream("error")
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.status_code == 200
    assert [line["type"] for line in lines] == ["Feature"] * 3 + ["error"]


@pytest.mark.parametrize(("variant", "status", "content"), [("no-content", 204, b""), ("null", 200, b"null"), ("empty", 200, b"")])
def test_sse_stream_empty_variants_answer_without_captures(stream: Callable[[str], Any], variant: str, status: int, content: bytes):
    """A stream may be 204, null or empty although there are captures."""
    answer = stream(variant)
    assert (answer.status_code, answer.content) == (status, content)


def test_stream_takes_turns_and_keeps_errors(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """The variants take turns by call, and an error of the service stays one."""
    client = sign_in(serve("sse-stream"))
    answers = [client.call("catalog.search_stream", SEARCH) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [204] + [200] * 3
    assert answers[0].text == answers[7].text
    assert client.call("catalog.search_stream", {**SEARCH, "host_name": "nobody"}).status_code == 404
