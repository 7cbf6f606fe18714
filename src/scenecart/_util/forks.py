"""Forks of this process: SQLite is used by no thread while one forks, because the new process would wait for ever."""

from __future__ import annotations

import os
import threading


class SqliteLock:
    """A lock around every use of SQLite; a fork waits for it, and the new process starts with a free one.

    SQLite keeps locks of its own for the whole process, even for its memory. One that another thread holds during a fork is never
    released in the new process, which hangs at its first query.

    Attributes
    ----------
    lock : threading.RLock
        The lock of this process; read it anew for each use.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._renew)

    def _before(self) -> None:
        self.lock.acquire()

    def _after(self) -> None:
        self.lock.release()

    def _renew(self) -> None:
        self.lock = threading.RLock()


sqlite = SqliteLock()
