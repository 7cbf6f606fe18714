"""Quicklooks of items of open catalogs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, ScriptedService, answer, page
from _stac_api import item, landing
from scenecart._captures.thumbnails import thumbnail_url

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

PNG = b"\x89PNG\r\n\x1a\n..."


def row(host: str = "example.com", **assets: Any) -> dict[str, Any]:
    """Return a row of a search result with these assets."""
    return {"host": host, "id": "a", "assets": json.dumps(assets)}


def picture(href: Any, *roles: str, kind: str | None = "image/png") -> dict[str, Any]:
    return {"href": href, "roles": list(roles), **({} if kind is None else {"type": kind})}


@pytest.mark.parametrize(
    ("assets", "url"),
    [
        ({"visual": picture("https://a.example/v.png"), "x": picture("https://a.example/x.png", "thumbnail")}, "https://a.example/x.png"),
        (
            {
                "o": picture("https://a.example/o.jpg", "overview", kind="image/jpeg"),
                "t": picture("https://a.example/t.png", "thumbnail"),
            },
            "https://a.example/t.png",
        ),
        ({"thumbnail": {"href": "https://a.example/t"}}, "https://a.example/t"),
        ({"t": picture("https://a.example/t.tif", "thumbnail", kind="image/tiff; application=geotiff")}, None),
        ({"t": picture("s3://bucket/t.png", "thumbnail"), "thumbnail": {"href": "https://a.example/t.png"}}, "https://a.example/t.png"),
        ({"t": picture("javascript:alert(1)", "thumbnail")}, None),
        ({"t": picture("file:///etc/passwd", "thumbnail")}, None),
        ({"t": picture("http://169.254.169.254/t.png", "thumbnail")}, None),
        ({"t": picture("http://127.0.0.1/t.png", "thumbnail")}, None),
        ({"t": picture("https://user:secret@a.example/t.png", "thumbnail")}, None),
        ({"t": picture(None, "thumbnail"), "u": 5, "thumbnail": {"href": 5, "roles": "thumbnail"}}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_thumbnail_url_is_one_that_a_browser_shows(assets: dict[str, Any], url: str | None):
    """The thumbnail is chosen by role, then by key; addresses that are no public web address are none."""
    assert thumbnail_url(row(**assets)) == url


def test_thumbnail_url_of_unreadable_assets_is_none():
    """Assets that are no JSON object have no thumbnail; what is not a row is refused."""
    assert thumbnail_url({"host": None, "assets": "["}) is None
    assert thumbnail_url({"assets": "[]"}) is None
    with raises(scenecart.InvalidRequest, "capture_column_missing"):
        thumbnail_url({})


def test_quicklook_is_the_picture_of_the_item(service: ScriptedService):
    """The thumbnail of an item is fetched without the headers of the search; anything but a picture is none."""
    url = landing(service)
    found = {**item("a"), "assets": {"thumbnail": picture(f"{service.url}/t.png", "thumbnail")}}
    service.put("/search", answer(page(found)))
    capture = scenecart.search_stac(url, headers={"Authorization": "Bearer secret"}).iloc[0]
    service.put("/t.png", Answer(PNG, 200, {"Content-Type": "image/png"}))
    assert scenecart.quicklook(capture) == PNG
    assert "authorization" not in service.received[-1].headers
    service.put("/t.png", Answer(b"<svg/>", 200, {"Content-Type": "image/png"}))
    assert scenecart.quicklook(capture) is None
    service.put("/t.png", answer({}, 404))
    with raises(scenecart.NotFound, "stac_document_missing"):
        scenecart.quicklook(capture)
    service.put("/t.png", Answer(PNG + b"x" * 5_000_000))
    with raises(scenecart.ServiceError, "response_too_large"):
        scenecart.quicklook(capture)


def test_client_quicklook_falls_back_to_the_item_of_an_open_catalog(box: Sandbox, service: ScriptedService, tmp_path: Path):
    """A client shows the thumbnail of an open item, and never fetches one of an item of the service."""
    service.put("/t.png", Answer(PNG))
    thumbnail = {"thumbnail": picture(f"{service.url}/t.png", "thumbnail")}
    with box.client("analyst", home=tmp_path) as client:
        assert client.quicklook(row("127.0.0.1", **thumbnail)) == PNG
        assert client.quicklook(row("aurora", **thumbnail)) is None
    assert len(service.received) == 1
