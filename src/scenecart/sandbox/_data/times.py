"""Times as RFC 3339 text and as Unix time in seconds."""

from __future__ import annotations

from datetime import UTC, datetime


def to_rfc3339(seconds: float, precision: str = "milliseconds") -> str:
    """Format Unix time in seconds as UTC, for example 2024-03-05T10:20:30.000Z."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def parse_time(text: str) -> float:
    """Parse an ISO 8601 time to Unix time in seconds; a time without an offset is UTC.

    Raises
    ------
    ValueError
        If the text is not an ISO 8601 time.
    """
    time = datetime.fromisoformat(text)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
