"""Anything that can be an area, turned into one checked geometry in degrees (EPSG:4326), and areas in km².

Geometries that cross the antimeridian are kept as RFC 7946 asks: split into parts on either side of it.
"""

from __future__ import annotations

import functools
import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import antimeridian
import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from scenecart._errors import InvalidArea
from scenecart._json import NotJson, loads
from scenecart._words import looked_for

if TYPE_CHECKING:
    import geopandas as gpd

_EDGE_DEGREES = 0.1
_LONGEST_SIDE = 170.0
_WKT = re.compile(
    r"^\s*(?:SRID=(?P<srid>\d+);)?\s*(?P<wkt>(?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION)\b.*)$",
    re.IGNORECASE | re.DOTALL,
)
POLYGONAL = frozenset({"Polygon", "MultiPolygon"})
# how many shapes are united at first, before those that are covered by then are left out
_UNITED_AT_ONCE = 256
_POLYGONAL_IDS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_WORLD = (180.0, 90.0, 180.0, 90.0)
_MAX_LON = 540.0
BEYOND = (_MAX_LON, 90.0, _MAX_LON, 90.0)
_LONGEST_SAID = 300
GRID_DEGREES = 1e-9
_MOST_ROUNDINGS = 16
_DEGREES = CRS.from_epsg(4326)
_equal_area = Transformer.from_crs(_DEGREES, "+proj=cea +ellps=WGS84", always_xy=True).transform


@dataclass(frozen=True)
class Area:
    """A checked area of interest.

    Attributes
    ----------
    geometry : shapely geometry
        Valid, two-dimensional, EPSG:4326 (longitude, latitude), split at the antimeridian where it crosses it (RFC 7946,
        section 3.1.9).

    Examples
    --------
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
    >>> west, south, east, north = captures.total_bounds
    >>> area = client.cart(captures, aoi=(west, south, east, north)).area
    >>> area.km2 > 0, area.bounds == (west, south, east, north), area.to_geojson()["type"]
    (True, True, 'Polygon')
    """

    geometry: BaseGeometry

    @functools.cached_property
    def km2(self) -> float:
        """Area in km² on the WGS84 ellipsoid."""
        return geodesic_km2(self.geometry)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """``(west, south, east, north)`` in degrees; west is greater than east across the antimeridian."""
        return around_world_bounds(self.geometry)

    def to_geojson(self) -> dict[str, Any]:
        """Return the geometry as GeoJSON (RFC 7946), longitude before latitude."""
        return geojson(self.geometry)

    def __repr__(self) -> str:
        west, south, east, north = self.bounds
        return f"Area({self.km2:,.1f} km², {west:.4f} {south:.4f} {east:.4f} {north:.4f})"


def as_area(value: Any, *, name: str = "aoi") -> Area:
    """Turn a path, GeoDataFrame, shapely geometry, GeoJSON mapping, bbox or WKT into an area.

    Parameters
    ----------
    value
        A path to any file geopandas reads; a GeoDataFrame or GeoSeries in any CRS (several features are united); a
        shapely polygon; a GeoJSON geometry, Feature or FeatureCollection; ``(west, south, east, north)`` in degrees,
        where ``west > east`` crosses the antimeridian; or WKT, also with ``SRID=…;``. What states no CRS is taken as
        longitude and latitude in degrees.
    name
        What the argument is called in messages.

    Raises
    ------
    InvalidArea
        If it cannot be read, is empty, lies outside the world, crosses itself or has no area.

    Examples
    --------
    >>> as_area((151.2, -33.9, 151.3, -33.8)).km2 > 100
    True
    """
    geometry = as_geometry(value, name=name)
    if geometry.geom_type not in POLYGONAL:
        raise InvalidArea(f"{name} is a {geometry.geom_type}, which has no area.", hint="Give a polygon or a bbox.")
    area = Area(geometry)
    if not area.km2 > 0:
        raise InvalidArea(f"{name} has no area.", hint="Give a polygon or a bbox.")
    return area


