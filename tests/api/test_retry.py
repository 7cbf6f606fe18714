"""The retry rule, and the ``Retry-After`` header."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

import scenecart
from _expect import raises
from _scripted_service import ScriptedService, answer
from _sessions import READ, Clock, make_session
from scenecart._api.retry import Retry, parse_retry_after


def longest(_: float, most: float) -> float:
    """Return the longest of random waits."""
    return most


def test_wait_doubles_up_to_its_cap():
    """The longest wait doubles with each failure, up to the cap."""
    rule = Retry(attempts=9, seconds=1_000, base=0.5, cap=8)
    assert [rule.wait(failures, 0.0, None, longest) for failures in range(1, 7)] == [1, 2, 4, 8, 8, 8]


@pytest.mark.parametrize(("failures", "waited", "expected"), [(2, 0.0, 2.0), (3, 0.0, None), (2, 8.0, 2.0), (2, 8.5, None)])
def test_wait_ends_at_either_limit(failures: int, waited: float, expected: float | None):
    """There is no further attempt after the last one, or once the waiting time is used up."""
    assert Retry(attempts=3, seconds=10).wait(failures, waited, None, longest) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("3", 3.0),
        (" 120 ", 120.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 00:00:30", 30.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("\u0663", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(header: str | None, expected: float | None):
    """A header is a number of seconds or an HTTP date; a past date is no wait, and anything else is ignored."""
    assert parse_retry_after(header, datetime(2026, 1, 1, tzinfo=UTC)) == expected


@pytest.mark.parametrize(
    ("header", "sleeps"),
    [("3", [3.0]), ("0", [0.0]), ("soon", [1.0]), ("-5", [1.0]), ("Thu, 01 Jan 1970 00:00:00 GMT", [0.0])],
)
def test_retry_after_is_waited_for(service: ScriptedService, header: str, sleeps: list[float]):
    """After a 429, the session waits as long as requested, in seconds or until a date; without a valid header by the rule."""
    clock = Clock()
    service.put("some.read", answer({}, 429, Retry_After=header), answer({"fine": 1}))
    make_session(service, clock).call(READ)
    assert clock.sleeps == sleeps


def test_very_long_retry_after_is_an_error_at_once(service: ScriptedService):
    """A wait longer than the limit is not waited for: the error is raised at once and has the requested seconds, at most a day."""
    clock = Clock()
    service.put("some.read", answer({}, 429, Retry_After="999999999"))
    with raises(scenecart.RateLimited, "rate_limited") as caught:
        make_session(service, clock).call(READ)
    assert caught.value.retry_after == 86_400
    assert clock.sleeps == []


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_failing_service_is_waited_for(service: ScriptedService, status: int):
    """The wait that a service asks for is kept to when it is down, as when there were too many requests."""
    clock = Clock()
    service.put("some.read", answer({}, status, Retry_After="7"), answer({"fine": 1}))
    assert make_session(service, clock).call(READ) == {"fine": 1}
    assert clock.sleeps == [7.0]
