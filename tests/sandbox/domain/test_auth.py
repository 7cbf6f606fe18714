"""Tokens, scopes and limits."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import sqlite3
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from scenecart.sandbox._domain.caller import Caller

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from conftest import Clock
    from scenecart.sandbox import Sandbox

TOKEN = "/realms/public/protocol/openid-connect/token"


def grant(box: Sandbox, **fields: Any) -> httpx.Response:
    return httpx.post(box.url + TOKEN, data=fields)


def test_a_password_gives_a_short_lived_token(box: Sandbox, wire: Callable[..., Wire]):
    """A user's password gives a bearer token for 300 seconds with a refresh token, and the token works."""
    analyst = box.principals["analyst"]
    answer = grant(box, grant_type="password", username=analyst["username"], password=analyst["password"])
    found = answer.json()
    assert answer.status_code == 200
    assert (found["token_type"], found["expires_in"], found["refresh_expires_in"]) == ("Bearer", 300, 1800)
    info = httpx.get(box.url + TOKEN.replace("token", "userinfo"), headers={"Authorization": f"Bearer {found['access_token']}"})
    assert info.json()["preferred_username"] == "analyst"


def test_a_refresh_token_works_once(box: Sandbox):
    """A refresh token rotates: it gives a new pair, and is worth nothing afterwards."""
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
def test_a_wrong_sign_in_is_refused(box: Sandbox, fields: dict[str, str], status: int):
    """Wrong credentials are refused in OAuth's own form, without telling which part was wrong."""
    answer = grant(box, **fields)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "error_description"}