# what is no number, or larger than any, is found by a look at the coordinates
@np.errstate(over="ignore", invalid="ignore")
def as_geometry(value: Any, *, name: str = "intersects") -> BaseGeometry:
    """Turn whatever ``as_area`` takes into a checked geometry of any type.

    Raises
    ------
    InvalidArea
        As ``as_area``, but for the area itself.
    """
    if isinstance(value, Area):
        return value.geometry
    try:
        geometry = _read(value, name)
    except RecursionError:
        raise InvalidArea(f"{name} is nested too deeply.") from None
    if geometry is None or geometry.is_empty:
        raise InvalidArea(f"{name} is empty.", hint=_EMPTY_HINT)
    geometry = shapely.force_2d(geometry)
    _check_position(geometry, name)
    if _have_empty_parts(np.array([geometry], dtype=object)):
        raise InvalidArea(f"{name} has an empty part.", hint=_REPAIR_HINT)
    geometry = split_at_antimeridian(geometry, name)
    if geometry.is_empty:
        raise InvalidArea(f"{name} has no area.", hint="Give a polygon or a bbox.")
    if not geometry.is_valid:
        raise InvalidArea(
            f"{name} is no valid shape: {explain_validity(geometry)}.",
            hint=_REPAIR_HINT,
        )
    return geometry


def _read(value: Any, name: str) -> BaseGeometry | None:
    if isinstance(value, BaseGeometry):
        return value
    if isinstance(value, os.PathLike):
        return _read_file(Path(value), name)
    if isinstance(value, str):
        return _read_text(value, name)
    if isinstance(value, Mapping):
        return _read_geojson(value, name)
    if hasattr(value, "geometry") and hasattr(value, "to_crs"):
        return _read_frame(value, name)
    if hasattr(value, "__geo_interface__"):
        return _read_geojson(value.__geo_interface__, name)
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, bytes):
        return _read_bbox(value, name)
    raise InvalidArea(
        f"{name} cannot be read from {type(value).__name__}.",
        hint="Give a path, a GeoDataFrame, a shapely geometry, GeoJSON, WKT, or (west, south, east, north).",
    )


def _read_text(text: str, name: str) -> BaseGeometry | None:
    if not text.strip():
        raise InvalidArea(f"{name} is empty.", hint="Give a polygon or a bbox, or the name of a file.")
    match = _WKT.match(text)
    if match:
        try:
            geometry = shapely.from_wkt(match["wkt"])
        except ShapelyError as error:
            raise InvalidArea(f"{name} looks like WKT but cannot be read: {_short(error)}.") from None
        return _to_degrees(geometry, f"EPSG:{match['srid']}", name) if match["srid"] else geometry
    if text.lstrip().startswith("{"):
        try:
            return _read_geojson(loads(text.encode("utf-8", "surrogatepass")), name)
        except NotJson as error:
            raise InvalidArea(f"{name} looks like GeoJSON but cannot be read: {error}.") from None
    return _read_file(Path(text), name)


def _read_file(path: Path, name: str) -> BaseGeometry | None:
    try:
        path = path.expanduser()
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError):
        # a name that no file can have, or under a home that is nobody's
        is_file = False
    if not is_file:
        raise InvalidArea(
            f"{name}: there is no file {_short(path)!r}.",
            hint=f"{looked_for(path)} An area is also WKT, GeoJSON or (west, south, east, north).",
        )
    if path.suffix.lower() in {".geojson", ".json"}:
        try:
            document = loads(path.read_bytes())
        except OSError as error:
            raise InvalidArea(f"{name}: {path.name} cannot be read ({error.strerror}).") from error
        except NotJson as error:
            raise InvalidArea(f"{name}: {path.name} is no JSON ({error}).") from None
        if not isinstance(document, Mapping):
            raise InvalidArea(f"{name}: {path.name} is no GeoJSON.")
        return _read_geojson(document, name)
    import geopandas as gpd  # noqa: PLC0415  # half a second that a bbox need not pay

    try:
        frame = gpd.read_parquet(path) if path.suffix.lower() == ".parquet" else gpd.read_file(path)
    except Exception as error:
        raise InvalidArea(f"{name}: {path.name} is damaged, or no vector file.") from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InvalidArea(f"{name}: {path.name} holds a table without geometry.")
    return _read_frame(frame, name)


