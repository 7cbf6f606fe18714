"""The sandbox's SQLite database: one connection per thread, one writer at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from importlib import resources
from typing import TYPE_CHECKING

from scenecart.sandbox._data import archive
from scenecart.sandbox._data.connections import connect
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION = 4


@contextlib.contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Lock a data folder for one sandbox; the lock ends with the process, even if it is killed.

    Raises
    ------
    SandboxError
        If another sandbox uses the folder.
    """
    # the thread that stops the sandbox closes it
    lock = connect((folder / "lock.sqlite").resolve().as_uri(), timeout=0)
    with contextlib.closing(lock):
        try:
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise SandboxError(f"Another sandbox uses the folder {folder}. Stop it, or use another folder.") from None
            raise SandboxError(f"The folder {folder} cannot be used: {error}.") from error
        yield


class Storage:
    """The sandbox's database; committed data survives when the process is killed."""

    def __init__(self, path: Path, captures: Path) -> None:
        self.path = path
        self._captures = archive.uri(captures)
        self._local = threading.local()
        self._connections: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        self._write_lock = threading.Lock()
        self.is_new = self._create_schema()

    @property
    def read(self) -> sqlite3.Connection:
        """The current thread's connection, for reading."""
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            # the thread that stops the sandbox closes it
            database = connect(self.path.resolve().as_uri(), timeout=30)
            database.row_factory = sqlite3.Row
            try:
                database.execute("PRAGMA foreign_keys = ON")
                database.execute("PRAGMA synchronous = NORMAL")
                database.execute("PRAGMA mmap_size = 1073741824")
                database.execute("ATTACH ? AS captures", (self._captures,))
            except BaseException:
                database.close()
                raise
            self._local.database = database
            with self._lock:
                # idle threads of the server end: close their connections when the next thread opens one
                for ended in [thread for thread in self._connections if not thread.is_alive()]:
                    self._connections.pop(ended).close()
                self._connections[threading.current_thread()] = database
        return database

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Run the block as one write transaction."""
        database = self.read
        # a lock wakes the next writer at once; SQLite's own busy handler sleeps and polls
        with self._write_lock:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def setting(self, name: str) -> str | None:
        """Return a stored setting, or None."""
        row = self.read.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            while self._connections:
                self._connections.popitem()[1].close()

    def _create_schema(self) -> bool:
        try:
            (version,) = self.read.execute("PRAGMA user_version").fetchone()
            if version == _VERSION:
                return False
            if version != 0 or self.read.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise SandboxError(f"{self.path} was not written by this version of the sandbox. Use another folder.")
            self.read.execute("PRAGMA journal_mode = WAL")
            schema = resources.files("scenecart.sandbox._data").joinpath("schema.sql").read_text(encoding="utf-8")
            self.read.executescript(f"BEGIN;{schema};PRAGMA user_version = {_VERSION};COMMIT;")
        except sqlite3.DatabaseError as error:
            self.close()
            raise SandboxError(f"{self.path} cannot be used: {error}. Use another folder.") from error
        return True
