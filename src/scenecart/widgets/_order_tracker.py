"""The order tracker: all orders of an organization, or given ones, with their files and imagery."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets as t

from scenecart._orders.wait import check_orders
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import pluralize
from scenecart.widgets import _style
from scenecart.widgets._base import Panel
from scenecart.widgets._bench.orders import OrdersPart
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._map import FootprintMap
from scenecart.widgets._notes import Note
from scenecart.widgets._order_list import OrderList
from scenecart.widgets._order_map import DeliveredImagery, open_delivered

if TYPE_CHECKING:
    from scenecart._orders.order import Order
    from scenecart.client import Client


class OrderTracker(Panel):
    """Shows orders with their states, files and imagery, and follows open ones, with one request per round.

    Running orders come first, then those whose files are not in the folder, then the rest. It can be closed, and the kernel
    restarted, without harm: ``OrderTracker(client)`` shows all orders again, whoever placed them.

    Parameters
    ----------
    orders
        An order, several orders of one client, or a client, whose newest 200 orders are shown.
    directory
        Directory for downloads. Default: ``delivered`` in the working directory.
    basemap
        For the maps of delivered items; see :class:`FootprintMap`.
    poll
        Seconds between two requests. Default: 0.25 s at first, then longer, up to 15 s.

    Attributes
    ----------
    orders : tuple of Order
        The orders, in the order in which they are displayed.
    finished : int
        How many of them are finished.

    Raises
    ------
    InvalidRequest
        If it is given anything but orders or a client.

    Examples
    --------
    >>> import scenecart
    >>> with scenecart.sandbox.Sandbox(captures=1_000) as box:
    ...     client = box.client(home=box.data / "journal")
    ...     captures = client.search("openterra", collections="openterra-10m", limit=1)
    ...     order = client.cart(captures).estimate().place()
    ...     tracker = OrderTracker(order)
    ...     print([one.id == order.id for one in tracker.orders])
    ...     tracker.close()
    [True]
    """

    orders = t.Tuple()
    finished = t.Int(0)

    @checked_keywords()
    def __init__(
        self,
        orders: Order | Iterable[Order] | Client,
        *,
        directory: Any = "delivered",
        basemap: Any = None,
        poll: float | None = None,
    ) -> None:
        client: Any = orders if hasattr(orders, "order") else None
        given = orders if isinstance(orders, Iterable) else [orders]
        followed = [] if client is not None else check_orders(given)
        self._basemap = basemap
        self._runner = Runner(4, resend=self.resend_state)
        self.order_list = OrderList(self._runner, client, followed, directory=Path(directory), poll=poll)
        self._view = OrdersPart(self.order_list, self._act, is_alone=True)
        self._map_box = _style.box(kind="inset")
        super().__init__(_style.style_sheet(), self._view, self._map_box)
        self.add_class("scenecart-card")
        for name in ("orders", "finished"):
            setattr(self, name, getattr(self.order_list, name))
            self.watch(self.order_list, self._mirror, name)
        self.refresh()

    def refresh(self) -> None:
        """Load orders and unanswered purchases again, if a client was passed."""
        self.order_list.refresh()

    def follow(self, orders: Iterable[Order]) -> None:
        """Follow more orders."""
        self.order_list.follow(orders)

    def cancel(self, order_id: str) -> None:
        """Cancel an order, as "Cancel the order" does."""
        self.order_list.cancel(order_id)

    def download(self, order_id: str) -> None:
        """Download the delivered files, verified, in the background, as "Download" does."""
        self.order_list.download(order_id)

    @synchronized
    def show_items(self, order_id: str) -> None:
        """Show the delivered imagery of an order on a map below, or hide the map, as "Show on map" does."""
        is_shown = self.order_list.entry(order_id).is_on_map
        self._clear_map()
        if is_shown:
            return
        order = self.order_list.entry(order_id).order
        self.order_list.set_note(order_id, Note("info", "Loading the delivered imagery…"))
        self._runner.start(
            "items",
            lambda _: open_delivered(order),
            lambda found: self._show_map(order_id, found),
            lambda error: self.order_list.set_note(order_id, error),
        )

    @property
    def is_busy(self) -> bool:
        """Whether it still follows, downloads or cancels something."""
        return self.order_list.is_busy or self._runner.is_busy("items")

    def static_html(self) -> str:
        """Return the orders and their states as HTML without scripts, for places without live widgets."""
        lines = [f"{order.id} · {order.status}" for order in self.orders]
        return _style.render("widget_still.html", title="Orders", lines=lines) if lines else super().static_html()

    def release(self) -> None:
        """End background jobs; the orders themselves continue."""
        self._runner.close()

    def _mirror(self, change: Any) -> None:
        setattr(self, change["name"], change["new"])

    def _act(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "map":
            self.show_items(str(fields["order"]))

    def _clear_map(self) -> None:
        for part in self._map_box.children:
            part.close()
        self._map_box.children = ()
        self.order_list.put_on_map(None)

    def _show_map(self, order_id: str, found: DeliveredImagery) -> None:
        missing = int((found.items["provenance"] == "missing").sum())
        text = f"{missing:,} of {pluralize(len(found.items), 'item')} cannot be traced to this order."
        self.order_list.set_note(order_id, Note("warn", text, code="provenance_missing") if missing else None)
        shown = FootprintMap(found.items, basemap=self._basemap)
        shown.show_delivered(found)
        self._map_box.children = (shown,)
        self.order_list.put_on_map(order_id)

    def _show_error(self, error: BaseException) -> None:
        """Display an error above the orders."""
        self.order_list.note = Note("bad", str(error))
        self.order_list.notify_views()
