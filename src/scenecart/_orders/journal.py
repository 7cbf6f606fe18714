"""The write-ahead record of every placement, in one SQLite file.

What is about to be bought stands here, with its key, before the first byte leaves; so a crash at any instant leaves
enough to find out what happened. States of a placement:

    intended ──request sent──▶ sent ──answer──▶ placed
                                 │──402───────▶ unpaid    (the same key on the next try)
                                 │──other 4xx─▶ refused   (a new key on the next try)
                                 └──no answer─▶ unknown   (the same key, while the service remembers it)

A refusal says what became of one try only. While an earlier try of the same key may have been carried out (``doubt``), or
another process is trying (``tries`` went on), a refused try leaves the placement unknown.
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
# SQLite says more in the higher bits of its codes
_PRIMARY = 0xFF
STATES = ("intended", "sent", "placed", "unpaid", "refused", "unknown")
UNANSWERED = ("sent", "unknown")
SENT = (*UNANSWERED, "unpaid")
UNFINISHED = ("intended", *SENT)

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

# What makes a journal of each older version one of the next.
_CHANGES = {
    1: (
        "ALTER TABLE placement ADD COLUMN tries INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE placement ADD COLUMN doubt INTEGER NOT NULL DEFAULT 0",
    )
}


@dataclass(frozen=True)
class Intent:
    """What identifies a placement, and what is sent for it."""

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
    """One row of the journal."""

    number: int
    base_url: str
    account: str
    project: str
    fingerprint: str
    turn: int
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
    tries: int
    doubt: int


_COLUMNS = ", ".join(Placement.__dataclass_fields__)


class Journal:
    """The placements of all clients that share a home directory; safe between threads and processes."""

    def __init__(self, path: Path, *, wall: Callable[[], float]) -> None:
        self.path = path
        self._wall = wall
        self._local = threading.local()
        self._opened: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._opened)

    def last(self, intent: Intent) -> Placement | None:
        """Return the newest placement of the same thing, if there is one."""
        return self._last(self._database(), intent)

    def claim(self, intent: Intent, *, again: bool = False) -> Placement:
        """Write down that something is about to be bought, or return the placement of it that stands there already.

        One that is unfinished is always returned, so that it is brought to its end before another begins; one that
        is placed is returned unless it is bought ``again``.
        """
        with self._write("nothing is sent") as database:
            last = self._last(database, intent)
            if last is not None and (last.state in UNFINISHED or (last.state == "placed" and not again)):
                return last
            turn = 1 if last is None else last.turn + 1
            now = self._wall()
            row = (
                intent.base_url,
                intent.account,
                intent.project,
                intent.fingerprint,
                turn,
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
            made = self._last(database, intent)
        if made is None:
            raise JournalError("The journal did not keep what was written.")
        return made

    def begin(self, placement: Placement, price: int, aud: str) -> Placement:
        """Write down that a placement is about to be sent, at which price; one that is placed or refused stays what it is."""
        with self._write("nothing is sent") as database:
            database.execute(
                "UPDATE placement SET doubt = doubt OR state IN ('sent', 'unknown'), state = 'sent', tries = tries + 1,"
                " credits = ?, aud = ?, changed = ? WHERE number = ? AND state NOT IN ('placed', 'refused')",
                (price, aud, self._wall(), placement.number),
            )
            return self._one(database, "number = ?", placement.number) or placement

    def refuse(self, placement: Placement, detail: str, *, sure: bool = True) -> Placement:
        """Write down that a try was refused: the placement is over if this was the only try whose end is not known."""
        with self._write("what became of a placement is not noted") as database:
            database.execute(
                "UPDATE placement SET state = CASE WHEN ? AND NOT doubt AND tries = ? THEN 'refused' ELSE 'unknown' END,"
                " detail = ?, changed = ? WHERE number = ? AND state IN ('intended', 'sent', 'unknown', 'unpaid')",
                (sure, placement.tries, detail, self._wall(), placement.number),
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
        """Write down what became of a placement. One that is placed stays placed, whatever another try was told."""
        with self._write("what became of a placement is not noted") as database:
            database.execute(
                "UPDATE placement SET state = ?, order_id = ?, answer = coalesce(?, answer), detail = ?, changed = ?"
                " WHERE number = ? AND state != 'placed'",
                (
                    state,
                    order_id,
                    None if answer is None else json.dumps(answer, sort_keys=True),
                    detail,
                    self._wall(),
                    placement.number,
                ),
            )
            return self._one(database, "number = ?", placement.number) or placement

    def again(self, placement: Placement) -> Placement:
        """Return a placement as it stands now."""
        return self._one(self._database(), "number = ?", placement.number) or placement

    def of_order(self, order_id: str, base_url: str) -> Placement | None:
        """Return the placement that became an order, if this journal knows it."""
        return self._one(self._database(), "order_id = ? AND base_url = ?", order_id, base_url)

    def placements(self, base_url: str, states: tuple[str, ...] = STATES) -> list[Placement]:
        """Return what is known of one service, oldest first."""
        marks = ",".join("?" * len(states))
        return self._found(self._database(), f"base_url = ? AND state IN ({marks}) ORDER BY number", base_url, *states)

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            _close_all(self._opened)
            self._local = threading.local()

    def _last(self, database: sqlite3.Connection, intent: Intent) -> Placement | None:
        identity = (intent.base_url, intent.account, intent.project, intent.fingerprint)
        return self._one(database, "base_url = ? AND account = ? AND project = ? AND fingerprint = ? ORDER BY turn DESC", *identity)

    def _one(self, database: sqlite3.Connection, where: str, *values: object) -> Placement | None:
        return next(iter(self._found(database, f"{where} LIMIT 1", *values)), None)

    def _found(self, database: sqlite3.Connection, where: str, *values: object) -> list[Placement]:
        try:
            rows = database.execute(f"SELECT {_COLUMNS} FROM placement WHERE {where}", values).fetchall()  # noqa: S608  # conditions of this file only
        except sqlite3.Error as error:
            raise JournalError(
                f"The journal of placements cannot be read ({error}).",
                hint=f"Leave {self.path} where it is: it holds what was ordered.",
            ) from error
        return [Placement(*row) for row in rows]

    @contextlib.contextmanager
    def _write(self, otherwise: str) -> Iterator[sqlite3.Connection]:
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
                f"The journal of placements cannot be written ({error}), so {otherwise}.",
                hint=f"Leave {self.path} where it is, and make room or give leave to write it.",
            ) from error

    def _database(self) -> sqlite3.Connection:
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            database = self._open()
            self._local.database = database
            with self._lock:
                # notebooks and pools end threads all the time; what those opened is held until another one comes
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
            why = (isinstance(error, OSError) and error.strerror) or error
            raise JournalError(
                f"The journal of placements cannot be opened ({why}), so nothing is placed.",
                hint=f"It is {self.path}: see that this is a file in a folder that you may write to.",
            ) from error
        try:
            self._prepare_when_free(database)
        except sqlite3.Error as error:
            database.close()
            if _is_busy(error):
                raise JournalError(
                    "The journal of placements is in use by another process.", hint="Try again in a moment."
                ) from error
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & _PRIMARY not in _DAMAGED:
                raise JournalError(
                    f"The journal of placements cannot be used ({error}), so nothing is placed.",
                    hint=f"Leave {self.path} where it is: it holds what was ordered. Make room on its disk, or mend what keeps it "
                    "from being written.",
                ) from error
            raise JournalError(
                f"The journal of placements is damaged ({error}); it is left as it is, and nothing is placed.",
                hint=f"Move {self.path} away and keep it: it holds what was ordered. Then look at client.orders().",
            ) from error
        except BaseException:
            database.close()
            raise
        return database

    def _prepare_when_free(self, database: sqlite3.Connection) -> None:
        """Prepare a connection; SQLite does not wait by itself while another one changes the journal mode."""
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
            is_newer = application == _APPLICATION_ID
            what = "from a newer version of scenecart" if is_newer else "no journal of scenecart"
            # to begin another one elsewhere is to forget what was bought, so it is no advice
            cure = f"A newer scenecart reads it: it holds what was ordered. It is {self.path}."
            raise JournalError(
                f"The journal of placements is {what}; it is left as it is, and nothing is placed.",
                hint=cure if is_newer else f"Something else stands at {self.path}: move it away. Then look at client.orders().",
            )
        database.execute("COMMIT")
        if database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            database.execute("PRAGMA journal_mode = WAL")
        (found,) = database.execute("PRAGMA quick_check").fetchone()
        if found != "ok":
            raise sqlite3.DatabaseError(found)


def _close_all(connections: dict[threading.Thread, sqlite3.Connection]) -> None:
    while connections:
        connections.popitem()[1].close()


def _is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
