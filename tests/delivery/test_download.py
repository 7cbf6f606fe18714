"""Receiving over real sockets: whole files or none, under safe names, and no token where it does not belong."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from hypothesis import example, given
from hypothesis import strategies as st

import scenecart
from _scripted_service import Answer, Asked, ScriptedService, answer, feature, page
from scenecart._delivery.paths import plan, safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_fails_for_a_while_is_asked_again(
    service: ScriptedService, order: scenecart.Order, tmp_path: Path, status: int
):
    """One file of many whose server fails for a moment does not end a download: it is asked for again, as any read is."""
    service.put(FILE, answer({}, status), answer({}, status), Answer(CONTENT))
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT
    assert len(service.requests(FILE)) == 3


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
    assert len(service.requests(FILE)) <= 20


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
    assert order.download(tmp_path / "out", assets="visual", progress=False) == order.download(
        tmp_path / "out", {"visual"}, progress=False
    )
    for odd in (5, [5]):
        with pytest.raises(scenecart.InvalidRequest, match="assets must be keys of assets"):
            order.download(tmp_path / "out", assets=odd, progress=False)
    with pytest.raises(scenecart.InvalidRequest, match="There are: visual"):
        order.download(tmp_path / "out", assets=["analytic"], progress=False)


def test_an_unfinished_order_has_nothing_to_download(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Before delivery, whatever needs the imagery says how the order stands and to wait; of one that failed, why."""
    ways: list[Callable[[], object]] = [
        lambda: order.download(tmp_path / "out", progress=False),
        lambda: order.open("visual", directory=tmp_path / "out"),
        order.items,
        order.item_collection,
    ]
    for state, says in (
        ("processing", r"Order o is processing, not delivered\.\nCall order\.wait\(\) first"),
        ("failed", "too cloudy"),
    ):
        service.put("orders.get", answer({"id": "o", "status": state, "reason": "too cloudy"}))
        order.refresh()
        for way in ways:
            with pytest.raises(scenecart.DownloadError, match=says):
                way()
    assert not (tmp_path / "out").exists()


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
            assert part.split(".")[0].lower() not in {"con", "nul"}
            assert not set(part) & set('/\\:*?"<>|\0\n$')


@example({"a/b", "a_b", "a:b"})
@example({"\u00e9", "e\u0301", " \u00e9"})
@given(st.sets(st.text(max_size=300), max_size=6))
def test_safe_names_differ_for_different_texts(texts: set[str]):
    """No two texts share a name, and every name fits a file system."""
    names = {safe_name(text) for text in texts}
    assert len(names) == len(texts)
    assert all(0 < len(name.encode()) <= 255 for name in names)


def test_items_without_a_record_are_told(service: ScriptedService, order: scenecart.Order):
    """An item that no record leads back to this order is marked and warned of; the others are verified."""
    service.put("orders.list_assets", answer(page(item("item"), item("stray"), item("other"))))
    service.put("provenance.get", answer({"edges": [edge("item"), edge("other", order="another")]}))
    with pytest.warns(scenecart.ScenecartWarning, match=r"2 of 3 .*column 'provenance'"):
        items = order.items()
    assert items["provenance"].tolist() == ["verified", "missing", "missing"]


def test_a_record_that_only_the_item_has_is_found(service: ScriptedService, order: scenecart.Order):
    """Where the order's own record leaves an item out, the item's is asked for."""

    def asked(request: Asked) -> Answer:
        return answer({"edges": [edge("item")] if request.json["entity_type"] == "item" else []})

    service.put("provenance.get", asked)
    assert order.items()["provenance"].tolist() == ["verified"]


def test_provenance_that_may_not_be_asked_is_unknown(service: ScriptedService, order: scenecart.Order):
    """An account without the right to ask gets its items all the same, marked as not checked."""
    service.put("provenance.get", answer({"detail": "requires scope provenance:read"}, 403))
    assert order.items()["provenance"].tolist() == ["unknown"]


def test_a_record_that_cannot_be_read_is_an_error(service: ScriptedService, order: scenecart.Order):
    """An answer that is no record is not taken for a record that says nothing."""
    service.put("provenance.get", answer({"nodes": []}))
    with pytest.raises(scenecart.ServiceError, match="provenance"):
        order.items()


def test_lineage_is_a_table(order: scenecart.Order):
    """What came of what is a table, one row an edge."""
    lineage = order.lineage()
    assert lineage.columns.tolist() == ["entity", "entity_id", "relation", "source", "source_id", "depth"]
    assert lineage.loc[0, ["entity", "entity_id", "source", "source_id"]].tolist() == ["item", "item", "order", "o"]


