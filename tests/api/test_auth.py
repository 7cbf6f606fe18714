"""Sign-in over real sockets: which grant is used, when a token is renewed, and that no secret appears anywhere."""

from __future__ import annotations

import logging
import signal
import threading
import traceback
from typing import Any

import httpx
import pytest

import scenecart
from _expect import raises
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from _sessions import READ, Clock, make_session
from scenecart._api.credentials import Secret


def tokens(*names: str, **more: Any) -> list[Answer]:
    """Return a response of the token endpoint for each access token."""
    return [answer({"access_token": name, "expires_in": 300, **more}) for name in names]


def bearers(service: ScriptedService) -> list[str]:
    """Return the Authorization headers of the calls so far."""
    return [request.headers["authorization"] for request in service.requests("some.read")]


def grants(service: ScriptedService) -> list[dict[str, str]]:
    """Return the forms that the token endpoint received."""
    return [dict(httpx.QueryParams(request.body.decode())) for request in service.requests(TOKEN_PATH)]


def test_api_key_is_exchanged_for_a_token(service: ScriptedService):
    """An API key is sent to the token endpoint only; calls carry the short-lived token."""
    service.put(TOKEN_PATH, *tokens("short-lived"))
    service.put("some.read", answer({}))
    make_session(service, api_key=Secret("gpra_key")).call(READ)
    assert grants(service) == [{"grant_type": "client_credentials", "client_id": "geopera", "client_secret": "gpra_key"}]
    assert bearers(service) == ["Bearer short-lived"]


def test_api_key_without_exchange_is_the_bearer_token(service: ScriptedService):
    """If a service offers no exchange, the key itself is the token."""
    service.put("some.read", answer({}))
    make_session(service, api_key=Secret("gpra_key")).call(READ)
    assert bearers(service) == ["Bearer gpra_key"]


def test_refresh_token_renews_ahead_of_time(service: ScriptedService):
    """The password is sent once; then each new refresh token renews the session before the token expires."""
    clock = Clock()
    service.put(TOKEN_PATH, *tokens("one", refresh_token="r1"), *tokens("two", refresh_token="r2"), *tokens("three"))
    service.put("some.read", answer({}))
    session = make_session(service, clock, username="ann", password=Secret("pass word", "password"))
    for seconds in (0, 100, 200, 300):
        clock.now = 1_000.0 + seconds
        session.call(READ)
    clock.now += 300
    session.call(READ)
    assert [fields["grant_type"] for fields in grants(service)] == ["password", "refresh_token", "refresh_token"]
    assert grants(service)[0]["password"] == "pass word"
    assert [fields.get("refresh_token") for fields in grants(service)[1:]] == ["r1", "r2"]
    assert bearers(service) == ["Bearer one"] * 3 + ["Bearer two", "Bearer three"]


def test_revoked_refresh_token_falls_back_to_the_password(service: ScriptedService):
    """If the session was ended elsewhere, the password signs in again."""
    clock = Clock()
    service.put(TOKEN_PATH, *tokens("one", refresh_token="r1"), answer({"error": "invalid_grant"}, 400), *tokens("two"))
    service.put("some.read", answer({}))
    session = make_session(service, clock, username="ann", password=Secret("p", "password"))
    session.call(READ)
    clock.now += 400
    session.call(READ)
    assert [fields["grant_type"] for fields in grants(service)] == ["password", "refresh_token", "password"]


def test_401_renews_once_for_all_threads(service: ScriptedService):
    """Twenty threads that get a 401 at once share one renewal, and each call is sent once more."""
    gate = threading.Barrier(20, timeout=20)

    def guarded(request: Any) -> Answer:
        if request.headers["authorization"] == "Bearer old":
            gate.wait()
            return answer({}, 401)
        return answer({"fine": True})

    service.put(TOKEN_PATH, *tokens("old", refresh_token="r"), *tokens("new", refresh_token="r"))
    service.put("some.read", guarded)
    session = make_session(service, username="ann", password=Secret("p", "password"))
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(session.call(READ))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [{"fine": True}] * 20
    assert len(service.requests(TOKEN_PATH)) == 2
    assert len(service.requests("some.read")) == 40


