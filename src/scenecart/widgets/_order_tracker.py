"""The order tracker: follows orders to their end, and checks purchases whose outcome is unknown."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._api.order_states import DELIVERED, ENDED, phase_of
from scenecart._orders.journal import UNANSWERED
from scenecart._orders.polling import Outage, pauses
from scenecart._orders.wait import check_orders, refresh_orders
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.client import count_unanswered
from scenecart.exceptions import JournalError, ScenecartError
from scenecart.widgets import _style
from scenecart.widgets._base import Panel
from scenecart.widgets._jobs import LOCK, Job, Runner, synchronized
from scenecart.widgets._order_card import OrderCard

if TYPE_CHECKING:
    from scenecart._orders.notice import Notice
    from scenecart._orders.order import Order
    from scenecart.client import Client

_MOST_ORDERS = 100
_CHECK_HINT = "Check the outcome here, or order the same cart again. You will not be charged twice."
_OTHER_ACCOUNT_HINT = (
    "Sign in to that account to check the outcome. If you order the same cart with your own account, it is bought again."
)


class OrderTracker(Panel):
    """Follows one order, many orders, or all open orders, with one request per round.

    It can be closed, and the kernel restarted, without harm: ``OrderTracker(client)`` shows all open orders again.

    Parameters
    ----------
    orders
        An order, several orders of one client, or a client, whose open orders are shown.
    directory
        Directory for downloads. Default: ``delivered`` in the working directory.
    basemap
        For the maps of delivered items; see :class:`FootprintMap`.
    poll
        Seconds between two requests. Default: 0.25 s at first, then longer, up to 15 s.

    Attributes
    ----------
    orders : tuple of Order
        The orders that are followed.
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
        self._client: Client | None = client
        given = orders if isinstance(orders, Iterable) else [orders]
        followed = [] if client is not None else check_orders(given)
        self._directory, self._basemap, self._poll = Path(directory), basemap, poll
        self._runner = Runner(3, resend=self.resend_state)
        self._cards: dict[str, OrderCard] = {}
        self._title = W.HTML()
        self._status = W.HTML()
        self._list = _style.box()
        self._unknown_text = W.HTML()
        tooltip = "Search your orders for the purchase. Nothing is bought."
        self._check_button = _style.button("Check the outcome", tooltip, icon="search")
        self._unknown = _style.box(self._unknown_text, self._check_button, kind="card")
        _style.set_visible(self._unknown, visible=False)
        super().__init__(_style.style_sheet(), self._title, self._unknown, self._status, self._list)
        if client is None:
            self.follow(followed)
        else:
            self._check_button.on_click(lambda _: self._check_outcome(client))
            self._status.value = _style.message("Loading open orders…", kind="busy")
            self.refresh()

    @synchronized
    def refresh(self) -> None:
        """Load open orders and unanswered purchases again, if a client was passed."""
        client = self._client
        if client is not None and not self._runner.is_busy("open"):
            self._runner.start(
                "open", lambda _: _Found(*_count_unknown(client), (), _open_orders(client)), self._show_found, self._failed
            )

    @synchronized
    def follow(self, orders: Iterable[Order]) -> None:
        """Follow more orders."""
        known = {order.id for order in self.orders}
        fresh = [order for order in check_orders(orders) if order.id not in known]
        if fresh:
            self._status.value = ""
            # observers of the orders find their cards
            self._cards |= {order.id: OrderCard(order, self._runner, self._directory, self._basemap) for order in fresh}
            self.orders = (*fresh, *self.orders)
            self._list.children = tuple(self._cards[order.id].view for order in self.orders)
        self._update()
        if any(not order.is_finished for order in self.orders):
            self._runner.start("follow", self._poll_orders, lambda _: self._update(), self._failed)

    def cancel(self, order_id: str) -> None:
        """Cancel an order, as "Cancel the order" does."""
        self._cards[order_id].cancel()

    def download(self, order_id: str) -> None:
        """Download the delivered files, verified, in the background, as "Download" does."""
        self._cards[order_id].download()

    @property
    def is_busy(self) -> bool:
        """Whether it still follows, downloads or cancels something."""
        return any(self._runner.is_busy(name) for name in ("open", "follow")) or any(card.is_busy for card in self._cards.values())

    def release(self) -> None:
        """End background jobs; the orders themselves continue."""
        self._runner.close()
        self._cards = {}

    def _poll_orders(self, job: Job) -> None:
        """Request the states of orders until all are finished, or the panel is closed."""
        outage = Outage(time.monotonic, lambda notice: self._show_notice(job, notice))
        for pause in pauses(self._poll):
            wanted = pause
            try:
                refresh_orders(self.orders)
            except ScenecartError as error:
                wanted = max(pause, outage.add(error))
            else:
                outage.end()
            with LOCK:
                if job.cancelled.is_set():
                    return
                self._update()
            if all(order.is_finished for order in self.orders) or job.cancelled.wait(wanted):
                return

    @synchronized
    def _show_notice(self, job: Job, notice: Notice) -> None:
        if not job.cancelled.is_set():
            kind = "busy" if notice.code == "waiting_through_outage" else "success"
            self._status.value = _style.message(notice.message, kind=kind)

    @synchronized
    def _check_outcome(self, client: Client) -> None:
        """Search the orders for unanswered purchases; this buys nothing."""
        self._check_button.disabled = True
        self._status.value = _style.message("Checking the outcome…", kind="busy")

        def check(_: Job) -> _Found:
            settled = client.settle(send=False)
            bought = [client.order(str(name)) for name in settled.loc[settled["state"] == "placed", "order_id"]]
            unknown = settled[settled["state"].isin(UNANSWERED)]
            reasons = tuple(dict.fromkeys(str(detail).rstrip(".") for detail in unknown["detail"].dropna()))
            others = _count_unknown(client)[1]
            return _Found(len(unknown), others, bought, _open_orders(client), reasons)

        self._runner.start("open", check, self._show_found, self._check_failed)

    def _show_found(self, found: _Found) -> None:
        messages = []
        if found.unknown:
            last = f"Last check: {'; '.join(found.reasons)}. " if found.reasons else ""
            text = f"{_unknown_outcome(found.unknown)}: the service did not answer. It may have been ordered."
            messages.append(_style.message(text, last + _CHECK_HINT, "error"))
        if found.others:
            text = f"{_unknown_outcome(found.others, ' of another account')}."
            messages.append(_style.message(text, _OTHER_ACCOUNT_HINT, "error"))
        self._unknown_text.value = "".join(messages)
        self._check_button.disabled = False
        _style.set_visible(self._check_button, found.unknown)
        _style.set_visible(self._unknown, messages)
        self.follow([*found.bought, *found.open])
        if found.bought:
            ids = ", ".join(clean_text(order.id, 80) for order in found.bought)
            self._status.value = _style.message(f"The purchase went through: order {ids}.", kind="success")
        else:
            self._status.value = "" if self.orders or messages else _style.message("No open orders.")

    def _check_failed(self, error: Exception) -> None:
        self._check_button.disabled = False
        self._status.value = _style.error_message(error)

    def _failed(self, error: Exception) -> None:
        resume = _style.message("Your orders continue. To follow them again, reload the page or run the cell again.")
        self._status.value = _style.error_message(error) + resume

    def _update(self) -> None:
        self.finished = sum(order.is_finished for order in self.orders)
        for card in self._cards.values():
            card.update()
        if self.orders:
            count = len(self.orders)
            open_ = count - self.finished
            rest = f"{open_:,} open" if open_ else "finished"
            self._title.value = _style.render("widget_title.html", title=pluralize(count, "order"), rest=rest)


@dataclass(frozen=True)
class _Found:
    """The result of a check.

    Attributes
    ----------
    unknown, others : int
        Unanswered purchases: of this account, and of others.
    bought, open : sequence of Order
        Orders of purchases that went through, and open orders.
    reasons : tuple of str
        Why the outcome is still unknown.
    """

    unknown: int
    others: int
    bought: Sequence[Order]
    open: Sequence[Order]
    reasons: tuple[str, ...] = ()


def _count_unknown(client: Client) -> tuple[int, int]:
    """Count unanswered purchases: of this account, and of others."""
    try:
        return count_unanswered(client)
    except JournalError:
        # connecting warned of the journal; orders can be followed without it
        return 0, 0


def _unknown_outcome(count: int, owner: str = "") -> str:
    return f"The outcome of {pluralize(count, 'purchase')}{owner} is unknown"


def _open_orders(client: Client) -> list[Order]:
    listed = client.orders(limit=_MOST_ORDERS)
    open_ = listed[~listed["status"].map(phase_of).isin({DELIVERED, ENDED})]
    return [client.order(str(name)) for name in open_.index]
