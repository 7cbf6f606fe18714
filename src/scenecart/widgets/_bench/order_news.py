"""What the Workbench says of its orders: how many run in the header, and what ended in the foot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.widgets._bench.header import orders_state
from scenecart.widgets._jobs import synchronized

if TYPE_CHECKING:
    from scenecart.widgets._bench.drawer import Drawer
    from scenecart.widgets._bench.foot import Foot
    from scenecart.widgets._bench.header import Header
    from scenecart.widgets._bench.service import ServiceWatch
    from scenecart.widgets._order_book import OrderBook


class OrderNews:
    """Counts orders in the header and in the drawer, and reads the balance when one has ended."""

    def __init__(self, orders: OrderBook, header: Header, drawer: Drawer, foot: Foot, service: ServiceWatch) -> None:
        self._orders, self._header, self._drawer, self._foot, self._service = orders, header, drawer, foot, service
        self._running: set[str] = set()

    @synchronized
    def changed(self, _: Any) -> None:
        """Say what is different since the last call."""
        entries = self._orders.entries
        running = {entry.order.id for entry in entries if entry.rank == 0}
        ended, self._running = self._running - running, running
        arrived = sum(entry.order.id in ended and entry.order.is_delivered for entry in entries)
        if running or arrived:
            self._header.update(**orders_state(len(running), arrived))
        waiting = sum(entry.rank == 1 for entry in entries)
        said = [f"{len(running):,} running" if running else "", f"{waiting:,} not downloaded" if waiting else ""]
        self._drawer.update(orders=len(entries), summary=" · ".join(filter(None, said)))
        if ended:
            self._service.read()
            self._foot.say(f"{len(ended):,} {'order has' if len(ended) == 1 else 'orders have'} ended.")
