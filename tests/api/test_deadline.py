"""Time limits of calls: no retry begins after the time of the caller."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import scenecart
from _scripted_service import answer
from _sessions import READ, Clock, make_session
from scenecart._api.deadline import limited_to, seconds_left

if TYPE_CHECKING:
    from _scripted_service import ScriptedService


def test_limit_ends_retries(service: ScriptedService):
    """A call with a time limit is not retried after it; without a limit it is."""
    service.put("some.read", answer({}, 503))
    clock = Clock()
    session = make_session(service, clock)
    with pytest.raises(scenecart.ServiceError), limited_to(3.0, clock):
        session.call(READ)
    assert sum(clock.sleeps) < 3.0
    assert len(service.received) == 2
    with pytest.raises(scenecart.ServiceError):
        session.call(READ)
    assert len(service.received) == 7


def test_limit_is_of_its_own_thread_and_ends():
    """A limit holds in the thread that set it, until its block ends, also by an error."""
    others: list[float | None] = []

    def look() -> None:
        with limited_to(5.0, Clock()):
            thread = threading.Thread(target=lambda: others.append(seconds_left()))
            thread.start()
            thread.join()
            assert seconds_left() == 5.0
            raise LookupError

    with pytest.raises(LookupError):
        look()
    assert others == [None]
    assert seconds_left() is None


def test_limit_none_is_no_limit():
    """No number of seconds is no limit."""
    with limited_to(None, Clock()):
        assert seconds_left() is None
