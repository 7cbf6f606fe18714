"""Background jobs, and the lock that all widgets share."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from _widgets import wait_for
from scenecart.widgets._jobs import LOCK, Job, Runner

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def runner() -> Iterator[Runner]:
    """Return a runner, closed afterwards."""
    running = Runner()
    yield running
    running.close()


def test_runner_debounce_runs_only_the_newest_request(runner: Runner):
    """The newest request runs, even if the timer of an older one fires while the newer one is made."""
    results: list[Any] = []
    with LOCK:
        runner.debounce("price", 0.01, lambda _: "old", results.append, results.append)
        time.sleep(0.2)
        runner.debounce("price", 0.05, lambda _: "new", results.append, results.append)
    wait_for(lambda: results)
    assert results == ["new"]
    assert not runner.is_busy("price")


def test_runner_newer_job_discards_the_older_result(runner: Runner):
    """A newer job of a name cancels the older one, whose result is discarded."""
    results: list[Any] = []
    release = threading.Event()
    old = runner.start("search", lambda _: release.wait(10) and "old", results.append, results.append)
    runner.start("search", lambda _: "new", results.append, results.append)
    wait_for(lambda: results)
    release.set()
    assert old.cancelled.is_set()
    runner.start("last", lambda _: "last", results.append, results.append)
    wait_for(lambda: len(results) == 2)
    assert results == ["new", "last"]


def test_runner_error_of_job_or_callback_reaches_failed(runner: Runner):
    """What a job raises, and what its callback raises, reaches ``failed``."""
    errors: list[Exception] = []

    def fail(_: Any) -> Any:
        raise ValueError("broken")

    runner.start("work", fail, lambda _: None, errors.append)
    runner.start("callback", lambda _: None, fail, errors.append)
    wait_for(lambda: len(errors) == 2)
    assert [str(error) for error in errors] == ["broken", "broken"]


def test_runner_closed_calls_nothing():
    """After closing, no job starts, and the result of a running one is discarded."""
    runner, results = Runner(), []
    release = threading.Event()

    def work(job: Job) -> bool:
        release.wait(10)
        return job.cancelled.is_set()

    job = runner.start("work", work, results.append, results.append)
    runner.close()
    release.set()
    assert job.cancelled.is_set()
    runner.start("late", lambda _: "late", results.append, results.append)
    runner.debounce("late", 0, lambda _: "late", results.append, results.append)
    time.sleep(0.1)
    assert results == []
