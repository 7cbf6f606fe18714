"""Remote rasters read by byte ranges."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy

import scenecart
from _expect import raises
from _scripted_service import Answer, part_of_file
from scenecart._api.credentials import Secret
from scenecart._api.http import Session
from scenecart._api.sign_in import resolve
from scenecart._imagery.opening import opened_raster
from scenecart._imagery.ranges import BLOCK, RangeReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _scripted_service import ScriptedService

CONTENT = np.random.default_rng(3).integers(0, 256, 20 * BLOCK + 77, dtype="uint8").tobytes()


@pytest.fixture
def session(service: ScriptedService) -> Iterator[Session]:
    running = Session(resolve(base_url=service.url, token="top-secret"))
    yield running
    running.close()


@pytest.fixture
def reader(service: ScriptedService, session: Session) -> RangeReader:
    """Return a reader of a file that is served by ranges."""
    service.put("/file", lambda request: part_of_file(request, CONTENT))
    return RangeReader(lambda: Secret(f"{service.url}/file?signature=private", "URL"), session.download, "file.tif")


def test_read_spans_returns_the_bytes_in_few_requests(service: ScriptedService, reader: RangeReader):
    """Any span is returned exactly; neighbouring blocks go in one request, known ones in none, and no token is sent."""
    assert reader.read(5, 10) == CONTENT[5:15]
    assert reader.read_many([(3 * BLOCK + 7, BLOCK), (5 * BLOCK, 9)]) == [
        CONTENT[3 * BLOCK + 7 : 4 * BLOCK + 7],
        CONTENT[5 * BLOCK : 5 * BLOCK + 9],
    ]
    assert reader.requests == 2
    assert reader.read(3 * BLOCK, 2 * BLOCK) == CONTENT[3 * BLOCK : 5 * BLOCK]
    assert reader.read(len(CONTENT) - 5, 100) == CONTENT[-5:]
    assert reader.read(len(CONTENT), 1) == reader.read(len(CONTENT) + BLOCK, 1) == b""
    assert (reader.requests, reader.size) == (3, len(CONTENT))
    assert all("authorization" not in request.headers for request in service.requests("/file"))
    assert "private" not in repr(reader)


def test_read_from_several_threads_returns_the_bytes(reader: RangeReader):
    """Threads that read at once each get their bytes, and each block is requested once."""
    found: dict[int, bytes] = {}

    def one(number: int) -> None:
        found[number] = reader.read(number * 1_000, 200_000)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[number] == CONTENT[number * 1_000 :][:200_000] for number in range(8))
    assert reader.received <= len(CONTENT)


def test_read_url_expired_uses_a_new_one(service: ScriptedService, session: Session):
    """A signed URL that has expired is replaced once; the bytes are those of the file."""
    service.put("/old", Answer(b"", 403))
    service.put("/new", lambda request: part_of_file(request, CONTENT))
    urls = iter(["old", "new"])
    reader = RangeReader(lambda: Secret(f"{service.url}/{next(urls)}", "URL"), session.download, "file.tif")
    assert reader.read(0, 9) == CONTENT[:9]


def test_read_connection_lost_once_is_repeated(service: ScriptedService, session: Session):
    """A connection that is lost in the middle is opened again."""
    service.put("/file", Answer(None), Answer(b"", 503), lambda request: part_of_file(request, CONTENT))
    reader = RangeReader(lambda: Secret(f"{service.url}/file", "URL"), session.download, "file.tif")
    assert reader.read(0, 9) == CONTENT[:9]


@pytest.mark.parametrize(
    ("given", "kind", "code"),
    [
        (Answer(CONTENT, 200), scenecart.DownloadError, "ranges_not_supported"),
        (Answer(b"", 404), scenecart.DownloadError, "file_not_available"),
        (Answer(b"", 410), scenecart.DownloadError, "file_not_available"),
        (Answer(b"abc", 206), scenecart.DownloadError, "range_wrong"),
        (Answer(b"abc", 206, {"Content-Range": "bytes 9-11/40"}), scenecart.DownloadError, "range_wrong"),
        (Answer(b"abcdef", 206, {"Content-Range": "bytes 0-3/4"}), scenecart.DownloadError, "range_wrong"),
        (Answer(b"abc", 206, {"Content-Range": "bytes 0-3/4"}), scenecart.ConnectionFailed, "range_incomplete"),
        (Answer(None), scenecart.ConnectionFailed, "file_server_unreachable"),
        (Answer(b"", 500), scenecart.ConnectionFailed, "file_server_busy"),
    ],
)
def test_read_server_that_cannot_serve_ranges_is_an_error(
    service: ScriptedService, session: Session, given: Answer, kind: Any, code: str
):
    """A server that serves no ranges, wrong ranges or nothing is an error after a few attempts."""
    service.put("/file", given)
    reader = RangeReader(lambda: Secret(f"{service.url}/file", "URL"), session.download, "file.tif")
    with raises(kind, code) as caught:
        reader.open()
    assert "file.tif" in caught.value.message
    assert len(service.requests("/file")) <= 3


def test_read_file_changed_meanwhile_is_an_error(service: ScriptedService, reader: RangeReader):
    """Blocks of two versions of a file are never mixed; opened again, the new version is read."""
    reader.open()
    other = CONTENT[::-1]
    service.put("/file", lambda request: part_of_file(request, other, ETag='"two"'))
    with raises(scenecart.DownloadError, "file_changed"):
        reader.read(9 * BLOCK, 5)
    assert reader.read(0, 5) == other[:5]


def test_opening_cog_reads_the_pixels_in_few_requests(service: ScriptedService, session: Session, tmp_path: Path):
    """Rasterio reads a remote COG in any thread; the pixels are those of the file, and GDAL sees no URL."""
    values = np.random.default_rng(2).integers(0, 255, (1, 2_000, 2_000), dtype="uint8")
    grid = {"height": 2_000, "width": 2_000, "crs": "EPSG:32631", "transform": rasterio.Affine(1, 0, 500_000, 0, -1, 5_000_000)}
    with rasterio.open(tmp_path / "plain.tif", "w", driver="GTiff", count=1, dtype="uint8", **grid) as raster:
        raster.write(values)
    copy(tmp_path / "plain.tif", tmp_path / "cog.tif", driver="COG", blocksize=256)
    content = (tmp_path / "cog.tif").read_bytes()
    service.put("/cog", lambda request: part_of_file(request, content))
    reader = RangeReader(lambda: Secret(f"{service.url}/cog", "URL"), session.download, "cog.tif")
    found: list[Any] = []

    def read() -> None:
        with rasterio.open(driver="GTiff", sharing=False, **reader.opening()) as raster:
            found.extend([raster.name, raster.read(window=((600, 1_300), (600, 1_300)))])

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert service.url not in found[0]
    np.testing.assert_array_equal(found[1], values[:, 600:1_300, 600:1_300])
    assert reader.requests <= 6


@pytest.mark.parametrize("compress", ["deflate", "none"])
def test_opened_raster_store_gone_is_its_error(
    service: ScriptedService, session: Session, tmp_path: Path, capfd: pytest.CaptureFixture[str], compress: str
):
    """If the store is gone while GDAL reads, that is the error, without tracebacks of rasterio; pixels are never made up."""
    values = np.random.default_rng(4).integers(1, 255, (1, 1_024, 1_024), dtype="uint8")
    grid: dict[str, Any] = {"crs": "EPSG:32631", "transform": rasterio.Affine(1, 0, 500_000, 0, -1, 5_000_000)}
    size = {"count": 1, "height": 1_024, "width": 1_024, "dtype": "uint8", "blockxsize": 256, "blockysize": 256}
    with rasterio.open(tmp_path / "a.tif", "w", driver="GTiff", tiled=True, compress=compress, **size, **grid) as raster:
        raster.write(values)
    content = (tmp_path / "a.tif").read_bytes()
    reader = RangeReader(lambda: Secret(f"{service.url}/a", "URL"), session.download, "a.tif")
    for gone, code in ((Answer(b"", 503), "file_server_busy"), (Answer(None), "file_server_unreachable")):
        service.put("/a", lambda request: part_of_file(request, content))
        reader.open()
        service.put("/a", gone)
        with raises(scenecart.ConnectionFailed, code), opened_raster(reader) as dataset:
            dataset.read()
    service.put("/a", lambda request: part_of_file(request, content))
    with opened_raster(reader) as dataset:
        np.testing.assert_array_equal(dataset.read(), values)
    assert capfd.readouterr().err == ""
