"""Times as text and as seconds."""

from __future__ import annotations

import pytest

from scenecart.sandbox._data.times import parse_time, to_rfc3339


def test_to_rfc3339_formats_utc():
    """Unix time in seconds becomes UTC text with the requested precision."""
    assert to_rfc3339(1_709_633_130.25) == "2024-03-05T10:05:30.250Z"
    assert to_rfc3339(0, "seconds") == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("text", ["1970-01-02", "1970-01-02T00:00:00Z", "1970-01-02T02:00:00+02:00"])
def test_parse_time_without_offset_is_utc(text: str):
    """A time has the offset it states, or is UTC."""
    assert parse_time(text) == 86_400


def test_parse_time_invalid_text_is_refused():
    """Text that is not an ISO 8601 time is a ValueError."""
    with pytest.raises(ValueError, match="yesterday"):
        parse_time("yesterday")


def test_times_at_the_ends_of_the_calendar_are_kept_within_it():
    """The last instant of 9999 and the first of the year 1 are formatted, and what is beyond in UTC is refused."""
    assert to_rfc3339(parse_time("9999-12-31T23:59:59.999999Z")) == "9999-12-31T23:59:59.000Z"
    assert to_rfc3339(parse_time("0001-01-01T00:00:00Z")) == "0001-01-01T00:00:00.000Z"
    for text in ("0001-01-01T00:00:00+05:00", "9999-12-31T23:00:00-05:00"):
        with pytest.raises(ValueError, match="out of range"):
            parse_time(text)
