"""The table of captures, of which the browser holds only the rows in view."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import pandas as pd
import traitlets as t

from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_SOURCE, DATETIME, ESTIMATE
from scenecart._captures.times import acquired_texts, acquisition_times, has_times
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text
from scenecart.widgets import _static_html
from scenecart.widgets._base import Panel
from scenecart.widgets._capture_text import owned_text
from scenecart.widgets._jobs import synchronized
from scenecart.widgets._rows import Positions, RowPicker, sorted_rows
from scenecart.widgets._state import CaptureState
from scenecart.widgets._style import box, message, style_sheet

if TYPE_CHECKING:
    from collections.abc import Iterable

_OWNED, _AREA_CLOUD = "owned", "cloud"
# column, title, least pixels, share of the remaining width, number format
_COLUMNS = (
    ("id", "Capture", 160, 6, ""),
    ("host", "Provider", 70, 1, ""),
    ("collection", "Collection", 100, 1, ""),
    (DATETIME, "Acquired, UTC", 130, 1, ""),
    ("eo:cloud_cover", "Cloud %", 78, 1, ".1f"),
    (AREA_CLOUD, "Cloud, area %", 104, 1, _AREA_CLOUD),
    ("view:off_nadir", "Off-nadir °", 96, 1, ".1f"),
    ("gsd", "GSD m", 72, 1, ".2f"),
    ("owned", "Owned", 104, 1, _OWNED),
)
# a narrow table keeps the first of these that fit
_PRIORITY = ("id", "datetime", "owned", AREA_CLOUD, "eo:cloud_cover", "gsd", "view:off_nadir", "collection", "host")
_SEARCHED = ("id", "host", "collection", "platform")
_WINDOW, _MOST_WINDOW = 40, 200
_LONGEST_TEXT = 120


class _Grid(anywidget.AnyWidget):
    """The grid in the browser; see ``table.js``.

    ``view`` holds the rows of the window, and ``selected`` the numbers of those that are selected: a click sends only the latter.
    ``current`` is the number of the current row, or -1.
    """

    _esm = files("scenecart.widgets").joinpath("table.js").read_text("utf-8")
    _style = t.Unicode(files("scenecart.widgets").joinpath("table.css").read_text("utf-8")).tag(sync=True)
    columns: t.List[dict[str, Any]] = t.List().tag(sync=True)
    count = t.Int(0).tag(sync=True)
    nothing = t.Unicode("").tag(sync=True)
    view: t.Dict[str, Any] = t.Dict({"start": 0, "rows": []}).tag(sync=True)
    selected: t.List[int] = t.List().tag(sync=True)
    sort = t.List(["", False]).tag(sync=True)
    reveal = t.Int(-1).tag(sync=True)
    current = t.Int(-1).tag(sync=True)


class CaptureTable(Panel):
    """A table of captures that sorts, searches and selects, linked with the map, by mouse or keyboard.

    Arrow keys move, space selects, Shift extends the selection, Ctrl+A selects all rows, Escape clears the selection.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    >>> table = CaptureTable(captures)
    >>> table.search = "b"
    >>> table.shown["id"].tolist()
    ['b']
    """

    @checked_keywords()
    def __init__(self, captures: Any) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures)
        self._grid = _Grid()
        self._grid.on_msg(self._receive)
        self._search = W.Text(placeholder="Search captures", continuous_update=True, layout=W.Layout(width="220px"))
        self._search.tooltip = "Search by id, host, collection or platform"
        self._search.observe(lambda _: self._update_rows(), "value")
        self._status = W.HTML()
        self._captures: Any = None
        self._picker = RowPicker(self.state)
        self._texts: pd.Series[str] | None = None
        self._window = (0, _WINDOW)
        head = box(self._search, self._status, kind="row", horizontal=True)
        head.layout.justify_content = "space-between"
        super().__init__(style_sheet(), head, self._grid)
        self.watch(self.state, self._replace_captures, "captures")
        self.watch(self.state, self._update_rows, "revision")
        self.watch(self.state, self._show_selection, "selection")
        self.watch(self.state, self._follow, "current")
        self._replace_captures(None)

    @property
    def search(self) -> str:
        """The text that is searched for in ids, hosts, collections and platforms."""
        return str(self._search.value)

    @search.setter
    def search(self, text: str) -> None:
        self._search.value = text

    @property
    def sort(self) -> tuple[str, bool]:
        """The column to sort by, and whether descending; an empty name keeps the order of the captures."""
        column, descending = self._grid.sort
        return str(column), bool(descending)

    @sort.setter
    def sort(self, value: tuple[str, bool]) -> None:
        column, descending = value
        self._grid.sort = [column if _has_column(self.state.captures, column) else "", bool(descending)]
        self._update_rows()

    @property
    def shown(self) -> Any:
        """The rows of the table in their order, as a GeoDataFrame."""
        return self.state.captures.iloc[self._order]

    @property
    def _order(self) -> Positions:
        return self._picker.order

    def static_html(self) -> str:
        """Return the first rows as HTML without scripts, for places without live widgets."""
        return _static_html.table_html(self.shown)

    def _replace_captures(self, _: Any) -> None:
        self._texts = None
        self._update_rows()

    def _empty_text(self, search: str) -> str:
        """Return what an empty table displays."""
        if not len(self.state.captures):
            return "No captures."
        return "No captures match this search." if search else "No captures match the filters."

    def _update_rows(self, _: Any = None) -> None:
        self._show_columns()
        rows = np.flatnonzero(self.state.keep)
        search = self.search.strip().lower()
        if search:
            rows = rows[self._searchable().iloc[rows].str.contains(search, regex=False).to_numpy(dtype=bool)]
        column, descending = self.sort
        if column and len(rows):
            captures = self.state.captures.iloc[rows]
            values = acquisition_times(captures) if column == DATETIME else captures[column]
            rows = sorted_rows(values, rows, descending=descending)
        self._captures = self.state.captures
        self._picker.show(rows)
        self._grid.nothing = self._empty_text(search)
        self._grid.count = len(rows)
        self._send_rows()
        self._follow(None)

    def _show_columns(self) -> None:
        self._grid.columns = [
            {
                "name": name,
                "title": title,
                "least": least,
                "share": share,
                "rank": _PRIORITY.index(name),
                "look": "right" if number_format else "cut" if name == "id" else "",
            }
            for name, title, least, share, number_format in _COLUMNS
            if _has_column(self.state.captures, name)
        ]

    def _searchable(self) -> pd.Series[str]:
        """Return the searched columns of each row as one lower-case text."""
        if self._texts is None:
            captures = self.state.captures
            texts = pd.Series("", index=range(len(captures)))
            for name in _SEARCHED:
                if name in captures.columns:
                    texts = texts + " " + captures[name].astype(str).reset_index(drop=True)
            self._texts = texts.str.lower()
        return self._texts

    def _send_rows(self) -> None:
        start, size = self._window
        start = max(0, min(start, len(self._order) - 1))
        rows = self.state.captures.iloc[self._order[start : start + size]]
        cells = [_cells(rows, name, number_format) for name, _, _, _, number_format in _COLUMNS if _has_column(rows, name)]
        texts = zip(*cells, strict=True) if cells else ((),) * len(rows)
        with self._grid.hold_sync():
            self._grid.view = {"start": start, "rows": [list(line) for line in texts]}
            self._send_selection()

    def _send_selection(self) -> None:
        """Send which rows of the window are selected, and how many are selected in all."""
        self._grid.selected = self._picker.selected_in(self._grid.view["start"], len(self._grid.view["rows"]))
        self._status.value = message(f"{len(self._order):,} rows · {len(set(self.state.selection)):,} selected")

    def _show_selection(self, _: Any) -> None:
        if self._captures is not self.state.captures:
            # new captures drop selected rows before this table lists them
            return
        self._send_selection()
        row, (start, size) = self._picker.row_of_only_one(), self._window
        if row is not None and not start <= row < start + size - _WINDOW // 2:
            self._grid.reveal = row

    @synchronized
    def _follow(self, _: Any) -> None:
        """Mark the row of the current capture."""
        label = self.state.current
        if self._captures is not self.state.captures:
            return
        position = -1 if label is None else int(self._captures.index.get_loc(label))
        found = np.flatnonzero(self._order == position)
        self._grid.current = int(found[0]) if len(found) else -1

    def _receive(self, _: Any, content: dict[str, Any], __: Any) -> None:
        """Handle a message of the grid in the browser."""
        kind = content.get("kind")
        if kind == "window":
            self._window = (max(0, int(content["start"])), min(_MOST_WINDOW, max(1, int(content["size"]))))
            self._send_rows()
        elif kind == "sort":
            column, descending = self.sort
            name = str(content["column"])
            # ascending, descending, and back to the order of the captures
            self.sort = (name, False) if name != column else ("", False) if descending else (name, True)
        elif kind == "current":
            row = int(content["row"])
            if 0 <= row < len(self._order):
                (self.state.current,) = self.state.labels([self._order[row]])
        else:
            self._picker.receive(content)


def _has_column(captures: pd.DataFrame, name: str) -> bool:
    """Return whether captures have values for a column of the table; times may be those of ranges."""
    return has_times(captures) if name == DATETIME else name in captures.columns


def _cells(captures: pd.DataFrame, name: str, number_format: str) -> Iterable[str]:
    if name == DATETIME:
        return acquired_texts(captures)
    column = captures[name]
    if number_format == _OWNED:
        return [owned_text(share, "–") for share in pd.to_numeric(column, errors="coerce")]
    if number_format == _AREA_CLOUD:
        sources = captures.get(AREA_CLOUD_SOURCE, pd.Series(None, index=captures.index, dtype=object))
        numbers = pd.to_numeric(column, errors="coerce")
        # ~ marks an estimate
        return [
            "" if pd.isna(value) else f"{'~' * (source == ESTIMATE)}{value:.0f}"
            for value, source in zip(numbers, sources, strict=True)
        ]
    if number_format:
        numbers = pd.to_numeric(column, errors="coerce")
        return ["" if pd.isna(value) else format(float(value), number_format) for value in numbers]
    return ["" if value is None or value is pd.NA or value != value else clean_text(value, _LONGEST_TEXT) for value in column]  # noqa: PLR0124  # NaN
