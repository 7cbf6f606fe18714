"""The journal: a write-ahead record of every placement, in one SQLite file.

It creates the idempotency key of every placement, and writes it to disk before the request is sent. After a crash at any
time, the journal shows what to ask the service for. States of a placement:

    intended ──request sent──▶ sent ──answer──▶ placed
                                 │──402───────▶ unpaid    (next time: the same key)
                                 │──other 4xx─▶ refused   (next time: a new key)
                                 └──no answer─▶ unknown   (next time: the same key for 15 minutes, then a search)

A refusal is about one request only. While an earlier request with the same key may have been carried out
(``is_uncertain``), or another process is sending one (``sends`` went up), a refusal leaves the placement unknown.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._orders.journal_file import JournalFile
from scenecart._orders.journal_upgrade import upgrade
from scenecart.exceptions import JournalError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

STATES = ("intended", "sent", "placed", "unpaid", "refused", "unknown")
UNANSWERED = ("sent", "unknown")
SENT = (*UNANSWERED, "unpaid")
UNFINISHED = ("intended", *SENT)
_NOTHING_SENT = "Nothing was sent."
_NOT_RECORDED = "The outcome of the placement was not recorded."


@dataclass(frozen=True)
class Intent:
    """What identifies a placement, and the request that places it."""

    base_url: str
    account: str
    project: str
    fingerprint: str
    license_type: str
    captures: int
    credits: int
    aud: str
    body: bytes


@dataclass(frozen=True)
class Placement:
    """One row of the journal: one attempt to buy something, with one key.

    Attributes
    ----------
    attempt : int
        Which attempt to buy the same thing this is, from 1.
    credits, aud : int, str
        The price that was agreed to.
    body, answer : bytes, str or None
        The request as it is sent, and the service's answer as JSON.
    detail : str or None
        How it came to its state.
    created, changed : float
        Seconds since 1970.
    sends : int
        How often it was sent with this key.
    is_uncertain : int
        1 while an earlier request with this key may have been carried out.
    unanswered_since : float or None
        When the first request left whose outcome is unknown.
    """

    number: int
    base_url: str
    account: str
    project: str
    fingerprint: str
    attempt: int
    key: str
    state: str
    order_id: str | None
    license_type: str
    captures: int
    credits: int
    aud: str
    body: bytes
    answer: str | None
    detail: str | None
    created: float
    changed: float
    sends: int
    is_uncertain: int
    unanswered_since: float | None = None


_RENAMED = {"attempt": "turn", "sends": "tries", "is_uncertain": "doubt", "unanswered_since": "opened"}
_COLUMNS = ", ".join(_RENAMED.get(name, name) for name in Placement.__dataclass_fields__)


class Journal:
    """The placements of all clients that share a home directory; safe to use from several threads and processes.

    Parameters
    ----------
    path
        The SQLite file; it is created when it is first needed.
    now
        The time in seconds since 1970.
    """

    def __init__(self, path: Path, *, now: Callable[[], float]) -> None:
        self.path = path
        self._now = now
        self._file = JournalFile(path, upgrade)

    def latest(self, intent: Intent) -> Placement | None:
        """Return the placement of the same thing that counts: a placed one, else the latest, else None.

        A project belongs to one organization, so the name of the account does not matter: a service may state it differently, or
        not at all, from one session to the next.
        """
        with self._file.read() as database:
            return _latest(database, intent)

    def latest_attempt(self, intent: Intent) -> Placement | None:
        """Return the latest placement of the same thing, whatever became of earlier ones."""
        with self._file.read() as database:
            return _latest(database, intent, is_newest=True)

    def accounts(self, base_url: str) -> list[str]:
        """Return every account that placements at one service are kept under."""
        with self._file.read() as database:
            return [name for (name,) in database.execute("SELECT DISTINCT account FROM placement WHERE base_url = ?", (base_url,))]

    def claim(self, intent: Intent, *, again: bool = False) -> Placement:
        """Record that something is about to be bought, or return its existing placement.

        A placed one is returned unless it is bought ``again``, whatever became of later attempts. An unfinished one is
        always returned, so that it ends before another begins.
        """
        with self._file.write(_NOTHING_SENT) as database:
            found = _latest(database, intent)
            if found is not None and found.state == "placed" and not again:
                return found
            last = _latest(database, intent, is_newest=True)
            if last is not None and last.state in UNFINISHED:
                return last
            (attempt,) = database.execute(
                "SELECT coalesce(max(turn), 0) + 1 FROM placement WHERE base_url = ? AND account = ? AND project = ?"
                " AND fingerprint = ?",
                (intent.base_url, intent.account, intent.project, intent.fingerprint),
            ).fetchone()
            now = self._now()
            row = (
                intent.base_url,
                intent.account,
                intent.project,
                intent.fingerprint,
                attempt,
                str(uuid.uuid4()),
                "intended",
                intent.license_type,
                intent.captures,
                intent.credits,
                intent.aud,
                intent.body,
                now,
                now,
            )
            database.execute(
                "INSERT INTO placement (base_url, account, project, fingerprint, turn, key, state, license_type,"
                " captures, credits, aud, body, created, changed) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                row,
            )
            written = _latest(database, intent, is_newest=True)
        if written is None:
            raise JournalError(f"The placement journal did not keep the placement. {_NOTHING_SENT}", code="journal_not_written")
        return written

    def mark_sent(self, placement: Placement, price: int, aud: str) -> Placement:
        """Record that a placement is about to be sent, and its price; a placed or refused one keeps its state."""
        with self._file.write(_NOTHING_SENT) as database:
            database.execute(
                "UPDATE placement SET doubt = doubt OR state IN ('sent', 'unknown'), state = 'sent', tries = tries + 1,"
                " opened = coalesce(opened, ?), credits = ?, aud = ?, changed = ? WHERE number = ?"
                " AND state NOT IN ('placed', 'refused')",
                (self._now(), price, aud, self._now(), placement.number),
            )
            return _one(database, "number = ?", placement.number) or placement

    def mark_unsent(self, placement: Placement, detail: str) -> Placement:
        """Record that a request did not reach the service, or was not carried out, so that it may be sent again."""
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = CASE WHEN NOT doubt AND tries = ? THEN 'intended' ELSE 'unknown' END,"
                " opened = CASE WHEN NOT doubt AND tries = ? THEN NULL ELSE opened END,"
                " detail = ?, changed = ? WHERE number = ? AND state IN ('sent', 'unknown')",
                (placement.sends, placement.sends, detail, self._now(), placement.number),
            )
            return _one(database, "number = ?", placement.number) or placement

    def refuse(self, placement: Placement, detail: str, *, is_certain: bool = True) -> Placement:
        """Record that a request was refused; the placement ends if no other request with its key may have been carried out."""
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = CASE WHEN ? AND NOT doubt AND tries = ? THEN 'refused' ELSE 'unknown' END,"
                " detail = ?, changed = ? WHERE number = ? AND state IN ('intended', 'sent', 'unknown', 'unpaid')",
                (is_certain, placement.sends, detail, self._now(), placement.number),
            )
            return _one(database, "number = ?", placement.number) or placement

    def mark(
        self,
        placement: Placement,
        state: str,
        *,
        order_id: str | None = None,
        answer: object = None,
        detail: str | None = None,
    ) -> Placement:
        """Record the outcome of a placement. A placed one stays placed, however another request ended."""
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = ?, opened = CASE WHEN ? = 'unpaid' AND NOT doubt THEN NULL ELSE opened END,"
                " order_id = ?, answer = coalesce(?, answer), detail = ?, changed = ? WHERE number = ? AND state != 'placed'",
                (
                    state,
                    state,
                    order_id,
                    None if answer is None else json.dumps(answer, sort_keys=True),
                    detail,
                    self._now(),
                    placement.number,
                ),
            )
            return _one(database, "number = ?", placement.number) or placement

    def close_absent(self, placement: Placement, detail: str) -> Placement:
        """Record that none of the requests of a placement became an order."""
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = 'refused', opened = NULL, doubt = 0, detail = ?, changed = ? WHERE number = ?"
                " AND state != 'placed'",
                (detail, self._now(), placement.number),
            )
            return _one(database, "number = ?", placement.number) or placement

    def reload(self, placement: Placement) -> Placement:
        """Return a placement in its present state."""
        with self._file.read() as database:
            return _one(database, "number = ?", placement.number) or placement

    def by_order(self, order_id: str, base_url: str) -> Placement | None:
        """Return the placement that became an order, or None."""
        with self._file.read() as database:
            return _one(database, "order_id = ? AND base_url = ?", order_id, base_url)

    def placements(self, base_url: str, states: tuple[str, ...] = STATES) -> list[Placement]:
        """Return the placements at one service, oldest first."""
        marks = ",".join("?" * len(states))
        with self._file.read() as database:
            return _found(database, f"base_url = ? AND state IN ({marks}) ORDER BY number", base_url, *states)

    def close(self) -> None:
        """Do nothing: no file stays open between operations."""


def _latest(database: sqlite3.Connection, intent: Intent, *, is_newest: bool = False) -> Placement | None:
    # a placed one counts, whatever became of attempts to buy it again
    order = "number DESC" if is_newest else "state = 'placed' DESC, number DESC"
    where = f"base_url = ? AND project = ? AND fingerprint = ? ORDER BY {order}"
    return _one(database, where, intent.base_url, intent.project, intent.fingerprint)


def _one(database: sqlite3.Connection, where: str, *values: object) -> Placement | None:
    return next(iter(_found(database, f"{where} LIMIT 1", *values)), None)


def _found(database: sqlite3.Connection, where: str, *values: object) -> list[Placement]:
    rows = database.execute(f"SELECT {_COLUMNS} FROM placement WHERE {where}", values)  # noqa: S608  # conditions of this module only
    return [Placement(*row) for row in rows]
