"""The journal: a write-ahead record of every placement, in one SQLite file.

A placement is one wanted order of a purchase. Each request for it is a *try*, which is on disk before its bytes are sent, and
ends only with a response that proves its outcome. After a crash at any time, the journal shows
which outcomes to find out. States of a placement:

    intended   reserved by a session that reads the list of orders and the price; nothing was sent
    sent       a try is under way
    unknown    a try was sent, and nothing has proved its outcome
    unpaid     402, and no other try is open
    refused    refused, and no other try is open
    absent     the list of orders proves that there is no order
    placed     the order is known; this never changes
    put away   closed without an order: before it was sent, or by a person

From unpaid, refused, absent and put away, the next purchase of the same cart continues the same placement with the same key.
An answer ends the try that it answers and no other: a refusal that arrives late must not end a newer try.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scenecart._api.operations import PLACE
from scenecart._orders.journal_file import JournalFile
from scenecart._orders.owner import is_working
from scenecart._orders.purchase import BODY_FORM, PURCHASE_KEY
from scenecart.exceptions import JournalError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scenecart._orders.journal_mark import JournalGap
    from scenecart._orders.purchase import Purchase

STATES = ("intended", "sent", "placed", "unpaid", "refused", "unknown", "absent", "put away")
UNANSWERED = ("sent", "unknown")
UNFINISHED = ("intended", "unpaid", *UNANSWERED)
# how a try can end; an open one has no outcome
ORDERED, REFUSED, REPLAYED, UNPAID, LIMITED, NOT_SENT, ABSENT, RESOLVED = (
    "ordered",
    "refused",
    "repeated refusal",
    "unpaid",
    "limited",
    "not sent",
    "absent",
    "resolved",
)
_NOTHING_SENT = "Nothing was sent."
_NOT_RECORDED = "The outcome of the placement was not recorded."


@dataclass(frozen=True)
class Placement:
    """One row of the journal: one wanted order, with one key.

    Attributes
    ----------
    wish : str
        Which order of the purchase it is: an empty string for the first; ``"text:…"`` and ``"more:…"`` are further ones.
    let_go : int
        How many keys of it were given up, because the service repeats a stored refusal under them.
    key_form : int
        0 if version 0.1.0 made the key at random, 1 if it is made from the purchase.
    credits, aud : int, str
        The price that was agreed to.
    body, path, answer : bytes, str, str or None
        The request as it is sent, the path that it is sent to, and the service's answer as JSON. A service may keep keys by path.
    detail : str or None
        The reason for its state.
    created, changed : float
        Unix time, in seconds.
    owner : str or None
        The session that is working on it.
    known, known_at : str or None, float or None
        The newest order of this purchase when this one was requested, and when the service created that, in Unix time.
    conflicts : int
        How many of its tries were answered with a conflict about the key.
    sends, open_tries : int
        How many requests left, and how many of them are without a proven outcome.
    unanswered_since, last_sent : float or None
        When the oldest and the newest open try left, in Unix time.
    last_outcome, last_left : str or None, float or None
        How the newest try ended, and when it left.
    since_at_service : float or None
        When the oldest open try left, by the service's clock.
    """

    number: int
    base_url: str
    account: str
    project: str
    fingerprint: str
    wish: str
    let_go: int
    key: str
    key_form: int
    state: str
    order_id: str | None
    license_type: str
    captures: int
    credits: int
    aud: str
    body: bytes
    path: str
    answer: str | None
    detail: str | None
    created: float
    changed: float
    owner: str | None
    known: str | None
    known_at: float | None
    conflicts: int
    sends: int
    open_tries: int
    unanswered_since: float | None = None
    last_sent: float | None = None
    last_outcome: str | None = None
    last_left: float | None = None
    since_at_service: float | None = None


_STORED = tuple(Placement.__dataclass_fields__)[:-7]
_OF_TRIES = """
  (SELECT count(*) FROM try WHERE placement = p.number),
  (SELECT count(*) FROM try WHERE placement = p.number AND outcome IS NULL),
  (SELECT min(left_at) FROM try WHERE placement = p.number AND outcome IS NULL),
  (SELECT max(left_at) FROM try WHERE placement = p.number AND outcome IS NULL),
  (SELECT outcome FROM try WHERE placement = p.number ORDER BY number DESC LIMIT 1),
  (SELECT left_at FROM try WHERE placement = p.number ORDER BY number DESC LIMIT 1),
  (SELECT min(left_at_service) FROM try WHERE placement = p.number AND outcome IS NULL)"""
_SELECT = f"SELECT {', '.join(f'p.{name}' for name in _STORED)},{_OF_TRIES} FROM placement p"  # noqa: S608  # columns of this module


class Journal:
    """The placements of all clients that share a home directory; safe to use from several threads and processes.

    Parameters
    ----------
    path
        The SQLite file; it is created when it is first needed.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, path: Path, *, now: Callable[[], float]) -> None:
        self.path = path
        self._now = now
        self._file = JournalFile(path, _upgrade)

    @property
    def gap(self) -> JournalGap | None:
        """Why this journal may lack purchases that this computer recorded, such as a restored copy; None without a sign of that."""
        return self._file.gap

    def rows(self, purchase: Purchase) -> list[Placement]:
        """Return every placement of a purchase, oldest first.

        A project belongs to one organization, so the name of the account does not matter: a service may state it differently, or
        not at all, from one session to the next.
        """
        with self._file.read() as database:
            return _rows(database, purchase)

    def accounts(self, base_url: str) -> list[str]:
        """Return every account that placements at one service are kept under."""
        with self._file.read() as database:
            return [name for (name,) in database.execute("SELECT DISTINCT account FROM placement WHERE base_url = ?", (base_url,))]

    def organization_of(self, base_url: str, subject: str) -> str | None:
        """Return the organization that a service stated for a user before; None if it stated none."""
        with self._file.read() as database:
            found = database.execute(
                "SELECT organization FROM payer WHERE base_url = ? AND subject = ?", (base_url, subject)
            ).fetchone()
        return None if found is None else str(found[0])

    def note_organization(self, base_url: str, subject: str, organization: str) -> None:
        """Keep the organization that a service states for a user."""
        with self._file.write(_NOTHING_SENT) as database:
            database.execute("INSERT OR REPLACE INTO payer VALUES (?, ?, ?)", (base_url, subject, organization))

    def claim(
        self,
        purchase: Purchase,
        wish: str,
        owner: str,
        *,
        known: tuple[str, float | None] | None = None,
        is_in_the_way: Callable[[Placement], bool] = lambda _: False,
        take_over: bool = False,
    ) -> Placement:
        """Reserve a placement for a session, before it reads the list of orders and the price, and return it.

        An existing one is taken up as it is. A refused, absent or abandoned one of version 0.1.0 gets the key of the purchase.
        One that another running session works on is returned as it is: its owner is another one then.

        Parameters
        ----------
        purchase
            What is bought.
        wish
            Which order of it.
        owner
            The session.
        known
            The newest order of this purchase, if there is one, and when the service created it.
        is_in_the_way
            Whether a placement of another purchase, which a running session works on, has to end first.
        take_over
            Whether to take up a placement that another running session works on: both send the same key.
        """
        now = self._now()
        with self._file.write(_NOTHING_SENT) as database:
            found = _of_wish(_rows(database, purchase), wish, purchase.account)
            is_busy = found is not None and not take_over and found.owner != owner and is_working(found.owner)
            if found is not None and (found.state == "placed" or is_busy):
                return found
            rivals = (row for row in _sharing(database, purchase) if row.owner != owner and is_working(row.owner))
            rival = next((row for row in rivals if row.fingerprint != purchase.fingerprint and is_in_the_way(row)), None)
            if rival is not None:
                return rival
            if found is None:
                order, created = known or (None, None)
                database.execute(
                    "INSERT INTO placement (base_url, account, project, fingerprint, wish, key, key_form, state, license_type,"
                    " captures, credits, aud, body, body_form, path, created, changed, owner, known, known_at)"
                    " VALUES (?,?,?,?,?,?,?,'intended',?,?,?,?,?,?,?,?,?,?,?,?)",
                    (
                        *(purchase.base_url, purchase.account, purchase.project, purchase.fingerprint, wish),
                        *(purchase.key(wish), PURCHASE_KEY, purchase.license_type, purchase.captures),
                        *(purchase.credits, purchase.aud, purchase.body, BODY_FORM, PLACE.path),
                        *(now, now, owner, order, created),
                    ),
                )
                (number,) = database.execute("SELECT last_insert_rowid()").fetchone()
                database.executemany("INSERT INTO capture VALUES (?, ?)", [(number, name) for name in set(purchase.ids)])
            else:
                database.execute("UPDATE placement SET owner = ?, changed = ? WHERE number = ?", (owner, now, found.number))
                number = found.number
                # a key that may have become an order, or waits for payment, stays
                is_of_another_name = found.key_form == PURCHASE_KEY and found.key != purchase.key(wish, found.let_go)
                if not found.open_tries and (is_of_another_name or (found.key_form != PURCHASE_KEY and found.state != "unpaid")):
                    database.execute(
                        "UPDATE placement SET key = ?, key_form = ?, account = ?, body = ?, body_form = ?, path = ?"
                        " WHERE number = ?",
                        (
                            *(purchase.key(wish, found.let_go), PURCHASE_KEY),
                            *(purchase.account, purchase.body, BODY_FORM, PLACE.path, number),
                        ),
                    )
            written = _one(database, "p.number = ?", number)
        if written is None:
            raise JournalError(f"The placement journal did not store the placement. {_NOTHING_SENT}", code="journal_not_written")
        return written

    def release(self, placement: Placement, owner: str, detail: str | None = None) -> Placement | None:
        """End the work of a session on a placement; one of which nothing ever left is removed."""
        with self._file.write(_NOTHING_SENT) as database:
            database.execute(
                "DELETE FROM capture WHERE placement IN (SELECT number FROM placement p WHERE number = ? AND state = 'intended'"
                " AND owner = ? AND NOT EXISTS (SELECT 1 FROM try WHERE placement = p.number))",
                (placement.number, owner),
            )
            database.execute(
                "DELETE FROM placement WHERE number = ? AND state = 'intended' AND owner = ?"
                " AND NOT EXISTS (SELECT 1 FROM try WHERE placement = placement.number)",
                (placement.number, owner),
            )
            database.execute(
                "UPDATE placement SET owner = NULL, detail = coalesce(?, detail),"
                " state = CASE state WHEN 'sent' THEN 'unknown' ELSE state END WHERE number = ? AND owner = ?",
                (detail, placement.number, owner),
            )
            return _one(database, "p.number = ?", placement.number)

    def release_all(self, owner: str) -> None:
        """End the work of a session on every placement: an interrupted session must not keep others waiting."""
        with self._file.read() as database:
            rows = _found(database, "p.owner = ?", owner)
        for row in rows:
            self.release(row, owner)

    def begin(  # one keyword for each recorded value
        self,
        placement: Placement,
        owner: str,
        *,
        price: tuple[int, str],
        let_go: tuple[int, str] | None = None,
        clock_ahead: float = 0.0,
    ) -> Placement:
        """Record that a request is about to leave; a placement that was placed meanwhile is returned as it is.

        Parameters
        ----------
        placement, owner
            The placement, and the session that sends it.
        price
            Credits and dollars that were agreed to.
        let_go
            The next number of keys given up, and the key that follows; None keeps the key.
        clock_ahead
            How many seconds this computer's clock is ahead of the service's.
        """
        now = self._now()
        with self._file.write(_NOTHING_SENT) as database:
            current = _one(database, "p.number = ?", placement.number)
            if current is None or current.state == "placed":
                return current or placement
            database.execute(
                "INSERT INTO try (placement, left_at, left_at_service) VALUES (?, ?, ?)",
                (placement.number, now, now - clock_ahead),
            )
            database.execute(
                "UPDATE placement SET state = 'sent', owner = ?, credits = ?, aud = ?, changed = ? WHERE number = ?",
                (owner, *price, now, placement.number),
            )
            if let_go is not None and not current.open_tries:
                database.execute("UPDATE placement SET let_go = ?, key = ? WHERE number = ?", (*let_go, placement.number))
            return _one(database, "p.number = ?", placement.number) or placement

    def end_try(self, placement: Placement, outcome: str, state: str, detail: str) -> Placement:
        """Record what the answer to the try of ``placement``, which :meth:`begin` returned, proved.

        Parameters
        ----------
        placement
            The placement as :meth:`begin` returned it.
        outcome
            How the try ended.
        state
            The state of the placement, unless another of its tries is open: it is unknown then.
        detail
            The reason for its state.
        """
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE try SET ended_at = ?, outcome = ? WHERE placement = ? AND outcome IS NULL AND number ="
                " (SELECT number FROM try WHERE placement = ? ORDER BY number LIMIT 1 OFFSET ?)",
                (self._now(), outcome, placement.number, placement.number, placement.sends - 1),
            )
            database.execute(
                "UPDATE placement SET state = CASE WHEN EXISTS (SELECT 1 FROM try WHERE placement = ?1 AND outcome IS NULL)"
                " THEN 'unknown' ELSE ?2 END, detail = ?3, changed = ?4 WHERE number = ?1 AND state != 'placed'",
                (placement.number, state, detail, self._now()),
            )
            return _one(database, "p.number = ?", placement.number) or placement

    def leave_open(self, placement: Placement, detail: str, *, is_conflict: bool = False) -> Placement:
        """Record that nothing is known about a request that left."""
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = 'unknown', detail = ?, changed = ?, conflicts = conflicts + ? WHERE number = ?"
                " AND state != 'placed'",
                (detail, self._now(), is_conflict, placement.number),
            )
            return _one(database, "p.number = ?", placement.number) or placement

    def place(self, placement: Placement, order_id: str, *, answer: object = None, detail: str | None = None) -> Placement:
        """Record the order that a placement became, which ends all of its tries. One that is placed keeps its order."""
        now = self._now()
        with self._file.write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE try SET ended_at = ?, outcome = ? WHERE placement = ? AND outcome IS NULL",
                (now, ORDERED, placement.number),
            )
            database.execute(
                "UPDATE placement SET state = 'placed', order_id = ?, answer = coalesce(?, answer), detail = ?, changed = ?,"
                " owner = NULL WHERE number = ? AND state != 'placed'",
                (
                    order_id,
                    None if answer is None else json.dumps(answer, sort_keys=True),
                    detail,
                    now,
                    placement.number,
                ),
            )
            return _one(database, "p.number = ?", placement.number) or placement

    def mark_not_ordered(self, placement: Placement, detail: str) -> Placement:
        """Record that it was proved that none of the tries of a placement became an order."""
        return self._end_all(placement, "absent", ABSENT, detail)

    def close_placement(self, placement: Placement, detail: str) -> Placement:
        """Record that a placement was never sent, or that a person has resolved it as no order."""
        return self._end_all(placement, "put away", RESOLVED, detail)

    def unchecked(self, base_url: str, before: float) -> list[Placement]:
        """Return the placements that became orders before a time, for which no second order has been searched since."""
        with self._file.read() as database:
            condition = "p.base_url = ? AND p.state = 'placed' AND p.is_checked = 0 AND p.changed <= ? ORDER BY p.number"
            return _found(database, condition, base_url, before)

    def mark_checked(self, placements: list[Placement]) -> None:
        """Record that a second order was searched."""
        with self._file.write(_NOT_RECORDED) as database:
            database.executemany("UPDATE placement SET is_checked = 1 WHERE number = ?", [(one.number,) for one in placements])

    def note_ignored_keys(self, base_url: str) -> None:
        """Record that a service made two orders for one key."""
        with self._file.write(_NOT_RECORDED) as database:
            database.execute("INSERT OR IGNORE INTO keyless VALUES (?)", (base_url,))

    def ignores_keys(self, base_url: str) -> bool:
        """Return whether a service made two orders for one key before."""
        with self._file.read() as database:
            return database.execute("SELECT 1 FROM keyless WHERE base_url = ?", (base_url,)).fetchone() is not None

    def reload(self, placement: Placement) -> Placement:
        """Return a placement in its present state; one that was removed meanwhile as it was."""
        with self._file.read() as database:
            return _one(database, "p.number = ?", placement.number) or placement

    def present(self, placement: Placement) -> Placement | None:
        """Return a placement in its present state; None if it was removed meanwhile."""
        with self._file.read() as database:
            return _one(database, "p.number = ?", placement.number)

    def by_order(self, order_id: str, base_url: str) -> Placement | None:
        """Return the placement that became an order, or None."""
        with self._file.read() as database:
            return _one(database, "p.order_id = ? AND p.base_url = ?", order_id, base_url)

    def placements(self, base_url: str, states: tuple[str, ...] = STATES) -> list[Placement]:
        """Return the placements at one service, oldest first."""
        marks = ",".join("?" * len(states))
        with self._file.read() as database:
            return _found(database, f"p.base_url = ? AND p.state IN ({marks}) ORDER BY p.number", base_url, *states)

    def sharing(self, purchase: Purchase) -> list[Placement]:
        """Return the placements at the same service that hold one of the captures of a purchase, oldest first."""
        with self._file.read() as database:
            return _sharing(database, purchase)

    def _end_all(self, placement: Placement, state: str, outcome: str, detail: str) -> Placement:
        now = self._now()
        with self._file.write(_NOT_RECORDED) as database:
            current = _one(database, "p.number = ?", placement.number)
            if current is None or current.state == "placed":
                return current or replace(placement, state=state)
            database.execute(
                "UPDATE try SET ended_at = ?, outcome = ? WHERE placement = ? AND outcome IS NULL", (now, outcome, placement.number)
            )
            database.execute(
                "UPDATE placement SET state = ?, detail = ?, changed = ? WHERE number = ?",
                (state, detail, now, placement.number),
            )
            return _one(database, "p.number = ?", placement.number) or placement


