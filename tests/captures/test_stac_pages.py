"""Pages of STAC APIs: where the next one is, and when a search ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _scripted_service import Answer, answer, page
from _stac_api import item, landing, link, next_by_post

if TYPE_CHECKING:
    from _scripted_service import RecordedRequest, ScriptedService


def test_pages_overlapping_give_each_item_once(service: ScriptedService):
    """Items of overlapping pages are in the result once, and the limit is exact."""
    url = landing(service)
    rows = [item(f"a{number}", number) for number in range(8)]

    def put() -> None:
        service.put("/search", answer(page(*rows[:5], links=next_by_post(service, 2))), answer(page(*rows[3:], numberMatched=8)))

    put()
    assert scenecart.search_stac(url)["id"].tolist() == [f"a{number}" for number in range(8)]
    assert [request.json for request in service.requests("/search")] == [{}, {"token": 2}]
    put()
    assert len(scenecart.search_stac(url, limit=6)) == 6
    assert service.requests("/search")[-1].json == {"limit": 6, "token": 2}


@pytest.mark.parametrize(
    "following",
    [
        link("next", "search", method="POST", merge=True, body={"token": "same"}),
        link("next", "search", method="POST", merge=True, body={"token": "{number}"}),
        link("next", "/search?page=2"),
        link("next", "search?page=2"),
        link("next", "search", method="POST"),
        link("next", "", method="POST", body={}),
    ],
    ids=["same token", "same items", "itself by GET", "relative", "itself by POST", "empty"],
)
@pytest.mark.parametrize("items", [[item("a"), item("b")], []], ids=["items", "no items"])
def test_pages_without_end_end_with_a_warning(service: ScriptedService, following: Any, items: list[Any]):
    """A repeated request, and pages without a new item, end the search with a warning."""
    url = landing(service)

    def reply(_: object) -> Answer:
        text = json.dumps(page(*items, links=[following])).replace("{number}", str(len(service.received)))
        return Answer(text.encode(), 200, {"Content-Type": "application/json"})

    service.put("/search", reply)
    with warns("stac_page_repeated"):
        found = scenecart.search_stac(url)
    assert found["id"].tolist() == [one["id"] for one in items]
    assert len(service.requests("/search")) <= 102


def test_pages_empty_in_the_middle_are_passed(service: ScriptedService):
    """An empty page with a next page is not the end."""
    url = landing(service)
    service.put(
        "/search",
        answer(page(item("a"), links=next_by_post(service, 2))),
        answer(page(links=next_by_post(service, 3))),
        answer(page(item("b"), links=[{**link("next", "/search?page=4"), "rel": ["next"]}])),
        answer(page(item("c", 1.0), links=[link("prev", "search")])),
    )
    assert scenecart.search_stac(url)["id"].tolist() == ["a", "b", "c"]
    assert service.received[-1].path == "/search?page=4"


@pytest.mark.parametrize(
    "page_end",
    [
        {"links": [link("next", "http://[")]},
        {"links": [link("next", "file:///etc/passwd")]},
        {"links": [{"rel": "next"}]},
        {"next": "token"},
        {"context": {"next": "token"}, "has_more": True},
    ],
)
def test_pages_next_that_cannot_be_requested_is_an_error(service: ScriptedService, page_end: dict[str, Any]):
    """A next page that is announced, but not how to request it, is an error with the items that came."""
    url = landing(service)
    service.put("/search", answer(page(item("a"), **page_end)))
    with raises(scenecart.ServiceError, "stac_next_page_invalid") as caught:
        scenecart.search_stac(url)
    assert caught.value.captures["id"].tolist() == ["a"]


def test_pages_unreachable_next_is_an_error_with_captures(service: ScriptedService):
    """A next page on a host that does not answer is an error with the items that came."""
    url = landing(service)
    service.put("/search", answer(page(item("a"), links=[link("next", "http://127.0.0.1:9/search")])))
    with raises(scenecart.ConnectionFailed, "service_unreachable") as caught:
        scenecart.search_stac(url, retry=scenecart.Retry(attempts=1))
    assert caught.value.captures["id"].tolist() == ["a"]
    service.put("/search", answer(page(item("a"), links=[link("next", f"{service.url}/gone")])))
    with raises(scenecart.NotFound, "stac_document_missing") as missing:
        scenecart.search_stac(url)
    assert missing.value.captures["id"].tolist() == ["a"]


def test_pages_fewer_than_announced_warn(service: ScriptedService):
    """An API that counts more items than it returns is believed neither way: the result comes with a warning."""
    url = landing(service)
    service.put("/search", answer(page(item("a")), OGC_NumberMatched="5"))
    with warns("stac_results_missing"):
        assert len(scenecart.search_stac(url)) == 1
    service.put("/search", answer(page(item("a")), OGC_NumberMatched="many"))
    assert len(scenecart.search_stac(url)) == 1
    service.put("/search", answer(page(item("a"), numberMatched=5)))
    with warns("stac_results_missing"):
        assert len(scenecart.search_stac(url)) == 1


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"<html>", b'{"type": "FeatureCollection"}', b'{"features": [{"ty'])
def test_pages_unreadable_response_is_an_error(service: ScriptedService, body: bytes):
    """A response that is not a page of items is an error with its status and content type, and the items before it."""
    url = landing(service)
    reply = Answer(body, 200, {"Content-Type": "text/plain"})
    service.put("/search", answer(page(item("a"), links=next_by_post(service, 2))), reply)
    with pytest.raises(scenecart.ServiceError) as caught:
        scenecart.search_stac(url)
    assert "status 200, text/plain" in str(caught.value)
    assert caught.value.captures["id"].tolist() == ["a"]


@pytest.mark.parametrize("status", [405, 501, 404])
def test_pages_of_an_api_without_post_are_requested_by_get(service: ScriptedService, status: int):
    """A search that is refused by POST is sent by GET."""
    url = landing(service)

    def reply(request: RecordedRequest) -> Answer:
        return answer({}, status) if request.method == "POST" else answer(page(item("a")))

    service.put("/search", reply)
    assert len(scenecart.search_stac(url, collections=["c", "d"], retry=scenecart.Retry(attempts=1))) == 1
    assert service.received[-1].path == "/search?collections=c%2Cd"


def test_pages_modifier_changes_each_page(service: ScriptedService):
    """A modifier changes pages in place or returns others; its failure is an error of ours with the items before it."""
    url = landing(service)
    service.put("/search", answer(page(item("a"), links=next_by_post(service, 2))), answer(page(item("b"))))

    def sign(found: dict[str, Any]) -> None:
        for one in found["features"]:
            one["assets"]["visual"] = {"href": "https://example.com/a.tif?sig=1"}

    signed = scenecart.search_stac(url, modifier=sign)
    assert scenecart.assets(signed.iloc[1])["visual"]["href"].endswith("sig=1")
    service.put("/search", answer(page(item("a"))))
    assert scenecart.search_stac(url, modifier=lambda found: {**found, "features": []}).empty

    def fail(found: dict[str, Any]) -> None:
        if found["features"][0]["id"] == "b":
            raise KeyError("signature")

    service.put("/search", answer(page(item("a"), links=next_by_post(service, 2))), answer(page(item("b"))))
    with raises(scenecart.ServiceError, "stac_modifier_failed") as caught:
        scenecart.search_stac(url, modifier=fail)
    assert caught.value.captures["id"].tolist() == ["a"]
