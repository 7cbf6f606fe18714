"""Geometry as the service sees it: checked, split at the antimeridian, measured on the ellipsoid."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import antimeridian
import numpy as np
import shapely
from pyproj import Geod
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_GEOD = Geod(ellps="WGS84")
_EDGE_DEGREES = 0.02
POLYGONAL = frozenset({"Polygon", "MultiPolygon"})


class Unusable(ValueError):  # a reason, told to whoever sent the shape
    """A geometry that cannot be used; the message says why."""


def read_shape(document: Any) -> BaseGeometry:
    """Read a GeoJSON geometry, valid and split at the antimeridian.

    Raises
    ------
    Unusable
        If it is none, is empty, lies outside the world or crosses itself.
    """
    if not isinstance(document, dict):
        raise Unusable("the geometry is missing")
    try:
        found = shapely.force_2d(shape(document))
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        raise Unusable("the geometry is no GeoJSON geometry") from None
    if _has_empty_part(found):
        raise Unusable("the geometry is empty, or a part of it is")
    xy = np.abs(shapely.get_coordinates(found))
    if not np.isfinite(xy).all() or xy[:, 1].max() > 90 or xy[:, 0].max() > 540:  # noqa: PLR2004  # the world, once around
        raise Unusable("the geometry lies outside the world")
    found = split(found)
    if found.is_empty:
        raise Unusable("the geometry has no area")
    if not found.is_valid:
        raise Unusable(f"the geometry is not valid: {shapely.is_valid_reason(found)}")
    return found


def _has_empty_part(found: BaseGeometry) -> bool:
    """Tell whether a shape, a part or a ring of it holds no point; GEOS ends the process when such a one is segmentized."""
    parts = shapely.get_parts(found)
    if found.is_empty or shapely.is_empty(parts).any():
        return True
    rings = shapely.get_rings(parts)
    nested = [part for part in parts if hasattr(part, "geoms")]
    return bool(shapely.is_empty(rings).any()) or any(map(_has_empty_part, nested))


def split(found: BaseGeometry) -> BaseGeometry:
    """Return the shape with longitudes within ±180, in parts where it crosses the antimeridian."""
    if found.geom_type not in POLYGONAL:
        return found
    x = shapely.get_coordinates(found)[:, 0]
    long_step = any(
        (np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])) > 180).any()  # noqa: PLR2004  # half the world
        for ring in shapely.get_rings(shapely.get_parts(found))
    )
    if np.abs(x).max() <= 180 and not long_step:  # noqa: PLR2004  # the antimeridian
        return found
    fix: Any = antimeridian.fix_polygon if found.geom_type == "Polygon" else antimeridian.fix_multi_polygon
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
            parts = [part for part in shapely.get_parts(fix(found, great_circle=False)) if part.area > 0]
    except (ArithmeticError, AssertionError, LookupError, ValueError, ShapelyError):
        # what antimeridian cannot split, it says in many ways
        raise Unusable("the geometry cannot be split at the antimeridian") from None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def polygons(found: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a shape alone."""
    if found.geom_type in POLYGONAL:
        return found
    return shapely.union_all([part for part in shapely.get_parts(found) if part.geom_type in POLYGONAL])


def km2(found: BaseGeometry) -> float:
    """Return the geodesic area in km² of a shape whose edges are straight in longitude and latitude."""
    if found.is_empty:
        return 0.0
    fine = shapely.segmentize(found, _EDGE_DEGREES)
    return abs(float(_GEOD.geometry_area_perimeter(shapely.orient_polygons(fine))[0])) / 1e6


def boxes(found: BaseGeometry) -> list[tuple[float, float, float, float]]:
    """Return ``(west, south, east, north)`` of a shape; two of them when it lies on both sides of the antimeridian."""
    bounds = shapely.bounds(shapely.get_parts(found)) if found.geom_type == "MultiPolygon" else None
    whole = tuple(float(number) for number in found.bounds)
    if bounds is None or whole[2] - whole[0] < 180:  # noqa: PLR2004  # half the world
        return [whole]  # type: ignore[list-item]  # bounds are four
    sides = [bounds[bounds[:, 0] >= 0], bounds[bounds[:, 0] < 0]]
    return [
        (float(side[:, 0].min()), float(side[:, 1].min()), float(side[:, 2].max()), float(side[:, 3].max()))
        for side in sides
        if len(side)
    ]


def bbox(found: BaseGeometry) -> list[float]:
    """Return the shape's bbox as RFC 7946 has it: west greater than east across the antimeridian."""
    sides = boxes(found)
    if len(sides) == 1:
        return list(sides[0])
    (west, s1, _, n1), (_, s2, east, n2) = sides
    return [west, min(s1, s2), east, max(n1, n2)]


def geojson(found: BaseGeometry) -> dict[str, Any]:
    """Return a shape as GeoJSON."""
    return {name: _lists(value) for name, value in mapping(shapely.orient_polygons(found)).items()}


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lists(inner) for name, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list | tuple) else value
