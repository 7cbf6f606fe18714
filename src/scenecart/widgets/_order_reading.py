"""Reading of orders for widgets: the newest orders, their files on this machine, and unanswered purchases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._orders.journal import UNANSWERED
from scenecart.client import count_unanswered, listed_orders
from scenecart.exceptions import JournalError
from scenecart.widgets._order_files import files_by_order

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scenecart._orders.order import Order
    from scenecart.client import Client
    from scenecart.widgets._order_files import OrderFile

_MOST_ORDERS = 200


@dataclass(frozen=True)
class OrderSnapshot:
    """What was read of the orders.

    Attributes
    ----------
    unknown, others : int
        Unanswered purchases: of this account, and of others.
    bought, listed : sequence of Order
        Orders of purchases that went through, and the newest orders.
    files : dict
        The files on this machine, by order.
    reasons : tuple of str
        Why outcomes are still unknown.
    """

    unknown: int
    others: int
    bought: Sequence[Order]
    listed: Sequence[Order]
    files: dict[str, list[OrderFile]]
    reasons: tuple[str, ...] = ()


def list_orders(client: Client, directory: Path) -> OrderSnapshot:
    """Read the newest orders, and count unanswered purchases."""
    return OrderSnapshot(*_count_unknown(client), (), listed_orders(client, _MOST_ORDERS), files_by_order(directory))


def settle_orders(client: Client, directory: Path) -> OrderSnapshot:
    """Search the orders for unanswered purchases, and read the newest orders; nothing is bought."""
    settled = client.settle(send=False)
    bought = [client.order(str(name)) for name in settled.loc[settled["state"] == "placed", "order_id"]]
    unknown = settled[settled["state"].isin(UNANSWERED)]
    reasons = tuple(dict.fromkeys(str(detail).rstrip(".") for detail in unknown["detail"].dropna()))
    others = _count_unknown(client)[1]
    return OrderSnapshot(len(unknown), others, bought, listed_orders(client, _MOST_ORDERS), files_by_order(directory), reasons)


def _count_unknown(client: Client) -> tuple[int, int]:
    """Count unanswered purchases: of this account, and of others."""
    try:
        return count_unanswered(client)
    except JournalError:
        # a warning was shown when connecting; orders can be followed without the journal
        return 0, 0