def _read_frame(frame: gpd.GeoDataFrame | gpd.GeoSeries, name: str) -> BaseGeometry | None:
    series = frame.geometry
    if len(series) == 0:
        return None
    if series.crs is None and (np.abs(series.total_bounds) > BEYOND).any():
        raise InvalidArea(f"{name} does not say its coordinate system, and lies outside the world in degrees.", hint=_NO_CRS_HINT)
    if series.crs is not None and series.crs != _DEGREES:
        try:
            series = series.to_crs(_DEGREES)
        except (ProjError, ShapelyError):
            raise InvalidArea(f"{name} cannot be brought into degrees from {_short(series.crs)}.") from None
    return _united(series.dropna().to_list(), name)


def _united(parts: list[BaseGeometry], name: str) -> BaseGeometry:
    try:
        return shapely.union_all(parts)
    except ShapelyError as error:
        raise InvalidArea(
            f"{name} holds a shape that cannot be united with the others: {_short(error)}.", hint=_REPAIR_HINT
        ) from None


def _read_geojson(document: Mapping[str, Any], name: str) -> BaseGeometry | None:
    kind = document.get("type")
    if not isinstance(kind, str):
        raise InvalidArea(f"{name} is no GeoJSON: it has no type.")
    geometry: BaseGeometry | None
    if kind == "FeatureCollection":
        features = document.get("features")
        parts = [
            _read_geojson(feature, name)
            for feature in (features if isinstance(features, list) else [])
            if isinstance(feature, Mapping)
        ]
        geometry = _united([part for part in parts if part is not None], name) if parts else None
    elif kind == "Feature":
        inner = document.get("geometry")
        geometry = _read_geojson(inner, name) if isinstance(inner, Mapping) else None
    else:
        try:
            geometry = shape(dict(document))
        except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            raise InvalidArea(f"{name} is no GeoJSON geometry: {_short(error)}.") from None
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    stated = properties.get("name") if isinstance(properties, Mapping) else None
    return _to_degrees(geometry, stated, name) if isinstance(stated, str) and geometry is not None else geometry


def _read_bbox(value: Sequence[Any] | np.ndarray[Any, Any], name: str) -> BaseGeometry:
    numbers = [_as_float(number) for number in value]
    if len(numbers) == 6:  # noqa: PLR2004  # a bbox with heights
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):  # noqa: PLR2004  # west, south, east, north
        raise InvalidArea(f"{name} is no bbox.", hint="A bbox is (west, south, east, north) in degrees.")
    west, south, east, north = numbers
    if max(abs(south), abs(north)) > 90 and max(abs(west), abs(east)) <= 90:  # noqa: PLR2004  # the poles
        raise InvalidArea(f"{name} has a latitude beyond 90 degrees.", hint=_SWAP_HINT)
    if south > north:
        raise InvalidArea(f"{name} is upside down: its south is north of its north.", hint=_BBOX_HINT)
    if 0 < west - east < 180:  # noqa: PLR2004  # half the world
        raise InvalidArea(
            f"{name} is reversed, or spans more than half the world: west {west:g} is east of east {east:g}.",
            hint=_BBOX_HINT,
        )
    return box(west, south, east + 360.0 if west > east else east, north)


