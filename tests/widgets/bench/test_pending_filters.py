"""Filters that survive another search."""

from __future__ import annotations

import geopandas as gpd
import shapely

from scenecart.widgets._bench.pending_filters import PendingFilters
from scenecart.widgets._state import CaptureState


def _captures(**columns: list[float]) -> gpd.GeoDataFrame:
    count = len(next(iter(columns.values())))
    places = [shapely.box(number, 0, number + 1, 1) for number in range(count)]
    return gpd.GeoDataFrame({"id": [f"c{number}" for number in range(count)], **columns}, geometry=places, crs=4326)


def test_pending_filters_wait_for_a_column_and_are_set_once_it_is_there():
    """A filter of a column that is not there yet waits, is kept meanwhile, and is set once."""
    state = CaptureState(_captures(**{"eo:cloud_cover": [1.0, 50.0]}))
    filters = PendingFilters(state, lambda: False)
    filters.replace({"eo:cloud_cover": [0, 60], "gsd": [0.3, 0.4]})
    filters.apply()
    assert state.filters == {"eo:cloud_cover": [0, 60]}
    assert filters.wanted == {"eo:cloud_cover": [0, 60], "gsd": [0.3, 0.4]}
    state.annotate({"gsd": [0.3, 0.5]})
    filters.apply()
    assert list(state.filtered["id"]) == ["c0"]
    filters.change("gsd", None)
    filters.apply()
    assert state.filters == {"eo:cloud_cover": [0, 60]}
    filters.reset()
    assert filters.wanted == {}


def test_pending_filters_held_over_other_captures_come_back_unless_they_do_not_fit():
    """Another search keeps the filters, except those whose choices its captures do not have."""
    state = CaptureState(_captures(**{"eo:cloud_cover": [1.0, 50.0]}).assign(platform=["a", "b"]))
    filters = PendingFilters(state, lambda: False)
    filters.change("eo:cloud_cover", [0, 10])
    filters.change("platform", ["a"])
    filters.hold()
    state.captures = _captures(gsd=[0.3, 0.5])
    assert state.filters == {}
    state.captures = _captures(**{"eo:cloud_cover": [5.0, 70.0]}).assign(platform=["c", "d"])
    filters.apply()
    assert state.filters == {"eo:cloud_cover": [0, 10]}
    assert filters.wanted == state.filters


def test_pending_filters_of_captures_that_arrive_waits_for_the_last_of_them():
    """A filter that is set while captures arrive is set at once, and again once all of them are there."""
    searches = [True]
    state = CaptureState(_captures(**{"eo:cloud_cover": [1.0, 50.0]}))
    filters = PendingFilters(state, lambda: bool(searches))
    filters.change("eo:cloud_cover", [0, 10])
    assert state.filters == {"eo:cloud_cover": [0, 10]}
    state.captures = _captures(gsd=[0.3, 0.5])
    filters.apply()
    state.captures = _captures(**{"eo:cloud_cover": [5.0, 70.0]})
    assert state.filters == {}
    searches.clear()
    filters.apply()
    assert state.filters == {"eo:cloud_cover": [0, 10]}
