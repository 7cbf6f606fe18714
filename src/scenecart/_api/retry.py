"""How long to wait between attempts, and the ``Retry-After`` header; ``http`` decides what is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from scenecart._api.limits import Limits, check_settings
from scenecart._util.validate import shown_value
from scenecart.exceptions import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

READ_STATUSES = frozenset({429, 500, 502, 503, 504})
SPEND_STATUSES = frozenset({429, 502, 503, 504})
_MAX_RETRY_AFTER = 86_400.0


@dataclass(frozen=True)
class Retry:
    """How often and how long a request is retried; both limits apply.

    Only requests that cannot buy twice are retried: reads, and purchases with an idempotency key.

    Attributes
    ----------
    attempts : int
        Attempts in total, including the first. Default 5.
    seconds : float
        Waiting time between attempts, in total. Default 60.
    base, cap : float
        The wait after failure n is random, from 0 to ``min(cap, base * 2**n)`` seconds. Defaults 0.5 and 8.

    Examples
    --------
    >>> client = connect("sandbox", retry=Retry(attempts=2, seconds=10))
    """

    attempts: int = 5
    seconds: float = 60.0
    base: float = 0.5
    cap: float = 8.0

    def __post_init__(self) -> None:
        check_settings(self, counts=("attempts",), seconds=("seconds", "base", "cap"))

    def wait(
        self, failures: int, waited: float, retry_after: float | None, uniform: Callable[[float, float], float]
    ) -> float | None:
        """Return the seconds to wait before the next attempt, or None if a limit is reached."""
        if failures >= self.attempts:
            return None
        wait = uniform(0.0, min(self.cap, self.base * 2**failures)) if retry_after is None else retry_after
        return wait if waited + wait <= self.seconds else None


def check_policies(limits: Any, retry: Any) -> None:
    """Refuse limits and retries of other types.

    Raises
    ------
    ConfigurationError
        If ``limits`` is not a :class:`Limits`, or ``retry`` not a :class:`Retry`; None is the default of each.
    """
    if not isinstance(limits, Limits | None):
        raise ConfigurationError(
            f"must be a scenecart.Limits, got {shown_value(limits)}.", code="limits_not_limits", argument="limits"
        )
    if not isinstance(retry, Retry | None):
        raise ConfigurationError(f"must be a scenecart.Retry, got {shown_value(retry)}.", code="retry_not_retry", argument="retry")


def parse_retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, which is a number or an HTTP date, at most a day; None for anything else.

    Parameters
    ----------
    value
        The header.
    now
        The time that a date is compared with, best that of the service's own clock. Default: the time of this computer.

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
        return min(float(text), _MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())
    return min(seconds, _MAX_RETRY_AFTER)


Retry.__module__ = "scenecart"
