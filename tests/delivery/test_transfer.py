"""The transfer of one file: what is kept, what is refused, and who may write."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from _sessions import make_session
from scenecart._delivery.checksums import Checksum
from scenecart._delivery.contents import FileRecord
from scenecart._delivery.paths import PlannedFile
from scenecart._delivery.transfer import FileInUse, Transfer, TransferStopped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONTENT = bytes(range(256)) * 400
SHA256 = Checksum("sha256", hashlib.sha256(CONTENT).hexdigest())
FILE = "/files/a.tif"
PART, ETAG = "visual.tif.part", "visual.tif.part.etag"


@pytest.fixture
def transfer(service: ScriptedService, tmp_path: Path) -> Callable[..., Transfer]:
    """Return a function that makes a transfer of a file with these announced properties."""
    service.put("items.asset.download", answer({"url": f"{service.url}{FILE}?signature=s"}))
    service.put(FILE, Answer(CONTENT, headers={"ETag": '"v1"'}))

    def make(verify: Any = "checksum", **more: Any) -> Transfer:
        stated = {"size": len(CONTENT), "checksum": SHA256, **more}
        file = PlannedFile("item", "visual", tmp_path / "2024_visual.tif", tmp_path / PART, **stated)
        return Transfer(make_session(service), file, verify)

    return make


def ranged(request: RecordedRequest) -> Answer:
    start = int(request.headers["range"].removeprefix("bytes=").removesuffix("-")) if "range" in request.headers else 0
    if start >= len(CONTENT):
        return Answer(b"", 416, {"Content-Range": f"bytes */{len(CONTENT)}"})
    return Answer(
        CONTENT[start:],
        206 if start else 200,
        {"ETag": '"v1"', "Content-Range": f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"},
    )


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_transfer_takes_a_complete_part_as_it_is(service: ScriptedService, transfer: Any, tmp_path: Path, size: int | None):
    """A part that is complete gets its name; no byte is requested again, also if the store alone knows the size."""
    (tmp_path / PART).write_bytes(CONTENT)
    (tmp_path / ETAG).write_bytes(b'"v1"')
    service.put(FILE, ranged)
    assert transfer(size=size, checksum=SHA256 if size else None).run().path.read_bytes() == CONTENT
    assert names(tmp_path) == {"2024_visual.tif"}
    assert [request.headers.get("range") for request in service.requests(FILE)] == ([] if size else [f"bytes={len(CONTENT)}-"])


@pytest.mark.parametrize(
    "etag", [b"\0" * 34, b'"abc\r\nX: 1', b"\xff\xfe\x00", b'"' + b"a" * 2_000 + b'"', b'W/"v1"', b"", None], ids=repr
)
def test_transfer_throws_a_damaged_etag_away(service: ScriptedService, transfer: Any, tmp_path: Path, etag: bytes | None):
    """With an ETag that a power cut damaged, or none, the file is requested from its beginning."""
    (tmp_path / PART).write_bytes(CONTENT[:5_000])
    if etag is not None:
        (tmp_path / ETAG).write_bytes(etag)
    service.put(FILE, ranged)
    assert transfer().run().path.read_bytes() == CONTENT
    (request,) = service.requests(FILE)
    assert not {"range", "if-range"} & request.headers.keys()


def test_transfer_part_of_another_file_is_fetched_again_once(service: ScriptedService, transfer: Any, tmp_path: Path):
    """If a resumed file has the wrong checksum, its part was of another file: it is requested once from the beginning."""
    (tmp_path / PART).write_bytes(b"\0" * 5_000)
    (tmp_path / ETAG).write_bytes(b'"v1"')
    service.put(FILE, ranged)
    assert transfer().run().path.read_bytes() == CONTENT
    assert [request.headers.get("range") for request in service.requests(FILE)] == ["bytes=5000-", None]


def test_transfer_wrong_checksum_is_kept_apart_and_can_be_taken(service: ScriptedService, transfer: Any, tmp_path: Path):
    """A file whose checksum differs from the announced one is kept under another name, from which verify="size" takes it."""
    wrong = Checksum("sha256", "ab" * 32)
    for _ in range(2):
        with raises(scenecart.DownloadError, "file_corrupt") as caught:
            transfer(checksum=wrong).run()
        assert "visual.tif.unverified" in caught.value.message
        assert names(tmp_path) == {"visual.tif.unverified"}
    requested = len(service.requests(FILE))
    found = transfer("size", checksum=wrong).run()
    assert (found.verified, found.checksum, found.path.read_bytes()) == ("size", SHA256, CONTENT)
    assert len(service.requests(FILE)) == requested
    assert names(tmp_path) == {"2024_visual.tif"}
    # the next ordinary download takes what was accepted
    accepted = FileRecord(len(CONTENT), SHA256, "size")
    assert transfer(checksum=wrong, recorded=accepted).run().verified == "none"
    assert len(service.requests(FILE)) == requested


@pytest.mark.parametrize("more", [-7, 7])
def test_transfer_wrong_size_is_refused_before_it_arrives(service: ScriptedService, transfer: Any, tmp_path: Path, more: int):
    """If the store's file has another size than announced, both are said and nothing is written; verify=False takes the file."""
    with raises(scenecart.DownloadError, "file_size_differs") as caught:
        transfer(size=len(CONTENT) + more, checksum=None).run()
    assert f"{len(CONTENT):,}" in caught.value.message
    assert f"{len(CONTENT) + more:,}" in caught.value.message
    assert names(tmp_path) == set()
    found = transfer("none", size=len(CONTENT) + more).run()
    assert (found.verified, found.size) == ("none", len(CONTENT))


