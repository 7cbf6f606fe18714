"""Readers of areas: files, GeoDataFrames, GeoJSON, WKT and bounding boxes."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.errors import ShapelyError
from shapely.geometry import box, shape
from shapely.geometry.base import BaseGeometry

from scenecart._geo.geometry import BBOX_HINT, COORDINATE_LIMITS, DEGREES, REPAIR_HINT, SWAP_HINT
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text, missing_file_hint
from scenecart._util.validate import check_text, shown_value
from scenecart.exceptions import InvalidArea, warn

if TYPE_CHECKING:
    import geopandas as gpd

_WKT = re.compile(
    r"^\s*(?:SRID=(?P<srid>\d+);)?\s*(?P<wkt>(?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION)\b.*)$",
    re.IGNORECASE | re.DOTALL,
)
_MAX_REASON = 300
_MAX_NAME = 80
_MAX_LAYERS = 20
# a folder that is read as one file
_FILE_GEODATABASE = ".gdb"
_GEOJSON_SUFFIXES = frozenset({".geojson", ".json"})


def read_geometry(value: Any, argument: str, layer: str | None = None) -> BaseGeometry | None:
    """Read a geometry in degrees from any supported form, without checks; None if it has no geometry.

    Raises
    ------
    InvalidArea
        If the form is not supported or cannot be read.
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
        return value
    if isinstance(value, str):
        return _read_text(value, argument)
    if isinstance(value, Mapping):
        return _read_geojson(value, argument)
    if hasattr(value, "geometry") and hasattr(value, "to_crs"):
        return _read_frame(value, argument)
    if hasattr(value, "__geo_interface__"):
        return _read_geojson(value.__geo_interface__, argument)
    if isinstance(value, Sequence | np.ndarray) and not isinstance(value, bytes):
        return _read_bbox(value, argument)
    raise InvalidArea(
        f"must be a path, GeoDataFrame, shapely geometry, GeoJSON, WKT or (west, south, east, north), got {type(value).__name__}.",
        argument=argument,
        code="area_type_unsupported",
    )


def _is_file_name(text: str) -> bool:
    """Return whether a string can only be a file name: neither blank, WKT nor GeoJSON."""
    return bool(text.strip()) and _WKT.match(text) is None and not text.lstrip().startswith("{")


def _read_text(text: str, argument: str) -> BaseGeometry | None:
    if not text.strip():
        raise InvalidArea("is an empty string.", argument=argument, code="area_empty", hint="Pass an area, or the name of a file.")
    match = _WKT.match(text)
    if match:
        try:
            geometry = shapely.from_wkt(match["wkt"])
        except ShapelyError as error:
            raise InvalidArea(f"is not valid WKT: {_reason(error)}.", argument=argument, code="area_wkt_invalid") from None
        return _to_degrees(geometry, f"EPSG:{match['srid']}", argument) if match["srid"] else geometry
    try:
        return _read_geojson(loads(text.encode("utf-8", "surrogatepass")), argument)
    except NotJson as error:
        raise InvalidArea(f"is not valid JSON: {error}.", argument=argument, code="area_json_invalid") from None


def _read_file(path: Path, argument: str, layer: str | None) -> BaseGeometry | None:
    try:
        path = path.expanduser()
        is_there = path.is_file() or (path.suffix.lower() == _FILE_GEODATABASE and path.is_dir())
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
    name = clean_text(path.name, _MAX_NAME)
    suffix = path.suffix.lower()
    if suffix in _GEOJSON_SUFFIXES or suffix == ".parquet":
        if layer is not None:
            raise InvalidArea(
                f"cannot be used with {name}, which has no layers.",
                argument="layer",
                code="area_layer_unsupported",
                hint="Leave layer out.",
            )
        return _read_geojson_file(path, name, argument) if suffix in _GEOJSON_SUFFIXES else _read_vectors(path, name, argument)
    return _read_vectors(path, name, argument, layer)


def _read_geojson_file(path: Path, name: str, argument: str) -> BaseGeometry | None:
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


