"""Saves the state of the Workbench shortly after each change, and restores it when the page has sent the id of its tab."""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING, Any

from scenecart.widgets._bench.footer import checked_page
from scenecart.widgets._bench.saved_states import SavedStates
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

_SETTLE_SECONDS = 0.4
_MOST_EVENTS = 50
# the number of the newest event of the page that is part of the saved state
_SEEN = "seen"


class Autosave:
    """Saves the state of one browser tab.

    The page numbers its events and keeps the newest ones. When a kernel ends before it has handled them, the reloaded page sends
    them again; those with a number that was saved are skipped.

    Parameters
    ----------
    client
        The connection, whose account the state belongs to.
    runner
        Writes in the background.
    collect
        Returns the state, as JSON.
    restore
        Called with a saved state.
    is_pristine
        Whether the user has not done anything yet; only then a saved state is restored.
    """

    def __init__(
        self,
        client: Client,
        runner: Runner,
        collect: Callable[[], dict[str, Any]],
        restore: Callable[[dict[str, Any]], object],
        *,
        is_pristine: bool,
    ) -> None:
        self._saved, self._runner = SavedStates(client), runner
        self._collect, self._restore = collect, restore
        self._tab = ""
        self._seen = 0
        self._is_saved = True
        self.is_pristine = is_pristine
        # write the last change when the kernel is shut down
        atexit.register(_flush, weakref.ref(self))

    @property
    def account(self) -> str:
        """A name for the account."""
        return self._saved.account

    @property
    def is_restored(self) -> bool:
        """Whether the page has sent the id of its tab, so that a saved state has been restored."""
        return bool(self._tab)

    def mark_used(self) -> None:
        """Note that the user has done something: a saved state must not replace it."""
        self.is_pristine = False

    @synchronized
    def take_number(self, fields: dict[str, Any]) -> None:
        """Remove the number of an event of the page from its fields, and save it with the state."""
        number = fields.pop("n", None)
        if isinstance(number, int | float):
            self._seen = max(self._seen, int(number))

    @synchronized
    def page_shown(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Restore the state of a tab, or the newest one, unless the user has done something already.

        Returns
        -------
        list of dict
            Events of the page before its reload that were not handled.
        """
        tab = checked_page(fields)
        if tab is None or tab == self._tab:
            return []
        self._tab = tab
        if not self.is_pristine:
            return []
        found = self._saved.load(tab)
        if found is not None:
            self._seen = int(found.get(_SEEN) or 0)
            self._restore(found)
        return missed_events(fields.get("events"), self._seen)

    @synchronized
    def keep(self) -> None:
        """Write the state when it has not changed for a moment."""
        if self._tab and not self.is_pristine:
            self._is_saved = False
            self._runner.debounce("keep", _SETTLE_SECONDS, lambda _: self.save(), lambda _: None, lambda _: None)

    def save(self) -> None:
        """Write the state now."""
        if not self._tab or self.is_pristine:
            return
        with LOCK:
            self._is_saved = True
            state = {**self._collect(), _SEEN: self._seen}
        self._saved.save(self._tab, state)

    def flush(self) -> None:
        """Write a state that waits to be written, before the page or the kernel ends."""
        if not self._is_saved:
            self.save()


def missed_events(events: Any, seen: int) -> list[dict[str, Any]]:
    """Return the events of a page that have a higher number than the newest one that was handled, in their order.

    Examples
    --------
    >>> missed_events([{"n": 1, "kind": "clear"}, {"n": 2, "kind": "search"}, "nonsense"], 1)
    [{'n': 2, 'kind': 'search'}]
    """
    known = [one for one in events if isinstance(one, dict)] if isinstance(events, list) else []
    numbered = [one for one in known if isinstance(one.get("n"), int | float) and isinstance(one.get("kind"), str)]
    return sorted((one for one in numbered[-_MOST_EVENTS:] if one["n"] > seen), key=lambda one: float(one["n"]))


def _flush(reference: weakref.ref[Autosave]) -> None:
    autosave = reference()
    if autosave is not None:
        autosave.flush()
