"""Geometry of the service: validation, splitting at the antimeridian, geodesic area."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import antimeridian
import numpy as np
import shapely
from pyproj import Geod
from shapely import affinity
from shapely.errors import ShapelyError
from shapely.geometry import mapping, shape

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

_GEOD = Geod(ellps="WGS84")
_EDGE_DEGREES = 0.02
_HALF_TURN, _FULL_TURN = 180.0, 360.0
_SLIVER_DEGREES, _SLIVER_RATIO = 30.0, 20.0
POLYGONAL = frozenset({"Polygon", "MultiPolygon"})


class InvalidGeometry(ValueError):
    """A geometry that cannot be used; the message is the reason that the caller gets."""


def parse_geometry(document: Any) -> BaseGeometry:
    """Parse a GeoJSON geometry and split it at the antimeridian.

    Raises
    ------
    InvalidGeometry
        If the value is not a GeoJSON geometry, is empty, crosses itself, or has coordinates outside the world.
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
    if not _is_valid(geometry):
        raise InvalidGeometry(f"the geometry is not valid: {shapely.is_valid_reason(geometry)}")
    return geometry


def _is_valid(geometry: BaseGeometry) -> bool:
    # unlike shapely.is_valid, it does not change the warning filters of the process, which may also run a client
    with np.errstate(all="ignore"):
        return bool(shapely.is_valid_reason(geometry) == "Valid Geometry")


def _has_empty_part(geometry: BaseGeometry) -> bool:
    """Return whether a part or a ring of a geometry has no points; GEOS crashes when it segmentizes one."""
    parts = shapely.get_parts(geometry)
    if geometry.is_empty or shapely.is_empty(parts).any():
        return True
    rings = shapely.get_rings(parts)
    nested = [part for part in parts if hasattr(part, "geoms")]
    return bool(shapely.is_empty(rings).any()) or any(map(_has_empty_part, nested))


def split_at_antimeridian(geometry: BaseGeometry) -> BaseGeometry:
    """Return a polygon with longitudes within ±180, split where it crosses the antimeridian.

    A ring that goes once around the world encloses the pole on its smaller side.
    """
    if geometry.geom_type not in POLYGONAL:
        return geometry
    x = shapely.get_coordinates(geometry)[:, 0]
    long_step = any((np.abs(_steps(ring)) > _HALF_TURN).any() for ring in shapely.get_rings(shapely.get_parts(geometry)))
    if np.abs(x).max() <= _HALF_TURN and not long_step:
        return geometry
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
            fixed = [_placed(part) for part in shapely.get_parts(geometry)]
        parts = [part for part in shapely.get_parts(fixed) if part.area > 0]
    except (ArithmeticError, AssertionError, LookupError, ValueError, ShapelyError):
        # antimeridian raises many kinds of errors for polygons that it cannot split
        raise InvalidGeometry("the geometry cannot be split at the antimeridian") from None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def _placed(polygon: shapely.Polygon) -> BaseGeometry:
    west, south, east, north = polygon.bounds
    is_sliver = north - south >= max(_SLIVER_DEGREES, _SLIVER_RATIO * (_FULL_TURN - (east - west)))
    if is_sliver and west >= -_HALF_TURN and east <= _HALF_TURN and shapely.equals(polygon, shapely.box(*polygon.bounds)):
        # the rectangle of a global grid, not a sliver at the antimeridian
        return polygon
    return _polar(polygon) if _goes_around(polygon.exterior) else _fixed(polygon)


def _fixed(polygon: shapely.Polygon) -> BaseGeometry:
    fixed: BaseGeometry = antimeridian.fix_polygon(polygon, great_circle=False)
    return fixed


def _steps(ring: BaseGeometry) -> np.ndarray[Any, Any]:
    """Return the steps in longitude along a ring, as written."""
    return np.diff(shapely.get_coordinates(ring)[:, 0])


def _goes_around(ring: shapely.LinearRing) -> bool:
    """Return whether a ring goes around the world, so that its longitudes end a full turn from where they began."""
    steps = _steps(ring)
    turned = np.abs(steps) == _FULL_TURN
    literal = shapely.Polygon(ring)
    # the closing edge from 180 to -180, unlike the two edges of a band around the world
    is_closing = turned if turned.sum() == 1 and not (_is_valid(literal) and literal.area > 0) else np.zeros_like(turned)
    is_long = (np.abs(steps) > _HALF_TURN) & (~turned | is_closing)
    short = np.where(is_long, (steps + _HALF_TURN) % _FULL_TURN - _HALF_TURN, steps)
    return abs(float(short.sum())) > _HALF_TURN


def _polar(polygon: shapely.Polygon) -> BaseGeometry:
    """Return a polygon around a pole without its holes, which may be around the pole too."""
    holes = [shapely.Polygon(ring) for ring in polygon.interiors]
    left_out = [_cap(hole.exterior) if _goes_around(hole.exterior) else split_at_antimeridian(hole) for hole in holes]
    return shapely.difference(_cap(polygon.exterior), shapely.union_all(left_out))


def _cap(ring: shapely.LinearRing) -> BaseGeometry:
    """Return the smaller of the two parts of the world that a ring around it divides."""
    lon, lat = shapely.get_coordinates(ring).T
    lon = np.unwrap(lon, period=_FULL_TURN)
    closed = [shapely.Polygon([*zip(lon, lat, strict=True), (lon[-1], pole), (lon[0], pole)]) for pole in (90.0, -90.0)]
    caps = []
    for flat in closed:
        if _is_valid(flat):
            middles = [_FULL_TURN * turn for turn in range(-3, 4)]
            sides = [shapely.intersection(flat, shapely.box(x - _HALF_TURN, -90, x + _HALF_TURN, 90)) for x in middles]
            caps.append(shapely.union_all([affinity.translate(side, -x) for side, x in zip(sides, middles, strict=True)]))
    if not caps:
        raise InvalidGeometry(f"the geometry is not valid: {shapely.is_valid_reason(closed[0])}")
    return shapely.segmentize(min(caps, key=area_km2), _HALF_TURN / 2)


def polygonal_part(geometry: BaseGeometry) -> BaseGeometry:
    """Return only the polygons of a geometry."""
    if geometry.geom_type in POLYGONAL:
        return geometry
    return shapely.union_all([part for part in shapely.get_parts(geometry) if part.geom_type in POLYGONAL])


def area_km2(geometry: BaseGeometry) -> float:
    """Return the geodesic area in km²; edges are straight in longitude and latitude."""
    if geometry.is_empty:
        return 0.0
    west, south, east, north = geometry.bounds
    if east - west > _HALF_TURN:
        # pyproj cannot distinguish the whole world from an empty area
        halves = [shapely.box(-_HALF_TURN, south, 0, north), shapely.box(0, south, _HALF_TURN, north)]
        return sum(area_km2(polygonal_part(shapely.intersection(geometry, half))) for half in halves)
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