@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_transfer_page_in_place_of_imagery_is_never_kept(service: ScriptedService, transfer: Any, tmp_path: Path, size: int | None):
    """An HTML page is refused, whether or not a size is announced; what had arrived before stays and is resumed."""
    (tmp_path / PART).write_bytes(CONTENT[:5_000])
    (tmp_path / ETAG).write_bytes(b'"v1"')
    page = Answer(b"<!DOCTYPE html><html><title>Sign in</title></html>", 200, {"Content-Type": "text/html"})
    service.put(FILE, page)
    for verify in ("checksum", "size", "none"):
        with raises(scenecart.DownloadError, "file_is_text"):
            transfer(verify, size=size, checksum=None).run()
    assert (tmp_path / PART).read_bytes() == CONTENT[:5_000]
    service.put(FILE, ranged)
    assert transfer(size=size).run().path.read_bytes() == CONTENT
    assert service.requests(FILE)[-1].headers["range"] == "bytes=5000-"


def test_transfer_part_that_is_a_page_is_not_kept(transfer: Any, tmp_path: Path):
    """A page that an older version saved as a part is not taken for the file."""
    page = b"<html>Sign in</html>"
    (tmp_path / PART).write_bytes(page)
    with raises(scenecart.DownloadError, "file_is_text"):
        transfer(size=len(page), checksum=None).run()
    assert names(tmp_path) == set()


def test_transfer_damaged_file_is_repaired_and_kept(transfer: Any, tmp_path: Path):
    """A file of an earlier download that changed since is downloaded again; what was there is kept beside it."""
    target = tmp_path / "2024_visual.tif"
    for number, damaged in enumerate((CONTENT[:-100], b"\1" + CONTENT[1:])):
        target.write_bytes(damaged)
        repair = transfer(recorded=FileRecord(len(CONTENT), SHA256, "checksum"))
        assert repair.run().path.read_bytes() == CONTENT
        assert repair.replaced is not None
        assert repair.replaced.read_bytes() == damaged
        assert len(names(tmp_path)) == number + 2


def test_transfer_file_of_unknown_checksum_is_compared_with_the_record(service: ScriptedService, transfer: Any, tmp_path: Path):
    """Of a file that the service announces nothing of, what was recorded is compared."""
    target = tmp_path / "2024_visual.tif"
    record = FileRecord(len(CONTENT), SHA256, "none")
    target.write_bytes(CONTENT)
    assert transfer(size=None, checksum=None, recorded=record).run().checksum == SHA256
    assert service.requests(FILE) == []
    target.write_bytes(CONTENT[:-1])
    assert transfer(size=None, checksum=None, recorded=record).run().path.read_bytes() == CONTENT


def test_transfer_of_a_file_that_somebody_downloads_is_held(service: ScriptedService, transfer: Any, tmp_path: Path):
    """While one transfer writes a file, another is told so, and requests nothing; later it finds the file."""
    begun, end = threading.Event(), threading.Event()

    def slow(_: RecordedRequest) -> Answer:
        begun.set()
        end.wait(30)
        return Answer(CONTENT)

    service.put(FILE, slow)
    thread = threading.Thread(target=transfer().run)
    thread.start()
    assert begun.wait(30)
    other = transfer()
    with pytest.raises(FileInUse):
        other.run()
    end.set()
    thread.join(30)
    assert other.run().path.read_bytes() == CONTENT
    assert len(service.requests(FILE)) == 1
    assert names(tmp_path) == {"2024_visual.tif"}


def test_transfer_that_was_stopped_writes_nothing_more(service: ScriptedService, transfer: Any, tmp_path: Path):
    """A stopped transfer whose thread still waits for the store frees the file at once, and does not write what arrives later."""
    begun, end = threading.Event(), threading.Event()
    errors: list[BaseException] = []

    def slow(_: RecordedRequest) -> Answer:
        begun.set()
        end.wait(30)
        return Answer(CONTENT[::-1], headers={"ETag": '"late"'})

    def run() -> None:
        try:
            late.run()
        except BaseException as error:  # noqa: BLE001  # looked at below
            errors.append(error)

    service.put(FILE, slow, Answer(CONTENT))
    late = transfer(checksum=None)
    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(30)
    late.stop()
    assert transfer().run().path.read_bytes() == CONTENT
    end.set()
    thread.join(30)
    assert [type(error) for error in errors] == [TransferStopped]
    assert (tmp_path / "2024_visual.tif").read_bytes() == CONTENT
    assert names(tmp_path) == {"2024_visual.tif"}
