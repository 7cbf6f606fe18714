"""Calls over real sockets: what is retried, what is refused, and the errors of the connection."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import httpx
import pytest

import scenecart
from _expect import raises
from _scripted_service import Answer, ScriptedService, answer
from _sessions import KEY, READ, Clock, make_session
from scenecart._api.operations import PLACE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("failure", [Answer(None), Answer(b'{"a": 1', promised=100), answer({}, 503), answer({}, 429)])
def test_read_is_retried(service: ScriptedService, failure: Answer):
    """A read is sent again if the connection is lost, the response is truncated, or the service is busy."""
    service.put("some.read", failure, failure, answer({"fine": True}))
    assert make_session(service).call(READ) == {"fine": True}
    assert len(service.requests("some.read")) == 3


def test_retries_end_after_five_attempts(service: ScriptedService):
    """There are five attempts, then the last error is raised."""
    clock = Clock()
    service.put("some.read", answer({"title": "down"}, 503))
    with raises(scenecart.ServiceError, "service_failed") as caught:
        make_session(service, clock).call(READ)
    assert "down" in caught.value.message
    assert len(service.requests("some.read")) == 5
    assert clock.sleeps == [1.0, 2.0, 4.0, 8.0]


def test_retries_are_not_nested(tmp_path: Path):
    """If the sign-in used up its attempts, neither the call nor the search around it starts over."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        waits: list[float] = []
        options = {"username": "a", "password": "b", "home": tmp_path, "sleep": waits.append}
        with scenecart.connect(base_url=url, **options) as client:
            for call in (client.orders, lambda: client.search("h", ids=["a"])):
                waits.clear()
                with raises(scenecart.ConnectionFailed, "service_unreachable"):
                    call()
                assert len(waits) == 4


def test_purchase_without_key_is_never_sent_twice(service: ScriptedService):
    """A purchase without an idempotency key is sent once, and never retried."""
    service.put("orders.archive.place", Answer(None))
    with raises(scenecart.ConnectionFailed, "connection_lost"):
        make_session(service).call(PLACE, {})
    assert len(service.requests("orders.archive.place")) == 1


def test_purchase_is_retried_with_the_same_key_and_bytes(service: ScriptedService):
    """If the response to a purchase is lost, it is sent again with the same key and the same bytes."""
    service.put("orders.archive.place", Answer(None), answer({}, 503), answer({"id": "o"}, 202))
    assert make_session(service).call(PLACE, key=KEY, content=b'{"b":1,"a":2}') == {"id": "o"}
    requests = service.requests("orders.archive.place")
    assert {request.headers["idempotency-key"] for request in requests} == {KEY}
    assert [request.body for request in requests] == [b'{"b":1,"a":2}'] * 3


def test_purchase_is_not_retried_after_a_500(service: ScriptedService):
    """After a 500 the outcome is unknown, so a purchase is not sent again automatically."""
    service.put("orders.archive.place", answer({}, 500))
    with raises(scenecart.ServiceError, "service_failed") as caught:
        make_session(service).call(PLACE, {}, key=KEY)
    assert len(service.requests("orders.archive.place")) == 1
    assert caught.value.money_may_have_moved


def test_call_redirect_is_an_error_and_not_followed(service: ScriptedService):
    """A redirect is an error, and no request with the token follows it."""
    service.put("orders.archive.place", answer({}, 308, Location=service.url + "/elsewhere"))
    with raises(scenecart.ServiceError, "unexpected_redirect"):
        make_session(service).call(PLACE, {}, key=KEY)
    assert service.requests("/elsewhere") == []


@pytest.mark.parametrize("sign_in", [{"username": "analyst", "password": "wrong"}, {"token": "old"}], ids=str)
@pytest.mark.parametrize("is_reachable", [True, False])
def test_default_base_url_is_mentioned_where_it_may_be_the_cause(tmp_path: Path, sign_in: dict[str, str], *, is_reachable: bool):
    """If no base URL is set, an error of sign-in or connection says once which service was used; with one, it does not."""

    def respond(request: httpx.Request) -> httpx.Response:
        if not is_reachable:
            raise httpx.ConnectError("no route", request=request)
        return httpx.Response(401, json={"error": "invalid_grant"}, request=request)

    options = {"transport": httpx.MockTransport(respond), "home": tmp_path, "sleep": lambda _: None}
    for base_url, count in ((None, 1), ("https://other.example", 0)):
        with (
            scenecart.connect(base_url=base_url, **sign_in, **options) as client,
            pytest.raises((scenecart.AuthenticationError, scenecart.ConnectionFailed)) as caught,
        ):
            client.orders()
        assert str(caught.value.hint).count("SCENECART_BASE_URL") == count
        assert str(caught.value.hint).count("api.geopera.com") == count
