"""The rate limit, and the check of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scenecart
from _expect import raises
from _purchases import PLACE
from _scripted_service import ScriptedService, answer
from _sessions import KEY, READ, Clock, make_session
from scenecart._api import operations

if TYPE_CHECKING:
    from collections.abc import Callable


def test_limiter_keeps_calls_within_the_limit(service: ScriptedService):
    """No more calls than the limit are sent within any sixty seconds."""
    clock = Clock()
    service.put("some.read", answer({}))
    session = make_session(service, clock, limits=scenecart.Limits(calls_per_minute=3))
    for _ in range(7):
        session.call(READ)
    assert clock.now - 1_000.0 == pytest.approx(120.0)


def test_limiter_says_once_that_it_waits(service: ScriptedService):
    """Before an order waits because of the limit, somebody is told how long; an error of whoever is told changes nothing."""
    clock, waits = Clock(), list[float]()
    service.put(PLACE, answer({}, 202))
    session = make_session(service, clock, limits=scenecart.Limits(places_per_minute=2))

    def tell(seconds: float) -> None:
        waits.append(seconds)
        raise OSError

    session.on_placing_wait(tell)
    for _ in range(3):
        with session.placing_permit() as permit:
            permit.is_used = True
            session.send_once(operations.PLACE, b"{}", KEY)
    # one that is not used is free for the next
    with session.placing_permit():
        pass
    with session.placing_permit():
        pass
    assert waits == [60.0]
    assert len(service.requests(PLACE)) == 3


@pytest.mark.parametrize(
    ("make", "argument", "code"),
    [
        (lambda: scenecart.Retry(attempts=0), "Retry.attempts", "not_a_count"),
        (lambda: scenecart.Retry(attempts="3"), "Retry.attempts", "not_a_count"),  # type: ignore[arg-type]
        (lambda: scenecart.Retry(attempts=None), "Retry.attempts", "not_a_count"),  # type: ignore[arg-type]
        (lambda: scenecart.Retry(seconds=float("nan")), "Retry.seconds", "not_seconds"),
        (lambda: scenecart.Retry(cap=None), "Retry.cap", "not_seconds"),  # type: ignore[arg-type]
        (lambda: scenecart.Limits(read="5"), "Limits.read", "not_seconds"),  # type: ignore[arg-type]
        (lambda: scenecart.Limits(read=-1), "Limits.read", "not_seconds"),
        (lambda: scenecart.Limits(read=None), "Limits.read", "not_seconds"),  # type: ignore[arg-type]
        (lambda: scenecart.Limits(places_per_minute=0), "Limits.places_per_minute", "not_a_count"),
        (lambda: scenecart.connect(token="t", limits=30), "limits", "limits_not_limits"),
        (lambda: scenecart.connect(token="t", retry=3), "retry", "retry_not_retry"),
    ],
)
def test_invalid_settings_are_refused_at_once(make: Callable[[], object], argument: str, code: str):
    """Limits and retry rules that are not numbers are refused when they are set, not in the middle of a purchase."""
    with raises(scenecart.ConfigurationError, code) as caught:
        make()
    assert caught.value.argument == argument
