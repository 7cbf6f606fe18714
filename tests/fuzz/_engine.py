"""Runs a target's inputs in processes of their own, and watches them: a crash, a hang or growth is a failure."""

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

LONGEST_SECONDS = 60.0
MOST_GROWTH = 16 * 2**20
_LOOK_SECONDS = 0.25
_MOST_KEPT = 3
_MOST_RESTARTS = 50
_OWN = re.compile(r"^RssAnon:\s+(\d+) kB$", re.MULTILINE)
_TELL_SECONDS = 60.0
# the input under way, how many are done, the slowest one's seconds and number; behind it a mark that says to stop
_SLOT = Struct("qqdq")
_STOP = _SLOT.size


@dataclass(frozen=True)
class Place:
    """Where inputs go: what a target needs in every process, whose memory counts beside the workers', and which folder is kept."""

    given: Any = None
    pids: tuple[int, ...] = ()
    folder: Path | None = None


class Target(Protocol):
    """Something that takes any bytes and must answer in a way that is written down."""

    def around(self) -> AbstractContextManager[Place]:
        """Set up what all processes share."""
        ...

    def open(self, place: Place) -> None:
        """Set up what one process needs."""
        ...

    def close(self) -> None:
        """Give back what the process needed."""
        ...

    def make(self, pick: Random) -> bytes:
        """Make one input."""
        ...

    def check(self, data: bytes) -> str:
        """Say in a word what came of an input; whatever it raises is a failure."""
        ...


class Bare:
    """A target that sets up nothing."""

    @contextlib.contextmanager
    def around(self) -> Iterator[Place]:
        """Set up nothing."""
        yield Place()

    def open(self, place: Place) -> None:
        """Need nothing."""

    def close(self) -> None:
        """Keep nothing."""


class WithFolder(Bare):
    """A target whose inputs are files: each process may make some in a folder, in memory where there is one."""

    @contextlib.contextmanager
    def around(self) -> Iterator[Place]:
        """Give the folder."""
        quick = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a folder of our own is made in it
        with tempfile.TemporaryDirectory(prefix="scenecart-fuzz-", dir=quick) as folder:
            yield Place(folder)


@dataclass(frozen=True)
class Failure:
    """An input that went wrong, and how."""

    number: int
    kind: str
    text: str


@dataclass
class Figures:
    """What a run found."""

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
        """Whether memory went on growing after the first fifth."""
        first, last = self.first_and_last
        return last - first > MOST_GROWTH


def input_of(target: Target, name: str, seed: int, number: int) -> bytes:
    """Return the input of a number."""
    return target.make(Random(f"{name}/{seed}/{number}"))  # noqa: S311  # inputs, not secrets


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Take every warning for an error, but for those that are said to users on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", scenecart.ScenecartWarning)
        # what GDAL says of a damaged file, which nobody could say better
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
    """Check the inputs of some numbers, one after the other; tell what failed, and go on."""
    outcomes: Counter[str] = Counter()
    state = memoryview(bytearray(_STOP + 1)) if slot is None else slot
    _, done, slowest, at = _SLOT.unpack_from(state)
    with strict():
        for number in numbers:
            if state[_STOP]:
                break
            _SLOT.pack_into(state, 0, number, done, slowest, at)
            made = input_of(target, name, seed, number)
            began = time.perf_counter()
            try:
                outcomes[target.check(made)] += 1
            except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
                outcomes["failed"] += 1
                note(Failure(number, "crash", "".join(traceback.format_exception(error)[-12:])))
            took = time.perf_counter() - began
            if took > slowest:
                slowest, at = took, number
            done += 1
    _SLOT.pack_into(state, 0, -1, done, slowest, at)
    return outcomes


class _Worker:
    """One process with its share of the numbers; begun anew after the input that ended it."""

    def __init__(self, job: tuple[Target, str, int, Place, str], numbers: range) -> None:
        self._job = job
        self._memory = mmap(-1, _STOP + 1)
        self._numbers = numbers
        self._since = (0, time.monotonic())
        self.counts: Counter[str] | None = None
        self.restarts = 0
        self.begin()

    def begin(self) -> None:
        """Start on the numbers that are left."""
        fork = multiprocessing.get_context("fork")
        self.line, theirs = fork.Pipe(duplex=False)
        self.process: BaseProcess = fork.Process(target=_work, args=(*self._job, self._numbers, theirs, self._memory), daemon=True)
        self.process.start()
        theirs.close()

    @property
    def state(self) -> tuple[int, int, float, int]:
        """The input under way, how many are done, the slowest one's seconds and number."""
        number, done, slowest, at = _SLOT.unpack_from(self._memory)
        return number, done, slowest, at

    def stuck(self, longest: float) -> bool:
        """Tell whether one input has taken too long."""
        number = self.state[0]
        if number != self._since[0]:
            self._since = (number, time.monotonic())
        return time.monotonic() - self._since[1] > longest

    def stop(self) -> None:
        """Let the input under way be the last one."""
        self._memory[_STOP] = 1

    def skip(self) -> None:
        """Go on behind the input that ended the process."""
        number, done, slowest, at = self.state
        _SLOT.pack_into(self._memory, 0, number, done + 1, slowest, at)
        self._numbers = self._numbers[self._numbers.index(number) + 1 :]
        self.restarts += 1
        self.begin()


