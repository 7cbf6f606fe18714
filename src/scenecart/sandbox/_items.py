"""Real STAC items from files, as they are: whatever can be listed is kept, exactly."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import shapely

from scenecart.sandbox._problem import SandboxError
from scenecart.sandbox._shapes import Unusable, bbox, read_shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# host, collection, id, begin, end (seconds since 1970), cloud cover (per cent), west, south, east, north, shape (WKB), feature
Row = tuple[Any, ...]

HOST = "archive"
_NO_COLLECTION = "uncollected"
_TIMES = ("datetime", "start_datetime", "acquired")
_UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC).timestamp()


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
        for number, feature in enumerate(_features(file)):
            found = True
            yield _row(_named(feature, file.stem, number))
    if not found:
        raise SandboxError(f"There are no STAC items in {path}; it takes JSON, NDJSON, GeoParquet or a folder of them.")


def _features(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".parquet":
        yield from _parquet(path)
        return
    if path.suffix not in {".json", ".geojson", ".ndjson", ".jsonl"}:
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
    return {**feature, "id": f"{stem}-{number}" if number else stem}


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
    import pyarrow.parquet as pq  # noqa: PLC0415  # a second that other sandboxes need not wait

    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise SandboxError(f"{path} cannot be read as GeoParquet.") from error
    with file:
        if {"assets", "stac_version", "geometry"} <= set(file.schema_arrow.names):
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
    """Yield the rows of a table that is no STAC: an id, a collection, a geometry, and the rest as properties."""
    import geopandas as gpd  # noqa: PLC0415  # as above

    try:
        frame = gpd.read_parquet(path)
    except ValueError as error:
        raise SandboxError(f"{path} cannot be read as GeoParquet.") from error
    own = {"id", "collection", "geometry"}
    for document in json.loads(frame.to_json(default=str))["features"]:
        properties = document["properties"]
        kept = {name: value for name, value in properties.items() if name not in own and value is not None}
        named = {name: properties[name] for name in ("id", "collection") if properties.get(name) is not None}
        yield {"type": "Feature", **named, "geometry": document["geometry"], "properties": kept}


def _row(feature: dict[str, Any]) -> Row:
    properties = feature.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    try:
        shape = read_shape(feature.get("geometry"))
    except Unusable:
        shape = None
    name = feature.get("id")
    collection = feature.get("collection")
    cloud = properties.get("eo:cloud_cover")
    begins = next((time for time in (_time(properties.get(key)) for key in _TIMES) if time is not None), _UNKNOWN_TIME)
    return (
        HOST,
        collection if isinstance(collection, str) and collection else _NO_COLLECTION,
        name if isinstance(name, str) and name.strip() else None,
        begins,
        max(begins, _time(properties.get("end_datetime")) or begins),
        float(cloud) if isinstance(cloud, int | float) and not isinstance(cloud, bool) else None,
        *(bbox(shape) if shape is not None else (None,) * 4),
        shapely.to_wkb(shape) if shape is not None else None,
        feature,
    )


def _time(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
