"""A value that is read once and cached for a number of seconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class CachedValue(Generic[T]):
    """A cached value: read on first use, and again once it is older than a limit. Threads share one read, and wait for it.

    Parameters
    ----------
    read
        Reads the value. Its errors are raised, and not stored.
    seconds
        How long a value is kept.
    clock
        Seconds that only go forward.

    Examples
    --------
    >>> names = CachedValue(lambda: ["aurora"], 60.0, clock=lambda: 0.0)
    >>> names.get() is names.get()
    True
    """

    def __init__(self, read: Callable[[], T], seconds: float, clock: Callable[[], float]) -> None:
        self._read = read
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[float, T] | None = None

    def get(self) -> T:
        """Return the value, which is read if there is none or it is too old."""
        with self._lock:
            now = self._clock()
            if self._kept is None or now - self._kept[0] > self._seconds:
                self._kept = now, self._read()
            return self._kept[1]

    def forget(self) -> None:
        """Read the value again the next time."""
        with self._lock:
            self._kept = None