def test_tokens_expire_by_the_clock(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """A token is refused once its time has passed."""
    caller = wire(box, None, Authorization=f"Bearer {box.token('analyst')}")
    assert caller.op("orders.list").status_code == 200
    clock.now += 301
    answer = caller.op("orders.list")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer gpra_unknown", "Basic YTpi", "Bearer"])
def test_a_wrong_token_is_refused(box: Sandbox, wire: Callable[..., Wire], header: str):
    """A token that is none, and a key nobody has, get 401."""
    assert wire(box, None, Authorization=header).op("orders.list").status_code == 401


def test_no_token_is_refused(box: Sandbox, wire: Callable[..., Wire]):
    """Without a token there is no answer but 401."""
    assert wire(box, None).op("orders.list").status_code == 401


def test_an_api_key_reads_and_never_places(box: Sandbox, wire: Callable[..., Wire]):
    """An API key works as a bearer token and as X-API-Key, and placing with it says which scope is missing."""
    robot = wire(box, "robot")
    assert robot.op("orders.list").status_code == 200
    by_header = wire(box, None, **{"X-API-Key": box.principals["robot"]["api_key"]})
    assert by_header.op("orders.list").status_code == 200
    answer = robot.place("first")
    assert answer.status_code == 403
    assert answer.json()["required_scope"] == "orders:write"


def test_calls_are_limited_by_the_minute(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """An organization's calls beyond its limit get 429 with the seconds to wait, and pass in the next minute."""
    box.rate_limits = {"calls": 3, "places": 1}
    analyst, other = wire(box), wire(box, "other")
    assert [analyst.op("orders.list").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert other.op("orders.list").status_code == 200
    refused = analyst.op("orders.list")
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    clock.now += int(refused.headers["retry-after"])
    assert analyst.op("orders.list").status_code == 200


DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


def begin(box: Sandbox, **fields: str) -> dict[str, Any]:
    answer = httpx.post(box.url + TOKEN.replace("token", "auth/device"), data={"client_id": "geopera-cli", **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_device_signs_in_once_it_is_approved(box: Sandbox, clock: Clock):
    """A program without a browser waits until someone approves it, is then that person, and its code is spent."""
    verifier = "x" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    waiting = begin(box, code_challenge=challenge, code_challenge_method="S256")
    asked = {"grant_type": DEVICE_GRANT, "device_code": waiting["device_code"], "client_id": "geopera-cli"}
    assert grant(box, **asked, code_verifier=verifier).json()["error"] == "authorization_pending"
    assert grant(box, **asked, code_verifier=verifier).json()["error"] == "slow_down"
    box.approve_device(waiting["user_code"], "enterprise")
    clock.now += 5
    assert grant(box, **asked, code_verifier="y" * 43).json()["error"] == "invalid_grant"
    signed = grant(box, **asked, code_verifier=verifier)
    assert signed.status_code == 200
    headers = {"Authorization": f"Bearer {signed.json()['access_token']}"}
    info = httpx.get(box.url + TOKEN.replace("token", "userinfo"), headers=headers).json()
    assert (info["preferred_username"], info["geopera_principal_type"]) == ("enterprise", "user")
    assert grant(box, **asked, code_verifier=verifier).json()["error"] == "invalid_grant"
    assert grant(box, grant_type="refresh_token", refresh_token=signed.json()["refresh_token"]).status_code == 200


def test_a_device_that_is_refused_or_forgotten_does_not_sign_in(box: Sandbox, clock: Clock):
    """A refused sign-in is access_denied, one that nobody approved in time expired_token."""
    refused, forgotten = begin(box), begin(box)
    box.approve_device(refused["user_code"], None)
    assert grant(box, grant_type=DEVICE_GRANT, device_code=refused["device_code"]).json()["error"] == "access_denied"
    clock.now += 601
    assert grant(box, grant_type=DEVICE_GRANT, device_code=forgotten["device_code"]).json()["error"] == "expired_token"
    assert httpx.post(f"{box.url}/device", data={"user_code": forgotten["user_code"], "decision": "approve"}).status_code == 404


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (["orders:read"], {"orders:read"}),
        (["orders:*"], {"orders:read", "orders:write"}),
        (["*:read"], {"orders:read", "items:read"}),
        (["*"], {"orders:read", "orders:write", "items:read"}),
        (["orders"], set()),
        ([], set()),
    ],
)
def test_scopes_match_exactly_or_by_wildcard(held: list[str], may: set[str]):
    """A scope is held by its own name, by its resource's star, by its action's star, or by the star of all."""
    caller = Caller("a", "a", "a", "a", "credit", tuple(held), by_key=False)
    assert {scope for scope in ("orders:read", "orders:write", "items:read") if caller.may(scope)} == may


def test_a_strange_proof_is_refused(box: Sandbox):
    """A proof of any letters is compared, not stumbled over."""
    waiting = begin(box, code_challenge="ünlikely", code_challenge_method="S256")
    answer = grant(box, grant_type=DEVICE_GRANT, device_code=waiting["device_code"], code_verifier="é")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    plain = httpx.post(box.url + TOKEN.replace("token", "auth/device"), data={"client_id": "a", "code_challenge": "b"})
    assert plain.json()["error"] == "invalid_request"


def test_signing_out_ends_a_session(box: Sandbox):
    """After signing out the refresh token is worth nothing."""
    analyst = box.principals["analyst"]
    signed = grant(box, grant_type="password", username=analyst["username"], password=analyst["password"]).json()
    left = httpx.post(box.url + TOKEN.replace("token", "logout"), data={"refresh_token": signed["refresh_token"]})
    assert left.status_code == 204
    assert grant(box, grant_type="refresh_token", refresh_token=signed["refresh_token"]).status_code == 400


def test_every_principal_can_sign_in_its_own_way(box: Sandbox, wire: Callable[..., Wire]):
    """The guide's eight principals exist; users have passwords, the robot only a key that reads."""
    assert set(box.principals) == {"analyst", "broke", "card", "declined", "secure", "enterprise", "robot", "other"}
    for name in box.principals:
        assert wire(box, name).op("orders.list").status_code == 200
    assert box.principals["robot"]["username"] is None
    assert wire(box, "robot").op("billing.credits.transactions").status_code == 200


def test_refresh_tokens_that_have_run_out_are_not_kept(box: Sandbox, clock: Clock):
    """Signing in again and again leaves no more behind than can still be used."""
    analyst = box.principals["analyst"]
    for _ in range(5):
        grant(box, grant_type="password", username=analyst["username"], password=analyst["password"])
        clock.now += 3_600
    with contextlib.closing(sqlite3.connect(box.data / "sandbox.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM refresh_token").fetchone() == (1,)
