"""Reading STAC items from JSON, NDJSON and GeoParquet files, unchanged."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import shapely

from scenecart.sandbox._data.geometry import InvalidGeometry, parse_geometry, rfc7946_bbox
from scenecart.sandbox._data.times import parse_time
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# host, collection, id, begin, end (Unix time in seconds), cloud cover (percent), west, south, east, north, shape (WKB), feature
Row = tuple[Any, ...]

HOST = "archive"
_NO_COLLECTION = "uncollected"
_TIMES = ("datetime", "start_datetime", "acquired")
_UNKNOWN_TIME = 0.0
_TIME_NAMES = frozenset({"datetime", "start_datetime", "end_datetime", "created", "updated", "published", "expires"})
# the metadata key under which tables of scenecart name their columns with JSON text
_JSON_COLUMNS = "scenecart:json_columns"
_LARGEST = sys.float_info.max
_FORMATS = "Use JSON, NDJSON, GeoParquet, or a folder of such files"
# columns of scenecart's tables that are not properties; the first group is not part of the item
_NOT_IN_ITEM = frozenset({"host", "orderable", "not_orderable_reason", "geometry", "bbox", "bbox:as_given"})
_MEMBERS = ("id", "collection", "stac_version", "stac_extensions", "assets", "links")
_DOCUMENTS: dict[str, type] = {"assets": dict, "links": list, "stac_extensions": list, "foreign_members": dict}


def load(path: Path) -> Iterator[Row]:
    """Yield every feature in a file or folder.

    Raises
    ------
    SandboxError
        If the path does not exist, cannot be read, or has no items.
    """
    if not path.exists():
        raise SandboxError(f"items must be an existing file or folder, got {path}.")
    files = sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
    found = False
    for file in files:
        for number, feature in enumerate(_read_features(file)):
            found = True
            yield _row(_with_id(feature, file.stem, number))
    if not found:
        raise SandboxError(f"{path} has no STAC items. {_FORMATS}.")


def _read_features(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the features of a file; any error of a reader becomes a SandboxError of one line."""
    try:
        yield from _features(path)
    except SandboxError:
        raise
    except Exception as error:
        raise SandboxError(f"{path} cannot be read as STAC items ({type(error).__name__}). {_FORMATS}.") from error


