"""Receiving over real sockets: whole files or none, under safe names, and no token where it does not belong."""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scenecart
from _service import Answer, Asked, ScriptedService, answer, feature, page
from scenecart._delivery import plan, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 4_000
CHECKSUM = "1220" + hashlib.sha256(CONTENT).hexdigest()
FILE = "/files/a.tif"


def item(name: str = "item", **assets: Any) -> dict[str, Any]:
    visual = {
        "href": "https://x.example/a.tif",
        "type": "image/tiff",
        "file:size": len(CONTENT),
        "file:checksum": CHECKSUM,
    }
    return {**feature(name), "stac_version": "1.0.0", "assets": assets or {"visual": visual}}


def edge(name: str, order: str = "o") -> dict[str, Any]:
    """Return the record that an item came of an order."""
    return {"src_type": "item", "src_id": name, "dst_type": "order", "dst_id": order, "relation": "delivered_by", "depth": 1}


@pytest.fixture
def order(service: ScriptedService, tmp_path: Path) -> Iterator[scenecart.Order]:
    """Give a delivered order whose one file the test serves."""
    service.put("orders.get", answer({"id": "o", "status": "delivered"}))
    service.put("orders.list_assets", answer(page(item())))
    service.put("items.asset.download", answer({"url": f"{service.url}{FILE}?signature=private-signature"}))
    service.put(FILE, Answer(CONTENT, headers={"ETag": '"v1"'}))
    service.put("provenance.get", answer({"edges": [edge("item")]}))
    with scenecart.connect(base_url=service.url, token="bearer-token", home=tmp_path, sleep=lambda _: None) as client:
        yield client.order("o")


def test_items_come_as_frame_and_as_pystac(order: scenecart.Order):
    """Delivered items are a GeoDataFrame, and a pystac collection for every other STAC tool."""
    assert order.items()["id"].tolist() == ["item"]
    assert order.items().crs.to_epsg() == 4326
    assert [entry.id for entry in order.item_collection()] == ["item"]


