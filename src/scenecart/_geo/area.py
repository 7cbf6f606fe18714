"""Anything that can be an area of interest, read and checked, as one geometry in degrees (EPSG:4326)."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from scenecart._geo.geometry import (
    BBOX_HINT,
    BEYOND,
    DEGREES,
    MAX_LON,
    POLYGONAL,
    around_world_bounds,
    geodesic_km2,
    geojson,
    have_empty_parts,
    split_at_antimeridian,
)
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text, missing_file_hint
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    import geopandas as gpd

_WKT = re.compile(
    r"^\s*(?:SRID=(?P<srid>\d+);)?\s*(?P<wkt>(?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION)\b.*)$",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_SAID = 300
# a folder that is read as one file
_FILE_GEODATABASE = ".gdb"


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
    if have_empty_parts(np.array([geometry], dtype=object)):
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
        is_there = path.is_file() or (path.suffix.lower() == _FILE_GEODATABASE and path.is_dir())
    except (OSError, RuntimeError, ValueError):
        # a name that no file can have, or under a home that is nobody's
        is_there = False
    if not is_there:
        raise InvalidArea(
            f"{name}: there is no file {_short(path)!r}.",
            hint=f"{missing_file_hint(path)} An area is also WKT, GeoJSON or (west, south, east, north).",
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
    if series.crs is not None and series.crs != DEGREES:
        try:
            series = series.to_crs(DEGREES)
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
        raise InvalidArea(f"{name} is upside down: its south is north of its north.", hint=BBOX_HINT)
    if 0 < west - east < 180:  # noqa: PLR2004  # half the world
        raise InvalidArea(
            f"{name} is reversed, or spans more than half the world: west {west:g} is east of east {east:g}.",
            hint=BBOX_HINT,
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


def _check_position(geometry: BaseGeometry, name: str) -> None:
    coordinates = shapely.get_coordinates(geometry)
    if not len(coordinates):
        raise InvalidArea(f"{name} is empty.", hint=_EMPTY_HINT)
    if not np.isfinite(coordinates).all():
        raise InvalidArea(f"{name} has a coordinate that is no number.")
    lon, lat = np.abs(coordinates).max(axis=0)
    if lat > 90:  # noqa: PLR2004  # the poles
        looks_projected = lat > MAX_LON or lon > MAX_LON
        raise InvalidArea(
            f"{name} lies outside the world: it has a latitude of {lat:g} degrees.",
            hint="Is it in metres? Reproject it first: frame.to_crs(4326)." if looks_projected else _SWAP_HINT,
        )
    if lon > MAX_LON:
        raise InvalidArea(f"{name} lies outside the world: it has a longitude of {lon:g} degrees.")


def _to_degrees(geometry: BaseGeometry, crs: str, name: str) -> BaseGeometry:
    try:
        source = CRS.from_user_input(crs)
    except (ProjError, ValueError):
        raise InvalidArea(f"{name} states a coordinate system that is not known: {crs[:80]!r}.") from None
    if source == DEGREES or crs.upper().endswith(("CRS84", "EPSG::4326")):
        return geometry
    try:
        project = Transformer.from_crs(source, DEGREES, always_xy=True).transform
        # as lists, since older pyproj takes an array of one point for a number
        return shapely.transform(geometry, lambda xy: np.column_stack(project(*xy.T.tolist())))
    except (ProjError, ShapelyError):
        # a ring whose ends are no number any more is not even closed
        raise InvalidArea(f"{name} cannot be brought into degrees from {crs[:80]!r}.") from None


def _short(what: object) -> str:
    """Return what something says, of a length that a message can bear."""
    return clean_text(str(what), _LONGEST_SAID)


Area.__module__ = "scenecart"
