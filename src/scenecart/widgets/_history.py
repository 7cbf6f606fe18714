"""Undo and redo of changes of the selection, the filters and the area of interest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import traitlets as t

from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from scenecart.widgets._state import CaptureState

_KEPT = 100
_TRAITS = ("selection", "filters", "aoi")
# a slider that is dragged, and what follows from another change, are one step
_ONE_STEP_SECONDS = 0.3


class History(t.HasTraits):
    """Earlier selections, filters and areas of a state, for undo and redo.

    Parameters
    ----------
    state
        The state that is changed.

    Attributes
    ----------
    can_undo, can_redo : bool
        Whether there is an earlier state, or one that was undone.
    """

    can_undo = t.Bool(default_value=False)
    can_redo = t.Bool(default_value=False)

    def __init__(self, state: CaptureState) -> None:
        super().__init__()
        self._state = state
        self._past: list[dict[str, Any]] = []
        self._undone: list[dict[str, Any]] = []
        self._is_moving = False
        self._changed_at = -_ONE_STEP_SECONDS
        state.observe(self._remember, _TRAITS)

    @synchronized
    def undo(self) -> bool:
        """Undo the last change; return whether there was one."""
        return self._move(self._past, self._undone)

    @synchronized
    def redo(self) -> bool:
        """Redo what was undone; return whether there was something."""
        return self._move(self._undone, self._past)

    @synchronized
    def clear(self) -> None:
        """Drop all earlier states."""
        self._past, self._undone = [], []
        self._show()

    def _remember(self, change: Any) -> None:
        with LOCK:
            if self._is_moving:
                return
            name, now = change["name"], time.monotonic()
            step = self._past[-1] if self._past else {}
            is_same_step = now - self._changed_at < _ONE_STEP_SECONDS and (name == "filters" or name not in step)
            self._changed_at = now
            if not (self._past and is_same_step):
                step = {}
                self._past.append(step)
            step.setdefault(name, change["old"])
            del self._past[:-_KEPT]
            self._undone = []
            self._show()

    def _move(self, source: list[dict[str, Any]], target: list[dict[str, Any]]) -> bool:
        self._is_moving = True
        try:
            while source:
                before = {name: getattr(self._state, name) for name in _TRAITS}
                # the area comes first: filters by what it covers need it
                for name, value in sorted(source.pop().items()):
                    setattr(self._state, name, self._known(name, value))
                after = {name: getattr(self._state, name) for name in _TRAITS}
                changed = {name: value for name, value in before.items() if value != after[name]}
                if changed:
                    target.append(changed)
                    return True
            return False
        finally:
            self._is_moving = False
            self._changed_at = -_ONE_STEP_SECONDS
            self._show()

    def _known(self, name: str, value: Any) -> Any:
        """Return an earlier value without what the present captures do not have."""
        if name == "selection":
            return tuple(label for label in value if label in self._state.captures.index)
        if name == "filters":
            facets = {facet.name for facet in self._state.facets}
            return {facet: wanted for facet, wanted in value.items() if facet in facets}
        return value

    def _show(self) -> None:
        self.can_undo, self.can_redo = bool(self._past), bool(self._undone)
