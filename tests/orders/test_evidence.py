"""What each response to an order proves, row by row."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenecart._api.credentials import Secret
from scenecart._api.replies import Reply
from scenecart._orders.evidence import Proof, evidence_of
from scenecart._orders.journal import Placement

PROJECT = "p-1"
ORDER = {"id": "o-1", "status": "processing", "projectId": PROJECT, "captures": ["a", "b"]}


def placement() -> Placement:
    captures = [{"id": name, "geometry": {}} for name in ("a", "b")]
    body = json.dumps({"projectId": PROJECT, "captures": captures}).encode()
    values = dict.fromkeys(Placement.__dataclass_fields__)
    return Placement(**values | {"number": 1, "project": PROJECT, "body": body})


def proof(status: int, document: Any, media_type: str = "application/json") -> Proof:
    return evidence_of(Reply(status, media_type, {}, document, None, Secret("token", "token")), placement()).proof


def problem(status: int, detail: str = "no") -> dict[str, Any]:
    return {"type": "about:blank", "title": "No", "status": status, "detail": detail}


@pytest.mark.parametrize("status", [200, 201, 202])
def test_weigh_success_with_the_order_proves_ordered(status: int):
    """A 2xx response that names a fitting order proves that it was placed."""
    assert proof(status, ORDER) is Proof.ORDERED


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"status": "ok"},
        [],
        {**ORDER, "captures": ["a", "c"]},
        {**ORDER, "captures": ["a"]},
        {**ORDER, "projectId": "another"},
        {"id": "o-2", "groups": [{"captures": ["z"], "credits": 5, "aud": 0.05}]},
    ],
    ids=["no JSON", "empty", "no id", "list", "other capture", "fewer captures", "other project", "other group"],
)
def test_weigh_success_with_another_order_proves_nothing(document: Any):
    """A 2xx response without an order, or with an order of other captures or another project, proves nothing."""
    assert proof(202, document) is Proof.NOTHING


def test_weigh_success_as_html_proves_nothing():
    """A page of a proxy with status 200 proves nothing, whatever is in it."""
    assert proof(200, ORDER, "text/html") is Proof.NOTHING


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415, 422])
def test_weigh_refusal_in_the_service_s_form_proves_refused(status: int):
    """A problem document with its own status proves that nothing was ordered."""
    assert proof(status, problem(status)) is Proof.REFUSED


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 415, 422])
@pytest.mark.parametrize(
    ("document", "media_type"),
    [(None, "text/plain"), ({"message": "no"}, "application/json"), ({"status": 200}, "application/json"), (None, "text/html")],
)
def test_weigh_refusal_of_an_intermediary_proves_nothing(status: int, document: Any, media_type: str):
    """The same statuses without the service's form can come from a gateway, and prove nothing."""
    assert proof(status, document, media_type) is Proof.NOTHING


@pytest.mark.parametrize("status", [100, 302, 407, 408, 418, 421, 425, 426, 431, 451, 499, 500, 502, 503, 504])
def test_weigh_other_status_proves_nothing(status: int):
    """Statuses that do not say what became of the request prove nothing, even in the service's form."""
    assert proof(status, problem(status)) is Proof.NOTHING


@pytest.mark.parametrize("name", ["detail", "errors"])
def test_weigh_422_with_fields_proves_refused(name: str):
    """A 422 that lists fields proves that nothing was ordered, without a status of its own."""
    assert proof(422, {name: [{"loc": ["body", "captures"], "msg": "bad"}]}) is Proof.REFUSED


@pytest.mark.parametrize(
    "document",
    [problem(402), {"client_secret": "x"}, {"detail": {"clientSecret": "x"}}, {"required_credits": 5}, {"decline_code": "x"}],
)
def test_weigh_402_proves_unpaid(document: Any):
    """A 402 in the service's form, or with fields about the payment, proves that nothing was ordered."""
    assert proof(402, document) is Proof.UNPAID


def test_weigh_402_of_an_intermediary_proves_nothing():
    """A 402 without anything about a payment proves nothing."""
    assert proof(402, {"message": "quota"}) is Proof.NOTHING


def test_weigh_429_in_the_service_s_form_proves_limited():
    """The service's own 429 proves that the request was not carried out."""
    assert (proof(429, problem(429)), proof(429, None)) == (Proof.LIMITED, Proof.NOTHING)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (409, problem(409)),
        (409, None),
        (422, problem(422, "The idempotency key was reused with another body.")),
        (400, problem(400, "This key has expired.")),
    ],
)
def test_weigh_answer_about_the_key_proves_that_it_is_in_use(status: int, document: Any):
    """A conflict, and any refusal that speaks of the key, may mean that the order exists."""
    assert proof(status, document) is Proof.KEY_IN_USE
