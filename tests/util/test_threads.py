"""Calls in worker threads: results in order, the first error, and an end within a second of an interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings

import pytest

from _expect import raises, warns
from scenecart._util.threads import map_in_threads, thread_pool
from scenecart.exceptions import ScenecartError, ScenecartWarning, warn


def test_map_in_threads_returns_results_in_the_order_of_the_items():
    """Results come in the order of the items, whichever call ends first."""
    first_may_end = threading.Event()

    def call(number: int) -> int:
        if number == 0:
            first_may_end.wait(30)
        else:
            first_may_end.set()
        return number * 10

    assert map_in_threads(call, range(5), 2, cancel=lambda: None) == [0, 10, 20, 30, 40]


def test_map_in_threads_without_items_returns_nothing():
    """No items give no results."""
    assert map_in_threads(str, [], 4, cancel=lambda: None) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_map_in_threads_first_error_cancels_the_others(workers: int):
    """The first error is raised; no further call begins, and running calls are cancelled once."""
    cancelled = threading.Event()
    cancellations: list[int] = []
    begun: list[int] = []

    def call(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise LookupError("no such thing")
        cancelled.wait(30)

    def cancel() -> None:
        cancellations.append(1)
        cancelled.set()

    with pytest.raises(LookupError, match="no such thing"):
        map_in_threads(call, range(20), workers, cancel=cancel)
    assert cancellations == [1]
    assert len(begun) <= workers + 1


def test_map_in_threads_interrupt_ends_the_wait():
    """An interrupt ends the wait, although a call never ends by itself."""
    never, cancelled = threading.Event(), threading.Event()

    def call(_: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        never.wait(60)

    with pytest.raises(KeyboardInterrupt):
        map_in_threads(call, [1], 1, cancel=cancelled.set)
    assert cancelled.is_set()
    assert not never.is_set()
    never.set()


def test_map_in_threads_interrupted_program_ends_with_threads_left_behind():
    """A program ends after an interrupt, although a thread of it is still blocked."""
    code = (
        "import os, signal, time\n"
        "from scenecart._util.threads import map_in_threads\n"
        "def call(_):\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    time.sleep(600)\n"
        "try:\n"
        "    map_in_threads(call, [1], 1, cancel=lambda: None)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "interrupted"), done.stderr


def interleave_filters(number: int, steps: threading.Barrier) -> int:
    """Change the warning filters for a moment, as pandas and shapely do: the thread that begins first is the first to end."""
    if number:
        steps.wait(30)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not number:
            steps.wait(30)
        steps.wait(30)
        if number:
            steps.wait(30)
    if not number:
        steps.wait(30)
    return number


def test_map_in_threads_whose_calls_change_filters_loses_no_later_warning():
    """Calls that change the warning filters at once leave them as they were, so that later warnings are shown."""
    steps, before = threading.Barrier(2, timeout=30), warnings.filters[:]
    assert map_in_threads(lambda number: interleave_filters(number, steps), range(2), 2, cancel=lambda: None) == [0, 1]
    assert warnings.filters == before
    with warns("later"):
        warn("Later.", code="later")


def test_map_in_threads_issues_warnings_of_its_calls():
    """Warnings of calls are issued by the thread that waits for them, at the line of the caller."""
    with warns("one", "one") as caught:
        map_in_threads(lambda _: warn("One.", code="one"), range(2), 2, cancel=lambda: None)
    assert {one.filename for one in caught} == {__file__}


def test_thread_pool_whose_warnings_are_errors_hides_no_error():
    """If warnings are errors, the warning of a thread is raised after the work, and not in place of another error."""

    def work(*, fails: bool) -> None:
        with thread_pool(1, "test") as threads:
            threads.submit(warn, "One.", code="one").result()
            if fails:
                raise ScenecartError("Stopped.", code="stopped")

    with raises(ScenecartError, "stopped"):
        work(fails=True)
    with pytest.raises(ScenecartWarning):
        work(fails=False)
