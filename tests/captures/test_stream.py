"""Result streams: each form, line by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import feature, ndjson, page
from scenecart._captures.stream import InvalidLine, check_stream, read_stream

A, B = feature("a"), feature("b")


def read(body: bytes) -> tuple[list[Any], int]:
    """Return the ids of a stream, and how many entries were skipped."""
    found = list(read_stream([body[start : start + 100] for start in range(0, len(body), 100)], "h"))
    return [one.id for features, _ in found for one in features], sum(skipped for _, skipped in found)


def events(*data: Any, name: str = "feature") -> bytes:
    """Return server-sent events."""
    return b"".join(b"event: " + name.encode() + b"\ndata: " + json.dumps(one).encode() + b"\n\n" for one in data)


@pytest.mark.parametrize(
    ("body", "ids", "skipped"),
    [
        (ndjson(A, B).body, ["a", "b"], 0),
        (ndjson(A, {"type": "Progress"}, None, B).body, ["a", "b"], 2),
        (ndjson([A, 5, B]).body, ["a", "b"], 1),
        (ndjson({"type": "result", "feature": A}, {"features": [B, 5]}).body, ["a", "b"], 1),
        (events(A, B) + events({"count": 2}, name="complete"), ["a", "b"], 0),
        (events({"percent": 5}, name="progress") + events(A), ["a"], 0),
        (events(A) + events({"x": 1}), ["a"], 1),
        (b"data: [DONE]\n", [], 0),
        (b"", [], 0),
    ],
)
def test_stream_is_read_in_each_form(body: bytes, ids: list[str], skipped: int):
    """Lines, arrays, wrapped features and events are read; other entries are counted, except events about progress."""
    assert read(body) == (ids, skipped)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (ndjson({"type": "error", "detail": "x"}).body, "stream_aborted"),
        (ndjson({"error": "x"}).body, "stream_aborted"),
        (events({"message": "x"}, name="error"), "stream_aborted"),
        (events(A) + events({"count": 2}, name="complete"), "stream_aborted"),
        (ndjson(page(A, next="t")).body, "stream_aborted"),
        (ndjson(page(A, numberMatched=2)).body, "stream_aborted"),
        (ndjson(page(A, next=True)).body, "next_page_unreadable"),
        (ndjson({"title": "Busy", "status": 503}).body, "service_failed"),
    ],
)
def test_stream_with_an_error_or_one_page_of_several_is_an_error(body: bytes, code: str):
    """A stream that says that it failed, or that it has only a part, is an error."""
    with raises(scenecart.ServiceError, code):
        read(body)


def test_stream_with_a_line_that_is_not_json_is_invalid():
    """A truncated line is an error, after the features before it."""
    body = ndjson(A, B).body
    assert body is not None
    found = read_stream([body[:-20]], "h")
    assert [one.id for one in next(found)[0]] == ["a"]
    with pytest.raises(InvalidLine):
        list(found)


def test_check_stream_refuses_what_has_no_features():
    """A complete stream is checked: wholly if it is small, else at both ends."""
    check_stream([ndjson(A).body or b""], "h")
    for body in (b"", b"null", b"[]", b'{"rows": []}'):
        with raises(scenecart.ServiceError, "stream_empty"):
            check_stream([body], "h")
    lines = ndjson(*[A] * 500).body or b""
    assert len(lines) > 100_000
    pieces = [lines[start : start + 1_000] for start in range(0, len(lines), 1_000)]
    check_stream(pieces, "h")
    check_stream([json.dumps([A] * 500).encode()], "h")
    with raises(scenecart.ServiceError, "stream_aborted"):
        check_stream([*pieces, b'{"type": "error"}\n'], "h")
    with raises(scenecart.ServiceError, "stream_line_not_json"):
        check_stream([b"<html>\n", *pieces], "h")
