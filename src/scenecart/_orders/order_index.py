"""Cache of the list of orders: a file beside the journal, which can be deleted without harm."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any, TypeVar

from scenecart._api.schemas import parse_order
from scenecart._util import forks
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.sqlite import ERRORS as SQLITE_ERRORS
from scenecart._util.sqlite import ForeignFileError, check_own
from scenecart._util.text import clean_text
from scenecart.exceptions import warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from scenecart._api.schemas import OrderRecord

T = TypeVar("T")

_APPLICATION_ID = 0x5343_4F49
_VERSION = 2
_SCHEMA = """
CREATE TABLE seen (
  whose TEXT NOT NULL, id TEXT NOT NULL, created REAL, document BLOB NOT NULL, PRIMARY KEY (whose, id)
) WITHOUT ROWID, STRICT;
CREATE TABLE capture (whose TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL) STRICT;
CREATE INDEX capture_name ON capture (whose, name);
CREATE INDEX capture_id ON capture (whose, id);
CREATE TABLE reading (whose TEXT PRIMARY KEY, complete_to REAL, begun_at REAL) STRICT;
"""
_MARK = f"PRAGMA application_id = {_APPLICATION_ID};"
_TABLES = {"seen": ("whose", "id", "created", "document"), "capture": ("whose", "id", "name")}
# of versions 1 and 2 before there was an application id
_LAYOUTS = ({**_TABLES, "reading": ("whose", "complete_to")}, {**_TABLES, "reading": ("whose", "complete_to", "begun_at")})


class OrderIndex:
    """The orders of one account that were listed before. An unusable index counts as empty.

    Parameters
    ----------
    path
        The SQLite file.
    whose
        The service and the account.
    refused
        The files of other programs that a warning was given for; they are not opened again.
    """

    def __init__(self, path: Path, whose: str, refused: set[Path] | None = None) -> None:
        self._path = path
        self._whose = whose
        self._refused: set[Path] = set() if refused is None else refused

    def complete_to(self) -> float | None:
        """Return the Unix time up to which every created order is known; None if no order is."""
        return self._read("complete_to")

    def begun_at(self) -> float | None:
        """Return the creation time of the newest order of an interrupted first reading, in Unix time; None if there is none.

        Every order from there down to the oldest that is known is known.
        """
        return self._read("begun_at")

    def begin(self, newest: float) -> None:
        """Forget every order: a first reading begins, and the newest order was created at this time."""

        def start(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            self._clear(database)
            database.execute("INSERT INTO reading VALUES (?, NULL, ?)", (self._whose, newest))
            database.execute("COMMIT")

        self._run(start, None)

    def count(self) -> int:
        """Return how many orders are known."""

        def query(database: sqlite3.Connection) -> int:
            return int(database.execute("SELECT count(*) FROM seen WHERE whose = ?", (self._whose,)).fetchone()[0])

        return self._run(query, 0)

    def known(self, ids: Iterable[str]) -> set[str]:
        """Return which of these orders are known."""
        listed = json.dumps(list(ids))

        def query(database: sqlite3.Connection) -> set[str]:
            rows = database.execute(
                "SELECT id FROM seen WHERE whose = ? AND id IN (SELECT value FROM json_each(?))", (self._whose, listed)
            )
            return {name for (name,) in rows}

        return self._run(query, set())

    def related(self, captures: Iterable[str], since: float) -> list[OrderRecord]:
        """Return the known orders with one of these captures, and those created since a time, newest first."""
        listed = json.dumps(list(captures))

        def query(database: sqlite3.Connection) -> list[OrderRecord]:
            rows = database.execute(
                "SELECT document FROM seen WHERE whose = ?1 AND (created IS NULL OR created >= ?2 OR id IN"
                " (SELECT id FROM capture WHERE whose = ?1 AND name IN (SELECT value FROM json_each(?3))))"
                " ORDER BY created DESC, id",
                (self._whose, since, listed),
            )
            return [record for (document,) in rows if (record := _record(document)) is not None]

        return self._run(query, [])

    def write(self, records: Iterable[tuple[OrderRecord, float | None]], complete_to: float | None, *, is_everything: bool) -> None:
        """Keep orders, and up to when they are complete, if they are; other orders are forgotten if these are all."""

        def keep(database: sqlite3.Connection) -> None:
            database.execute("BEGIN IMMEDIATE")
            if is_everything:
                self._clear(database)
            for record, created in records:
                database.execute("DELETE FROM capture WHERE whose = ? AND id = ?", (self._whose, record.id))
                database.execute(
                    "INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?)", (self._whose, record.id, created, dumps(record.raw))
                )
                names = [(self._whose, record.id, name) for name in set(record.captures)]
                database.executemany("INSERT INTO capture VALUES (?, ?, ?)", names)
            if complete_to is not None:
                database.execute("INSERT OR REPLACE INTO reading VALUES (?, ?, NULL)", (self._whose, complete_to))
            database.execute("COMMIT")

        self._run(keep, None)

    def forget(self, order_id: str) -> None:
        """Drop an order that the service does not know any more."""

        def drop(database: sqlite3.Connection) -> None:
            for table in ("seen", "capture"):
                database.execute(f"DELETE FROM {table} WHERE whose = ? AND id = ?", (self._whose, order_id))  # noqa: S608  # two names

        self._run(drop, None)

    def _read(self, column: str) -> float | None:
        def query(database: sqlite3.Connection) -> float | None:
            statement = f"SELECT {column} FROM reading WHERE whose = ?"  # noqa: S608  # a column of this module
            found = database.execute(statement, (self._whose,)).fetchone()
            return None if found is None or found[0] is None else float(found[0])

        return self._run(query, None)

    def _clear(self, database: sqlite3.Connection) -> None:
        for table in ("seen", "capture", "reading"):
            database.execute(f"DELETE FROM {table} WHERE whose = ?", (self._whose,))  # noqa: S608  # three names

    def _run(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Open the index for one operation, and return ``otherwise`` if it cannot be used."""
        if self._path in self._refused:
            return otherwise
        try:
            with forks.sqlite.lock, contextlib.closing(self._connect()) as database:
                return work(database)
        except ForeignFileError:
            self._refused.add(self._path)
        except (*SQLITE_ERRORS, OSError):
            return otherwise
        warn(
            f"The index of orders, {clean_text(self._path, 200)}, was not written by scenecart, or is damaged; it was not changed."
            " Every order is listed anew in this session.",
            code="order_index_foreign",
            hint="Move the file elsewhere.",
        )
        return otherwise

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_own(self._path, _APPLICATION_ID, _LAYOUTS)
        try:
            return self._open()
        except sqlite3.OperationalError:
            raise
        except (sqlite3.DatabaseError, UnicodeDecodeError):
            # damaged, or of another version: start with an empty one
            self._path.unlink(missing_ok=True)
            return self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        try:
            _prepare(database)
        except BaseException:
            database.close()
            raise
        return database


def _prepare(database: sqlite3.Connection) -> None:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0:
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {_MARK} PRAGMA user_version = {_VERSION}; COMMIT;")
    elif version != _VERSION:
        raise sqlite3.DatabaseError("of another version")
    elif database.execute("PRAGMA application_id").fetchone() == (0,):
        # one that cannot be written can still be read
        with contextlib.suppress(sqlite3.OperationalError):
            database.execute(_MARK)


def _record(document: Any) -> OrderRecord | None:
    try:
        return parse_order(loads(document))
    except NotJson:
        return None
