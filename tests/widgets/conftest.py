"""Widgets without a browser: tests set the traits that clicks set."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets.widgets import widget as living

import scenecart
from _widgets import HARBOUR, wait_for
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Start a sandbox that delivers within seconds and has no rate limits."""
    with Sandbox(pace="demo") as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def client(sandbox: Sandbox, tmp_path: Path) -> Iterator[scenecart.Client]:
    """Return the analyst's client."""
    sandbox.faults.clear()
    with sandbox.client("analyst", home=tmp_path / "home") as connected:
        yield connected


@pytest.fixture(scope="session")
def captures(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> gpd.GeoDataFrame:
    """Return a few hundred captures around Sydney."""
    with sandbox.client("analyst", home=tmp_path_factory.mktemp("captures")) as connected:
        return connected.search("aurora", collections=["aurora-50cm", "aurora-30cm"], bbox=(150, -35, 153, -32), datetime="2024")


@pytest.fixture(scope="session")
def pairs(captures: gpd.GeoDataFrame) -> Iterator[gpd.GeoDataFrame]:
    """Return pairs of captures that cover the harbour, those with little cloud first."""
    covering = captures[scenecart.coverage(captures, HARBOUR) > 0.9].sort_values("eo:cloud_cover")
    return iter([covering.iloc[row : row + 2] for row in range(0, len(covering) - 1, 2)])


@pytest.fixture
def pair(pairs: Iterator[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return two captures with little cloud that cover the harbour, and that no other test buys."""
    return next(pairs)


@pytest.fixture
def display() -> Iterator[Callable[[Any], Any]]:
    """Return a function that keeps a widget; at the end all are closed, and no part and no thread of them is left."""
    before, threads = set(living._instances), {thread.ident for thread in threading.enumerate()}
    displayed: list[Any] = []

    def keep(widget: Any) -> Any:
        displayed.append(widget)
        return widget

    yield keep
    for widget in displayed:
        widget.close()
    left = [type(living._instances[name]).__name__ for name in set(living._instances) - before]
    assert left == []
    wait_for(
        lambda: (
            not [
                thread.name for thread in threading.enumerate() if thread.ident not in threads and "scenecart-widget" in thread.name
            ]
        )
    )


@pytest.fixture
def switching_threads() -> Iterator[None]:
    """Switch threads a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)
