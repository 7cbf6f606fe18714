"""Waiting for many orders at once, with one request for all of them at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scenecart._api.order_states import UNKNOWN
from scenecart._orders.order import Order
from scenecart._orders.polling import Poll
from scenecart._util.progress import bar
from scenecart._util.text import clean_text, duration, pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest, OrderFailed, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.order_api import OrderApi
    from scenecart._orders.polling import Outage

_MAX_NAMED = 5


def wait_all(
    orders: Iterable[Order],
    timeout: float | None = None,
    poll: float | None = None,
    callback: Callable[[list[Order]], object] | None = None,
    *,
    progress: bool = True,
) -> list[Order]:
    """Wait until many orders are delivered, with one request for all of them at a time.

    You can interrupt the wait; the orders continue. While the service or the network fails, waiting continues until ``timeout``;
    two notices show the begin and the end of that.

    Parameters
    ----------
    orders
        Orders of one client.
    timeout
        Maximum time to wait, in seconds; None waits without limit.
    poll
        Seconds between two requests. Default: 0.25 s at first, then longer, up to 15 s.
    callback
        Called with all orders after each request.
    progress
        Show a progress bar.

    Returns
    -------
    list of Order
        The same orders.

    Raises
    ------
    InvalidRequest
        If ``orders`` contains anything but orders, or orders of several clients.
    OrderFailed
        If some orders were not delivered; raised when all are finished. The message names them; ``order_id`` is the first.
    WaitTimeout
        If some orders are not finished after ``timeout``. They continue. The code is ``"orders_outcome_unknown"`` if the state of
        one is not known, or the service does not respond.

    Examples
    --------
    >>> wait_all([])
    []
    """
    waiting = _order_list(orders)
    if not waiting:
        return waiting
    api = _api_of(waiting)

    def count_finished() -> int:
        return sum(order.is_finished for order in waiting)

    def refresh() -> None:
        _refresh(api, [order for order in waiting if not order.is_finished])

    def is_done(show: Callable[[float], object]) -> bool:
        for order in waiting:
            order._notify_state()  # noqa: SLF001  # orders of this package
        show(count_finished())
        if callback is not None:
            callback(waiting)
        return count_finished() == len(waiting)

    polling = Poll(api, timeout, poll)
    if progress:
        with bar(f"Waiting for {pluralize(len(waiting), 'order')}", total=len(waiting)) as shown:
            are_finished = polling.until(refresh, lambda: is_done(shown.show))
    else:
        are_finished = polling.until(refresh, lambda: is_done(lambda _: None))
    if not are_finished:
        raise _not_finished(waiting, timeout, polling.outage)
    lost = [order for order in waiting if not order.is_delivered]
    if lost:
        raise _not_delivered(lost, len(waiting))
    return waiting


def found_orders(api: OrderApi, order_ids: Iterable[str], timeout: float | None) -> tuple[list[Order], float | None]:
    """Return orders by their ids, and the seconds of the timeout that are left; outages are waited through, as by ``wait``.

    Raises
    ------
    WaitTimeout
        If the service has not responded before the timeout.
    ScenecartError
        If the service refuses, such as ``NotFound`` for an order that does not exist.
    """
    ids = list(dict.fromkeys(order_ids))
    records: dict[str, OrderRecord] = {}
    began = api.clock()

    def request() -> None:
        for order_id in ids:
            if order_id not in records:
                records[order_id] = api.fetch(order_id)

    polling = Poll(api, timeout, None)
    if not polling.until(request, lambda: True):
        raise _not_found_in_time(ids, polling.outage)
    left = None if timeout is None else max(0.0, timeout - (api.clock() - began))
    return [Order(api, records[order_id]) for order_id in ids], left


def _not_found_in_time(ids: list[str], outage: Outage) -> WaitTimeout:
    failure = "" if outage.error is None else f" ({outage.error.message.removesuffix('.')})"
    since = f"the service has not responded for {duration(outage.seconds)}{failure}"
    if len(ids) == 1:
        error = WaitTimeout(
            f"The state of order {clean_text(ids[0], 80)} is unknown: {since}.",
            code="order_outcome_unknown",
            hint="The order goes on without you. Wait again later.",
            details={"order_id": ids[0]},
        )
    else:
        error = WaitTimeout(
            f"The state of {pluralize(len(ids), 'order')} is unknown: {since}.",
            code="orders_outcome_unknown",
            hint="The orders go on without you. Wait again later.",
        )
    error.__cause__ = outage.error
    return error


def refresh_orders(orders: Iterable[Order]) -> None:
    """Refresh those orders of one client that are not finished, with one request for all of them."""
    unfinished = [order for order in orders if not order.is_finished]
    if unfinished:
        _refresh(_api_of(unfinished), unfinished)


def check_orders(orders: Iterable[Any]) -> list[Order]:
    """Return orders as a list.

    Raises
    ------
    InvalidRequest
        If one of them is not an order.
    """
    given: list[Any] = [orders] if isinstance(orders, str) else list(orders)
    for one in given:
        if not isinstance(one, Order):
            raise InvalidRequest(
                f"must contain orders, got {shown_value(one)}.",
                argument="orders",
                code="not_an_order",
                hint="client.order(order_id) returns an order.",
            )
    return given


def _refresh(api: OrderApi, orders: list[Order]) -> None:
    by_id: dict[str, list[Order]] = {}
    for order in orders:
        by_id.setdefault(order.id, []).append(order)
    for order_id, record in api.fetch_each(by_id):
        for order in by_id[order_id]:
            order._update(record)  # noqa: SLF001  # orders of this package


def _not_finished(waiting: list[Order], timeout: float | None, outage: Outage) -> WaitTimeout:
    left = [order for order in waiting if not order.is_finished]
    text = (
        f"{len(left):,} of {pluralize(len(waiting), 'order')} {'is' if len(left) == 1 else 'are'} not finished"
        f"{f' after {duration(timeout)}' if timeout else ''}"
    )
    hint = "The orders continue. Wait again later: wait_all(orders)."
    if outage.error is not None:
        error = WaitTimeout(
            f"{text}. The service has not responded for {duration(outage.seconds)}: {outage.error.message}",
            code="orders_outcome_unknown",
            hint=hint,
        )
        error.__cause__ = outage.error
        return error
    unknown = [f"{order.id} {clean_text(order.status, 40)}" for order in left if order.phase == UNKNOWN][:_MAX_NAMED]
    if unknown:
        return WaitTimeout(f"{text}; in an unknown state: {'; '.join(unknown)}.", code="orders_outcome_unknown", hint=hint)
    return WaitTimeout(f"{text}.", code="orders_not_finished", hint=hint)


def _not_delivered(lost: list[Order], count: int) -> OrderFailed:
    named = "; ".join(f"{order.id} {order.status}{f' ({order.reason})' if order.reason else ''}" for order in lost[:_MAX_NAMED])
    rest = f"; and {len(lost) - _MAX_NAMED} more" if len(lost) > _MAX_NAMED else ""
    error = OrderFailed(
        f"{len(lost):,} of {pluralize(count, 'order')} {'was' if len(lost) == 1 else 'were'} not delivered: {named}{rest}.",
        code="orders_not_delivered",
        hint="The credits reserved for them, or the holds on your card, are released.",
    )
    error.order_id, error.reason = lost[0].id, lost[0].reason
    return error


def _order_list(orders: Any) -> list[Order]:
    if not isinstance(orders, Iterable):
        raise InvalidRequest(
            f"must be a list of orders, got {'one order' if isinstance(orders, Order) else shown_value(orders)}.",
            argument="orders",
            code="not_a_list_of_orders",
            hint="order.wait() waits for one order.",
        )
    return check_orders(orders)


def _api_of(orders: list[Order]) -> OrderApi:
    apis = {id(order._api): order._api for order in orders}  # noqa: SLF001  # orders of this package
    if len(apis) != 1:
        raise InvalidRequest(
            f"must be orders of one client, got orders of {len(apis)} clients.",
            argument="orders",
            code="orders_of_several_clients",
            hint="Wait for each client's orders separately.",
        )
    return next(iter(apis.values()))


wait_all.__module__ = "scenecart"
