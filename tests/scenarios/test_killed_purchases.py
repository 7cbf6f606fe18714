"""Processes that are killed while they buy, at every step and under every fault; `make crash STORIES=5000` repeats it."""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from _crash import FAULTS, CrashRunner, Job, pair_of, reconcile, run_trial
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed with SIGKILL"),
    pytest.mark.timeout(0),
]

TRIALS = int(os.environ.get("SCENECART_CRASH_STORIES", "40"))
SEED = int(os.environ.get("SCENECART_CRASH_SEED", "1"))
CAPTURES = 400


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox whose orders stay unfinished."""
    with Sandbox(pace="real") as box:
        box.rate_limits = None
        box.token_seconds = 10**6
        box.top_up("analyst", 10**12)
        yield box


@pytest.fixture(scope="module")
def captures(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> gpd.GeoDataFrame:
    with sandbox.client("analyst", home=tmp_path_factory.mktemp("looking")) as client:
        found = client.search("aurora", collections="aurora-50cm", datetime="2024", limit=CAPTURES)
    return found[found["orderable"]].reset_index(drop=True)


@pytest.fixture
def runner(sandbox: Sandbox, captures: gpd.GeoDataFrame, tmp_path: Path) -> Iterator[CrashRunner]:
    with CrashRunner(sandbox, captures, tmp_path) as running:
        yield running
    reconcile(running)


def steps_of(runner: CrashRunner, pair: tuple[int, int]) -> int:
    """Return the number of steps of a purchase without faults."""
    steps: int = runner.run(Job(str(runner.folder / "undisturbed"), pair))["steps"]
    return steps


def test_purchase_killed_at_every_step_buys_once(runner: CrashRunner):
    """Killed at any step and run again, a purchase ends as one order, which the journal knew all along."""
    steps = steps_of(runner, pair_of(0, CAPTURES // 2))
    for step in range(1, steps + 1):
        pair, home = pair_of(step, CAPTURES // 2), str(runner.folder / f"step-{step}")
        assert runner.run(Job(home, pair, kill_at=step))["killed"]
        runner.finish(home, pair)
    assert runner.kills == steps


@pytest.mark.parametrize("fault", FAULTS)
def test_purchase_under_every_fault_buys_once(runner: CrashRunner, fault: str):
    """However and however often the service fails, running again ends as one order."""
    base = 1_000 + 10 * FAULTS.index(fault)
    for times in (1, 3, 8):
        pair, home = pair_of(base + times, CAPTURES // 2), str(runner.folder / f"times-{times}")
        runner.run(Job(home, pair, faults=(fault,) * times))
        runner.finish(home, pair)


def test_purchase_killed_at_random_under_faults_buys_once(runner: CrashRunner):
    """Killed up to three times, at a step or any instant, under random faults, settled or run again: one order."""
    rng = random.Random(SEED)  # noqa: S311  # chooses steps, no secret
    steps = steps_of(runner, pair_of(2_000, CAPTURES // 2))
    began = time.monotonic()
    runner.finish(str(runner.folder / "timed"), pair_of(2_001, CAPTURES // 2))
    # faults make a purchase longer
    steps, seconds = 3 * steps // 2, 1.5 * (time.monotonic() - began)
    for number in range(TRIALS):
        run_trial(runner, pair_of(3_000 + number, CAPTURES // 2), rng, steps, seconds)
    orders = reconcile(runner)
    print(f"seed {SEED}: {runner.runs:,} processes, {runner.kills:,} killed, {orders:,} orders, all accounts right")  # noqa: T201  # the result of `make crash`


def test_purchase_in_two_racing_processes_buys_once(
    runner: CrashRunner, sandbox: Sandbox, captures: gpd.GeoDataFrame, tmp_path: Path
):
    """Two processes with one journal that buy the same at once, one of which may be killed, end with one order and one key."""
    rng = random.Random(SEED)  # noqa: S311  # as above
    steps = steps_of(runner, pair_of(9_000, CAPTURES // 2))
    (tmp_path / "second").mkdir()
    with CrashRunner(sandbox, captures, tmp_path / "second") as second, ThreadPoolExecutor(2) as pool:
        for race in range(20):
            pair, home = pair_of(9_001 + race, CAPTURES // 2), str(tmp_path / f"race-{race}")
            killed = Job(home, pair, kill_at=rng.randint(1, steps) if race % 2 else None)
            list(pool.map(lambda racer, job: racer.run(job), (runner, second), (killed, Job(home, pair))))
            runner.finish(home, pair)
            assert len(runner.placements(home)) == 1
