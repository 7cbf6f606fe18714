"""Processes that are killed or interrupted while they buy, at every step and under every fault; `make crash` repeats it."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from _crash import DIALECTS, FAULTS, CrashRunner, Job, reconcile, run_trial, tile_of, with_room_for_tiles
from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed with SIGKILL"),
    pytest.mark.timeout(0),
]

# which steps are tried: every eighth, and every one in `make crash`
EVERY = int(os.environ.get("SCENECART_CRASH_EVERY", "8"))
TRIALS = int(os.environ.get("SCENECART_CRASH_STORIES", "20"))
SEED = int(os.environ.get("SCENECART_CRASH_SEED", "1"))
# so few that the list of orders stays short
TRIALS_PER_SANDBOX = 10
CAPTURES = 400


@contextlib.contextmanager
def running(folder: Path, dialect: tuple[str, ...] = ()) -> Iterator[CrashRunner]:
    """Run a sandbox whose orders stay unfinished, and a runner for it; at the end every account must be right."""
    with Sandbox(pace="real", captures=3_000, dialect=list(dialect)) as box:
        box.rate_limits = None
        box.token_seconds = 10**9
        box.top_up("analyst", 10**12)
        with box.client("analyst", home=folder / "looking") as client:
            found = client.search("aurora", collections="aurora-50cm", limit=2 * CAPTURES, datetime="2020/2025")
        with CrashRunner(box, with_room_for_tiles(found).head(CAPTURES), folder, dialect) as runner:
            yield runner
        reconcile(runner)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrashRunner]:
    with running(tmp_path_factory.mktemp("crash")) as runner:
        yield runner


@pytest.fixture(scope="module")
def fresh(shared: CrashRunner) -> Iterator[tuple[int, int]]:
    """Return tiles that no other test buys."""
    return tiles(shared)


@pytest.fixture
def runner(shared: CrashRunner) -> Iterator[CrashRunner]:
    """Return the runner of all tests; after each, every account must be right."""
    yield shared
    reconcile(shared)


def steps_of(runner: CrashRunner, tile: tuple[int, int], folder: Path) -> int:
    """Return the number of steps of a purchase without faults."""
    steps: int = runner.run(Job(str(folder / "undisturbed"), tile))["steps"]
    return steps


def tiles(runner: CrashRunner) -> Iterator[tuple[int, int]]:
    """Return tiles that nobody has bought, each of another capture as far as there are enough."""
    count = len(runner.captures)
    return (tile_of(number, count) for number in range(25 * count))


@pytest.mark.parametrize("interrupt", [False, True], ids=["killed", "interrupted"])
def test_purchase_ended_at_every_step_buys_once(
    runner: CrashRunner, fresh: Iterator[tuple[int, int]], tmp_path: Path, *, interrupt: bool
):
    """Killed or interrupted at a step and run again, a purchase ends as one order, which the journal knew all along."""
    steps, kills = steps_of(runner, next(fresh), tmp_path), runner.kills
    # an interrupt is handled between two steps, so that fewer are as good
    chosen = range(1, steps + 1, EVERY * (2 if interrupt else 1))
    for step in chosen:
        tile, home = next(fresh), str(tmp_path / f"step-{step}")
        assert runner.run(Job(home, tile, kill_at=step, interrupt=interrupt))["killed"] is not interrupt
        runner.finish(home, tile)
    assert runner.kills - kills == (0 if interrupt else len(chosen))


@pytest.mark.parametrize("fault", FAULTS)
def test_purchase_under_every_fault_buys_once(runner: CrashRunner, fresh: Iterator[tuple[int, int]], tmp_path: Path, fault: str):
    """However and however often the service fails, running again ends as one order."""
    for times in (1, 3, 8):
        tile, home = next(fresh), str(tmp_path / f"times-{times}")
        runner.run(Job(home, tile, faults=(fault,) * times))
        runner.finish(home, tile)


def test_purchase_in_forked_processes_buys_once(runner: CrashRunner, fresh: Iterator[tuple[int, int]], tmp_path: Path):
    """Two processes that share a client over a fork and buy the same get one order."""
    for number in range(5):
        tile, home = next(fresh), str(tmp_path / f"fork-{number}")
        runner.run(Job(home, tile, fork=True))
        runner.finish(home, tile)


def _drawn(rng: random.Random) -> tuple[str, ...]:
    """Return up to three dialects that can be combined."""
    while True:
        some = tuple(sorted(rng.sample(DIALECTS, rng.randint(0, 3))))
        try:
            Sandbox(dialect=list(some))
        except SandboxError:
            continue
        return some


def test_purchase_killed_at_random_under_faults_buys_once(tmp_path: Path):
    """Killed or interrupted, on two machines, forked, after minutes or days, under random faults and dialects: one order."""
    rng = random.Random(SEED)  # noqa: S311  # chooses steps, no secret
    runs = kills = orders = 0
    for part in range(-(-TRIALS // TRIALS_PER_SANDBOX)):
        dialect = _drawn(rng) if part else ()
        folder = tmp_path / str(part)
        folder.mkdir()
        with running(folder, dialect) as runner:
            fresh = tiles(runner)
            steps = steps_of(runner, next(fresh), folder)
            began = time.monotonic()
            runner.finish(str(folder / "timed"), next(fresh))
            # faults make a purchase longer
            steps, seconds = 3 * steps // 2, 1.5 * (time.monotonic() - began)
            for _ in range(min(TRIALS_PER_SANDBOX, TRIALS - part * TRIALS_PER_SANDBOX)):
                run_trial(runner, next(fresh), rng, steps, seconds)
            orders += reconcile(runner)
            runs, kills = runs + runner.runs, kills + runner.kills
    print(f"seed {SEED}: {runs:,} processes, {kills:,} killed, {orders:,} orders, all accounts right")  # noqa: T201  # the result of `make crash`


def test_purchase_in_two_racing_processes_buys_once(runner: CrashRunner, fresh: Iterator[tuple[int, int]], tmp_path: Path):
    """Two processes with one journal that buy the same at once, one of which may be killed, end with one order and one key."""
    rng = random.Random(SEED)  # noqa: S311  # as above
    steps = steps_of(runner, next(fresh), tmp_path)
    (tmp_path / "second").mkdir()
    with CrashRunner(runner.box, runner.captures, tmp_path / "second") as second, ThreadPoolExecutor(2) as pool:
        for race in range(4):
            tile, home = next(fresh), str(tmp_path / f"race-{race}")
            killed = Job(home, tile, kill_at=rng.randint(1, steps) if race % 2 else None)
            list(pool.map(lambda racer, job: racer.run(job), (runner, second), (killed, Job(home, tile))))
            runner.finish(home, tile)
            assert len(runner.placements(home)) == 1
