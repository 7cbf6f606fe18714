"""The file of watches: saved searches, and which captures were seen, in SQLite beside the placement journal."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from scenecart._util import forks
from scenecart._util.files import FREE_SPACE, is_full
from scenecart._util.folders import CHOOSE_FOLDER, folder_problem
from scenecart._util.locks import process_lock
from scenecart._util.sqlite import ERRORS as SQLITE_ERRORS
from scenecart.exceptions import WatchError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

VERSION = 1
_APPLICATION_ID = 0x5343_5754
_BUSY_SECONDS = 30.0
# SQLite itself waits for a moment only: other processes are kept out by the lock file
_SQLITE_SECONDS = 5.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# SQLite's extended codes hold more in their higher bits
_PRIMARY = 0xFF
# numbers are never reused, so a removed watch is not taken for a new one
_SCHEMA = (
    """CREATE TABLE watch (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  base_url TEXT NOT NULL,
  name TEXT NOT NULL,
  host TEXT NOT NULL,
  criteria TEXT NOT NULL,
  person TEXT NOT NULL,
  created REAL NOT NULL,
  looked REAL,
  seen REAL,
  UNIQUE (base_url, name)
) STRICT""",
    """CREATE TABLE seen (
  watch INTEGER NOT NULL REFERENCES watch (number) ON DELETE CASCADE,
  area TEXT NOT NULL,
  host TEXT NOT NULL,
  collection TEXT NOT NULL,
  id TEXT NOT NULL,
  edition TEXT NOT NULL,
  PRIMARY KEY (watch, area, host, collection, id)
) STRICT, WITHOUT ROWID""",
)
_FIELDS = "number, base_url, name, host, criteria, person, created, looked, seen"


@dataclass(frozen=True)
class SavedSearch:
    """One row of the file.

    Attributes
    ----------
    number : int
        Its number, which no other watch ever has.
    base_url, name : str
        The service, and the name that is unique for it.
    host, criteria : str
        What is searched; the criteria as canonical JSON.
    person : str
        Who saved it: a user name and a computer.
    created, looked, seen : float or None
        Unix time at which it was saved, last searched to the end, and last marked as seen.
    """

    number: int
    base_url: str
    name: str
    host: str
    criteria: str
    person: str
    created: float
    looked: float | None
    seen: float | None


class CaptureKey(NamedTuple):
    """What identifies a capture of a watch; ``area`` is the name of its area if the watch has many."""

    area: str
    host: str
    collection: str
    id: str


class WatchFile:
    """One SQLite file, opened for one operation at a time: no handle survives an operation, so forks and copies share none.

    Parameters
    ----------
    path
        The file; it is created when the first watch is saved. A file beside it, ``.lock``, keeps other processes out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, search: SavedSearch) -> SavedSearch:
        """Save a search, and return it with its number; return the saved one of the same name if there is one."""
        with self._write() as database:
            database.execute(
                "INSERT INTO watch (base_url, name, host, criteria, person, created) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (base_url, name) DO NOTHING",
                (search.base_url, search.name, search.host, search.criteria, search.person, search.created),
            )
            return _search(database, search.base_url, search.name)

    def find(self, base_url: str, name: str) -> SavedSearch | None:
        """Return the search of a name, or None."""
        return next((search for search in self.list(base_url) if search.name == name), None)

    def list(self, base_url: str) -> list[SavedSearch]:
        """Return the searches of a service, sorted by name."""
        if not self.path.exists():
            return []
        with self._read() as database:
            rows = database.execute(f"SELECT {_FIELDS} FROM watch WHERE base_url = ? ORDER BY name", (base_url,)).fetchall()  # noqa: S608  # a constant
        return [SavedSearch(*row) for row in rows]

    def known(self, number: int) -> dict[CaptureKey, str]:
        """Return the captures of a watch that were seen, each with its edition: when the catalog updated or created it."""
        with self._read() as database:
            rows = database.execute("SELECT area, host, collection, id, edition FROM seen WHERE watch = ?", (number,))
            return {CaptureKey(*key): edition for *key, edition in rows}

    def record_search(self, number: int, at: float) -> bool:
        """Note when a watch was searched to the end; return whether it still exists."""
        with self._write() as database:
            return database.execute("UPDATE watch SET looked = ? WHERE number = ?", (at, number)).rowcount > 0

    def mark(self, number: int, captures: Iterable[tuple[CaptureKey, str]], at: float) -> bool:
        """Mark captures as seen, all or none; return whether the watch still exists."""
        with self._write() as database:
            if not database.execute("UPDATE watch SET seen = ? WHERE number = ?", (at, number)).rowcount:
                return False
            database.executemany(
                "INSERT INTO seen (watch, area, host, collection, id, edition) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (watch, area, host, collection, id) DO UPDATE SET edition = excluded.edition",
                ((number, *key, edition) for key, edition in captures),
            )
            return True

    def remove(self, number: int) -> bool:
        """Remove a watch and what it has seen; return whether it existed."""
        with self._write() as database:
            return database.execute("DELETE FROM watch WHERE number = ?", (number,)).rowcount > 0

    @contextlib.contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as database:
            yield database

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction, which is on disk when the block has ended, or not at all."""
        with self._opened(is_writing=True) as database:
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")

    @contextlib.contextmanager
    def _opened(self, *, is_writing: bool = False) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with forks.sqlite.lock, process_lock(self.path.with_suffix(".lock"), _BUSY_SECONDS):
                if not self.path.exists():
                    os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
                # closing a connection ends a transaction that an error or an interrupt left open
                with contextlib.closing(self._connect()) as database:
                    yield database
        except TimeoutError as error:
            raise _busy() from error
        except OSError as error:
            problem = folder_problem(self.path.parent)
            raise WatchError(
                f"The file of watches cannot be opened ({problem or error.strerror or error}).",
                code="watches_not_opened",
                hint=FREE_SPACE
                if is_full(error)
                else CHOOSE_FOLDER
                if problem
                else f"Check that you may write to {self.path}. Or set SCENECART_HOME to another folder.",
            ) from error
        except SQLITE_ERRORS as error:
            raise self._sqlite_error(error, is_writing=is_writing) from error

    def _connect(self) -> sqlite3.Connection:
        database = sqlite3.connect(self.path, timeout=_SQLITE_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._check(database)
        except BaseException:
            database.close()
            raise
        return database

    def _check(self, database: sqlite3.Connection) -> None:
        """Create the tables of a new file, and refuse a file of something else."""
        database.execute("PRAGMA foreign_keys = ON")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        (application,) = database.execute("PRAGMA application_id").fetchone()
        if (version, application) == (0, 0) and not database.execute("SELECT 1 FROM sqlite_schema").fetchone():
            _create(database)
        elif application != _APPLICATION_ID:
            raise WatchError(
                "The file of watches was not written by scenecart; it was not changed.",
                code="watches_foreign",
                hint=f"Move {self.path} elsewhere, and save the watches again.",
            )
        elif version != VERSION:
            raise WatchError(
                "The file of watches is from a newer version of scenecart; it was not changed.",
                code="watches_newer",
                hint="Upgrade scenecart.",
            )

    def _sqlite_error(self, error: Exception, *, is_writing: bool) -> WatchError:
        unknown = sqlite3.SQLITE_CORRUPT if isinstance(error, UnicodeDecodeError) else sqlite3.SQLITE_ERROR
        code = getattr(error, "sqlite_errorcode", unknown) & _PRIMARY
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return _busy()
        if code in _DAMAGED:
            return WatchError(
                f"The file of watches is damaged ({error}); it was not changed.",
                code="watches_damaged",
                hint=f"Move {self.path} elsewhere, and save the watches again.",
            )
        if is_writing:
            return WatchError(
                f"The file of watches cannot be written ({error}). No capture was marked as seen.",
                code="watches_not_written",
                hint=f"Free disk space, or fix the permissions of {self.path}.",
            )
        return WatchError(
            f"The file of watches cannot be read ({error}).",
            code="watches_not_read",
            hint=f"Fix the permissions of {self.path}, or move it elsewhere and save the watches again.",
        )


def _create(database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {VERSION}")
    database.execute("COMMIT")


def _search(database: sqlite3.Connection, base_url: str, name: str) -> SavedSearch:
    query = f"SELECT {_FIELDS} FROM watch WHERE base_url = ? AND name = ?"  # noqa: S608  # a constant
    return SavedSearch(*database.execute(query, (base_url, name)).fetchone())


def _busy() -> WatchError:
    return WatchError("The file of watches is in use by another process.", code="watches_busy", hint="Try again in a moment.")
