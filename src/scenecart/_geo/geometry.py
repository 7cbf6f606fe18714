"""Geometry operations in degrees (EPSG:4326): clip, union, km², GeoJSON, and why a footprint cannot be used.

Geometries that cross the antimeridian are kept as RFC 7946 prescribes: in parts on either side of it.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry import box
from shapely.validation import explain_validity

from scenecart._geo.globe import GRID_DEGREES, HALF_TURN, LONGEST_EDGE, POLE, POLYGONAL, are_valid, is_valid, split_at_antimeridian
from scenecart._util.json import loads
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely.geometry.base import BaseGeometry

DEGREES = CRS.from_epsg(4326)
_UNITS = 1e7
MAX_LON = 540.0
COORDINATE_LIMITS = (MAX_LON, POLE, MAX_LON, POLE)
BBOX_HINT = "Pass west, south, east, north in degrees, in this order."
SWAP_HINT = "Put longitude before latitude (west, south, east, north); they may be swapped."
_EDGE_DEGREES = 0.1
# size of the first batch of a union; shapes that it covers are then skipped
_UNION_BATCH = 256
_POLYGONAL_IDS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_WORLD = (HALF_TURN, POLE, HALF_TURN, POLE)
_MAX_SIMPLIFICATIONS = 16


@functools.cache
def _equal_area() -> Transformer:
    # created on first use: loading PROJ takes longer than a search
    return Transformer.from_crs(DEGREES, "+proj=cea +ellps=WGS84", always_xy=True)


def why_unusable(footprint: BaseGeometry | None) -> str | None:
    """Return why a geometry cannot be a footprint, or None if it can.

    A geometry across the antimeridian is validated after it was split into its two parts.

    Examples
    --------
    >>> why_unusable(box(500_000, 4_000_000, 600_000, 4_100_000))
    'its footprint is outside the world'
    """
    if footprint is None or footprint.is_empty:
        return "it has no footprint"
    if footprint.geom_type not in POLYGONAL:
        return f"its footprint is a {footprint.geom_type}, not a polygon"
    west, south, east, north = footprint.bounds
    if not (-MAX_LON <= west <= east <= MAX_LON and -POLE <= south <= north <= POLE):
        return "its footprint is outside the world"
    if have_empty_parts(np.array([footprint], dtype=object)):
        return "its footprint has an empty part or ring"
    try:
        split = split_at_antimeridian(footprint)
    except InvalidArea as error:
        return f"its {error.message.rstrip('.')}"
    if split.is_empty and not footprint.is_empty:
        return "its footprint covers 0 km²"
    return None if is_valid(split) else f"its footprint is not a valid polygon: {explain_validity(split)}"


def reasons_unusable(footprints: np.ndarray[Any, Any]) -> list[str | None]:
    """Return :func:`why_unusable` for many footprints: simple ones in one pass, the others one by one."""
    plain = are_plain(footprints).tolist()
    return [None if is_plain else why_unusable(shape) for is_plain, shape in zip(plain, footprints, strict=True)]


def are_plain(footprints: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which geometries are valid polygons within ±180 and ±90 degrees, with nothing to split."""
    bounds = shapely.bounds(footprints)
    with np.errstate(invalid="ignore"):
        plain = (np.abs(bounds) <= _WORLD).all(axis=1) & (bounds[:, 2] - bounds[:, 0] <= HALF_TURN)
    plain &= np.isin(shapely.get_type_id(footprints), _POLYGONAL_IDS)
    plain[plain] = are_valid(footprints[plain])
    if have_empty_parts(footprints[plain]):
        plain[plain] = [not have_empty_parts(footprints[row : row + 1]) for row in np.flatnonzero(plain)]
    return np.asarray(plain)


def polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a geometry, without lines and points that may result from clipping."""
    if geometry.geom_type in POLYGONAL:
        return geometry
    # a collection may hold collections, which get_parts does not open
    parts = [polygonal(part) for part in shapely.get_parts(geometry) if part.geom_type in {*POLYGONAL, "GeometryCollection"}]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def simplified(geometry: BaseGeometry, most_vertices: int) -> BaseGeometry:
    """Return a geometry with at most this many vertices that covers the given one; unchanged if it has no more vertices."""
    if shapely.get_num_coordinates(geometry) <= most_vertices:
        return geometry
    west, south, east, north = geometry.bounds
    tolerance = 1e-4 * max(east - west, north - south)
    world = box(-180.0, -90.0, 180.0, 90.0)
    for _ in range(_MAX_SIMPLIFICATIONS):
        # twice the tolerance, because the round corners of a buffer are approximated from inside
        around: BaseGeometry = shapely.buffer(shapely.simplify(geometry, tolerance), 2 * tolerance, quad_segs=2)
        around = polygonal(shapely.intersection(shapely.simplify(around, tolerance / 2), world))
        if shapely.get_num_coordinates(around) <= most_vertices and shapely.covers(around, geometry):
            return around
        tolerance *= 2
    return box(west, south, east, north)


def union(shapes: Iterable[BaseGeometry]) -> BaseGeometry:
    """Return the union of shapes, with coordinates rounded to 1e-9 degrees (0.1 mm), so that GEOS overlays do not fail."""
    rest = np.array([part for part in shapes if not part.is_empty], dtype=object)
    rest = shapely.set_precision(rest[np.argsort(-shapely.area(rest), kind="stable")], GRID_DEGREES, mode="pointwise")
    merged: BaseGeometry = shapely.Polygon()
    size = _UNION_BATCH
    while len(rest):
        merged = shapely.disjoint_subset_union_all([merged, *rest[:size]])
        rest, size = rest[size:], 2 * size
        # the largest shapes come first and often cover the others; skipping those is faster than merging them
        shapely.prepare(merged)
        rest = rest[~shapely.covers(merged, rest)]
    return merged


def each_polygonal(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the polygons of each geometry, as ``polygonal`` does."""
    kept = geometries.copy()
    others = ~np.isin(shapely.get_type_id(kept), _POLYGONAL_IDS)
    kept[others] = [polygonal(geometry) for geometry in kept[others]]
    return kept


