"""Orders under way: their states, their money, what they deliver, and the two things one can do about them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._api.schemas import TERMINAL
from scenecart._delivery.paths import safe_name
from scenecart._orders.journal import UNANSWERED
from scenecart._orders.polling import MOST_FAILURES, pauses
from scenecart._orders.wait import check_orders, refresh_orders
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import ConnectionFailed, JournalError, RateLimited, ServiceError
from scenecart.widgets import _style
from scenecart.widgets._base import Panel
from scenecart.widgets._jobs import LOCK, Job, Runner, synchronized
from scenecart.widgets._map import FootprintMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._orders.order import Order
    from scenecart.client import Client


_MOST_ORDERS = 100
_BAR_SECONDS = 0.1
_CURE = "Order the same cart again, or run client.settle() or scenecart settle: nothing is bought twice."
_OTHERS = "Sign in as that account to look for it. The same cart ordered by this one is another purchase."


class OrderTracker(Panel):
    """Follows one order, many, or all that are open, with one question to the service a round.

    It can be closed, and the kernel restarted, without harm: ``OrderTracker(client)`` shows everything that is open again.

    Parameters
    ----------
    orders
        An order, several of one client, or a client, whose open orders are shown.
    directory
        Where deliveries are downloaded to. Default: ``delivered`` in the working directory.
    basemap
        For the maps of what was delivered; see :class:`FootprintMap`.
    poll
        Seconds between two looks. Default: from a quarter of a second, growing to 15.

    Attributes
    ----------
    orders : tuple of Order
        What is followed.
    finished : int
        How many have ended.

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
        followed = [] if client is not None else check_orders(given, "OrderTracker")
        self._directory, self._basemap, self._poll = Path(directory), basemap, poll
        self._runner = Runner(3, again=self.show_again)
        self._cards: dict[str, _Card] = {}
        self._title = W.HTML()
        self._words = W.HTML()
        self._list = _style.box()
        self._left = W.HTML()
        self._search = _style.button("Look for it", "Look for it among the orders; nothing is bought", icon="search")
        self._unfinished = _style.box(self._left, self._search, kind="card")
        self._unfinished.layout.display = "none"
        super().__init__(_style.sheet(), self._title, self._unfinished, self._words, self._list)
        if client is None:
            self.follow(followed)
        else:
            self._search.on_click(lambda _: self._look_for_it(client))
            self._words.value = _style.message("Looking for open orders…", kind="busy")
            self.refresh()

    @synchronized
    def refresh(self) -> None:
        """Look once more for open orders and for purchases without an answer, where a client was given."""
        client = self._client
        if client is not None and not self._runner.is_busy("open"):
            self._runner.start("open", lambda _: _Found(*_unanswered(client), (), _open_orders(client)), self._found, self._failed)

    @synchronized
    def follow(self, orders: Iterable[Order]) -> None:
        """Follow more orders."""
        known = {order.id for order in self.orders}
        fresh = [order for order in check_orders(orders, "OrderTracker") if order.id not in known]
        if fresh:
            self._words.value = ""
            # whoever observes the orders finds their cards
            self._cards |= {order.id: _Card(order, self._runner, self._directory, self._basemap) for order in fresh}
            self.orders = (*fresh, *self.orders)
            self._list.children = tuple(self._cards[order.id].view for order in self.orders)
        self._show()
        if any(not order.is_finished for order in self.orders):
            self._runner.start("follow", self._look, lambda _: self._show(), self._failed)

    def cancel(self, order_id: str) -> None:
        """Do what confirming a cancellation does."""
        self._cards[order_id].cancel()

    def download(self, order_id: str) -> None:
        """Do what "Download" does: fetch the delivered files, verified, in the background."""
        self._cards[order_id].download()

    @property
    def is_busy(self) -> bool:
        """Whether it still follows, fetches or cancels something."""
        deeds = (f"{deed}-{name}" for name in self._cards for deed in _DEEDS)
        return any(self._runner.is_busy(name) for name in ("open", "follow", *deeds))

    def end(self) -> None:
        """End what runs; orders go on without."""
        self._runner.close()
        self._cards = {}

    def _look(self, job: Job) -> None:
        """Look until everything has ended, or the panel is closed."""
        failures = 0
        for pause in pauses(self._poll):
            try:
                refresh_orders(self.orders)
                failures = 0
            except (ConnectionFailed, RateLimited, ServiceError):
                failures += 1
                if failures >= MOST_FAILURES:
                    raise
            with LOCK:
                if job.cancelled.is_set():
                    return
                self._show()
            if all(order.is_finished for order in self.orders) or job.cancelled.wait(pause):
                return

    @synchronized
    def _look_for_it(self, client: Client) -> None:
        """Look among the orders for what was not finished; it buys nothing."""
        self._search.disabled = True
        self._words.value = _style.message("Looking for it among the orders…", kind="busy")

        def look(_: Job) -> _Found:
            settled = client.settle(send=False)
            bought = [client.order(str(name)) for name in settled.loc[settled["state"] == "placed", "order_id"]]
            missing = settled[settled["state"].isin(UNANSWERED)]
            told = tuple(dict.fromkeys(str(why) for why in missing["detail"].dropna()))
            others = _unanswered(client)[1]
            return _Found(len(missing), others, bought, _open_orders(client), told)

        self._runner.start("open", look, self._found, self._not_looked)

    def _found(self, found: _Found) -> None:
        words = []
        if found.missing:
            told = f"It was looked for: {'; '.join(found.told)}. " if found.told else ""
            missed = f"{_without_answer(found.missing)}, so it is not known yet whether anything was bought."
            words.append(_style.message(missed, told + _CURE, "bad"))
        if found.others:
            words.append(_style.message(f"{_without_answer(found.others, ' of another account')}.", _OTHERS, "bad"))
        self._left.value = "".join(words)
        self._search.disabled = False
        self._search.layout.display = "" if found.missing else "none"
        self._unfinished.layout.display = "" if words else "none"
        self.follow([*found.bought, *found.open])
        if found.bought:
            ids = ", ".join(clean_text(order.id, 80) for order in found.bought)
            self._words.value = _style.message(f"It was bought: order {ids}.", kind="good")
        else:
            self._words.value = "" if self.orders or words else _style.message("No order is open.")

    def _not_looked(self, error: Exception) -> None:
        self._search.disabled = False
        self._words.value = _style.failure(error)

    def _failed(self, error: Exception) -> None:
        again = _style.message("The orders go on; run the cell to follow them again.")
        self._words.value = _style.failure(error) + again

    def _show(self) -> None:
        self.finished = sum(order.is_finished for order in self.orders)
        for card in self._cards.values():
            card.show()
        if self.orders:
            count = len(self.orders)
            words = pluralize(count, "order")
            open_ = count - self.finished
            self._title.value = _style.text("widget_title.html", title=words, rest=f"{open_:,} open" if open_ else "all ended")


