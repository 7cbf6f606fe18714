"""Cloud over an area as the catalog tells it."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

import scenecart
from _expect import raises
from scenecart._captures.area_cloud import check_area_cloud, note_area, stated_cloud
from scenecart._geo.area import as_area

AREA = as_area((0, 0, 2, 2))


def captures(**columns: Any) -> gpd.GeoDataFrame:
    """Return captures: one in the area as a whole, one across its edge, one outside, and one without a footprint."""
    shapes = [shapely.box(0.5, 0.5, 1, 1), shapely.box(1, 1, 3, 3), shapely.box(5, 5, 6, 6), None]
    return gpd.GeoDataFrame({"id": list("abcd"), **columns}, geometry=shapes, crs=4326)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("aoi:cloud_cover", 12.5, 12.5),
        ("aoi:cloud_free_percentage", 95, 5.0),
        ("cloud_cover_percentage_of_aoi", 40, 40.0),
    ],
)
def test_stated_cloud_is_the_field_of_the_provider(field: str, value: float, expected: float):
    """The fields of providers for the area of a search are read, also those that state what is free of cloud."""
    told = stated_cloud(captures(**{field: [value, value, value, value]}), AREA)
    assert told["aoi:cloud_cover"].tolist()[:2] == [expected, expected]
    assert told["aoi:cloud_source"].tolist()[:2] == ["provider", "provider"]
    assert told["aoi:cloud_note"].str.contains(field).tolist()[:2] == [True, True]
    assert told["aoi:cloud_cover"].isna().tolist()[2:] == [True, True]
    assert told["aoi:cloud_source"].isna().tolist()[2:] == [True, True]


def test_stated_cloud_of_a_capture_inside_is_its_own():
    """The cloud cover of a whole capture is that over the area if all of it is inside, and else says nothing."""
    told = stated_cloud(captures(**{"eo:cloud_cover": [30, 30, 30, 30]}), AREA)
    assert told["aoi:cloud_cover"].tolist()[0] == 30
    assert told["aoi:cloud_cover"].isna().tolist() == [False, True, True, True]


@pytest.mark.parametrize("value", [-1, 101, "x", None, float("nan"), float("inf")])
def test_stated_cloud_value_that_is_no_percentage_is_not_used(value: Any):
    """What is no number from 0 to 100 is not taken for a figure."""
    told = stated_cloud(captures(**{"aoi:cloud_cover": np.array([value] * 4, dtype=object)}), AREA)
    assert told["aoi:cloud_cover"].isna().all()


def test_check_area_cloud_refuses_no_column_and_another_area():
    """Captures without the column, or with that of another area, are refused; those without a note of the area are not."""
    plain = captures()
    with raises(scenecart.InvalidQuery, code="area_cloud_missing"):
        check_area_cloud(plain, AREA)
    marked = captures(**{"aoi:cloud_cover": [1.0, 2.0, 3.0, 4.0]})
    check_area_cloud(marked, AREA)
    note_area(marked, AREA)
    check_area_cloud(marked, AREA)
    with raises(scenecart.InvalidQuery, code="area_cloud_of_other_area"):
        check_area_cloud(marked, as_area((0, 0, 2, 2.1)))
