"""Tests of filters and coverage."""

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
from _expect import raises, warns
from _footprints import ODD
from scenecart import InvalidArea, InvalidQuery
from scenecart._captures.stac_api import as_interval


@pytest.fixture
def captures() -> gpd.GeoDataFrame:
    """Give five captures, of which the last has no values."""
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
    ("conditions", "kept"),
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
def test_filter_keeps_matching_captures(captures: gpd.GeoDataFrame, conditions: Any, kept: str):
    """A filter keeps exactly the matching captures, with their labels and columns; missing values do not match."""
    found = scenecart.filter(captures, **conditions)
    assert "".join(found["id"]) == kept
    assert found.index.tolist() == [10 * ("abcde".index(name) + 1) for name in kept]
    assert list(found.columns) == list(captures.columns)
    assert isinstance(found, gpd.GeoDataFrame)


@pytest.mark.parametrize(
    ("conditions", "code"),
    [
        ({"cloud_cover": "20"}, "range_invalid"),
        ({"cloud_cover": True}, "range_invalid"),
        ({"cloud_cover": float("nan")}, "range_invalid"),
        ({"cloud_cover": (0, float("nan"))}, "range_invalid"),
        ({"cloud_cover": (1, 2, 3)}, "range_invalid"),
        ({"cloud_cover": (20, 10)}, "range_reversed"),
        ({"datetime": "spring"}, "datetime_invalid"),
        ({"datetime": 2024}, "datetime_invalid"),
        ({"datetime": (2024, None)}, "datetime_invalid"),
        ({"datetime": "2024-05/2024-01"}, "datetime_reversed"),
        ({"datetime": ".."}, "datetime_unbounded"),
        ({"coverage": 0.5}, "aoi_missing"),
        ({"coverage": 90}, "coverage_out_of_range"),
        ({"coverage": (10, 50)}, "coverage_out_of_range"),
    ],
)
def test_filter_invalid_condition_is_refused(captures: gpd.GeoDataFrame, conditions: Any, code: str):
    """An invalid condition is refused by an error about its argument."""
    with raises(InvalidQuery, code) as caught:
        scenecart.filter(captures, **conditions)
    assert [caught.value.argument] == list(conditions)


@pytest.mark.parametrize("limit", [0.2, (None, 0.2), (0, 0.2)])
def test_filter_cloud_cover_below_one_percent_warns(captures: gpd.GeoDataFrame, limit: Any):
    """As in a search, a cloud cover below 1 % is used unchanged, with a warning, since it may be meant as a fraction."""
    with warns("cloud_cover_below_one_percent"):
        kept = scenecart.filter(captures, cloud_cover=limit)
    assert kept["id"].tolist() == ["a"]
    for plain in (0, 1, (None, 20.5)):
        scenecart.filter(captures, cloud_cover=plain)


def test_filter_missing_column_is_refused(captures: gpd.GeoDataFrame):
    """A condition on a property that no capture has is an error rather than an empty result; so is an unreadable area."""
    with raises(InvalidQuery, "column_missing") as caught:
        scenecart.filter(captures.drop(columns="gsd"), gsd=1)
    assert "'gsd'" in str(caught.value)
    with raises(InvalidArea, "area_file_missing"):
        scenecart.filter(captures, aoi="nowhere.geojson")


def test_filter_time_range_matches_where_intervals_overlap(captures: gpd.GeoDataFrame):
    """A capture with a time range matches if the two intervals overlap."""
    captures["start_datetime"] = pd.to_datetime(["2024-06-01"] + [None] * 4, utc=True)
    captures["end_datetime"] = pd.to_datetime(["2024-06-10"] + [None] * 4, utc=True)
    assert "".join(scenecart.filter(captures, datetime="2024-06-05")["id"]) == "a"
    assert "".join(scenecart.filter(captures, datetime="2024-01")["id"]) == ""


def test_filter_last_second_of_a_day_is_kept(captures: gpd.GeoDataFrame):
    """A day ends with the last fraction of its last second, and a time is exactly that instant."""
    captures["datetime"] = pd.to_datetime("2024-03-05T23:59:59.75Z")
    assert len(scenecart.filter(captures, datetime="2024-03-05")) == 5
    assert len(scenecart.filter(captures, datetime=("2024-03", dt.date(2024, 3, 5)))) == 5
    assert len(scenecart.filter(captures, datetime="2024-03-05T00:00:00Z/2024-03-05T23:59:59Z")) == 0
    assert len(scenecart.filter(captures, datetime="2024-03-06T01:59:59.75+02:00")) == 5
    assert len(scenecart.filter(captures, datetime=dt.datetime(2024, 3, 5, 23, 59, 59, 750_000, tzinfo=dt.UTC))) == 5


@pytest.mark.parametrize(
    "text", ["03/04/2024", "24-03-05", "5.3.2024", "2023-01-01/2023-06-01/2024", "10:00", "2024-Q1", "20240305", "2024-3", "now"]
)
def test_filter_datetime_that_search_refuses_is_refused(captures: gpd.GeoDataFrame, text: str):
    """What could be read in two ways, or only by guessing, is refused as by a search."""
    with raises(InvalidQuery, "datetime_invalid"):
        scenecart.filter(captures, datetime=text)
    with raises(InvalidQuery, "datetime_invalid"):
        as_interval(text)


