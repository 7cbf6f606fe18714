"""The filters of the Workbench: those that are set, and those that wait for captures or for a column that arrives later."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import ScenecartError
from scenecart.widgets._jobs import synchronized

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scenecart.widgets._state import CaptureState


class PendingFilters:
    """Filters of a state, which stay set over another search and a reload.

    Cloud over the area and prices arrive after the captures, so a filter of them waits until its column exists.

    Parameters
    ----------
    state
        Captures and filters.
    is_searching
        Whether other captures are arriving; filters wait for the last of them.
    """

    def __init__(self, state: CaptureState, is_searching: Callable[[], bool]) -> None:
        self._state, self._is_searching = state, is_searching
        self._waiting: dict[str, Any] = {}

    @property
    @synchronized
    def wanted(self) -> dict[str, Any]:
        """The filters that are set, and those that wait."""
        return {**self._waiting, **self._state.filters}

    @synchronized
    def change(self, name: str, value: Any) -> None:
        """Set one filter, at once or as soon as there are captures that have it; None removes it."""
        self._waiting.pop(name, None)
        is_known = name in {facet.name for facet in self._state.facets}
        if value is not None and (self._is_searching() or not is_known):
            self._waiting[name] = value
        if is_known:
            filters = {key: chosen for key, chosen in self._state.filters.items() if key != name}
            self._state.filters = filters if value is None else {**filters, name: value}

    @synchronized
    def reset(self) -> None:
        """Remove all filters."""
        self._waiting = {}
        self._state.filters = {}

    @synchronized
    def hold(self) -> None:
        """Keep the filters for the next search; some columns of its captures arrive later."""
        self._waiting = self.wanted

    @synchronized
    def replace(self, filters: Mapping[str, Any]) -> None:
        """Set these filters and no others, once there are captures."""
        self._waiting = dict(filters)
        self._state.filters = {}

    @synchronized
    def apply(self) -> None:
        """Set the filters that wait, where the captures have what they filter by; call it when a search or a column is complete."""
        if self._is_searching():
            return
        known = {facet.name for facet in self._state.facets}
        for name in [name for name in self._waiting if name in known]:
            value = self._waiting.pop(name)
            # these captures may not have what was chosen
            if name not in self._state.filters:
                with contextlib.suppress(ScenecartError):
                    self._state.filters = {**self._state.filters, name: value}
