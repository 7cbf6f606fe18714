"""Bytes of features become columns, and columns a GeoDataFrame: one row a capture, nothing dropped.

Stages: JSON bytes → ``Feature`` (geometry, assets and links still raw) → columns → GeoDataFrame. The columns
are laid out as in stac-geoparquet: every property stands beside ``id``, ``collection`` and ``geometry``; ``assets`` and
``links`` stay JSON text until ``assets(row)`` touches them. A feature that cannot be drawn or ordered is kept and says
why.
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

from scenecart._captures.decode import Feature, columns_of, decode_each, foreign_of
from scenecart._captures.footprints import malformed_boxes, read_geometries
from scenecart._util.json import collector_paused, loads
from scenecart.exceptions import InvalidRequest, warn

CRS = "EPSG:4326"
TIMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires"})
OWN_COLUMNS = ("id", "collection", "host", "geometry", "assets", "links", "orderable", "not_orderable_reason")
# what a search of many areas adds; a property of such a name stands under its own name in every other frame
OF_MANY_AREAS = ("area", "duplicate")
_ALWAYS = ("assets", "links")
_LAST = ("stac_version", "stac_extensions", *_ALWAYS, "bbox:as_given", "foreign_members")
_OF_PROPERTIES, _AS_GIVEN = "properties:", ":as_given"
_OLDEST = -62_135_596_800_000_000  # year 1 in microseconds; Python knows no older one
_NO_PROPERTIES = frozenset({list, str, int, float, bool})
_LONGEST_ID = 1024
_LARGEST_FLOAT = int(sys.float_info.max)
_AT_ONCE = 1_000
_ROW_HINT = "Pass one row of client.search(…), such as captures.iloc[0]."
_UTC = pa.timestamp("us", "UTC")
Piece: TypeAlias = "pa.Array | list[Any]"
"""Some rows of a column: an Arrow array, or values that fit none."""


class Builder:
    """Takes features some at a time, keeps them as columns, and makes one frame of them all.

    Parameters
    ----------
    host
        The host that was searched; stands in the column ``host``.
    """

    def __init__(self, host: str | None = None) -> None:
        self._host = host
        self._count = 0
        self._pieces: dict[str, list[tuple[int, Piece]]] = {"id": [], "collection": []}
        self._shapes: dict[int, np.ndarray[Any, Any]] = {}
        self._why: dict[int, str] = {}
        self._without_zone: dict[str, None] = {}
        self._waiting: list[Feature] = []

    def __len__(self) -> int:
        return self._count + len(self._waiting)

    def add(self, features: Sequence[Feature]) -> None:
        """Take features, whose own memory is free soon after."""
        self._waiting.extend(features)
        while len(self._waiting) >= _AT_ONCE:
            self._turn(self._waiting[:_AT_ONCE])
            self._waiting = self._waiting[_AT_ONCE:]

    def _turn(self, features: Sequence[Feature]) -> None:
        """Turn features into columns, or leave everything as it was."""
        before = {name: len(pieces) for name, pieces in self._pieces.items()}
        try:
            with collector_paused():
                self._add(features)
        except BaseException:
            self._pieces = {name: self._pieces[name][:kept] for name, kept in before.items()}
            raise

    def _add(self, features: Sequence[Feature]) -> None:
        shapes, bounds, why = read_geometries(features)
        ids = [feature.id for feature in features]
        read = [feature.properties for feature in features]
        why |= _why_not_ordered(ids)
        self._keep("id", _piece(ids))
        self._keep("collection", _piece([feature.collection for feature in features]))
        odd = _NO_PROPERTIES.intersection(map(type, read))
        if odd:
            self._keep(
                _OF_PROPERTIES.rstrip(":") + _AS_GIVEN, [properties if type(properties) in odd else None for properties in read]
            )
        for name, values in columns_of(features).items():
            own = column_of(name)
            if own in TIMES:
                self._keep_times(own, values)
            else:
                self._keep(own, _piece(values))
        self._keep("assets", _raw_piece([bytes(feature.assets) for feature in features]))
        self._keep("links", _raw_piece([bytes(feature.links) for feature in features]))
        versions = [feature.stac_version for feature in features]
        if any(version is not None for version in versions):
            self._keep("stac_version", _piece(versions))
        extensions = decode_each([feature.stac_extensions for feature in features])
        if any(extensions):
            self._keep("stac_extensions", extensions)
        boxes = malformed_boxes([bytes(feature.bbox) for feature in features], bounds)
        if boxes is not None:
            self._keep("bbox:as_given", boxes)
        foreign = foreign_of(features)
        if foreign is not None:
            self._keep("foreign_members", [members or None for members in foreign])
        self._shapes[self._count] = shapes
        self._why |= {self._count + row: reason for row, reason in why.items()}
        self._count += len(features)

    def _keep(self, name: str, piece: Piece) -> None:
        self._pieces.setdefault(name, []).append((self._count, piece))

    def _keep_times(self, name: str, values: list[Any]) -> None:
        """Read times as UTC; what is no time stays readable in a column of its own, so that nothing is lost."""
        try:
            array = pa.array(values, pa.string()).cast(_UTC)
        except (pa.ArrowException, TypeError, ValueError):
            array = None
        if array is not None and _are_of_our_era(array):
            self._keep(name, array)
        else:
            times, unread, lacks_zone = _read_times(values)
            self._keep(name, pa.Array.from_pandas(times).cast(_UTC))
            if unread is not None:
                self._keep(name + _AS_GIVEN, unread)
            if lacks_zone:
                self._without_zone[name] = None

    def frame(self) -> gpd.GeoDataFrame:
        """Return everything so far.

        Returns
        -------
        geopandas.GeoDataFrame
            EPSG:4326, in order, one row a feature, with a fresh ``RangeIndex``. ``datetime`` and the other times are UTC. A
            property whose name is one of scenecart's own columns is kept as ``properties:<name>``, and what stands in the place of
            properties and is none as ``properties:as_given``.
        """
        if self._waiting:
            self._turn(self._waiting)
            self._waiting = []
        for name in self._without_zone:
            warn(f"Some values of {name!r} have no time zone; they are read as UTC.")
        count, pieces = self._count, dict(self._pieces)
        columns: dict[str, Any] = {name: _column(name, pieces.pop(name), count) for name in ("id", "collection")}
        columns["host"] = _text_column(pa.chunked_array([pa.repeat(pa.scalar(self._host, pa.string()), count)]))
        last = {name: pieces.pop(name) for name in _LAST if name in pieces}
        columns["datetime"] = _column("datetime", pieces.pop("datetime", []), count)
        columns |= {name: _column(name, parts, count) for name, parts in pieces.items()}
        shapes = np.concatenate(list(self._shapes.values())) if self._shapes else np.empty(0, dtype=object)
        columns["geometry"] = GeometryArray(shapes, crs=CRS)
        columns |= {name: _column(name, last.get(name, []), count) for name in _LAST if name in last or name in _ALWAYS}
        why = np.full(count, None, dtype=object)
        why[list(self._why)] = list(self._why.values())
        columns["orderable"] = pd.isna(why)
        columns["not_orderable_reason"] = pd.Series(why, dtype=object)
        return gpd.GeoDataFrame(pd.DataFrame(columns, copy=False), geometry="geometry")


def to_frame(features: Sequence[Feature], *, host: str | None = None) -> gpd.GeoDataFrame:
    """Turn features into a GeoDataFrame; see :meth:`Builder.frame`."""
    builder = Builder(host)
    builder.add(features)
    return builder.frame()


def concat(frames: Iterable[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Put frames below each other under a fresh index; columns that only some have are empty in the others."""
    parts = [frame for frame in frames if len(frame)]
    if not parts:
        return to_frame([])
    if len(parts) == 1:
        return parts[0].reset_index(drop=True)
    with warnings.catch_warnings():
        # pandas speaks of all-empty columns, whose type here follows from the others as it should
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
        Asset key to asset, as STAC has them: ``href``, ``type``, ``roles``, … Everything in it comes from the catalog.

    Raises
    ------
    InvalidRequest
        If this is no row.

    Examples
    --------
    >>> assets({"assets": '{"thumbnail": {"href": "https://example.com/a.png"}}'})["thumbnail"]["href"]
    'https://example.com/a.png'
    """
    value = checked_row(row).get("assets")
    if isinstance(value, Mapping):
        return dict(value)
    decoded = loads(value.encode()) if isinstance(value, str) else {}
    return decoded if isinstance(decoded, dict) else {}


def checked_row(row: Any, *columns: str) -> pd.Series[Any] | Mapping[str, Any]:
    """Return a row of a search result that has some columns.

    Raises
    ------
    InvalidRequest
        If it is none, or lacks one of them.
    """
    if not isinstance(row, pd.Series | Mapping):
        what = "a frame of several" if isinstance(row, pd.DataFrame) else type(row).__name__
        raise InvalidRequest(f"A capture is one row of a search result, not {what}.", hint=_ROW_HINT)
    lacking = next((name for name in columns if name not in row), None)
    if lacking is not None:
        raise InvalidRequest(f"This row of a search result lacks the column {lacking!r}.", hint=_ROW_HINT)
    return row


def column_of(name: str) -> str:
    """Return the column that a property stands in: its own name, where that is not taken.

    Examples
    --------
    >>> column_of("gsd"), column_of("id"), column_of("properties:id"), column_of("datetime:as_given")
    ('gsd', 'properties:id', 'properties:properties:id', 'properties:datetime:as_given')
    """
    is_kept_apart = name.endswith(_AS_GIVEN) and name.removesuffix(_AS_GIVEN) in TIMES
    is_taken = name in OWN_COLUMNS or name in _LAST or is_kept_apart or name.startswith(_OF_PROPERTIES)
    # pandas takes no name that is no Unicode
    writable = name.encode("utf-8", "backslashreplace").decode()
    return _OF_PROPERTIES + writable if is_taken or writable != name else name


def column_beside(name: str) -> str:
    """Return the column that a property stands in where its own name is taken.

    Examples
    --------
    >>> column_beside("area"), property_of("properties:area")
    ('properties:area', 'area')
    """
    return _OF_PROPERTIES + name


def property_of(column: str) -> str:
    """Return the property that stands in a column; the other way round than :func:`column_of`.

    Examples
    --------
    >>> property_of("gsd"), property_of("properties:id"), property_of("datetime:as_given")
    ('gsd', 'id', 'datetime')
    """
    if column.startswith(_OF_PROPERTIES):
        return column.removeprefix(_OF_PROPERTIES)
    base = column.removesuffix(_AS_GIVEN)
    return base if base in TIMES else column


def _piece(values: list[Any]) -> Piece:
    """Return values as an Arrow array of one plain kind, or as they are where there is none that loses nothing."""
    if type(next((value for value in values if value is not None), None)) in {list, dict}:
        return values
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        # a number that no float holds stops whoever reckons with the column; as text it stops nobody
        return [str(value) if type(value) is int and abs(value) > _LARGEST_FLOAT else value for value in values]
    kind = array.type
    is_plain = pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return array if is_plain or pa.types.is_boolean(kind) or pa.types.is_null(kind) else values


def _raw_piece(values: list[bytes]) -> Piece:
    """Return JSON texts that were never decoded: one buffer, and where each begins."""
    joined = b"".join(values)
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            return _piece([value.decode("utf-8", "replace") for value in values])
    ends = np.cumsum(np.fromiter(map(len, values), dtype=np.int64, count=len(values)))
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), ends))
    return pa.LargeStringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(joined))


def _column(name: str, pieces: list[tuple[int, Piece]], count: int) -> Any:
    """Join the pieces of a column to the narrowest one that loses nothing; rows between them are missing."""
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
    column = pa.chunked_array(_filled(pieces, count, kind), kind)
    if kind == _UTC:
        return _from_arrow(_TIME, column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text_column(column)
    if not column.null_count or pa.types.is_floating(kind):
        return column.to_numpy()
    if pa.types.is_integer(kind):
        return _from_arrow(_INTEGER, column)
    return _object_column(pieces, count)


def _filled(pieces: list[tuple[int, pa.Array]], count: int, kind: pa.DataType) -> list[pa.Array]:
    """Return arrays of one kind that follow each other, with missing values between them."""
    chunks: list[pa.Array] = []
    filled = 0
    for start, array in pieces:
        if start > filled:
            chunks.append(pa.nulls(start - filled, kind))
        chunks.append(array if array.type == kind else array.cast(kind))
        filled = start + len(array)
    return [*chunks, pa.nulls(count - filled, kind)]


def _object_column(pieces: list[tuple[int, Piece]], count: int) -> pd.Series[Any]:
    """Return a column of values as they came."""
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


_PANDAS_HAS_STR = int(pd.__version__.split(".")[0]) >= 3  # noqa: PLR2004  # the first with a string type of its own
_TEXT, _TIME, _INTEGER = pd.api.types.pandas_dtype("str"), pd.DatetimeTZDtype("us", "UTC"), pd.Int64Dtype()


def _text_column(column: pa.ChunkedArray) -> Any:
    if not _PANDAS_HAS_STR:
        return pd.Series(column.to_pylist(), dtype=object)
    return _from_arrow(_TEXT, column)


def _from_arrow(kind: Any, column: pa.ChunkedArray) -> Any:
    """Hand a column over by the protocol between Arrow and pandas, which copies as little as it can."""
    return kind.__from_arrow__(column)


def _read_times(values: list[Any]) -> tuple[pd.Series[Any], list[Any] | None, bool]:
    """Read times of any form: the times, what is none (None where it is one), and whether some have no zone."""
    texts = pd.Series(values, dtype=object)
    given = texts.notna()
    times = pd.to_datetime(
        texts.where(texts.map(lambda value: isinstance(value, str))), format="ISO8601", utc=True, errors="coerce"
    ).astype("datetime64[us, UTC]")
    times = times.where(times.isna() | (times.astype("int64") >= _OLDEST))
    unread = given & times.isna()
    read = texts[given & ~unread]
    lacks_zone = len(read) > 0 and bool((~read.str.contains(r"(?:[Zz]|[+-]\d{2}:?\d{0,2})$", regex=True)).any())
    return times, texts.where(unread, None).tolist() if unread.any() else None, lacks_zone


def _are_of_our_era(times: pa.Array) -> bool:
    return not len(times) or int(times.view(pa.int64()).fill_null(0).to_numpy().min()) >= _OLDEST


def _why_not_ordered(ids: list[Any]) -> dict[int, str]:
    """Tell of which rows the id cannot be ordered by, and why."""
    if _are_sensible(ids):
        return {}
    why: dict[int, str] = {}
    for row, name in enumerate(ids):
        if name is None:
            why[row] = "it has no id"
        elif not isinstance(name, str):
            why[row] = f"its id is {type(name).__name__}, not text"
        elif not name.strip():
            why[row] = "its id is empty"
        elif len(name) > _LONGEST_ID:
            why[row] = "its id is longer than any real one"
    return why


def _are_sensible(ids: list[Any]) -> bool:
    """Tell whether every id is text of a sensible length, as they nearly always are."""
    try:
        return all(map(str.strip, ids)) and max(map(len, ids), default=0) <= _LONGEST_ID
    except TypeError:
        return False


assets.__module__ = "scenecart"
