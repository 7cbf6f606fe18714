"""Parallel downloads: the number of connections follows the store's limit, failures are collected, interrupts stop all."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._delivery.store import StoreBusy
from scenecart._delivery.transfer import FileInUse, Transfer, TransferStopped
from scenecart._util.text import clean_text
from scenecart.exceptions import AuthenticationError, ConnectionFailed, DownloadError, InvalidRequest, ScenecartError

if TYPE_CHECKING:
    from collections.abc import Generator

    from scenecart._api.http import Session
    from scenecart._delivery.contents import Verify
    from scenecart._delivery.paths import PlannedFile
    from scenecart._delivery.stac_item import ReceivedFile

_MOST_FAILURES = 4
_MOST_REFUSALS = 12
_MAX_RETRIED = 2
_MAY_BE_TEMPORARY = frozenset({"file_is_text", "file_size_differs"})
# an interrupted connection that transferred at least this many bytes is not counted as a failure
_PROGRESS_BYTES = 2**20
_MOST_WAIT_SECONDS = 300.0
_HELD_SECONDS = 0.1
_TICK_SECONDS = 0.1
# how long an interrupted download waits for its threads
_GRACE_SECONDS = 0.5
# after this many files without a refusal, one more connection is tried
_FILES_PER_CONNECTION = 4


@dataclass(eq=False)
class Job:
    """The download of one file, and its state.

    Attributes
    ----------
    file : PlannedFile
        The file.
    transfer : Transfer
        Its transfer.
    received : ReceivedFile or None
        The file on disk once it is complete.
    error : ScenecartError or None
        Why the download failed.
    """

    file: PlannedFile
    transfer: Transfer
    received: ReceivedFile | None = None
    error: ScenecartError | None = None
    failures: int = 0
    refusals: int = 0
    retried: int = 0
    reached: int = 0
    waited: float = 0.0
    not_before: float = 0.0

    @property
    def is_finished(self) -> bool:
        """Whether it is complete or has failed."""
        return self.received is not None or self.error is not None


class Downloads:
    """Downloads of many files.

    Parameters
    ----------
    session
        A separate session with the service, whose connections are closed if the download is stopped.
    files
        The files.
    verify
        How the files are verified.
    workers
        How many files are transferred at once; fewer if the store allows fewer connections.

    Attributes
    ----------
    jobs : list of Job
        The files, in the given order.
    yielded : set of Job
        The jobs that :meth:`run` has yielded.
    """

    def __init__(self, session: Session, files: list[PlannedFile], *, verify: Verify, workers: int) -> None:
        self.jobs = [Job(file, Transfer(session, file, verify)) for file in files]
        self.yielded: set[Job] = set()
        self._session = session
        self._workers = max(1, min(workers, len(files)))
        self._limit = self._workers
        self._running = 0
        self._done_since_refusal = 0
        self._queue = deque(self.jobs)
        self._changed = threading.Condition()
        self._fatal: BaseException | None = None
        self._outage: ConnectionFailed | None = None
        self._is_stopped = False
        # daemon threads: one that waits for an unresponsive store must not keep the program from exiting
        self._threads = [
            threading.Thread(target=self._work, name=f"scenecart-download_{number}", daemon=True) for number in range(self._workers)
        ]

    def run(self) -> Generator[list[Job]]:
        """Yield the jobs that finished since the last yield, ten times a second, until all are finished; failed jobs have an error.

        Closing the iterator, or an interrupt, stops all transfers at once.

        Raises
        ------
        AuthenticationError, InvalidRequest
            If no file can be downloaded, such as after a sign-out or on a closed client.
        """
        try:
            for thread in self._threads:
                thread.start()
            while len(self.yielded) < len(self.jobs):
                with self._changed:
                    self._changed.wait(_TICK_SECONDS)
                    if self._fatal is not None:
                        raise self._fatal
                finished = [job for job in self.jobs if job.is_finished and job not in self.yielded]
                self.yielded.update(finished)
                yield finished
        finally:
            self._stop()

    def progress(self) -> tuple[int, int | None]:
        """Return how many bytes are downloaded, and how many there are in total; None for the total if it is unknown."""
        totals = [job.transfer.total for job in self.jobs]
        known = [total for total in totals if total is not None]
        return sum(job.transfer.arrived for job in self.jobs), sum(known) if len(known) == len(totals) else None

    def _stop(self) -> None:
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        for job in self.jobs:
            job.transfer.stop()
        if not all(job.is_finished for job in self.jobs):
            self._session.abort()
        until = time.monotonic() + _GRACE_SECONDS
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (job := self._next()) is not None:
            wait = self._attempt(job)
            with self._changed:
                self._running -= 1
                self._changed.notify_all()
            if wait is None:
                continue
            if wait:
                self._session.sleep(wait)
            with self._changed:
                self._queue.append(job)
                self._changed.notify_all()

    def _next(self) -> Job | None:
        """Wait for a file that can be requested, and return it; None if no file is left."""
        with self._changed:
            while not self._is_stopped and self._fatal is None and not all(job.is_finished for job in self.jobs):
                if self._outage is not None:
                    while self._queue:
                        job = self._queue.popleft()
                        job.error = _interrupted(job, self._outage)
                now = time.monotonic()
                for _ in range(len(self._queue) if self._running < self._limit else 0):
                    job = self._queue.popleft()
                    if job.not_before <= now:
                        self._running += 1
                        return job
                    self._queue.append(job)
                self._changed.wait(_TICK_SECONDS)
        return None

    def _attempt(self, job: Job) -> float | None:
        """Transfer a file once; return the seconds to wait before the next attempt, None if the file is finished."""
        try:
            job.received = job.transfer.run()
            self._raise_limit()
        except FileInUse:
            job.not_before = time.monotonic() + _HELD_SECONDS
            return 0.0
        except StoreBusy as busy:
            return self._after_refusal(job, busy)
        except ConnectionFailed as error:
            return self._after_interruption(job, error)
        except (AuthenticationError, InvalidRequest) as error:
            self._fatal = error
        except ScenecartError as error:
            return self._after_error(job, error)
        except TransferStopped:
            pass
        except OSError as error:
            job.error = _not_written(job, error)
        except BaseException as error:  # noqa: BLE001  # raised where the download was called
            self._fatal = error
        return None

    def _after_error(self, job: Job, error: ScenecartError) -> float | None:
        """Record an error. A web page or a wrong length may come from a gateway, so the file fails only if that is repeated."""
        job.retried += 1
        if error.code in _MAY_BE_TEMPORARY and job.retried <= _MAX_RETRIED:
            return self._backoff(job.retried)
        job.error = _about(job, error)
        return None

    def _raise_limit(self) -> None:
        with self._changed:
            self._done_since_refusal += 1
            if self._limit < self._workers and self._done_since_refusal >= _FILES_PER_CONNECTION:
                self._limit, self._done_since_refusal = self._limit + 1, 0

    def _after_refusal(self, job: Job, busy: StoreBusy) -> float | None:
        """Use fewer connections, and return how long to wait; a file that is refused repeatedly as the only one fails."""
        with self._changed:
            others = self._running - 1
            if others:
                self._limit, self._done_since_refusal = max(1, min(self._limit, others)), 0
        retry_after = busy.retry_after or 0.0
        if not others:
            job.refusals += 1
            most = _MOST_REFUSALS if busy.is_certain else _MAX_RETRIED + 1
            if job.refusals >= most or job.waited + retry_after > _MOST_WAIT_SECONDS:
                job.error = busy.error
                return None
        wait = min(retry_after, _MOST_WAIT_SECONDS) if busy.retry_after is not None else self._backoff(job.refusals + 1)
        job.waited += 0.0 if others else wait
        return wait

    def _after_interruption(self, job: Job, error: ConnectionFailed) -> float | None:
        """Return how long to wait after a lost connection; None if there were too many in a row."""
        if error.given_up:
            # the service itself cannot be reached, so no other file can get its URL
            self._outage = error
        if job.transfer.arrived - job.reached >= _PROGRESS_BYTES:
            job.failures, job.reached = 0, job.transfer.arrived
        job.failures += 1
        if error.given_up or job.failures >= _MOST_FAILURES:
            job.error = _interrupted(job, error)
            return None
        return self._backoff(job.failures)

    def _backoff(self, failures: int) -> float:
        retry = self._session.retry
        return self._session.uniform(0.0, min(retry.cap, retry.base * 2**failures))


def _interrupted(job: Job, error: ConnectionFailed) -> DownloadError:
    failed = DownloadError(
        f"{job.file.name} was not downloaded completely: {error.message}",
        code="download_interrupted",
        hint="Download again. It resumes where it stopped.",
    )
    failed.__cause__ = error
    return failed


def _not_written(job: Job, error: OSError) -> DownloadError:
    failed = DownloadError(
        f"{job.file.name} cannot be written to {clean_text(job.file.target, 200)}: {error.strerror or error}.",
        code="file_not_written",
        hint="Free disk space or fix the folder's permissions, then download again.",
    )
    failed.__cause__ = error
    return failed


def _about(job: Job, error: ScenecartError) -> DownloadError:
    """Return an error that names the file it is about."""
    if isinstance(error, DownloadError):
        return error
    failed = DownloadError(
        f"{job.file.name} was not downloaded: {error.message}",
        code=error.code,
        hint=error.hint,
        operation=error.operation,
        status=error.status,
        problem=error.problem,
    )
    failed.__cause__ = error
    return failed
