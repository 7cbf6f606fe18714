"""Selection and cart, kept equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import traitlets as t

from scenecart._captures.frame import concat
from scenecart.widgets._bench.cart_link import CartLink, keys_of
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    import geopandas as gpd


class _Cart(t.HasTraits):
    captures = t.Any()

    def add(self, captures: gpd.GeoDataFrame) -> None:
        self.captures = concat([self.captures, captures]).reset_index(drop=True) if len(self.captures) else captures


def _linked(captures: gpd.GeoDataFrame) -> tuple[CaptureState, _Cart, CartLink]:
    state, cart = CaptureState(captures.reset_index(drop=True)), _Cart(captures=no_captures())
    link = CartLink(state, cart, lambda: None)
    state.observe(link.selection_changed, "selection")
    cart.observe(link.cart_changed, "captures")
    return state, cart, link


def test_cart_link_selecting_adds_and_unselecting_removes(captures: gpd.GeoDataFrame):
    """Ticking a capture puts it into the cart, and × in the cart takes the tick away."""
    state, cart, _ = _linked(captures.head(5))
    state.select([3, 1])
    assert cart.captures["id"].tolist() == state.captures["id"].iloc[[3, 1]].tolist()
    state.select([3], "remove")
    assert len(cart.captures) == 1
    cart.captures = no_captures()
    assert state.selection == ()


def test_cart_link_other_search_keeps_the_cart(captures: gpd.GeoDataFrame):
    """Another search has other captures under the same labels: the cart keeps its own, and selects those found again."""
    state, cart, link = _linked(captures.iloc[:5])
    state.select([0, 4])
    before = keys_of(cart.captures)
    link.replace(captures.iloc[4:9].reset_index(drop=True))
    assert keys_of(cart.captures) == before
    assert state.selection == (0,)
    state.select([0], "remove")
    assert keys_of(cart.captures) == before[:1]
    link.replace(no_captures())
    assert keys_of(cart.captures) == before[:1]
    assert state.selection == ()
