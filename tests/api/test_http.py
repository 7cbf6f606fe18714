"""Calls over real sockets: what is sent again, what is refused, and which error each answer becomes."""

from __future__ import annotations

import gc
import gzip
import json
import logging
import socket
import threading
import traceback
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import scenecart
from _scripted_service import TOKEN_PATH, Answer, ScriptedService, answer
from scenecart._api.credentials import Credentials, Secret
from scenecart._api.http import Session
from scenecart._api.operations import LIST_ORDERS, PLACE, SEARCH, Operation
from scenecart._util.json import NotJson, loads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READ = Operation("some.read", safe=True)
KEY = "00000000-0000-4000-8000-000000000001"


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def session(service: ScriptedService, clock: Clock | None = None, **credentials: Any) -> Session:
    clock = clock or Clock()
    given = credentials or {"token": Secret("a-token")}
    return Session(Credentials(service.url, "test", **given), clock=clock, wall=clock, sleep=clock.sleep, uniform=lambda _, b: b)


def test_a_closed_client_says_so(service: ScriptedService):
    """A call of a client that was closed is an error of this library that says what to do, and nothing is sent."""
    closed = session(service)
    closed.close()
    with pytest.raises(scenecart.InvalidRequest, match="closed") as caught:
        closed.call(READ)
    assert "Connect again" in str(caught.value)
    assert service.asked == []


STATUSES = {
    400: scenecart.BadRequest,
    401: scenecart.AuthenticationError,
    402: scenecart.PaymentRequired,
    403: scenecart.PermissionDenied,
    404: scenecart.NotFound,
    405: scenecart.BadRequest,
    409: scenecart.Conflict,
    410: scenecart.Gone,
    413: scenecart.BadRequest,
    422: scenecart.InvalidRequest,
    429: scenecart.RateLimited,
    500: scenecart.ServiceError,
    503: scenecart.ServiceError,
    307: scenecart.ServiceError,
}


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_its_error(service: ScriptedService, status: int):
    """Each status of the contract becomes its own error, which carries operation, status and problem."""
    problem = {"type": "about:blank", "title": "T", "status": status, "detail": "what happened"}
    service.put("some.read", answer(problem, status))
    with pytest.raises(scenecart.ScenecartError, match=r"what happened|redirect") as caught:
        session(service).call(READ)
    assert type(caught.value) is STATUSES[status]
    assert caught.value.status == status
    assert caught.value.operation == "some.read"
    assert caught.value.problem["detail"] == "what happened"


@pytest.mark.parametrize(
    ("detail", "said"),
    [
        ([{"loc": ["body", "bbox"], "msg": "four numbers", "type": "value"}], "bbox: four numbers"),
        ("just text", "just text"),
        ({"message": "nested"}, "nested"),
        (None, "cannot list orders"),
        ([5, None], "cannot list orders"),
    ],
)
def test_a_422_is_read_in_every_shape(service: ScriptedService, detail: object, said: str):
    """A validation error lists its fields, whatever shape its detail has."""
    service.put("orders.list", answer({"detail": detail}, 422))
    with pytest.raises(scenecart.InvalidRequest, match=said):
        session(service).call(LIST_ORDERS)


@pytest.mark.parametrize(
    ("problem", "error", "values"),
    [
        (
            {"type": "https://x/insufficient-credits", "required_credits": 4200, "balance_credits": 12},
            scenecart.InsufficientCredits,
            {"required_credits": 4200, "balance_credits": 12},
        ),
        ({"detail": "The card was declined", "decline_code": "do_not_honor"}, scenecart.CardDeclined,
         {"decline_code": "do_not_honor"}),
        ({"title": "No payment method"}, scenecart.NoPaymentMethod, {}),
        ({"client_secret": "pi_123_secret_456", "challenge_url": "https://bank.example/c"},
         scenecart.AuthenticationRequired, {"challenge_url": "https://bank.example/c"}),
        ({"title": "Payment Required"}, scenecart.PaymentRequired, {}),
    ],
)  # fmt: skip
def test_payment_errors_are_told_apart(service: ScriptedService, problem: dict, error: type, values: dict):
    """The kinds of a 402 are told apart, and say what to do with the same key."""
    service.put("orders.archive.place", answer(problem, 402))
    with pytest.raises(scenecart.PaymentRequired) as caught:
        session(service).call(PLACE, {}, key=KEY)
    assert type(caught.value) is error
    assert "the same key" in str(caught.value)
    assert caught.value.idempotency_key == KEY
    for name, value in values.items():
        assert getattr(caught.value, name) == value
    assert "pi_123" not in repr(vars(caught.value)) + str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://bank.example/c/seti_1", "with your bank at https://bank.example/c/seti_1, then"),
        ("https://bank.example/c?client_secret=pi_123_secret_456", "at this error's challenge URL, then"),
        ("https://bank.example/c/pi_123_secret_456", "at this error's challenge URL, then"),
        ("https://ann:pi_123@bank.example/", "at this error's challenge URL, then"),
        ("file:///etc/passwd", "with your bank, then"),
        (None, "with your bank, then"),
    ],
)
def test_where_to_confirm_a_payment_is_said(service: ScriptedService, url: str | None, said: str):
    """The bank's page is named in the error, unless its address may open the payment to whoever reads it."""
    service.put("orders.archive.place", answer({"client_secret": "pi_123_secret_456", "challenge_url": url}, 402))
    with pytest.raises(scenecart.AuthenticationRequired) as caught:
        session(service).call(PLACE, {}, key=KEY)
    assert said in str(caught.value)
    assert "pi_123" not in str(caught.value)


