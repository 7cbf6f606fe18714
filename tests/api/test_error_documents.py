"""Error documents of the service: invalid fields, secrets, and the kinds of failed payments."""

from __future__ import annotations

from typing import Any

import pytest

from scenecart._api.error_documents import PaymentKind, Problem, parse_problem, payment_problem, without_secrets


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (None, ""),
        ([1], ""),
        ({}, ""),
        ({"title": "T"}, "T"),
        ({"title": "T", "detail": "d"}, "d"),
        ({"error": "invalid_grant", "error_description": "wrong"}, "wrong"),
        ({"detail": {"msg": "nested"}}, "nested"),
        ({"detail": [{"loc": ["body", "a", 0], "msg": "bad"}, "text", None]}, "a.0: bad; text; "),
        ({"detail": "two\nlines"}, "two lines"),
    ],
)
def test_problem_is_read_in_each_format(document: Any, text: str):
    """An error document is read in each format of the service, and anything else is an empty one."""
    assert parse_problem(document).text == text


def test_problem_document_hides_the_secret_of_a_payment():
    """The document for users has all fields but the client secret."""
    problem = parse_problem({"title": "T", "client_secret": "pi_secret", "required_credits": 5})
    assert problem.shown() == {"type": "", "title": "T", "detail": "T", "required_credits": 5}
    assert "pi_secret" not in repr(payment_problem(problem))


@pytest.mark.parametrize(
    ("problem", "kind"),
    [
        (Problem(extra={"client_secret": "s"}), PaymentKind.CONFIRMATION),
        (Problem(extra={"balance_credits": 1}), PaymentKind.CREDITS),
        (Problem(detail="Insufficient credits"), PaymentKind.CREDITS),
        (Problem(detail="insufficient funds", extra={"decline_code": "insufficient_funds"}), PaymentKind.DECLINED),
        (Problem(type="https://x/card_declined"), PaymentKind.DECLINED),
        (Problem(type="https://x/payment_method-required"), PaymentKind.NO_CARD),
        (Problem(detail="no card"), PaymentKind.NO_CARD),
        (Problem(detail="Payment Required"), PaymentKind.OTHER),
        (Problem(extra={"requiredCredits": 4}), PaymentKind.CREDITS),
        (Problem(detail="the balance does not cover this order", extra={"code": "BALANCE_TOO_LOW"}), PaymentKind.CREDITS),
        (Problem(extra={"code": "insufficient_funds"}), PaymentKind.CREDITS),
        (Problem(detail="Your card has insufficient funds."), PaymentKind.DECLINED),
        (Problem(extra={"declineCode": "x"}), PaymentKind.DECLINED),
        (Problem(detail="the issuer refused the transaction", extra={"code": "DO_NOT_HONOR"}), PaymentKind.DECLINED),
        (Problem(extra={"code": "expired_card"}), PaymentKind.DECLINED),
        (Problem(detail="Payment method declined"), PaymentKind.DECLINED),
        (Problem(detail="add a way to pay first", extra={"code": "NO_FUNDING_SOURCE"}), PaymentKind.NO_CARD),
        (Problem(title="Card required"), PaymentKind.NO_CARD),
        (Problem(extra={"status": "requires_action"}), PaymentKind.CONFIRMATION),
        (Problem(detail="3D Secure authentication required"), PaymentKind.CONFIRMATION),
        (Problem(extra={"clientSecret": "s"}), PaymentKind.CONFIRMATION),
        (Problem(extra={"payment": {"intent": {"payment_intent_client_secret": "s"}}}), PaymentKind.CONFIRMATION),
    ],
)
def test_payment_kind_is_read_from_fields_then_text(problem: Problem, kind: PaymentKind):
    """The fields of a 402 decide its kind; without them, its type and text do."""
    assert payment_problem(problem).kind is kind


SECRET = "pi_123_secret_456"
PLACES_OF_THE_SECRET: dict[str, dict[str, Any]] = {
    "client_secret": {"client_secret": SECRET},
    "clientSecret": {"clientSecret": SECRET},
    "payment_intent_client_secret": {"payment_intent_client_secret": SECRET},
    "in detail": {"detail": {"message": "confirm", "client_secret": SECRET}},
    "in error": {"error": {"message": "confirm", "paymentIntent": {"clientSecret": SECRET}}},
    "in a list": {"intents": [{"client_secret": SECRET}], "clientSecret": SECRET},
    "in the text": {"detail": f"confirm {SECRET}", "client_secret": SECRET},
    "in a URL": {"client_secret": SECRET, "challenge_url": f"https://bank.example/?s={SECRET}"},
}


