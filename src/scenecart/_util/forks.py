"""Forks of this process: locks that another thread holds during a fork are never released in the new process."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol


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


class ForkAware(Protocol):
    """An object that has locks."""

    def after_fork(self) -> None:
        """Replace the locks in the forked process, where the threads that hold them do not exist."""


sqlite = SqliteLock()
_registered: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def register_after_fork(part: ForkAware) -> None:
    """Call ``part.after_fork()`` in every forked process, as long as it exists."""
    _registered.add(part)


def _renew() -> None:
    for part in list(_registered):
        part.after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)
