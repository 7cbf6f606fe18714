"""Downloads over real sockets: complete, verified files or none, and no token for signed URLs."""

from __future__ import annotations

import errno
import hashlib
import logging
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

import scenecart
from _expect import raises, warns
from _scripted_service import Answer, RecordedRequest, ScriptedService, Stall, answer, feature, page
from scenecart._util.files import FREE_SPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTENT = bytes(range(256)) * 4_000
CHECKSUM = "1220" + hashlib.sha256(CONTENT).hexdigest()
FILE = "/files/a.tif"
FOLDER = "2024-03-05_item"
NAME = f"{FOLDER}_visual.tif"


def item(name: str = "item", **assets: Any) -> dict[str, Any]:
    visual = {
        "href": "https://x.example/a.tif",
        "type": "image/tiff",
        "file:size": len(CONTENT),
        "file:checksum": CHECKSUM,
    }
    return {**feature(name), "stac_version": "1.0.0", "assets": assets or {"visual": visual}}


def edge(name: str, order: str = "o") -> dict[str, Any]:
    """Return the record that an order delivered an item."""
    return {"src_type": "item", "src_id": name, "dst_type": "order", "dst_id": order, "relation": "delivered_by", "depth": 1}


@pytest.fixture
def order(service: ScriptedService, tmp_path: Path) -> Iterator[scenecart.Order]:
    """Return a delivered order with one file, served by the test."""
    service.put("orders.get", answer({"id": "o", "status": "delivered"}))
    service.put("orders.list_assets", answer(page(item())))
    service.put("items.asset.download", answer({"url": f"{service.url}{FILE}?signature=private-signature"}))
    service.put(FILE, Answer(CONTENT, headers={"ETag": '"v1"'}))
    service.put("provenance.get", answer({"edges": [edge("item")]}))
    with scenecart.connect(base_url=service.url, token="bearer-token", home=tmp_path, sleep=lambda _: None) as client:
        yield client.order("o")