@dataclass
class _Found:
    """How many purchases have no answer, of this account and of others; orders that were bought after all, and open ones."""

    missing: int
    others: int
    bought: Sequence[Order]
    open: Sequence[Order]
    told: tuple[str, ...] = ()


_DEEDS = ("cancel", "download", "items")


class _Card:
    """One order."""

    def __init__(self, order: Order, runner: Runner, directory: Path, basemap: Any) -> None:
        self.order = order
        self._runner, self._directory, self._basemap = runner, directory, basemap
        self._seen: tuple[Any, ...] = ()
        self._told = 0.0
        self._head = W.HTML()
        self._words = W.HTML()
        self._bar = W.FloatProgress(min=0, max=1, layout=W.Layout(width="100%", height="8px", display="none"))
        self._bar.style.bar_color = "#2a7f62"
        self._map = _style.box()
        self._cancel = _style.button("Cancel…", "Ask the service to cancel this order")
        self._cancel.on_click(lambda _: self._confirm(asked=True))
        self._fetch = _style.button("Download", f"Fetch the files to {directory}, verified", kind="primary", icon="download")
        self._fetch.on_click(lambda _: self.download())
        self._items = _style.button("Show on map", "Show what was delivered on a map", icon="map")
        self._items.on_click(lambda _: self.show_items())
        yes = _style.button("Cancel the order", "Cancel it now", kind="warning")
        yes.on_click(lambda _: self.cancel())
        no = _style.button("Keep it", "Do not cancel")
        no.on_click(lambda _: self._confirm(asked=False))
        question = W.HTML(_style.message("Cancel this order? What was set aside for it is given back."))
        self._sure = _style.box(question, yes, no, kind="row", across=True)
        buttons = _style.box(self._cancel, self._fetch, self._items, kind="row", across=True)
        self.view = _style.box(self._head, self._bar, self._words, buttons, self._sure, self._map, kind="card")
        self._confirm(asked=False)
        self.show()

    def show(self) -> None:
        """Show the order as it stands, if that changed."""
        order = self.order
        now = (order.status, order.total_credits, order.reason)
        if now == self._seen:
            return
        self._seen = now
        lost = order.status in {"failed", "cancelled"}
        steps = [("placed", "done"), ("processing", "now" if not order.is_finished else "done")]
        if order.status not in {"processing", *TERMINAL}:
            steps.append((clean_text(order.status, 40), "now"))
        steps.append((order.status if lost else "delivered", "lost" if lost else "done" if order.is_finished else ""))
        self._head.value = _style.text(
            "widget_order.html",
            id=clean_text(order.id, 80),
            steps=steps,
            total_credits=order.total_credits,
            total_aud=order.total_aud,
            captures=len(order.captures),
            created="" if order.created is None else f"{order.created:%Y-%m-%d %H:%M} UTC",
            reason="" if order.reason is None else clean_text(order.reason, 300),
        )
        delivered = order.status == "delivered"
        self._cancel.layout.display = "none" if order.is_finished else ""
        self._fetch.layout.display = self._items.layout.display = "" if delivered else "none"
        if order.is_finished:
            self._confirm(asked=False)

    def cancel(self) -> None:
        """Ask the service to cancel it."""
        self._confirm(asked=False)
        self._cancel.disabled = True
        self._run("cancel", "Cancelling…", lambda _: self.order.cancel(), self._cancelled)

    def download(self) -> None:
        """Fetch its files."""
        self._fetch.disabled = True
        self._bar.value, self._bar.layout.display = 0.0, ""

        target = self._directory / safe_name(self.order.id)

        def fetch(job: Job) -> list[Path]:
            return self.order.download(target, progress=lambda share: self._moved(job, share))

        self._run("download", "Downloading…", fetch, self._downloaded)

    def show_items(self) -> None:
        """Show what was delivered on a map."""
        if self._map.children:
            for part in self._map.children:
                part.close()
            self._map.children = ()
            return
        self._run("items", "Looking at what was delivered…", lambda _: self.order.items(), self._placed)

    def _run(self, deed: str, words: str, work: Callable[[Job], Any], done: Callable[[Any], object]) -> None:
        self._words.value = _style.message(words, kind="busy")
        self._runner.start(f"{deed}-{self.order.id}", work, done, self._failed)

    def _moved(self, job: Job, share: float) -> None:
        now = time.monotonic()
        if not job.cancelled.is_set() and (now - self._told >= _BAR_SECONDS or share >= 1):
            self._told = now
            self._bar.value = share

    def _cancelled(self, order: Order) -> None:
        self._words.value = _style.message(order.note or f"It is {order.status}.", kind="good")
        self._cancel.disabled = False
        self.show()

    def _downloaded(self, paths: list[Path]) -> None:
        self._bar.layout.display = "none"
        self._fetch.disabled = False
        self._words.value = _style.text("widget_files.html", paths=[str(path) for path in paths[:12]], rest=max(0, len(paths) - 12))

    def _placed(self, items: Any) -> None:
        unproven = int((items["provenance"] == "missing").sum())
        words = f"{pluralize(len(items), 'item')}."
        if unproven:
            words += f" {unproven:,} of them have no record that leads back to this order."
        self._words.value = _style.message(words, kind="bad" if unproven else "quiet")
        self._map.children = (FootprintMap(items, basemap=self._basemap),)

    def _failed(self, error: Exception) -> None:
        self._bar.layout.display = "none"
        self._cancel.disabled = self._fetch.disabled = False
        self._words.value = _style.failure(error)
        self.show()

    def _confirm(self, *, asked: bool) -> None:
        self._sure.layout.display = "" if asked else "none"


def _unanswered(client: Client) -> tuple[int, int]:
    """Count what the journal knows was sent and never answered: of this account, and of others."""
    try:
        return client.unanswered()
    except JournalError:
        # connecting has said what is wrong with the journal, and orders are followed without it
        return 0, 0


def _without_answer(count: int, whose: str = "") -> str:
    return f"{pluralize(count, 'purchase')}{whose} {'has' if count == 1 else 'have'} no answer"


def _open_orders(client: Client) -> list[Order]:
    listed = client.orders(limit=_MOST_ORDERS)
    open_ = listed[~listed["status"].isin(TERMINAL)]
    return [client.order(str(name)) for name in open_.index]
