"""Search results as GeoDataFrames: one row for each capture.

Stages: JSON bytes → ``Feature`` (geometry, assets and links still raw) → columns → GeoDataFrame. The columns are laid out
as in stac-geoparquet: properties next to ``id``, ``collection`` and ``geometry``. ``assets`` and ``links`` stay JSON text
until ``assets(row)`` decodes them. A feature that cannot be ordered is kept, with the reason.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
from geopandas.array import GeometryArray

from scenecart._captures.features import Feature, columns_of, decode_each, foreign_of
from scenecart._captures.footprints import differing_boxes, read_geometries
from scenecart._captures.json_columns import json_value
from scenecart._captures.properties import DATETIME, TIMES
from scenecart._util.collector import collector_paused
from scenecart._util.json import loads
from scenecart._util.validate import is_unicode, shown_value
from scenecart.exceptions import InvalidRequest, warn

CRS = "EPSG:4326"
OWN_COLUMNS = ("id", "collection", "host", "geometry", "assets", "links", "orderable", "not_orderable_reason")
# added by search_many(); in its results alone, properties of these names get a prefix
SEARCH_MANY_COLUMNS = ("area", "duplicate")
# added by a search with an aoi; there alone, a property of this name gets a prefix
COVERS = "covers"
_ALWAYS_PRESENT = ("assets", "links")
_LAST_COLUMNS = ("stac_version", "stac_extensions", *_ALWAYS_PRESENT, "bbox:as_given", "foreign_members")
_PREFIX, _AS_GIVEN = "properties:", ":as_given"
_YEAR_1 = -62_135_596_800_000_000  # microseconds; the earliest time of Python's datetime
_MALFORMED_PROPERTIES = frozenset({list, str, int, float, bool})
_MAX_ID_LENGTH = 1024
_LARGEST_FLOAT = int(sys.float_info.max)
_BATCH_SIZE = 1_000
_ROW_HINT = "Pass one row of client.search(…), such as captures.iloc[0]."
_UTC = pa.timestamp("us", "UTC")
Piece: TypeAlias = "pa.Array | list[Any]"
"""Some rows of a column: an Arrow array, or plain values if no array can hold them without loss."""


class FrameBuilder:
    """Builds a frame from features that arrive in batches; until then, they are stored as columns.

    Parameters
    ----------
    host
        The host that was searched, for the column ``host``.
    """

    def __init__(self, host: str | None = None) -> None:
        self._host = host
        self._count = 0
        self._pieces: dict[str, list[tuple[int, Piece]]] = {"id": [], "collection": []}
        self._shapes: dict[int, np.ndarray[Any, Any]] = {}
        self._reasons: dict[int, str] = {}
        self._columns_without_zone: dict[str, None] = {}
        self._pending: list[Feature] = []

    def __len__(self) -> int:
        return self._count + len(self._pending)

    def add(self, features: Sequence[Feature]) -> None:
        """Add features. They are converted to columns in batches, which frees their memory."""
        self._pending.extend(features)
        while len(self._pending) >= _BATCH_SIZE:
            self._convert_or_restore(self._pending[:_BATCH_SIZE])
            self._pending = self._pending[_BATCH_SIZE:]

    def _convert_or_restore(self, features: Sequence[Feature]) -> None:
        """Convert features to columns; on failure, restore the columns as they were."""
        before = {name: len(pieces) for name, pieces in self._pieces.items()}
        try:
            with collector_paused():
                self._convert(features)
        except BaseException:
            self._pieces = {name: self._pieces[name][:kept] for name, kept in before.items()}
            raise

    def _convert(self, features: Sequence[Feature]) -> None:
        shapes, bounds, reasons = read_geometries(features)
        ids = [feature.id for feature in features]
        all_properties = [feature.properties for feature in features]
        reasons |= _id_problems(ids)
        self._append("id", _array_or_values(ids))
        self._append("collection", _array_or_values([feature.collection for feature in features]))
        malformed = _MALFORMED_PROPERTIES.intersection(map(type, all_properties))
        if malformed:
            as_given = [properties if type(properties) in malformed else None for properties in all_properties]
            self._append(_PREFIX.rstrip(":") + _AS_GIVEN, as_given)
        for name, values in columns_of(features).items():
            column = column_of(name)
            if column in TIMES:
                self._append_times(column, values)
            else:
                self._append(column, _array_or_values(values))
        self._append("assets", _json_array([bytes(feature.assets) for feature in features]))
        self._append("links", _json_array([bytes(feature.links) for feature in features]))
        versions = [feature.stac_version for feature in features]
        if any(version is not None for version in versions):
            self._append("stac_version", _array_or_values(versions))
        extensions = decode_each([feature.stac_extensions for feature in features])
        if any(extensions):
            self._append("stac_extensions", extensions)
        boxes = differing_boxes([bytes(feature.bbox) for feature in features], bounds)
        if boxes is not None:
            self._append("bbox:as_given", boxes)
        foreign = foreign_of(features)
        if foreign is not None:
            self._append("foreign_members", [members or None for members in foreign])
        self._shapes[self._count] = shapes
        self._reasons |= {self._count + row: reason for row, reason in reasons.items()}
        self._count += len(features)

    def _append(self, name: str, piece: Piece) -> None:
        self._pieces.setdefault(name, []).append((self._count, piece))

    def _append_times(self, name: str, values: list[Any]) -> None:
        """Read times as UTC; values that are not times are kept in a column of their own."""
        try:
            array = pa.array(values, pa.string()).cast(_UTC)
        except (pa.ArrowException, TypeError, ValueError):
            array = None
        if array is not None and _are_since_year_1(array):
            self._append(name, array)
        else:
            times, unread, lacks_zone = _read_times(values)
            self._append(name, pa.Array.from_pandas(times).cast(_UTC))
            if unread is not None:
                self._append(name + _AS_GIVEN, unread)
            if lacks_zone:
                self._columns_without_zone[name] = None

    def frame(self) -> gpd.GeoDataFrame:
        """Return a frame of all features so far.

        Returns
        -------
        geopandas.GeoDataFrame
            EPSG:4326, one row for each feature, in order, with a fresh ``RangeIndex``. ``datetime`` and the other times are
            UTC. A property with the name of one of scenecart's own columns is kept as ``properties:<name>``, and properties
            that are not an object as ``properties:as_given``.
        """
        if self._pending:
            self._convert_or_restore(self._pending)
            self._pending = []
        for name in self._columns_without_zone:
            warn(f"Some values of {name!r} have no time zone and were read as UTC.", code="time_zone_missing")
        count, pieces = self._count, dict(self._pieces)
        columns: dict[str, Any] = {name: _column(name, pieces.pop(name), count) for name in ("id", "collection")}
        columns["host"] = _text_column(pa.chunked_array([pa.repeat(pa.scalar(self._host, pa.string()), count)]))
        last = {name: pieces.pop(name) for name in _LAST_COLUMNS if name in pieces}
        columns[DATETIME] = _column(DATETIME, pieces.pop(DATETIME, []), count)
        columns |= {name: _column(name, parts, count) for name, parts in pieces.items()}
        shapes = np.concatenate(list(self._shapes.values())) if self._shapes else np.empty(0, dtype=object)
        columns["geometry"] = GeometryArray(shapes, crs=CRS)
        columns |= {
            name: _column(name, last.get(name, []), count) for name in _LAST_COLUMNS if name in last or name in _ALWAYS_PRESENT
        }
        reasons = np.full(count, None, dtype=object)
        reasons[list(self._reasons)] = list(self._reasons.values())
        columns["orderable"] = pd.isna(reasons)
        columns["not_orderable_reason"] = pd.Series(reasons, dtype=object)
        return gpd.GeoDataFrame(pd.DataFrame(columns, copy=False), geometry="geometry")


def to_frame(features: Sequence[Feature], *, host: str | None = None) -> gpd.GeoDataFrame:
    """Convert features to a GeoDataFrame; see :meth:`FrameBuilder.frame`."""
    builder = FrameBuilder(host)
    builder.add(features)
    return builder.frame()


def concat(frames: Iterable[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Concatenate frames with a fresh index; columns that a frame lacks are empty in its rows."""
    parts = [frame for frame in frames if len(frame)]
    if not parts:
        return to_frame([])
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    with warnings.catch_warnings():
        # pandas warns of all-empty columns, which correctly take the type of the other frames here
        warnings.simplefilter("ignore", FutureWarning)
        return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=CRS)


