"""Readers of areas: files, GeoDataFrames, GeoJSON, WKT and bounding boxes."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from scenecart._geo.geometry import BBOX_HINT, COORDINATE_LIMITS, DEGREES, SWAP_HINT
from scenecart._geo.globe import FULL_TURN, GRID_DEGREES, HALF_TURN, LONGEST_EDGE, POLE, POLYGONAL
from scenecart._geo.reproject import read_crs, to_degrees
from scenecart._geo.vector_files import (
    FILE_GEODATABASE,
    GEOJSON_SUFFIXES,
    MAX_NAME,
    Layer,
    has_layers,
    missing_projection,
    open_layers,
)
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text, missing_file_hint
from scenecart._util.validate import check_text, shown_value
from scenecart.exceptions import InvalidArea, ScenecartWarning

if TYPE_CHECKING:
    import geopandas as gpd
    from pyproj import CRS

_WKT = re.compile(
    r"^\s*(?:SRID=(?P<srid>\d+);)?\s*(?P<wkt>(?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION)\b.*)$",
    re.IGNORECASE | re.DOTALL,
)
_MAX_REASON = 300
_MAX_LAYERS = 20
# a bbox whose west is this little beyond its east is meant the other way round
_REVERSED_DEGREES = 90.0


@dataclass
class Source:
    """Geometries that were read for an area.

    Attributes
    ----------
    shapes : list of shapely geometry
        In degrees, longitude first, without checks.
    is_collection : bool
        Whether they are features of a collection, which may include points and lines.
    notices : list of ScenecartWarning
        Assumptions that were made while reading.
    """

    shapes: list[BaseGeometry] = field(default_factory=list)
    is_collection: bool = False
    notices: list[ScenecartWarning] = field(default_factory=list)


def read_source(value: Any, argument: str, layer: str | None = None) -> Source:
    """Read geometries in degrees (longitude, latitude) from any supported format, without validation.

    Raises
    ------
    InvalidArea
        If the format is not supported or cannot be read.
    """
    if isinstance(value, os.PathLike):
        return _read_file(Path(value), argument, layer)
    if isinstance(value, str) and _is_file_name(value):
        return _read_file(Path(value), argument, layer)
    if layer is not None:
        raise InvalidArea(
            "can only be passed with a file.", argument="layer", code="area_layer_unsupported", hint="Leave layer out."
        )
    if isinstance(value, BaseGeometry):
        return Source([value])
    if isinstance(value, str):
        return _read_text(value, argument)
    if isinstance(value, Mapping):
        return _read_geojson(value, argument)
    if hasattr(value, "geometry") and hasattr(value, "to_crs"):
        return _read_frame(value, argument)
    if hasattr(value, "__geo_interface__"):
        return _read_geojson(value.__geo_interface__, argument)
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, bytes):
        return Source([_read_bbox(value, argument)])
    raise InvalidArea(
        f"must be a path, GeoDataFrame, shapely geometry, GeoJSON, WKT or (west, south, east, north), got {type(value).__name__}.",
        argument=argument,
        code="area_type_unsupported",
    )


def _is_file_name(text: str) -> bool:
    """Return whether a string can only be a file name: neither blank, WKT nor GeoJSON."""
    return bool(text.strip()) and _WKT.match(text) is None and not text.lstrip().startswith("{")


def _read_text(text: str, argument: str) -> Source:
    if not text.strip():
        raise InvalidArea("is an empty string.", argument=argument, code="area_empty", hint="Pass an area, or the name of a file.")
    match = _WKT.match(text)
    if match:
        try:
            geometry = shapely.from_wkt(match["wkt"])
        except ShapelyError as error:
            raise InvalidArea(f"is not valid WKT: {_reason(error)}.", argument=argument, code="area_wkt_invalid") from None
        source = Source([geometry])
        return _convert(source, read_crs(f"EPSG:{match['srid']}", argument), argument) if match["srid"] else source
    try:
        return _read_geojson(loads(text.encode("utf-8", "surrogatepass")), argument)
    except NotJson as error:
        raise InvalidArea(f"is not valid JSON: {error}.", argument=argument, code="area_json_invalid") from None


def _read_file(path: Path, argument: str, layer: str | None) -> Source:
    path = _existing(path, argument)
    name = clean_text(path.name, MAX_NAME)
    if layer is not None and not has_layers(path):
        raise InvalidArea(
            f"cannot be used with {name}, which has no layers.",
            argument="layer",
            code="area_layer_unsupported",
            hint="Leave layer out.",
        )
    with open_layers(path, argument) as layers:
        chosen = layers if layer is None else _named(layers, layer, name)
        read = [(one, source) for one in chosen if (source := _read_layer(one, name, argument)).shapes]
    source = Source(is_collection=True)
    for _, one in read:
        source.shapes += one.shapes
        source.notices += one.notices
    if len(read) > 1:
        source.notices.append(
            ScenecartWarning(
                f"{name} has several layers ({_listed([one.name for one, _ in read])}); the area is all of them together.",
                code="area_layers_united",
                hint='For one of them, pass scenecart.read_area(path, layer="…").',
            )
        )
    if missing_projection(path):
        source.notices.append(
            ScenecartWarning(
                f"{name} has no .prj file; its coordinates were read as longitude and latitude in degrees.",
                code="area_crs_assumed",
            )
        )
    if len(read) == 1 and path.suffix.lower() in GEOJSON_SUFFIXES:
        source.is_collection = read[0][1].is_collection
    return source


def _existing(path: Path, argument: str) -> Path:
    """Return the path of an existing file, or of a file geodatabase."""
    try:
        path = path.expanduser()
        is_there = path.is_file() or (path.suffix.lower() == FILE_GEODATABASE and path.is_dir())
    except (OSError, RuntimeError, ValueError):
        # a name that no file can have, or the home of an unknown user
        is_there = False
    if not is_there and len(path.parts) == 1 and not path.suffix:
        raise InvalidArea(
            f"must be a file, WKT, GeoJSON or a bounding box, got {shown_value(str(path))}.",
            argument=argument,
            code="area_not_recognized",
            hint="Place names are not looked up. Pass an existing file, WKT, GeoJSON, or west, south, east, north in degrees.",
        )
    if not is_there:
        raise InvalidArea(
            f"must be an existing file, got {shown_value(str(path))}.",
            argument=argument,
            code="area_file_missing",
            hint=f"{missing_file_hint(path)} An area can also be WKT, GeoJSON or west, south, east, north.",
        )
    return path


def _named(layers: list[Layer], layer: str, name: str) -> list[Layer]:
    found = [one for one in layers if one.name == layer]
    if not found:
        names = [one.name for one in layers]
        raise InvalidArea(
            f"must be one of the layers of {name} ({_listed(names) or 'none has geometry'}), got {shown_value(layer)}.",
            argument="layer",
            code="area_layer_missing",
            details={"layers": names},
        )
    return found


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(shown_value(one) for one in names[:_MAX_LAYERS])
    return f"{shown} and {len(names) - _MAX_LAYERS} more" if len(names) > _MAX_LAYERS else shown


def _read_layer(layer: Layer, name: str, argument: str) -> Source:
    content = layer.read()
    return _read_geojson_file(content, name, argument) if isinstance(content, Path) else _read_frame(content, argument)


def _read_geojson_file(path: Path, name: str, argument: str) -> Source:
    try:
        document = loads(path.read_bytes())
    except OSError as error:
        raise InvalidArea(
            f"file {name} cannot be read: {error.strerror}.", argument=argument, code="area_file_unreadable"
        ) from error
    except NotJson as error:
        raise InvalidArea(f"file {name} is not valid JSON: {error}.", argument=argument, code="area_json_invalid") from None
    if not isinstance(document, Mapping):
        raise InvalidArea(f"file {name} is not a GeoJSON object.", argument=argument, code="area_geojson_invalid")
    return _read_geojson(document, argument)


def _read_frame(frame: gpd.GeoDataFrame | gpd.GeoSeries, argument: str) -> Source:
    series = frame.geometry
    if len(series) and series.crs is None and (np.abs(series.total_bounds) > COORDINATE_LIMITS).any():
        raise InvalidArea(
            "has no CRS, and its coordinates are outside the world in degrees.",
            argument=argument,
            code="area_crs_missing",
            hint="Set its CRS; data without a CRS is read as EPSG:4326.",
        )
    shapes = [one for one in series.dropna().to_list() if not one.is_empty]
    source = Source(shapes, is_collection=True)
    return _convert(source, series.crs, argument)


def _read_geojson(document: Mapping[str, Any], argument: str) -> Source:
    kind = document.get("type")
    if not isinstance(kind, str):
        raise InvalidArea("is not GeoJSON: it has no 'type'.", argument=argument, code="area_geojson_invalid")
    source = Source()
    if kind == "FeatureCollection":
        features = document.get("features")
        for feature in features if isinstance(features, list) else []:
            if isinstance(feature, Mapping):
                source.shapes += _read_geojson(feature, argument).shapes
        source.is_collection = True
    elif kind == "Feature":
        inner = document.get("geometry")
        source.shapes = _read_geojson(inner, argument).shapes if isinstance(inner, Mapping) else []
        source.is_collection = True
    else:
        try:
            source.shapes = [shape(dict(document))]
        except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            raise InvalidArea(
                f"is not a valid GeoJSON geometry: {_reason(error)}.", argument=argument, code="area_geojson_invalid"
            ) from None
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    stated = properties.get("name") if isinstance(properties, Mapping) else None
    if isinstance(stated, str) and source.shapes:
        _convert(source, read_crs(stated, argument), argument)
    return source


def _convert(source: Source, crs: CRS | None, argument: str) -> Source:
    """Reproject the shapes of a source from a CRS to EPSG:4326, and return the source; without a CRS they are in it."""
    if crs is None or crs == DEGREES or not source.shapes:
        return source
    if crs.is_projected and (np.abs(shapely.total_bounds(source.shapes)) <= COORDINATE_LIMITS).all():
        unit = clean_text(crs.axis_info[0].unit_name, MAX_NAME)
        source.notices.append(
            ScenecartWarning(
                f"is read in units of one {unit} ({clean_text(crs.name, MAX_NAME)}), but its coordinates look like degrees.",
                code="area_perhaps_degrees",
                argument=argument,
                hint="If they are degrees, state EPSG:4326 as its CRS.",
            )
        )
    source.shapes = to_degrees(source.shapes, crs, argument)
    return source


def polygons_of(source: Source) -> list[BaseGeometry]:
    """Return the polygons of features, and record how many points and lines were left out; without polygons, return all shapes."""
    if not source.is_collection:
        return source.shapes
    single = [part for one in source.shapes for part in _opened(one)]
    kept = [part for part in single if part.geom_type in POLYGONAL]
    left_out = Counter("lines" if "Line" in part.geom_type else "points" for part in single if part.geom_type not in POLYGONAL)
    if not kept or not left_out:
        return kept or source.shapes
    counts = " and ".join(f"{count:,} {kind if count > 1 else kind[:-1]}" for kind, count in sorted(left_out.items()))
    source.notices.append(ScenecartWarning(f"Only polygons are part of the area; {counts} left out.", code="area_shapes_left_out"))
    return kept


def _opened(geometry: BaseGeometry) -> list[BaseGeometry]:
    """Return the geometries of a collection and of collections in it; any other geometry is returned unchanged."""
    if geometry.geom_type != "GeometryCollection":
        return [geometry]
    return [inner for part in shapely.get_parts(geometry) for inner in _opened(part)]


def _read_bbox(value: Sequence[Any] | np.ndarray[Any, Any], argument: str) -> BaseGeometry:
    numbers = [_as_float(number) for number in value]
    if len(numbers) == 6:  # noqa: PLR2004  # a bbox with heights
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):  # noqa: PLR2004  # west, south, east, north
        raise InvalidArea(
            f"must be four numbers (west, south, east, north) in degrees, got {shown_value(value)}.",
            argument=argument,
            code="bbox_invalid",
        )
    west, south, east, north = numbers
    if max(abs(south), abs(north)) > POLE and max(abs(west), abs(east)) <= POLE:
        raise InvalidArea(
            f"must have latitudes from -90 to 90, got {max(south, north, key=abs):g}.",
            argument=argument,
            code="area_outside_world",
            hint=SWAP_HINT,
        )
    if south > north:
        raise InvalidArea(
            f"must have south less than north, got south {south:g} and north {north:g}.",
            argument=argument,
            code="bbox_reversed",
            hint=BBOX_HINT,
        )
    if 0 < west - east < _REVERSED_DEGREES:
        raise InvalidArea(
            f"must have west less than east, or cross the antimeridian, got west {west:g} and east {east:g}.",
            argument=argument,
            code="bbox_reversed",
            hint=BBOX_HINT,
        )
    # a rounding error beyond the antimeridian does not cross it
    west, east = (math.copysign(HALF_TURN, lon) if 0 < abs(lon) - HALF_TURN < GRID_DEGREES else lon for lon in (west, east))
    east = east + FULL_TURN if west > east else east
    area = box(west, south, east, north)
    # points on its long edges leave only one way to read them
    return shapely.segmentize(area, LONGEST_EDGE) if east - west > LONGEST_EDGE else area


def _as_float(value: Any) -> float:
    """Return a number as a float: NaN for anything else, infinity for a number that is too large."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _reason(error: object) -> str:
    """Return the message of an error, on one line and of limited length."""
    return clean_text(str(error), _MAX_REASON)


def check_layer(layer: str | None) -> None:
    """Refuse a layer name that is not a non-empty string; None is allowed."""
    if layer is not None:
        check_text(layer, "layer", kind=InvalidArea)
