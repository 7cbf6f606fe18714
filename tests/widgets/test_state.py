"""The state that panels share, as traits."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from _widgets import HARBOUR
from scenecart.widgets._facets import day_iso
from scenecart.widgets._state import CaptureState, state_of

if TYPE_CHECKING:
    from collections.abc import Callable


def test_state_facets_come_from_the_columns(captures: gpd.GeoDataFrame):
    """There is a filter for each known property of the captures, and for the area only if there is one."""
    names = [facet.name for facet in CaptureState(captures).facets]
    assert names[:5] == ["datetime", "eo:cloud_cover", "view:off_nadir", "gsd", "view:sun_elevation"]
    assert {"collection", "platform"} <= set(names)
    assert "coverage" not in names
    assert "coverage" in [facet.name for facet in CaptureState(captures, HARBOUR).facets]
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
def test_state_filtered_equals_the_rows_of_pandas(captures: gpd.GeoDataFrame, filters: dict[str, Any], expected: Any):
    """Filters keep the rows that pandas keeps, and the copied code returns the same rows."""
    state = CaptureState(captures, HARBOUR)
    state.filters = filters
    assert 0 < len(state.filtered) < len(captures)
    assert state.filtered.index.equals(captures[expected(captures)].index)
    names: dict[str, Any] = {"captures": captures, "scenecart": scenecart, "aoi": HARBOUR}
    exec(state.code(), names)  # noqa: S102  # the code that a user would run
    assert names["chosen"].index.equals(state.filtered.index)


def test_state_filters_read_from_json_filter_the_same(captures: gpd.GeoDataFrame):
    """Filters are plain values that JSON keeps; set again, they filter the same."""
    state, other = CaptureState(captures), CaptureState(captures)
    state.filters = {"eo:cloud_cover": [0, 10], "datetime": ["2024-01-01", "2024-06-30"], "platform": ["aurora-1"]}
    other.filters = json.loads(json.dumps(state.filters))
    assert other.filtered.index.equals(state.filtered.index)


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ({"cloud": [0, 1]}, "filter_unknown"),
        ({"eo:cloud_cover": 5}, "filter_range_invalid"),
        ({"eo:cloud_cover": [9, 1]}, "filter_range_invalid"),
        ({"eo:cloud_cover": ["a", "b"]}, "filter_range_invalid"),
        ({"datetime": ["yesterday", "today"]}, "filter_range_invalid"),
        ({"collection": ["none"]}, "filter_value_unknown"),
    ],
)
def test_state_invalid_filter_is_refused(captures: gpd.GeoDataFrame, filters: dict[str, Any], code: str):
    """An invalid filter is an error, and the former filters stay."""
    state = CaptureState(captures)
    state.filters = {"gsd": [0.3, 0.4]}
    with raises(scenecart.InvalidQuery, code):
        state.filters = filters
    assert state.filters == {"gsd": [0.3, 0.4]}


def test_state_missing_value_matches_no_range():
    """A capture without a value does not match a range, and matches again without the filter."""
    frame = gpd.GeoDataFrame({"gsd": [0.3, None, 0.5]}, geometry=[shapely.box(0, 0, 1, 1)] * 3, crs=4326)
    state = CaptureState(frame)
    state.filters = {"gsd": [0.0, 1.0]}
    assert state.filtered.index.tolist() == [0, 2]
    state.filters = {}
    assert len(state.filtered) == 3


def test_state_select_replaces_adds_removes_and_toggles(captures: gpd.GeoDataFrame):
    """Rows are replaced, added, removed, toggled and inverted, in the order they were selected."""
    state = CaptureState(captures)
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
    with raises(scenecart.InvalidRequest, "selection_row_missing"):
        state.selection = (10_000,)
    with raises(scenecart.InvalidRequest, "selection_mode_unknown"):
        state.select([1], "flip")


def test_state_added_captures_keep_selection_and_filters(captures: gpd.GeoDataFrame):
    """Captures that arrive later change neither the selection nor the filters."""
    state = CaptureState(captures.iloc[:100].reset_index(drop=True))
    state.selection = (4, 7)
    state.filters = {"eo:cloud_cover": [0, 10]}
    state.add(captures.iloc[100:])
    assert state.selection == (4, 7)
    assert len(state.filtered) == (captures["eo:cloud_cover"] <= 10).sum()


def test_state_unique_index_labels_are_kept():
    """Rows are identified by their index labels; a result with repeated labels gets new numbers."""
    frame = gpd.GeoDataFrame({"id": list("abc")}, geometry=[shapely.box(0, 0, 1, 1)] * 3, crs=4326, index=["x", "y", "z"])
    state = CaptureState(frame)
    state.selection = ("z", "x")
    assert state.selected["id"].tolist() == ["c", "a"]
    with warns("index_labels_repeated"):
        assert CaptureState(pd.concat([frame, frame])).captures.index.tolist() == list(range(6))
    state.add(frame.set_axis(["u", "v", "w"]))
    assert state.captures.index.tolist() == list("xyzuvw")
    assert state.selection == ("z", "x")
    with warns("index_labels_repeated"):
        state.add(frame)
    assert state.captures.index.tolist() == list(range(9))
    assert state.selected["id"].tolist() == ["c", "a"]


def test_state_code_names_a_capture_by_host_collection_and_id():
    """The copied code returns exactly the selected rows if several captures share an id, or have none."""
    keys = {
        "id": ["a", "a", "b", "b", "c", None, 7],
        "collection": [*"xyxxx", None, "x"],
        "host": ["h", "h", "h", "i", "h", "h", "h"],
    }
    captures = gpd.GeoDataFrame(keys, geometry=[shapely.box(0, 0, 1, 1)] * 7, crs=4326)
    state = CaptureState(captures)
    for selection in ([4], [0], [2], [0, 1], [2, 3], [3, 1, 4], [5], [6, 0]):
        state.selection = tuple(selection)
        names: dict[str, Any] = {"captures": captures}
        exec(state.code(), names)  # noqa: S102  # the code that a user would run
        assert sorted(names["chosen"].index) == sorted(selection)


def test_state_ranges_of_time_match_as_in_filter():
    """Captures with a start and an end, and no datetime, are filtered by date as by scenecart.filter() and the copied code."""
    captures = gpd.GeoDataFrame(
        {
            "id": list("abcd"),
            "datetime": [None, None, "2024-02-10T23:59:59.5Z", None],
            "start_datetime": ["2024-01-20T00:00:00Z", "2024-03-01T00:00:00Z", None, None],
            "end_datetime": ["2024-02-02T00:00:00Z", "9999-12-31T00:00:00Z", None, None],
        },
        geometry=[shapely.box(0, 0, 1, 1)] * 4,
        crs=4326,
    )
    state = CaptureState(captures)
    facet = next(facet for facet in state.facets if facet.name == "datetime")
    assert day_iso(facet.low) == "2024-01-20"
    for dates, expected in (
        (("2024-02-01", "2024-02-10"), "ac"),
        (("2025-01-01", "2025-01-02"), "b"),
        (("2024-01-01", "2024-01-19"), ""),
    ):
        state.filters = {"datetime": list(dates)}
        names: dict[str, Any] = {"captures": captures, "scenecart": scenecart}
        exec(state.code(), names)  # noqa: S102  # the code that a user would run
        assert "".join(state.filtered["id"]) == "".join(names["chosen"]["id"]) == expected
        assert "".join(scenecart.filter(captures, datetime=dates)["id"]) == expected
    only_ranges = CaptureState(captures.drop(columns="datetime").iloc[:2])
    assert [facet.name for facet in only_ranges.facets] == ["datetime"]


def test_state_captures_not_a_geodataframe_is_refused(captures: gpd.GeoDataFrame):
    """Anything but a GeoDataFrame is refused; another CRS is converted to EPSG:4326."""
    with raises(scenecart.InvalidQuery, "captures_invalid"):
        CaptureState(pd.DataFrame({"a": [1]}))
    state = CaptureState(captures.to_crs(3857))
    assert np.allclose(state.captures.total_bounds, captures.total_bounds)


def test_state_of_picker_not_a_capture_map_is_refused(captures: gpd.GeoDataFrame):
    """Only a capture map or its state is accepted as picker."""
    state = CaptureState(captures)
    assert state_of(state) is state
    for other in (None, 5, captures):
        with raises(scenecart.InvalidRequest, "picker_invalid"):
            state_of(other)


@pytest.mark.usefixtures("switching_threads")
def test_state_captures_added_in_a_thread_match_the_filters(captures: gpd.GeoDataFrame):
    """While a search adds captures, filters set and frames read in another thread are consistent."""
    state = CaptureState(captures.iloc[:1])
    errors: list[BaseException] = []

    def add() -> None:
        try:
            for start in range(1, 150):
                state.add(captures.iloc[start : start + 1])
        except BaseException as error:  # noqa: BLE001  # asserted below
            errors.append(error)

    adding = threading.Thread(target=add)
    adding.start()
    while adding.is_alive():
        if any(facet.name == "eo:cloud_cover" for facet in state.facets):
            state.filters = {"eo:cloud_cover": [0, 50]}
            assert (state.filtered["eo:cloud_cover"] <= 50.1).all()
        state.select(state.labels([0]), "toggle")
        assert len(state.selected) == len(state.selection)
    adding.join()
    assert not errors
    assert len(state.keep) == len(state.captures) == 150


def test_state_current_capture_is_one_of_the_captures(captures: gpd.GeoDataFrame):
    """The current capture is known; a label of a former search becomes None."""
    state = CaptureState(captures.iloc[:3])
    label = state.labels([1])[0]
    state.current = label
    assert state.current == label
    state.current = "of a former search"
    assert state.current is None
    state.current = label
    state.captures = captures.iloc[5:8]
    assert state.current is None


def test_state_annotated_columns_filter_and_are_copied_as_code(captures: gpd.GeoDataFrame):
    """Columns that are found out later can be filtered by; the code marks owned captures itself, and lists ids for prices."""
    state = CaptureState(captures, HARBOUR)
    chosen = state.captures.index[3]
    state.select([chosen])
    owned = np.zeros(len(captures))
    owned[:2], owned[2] = 0.5, np.nan
    state.annotate({"owned": owned, "aoi:price_aud": np.arange(float(len(captures)))})
    assert state.selection == (chosen,)
    assert {"owned", "aoi:price_aud"} <= {facet.name for facet in state.facets}
    assert "price:credits_per_km2" not in {facet.name for facet in state.facets}
    marked = state.captures
    state.select([])
    for wanted, rows in (([10, 100], [0, 1]), ([0, 9], range(3, len(captures)))):
        state.filters = {"owned": wanted}
        assert state.filtered.index.tolist() == captures.index[list(rows)].tolist()
        names: dict[str, Any] = {"captures": captures, "aoi": None, "client": SimpleNamespace(mark_owned=lambda *_: marked)}
        exec(state.code(), names)  # noqa: S102  # the code that a user would run
        assert names["chosen"].index.equals(state.filtered.index)
    state.filters = {"aoi:price_aud": [0, 3]}
    assert state.filtered["id"].iloc[1] in state.code()