def assets(row: pd.Series[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Decode the assets of one capture.

    Parameters
    ----------
    row
        One row of a search result, such as ``captures.iloc[0]``.

    Returns
    -------
    dict
        Asset key to asset, as in STAC: ``href``, ``type``, ``roles``, … All values come from the catalog.

    Raises
    ------
    InvalidRequest
        If ``row`` is not a row of a search result.

    Examples
    --------
    >>> assets({"assets": '{"thumbnail": {"href": "https://example.com/a.png"}}'})["thumbnail"]["href"]
    'https://example.com/a.png'
    """
    value = checked_row(row).get("assets")
    if isinstance(value, Mapping):
        # a row of STAC GeoParquet, where all rows have the same assets and fields
        found: dict[str, Any] = json_value(dict(value), keep_nulls=False)
        return found
    decoded = loads(value.encode()) if isinstance(value, str) else {}
    return decoded if isinstance(decoded, dict) else {}


def checked_row(row: Any, *columns: str) -> pd.Series[Any] | Mapping[str, Any]:
    """Check that a value is a row of a search result with these columns, and return it.

    Raises
    ------
    InvalidRequest
        If it is not a row, or lacks one of the columns.
    """
    if not isinstance(row, pd.Series | Mapping):
        kind = "a DataFrame" if isinstance(row, pd.DataFrame) else shown_value(row)
        raise InvalidRequest(f"Expected one row of a search result, got {kind}.", code="capture_not_a_row", hint=_ROW_HINT)
    missing = next((name for name in columns if name not in row), None)
    if missing is not None:
        raise InvalidRequest(f"The row has no column {missing!r}.", code="capture_column_missing", hint=_ROW_HINT)
    return row


def column_of(name: str) -> str:
    """Return the column of a property: its own name, unless scenecart uses that name itself.

    Examples
    --------
    >>> column_of("gsd"), column_of("id"), column_of("properties:id"), column_of("datetime:as_given")
    ('gsd', 'properties:id', 'properties:properties:id', 'properties:datetime:as_given')
    """
    is_unread_time = name.endswith(_AS_GIVEN) and name.removesuffix(_AS_GIVEN) in TIMES
    is_taken = name in OWN_COLUMNS or name in _LAST_COLUMNS or is_unread_time or name.startswith(_PREFIX)
    # pandas does not accept lone surrogates in column names
    writable = name.encode("utf-8", "backslashreplace").decode()
    return _PREFIX + writable if is_taken or writable != name else name


def prefixed_column(name: str) -> str:
    """Return the column of a property whose own name is taken.

    Examples
    --------
    >>> prefixed_column("area"), property_of("properties:area")
    ('properties:area', 'area')
    """
    return _PREFIX + name


def property_of(column: str) -> str:
    """Return the property of a column; the inverse of :func:`column_of`.

    Examples
    --------
    >>> property_of("gsd"), property_of("properties:id"), property_of("datetime:as_given")
    ('gsd', 'id', 'datetime')
    """
    if column.startswith(_PREFIX):
        return column.removeprefix(_PREFIX)
    base = column.removesuffix(_AS_GIVEN)
    return base if base in TIMES else column


def column_from_values(name: str, values: list[Any]) -> Any:
    """Return the JSON values of a column in the narrowest lossless type; times stay text."""
    return pd.Series(values, dtype=object) if name in TIMES else _column(name, [(0, _array_or_values(values))], len(values))


def _array_or_values(values: list[Any]) -> Piece:
    """Return values as an Arrow array of one plain type, or unchanged if no such array holds them without loss."""
    if type(next((value for value in values if value is not None), None)) in {list, dict}:
        return values
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        # an integer beyond any float breaks calculations with the column; text does not
        return [str(value) if type(value) is int and abs(value) > _LARGEST_FLOAT else value for value in values]
    kind = array.type
    is_plain = pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return array if is_plain or pa.types.is_boolean(kind) or pa.types.is_null(kind) else values


def _json_array(values: list[bytes]) -> Piece:
    """Return undecoded JSON as an array over one buffer."""
    joined = b"".join(values)
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            return _array_or_values([value.decode("utf-8", "replace") for value in values])
    ends = np.cumsum(np.fromiter(map(len, values), dtype=np.int64, count=len(values)))
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), ends))
    return pa.LargeStringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(joined))


def _column(name: str, pieces: list[tuple[int, Piece]], count: int) -> Any:
    """Join the pieces of a column in the narrowest lossless type; rows between pieces are missing."""
    arrays = [piece for _, piece in pieces if isinstance(piece, pa.Array)]
    kinds = {array.type for array in arrays if not pa.types.is_null(array.type)}
    if name in TIMES:
        kinds = {_UTC}
    if kinds == {pa.int64(), pa.float64()}:
        kinds = {pa.float64()} if _all_cast(arrays, pa.float64()) else kinds
    if len(arrays) < len(pieces) or len(kinds) != 1:
        return _object_column(pieces, count)
    kind = kinds.pop()
    if name in {"id", "collection"} and not pa.types.is_string(kind):
        return _object_column(pieces, count)
    column = pa.chunked_array(_with_gaps(pieces, count, kind), kind)
    if kind == _UTC:
        return _from_arrow(_TIME, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text_column(column)
    if not column.null_count or pa.types.is_floating(kind):
        return column.to_numpy()
    if pa.types.is_integer(kind):
        return _from_arrow(_INTEGER, column)
    return _object_column(pieces, count)


def _with_gaps(pieces: list[tuple[int, pa.Array]], count: int, kind: pa.DataType) -> list[pa.Array]:
    """Return consecutive arrays of one type, with missing values in the gaps between the pieces."""
    chunks: list[pa.Array] = []
    end = 0
    for start, array in pieces:
        if start > end:
            chunks.append(pa.nulls(start - end, kind))
        chunks.append(array if array.type == kind else array.cast(kind))
        end = start + len(array)
    return [*chunks, pa.nulls(count - end, kind)]


def _object_column(pieces: list[tuple[int, Piece]], count: int) -> pd.Series[Any]:
    """Return a column of values as the catalog gave them."""
    values = np.full(count, None, dtype=object)
    for start, piece in pieces:
        plain = piece.to_pylist() if isinstance(piece, pa.Array) else piece
        values[start : start + len(plain)] = np.fromiter(plain, dtype=object, count=len(plain))
    return pd.Series(values, dtype=object)


def _all_cast(arrays: list[pa.Array], kind: pa.DataType) -> bool:
    try:
        return all(array.cast(kind) is not None for array in arrays)
    except pa.ArrowException:
        return False


_PANDAS_HAS_STR = int(pd.__version__.split(".")[0]) >= 3  # noqa: PLR2004  # the first with a string type
_TEXT, _TIME, _INTEGER = pd.api.types.pandas_dtype("str"), pd.DatetimeTZDtype("us", "UTC"), pd.Int64Dtype()


def _text_column(column: pa.ChunkedArray) -> Any:
    if not _PANDAS_HAS_STR:
        return pd.Series(column.to_pylist(), dtype=object)
    return _from_arrow(_TEXT, column)


def _from_arrow(kind: Any, column: pa.ChunkedArray) -> Any:
    """Convert a column by the protocol between Arrow and pandas, which copies as little as possible."""
    return kind.__from_arrow__(column)


def _read_times(values: list[Any]) -> tuple[pd.Series[Any], list[Any] | None, bool]:
    """Read times of any form; return the times, the values that are not times, and whether some have no time zone."""
    texts = pd.Series(values, dtype=object)
    given = texts.notna()
    times = pd.to_datetime(
        texts.where(texts.map(lambda value: isinstance(value, str))), format="ISO8601", utc=True, errors="coerce"
    ).astype("datetime64[us, UTC]")
    times = times.where(times.isna() | (times.astype("int64") >= _YEAR_1))
    unread = given & times.isna()
    read = texts[given & ~unread]
    lacks_zone = len(read) > 0 and bool((~read.str.contains(r"(?:[Zz]|[+-]\d{2}:?\d{0,2})$", regex=True)).any())
    return times, texts.where(unread, None).tolist() if unread.any() else None, lacks_zone


def _are_since_year_1(times: pa.Array) -> bool:
    return not len(times) or int(times.view(pa.int64()).fill_null(0).to_numpy().min()) >= _YEAR_1


def _id_problems(ids: list[Any]) -> dict[int, str]:
    """Return the rows with an id that cannot be ordered, and the reason."""
    if _are_valid_ids(ids):
        return {}
    reasons: dict[int, str] = {}
    for row, name in enumerate(ids):
        if name is None:
            reasons[row] = "it has no id"
        elif not isinstance(name, str):
            reasons[row] = "its id is not a string"
        elif not name.strip():
            reasons[row] = "its id is empty"
        elif len(name) > _MAX_ID_LENGTH:
            reasons[row] = f"its id is longer than {_MAX_ID_LENGTH:,} characters"
        elif not is_unicode(name):
            reasons[row] = "its id is not valid Unicode"
    return reasons


def _are_valid_ids(ids: list[Any]) -> bool:
    """Return whether every id is a non-empty string of normal length in valid Unicode, as nearly always."""
    try:
        return all(map(str.strip, ids)) and max(map(len, ids), default=0) <= _MAX_ID_LENGTH and is_unicode("".join(ids))
    except TypeError:
        return False


assets.__module__ = "scenecart"
