"""Synchronization of the cart and the selection: captures stay in the cart when another search replaces the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from scenecart.widgets._state import CaptureState

_IDENTITY = ("host", "collection", "id")


class Contents(Protocol):
    """What is in a cart: captures as a trait, and a way to add some."""

    captures: Any

    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Add captures, each once."""


class CartLink:
    """Keeps the selection of a state and the captures of a cart equal, as far as the state has these captures.

    Parameters
    ----------
    state
        The captures of a search. Selected ones are in the cart.
    cart
        The cart, which may also hold captures of other searches.
    changed
        Called after either changed.
    """

    def __init__(self, state: CaptureState, cart: Contents, changed: Callable[[], object]) -> None:
        self._state, self._cart, self._changed = state, cart, changed
        self._is_busy = False

    @synchronized
    def replace(self, found: gpd.GeoDataFrame) -> None:
        """Show the captures of another search; those of it that are in the cart are selected."""
        self._is_busy = True
        try:
            # labels of the earlier search name other captures in this one
            self._state.selection, self._state.current = (), None
            self._state.filters = {}
            self._state.captures = found
            self._select()
            # the earlier selection names other captures
            self._state.history.clear()
        finally:
            self._is_busy = False

    def selection_changed(self, _: Any) -> None:
        """Add newly selected captures to the cart, and remove deselected ones."""
        if self._is_busy:
            return
        self._is_busy = True
        try:
            with LOCK:
                cart, wanted = self._cart.captures, self._state.selected
                in_state, known = set(keys_of(self._state.captures)), keys_of(wanted)
                is_kept = [key not in in_state or key in set(known) for key in keys_of(cart)]
                if not all(is_kept):
                    cart = self._cart.captures = cart[is_kept].reset_index(drop=True)
                in_cart = set(keys_of(cart))
                added = wanted[[key not in in_cart for key in known]]
                if len(added):
                    self._cart.add(added)
        finally:
            self._is_busy = False
        self._changed()

    def cart_changed(self, _: Any) -> None:
        """Select what is in the cart."""
        if not self._is_busy:
            self._is_busy = True
            try:
                with LOCK:
                    self._select()
            finally:
                self._is_busy = False
        self._changed()

    def _select(self) -> None:
        rows = {key: number for number, key in enumerate(keys_of(self._state.captures))}
        found = [rows[key] for key in keys_of(self._cart.captures) if key in rows]
        self._state.selection = self._state.labels(found)


def keys_of(captures: gpd.GeoDataFrame) -> list[tuple[str, ...]]:
    """Return what identifies each capture: host, collection and id."""
    names = [name for name in _IDENTITY if name in captures.columns]
    return list(zip(*(captures[name].astype(str) for name in names), strict=True)) if names else [()] * len(captures)