def split_each(footprints: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return each footprint with longitudes in ±180, as ``split_at_antimeridian`` does."""
    split = footprints.copy()
    others = ~are_plain(split)
    split[others] = [split_at_antimeridian(footprint) for footprint in split[others]]
    return split


def clip_each(footprints: np.ndarray[Any, Any], area: BaseGeometry) -> np.ndarray[Any, Any]:
    """Return the part of each footprint inside an area; an empty polygon if they do not overlap."""
    return each_polygonal(shapely.intersection(split_each(footprints), area))


def geodesic_km2(geometry: BaseGeometry) -> float:
    """Return the area in km² on the WGS84 ellipsoid.

    Edges are straight in longitude and latitude, as in GeoJSON (RFC 7946, section 3.1.1), and not geodesics: the northern
    edge of a bbox follows its parallel. Computed in the ellipsoid's equal-area projection.

    Examples
    --------
    >>> round(geodesic_km2(box(0, 0, 1, 1)))
    12308
    """
    return 0.0 if geometry.is_empty else float(each_km2(np.array([geometry], dtype=object))[0])


def each_km2(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the area of each geometry, as ``geodesic_km2`` measures it."""
    km2 = np.zeros(len(geometries))
    filled = ~shapely.is_empty(geometries)
    shapes = geometries[filled]
    if have_empty_parts(shapes):
        shapes = np.array([_without_empty_parts(geometry) for geometry in shapes], dtype=object)
    fine = shapely.segmentize(shapes, _EDGE_DEGREES)
    flat = shapely.transform(fine, lambda xy: np.column_stack(_equal_area().transform(xy[:, 0], xy[:, 1])))
    km2[filled] = shapely.area(flat) / 1e6
    return km2


def are_finite(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which geometries have coordinates that are all finite; shapely's bounds ignore NaN, so they do not show it."""
    finite = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    coordinates, owners = shapely.get_coordinates(geometries, return_index=True)
    finite[owners[~np.isfinite(coordinates).all(axis=1)]] = False
    return np.asarray(finite)


def have_empty_parts(geometries: np.ndarray[Any, Any]) -> bool:
    """Return whether a geometry has a part or ring without points; GEOS crashes the process when it segmentizes one."""
    parts = shapely.get_parts(geometries)
    kinds = shapely.get_type_id(parts)
    rings = shapely.get_rings(parts[kinds == shapely.GeometryType.POLYGON])
    if shapely.is_empty(parts).any() or shapely.is_empty(rings).any():
        return True
    nested = parts[kinds > shapely.GeometryType.POLYGON]
    return len(nested) > 0 and have_empty_parts(nested)


def _without_empty_parts(geometry: BaseGeometry) -> BaseGeometry:
    """Return the same polygons without empty parts and rings."""
    kept = [part for part in shapely.get_parts(polygonal(geometry)) if not part.is_empty]
    return shapely.MultiPolygon([(part.exterior, [ring for ring in part.interiors if not ring.is_empty]) for part in kept])


def around_world_bounds(geometry: BaseGeometry) -> tuple[float, float, float, float]:
    """Return ``(west, south, east, north)`` in degrees, with west greater than east across the antimeridian."""
    west, south, east, north = (float(number) for number in geometry.bounds)
    parts = shapely.get_parts(geometry)
    if west <= -HALF_TURN and east >= HALF_TURN and len(parts) > 1:
        bounds = shapely.bounds(parts)
        eastern, western = bounds[bounds[:, 0] >= 0], bounds[bounds[:, 0] < 0]
        if len(eastern) and len(western) and eastern[:, 0].min() > western[:, 2].max():
            return float(eastern[:, 0].min()), south, float(western[:, 2].max()), north
    return west, south, east, north


def geojson(geometry: BaseGeometry) -> dict[str, Any]:
    """Return a two-dimensional geometry as GeoJSON, with outer rings counter-clockwise (RFC 7946).

    An edge of more than 180 degrees of longitude gets additional points, because some readers interpret it the short way round.
    """
    return geojsons(np.array([geometry], dtype=object))[0]


def geojsons(geometries: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """Return many geometries as GeoJSON, as :func:`geojson` does."""
    bounds = shapely.bounds(geometries)
    wide = np.flatnonzero(bounds[:, 2] - bounds[:, 0] > HALF_TURN)
    if len(wide):
        geometries = geometries.copy()
        geometries[wide] = shapely.segmentize(geometries[wide], LONGEST_EDGE)
    documents: list[dict[str, Any]] = loads(f"[{','.join(shapely.to_geojson(shapely.orient_polygons(geometries)))}]".encode())
    return documents


def canonical(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return polygons in a canonical form, so that equal outlines are equal geometries, however they were written.

    The form is 2D, rounded to 1e-7 degrees (a centimetre); touching parts are united, and a single part is a polygon. There are no
    repeated vertices, and none within that distance of the line between its neighbours. Rings and parts have a fixed order.
    """
    types, counts = shapely.get_type_id(geometries), shapely.get_num_geometries(geometries)
    merged = geometries.copy()
    for place in np.flatnonzero((types == shapely.GeometryType.MULTIPOLYGON) & (counts > 1)):
        merged[place] = shapely.union_all(shapely.get_parts(geometries[place]))
    single = (shapely.get_type_id(merged) == shapely.GeometryType.MULTIPOLYGON) & (shapely.get_num_geometries(merged) == 1)
    merged[single] = shapely.get_geometry(merged[single], 0)
    # whole numbers, so that distances are exact
    units = shapely.normalize(shapely.transform(merged, lambda xy: np.round(xy * _UNITS) + 0.0, include_z=False))
    plain = shapely.simplify(units, 1.0, preserve_topology=False)
    is_usable = ~shapely.is_empty(plain) & are_valid(plain) & (shapely.get_type_id(plain) == shapely.get_type_id(units))
    chosen = shapely.normalize(np.where(is_usable, plain, units))
    return np.asarray(shapely.transform(chosen, lambda xy: np.round(xy / _UNITS, 7) + 0.0))
