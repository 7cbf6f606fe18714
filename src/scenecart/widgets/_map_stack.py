"""The captures that overlap under a click on the map, to choose one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it

from scenecart.widgets import _style
from scenecart.widgets._capture_text import one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from scenecart.widgets._state import CaptureState

_MOST_LISTED, _MOST_LINES = 30, 6


class OverlapList(W.Select):
    """A list of the captures under a click, the smallest first; hidden unless there are several."""

    def __init__(self, state: CaptureState, notify: Callable[[str], object]) -> None:
        self._state, self._notify = state, notify
        super().__init__(options=[], rows=4, layout=W.Layout(width="auto", display="none"))
        self.tooltip = "Captures under the click, the smallest first"
        self.observe(self._chosen, "value")

    def show(self, rows: np.ndarray[Any, Any]) -> None:
        """List captures by the numbers of their rows, with their count; with fewer than two, the list is hidden."""
        _style.set_visible(self, visible=len(rows) > 1)
        if len(rows) <= 1:
            return
        listed = rows[:_MOST_LISTED]
        labels = self._state.labels(listed)
        lines = [one_line(self._state.captures.iloc[int(row)]) for row in listed]
        self.unobserve(self._chosen, "value")
        self.options = list(zip(lines, labels, strict=True))
        self.value = labels[0]
        self.rows = min(_MOST_LINES, len(listed))
        self.observe(self._chosen, "value")
        rest = (
            f"The {len(listed)} with the smallest footprints are listed below." if len(listed) < len(rows) else "Choose one below."
        )
        self._notify(f"{len(rows):,} captures overlap here. {rest}")

    def _chosen(self, change: Any) -> None:
        if change["new"] is not None:
            self._state.select([change["new"]])
