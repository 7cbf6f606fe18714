"""Background jobs of widgets, and the lock under which widgets change."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

# one lock for all panels, since panels change each other: two locks would sooner or later be acquired in two orders
LOCK = threading.RLock()

# how long a page may take to load its widgets, and how long after a job the state is sent again
_LOADING_SECONDS, _RESEND_SECONDS = 60.0, 2.0
_RESEND = ""


def synchronized(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function while holding the lock of all widgets."""

    @functools.wraps(function)
    def locked(*arguments: P.args, **keywords: P.kwargs) -> T:
        with LOCK:
            return function(*arguments, **keywords)

    return locked


@dataclass
class Job:
    """A running job; its work may check ``cancelled``."""

    name: str
    cancelled: threading.Event = field(default_factory=threading.Event)


class Runner:
    """Runs jobs in threads, one at a time for each name: a newer job of a name discards the older one's result.

    A job's result is passed to ``done`` and its error to ``failed``, under the lock of all widgets and never after ``close``. Both
    run in the job's thread, so that they also run without an event loop: they set traits, which is safe from any thread.

    A page that is still loading its widgets, as Voila's does after the cells ran, loses changes: ``resend`` is called shortly
    after each job of the first minute, to send the displayed state again.
    """

    def __init__(self, workers: int = 4, *, resend: Callable[[], object] | None = None) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="scenecart-widget")
        self._jobs: dict[str, Job] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._closed = False
        self._resend = resend
        self._loaded_by = time.monotonic() + _LOADING_SECONDS

    def start(
        self, name: str, work: Callable[[Job], Any], done: Callable[[Any], object], failed: Callable[[Exception], object]
    ) -> Job:
        """Run ``work`` now, in place of what runs under this name."""
        with LOCK:
            self.cancel(name)
            job = self._jobs[name] = Job(name)
            if not self._closed:
                # an interpreter that is shutting down accepts no more work
                with contextlib.suppress(RuntimeError):
                    self._pool.submit(self._run, job, work, done, failed)
            return job

    def debounce(
        self,
        name: str,
        seconds: float,
        work: Callable[[Job], Any],
        done: Callable[[Any], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Run ``work`` once nothing was requested under this name for some seconds."""
        with LOCK:
            self.cancel(name)
            if self._closed:
                return

            def due() -> None:
                with LOCK:
                    # a timer that fired just before it was cancelled must not start the newer job early
                    if self._timers.get(name) is timer:
                        self.start(name, work, done, failed)

            timer = self._timers[name] = _daemon_timer(seconds, due)

    def cancel(self, name: str) -> None:
        """Cancel what runs or is due under a name; its result is discarded."""
        with LOCK:
            timer, job = self._timers.pop(name, None), self._jobs.pop(name, None)
            if timer is not None:
                timer.cancel()
            if job is not None:
                job.cancelled.set()

    def is_busy(self, name: str) -> bool:
        """Return whether something runs or is due under a name."""
        with LOCK:
            return name in self._jobs or name in self._timers

    def is_any_busy(self) -> bool:
        """Return whether anything runs or is due, other than sending the state again."""
        with LOCK:
            return bool(self._jobs) or any(name != _RESEND for name in self._timers)

    def close(self) -> None:
        """Cancel everything; threads finish what they are doing."""
        with LOCK:
            self._closed = True
            for name in [*self._jobs, *self._timers]:
                self.cancel(name)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(
        self, job: Job, work: Callable[[Job], Any], done: Callable[[Any], object], failed: Callable[[Exception], object]
    ) -> None:
        try:
            result = work(job)
        except Exception as error:  # noqa: BLE001  # any error must be displayed in the panel
            self._finish(job, failed, error)
            return
        try:
            self._finish(job, done, result)
        except Exception as error:  # noqa: BLE001  # likewise
            with LOCK:
                failed(error)

    def _finish(self, job: Job, callback: Callable[[Any], object], outcome: Any) -> None:
        with LOCK:
            if self._closed or self._jobs.get(job.name) is not job:
                return
            del self._jobs[job.name]
            if self._resend is not None and time.monotonic() < self._loaded_by:
                self._schedule_resend(self._resend)
            callback(outcome)

    def _schedule_resend(self, resend: Callable[[], object]) -> None:
        self.cancel(_RESEND)
        self._timers[_RESEND] = _daemon_timer(_RESEND_SECONDS, functools.partial(self._resend_unless_closed, resend))

    def _resend_unless_closed(self, resend: Callable[[], object]) -> None:
        with LOCK:
            if not self._closed:
                resend()


def _daemon_timer(seconds: float, function: Callable[[], object]) -> threading.Timer:
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer
