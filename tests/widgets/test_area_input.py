"""Areas of interest from uploaded files and typed text."""

from __future__ import annotations

import io

import geopandas as gpd
import pytest
import shapely

import scenecart
from _expect import raises
from _widgets import HARBOUR
from scenecart.widgets._area_input import read_area_text, read_area_upload

FRAME = gpd.GeoDataFrame(geometry=[shapely.box(*HARBOUR)], crs=4326)


def parquet() -> bytes:
    """Return the harbour as GeoParquet."""
    buffer = io.BytesIO()
    FRAME.to_parquet(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content"), [("area.geojson", FRAME.to_json().encode()), ("AREA.PARQUET", parquet())], ids=["geojson", "parquet"]
)
def test_read_area_upload_returns_the_area(name: str, content: bytes):
    """GeoJSON and GeoParquet become an area."""
    assert read_area_upload(name, content)[0].geometry.equals(shapely.box(*HARBOUR))


NAMES = ("../../harbour.geojson", "C:\\harbour.geojson", "ha/rb\0our.geojson", ".geojson", "h" * 300 + ".geojson")


@pytest.mark.parametrize("name", NAMES)
def test_read_area_upload_any_name_is_only_a_name(name: str):
    """The name that the browser sends decides the format, and no folder."""
    assert read_area_upload(name, FRAME.to_json().encode())[0].geometry.equals(shapely.box(*HARBOUR))


def test_read_area_upload_part_of_a_shapefile_names_the_others():
    """A .shp alone is refused with the names of the files that are missing."""
    with raises(scenecart.InvalidArea, "area_shapefile_incomplete") as caught:
        read_area_upload("quay.shp", b"\x00\x00\x27\x0a" + b"\0" * 100)
    assert caught.value.details["missing"] == ["quay.shx", "quay.dbf", "quay.prj"]


def test_read_area_upload_returns_what_was_assumed():
    """What a warning says in Python is returned as text for the panel."""
    pin = gpd.GeoDataFrame(geometry=[shapely.box(*HARBOUR), shapely.Point(0, 0)], crs=4326)
    area, notices = read_area_upload("job.geojson", pin.to_json().encode())
    assert area.geometry.equals(shapely.box(*HARBOUR))
    assert len(notices) == 1
    assert "1 point" in notices[0]


def test_read_area_upload_not_geodata_is_refused():
    """A file that is no geodata is refused, and its name in the message is escaped text."""
    with raises(scenecart.InvalidArea, "area_format_unsupported") as caught:
        read_area_upload("notes.txt", b"no")
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
