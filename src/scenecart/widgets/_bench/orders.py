"""The orders in the Workbench: running ones first, then those whose files are not on this machine, then the rest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._api.order_states import DELIVERED, ENDED
from scenecart._util.text import clean_text, pluralize
from scenecart.widgets._bench.part import Part, style_of
from scenecart.widgets._bench.pictures import script_with_pictures
from scenecart.widgets._money import dollars, dollars_of_credits
from scenecart.widgets._notes import Note, note_fields
from scenecart.widgets._order_entry import AGAIN, state_of_order
from scenecart.widgets._order_files import can_open_folders, open_folder, size_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.widgets._order_entry import Entry
    from scenecart.widgets._order_list import OrderList

_MOST_FILES = 60
_MOST_ORDERS = 200
_TRAITS = ["revision"]


class OrdersPart(Part):
    """The orders, drawn by ``orders.js``. Its state is :func:`orders_state`; an :class:`OrderList` carries out its events.

    Parameters
    ----------
    orders
        The orders.
    on_request
        Called with the kind and the fields of events that concern other parts: ``"map"`` with ``order``.
    **options
        Further keys of the state.
    """

    _esm = script_with_pictures("orders")
    _css = style_of("orders")

    def __init__(
        self, orders: OrderList, on_request: Callable[[str, dict[str, Any]], object] | None = None, **options: Any
    ) -> None:
        self._orders, self._on_request, self._options = orders, on_request, options
        super().__init__("sc-orders", **self._content())
        self.on_event(self._act)
        self.on_error(self._show_error)
        self._is_following = True
        orders.observe(self._redraw, _TRAITS)

    def close(self) -> None:
        """Stop following the orders."""
        if self._is_following:
            self._is_following = False
            self._orders.unobserve(self._redraw, _TRAITS)
        super().close()

    def _content(self) -> dict[str, Any]:
        return {**orders_state(self._orders), **self._options}

    def _redraw(self, _: Any) -> None:
        self.state = self._content()

    def _show_error(self, error: BaseException) -> None:
        self._orders.note = Note("bad", str(error))
        self._orders.notify_views()

    def _act(self, kind: str, fields: dict[str, Any]) -> None:
        orders, order = self._orders, str(fields.get("order", ""))
        if kind in {"refresh", "check"}:
            (orders.refresh if kind == "refresh" else orders.check_outcome)()
            return
        if order not in {entry.order.id for entry in orders.entries}:
            return
        actions: dict[str, Callable[[], object]] = {
            "open": lambda: orders.toggle(order),
            "question": lambda: orders.show_question(order, str(fields.get("what", ""))),
            "cancel": lambda: orders.cancel(order),
            "download": lambda: orders.download(order),
            "report": lambda: orders.report(order),
            "buy-again": lambda: orders.buy_again(order, _credits(fields.get("credits"))),
            "folder": lambda: self._open_folder(order),
        }
        if kind in actions:
            actions[kind]()
        elif self._on_request is not None:
            self._on_request(kind, {**fields, "order": order})

    def _open_folder(self, order: str) -> None:
        folder = _folder(self._orders.entry(order))
        if folder is not None and can_open_folders():
            open_folder(folder)


def orders_state(orders: OrderList) -> dict[str, Any]:
    """Return what the page shows of the orders, as JSON."""
    entries = orders.entries
    running = sum(entry.rank == 0 for entry in entries)
    waiting = sum(entry.rank == 1 for entry in entries)
    summary = [f"{running:,} running" if running else "", f"{waiting:,} not downloaded" if waiting else ""]
    is_out_of_date = orders.note is not None and orders.note.kind in {"bad", "warn"}
    return {
        "count": len(entries),
        "summary": " · ".join(text for text in summary if text),
        "is_loading": orders.is_loading,
        "can_refresh": orders.has_client,
        "note": note_fields(orders.note),
        "as_of": "" if orders.as_of is None or not is_out_of_date else f"as of {orders.as_of.astimezone():%H:%M}",
        "unknown": _unknown_state(orders),
        "rows": [order_state(entry) for entry in entries[:_MOST_ORDERS]],
        "more": max(0, len(entries) - _MOST_ORDERS),
        "can_buy_again": orders.has_client,
        "can_open": can_open_folders(),
        "directory": str(orders.directory),
    }


def order_state(entry: Entry) -> dict[str, Any]:
    """Return what the page shows of one order."""
    order = entry.order
    word, colour, sign = state_of_order(entry)
    count = len(order.captures)
    return {
        "id": clean_text(order.id, 80),
        "state": word,
        "colour": colour,
        "icon": sign,
        "captures": pluralize(count, "capture") if count else "captures not stated",
        "ids": [clean_text(name, 120) for name in order.captures[:_MOST_FILES]],
        "when": "" if order.created is None else when_text(order.created),
        "price": dollars(order.total_aud) or dollars_of_credits(order.total_credits, "–"),
        "paid": _paid(entry),
        "labels": " · ".join(clean_text(text, 120) for text in (order.name, ", ".join(order.tags), order.reference) if text),
        "is_ended": order.phase == ENDED,
        "reason": "" if order.reason is None else clean_text(order.reason, 300),
        "steps": _steps(entry) if not order.is_finished else [],
        "progress": entry.progress,
        "busy": entry.busy,
        "note": note_fields(entry.note),
        "question": entry.question,
        "again": _again(entry),
        "is_on_map": entry.is_on_map,
        "is_delivered": order.is_delivered,
        "is_running": not order.is_finished,
        "can_download": entry.is_downloadable and (not entry.files or not order.is_finished),
        "download": "Download" if order.is_delivered else f"Download {entry.arrived} of {count}",
        "is_open": entry.is_open,
        "folder": "" if not entry.files else str(_folder(entry)),
        "files": [
            {"name": one.path.name, "path": str(one.path), "size": size_text(one.size), "checked": one.is_verified}
            for one in entry.files[:_MOST_FILES]
        ],
        "more_files": max(0, len(entry.files) - _MOST_FILES),
    }


def when_text(moment: datetime, now: datetime | None = None) -> str:
    """Return a time of this machine's time zone as people read it: today with the time, else the day.

    Examples
    --------
    >>> when_text(datetime(2024, 6, 20, 12, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))
    '20 Jun 2024'
    """
    local, today = moment.astimezone(), (now or datetime.now(UTC)).astimezone()
    return f"today {local:%H:%M}" if local.date() == today.date() else f"{local.day} {local:%b %Y}"


def _folder(entry: Entry) -> Path | None:
    """Return the folder that all files of an order are in."""
    folders = {one.path.parent for one in entry.files}
    return None if not folders else folders.pop() if len(folders) == 1 else Path(min(folders)).parent


def _paid(entry: Entry) -> str:
    order = entry.order
    if order.phase == DELIVERED:
        return "spent"
    return "nothing spent" if order.phase == ENDED else "held, not spent yet"


def _steps(entry: Entry) -> list[list[str]]:
    """Return the steps of a running order, each with ``"done"``, ``"cur"`` or nothing."""
    order, count = entry.order, len(entry.order.captures)
    making = "Being made" if order.status == "processing" else clean_text(order.status, 40).capitalize()
    part = f", {entry.arrived} of {count}" if entry.arrived is not None and count > 1 else ""
    return [["Paid for", "done"], ["Accepted", "done"], [f"{making}{part}", "cur"], ["Delivered", ""]]


def _again(entry: Entry) -> dict[str, Any] | None:
    estimate, order = entry.again, entry.order
    if estimate is None or entry.question != AGAIN:
        return None
    count, price = pluralize(len(estimate.cart), "capture"), dollars(estimate.total_aud)
    was = dollars(order.total_aud)
    ordered = "" if order.created is None else f", {when_text(order.created)}"
    return {
        "title": f"Ordered before{ordered}: {clean_text(order.status, 40)}.",
        "text": f"One more order of the same: {count}, {estimate.cart.km2:,.2f} km², {price} now{f', {was} then' if was else ''}.",
        "button": f"Buy {count} again for {price}",
        "credits": estimate.total_credits,
    }


def _unknown_state(orders: OrderList) -> dict[str, Any] | None:
    if not orders.unknown and not orders.unknown_of_others:
        return None
    texts = []
    if orders.unknown:
        last = (
            f" Last check: {'; '.join(clean_text(one, 200) for one in orders.unknown_reasons)}." if orders.unknown_reasons else ""
        )
        texts.append(
            f"The outcome of {pluralize(orders.unknown, 'purchase')} is unknown: the service did not answer. It may have been "
            f"ordered.{last} You will not be charged twice."
        )
    if orders.unknown_of_others:
        texts.append(
            f"The outcome of {pluralize(orders.unknown_of_others, 'purchase')} of another account is unknown. "
            "Sign in to that account to check it. If you order the same cart with your own account, it is bought again."
        )
    return {
        "own": orders.unknown,
        "others": orders.unknown_of_others,
        "texts": texts,
        "is_checking": orders.is_checking,
    }


def _credits(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