def test_second_401_is_an_error(service: ScriptedService):
    """A token that is refused after its renewal is an error, not a loop."""
    service.put(TOKEN_PATH, *tokens("one"), *tokens("two"))
    service.put("some.read", answer({"detail": "token expired"}, 401))
    with raises(scenecart.AuthenticationError, "token_refused"):
        make_session(service, api_key=Secret("gpra_key")).call(READ)
    assert len(service.requests("some.read")) == 2


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Answer(b"<html>login</html>", 200, {"Content-Type": "text/html"}), "sign_in_without_token"),
        (answer({}), "sign_in_without_token"),
        (answer([]), "sign_in_without_token"),
        (answer({"access_token": 5}), "sign_in_without_token"),
        (answer({"access_token": " "}), "sign_in_without_token"),
        (answer({"access_token": "line\r\nbreak"}), "sign_in_without_token"),
        (answer({"error": "invalid_client", "error_description": "<b>secret gpra_key</b>"}, 401), "api_key_refused"),
        (Answer(b"<html>gpra_key</html>", 400), "api_key_refused"),
    ],
)
def test_failed_sign_in_is_one_short_error_without_secret(service: ScriptedService, reply: Answer, code: str):
    """For each response of the token endpoint there is one short error, which contains no secret."""
    service.put(TOKEN_PATH, reply)
    service.put("some.read", answer({"detail": "unknown token gpra_key"}, 401))
    with raises(scenecart.AuthenticationError, code) as caught:
        make_session(service, api_key=Secret("gpra_key")).call(READ)
    assert "gpra_key" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert len(service.requests("some.read")) == (code == "api_key_refused")


@pytest.mark.parametrize("status", [400, 401, 403, 422])
def test_api_key_that_cannot_be_exchanged_is_the_bearer_token(service: ScriptedService, status: int):
    """If the service refuses the exchange, the key itself is the token, as official clients send it; it is exchanged once."""
    service.put(TOKEN_PATH, answer({"error": "unauthorized_client"}, status))
    service.put("some.read", answer({}))
    session = make_session(service, api_key=Secret("gpra_key"))
    session.call(READ)
    session.call(READ)
    assert bearers(service) == ["Bearer gpra_key"] * 2
    assert len(grants(service)) == 1


def test_api_key_that_is_refused_as_token_too_is_exchanged_again(service: ScriptedService):
    """A key that is refused in both ways is the error of the exchange; the next call tries both again."""
    service.put(TOKEN_PATH, answer({"error": "invalid_client"}, 401), *tokens("short-lived"))
    service.put("some.read", answer({}, 401), answer({"fine": True}))
    session = make_session(service, api_key=Secret("gpra_key"))
    with raises(scenecart.AuthenticationError, "api_key_refused") as caught:
        session.call(READ)
    assert "invalid_client" in caught.value.message
    assert session.call(READ) == {"fine": True}
    assert bearers(service) == ["Bearer gpra_key", "Bearer short-lived"]


def test_refused_password_is_not_sent_as_token(service: ScriptedService):
    """Only an API key may be a token itself."""
    service.put(TOKEN_PATH, answer({"error": "invalid_grant"}, 401))
    with raises(scenecart.AuthenticationError, "password_refused"):
        make_session(service, username="ann", password=Secret("pass word", "password")).call(READ)
    assert service.requests("some.read") == []


@pytest.mark.parametrize("status", [404, 405, 501])
def test_missing_sign_in_endpoint_is_not_a_wrong_password(service: ScriptedService, status: int):
    """If there is no token endpoint, the error names the URL, and has no secret."""
    service.put(TOKEN_PATH, answer({"detail": "Not Found"}, status))
    with raises(scenecart.AuthenticationError, "sign_in_not_found") as caught:
        make_session(service, username="ann", password=Secret("pass word", "password")).call(READ)
    assert caught.value.status == status
    assert service.url in caught.value.message
    assert "pass word" not in str(caught.value)


@pytest.mark.parametrize("seconds", [0, -1, 1, "300", 1e12, None, "x", True, "²", "9" * 5_000], ids=lambda value: repr(value)[:10])
def test_malformed_lifetime_signs_in_once(service: ScriptedService, seconds: object):
    """A token of any stated lifetime is used; none makes the client sign in for every call."""
    service.put(TOKEN_PATH, answer({"access_token": "t", "expires_in": seconds}))
    service.put("some.read", answer({}))
    session = make_session(service, api_key=Secret("gpra_key"))
    for _ in range(3):
        session.call(READ)
    assert len(service.requests(TOKEN_PATH)) == 1


