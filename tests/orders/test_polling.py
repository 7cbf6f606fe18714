"""Polling: pauses, failures and times."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from _purchases import GET, ORDER
from _scripted_service import Answer, ScriptedService, answer
from scenecart._api.retry import Retry


def test_poll_continues_after_failures(service: ScriptedService, connect: Any):
    """Waiting continues after failed requests, as late as the service asks for: the order continues as well."""
    slept: list[float] = []
    service.put(GET, answer(ORDER))
    order = connect(sleep=slept.append, retry=Retry(attempts=1)).order("o-1")
    failures = [answer({}, 503), Answer(None), answer({}, 429, Retry_After="7"), Answer(b"<html>")]
    service.put(GET, *failures, answer({**ORDER, "status": "delivered"}))
    assert order.wait(poll=1.0, progress=False).status == "delivered"
    assert slept[:4] == [1.0, 1.0, 7.0, 1.0]


def test_poll_gives_up_after_many_failures(service: ScriptedService, connect: Any):
    """A service that keeps failing ends the wait with its own error after a bounded number of requests."""
    order = connect(retry=Retry(attempts=1)).order("o-1")
    service.put(GET, answer({}, 503))
    with pytest.raises(scenecart.ServiceError):
        order.wait(progress=False)
    assert 2 <= len(service.requests(GET)) <= 20


def test_poll_refusal_ends_the_wait(service: ScriptedService, connect: Any):
    """An order that does not exist, or may not be seen, is not waited for."""
    order = connect().order("o-1")
    service.put(GET, answer({}, 404))
    with raises(scenecart.NotFound, "order_not_found"):
        order.wait(progress=False)
    assert len(service.requests(GET)) == 2


def test_poll_pauses_grow_with_jitter(service: ScriptedService, connect: Any):
    """By default requests come quickly at first, then ever more rarely, and never in step."""
    slept: list[float] = []
    service.put(GET, *[answer(ORDER)] * 20, answer({**ORDER, "status": "delivered"}))
    connect(sleep=slept.append).order("o-1").wait(progress=False)
    assert slept[0] == 0.25
    assert slept[5] > slept[0]
    assert max(slept) <= 15 * 1.1
    assert len(set(slept[-5:])) == 5


@pytest.mark.parametrize("wrong", ["5", -1, float("nan"), True])
def test_poll_timeout_must_be_seconds(service: ScriptedService, connect: Any, wrong: Any):
    """A timeout that is not a number of seconds is refused before any request, for one order and for many."""
    order = connect().order("o-1")
    before = len(service.received)
    for wait in (
        lambda: order.wait(timeout=wrong, progress=False),
        lambda: scenecart.wait_all([order], timeout=wrong, progress=False),
    ):
        with raises(scenecart.InvalidRequest, "not_seconds") as caught:
            wait()
        assert caught.value.argument == "timeout"
    assert len(service.received) == before


def test_poll_interval_must_be_a_number(service: ScriptedService, connect: Any):
    """A poll interval that is not a number is refused before any request."""
    order = connect().order("o-1")
    before = len(service.received)
    with raises(scenecart.InvalidRequest, "not_a_number") as caught:
        order.wait(poll="5", progress=False)
    assert caught.value.argument == "poll"
    assert len(service.received) == before
