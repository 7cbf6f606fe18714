"""The results of a search as a table, a gallery, a timeline or a strip of cards, with one current capture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np

from scenecart._captures.properties import DATETIME
from scenecart._captures.times import acquisition_times
from scenecart._util.keywords import checked_keywords
from scenecart.widgets._base import checked_client, close_all
from scenecart.widgets._bench import rows
from scenecart.widgets._bench.part import Part, script_of, style_of
from scenecart.widgets._compare import Compare
from scenecart.widgets._facets import COVERAGE
from scenecart.widgets._jobs import LOCK, Runner, synchronized
from scenecart.widgets._pictures import MOST_AT_ONCE, CutPictures, large_quicklook, small_quicklook
from scenecart.widgets._session_code import ExecutedSearch, session_code
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

    Action = Callable[[str, dict[str, Any]], object]

VIEWS = ("table", "gallery", "timeline")
_WORKERS, _PREVIEW_WORKERS = 4, 3
# beyond this, the marks of the cart come with the rows
_MOST_MARKED = 500
# the most dates of a comparison, around the current capture
_MOST_COMPARED = 60
_WHOLE_PERCENT = 95.0


class ResultsPart(Part):
    """What the page draws; see ``results.js``."""

    _esm = script_of("results")
    _css = style_of("results")


class Results:
    """Captures to browse and select, in three views with the same order.

    The part is drawn where it is put; a Workbench has its own place for a comparison.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    client
        Fetches quicklooks, and is named in code to copy; None shows no pictures.
    runner
        Runs background jobs; None makes one.
    is_counted
        Whether the number of captures is shown elsewhere.

    Attributes
    ----------
    part : ResultsPart
        What the page draws.
    last_search : ExecutedSearch or None
        The search that found the captures, for code to copy.
    compare : Compare or None
        The comparison that is open; it is in ``compare_box``, which has a place of its own.
    """

    @checked_keywords()
    def __init__(self, captures: Any, *, client: Any = None, runner: Runner | None = None, is_counted: bool = False) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures)
        self._client = None if client is None else checked_client(client)
        self._runner, self._owns_runner = (Runner(_WORKERS, resend=self._resend), True) if runner is None else (runner, False)
        self._action: Action | None = None
        self._order = np.empty(0, dtype=np.intp)
        self._sort = rows.NEWEST
        self._view = "table"
        self._chosen: set[str] | None = None
        self._captures: Any = None
        self._turn = 0
        self._shown_as: Any = None
        self.last_search: ExecutedSearch | None = None
        self.compare: Compare | None = None
        self.compare_box = W.VBox()
        self.compare_box.add_class("sc-compare-box")
        self.part = ResultsPart("sc-results", is_counted=is_counted)
        self.part.on_event(self._event)
        self.part.on_error(self._show_error)
        self._previews = Runner(_PREVIEW_WORKERS)
        self._pictures = None if client is None else self._make_pictures()
        self._watched = (
            (self._replace, ["captures", "aoi"]),
            (self._reorder, ["revision"]),
            (self._mark, ["selection"]),
            (self._follow, ["current"]),
        )
        for handler, traits in self._watched:
            self.state.observe(handler, traits)
        self._replace(None)

    @property
    def view(self) -> str:
        """``"table"``, ``"gallery"`` or ``"timeline"``; can be set."""
        return self._view

    @view.setter
    def view(self, name: str) -> None:
        self._view = name if name in VIEWS else self._view
        self._show()

    @property
    def sort(self) -> tuple[str, bool]:
        """The column to sort by, and whether the largest value comes first; can be set."""
        return self._sort

    @sort.setter
    def sort(self, value: tuple[str, bool]) -> None:
        name, descending = value
        known = {column.name for column in rows.columns_of(self.state)}
        self._sort = (name if name in known else "", bool(descending))
        self._reorder(None)

    @property
    def columns(self) -> list[str]:
        """The names of the columns of the table; can be set, and None gives the default ones."""
        return [column.name for column in self._shown_columns()]

    @columns.setter
    def columns(self, names: list[str] | None) -> None:
        self._chosen = None if names is None else set(names)
        self._new_rows()

    @property
    def shown(self) -> Any:
        """The captures in the order that is shown, as a GeoDataFrame."""
        return self.state.captures.iloc[self._order]

    def on_action(self, handler: Action) -> None:
        """Call ``handler(kind, fields)`` for actions of other parts.

        The kinds are ``map`` and ``compare`` with a ``label``, and ``error`` with an ``error``.
        """
        self._action = handler

    def code(self) -> str:
        """Return a code cell that repeats the search, the filters and the selection, and estimates the price."""
        if self._client is None:
            return self.state.code()
        return session_code(self._client, self.state, self.last_search, self.state.aoi)

    def open_compare(self, label: Any = None) -> Compare:
        """Compare a capture with the first of the cart, or with the one before it; up and down step through the others."""
        positions, left, right = self.compared(label)
        sources = self.state.captures.iloc[positions]
        found = Compare(sources, aoi=self.state.aoi, client=self._client)
        found.shown = (left, right)
        self.close_compare()
        self.compare = found
        self.compare_box.children = (found,)
        return found

    def close_compare(self) -> None:
        """Close the comparison."""
        old, self.compare = self.compare, None
        self.compare_box.children = ()
        if old is not None:
            old.close()

    def compared(self, label: Any = None) -> tuple[np.ndarray[Any, Any], int, int]:
        """Return the row numbers of the captures to compare, in order of time, and which two of them are shown first."""
        captures, state = self.state.captures, self.state
        label = label if label is not None else state.current
        here = None if label is None else int(captures.index.get_loc(label))
        rows_in_time = rows.order_of(state, (DATETIME, False))
        if here is not None and here not in rows_in_time:
            # the current capture is compared even if the filters leave it out
            rows_in_time = np.append(rows_in_time, here)
            rows_in_time = rows_in_time[acquisition_times(captures.iloc[rows_in_time]).argsort(kind="stable")]
        if state.aoi is not None and len(rows_in_time):
            whole = set(rows_in_time[state.values(COVERAGE)[rows_in_time] >= _WHOLE_PERCENT].tolist())
            cart = set(state.positions().tolist())
            wanted = [row for row in rows_in_time.tolist() if row in cart or row == here or row in whole]
            if len(wanted) > 1:
                rows_in_time = np.asarray(wanted, dtype=np.intp)
        at = int(np.flatnonzero(rows_in_time == here)[0]) if here is not None else max(0, len(rows_in_time) - 1)
        first = max(0, min(at - _MOST_COMPARED // 2, len(rows_in_time) - _MOST_COMPARED))
        found = rows_in_time[first : first + _MOST_COMPARED]
        right = at - first
        picked = [place for place, row in enumerate(found.tolist()) if row in set(state.positions().tolist()) and place != right]
        left = picked[0] if picked else max(0, right - 1) if right else min(1, len(found) - 1)
        return found, left, right

    def close(self) -> None:
        """End background jobs, and close the part and the comparison."""
        for handler, traits in self._watched:
            self.state.unobserve(handler, traits)
        self.close_compare()
        for part in (self.compare_box, self.part):
            close_all(part)
        self._previews.close()
        if self._owns_runner:
            self._runner.close()

    def _resend(self) -> None:
        self.part.send_state()

    def _make_pictures(self) -> CutPictures:
        quicklook, preview = large_quicklook(self._client), (small_quicklook(self._client), self._previews)
        shown, failed = self._show_pictures, self._failed_picture
        return CutPictures(self.state, quicklook, self._runner, shown, failed, preview=preview, is_tight=True)

    def _show_pictures(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        self.part.send(content, buffers)

    def _failed_picture(self, error: BaseException) -> None:
        """Leave the frame empty: a missing picture needs no message."""

    def _show_error(self, error: BaseException) -> None:
        if self._action is None:
            raise error
        self._action("error", {"error": error})

    @synchronized
    def _replace(self, _: Any) -> None:
        shown_as = self.state.rows, self.state.aoi
        if self._pictures is not None and shown_as != self._shown_as:
            # columns that arrive later do not change pictures
            self._pictures.reset()
        self._shown_as = shown_as
        self._reorder(None)

    @synchronized
    def _reorder(self, _: Any) -> None:
        self._captures = self.state.captures
        self._order = rows.order_of(self.state, self._sort)
        self._new_rows()

    def _new_rows(self) -> None:
        self._turn += 1
        self._show()

    def _shown_columns(self) -> list[rows.Column]:
        return rows.shown_columns(rows.columns_of(self.state), self._chosen)

    def _show(self) -> None:
        columns = rows.columns_of(self.state)
        shown = rows.shown_columns(columns, self._chosen)
        total = len(self.state.captures)
        orders = [[column.name, last, rows.order_words((column.name, last))] for column in columns for last in (False, True)]
        self.part.update(
            view=self._view,
            turn=self._turn,
            pictures=0 if self._pictures is None else self._pictures.turn,
            has_pictures=self._pictures is not None,
            count=len(self._order),
            total=total,
            sort=list(self._sort),
            sort_title=next((column.title for column in columns if column.name == self._sort[0]), ""),
            words=rows.order_words(self._sort),
            orders=orders,
            columns=[_plain(column) for column in shown],
            all_columns=[{**_plain(column), "shown": column in shown} for column in columns],
            timeline=rows.timeline_of(self.state, self._order) if self._view == "timeline" and total else None,
            current=self._current(),
            **self._marks(),
        )

    def _marks(self) -> dict[str, Any]:
        positions = self.state.positions()
        return {"cart": positions[:_MOST_MARKED].tolist(), "cart_count": len(positions)}

    def _current(self) -> dict[str, Any]:
        label = self.state.current
        if label is None:
            return {"key": None, "row": -1}
        position = int(self.state.captures.index.get_loc(label))
        found = np.flatnonzero(self._order == position)
        return {"key": position, "row": int(found[0]) if len(found) else -1}

    @synchronized
    def _mark(self, _: Any) -> None:
        if self._captures is not self.state.captures:
            # new captures drop selected rows before these are listed
            return
        if max(len(self.state.selection), self.part.state.get("cart_count", 0)) > _MOST_MARKED:
            self._new_rows()
        else:
            self.part.update(**self._marks())

    @synchronized
    def _follow(self, _: Any) -> None:
        if self._captures is self.state.captures:
            self.part.update(current=self._current())

    def _event(self, kind: str, fields: dict[str, Any]) -> None:
        actions: dict[str, Callable[[dict[str, Any]], object]] = {
            "window": self._send_rows,
            "pictures": self._send_pictures,
            "current": self._set_current,
            "tick": self._tick,
            "sort": self._sort_by,
            "view": lambda fields: setattr(self, "view", str(fields.get("name"))),
            "columns": self._choose_column,
            "code": lambda _: self.part.send({"kind": "code", "text": self.code()}),
            "undo": lambda _: self.state.history.undo(),
            "redo": lambda _: self.state.history.redo(),
            "unfilter": lambda _: setattr(self.state, "filters", {}),
            "map": self._pass_on("map"),
            "compare": self._compare,
        }
        action = actions.get(kind)
        if action is not None:
            action(fields)

    @synchronized
    def _send_rows(self, fields: dict[str, Any]) -> None:
        if fields.get("turn") != self._turn:
            return
        start = max(0, min(int(fields.get("start", 0)), len(self._order)))
        window = self._order[start : start + min(MOST_AT_ONCE, max(1, int(fields.get("size", 1))))]
        # the gallery and the strip need columns that a table may not show
        found = rows.rows_of(self.state, rows.columns_of(self.state), window)
        if len(self.state.selection) > _MOST_MARKED:
            ticked = set(self.state.positions().tolist())
            found = [{**one, "ticked": one["key"] in ticked} for one in found]
        self.part.send({"kind": "rows", "turn": self._turn, "start": start, "rows": found})

    def _send_pictures(self, fields: dict[str, Any]) -> None:
        if self._pictures is not None:
            self._pictures.request(fields)

    def _label(self, fields: dict[str, Any]) -> Any:
        """Return the label of a capture that the page names by its key or its row; None if it was replaced."""
        key, row = fields.get("key"), fields.get("row")
        if key is None and isinstance(row, int) and fields.get("turn") == self._turn and 0 <= row < len(self._order):
            key = int(self._order[row])
        if not isinstance(key, int) or not 0 <= key < len(self.state.captures):
            return None
        return self.state.labels([key])[0]

    def _set_current(self, fields: dict[str, Any]) -> None:
        label = self._label(fields)
        if label is not None:
            self.state.current = label

    def _tick(self, fields: dict[str, Any]) -> None:
        label = self._label(fields)
        if label is not None:
            self.state.select([label], "toggle")

    def _sort_by(self, fields: dict[str, Any]) -> None:
        name, descending = str(fields.get("name")), fields.get("descending")
        if isinstance(descending, bool):
            self.sort = (name, descending)
            return
        usual = name in {DATETIME, COVERAGE}
        # the useful end first, then the other
        self.sort = (name, not self._sort[1]) if name == self._sort[0] else (name, usual)

    def _choose_column(self, fields: dict[str, Any]) -> None:
        name = fields.get("name")
        if name is None:
            self.columns = None
            return
        chosen = set(self.columns)
        self.columns = list(chosen | {str(name)} if fields.get("shown") else chosen - {str(name)})

    def _pass_on(self, kind: str) -> Callable[[dict[str, Any]], None]:
        def pass_on(fields: dict[str, Any]) -> None:
            label = self._label(fields)
            if label is not None and self._action is not None:
                self._action(kind, {"label": label})

        return pass_on

    def _compare(self, fields: dict[str, Any]) -> None:
        label = self._label(fields)
        with LOCK:
            if label is None or self._client is None:
                return
        if self._action is not None:
            self._action("compare", {"label": label})
        else:
            self.open_compare(label)


def _plain(column: rows.Column) -> dict[str, Any]:
    return {name: getattr(column, name) for name in ("name", "title", "tip", "width", "rank", "look")}
