"""Times as RFC 3339 text and as Unix time in seconds."""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
# a later fraction of a second would be rounded to the year 10000
_LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def to_rfc3339(seconds: float, precision: str = "milliseconds") -> str:
    """Format Unix time in seconds as UTC, for example 2024-03-05T10:20:30.000Z; within the years 1 to 9999."""
    seconds = min(max(seconds, _FIRST), _LAST)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def parse_time(text: str) -> float:
    """Parse an ISO 8601 time to Unix time in seconds; a time without an offset is UTC.

    Raises
    ------
    ValueError
        If the text is not an ISO 8601 time.
    """
    time = datetime.fromisoformat(text)
    seconds = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    if not _FIRST <= seconds <= _LAST + 1:
        raise ValueError(f"{text} is out of range in UTC")
    return min(seconds, _LAST)
