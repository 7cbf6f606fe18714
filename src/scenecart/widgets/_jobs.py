"""Work beside the kernel's own thread, so that sliders and cells answer while a search, an estimate or a download runs."""

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


# how long a page may take up its widgets, and how long after a change they are all taken up
_LOADING_SECONDS, _AGAIN_SECONDS = 60.0, 2.0


@dataclass
class Job:
    """One piece of work; ``cancelled`` is for it to look at."""

    name: str
    cancelled: threading.Event = field(default_factory=threading.Event)


class Runner:
    """Runs jobs, one at a time for each name: a newer job of a name makes the older one's result stale.

    What a job gives is handed to ``done``, what it raises to ``failed``, both in turn with everything else that changes what is
    shown, and never after ``close``. They run in the job's thread, so that they also come where no event loop turns: they write
    traits, which is safe from any thread.

    A page that is taking up its widgets, as Voila's does after the cells ran, loses what changes in that moment: ``again`` is
    called a little after jobs of the first minute, to send once more what is shown.
    """

    def __init__(self, workers: int = 4, *, again: Callable[[], object] | None = None) -> None:
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="scenecart-widget")
        self._jobs: dict[str, Job] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._closed = False
        self._again = again
        self._loaded_by = time.monotonic() + _LOADING_SECONDS

    def start(
        self, name: str, work: Callable[[Job], Any], done: Callable[[Any], object], failed: Callable[[Exception], object]
    ) -> Job:
        """Run ``work`` now, in place of what runs under this name."""
        with LOCK:
            self.cancel(name)
            job = self._jobs[name] = Job(name)
            if not self._closed:
                # an interpreter that is ending takes no more work
                with contextlib.suppress(RuntimeError):
                    self._pool.submit(self._run, job, work, done, failed)
            return job

    def later(
        self,
        name: str,
        seconds: float,
        work: Callable[[Job], Any],
        done: Callable[[Any], object],
        failed: Callable[[Exception], object],
    ) -> None:
        """Run ``work`` once nothing of this name has been asked for during some seconds."""
        with LOCK:
            self.cancel(name)
            if self._closed:
                return

            def due() -> None:
                with LOCK:
                    # one that was late for its own cancelling stands for nothing newer
                    if self._timers.get(name) is timer:
                        self.start(name, work, done, failed)

            timer = self._timers[name] = threading.Timer(seconds, due)
            timer.daemon = True
            timer.start()

    def cancel(self, name: str) -> None:
        """Let what runs under a name end without a result."""
        with LOCK:
            timer, job = self._timers.pop(name, None), self._jobs.pop(name, None)
            if timer is not None:
                timer.cancel()
            if job is not None:
                job.cancelled.set()

    def is_busy(self, name: str) -> bool:
        """Tell whether something runs, or is about to, under a name."""
        with LOCK:
            return name in self._jobs or name in self._timers

    def close(self) -> None:
        """End everything; threads end with what they are doing."""
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
        except Exception as error:  # noqa: BLE001  # whatever it is, it must be shown where the analyst looks
            self._end(job, failed, error)
            return
        try:
            self._end(job, done, result)
        except Exception as error:  # noqa: BLE001  # likewise
            with LOCK:
                failed(error)

    def _end(self, job: Job, tell: Callable[[Any], object], what: Any) -> None:
        with LOCK:
            if self._closed or self._jobs.get(job.name) is not job:
                return
            del self._jobs[job.name]
            if self._again is not None and time.monotonic() < self._loaded_by:
                self._tell_again(self._again)
            tell(what)

    def _tell_again(self, again: Callable[[], object]) -> None:
        self.cancel("")
        timer = self._timers[""] = threading.Timer(_AGAIN_SECONDS, self._again_unless_closed, (again,))
        timer.daemon = True
        timer.start()

    def _again_unless_closed(self, again: Callable[[], object]) -> None:
        # in its turn nothing is closed meanwhile
        with LOCK:
            if not self._closed:
                again()


P = ParamSpec("P")
T = TypeVar("T")

# one for all, since panels change each other: two locks would sooner or later be taken in two orders
LOCK = threading.RLock()


def synchronized(act: Callable[P, T]) -> Callable[P, T]:
    """Let a function have what it reads and changes to itself until it is over."""

    @functools.wraps(act)
    def alone(*arguments: P.args, **keywords: P.kwargs) -> T:
        with LOCK:
            return act(*arguments, **keywords)

    return alone
