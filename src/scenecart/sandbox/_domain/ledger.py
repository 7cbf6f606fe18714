"""The double-entry ledger: reservations, charges and refunds, and payment errors."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._data.times import to_rfc3339
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._http.schemas import Transactions

CREDITS_PER_AUD = 100
_PROBLEMS = "https://api.geopera.com/problems/"

# for each billing mode: the transfers that reserve, charge and return the credits of an order
STEPS = {
    "credit": ("reserve", "settle", "refund"),
    "card": ("hold", "capture", "void"),
    "enterprise": ("accrue", "bill", "reverse"),
}
_PATHS = {
    "top-up": ("issued", "available"),
    "reserve": ("available", "reserved"),
    "settle": ("reserved", "income"),
    "refund": ("reserved", "available"),
    # with a card or an invoice the money comes from outside, not from the prepaid balance
    "hold": ("issued", "reserved"),
    "capture": ("reserved", "income"),
    "void": ("reserved", "issued"),
    "accrue": ("issued", "reserved"),
    "bill": ("reserved", "income"),
    "reverse": ("reserved", "issued"),
}


class ChallengeRequired(Exception):
    """The bank requires a 3-D Secure challenge. This error rolls back the transaction; the challenge is stored afterwards."""

    def __init__(self, credits: int) -> None:  # noqa: A002  # the unit of money here
        super().__init__()
        self.credits = credits


def transfer(database: sqlite3.Connection, kind: str, organization: str, order: str | None, amount: int, now: float) -> None:  # noqa: PLR0917  # the columns of a transfer
    """Insert one transfer; a trigger updates the account balances."""
    source, target = _PATHS[kind]
    database.execute(
        'INSERT INTO transfer (kind, "order", source, target, credits, created)'
        " SELECT ?, ?, a.id, b.id, ?, ? FROM account a, account b"
        " WHERE a.organization = ? AND b.organization = ? AND a.kind = ? AND b.kind = ?",
        (kind, order, amount, now, organization, organization, source, target),
    )


class Ledger:
    """The accounts of all organizations."""

    def __init__(self, storage: Storage, url: str, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._url = url
        self._clock = clock

    def reserve(self, database: sqlite3.Connection, caller: Caller, order: str, amount: int, fingerprint: str) -> None:
        """Reserve the credits of an order, in the transaction that inserts the order.

        Raises
        ------
        Problem
            402, if the order cannot be paid.
        ChallengeRequired
            If the bank requires 3-D Secure.
        """
        if caller.billing_mode == "credit":
            self._top_up_automatically(database, caller, amount)
            self._check_balance(database, caller, amount)
        elif caller.billing_mode == "card" and amount:
            self._check_card(database, caller, amount, fingerprint)
        transfer(database, STEPS[caller.billing_mode][0], caller.organization, order, amount, self._clock())

    def finish(self, database: sqlite3.Connection, order: Any, *, spent: bool) -> str:
        """Charge or return the reserved credits of an order; return the kind of the transfer."""
        kind = STEPS[order["billing_mode"]][1 if spent else 2]
        transfer(database, kind, order["organization"], order["id"], order["credits"], self._clock())
        return kind

    def require_challenge(self, caller: Caller, fingerprint: str, amount: int) -> Problem:
        """Store a challenge for a request, and return the 402 problem with its secret."""
        with self._storage.write() as database:
            existing = database.execute(
                "SELECT client_secret FROM challenge WHERE organization = ? AND request = ? AND state IN ('pending', 'completed')",
                (caller.organization, fingerprint),
            ).fetchone()
            secret = existing["client_secret"] if existing else f"seti_{secrets.token_hex(8)}_secret_{secrets.token_urlsafe(16)}"
            if existing is None:
                database.execute(
                    "INSERT INTO challenge (client_secret, organization, request, credits, created) VALUES (?, ?, ?, ?, ?)",
                    (secret, caller.organization, fingerprint, amount, self._clock()),
                )
        return Problem(
            402,
            "the bank requires 3-D Secure authentication for this payment",
            type_=_PROBLEMS + "authentication-required",
            client_secret=secret,
            # the URL may be displayed, so it holds only the public half of the secret
            challenge_url=f"{self._url}/challenge/{secret.partition('_secret_')[0]}",
        )

    def complete_challenge(self, client_secret: str, *, accepted: bool = True) -> bool:
        """Complete or refuse a challenge; return whether it was pending."""
        with self._storage.write() as database:
            changed = database.execute(
                "UPDATE challenge SET state = ? WHERE client_secret = ? AND state = 'pending'",
                ("completed" if accepted else "refused", client_secret),
            )
            return changed.rowcount == 1

    def find_challenge(self, name: str) -> Any:
        """Return the challenge of this public id with the name of its organization, or None."""
        return self._storage.read.execute(
            "SELECT c.*, o.name FROM challenge c JOIN organization o ON o.id = c.organization"
            " WHERE substr(client_secret, 1, instr(client_secret, '_secret_') - 1) = ?",
            (name,),
        ).fetchone()

    def top_up(self, organization: str, amount: int) -> None:
        """Add credits to an organization's balance."""
        with self._storage.write() as database:
            transfer(database, "top-up", organization, None, amount, self._clock())

    def attach_card(self, organization: str, card: str | None) -> None:
        """Replace an organization's card; None removes it."""
        with self._storage.write() as database:
            database.execute("UPDATE organization SET card = ? WHERE id = ?", (card, organization))

    def set_auto_top_up(self, organization: str, amount: int | None) -> None:
        """Let an organization's card buy credits in steps of this amount whenever its balance is too low; None stops it."""
        with self._storage.write() as database:
            database.execute("UPDATE organization SET auto_top_up = ? WHERE id = ?", (amount, organization))

    def balance(self, caller: Caller) -> dict[str, Any]:
        """Return the organization's credits: available, reserved and spent."""
        rows = self._storage.read.execute("SELECT kind, balance FROM account WHERE organization = ?", (caller.organization,))
        balances = {row["kind"]: row["balance"] for row in rows}
        return {
            "balance_credits": balances["available"],
            "reserved_credits": balances["reserved"],
            "spent_credits": balances["income"],
            "balance_aud": balances["available"] / CREDITS_PER_AUD,
            "currency": "AUD",
            "billing_mode": caller.billing_mode,
        }

    def transactions(self, caller: Caller, request: Transactions) -> dict[str, Any]:
        """Return a page of the organization's transfers, newest first."""
        where = "s.organization = ?"
        values: list[Any] = [caller.organization]
        if request.reason is not None:
            where += " AND t.kind = ?"
            values.append(request.reason)
        joined = "FROM transfer t JOIN account s ON s.id = t.source JOIN account g ON g.id = t.target"
        read = self._storage.read
        (total,) = read.execute(f"SELECT count(*) {joined} WHERE {where}", values).fetchone()
        columns = 't.*, t."order" AS placed, s.kind AS from_kind, g.kind AS to_kind'
        rows = read.execute(
            f"SELECT {columns} {joined} WHERE {where} ORDER BY t.id DESC LIMIT ? OFFSET ?",
            [*values, request.limit, request.offset],
        )
        return {
            "transactions": [
                {
                    "id": row["id"],
                    "reason": row["kind"],
                    "order_id": row["placed"],
                    "amount_credits": row["credits"],
                    "amount_aud": row["credits"] / CREDITS_PER_AUD,
                    "change_credits": row["credits"] * ((row["to_kind"] == "available") - (row["from_kind"] == "available")),
                    "from_account": row["from_kind"],
                    "to_account": row["to_kind"],
                    "month": datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m"),
                    "created_at": to_rfc3339(row["created"]),
                }
                for row in rows
            ],
            "total": total,
            "limit": request.limit,
            "offset": request.offset,
        }

    def _top_up_automatically(self, database: sqlite3.Connection, caller: Caller, amount: int) -> None:
        """Charge the card for the missing credits, in whole steps, if the organization has agreed to it."""
        found = database.execute(
            "SELECT auto_top_up, balance FROM organization o JOIN account a ON a.organization = o.id"
            " WHERE o.id = ? AND a.kind = 'available' AND o.card = 'good' AND o.auto_top_up IS NOT NULL",
            (caller.organization,),
        ).fetchone()
        if found is not None and amount > found["balance"]:
            steps = -(-(amount - found["balance"]) // found["auto_top_up"])
            transfer(database, "top-up", caller.organization, None, steps * found["auto_top_up"], self._clock())

    @staticmethod
    def _check_balance(database: sqlite3.Connection, caller: Caller, amount: int) -> None:
        available = database.execute(
            "SELECT balance FROM account WHERE organization = ? AND kind = 'available'", (caller.organization,)
        ).fetchone()["balance"]
        if amount > available:
            raise Problem(
                402,
                f"the order needs {amount:,} credits and the balance is {available:,}",
                type_=_PROBLEMS + "insufficient-credits",
                required_credits=amount,
                balance_credits=available,
            )

    @staticmethod
    def _check_card(database: sqlite3.Connection, caller: Caller, amount: int, fingerprint: str) -> None:
        card = database.execute("SELECT card FROM organization WHERE id = ?", (caller.organization,)).fetchone()["card"]
        if card is None:
            raise Problem(
                402,
                "the organization has no card",
                type_=_PROBLEMS + "payment-method-required",
            )
        if card == "declined":
            raise Problem(
                402,
                "the bank declined the card",
                type_=_PROBLEMS + "card-declined",
                decline_code="insufficient_funds",
            )
        if card == "secure":
            used = database.execute(
                "UPDATE challenge SET state = 'used' WHERE organization = ? AND request = ? AND state = 'completed'",
                (caller.organization, fingerprint),
            )
            if used.rowcount != 1:
                raise ChallengeRequired(amount)
