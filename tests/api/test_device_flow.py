"""Sign-in in a browser: the protocol, and what may go wrong while somebody confirms it."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _expect import raises
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from _sessions import Clock
from scenecart._api.credentials import Credentials, Secret, StoredSession
from scenecart._api.device_flow import DEVICE_PATH, LOGOUT_PATH, PendingSignIn, begin_sign_in, end_session, wait_for_sign_in
from scenecart._api.http import Session

if TYPE_CHECKING:
    from scenecart.sandbox import Sandbox

CLIENT = "geopera-cli"
BEGUN = {
    "device_code": "very-private",
    "user_code": "ABCD-EFGH",
    "verification_uri": "https://service.example/device",
    "verification_uri_complete": "https://service.example/device?user_code=ABCD-EFGH",
    "expires_in": 600,
    "interval": 5,
}
PENDING = answer({"error": "authorization_pending"}, 400)
GRANTED = answer({"access_token": "at", "refresh_token": "rt", "expires_in": 300, "scope": "openid"})


def session_of(service: ScriptedService | Sandbox, clock: Clock) -> Session:
    once = scenecart.Retry(attempts=1)
    return Session(Credentials(service.url, "login"), clock=clock, now=clock, sleep=clock.sleep, retry=once)


def forms(service: ScriptedService, path: str) -> list[dict[str, str]]:
    return [dict(httpx.QueryParams(request.body.decode())) for request in service.requests(path)]


def test_sign_in_is_bound_to_this_program(service: ScriptedService):
    """The code is redeemed with the verifier of the challenge that began it (PKCE), and no secret prints."""
    clock = Clock()
    service.put(DEVICE_PATH, answer(BEGUN))
    service.put(TOKEN_PATH, GRANTED)
    session = session_of(service, clock)
    pending = begin_sign_in(session, CLIENT)
    assert (pending.user_code, pending.url) == ("ABCD-EFGH", BEGUN["verification_uri_complete"])
    assert "very-private" not in repr(pending)
    tokens, scope = wait_for_sign_in(session, pending, CLIENT, clock, clock)
    assert tokens == StoredSession(Secret("at"), Secret("rt"), clock.now + 300)
    assert scope == "openid"
    (begun,), (redeemed,) = forms(service, DEVICE_PATH), forms(service, TOKEN_PATH)
    assert begun["client_id"] == redeemed["client_id"] == CLIENT
    assert redeemed["device_code"] == "very-private"
    digest = hashlib.sha256(redeemed["code_verifier"].encode()).digest()
    assert begun["code_challenge"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert begun["code_challenge_method"] == "S256"


def test_waiting_asks_at_the_interval_and_survives_outages(service: ScriptedService):
    """The service is asked at its interval, more slowly if it says so, and an outage does not end the sign-in."""
    clock = Clock()
    service.put(DEVICE_PATH, answer(BEGUN))
    service.put(
        TOKEN_PATH, PENDING, answer({"error": "slow_down"}, 400), Answer(None), answer({}, 503), Answer(b"<html>", 200), GRANTED
    )
    session = session_of(service, clock)
    pending = begin_sign_in(session, CLIENT)
    wait_for_sign_in(session, pending, CLIENT, clock, clock)
    assert clock.sleeps == [5.0, 5.0, 10.0, 10.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (answer({"error": "access_denied"}, 400), "sign_in_denied"),
        (answer({"error": "expired_token"}, 400), "sign_in_not_confirmed"),
        (answer({"error": "invalid_grant"}, 400), "browser_sign_in_refused"),
        (PENDING, "sign_in_not_confirmed"),
        (Answer(b"<html>", 404), "sign_in_not_confirmed"),
    ],
)
def test_sign_in_that_is_not_confirmed_is_an_error(service: ScriptedService, reply: Answer, code: str):
    """A refusal ends at once, and what nobody confirms ends with the time of the code."""
    clock = Clock()
    service.put(DEVICE_PATH, answer({**BEGUN, "expires_in": 60}))
    service.put(TOKEN_PATH, reply)
    session = session_of(service, clock)
    with raises(scenecart.AuthenticationError, code):
        wait_for_sign_in(session, begin_sign_in(session, CLIENT), CLIENT, clock, clock)
    assert sum(clock.sleeps) <= 60


@pytest.mark.parametrize(
    "reply",
    [
        answer({"detail": "Not Found"}, 404),
        answer({"error": "unauthorized_client"}, 400),
        Answer(b"<html>", 200),
        answer([]),
        answer({}),
        answer({**BEGUN, "device_code": None}),
        answer({**BEGUN, "user_code": ""}),
        answer({**BEGUN, "verification_uri_complete": "javascript:alert(1)", "verification_uri": "file:///etc/passwd"}),
    ],
)
def test_service_without_sign_in_in_a_browser_is_an_error(service: ScriptedService, reply: Answer):
    """A service that does not offer it, or answers something else, is one error; no page of another kind is shown."""
    service.put(DEVICE_PATH, reply)
    with raises(scenecart.AuthenticationError, "browser_sign_in_unavailable") as caught:
        begin_sign_in(session_of(service, Clock()), CLIENT)
    assert service.url in caught.value.message


@pytest.mark.parametrize("value", [None, "5", True, -1, 0, 1e300, []])
def test_malformed_times_have_defaults(service: ScriptedService, value: Any):
    """A malformed interval or lifetime is replaced by those of the standard, so that nothing is asked without a pause."""
    service.put(DEVICE_PATH, answer({**BEGUN, "interval": value, "expires_in": value}))
    pending = begin_sign_in(session_of(service, Clock()), CLIENT)
    assert (pending.interval, pending.seconds) == (5.0, 600.0)


def _decide(box: Sandbox, pending: PendingSignIn, decision: str) -> None:
    httpx.post(f"{box.url}/device", data={"user_code": pending.user_code, "principal": "card", "decision": decision})


def test_sandbox_plays_the_whole_sign_in(box: Sandbox):
    """At the sandbox, a confirmed sign-in gives tokens of the confirming account, and ends with its session."""
    clock = Clock()
    session = session_of(box, clock)
    pending = begin_sign_in(session, CLIENT)
    _decide(box, pending, "approve")
    tokens, _ = wait_for_sign_in(session, pending, CLIENT, clock, clock)
    signed_in = Session(Credentials(box.url, "test", token=tokens.access))
    assert signed_in.userinfo()["preferred_username"] == "card"
    assert end_session(session, CLIENT, tokens)
    renewing = Session(Credentials(box.url, "test", token=tokens.access, refresh_token=tokens.refresh, expires_at=1.0))
    with raises(scenecart.AuthenticationError, "session_expired"):
        renewing.userinfo()


def test_sandbox_refuses_what_was_refused_in_the_browser(box: Sandbox):
    """A sign-in that is refused on the page of the sandbox is refused here."""
    clock = Clock()
    session = session_of(box, clock)
    pending = begin_sign_in(session, CLIENT)
    _decide(box, pending, "deny")
    with raises(scenecart.AuthenticationError, "sign_in_denied"):
        wait_for_sign_in(session, pending, CLIENT, clock, clock)


@pytest.mark.parametrize(("reply", "is_confirmed"), [(Answer(b"", 204), True), (answer({}, 400), False), (Answer(None), False)])
def test_end_of_a_session_is_true_only_if_confirmed(service: ScriptedService, reply: Answer, is_confirmed: bool):  # noqa: FBT001  # a table
    """A session has ended only if the service says so; without a refresh token there is nothing to end."""
    service.put(LOGOUT_PATH, reply)
    session = session_of(service, Clock())
    assert end_session(session, CLIENT, StoredSession(Secret("at"), Secret("rt"))) is is_confirmed
    assert forms(service, LOGOUT_PATH)[0] == {"client_id": CLIENT, "refresh_token": "rt"}
    assert end_session(session, CLIENT, StoredSession(Secret("at")))
