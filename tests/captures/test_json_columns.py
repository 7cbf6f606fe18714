"""Tests of columns as JSON text."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from scenecart._captures.json_columns import (
    fits_arrow,
    from_text,
    json_value,
    nested_columns,
    not_for_arrow,
    not_for_gdal,
    restored,
    with_text,
)

VALUES: list[Any] = ["a", "5", '"', "[1", " null ", "", 5, 2.5, True, [1, ["a"]], {"a": {}}, 2**70, "x\ud800", "a\0b", None]


def frame(**columns: list[Any]) -> gpd.GeoDataFrame:
    """Return captures with columns of any values."""
    data = {name: pd.Series(values, dtype=object) for name, values in columns.items()}
    shapes = [shapely.box(0, 0, 1, 1)] * len(next(iter(columns.values())))
    return gpd.GeoDataFrame(data, geometry=shapes, crs=4326)


def test_with_text_is_undone_by_restored():
    """Any mix of values becomes text that can be written as UTF-8, and is restored as it was."""
    captures = frame(x=VALUES, plain=["a"] * len(VALUES))
    written = with_text(captures, ["x"])
    assert written["x"].dropna().map(lambda text: text.encode() is not None).all()
    assert written["plain"].tolist() == captures["plain"].tolist()
    assert restored(written)["x"].tolist() == VALUES
    assert restored(written).attrs == {}
    assert restored(captures) is captures
    assert [from_text(5), from_text(None)] == [5, None]


@pytest.mark.parametrize(
    ("values", "fits"),
    [
        ([1, 2, None], True),
        ([["a"], None, []], True),
        ([{"a": 1}, {"a": 2}], True),
        ([{"a": 1}, {"b": 2}], False),
        ([{}], False),
        ([1, "a"], False),
        ([1, True], False),
        ([2**64], False),
        (["x\ud800"], False),
    ],
)
def test_fits_arrow_only_what_is_read_back(values: list[Any], *, fits: bool):
    """A column fits Parquet if its values come back: objects need the same members, and none may be empty."""
    assert fits_arrow(values) is fits
    assert (not_for_arrow(frame(x=values)) == []) is fits


def test_nested_columns_are_those_that_no_table_holds():
    """Lists, objects, mixed types and second geometries are nested; plain columns are not. GDAL holds text without NUL."""
    captures = frame(text=["a", None], number=[1, 2], both=[1, "a"], items=[["a"], None], nul=["a\0", "b"])
    captures["second"] = gpd.GeoSeries([shapely.Point(0, 0)] * 2)
    captures["plain"] = [1.5, 2.5]
    assert nested_columns(captures) == ["both", "items", "second"]
    assert not_for_gdal(captures) == ["number", "both", "items", "nul", "second"]


def test_json_value_has_only_json():
    """Arrays are lists, times RFC 3339, shapes GeoJSON, and missing values None; nulls in objects can be left out."""
    value = {
        "array": np.array([1, 2]),
        "time": pd.Timestamp("2024-03-05T12:00+02:00"),
        "shape": shapely.Point(1, 2),
        "missing": pd.NA,
        "number": np.float64(1.5),
    }
    expected = {
        "array": [1, 2],
        "time": "2024-03-05T10:00:00Z",
        "shape": {"type": "Point", "coordinates": [1.0, 2.0]},
        "number": 1.5,
    }
    assert json_value(value) == {**expected, "missing": None}
    assert json_value(value, keep_nulls=False) == expected
