"""The test controls, in Python and over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient


def test_advance_and_settings_over_http(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Another process can advance the clock and change limits and token lifetime; other origins cannot."""
    client = sign_in(box)
    order = client.place("first").json()["id"]
    assert httpx.post(f"{box.url}/_sandbox/advance", json={"seconds": 3_600}).status_code == 200
    client.wait(order, "delivered")
    settings = {"token_seconds": 5, "calls_a_minute": 2}
    assert httpx.post(f"{box.url}/_sandbox/settings", json=settings).status_code == 200
    assert box.token_seconds == 5
    assert [client.call("orders.list").status_code for _ in range(3)][-1] == 429
    stranger = httpx.post(f"{box.url}/_sandbox/top-up", json={}, headers={"Origin": "https://example.com"})
    assert stranger.status_code == 403
    assert httpx.post(f"{box.url}/_sandbox/advance", json={"seconds": -1}).status_code == 422


def test_payment_controls_over_http(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Another process can top up, replace a card and complete a challenge; invalid requests are 422."""
    client = sign_in(box, "broke")
    control = f"{box.url}/_sandbox"
    assert httpx.post(f"{control}/top-up", json={"principal": "broke", "credits": 10_000_000}).status_code == 200
    assert client.place("first").status_code == 202
    assert httpx.post(f"{control}/card", json={"principal": "declined", "card": "good"}).status_code == 200
    assert sign_in(box, "declined").place("first").status_code == 202
    secret = sign_in(box, "secure").place("first", key="k").json()["client_secret"]
    assert httpx.post(f"{control}/challenge", json={"client_secret": secret}).status_code == 200
    assert sign_in(box, "secure").place("first", key="k").status_code == 202
    for name, body in (("top-up", {"principal": "nobody", "credits": 1}), ("top-up", {"principal": "broke", "credits": -1})):
        assert httpx.post(f"{control}/{name}", json=body).status_code == 422
    assert httpx.post(f"{control}/card", json={"principal": "broke", "card": "golden"}).status_code == 422


def test_fail_next_order_over_http(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Another process can let the next order fail; an empty reason is refused."""
    client = sign_in(box)
    control = f"{box.url}/_sandbox/fail-next-order"
    assert [httpx.post(control, json=body).status_code for body in ({}, {"reason": ""}, {"reason": " "})] == [422] * 3
    assert httpx.post(control, json={"reason": "clouds"}).status_code == 200
    order = client.place("first").json()["id"]
    box.advance(3_600)
    assert client.wait(order, "failed")["failureReason"] == "clouds"
    with pytest.raises(SandboxError):
        box.fail_next_order("")


def test_auto_top_up_over_http(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Another process can enable and stop automatic top-up; credits that are not a whole number of at least 1 are refused."""
    control = f"{box.url}/_sandbox/auto-top-up"
    assert httpx.post(f"{box.url}/_sandbox/card", json={"principal": "broke"}).status_code == 200
    assert httpx.post(control, json={"principal": "broke", "credits": 10**6}).status_code == 200
    assert sign_in(box, "broke").place("first").status_code == 202
    assert httpx.post(control, json={"principal": "broke", "credits": None}).status_code == 200
    for wrong in ({"principal": "broke"}, {"principal": "broke", "credits": 0}, {"principal": "nobody", "credits": 5}):
        assert httpx.post(control, json=wrong).status_code == 422
    for amount in (0, -5, 1.5, True, "100"):
        with pytest.raises(SandboxError):
            box.auto_top_up("broke", amount)  # type: ignore[arg-type]  # not a whole number


def test_list_lag_over_http(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Another process can set for how long lists lack new orders, and leaves the other settings."""
    client = sign_in(box)
    limits = box.rate_limits
    settings = f"{box.url}/_sandbox/settings"
    assert httpx.post(settings, json={"list_lag_seconds": 30}).status_code == 200
    assert (box.list_lag, box.rate_limits) == (30, limits)
    client.place("first")
    assert client.call("orders.list").json()["totalElements"] == 0
    assert httpx.post(settings, json={"list_lag_seconds": 0}).status_code == 200
    assert client.call("orders.list").json()["totalElements"] == 1
    for wrong in (-1, "soon", 10**10):
        assert httpx.post(settings, json={"list_lag_seconds": wrong}).status_code == 422


@pytest.mark.parametrize("wrong", [-1, float("nan"), float("inf"), True, "30", None, 10**10])
def test_list_lag_invalid_seconds_are_refused(box: Sandbox, wrong: Any):
    """A lag that is not a number of seconds is refused, when a sandbox is made and when it runs."""
    with pytest.raises(SandboxError, match="list_lag must be"):
        Sandbox(list_lag=wrong)
    with pytest.raises(SandboxError, match="list_lag must be"):
        box.list_lag = wrong
    assert box.list_lag == 0


def test_list_lag_of_a_new_sandbox(small_items: str):
    """The lag that a sandbox is made with is the one it starts with."""
    with Sandbox(items=small_items, list_lag=2.5) as box:
        assert box.list_lag == 2.5


@pytest.mark.parametrize("wrong", [-5, 1.5, True, "100", 10**30])
def test_top_up_invalid_credits_is_refused(box: Sandbox, wrong: Any):
    """Credits that are not a whole number of at least 0 are refused."""
    with pytest.raises(SandboxError):
        box.top_up("broke", wrong)


def test_unknown_principal_is_refused_with_known_names(box: Sandbox):
    """An unknown principal is an error that lists the known ones, for a client, a token and a top-up."""
    for ask in (box.client, box.token, lambda name: box.top_up(name, 5)):
        with pytest.raises(SandboxError) as caught:
            ask("analist")
        assert all(name in str(caught.value) for name in ("analist", *box.principals))