def test_how_files_were_checked_is_said(order: scenecart.Order, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The bar ends with how many files are whole, and by what that is known."""
    order.download(tmp_path / "out", progress=True)
    # where IPython runs, the bar is among what a cell prints
    assert "1 file whole: 1 by checksum" in " ".join("".join(capsys.readouterr()).split())


def test_files_come_side_by_side(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Several workers fetch several files at once; each stands under its own name, in the order of the items."""
    together = threading.Barrier(3, timeout=30)

    def wait_for_others(_: Asked) -> Answer:
        together.wait()
        return Answer(CONTENT)

    service.put("orders.list_assets", answer(page(*(item(f"item-{number}") for number in range(3)))))
    service.put(FILE, wait_for_others)
    paths = order.download(tmp_path / "out", workers=3, progress=False)
    assert [path.parent.name for path in paths] == ["item-0", "item-1", "item-2"]


def test_a_failure_keeps_what_is_whole(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """When one file fails, those that were whole stay, and the next download fetches only the rest."""
    service.put("orders.list_assets", answer(page(item("first"), item("second"))))
    service.put(FILE, Answer(CONTENT), answer({}, 404))
    with pytest.raises(scenecart.DownloadError, match="404"):
        order.download(tmp_path / "out", workers=1, progress=False)
    assert (tmp_path / "out" / "first" / "visual.tif").read_bytes() == CONTENT
    service.put(FILE, Answer(CONTENT))
    assert len(order.download(tmp_path / "out", workers=1, progress=False)) == 2
    assert len(service.requests(FILE)) == 3


FULL = """
import resource, signal, sys
import scenecart

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with scenecart.connect(base_url=sys.argv[1], token="t", home=sys.argv[2], sleep=lambda _: None) as client:
    order = client.order("o")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    try:
        order.download(sys.argv[3], progress=False)
    except scenecart.DownloadError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes to run into on Windows")
def test_a_full_disk_leaves_nothing_that_looks_whole(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """When no more can be written, the error says so, nothing stands under the file's name, and room is all it takes to go on."""
    target = tmp_path / "out" / "item" / "visual.tif"
    command = [sys.executable, "-c", FULL, service.url, str(tmp_path / "other"), str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "cannot be written" in ran.stdout
    assert not target.exists()
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT


def geotiff(path: Path) -> bytes:
    """Write a small raster of two bands in UTM, and return its bytes."""
    grid = {"height": 20, "width": 30, "crs": "EPSG:32631", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", **grid) as raster:
        raster.write(np.arange(1_200, dtype="uint16").reshape(2, 20, 30))
    return path.read_bytes()


def test_a_delivered_raster_opens_as_an_array(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """open() gives an array with the file's own bands, grid and CRS, fetched once and kept."""
    content = geotiff(tmp_path / "made.tif")
    entry = item(visual={"href": "https://x.example/a.tif", "type": "image/tiff", "file:size": len(content)})
    service.put("orders.list_assets", answer(page(entry)))
    service.put(FILE, Answer(content))
    with order.open("visual") as array:
        assert array.dims == ("band", "y", "x")
        assert array.shape == (2, 20, 30)
        assert array.rio.crs.to_epsg() == 32631
        assert int(array.sum()) == sum(range(1_200))
    with order.open("visual", item="item"):
        pass
    assert len(service.requests(FILE)) == 1
    with order.open("visual", directory=tmp_path / "here"):
        assert (tmp_path / "here" / "item" / "visual.tif").is_file()


def test_opening_says_which_rasters_there_are(service: ScriptedService, order: scenecart.Order):
    """An asset that several items have, or none, is an error that names them."""
    service.put("orders.list_assets", answer(page(item("one"), item("two"))))
    with pytest.raises(scenecart.InvalidRequest, match=r"one, two"):
        order.open("visual")
    with pytest.raises(scenecart.InvalidRequest, match=r"one, two"):
        order.open("visual", item="three")
    with pytest.raises(scenecart.InvalidRequest, match="There are: visual"):
        order.open("thermal")


def test_what_is_no_raster_is_not_opened(order: scenecart.Order):
    """A delivered file that is no raster is an error of ours, not a traceback of a library underneath."""
    with pytest.raises(scenecart.DownloadError, match="cannot be opened as a raster"):
        order.open("visual")


def test_what_is_no_path_is_no_folder_to_download_into(order: scenecart.Order):
    """Where there is no path, nothing is fetched, and the error says so."""
    for odd in (None, 5):
        with pytest.raises(scenecart.InvalidRequest, match="A download needs a path"):
            order.download(odd, progress=False)


def test_a_file_is_no_folder_to_download_into(order: scenecart.Order, tmp_path: Path):
    """Where the folder's name is that of a file, it is said in one line, and the file stays."""
    (tmp_path / "found.parquet").write_text("mine", encoding="utf-8")
    with pytest.raises(scenecart.InvalidRequest, match="is no folder"):
        order.download(tmp_path / "found.parquet", progress=False)
    assert (tmp_path / "found.parquet").read_text(encoding="utf-8") == "mine"
