"""Captures of a search or a selection as one file: spreadsheets, GIS layers and STAC items."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures import capture_files
from scenecart._captures.json_columns import is_missing, nested_columns, not_for_gdal, restored, rfc3339, with_text
from scenecart._util.files import as_path, write_atomic
from scenecart._util.text import pluralize
from scenecart._util.validate import is_unicode, shown_value
from scenecart.exceptions import InvalidRequest, warn
from scenecart.report._csv import csv_of

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    import geopandas as gpd

_MOST_ROWS, _MOST_COLUMNS, _MOST_LETTERS = 1_048_575, 16_384, 32_767
_LARGEST_EXACT = 2**53
# the oldest day of a workbook that its readers agree on
_FIRST_YEAR = 1900
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def export(captures: gpd.GeoDataFrame, path: str | os.PathLike[str]) -> Path:
    """Write the captures of a search or a selection to a file, in the format of its suffix.

    Parameters
    ----------
    captures
        Rows of a search result, in any CRS; data without a CRS is read as EPSG:4326.
    path
        The file to write. Missing folders are created; an existing file is replaced.

        =======================  ==============================================================================================
        ``.parquet``             GeoParquet with every column and the index labels
        ``.geojson``, ``.json``  GeoJSON with every column as a property, times as RFC 3339
        ``.ndjson``, ``.jsonl``  STAC items, one on each line
        ``.gpkg``                GeoPackage with the layer ``captures``; nested values are JSON text, times end at milliseconds
        ``.csv``                 a table for spreadsheets, with footprints as WKT; no text is a formula
        ``.xlsx``                a workbook, with footprints as WKT; times are cells of times, UTC
        =======================  ==============================================================================================

        Footprints are in EPSG:4326 (longitude, latitude). :func:`read_captures` reads the first four as they were.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InvalidRequest
        If the suffix is not a supported format, a column exists twice, there are more rows than a workbook holds, or the file
        cannot be written.
    InvalidQuery
        If the captures are not a GeoDataFrame with footprints.
    MissingExtra
        If XlsxWriter, which workbooks need, is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a"], "gsd": [0.5]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    >>> export(captures, pathlib.Path(tempfile.mkdtemp()) / "captures.xlsx").name
    'captures.xlsx'
    """
    suffix = check_captures_suffix(path)
    content = _FORMATS[suffix](restored(capture_files.checked_captures(captures)))
    return write_atomic(content, path, "The captures")


def check_captures_suffix(path: str | os.PathLike[str]) -> str:
    """Return the suffix of a path, which is the format of the captures.

    Raises
    ------
    InvalidRequest
        If the argument is not a path, or its suffix is not a supported format.
    """
    suffix = as_path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise InvalidRequest(
            f"must end in a supported format, got {shown_value(str(path))}.",
            argument="path",
            code="captures_format_unsupported",
            hint=f"The formats of captures are {', '.join(sorted(_FORMATS))}. A Shapefile would cut names, texts and times.",
        )
    return suffix


def _to_csv(captures: gpd.GeoDataFrame) -> bytes:
    frame = _as_table(captures)
    times = [name for name in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[name].dtype)]
    frame = frame.assign(**{name: frame[name].map(rfc3339, na_action="ignore").astype(object) for name in times})
    return csv_of([list(frame.columns), *frame.itertuples(index=False)])


def _to_xlsx(captures: gpd.GeoDataFrame) -> bytes:
    from scenecart.report._xlsx import Sheet, workbook  # noqa: PLC0415  # an extra

    frame = _as_table(captures)
    if len(frame) > _MOST_ROWS or len(frame.columns) > _MOST_COLUMNS:
        raise InvalidRequest(
            f"must have at most {_MOST_ROWS:,} rows and {_MOST_COLUMNS:,} columns for a workbook, "
            f"got {len(frame):,} and {len(frame.columns):,}.",
            argument="captures",
            code="workbook_too_large",
            hint="Use .csv or .parquet.",
        )
    cut: dict[str, None] = {}
    columns = [[_cell(value, name, cut) for value in frame[name]] for name in frame.columns]
    if cut:
        names = ", ".join(map(shown_value, cut))
        warn(
            f"A cell of a workbook holds {_MOST_LETTERS:,} characters; longer texts were cut in {names}.",
            code="cells_cut",
            hint="Use .parquet or .csv, which hold any text.",
        )
    rows = list(zip(*columns, strict=True)) if columns else []
    titles = [(name, _style(values)) for name, values in zip(map(_clean, frame.columns), columns, strict=True)]
    return workbook([Sheet("Captures", titles, rows, frozen=1)], "Captures", _EPOCH)


def _to_gpkg(captures: gpd.GeoDataFrame) -> bytes:
    nested = not_for_gdal(captures)
    frame = with_text(captures, nested)
    names = _names_in_gpkg(list(frame.columns))
    frame.columns = pd.Index(names)
    marked = [new for new, old in zip(names, captures.columns, strict=True) if old in nested]
    frame.attrs = {}
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "captures.gpkg"
        metadata = {capture_files.LAYER_METADATA: json.dumps(marked)}
        # a polygon stays a polygon, beside multi-part ones too
        frame.reset_index(drop=True).to_file(
            target, layer=capture_files.LAYER, driver="GPKG", layer_metadata=metadata, promote_to_multi=False
        )
        return target.read_bytes()


def _as_table(captures: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return captures as a flat table: nested values are JSON text, and footprints are WKT."""
    shapes = captures.geometry.to_wkt()
    frame = pd.DataFrame(with_text(captures, nested_columns(captures)))
    labels = frame.index
    frame = frame.assign(geometry=shapes.where(shapes.notna(), None))
    if labels.equals(pd.RangeIndex(len(frame))):
        return frame
    # the labels are the user's
    names = [str(name) if name is not None else "index" for name in labels.names]
    table = labels.to_frame(index=False).set_axis(names, axis="columns").reset_index(drop=True)
    free = [name for name in names if name not in frame.columns]
    return pd.concat([table[free], frame.reset_index(drop=True)], axis="columns")


