"""Areas of interest from uploaded files and typed text."""

from __future__ import annotations

import io

import geopandas as gpd
import pytest
import shapely

import scenecart
from _expect import raises
from _widgets import HARBOUR
from scenecart.widgets._area_input import read_area_file, read_area_text

FRAME = gpd.GeoDataFrame(geometry=[shapely.box(*HARBOUR)], crs=4326)


def parquet() -> bytes:
    """Return the harbour as GeoParquet."""
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"), [("area.geojson", FRAME.to_json().encode()), ("AREA.PARQUET", parquet())], ids=["geojson", "parquet"]
)
def test_read_area_file_returns_the_area(name: str, content: bytes):
    """GeoJSON and GeoParquet become an area."""
    assert read_area_file(name, content).geometry.equals(shapely.box(*HARBOUR))


def test_read_area_file_not_geodata_is_refused():
    """A file that is no geodata is refused, and its name in the message is escaped text."""
    with raises(scenecart.InvalidArea, "area_format_unsupported") as caught:
        read_area_file("notes.txt", b"no")
    assert "notes.txt" in caught.value.message


@pytest.mark.parametrize(
    "text", ["(151.18, -33.99, 151.24, -33.94)", "[151.18,-33.99,151.24,-33.94]", "151.18 -33.99 151.24 -33.94"]
)
def test_read_area_text_bbox_with_or_without_brackets_is_read(text: str):
    """Four numbers are a box, with or without brackets and commas."""
    assert read_area_text(text) == HARBOUR


def test_read_area_text_wkt_is_read():
    """WKT becomes its geometry."""
    assert read_area_text(shapely.box(*HARBOUR).wkt).equals(shapely.box(*HARBOUR))


def test_read_area_text_empty_is_refused():
    """Empty text is a missing area."""
    with raises(scenecart.InvalidArea, "area_missing"):
        read_area_text("  ")
