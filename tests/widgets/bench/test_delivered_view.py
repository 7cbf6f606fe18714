"""Delivered pixels on the map of the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import HARBOUR, wait_for
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    import scenecart


def test_delivered_order_is_on_the_map_until_it_is_taken_back(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """The pixels of an order take the place of the captures, and the captures come back."""
    order = client.cart(pair.head(1), HARBOUR).estimate().place().wait(timeout=60)
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench.orders.refresh()
    wait_for(lambda: order.id in {entry.order.id for entry in bench.orders.entries})
    bench._delivered.toggle(order.id)
    wait_for(lambda: bench.orders.entry(order.id).is_on_map)
    assert bench._map.part.state["hide"]
    assert bench._map.part.state["legend"]["title"].startswith("Delivered")
    assert bench._map.part.state["legend"]["delivered"]
    bench._delivered.toggle(order.id)
    assert not bench._map.part.state["hide"]
    assert not bench.orders.entry(order.id).is_on_map
