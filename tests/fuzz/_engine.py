"""Runs of fuzzing targets in worker processes, which are watched for crashes, hangs and memory growth."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import re
import statistics
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import dataclass, field
from mmap import mmap
from multiprocessing.connection import wait
from pathlib import Path
from random import Random
from struct import Struct
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

import scenecart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

MAX_SECONDS = 60.0
MAX_GROWTH = 16 * 2**20
_POLL_SECONDS = 0.25
_MAX_TEXTS = 3
_MAX_RESTARTS = 50
_ANONYMOUS_MEMORY = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)
_REPORT_SECONDS = 60.0
# the current input, how many are done, the seconds and number of the slowest; after it a byte that requests to stop
_STATE = Struct("qqdq")
_STOP = _STATE.size
# the number while a process starts, and at its end
_NO_INPUT = -1
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Place:
    """Shared setup of a run: a value for every process, further processes whose memory counts, and a folder whose size counts."""

    given: Any = None
    pids: tuple[int, ...] = ()
    folder: Path | None = None


class Target(Protocol):
    """Something that takes any bytes, and must respond in a documented way."""

    def around(self) -> AbstractContextManager[Place]:
        """Set up what all processes share, for the run."""
        ...

    def open(self, place: Place) -> None:
        """Set up one process."""
        ...

    def close(self) -> None:
        """Clean up one process."""
        ...

    def make(self, pick: Random) -> bytes:
        """Generate one input."""
        ...

    def check(self, data: bytes) -> str:
        """Check one input, and return the outcome in one word; any exception is a failure."""
        ...


class Bare:
    """A target without setup."""

    @contextlib.contextmanager
    def around(self) -> Iterator[Place]:
        """Share nothing."""
        yield Place()

    def open(self, place: Place) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class WithFolder(Bare):
    """A target of files, in a temporary folder; in memory where possible."""

    @contextlib.contextmanager
    def around(self) -> Iterator[Place]:
        """Create the folder."""
        in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a new folder is created in it
        with tempfile.TemporaryDirectory(prefix="scenecart-fuzz-", dir=in_memory) as folder:
            yield Place(folder)


@dataclass(frozen=True)
class Failure:
    """An input that failed, and how."""

    number: int
    kind: str
    text: str


@dataclass
class Figures:
    """Results of a run."""

    target: str
    seed: int
    done: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    slowest: tuple[float, int] = (0.0, -1)
    memory: list[tuple[int, int]] = field(default_factory=list)
    disk: int | None = None

    def failed(self, kind: str) -> int:
        """Count the failures of a kind."""
        return sum(failure.kind == kind for failure in self.failures)

    @property
    def first_and_last(self) -> tuple[float, float]:
        """Memory in bytes: the median while the third tenth of the inputs ran, and while the last one did."""
        early = [size for done, size in self.memory if 0.2 * self.done <= done < 0.3 * self.done]
        late = [size for done, size in self.memory if 0.9 * self.done <= done]
        return (statistics.median(early), statistics.median(late)) if early and late else (0.0, 0.0)

    @property
    def grew(self) -> bool:
        """Whether memory kept growing after the first fifth."""
        first, last = self.first_and_last
        return last - first > MAX_GROWTH


def input_of(target: Target, name: str, seed: int, number: int) -> bytes:
    """Return the input of a number."""
    return target.make(Random(f"{name}/{seed}/{number}"))  # noqa: S311  # inputs, not secrets


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Turn every warning into an error, except those of scenecart itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", scenecart.ScenecartWarning)
        # rasterio multiplies transforms as affine before 3.1 wanted it
        warnings.filterwarnings("ignore", "Use `@` matmul", PendingDeprecationWarning)
        # GDAL's warnings about damaged files
        warnings.filterwarnings("ignore", category=RuntimeWarning, module="pyogrio")
        yield


def drive(
    target: Target,
    name: str,
    seed: int,
    numbers: Iterable[int],
    *,
    note: Callable[[Failure], object],
    slot: memoryview | None = None,
) -> Counter[str]:
    """Check the inputs of some numbers in turn; pass failures to ``note``, and continue."""
    outcomes: Counter[str] = Counter()
    state = memoryview(bytearray(_STOP + 1)) if slot is None else slot
    _, done, slowest, at = _STATE.unpack_from(state)
    with strict():
        for number in numbers:
            if state[_STOP]:
                break
            _STATE.pack_into(state, 0, number, done, slowest, at)
            data = input_of(target, name, seed, number)
            began = time.perf_counter()
            try:
                outcomes[target.check(data)] += 1
            except Exception as error:  # noqa: BLE001  # any exception is a failure
                outcomes["failed"] += 1
                note(Failure(number, "crash", "".join(traceback.format_exception(error)[-12:])))
            took = time.perf_counter() - began
            if took > slowest:
                slowest, at = took, number
            done += 1
    _STATE.pack_into(state, 0, _NO_INPUT, done, slowest, at)
    return outcomes


class _Worker:
    """A process with its share of the numbers; restarted after an input that ended it."""

    def __init__(self, job: tuple[Target, str, int, Place, str], numbers: range) -> None:
        self._job = job
        self._memory = mmap(-1, _STOP + 1)
        _STATE.pack_into(self._memory, 0, _NO_INPUT, 0, 0.0, 0)
        self._numbers = numbers
        self._since = (_NO_INPUT, time.monotonic())
        self.counts: Counter[str] | None = None
        self.restarts = 0
        self.start()

    def start(self) -> None:
        """Start on the remaining numbers."""
        fork = multiprocessing.get_context("fork")
        self.line, theirs = fork.Pipe(duplex=False)
        self.process: BaseProcess = fork.Process(target=_work, args=(*self._job, self._numbers, theirs, self._memory), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def state(self) -> tuple[int, int, float, int]:
        """The current input, how many are done, and the seconds and number of the slowest."""
        number, done, slowest, at = _STATE.unpack_from(self._memory)
        return number, done, slowest, at

    def stuck(self, longest: float) -> bool:
        """Return whether the current input has taken too long."""
        number = self.state[0]
        if number != self._since[0]:
            self._since = (number, time.monotonic())
        return time.monotonic() - self._since[1] > (_START_SECONDS if number == _NO_INPUT else longest)

    def stop(self) -> None:
        """Stop after the current input."""
        self._memory[_STOP] = 1

    def skip(self) -> None:
        """Continue after the input that ended the process."""
        number, done, slowest, at = self.state
        if number == _NO_INPUT:
            raise RuntimeError(f"a process ended outside of its inputs, with {self.process.exitcode}")
        _STATE.pack_into(self._memory, 0, _NO_INPUT, done + 1, slowest, at)
        self._numbers = self._numbers[self._numbers.index(number) + 1 :]
        self.restarts += 1
        self.start()


def _work(  # noqa: PLR0917  # arguments of a process
    target: Target, name: str, seed: int, place: Place, home: str, numbers: range, line: Connection[Any, Any], memory: mmap
) -> None:
    kinds: Counter[str] = Counter()

    def note(failure: Failure) -> None:
        kind = failure.text.splitlines()[-1][:60]
        kinds[kind] += 1
        # the text of an error that many inputs cause is sent a few times only
        line.send(failure if kinds[kind] <= _MAX_TEXTS else Failure(failure.number, failure.kind, ""))

    # inputs must not name files of the developer; and small ones need no second thread
    os.chdir(home)
    os.environ["HOME"] = home
    pa.set_cpu_count(1)
    target.open(place)
    line.send(drive(target, name, seed, numbers, note=note, slot=memoryview(memory)))
    target.close()


def run(
    target: Target,
    name: str,
    *,
    inputs: int,
    seed: int,
    first: int = 0,
    jobs: int = 1,
    report: Callable[[str], object] = lambda _: None,
    seconds: float = math.inf,
    longest: float = MAX_SECONDS,
) -> Figures:
    """Run the inputs of a target until all are done or the time is over, and return the results.

    ``longest`` is the time limit of one input in seconds.
    """
    figures = Figures(name, seed)
    began = time.monotonic()
    with target.around() as place, tempfile.TemporaryDirectory(prefix="scenecart-fuzz-") as home:
        workers = [_Worker((target, name, seed, place, home), range(first + job, inputs, jobs)) for job in range(jobs)]
        polled = reported = began
        while any(worker.counts is None for worker in workers):
            lines = [worker.line for worker in workers if worker.counts is None]
            wait(lines, _POLL_SECONDS)
            for worker in workers:
                _poll(worker, figures, report, longest)
            now = time.monotonic()
            if now - polled > _POLL_SECONDS:
                polled = now
                figures.memory.append(_sizes(workers, place))
            if now - reported > _REPORT_SECONDS:
                reported = now
                report(f"{name}: {figures.memory[-1][0]:,} inputs in {now - began:,.0f} s")
            if now - began > seconds:
                for worker in workers:
                    worker.stop()
        figures.done = sum(worker.state[1] for worker in workers)
        figures.slowest = max(worker.state[2:] for worker in workers)
        if place.folder is not None:
            figures.disk = sum(path.stat().st_size for path in place.folder.rglob("*") if path.is_file())
    figures.seconds = time.monotonic() - began
    return figures


def _poll(worker: _Worker, figures: Figures, report: Callable[[str], object], longest: float) -> None:
    """Read the messages of a worker, and check that it is alive."""
    if worker.counts is not None:
        return
    # before its messages are read, since it may send them and end in between
    is_alive = worker.process.is_alive()
    with contextlib.suppress(EOFError):
        while worker.line.poll():
            message = worker.line.recv()
            if isinstance(message, Failure):
                figures.failures.append(message)
                if message.text:
                    report(f"input {message.number}: {message.text}")
            else:
                worker.counts = message
                figures.outcomes.update(message)
                worker.process.join()
                return
    stuck = worker.stuck(longest)
    if stuck:
        worker.process.kill()
        worker.process.join()
    if stuck or not is_alive:
        number = worker.state[0]
        kind = "hang" if stuck else "crash"
        text = f"no result after {longest:g} s" if stuck else f"the process ended with {worker.process.exitcode}"
        figures.failures.append(Failure(number, kind, text))
        report(f"input {number}: {text}")
        if worker.restarts >= _MAX_RESTARTS:
            raise RuntimeError(f"{figures.target} ended {_MAX_RESTARTS} processes; see the inputs above")
        worker.skip()


def _sizes(workers: list[_Worker], place: Place) -> tuple[int, int]:
    """Return how many inputs are done, and the memory of all processes in bytes."""
    pids = [worker.process.pid for worker in workers if worker.counts is None] + list(place.pids)
    size = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            # anonymous memory only, without mapped files such as a database
            size += sum(map(int, _ANONYMOUS_MEMORY.findall(Path(f"/proc/{pid}/status").read_text("ascii")))) * 1_024
    return sum(worker.state[1] for worker in workers), size
