"""Rows of captures in the order that a table or a gallery shows: sorting, and picking by mouse and keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from scenecart.widgets._state import CaptureState

Positions = np.ndarray[Any, Any]


def sorted_rows(values: pd.Series[Any], rows: Positions, *, descending: bool) -> Positions:
    """Return row numbers in the order of their values; missing values come last.

    Parameters
    ----------
    values
        One value a row number, in the order of ``rows``.
    rows
        The row numbers.
    descending
        Whether the largest value comes first.
    """
    values = values.reset_index(drop=True)
    try:
        found = values.sort_values(ascending=not descending, kind="stable", na_position="last")
    except TypeError:
        # a catalog may mix numbers and text in one property
        ranks = values.map(_sort_key, na_action="ignore")
        found = ranks.sort_values(ascending=not descending, kind="stable", na_position="last")
    return np.asarray(rows[found.index.to_numpy()])


class RowPicker:
    """Changes the selection by clicks and keys on rows.

    Parameters
    ----------
    state
        The captures and the selection.

    Attributes
    ----------
    order : numpy.ndarray
        The row numbers of the captures, in the order that is shown.
    """

    def __init__(self, state: CaptureState) -> None:
        self._state = state
        self._anchor = 0
        self.order: Positions = np.empty(0, dtype=np.intp)

    def show(self, order: Positions) -> None:
        """Show rows in another order."""
        self.order = order
        self._anchor = 0

    def receive(self, content: dict[str, Any]) -> None:
        """Handle a message of the browser: ``pick`` with ``row`` and ``how``, ``all`` or ``none``."""
        kind = content.get("kind")
        if kind == "pick":
            self._pick(int(content["row"]), str(content["how"]))
        elif kind == "all":
            self._state.select(self._state.labels(self.order))
        elif kind == "none":
            self._state.select(())

    def selected_in(self, start: int, count: int) -> list[int]:
        """Return which rows of a window are selected."""
        window = self.order[start : start + count]
        selected = set(self._state.selection)
        labels = self._state.captures.index[window].tolist()
        return [start + number for number, label in enumerate(labels) if label in selected]

    def row_of_only_one(self) -> int | None:
        """Return the row of the selected capture, if exactly one is selected and shown."""
        if len(self._state.selection) != 1:
            return None
        (position,) = self._state.positions()
        (rows,) = np.nonzero(self.order == position)
        return int(rows[0]) if len(rows) else None

    def _pick(self, row: int, how: str) -> None:
        if not 0 <= row < len(self.order):
            return
        if how == "span":
            first, last = sorted((self._anchor, row))
            self._state.select(self._state.labels(self.order[first : last + 1]))
            return
        self._anchor = row
        self._state.select(self._state.labels([self.order[row]]), how)


def _sort_key(value: Any) -> tuple[int, float, str]:
    """Return a key that sorts values of mixed types: numbers by size, then everything else as text."""
    return (0, float(value), "") if isinstance(value, int | float) else (1, 0.0, str(value))
