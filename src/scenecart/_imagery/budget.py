"""A bound on the memory of all pictures that are unpacked at the same time in this process."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from scenecart._util.forks import register_after_fork

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES = 512 * 2**20


class Budget:
    """Bytes that the threads of a process share: who needs more than is left waits until others have finished.

    A picture that needs more than the limit runs alone. A thread reserves once, and not again before it has finished.

    Parameters
    ----------
    most
        How many bytes there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._changed = threading.Condition()
        register_after_fork(self)

    @contextlib.contextmanager
    def taken(self, count: int) -> Iterator[None]:
        """Have so many bytes for the time of a block."""
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
        """Have all bytes in a forked process: the threads that use them do not exist there."""
        self._used, self._changed = 0, threading.Condition()


unpacked_bytes = Budget(_MOST_BYTES)
