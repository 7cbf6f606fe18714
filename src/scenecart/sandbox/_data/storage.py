"""The database: one file, one connection a thread, one writer at a time."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from importlib import resources
from typing import TYPE_CHECKING

from scenecart.sandbox._data import archive
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION = 2


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder for one sandbox; however the process ends, it holds it no more.

    Raises
    ------
    SandboxError
        If another sandbox holds it.
    """
    # closed by whichever thread stops the sandbox
    held = sqlite3.connect(folder / "held.sqlite", timeout=0, isolation_level=None, check_same_thread=False)
    with contextlib.closing(held):
        try:
            held.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise SandboxError(f"Another sandbox runs on {folder}; stop it, or use another folder.") from None
            raise SandboxError(f"The folder {folder} cannot be used: {error}.") from error
        yield


class Storage:
    """The sandbox's database. What is committed survives the process being killed."""

    def __init__(self, path: Path, captures: Path) -> None:
        self.path = path
        self._captures = archive.uri(captures)
        self._local = threading.local()
        self._opened: dict[threading.Thread, sqlite3.Connection] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self.is_new = self._prepare()

    @property
    def read(self) -> sqlite3.Connection:
        """The connection of the thread that asks, for reading."""
        database: sqlite3.Connection | None = getattr(self._local, "database", None)
        if database is None:
            # closed by whichever thread stops the sandbox
            database = sqlite3.connect(
                f"{self.path.resolve().as_uri()}", uri=True, timeout=30, isolation_level=None, check_same_thread=False
            )
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
                # the server's idle threads end; what those opened is held until another one comes
                for ended in [thread for thread in self._opened if not thread.is_alive()]:
                    self._opened.pop(ended).close()
                self._opened[threading.current_thread()] = database
        return database

    @contextlib.contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Hold the one writer's place: everything in the block is done, or nothing."""
        database = self.read
        # other threads wait here: SQLite itself would have them sleep and ask again
        with self._writing:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def setting(self, name: str) -> str | None:
        """Return a remembered setting."""
        row = self.read.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row["value"])

    def close(self) -> None:
        """Close every thread's connection."""
        with self._lock:
            while self._opened:
                self._opened.popitem()[1].close()

    def _prepare(self) -> bool:
        try:
            (version,) = self.read.execute("PRAGMA user_version").fetchone()
            if version == _VERSION:
                return False
            if version != 0 or self.read.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                raise SandboxError(f"{self.path} is no database of this version of the sandbox; use another folder.")
            self.read.execute("PRAGMA journal_mode = WAL")
            schema = resources.files("scenecart.sandbox._data").joinpath("schema.sql").read_text(encoding="utf-8")
            self.read.executescript(f"BEGIN;{schema};PRAGMA user_version = {_VERSION};COMMIT;")
        except sqlite3.DatabaseError as error:
            self.close()
            raise SandboxError(f"{self.path} cannot be used: {error}; use another folder.") from error
        return True
