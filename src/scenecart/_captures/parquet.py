"""Results larger than memory: frames become partitions of STAC GeoParquet, spatially sorted, one at a time in memory."""

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

from scenecart._captures.frame import CRS, OF_MANY_AREAS, OWN_COLUMNS, column_beside, concat, property_of
from scenecart._geo.geometry import POLYGONAL, around_world_bounds, split_at_antimeridian
from scenecart._util.json import loads
from scenecart.exceptions import InvalidQuery, missing_extra

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    from scenecart._util.progress import ProgressReporter

PARTITIONS = {"month": "%Y-%m", "year": "%Y", "day": "%Y-%m-%d"}
_NO_TIME = "unknown"
_ROWS_IN_FILE = 20_000
_WITH_HEIGHTS = 6
_ROWS_IN_GROUP = 5_000
_MEMBERS = ("assets", "links", "id", "collection", "stac_version", "stac_extensions", "bbox:as_given", "foreign_members")
_ITEM = {"type", "stac_version", "stac_extensions", "id", "geometry", "bbox", "properties", "assets", "links", "collection"}
_UNPLACED = "without-footprint.ndjson"
_NOT_PROPERTIES = {*OWN_COLUMNS, "stac_version", "stac_extensions", "bbox:as_given", "foreign_members"}


def to_items(captures: gpd.GeoDataFrame) -> Iterator[dict[str, Any]]:
    """Yield captures as STAC items, with every property they came with.

    Parameters
    ----------
    captures
        Rows of a search result.

    Yields
    ------
    dict
        An item as JSON has it, in longitude and latitude. The columns that scenecart added (``host``, ``orderable``,
        ``not_orderable_reason``) are left out.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a"], "gsd": [0.5]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    >>> next(to_items(captures))["properties"]
    {'datetime': None, 'gsd': 0.5}
    """
    frame = captures if captures.crs is None else captures.to_crs(CRS)
    taken = {name for name in OF_MANY_AREAS if column_beside(name) in frame.columns}
    ours = {*_NOT_PROPERTIES, *taken, frame.geometry.name}
    names = [name for name in frame.columns if isinstance(name, str) and name not in ours]
    columns = {name: frame[name].astype(object).tolist() for name in names}
    texts = {name: _texts(frame, name) for name in _MEMBERS}
    for row, shape in enumerate(frame.geometry):
        properties: dict[str, Any] = {"datetime": None}
        for name, values in columns.items():
            value = _plain(values[row])
            if value is not None:
                properties[property_of(name)] = value
        item: dict[str, Any] = {
            "type": "Feature",
            "stac_version": texts["stac_version"][row] or "1.0.0",
            "stac_extensions": _plain(texts["stac_extensions"][row]) or [],
            "id": texts["id"][row],
            "geometry": None if shape is None or shape.is_empty else mapping(shape),
            "properties": properties,
            "assets": _document(texts["assets"][row], {}),
            "links": _document(texts["links"][row], []),
        }
        if texts["collection"][row] is not None:
            item["collection"] = texts["collection"][row]
        box = _published_box(texts["bbox:as_given"][row]) or (_bbox(shape) if item["geometry"] is not None else None)
        if box is not None:
            item["bbox"] = box
        yield {**(texts["foreign_members"][row] or {}), **item}


class Writer:
    """Takes frames as they arrive and leaves a folder of partitions; what it holds at once is one partition."""

    def __init__(self, directory: Path, host: str, partition: str) -> None:
        if partition not in PARTITIONS:
            raise InvalidQuery(f"partition is one of {', '.join(PARTITIONS)}, not {partition!r}.")
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise InvalidQuery(f"{str(directory)!r} is not an empty folder; results are never mixed with what was there.")
        _stac_geoparquet()
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._host, self._partition = directory, host, partition
        self._waiting = Path(tempfile.mkdtemp(prefix=".arriving-", dir=directory))
        self.rows = 0
        self._unplaced = 0

    def add(self, frame: gpd.GeoDataFrame) -> None:
        """Take a frame."""
        placed = frame.geometry.notna() & ~frame.geometry.is_empty
        if not placed.all():
            with (self._directory / _UNPLACED).open("a", encoding="utf-8", newline="\n") as file:
                for item in to_items(frame[~placed]):
                    file.write(json.dumps(item) + "\n")
            self._unplaced += int((~placed).sum())
            frame = frame[placed]
        keys = frame["datetime"].dt.strftime(PARTITIONS[self._partition]).fillna(_NO_TIME)
        for key, part in frame.groupby(keys.to_numpy(), sort=False):
            folder = self._waiting / str(key)
            folder.mkdir(exist_ok=True)
            part.to_pickle(folder / f"{self.rows:012d}.pickle")
        self.rows += len(frame)

    def finish(self) -> list[Path]:
        """Sort what arrived and write it; return the files."""
        written: list[Path] = []
        for folder in sorted(self._waiting.iterdir()):
            # only what this object wrote a moment ago, in a folder of its own
            parts = [pd.read_pickle(path) for path in sorted(folder.iterdir())]  # noqa: S301  # see above
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
        return [*written, *([self._directory / _UNPLACED] if self._unplaced else [])]

    def close(self) -> None:
        """Throw away what was not finished."""
        shutil.rmtree(self._waiting, ignore_errors=True)


