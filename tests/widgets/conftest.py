"""Widgets without a browser: the same traits that clicks change."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from ipywidgets.widgets import widget as living

from _widgets import wait_for
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd

    import scenecart


@pytest.fixture(scope="session")
def shop() -> Iterator[Sandbox]:
    """Give a sandbox that delivers within seconds."""
    with Sandbox(pace="demo") as box:
        box.rate_limits = None
        yield box


@pytest.fixture
def analyst(shop: Sandbox, tmp_path: Path) -> Iterator[scenecart.Client]:
    shop.faults.clear()
    with shop.client("analyst", home=tmp_path / "home") as client:
        client.hosts = dict(shop.hosts)
        yield client


@pytest.fixture(scope="session")
def found(shop: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> gpd.GeoDataFrame:
    """Give a few hundred captures around Sydney."""
    with shop.client("analyst", home=tmp_path_factory.mktemp("looking")) as client:
        return client.search("aurora", collections=["aurora-50cm", "aurora-30cm"], bbox=(150, -35, 153, -32), datetime="2024")


@pytest.fixture
def shown() -> Iterator[Callable[[Any], Any]]:
    """Keep widgets until the end of the test, close them, and check that nothing of them is left."""
    before, threads = set(living._instances), {thread.ident for thread in threading.enumerate()}
    kept: list[Any] = []

    def keep(widget: Any) -> Any:
        kept.append(widget)
        return widget

    yield keep
    for widget in kept:
        widget.close()
    left = [type(living._instances[name]).__name__ for name in set(living._instances) - before]
    assert left == []
    wait_for(lambda: not [one.name for one in threading.enumerate() if one.ident not in threads and "scenecart-widget" in one.name])
