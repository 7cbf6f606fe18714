"""What captures can be filtered by."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from _expect import raises
from scenecart.exceptions import InvalidQuery
from scenecart.widgets._facets import Facet, check_filter, code_of_filter, facets_of, values_of


def _captures() -> gpd.GeoDataFrame:
    columns = {
        "id": ["a", "b", "c"],
        "datetime": pd.to_datetime(["2024-01-01T10:00Z", "2024-01-03T10:00Z", None]),
        "eo:cloud_cover": [0.4, 30.2, None],
        "gsd": [0.5, 0.5, 0.5],
        "platform": ["x", "y", None],
    }
    return gpd.GeoDataFrame(columns, geometry=[shapely.box(0, 0, 1, 1)] * 3, crs=4326)


def test_facets_have_the_ends_of_what_is_there():
    """A range begins and ends at steps around the values; a column of one value, or without any, is no facet."""
    captures = _captures()
    found = {facet.name: facet for facet in facets_of(captures, lambda name: values_of(captures, None, name), has_area=False)}
    assert set(found) == {"datetime", "eo:cloud_cover", "platform"}
    assert (found["eo:cloud_cover"].low, found["eo:cloud_cover"].high) == (0.0, 31.0)
    assert found["platform"].options == ("x", "y")
    with_area = facets_of(captures, lambda _: np.zeros(3), has_area=True)
    assert "coverage" in {facet.name for facet in with_area}


@pytest.mark.parametrize(
    ("facet", "wanted", "code"),
    [
        (Facet("gsd", "GSD", "range"), [2, 1], "filter_range_invalid"),
        (Facet("gsd", "GSD", "range"), "few", "filter_range_invalid"),
        (Facet("datetime", "Acquired", "dates"), ["2024-02-30", "2024-03-01"], "filter_range_invalid"),
        (Facet("platform", "Platform", "choice", options=("x",)), ["z"], "filter_value_unknown"),
    ],
)
def test_check_filter_that_does_not_fit_is_refused(facet: Facet, wanted: Any, code: str):
    """A range that is reversed or no range, and a value that no capture has, are refused."""
    with raises(InvalidQuery, code):
        check_filter(facet, wanted)


def test_code_of_filter_is_an_expression_of_pandas():
    """Choices and ranges become expressions; a share in percent is one of the frame's shares."""
    assert code_of_filter(Facet("platform", "Platform", "choice"), ["x"], "found") == "found[\"platform\"].isin(['x'])"
    assert code_of_filter(Facet("coverage", "Area covered", "range"), [50, 100], "found") == "shares.between(0.5, 1)"
