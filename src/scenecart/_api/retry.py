"""When to try again, how long to wait, and how fast to call: rules without a network."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from scenecart._util.keywords import checked_dataclass
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

READ_STATUSES = frozenset({429, 500, 502, 503, 504})
SPEND_STATUSES = frozenset({429, 502, 503, 504})


def check_numbers(settings: object, *, whole: tuple[str, ...], others: tuple[str, ...]) -> None:
    """Refuse settings that would end in an error of Python's in the middle of a request.

    Raises
    ------
    ConfigurationError
        If one of ``whole`` is no whole number from 1 on, or one of ``others`` no number from 0 on.
    """
    for name in (*whole, *others):
        value = getattr(settings, name)
        kinds = (int,) if name in whole else (int, float)
        if not isinstance(value, kinds) or isinstance(value, bool) or not value >= (name in whole):
            wanted = "a whole number of at least 1" if name in whole else "a number of seconds from 0 on"
            raise ConfigurationError(f"{type(settings).__name__}: {name} is {wanted}, not {value!r}.")


@checked_dataclass
@dataclass(frozen=True)
class Retry:
    """How often and how long a safe request is tried again: both caps hold.

    Attributes
    ----------
    attempts : int
        Tries in all, the first included. Default 5.
    seconds : float
        Waiting between tries in all. Default 60.
    base, cap : float
        The wait before try n is drawn from 0 to ``min(cap, base * 2**n)`` seconds. Defaults 0.5 and 8.

    Examples
    --------
    >>> client = connect("sandbox", retry=Retry(attempts=2, seconds=10))
    """

    attempts: int = 5
    seconds: float = 60.0
    base: float = 0.5
    cap: float = 8.0

    def __post_init__(self) -> None:
        check_numbers(self, whole=("attempts",), others=("seconds", "base", "cap"))

    def wait(
        self, failures: int, waited: float, retry_after: float | None, uniform: Callable[[float, float], float]
    ) -> float | None:
        """Return the seconds to wait after so many failures, or None when a cap is reached."""
        if failures >= self.attempts:
            return None
        wait = uniform(0.0, min(self.cap, self.base * 2**failures)) if retry_after is None else retry_after
        return wait if waited + wait <= self.seconds else None


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a ``Retry-After`` header: seconds, or an HTTP date; None when it is neither.

    Examples
    --------
    >>> parse_retry_after("3")
    3.0
    >>> parse_retry_after("soon") is None
    True
    """
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


class Limiter:
    """At most so many calls in any sixty seconds, shared by all threads of a client."""

    def __init__(self, calls: int, *, clock: Callable[[], float], sleep: Callable[[float], None], window: float = 60.0) -> None:
        self._calls = calls
        self._window = window
        self._clock = clock
        self._sleep = sleep
        self._starts: deque[float] = deque()
        self._lock = threading.Lock()

    def enter(self) -> None:
        """Wait until one more call keeps within the limit."""
        while True:
            with self._lock:
                now = self._clock()
                while self._starts and now - self._starts[0] >= self._window:
                    self._starts.popleft()
                if len(self._starts) < self._calls:
                    self._starts.append(now)
                    return
                wait = self._starts[0] + self._window - now
            self._sleep(wait)


Retry.__module__ = "scenecart"