def _read_vectors(path: Path, name: str, argument: str, layer: str | None = None) -> BaseGeometry | None:
    import geopandas as gpd  # noqa: PLC0415  # half a second that a bbox need not pay

    try:
        if path.suffix.lower() == ".parquet":
            frame = gpd.read_parquet(path)
        else:
            frame = gpd.read_file(path, layer=_chosen_layer(path, name, layer))
    except InvalidArea:
        raise
    except Exception as error:
        raise InvalidArea(
            f"file {name} cannot be read as vector data.",
            argument=argument,
            code="area_file_unreadable",
            hint="Check that the file is complete and in a format that GDAL reads.",
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise InvalidArea(f"file {name} has no geometry column.", argument=argument, code="area_geometry_missing")
    return _read_frame(frame, argument)


def _chosen_layer(path: Path, name: str, layer: str | None) -> str | None:
    """Return the layer to read: the one named, or the first with geometry, with a warning if there are several."""
    import geopandas as gpd  # noqa: PLC0415  # likewise

    found = gpd.list_layers(path)
    layers = [str(one) for one in found["name"][found["geometry_type"].notna()]]
    shown = ", ".join(shown_value(one) for one in layers[:_MAX_LAYERS])
    if layer is not None:
        if layer not in layers:
            raise InvalidArea(
                f"must be one of the layers of {name} ({shown or 'none has geometry'}), got {shown_value(layer)}.",
                argument="layer",
                code="area_layer_missing",
                details={"layers": layers},
            )
        return layer
    if len(layers) > 1:
        warn(
            f"{name} has several layers ({shown}); {shown_value(layers[0])} was read.",
            code="area_layer_assumed",
            hint='To read another, pass scenecart.read_area(path, layer="…").',
        )
    return layers[0] if layers else None


def _read_frame(frame: gpd.GeoDataFrame | gpd.GeoSeries, argument: str) -> BaseGeometry | None:
    series = frame.geometry
    if len(series) == 0:
        return None
    if series.crs is None and (np.abs(series.total_bounds) > COORDINATE_LIMITS).any():
        raise InvalidArea(
            "has no CRS, and its coordinates are outside the world in degrees.",
            argument=argument,
            code="area_crs_missing",
            hint="Set its CRS; data without a CRS is read as EPSG:4326.",
        )
    if series.crs is not None and series.crs != DEGREES:
        try:
            series = series.to_crs(DEGREES)
        except (ProjError, ShapelyError):
            raise _not_reprojected(series.crs, argument) from None
    return _merged(series.dropna().to_list(), argument)


def _merged(parts: list[BaseGeometry], argument: str) -> BaseGeometry:
    try:
        return shapely.union_all(parts)
    except ShapelyError as error:
        raise InvalidArea(
            f"has a geometry that cannot be merged with the others: {_reason(error)}.",
            argument=argument,
            code="area_merge_failed",
            hint=REPAIR_HINT,
        ) from None


def _read_geojson(document: Mapping[str, Any], argument: str) -> BaseGeometry | None:
    kind = document.get("type")
    if not isinstance(kind, str):
        raise InvalidArea("is not GeoJSON: it has no 'type'.", argument=argument, code="area_geojson_invalid")
    geometry: BaseGeometry | None
    if kind == "FeatureCollection":
        features = document.get("features")
        parts = [
            _read_geojson(feature, argument)
            for feature in (features if isinstance(features, list) else [])
            if isinstance(feature, Mapping)
        ]
        geometry = _merged([part for part in parts if part is not None], argument) if parts else None
    elif kind == "Feature":
        inner = document.get("geometry")
        geometry = _read_geojson(inner, argument) if isinstance(inner, Mapping) else None
    else:
        try:
            geometry = shape(dict(document))
        except (ShapelyError, ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError) as error:
            raise InvalidArea(
                f"is not a valid GeoJSON geometry: {_reason(error)}.", argument=argument, code="area_geojson_invalid"
            ) from None
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, Mapping) else None
    stated = properties.get("name") if isinstance(properties, Mapping) else None
    return _to_degrees(geometry, stated, argument) if isinstance(stated, str) and geometry is not None else geometry


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
    if max(abs(south), abs(north)) > 90 and max(abs(west), abs(east)) <= 90:  # noqa: PLR2004  # the poles
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
    if 0 < west - east < 180:  # noqa: PLR2004  # half the world
        raise InvalidArea(
            f"must have west less than east, or cross the antimeridian, got west {west:g} and east {east:g}.",
            argument=argument,
            code="bbox_reversed",
            hint=BBOX_HINT,
        )
    return box(west, south, east + 360.0 if west > east else east, north)


def _as_float(value: Any) -> float:
    """Return a number as a float: NaN for anything else, infinity for a number that is too large."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.integer | np.floating):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _to_degrees(geometry: BaseGeometry, crs: str, argument: str) -> BaseGeometry:
    try:
        source = CRS.from_user_input(crs)
    except (ProjError, ValueError):
        raise InvalidArea(f"has an unknown CRS {shown_value(crs)}.", argument=argument, code="area_crs_unknown") from None
    if source == DEGREES or crs.upper().endswith(("CRS84", "EPSG::4326")):
        return geometry
    try:
        project = Transformer.from_crs(source, DEGREES, always_xy=True).transform
        # as lists, since older pyproj takes an array of one point for a number
        return shapely.transform(geometry, lambda xy: np.column_stack(project(*xy.T.tolist())))
    except (ProjError, ShapelyError):
        # a ring whose ends became NaN is no longer closed
        raise _not_reprojected(crs, argument) from None


def _not_reprojected(crs: object, argument: str) -> InvalidArea:
    return InvalidArea(
        f"cannot be reprojected to EPSG:4326 from {_reason(crs)}.", argument=argument, code="area_reprojection_failed"
    )


def _reason(error: object) -> str:
    """Return what an error or a CRS says, on one line and cut to a sane length."""
    return clean_text(str(error), _MAX_REASON)


def check_layer(layer: str | None) -> None:
    """Refuse a layer name that is not a non-empty string; None is allowed."""
    if layer is not None:
        check_text(layer, "layer", kind=InvalidArea)
