"""Looking through what was found."""

from __future__ import annotations

import datetime as dt
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import example, given
from hypothesis import strategies as st

import scenecart
from scenecart import InvalidArea, InvalidQuery


@pytest.fixture
def captures() -> gpd.GeoDataFrame:
    """Give five captures, of which the last says nothing of itself."""
    return gpd.GeoDataFrame(
        {
            "id": list("abcde"),
            "datetime": pd.to_datetime(
                ["2024-01-31T23:59:59Z", "2024-02-01", "2024-03-05", "2025-01-01", None], format="ISO8601", utc=True
            ),
            "eo:cloud_cover": [0, 10, 20, 30, None],
            "view:off_nadir": [5.0, 10.0, 20.0, 40.0, np.nan],
            "gsd": ["0.3", 0.5, 1, "much", None],
            "price:currency": ["AUD"] * 5,
            "price:credits_per_km2": [100, 200, 300, 400, None],
            "orderable": [True, True, False, True, False],
        },
        geometry=[shapely.box(x, 0, x + 1, 1) for x in range(4)] + [None],
        crs=4326,
        index=[10, 20, 30, 40, 50],
    )


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({}, "abcde"),
        ({"cloud_cover": 10}, "ab"),
        ({"cloud_cover": (10, None)}, "bcd"),
        ({"cloud_cover": (10, 20)}, "bc"),
        ({"off_nadir": 20}, "abc"),
        ({"gsd": (None, 0.5)}, "ab"),
        ({"price": 250}, "ab"),
        ({"orderable": True}, "abd"),
        ({"orderable": False}, "ce"),
        ({"datetime": "2024"}, "abc"),
        ({"datetime": "2024-02/2024-03"}, "bc"),
        ({"datetime": "2024-03-05/.."}, "cd"),
        ({"datetime": "../2024-01"}, "a"),
        ({"datetime": ("2024-02-01", None)}, "bcd"),
        ({"datetime": dt.date(2024, 3, 5)}, "c"),
        ({"datetime": "2024-01-31T23:59:59Z/2024-02-01T00:00:00Z"}, "ab"),
        ({"aoi": (0.5, 0.2, 1.5, 0.8)}, "ab"),
        ({"aoi": (0.25, 0, 1.25, 1), "coverage": 0.5}, "a"),
        ({"aoi": (0.25, 0, 1.25, 1), "coverage": (None, 0.5)}, "b"),
        ({"cloud_cover": 20, "datetime": "2024", "aoi": (1, 0, 3, 1)}, "bc"),
    ],
)
def test_a_filter_keeps_what_suits(captures: gpd.GeoDataFrame, asked: Any, kept: str):
    """A filter keeps exactly the captures that suit, with their labels and columns; unknown values do not suit."""
    found = scenecart.filter(captures, **asked)
    assert "".join(found["id"]) == kept
    assert found.index.tolist() == [10 * ("abcde".index(name) + 1) for name in kept]
    assert list(found.columns) == list(captures.columns)
    assert isinstance(found, gpd.GeoDataFrame)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"cloud_cover": "20"}, "cloud_cover is a number"),
        ({"cloud_cover": True}, "cloud_cover is a number"),
        ({"cloud_cover": float("nan")}, "cloud_cover is a number"),
        ({"cloud_cover": (0, float("nan"))}, "cloud_cover is a number or a pair"),
        ({"cloud_cover": (20, 10)}, "reversed"),
        ({"cloud_cover": (1, 2, 3)}, "pair"),
        ({"datetime": "spring"}, "cannot be read"),
        ({"datetime": "2024-05/2024-01"}, "reversed"),
        ({"datetime": 2024}, "is a text"),
        ({"coverage": 0.5}, "give aoi too"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused(captures: gpd.GeoDataFrame, asked: Any, says: str):
    """A filter that cannot be meant is an error that says why."""
    with pytest.raises(InvalidQuery, match=says):
        scenecart.filter(captures, **asked)


@pytest.mark.parametrize("most", [0.2, (None, 0.2), (0, 0.2)])
def test_a_share_of_cloud_is_told_to_be_per_cent(captures: gpd.GeoDataFrame, most: Any):
    """As in a search, a cloud cover below one per cent is taken as it is, with a warning: it may have been meant as a share."""
    with pytest.warns(scenecart.ScenecartWarning, match=r"^cloud_cover is in per cent: .* 0\.2 % at most\. Was 20 meant\?$"):
        kept = scenecart.filter(captures, cloud_cover=most)
    assert kept["id"].tolist() == ["a"]
    for plain in (0, 1, (None, 20.5)):
        scenecart.filter(captures, cloud_cover=plain)


def test_a_filter_by_what_no_capture_has_is_refused(captures: gpd.GeoDataFrame):
    """Asking for a property that no capture has is an error rather than an empty result."""
    with pytest.raises(InvalidQuery, match="no column 'gsd'"):
        scenecart.filter(captures.drop(columns="gsd"), gsd=1)
    with pytest.raises(InvalidArea):
        scenecart.filter(captures, aoi="nowhere.geojson")


def test_a_range_of_times_meets_a_span(captures: gpd.GeoDataFrame):
    """A capture that took a while lies in a span where the two meet."""
    captures["start_datetime"] = pd.to_datetime(["2024-06-01"] + [None] * 4, utc=True)
    captures["end_datetime"] = pd.to_datetime(["2024-06-10"] + [None] * 4, utc=True)
    assert "".join(scenecart.filter(captures, datetime="2024-06-05")["id"]) == "a"
    assert "".join(scenecart.filter(captures, datetime="2024-01")["id"]) == ""


def test_coverage_over_the_antimeridian():
    """An area and a footprint on both sides of 180 degrees are measured where they are."""
    frame = gpd.GeoDataFrame(geometry=[shapely.box(179, 0, 181, 1), shapely.box(-180, 0, -179, 1)], crs=4326)
    shares = scenecart.coverage(frame, (179, 0, -179, 1))
    assert shares.tolist() == pytest.approx([1, 0.5], abs=1e-6)
    assert shares.attrs["together"] == pytest.approx(1, abs=1e-6)


def test_coverage_reads_other_crs_and_broken_footprints():
    """Captures in another CRS are reprojected; a footprint that crosses itself covers what it covers, none covers nothing."""
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    frame = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), bow_tie, None, shapely.Point(0.5, 0.5)], crs=4326)
    shares = scenecart.coverage(frame.to_crs(3857), (0, 0, 1, 1))
    assert shares.tolist() == pytest.approx([1, 0.5, 0, 0], abs=1e-3)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.1, 2)), min_size=1, max_size=6))
