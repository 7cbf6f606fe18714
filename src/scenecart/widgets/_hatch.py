"""Hatching of owned areas on a map: slanted lines, clipped to the area, at the same distance on the screen at every zoom."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import mapping

from scenecart._geo.geometry import polygonal
from scenecart._geo.unwrap import join_at_antimeridian

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

# on the screen, in pixels
_DISTANCE = 12
_MOST_LINES = 400
NOTHING: dict[str, Any] = {"type": "FeatureCollection", "features": []}


def hatched(
    ground: BaseGeometry | None, view: tuple[float, float, float, float], pixel: float, *, has_lines: bool = True
) -> dict[str, Any]:
    """Return the outline of an area and slanted lines across it, as GeoJSON; empty if nothing of it is in view.

    Parameters
    ----------
    ground
        The area, EPSG:4326; None for nothing.
    view
        West, south, east and north of the map, in degrees.
    pixel
        The width of a pixel, in degrees of longitude.
    has_lines
        False returns only the outline, which hides no imagery below it.

    Examples
    --------
    >>> found = hatched(shapely.box(0, 0, 1, 1), (-1, -1, 2, 2), 0.01)
    >>> [feature["properties"]["kind"] for feature in found["features"]]
    ['outline', 'lines']
    """
    if ground is None:
        return NOTHING
    seen = polygonal(shapely.clip_by_rect(join_at_antimeridian(ground), *view))
    if seen.is_empty:
        return NOTHING
    lines = shapely.intersection(_slanted(view, pixel), seen) if has_lines else shapely.MultiLineString()
    found = [("outline", seen.boundary), *([] if lines.is_empty else [("lines", lines)])]
    return {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"kind": kind}, "geometry": mapping(shape)} for kind, shape in found],
    }


def _slanted(view: tuple[float, float, float, float], pixel: float) -> BaseGeometry:
    """Return lines at 45 degrees on the screen across a view; a map stays hatched at the same places while it is moved."""
    west, south, east, north = view
    # degrees of latitude are longer on the screen than those of longitude
    steep = math.cos(math.radians((south + north) / 2))
    step = max(_DISTANCE * pixel * math.sqrt(2), (east - west + (north - south) / steep) / _MOST_LINES)
    first = math.floor((west - (north - south) / steep) / step) * step
    starts = np.arange(first, east + step, step)
    ends = starts + (north - south) / steep
    low, high = np.full(len(starts), south), np.full(len(starts), north)
    ends_of = np.stack([np.column_stack([starts, low]), np.column_stack([ends, high])], axis=1)
    return shapely.MultiLineString(list(ends_of))
