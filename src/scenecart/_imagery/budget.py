"""A bound on the memory of all pictures that are unpacked at the same time in this process."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_BYTES = 512 * 2**20


class Budget:
    """Bytes that the threads of a process share: who needs more than is left waits until others have finished.

    One that needs more than all of them goes alone. A thread asks once, and not again before it has finished.

    Parameters
    ----------
    most
        How many bytes there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._changed = threading.Condition()
        if hasattr(os, "register_at_fork"):
            # the threads that use them do not exist in a forked process
            os.register_at_fork(after_in_child=self._renew)

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

    def _renew(self) -> None:
        self._used, self._changed = 0, threading.Condition()


unpacked_bytes = Budget(_MOST_BYTES)