def _cell(value: Any, name: str, cut: dict[str, None]) -> Any:
    """Return a value for a workbook: None, a number, a time or text; numbers that a cell would round become text."""
    if is_missing(value):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).upper()
    if isinstance(value, pd.Timestamp | datetime):
        moment = pd.Timestamp(value)
        moment = moment.tz_convert("UTC") if moment.tzinfo else moment
        return moment.to_pydatetime(warn=False) if moment.year >= _FIRST_YEAR else moment.isoformat()
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int) and abs(value) <= _LARGEST_EXACT:
        return value
    if isinstance(value, float) and np.isfinite(value):
        return value
    text = _clean(str(value))
    if len(text) > _MOST_LETTERS:
        cut[name] = None
        text = text[: _MOST_LETTERS - 1] + "…"
    return text


def _style(values: list[Any]) -> str:
    return "time" if any(isinstance(value, datetime) for value in values) else "text"


def _clean(text: str) -> str:
    return text if is_unicode(text) else text.encode("utf-8", "replace").decode()


def _names_in_gpkg(names: list[str]) -> list[str]:
    """Return column names that are unique without regard to case, and differ from the name of the row number."""
    taken, found, renamed = {"fid", "geom"}, [], 0
    for name in names:
        new, number = _clean(name).replace("\0", "\ufffd") or "_", 2
        while new.lower() in taken:
            new, number = f"{name}_{number}", number + 1
        taken.add(new.lower())
        renamed += new != name
        found.append(new)
    if renamed:
        warn(
            f"Column names of a GeoPackage are not case-sensitive: {pluralize(renamed, 'column')} got another name.",
            code="columns_renamed",
        )
    return found


_FORMATS: dict[str, Callable[[gpd.GeoDataFrame], bytes]] = {
    ".csv": _to_csv,
    ".geojson": capture_files.to_geojson,
    ".gpkg": _to_gpkg,
    ".json": capture_files.to_geojson,
    ".jsonl": capture_files.to_ndjson,
    ".ndjson": capture_files.to_ndjson,
    ".parquet": capture_files.to_parquet,
    ".xlsx": _to_xlsx,
}

export.__module__ = "scenecart"