def _files_of(frame: gpd.GeoDataFrame) -> Iterator[gpd.GeoDataFrame]:
    """Yield what one file holds; readers stumble where only some rows have a second geometry, or a box with heights."""
    nothing = np.zeros(len(frame), dtype=int)
    second, boxes = frame.get("proj:geometry"), frame.get("bbox:as_given")
    kinds = nothing if second is None else 2 * second.notna().to_numpy(dtype=int)
    kinds = kinds + (
        nothing if boxes is None else boxes.map(lambda text: len(_published_box(text) or ()) == _WITH_HEIGHTS).to_numpy()
    )
    for kind in np.unique(kinds):
        part = frame[kinds == kind]
        for start in range(0, len(part), _ROWS_IN_FILE):
            yield part.iloc[start : start + _ROWS_IN_FILE]


def _write(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write one file as STAC GeoParquet 1.1: the layout of stac-geoparquet, with a box a row to look things up by."""
    arrow = _stac_geoparquet()
    items = [_without_twins(item) for item in to_items(frame.set_geometry(frame.geometry.map(_without_empty_parts), crs=frame.crs))]
    try:
        table = arrow.parse_stac_items_to_arrow(items).read_all()
        fits = not any(_is_hollow(field.type, top=True) for field in table.schema)
    except (pa.ArrowException, TypeError, ValueError):
        fits = False
    if not fits:
        table = arrow.parse_stac_items_to_arrow(_of_one_kind(items)).read_all()
    # each batch becomes a group of rows with bounds of its own
    batches = table.combine_chunks().to_batches(max_chunksize=_ROWS_IN_GROUP)
    arrow.to_parquet(pa.RecordBatchReader.from_batches(table.schema, batches), path, compression="zstd")


def _without_empty_parts(shape: Any) -> Any:
    """Return a geometry without parts that are none, over which some readers of files fall."""
    parts = shapely.get_parts(shape)
    empty = shapely.is_empty(parts)
    return shapely.MultiPolygon(list(parts[~empty])) if shape.geom_type == "MultiPolygon" and empty.any() else shape


def _without_twins(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item without the foreign members whose name a property has too: in a table there is room for one."""
    return {name: value for name, value in item.items() if name in _ITEM or name not in item["properties"]}


def _of_one_kind(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return items whose values fit columns: where a catalog mixes kinds of values, each becomes JSON text."""
    names = dict.fromkeys(name for item in items for name in item["properties"])
    mixed = {name for name in names if not _fits([item["properties"].get(name) for item in items])}
    for item in items:
        item["properties"] = {name: _text(value) if name in mixed else value for name, value in item["properties"].items()}
    known: dict[tuple[str, str], list[Any]] = {}
    for item in items:
        for key, asset in item["assets"].items():
            for name, value in (asset if isinstance(asset, Mapping) else {}).items():
                known.setdefault((key, name), []).append(value)
    odd = {place for place, values in known.items() if not _fits(values)}
    for item in items:
        item["assets"] = {
            key: {name: _text(value) if (key, name) in odd else value for name, value in asset.items()}
            if isinstance(asset, Mapping)
            else _plainly(asset)
            for key, asset in item["assets"].items()
        }
    if not _fits([item["links"] for item in items]):
        for item in items:
            item["links"] = [_plainly(link) for link in item["links"]]
    return items


def _plainly(part: Any) -> dict[str, str | None]:
    """Return an asset or a link with every value as text."""
    known = part if isinstance(part, Mapping) else {"href": part}
    return {name: _text(value) for name, value in known.items()}


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _fits(values: list[Any]) -> bool:
    try:
        return not _is_hollow(pa.array(values).type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return False


def _is_hollow(kind: pa.DataType, *, top: bool = False) -> bool:
    """Tell whether a type holds an object without members somewhere, which Parquet cannot write."""
    if pa.types.is_struct(kind):
        empty = kind.num_fields == 0 and not top
        return empty or any(_is_hollow(kind.field(number).type) for number in range(kind.num_fields))
    return pa.types.is_nested(kind) and any(_is_hollow(kind.field(number).type) for number in range(kind.num_fields))


def _stac_geoparquet() -> Any:
    # stac-geoparquet names it without importing it, and not every pyarrow does so by itself
    import pyarrow.fs  # noqa: F401, PLC0415  # see above

    try:
        import stac_geoparquet.arrow  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Writing STAC GeoParquet needs", error, "parquet") from error
    return stac_geoparquet.arrow


def _texts(frame: gpd.GeoDataFrame, name: str) -> list[Any]:
    if name not in frame.columns:
        return [None] * len(frame)
    return [None if _is_missing(value) else value for value in frame[name].astype(object)]


def _document(text: Any, default: Any) -> Any:
    found = loads(text.encode()) if isinstance(text, str) else text
    return found if isinstance(found, type(default)) else default


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if _is_missing(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat().replace("+00:00", "Z")
    if isinstance(value, np.ndarray):
        return [_plain(inner) for inner in value.tolist()]
    return value.item() if isinstance(value, np.generic) else value


def _published_box(text: Any) -> list[float] | None:
    """Return the box that the catalog gave, where it is one: with heights, or a little wider than the footprint."""
    box = _document(text, [])
    numbers = all(isinstance(edge, int | float) and not isinstance(edge, bool) for edge in box)
    return box if numbers and len(box) in {4, _WITH_HEIGHTS} else None


def _bbox(shape: Any) -> list[float]:
    """Return a box as RFC 7946 has it: west greater than east across the antimeridian."""
    is_area = shape.geom_type in POLYGONAL
    return list(around_world_bounds(split_at_antimeridian(shape))) if is_area else shapely.bounds(shape).tolist()


def write(frames: Iterator[gpd.GeoDataFrame], directory: Path, host: str, partition: str, reporter: ProgressReporter) -> list[Path]:
    """Write frames as they arrive; when the search breaks, what had arrived is written before the error goes on."""
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