@example([(0.0, 0.0, 0.5), (0.0, 0.5, 1.0), (0.0, 7.5e-304, 1.0), (0.0, 2.2e-309, 1.0)])
def test_coverage_is_a_share(boxes: list[tuple[float, float, float]]):
    """Every share is from 0 to 1, and together they cover at least the best of them and at most their sum."""
    frame = gpd.GeoDataFrame(geometry=[shapely.box(x, y, x + size, y + size) for x, y, size in boxes], crs=4326)
    shares = scenecart.coverage(frame, (0, 0, 1, 1))
    together = shares.attrs["together"]
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.max() - 1e-9 <= together <= min(1, shares.sum()) + 1e-9


def test_a_collection_inside_a_collection_covers_what_its_areas_do():
    """However deep a footprint's polygons are nested, their ground counts."""
    inner = shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.Point(1, 1)])
    frame = gpd.GeoDataFrame(geometry=[inner, shapely.GeometryCollection([inner])], crs=4326)
    assert scenecart.coverage(frame, (0, 0, 2, 1)).tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


@pytest.mark.parametrize("wrong", [None, "found.parquet", pd.DataFrame({"id": ["a"]}), gpd.GeoDataFrame({"id": ["a"]})])
def test_what_is_no_frame_of_captures_is_said(wrong: Any):
    """Whatever else is passed for captures is refused in plain words."""
    with pytest.raises(InvalidQuery, match=r"GeoDataFrame|footprints"):
        scenecart.coverage(wrong, (0, 0, 2, 1))
    with pytest.raises(InvalidQuery, match=r"GeoDataFrame|footprints"):
        scenecart.filter(wrong, aoi=(0, 0, 2, 1))


@pytest.mark.parametrize("wrong", [None, "found.parquet", [1]])
def test_a_filter_of_no_frame_is_said(wrong: Any):
    """A filter by properties says too what it needs."""
    with pytest.raises(InvalidQuery, match="GeoDataFrame"):
        scenecart.filter(wrong, cloud_cover=10)
