"""Keeps what survives a reload: writes it a moment after each change, and brings it back once the page says which tab it is."""

from __future__ import annotations

import atexit
import weakref
from typing import TYPE_CHECKING, Any

from scenecart.widgets._bench.foot import checked_page
from scenecart.widgets._bench.saved import SavedStates
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

_SETTLE_SECONDS = 0.4
_MOST_EVENTS = 50
# the number of the newest event of the page whose consequences are written
_SEEN = "seen"


class Keeper:
    """Keeps the state of one tab.

    The page numbers its events and remembers the newest ones: a kernel that ended before it handled them loses none, since the
    reloaded page sends them again, and those that were handled are left out.

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
        self._seen = 0
        self._is_saved = True
        self.is_pristine = is_pristine
        # a kernel that is shut down by a reload has a last change to write
        atexit.register(_flush, weakref.ref(self))

    @property
    def account(self) -> str:
        """A name for the account."""
        return self._saved.account

    @property
    def is_settled(self) -> bool:
        """Whether what was kept has been brought back, if there was anything."""
        return bool(self._tab)

    def touched(self) -> None:
        """Note that somebody asked for something: what was kept is not brought back over it."""
        self.is_pristine = False

    @synchronized
    def seen(self, fields: dict[str, Any]) -> None:
        """Take the number of an event of the page out of its fields, and remember it."""
        number = fields.pop("n", None)
        if isinstance(number, int | float):
            self._seen = max(self._seen, int(number))

    @synchronized
    def page_shown(self, fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Bring back what was kept for a tab, or for the newest one, unless something was asked for already.

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
            self._bring_back(found)
        return missed_events(fields.get("events"), self._seen)

    @synchronized
    def keep(self) -> None:
        """Write the state, once nothing changes any more."""
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
        """Write what is not written yet: the page or the kernel is about to end."""
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


def _flush(reference: weakref.ref[Keeper]) -> None:
    keeper = reference()
    if keeper is not None:
        keeper.flush()
