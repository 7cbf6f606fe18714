"""The journal: a write-ahead record of every placement, in one SQLite file.

Each placement is committed with its idempotency key before its request leaves, so that a crash at any instant leaves
enough to find out what happened. States of a placement:

    intended ──request sent──▶ sent ──answer──▶ placed
                                 │──402───────▶ unpaid    (next time: the same key)
                                 │──other 4xx─▶ refused   (next time: a new key)
                                 └──no answer─▶ unknown   (next time: the same key, while the service remembers it)

A refusal is about one request only. While an earlier request with the same key may have been carried out
(``is_uncertain``), or another process is sending one (``sends`` went up), a refusal leaves the placement unknown.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
import uuid
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart.exceptions import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_APPLICATION_ID = 0x5343_4A4C
_VERSION = 2
_BUSY_SECONDS = 30.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# SQLite's extended codes hold more in their higher bits
_PRIMARY = 0xFF
STATES = ("intended", "sent", "placed", "unpaid", "refused", "unknown")
UNANSWERED = ("sent", "unknown")
SENT = (*UNANSWERED, "unpaid")
UNFINISHED = ("intended", *SENT)
_NOTHING_SENT = "Nothing was sent."
_NO_PLACING = "Nothing can be placed until this is fixed."
_NOT_RECORDED = "The outcome of the placement was not recorded."

# Columns keep these names, so that existing journals need no change: turn is attempt, tries is sends, doubt is is_uncertain.
_SCHEMA = """
CREATE TABLE placement (
  number INTEGER PRIMARY KEY,
  base_url TEXT NOT NULL,
  account TEXT NOT NULL,
  project TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  turn INTEGER NOT NULL CHECK (turn >= 1),
  key TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('intended', 'sent', 'placed', 'unpaid', 'refused', 'unknown')),
  order_id TEXT CHECK ((state = 'placed') = (order_id IS NOT NULL)),
  license_type TEXT NOT NULL,
  captures INTEGER NOT NULL CHECK (captures > 0),
  credits INTEGER NOT NULL CHECK (credits >= 0),
  aud TEXT NOT NULL,
  body BLOB NOT NULL,
  answer TEXT,
  detail TEXT,
  created REAL NOT NULL,
  changed REAL NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  doubt INTEGER NOT NULL DEFAULT 0,
  UNIQUE (base_url, account, project, fingerprint, turn)
) STRICT;
"""

# The statements that bring a journal of each older version to the next.
_CHANGES = {
    1: (
        "ALTER TABLE placement ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE placement ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0",
    )
}


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


_RENAMED = {"attempt": "turn", "sends": "tries", "is_uncertain": "doubt"}
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
        self._local = threading.local()
        self._opened: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._opened)

    def latest(self, intent: Intent) -> Placement | None:
        """Return the latest placement of the same thing, or None."""
        return self._latest(self._database(), intent)

    def claim(self, intent: Intent, *, again: bool = False) -> Placement:
        """Record that something is about to be bought, or return its existing placement.

        An unfinished placement is always returned, so that it ends before another begins; a placed one
        is returned unless it is bought ``again``.
        """
        with self._write(_NOTHING_SENT) as database:
            last = self._latest(database, intent)
            if last is not None and (last.state in UNFINISHED or (last.state == "placed" and not again)):
                return last
            attempt = 1 if last is None else last.attempt + 1
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
            written = self._latest(database, intent)
        if written is None:
            raise JournalError(f"The placement journal did not keep the placement. {_NOTHING_SENT}", code="journal_not_written")
        return written

    def mark_sent(self, placement: Placement, price: int, aud: str) -> Placement:
        """Record that a placement is about to be sent, and its price; a placed or refused one keeps its state."""
        with self._write(_NOTHING_SENT) as database:
            database.execute(
                "UPDATE placement SET doubt = doubt OR state IN ('sent', 'unknown'), state = 'sent', tries = tries + 1,"
                " credits = ?, aud = ?, changed = ? WHERE number = ? AND state NOT IN ('placed', 'refused')",
                (price, aud, self._now(), placement.number),
            )
            return self._one(database, "number = ?", placement.number) or placement

    def refuse(self, placement: Placement, detail: str, *, is_certain: bool = True) -> Placement:
        """Record that a request was refused; the placement ends if no other request with its key may have been carried out."""
        with self._write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = CASE WHEN ? AND NOT doubt AND tries = ? THEN 'refused' ELSE 'unknown' END,"
                " detail = ?, changed = ? WHERE number = ? AND state IN ('intended', 'sent', 'unknown', 'unpaid')",
                (is_certain, placement.sends, detail, self._now(), placement.number),
            )
            return self._one(database, "number = ?", placement.number) or placement

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
        with self._write(_NOT_RECORDED) as database:
            database.execute(
                "UPDATE placement SET state = ?, order_id = ?, answer = coalesce(?, answer), detail = ?, changed = ?"
                " WHERE number = ? AND state != 'placed'",
                (
                    state,
                    order_id,
                    None if answer is None else json.dumps(answer, sort_keys=True),
                    detail,
                    self._now(),
                    placement.number,
                ),
            )
            return self._one(database, "number = ?", placement.number) or placement

    def reload(self, placement: Placement) -> Placement:
        """Return a placement in its present state."""
        return self._one(self._database(), "number = ?", placement.number) or placement

    def by_order(self, order_id: str, base_url: str) -> Placement | None:
        """Return the placement that became an order, or None."""
        return self._one(self._database(), "order_id = ? AND base_url = ?", order_id, base_url)

    def placements(self, base_url: str, states: tuple[str, ...] = STATES) -> list[Placement]:
        """Return the placements at one service, oldest first."""
        marks = ",".join("?" * len(states))
        return self._found(self._database(), f"base_url = ? AND state IN ({marks}) ORDER BY number", base_url, *states)

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            _close_all(self._opened)
            self._local = threading.local()

    def _latest(self, database: sqlite3.Connection, intent: Intent) -> Placement | None:
        identity = (intent.base_url, intent.account, intent.project, intent.fingerprint)
        return self._one(database, "base_url = ? AND account = ? AND project = ? AND fingerprint = ? ORDER BY turn DESC", *identity)

    def _one(self, database: sqlite3.Connection, where: str, *values: object) -> Placement | None:
        return next(iter(self._found(database, f"{where} LIMIT 1", *values)), None)

    def _found(self, database: sqlite3.Connection, where: str, *values: object) -> list[Placement]:
        try:
            rows = database.execute(f"SELECT {_COLUMNS} FROM placement WHERE {where}", values).fetchall()  # noqa: S608  # conditions of this file only
        except sqlite3.Error as error:
            raise JournalError(
                f"The placement journal cannot be read ({error}).",
                code="journal_not_read",
                hint=f"Keep {self.path}: it records your orders.",
            ) from error
        return [Placement(*row) for row in rows]

    @contextlib.contextmanager
    def _write(self, consequence: str) -> Iterator[sqlite3.Connection]:
        database = self._database()
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
                database.execute("COMMIT")
            except BaseException:
                # a full disk has ended the transaction already
                if database.in_transaction:
                    database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise JournalError(
                f"The placement journal cannot be written ({error}). {consequence}",
                code="journal_not_written",
                hint=f"Free disk space, or fix the permissions of {self.path}. Keep the file: it records your orders.",
            ) from error

    def _database(self) -> sqlite3.Connection:
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            database = self._open()
            self._local.database = database
            with self._lock:
                # threads of notebooks and pools end often: close their connections when the next thread connects
                for ended in [thread for thread in self._opened if not thread.is_alive()]:
                    self._opened.pop(ended).close()
                self._opened[threading.current_thread()] = database
        return database

    def _open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            reason = (isinstance(error, OSError) and error.strerror) or error
            raise JournalError(
                f"The placement journal cannot be opened ({reason}). {_NO_PLACING}",
                code="journal_not_opened",
                hint=f"Check that you may write to {self.path}.",
            ) from error
        try:
            self._prepare_when_free(database)
        except sqlite3.Error as error:
            database.close()
            if _is_busy(error):
                raise JournalError(
                    "The placement journal is in use by another process.", code="journal_busy", hint="Try again in a moment."
                ) from error
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY not in _DAMAGED:
                raise JournalError(
                    f"The placement journal cannot be used ({error}). {_NO_PLACING}",
                    code="journal_unusable",
                    hint=f"Free disk space, or fix the permissions of {self.path}. Keep the file: it records your orders.",
                ) from error
            raise JournalError(
                f"The placement journal is damaged ({error}); it was not changed. {_NO_PLACING}",
                code="journal_damaged",
                hint=f"Move {self.path} elsewhere and keep it: it records your orders. List your orders before you place more.",
            ) from error
        except BaseException:
            database.close()
            raise
        return database

    def _prepare_when_free(self, database: sqlite3.Connection) -> None:
        """Prepare a connection, waiting while another one changes the journal mode: SQLite itself does not wait for that."""
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._prepare(database)
            except sqlite3.Error as error:
                if database.in_transaction:
                    database.execute("ROLLBACK")
                if not _is_busy(error) or time.monotonic() > deadline:
                    raise
            else:
                return
            time.sleep(0.01)

    def _prepare(self, database: sqlite3.Connection) -> None:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version == 0 and application == 0 and tables == 0:
            database.execute(_SCHEMA)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_VERSION}")
        elif application == _APPLICATION_ID and version in _CHANGES:
            for change in (step for older in range(version, _VERSION) for step in _CHANGES[older]):
                database.execute(change)
            database.execute(f"PRAGMA user_version = {_VERSION}")
        elif application != _APPLICATION_ID or version != _VERSION:
            database.execute("ROLLBACK")
            raise self._foreign(is_newer=application == _APPLICATION_ID)
        database.execute("COMMIT")
        if database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            database.execute("PRAGMA journal_mode = WAL")
        (found,) = database.execute("PRAGMA quick_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)

    def _foreign(self, *, is_newer: bool) -> JournalError:
        """Return the error for a file of a newer version, or of something else."""
        if is_newer:
            # no advice to start another journal elsewhere: it would not know what was bought
            return JournalError(
                f"The placement journal is from a newer version of scenecart; it was not changed. {_NO_PLACING}",
                code="journal_newer",
                hint=f"Upgrade scenecart. Keep {self.path}: it records your orders.",
            )
        return JournalError(
            f"The placement journal is a file of something else; it was not changed. {_NO_PLACING}",
            code="journal_foreign",
            hint=f"Move {self.path} elsewhere. Then list your orders before you place more.",
        )


def _close_all(connections: dict[threading.Thread, sqlite3.Connection]) -> None:
    while connections:
        connections.popitem()[1].close()


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
