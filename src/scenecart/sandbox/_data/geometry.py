"""Geometry of the service: validation, splitting at the antimeridian, geodesic area."""

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


class InvalidGeometry(ValueError):
    """A geometry that cannot be used; the message is the reason that the caller gets."""


def parse_geometry(document: Any) -> BaseGeometry:
    """Parse a GeoJSON geometry and split it at the antimeridian.

    Raises
    ------
    InvalidGeometry
        If it is not a GeoJSON geometry, is empty, crosses itself, or has coordinates outside the world.
    """
    if not isinstance(document, dict):
        raise InvalidGeometry("the geometry is missing")
    try:
        geometry = shapely.force_2d(shape(document))
    except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError, RecursionError):
        raise InvalidGeometry("the geometry is not valid GeoJSON") from None
    if _has_empty_part(geometry):
        raise InvalidGeometry("the geometry is empty or has an empty part")
    xy = np.abs(shapely.get_coordinates(geometry))
    if not np.isfinite(xy).all() or xy[:, 1].max() > 90 or xy[:, 0].max() > 540:  # noqa: PLR2004  # one turn beyond ±180
        raise InvalidGeometry("the geometry has coordinates outside the world")
    geometry = split_at_antimeridian(geometry)
    if geometry.is_empty:
        raise InvalidGeometry("the geometry has no area")
    if not geometry.is_valid:
        raise InvalidGeometry(f"the geometry is not valid: {shapely.is_valid_reason(geometry)}")
    return geometry


def _has_empty_part(geometry: BaseGeometry) -> bool:
    """Return whether a part or a ring of a geometry has no points; GEOS crashes when it segmentizes one."""
    parts = shapely.get_parts(geometry)
    if geometry.is_empty or shapely.is_empty(parts).any():
        return True
    rings = shapely.get_rings(parts)
    nested = [part for part in parts if hasattr(part, "geoms")]
    return bool(shapely.is_empty(rings).any()) or any(map(_has_empty_part, nested))


def split_at_antimeridian(geometry: BaseGeometry) -> BaseGeometry:
    """Return a polygon with longitudes within ±180, split where it crosses the antimeridian."""
    if geometry.geom_type not in POLYGONAL:
        return geometry
    x = shapely.get_coordinates(geometry)[:, 0]
    long_step = any(
        (np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])) > 180).any()  # noqa: PLR2004  # half the world
        for ring in shapely.get_rings(shapely.get_parts(geometry))
    )
    if np.abs(x).max() <= 180 and not long_step:  # noqa: PLR2004  # the antimeridian
        return geometry
    fix: Any = antimeridian.fix_polygon if geometry.geom_type == "Polygon" else antimeridian.fix_multi_polygon
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
            parts = [part for part in shapely.get_parts(fix(geometry, great_circle=False)) if part.area > 0]
    except (ArithmeticError, AssertionError, LookupError, ValueError, ShapelyError):
        # antimeridian raises many kinds of errors for polygons that it cannot split
        raise InvalidGeometry("the geometry cannot be split at the antimeridian") from None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def polygonal_part(geometry: BaseGeometry) -> BaseGeometry:
    """Return only the polygons of a geometry."""
    if geometry.geom_type in POLYGONAL:
        return geometry
    return shapely.union_all([part for part in shapely.get_parts(geometry) if part.geom_type in POLYGONAL])


def area_km2(geometry: BaseGeometry) -> float:
    """Return the geodesic area in km²; edges are straight in longitude and latitude."""
    if geometry.is_empty:
        return 0.0
    fine = shapely.segmentize(geometry, _EDGE_DEGREES)
    return abs(float(_GEOD.geometry_area_perimeter(shapely.orient_polygons(fine))[0])) / 1e6


def bounding_boxes(geometry: BaseGeometry) -> list[tuple[float, float, float, float]]:
    """Return the bounds ``(west, south, east, north)``: one box for each side of the antimeridian."""
    bounds = tuple(float(number) for number in geometry.bounds)
    if geometry.geom_type != "MultiPolygon" or bounds[2] - bounds[0] < 180:  # noqa: PLR2004  # half the world
        return [bounds]  # type: ignore[list-item]  # bounds are four numbers
    part_bounds = shapely.bounds(shapely.get_parts(geometry))
    sides = [part_bounds[part_bounds[:, 0] >= 0], part_bounds[part_bounds[:, 0] < 0]]
    return [
        (float(side[:, 0].min()), float(side[:, 1].min()), float(side[:, 2].max()), float(side[:, 3].max()))
        for side in sides
        if len(side)
    ]


def rfc7946_bbox(geometry: BaseGeometry) -> list[float]:
    """Return the bbox of RFC 7946: west is greater than east across the antimeridian."""
    sides = bounding_boxes(geometry)
    if len(sides) == 1:
        return list(sides[0])
    (west, s1, _, n1), (_, s2, east, n2) = sides
    return [west, min(s1, s2), east, max(n1, n2)]


def to_geojson(geometry: BaseGeometry) -> dict[str, Any]:
    """Return a geometry as GeoJSON, with lists in place of tuples."""
    return {name: _lists(value) for name, value in mapping(shapely.orient_polygons(geometry)).items()}


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lists(inner) for name, inner in value.items()}
    return [_lists(inner) for inner in value] if isinstance(value, list | tuple) else value
