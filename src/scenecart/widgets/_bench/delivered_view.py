"""Delivered pixels of an order on the map of the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._util.text import clean_text, pluralize
from scenecart.widgets._order_map import open_delivered

if TYPE_CHECKING:
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._order_list import OrderList

_LONGEST_NAME, _MOST_NAMES = 80, 4


class DeliveredView:
    """Shows one order at a time.

    Parameters
    ----------
    map_
        Where pixels are shown.
    orders
        Which order is on the map, and the error of one that could not be shown.
    runner
        Opens files in the background.
    """

    def __init__(self, map_: BenchMap, orders: OrderList, runner: Runner) -> None:
        self._map, self._orders, self._runner = map_, orders, runner

    def toggle(self, order_id: str) -> None:
        """Show the pixels of an order, or remove them."""
        entry = self._orders.entry(order_id)
        if entry.is_on_map:
            self.hide()
            return
        order = entry.order

        def show(found: Any) -> None:
            if not found.layers:
                self._orders.set_note(order_id, found.errors[0] if found.errors else None)
                return
            self._map.hide_delivered()
            title = f"Delivered · {pluralize(len(found.layers), 'layer')}"
            names = [clean_text(str(layer.name), _LONGEST_NAME) for layer in found.layers[:_MOST_NAMES]]
            if len(found.layers) > _MOST_NAMES:
                names.append(f"and {len(found.layers) - _MOST_NAMES} more")
            self._map.show_delivered(found, title, "\n".join(names))
            self._orders.put_on_map(order_id)

        self._runner.start("delivered", lambda _: open_delivered(order), show, lambda error: self._orders.set_note(order_id, error))

    def hide(self) -> None:
        """Show the captures again."""
        self._map.hide_delivered()
        self._orders.put_on_map(None)
