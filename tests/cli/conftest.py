"""Fixtures of the command line: one sandbox for every process, and a file with one capture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest

from _cli import SEARCH, account, run
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    """Start a sandbox that other processes use."""
    with Sandbox(pace="instant") as running:
        running.rate_limits = None
        # the tests of one worker share this sandbox, and each may buy
        running.top_up("analyst", 10**9)
        yield running


@pytest.fixture(scope="session")
def searched(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[gpd.GeoDataFrame]:
    """Return captures one by one, each as a search writes it."""
    folder = tmp_path_factory.mktemp("captures")
    wide = [*SEARCH[:-1], "2023-01/2024-12"]
    assert run(*wide, "--limit", "200", "-o", "many.parquet", box=box, cwd=folder).returncode == 0
    captures = gpd.read_parquet(folder / "many.parquet")
    captures = captures[captures["orderable"]]
    return iter([captures.iloc[[number]] for number in range(len(captures))])


@pytest.fixture
def one(searched: Iterator[gpd.GeoDataFrame], tmp_path: Path) -> Path:
    """Write a file with one capture, which no other test buys, to the folder of the commands."""
    path = tmp_path / "one.parquet"
    next(searched).to_parquet(path)
    return path


@pytest.fixture
def price(box: Sandbox, one: Path) -> int:
    """Return the price of that capture, in credits."""
    return json.loads(run("estimate", str(one), "--json", box=box).stdout)["total_credits"]


@pytest.fixture
def home(box: Sandbox, one: Path, tmp_path: Path) -> dict[str, str]:
    """Return the analyst's variables, with the file ``one.parquet`` in the folder of the commands."""
    assert one.parent == tmp_path
    return account(box, tmp_path / "home")