def test_secrets_are_in_no_error_log_or_repr(service: ScriptedService, caplog: pytest.LogCaptureFixture):
    """If a service repeats the token in its response, it does not get into errors, logs or reprs."""
    caplog.set_level(logging.DEBUG)
    service.put(TOKEN_PATH, *tokens("the-token"))
    service.put("some.read", answer({"detail": "bad token the-token of gpra_key", "echo": "the-token"}, 403))
    session = make_session(service, api_key=Secret("gpra_key"))
    with raises(scenecart.PermissionDenied, "permission_denied") as caught:
        session.call(READ)
    output = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + repr(session) + caplog.text
    assert "the-token" not in output
    assert "gpra_key" not in output


HICCUPS = {
    "a page": Answer(b"<html>Please sign in to the network</html>", 200, {"Content-Type": "text/html"}),
    "not found": Answer(b"<html>Not found</html>", 404, {"Content-Type": "text/html"}),
    "a gateway's refusal": Answer(b"<html>Forbidden</html>", 403, {"Content-Type": "text/html"}),
    "no service": answer({"detail": "down"}, 503),
    "too many": answer({"detail": "slow down"}, 429, Retry_After="1"),
    "a lost connection": Answer(None),
    "null": answer(None),
}


@pytest.mark.parametrize("hiccup", HICCUPS)
def test_failed_renewal_does_not_end_a_session(service: ScriptedService, hiccup: str):
    """Whatever answers in place of the sign-in service: a token that is still valid is used, and then renewed."""
    clock = Clock()
    service.put(TOKEN_PATH, *tokens("one", refresh_token="r1"), HICCUPS[hiccup])
    service.put("some.read", answer({}))
    session = make_session(service, clock, username="ann", password=Secret("p", "password"), limits=scenecart.Limits())
    session.retry = scenecart.Retry(attempts=1)
    session.call(READ)
    # within the last half minute of the token
    clock.now += 280
    session.call(READ)
    requested = len(grants(service))
    session.call(READ)
    assert len(grants(service)) == requested, "another attempt follows after some seconds only"
    service.put(TOKEN_PATH, *tokens("two", refresh_token="r2"))
    clock.now += 10
    session.call(READ)
    assert bearers(service) == ["Bearer one"] * 3 + ["Bearer two"]


@pytest.mark.parametrize("hiccup", HICCUPS)
def test_failed_renewal_of_an_expired_token_can_be_repeated(service: ScriptedService, hiccup: str):
    """Once the token has expired, the error is one that waiting for an order survives, and the next call renews."""
    clock = Clock()
    service.put(TOKEN_PATH, *tokens("one", refresh_token="r1"), HICCUPS[hiccup])
    service.put("some.read", answer({}))
    session = make_session(service, clock, username="ann", password=Secret("p", "password"))
    session.retry = scenecart.Retry(attempts=1)
    session.call(READ)
    clock.now += 400
    with pytest.raises((scenecart.ConnectionFailed, scenecart.ServiceError, scenecart.RateLimited)):
        session.call(READ)
    service.put(TOKEN_PATH, *tokens("two", refresh_token="r2"))
    assert session.call(READ) == {}
    assert grants(service)[-1]["refresh_token"] == "r1"


def test_refused_renewal_is_not_a_hiccup(service: ScriptedService):
    """A refusal in the form of OAuth ends a session that cannot sign in again."""
    clock = Clock()
    service.put(TOKEN_PATH, answer({"error": "invalid_grant"}, 400))
    session = make_session(service, clock, token=Secret("old"), refresh_token=Secret("r1"), expires_at=clock.now + 10)
    with raises(scenecart.AuthenticationError, "session_expired"):
        session.call(READ)


@pytest.mark.parametrize(
    "secret", [{"username": "ann", "password": Secret("very-private", "password")}, {"api_key": Secret("gpra_very-private")}]
)
def test_no_frame_of_an_interrupted_sign_in_holds_a_secret(service: ScriptedService, secret: dict[str, Any]):
    """Ctrl+C while the sign-in service answers leaves no secret in the frames that a verbose traceback shows."""

    def interrupt(_: Any) -> Answer:
        signal.raise_signal(signal.SIGINT)
        return tokens("very-private-token")[0]

    service.put(TOKEN_PATH, interrupt)
    session = make_session(service, **secret)
    with pytest.raises(KeyboardInterrupt) as caught:
        session.call(READ)
    assert caught.value.__context__ is None
    frame = caught.value.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename != __file__:
            assert "very-private" not in repr(frame.tb_frame.f_locals)
        frame = frame.tb_next
