"""Filters that survive another search."""

from __future__ import annotations

import geopandas as gpd
import shapely

from scenecart.widgets._bench.filtering import Filtering
from scenecart.widgets._state import CaptureState


def _captures(**columns: list[float]) -> gpd.GeoDataFrame:
    count = len(next(iter(columns.values())))
    places = [shapely.box(number, 0, number + 1, 1) for number in range(count)]
    return gpd.GeoDataFrame({"id": [f"c{number}" for number in range(count)], **columns}, geometry=places, crs=4326)


def test_filtering_wait_for_a_column_and_are_set_once_it_is_there():
    """A filter of a column that is not there yet waits, is kept meanwhile, and is set once."""
    state = CaptureState(_captures(**{"eo:cloud_cover": [1.0, 50.0]}))
    filtering = Filtering(state, lambda: False)
    filtering.replace({"eo:cloud_cover": [0, 60], "gsd": [0.3, 0.4]})
    filtering.apply()
    assert state.filters == {"eo:cloud_cover": [0, 60]}
    assert filtering.wanted == {"eo:cloud_cover": [0, 60], "gsd": [0.3, 0.4]}
    state.annotate({"gsd": [0.3, 0.5]})
    filtering.apply()
    assert list(state.filtered["id"]) == ["c0"]
    filtering.change("gsd", None)
    filtering.apply()
    assert state.filters == {"eo:cloud_cover": [0, 60]}
    filtering.reset()
    assert filtering.wanted == {}


def test_filtering_held_over_other_captures_come_back_unless_they_do_not_fit():
    """Another search keeps the filters, except those whose choices its captures do not have."""
    state = CaptureState(_captures(**{"eo:cloud_cover": [1.0, 50.0]}).assign(platform=["a", "b"]))
    filtering = Filtering(state, lambda: False)
    filtering.change("eo:cloud_cover", [0, 10])
    filtering.change("platform", ["a"])
    filtering.hold()
    state.captures = _captures(gsd=[0.3, 0.5])
    assert state.filters == {}
    state.captures = _captures(**{"eo:cloud_cover": [5.0, 70.0]}).assign(platform=["c", "d"])
    filtering.apply()
    assert state.filters == {"eo:cloud_cover": [0, 10]}
    assert filtering.wanted == state.filters


def test_filtering_of_captures_that_arrive_waits_for_the_last_of_them():
    """A filter that is set while captures arrive is set at once, and again once all of them are there."""
    searches = [True]
    state = CaptureState(_captures(**{"eo:cloud_cover": [1.0, 50.0]}))
    filtering = Filtering(state, lambda: bool(searches))
    filtering.change("eo:cloud_cover", [0, 10])
    assert state.filters == {"eo:cloud_cover": [0, 10]}
    state.captures = _captures(gsd=[0.3, 0.5])
    filtering.apply()
    state.captures = _captures(**{"eo:cloud_cover": [5.0, 70.0]})
    assert state.filters == {}
    searches.clear()
    filtering.apply()
    assert state.filters == {"eo:cloud_cover": [0, 10]}
