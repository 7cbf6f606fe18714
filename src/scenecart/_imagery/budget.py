"""A limit on the memory of all pictures that this process decodes at the same time."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from scenecart._util.forks import register_after_fork

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES = 512 * 2**20


class Budget:
    """A number of bytes that threads of a process share: a thread that needs more than is left waits until others have finished.

    A picture that needs more than the limit is decoded alone. A thread must not reserve twice at the same time.

    Parameters
    ----------
    most
        The limit, in bytes.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._changed = threading.Condition()
        register_after_fork(self)

    @contextlib.contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Reserve this many bytes for a block."""
        count = min(count, self._most)
        with self._changed:
            self._changed.wait_for(lambda: self._used + count <= self._most)
            self._used += count
        try:
            yield
        finally:
            with self._changed:
                self._used -= count
                self._changed.notify_all()

    def after_fork(self) -> None:
        """Free all bytes in a forked process, where the threads that reserved them do not exist."""
        self._used, self._changed = 0, threading.Condition()


unpacked_bytes = Budget(_MOST_BYTES)
