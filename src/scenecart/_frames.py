"""Bytes of features become columns, and columns a GeoDataFrame: one row a capture, nothing dropped.

Stages: JSON bytes → ``Feature`` (geometry, assets and links still raw) → columns → GeoDataFrame. The columns
are laid out as in stac-geoparquet: every property stands beside ``id``, ``collection`` and ``geometry``; ``assets`` and
``links`` stay JSON text until ``assets(row)`` touches them. A feature that cannot be drawn or ordered is kept and says
why.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import geopandas as gpd
import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from geopandas.array import GeometryArray

from scenecart._area import why_unusable
from scenecart._errors import ScenecartWarning
from scenecart._features import Feature, Geometry, collector_paused, columns_of, geometry_text
from scenecart._json import loads

CRS = "EPSG:4326"
TIMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires"})
OWN_COLUMNS = ("id", "collection", "host", "geometry", "assets", "links", "orderable", "why_not")
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_LONGEST_ID = 1024
_LEAST_POINTS = 4
_SHORTEST_RING = len("[[[0,0],[0,0],[0,0],[0,0]]]") - 1
_numbers = msgspec.json.Decoder(list[float])
_WORLD = np.array([540.0, 90.0])


def to_frame(features: Sequence[Feature], *, host: str | None = None) -> gpd.GeoDataFrame:
    """Turn features into a GeoDataFrame, in order, one row each.

    Parameters
    ----------
    features
        What ``read_page`` or ``read_feature`` gave.
    host
        The host that was searched; stands in the column ``host``.

    Returns
    -------
    geopandas.GeoDataFrame
        EPSG:4326, with a fresh ``RangeIndex``. ``datetime`` and the other times are UTC. A property whose name is
        one of scenecart's own columns is kept as ``properties:<name>``.
    """
    with collector_paused():
        return gpd.GeoDataFrame(pd.DataFrame(_columns(features, host), copy=False), geometry="geometry")


def _columns(features: Sequence[Feature], host: str | None) -> dict[str, Any]:
    count = len(features)
    geometry, why = _geometries(features)
    ids = [feature.id for feature in features]
    _explain_ids(ids, why)
    columns: dict[str, Any] = {
        "id": _column("id", ids),
        "collection": _column("collection", [feature.collection for feature in features]),
        "host": _column("host", [host] * count),
    }
    columns["datetime"] = _time_column("datetime", [None] * count, columns)
    for name, values in columns_of(features).items():
        own = f"properties:{name}" if name in OWN_COLUMNS else name
        column = _time_column(own, values, columns) if own in TIMES else _column(own, values)
        if column is not None:
            columns[own] = column
    columns["geometry"] = GeometryArray(geometry, crs=CRS)
    for name in ("stac_version", "stac_extensions"):
        values = [getattr(feature, name) for feature in features]
        if any(value is not None for value in values):
            columns.setdefault(name, _column(name, values))
    columns["assets"] = _raw_column([bytes(feature.assets) for feature in features])
    columns["links"] = _raw_column([bytes(feature.links) for feature in features])
    columns["orderable"] = np.array([reason is None for reason in why], dtype=bool)
    columns["why_not"] = pd.Series(why, dtype=object)
    return columns


def concat(frames: Iterable[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Put frames below each other; columns that only some have are empty in the others."""
    parts = [frame for frame in frames if len(frame)]
    if not parts:
        return to_frame([])
    if len(parts) == 1:
        return parts[0]
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

    Examples
    --------
    >>> assets({"assets": '{"thumbnail": {"href": "https://example.com/a.png"}}'})["thumbnail"]["href"]
    'https://example.com/a.png'
    """
    value = row.get("assets")
    if isinstance(value, Mapping):
        return dict(value)
    decoded = loads(value.encode()) if isinstance(value, str) else {}
    return decoded if isinstance(decoded, dict) else {}


def _column(name: str, values: list[Any]) -> Any:
    """Give a list of plain values the narrowest column that loses nothing of it; None if no row has the property."""
    if type(next((value for value in values if value is not None), None)) in {list, dict}:
        return pd.Series([None if value is msgspec.UNSET else value for value in values], dtype=object)
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        if any(value is msgspec.UNSET for value in values):
            if all(value is msgspec.UNSET for value in values):
                return None
            return _column(name, [None if value is msgspec.UNSET else value for value in values])
        return pd.Series(values, dtype=object)
    kind = array.type
    if name in {"id", "collection"} and not (pa.types.is_string(kind) or pa.types.is_null(kind)):
        return pd.Series(values, dtype=object)
    if pa.types.is_integer(kind) and array.null_count:
        return pd.Series(values, dtype="Int64")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return array.to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind) and not array.null_count:
        return array.to_numpy(zero_copy_only=False)
    if pa.types.is_string(kind):
        return _text_column(array, values)
    return pd.Series(values, dtype=object)


_PANDAS_HAS_STR = int(pd.__version__.split(".")[0]) >= 3  # noqa: PLR2004  # the first with a string type of its own


def _text_column(array: pa.Array, values: list[Any]) -> Any:
    if not _PANDAS_HAS_STR:
        return pd.Series(values, dtype=object)
    return pd.array(array.cast(pa.large_string()), dtype="str")


def _raw_column(values: list[bytes]) -> Any:
    """Return a column of JSON texts that were never decoded: one buffer, and where each begins."""
    joined = b"".join(values)
    if not joined.isascii():
        try:
            joined.decode()
        except UnicodeDecodeError:
            return _column("", [value.decode("utf-8", "replace") for value in values])
    ends = np.cumsum(np.fromiter(map(len, values), dtype=np.int64, count=len(values)))
    offsets = np.concatenate((np.zeros(1, dtype=np.int64), ends))
    array = pa.LargeStringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(joined))
    return pd.array(array, dtype="str") if _PANDAS_HAS_STR else pd.Series(array.to_pylist(), dtype=object)


def _time_column(name: str, values: list[Any], columns: dict[str, Any]) -> Any:
    """Read times as UTC; what is no time stays readable in a column of its own, so that nothing is lost."""
    quick = _plain_times(values)
    if quick is not None:
        columns.pop(f"{name}:as_given", None)
        return quick
    texts = pd.Series([None if value is msgspec.UNSET else value for value in values], dtype=object)
    given = texts.notna()
    times = pd.to_datetime(
        texts.where(texts.map(lambda value: isinstance(value, str))), format="ISO8601", utc=True, errors="coerce"
    )
    columns.pop(f"{name}:as_given", None)
    unread = given & times.isna()
    if unread.any():
        columns[f"{name}:as_given"] = texts.where(unread, None)
    if _lacks_zone(texts[given & ~unread]):
        warnings.warn(f"Some values of {name!r} have no time zone; they are read as UTC.", ScenecartWarning, stacklevel=4)
    return times.astype("datetime64[us, UTC]")


def _plain_times(values: list[Any]) -> Any:
    """Read times that are all text in UTC, as nearly every catalog writes them; None where one is not."""
    try:
        texts = pa.array(values, pa.string())
        if not pc.all(pc.match_substring_regex(texts, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$"), skip_nulls=True).as_py():
            return None
        times = texts.cast(pa.timestamp("us", "UTC"))
    except (pa.ArrowException, TypeError, ValueError):
        return None
    return pd.array(times.to_numpy(zero_copy_only=False), dtype="datetime64[us]").tz_localize("UTC")


def _lacks_zone(texts: pd.Series[Any]) -> bool:
    if texts.empty:
        return False
    return bool((~texts.str.contains(r"(?:[Zz]|[+-]\d{2}:?\d{0,2})$", regex=True)).any())


def _explain_ids(ids: list[Any], why: list[str | None]) -> None:
    if _are_sensible(ids):
        return
    for row, name in enumerate(ids):
        if name is None:
            why[row] = "it has no id"
        elif not isinstance(name, str):
            why[row] = f"its id is {type(name).__name__}, not text"
        elif not name.strip():
            why[row] = "its id is empty"
        elif len(name) > _LONGEST_ID:
            why[row] = "its id is longer than any real one"


def _are_sensible(ids: list[Any]) -> bool:
    """Tell whether every id is text of a sensible length, as they nearly always are."""
    try:
        texts = pa.array(ids, pa.string())
    except (pa.ArrowException, UnicodeEncodeError):
        return False
    if texts.null_count or not len(texts):
        return not len(texts)
    lengths = pc.min_max(pc.utf8_length(texts))
    return bool(
        lengths["min"].as_py() > 0 and lengths["max"].as_py() <= _LONGEST_ID and not pc.any(pc.utf8_is_space(texts)).as_py()
    )


def _geometries(features: Sequence[Feature]) -> tuple[np.ndarray[Any, Any], list[str | None]]:
    """Parse all geometries at once; what cannot be read is None, with the reason beside it."""
    geometry = np.full(len(features), None, dtype=object)
    rest = _simple_polygons(features, geometry)
    if len(rest):
        texts = np.array([geometry_text(features[row]) for row in rest.tolist()], dtype=object)
        geometry[rest] = shapely.from_geojson(texts, on_invalid="ignore")
    geometry[shapely.is_empty(geometry)] = None
    why: list[str | None] = [None] * len(features)
    missing = shapely.is_missing(geometry)
    polygonal = np.isin(shapely.get_type_id(geometry), _POLYGONAL)
    bounds = shapely.bounds(geometry)
    doubtful = ~shapely.is_valid(geometry) | _around_antimeridian(bounds)
    outside = _outside_world(bounds)
    for row in np.flatnonzero(missing | ~polygonal | doubtful | outside).tolist():
        if missing[row]:
            absent = geometry_text(features[row]).strip() == "null"
            why[row] = "it has no footprint" if absent else "its footprint cannot be read"
        elif not polygonal[row]:
            why[row] = f"its footprint is a {geometry[row].geom_type}, not an area"
        elif outside[row]:
            why[row] = "its footprint lies outside the world"
        else:
            why[row] = why_unusable(geometry[row])
    return geometry, why


def _simple_polygons(features: Sequence[Feature], geometry: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Build every polygon of one closed, flat ring from one parse of all their numbers; return the rows that are left."""
    everything = np.arange(len(features))
    shapes = [feature.geometry for feature in features]
    texts = [bytes(shape.coordinates) if type(shape) is Geometry and shape.type == "Polygon" else b"" for shape in shapes]
    joined = b",".join(texts)
    if any(space in joined for space in (b" ", b"\n", b"\t", b"\r")):
        texts = [text.translate(None, b" \n\t\r") for text in texts]
        joined = b",".join(texts)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    rows = np.flatnonzero(lengths > _SHORTEST_RING)
    if not len(rows):
        return everything
    points = _points_of_one_ring(np.frombuffer(joined, dtype=np.uint8), (np.cumsum(lengths + 1) - lengths - 1)[rows], lengths[rows])
    simple = points >= _LEAST_POINTS
    if not simple.all() or len(rows) < len(features):
        rows, points = rows[simple], points[simple]
        if not len(rows):
            return everything
        joined = b",".join([texts[row] for row in rows.tolist()])
    try:
        xy = np.array(_numbers.decode(b"[" + joined.translate(None, b"[]") + b"]")).reshape(-1, 2)
    except (msgspec.DecodeError, ValueError):
        return everything
    ends = np.cumsum(points)
    closed = (xy[ends - points] == xy[ends - 1]).all(axis=1)
    rings = (np.concatenate(([0], ends)), np.arange(len(ends) + 1))
    chosen = rows[closed]
    geometry[chosen] = shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy, rings)[closed]
    return np.setdiff1d(everything, chosen, assume_unique=True) if len(chosen) < len(everything) else everything[:0]


