"""Polling: pauses, failures and times."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest

import scenecart
from _expect import raises
from _purchases import GET, LIST, ORDER
from _scripted_service import TOKEN_PATH, Answer, RecordedRequest, ScriptedService, Stall, answer
from _sessions import Clock
from scenecart._api.retry import Retry
from scenecart._orders import polling


def test_poll_continues_after_failures(service: ScriptedService, connect: Any):
    """Waiting continues after failed requests, as late as the service asks for: the order continues as well."""
    slept: list[float] = []
    service.put(GET, answer(ORDER))
    order = connect(sleep=slept.append, retry=Retry(attempts=1)).order("o-1")
    failures = [answer({}, 503), Answer(None), answer({}, 429, Retry_After="7"), Answer(b"<html>")]
    service.put(GET, *failures, answer({**ORDER, "status": "delivered"}))
    assert order.wait(poll=1.0, progress=False).status == "delivered"
    assert slept[:4] == [1.0, 1.0, 7.0, 1.0]


@pytest.mark.parametrize(
    ("failure", "many"),
    [
        (Answer(None), False),
        (answer({}, 503), False),
        (answer({}, 429), False),
        (Answer(b"<html>"), False),
        (answer({}, 408), False),
        (Answer(None), True),
        (answer({}, 503), True),
    ],
)
def test_poll_outage_is_waited_through_and_notified_twice(service: ScriptedService, connect: Any, failure: Answer, *, many: bool):
    """A wait of hours goes through an outage of minutes, with one notice when it begins and one when it ends."""
    clock = Clock()
    said: list[Any] = []
    client = connect(retry=Retry(attempts=1), clock=clock, sleep=clock.sleep, say=said.append)
    order = client.order("o-1")

    def state(_: RecordedRequest) -> Answer:
        is_out = 1_030 < clock.now < 1_030 + 600
        return failure if is_out else answer({**ORDER, "status": "delivered" if clock.now > 1_660 else "processing"})

    def listed(request: RecordedRequest) -> Answer:
        reply = state(request)
        return reply if reply is failure else answer([json.loads(reply.body or b"")])

    service.put(GET, state)
    service.put(LIST, listed)
    if many:
        scenecart.wait_all([order], timeout=12 * 3600, progress=False)
    else:
        order.wait(timeout=12 * 3600, progress=False)
    assert [notice.code for notice in said] == ["waiting_through_outage", "outage_over"]
    assert "10 minutes" in said[1]


@pytest.mark.parametrize("many", [False, True])
def test_poll_outage_until_the_timeout_is_an_unknown_outcome(service: ScriptedService, connect: Any, *, many: bool):
    """An outage that lasts until the timeout ends the wait with an error that says that the state is not known, and why."""
    clock = Clock()
    order = connect(retry=Retry(attempts=2), clock=clock, sleep=clock.sleep, say=lambda _: None).order("o-1")
    service.put(GET, answer({}, 503))
    service.put(LIST, answer({}, 503))
    with raises(scenecart.WaitTimeout, "orders_outcome_unknown" if many else "order_outcome_unknown") as caught:
        scenecart.wait_all([order], timeout=600, progress=False) if many else order.wait(timeout=600, progress=False)
    assert 1_600 <= clock.now < 1_700
    assert isinstance(caught.value.__cause__, scenecart.ServiceError)
    assert "503" in caught.value.message


@pytest.mark.parametrize("is_date", [False, True], ids=["seconds", "date"])
def test_poll_pause_is_the_one_that_a_failing_service_asks_for(service: ScriptedService, connect: Any, *, is_date: bool):
    """A service that is down says when to come back, and nothing is requested before."""
    header = formatdate(time.time() + 240, usegmt=True) if is_date else "240"
    slept: list[float] = []
    order = connect(sleep=slept.append, say=lambda _: None).order("o-1")
    service.put(GET, answer({}, 503, Retry_After=header), answer({**ORDER, "status": "delivered"}))
    order.wait(progress=False)
    assert len(slept) == 1
    assert 120 <= slept[0] <= 240


@pytest.mark.parametrize("header", ["999999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_poll_pause_of_a_century_is_five_minutes(service: ScriptedService, connect: Any, header: str):
    """Whatever a service asks for, the next request is at most five minutes later."""
    slept: list[float] = []
    order = connect(sleep=slept.append, say=lambda _: None).order("o-1")
    service.put(GET, answer({}, 503, Retry_After=header), answer({**ORDER, "status": "delivered"}))
    order.wait(progress=False)
    assert slept == [300.0]


def test_poll_refusal_ends_the_wait(service: ScriptedService, connect: Any):
    """An order that does not exist, or may not be seen, is not waited for."""
    order = connect().order("o-1")
    service.put(GET, answer({"title": "Not Found"}, 404))
    with raises(scenecart.NotFound, "order_not_found"):
        order.wait(progress=False)
    assert len(service.requests(GET)) == 2


def test_poll_page_of_a_gateway_is_not_believed_at_once(service: ScriptedService, connect: Any):
    """A 404 without a reason, such as a gateway's page, does not end the wait; many of them in a row do."""
    page = Answer(b"<html>not here</html>", 404, {"Content-Type": "text/html"})
    order = connect(say=lambda _: None).order("o-1")
    # each poll sends two requests, because a 404 may be about the method
    service.put(GET, *[page] * 6, answer({**ORDER, "status": "delivered"}))
    assert order.wait(progress=False).is_delivered
    order = connect(say=lambda _: None).order("o-1")
    service.put(GET, *[page] * 40, answer({**ORDER, "status": "delivered"}))
    with raises(scenecart.NotFound, "order_not_found"):
        order.wait(progress=False)


