"""Dialects of accounts: sign-in, identity, and the problem documents of refused requests and payments."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from scenecart.sandbox._http.exchange import PROBLEM_MEDIA, Dialect, Reply, problem

if TYPE_CHECKING:
    from scenecart.sandbox._http.exchange import ActiveDialect, Exchange

# every third userinfo fails
_EVERY = 3
_UNPROCESSABLE, _PAYMENT_REQUIRED = 422, 402


def _problems(dialect: ActiveDialect, _exchange: Exchange, reply: Reply) -> Reply:
    if reply.status not in {_UNPROCESSABLE, _PAYMENT_REQUIRED} or "json" not in reply.media:
        return reply
    document = reply.document
    if reply.status == _PAYMENT_REQUIRED:
        return reply.with_document(_payment_problem(dialect, document), media=PROBLEM_MEDIA)
    if not isinstance(document.get("detail"), list):
        return reply
    errors = [_field_error(number, entry) for number, entry in enumerate(document["detail"])]
    invalid = {
        "type": "about:blank",
        "title": "Unprocessable",
        "status": 422,
        "detail": f"invalid: {len(errors)}",
        "errors": errors,
    }
    return reply.with_document(invalid, media=PROBLEM_MEDIA)


def _field_error(number: int, entry: dict[str, Any]) -> dict[str, str]:
    parts = [str(part) for part in entry["loc"]]
    if number % 2:
        return {"pointer": "/" + "/".join(parts[1:]), "detail": entry["msg"]}
    return {"field": ".".join(parts[1:]), "message": entry["msg"]}


def _payment_problem(dialect: ActiveDialect, document: dict[str, Any]) -> dict[str, Any]:
    head = {"type": "about:blank", "title": "Payment Required", "status": _PAYMENT_REQUIRED}
    if "client_secret" in document:
        secret = document["client_secret"]
        detail = {"message": "additional action is needed", "challenge_url": document["challenge_url"]}
        variant = dialect.variant_of_call(dialect.count_call("secret"))
        if variant == "nested":
            return {**head, "detail": {**detail, "client_secret": secret}}
        return {**head, "detail": {**detail, variant: secret}} if variant == "clientSecret" else {**head, **detail, variant: secret}
    kind = document["type"].rpartition("/")[2]
    words = {
        "insufficient-credits": {"detail": "the balance does not cover this order", "code": "BALANCE_TOO_LOW"},
        "payment-method-required": {"detail": "add a way to pay first", "code": "NO_FUNDING_SOURCE"},
        "card-declined": {"detail": "the issuer refused the transaction", "code": "DO_NOT_HONOR"},
    }
    return {**head, **words.get(kind, {"detail": document["detail"]})}


def _refuse_exchange(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if exchange.body.get("grant_type") != "client_credentials":
        return reply
    status = int(dialect.variant_of_call(dialect.count_call("token")))
    if status == _UNPROCESSABLE:
        entry = {"loc": ["body", "grant_type"], "msg": "Input should be 'password' or 'refresh_token'", "type": "enum"}
        return reply.with_document({"detail": [entry]}, status)
    refused = {"error": "unauthorized_client", "error_description": "this grant is not enabled for the client"}
    return reply.with_document(refused, status, "application/json")


def _rename(dialect: ActiveDialect, exchange: Exchange, reply: Reply) -> Reply:
    if not reply.is_success:
        return reply
    document = reply.document
    variant = dialect.variant()
    if variant == "camel":
        return reply.with_document(_in_camel_case(document))
    if exchange.operation != "userinfo":
        return reply
    kept = ("sub", "geopera_org_id", "geopera_principal_id", "geopera_principal_type") if variant == "geopera" else ("sub",)
    return reply.with_document({name: document[name] for name in kept})


def _in_camel_case(document: Any) -> Any:
    if isinstance(document, dict):
        return {
            re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name): _in_camel_case(value) for name, value in document.items()
        }
    return [_in_camel_case(value) for value in document] if isinstance(document, list) else document


def _fail_now_and_then(dialect: ActiveDialect, _exchange: Exchange, reply: Reply) -> Reply:
    number = dialect.count_call("userinfo")
    if not reply.is_success or number % _EVERY != _EVERY - 1:
        return reply
    variant = dialect.variant_of_call(number // _EVERY)
    if variant == "html":
        return Reply(200, b"<!doctype html><title>Welcome</title><p>Please sign in.</p>", "text/html")
    if variant in {"null", "empty"}:
        return reply.with_document(None if variant == "null" else {})
    return problem(int(variant), "userinfo is not available")


PROBLEM_ERRORS = Dialect(
    "problem-errors",
    "422 is a problem document with a list errors; 402 uses other words, and has the secret in another place; calls take turns.",
    ("nested", "clientSecret", "payment_intent_client_secret"),
    replies={"*": _problems},
)
DIRECT_KEYS = Dialect(
    "direct-keys",
    "An API key cannot be exchanged for a token (400, 401 or 422); it is sent as it is. Calls take turns.",
    ("400", "401", "422"),
    replies={"token": _refuse_exchange},
)
OTHER_NAMES = Dialect(
    "other-names",
    "userinfo has only geopera_org_id, or only sub, or userinfo, estimates and balances have names in camelCase.",
    ("geopera", "sub", "camel"),
    replies=dict.fromkeys(("userinfo", "orders.archive.estimate", "billing.credits.balance"), _rename),
)
FLAKY_IDENTITY = Dialect(
    "flaky-identity",
    "Every third userinfo is an error, null, {} or an HTML page; the failures take turns.",
    ("404", "405", "501", "null", "empty", "html", "408"),
    replies={"userinfo": _fail_now_and_then},
)