def _work(  # noqa: PLR0917  # given over to a process at once
    target: Target, name: str, seed: int, place: Place, home: str, numbers: range, line: Connection[Any, Any], memory: mmap
) -> None:
    kinds: Counter[str] = Counter()

    def note(failure: Failure) -> None:
        kind = failure.text.splitlines()[-1][:60]
        kinds[kind] += 1
        # one fault that many inputs meet is told a few times
        line.send(failure if kinds[kind] <= _MOST_KEPT else Failure(failure.number, failure.kind, ""))

    # what an input names is no file of whoever runs this, and a small one needs no second thread
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
    tell: Callable[[str], object] = lambda _: None,
    seconds: float = math.inf,
    longest: float = LONGEST_SECONDS,
) -> Figures:
    """Run a target's inputs from the first on, or as many as there is time for, and return what was found.

    ``longest`` is how many seconds one input may take.
    """
    figures = Figures(name, seed)
    began = time.monotonic()
    with target.around() as place, tempfile.TemporaryDirectory(prefix="scenecart-fuzz-") as home:
        workers = [_Worker((target, name, seed, place, home), range(first + job, inputs, jobs)) for job in range(jobs)]
        looked = told = began
        while any(worker.counts is None for worker in workers):
            lines = [worker.line for worker in workers if worker.counts is None]
            wait(lines, _LOOK_SECONDS)
            for worker in workers:
                _look(worker, figures, tell, longest)
            now = time.monotonic()
            if now - looked > _LOOK_SECONDS:
                looked = now
                figures.memory.append(_sizes(workers, place))
            if now - told > _TELL_SECONDS:
                told = now
                tell(f"{name}: {figures.memory[-1][0]:,} inputs in {now - began:,.0f} s")
            if now - began > seconds:
                for worker in workers:
                    worker.stop()
        figures.done = sum(worker.state[1] for worker in workers)
        figures.slowest = max(worker.state[2:] for worker in workers)
        if place.folder is not None:
            figures.disk = sum(path.stat().st_size for path in place.folder.rglob("*") if path.is_file())
    figures.seconds = time.monotonic() - began
    return figures


def _look(worker: _Worker, figures: Figures, tell: Callable[[str], object], longest: float) -> None:
    """Take what a worker has to say, and see whether it still lives."""
    if worker.counts is not None:
        return
    # asked before its line is read: it may end in between, having said all
    lives = worker.process.is_alive()
    with contextlib.suppress(EOFError):
        while worker.line.poll():
            said = worker.line.recv()
            if isinstance(said, Failure):
                figures.failures.append(said)
                if said.text:
                    tell(f"input {said.number}: {said.text}")
            else:
                worker.counts = said
                figures.outcomes.update(said)
                worker.process.join()
                return
    stuck = worker.stuck(longest)
    if stuck:
        worker.process.kill()
        worker.process.join()
    if stuck or not lives:
        number = worker.state[0]
        kind = "hang" if stuck else "crash"
        text = f"no answer in {longest:g} s" if stuck else f"the process ended with {worker.process.exitcode}"
        figures.failures.append(Failure(number, kind, text))
        tell(f"input {number}: {text}")
        if worker.restarts >= _MOST_RESTARTS:
            raise RuntimeError(f"{figures.target} ended {_MOST_RESTARTS} processes; see the inputs above")
        worker.skip()


def _sizes(workers: list[_Worker], place: Place) -> tuple[int, int]:
    """Return how many inputs are done, and the memory of all processes together."""
    pids = [worker.process.pid for worker in workers if worker.counts is None] + list(place.pids)
    size = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            # what a database has in memory of its file is not the process's own
            size += sum(map(int, _OWN.findall(Path(f"/proc/{pid}/status").read_text("ascii")))) * 1_024
    return sum(worker.state[1] for worker in workers), size
