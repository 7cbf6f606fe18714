"""STAC GeoParquet files of search results larger than memory, and STAC items.

Frames are written to partitions by time, each spatially sorted; one partition at a time is in memory.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from shapely.geometry import mapping

from scenecart._captures.frame import CRS, OWN_COLUMNS, SEARCH_MANY_COLUMNS, concat, prefixed_column, property_of
from scenecart._captures.properties import DATETIME, PROJ_GEOMETRY
from scenecart._captures.times import acquisition_times
from scenecart._geo.geometry import POLYGONAL, around_world_bounds, split_at_antimeridian
from scenecart._util.json import loads
from scenecart._util.validate import check_choice
from scenecart.exceptions import InvalidQuery, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from scenecart._util.progress import ProgressReporter

PARTITIONS = {"month": "%Y-%m", "year": "%Y", "day": "%Y-%m-%d"}
_NO_TIME = "unknown"
_ROWS_PER_FILE, _ROWS_PER_GROUP = 20_000, 5_000
_BBOX_2D, _BBOX_3D = 4, 6
_MEMBER_COLUMNS = ("assets", "links", "id", "collection", "stac_version", "stac_extensions", "bbox:as_given", "foreign_members")
_ITEM_MEMBERS = frozenset(
    {"type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "properties", "assets", "links", "collection"}
)
_WITHOUT_FOOTPRINT = "without-footprint.ndjson"
_NOT_PROPERTIES = {*OWN_COLUMNS, "stac_version", "stac_extensions", "bbox:as_given", "foreign_members"}


def to_items(captures: gpd.GeoDataFrame) -> Iterator[dict[str, Any]]:
    """Yield captures as STAC items, with all properties from the catalog.

    Parameters
    ----------
    captures
        Rows of a search result.

    Yields
    ------
    dict
        A STAC item of JSON values, in EPSG:4326 (longitude, latitude). The columns that scenecart added (``host``,
        ``orderable``, ``not_orderable_reason``) are not included.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a"], "gsd": [0.5]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    >>> next(to_items(captures))["properties"]
    {'datetime': None, 'gsd': 0.5}
    """
    frame = captures if captures.crs is None else captures.to_crs(CRS)
    added = {name for name in SEARCH_MANY_COLUMNS if prefixed_column(name) in frame.columns}
    excluded = {*_NOT_PROPERTIES, *added, frame.geometry.name}
    names = [name for name in frame.columns if isinstance(name, str) and name not in excluded]
    columns = {name: frame[name].astype(object).tolist() for name in names}
    members = {name: _column_values(frame, name) for name in _MEMBER_COLUMNS}
    for row, shape in enumerate(frame.geometry):
        properties: dict[str, Any] = {DATETIME: None}
        for name, values in columns.items():
            value = _json_value(values[row])
            if value is not None:
                properties[property_of(name)] = value
        item: dict[str, Any] = {
            "type": "Feature",
            "stac_version": members["stac_version"][row] or "1.0.0",
            "stac_extensions": _json_value(members["stac_extensions"][row]) or [],
            "id": members["id"][row],
            "geometry": None if shape is None or shape.is_empty else mapping(shape),
            "properties": properties,
            "assets": _document(members["assets"][row], {}),
            "links": _document(members["links"][row], []),
        }
        if members["collection"][row] is not None:
            item["collection"] = members["collection"][row]
        box = _published_bbox(members["bbox:as_given"][row]) or (_bbox(shape) if item["geometry"] is not None else None)
        if box is not None:
            item["bbox"] = box
        yield {**(members["foreign_members"][row] or {}), **item}


class Writer:
    """Writes frames to a folder of partitions, with one partition at a time in memory."""

    def __init__(self, directory: Path, host: str, partition: str) -> None:
        check_choice(partition, "partition", PARTITIONS, kind=InvalidQuery)
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InvalidQuery(
                f"must be a new or empty folder, got {str(directory)!r}.", code="directory_not_empty", argument="directory"
            )
        _stac_geoparquet()
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._host, self._partition = directory, host, partition
        self._pending = Path(tempfile.mkdtemp(prefix=".arriving-", dir=directory))
        self.rows = 0
        self._without_footprint = 0

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Add a frame to its partitions."""
        has_footprint = frame.geometry.notna() & ~frame.geometry.is_empty
        if not has_footprint.all():
            with (self._directory / _WITHOUT_FOOTPRINT).open("a", encoding="utf-8", newline="\n") as file:
                for item in to_items(frame[~has_footprint]):
                    file.write(json.dumps(item) + "\n")
            self._without_footprint += int((~has_footprint).sum())
            frame = frame[has_footprint]
        keys = acquisition_times(frame).dt.strftime(PARTITIONS[self._partition]).fillna(_NO_TIME)
        for key, part in frame.groupby(keys.to_numpy(), sort=False):
            folder = self._pending / str(key)
            folder.mkdir(exist_ok=True)
            part.to_pickle(folder / f"{self.rows:012d}.pickle")
        self.rows += len(frame)

    def finish(self) -> list[Path]:
        """Sort each partition spatially and write it; return the files."""
        written: list[Path] = []
        for folder in sorted(self._pending.iterdir()):
            parts = [pd.read_pickle(path) for path in sorted(folder.iterdir())]  # noqa: S301  # written by add()
            frame = concat(parts)
            frame = frame.iloc[np.argsort(frame.hilbert_distance(), kind="stable")]
            target = self._directory / f"host={self._host}" / f"{self._partition}={folder.name}"
            target.mkdir(parents=True, exist_ok=True)
            for number, part in enumerate(_files_of(frame)):
                path = target / f"part-{number:04d}.parquet"
                _write(part, path)
                written.append(path)
            shutil.rmtree(folder)
        self.close()
        return [*written, *([self._directory / _WITHOUT_FOOTPRINT] if self._without_footprint else [])]

    def close(self) -> None:
        """Delete the temporary files."""
        shutil.rmtree(self._pending, ignore_errors=True)


