"""Error responses: the error, code and hint of each status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _scripted_service import ScriptedService, answer
from _sessions import KEY, READ, make_session
from scenecart._api import operations
from scenecart._api.error_documents import Problem
from scenecart._api.operations import LIST_ORDERS, PLACE
from scenecart._api.problems import error_of_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.exceptions import ScenecartError

STATUSES = {
    307: (scenecart.ServiceError, "unexpected_redirect"),
    400: (scenecart.BadRequest, "bad_request"),
    401: (scenecart.AuthenticationError, "token_refused"),
    402: (scenecart.PaymentRequired, "payment_failed"),
    403: (scenecart.PermissionDenied, "permission_denied"),
    404: (scenecart.NotFound, "not_found"),
    405: (scenecart.BadRequest, "bad_request"),
    407: (scenecart.BadRequest, "proxy_authentication_required"),
    409: (scenecart.Conflict, "conflict"),
    410: (scenecart.Gone, "no_longer_offered"),
    413: (scenecart.BadRequest, "bad_request"),
    422: (scenecart.InvalidRequest, "request_rejected"),
    429: (scenecart.RateLimited, "rate_limited"),
    500: (scenecart.ServiceError, "service_failed"),
    503: (scenecart.ServiceError, "service_failed"),
}


@pytest.mark.parametrize("status", STATUSES)
def test_error_of_status_each_status_has_its_class(service: ScriptedService, status: int):
    """Each status of the contract has its own error, with operation, status and problem document."""
    problem = {"type": "about:blank", "title": "T", "status": status, "detail": "what happened"}
    service.put("some.read", answer(problem, status))
    with raises(*STATUSES[status]) as caught:
        make_session(service).call(READ)
    error = caught.value
    assert (error.status, error.operation, error.problem["detail"]) == (status, "some.read", "what happened")
    # a redirect, and a proxy, are explained by their status alone
    assert ("what happened" in error.message) is (status >= 400 and status != 407)


NOT_FOUND = {
    operations.SEARCH: "host_not_found",
    operations.SEARCH_STREAM: "host_not_found",
    operations.ESTIMATE: "capture_not_found",
    operations.PLACE: "project_not_found",
    operations.GET_ORDER: "order_not_found",
    operations.CANCEL: "order_not_found",
    operations.LIST_ASSETS: "order_not_found",
    operations.DOWNLOAD: "file_not_found",
    operations.PROVENANCE: "not_found",
}


@pytest.mark.parametrize("operation", NOT_FOUND, ids=lambda operation: operation.id)
def test_404_has_code_and_hint_of_its_operation(operation: operations.Operation):
    """What was not found depends on the operation: a host, a capture, a project, an order or a file."""
    error = error_of_status(404, Problem(), operation.id, None)
    assert (type(error), error.code) == (scenecart.NotFound, NOT_FOUND[operation])
    assert error.hint


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda client: client.order("nix"), "order_not_found"),
        (lambda client: client.search("nix", collections="x"), "host_not_found"),
        (lambda client: place_in(client, "nix"), "project_not_found"),
        (lambda client: client.call("items.get_stac", {"item_id": "nix"}), "not_found"),
    ],
)
def test_404_of_the_sandbox_has_its_code_and_hint(client: scenecart.Client, call: Callable[[scenecart.Client], object], code: str):
    """An unknown order, host, project or item of a real service has its own error, with a hint."""
    with raises(scenecart.NotFound, code) as caught:
        call(client)
    assert caught.value.hint


def place_in(client: scenecart.Client, project: str) -> scenecart.Order:
    """Place an order of one capture in a project."""
    captures = client.search("aurora", collections="aurora-50cm", limit=1)
    return client.cart(captures).estimate().place(project=project)


def test_409_of_cancelling_has_its_own_code():
    """An order that cannot be cancelled has its own error, which says that nothing was changed."""
    error = error_of_status(409, Problem(detail="it was delivered"), operations.CANCEL.id, None)
    assert (type(error), error.code) == (scenecart.Conflict, "order_not_cancellable")
    assert "it was delivered" in error.message


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ([{"loc": ["body", "bbox"], "msg": "four numbers", "type": "value"}], "bbox: four numbers"),
        ("just text", "just text"),
        ({"message": "nested"}, "nested"),
        (None, "list orders"),
        ([5, None], "list orders"),
    ],
)
def test_422_is_read_in_each_format(service: ScriptedService, detail: object, expected: str):
    """A validation error lists its fields, in each format of its detail; without a detail it names the operation."""
    service.put("orders.list", answer({"detail": detail}, 422))
    with raises(scenecart.InvalidRequest, "request_rejected") as caught:
        make_session(service).call(LIST_ORDERS)
    assert expected in caught.value.message


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        ({"loc": ["body", "licenseType"], "msg": "unknown"}, "licenseType: unknown."),
        ({"field": "license_type", "message": "unknown", "allowed": ["standard", "wide"]}, "(allowed: standard, wide)."),
        (
            {"loc": ["licenseType"], "msg": "unknown.", "ctx": {"expected": "'standard' or 'wide'"}},
            "(allowed: 'standard' or 'wide').",
        ),
        ({"loc": ["licenseType"], "msg": "use standard or wide", "enum": ["standard", "wide"]}, "use standard or wide."),
        ({"loc": ["licenseType"], "msg": "unknown", "enum": [{}]}, "licenseType: unknown."),
    ],
)
def test_422_about_the_licence_has_a_code_and_the_allowed_values(service: ScriptedService, entry: dict[str, Any], shown: str):
    """A refused licence has a code of its own, and the values that the service allows are displayed once."""
    service.put(LIST_ORDERS.id, answer({"detail": [entry]}, 422))
    with raises(scenecart.InvalidRequest, "license_rejected") as caught:
        make_session(service).call(LIST_ORDERS)
    assert caught.value.message.endswith(shown)


def test_error_of_status_422_lists_invalid_fields():
    """The fields that the service rejects are available to programs."""
    error = error_of_status(422, Problem(fields=(("bbox", "four numbers"),)), "some.read", None)
    assert isinstance(error, scenecart.InvalidRequest)
    assert error.fields == [("bbox", "four numbers")]


PAYMENTS: list[tuple[dict[str, Any], type[ScenecartError], str, dict[str, Any]]] = [
    (
        {"type": "https://x/insufficient-credits", "required_credits": 4200, "balance_credits": 12},
        scenecart.InsufficientCredits,
        "insufficient_credits",
        {"required_credits": 4200, "balance_credits": 12},
    ),
    ({"title": "Insufficient credits"}, scenecart.InsufficientCredits, "insufficient_credits", {"required_credits": None}),
    (
        {"detail": "The card was declined", "decline_code": "do_not_honor"},
        scenecart.CardDeclined,
        "card_declined",
        {"decline_code": "do_not_honor"},
    ),
    ({"title": "No payment method"}, scenecart.NoPaymentMethod, "no_payment_method", {}),
    (
        {"client_secret": "pi_123_secret_456", "challenge_url": "https://bank.example/c"},
        scenecart.AuthenticationRequired,
        "payment_authentication_required",
        {"challenge_url": "https://bank.example/c"},
    ),
    ({"title": "Payment Required"}, scenecart.PaymentRequired, "payment_failed", {}),
]


@pytest.mark.parametrize(("problem", "error", "code", "values"), PAYMENTS, ids=lambda value: str(value)[:30])
def test_402_is_distinguished_by_kind(
    service: ScriptedService,
    problem: dict[str, Any],
    error: type[scenecart.PaymentRequired],
    code: str,
    values: dict[str, Any],
):
    """Each kind of a 402 has its own error, with a hint, the key and the service's figures, and without its secret."""
    service.put("orders.archive.place", answer(problem, 402))
    with raises(error, code) as caught:
        make_session(service).call(PLACE, {}, key=KEY)
    assert caught.value.hint
    assert caught.value.idempotency_key == KEY
    assert {name: getattr(caught.value, name) for name in values} == values
    assert "pi_123" not in repr(vars(caught.value)) + str(caught.value)


