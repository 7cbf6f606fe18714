"""Timeouts, rate limits and size limits of calls."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._util.validate import check_count, check_seconds
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Limits:
    """Timeouts, rate limits and the maximum size of a response.

    Attributes
    ----------
    connect, read : float
        Seconds to wait for a connection, and for the next bytes of a response. Defaults 10 and 120.
    calls_per_minute, places_per_minute : int
        Rate limits for all calls, and for placing orders. Defaults 600 and 60, the service's own limits for an organization.
    answer_bytes : int
        Maximum size of a response in bytes, uncompressed. Streams and downloads may be larger. Default 512 MiB.

    Examples
    --------
    >>> client = connect("sandbox", limits=Limits(read=30, calls_per_minute=120))
    """

    connect: float = 10.0
    read: float = 120.0
    calls_per_minute: int = 600
    places_per_minute: int = 60
    answer_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        check_settings(self, counts=("calls_per_minute", "places_per_minute", "answer_bytes"), seconds=("connect", "read"))


class Limiter:
    """A limit of calls in any sixty seconds, shared by all threads of a client."""

    def __init__(self, calls: int, *, clock: Callable[[], float], sleep: Callable[[float], None], window: float = 60.0) -> None:
        # called with the seconds before a wait of a second or more
        self.on_wait: Callable[[float], object] = lambda _: None
        self._calls = calls
        self._window = window
        self._clock = clock
        self._sleep = sleep
        self._starts: deque[float] = deque()
        self._lock = threading.Lock()

    def after_fork(self) -> None:
        """Replace the lock in a forked process."""
        self._lock = threading.Lock()

    def enter(self) -> float:
        """Wait until one more call is within the limit, and return when it began."""
        is_announced = False
        while True:
            with self._lock:
                now = self._clock()
                while self._starts and now - self._starts[0] >= self._window:
                    self._starts.popleft()
                if len(self._starts) < self._calls:
                    self._starts.append(now)
                    return now
                wait = self._starts[0] + self._window - now
            if wait >= 1 and not is_announced:
                is_announced = True
                # a failing notice must not stop the call
                with contextlib.suppress(Exception):
                    self.on_wait(wait)
            self._sleep(wait)

    def leave(self, began: float) -> None:
        """Give back the place of a call that was not made after all."""
        with self._lock, contextlib.suppress(ValueError):
            self._starts.remove(began)


def check_settings(settings: object, *, counts: tuple[str, ...], seconds: tuple[str, ...]) -> None:
    """Refuse invalid numbers now, instead of in the middle of a request; numbers of numpy become plain ones.

    Raises
    ------
    ConfigurationError
        If one of ``counts`` is not a whole number of at least 1, or one of ``seconds`` is not a number of at least 0.
    """
    for name in (*counts, *seconds):
        value, argument = getattr(settings, name), f"{type(settings).__name__}.{name}"
        if name in counts:
            value = check_count(value, argument, optional=False, kind=ConfigurationError)
        else:
            value = check_seconds(value, argument, optional=False, kind=ConfigurationError)
        # settings are frozen
        object.__setattr__(settings, name, value)


Limits.__module__ = "scenecart"
