"""The list of overlapping captures, by clicks on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from _widgets import is_visible
from scenecart.widgets import FootprintMap

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


def test_stack_click_selects_smallest_footprint_and_lists_all(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A click selects the smallest footprint under it and lists all of them; a click beside all footprints selects none."""
    here = shapely.Point(151.2, -33.96)
    under = captures[captures.intersects(here)]
    assert len(under) > 1
    footprints = display(FootprintMap(captures, basemap="none"))
    footprints.click(here.x, here.y)
    assert list(footprints.state.selection) == [under.index[np.argmin(shapely.area(under.geometry.to_numpy()))]]
    listed = [label for _, label in footprints._stack.options]
    assert set(listed) <= set(under.index)
    footprints._stack.value = listed[-1]
    assert list(footprints.state.selection) == [listed[-1]]
    footprints.click(here.x, here.y, "toggle")
    assert len(footprints.state.selection) == 2
    footprints.click(0, 0)
    assert footprints.state.selection == ()
    assert not is_visible(footprints._stack)
