"""SQLite connections that are safe to fork: a fork waits until no thread of the sandbox is in SQLite.

SQLite has locks for the whole process. A lock that a thread holds during a fork is never released in the new process, which then
hangs at its first query. Programs with a sandbox, such as tutorials, do fork.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from typing import Any, Self

_MOST_SECONDS = 5.0


class _Gate:
    """A gate that threads pass for each use of SQLite; it is closed while the process forks."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._is_forking = False
        self._thread = threading.local()

    def __enter__(self) -> None:
        # a cursor can be garbage-collected during another use
        self._thread.depth = depth = getattr(self._thread, "depth", 0) + 1
        if depth == 1:
            with self._changed:
                while self._is_forking:
                    self._changed.wait(_MOST_SECONDS)
                self._inside += 1

    def __exit__(self, *_: object) -> None:
        self._thread.depth -= 1
        if self._thread.depth == 0:
            with self._changed:
                self._inside -= 1
                if self._is_forking:
                    self._changed.notify_all()

    def close(self) -> None:
        """Close the gate, and wait for a limited time until no thread is in SQLite."""
        with self._changed:
            self._is_forking = True
            self._changed.wait_for(lambda: self._inside == 0, _MOST_SECONDS)

    def open(self) -> None:
        """Open the gate again."""
        with self._changed:
            self._is_forking = False
            self._changed.notify_all()

    def renew(self) -> None:
        """Reset the gate in the forked process, where the threads do not exist."""
        self.__init__()  # type: ignore[misc]  # the same gate, which connections refer to


_gate = _Gate()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_gate.close, after_in_parent=_gate.open, after_in_child=_gate.renew)


class _Cursor(sqlite3.Cursor):
    def execute(self, *arguments: Any) -> Self:
        with _gate:
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Self:
        with _gate:
            return super().executemany(*arguments)

    def executescript(self, *arguments: Any) -> sqlite3.Cursor:
        with _gate:
            return super().executescript(*arguments)

    def fetchone(self) -> Any:
        with _gate:
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _gate:
            return super().fetchall()

    def __next__(self) -> Any:
        with _gate:
            return super().__next__()

    def __del__(self) -> None:
        # ends a query that was not read completely
        with _gate, contextlib.suppress(sqlite3.Error):
            self.close()


class _Connection(sqlite3.Connection):
    def cursor(self, *_: object) -> _Cursor:  # type: ignore[override]  # every cursor passes the gate
        return super().cursor(_Cursor)

    # the methods of the base class use another cursor, which does not pass the gate
    def execute(self, *arguments: Any) -> _Cursor:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> _Cursor:
        return self.cursor().executemany(*arguments)

    def executescript(self, *arguments: Any) -> sqlite3.Cursor:
        return self.cursor().executescript(*arguments)

    def close(self) -> None:
        with _gate:
            super().close()


def connect(uri: str, timeout: float = 5.0) -> sqlite3.Connection:
    """Open a database by its URI, with explicit transactions; any thread may close it.

    Parameters
    ----------
    uri
        The ``file:`` URI.
    timeout
        Seconds to wait for a database that another connection has locked.
    """
    with _gate:
        return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False, factory=_Connection)