def test_poll_error_of_the_callback_ends_the_wait(service: ScriptedService, connect: Any):
    """An error of the caller's own function is not taken for an outage."""
    order = connect().order("o-1")

    def fail(_: scenecart.Order) -> None:
        raise scenecart.ConnectionFailed("no database")

    with raises(scenecart.ConnectionFailed, "connection_failed"):
        order.wait(callback=fail, progress=False)


def test_poll_timeout_ends_a_stalled_read(service: ScriptedService, connect: Any, monkeypatch: pytest.MonkeyPatch):
    """A server that never answers does not hold a wait longer than its timeout, although a read may take two minutes."""
    monkeypatch.setattr(polling, "_LEAST_CALL_SECONDS", 0.2)
    order = connect(say=lambda _: None).order("o-1")
    stall = Stall()
    service.put(GET, stall)
    with raises(scenecart.WaitTimeout, "order_outcome_unknown"):
        order.wait(timeout=0.2, progress=False)
    assert stall.release()


def test_poll_interrupt_ends_a_stalled_read(service: ScriptedService, connect: Any):
    """Ctrl+C ends a wait at once while the server is silent, and the client can be used again."""
    order = connect().order("o-1")
    stall = Stall(interrupt=True)
    service.put(GET, stall, answer({**ORDER, "status": "delivered"}))
    with pytest.raises(KeyboardInterrupt):
        order.wait(progress=False)
    assert stall.release()
    assert order.wait(progress=False).is_delivered


def test_poll_interrupt_ends_a_pause(connect: Any):
    """Ctrl+C ends a wait at once between two requests."""
    order = connect(sleep=time.sleep).order("o-1")
    with pytest.raises(KeyboardInterrupt):
        order.wait(poll=600, progress=False, callback=lambda _: os.kill(os.getpid(), signal.SIGINT))


def test_poll_interrupt_ends_the_wait_for_a_sign_in_of_another_thread(service: ScriptedService, connect: Any):
    """Ctrl+C ends a wait at once while another thread, which is stuck, signs in for both."""
    client = connect(token=None, username="u", password="p")
    signing_in = Stall()
    service.put(TOKEN_PATH, answer({"access_token": "t", "expires_in": 3600}), signing_in)
    order = client.order("o-1")
    service.put(GET, answer({"title": "Unauthorized"}, 401))
    service.put(LIST, answer({"title": "Unauthorized"}, 401))
    errors: list[BaseException] = []

    def renew() -> None:
        try:
            client.orders()
        except scenecart.ScenecartError as error:
            errors.append(error)

    thread = threading.Thread(target=renew)
    thread.start()
    assert signing_in.begun.wait(30)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        order.wait(progress=False)
    assert signing_in.release()
    thread.join(30)
    assert not thread.is_alive()


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
