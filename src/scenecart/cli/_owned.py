"""What of a cart is owned already: read with its price, marked in its report, and printed on standard error."""

from __future__ import annotations

import contextlib
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from scenecart._util.text import clean_text
from scenecart.exceptions import JournalError, ScenecartError, warn

if TYPE_CHECKING:
    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client

S = TypeVar("S", bound="Cart | Estimate")

# nothing waits longer for the list of orders; what asks for no price may be used without the service
SECONDS, SECONDS_UNPRICED = 30.0, 4.0


def look_up(subject: S, client: Client, name: str = "", seconds: float = SECONDS) -> tuple[S, list[dict[str, Any]] | None]:
    """Return a cart or an estimate with its captures marked, and what is owned of them; print that, with the name if given.

    Of each capture of which something is owned, or may be, there is a record ``id``, ``host``, ``collection``, ``share`` (0 to 1;
    None if it may be owned) and ``orders``. If the orders cannot be read, there is a warning, the subject is unchanged, and there
    are None.
    """
    from scenecart._api.deadline import limited_to  # noqa: PLC0415  # keeps --help fast
    from scenecart._cart.cart import Cart, marked_cart  # noqa: PLC0415  # likewise
    from scenecart.client import known_holdings  # noqa: PLC0415  # likewise

    cart = subject if isinstance(subject, Cart) else subject.cart
    about = f"{clean_text(name, 80)}: " if name else ""
    try:
        # a long list shows its progress
        with limited_to(seconds, time.monotonic), contextlib.redirect_stdout(sys.stderr):
            marked = marked_cart(cart, known_holdings(client))
    except ScenecartError as error:
        # the connection has warned that the journal cannot be read
        reason = "" if isinstance(error, JournalError) else f" {error.message}"
        warn(f"{about}It is not known what is owned already.{reason}", code="owned_not_known")
        return subject, None
    records = _records(marked)
    _warn_of_owned(marked, records, about)
    shown = marked if isinstance(subject, Cart) else replace(subject, cart=marked)
    return shown, records  # type: ignore[return-value]  # of the subject's own type


def _records(marked: Cart) -> list[dict[str, Any]]:
    from scenecart._cart.checks import keys_of  # noqa: PLC0415  # keeps --help fast
    from scenecart._cart.owned import ORDERS, SHARE  # noqa: PLC0415  # likewise

    captures = marked.captures
    rows = zip(keys_of(captures), captures[SHARE], captures[ORDERS], strict=True)
    return [
        {
            "id": key[2],
            "host": key[0],
            "collection": key[1],
            # a share that is not a number is unknown
            "share": None if share != share else round(float(share), 4),  # noqa: PLR0124  # as said
            "orders": list(orders),
        }
        for key, share, orders in rows
        if share != 0
    ]


def _warn_of_owned(marked: Cart, records: list[dict[str, Any]], about: str) -> None:
    from scenecart._cart.owned import count_owned, listed_orders  # noqa: PLC0415  # keeps --help fast

    if not records:
        return
    orders = list(dict.fromkeys(order for record in records for order in record["orders"]))
    verb = "Bought with" if any(record["share"] is not None for record in records) else "See"
    by = f" {verb} {listed_orders(orders)}." if orders else ""
    warn(f"{about}{count_owned(marked.captures)}{by}", code="captures_owned")
