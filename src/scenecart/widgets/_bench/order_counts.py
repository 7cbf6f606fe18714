"""How many orders are running, not downloaded or ended, in the header, the drawer and the footer of the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.widgets._bench.header import orders_state
from scenecart.widgets._jobs import synchronized

if TYPE_CHECKING:
    from scenecart.widgets._bench.drawer import Drawer
    from scenecart.widgets._bench.footer import Footer
    from scenecart.widgets._bench.header import Header
    from scenecart.widgets._bench.service_status import ServiceStatus
    from scenecart.widgets._order_list import OrderList


class OrderCounts:
    """Counts orders in the header and in the drawer, and reads the balance when one has ended."""

    def __init__(self, orders: OrderList, header: Header, drawer: Drawer, footer: Footer, service: ServiceStatus) -> None:
        self._orders, self._header, self._drawer, self._footer, self._service = orders, header, drawer, footer, service
        self._running: set[str] = set()

    @synchronized
    def changed(self, _: Any) -> None:
        """Show what has changed since the last call."""
        entries = self._orders.entries
        running = {entry.order.id for entry in entries if entry.rank == 0}
        ended, self._running = self._running - running, running
        arrived = sum(entry.order.id in ended and entry.order.is_delivered for entry in entries)
        if running or arrived:
            self._header.update(**orders_state(len(running), arrived))
        waiting = sum(entry.rank == 1 for entry in entries)
        counts = [f"{len(running):,} running" if running else "", f"{waiting:,} not downloaded" if waiting else ""]
        self._drawer.update(orders=len(entries), summary=" · ".join(filter(None, counts)))
        if ended:
            self._service.read()
            self._footer.announce(f"{len(ended):,} {'order has' if len(ended) == 1 else 'orders have'} ended.")
