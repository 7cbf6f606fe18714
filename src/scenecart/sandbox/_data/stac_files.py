"""Real STAC items from files, as they are: whatever can be listed is kept, exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import shapely

from scenecart.sandbox._data.geometry import Unusable, bbox, read_shape
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# host, collection, id, begin, end (seconds since 1970), cloud cover (per cent), west, south, east, north, shape (WKB), feature
Row = tuple[Any, ...]

HOST = "archive"
_NO_COLLECTION = "uncollected"
_TIMES = ("datetime", "start_datetime", "acquired")
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC).timestamp()
_TAKEN = "it takes JSON, NDJSON, GeoParquet or a folder of them"
# beside these, a table of captures has a column for each property; the first are no part of the captures
_NO_PART = frozenset({"host", "orderable", "not_orderable_reason", "geometry", "bbox", "bbox:as_given"})
_MEMBERS = ("id", "collection", "stac_version", "stac_extensions", "assets", "links")
_DOCUMENTS: dict[str, type] = {"assets": dict, "links": list, "stac_extensions": list, "foreign_members": dict}


def load(path: Path) -> Iterator[Row]:
    """Yield every feature in a file or folder.

    Raises
    ------
    SandboxError
        If there is nothing there, or nothing in it.
    """
    if not path.exists():
        raise SandboxError(f"There are no items at {path}; give a file or folder that exists.")
    files = sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]
    found = False
    for file in files:
        for number, feature in enumerate(_readable(file)):
            found = True
            yield _row(_named(feature, file.stem, number))
    if not found:
        raise SandboxError(f"There are no STAC items in {path}; {_TAKEN}.")


def _readable(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the features of a file; one that cannot be read is told in a line, however its reader puts it."""
    try:
        yield from _features(path)
    except SandboxError:
        raise
    except Exception as error:
        raise SandboxError(f"{path} cannot be read as STAC items ({type(error).__name__}); {_TAKEN}.") from error


def _features(path: Path) -> Iterator[dict[str, Any]]:
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        yield from _parquet(path)
        return
    if suffix not in {".json", ".geojson", ".ndjson", ".jsonl"}:
        return
    text = path.read_bytes().decode("utf-8-sig", "replace")
    try:
        documents = [json.loads(text)]
    except ValueError:
        documents = list(_lines(text, path))
    for document in documents:
        yield from _inside(document)


def _named(feature: dict[str, Any], stem: str, number: int) -> dict[str, Any]:
    """Name a plain GeoJSON feature, which need not have an id, after its file; a STAC item keeps what it has."""
    if "id" in feature or "stac_version" in feature:
        return feature
    properties = feature.get("properties")
    if isinstance(properties, dict) and isinstance(properties.get("assets"), str) and "id" in properties:
        return _capture(properties, feature.get("geometry"))
    return {**feature, "id": f"{stem}-{number}" if number else stem}


def _capture(columns: dict[str, Any], geometry: Any) -> dict[str, Any]:
    """Return a row of a table of captures as the item it was: members apart from properties, and documents that were text."""
    known = {name: _document(value, _DOCUMENTS.get(name)) for name, value in columns.items() if value is not None}
    foreign = known.pop("foreign_members", None) or {}
    members = {name: known.pop(name) for name in _MEMBERS if name in known}
    properties = {name.removeprefix("properties:"): value for name, value in known.items() if name not in _NO_PART}
    return {**foreign, "type": "Feature", **members, "geometry": geometry, "properties": properties}


def _document(value: Any, kind: type | None) -> Any:
    """Return what a text of a column that holds documents says; anything else as it is."""
    if kind is None or not isinstance(value, str):
        return value
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return found if isinstance(found, kind) else value


def _lines(text: str, path: Path) -> Iterator[Any]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            yield json.loads(line)
        except ValueError:
            raise SandboxError(f"{path} is neither JSON nor NDJSON: line {number} cannot be read.") from None


def _inside(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for entry in document:
            yield from _inside(entry)
    elif isinstance(document, dict) and isinstance(document.get("features"), list):
        yield from _inside(document["features"])
    elif isinstance(document, dict) and document.get("type") == "Feature":
        yield document


def _parquet(path: Path) -> Iterator[dict[str, Any]]:
    import pyarrow as pa  # noqa: PLC0415  # a second that other sandboxes need not wait
    import pyarrow.parquet as pq  # noqa: PLC0415  # likewise

    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise SandboxError(f"{path} cannot be read as GeoParquet.") from error
    with file:
        schema = file.schema_arrow
        # the assets of captures that a search gave are text, those of STAC GeoParquet are not
        if {"assets", "stac_version", "geometry"} <= set(schema.names) and pa.types.is_struct(schema.field("assets").type):
            from stac_geoparquet.arrow import stac_table_to_items  # noqa: PLC0415  # likewise

            for item in stac_table_to_items(file.read()):
                # a table has every column for every item: what an item did not have is null there
                yield {name: _without_nulls(value) if name in {"assets", "links"} else value for name, value in item.items()}
            return
    yield from _plain_parquet(path)


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value] if isinstance(value, list) else value


def _plain_parquet(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table that is no STAC, such as the captures of a search."""
    import geopandas as gpd  # noqa: PLC0415  # as above

    try:
        frame = gpd.read_parquet(path)
    except ValueError as error:
        raise SandboxError(f"{path} cannot be read as GeoParquet.") from error
    for document in json.loads(frame.to_json(default=_plainly))["features"]:
        yield _capture(document["properties"], document["geometry"])


def _plainly(value: Any) -> Any:
    """Return what JSON has no form for: an array as a list, anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _row(feature: dict[str, Any]) -> Row:
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    try:
        shape = read_shape(feature.get("geometry"))
    except Unusable:
        shape = None
    cloud = properties.get("eo:cloud_cover")
    begins = next((time for time in (_time(properties.get(key)) for key in _TIMES) if time is not None), _UNKNOWN_TIME)
    return (
        HOST,
        _name(feature.get("collection")) or _NO_COLLECTION,
        _name(feature.get("id")),
        begins,
        max(begins, _time(properties.get("end_datetime")) or begins),
        float(cloud) if isinstance(cloud, int | float) and not isinstance(cloud, bool) else None,
        *(bbox(shape) if shape is not None else (None,) * 4),
        shapely.to_wkb(shape) if shape is not None else None,
        feature,
    )


def _name(value: Any) -> str | None:
    """Return a name that can be asked for: text that is not blank, as the file of the captures keeps it."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) and value.strip() else None


def _time(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
