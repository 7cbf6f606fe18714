"""How many orders the Workbench shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import HARBOUR, wait_for
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    import scenecart


def test_order_is_counted_while_it_runs_and_announced_when_it_ends(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """The drawer counts orders and those that are not downloaded, and the footer announces that one has ended."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    order = client.cart(pair.head(1), HARBOUR).estimate().place()
    bench.orders.follow([order])
    wait_for(lambda: order.is_finished and "not downloaded" in bench._drawer.state["summary"])
    assert bench._drawer.state["orders"] >= 1
    assert not bench._order_counts._running
