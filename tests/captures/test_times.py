"""Tests of times of captures: columns in any form, ranges, and instants."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely

import scenecart
from _expect import raises
from scenecart import InvalidQuery
from scenecart._captures.times import acquired_texts, acquisition_times, has_times, instant, time_ranges, utc_times

if TYPE_CHECKING:
    from pathlib import Path

NAIVE = dt.datetime(2024, 3, 5, 10)  # noqa: DTZ001  # as spreadsheets give it
COLUMNS: dict[str, Any] = {
    "UTC": pd.Series([pd.Timestamp("2024-03-05T10:00Z")]),
    "another zone": pd.Series([pd.Timestamp("2024-03-05T12:00+02:00")]),
    "naive": pd.Series([NAIVE]),
    "objects": pd.Series([NAIVE], dtype=object),
    "text": pd.Series(["2024-03-05T10:00:00Z"]),
    "text with an offset": pd.Series([" 2024-03-05T12:00:00.000000000+02:00 "], dtype=object),
    "text of a Shapefile": pd.Series(["2024/03/05 10:00:00.000+00"]),
    "category": pd.Series(["2024-03-05T10:00:00Z"], dtype="category"),
    "Arrow": pd.Series([NAIVE], dtype=pd.ArrowDtype(pa.timestamp("us", "UTC"))),
    "numpy": pd.Series([np.datetime64("2024-03-05T10:00:00")], dtype=object),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_utc_times_any_form_is_the_same_instant(column: pd.Series[Any]):
    """Zones, naive times, objects, text and categories are read as the same instant, to the microsecond."""
    times = utc_times(column)
    assert times.dtype == "datetime64[us, UTC]"
    assert times.tolist() == [pd.Timestamp("2024-03-05T10:00:00Z")]
    frame = gpd.GeoDataFrame({"id": ["a"], "datetime": column}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    assert len(scenecart.filter(frame, datetime="2024-03-05")) == 1
    assert len(scenecart.filter(frame, datetime="2024-03-06")) == 0


def test_utc_times_values_that_are_not_times_are_missing():
    """Numbers, lists, impossible dates and the year 0 are no times; far years and dates are."""
    values = [5, 1.5, True, [1], "", "soon", "2024-02-30", "0000-01-01", None, pd.NaT, "9999-12-31T00:00:00Z", dt.date(2024, 3, 5)]
    assert utc_times(pd.Series(values, dtype=object)).notna().tolist() == [False] * 10 + [True] * 2
    assert utc_times(pd.Series([1, 2])).isna().all()
    assert utc_times(pd.Series([], dtype=object)).dtype == "datetime64[us, UTC]"


def test_time_ranges_use_the_ends_that_are_given():
    """A range has its own ends, an instant is both ends, one end stands for both, and reversed ends are put in order."""
    times: dict[str, Any] = {
        "datetime": ["2024-03-05", None, None, "2024-05-05", None],
        "start_datetime": [None, "2024-02-01", "2024-04-01", "2024-05-09", None],
        "end_datetime": [None, "2024-02-28", None, "2024-05-01", None],
    }
    first, last = time_ranges(pd.DataFrame(times))
    assert first.astype(str).str[:10].tolist()[:4] == ["2024-03-05", "2024-02-01", "2024-04-01", "2024-05-01"]
    assert last.astype(str).str[:10].tolist()[:4] == ["2024-03-05", "2024-02-28", "2024-04-01", "2024-05-09"]
    assert first.isna().tolist() == last.isna().tolist() == [False] * 4 + [True]
    texts = ["2024-03-05 00:00", "2024-02-01 – 2024-02-28", "2024-04-01 00:00", "2024-05-05 00:00", ""]
    assert acquired_texts(pd.DataFrame(times)) == texts
    assert not has_times(pd.DataFrame({"id": ["a"]}))
    assert acquisition_times(pd.DataFrame({"id": ["a"]})).isna().all()


def test_acquisition_times_fall_back_to_the_start():
    """A capture with a time range counts at its start; one without any time is NaT."""
    frame = pd.DataFrame(
        {
            "datetime": pd.to_datetime(["2024-03-01T10:00:00Z", None, None], utc=True),
            "start_datetime": pd.to_datetime([None, "2024-02-01T00:00:00Z", None], utc=True),
        }
    )
    times = acquisition_times(frame)
    assert times.iloc[:2].dt.strftime("%Y-%m-%d").tolist() == ["2024-03-01", "2024-02-01"]
    assert times.isna().tolist() == [False, False, True]


@pytest.mark.parametrize("column", [[1, 2], ["soon", "later"]], ids=["numbers", "words"])
def test_time_columns_without_a_time_are_refused(column: list[Any]):
    """A column of which no value is a time is an error that names it, in filters and timelines."""
    frame = gpd.GeoDataFrame({"datetime": column, "collection": "c"}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    with raises(InvalidQuery, "times_unreadable") as caught:
        scenecart.filter(frame, datetime="2024")
    assert "'datetime'" in str(caught.value)
    with raises(InvalidQuery, "times_unreadable"):
        scenecart.timeline(frame)
    with raises(InvalidQuery, "column_missing"):
        scenecart.filter(frame.drop(columns="datetime"), datetime="2024")


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.shp"])
@pytest.mark.filterwarnings("ignore:Field .* created as String field:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Column names longer than:UserWarning")
def test_filter_times_read_back_from_a_file(tmp_path: Path, name: str):
    """Captures saved with geopandas and read back are filtered by time, whatever the format made of the column."""
    times = pd.to_datetime(["2024-03-05T23:59:59.5Z", "2024-03-06T00:00:00Z"], format="ISO8601", utc=True)
    frame = gpd.GeoDataFrame({"id": ["a", "b"], "datetime": times}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    frame.to_file(tmp_path / name)
    assert scenecart.filter(gpd.read_file(tmp_path / name), datetime="2024-03-05")["id"].tolist() == ["a"]


def test_instant_reads_offsets_fractions_and_leap_seconds():
    """Times are instants, whatever their offset and digits; the second 60 is the first of the next minute."""
    assert instant("2024-01-01T12:00:00+02:00") == instant("2024-01-01T10:00:00.000Z")
    assert instant("2016-12-31T23:59:60Z") == instant("2017-01-01T00:00:00Z")
    for text in ("nothing", "NaT", "NaTZ"):
        with pytest.raises(ValueError, match=text):
            instant(text)
