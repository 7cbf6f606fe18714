"""Fixtures of the command line: one sandbox for every process, and a file with one capture."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from _cli import SEARCH, account, run
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def box() -> Iterator[Sandbox]:
    """Start a sandbox that other processes use."""
    with Sandbox(pace="instant") as running:
        running.rate_limits = None
        # the tests of one worker share this sandbox, and each may buy
        running.top_up("analyst", 10**9)
        yield running


@pytest.fixture(scope="session")
def searched(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Search for one capture and return the file."""
    folder = tmp_path_factory.mktemp("captures")
    assert run(*SEARCH, "--limit", "1", "-o", "one.parquet", box=box, cwd=folder).returncode == 0
    return folder / "one.parquet"


@pytest.fixture(scope="session")
def price(box: Sandbox, searched: Path) -> int:
    """Return the price of that capture, in credits."""
    return json.loads(run("estimate", str(searched), "--json", box=box).stdout)["total_credits"]


@pytest.fixture
def one(searched: Path, tmp_path: Path) -> Path:
    """Copy the file with one capture to the folder of the commands."""
    return Path(shutil.copy(searched, tmp_path))


@pytest.fixture
def home(box: Sandbox, one: Path, tmp_path: Path) -> dict[str, str]:
    """Return the analyst's variables, with the file ``one.parquet`` in the folder of the commands."""
    assert one.parent == tmp_path
    return account(box, tmp_path / "home")
