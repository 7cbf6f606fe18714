"""Comparing two dates in the Workbench: on the map, on the card and in the footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenecart.widgets._bench.card import CardPart
    from scenecart.widgets._bench.footer import Footer
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._bench.results import Results
    from scenecart.widgets._state import CaptureState


class Comparison:
    """Opens, changes and closes the comparison.

    Parameters
    ----------
    state
        The captures.
    map_, card, footer
        Where it is shown.
    results
        Which captures can be compared, in their order.
    """

    def __init__(self, state: CaptureState, map_: BenchMap, card: CardPart, footer: Footer, results: Results) -> None:
        self._state, self._map, self._card, self._footer, self._results = state, map_, card, footer, results

    @property
    def is_open(self) -> bool:
        """Whether two dates are compared."""
        return self._map.swipe.shown is not None

    def open(self, label: Any) -> None:
        """Compare a capture with another."""
        if not len(self._state.captures):
            return
        rows, left, right = self._results.compared(label)
        if self._map.swipe.open(rows.tolist(), left, right):
            self._draw()
        else:
            self._footer.announce("There is nothing to compare it with.")

    def show(self, a: Any, b: Any) -> None:
        """Compare two other rows."""
        self._map.swipe.show(a, b)
        self._draw()

    def take(self, side: Any) -> None:
        """Put one of the two into the cart, or take it out."""
        shown = self._map.swipe.shown
        if shown is not None:
            self._state.select(self._state.labels([shown[1 if side else 0]]), "toggle")

    def close(self) -> None:
        """End the comparison."""
        if self.is_open:
            self._map.swipe.close()
            self._draw()
            self._footer.announce("The comparison is closed.")

    def captures_changed(self) -> None:
        """End the comparison if its captures were replaced; otherwise show their new columns."""
        if self._map.swipe.is_stale:
            self.close()
        self.cart_changed()

    def cart_changed(self) -> None:
        """Show on the card what is in the cart."""
        # new captures drop selected rows before the comparison ends
        if self.is_open and not self._map.swipe.is_stale:
            self._card.compare(self._map.swipe.card_state())

    def _draw(self) -> None:
        self._card.compare(self._map.swipe.card_state())
        self._map.show_compared()
        text = self._map.swipe.footer_text()
        if text:
            self._footer.announce(text)
