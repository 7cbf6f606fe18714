"""STAC GeoParquet files of search results larger than memory, and STAC items.

Frames are written to partitions by time, each spatially sorted; one partition at a time is in memory.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from shapely.geometry import mapping

from scenecart._captures.frame import COVERS, CRS, OWN_COLUMNS, SEARCH_MANY_COLUMNS, concat, prefixed_column, property_of
from scenecart._captures.json_columns import is_missing, json_value, restored
from scenecart._captures.properties import DATETIME, PROJ_GEOMETRY, TIMES
from scenecart._captures.times import acquisition_times
from scenecart._captures.uniform import fit_names, fit_types, fits_table, notes_of, restore_members
from scenecart._geo.geometry import are_finite, around_world_bounds, have_empty_parts
from scenecart._geo.globe import POLYGONAL, split_at_antimeridian
from scenecart._util.json import NotJson, loads
from scenecart._util.validate import check_choice
from scenecart.exceptions import InvalidArea, InvalidQuery, MissingExtra, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from scenecart._util.progress import ProgressReporter

PARTITIONS = {"month": "%Y-%m", "year": "%Y", "day": "%Y-%m-%d"}
_NO_TIME = "unknown"
_ROWS_PER_FILE, _ROWS_PER_GROUP = 20_000, 5_000
_BBOX_2D, _BBOX_3D = 4, 6
_TIME_COLUMNS = frozenset(TIMES)
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
    yield from _items(captures)


def _items(captures: gpd.GeoDataFrame, *, of_columns: bool = False) -> Iterator[dict[str, Any]]:
    """Yield captures as STAC items; with ``of_columns``, properties are named like their columns, which are unique."""
    frame = restored(captures if captures.crs is None else captures.to_crs(CRS))
    notes = notes_of(frame)
    # a table of STAC GeoParquet has the fields of all items in each row, and a column for the member type
    is_table = "not_orderable_reason" not in frame.columns
    added = {name for name in (COVERS, *SEARCH_MANY_COLUMNS) if prefixed_column(name) in frame.columns}
    excluded = {*_NOT_PROPERTIES, *added, frame.geometry.name, *(["bbox"] if _has_bounds(frame) else [])}
    names = [name for name in frame.columns if isinstance(name, str) and name not in excluded]
    columns = {name: frame[name].astype(object).tolist() for name in names}
    members = {name: _column_values(frame, name) for name in _MEMBER_COLUMNS}
    if is_table and _is_feature_type(frame):
        columns.pop("type", None)
    for row, shape in enumerate(frame.geometry):
        properties: dict[str, Any] = {DATETIME: None}
        for name, values in columns.items():
            value = json_value(values[row], keep_nulls=not is_table)
            if value is not None:
                if name in _TIME_COLUMNS and isinstance(values[row], dt.date) and not isinstance(values[row], dt.datetime):
                    # a day is not an RFC 3339 time; a search reads it as its first instant
                    value = f"{value}T00:00:00Z"
                if of_columns:
                    properties[name] = value
                else:
                    properties[property_of(name)] = value
        item: dict[str, Any] = {
            "type": "Feature",
            "stac_version": members["stac_version"][row] or "1.0.0",
            "stac_extensions": json_value(members["stac_extensions"][row]) or [],
            "id": members["id"][row],
            "geometry": geometry_document(shape),
            "properties": properties,
            "assets": _document(members["assets"][row], {}),
            "links": _document(members["links"][row], []),
        }
        if members["collection"][row] is not None:
            item["collection"] = members["collection"][row]
        box = _published_bbox(members["bbox:as_given"][row]) or (_bbox(shape) if item["geometry"] is not None else None)
        if box is not None:
            item["bbox"] = box
        item = {**_document(members["foreign_members"][row], {}), **item}
        yield restore_members(item, notes) if notes else item


def _is_feature_type(frame: gpd.GeoDataFrame) -> bool:
    """Return whether a column ``type`` is the member ``type`` of each item, not a property."""
    return "type" in frame.columns and bool(frame["type"].isin(["Feature"]).all())


def _has_bounds(frame: gpd.GeoDataFrame) -> bool:
    """Return whether a column ``bbox`` contains bounds in the form of GeoParquet."""
    first = next((value for value in frame["bbox"] if not is_missing(value)), None) if "bbox" in frame.columns else None
    return isinstance(first, Mapping) and "xmin" in first


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
        has_footprint = are_finite(frame.geometry.to_numpy())
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
            target = self._directory / f"host={quote(self._host, safe=' ')}" / f"{self._partition}={folder.name}"
            target.mkdir(parents=True, exist_ok=True)
            for number, part in enumerate(_files_of(frame)):
                written.append(_write(part, target / f"part-{number:04d}.parquet"))
            shutil.rmtree(folder)
        self.close()
        return [*written, *([self._directory / _WITHOUT_FOOTPRINT] if self._without_footprint else [])]

    def close(self) -> None:
        """Delete the temporary files."""
        shutil.rmtree(self._pending, ignore_errors=True)


def _files_of(frame: gpd.GeoDataFrame) -> Iterator[gpd.GeoDataFrame]:
    """Yield the rows of each file.

    Rows with a ``proj:geometry`` or a 3D bbox are written to separate files: some readers fail if only some rows have one.
    """
    neither = np.zeros(len(frame), dtype=int)
    second, boxes = frame.get(PROJ_GEOMETRY), frame.get("bbox:as_given")
    kinds = neither if second is None else 2 * second.notna().to_numpy(dtype=int)
    kinds = kinds + (neither if boxes is None else boxes.map(lambda text: len(_published_bbox(text) or ()) == _BBOX_3D).to_numpy())
    for kind in np.unique(kinds):
        part = frame[kinds == kind]
        for start in range(0, len(part), _ROWS_PER_FILE):
            yield part.iloc[start : start + _ROWS_PER_FILE]


def _write(frame: gpd.GeoDataFrame, path: Path) -> Path:
    """Write one file of STAC GeoParquet 1.1, in the layout of stac-geoparquet, with a bbox for each row.

    Rows that a table cannot store, such as ids of mixed types, are written as STAC items, one per line.
    """
    shapes = frame.geometry.map(_writable)
    items = list(_items(frame.set_geometry(shapes, crs=frame.crs), of_columns=True))
    notes = fit_names(items, _ITEM_MEMBERS)
    part = path.with_name(f".{path.name}.part")
    try:
        table = _as_table(items)
        if table is None:
            notes |= fit_types(items)
            table = _stac_geoparquet().parse_stac_items_to_arrow(items).read_all()
        _write_table(table, notes, part)
    except (OSError, MissingExtra):
        part.unlink(missing_ok=True)
        raise
    except Exception:  # noqa: BLE001  # Arrow, shapely and stac-geoparquet fail in many ways on what is not an item
        part.unlink(missing_ok=True)
        path = path.with_suffix(".ndjson")
        part = path.with_name(f".{path.name}.part")
        part.write_text("".join(json.dumps(item) + "\n" for item in to_items(frame)), encoding="utf-8", newline="\n")
    part.replace(path)
    return path


def _as_table(items: list[dict[str, Any]]) -> pa.Table | None:
    """Return items as a table, or None if Parquet cannot store their values as they are."""
    try:
        table = _stac_geoparquet().parse_stac_items_to_arrow(items).read_all()
    except (pa.ArrowException, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        return None
    return table if fits_table(table) else None


def _write_table(table: pa.Table, notes: dict[str, Any], path: Path) -> None:
    # each batch becomes a row group with its own bounds
    batches = table.combine_chunks().to_batches(max_chunksize=_ROWS_PER_GROUP)
    _stac_geoparquet().to_parquet(pa.RecordBatchReader.from_batches(table.schema, batches), path, compression="zstd")
    if notes:
        # stac-geoparquet takes no metadata; pandas and geopandas 1.2 return these as frame.attrs
        written = pq.read_table(path, partitioning=None)
        metadata = {**(written.schema.metadata or {}), b"PANDAS_ATTRS": json.dumps(notes).encode()}
        pq.write_table(written.replace_schema_metadata(metadata), path, row_group_size=_ROWS_PER_GROUP, compression="zstd")


def _writable(shape: Any) -> Any:
    """Return a geometry without its empty parts and rings, and in 2D if only some corners have a height: some readers fail."""
    if shape.has_z and np.isnan(shapely.get_coordinates(shape, include_z=True)).any():
        shape = shapely.force_2d(shape)
    if shape.geom_type not in POLYGONAL or not have_empty_parts(np.array([shape], dtype=object)):
        return shape
    parts = [part for part in shapely.get_parts(shape) if not part.is_empty]
    full = [shapely.Polygon(part.exterior, [ring for ring in part.interiors if not ring.is_empty]) for part in parts]
    return full[0] if shape.geom_type == "Polygon" else shapely.MultiPolygon(full)


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
    return [None if is_missing(value) else value for value in frame[name].astype(object)]


def _document(text: Any, default: Any) -> Any:
    found = _parsed(text) if isinstance(text, str) else json_value(text, keep_nulls=False)
    return found if isinstance(found, type(default)) else default


def _parsed(text: str) -> Any:
    try:
        return loads(text.encode("utf-8", "surrogatepass"))
    except NotJson:
        return None


def _published_bbox(text: Any) -> list[float] | None:
    """Return the bbox of the catalog if it is valid: it may be in 3D, and slightly wider than the footprint."""
    box = _document(text, [])
    are_numbers = all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in box)
    return box if are_numbers and len(box) in {_BBOX_2D, _BBOX_3D} else None


def geometry_document(shape: Any) -> dict[str, Any] | None:
    """Return a geometry as GeoJSON; None if there is none or JSON cannot express it."""
    if shape is None or shape.is_empty or not np.isfinite(shapely.get_coordinates(shape)).all():
        return None
    document = dict(mapping(shape))
    if shape.geom_type == "MultiPolygon":
        # shapely writes an empty part as a polygon of an empty ring
        document["coordinates"] = [() if ring == ((),) else ring for ring in document["coordinates"]]
    return _without_missing_heights(document) if shape.has_z else document


def _without_missing_heights(part: Any) -> Any:
    """Return GeoJSON in which a position without a height has two numbers, as in the catalog."""
    if isinstance(part, dict):
        return {name: _without_missing_heights(value) for name, value in part.items()}
    if not isinstance(part, list | tuple):
        return part
    if part and isinstance(part[-1], float) and math.isnan(part[-1]):
        return tuple(part[:-1])
    return type(part)(_without_missing_heights(inner) for inner in part)


def _bbox(shape: Any) -> list[float]:
    """Return the bbox of a geometry by RFC 7946: west is greater than east across the antimeridian."""
    if shape.geom_type in POLYGONAL:
        # a geometry that is not on the globe has the bounds of its numbers
        with contextlib.suppress(InvalidArea):
            return list(around_world_bounds(split_at_antimeridian(shape)))
    return list(map(float, shape.bounds))


def write(frames: Iterator[gpd.GeoDataFrame], directory: Path, host: str, partition: str, reporter: ProgressReporter) -> list[Path]:
    """Write frames while they arrive; if the search fails, write those that arrived before the error is raised."""
    writer = Writer(directory, host, partition)
    reporter.emit("started")
    try:
        try:
            for frame in frames:
                writer.add(frame)
                reporter.emit("arrived", writer.rows)
        except (Exception, KeyboardInterrupt):
            writer.finish()
            raise
        files = writer.finish()
        reporter.emit("finished", writer.rows)
        return files
    finally:
        writer.close()


to_items.__module__ = "scenecart"
