"""Checks of the sandbox's accounts, read from its database."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox

# the transfers that reserve, charge and return the credits of an order, by billing mode
_STEPS = {
    "credit": ("reserve", "settle", "refund"),
    "card": ("hold", "capture", "void"),
    "enterprise": ("accrue", "bill", "reverse"),
}
_ENDS = {"processing": None, "delivered": 1, "failed": 2, "cancelled": 2}


def balance(client: ServiceClient) -> tuple[int, int, int]:
    """Return the available, reserved and spent credits."""
    answer = client.call("billing.credits.balance").json()
    return answer["balance_credits"], answer["reserved_credits"], answer["spent_credits"]


def reconcile(box: Sandbox | Path) -> int:
    """Check every account and every order against its transfers, and return the number of orders."""
    folder = box if not hasattr(box, "data") else box.data
    with contextlib.closing(sqlite3.connect(folder / "sandbox.sqlite", isolation_level=None)) as database:
        database.execute("BEGIN")
        wrong = database.execute(
            "SELECT id FROM account a WHERE balance != (SELECT coalesce(sum(credits), 0) FROM transfer WHERE target = a.id)"
            " - (SELECT coalesce(sum(credits), 0) FROM transfer WHERE source = a.id)"
        ).fetchall()
        totals = database.execute("SELECT organization, sum(balance) FROM account GROUP BY organization").fetchall()
        negative = database.execute("SELECT id FROM account WHERE balance < 0 AND kind != 'issued'").fetchall()
        orders = database.execute('SELECT id, status, billing_mode, credits FROM "order"').fetchall()
        transfers: dict[str, list[tuple[str, int]]] = {}
        for order, kind, amount in database.execute(
            'SELECT "order", kind, credits FROM transfer WHERE "order" IS NOT NULL ORDER BY id'
        ):
            transfers.setdefault(order, []).append((kind, amount))
        database.execute("COMMIT")
    assert wrong == []
    assert {total for _, total in totals} <= {0}
    assert negative == []
    for order, status, mode, amount in orders:
        end = _ENDS[status]
        steps = _STEPS[mode][:1] if end is None else (_STEPS[mode][0], _STEPS[mode][end])
        assert transfers.pop(order) == [(step, amount) for step in steps]
    assert transfers == {}
    return len(orders)