def test_402_of_credits_shows_price_and_balance():
    """Too low a balance shows both figures, in credits."""
    problem = Problem(extra={"required_credits": 4200, "balance_credits": 12})
    message = error_of_status(402, problem, PLACE.id, None).message
    assert "4,200 credits" in message
    assert "12" in message


@pytest.mark.parametrize(
    ("url", "is_shown"),
    [
        ("https://bank.example/c/seti_1", True),
        ("https://bank.example/c?client_secret=pi_123_secret_456", False),
        ("https://bank.example/c/pi_123_secret_456", False),
        ("https://ann:pi_123@bank.example/", False),
        ("file:///etc/passwd", False),
        (None, False),
    ],
)
def test_url_of_payment_confirmation_is_shown_unless_it_is_secret(service: ScriptedService, url: str | None, *, is_shown: bool):
    """The bank's page is named in the hint, unless its URL may open the payment to anybody who reads it."""
    service.put("orders.archive.place", answer({"client_secret": "pi_123_secret_456", "challenge_url": url}, 402))
    with raises(scenecart.AuthenticationRequired, "payment_authentication_required") as caught:
        make_session(service).call(PLACE, {}, key=KEY)
    assert (str(url) in str(caught.value.hint)) is is_shown
    assert ("error.challenge_url" in str(caught.value.hint)) is (caught.value.challenge_url is not None and not is_shown)
    assert "pi_123" not in str(caught.value)


@pytest.mark.parametrize(
    ("detail", "is_added"),
    [
        ("the card was declined by its bank", False),
        ("Your bank declined the card.", False),
        ("", False),
        ("insufficient funds", True),
    ],
)
def test_text_of_the_service_is_left_out_if_it_repeats_the_message(detail: str, *, is_added: bool):
    """What the message says already is not said twice; a bank's reason is added."""
    error = error_of_status(402, Problem(detail=detail, extra={"decline_code": "x"}), PLACE.id, None)
    plain = error_of_status(402, Problem(extra={"decline_code": "x"}), PLACE.id, None)
    assert error.code == "card_declined"
    assert (error.message != plain.message) is is_added
    assert error.message.endswith(f"{detail}." if is_added else plain.message)


SCOPES = {
    "orders:write": ({"detail": "requires scope orders:write"}, "user_required"),
    "billing:read": ({"required_scope": "billing:read"}, "scope_missing"),
    None: ({"detail": "not yours"}, "permission_denied"),
}


@pytest.mark.parametrize("scope", SCOPES)
def test_403_names_the_missing_scope(service: ScriptedService, scope: str | None):
    """A 403 names the missing scope; the scope to place orders needs a user."""
    problem, code = SCOPES[scope]
    service.put("orders.archive.place", answer(problem, 403))
    with raises(scenecart.PermissionDenied, code) as caught:
        make_session(service).call(PLACE, {}, key=KEY)
    assert caught.value.missing_scope == scope
    assert caught.value.hint