def _upgrade(database: sqlite3.Connection, version: int, schema: Sequence[str]) -> None:
    # few journals are of version 0.1.0, and it loads what reads purchases
    from scenecart._orders.journal_upgrade import upgrade  # noqa: PLC0415  # see above

    upgrade(database, version, schema)


def _rows(database: sqlite3.Connection, purchase: Purchase) -> list[Placement]:
    condition = "p.base_url = ? AND p.project = ? AND p.fingerprint = ? ORDER BY p.number"
    return _found(database, condition, purchase.base_url, purchase.project, purchase.fingerprint)


def _of_wish(rows: list[Placement], wish: str, account: str) -> Placement | None:
    """Return the placement of a wish; of several, which had other names of the account, the one that counts most."""
    fitting = [row for row in rows if row.wish == wish]
    return max(fitting, key=lambda row: (row.state == "placed", row.open_tries > 0, row.account == account), default=None)


def _sharing(database: sqlite3.Connection, purchase: Purchase) -> list[Placement]:
    wanted = json.dumps(purchase.ids)
    condition = (
        "p.base_url = ? AND p.number IN (SELECT placement FROM capture WHERE id IN (SELECT value FROM json_each(?)))"
        " ORDER BY p.number"
    )
    return _found(database, condition, purchase.base_url, wanted)


def _one(database: sqlite3.Connection, where: str, *values: object) -> Placement | None:
    return next(iter(_found(database, f"{where} LIMIT 1", *values)), None)


def _found(database: sqlite3.Connection, where: str, *values: object) -> list[Placement]:
    # conditions of this module only
    return [Placement(*row) for row in database.execute(f"{_SELECT} WHERE {where}", values)]