def _files_of(frame: gpd.GeoDataFrame) -> Iterator[gpd.GeoDataFrame]:
    """Yield the rows of each file.

    Rows with a ``proj:geometry`` or a 3D bbox get files of their own: some readers fail if only a part of the rows has one.
    """
    neither = np.zeros(len(frame), dtype=int)
    second, boxes = frame.get(PROJ_GEOMETRY), frame.get("bbox:as_given")
    kinds = neither if second is None else 2 * second.notna().to_numpy(dtype=int)
    kinds = kinds + (neither if boxes is None else boxes.map(lambda text: len(_published_bbox(text) or ()) == _BBOX_3D).to_numpy())
    for kind in np.unique(kinds):
        part = frame[kinds == kind]
        for start in range(0, len(part), _ROWS_PER_FILE):
            yield part.iloc[start : start + _ROWS_PER_FILE]


def _write(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write one file of STAC GeoParquet 1.1, in the layout of stac-geoparquet, with a bbox for each row."""
    arrow = _stac_geoparquet()
    items = [
        _without_shadowed_members(item)
        for item in to_items(frame.set_geometry(frame.geometry.map(_without_empty_parts), crs=frame.crs))
    ]
    try:
        table = arrow.parse_stac_items_to_arrow(items).read_all()
        fits = not any(_has_empty_struct(field.type, top=True) for field in table.schema)
    except (pa.ArrowException, TypeError, ValueError):
        fits = False
    if not fits:
        table = arrow.parse_stac_items_to_arrow(_with_uniform_types(items)).read_all()
    # each batch becomes a row group with its own bounds
    batches = table.combine_chunks().to_batches(max_chunksize=_ROWS_PER_GROUP)
    arrow.to_parquet(pa.RecordBatchReader.from_batches(table.schema, batches), path, compression="zstd")


def _without_empty_parts(shape: Any) -> Any:
    """Return a geometry without its empty parts, on which some readers fail."""
    parts = shapely.get_parts(shape)
    empty = shapely.is_empty(parts)
    return shapely.MultiPolygon(list(parts[~empty])) if shape.geom_type == "MultiPolygon" and empty.any() else shape


def _without_shadowed_members(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without the foreign members that have the name of a property: a table has one column for both."""
    return {name: value for name, value in item.items() if name in _ITEM_MEMBERS or name not in item["properties"]}


def _with_uniform_types(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items with one type in each column: if a catalog mixes types, all values become JSON text."""
    names = dict.fromkeys(name for item in items for name in item["properties"])
    mixed = {name for name in names if not _fits([item["properties"].get(name) for item in items])}
    for item in items:
        item["properties"] = {name: _as_text(value) if name in mixed else value for name, value in item["properties"].items()}
    asset_values: dict[tuple[str, str], list[Any]] = {}
    for item in items:
        for key, asset in item["assets"].items():
            for name, value in (asset if isinstance(asset, Mapping) else {}).items():
                asset_values.setdefault((key, name), []).append(value)
    mixed_in_assets = {field for field, values in asset_values.items() if not _fits(values)}
    for item in items:
        item["assets"] = {
            key: {name: _as_text(value) if (key, name) in mixed_in_assets else value for name, value in asset.items()}
            if isinstance(asset, Mapping)
            else _with_text_values(asset)
            for key, asset in item["assets"].items()
        }
    if not _fits([item["links"] for item in items]):
        for item in items:
            item["links"] = [_with_text_values(link) for link in item["links"]]
    return items


def _with_text_values(part: Any) -> dict[str, str | None]:
    """Return an asset or a link with all values as text."""
    values = part if isinstance(part, Mapping) else {"href": part}
    return {name: _as_text(value) for name, value in values.items()}


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _fits(values: list[Any]) -> bool:
    try:
        return not _has_empty_struct(pa.array(values).type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False


def _has_empty_struct(kind: pa.DataType, *, top: bool = False) -> bool:
    """Return whether a type contains a struct without fields, which Parquet cannot store."""
    if pa.types.is_struct(kind):
        empty = kind.num_fields == 0 and not top
        return empty or any(_has_empty_struct(kind.field(number).type) for number in range(kind.num_fields))
    return pa.types.is_nested(kind) and any(_has_empty_struct(kind.field(number).type) for number in range(kind.num_fields))


def _stac_geoparquet() -> Any:
    # stac-geoparquet uses pyarrow.fs without importing it
    import pyarrow.fs  # noqa: F401, PLC0415  # see above

    try:
        import stac_geoparquet.arrow  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Writing STAC GeoParquet needs", error, "parquet") from error
    return stac_geoparquet.arrow


def _column_values(frame: gpd.GeoDataFrame, name: str) -> list[Any]:
    if name not in frame.columns:
        return [None] * len(frame)
    return [None if _is_missing(value) else value for value in frame[name].astype(object)]


def _document(text: Any, default: Any) -> Any:
    found = loads(text.encode()) if isinstance(text, str) else text
    return found if isinstance(found, type(default)) else default


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _json_value(value: Any) -> Any:
    """Return a value of a column as a JSON value."""
    if _is_missing(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat().replace("+00:00", "Z")
    if isinstance(value, np.ndarray):
        return [_json_value(inner) for inner in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def _published_bbox(text: Any) -> list[float] | None:
    """Return the bbox of the catalog, if it is valid: in 3D, or a little wider than the footprint."""
    box = _document(text, [])
    are_numbers = all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in box)
    return box if are_numbers and len(box) in {_BBOX_2D, _BBOX_3D} else None


def _bbox(shape: Any) -> list[float]:
    """Return the bbox of a geometry by RFC 7946: west is greater than east across the antimeridian."""
    is_area = shape.geom_type in POLYGONAL
    return list(around_world_bounds(split_at_antimeridian(shape))) if is_area else shapely.bounds(shape).tolist()


def write(frames: Iterator[gpd.GeoDataFrame], directory: Path, host: str, partition: str, reporter: ProgressReporter) -> list[Path]:
    """Write frames while they arrive; when the search fails, write the rest before the error is raised."""
    writer = Writer(directory, host, partition)
    reporter.emit("started")
    try:
        try:
            for frame in frames:
                writer.add(frame)
                reporter.emit("arrived", writer.rows)
        except Exception:
            writer.finish()
            raise
        files = writer.finish()
        reporter.emit("finished", writer.rows)
        return files
    finally:
        writer.close()


to_items.__module__ = "scenecart"