@pytest.mark.parametrize("case", PLACES_OF_THE_SECRET)
def test_secret_of_a_payment_is_found_and_hidden_anywhere(case: str):
    """The secret is found under each name and at each depth, and is readable in no part of the document."""
    problem = parse_problem({"title": "Payment Required", "status": 402, **PLACES_OF_THE_SECRET[case]})
    payment = payment_problem(problem)
    assert (payment.kind, payment.client_secret) == (PaymentKind.CONFIRMATION, SECRET)
    for text in (repr(problem), repr(payment), repr(problem.shown()), problem.text):
        assert SECRET not in text


def test_secret_under_an_unknown_name_is_hidden():
    """A text that has the form of a payment's secret is hidden under any name."""
    problem = parse_problem({"status": 402, "note": f"use {SECRET}", "api_key": "gpra_x", "kept": 5})
    assert "456" not in repr(problem.shown())
    assert "gpra_x" not in repr(problem.shown())
    assert problem.shown()["kept"] == 5


INVALID_FIELDS = {
    "field and message": {"field": "captures.0.id", "message": "bad"},
    "pointer and detail": {"pointer": "/captures/0/id", "detail": "bad"},
    "pointer of a fragment": {"pointer": "#/captures/0/id", "detail": "bad"},
    "source pointer": {"source": {"pointer": "/captures/0/id"}, "title": "bad"},
    "loc and msg": {"loc": ["body", "captures", 0, "id"], "msg": "bad"},
    "name and reason": {"name": "captures.0.id", "reason": "bad"},
}


@pytest.mark.parametrize("case", INVALID_FIELDS)
@pytest.mark.parametrize("name", ["errors", "invalid-params"])
def test_invalid_fields_are_read_from_a_list(case: str, name: str):
    """A problem document with a list of errors keeps each field with its message."""
    problem = parse_problem({"title": "Unprocessable", "status": 422, "detail": "invalid: 1", name: [INVALID_FIELDS[case]]})
    assert problem.fields == (("captures.0.id", "bad"),)
    assert "captures.0.id: bad" in problem.text


def test_invalid_fields_are_read_from_a_mapping():
    """Errors by field are read too."""
    problem = parse_problem({"errors": {"name": ["too long", "not unique"], "tags": "bad"}})
    assert problem.fields == (("name", "too long"), ("name", "not unique"), ("tags", "bad"))


def test_without_secrets_leaves_no_secret_and_no_signature():
    """A document that is kept on disk has no secret of a payment and no signed URL, at any depth."""
    document = {
        "id": "o1",
        "payment": {"client_secret": "seti_VERY-SECRET", "note": "use seti_VERY-SECRET"},
        "files": ["https://bucket.example/x.png?X-Amz-Signature=deadbeef", 5, None],
    }
    kept = without_secrets(document)
    assert kept["id"] == "o1"
    assert kept["files"] == ["https://bucket.example/x.png?…", 5, None]
    assert "VERY-SECRET" not in str(kept)


OPAQUE = "sk9Xw83kd0Qpz71bVt5n"


@pytest.mark.parametrize(
    "document",
    [
        {"payment_token": OPAQUE},
        {"detail": {"message": "confirm", "key": OPAQUE}},
        {"next": [{"confirmation": OPAQUE}]},
        {"challenge_url": f"https://bank.example/c?k={OPAQUE}"},
        {"challenge_url": f"https://bank.example/c#{OPAQUE}"},
    ],
)
def test_opaque_word_of_a_refused_payment_is_hidden_under_any_name(document: dict[str, Any]):
    """What may open a payment is hidden by its form, whatever the service calls it and wherever it is."""
    assert OPAQUE not in repr(parse_problem({"status": 402, **document}).shown(is_payment=True))


def test_plain_words_and_ids_of_a_refused_payment_stay():
    """Codes, amounts and ids are shown: support asks for them."""
    given = {
        "decline_code": "insufficient_funds_on_card", "required_credits": 5, "request_id": "req9Xw83kd0Qpz71bVt5n",
        "order": {"id": "0b8f6c1e-3f0b-4b0a-9a1d-2f6c5d7e8a90"}, "url": "https://console.example/billing",
    }  # fmt: skip
    shown = parse_problem({"status": 402, **given}).shown(is_payment=True)
    assert {name: shown[name] for name in given} == given