def test_coverage_across_antimeridian_is_measured():
    """An area and footprints on both sides of 180 degrees are measured without the rest of the world between them."""
    frame = gpd.GeoDataFrame(geometry=[shapely.box(179, 0, 181, 1), shapely.box(-180, 0, -179, 1)], crs=4326)
    shares = scenecart.coverage(frame, (179, 0, -179, 1))
    assert shares.tolist() == pytest.approx([1, 0.5], abs=1e-6)
    assert shares.attrs["together"] == pytest.approx(1, abs=1e-6)


def test_coverage_reprojects_and_repairs_footprints():
    """Captures in another CRS are reprojected; a self-crossing footprint covers what it encloses, none covers 0."""
    bow_tie = shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])
    frame = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), bow_tie, None, shapely.Point(0.5, 0.5)], crs=4326)
    shares = scenecart.coverage(frame.to_crs(3857), (0, 0, 1, 1))
    assert shares.tolist() == pytest.approx([1, 0.5, 0, 0], abs=1e-3)


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(0.1, 2)), min_size=1, max_size=6))
@example([(0.0, 0.0, 0.5), (0.0, 0.5, 1.0), (0.0, 7.5e-304, 1.0), (0.0, 2.2e-309, 1.0)])
def test_coverage_is_between_0_and_1(boxes: list[tuple[float, float, float]]):
    """Every share is from 0 to 1; together they cover at least the largest of them and at most their sum."""
    frame = gpd.GeoDataFrame(geometry=[shapely.box(x, y, x + size, y + size) for x, y, size in boxes], crs=4326)
    shares = scenecart.coverage(frame, (0, 0, 1, 1))
    together = shares.attrs["together"]
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares.max() - 1e-9 <= together <= min(1, shares.sum()) + 1e-9


def test_coverage_of_nested_collections_counts_their_polygons():
    """However deep the polygons of a footprint are nested, they count."""
    inner = shapely.GeometryCollection([shapely.box(0, 0, 1, 1), shapely.Point(1, 1)])
    frame = gpd.GeoDataFrame(geometry=[inner, shapely.GeometryCollection([inner])], crs=4326)
    assert scenecart.coverage(frame, (0, 0, 2, 1)).tolist() == pytest.approx([0.5, 0.5], abs=1e-4)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "captures_invalid"),
        ("found.parquet", "captures_invalid"),
        (pd.DataFrame({"id": ["a"]}), "captures_invalid"),
        (gpd.GeoDataFrame({"id": ["a"]}), "geometry_column_missing"),
    ],
)
def test_coverage_not_a_geodataframe_with_footprints_is_refused(value: Any, code: str):
    """Anything but a GeoDataFrame with footprints is refused, by coverage() and by a filter on an area."""
    with raises(InvalidQuery, code):
        scenecart.coverage(value, (0, 0, 2, 1))
    with raises(InvalidQuery, code):
        scenecart.filter(value, aoi=(0, 0, 2, 1))


@pytest.mark.parametrize("value", [None, "found.parquet", [1]])
def test_filter_not_a_geodataframe_is_refused(value: Any):
    """Anything but a frame is refused by a filter on properties too."""
    with raises(InvalidQuery, "captures_invalid"):
        scenecart.filter(value, cloud_cover=10)


@pytest.mark.parametrize("odd", ODD)
def test_coverage_and_filter_odd_footprint_spoils_no_other(odd: str):
    """One footprint without a place on the globe changes nothing for the others."""
    good = [shapely.box(x, 0, x + 1, 1) for x in range(50)]
    captures = gpd.GeoDataFrame({"id": [*map(str, range(50)), "odd"]}, geometry=[*good, ODD[odd]], crs=4326)
    shares = scenecart.coverage(captures, (0, 0, 2, 1))
    assert shares[:3].tolist() == pytest.approx([0.5, 0.5, 0])
    assert 0 <= shares[50] <= 1
    assert scenecart.filter(captures, aoi=(0.5, 0.2, 1.5, 0.8))["id"].tolist()[:2] == ["0", "1"]


def test_coverage_of_a_footprint_around_a_pole():
    """A footprint around a pole covers the pole, although its corners are all on one parallel."""
    ring = [(lon, -75) for lon in range(-180, 180, 15)]
    captures = gpd.GeoDataFrame({"id": ["cap", "west"]}, geometry=[shapely.Polygon(ring), shapely.Polygon(ring[::-1])], crs=4326)
    assert scenecart.coverage(captures, (0, -89, 10, -88)).tolist() == pytest.approx([1, 1])
    assert scenecart.coverage(captures, (0, 88, 10, 89)).tolist() == [0, 0]


@pytest.mark.parametrize("box", [(-100, -60, 100, 60), (-179, -60, 179, 60)])
def test_coverage_of_a_box_wider_than_half_the_world(box: tuple[float, float, float, float]):
    """A wide box is the box from west to east, and not the strip on the other side of the world."""
    shapes = [shapely.box(2, 48, 3, 49), shapely.box(179.2, -18, 179.6, -17)]
    captures = gpd.GeoDataFrame({"id": ["paris", "fiji"]}, geometry=shapes, crs=4326)
    paris, fiji = scenecart.coverage(captures, box)
    assert paris > 0
    assert fiji == 0