def _as_float(value: Any) -> float:
    """Return a number as a float; what is none, or is larger than any, is not finite."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


_EMPTY_HINT = "No feature of it has a geometry. Give a polygon or a bbox, or what holds one."
_REPAIR_HINT = "Nothing is repaired unasked. shapely.make_valid(geometry) repairs it; look at the result."
_SWAP_HINT = "Longitude comes first: (west, south, east, north), or x before y. Are they swapped?"
_NO_CRS_HINT = "Is it in metres? Have it say in which coordinate system; what says none is taken as longitude and latitude."
_BBOX_HINT = "A bbox is (west, south, east, north) in degrees."


def _check_position(geometry: BaseGeometry, name: str) -> None:
    coordinates = shapely.get_coordinates(geometry)
    if not len(coordinates):
        raise InvalidArea(f"{name} is empty.", hint=_EMPTY_HINT)
    if not np.isfinite(coordinates).all():
        raise InvalidArea(f"{name} has a coordinate that is no number.")
    lon, lat = np.abs(coordinates).max(axis=0)
    if lat > 90:  # noqa: PLR2004  # the poles
        looks_projected = lat > _MAX_LON or lon > _MAX_LON
        raise InvalidArea(
            f"{name} lies outside the world: it has a latitude of {lat:g} degrees.",
            hint="Is it in metres? Reproject it first: frame.to_crs(4326)." if looks_projected else _SWAP_HINT,
        )
    if lon > _MAX_LON:
        raise InvalidArea(f"{name} lies outside the world: it has a longitude of {lon:g} degrees.")


def _to_degrees(geometry: BaseGeometry, crs: str, name: str) -> BaseGeometry:
    try:
        source = CRS.from_user_input(crs)
    except (ProjError, ValueError):
        raise InvalidArea(f"{name} states a coordinate system that is not known: {crs[:80]!r}.") from None
    if source == _DEGREES or crs.upper().endswith(("CRS84", "EPSG::4326")):
        return geometry
    try:
        project = Transformer.from_crs(source, _DEGREES, always_xy=True).transform
        return shapely.transform(geometry, lambda xy: np.column_stack(project(xy[:, 0], xy[:, 1])))
    except (ProjError, ShapelyError):
        # a ring whose ends are no number any more is not even closed
        raise InvalidArea(f"{name} cannot be brought into degrees from {crs[:80]!r}.") from None


def _short(what: object) -> str:
    """Return what something says, of a length that a message can bear."""
    text = str(what)
    return text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}…"


def split_at_antimeridian(geometry: BaseGeometry, name: str = "A footprint") -> BaseGeometry:
    """Return the geometry with longitudes in ±180, split into parts where it crosses the antimeridian.

    A polygon whose neighbouring vertices are more than 180 degrees apart is taken the short way round.
    """
    if geometry.is_empty or geometry.geom_type not in POLYGONAL:
        return geometry
    coordinates = shapely.get_coordinates(geometry)
    west, east = float(coordinates[:, 0].min()), float(coordinates[:, 0].max())
    if not math.isfinite(east - west):
        raise InvalidArea(f"{name} has a coordinate that is no number.")
    if east - west > 360 + GRID_DEGREES:  # once around
        raise InvalidArea(f"{name} spans more than the whole world.", hint=_BBOX_HINT)
    beyond = max(-180 - west, east - 180)
    if beyond <= 0 and east - west <= 180:  # noqa: PLR2004  # no step within half the world is longer
        return geometry
    try:
        return _split(geometry, beyond)
    except (ArithmeticError, AssertionError, AttributeError, LookupError, ValueError, ShapelyError) as error:
        # what antimeridian and GEOS cannot split, they say in many ways
        raise InvalidArea(f"{name} cannot be split at the antimeridian: {_short(error) or 'it makes no sense there'}.") from error


def _split(geometry: BaseGeometry, beyond: float) -> BaseGeometry:
    if 0 < beyond <= GRID_DEGREES:
        # a rounding beyond the antimeridian is none
        geometry = shapely.transform(geometry, lambda xy: np.clip(xy, [-180, -np.inf], [180, np.inf]))
    elif beyond > 0:
        # a side of half the world goes where it says
        geometry = geometry if _has_long_step(geometry) else shapely.segmentize(geometry, _LONGEST_SIDE)
        geometry = shapely.transform(geometry, lambda xy: np.column_stack(((xy[:, 0] + 180.0) % 360.0 - 180.0, xy[:, 1])))
    if not _has_long_step(geometry):
        return geometry
    fix: Any = antimeridian.fix_polygon if geometry.geom_type == "Polygon" else antimeridian.fix_multi_polygon
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", antimeridian.FixWindingWarning)
        fixed = fix(geometry, great_circle=False)
    # A shape that only touches the antimeridian leaves a part without area on its other side.
    parts = [part for part in shapely.get_parts(fixed) if part.area > 0]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)


def why_unusable(footprint: BaseGeometry | None) -> str | None:
    """Tell why a geometry is no usable footprint, or None; across the antimeridian it is judged by its two parts."""
    if footprint is None or footprint.is_empty:
        return "it has no footprint"
    if footprint.geom_type not in POLYGONAL:
        return f"its footprint is a {footprint.geom_type}, not an area"
    west, south, east, north = footprint.bounds
    if not (-_MAX_LON <= west <= east <= _MAX_LON and -90 <= south <= north <= 90):  # noqa: PLR2004  # the poles
        return "its footprint lies outside the world"
    try:
        split = split_at_antimeridian(footprint)
    except InvalidArea:
        return "its footprint cannot be split at the antimeridian"
    if split.is_empty and not footprint.is_empty:
        return "its footprint has no area"
    return None if split.is_valid else f"its footprint is no valid shape: {explain_validity(split)}"


def whys_unusable(footprints: np.ndarray[Any, Any]) -> list[str | None]:
    """Tell the same of many: all the plain ones at once, and the rest one by one."""
    plain = are_plain(footprints).tolist()
    return [None if is_plain else why_unusable(shape) for is_plain, shape in zip(plain, footprints, strict=True)]


def are_plain(footprints: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tell which geometries are valid areas that lie in ±180 and ±90 as they are, with nothing to split."""
    bounds = shapely.bounds(footprints)
    with np.errstate(invalid="ignore"):
        plain = (np.abs(bounds) <= _WORLD).all(axis=1) & (bounds[:, 2] - bounds[:, 0] <= 180)  # noqa: PLR2004  # half the world
    plain &= np.isin(shapely.get_type_id(footprints), _POLYGONAL_IDS)
    plain[plain] = shapely.is_valid(footprints[plain])
    return np.asarray(plain)


