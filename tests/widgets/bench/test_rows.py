"""What tables and timelines show of captures, as text."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from scenecart.widgets._bench import rows
from scenecart.widgets._state import CaptureState

AREA = (0.0, 0.0, 1.0, 1.0)


def frame(count: int = 3, **columns: object) -> gpd.GeoDataFrame:
    """Return captures of consecutive days; the first covers half of the area, the others all of it."""
    given = {
        "id": [f"c{row}" for row in range(count)],
        "host": "h",
        "collection": "c",
        "datetime": pd.date_range("2024-03-05", periods=count, tz="UTC"),
        "eo:cloud_cover": np.linspace(0, 60, count),
        "gsd": 0.5,
        **columns,
    }
    shapes = [shapely.box(0, 0, 0.5, 1), *[shapely.box(-1, -1, 2, 2)] * (count - 1)]
    return gpd.GeoDataFrame(given, geometry=shapes[:count], crs=4326)


def names(state: CaptureState) -> list[str]:
    return [column.name for column in rows.shown_columns(rows.columns_of(state), None)]


def test_columns_are_those_with_values():
    """A table has no column without values, and cloud over the area comes before that of the scene."""
    assert names(CaptureState(frame())) == ["datetime", "id", "eo:cloud_cover", "gsd"]
    full = frame(**{"aoi:cloud_cover": [1.0, 2.0, 3.0], "aoi:km2": 3.0, "aoi:price_aud": 9.0, "owned": 0.0})
    found = names(CaptureState(full, AREA))
    assert found == ["datetime", "id", "aoi:cloud_cover", "eo:cloud_cover", "gsd", "coverage", "aoi:km2", "aoi:price_aud"]
    assert names(CaptureState(gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.Point(0, 0)], crs=4326))) == ["id"]


def test_hosts_and_collections_are_named_where_they_differ():
    """Captures of one collection need no column that says so."""
    assert "collection" in names(CaptureState(frame(collection=["a", "a", "b"])))
    assert "collection" in {column.name for column in rows.columns_of(CaptureState(frame()))}


def test_order_puts_missing_values_last_both_ways():
    """A capture without the value is at the end, whichever end comes first."""
    state = CaptureState(frame(gsd=[np.nan, 0.5, 0.3]))
    assert rows.order_of(state, ("gsd", False)).tolist() == [2, 1, 0]
    assert rows.order_of(state, ("gsd", True)).tolist() == [1, 2, 0]
    assert rows.order_of(state, rows.NEWEST).tolist() == [2, 1, 0]
    assert rows.order_of(state, ("", False)).tolist() == [0, 1, 2]


def test_order_leaves_out_what_does_not_match_the_filters():
    """Filtered captures are in no row."""
    state = CaptureState(frame())
    state.filters = {"eo:cloud_cover": [0, 30]}
    assert rows.order_of(state, rows.NEWEST).tolist() == [1, 0]


def test_cells_say_what_is_estimated_owned_and_covered():
    """An estimate wears a sign, a share is never rounded up to all of it, and owned ground has its word."""
    state = CaptureState(frame(**{"aoi:cloud_cover": [10.84, np.nan, 0.0], "owned": [0.716, np.nan, 1.0]}), (0.0, 0.0, 0.5001, 1.0))
    first, second, third = rows.rows_of(state, rows.columns_of(state), np.arange(3))
    assert first["cells"]["aoi:cloud_cover"] == "≈\u00a010.8"
    assert first["cells"]["coverage"] == "99.9"
    assert (first["owned"], second["owned"], third["owned"]) == ("71 % owned", "Perhaps owned", "Owned")
    assert first["cloud"] == [0.43, 2]
    assert "aoi:cloud_cover" not in second["cells"]
    assert "cloud" not in second
    assert (third["key"], third["id"], third["day"]) == (2, "c2", "7 Mar 2024")


def test_cell_of_foreign_text_is_one_clean_line():
    """Line breaks and control characters of a catalog do not reach the page."""
    state = CaptureState(frame(id=["a\nb\x00", None, 5]))
    found = rows.rows_of(state, rows.columns_of(state), np.arange(3))
    assert [one["id"] for one in found] == ["a b", "", "5"]


def test_timeline_has_points_or_bars():
    """Each capture is a point; too many are bars whose counts add up."""
    few = rows.timeline_of(CaptureState(frame()), np.arange(3))
    assert [(key, cloud) for key, _, cloud, _ in few["points"]] == [(0, 0.0), (1, 30.0), (2, 60.0)]
    assert few["bars"] == []
    assert 0 < len(few["ticks"]) <= 12
    many = rows.timeline_of(CaptureState(frame(2_000)), np.arange(2_000))
    assert many["points"] == []
    assert sum(count for _, _, count in many["bars"]) == 2_000


@pytest.mark.parametrize("count", [0, 2])
def test_timeline_without_times_says_how_many_have_none(count: int):
    """Captures without a time are counted, not drawn."""
    captures = frame(2).drop(columns="datetime").head(count)
    found = rows.timeline_of(CaptureState(captures), np.arange(count))
    assert (found["points"], found["bars"], found["untimed"]) == ([], [], count)
