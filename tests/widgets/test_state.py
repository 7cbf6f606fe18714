"""What is clicked together, as traits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _widgets import HARBOUR
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable


def test_facets_come_from_the_columns(found: gpd.GeoDataFrame):
    """There is a filter for each thing the captures tell, and for the area only where there is one."""
    names = [facet.name for facet in CaptureState(found).facets]
    assert names[:5] == ["datetime", "eo:cloud_cover", "view:off_nadir", "gsd", "view:sun_elevation"]
    assert {"collection", "platform"} <= set(names)
    assert "coverage" not in names
    assert "coverage" in [facet.name for facet in CaptureState(found, HARBOUR).facets]
    bare = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    assert CaptureState(bare).facets == ()


FILTERS: list[tuple[dict[str, Any], Callable[[gpd.GeoDataFrame], Any]]] = [
    ({"eo:cloud_cover": [0, 10]}, lambda frame: frame["eo:cloud_cover"].between(0, 10)),
    ({"gsd": [0.3, 0.4], "view:off_nadir": [0, 20]}, lambda frame: (frame["gsd"] <= 0.4) & (frame["view:off_nadir"] <= 20)),
    ({"collection": ["aurora-30cm"]}, lambda frame: frame["collection"] == "aurora-30cm"),
    (
        {"datetime": ["2024-02-01", "2024-02-29"]},
        lambda frame: (frame["datetime"] >= "2024-02-01") & (frame["datetime"] < "2024-03-01"),
    ),
    ({"coverage": [50, 100]}, lambda frame: scenecart.coverage(frame, HARBOUR) >= 0.5),
]


@pytest.mark.parametrize(("filters", "expected"), FILTERS)
def test_filters_keep_what_suits(found: gpd.GeoDataFrame, filters: dict[str, Any], expected: Any):
    """What is filtered is what pandas would give, and the code that is copied gives the same."""
    state = CaptureState(found, HARBOUR)
    state.filters = filters
    assert 0 < len(state.filtered) < len(found)
    assert state.filtered.index.equals(found[expected(found)].index)
    names: dict[str, Any] = {"captures": found, "scenecart": scenecart, "aoi": HARBOUR}
    exec(state.code(), names)  # noqa: S102  # the code that a user would run
    assert names["chosen"].index.equals(state.filtered.index)


def test_filters_can_be_saved(found: gpd.GeoDataFrame):
    """Filters are plain values: JSON keeps them, and setting them again filters the same."""
    state, other = CaptureState(found), CaptureState(found)
    state.filters = {"eo:cloud_cover": [0, 10], "datetime": ["2024-01-01", "2024-06-30"], "platform": ["aurora-1"]}
    other.filters = json.loads(json.dumps(state.filters))
    assert other.filtered.index.equals(state.filtered.index)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cloud": [0, 1]},
        {"eo:cloud_cover": 5},
        {"eo:cloud_cover": [9, 1]},
        {"eo:cloud_cover": ["a", "b"]},
        {"datetime": ["yesterday", "today"]},
        {"collection": ["none"]},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(found: gpd.GeoDataFrame, wrong: dict[str, Any]):
    """A wrong filter is an error that says what there is, and what was set stays."""
    state = CaptureState(found)
    state.filters = {"gsd": [0.3, 0.4]}
    with pytest.raises(scenecart.InvalidQuery):
        state.filters = wrong
    assert state.filters == {"gsd": [0.3, 0.4]}


def test_a_missing_value_does_not_suit():
    """A capture that does not say what is asked for does not suit, and suits again when nothing is asked."""
    frame = gpd.GeoDataFrame({"gsd": [0.3, None, 0.5]}, geometry=[shapely.box(0, 0, 1, 1)] * 3, crs=4326)
    state = CaptureState(frame)
    state.filters = {"gsd": [0.0, 1.0]}
    assert state.filtered.index.tolist() == [0, 2]
    state.filters = {}
    assert len(state.filtered) == 3


def test_selecting(found: gpd.GeoDataFrame):
    """Rows are replaced, added, removed, toggled and inverted, in the order they were selected."""
    state = CaptureState(found)
    state.select([3, 1])
    state.select([2, 1], "add")
    assert state.selection == (3, 1, 2)
    state.select([1, 5], "toggle")
    assert state.selection == (3, 2, 5)
    state.select([3], "remove")
    assert state.selected.index.tolist() == [2, 5]
    state.filters = {"eo:cloud_cover": [0, 10]}
    state.invert()
    assert set(state.selection) == set(state.filtered.index) - {2, 5}
    with pytest.raises(scenecart.InvalidRequest, match="no row 10000"):
        state.selection = (10_000,)


def test_a_selection_survives_what_arrives_later(found: gpd.GeoDataFrame):
    """Captures that arrive later change neither the selection nor the filters."""
    state = CaptureState(found.iloc[:100].reset_index(drop=True))
    state.selection = (4, 7)
    state.filters = {"eo:cloud_cover": [0, 10]}
    state.add(found.iloc[100:])
    assert state.selection == (4, 7)
    assert len(state.filtered) == (found["eo:cloud_cover"] <= 10).sum()


def test_labels_of_any_kind():
    """Rows are named by their index labels, and a result whose labels repeat is numbered anew."""
    frame = gpd.GeoDataFrame({"id": list("abc")}, geometry=[shapely.box(0, 0, 1, 1)] * 3, crs=4326, index=["x", "y", "z"])
    state = CaptureState(frame)
    state.selection = ("z", "x")
    assert state.selected["id"].tolist() == ["c", "a"]
    assert CaptureState(pd.concat([frame, frame])).captures.index.tolist() == list(range(6))


def test_other_frames_are_refused(found: gpd.GeoDataFrame):
    """What is no GeoDataFrame is refused; another CRS is converted."""
    with pytest.raises(scenecart.InvalidRequest):
        CaptureState(pd.DataFrame({"a": [1]}))
    state = CaptureState(found.to_crs(3857))
    assert np.allclose(state.captures.total_bounds, found.total_bounds)