def _has_long_step(geometry: BaseGeometry) -> bool:
    for ring in shapely.get_rings(shapely.get_parts(geometry)):
        xy = shapely.get_coordinates(ring)
        if (np.abs(np.diff(xy[:, 0])) > 180).any():  # noqa: PLR2004  # half the world
            return True
    return False


def polygonal(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a geometry, without the lines and points that a clip may leave."""
    if geometry.geom_type in POLYGONAL:
        return geometry
    # a collection may hold collections, which get_parts leaves whole
    parts = [polygonal(part) for part in shapely.get_parts(geometry) if part.geom_type in {*POLYGONAL, "GeometryCollection"}]
    return shapely.union_all(parts) if parts else shapely.Polygon()


def simplified(geometry: BaseGeometry, most_vertices: int) -> BaseGeometry:
    """Return a geometry of few vertices that covers another; the same one where that has few itself."""
    if shapely.get_num_coordinates(geometry) <= most_vertices:
        return geometry
    west, south, east, north = geometry.bounds
    tolerance = 1e-4 * max(east - west, north - south)
    world = box(-180.0, -90.0, 180.0, 90.0)
    for _ in range(_MOST_ROUNDINGS):
        # twice the tolerance, since a buffer's round corners are cut a little short
        around: BaseGeometry = shapely.buffer(shapely.simplify(geometry, tolerance), 2 * tolerance, quad_segs=2)
        around = polygonal(shapely.intersection(shapely.simplify(around, tolerance / 2), world))
        if shapely.get_num_coordinates(around) <= most_vertices and shapely.covers(around, geometry):
            return around
        tolerance *= 2
    return box(west, south, east, north)


def union(shapes: Iterable[BaseGeometry]) -> BaseGeometry:
    """Return what shapes cover together, rounded to 1e-9 degrees (a tenth of a millimetre), with which no overlay stumbles."""
    rest = np.array([part for part in shapes if not part.is_empty], dtype=object)
    rest = shapely.set_precision(rest[np.argsort(-shapely.area(rest), kind="stable")], GRID_DEGREES, mode="pointwise")
    whole: BaseGeometry = shapely.Polygon()
    size = _UNITED_AT_ONCE
    while len(rest):
        whole = shapely.disjoint_subset_union_all([whole, *rest[:size]])
        rest, size = rest[size:], 2 * size
        # of many captures of one place the largest cover the most; uniting the others takes longer than leaving them out
        shapely.prepare(whole)
        rest = rest[~shapely.covers(whole, rest)]
    return whole


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


def clip_each(footprints: np.ndarray[Any, Any], area: Area) -> np.ndarray[Any, Any]:
    """Return the part of each footprint inside an area; an empty polygon where they do not overlap."""
    return each_polygonal(shapely.intersection(split_each(footprints), area.geometry))


def geodesic_km2(geometry: BaseGeometry) -> float:
    """Return the area in km² on the WGS84 ellipsoid.

    Edges are straight in longitude and latitude, as GeoJSON has them (RFC 7946, section 3.1.1), and not geodesics: the
    northern edge of a bbox is its parallel. Computed in the ellipsoid's equal-area projection.

    Examples
    --------
    >>> round(geodesic_km2(box(0, 0, 1, 1)))
    12308
    """
    return 0.0 if geometry.is_empty else float(each_km2(np.array([geometry], dtype=object))[0])


def each_km2(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the area of each geometry, as ``geodesic_km2`` measures it."""
    if _have_empty_parts(geometries):
        geometries = np.array([_without_empty_parts(geometry) for geometry in geometries], dtype=object)
    fine = shapely.segmentize(geometries, _EDGE_DEGREES)
    flat = shapely.transform(fine, lambda xy: np.column_stack(_equal_area(xy[:, 0], xy[:, 1])))
    return np.asarray(shapely.area(flat), dtype=float) / 1e6


def _have_empty_parts(geometries: np.ndarray[Any, Any]) -> bool:
    """Tell whether a part or a ring of a shape holds no point; GEOS ends the process when such a one is segmentized."""
    parts = shapely.get_parts(geometries)
    kinds = shapely.get_type_id(parts)
    rings = shapely.get_rings(parts[kinds == shapely.GeometryType.POLYGON])
    if shapely.is_empty(parts).any() or shapely.is_empty(rings).any():
        return True
    nested = parts[kinds > shapely.GeometryType.POLYGON]
    return len(nested) > 0 and _have_empty_parts(nested)


def _without_empty_parts(geometry: BaseGeometry) -> BaseGeometry:
    """Return the same polygons without those of their parts and rings that hold no point."""
    kept = [part for part in shapely.get_parts(polygonal(geometry)) if not part.is_empty]
    return shapely.MultiPolygon([(part.exterior, [ring for ring in part.interiors if not ring.is_empty]) for part in kept])


def around_world_bounds(geometry: BaseGeometry) -> tuple[float, float, float, float]:
    """Return ``(west, south, east, north)`` in degrees, with west greater than east across the antimeridian."""
    west, south, east, north = (float(number) for number in geometry.bounds)
    parts = shapely.get_parts(geometry)
    if west <= -180 and east >= 180 and len(parts) > 1:  # noqa: PLR2004  # both sides of the antimeridian
        bounds = shapely.bounds(parts)
        eastern, western = bounds[bounds[:, 0] >= 0], bounds[bounds[:, 0] < 0]
        if len(eastern) and len(western) and eastern[:, 0].min() > western[:, 2].max():
            return float(eastern[:, 0].min()), south, float(western[:, 2].max()), north
    return west, south, east, north


def geojson(geometry: BaseGeometry) -> dict[str, Any]:
    """Return a flat geometry as GeoJSON, with outer rings counter-clockwise (RFC 7946)."""
    return geojsons(np.array([geometry], dtype=object))[0]


def geojsons(geometries: np.ndarray[Any, Any]) -> list[dict[str, Any]]:
    """Return many as :func:`geojson` does one."""
    documents: list[dict[str, Any]] = loads(f"[{','.join(shapely.to_geojson(shapely.orient_polygons(geometries)))}]".encode())
    return documents


Area.__module__ = "scenecart"