def _features(path: Path) -> Iterator[dict[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _parquet_features(path)
        return
    if suffix not in {".json", ".geojson", ".ndjson", ".jsonl"}:
        return
    text = path.read_bytes().decode("utf-8-sig", "replace")
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = list(_ndjson_documents(text, path))
    for document in documents:
        yield from _features_in(document)


def _with_id(feature: dict[str, Any], stem: str, number: int) -> dict[str, Any]:
    """Return a plain GeoJSON feature with an id from its file name if it has none; STAC items are unchanged."""
    if "id" in feature or "stac_version" in feature:
        return feature
    properties = feature.get("properties")
    if isinstance(properties, dict) and isinstance(properties.get("assets"), str) and "id" in properties:
        return _item_of_columns(properties, feature.get("geometry"))
    return {**feature, "id": f"{stem}-{number}" if number else stem}


def _item_of_columns(columns: dict[str, Any], geometry: Any) -> dict[str, Any]:
    """Rebuild an item from a row of a table of captures, whose nested columns are JSON text."""
    known = {name: _parse_column(value, _DOCUMENTS.get(name)) for name, value in columns.items() if value is not None}
    foreign = known.pop("foreign_members", None) or {}
    members = {name: known.pop(name) for name in _MEMBERS if name in known}
    properties = {_property_of(name): value for name, value in known.items() if name not in _NOT_IN_ITEM}
    return {**foreign, "type": "Feature", **members, "geometry": geometry, "properties": properties}


def _parse_column(value: Any, kind: type | None) -> Any:
    """Parse the JSON text of a nested column; return any other value unchanged."""
    if kind is None or not isinstance(value, str):
        return value
    found = _parse_text(value)
    return found if isinstance(found, kind) else value


def _parse_text(value: Any) -> Any:
    """Return the value of JSON text; anything else is unchanged."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _property_of(column: str) -> str:
    """Return the property of a column: colliding names have a prefix, and columns of unreadable times a suffix."""
    if column.startswith("properties:"):
        return column.removeprefix("properties:")
    base = column.removesuffix(":as_given")
    return base if base in _TIME_NAMES else column


def _with_notes(item: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    """Return an item with the values that were written as JSON text, according to the notes of the table."""
    texts = set(notes.get(_JSON_COLUMNS, ()))
    properties = {name: _parse_text(value) if name in texts else value for name, value in item["properties"].items()}
    for key, name in notes.get("scenecart:json_assets", ()):
        asset = item["assets"].get(key)
        if isinstance(asset, dict) and name in asset:
            asset[name] = _parse_text(asset[name])
    if notes.get("scenecart:json_links"):
        item["links"] = [{name: _parse_text(value) for name, value in link.items()} for link in item["links"]]
    foreign = {name: properties.pop(name) for name in notes.get("scenecart:foreign_members", ()) if name in properties}
    properties = {_property_of(name): value for name, value in properties.items()}
    return {**foreign, **item, "properties": properties}


def _ndjson_documents(text: str, path: Path) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError:
            raise SandboxError(f"{path} is not JSON or NDJSON: line {number} cannot be parsed.") from None


def _features_in(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for entry in document:
            yield from _features_in(entry)
    elif isinstance(document, dict) and isinstance(document.get("features"), list):
        yield from _features_in(document["features"])
    elif isinstance(document, dict) and document.get("type") == "Feature":
        yield document


def _parquet_features(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415  # importing takes a second, and only Parquet files need it
    import pyarrow.parquet as pq  # noqa: PLC0415  # likewise

    try:
        file = pq.ParquetFile(path)
        notes = json.loads((file.schema_arrow.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    except (OSError, ValueError) as error:
        raise SandboxError(f"{path} cannot be read as GeoParquet.") from error
    with file:
        schema = file.schema_arrow
        # assets are a struct in STAC GeoParquet, and JSON text in a table that scenecart wrote
        if {"assets", "stac_version", "geometry"} <= set(schema.names) and pa.types.is_struct(schema.field("assets").type):
            from stac_geoparquet.arrow import stac_table_to_items  # noqa: PLC0415  # likewise

            for item in stac_table_to_items(file.read()):
                # a table has the same columns for all items: fields that an item did not have are null
                bare = {name: _without_nulls(value) if name in {"assets", "links"} else value for name, value in item.items()}
                yield _with_notes(bare, notes) if notes else bare
            return
    yield from _table_features(path, set(notes.get(_JSON_COLUMNS, ())) & set(schema.names))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _table_features(path: Path, texts: set[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a GeoParquet table that is not STAC, such as search results; some columns are JSON text."""
    import geopandas as gpd  # noqa: PLC0415  # likewise

    try:
        frame = gpd.read_parquet(path)
    except ValueError as error:
        raise SandboxError(f"{path} cannot be read as GeoParquet.") from error
    for document in json.loads(frame.to_json(default=_to_json))["features"]:
        columns = document["properties"]
        yield _item_of_columns(columns | {name: _parse_text(columns[name]) for name in texts}, document["geometry"])


def _to_json(value: Any) -> Any:
    """Convert a value that JSON cannot represent: an array to a list, a time to RFC 3339, anything else to text."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _row(feature: dict[str, Any]) -> Row:
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    try:
        shape = parse_geometry(feature.get("geometry"))
    except InvalidGeometry:
        shape = None
    cloud = properties.get("eo:cloud_cover")
    begins = next((time for time in (_time(properties.get(key)) for key in _TIMES) if time is not None), _UNKNOWN_TIME)
    return (
        HOST,
        _name(feature.get("collection")) or _NO_COLLECTION,
        _name(feature.get("id")),
        begins,
        max(begins, _time(properties.get("end_datetime")) or begins),
        float(cloud) if isinstance(cloud, int | float) and not isinstance(cloud, bool) and abs(cloud) <= _LARGEST else None,
        *(rfc7946_bbox(shape) if shape is not None else (None,) * 4),
        shapely.to_wkb(shape) if shape is not None else None,
        feature,
    )


def _name(value: Any) -> str | None:
    """Return a non-blank id as it is stored, or None."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value.strip() else None


def _time(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        return parse_time(value)
    except ValueError:
        return None
