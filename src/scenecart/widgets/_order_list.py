"""The orders of a project in widgets: all of them, followed, downloaded, cancelled and bought again, without a view."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets as t

from scenecart._captures.frame import CRS
from scenecart._cart.cart import make_cart
from scenecart._delivery.paths import safe_name
from scenecart._orders.order import purchase_details_of
from scenecart._orders.polling import Outage, pauses
from scenecart._orders.wait import check_orders, refresh_orders
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidCart, ScenecartError
from scenecart.widgets._jobs import LOCK, Job, Runner, synchronized
from scenecart.widgets._notes import Note, failure_note
from scenecart.widgets._order_entry import AGAIN, CANCEL, Entry
from scenecart.widgets._order_files import OrderFile, files_by_order
from scenecart.widgets._order_placer import OrderPlacer
from scenecart.widgets._order_reading import list_orders, settle_orders
from scenecart.widgets._purchase import STANDARD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from scenecart._cart.estimate import Estimate
    from scenecart._orders.notice import Notice
    from scenecart._orders.order import Order
    from scenecart.client import Client
    from scenecart.widgets._order_reading import OrderSnapshot

_PROGRESS_SECONDS = 0.1
# how often, and for how many open orders, the number of arrived items is requested
_ARRIVALS_SECONDS, _MOST_ARRIVALS = 4.0, 5


class OrderList(t.HasTraits):
    """Orders, and the actions on each.

    Parameters
    ----------
    runner
        Runs the requests.
    client
        The connection whose orders are listed; None lists only those that are given.
    orders
        Orders to follow.
    directory
        The folder to download to.
    poll
        Seconds between two requests; None for growing pauses.

    Attributes
    ----------
    orders : tuple of Order
        The orders, in the order in which they are displayed.
    finished : int
        How many of them are finished.
    arrived : Order or None
        The order whose files were downloaded last.
    revision : int
        Increases each time something changed that is displayed.
    """

    orders = t.Tuple()
    finished = t.Int(0)
    arrived = t.Any(None, allow_none=True)
    revision = t.Int(0)

    def __init__(
        self,
        runner: Runner,
        client: Client | None = None,
        orders: Iterable[Order] = (),
        *,
        directory: Path,
        poll: float | None = None,
    ) -> None:
        super().__init__()
        self._runner, self._client, self._poll = runner, client, poll
        self.directory = directory.expanduser().absolute()
        self._entries: dict[str, Entry] = {}
        self._arrivals_read_at = 0.0
        self.note: Note | None = None
        self.as_of: datetime | None = None
        # unanswered purchases: of this account, of others, and why the outcome is not known
        self.unknown, self.unknown_of_others = 0, 0
        self.unknown_reasons: tuple[str, ...] = ()
        self.is_checking = False
        self._buying: Entry | None = None
        self.placer = None if client is None else OrderPlacer(client, runner, self._bought, self.notify_views, "again")
        self.follow(orders)

    @property
    def entries(self) -> list[Entry]:
        """The orders as they are displayed."""
        return [self._entries[order.id] for order in self.orders]

    @property
    def has_client(self) -> bool:
        """Whether orders are listed, and can be bought again."""
        return self._client is not None

    @property
    def is_loading(self) -> bool:
        """Whether the list of orders is being read."""
        return self._runner.is_busy("orders")

    @property
    def is_busy(self) -> bool:
        """Whether it still lists, follows, downloads or cancels something."""
        return any(self._runner.is_busy(name) for name in ("orders", "follow")) or any(one.busy for one in self._entries.values())

    def entry(self, order_id: str) -> Entry:
        """Return an order as it is displayed.

        Raises
        ------
        KeyError
            If there is none.
        """
        return self._entries[order_id]

    @synchronized
    def notify_views(self) -> None:
        """Sort the orders, and tell the views that something changed."""
        self._sort()
        self.revision += 1

    @synchronized
    def refresh(self) -> None:
        """Read the list of orders and the unanswered purchases again."""
        client = self._client
        if client is not None and not self.is_loading:
            self._runner.start("orders", lambda _: list_orders(client, self.directory), self._show_found, self._not_listed)
            self.notify_views()

    @synchronized
    def check_outcome(self) -> None:
        """Search the orders for unanswered purchases; this buys nothing."""
        client = self._client
        if client is not None and not self.is_checking:
            self.is_checking = True
            self._runner.start("orders", lambda _: settle_orders(client, self.directory), self._show_found, self._not_listed)
            self.notify_views()

    @synchronized
    def follow(self, orders: Iterable[Order]) -> None:
        """Follow more orders."""
        fresh = [order for order in check_orders(orders) if order.id not in self._entries]
        if fresh:
            on_disk = files_by_order(self.directory)
            self._entries |= {order.id: Entry(order, on_disk.get(order.id, [])) for order in fresh}
        self.notify_views()
        if any(not order.is_finished for order in self.orders) and (fresh or not self._runner.is_busy("follow")):
            self._runner.start("follow", self._poll_orders, lambda _: self.notify_views(), self._not_followed)

    @synchronized
    def show_question(self, order_id: str, what: str) -> None:
        """Show the question whether to cancel an order or to buy it again; an empty text hides it."""
        entry = self._entries[order_id]
        if what == AGAIN:
            self._price_again(entry)
            return
        entry.question = what if what == CANCEL else ""
        self.notify_views()

    @synchronized
    def cancel(self, order_id: str) -> None:
        """Cancel an order."""
        entry = self._entries[order_id]
        entry.question = ""
        self._run(entry, "cancel", "Cancelling…", lambda _: entry.order.cancel(), lambda order: self._cancelled(entry, order))

    @synchronized
    def buy_again(self, order_id: str, total_credits: int) -> None:
        """Buy the same again at the displayed price. This spends money; once for each order that it repeats."""
        entry = self._entries[order_id]
        if self.placer is None or entry.again is None or entry.question != AGAIN or entry.again.total_credits != total_credits:
            return
        order = entry.order
        purpose = f"again after order {order.id}"
        if self.placer.place(entry.again, order.project, order.license_type or STANDARD, owned="buy", again=purpose):
            self._buying = entry
            entry.question = ""
            self.placer.refused = lambda _: setattr(entry, "note", self.placer.note if self.placer else None)
            self.notify_views()

    @synchronized
    def download(self, order_id: str) -> None:
        """Download the files of an order that have arrived, verified."""
        entry = self._entries[order_id]
        order, started = entry.order, [0.0]
        entry.progress = 0.0
        # until 0.1.0, each order had a folder of its own
        own = self.directory / safe_name(order.id)
        target = own if own.is_dir() else self.directory

        def show(job: Job, share: float) -> None:
            now = time.monotonic()
            if not job.cancelled.is_set() and (now - started[0] >= _PROGRESS_SECONDS or share >= 1):
                started[0] = now
                with LOCK:
                    entry.progress = share
                    self.notify_views()

        def fetch(job: Job) -> tuple[list[OrderFile], list[str]]:
            order.download(target, progress=lambda share: show(job, share))
            missing: list[str] = []
            # the files on disk are shown even if the service does not respond
            with contextlib.suppress(ScenecartError):
                missing = order.missing
            return files_by_order(self.directory).get(order.id, []), missing

        self._run(entry, "download", "Downloading…", fetch, lambda found: self._downloaded(entry, *found))

    @synchronized
    def report(self, order_id: str) -> None:
        """Save a report of an order into the folder of downloads."""
        entry = self._entries[order_id]
        path = self.directory / f"order-{safe_name(order_id)[:8]}.html"

        def write(_: Job) -> Path:
            self.directory.mkdir(parents=True, exist_ok=True)
            return Path(entry.order.to_report(path))

        self._run(
            entry, "report", "Saving the report…", write, lambda saved: _set_note(entry, Note("good", "Report saved.", str(saved)))
        )

    @synchronized
    def toggle(self, order_id: str) -> None:
        """Display the captures and files of an order, or hide them."""
        entry = self._entries[order_id]
        entry.is_open = not entry.is_open
        self.notify_views()

    @synchronized
    def set_note(self, order_id: str, note: Note | BaseException | None) -> None:
        """Display a note about an order."""
        self._entries[order_id].note = failure_note(note) if isinstance(note, BaseException) else note
        self.notify_views()

    @synchronized
    def put_on_map(self, order_id: str | None) -> None:
        """Mark the order whose imagery is on the map; None marks none."""
        for entry in self._entries.values():
            entry.is_on_map = entry.order.id == order_id
        self.notify_views()

    def _run(self, entry: Entry, action: str, text: str, work: Callable[[Job], Any], done: Callable[[Any], object]) -> None:
        entry.busy, entry.note = text, None

        def finish(result: Any) -> None:
            entry.busy, entry.progress = "", None
            done(result)
            self.notify_views()

        def fail(error: Exception) -> None:
            entry.busy, entry.progress = "", None
            entry.note = failure_note(error)
            self.notify_views()

        self._runner.start(f"{action}-{entry.order.id}", work, finish, fail)
        self.notify_views()

    def _sort(self) -> None:
        # newest first, as the service lists them
        ranked = sorted(self._entries.values(), key=lambda one: (one.rank, -_created(one.order)))
        self.finished = sum(one.order.is_finished for one in ranked)
        orders = tuple(one.order for one in ranked)
        if [one.id for one in orders] != [one.id for one in self.orders]:
            self.orders = orders

    def _poll_orders(self, job: Job) -> None:
        """Request the states of orders until all are finished, or the order_list is closed."""
        outage = Outage(time.monotonic, lambda notice: self._show_notice(job, notice))
        for pause in pauses(self._poll):
            wanted = pause
            try:
                refresh_orders(self.orders)
                self._count_arrivals(job)
            except ScenecartError as error:
                wanted = max(pause, outage.add(error))
            else:
                outage.end()
            with LOCK:
                if job.cancelled.is_set():
                    return
                self.as_of = datetime.now(UTC) if wanted == pause else self.as_of
                self.notify_views()
            if all(order.is_finished for order in self.orders) or job.cancelled.wait(wanted):
                return

    def _count_arrivals(self, job: Job) -> None:
        """Request how many items of open orders have arrived."""
        if time.monotonic() - self._arrivals_read_at < _ARRIVALS_SECONDS:
            return
        self._arrivals_read_at = time.monotonic()
        for entry in [one for one in self.entries if not one.order.is_finished and one.order.captures][:_MOST_ARRIVALS]:
            if not job.cancelled.is_set():
                entry.arrived = len(entry.order.captures) - len(entry.order.missing)

    @synchronized
    def _show_notice(self, job: Job, notice: Notice) -> None:
        if not job.cancelled.is_set():
            is_out = notice.code == "waiting_through_outage"
            self.note = Note("warn" if is_out else "good", notice.message, code=notice.code)
            self.notify_views()

    def _show_found(self, found: OrderSnapshot) -> None:
        self.is_checking = False
        self.as_of = datetime.now(UTC)
        self.unknown, self.unknown_of_others, self.unknown_reasons = found.unknown, found.others, found.reasons
        self.note = None
        if found.bought:
            ids = ", ".join(clean_text(order.id, 80) for order in found.bought)
            self.note = Note("good", "The purchase went through.", f"Order {ids}.", code="purchase_found")
        for entry in self._entries.values():
            entry.files = found.files.get(entry.order.id, entry.files)
        self.follow([*found.bought, *found.listed])

    def _not_listed(self, error: Exception) -> None:
        self.is_checking = False
        self.note = failure_note(error)
        self.notify_views()

    def _not_followed(self, error: Exception) -> None:
        self.note = failure_note(error)
        self.notify_views()

    def _cancelled(self, entry: Entry, order: Order) -> None:
        # an order that was cancelled already keeps an older notice, such as that of its placement
        is_news = order.note is not None and order.note.code == "cancel_result"
        text = (
            order.note.message if is_news and order.note is not None else f"The order was already {clean_text(order.status, 40)}."
        )
        entry.note = Note("good", clean_text(text, 400), code="cancel_result" if is_news else "cancelled_already")

    def _downloaded(self, entry: Entry, files: list[OrderFile], missing: Sequence[str]) -> None:
        entry.files, entry.is_open = files, True
        self.arrived = entry.order
        if missing:
            count = len(entry.order.captures) or len(missing)
            text = f"{len(missing):,} of {pluralize(count, 'capture')} have not arrived yet."
            entry.note = Note("warn", text, hint="Download again later.", code="captures_missing")

    def _price_again(self, entry: Entry) -> None:
        client, order = self._client, entry.order
        if client is None:
            return

        def price(_: Job) -> Estimate:
            cart = purchase_details_of(order).cart
            if cart is None:
                raise InvalidCart(
                    "The service does not state what this order holds.",
                    code="order_captures_unknown",
                    hint="Search these captures again.",
                )
            # the area that was bought: owned areas may have been left out
            ground = cart.captures.set_geometry(cart.clipped().to_numpy(), crs=CRS)
            estimate = make_cart(ground, split_by_date=cart.split_by_date, client=client).estimate()
            if not estimate.is_complete:
                raise InvalidCart("Some of these captures have no price any more.", code="order_without_prices")
            return estimate

        def offer(estimate: Estimate) -> None:
            entry.again, entry.question = estimate, AGAIN

        self._run(entry, "again", "Asking for the price…", price, offer)

    def _bought(self, order: Order) -> None:
        entry = self._buying
        if entry is not None:
            is_new = order.note is None or order.note.code not in {"already_ordered", "existing_order_ended"}
            title = "Bought again." if is_new else "Nothing was bought now."
            entry.note = Note("good" if is_new else "info", title, f"Order {clean_text(order.id, 80)}.")
        self.follow([order])


def _created(order: Order) -> float:
    return 0.0 if order.created is None else order.created.timestamp()


def _set_note(entry: Entry, note: Note) -> None:
    entry.note = note