def test_download_writes_a_verified_file(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """A file has exactly the announced bytes, no temporary file remains, and no token was sent to the signed URL."""
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path == tmp_path / "out" / FOLDER / NAME
    assert path.read_bytes() == CONTENT
    assert {entry.name for entry in path.parent.iterdir()} == {NAME, "item.json"}
    assert {entry.name for entry in path.parent.parent.iterdir()} == {FOLDER, "catalog.json"}
    assert "authorization" not in service.requests(FILE)[0].headers


def test_download_again_requests_nothing(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Downloading again requests no file that is complete."""
    order.download(tmp_path / "out", progress=False)
    order.download(tmp_path / "out", progress=False)
    assert len(service.requests(FILE)) == 1


def test_download_different_file_is_not_overwritten(order: scenecart.Order, tmp_path: Path):
    """A different file of the same name is left unchanged."""
    target = tmp_path / "out" / "item" / "visual.tif"
    target.parent.mkdir(parents=True)
    target.write_bytes(b"somebody's own")
    with raises(scenecart.DownloadError, "target_differs"):
        order.download(tmp_path / "out", progress=False)
    assert target.read_bytes() == b"somebody's own"


def test_download_symbolic_link_is_refused(order: scenecart.Order, tmp_path: Path):
    """A symbolic link with the file's name is not followed."""
    target = tmp_path / "out" / "item" / "visual.tif"
    target.parent.mkdir(parents=True)
    target.symlink_to(tmp_path / "elsewhere")
    with raises(scenecart.DownloadError, "target_is_link"):
        order.download(tmp_path / "out", progress=False)
    assert not (tmp_path / "elsewhere").exists()


def test_download_interrupted_is_resumed(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """What arrived before an interruption is kept, and only the rest of the same file is requested."""

    def ranged(request: RecordedRequest) -> Answer:
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


@pytest.mark.parametrize("path", [FILE, "items.asset.download"])
def test_download_interrupt_ends_a_stalled_read(service: ScriptedService, order: scenecart.Order, tmp_path: Path, path: str):
    """Ctrl+C ends a download at once, although the server is silent, and leaves no thread behind."""
    stall = Stall(interrupt=True)
    service.put(path, stall)
    with pytest.raises(KeyboardInterrupt):
        order.download(tmp_path / "out", progress=False)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("scenecart-download")]
    assert stall.release()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_download_server_error_is_retried(service: ScriptedService, order: scenecart.Order, tmp_path: Path, status: int):
    """A server that fails temporarily does not end a download: the file is requested again, as any read is."""
    service.put(FILE, answer({}, status), answer({}, status), Answer(CONTENT))
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT
    assert len(service.requests(FILE)) == 3


def test_download_changed_file_starts_again(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """A file that changed after an interruption is downloaded from its beginning."""
    cut = Answer(b"old\0" * 1_000, headers={"ETag": '"v0"'}, promised=len(CONTENT))
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
def test_download_incomplete_leaves_no_file(service: ScriptedService, order: scenecart.Order, tmp_path: Path, case: str):
    """A file that does not arrive completely is an error, and no file has its name."""
    service.put(FILE, BROKEN[case])
    with pytest.raises((scenecart.DownloadError, scenecart.ServiceError)):
        order.download(tmp_path / "out", progress=False)
    assert not (tmp_path / "out" / FOLDER / NAME).exists()
    assert len(service.requests(FILE)) <= 20


def test_download_expired_url_is_renewed(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """An expired signed URL is requested once more."""
    service.put(FILE, answer({}, 403), Answer(CONTENT))
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT
    assert len(service.requests("items.asset.download")) == 2


def test_download_signed_url_is_not_logged(order: scenecart.Order, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The signature of a download URL appears in no log."""
    caplog.set_level(logging.DEBUG)
    order.download(tmp_path / "out", progress=False)
    assert "/files/a.tif" in caplog.text
    assert "private-signature" not in caplog.text


def test_download_assets_chooses_by_key(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Assets are chosen by key; a key that no item has is refused with the available ones."""
    assert order.download(tmp_path / "out", assets=["visual"], progress=False)
    assert order.download(tmp_path / "out", assets="visual", progress=False) == order.download(
        tmp_path / "out", {"visual"}, progress=False
    )
    for value in (5, [5]):
        with raises(scenecart.InvalidRequest, "assets_not_strings"):
            order.download(tmp_path / "out", assets=value, progress=False)
    with raises(scenecart.InvalidRequest, "asset_unknown") as caught:
        order.download(tmp_path / "out", assets=["analytic"], progress=False)
    assert "visual" in caught.value.message


def test_items_without_record_are_missing_and_warned(service: ScriptedService, order: scenecart.Order):
    """An item without a record that links it to this order is marked, with a warning; the others are verified."""
    service.put("orders.list_assets", answer(page(item("item"), item("stray"), item("other"))))
    service.put("provenance.get", answer({"edges": [edge("item"), edge("other", order="another")]}))
    with warns("provenance_missing"):
        items = order.items()
    assert items["provenance"].tolist() == ["verified", "missing", "missing"]


def test_items_record_of_the_item_is_verified(service: ScriptedService, order: scenecart.Order):
    """If the order's record omits an item, the item's record is requested."""

    def only_of_items(request: RecordedRequest) -> Answer:
        return answer({"edges": [edge("item")] if request.json["entity_type"] == "item" else []})

    service.put("provenance.get", only_of_items)
    assert order.items()["provenance"].tolist() == ["verified"]


def test_items_without_permission_have_unknown_provenance(service: ScriptedService, order: scenecart.Order):
    """An account that may not read records gets its items, marked as unknown."""
    service.put("provenance.get", answer({"detail": "requires scope provenance:read"}, 403))
    assert order.items()["provenance"].tolist() == ["unknown"]


def test_lineage_invalid_record_is_refused(service: ScriptedService, order: scenecart.Order):
    """An invalid record is not read as an empty record; the items, which do not need it, have unknown provenance."""
    service.put("provenance.get", answer({"nodes": []}))
    with raises(scenecart.ServiceError, "provenance_unreadable"):
        order.lineage()
    assert order.items()["provenance"].tolist() == ["unknown"]


def test_lineage_has_one_row_per_edge(order: scenecart.Order):
    """The lineage is a table, one row for each edge."""
    lineage = order.lineage()
    assert lineage.columns.tolist() == ["entity", "entity_id", "relation", "source", "source_id", "depth"]
    assert lineage.loc[0, ["entity", "entity_id", "source", "source_id"]].tolist() == ["item", "item", "order", "o"]


def test_download_progress_ends_with_verification(order: scenecart.Order, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """The progress bar ends with how many files were verified, and how."""
    order.download(tmp_path / "out", progress=True)
    # with IPython, the bar is printed to standard output
    assert "1 file verified (checksum)" in " ".join("".join(capsys.readouterr()).split())


def test_download_workers_run_in_parallel(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Several workers download several files at once; the paths are in the order of the items."""
    together = threading.Barrier(3, timeout=30)

    def wait_for_others(_: RecordedRequest) -> Answer:
        together.wait()
        return Answer(CONTENT)

    service.put("orders.list_assets", answer(page(*(item(f"item-{number}") for number in range(3)))))
    service.put(FILE, wait_for_others)
    paths = order.download(tmp_path / "out", workers=3, progress=False)
    assert [path.parent.name for path in paths] == [f"2024-03-05_item-{number}" for number in range(3)]


def test_download_failure_keeps_complete_files(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """If one file fails, complete files stay, and the next download requests only the rest."""
    service.put("orders.list_assets", answer(page(item("first"), item("second"))))
    service.put(FILE, Answer(CONTENT), answer({}, 404))
    with raises(scenecart.DownloadError, "file_not_available"):
        order.download(tmp_path / "out", workers=1, progress=False)
    assert (tmp_path / "out" / "2024-03-05_first" / "2024-03-05_first_visual.tif").read_bytes() == CONTENT
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
        print(error.code)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of file sizes to run into on Windows")
def test_download_full_disk_leaves_no_file(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """If the disk is full, an error says so, no file has the name, and the next download succeeds once there is space."""
    target = tmp_path / "out" / FOLDER / NAME
    command = [sys.executable, "-c", FULL, service.url, str(tmp_path / "other"), str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=250, check=True)
    assert ran.stdout.strip() == "file_not_written"
    assert not target.exists()
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(("name", "counts"), [("item.json", (0, 1)), ("catalog.json", (1, 0))])
def test_download_full_disk_names_what_arrived_and_failed(
    order: scenecart.Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, counts: tuple[int, int]
):
    """A disk without space for the item or the catalog is an error with the complete files and the others; space is asked for."""
    write = Path.write_bytes

    def fail(path: Path, content: bytes) -> int:
        if path.name.startswith(f".{name}."):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", fail)
        with raises(scenecart.DownloadError, "file_not_writable") as caught:
            order.download(tmp_path / "out", progress=False)
    assert (len(caught.value.files), len(caught.value.failed)) == counts
    assert caught.value.hint == FREE_SPACE
    assert len(order.download(tmp_path / "out", progress=False)) == 1


def geotiff(path: Path) -> bytes:
    """Write a small raster of two bands in UTM, and return its bytes."""
    grid = {"height": 20, "width": 30, "crs": "EPSG:32631", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", **grid) as raster:
        raster.write(np.arange(1_200, dtype="uint16").reshape(2, 20, 30))
    return path.read_bytes()


def test_open_returns_the_raster_as_an_array(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """open() returns an array with the bands, grid and CRS of the file, which is downloaded once."""
    content = geotiff(tmp_path / "small.tif")
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
        assert (tmp_path / "here" / FOLDER / NAME).is_file()


def test_open_ambiguous_or_unknown_asset_is_refused(service: ScriptedService, order: scenecart.Order):
    """An asset that several items have, or none, is an error that names them."""
    service.put("orders.list_assets", answer(page(item("one"), item("two"))))
    with raises(scenecart.InvalidRequest, "asset_ambiguous") as caught:
        order.open("visual")
    assert "one, two" in caught.value.message
    with raises(scenecart.InvalidRequest, "item_without_asset") as caught:
        order.open("visual", item="three")
    assert "one, two" in caught.value.message
    with raises(scenecart.InvalidRequest, "asset_unknown") as caught:
        order.open("thermal")
    assert "visual" in caught.value.message


def test_open_file_not_a_raster_is_refused(order: scenecart.Order):
    """A delivered file that is not a raster is an error of scenecart, not of a library below it."""
    with raises(scenecart.DownloadError, "file_not_raster"):
        order.open("visual")


def test_download_directory_not_a_path_is_refused(order: scenecart.Order):
    """A directory that is not a path is refused, and the error names the argument."""
    for value in (None, 5):
        with raises(scenecart.InvalidRequest, "path_invalid") as caught:
            order.download(value, progress=False)
        assert caught.value.argument == "directory"


def test_download_directory_that_is_a_file_is_refused(order: scenecart.Order, tmp_path: Path):
    """If the directory is a file, an error says so, and the file stays."""
    (tmp_path / "found.parquet").write_text("mine", encoding="utf-8")
    with raises(scenecart.InvalidRequest, "directory_unusable"):
        order.download(tmp_path / "found.parquet", progress=False)
    assert (tmp_path / "found.parquet").read_text(encoding="utf-8") == "mine"


def test_download_file_in_place_of_the_item_folder_stays(order: scenecart.Order, tmp_path: Path):
    """If a file has the name of the item's folder, the folder gets another name, and the file stays."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / FOLDER).write_text("mine", encoding="utf-8")
    (path,) = order.download(tmp_path / "out", progress=False)
    assert path.parent.name.startswith(f"{FOLDER}-")
    assert (tmp_path / "out" / FOLDER).read_text(encoding="utf-8") == "mine"


def test_download_of_an_open_order_fetches_what_is_ready(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Items that are listed before the order is finished are downloaded; a warning and ``missing`` name the other captures."""
    service.put("orders.get", answer({"id": "o", "status": "BEING_FULFILLED", "captures": ["item", "later"]}))
    order.refresh()
    with warns("items_fewer_than_captures"):
        (path,) = order.download(tmp_path / "out", progress=False)
    assert path.read_bytes() == CONTENT
    assert order.missing == ["later"]
    with warns("items_fewer_than_captures"):
        assert order.items()["id"].tolist() == ["item"]
    service.put("orders.list_assets", answer(page(item(), item("later"))))
    assert len(order.download(tmp_path / "out", progress=False)) == 2
    assert order.missing == []
    assert len(service.requests(FILE)) == 2


def test_download_failures_are_collected(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """One error names every file that failed, and the files that are complete; the next download requests only the others."""
    service.put("orders.list_assets", answer(page(*(item(name) for name in ("a", "b", "c")))))
    service.put("items.asset.download", lambda request: answer({"url": f"{service.url}/files/{request.json['item_id']}?s=1"}))
    service.put("/files/b", Answer(CONTENT))
    for name in ("a", "c"):
        service.put(f"/files/{name}", answer({"detail": "no such object"}, 404))
    with raises(scenecart.DownloadError, "files_failed") as caught:
        order.download(tmp_path / "out", progress=False)
    error = caught.value
    assert [(one.item, one.asset, one.error.code, one.error.status) for one in error.failed] == [
        (name, "visual", "file_not_available", 404) for name in ("a", "c")
    ]
    assert [path.parent.name for path in error.files] == ["2024-03-05_b"]
    for part in ("visual of a", "visual of c", "404", "no such object", "2 of 3 files"):
        assert part in error.message
    service.put("/files/a", Answer(CONTENT))
    with raises(scenecart.DownloadError, "file_not_available") as caught:
        order.download(tmp_path / "out", progress=False)
    assert "visual of c" in caught.value.message
    assert len(service.requests("/files/b")) == 1


def test_download_progress_callback_gets_true_shares(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """A function gets shares that only grow without interruptions, in the calling thread, and 1 at the end alone."""
    service.put("orders.list_assets", answer(page(item("a"), item("b"))))
    shares: list[float] = []
    threads: set[int] = set()

    def note(share: float) -> None:
        shares.append(share)
        threads.add(threading.get_ident())

    order.download(tmp_path / "out", progress=note)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert shares.count(1.0) == 1
    assert threads == {threading.get_ident()}


def test_download_progress_callback_that_fails_stops_the_download(order: scenecart.Order, tmp_path: Path):
    """An error of the function is raised, and nothing is left running or locked."""

    def fail(_: float) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        order.download(tmp_path / "out", progress=fail)
    assert len(order.download(tmp_path / "out", progress=False)) == 1


def test_download_of_a_folder_of_the_first_version_keeps_it(service: ScriptedService, order: scenecart.Order, tmp_path: Path):
    """Files that 0.1.0 downloaded are not fetched again, renamed or moved; the item is added beside them."""
    old = tmp_path / "out" / "item"
    old.mkdir(parents=True)
    (old / "visual.tif").write_bytes(CONTENT)
    assert order.download(tmp_path / "out", progress=False) == [old / "visual.tif"]
    assert service.requests(FILE) == []
    assert {path.name for path in old.iterdir()} == {"visual.tif", "item.json"}
