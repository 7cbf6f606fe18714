"""Many transfers at once: failures are collected, and a store with few connections is served with few."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from _sessions import Clock, make_session
from scenecart._delivery.downloads import Downloads, Job
from scenecart._delivery.paths import PlannedFile

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * 40


def run(service: ScriptedService, folder: Path, count: int, clock: Clock | None = None, **options: Any) -> list[Job]:
    """Download so many files, and return their jobs."""
    names = [f"file-{number}" for number in range(count)]
    files = [PlannedFile("item", name, folder / f"{name}.tif", folder / f"{name}.part", len(CONTENT), None) for name in names]
    service.put(
        "items.asset.download", lambda request: answer({"url": f"{service.url}/files/{request.json['asset_id']}?signature=s"})
    )
    downloads = Downloads(make_session(service, clock), files, verify="checksum", workers=options.get("workers", 4))
    finished = [job for jobs in downloads.run() for job in jobs]
    assert sorted(job.file.asset_id for job in finished) == sorted(names)
    return downloads.jobs


class Store:
    """A store that serves a few connections at once, and refuses more with a status."""

    def __init__(self, connections: int, refusal: Answer) -> None:
        self.refusals = 0
        self._refusal = refusal
        self._free = threading.Semaphore(connections)
        self._pause = threading.Event()

    def __call__(self, _: RecordedRequest) -> Answer:
        if not self._free.acquire(blocking=False):
            self.refusals += 1
            return self._refusal
        try:
            self._pause.wait(0.2)
            return Answer(CONTENT)
        finally:
            self._free.release()


@pytest.mark.parametrize(
    "refusal",
    [Answer(b"slow down", 429, {"Retry-After": "1"}), Answer(b"slow down", 429), Answer(b"", 503), Answer(b"too many flows", 403)],
    ids=lambda refusal: f"{refusal.status} {refusal.headers}",
)
def test_downloads_use_few_connections_of_a_store_that_has_few(service: ScriptedService, tmp_path: Path, refusal: Answer):
    """A store that refuses a third connection delivers every file, only slower, however it says that it is busy."""
    store = Store(2, refusal)
    for number in range(8):
        service.put(f"/files/file-{number}", store)
    jobs = run(service, tmp_path, 8)
    assert all(job.received is not None for job in jobs), [job.error for job in jobs]
    assert store.refusals


def test_downloads_go_on_after_failures(service: ScriptedService, tmp_path: Path):
    """Each file that fails has its own error with item, asset and the store's words; the others are complete."""
    bad = {1: 404, 2: 403, 3: 410, 4: 500}
    for number in range(6):
        answers = Answer(b"no such object", bad[number]) if number in bad else Answer(CONTENT)
        service.put(f"/files/file-{number}", answers)
    jobs = run(service, tmp_path, 6)
    assert [job.file.asset_id for job in jobs if job.received] == ["file-0", "file-5"]
    for number, status in bad.items():
        error = jobs[number].error
        assert error is not None
        for part in (f"file-{number} of item", str(status), "no such object"):
            assert part in error.message


@pytest.mark.parametrize("asked", ["30", "Thu, 01 Jan 2099 00:00:00 GMT"])
def test_downloads_wait_as_long_as_a_store_asks_within_reason(service: ScriptedService, tmp_path: Path, asked: str):
    """Retry-After is kept to; a store that asks to wait for years has failed."""
    clock = Clock()
    service.put("/files/file-0", Answer(b"later", 429, {"Retry-After": asked}), Answer(CONTENT))
    (job,) = run(service, tmp_path, 1, clock)
    if asked == "30":
        assert job.received is not None
        assert clock.sleeps == [30.0]
    else:
        assert job.error is not None
        assert "later" in job.error.message
        assert clock.sleeps == []


def test_downloads_busy_store_fails_in_the_end(service: ScriptedService, tmp_path: Path):
    """A store that is always busy is an error after a bounded number of requests and seconds."""
    clock = Clock()
    service.put("/files/file-0", Answer(b"busy", 503))
    (job,) = run(service, tmp_path, 1, clock)
    assert isinstance(job.error, scenecart.DownloadError)
    assert len(service.requests("/files/file-0")) <= 12
    assert sum(clock.sleeps) <= 300


def test_downloads_of_an_unreachable_service_end_together(service: ScriptedService, tmp_path: Path):
    """If the service gives no URLs any more, no file is tried after the first that gave up."""
    service.put("/files/file-0", Answer(CONTENT))
    files = [PlannedFile("item", f"file-{n}", tmp_path / f"{n}.tif", tmp_path / f"{n}.part", None, None) for n in range(40)]
    service.put("items.asset.download", Answer(None))
    downloads = Downloads(make_session(service), files, verify="checksum", workers=2)
    for _ in downloads.run():
        pass
    assert {type(job.error) for job in downloads.jobs} == {scenecart.DownloadError}
    assert len(service.requests("items.asset.download")) <= 20


def test_downloads_after_a_lost_sign_in_stop(service: ScriptedService, tmp_path: Path):
    """If the sign-in is refused, the download ends with that error instead of one for each file."""
    files = [PlannedFile("item", f"file-{n}", tmp_path / f"{n}.tif", tmp_path / f"{n}.part", None, None) for n in range(40)]
    service.put("items.asset.download", answer({"detail": "token expired"}, 401))
    with pytest.raises(scenecart.AuthenticationError):
        list(Downloads(make_session(service), files, verify="checksum", workers=2).run())
    assert len(service.requests("items.asset.download")) <= 4


def test_downloads_progress_is_what_is_there(service: ScriptedService, tmp_path: Path):
    """The bytes that are there are counted once, also after an interruption, and reach the total at the end only."""
    service.put("/files/file-0", Answer(CONTENT[:4_000], promised=len(CONTENT)), Answer(CONTENT))
    service.put("/files/file-1", Answer(CONTENT))
    jobs = run(service, tmp_path, 2)
    assert [job.transfer.arrived for job in jobs] == [len(CONTENT)] * 2
