"""Killing the process that buys, at every step, under every fault; `make crash STORIES=5000` does it thousands of times."""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from _crash import FAULTS, Crashes, Job, pair_of, reconcile, story
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import geopandas as gpd

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="processes are forked and killed with SIGKILL"),
    pytest.mark.timeout(0),
]

STORIES = int(os.environ.get("SCENECART_CRASH_STORIES", "40"))
SEED = int(os.environ.get("SCENECART_CRASH_SEED", "1"))
CAPTURES = 400


@pytest.fixture(scope="module")
def shop() -> Iterator[Sandbox]:
    """Give a sandbox whose orders stay under way."""
    with Sandbox(pace="real") as box:
        box.rate_limits = None
        box.token_seconds = 10**6
        box.top_up("analyst", 10**12)
        yield box


@pytest.fixture(scope="module")
def wares(shop: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> gpd.GeoDataFrame:
    with shop.client("analyst", home=tmp_path_factory.mktemp("looking")) as client:
        found = client.search("aurora", collections="aurora-50cm", datetime="2024", limit=CAPTURES)
    return found[found["orderable"]].reset_index(drop=True)


@pytest.fixture
def crashes(shop: Sandbox, wares: gpd.GeoDataFrame, tmp_path: Path) -> Iterator[Crashes]:
    with Crashes(shop, wares, tmp_path) as running:
        yield running
    reconcile(running)


def steps_of(crashes: Crashes, pair: tuple[int, int]) -> int:
    """Return how many steps buying takes when nothing goes wrong."""
    steps: int = crashes.run(Job(str(crashes.folder / "peace"), pair))["steps"]
    return steps


def test_a_purchase_survives_death_at_every_step(crashes: Crashes):
    """Killed at any step of buying, and run again, the analyst has one order, and the journal knew of it all along."""
    steps = steps_of(crashes, pair_of(0, CAPTURES // 2))
    for step in range(1, steps + 1):
        pair, home = pair_of(step, CAPTURES // 2), str(crashes.folder / f"step-{step}")
        assert crashes.run(Job(home, pair, kill_at=step))["killed"]
        crashes.finish(home, pair)
    assert crashes.deaths == steps


@pytest.mark.parametrize("fault", FAULTS)
def test_a_purchase_survives_every_fault(crashes: Crashes, fault: str):
    """However the service fails, once or for good, running again gives one order."""
    base = 1_000 + 10 * FAULTS.index(fault)
    for times in (1, 3, 8):
        pair, home = pair_of(base + times, CAPTURES // 2), str(crashes.folder / f"times-{times}")
        crashes.run(Job(home, pair, faults=(fault,) * times))
        crashes.finish(home, pair)


def test_a_purchase_survives_anything(crashes: Crashes):
    """Dying up to three times, at steps or at any instant, under random faults, settling or running again: one order."""
    pick = random.Random(SEED)  # noqa: S311  # which step dies, not a secret
    steps = steps_of(crashes, pair_of(2_000, CAPTURES // 2))
    began = time.monotonic()
    crashes.finish(str(crashes.folder / "timed"), pair_of(2_001, CAPTURES // 2))
    # faults make buying longer than it is in peace
    steps, seconds = 3 * steps // 2, 1.5 * (time.monotonic() - began)
    for number in range(STORIES):
        story(crashes, pair_of(3_000 + number, CAPTURES // 2), pick, steps, seconds)
    orders = reconcile(crashes)
    print(f"seed {SEED}: {crashes.runs:,} processes, {crashes.deaths:,} killed, {orders:,} orders, every book right")  # noqa: T201  # what `make crash` is asked for


def test_two_kernels_that_race_buy_once(crashes: Crashes, shop: Sandbox, wares: gpd.GeoDataFrame, tmp_path: Path):
    """Two processes with one journal that buy the same at once, one of which may die, end with one order and one key."""
    pick = random.Random(SEED)  # noqa: S311  # as above
    steps = steps_of(crashes, pair_of(9_000, CAPTURES // 2))
    (tmp_path / "second").mkdir()
    with Crashes(shop, wares, tmp_path / "second") as second, ThreadPoolExecutor(2) as pool:
        for race in range(20):
            pair, home = pair_of(9_001 + race, CAPTURES // 2), str(tmp_path / f"race-{race}")
            dies = Job(home, pair, kill_at=pick.randint(1, steps) if race % 2 else None)
            list(pool.map(lambda racer, job: racer.run(job), (crashes, second), (dies, Job(home, pair))))
            crashes.finish(home, pair)
            assert len(crashes.placements(home)) == 1
