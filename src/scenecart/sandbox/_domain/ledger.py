"""The money: double entry, three ways to pay, and what stands in the way of paying."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from scenecart.sandbox._data.storage import Storage
    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._http.schemas import Transactions

CREDITS_PER_AUD = 100
_PROBLEMS = "https://api.geopera.com/problems/"

# for each billing mode: setting an order's money aside, spending it, giving it back
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
    # the money of a card and of an invoice is not the organization's until it is paid: it comes from outside
    "hold": ("issued", "reserved"),
    "capture": ("reserved", "income"),
    "void": ("reserved", "issued"),
    "accrue": ("issued", "reserved"),
    "bill": ("reserved", "income"),
    "reverse": ("reserved", "issued"),
}


class ChallengeNeeded(Exception):  # it is remembered outside the transaction it ends
    """The bank wants its challenge completed first."""

    def __init__(self, credits: int) -> None:  # noqa: A002  # the unit of money here
        super().__init__()
        self.credits = credits


def move(database: sqlite3.Connection, kind: str, organization: str, order: str | None, amount: int, now: float) -> None:  # noqa: PLR0917  # what a transfer is
    """Write one transfer; the accounts follow by themselves."""
    source, target = _PATHS[kind]
    database.execute(
        'INSERT INTO transfer (kind, "order", source, target, credits, created)'
        " SELECT ?, ?, a.id, b.id, ?, ? FROM account a, account b"
        " WHERE a.organization = ? AND b.organization = ? AND a.kind = ? AND b.kind = ?",
        (kind, order, amount, now, organization, organization, source, target),
    )


class Ledger:
    """Every organization's money."""

    def __init__(self, storage: Storage, url: str, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._url = url
        self._clock = clock

    def set_aside(
        self, database: sqlite3.Connection, caller: Caller, order: str, amount: int, request: str
    ) -> None:  # whose, for what, how much, asked how
        """Set an order's money aside, in the transaction that writes the order.

        Raises
        ------
        Problem
            402, with what is missing.
        ChallengeNeeded
            When the bank asks for one.
        """
        if caller.billing_mode == "credit":
            self._check_balance(database, caller, amount)
        elif caller.billing_mode == "card" and amount:
            self._check_card(database, caller, amount, request)
        move(database, STEPS[caller.billing_mode][0], caller.organization, order, amount, self._clock())

    def end(self, database: sqlite3.Connection, order: Any, *, spent: bool) -> str:
        """Spend or give back what was set aside for an order, and tell which word it goes by."""
        kind = STEPS[order["billing_mode"]][1 if spent else 2]
        move(database, kind, order["organization"], order["id"], order["credits"], self._clock())
        return kind

    def challenge(self, caller: Caller, request: str, amount: int) -> Problem:
        """Remember that the bank asks for a challenge, and return the 402 that says so."""
        with self._storage.write() as database:
            open_one = database.execute(
                "SELECT client_secret FROM challenge WHERE organization = ? AND request = ? AND state IN ('pending', 'completed')",
                (caller.organization, request),
            ).fetchone()
            secret = open_one["client_secret"] if open_one else f"seti_{secrets.token_hex(8)}_secret_{secrets.token_urlsafe(16)}"
            if open_one is None:
                database.execute(
                    "INSERT INTO challenge (client_secret, organization, request, credits, created) VALUES (?, ?, ?, ?, ?)",
                    (secret, caller.organization, request, amount, self._clock()),
                )
        return Problem(
            402,
            "the bank requires 3-D Secure authentication before this card can be charged",
            type_=_PROBLEMS + "authentication-required",
            client_secret=secret,
            # an address is shown, so it holds the public half alone
            challenge_url=f"{self._url}/challenge/{secret.partition('_secret_')[0]}",
        )

    def complete(self, client_secret: str, *, accepted: bool = True) -> bool:
        """Complete or refuse a challenge, as its owner does at the bank; tell whether it still waited."""
        with self._storage.write() as database:
            changed = database.execute(
                "UPDATE challenge SET state = ? WHERE client_secret = ? AND state = 'pending'",
                ("completed" if accepted else "refused", client_secret),
            )
            return changed.rowcount == 1

    def open_challenge(self, name: str) -> Any:
        """Return the challenge whose secret begins with this name, with its organization's name, or None."""
        return self._storage.read.execute(
            "SELECT c.*, o.name FROM challenge c JOIN organization o ON o.id = c.organization"
            " WHERE substr(client_secret, 1, instr(client_secret, '_secret_') - 1) = ?",
            (name,),
        ).fetchone()

    def top_up(self, organization: str, amount: int) -> None:
        """Add credits to an organization's balance."""
        with self._storage.write() as database:
            move(database, "top-up", organization, None, amount, self._clock())

    def attach_card(self, organization: str, card: str | None) -> None:
        """Put another card in an organization's place; None takes it away."""
        with self._storage.write() as database:
            database.execute("UPDATE organization SET card = ? WHERE id = ?", (card, organization))

    def balance(self, caller: Caller) -> dict[str, Any]:
        """Return the organization's money."""
        rows = self._storage.read.execute("SELECT kind, balance FROM account WHERE organization = ?", (caller.organization,))
        found = {row["kind"]: row["balance"] for row in rows}
        return {
            "balance_credits": found["available"],
            "reserved_credits": found["reserved"],
            "spent_credits": found["income"],
            "balance_aud": found["available"] / CREDITS_PER_AUD,
            "currency": "AUD",
            "billing_mode": caller.billing_mode,
        }

    def transactions(self, caller: Caller, asked: Transactions) -> dict[str, Any]:
        """Return a page of the organization's transfers, the newest first."""
        where = "s.organization = ?"
        values: list[Any] = [caller.organization]
        if asked.reason is not None:
            where += " AND t.kind = ?"
            values.append(asked.reason)
        joined = "FROM transfer t JOIN account s ON s.id = t.source JOIN account g ON g.id = t.target"
        read = self._storage.read
        (total,) = read.execute(f"SELECT count(*) {joined} WHERE {where}", values).fetchone()  # built from fixed parts
        shown = 't.*, t."order" AS placed, s.kind AS gives, g.kind AS takes'
        rows = read.execute(
            f"SELECT {shown} {joined} WHERE {where} ORDER BY t.id DESC LIMIT ? OFFSET ?",  # likewise
            [*values, asked.limit, asked.offset],
        )
        return {
            "transactions": [
                {
                    "id": row["id"],
                    "reason": row["kind"],
                    "order_id": row["placed"],
                    "amount_credits": row["credits"],
                    "amount_aud": row["credits"] / CREDITS_PER_AUD,
                    "change_credits": row["credits"] * ((row["takes"] == "available") - (row["gives"] == "available")),
                    "from_account": row["gives"],
                    "to_account": row["takes"],
                    "month": datetime.fromtimestamp(row["created"], UTC).strftime("%Y-%m"),
                    "created_at": moment(row["created"]),
                }
                for row in rows
            ],
            "total": total,
            "limit": asked.limit,
            "offset": asked.offset,
        }

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
    def _check_card(database: sqlite3.Connection, caller: Caller, amount: int, request: str) -> None:
        card = database.execute("SELECT card FROM organization WHERE id = ?", (caller.organization,)).fetchone()["card"]
        if card is None:
            raise Problem(
                402,
                "there is no card to charge; attach a payment method",
                type_=_PROBLEMS + "payment-method-required",
            )
        if card == "declined":
            raise Problem(
                402,
                "the card was declined by its bank",
                type_=_PROBLEMS + "card-declined",
                decline_code="insufficient_funds",
            )
        if card == "secure":
            used = database.execute(
                "UPDATE challenge SET state = 'used' WHERE organization = ? AND request = ? AND state = 'completed'",
                (caller.organization, request),
            )
            if used.rowcount != 1:
                raise ChallengeNeeded(amount)


def moment(seconds: float) -> str:
    """Return seconds since 1970 as the service writes them."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
