"""Quicklooks from the service and from disk."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, RecordedRequest
from scenecart._api.http import Session
from scenecart._api.sign_in import resolve
from scenecart._imagery.quicklook import QuicklookStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from _scripted_service import ScriptedService

LARGE, SMALL = "catalog.image.quicklook", "catalog.image.thumbnail"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(1_000)


@pytest.fixture
def session(service: ScriptedService) -> Iterator[Session]:
    running = Session(resolve(base_url=service.url, token="t"), sleep=lambda _: None)
    for operation, name in ((LARGE, "large"), (SMALL, "small")):
        service.put(operation, Answer(b"", 307, {"Location": f"/{name}"}))
        service.put(f"/{name}", Answer(PNG + name.encode()))
    yield running
    running.close()


@pytest.fixture
def store(session: Session, tmp_path: Path) -> QuicklookStore:
    return QuicklookStore(session, tmp_path)


def test_fetch_again_comes_from_disk(service: ScriptedService, session: Session, store: QuicklookStore, tmp_path: Path):
    """Each size of each capture is requested once, also by the next client; other captures and collections are others."""
    for client in (store, QuicklookStore(session, tmp_path)):
        assert client.fetch("h", "c", "a", "large") == PNG + b"large"
        assert client.fetch("h", "c", "a", "thumbnail") == PNG + b"small"
    assert len(service.requests(LARGE)) == len(service.requests(SMALL)) == 1
    for host, collection, name in (("h2", "c", "a"), ("h", "c2", "a"), ("h", "c", "../a\0\ud800")):
        store.fetch(host, collection, name, "large")
    assert len(service.requests(LARGE)) == 4
    assert all(len(path.name) == 30 for path in tmp_path.rglob("*") if path.is_file())


def test_fetch_large_missing_falls_back_to_the_thumbnail(service: ScriptedService, store: QuicklookStore):
    """Where a catalog has no large quicklook, the thumbnail stands in; with neither there is none."""
    service.put(LARGE, Answer(b"{}", 404))
    assert store.fetch("h", "c", "a", "large") == PNG + b"small"
    service.put(SMALL, Answer(b"{}", 404))
    assert store.fetch("h", "c", "b", "large") is None


def test_fetch_too_large_is_none(service: ScriptedService, store: QuicklookStore):
    """A picture beyond the limit is not read to its end and not kept."""
    service.put("/small", Answer(PNG + bytes(5 * 2**20)))
    assert store.fetch("h", "c", "a", "thumbnail") is None


def test_fetch_from_many_threads_is_bounded(service: ScriptedService, store: QuicklookStore):
    """At most six requests run at once, and one for the same picture."""
    running, most, lock = [0], [0], threading.Lock()

    def slow(_: RecordedRequest) -> Answer:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1
        return Answer(PNG)

    service.put("/large", slow)
    threads = [threading.Thread(target=store.fetch, args=("h", "c", str(number % 12), "large")) for number in range(36)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service.requests(LARGE)) == 12
    assert 2 <= most[0] <= 6


def test_fetch_written_while_it_waits_is_not_requested(
    service: ScriptedService, session: Session, store: QuicklookStore, tmp_path: Path
):
    """A picture that another process wrote between the look at the folder and the request is read, not requested again."""
    results: list[bytes | None] = []
    thread = threading.Thread(target=lambda: results.append(store.fetch("h", "c", "a", "large")))
    with store._lock:
        thread.start()
        # it has looked at the empty folder by then, or it has not: it must not request the picture in either case
        thread.join(0.2)
        QuicklookStore(session, tmp_path).fetch("h", "c", "a", "large")
    thread.join()
    assert results == [PNG + b"large"]
    assert len(service.requests(LARGE)) == 1


def test_fetch_failure_is_raised_and_not_kept(service: ScriptedService, store: QuicklookStore):
    """A failure of the service is an error, and the next call asks again."""
    service.put(LARGE, Answer(b"{}", 403), Answer(b"", 307, {"Location": "/large"}))
    with raises(scenecart.PermissionDenied, "permission_denied"):
        store.fetch("h", "c", "a", "large")
    assert store.fetch("h", "c", "a", "large") == PNG + b"large"


def test_fetch_folder_full_deletes_what_was_not_used(service: ScriptedService, session: Session, tmp_path: Path):
    """The folder stays below its limit; what was used last is kept."""
    store = QuicklookStore(session, tmp_path, max_bytes=5_500)
    for number in range(12):
        store.fetch("h", "c", "often", "large")
        store.fetch("h", "c", str(number), "large")
        time.sleep(0.01)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 5_500
    before = len(service.requests(LARGE))
    store.fetch("h", "c", "often", "large")
    assert len(service.requests(LARGE)) == before


@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_fetch_kept_file_damaged_is_requested_again(
    service: ScriptedService, store: QuicklookStore, tmp_path: Path, content: bytes
):
    """A file on disk that is no picture is fetched anew."""
    store.fetch("h", "c", "a", "large")
    (path,) = (path for path in tmp_path.rglob("*") if path.is_file())
    path.write_bytes(content)
    assert store.fetch("h", "c", "a", "large") == PNG + b"large"
    assert len(service.requests(LARGE)) == 2


def test_fetch_folder_not_writable_still_returns(session: Session, tmp_path: Path):
    """If the disk cannot be written, the picture is returned nevertheless."""
    (tmp_path / "file").write_bytes(b"")
    assert QuicklookStore(session, tmp_path / "file").fetch("h", "c", "a", "large") == PNG + b"large"


def test_client_quicklook_sizes(box: Any, tmp_path: Path):
    """A client returns the thumbnail or the large quicklook, and refuses other sizes."""
    with box.client(home=tmp_path) as client:
        capture = client.search("aurora", collections="aurora-50cm", limit=1).iloc[0]
        small, large = client.quicklook(capture), client.quicklook(capture, size="large")
        assert small is not None
        assert large is not None
        assert small != large
        with raises(scenecart.InvalidRequest, "not_a_choice"):
            client.quicklook(capture, size="huge")
