"""Reports and comparisons as CSV."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart.report._gis import to_frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart.report._comparison import Comparison
    from scenecart.report._model import Contents

# a cell that begins with one of these is a formula for spreadsheets
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# in countries with a decimal comma, spreadsheets begin a cell after each semicolon, even inside quotes
_FORMULA_INSIDE = re.compile(r"([;\t\r\n])(?=[\s\"]*[=+\-@])")


def to_csv(contents: Contents) -> bytes:
    """Return the captures as CSV."""
    frame = to_frame(contents)
    names = [name for name in frame.columns if name != "geometry"]
    return csv_of([names, *frame[names].itertuples(index=False)])


def comparison_to_csv(comparison: Comparison) -> bytes:
    """Return one row for each capture, with columns for each cart: whether it has the capture, and the owned share."""
    names = ["id", "host", "collection", "acquired", "cloud", "off_nadir", "gsd"]
    names += [f"in {side.name}" for side in comparison.sides]
    names += [f"owned share in {side.name}" for side in comparison.marked]
    return csv_of([names, *comparison.capture_rows("no")])


def csv_of(rows: Iterable[Iterable[Any]]) -> bytes:
    """Return rows as CSV in which no text is a formula for spreadsheets."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    # spreadsheets recognise UTF-8 by the byte order mark
    return b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> Any:
    """Return a value for a cell; an apostrophe keeps spreadsheets from reading a text as a formula.

    The apostrophe is inserted before the text, and after each semicolon or line break in it that a formula would follow.
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and pd.isna(value)):
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if not isinstance(value, str):
        return value
    text = _FORMULA_INSIDE.sub(r"\1'", value)
    return f"'{text}" if text.startswith(_FORMULA) else text