@pytest.mark.parametrize(
    "problem", [{"required_credits": 5}, {"decline_code": "do_not_honor"}, {"title": "No payment method"}], ids=str
)
def test_where_payment_is_put_right_is_said(service: ScriptedService, problem: dict[str, Any]):
    """Credits and cards are told with the place where they are bought and attached."""
    service.put("orders.archive.place", answer(problem, 402))
    with pytest.raises(scenecart.PaymentRequired, match="in the service's console, under billing"):
        session(service).call(PLACE, {}, key=KEY)


def test_a_missing_scope_is_named(service: ScriptedService):
    """A 403 says which scope is missing, and that placing needs a user."""
    service.put("orders.archive.place", answer({"detail": "requires scope orders:write"}, 403))
    with pytest.raises(scenecart.PermissionDenied, match="connect as a user") as caught:
        session(service).call(PLACE, {}, key=KEY)
    assert caught.value.missing_scope == "orders:write"


NO_JSON = {
    "html": Answer(b"<!doctype html><title>Sign in</title>", 200, {"Content-Type": "text/html"}),
    "empty": Answer(b"", 200),
    "cut": Answer(b'{"a": [1, 2', 200, {"Content-Type": "application/json"}),
    "nan": Answer(b'{"a": NaN}', 200, {"Content-Type": "application/json"}),
    "utf-16": Answer('{"a": 1}'.encode("utf-16"), 200, {"Content-Type": "application/json"}),
    "deep": Answer(b"[" * 100_000, 200, {"Content-Type": "application/json"}),
    "broken gzip": Answer(gzip.compress(b"{}")[:-6] + b"xxxxxx", 200, {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("kind", NO_JSON)
def test_an_answer_that_is_no_json_is_a_service_error(service: ScriptedService, kind: str):
    """HTML, nothing, cut or odd JSON under a 200 is one clear error, never an empty result."""
    service.put("some.read", NO_JSON[kind])
    with pytest.raises(scenecart.ServiceError, match=r"some\.read"):
        session(service).call(READ)


def test_nothing_is_collected_in_the_depth_of_an_answer():
    """While a nested answer is read the garbage collector rests: what it calls there has no depth left, and fails unseen."""
    looks: list[str] = []
    before = gc.get_threshold()
    gc.callbacks.append(lambda phase, _: looks.append(phase))
    gc.set_threshold(10)
    try:
        with pytest.raises(NotJson, match="too deeply"):
            loads(b"[" * 100_000)
    finally:
        gc.set_threshold(*before)
        gc.callbacks.pop()
    # a few belong to what stands around it
    assert len(looks) < 20


@pytest.mark.parametrize("lost", [Answer(None), Answer(b'{"a": 1', promised=100), answer({}, 503), answer({}, 429)])
def test_a_read_is_tried_again(service: ScriptedService, lost: Answer):
    """A read that was lost, cut or turned away is sent again."""
    service.put("some.read", lost, lost, answer({"fine": True}))
    assert session(service).call(READ) == {"fine": True}
    assert len(service.requests("some.read")) == 3


def test_trying_again_has_an_end(service: ScriptedService):
    """Five tries are made, then the last error is raised."""
    clock = Clock()
    service.put("some.read", answer({"title": "down"}, 503))
    with pytest.raises(scenecart.ServiceError, match="down"):
        session(service, clock).call(READ)
    assert len(service.requests("some.read")) == 5
    assert clock.slept == [1.0, 2.0, 4.0, 8.0]


def test_a_service_that_is_not_there_is_told_within_one_rule(tmp_path: Path):
    """A sign-in that was tried as often as allowed is not begun anew by the call, nor by the search around it."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        waits: list[float] = []
        given = {"username": "a", "password": "b", "home": tmp_path, "sleep": waits.append}
        with scenecart.connect(base_url=url, **given) as client:
            for ask in (client.orders, lambda: client.search("h", ids=["a"])):
                waits.clear()
                with pytest.raises(scenecart.ConnectionFailed):
                    ask()
                assert len(waits) == 4


@pytest.mark.parametrize(
    ("header", "waits"),
    [("3", [3.0]), ("0", [0.0]), ("soon", [1.0]), ("-5", [1.0]), ("Thu, 01 Jan 1970 00:00:00 GMT", [0.0])],
)
def test_retry_after_is_honoured(service: ScriptedService, header: str, waits: list[float]):
    """A 429 is waited for as long as it says, in seconds or as a date; nonsense is waited for by rule."""
    clock = Clock()
    service.put("some.read", answer({}, 429, Retry_After=header), answer({"fine": 1}))
    session(service, clock).call(READ)
    assert clock.slept == waits


def test_a_very_long_retry_after_is_not_waited_for(service: ScriptedService):
    """Nobody waits thirty years: the error comes at once and says how long the service wanted."""
    clock = Clock()
    service.put("some.read", answer({}, 429, Retry_After="999999999"))
    with pytest.raises(scenecart.RateLimited) as caught:
        session(service, clock).call(READ)
    assert caught.value.retry_after == 999_999_999
    assert clock.slept == []


def test_a_spend_without_a_key_is_never_sent_twice(service: ScriptedService):
    """What spends and has no key of its own is sent once, whatever happens."""
    service.put("orders.archive.place", Answer(None))
    with pytest.raises(scenecart.ConnectionFailed):
        session(service).call(PLACE, {})
    assert len(service.requests("orders.archive.place")) == 1


def test_a_spend_is_repeated_with_its_own_key(service: ScriptedService):
    """A lost spend is sent again with the very same key and bytes."""
    service.put("orders.archive.place", Answer(None), answer({}, 503), answer({"id": "o"}, 202))
    assert session(service).call(PLACE, key=KEY, content=b'{"b":1,"a":2}') == {"id": "o"}
    asked = service.requests("orders.archive.place")
    assert {request.headers["idempotency-key"] for request in asked} == {KEY}
    assert [request.body for request in asked] == [b'{"b":1,"a":2}'] * 3


def test_a_failed_spend_is_not_repeated_after_a_500(service: ScriptedService):
    """A 500 says nothing of what was done, so a spend is not sent again by itself."""
    service.put("orders.archive.place", answer({}, 500))
    with pytest.raises(scenecart.ServiceError) as caught:
        session(service).call(PLACE, {}, key=KEY)
    assert len(service.requests("orders.archive.place")) == 1
    assert caught.value.money_may_have_moved


def test_a_redirect_is_not_followed(service: ScriptedService):
    """A redirect carries the token nowhere."""
    service.put("orders.archive.place", answer({}, 308, Location=service.url + "/elsewhere"))
    with pytest.raises(scenecart.ServiceError, match="redirect"):
        session(service).call(PLACE, {}, key=KEY)
    assert service.requests("/elsewhere") == []


def tokens(*names: str, **more: Any) -> list[Answer]:
    return [answer({"access_token": name, "expires_in": 300, **more}) for name in names]


def bearer(service: ScriptedService, path: str = "some.read") -> list[str]:
    return [request.headers["authorization"] for request in service.requests(path)]


def form(service: ScriptedService) -> list[dict[str, str]]:
    return [dict(httpx.QueryParams(request.body.decode())) for request in service.requests(TOKEN_PATH)]


def test_an_api_key_is_exchanged(service: ScriptedService):
    """An API key goes to the token endpoint alone; requests carry the short-lived token."""
    service.put(TOKEN_PATH, *tokens("short-lived"))
    service.put("some.read", answer({}))
    session(service, api_key=Secret("gpra_key")).call(READ)
    assert form(service) == [{"grant_type": "client_credentials", "client_id": "geopera", "client_secret": "gpra_key"}]
    assert bearer(service) == ["Bearer short-lived"]


def test_an_api_key_is_used_directly_where_there_is_no_exchange(service: ScriptedService):
    """Where a service offers no exchange, the key itself is the token."""
    service.put("some.read", answer({}))
    session(service, api_key=Secret("gpra_key")).call(READ)
    assert bearer(service) == ["Bearer gpra_key"]


def test_a_password_signs_in_and_the_refresh_token_renews(service: ScriptedService):
    """The password is sent once; afterwards the rotating refresh token renews ahead of time."""
    clock = Clock()
    service.put(TOKEN_PATH, *tokens("one", refresh_token="r1"), *tokens("two", refresh_token="r2"), *tokens("three"))
    service.put("some.read", answer({}))
    client = session(service, clock, username="ann", password=Secret("pass word", "password"))
    for seconds in (0, 100, 200, 300):
        clock.now = 1_000.0 + seconds
        client.call(READ)
    clock.now += 300
    client.call(READ)
    assert [fields["grant_type"] for fields in form(service)] == ["password", "refresh_token", "refresh_token"]
    assert form(service)[0]["password"] == "pass word"
    assert [fields.get("refresh_token") for fields in form(service)[1:]] == ["r1", "r2"]
    assert bearer(service) == ["Bearer one"] * 3 + ["Bearer two", "Bearer three"]


def test_a_revoked_refresh_token_falls_back_to_the_password(service: ScriptedService):
    """When the session was ended elsewhere, the password signs in again."""
    clock = Clock()
    service.put(TOKEN_PATH, *tokens("one", refresh_token="r1"), answer({"error": "invalid_grant"}, 400), *tokens("two"))
    service.put("some.read", answer({}))
    client = session(service, clock, username="ann", password=Secret("p", "password"))
    client.call(READ)
    clock.now += 400
    client.call(READ)
    assert [fields["grant_type"] for fields in form(service)] == ["password", "refresh_token", "password"]


def test_a_401_renews_once_for_many_threads(service: ScriptedService):
    """Twenty threads that meet a 401 at once share one renewal, and each is sent again once."""
    gate = threading.Barrier(20, timeout=20)

    def guarded(request: Any) -> Answer:
        if request.headers["authorization"] == "Bearer old":
            gate.wait()
            return answer({}, 401)
        return answer({"fine": True})

    service.put(TOKEN_PATH, *tokens("old", refresh_token="r"), *tokens("new", refresh_token="r"))
    service.put("some.read", guarded)
    client = session(service, username="ann", password=Secret("p", "password"))
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(client.call(READ))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found == [{"fine": True}] * 20
    assert len(service.requests(TOKEN_PATH)) == 2
    assert len(service.requests("some.read")) == 40


def test_a_401_that_stays_ends(service: ScriptedService):
    """A token that is refused twice is an authentication error, not a loop."""
    service.put(TOKEN_PATH, *tokens("one"), *tokens("two"))
    service.put("some.read", answer({"detail": "token expired"}, 401))
    with pytest.raises(scenecart.AuthenticationError, match="expired"):
        session(service, api_key=Secret("gpra_key")).call(READ)
    assert len(service.requests("some.read")) == 2


@pytest.mark.parametrize(
    "reply",
    [
        Answer(b"<html>login</html>", 200, {"Content-Type": "text/html"}),
        answer({}),
        answer([]),
        answer({"access_token": 5}),
        answer({"access_token": " "}),
        answer({"access_token": "line\r\nbreak"}),
        answer({"error": "invalid_client", "error_description": "<b>secret gpra_key</b>"}, 401),
        Answer(b"<html>gpra_key</html>", 400),
    ],
)
def test_a_sign_in_that_fails_is_short_and_quiet(service: ScriptedService, reply: Answer):
    """Whatever the token endpoint answers, the error is one, short, and repeats no secret."""
    service.put(TOKEN_PATH, reply)
    with pytest.raises(scenecart.AuthenticationError) as caught:
        session(service, api_key=Secret("gpra_key")).call(READ)
    assert "gpra_key" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert service.requests("some.read") == []


@pytest.mark.parametrize("status", [404, 405, 501])
def test_an_address_without_a_sign_in_is_not_taken_for_a_wrong_password(service: ScriptedService, status: int):
    """Where the token endpoint is not there, the error names the address that was asked and says to check it."""
    service.put(TOKEN_PATH, answer({"detail": "Not Found"}, status))
    with pytest.raises(scenecart.AuthenticationError, match=rf"^There is no sign-in at {service.url} .*\nCheck base_url") as caught:
        session(service, username="ann", password=Secret("pass word", "password")).call(READ)
    assert caught.value.status == status
    assert "pass word" not in str(caught.value)


@pytest.mark.parametrize("seconds", [0, -1, 1, "300", 1e12, None, "x", True])
def test_an_odd_lifetime_never_loops(service: ScriptedService, seconds: object):
    """A token of any stated lifetime is used; none makes the client sign in for every call."""
    service.put(TOKEN_PATH, answer({"access_token": "t", "expires_in": seconds}))
    service.put("some.read", answer({}))
    client = session(service, api_key=Secret("gpra_key"))
    for _ in range(3):
        client.call(READ)
    assert len(service.requests(TOKEN_PATH)) == 1


def test_secrets_reach_no_error_no_log_and_no_repr(service: ScriptedService, caplog: pytest.LogCaptureFixture):
    """A service that repeats the token in its answer does not get it into errors, logs or reprs."""
    caplog.set_level(logging.DEBUG)
    service.put(TOKEN_PATH, *tokens("the-token"))
    service.put("some.read", answer({"detail": "bad token the-token of gpra_key", "echo": "the-token"}, 403))
    client = session(service, api_key=Secret("gpra_key"))
    with pytest.raises(scenecart.PermissionDenied) as caught:
        client.call(READ)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value)) + repr(client) + caplog.text
    assert "the-token" not in shown
    assert "gpra_key" not in shown


def test_the_limiter_waits_before_the_service_has_to_refuse(service: ScriptedService):
    """No more calls than the limit leave within any sixty seconds."""
    clock = Clock()
    service.put("some.read", answer({}))
    client = Session(
        Credentials(service.url, "test", token=Secret("t")),
        limits=scenecart.Limits(calls_per_minute=3),
        clock=clock, wall=clock, sleep=clock.sleep,
    )  # fmt: skip
    for _ in range(7):
        client.call(READ)
    assert clock.now - 1_000.0 == pytest.approx(120.0)


def test_the_transport_is_an_argument():
    """A client takes any httpx transport, so nothing has to be patched."""

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"asked": json.loads(request.content)["host_name"]})

    client = scenecart.connect(base_url="https://service.example", token="t", transport=httpx.MockTransport(handle))
    assert client.call(SEARCH.id, {"host_name": "h"}) == {"asked": "h"}


def test_every_httpx_error_is_mapped():
    """Whatever httpx raises while sending becomes one of ours."""
    kinds = [
        kind for kind in vars(httpx).values()
        if isinstance(kind, type) and issubclass(kind, httpx.RequestError) and kind != httpx.TooManyRedirects
    ]  # fmt: skip
    assert len(kinds) > 10
    for kind in kinds:

        def fail(request: httpx.Request, kind: type = kind) -> httpx.Response:
            raise kind("low level text")

        client = scenecart.connect(
            base_url="https://service.example", token="t", transport=httpx.MockTransport(fail), sleep=lambda _: None
        )
        with pytest.raises(scenecart.ConnectionFailed) as caught:
            client.call("orders.list")
        assert "low level text" not in str(caught.value)


def test_nobody_there_is_said_plainly():
    """A service that is not there is named, with what to check."""
    client = scenecart.connect(base_url="http://127.0.0.1:9", token="t", sleep=lambda _: None)
    with pytest.raises(scenecart.ConnectionFailed, match=r"127\.0\.0\.1:9 cannot be reached"):
        client.call("orders.list")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: scenecart.Retry(attempts=0), "Retry: attempts is a whole number of at least 1, not 0"),
        (lambda: scenecart.Retry(attempts="3"), "attempts is a whole number"),  # type: ignore[arg-type]
        (lambda: scenecart.Retry(seconds=float("nan")), "seconds is a number of seconds from 0 on"),
        (lambda: scenecart.Limits(read="5"), "Limits: read is a number of seconds"),  # type: ignore[arg-type]
        (lambda: scenecart.Limits(read=-1), "read is a number of seconds"),
        (lambda: scenecart.Limits(places_per_minute=0), "places_per_minute is a whole number"),
        (lambda: scenecart.connect(token="t", limits=30), "limits is a scenecart.Limits, not 30"),
        (lambda: scenecart.connect(token="t", retry=3), "retry is a scenecart.Retry, not 3"),
    ],
)
def test_settings_that_make_no_sense_are_named_at_once(make: Callable[[], object], says: str):
    """Limits and tries that are no numbers are refused when they are said, not in the middle of a purchase."""
    with pytest.raises(scenecart.ConfigurationError, match=says):
        make()