def _points_of_one_ring(
    text: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Count the points of each polygon of one flat ring, from its brackets and commas; 0 for any other.

    ``[[[1,2],[3,4]]]`` has two brackets more than points, two numbers a point, and ends in three brackets that are its only
    neighbours.
    """
    ends = starts + lengths

    def count(marks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        places = np.flatnonzero(marks)
        return np.asarray(np.searchsorted(places, ends) - np.searchsorted(places, starts))

    closing = text == ord("]")
    numbers = count(text == ord(",")) + 1
    points = count(text == ord("[")) - 2
    neighbours = count(closing[:-1] & closing[1:])
    opened = (text[starts] == ord("[")) & (text[starts + 1] == ord("[")) & (text[starts + 2] == ord("["))
    return np.where(opened & (numbers == 2 * points) & (neighbours == 2), points, 0)  # noqa: PLR2004  # as said above


def _outside_world(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(bounds) > np.tile(_WORLD, 2)).any(axis=1))


def _around_antimeridian(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tell which bounds are so wide, or so far out, that the shape may cross the antimeridian."""
    with np.errstate(invalid="ignore"):
        wide = bounds[:, 2] - bounds[:, 0] > 180  # noqa: PLR2004  # half the world
        return np.asarray(wide | (np.abs(bounds[:, ::2]) > 180).any(axis=1))  # noqa: PLR2004  # the antimeridian
