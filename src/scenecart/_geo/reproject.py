"""Reprojection to EPSG:4326: edges are densified where a straight line in the CRS is a curve in degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError

from scenecart._geo.geometry import DEGREES
from scenecart._geo.globe import FULL_TURN, HALF_TURN, POLE, POLYGONAL, close_ring, is_valid, polygon_of
from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    Points = np.ndarray[Any, Any]
    Project = Callable[[Points], Points]

_MAX_REASON = 300
# an edge is straight enough if its middle is within about three metres, or a hundred-thousandth of a large polygon
_TOLERANCE_DEGREES, _TOLERANCE_SHARE = 3e-5, 1e-5
_MAX_STEP_DEGREES = 45.0
_MAX_HALVINGS = 48
_MAX_POINTS = 200_000


def read_crs(crs: str, argument: str) -> CRS | None:
    """Return the CRS with a name; None for longitude and latitude in degrees.

    Raises
    ------
    InvalidArea
        If there is no such CRS.
    """
    try:
        source = CRS.from_user_input(crs)
    except (ProjError, ValueError):
        raise InvalidArea(f"has an unknown CRS {shown_value(crs)}.", argument=argument, code="area_crs_unknown") from None
    return None if source == DEGREES or crs.upper().endswith(("CRS84", "EPSG::4326")) else source


def to_degrees(geometries: list[BaseGeometry], source: CRS, argument: str) -> list[BaseGeometry]:
    """Return geometries in degrees, longitude first.

    The parts of a multi-part polygon in a projected CRS are returned one by one, split at the antimeridian. Whether a part encloses
    a pole is determined in its own CRS.

    Raises
    ------
    InvalidArea
        If a coordinate is outside the CRS, or it cannot be reprojected.
    """
    try:
        transformer = Transformer.from_crs(source, DEGREES, always_xy=True)

        def project(xy: Points) -> Points:
            # as lists, since older pyproj takes an array of one point for a number
            return np.column_stack(transformer.transform(*xy.T.tolist()))

        poles = _poles_in(transformer) if source.is_projected else {}
        found = []
        for geometry in geometries:
            if source.is_projected and geometry.geom_type in POLYGONAL:
                parts = [part for part in shapely.get_parts(geometry) if not part.is_empty]
                found += [_project_polygon(part, project, poles, argument) for part in parts]
            else:
                found.append(shapely.transform(geometry, project))
    except InvalidArea:
        raise
    except (ProjError, ShapelyError, ValueError):
        # a ring whose ends became NaN is no longer closed
        raise not_reprojected(source, argument) from None
    if any(not np.isfinite(shapely.get_coordinates(geometry)).all() for geometry in found):
        raise not_reprojected(source, argument)
    return found


def not_reprojected(crs: object, argument: str) -> InvalidArea:
    """Return the error for coordinates that cannot be reprojected to EPSG:4326."""
    return InvalidArea(
        f"cannot be reprojected to EPSG:4326 from {clean_text(str(crs), _MAX_REASON)}.",
        argument=argument,
        code="area_reprojection_failed",
        hint="Check that its coordinates are in that CRS.",
    )


def _poles_in(transformer: Transformer) -> dict[float, shapely.Point]:
    """Return the positions of the poles in a CRS, by latitude (90 or -90); a pole at infinity is left out."""
    found = {}
    for pole in (POLE, -POLE):
        x, y = transformer.transform(0.0, pole, direction="INVERSE")
        if np.isfinite([x, y]).all():
            found[pole] = shapely.Point(x, y)
    return found


def _project_polygon(polygon: shapely.Polygon, project: Project, poles: dict[float, shapely.Point], argument: str) -> BaseGeometry:
    if is_valid(polygon):
        polygon = _beside_poles(polygon, poles)
    rings = []
    for ring in shapely.get_rings(polygon):
        inside = [pole for pole, point in poles.items() if shapely.covers(shapely.Polygon(ring), point)]
        degrees = _project_ring(shapely.get_coordinates(ring), project)
        rings.append(close_ring(degrees, inside[0] if len(inside) == 1 else None))
    return polygon_of(rings, argument)


def _beside_poles(polygon: shapely.Polygon, poles: dict[float, shapely.Point]) -> shapely.Polygon:
    """Return a polygon whose outline is moved off a pole that it touches, by a millionth of its size: a pole has no longitude."""
    west, south, east, north = polygon.bounds
    radius = 1e-6 * max(east - west, north - south)
    for point in poles.values():
        if shapely.dwithin(polygon.boundary, point, radius):
            polygon = max(shapely.get_parts(shapely.difference(polygon, point.buffer(radius))), key=shapely.area, default=polygon)
    return polygon


def _project_ring(ring: Points, project: Project) -> Points:
    """Return a ring in degrees, densified until each edge is nearly a straight line in longitude and latitude."""
    plane, degrees = ring, project(ring)
    tolerance = max(_TOLERANCE_DEGREES, _TOLERANCE_SHARE * _size(degrees))
    todo = np.ones(len(ring) - 1, dtype=bool)
    for _ in range(_MAX_HALVINGS):
        if not todo.any() or len(plane) > _MAX_POINTS or not np.isfinite(degrees).all():
            break
        edges = np.flatnonzero(todo)
        middles = (plane[edges] + plane[edges + 1]) / 2
        found = project(middles)
        is_curved = _is_curved(degrees[edges], found, degrees[edges + 1], tolerance)
        split = edges[is_curved]
        plane = np.insert(plane, split + 1, middles[is_curved], axis=0)
        degrees = np.insert(degrees, split + 1, found[is_curved], axis=0)
        todo = np.zeros(len(plane) - 1, dtype=bool)
        first = split + np.arange(len(split))
        todo[first] = todo[first + 1] = True
    return degrees


def _is_curved(start: Points, middle: Points, end: Points, tolerance: float) -> Points:
    """Return which edges differ from a straight line in longitude and latitude."""
    step = _short_way(end[:, 0] - start[:, 0])
    beside = _short_way(middle[:, 0] - start[:, 0] - step / 2) * np.cos(np.radians(middle[:, 1]))
    above = middle[:, 1] - (start[:, 1] + end[:, 1]) / 2
    return np.asarray((np.abs(step) > _MAX_STEP_DEGREES) | (np.hypot(beside, above) > tolerance))


def _size(degrees: Points) -> float:
    """Return the approximate extent of points in degrees of a great circle, also around a pole."""
    lon, lat = np.radians(degrees).T
    xyz = np.column_stack((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    return float(np.degrees(np.ptp(xyz, axis=0).max()))


def _short_way(steps: Points) -> Points:
    return np.asarray((steps + HALF_TURN) % FULL_TURN - HALF_TURN)