def test_a_download_is_whole_and_verified(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """A file stands under its name with exactly the promised bytes, and no token went to the signed address."""
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path == tmp_path / "out" / "item" / "visual.tif"
    assert path.read_bytes() == CONTENT
    assert [entry.name for entry in path.parent.iterdir()] == ["visual.tif"]
    assert "authorization" not in service.requests(FILE)[0].headers


def test_a_file_that_is_there_is_not_fetched_again(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Downloading again fetches nothing that is whole already."""
    order.download(tmp_path / "out", progress=False)
    order.download(tmp_path / "out", progress=False)
    assert len(service.requests(FILE)) == 1


def test_another_file_is_never_overwritten(order: scenecart.Order, tmp_path: Path):
    """A different file of that name is left as it is."""
    target = tmp_path / "out" / "item" / "visual.tif"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"somebody's own")
    with pytest.raises(scenecart.DownloadError, match="another file"):
        order.download(tmp_path / "out", progress=False)
    assert target.read_bytes() == b"somebody's own"


def test_nothing_is_written_through_a_link(order: scenecart.Order, tmp_path: Path):
    """A link under the file's name is not followed."""
    target = tmp_path / "out" / "item" / "visual.tif"
    target.parent.mkdir(parents=True)
    target.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(scenecart.DownloadError, match="link"):
        order.download(tmp_path / "out", progress=False)
    assert not (tmp_path / "elsewhere").exists()


def test_an_interrupted_download_goes_on(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """What arrived before a break is kept, and only the rest is asked for while the file is the same."""

    def ranged(request: Asked) -> Answer:
        start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-"))
        rest = CONTENT[start:]
        headers = {"ETag": '"v1"', "Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"}
        return Answer(rest, 206, headers)

    cut = Answer(CONTENT[:500_000], headers={"ETag": '"v1"'}, promised=len(CONTENT))
    service.put(FILE, cut, ranged)
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT
    first, second = service.requests(FILE)
    assert "range" not in first.headers
    assert second.headers["if-range"] == '"v1"'
    assert int(second.headers["range"][6:-1]) > 0


def test_a_changed_file_starts_again(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """A file that changed while it was interrupted is fetched from its beginning."""
    cut = Answer(b"old" * 1_000, headers={"ETag": '"v0"'}, promised=len(CONTENT))
    service.put(FILE, cut, Answer(CONTENT, headers={"ETag": '"v1"'}))
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT


BROKEN = {
    "short": Answer(CONTENT[:-1]),
    "other bytes": Answer(b"x" * len(CONTENT)),
    "nothing": Answer(b""),
    "always cut": Answer(CONTENT[:1_000], promised=len(CONTENT)),
    "gone for good": answer({}, 410),
    "HTML": Answer(b"<html>Sign in</html>", 200, {"Content-Type": "text/html"}),
    "a redirect elsewhere": Answer(b"", 302, {"Location": "file:///etc/passwd"}),
    "a redirect in a circle": Answer(b"", 302, {"Location": FILE}),
    "500": answer({}, 500),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_download_leaves_nothing_that_looks_whole(
    service: ScriptedService, order: scenecart.Order, tmp_path: Path, case: str
):
    """A file that does not arrive whole is an error, and nothing stands under its name."""
    service.put(FILE, BROKEN[case])
    with pytest.raises((scenecart.DownloadError, scenecart.ServiceError)):
        order.download(tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / "item" / "visual.tif").exists()


def test_an_expired_address_is_renewed(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """A signed address that has expired is asked for once more."""
    service.put(FILE, answer({}, 403), Answer(CONTENT))
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT
    assert len(service.requests("items.asset.download")) == 2


def test_a_signed_address_is_not_logged(order: scenecart.Order, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The signature that opens a file appears in no log."""
    caplog.set_level(logging.DEBUG)
    order.download(tmp_path / "out", progress=False)
    assert "/files/a.tif" in caplog.text
    assert "private-signature" not in caplog.text


def test_only_some_assets(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Assets can be chosen by key; a key that no item has is named with those there are."""
    assert order.download(tmp_path / "out", assets=["visual"], progress=False)
    with pytest.raises(scenecart.InvalidRequest, match="There are: visual"):
        order.download(tmp_path / "out", assets=["analytic"], progress=False)


def test_an_unfinished_order_has_nothing_to_download(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Before delivery, the error says to wait."""
    service.put("orders.get", answer({"id": "o", "status": "processing"}))
    with pytest.raises(scenecart.DownloadError, match=r"order\.wait\(\)"):
        order.refresh().download(tmp_path / "out", progress=False)


NASTY = [
    "../../etc/passwd", "C:\\x", "CON", "con.txt", "..", ".", "", "x" * 300, "a\0b", "line\nbreak", "-rf", "$(id)",
    "a\u202eb", "é", "e\u0301", "a/b", "a_b", "A_B", "~/x", "nul", "🛰" * 100, "\ud800", " x ", "x.", "x",
]  # fmt: skip


def test_nasty_names_land_inside_and_apart(tmp_path: Path):
    """Whatever items and assets are called, every file lands inside the folder, under a name of its own."""
    assets = {name: {"href": f"https://x.example/{name}", "type": "image/tiff"} for name in NASTY}
    wanted = plan({"features": [item(name, **assets) for name in NASTY]}, tmp_path, None)
    paths = [file.target for file in wanted]
    assert len({str(path).casefold() for path in paths}) == len(NASTY) ** 2
    for path in paths:
        assert path.parent.parent == tmp_path
        for part in (path.name, path.parent.name):
            assert 0 < len(part.encode()) <= 240
            assert part not in {".", ".."}
            assert not set(part) & set('/\\:*?"<>|\0\n$')


@given(st.sets(st.text(max_size=300), max_size=6))
def test_safe_names_differ_for_different_texts(texts: set[str]):
    """No two texts share a name, and every name fits a file system."""
    names = {safe_name(text) for text in texts}
    assert len(names) == len(texts)
    assert all(0 < len(name.encode()) <= 255 for name in names)
