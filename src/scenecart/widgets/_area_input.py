"""Areas of interest from uploaded files and typed text."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import geopandas as gpd

from scenecart._geo.area import as_area
from scenecart._util.files import arrow_buffer
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidArea, ScenecartError

if TYPE_CHECKING:
    from scenecart._geo.area import Area

AREA_FILES = ".geojson,.json,.gpkg,.zip,.kml,.parquet"
_BOX_NUMBERS = 4


def read_area_file(name: str, content: bytes) -> Area:
    """Read an uploaded file as an area of interest.

    Raises
    ------
    InvalidArea
        If it holds no usable area.
    """
    try:
        if name.lower().endswith(".parquet"):
            return as_area(gpd.read_parquet(arrow_buffer(content)))
        return as_area(gpd.read_file(io.BytesIO(content)))
    except ScenecartError:
        raise
    except Exception as error:
        raise InvalidArea(
            f"{clean_text(name, 80)} cannot be read as an area.",
            code="area_upload_unreadable",
            hint="Use GeoJSON, GeoPackage, a zipped Shapefile, KML or GeoParquet.",
        ) from error


def read_area_text(text: str) -> Any:
    """Read typed text as an area: a box of four numbers, with or without brackets and commas, a file, WKT or GeoJSON.

    Raises
    ------
    InvalidArea
        If the text is empty or no usable area.

    Examples
    --------
    >>> read_area_text("[151.18 -33.99 151.24 -33.94]")
    (151.18, -33.99, 151.24, -33.94)
    """
    text = text.strip()
    if not text:
        raise InvalidArea("There is no area of interest.", code="area_missing", hint="Enter an area, or load it from a file.")
    numbers = text.strip("()[]").replace(";", " ").replace(",", " ").split()
    if len(numbers) == _BOX_NUMBERS:
        try:
            return tuple(float(number) for number in numbers)
        except ValueError:
            pass
    return as_area(text).geometry
