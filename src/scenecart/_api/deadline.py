"""Time limits of calls: requests and retries of a thread end with the time that its caller has."""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LEFT: ContextVar[Callable[[], float] | None] = ContextVar("scenecart_seconds_left", default=None)


@contextlib.contextmanager
def limited_to(seconds: float | None, clock: Callable[[], float]) -> Iterator[None]:
    """Limit the calls of this thread: no read and no retry begins or lasts longer than so many seconds from now; None: no limit.

    Examples
    --------
    >>> import time
    >>> from scenecart._api.deadline import limited_to, seconds_left
    >>> with limited_to(5, time.monotonic):
    ...     4 < seconds_left() <= 5
    True
    >>> seconds_left() is None
    True
    """
    if seconds is None:
        yield
        return
    deadline = clock() + seconds
    token = _LEFT.set(lambda: max(0.0, deadline - clock()))
    try:
        yield
    finally:
        _LEFT.reset(token)


def seconds_left() -> float | None:
    """Return the seconds that calls of this thread may still take; None for no limit."""
    left = _LEFT.get()
    return None if left is None else left()
