"""Access tokens, API keys and rate limits."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox

TOKEN = "/realms/public/protocol/openid-connect/token"
USERINFO = "/realms/public/protocol/openid-connect/userinfo"


def grant(box: Sandbox, **fields: Any) -> httpx.Response:
    return httpx.post(box.url + TOKEN, data=fields)


def test_grant_password_returns_short_lived_token(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A user's password gives a bearer token for 300 seconds and a refresh token."""
    analyst = box.principals["analyst"]
    answer = grant(box, grant_type="password", username=analyst["username"], password=analyst["password"])
    found = answer.json()
    assert answer.status_code == 200
    assert (found["token_type"], found["expires_in"], found["refresh_expires_in"]) == ("Bearer", 300, 1800)
    info = httpx.get(box.url + TOKEN.replace("token", "userinfo"), headers={"Authorization": f"Bearer {found['access_token']}"})
    assert info.json()["preferred_username"] == "analyst"


def test_grant_refresh_token_works_once(box: Sandbox):
    """A refresh token gives new tokens once, and is invalid afterwards."""
    analyst = box.principals["analyst"]
    first = grant(box, grant_type="password", username=analyst["username"], password=analyst["password"]).json()
    second = grant(box, grant_type="refresh_token", refresh_token=first["refresh_token"])
    assert second.status_code == 200
    assert second.json()["refresh_token"] != first["refresh_token"]
    assert grant(box, grant_type="refresh_token", refresh_token=first["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"grant_type": "password", "username": "nobody", "password": "x"}, 401),
        ({"grant_type": "client_credentials", "client_id": "geopera", "client_secret": "gpra_x"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400),
        ({"grant_type": "something"}, 400),
        ({}, 400),
    ],
)
def test_grant_wrong_credentials_are_refused(box: Sandbox, fields: dict[str, str], status: int):
    """Wrong credentials give an OAuth error that does not tell which part was wrong."""
    answer = grant(box, **fields)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}


def test_authenticate_expired_token_is_401(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """A token is refused after its lifetime."""
    client = sign_in(box, None, Authorization=f"Bearer {box.token('analyst')}")
    assert client.call("orders.list").status_code == 200
    clock.now += 301
    answer = client.call("orders.list")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer gpra_unknown", "Basic YTpi", "Bearer"])
def test_authenticate_invalid_token_is_401(box: Sandbox, sign_in: Callable[..., ServiceClient], header: str):
    """An invalid Authorization header is 401."""
    assert sign_in(box, None, Authorization=header).call("orders.list").status_code == 401


def test_authenticate_without_token_is_401(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A request without a token is 401."""
    assert sign_in(box, None).call("orders.list").status_code == 401


def test_authenticate_api_key_reads_but_cannot_place(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An API key works as a bearer token and as X-API-Key; placing with it names the missing scope."""
    robot = sign_in(box, "robot")
    assert robot.call("orders.list").status_code == 200
    by_header = sign_in(box, None, **{"X-API-Key": box.principals["robot"]["api_key"]})
    assert by_header.call("orders.list").status_code == 200
    answer = robot.place("first")
    assert answer.status_code == 403
    assert answer.json()["required_scope"] == "orders:write"


def test_check_rate_limit_above_limit_is_429(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """Calls above the organization's limit give 429 with the seconds to wait, and succeed in the next minute."""
    box.rate_limits = {"calls": 3, "places": 1}
    analyst, other = sign_in(box), sign_in(box, "other")
    assert [analyst.call("orders.list").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert other.call("orders.list").status_code == 200
    refused = analyst.call("orders.list")
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    clock.now += int(refused.headers["retry-after"])
    assert analyst.call("orders.list").status_code == 200


def test_sign_out_invalidates_refresh_token(box: Sandbox):
    """After signing out the refresh token is invalid."""
    analyst = box.principals["analyst"]
    signed = grant(box, grant_type="password", username=analyst["username"], password=analyst["password"]).json()
    left = httpx.post(box.url + TOKEN.replace("token", "logout"), data={"refresh_token": signed["refresh_token"]})
    assert left.status_code == 204
    assert grant(box, grant_type="refresh_token", refresh_token=signed["refresh_token"]).status_code == 400


def test_principals_all_can_sign_in(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The documented principals exist; users have passwords, the robot only an API key that reads."""
    names = {"analyst", "auto", "broke", "card", "declined", "delegate", "enterprise", "other", "robot", "secure"}
    assert set(box.principals) == names
    for name in box.principals:
        assert sign_in(box, name).call("orders.list").status_code == 200
    assert box.principals["robot"]["username"] is None
    assert sign_in(box, "robot").call("billing.credits.transactions").status_code == 200


@pytest.mark.parametrize("sign_in_by", ["key", "token"])
def test_delegate_places_orders_for_the_analyst(box: Sandbox, sign_in: Callable[..., ServiceClient], sign_in_by: str):
    """A delegated principal places orders with its key or a token for it, and userinfo names the user it acts for."""
    delegate = sign_in(box, "delegate")
    if sign_in_by == "token":
        key = box.principals["delegate"]["api_key"]
        token = grant(box, grant_type="client_credentials", client_secret=key).json()["access_token"]
        delegate.http.headers["Authorization"] = f"Bearer {token}"
    info = delegate.http.get(USERINFO).json()
    analyst = sign_in(box).http.get(USERINFO).json()
    assert (info["geopera_principal_type"], info["geopera_acts_for"]) == ("delegated", analyst["sub"])
    assert info["organization_id"] == analyst["organization_id"]
    order = delegate.place("first")
    assert order.status_code == 202
    assert sign_in(box).call("orders.get", {"id": order.json()["id"]}).status_code == 200
    assert sign_in(box, "robot").place("first").status_code == 403


def test_grant_deletes_expired_refresh_tokens(box: Sandbox, clock: Clock):
    """Repeated sign-ins leave only refresh tokens that are still valid."""
    analyst = box.principals["analyst"]
    for _ in range(5):
        grant(box, grant_type="password", username=analyst["username"], password=analyst["password"])
        clock.now += 3_600
    with contextlib.closing(sqlite3.connect(box.data / "sandbox.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM refresh_token").fetchone() == (1,)
