"""What a map is drawn with: views, tiles, pens, legends, and the words beside it."""

from __future__ import annotations

import base64
import io
import math
import os
from typing import Any

import geopandas as gpd
import ipyleaflet as leaflet
import numpy as np
import pandas as pd
import shapely
import xyzservices.providers
from shapely.geometry import mapping

from scenecart._geo.area import as_area
from scenecart._util.files import arrow_buffer
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidArea, InvalidRequest, ScenecartError
from scenecart.widgets import _style

AREA_FILES = ".geojson,.json,.gpkg,.zip,.kml,.parquet"
WIDTH, HEIGHT = 800.0, 420.0
_TILE = 256.0


def read_area(name: str, content: bytes) -> Any:
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
            f"{clean_text(name, 80)} cannot be read as an area.", hint="GeoJSON, GeoPackage, zipped Shapefile, KML or GeoParquet."
        ) from error


def drawing_pen(colour: str, *, edits: bool = False) -> leaflet.DrawControl:
    """Return what draws rectangles and polygons, and changes them where it may."""
    shapes = {"shapeOptions": {"color": colour, "weight": 2, "fillOpacity": 0.1}}
    none: dict[str, Any] = {}
    return leaflet.DrawControl(
        rectangle=shapes, polygon=shapes, polyline=none, circle=none, circlemarker=none, marker=none, edit=edits, remove=edits
    )


def describe(capture: pd.Series[Any]) -> dict[str, Any]:
    """Return what a card says of a capture, as texts."""

    def figure(name: str, unit: str) -> str:
        number = float(pd.to_numeric(pd.Series([capture.get(name)]), errors="coerce").iloc[0])
        return "" if np.isnan(number) else f"{number:g}{unit}"

    acquired = capture.get("datetime")
    facts = [
        "" if acquired is None or pd.isna(acquired) else f"{acquired:%Y-%m-%d %H:%M} UTC",
        figure("eo:cloud_cover", " % cloud"),
        figure("view:off_nadir", "° off-nadir"),
        figure("gsd", " m"),
    ]
    why = capture.get("not_orderable_reason")
    return {
        "id": clean_text(capture.get("id"), 120),
        "collection": clean_text(capture.get("collection"), 80),
        "facts": [fact for fact in facts if fact],
        "not_orderable_reason": clean_text(why, 200) if isinstance(why, str) and why else "",
    }


def data_url(picture: bytes) -> str | None:
    """Return a picture as a URL that loads nothing; None for what is no PNG or JPEG."""
    kinds = {b"\x89PNG\r\n\x1a\n": "png", b"\xff\xd8\xff": "jpeg"}
    kind = next((kind for start, kind in kinds.items() if picture.startswith(start)), None)
    return None if kind is None else f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def one_line(capture: pd.Series[Any]) -> str:
    """Return what a list says of a capture."""
    told = describe(capture)
    return " · ".join([told["id"], *told["facts"]])


def column_title(name: str) -> str:
    """Return how a column is called where captures are coloured by it."""
    titles = {"eo:cloud_cover": "Cloud cover, %", "datetime": "Acquired", "view:off_nadir": "Off-nadir, °", "gsd": "GSD, m"}
    return titles.get(name, name.removeprefix("view:").replace("_", " ").capitalize())


def density_cells(cells: list[tuple[tuple[float, float, float, float], int]]) -> dict[str, Any]:
    """Return cells (bounds in degrees, and a count) as GeoJSON, the fuller the darker."""
    most = max((count for _, count in cells), default=1)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"style": {"fillColor": _style.PLAIN, "fillOpacity": round(0.12 + 0.68 * (count / most) ** 0.5, 3)}},
                "geometry": mapping(shapely.box(*cell)),
            }
            for cell, count in cells
        ],
    }


def density_legend(cells: list[tuple[tuple[float, float, float, float], int]]) -> str:
    """Return what the shades of cells mean."""
    most = max((count for _, count in cells), default=1)
    scale = "#0072b21f, #0072b2cc"
    return _style.text("widget_legend.html", title="Captures in a cell", keys=[], ends=("1", f"{most:,}"), scale=scale)


def fitting(bounds: tuple[float, float, float, float], width: float, height: float) -> tuple[tuple[float, float], float]:
    """Return the middle (latitude, longitude) and the zoom at which bounds fill a map of so many pixels, with some room.

    Examples
    --------
    >>> fitting((-180, -85, 180, 85), 600, 600)
    ((0.0, 0.0), 1.0)
    """
    west, south, east, north = bounds
    low, high = (math.asinh(math.tan(math.radians(max(-85.0, min(85.0, end))))) for end in (south, north))
    wide, tall = max(east - west, 1e-4) / 360, max(high - low, 1e-6) / (2 * math.pi)
    zoom = math.floor(math.log2(min(0.9 * width / wide, 0.9 * height / tall) / _TILE))
    latitude = math.degrees(math.atan(math.sinh((low + high) / 2)))
    return (latitude, (west + east) / 2), float(max(1, min(16, zoom)))


def base_tiles(wanted: Any) -> leaflet.TileLayer | None:
    """Return the tiles below a map: a provider's, by name or as it is; None for none.

    Raises
    ------
    InvalidRequest
        If there is no such provider.
    """
    chosen = wanted if wanted is not None else os.environ.get("SCENECART_BASEMAP", "OpenStreetMap.Mapnik")
    if isinstance(chosen, str):
        if chosen.lower() == "none":
            return None
        try:
            chosen = xyzservices.providers.query_name(chosen)
        except ValueError:
            raise InvalidRequest(
                f"There is no basemap {chosen[:80]!r}.", hint='A name of xyzservices such as "CartoDB.Positron", or "none".'
            ) from None
    made: leaflet.TileLayer = leaflet.basemap_to_tiles(chosen)
    return made
