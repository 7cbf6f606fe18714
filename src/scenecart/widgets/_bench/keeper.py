"""Keeps what survives a reload: writes it a moment after each change, and brings it back once the page says which tab it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.widgets._bench.foot import checked_page
from scenecart.widgets._bench.saved import SavedStates
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

_SETTLE_SECONDS = 0.4


class Keeper:
    """Keeps the state of one tab.

    Parameters
    ----------
    client
        The connection, whose account the state belongs to.
    runner
        Writes in the background.
    collect
        Returns the state, as JSON.
    bring_back
        Called with a state that was kept.
    is_pristine
        Whether nothing was asked for yet; then a kept state is brought back.
    """

    def __init__(
        self,
        client: Client,
        runner: Runner,
        collect: Callable[[], dict[str, Any]],
        bring_back: Callable[[dict[str, Any]], object],
        *,
        is_pristine: bool,
    ) -> None:
        self._saved, self._runner = SavedStates(client), runner
        self._collect, self._bring_back = collect, bring_back
        self._tab = ""
        self.is_pristine = is_pristine

    def touched(self) -> None:
        """Note that somebody asked for something: what was kept is not brought back over it."""
        self.is_pristine = False

    @synchronized
    def page_shown(self, fields: dict[str, Any]) -> None:
        """Bring back what was kept for a tab, or for the newest one, unless something was asked for already."""
        tab = checked_page(fields)
        if tab is None or tab == self._tab:
            return
        self._tab = tab
        found = self._saved.load(tab) if self.is_pristine else None
        if found is not None:
            self._bring_back(found)

    def keep(self) -> None:
        """Write the state, once nothing changes any more."""
        if self._tab and not self.is_pristine:
            self._runner.debounce("keep", _SETTLE_SECONDS, lambda _: self.save(), lambda _: None, lambda _: None)

    def save(self) -> None:
        """Write the state now."""
        if not self._tab or self.is_pristine:
            return
        with LOCK:
            state = self._collect()
        self._saved.save(self._tab, state)
