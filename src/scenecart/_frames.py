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
import shapely
from geopandas.array import GeometryArray

from scenecart._area import why_unusable
from scenecart._errors import ScenecartWarning, ServiceError
from scenecart._json import NotJson, loads

CRS = "EPSG:4326"
TIMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires"})
OWN_COLUMNS = ("id", "collection", "host", "geometry", "assets", "links", "orderable", "why_not")
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
_LONGEST_ID = 1024
_WORLD = np.array([540.0, 90.0])


class Feature(msgspec.Struct, gc=False):
    """One capture as it came, decoded only as far as every reader needs."""

    type: Any = None
    id: Any = None
    collection: Any = None
    properties: Any = None
    geometry: msgspec.Raw = msgspec.Raw(b"null")
    assets: msgspec.Raw = msgspec.Raw(b"{}")
    links: msgspec.Raw = msgspec.Raw(b"[]")
    stac_version: Any = None
    stac_extensions: Any = None


class _Envelope(msgspec.Struct, gc=False):
    """A feature collection without its features' inside."""

    features: list[msgspec.Raw]
    next: Any = None
    links: Any = None


_features = msgspec.json.Decoder(Feature)
_envelope = msgspec.json.Decoder(_Envelope)


def read_feature(data: bytes | msgspec.Raw) -> Feature | None:
    """Decode one feature, or return None for JSON that is none.

    Raises
    ------
    NotJson
        If the bytes are no JSON.
    """
    try:
        feature = _features.decode(data)
    except RecursionError:
        raise NotJson("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        document = loads(bytes(data))
        if not isinstance(document, Mapping):
            return None
        return _feature_of(document)
    return feature if feature.type == "Feature" or feature.type is None else None


def read_page(data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
    """Decode a feature collection.

    Returns
    -------
    features, skipped, rest
        The features, how many entries were none, and the collection's ``next`` and ``links``.

    Raises
    ------
    ServiceError
        If the bytes are no feature collection: never taken for "no imagery".
    """
    try:
        envelope = _envelope.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_odd_page(data, operation)
    features, skipped = [], 0
    for raw in envelope.features:
        feature = read_feature(raw)
        if feature is None or not isinstance(feature.properties, dict | None):
            skipped += 1
        else:
            features.append(feature)
    return features, skipped, {"next": envelope.next, "links": envelope.links}


def _read_odd_page(data: bytes, operation: str) -> tuple[list[Feature], int, Mapping[str, Any]]:
    try:
        document = loads(data)
    except NotJson as error:
        what = f"no JSON ({error})" if data.strip() else "an empty body"
        raise ServiceError(f"{operation} answered {what}.", hint="Is base_url the ordering service?", operation=operation) from None
    if not isinstance(document, Mapping) or not isinstance(document.get("features"), list):
        raise ServiceError(
            f"{operation} answered JSON that is no feature collection.",
            hint="Is base_url the ordering service?",
            operation=operation,
        )
    features = [_feature_of(entry) for entry in document["features"] if isinstance(entry, Mapping)]
    return features, len(document["features"]) - len(features), document


def _feature_of(document: Mapping[str, Any]) -> Feature:
    """Build a feature from a document that the typed decoder would not take, such as one with lone surrogates."""

    def raw(name: str, default: str) -> msgspec.Raw:
        value = document.get(name)
        text = default if value is None else _ascii_json(value)
        return msgspec.Raw(text.encode())

    return Feature(
        type=document.get("type"),
        id=document.get("id"),
        collection=document.get("collection"),
        properties=document.get("properties"),
        geometry=raw("geometry", "null"),
        assets=raw("assets", "{}"),
        links=raw("links", "[]"),
        stac_version=document.get("stac_version"),
        stac_extensions=document.get("stac_extensions"),
    )


def _ascii_json(value: Any) -> str:
    import json  # noqa: PLC0415  # only for the rare document that needs escapes kept

    return json.dumps(value)


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
    for name, values in _properties(features).items():
        own = f"properties:{name}" if name in OWN_COLUMNS else name
        columns[own] = _time_column(own, values, columns) if own in TIMES else _column(own, values)
    columns["geometry"] = GeometryArray(geometry, crs=CRS)
    for name in ("stac_version", "stac_extensions"):
        values = [getattr(feature, name) for feature in features]
        if any(value is not None for value in values):
            columns.setdefault(name, _column(name, values))
    columns["assets"] = _column("assets", [bytes(feature.assets).decode() for feature in features])
    columns["links"] = _column("links", [bytes(feature.links).decode() for feature in features])
    columns["orderable"] = np.array([reason is None for reason in why], dtype=bool)
    columns["why_not"] = pd.Series(why, dtype=object)
    return gpd.GeoDataFrame(pd.DataFrame(columns), geometry="geometry")


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


def _properties(features: Sequence[Feature]) -> dict[str, list[Any]]:
    """Turn one dict a feature into one list a property, in the order in which names first come up."""
    sets = [feature.properties if isinstance(feature.properties, dict) else {} for feature in features]
    names: dict[str, None] = {}
    for properties in sets:
        if not names.keys() >= properties.keys():
            names.update(dict.fromkeys(properties))
    return {name: [properties.get(name) for properties in sets] for name in names}


def _column(name: str, values: list[Any]) -> Any:
    """Give a list of plain values the narrowest column that loses nothing of it."""
    if name in {"id", "collection"} and not all(isinstance(value, str) or value is None for value in values):
        return pd.Series(values, dtype=object)
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return pd.Series(values, dtype=object)
    kind = array.type
    if pa.types.is_integer(kind) and array.null_count:
        return pd.Series(values, dtype="Int64")
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return array.to_numpy(zero_copy_only=False)
    if pa.types.is_boolean(kind) and not array.null_count:
        return array.to_numpy(zero_copy_only=False)
    if pa.types.is_string(kind):
        return pd.Series(values, dtype="str" if _PANDAS_HAS_STR else object)
    return pd.Series(values, dtype=object)


_PANDAS_HAS_STR = int(pd.__version__.split(".")[0]) >= 3  # noqa: PLR2004  # the first with a string type of its own


def _time_column(name: str, values: list[Any], columns: dict[str, Any]) -> Any:
    """Read times as UTC; what is no time stays readable in a column of its own, so that nothing is lost."""
    texts = pd.Series(values, dtype=object)
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


def _lacks_zone(texts: pd.Series[Any]) -> bool:
    if texts.empty:
        return False
    return bool((~texts.str.contains(r"(?:[Zz]|[+-]\d{2}:?\d{0,2})$", regex=True)).any())


def _explain_ids(ids: list[Any], why: list[str | None]) -> None:
    for row, name in enumerate(ids):
        if name is None:
            why[row] = "it has no id"
        elif not isinstance(name, str):
            why[row] = f"its id is {type(name).__name__}, not text"
        elif not name.strip():
            why[row] = "its id is empty"
        elif len(name) > _LONGEST_ID:
            why[row] = "its id is longer than any real one"


def _geometries(features: Sequence[Feature]) -> tuple[np.ndarray[Any, Any], list[str | None]]:
    """Parse all geometries at once; what cannot be read is None, with the reason beside it."""
    texts = np.array([bytes(feature.geometry).decode("utf-8", "replace") for feature in features], dtype=object)
    geometry = shapely.from_geojson(texts, on_invalid="ignore") if len(texts) else np.empty(0, dtype=object)
    geometry[shapely.is_empty(geometry)] = None
    why: list[str | None] = [None] * len(features)
    missing = shapely.is_missing(geometry)
    polygonal = np.isin(shapely.get_type_id(geometry), _POLYGONAL)
    bounds = shapely.bounds(geometry)
    doubtful = ~shapely.is_valid(geometry) | _around_antimeridian(bounds)
    outside = _outside_world(bounds)
    for row in np.flatnonzero(missing | ~polygonal | doubtful | outside):
        if missing[row]:
            absent = texts[row].strip() == "null"
            why[row] = "it has no footprint" if absent else "its footprint cannot be read"
        elif not polygonal[row]:
            why[row] = f"its footprint is a {geometry[row].geom_type}, not an area"
        elif outside[row]:
            why[row] = "its footprint lies outside the world"
        else:
            why[row] = why_unusable(geometry[row])
    return geometry, why


def _outside_world(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(bounds) > np.tile(_WORLD, 2)).any(axis=1))


def _around_antimeridian(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tell which bounds are so wide, or so far out, that the shape may cross the antimeridian."""
    with np.errstate(invalid="ignore"):
        wide = bounds[:, 2] - bounds[:, 0] > 180  # noqa: PLR2004  # half the world
        return np.asarray(wide | (np.abs(bounds[:, ::2]) > 180).any(axis=1))  # noqa: PLR2004  # the antimeridian
