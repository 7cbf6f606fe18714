"""Following many orders at once: one question to the service a round, however many there are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scenecart._orders.order import Order
from scenecart._orders.polling import poll_until
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import bar
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidRequest, OrderFailed, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._orders.order_api import OrderApi


@checked_keywords()
def wait_all(
    orders: Iterable[Order],
    timeout: float | None = None,
    poll: float | None = None,
    callback: Callable[[list[Order]], object] | None = None,
    *,
    progress: bool = True,
) -> list[Order]:
    """Wait until every one of many orders is delivered; each look is one question to the service, however many there are.

    Parameters
    ----------
    orders
        Orders of one client.
    timeout
        Seconds to wait at most; None waits as long as it takes.
    poll
        Seconds between two looks. Default: from a quarter of a second, growing to 15.
    callback
        Called with all orders after each look.
    progress
        Show a bar.

    Returns
    -------
    list of Order
        The same orders.

    Raises
    ------
    InvalidRequest
        If these are no orders, or of several clients.
    OrderFailed
        When all have ended and some without delivery; the message names them, and ``order_id`` is the first.
    WaitTimeout
        If the time is over first.

    Examples
    --------
    >>> wait_all([])
    []
    """
    followed = _listed(orders)
    if not followed:
        return followed
    desk = _desk_of(followed)

    def ended() -> int:
        return sum(order.is_finished for order in followed)

    def look(show: Callable[[float], object]) -> bool:
        desk.states(order for order in followed if not order.is_finished)
        show(ended())
        if callback is not None:
            callback(followed)
        return ended() == len(followed)

    if progress:
        with bar(f"Waiting for {pluralize(len(followed), 'order')}", total=len(followed)) as shown:
            done = poll_until(desk, lambda: look(shown.show), timeout, poll)
    else:
        done = poll_until(desk, lambda: look(lambda _: None), timeout, poll)
    if not done:
        open_ = len(followed) - ended()
        raise WaitTimeout(
            f"{open_:,} of {pluralize(len(followed), 'order')} {'is' if open_ == 1 else 'are'} not finished "
            f"after {timeout:g} seconds.",
            hint="They go on without you: wait_all(orders) later.",
        )
    lost = [order for order in followed if order.status != "delivered"]
    if lost:
        error = OrderFailed(
            f"{len(lost):,} of {pluralize(len(followed), 'order')} {'was' if len(lost) == 1 else 'were'} not delivered: "
            + "; ".join(f"{order.id} {order.status}{f' ({order.reason})' if order.reason else ''}" for order in lost[:5])
            + (f"; and {len(lost) - 5} more." if len(lost) > 5 else "."),  # noqa: PLR2004  # as many as a line holds
            hint="What was reserved or held for them is given back; see client.balance().",
        )
        error.order_id, error.reason = lost[0].id, lost[0].reason
        raise error
    return followed


def refresh_orders(orders: Iterable[Order]) -> None:
    """Have orders of one client that are not finished take up their newest states: one question for all of them."""
    waiting = [order for order in orders if not order.is_finished]
    if waiting:
        _desk_of(waiting).states(waiting)


def _listed(orders: Any) -> list[Order]:
    if not isinstance(orders, Iterable):
        one = "one order" if isinstance(orders, Order) else f"of type {type(orders).__name__}"
        raise InvalidRequest(f"wait_all takes a list of orders, and this is {one}.", hint="order.wait() waits for one.")
    return check_orders(orders, "wait_all")


def check_orders(orders: Iterable[Any], taker: str) -> list[Order]:
    """Return orders as a list.

    Raises
    ------
    InvalidRequest
        If one is none; it names what takes them.
    """
    followed: list[Any] = [orders] if isinstance(orders, str) else list(orders)
    odd = [one for one in followed if not isinstance(one, Order)]
    if odd:
        what = f"the text {clean_text(odd[0], 80)!r}" if isinstance(odd[0], str) else type(odd[0]).__name__
        raise InvalidRequest(f"{taker} takes orders, not {what}.", hint="client.order(id) gives an order by its id.")
    return followed


def _desk_of(orders: list[Order]) -> OrderApi:
    desks = {id(order._desk): order._desk for order in orders}  # noqa: SLF001  # orders are this file's own
    if len(desks) != 1:
        raise InvalidRequest("These orders are of several clients.", hint="Follow each client's orders by themselves.")
    return next(iter(desks.values()))


wait_all.__module__ = "scenecart"
