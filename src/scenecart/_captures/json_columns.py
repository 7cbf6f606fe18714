"""Columns as JSON text, for values that a file format cannot store: mixed types, objects, empty objects, huge integers.

The names of such columns are in ``frame.attrs``. Files of scenecart store them, so that the columns are restored on reading.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from shapely.geometry import mapping
from shapely.geometry.base import BaseGeometry

from scenecart._util.json import NotJson, loads
from scenecart._util.validate import is_unicode

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd

JSON_COLUMNS = "scenecart:json_columns"
"""The key in ``frame.attrs`` of the names of columns that are JSON text."""

_MAX_DEPTH = 8


def to_text(value: Any) -> str | None:
    """Return a value as text that :func:`from_text` turns back; text that is not JSON itself stays as it is.

    Examples
    --------
    >>> to_text(["a"]), to_text("a"), to_text("5"), to_text(None)
    ('["a"]', 'a', '"5"', None)
    """
    plain = json_value(value)
    if plain is None:
        return None
    # GDAL ends text at NUL
    if isinstance(plain, str) and is_unicode(plain) and "\0" not in plain and not _is_json(plain):
        return plain
    return json.dumps(plain, default=str)


def from_text(text: Any) -> Any:
    """Return the value that :func:`to_text` wrote.

    Examples
    --------
    >>> from_text('["a"]'), from_text("a"), from_text('"5"')
    (['a'], 'a', '5')
    """
    if not isinstance(text, str):
        return json_value(text)
    try:
        return loads(text.encode("utf-8", "surrogatepass"))
    except NotJson:
        return text


def json_value(value: Any, *, keep_nulls: bool = True) -> Any:
    """Return a value of a column as a JSON value: missing as None, times as RFC 3339, arrays as lists.

    Parameters
    ----------
    value
        Any value.
    keep_nulls
        Whether objects keep members that are null. A struct of Parquet has a null for each member that only other rows have.
    """
    if isinstance(value, str):
        return value
    if is_missing(value):
        return None
    if isinstance(value, dict):
        members = {name: json_value(inner, keep_nulls=keep_nulls) for name, inner in value.items()}
        return members if keep_nulls else {name: inner for name, inner in members.items() if inner is not None}
    if isinstance(value, list | tuple | np.ndarray):
        return [json_value(inner, keep_nulls=keep_nulls) for inner in (value.tolist() if isinstance(value, np.ndarray) else value)]
    if isinstance(value, dt.datetime):
        return rfc3339(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, BaseGeometry):
        return json_value(mapping(value))
    plain = value.item() if isinstance(value, np.generic) else value
    # JSON has no infinity
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


def rfc3339(moment: dt.datetime) -> str:
    """Return an instant as RFC 3339; one without a zone is UTC.

    Examples
    --------
    >>> rfc3339(pd.Timestamp("2024-03-05T12:00:00+02:00"))
    '2024-03-05T10:00:00Z'
    """
    # years that Python does not know are written as they are
    with contextlib.suppress(OverflowError, ValueError):
        moment = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
    return moment.isoformat().replace("+00:00", "Z")


def is_missing(value: Any) -> bool:
    """Return whether a value of a column is missing."""
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def with_text(captures: gpd.GeoDataFrame, names: Iterable[str]) -> gpd.GeoDataFrame:
    """Return captures with the given columns as JSON text, and with the names of these columns in ``attrs``."""
    chosen = list(names)
    found = captures.assign(**{name: pd.Series([to_text(value) for value in captures[name]], captures.index, dtype=object)
                               for name in chosen})  # fmt: skip
    found.attrs = {JSON_COLUMNS: chosen} if chosen else {}
    return found


def restored(captures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return captures with the columns named in ``attrs`` converted back from JSON text."""
    given = captures.attrs.get(JSON_COLUMNS)
    names = [name for name in given if name in captures.columns] if isinstance(given, list) else []
    if not names:
        return captures
    found = captures.assign(**{name: pd.Series([from_text(value) for value in captures[name]], captures.index, dtype=object)
                               for name in names})  # fmt: skip
    found.attrs = {key: value for key, value in captures.attrs.items() if key != JSON_COLUMNS}
    return found


def not_for_arrow(captures: gpd.GeoDataFrame) -> list[str]:
    """Return the columns that an Arrow table cannot store without loss."""
    geometry = captures.active_geometry_name
    return [
        name
        for name in captures.columns
        if name != geometry and pd.api.types.is_object_dtype(captures[name]) and not fits_arrow(captures[name].tolist())
    ]


def nested_columns(captures: gpd.GeoDataFrame) -> list[str]:
    """Return the columns with lists, objects or values of mixed types, which flat tables cannot store."""
    return [name for name in _object_columns(captures) if not _is_of_one_kind(captures[name], {str, bool, int, float})]


def not_for_gdal(captures: gpd.GeoDataFrame) -> list[str]:
    """Return the columns that GDAL cannot write without loss: text with NUL, and columns of mixed types."""
    return [
        name
        for name in _object_columns(captures)
        if not _is_of_one_kind(captures[name], {str})
        or any("\0" in value or not is_unicode(value) for value in captures[name] if isinstance(value, str))
    ]


def fits_arrow(values: list[Any]) -> bool:
    """Return whether an Arrow array can be written to Parquet and read back without loss."""
    given = [None if is_missing(value) else value for value in values]
    try:
        array = pa.array(given)
        return is_writable_type(array.type) and bool(array.to_pylist() == [_as_list(value) for value in given])
    except (pa.ArrowException, TypeError, ValueError, OverflowError, RecursionError):
        return False


def is_writable_type(kind: pa.DataType, depth: int = 0) -> bool:
    """Return whether Parquet can store a type: no struct without fields, and not nested too deeply for readers."""
    if not pa.types.is_nested(kind):
        return True
    if depth >= _MAX_DEPTH or (pa.types.is_struct(kind) and kind.num_fields == 0):
        return False
    return all(is_writable_type(kind.field(number).type, depth + 1) for number in range(kind.num_fields))


def _as_list(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


def _object_columns(captures: gpd.GeoDataFrame) -> list[str]:
    """Return the columns of type object, without the footprints."""
    others = [name for name in captures.columns if name != captures.active_geometry_name]
    return [name for name in others if str(captures[name].dtype) in {"object", "str", "string", "category", "geometry"}]


def _is_of_one_kind(column: pd.Series[Any], known: set[type]) -> bool:
    kinds = {type(value) for value in column if not is_missing(value)}
    return len(kinds) <= 1 and kinds <= known


def _is_json(text: str) -> bool:
    try:
        loads(text.encode("utf-8", "surrogatepass"))
    except NotJson:
        return False
    return True
