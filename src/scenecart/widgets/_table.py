"""The table of captures: any number of rows, of which the browser holds those in view."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import pandas as pd
import traitlets as t

from scenecart._util.text import clean_text
from scenecart.widgets import _static_html
from scenecart.widgets._base import Panel
from scenecart.widgets._state import CaptureState
from scenecart.widgets._style import box, message, sheet

if TYPE_CHECKING:
    from collections.abc import Iterable

# column, title, least pixels, share of the rest, how numbers are written
_SHOWN = (
    ("id", "Capture", 160, 6, ""),
    ("host", "Host", 70, 1, ""),
    ("collection", "Collection", 100, 1, ""),
    ("datetime", "Acquired (UTC)", 130, 1, ""),
    ("eo:cloud_cover", "Cloud %", 78, 1, ".1f"),
    ("view:off_nadir", "Off-nadir °", 96, 1, ".1f"),
    ("gsd", "GSD m", 72, 1, ".2f"),
)
# where there is no room for all, the last of these go first
_IMPORTANT = ("id", "datetime", "eo:cloud_cover", "gsd", "view:off_nadir", "collection", "host")
_WINDOW, _MOST_WINDOW = 40, 200
_TEXT = 120


class _Grid(anywidget.AnyWidget):
    """The grid in the browser; see ``table.js``."""

    _esm = files("scenecart.widgets").joinpath("table.js").read_text("utf-8")
    _style = t.Unicode(files("scenecart.widgets").joinpath("table.css").read_text("utf-8")).tag(sync=True)
    columns: t.List[dict[str, Any]] = t.List().tag(sync=True)
    count = t.Int(0).tag(sync=True)
    nothing = t.Unicode("").tag(sync=True)
    view = t.Dict({"start": 0, "rows": []}).tag(sync=True)
    sort = t.List(["", False]).tag(sync=True)
    reveal = t.Int(-1).tag(sync=True)


class CaptureTable(Panel):
    """Captures as a table that sorts, searches and selects, in step with the map, by mouse or keyboard.

    Arrow keys move, space selects, shift extends, Ctrl+A selects all that suit, Escape none.

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

    def __init__(self, captures: Any) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures)
        self._grid = _Grid()
        self._grid.on_msg(self._told)
        self._search = W.Text(placeholder="Search captures", continuous_update=True, layout=W.Layout(width="220px"))
        self._search.tooltip = "Search captures by id, host or collection"
        self._search.observe(lambda _: self._order_again(), "value")
        self._words = W.HTML()
        self._order = np.empty(0, dtype=np.intp)
        self._texts: pd.Series[str] | None = None
        self._window = (0, _WINDOW)
        self._anchor = 0
        head = box(self._search, self._words, kind="row", across=True)
        head.layout.justify_content = "space-between"
        super().__init__(sheet(), head, self._grid)
        self.watch(self.state, self._renewed, "captures")
        self.watch(self.state, self._order_again, "revision")
        self.watch(self.state, self._chosen, "selection")
        self._renewed(None)

    @property
    def search(self) -> str:
        """What is searched for in ids, hosts and collections."""
        return str(self._search.value)

    @search.setter
    def search(self, words: str) -> None:
        self._search.value = words

    @property
    def sort(self) -> tuple[str, bool]:
        """The column that is sorted by, and whether downwards; an empty name is the captures' own order."""
        column, descending = self._grid.sort
        return str(column), bool(descending)

    @sort.setter
    def sort(self, wanted: tuple[str, bool]) -> None:
        column, descending = wanted
        self._grid.sort = [column if column in self.state.captures.columns else "", bool(descending)]
        self._order_again()

    @property
    def shown(self) -> Any:
        """The rows of the table in their order, as a GeoDataFrame."""
        return self.state.captures.iloc[self._order]

    def still(self) -> str:
        """Return the first rows as HTML without script, for where no widget lives."""
        return _static_html.table(self.shown)

    def _renewed(self, _: Any) -> None:
        self._texts = None
        self._order_again()

    def _why_nothing(self, words: str) -> str:
        """Return what stands in place of rows, where there are none."""
        if not len(self.state.captures):
            return "No captures."
        return "No capture that suits the filters has these words." if words else "No capture suits the filters."

    def _order_again(self, _: Any = None) -> None:
        self._show_columns()
        kept = np.flatnonzero(self.state.keep)
        words = self.search.strip().lower()
        if words:
            kept = kept[self._searchable().iloc[kept].str.contains(words, regex=False).to_numpy(dtype=bool)]
        column, descending = self.sort
        if column and len(kept):
            values = self.state.captures[column].iloc[kept].reset_index(drop=True)
            try:
                found = values.sort_values(ascending=not descending, kind="stable", na_position="last")
            except TypeError:
                # a catalog may mix numbers and words in one property
                ranks = values.map(_rank, na_action="ignore")
                found = ranks.sort_values(ascending=not descending, kind="stable", na_position="last")
            kept = kept[found.index.to_numpy()]
        self._order = kept
        self._anchor = 0
        self._grid.nothing = self._why_nothing(words)
        self._grid.count = len(kept)
        self._send_rows()

    def _show_columns(self) -> None:
        captures = self.state.captures
        there = [entry for entry in _SHOWN if entry[0] in captures.columns]
        self._grid.columns = [
            {
                "name": name,
                "title": title,
                "least": least,
                "share": share,
                "rank": _IMPORTANT.index(name),
                "look": "right" if style else "cut" if name == "id" else "",
            }
            for name, title, least, share, style in there
        ]

    def _searchable(self) -> pd.Series[str]:
        if self._texts is None:
            captures = self.state.captures
            named = [name for name in ("id", "host", "collection", "platform") if name in captures.columns]
            joined = pd.Series("", index=range(len(captures)))
            for name in named:
                joined = joined + " " + captures[name].astype(str).reset_index(drop=True)
            self._texts = joined.str.lower()
        return self._texts

    def _send_rows(self) -> None:
        start, size = self._window
        start = max(0, min(start, len(self._order) - 1))
        positions = self._order[start : start + size]
        rows = self.state.captures.iloc[positions]
        chosen = set(self.state.selection)
        cells = [_cells(rows[name], style) for name, _, _, _, style in _SHOWN if name in rows.columns]
        marked = [label in chosen for label in rows.index.tolist()]
        texts = zip(*cells, strict=True) if cells else ([] for _ in marked)
        self._grid.view = {"start": start, "rows": [[list(line), mark] for line, mark in zip(texts, marked, strict=True)]}
        self._words.value = message(f"{len(self._order):,} rows · {len(chosen):,} selected")

    def _chosen(self, _: Any) -> None:
        self._send_rows()
        if len(self.state.selection) == 1:
            (position,) = self.state.positions()
            (rows,) = np.nonzero(self._order == position)
            start, size = self._window
            if len(rows) and not start <= rows[0] < start + size - _WINDOW // 2:
                self._grid.reveal = int(rows[0])

    def _told(self, _: Any, content: dict[str, Any], __: Any) -> None:
        kind = content.get("kind")
        if kind == "window":
            self._window = (max(0, int(content["start"])), min(_MOST_WINDOW, max(1, int(content["size"]))))
            self._send_rows()
        elif kind == "sort":
            column, descending = self.sort
            name = str(content["column"])
            # up, down, and back to the captures' own order
            self.sort = (name, False) if name != column else ("", False) if descending else (name, True)
        elif kind == "pick":
            self._pick(int(content["row"]), str(content["how"]))
        elif kind == "all":
            self.state.select(self.state.labels(self._order))
        elif kind == "none":
            self.state.select(())

    def _pick(self, row: int, how: str) -> None:
        if not 0 <= row < len(self._order):
            return
        if how == "span":
            first, last = sorted((self._anchor, row))
            self.state.select(self.state.labels(self._order[first : last + 1]))
            return
        self._anchor = row
        self.state.select(self.state.labels([self._order[row]]), how)


def _rank(value: Any) -> tuple[int, float, str]:
    """Return what puts values of any kind in one order: numbers by their size, then everything else as it is written."""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))


def _cells(column: pd.Series[Any], style: str) -> Iterable[str]:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return ["" if pd.isna(value) else f"{value:%Y-%m-%d %H:%M}" for value in column]
    if style:
        numbers = pd.to_numeric(column, errors="coerce")
        return ["" if pd.isna(value) else format(float(value), style) for value in numbers]
    return ["" if value is None or value is pd.NA or value != value else clean_text(value, _TEXT) for value in column]  # noqa: PLR0124  # NaN
