"""The delivered imagery of an order on a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scenecart
from _expect import raises
from _widgets import HARBOUR
from scenecart.widgets._order_map import open_delivered

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


def test_order_show_draws_each_item(client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A delivered order is shown on a map with a layer for each item, zoomed to it; an order in process says what to do."""
    order = client.cart(pair, HARBOUR).estimate().place()
    if not order.is_finished:
        with raises(scenecart.DownloadError, "order_not_delivered"):
            order.show(basemap="none")
    order.wait(progress=False, timeout=60)
    shown = display(order.show(basemap="none"))
    assert sorted(shown.imagery) == sorted(order.items()["id"])
    assert 150 < shown.map.center[1] < 152
    with raises(scenecart.InvalidRequest, "item_without_raster"):
        order.show(asset="nothing", basemap="none")


def test_open_delivered_says_what_cannot_be_shown(client: scenecart.Client, pair: gpd.GeoDataFrame):
    """Items whose imagery cannot be shown are errors beside the others, and a note counts them."""
    order = client.cart(pair.head(1), HARBOUR).estimate().place().wait(progress=False, timeout=60)
    found = open_delivered(order)
    assert (len(found.layers), found.errors, found.note) == (1, [], "")
    broken = open_delivered(order, asset="thumbnail")
    assert broken.layers == []
    assert [error.code for error in broken.errors] == ["raster_without_crs"]
    assert "1 of 1 item" in broken.note
