"""Operations of the service, and the fields of their requests and responses."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._api import operations
from scenecart._api.operations import PaymentKind, Problem


def test_unknown_operation_is_unsafe():
    """An operation that is not known here is never sent twice; a known one keeps its rule."""
    assert not operations.operation("some.thing").safe
    assert operations.operation("orders.get") is operations.GET_ORDER
    assert operations.GET_ORDER.path == "/v1/op/orders.get"


def test_operations_that_spend_are_unsafe():
    """Placing and cancelling are never retried without a key."""
    assert not operations.PLACE.safe
    assert not operations.CANCEL.safe


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
    assert operations.parse_problem(document).text == text


def test_problem_document_hides_the_secret_of_a_payment():
    """The document for users has all fields but the client secret."""
    problem = operations.parse_problem({"title": "T", "client_secret": "pi_secret", "required_credits": 5})
    assert problem.shown() == {"type": "", "title": "T", "detail": "T", "required_credits": 5}
    assert "pi_secret" not in repr(operations.payment_problem(problem))


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
    ],
)
def test_payment_kind_is_read_from_fields_then_text(problem: Problem, kind: PaymentKind):
    """The fields of a 402 decide its kind; without them, its type and text do."""
    assert operations.payment_problem(problem).kind is kind


@pytest.mark.parametrize(
    ("value", "number"), [(5, 5), (0, 0), (-1, -1), (5.0, 5), (5.5, None), (True, None), ("5", None), (None, None)]
)
def test_whole_number_accepts_integers_only(value: object, number: int | None):
    """Credits are integers, never a bool, a string or a fraction."""
    assert operations.whole_number(value) == number


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("12.5", Decimal("12.50")),
        (12, Decimal("12.00")),
        (0.1, Decimal("0.10")),
        ("x", None),
        ("NaN", None),
        (float("inf"), None),
        (1e15, None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_dollars_have_two_places(value: object, amount: Decimal | None):
    """An amount of money has two decimal places; anything else is None."""
    assert operations.dollars(value) == amount


@pytest.mark.parametrize(
    ("document", "token"),
    [
        ({"next": "t"}, "t"),
        ({"next": 2}, "2"),
        ({"next": None}, None),
        ({"next": True}, None),
        ({"next": ""}, None),
        ({"links": [{"rel": "self"}, {"rel": "next", "body": {"token": "t"}}]}, "t"),
        ({"links": [{"rel": "next", "href": "https://other.example/search?next=t&x=1"}]}, "t"),
        ({"links": [{"rel": "next", "href": "https://other.example/search?token=t"}]}, "t"),
        ({"links": [{"rel": "next", "href": 5}, None]}, None),
        ({}, None),
    ],
)
def test_next_token_is_found_in_each_field(document: dict[str, Any], token: str | None):
    """The token of the next page is read from each field of the service; of a link, only its token is used."""
    assert operations.next_token(document) == token


@pytest.mark.parametrize(
    ("document", "url"),
    [
        ("https://x/a", "https://x/a"),
        ({"url": "https://x/a"}, "https://x/a"),
        ({"href": "https://x/a"}, "https://x/a"),
        ({"url": "", "signed_url": "https://x/a"}, "https://x/a"),
        ({"url": 5}, None),
        ("", None),
        (None, None),
    ],
)
def test_download_url_is_found_in_each_field(document: object, url: str | None):
    """The URL of a file is read from each field of the service."""
    assert operations.download_url(document) == url


def test_lineage_skips_malformed_edges():
    """Edges of the provenance graph are read one by one; a response that is not a graph is an error."""
    edge = {"src_type": "item", "src_id": 1, "relation": "from", "dst_type": "order", "dst_id": "o", "depth": 1}
    found = operations.parse_lineage({"edges": [edge, None, "x"]})
    assert [(one.entity, one.entity_id, one.source, one.source_id, one.depth) for one in found] == [("item", "1", "order", "o", 1)]
    for document in (None, {}, {"edges": 5}):
        with raises(scenecart.ServiceError, "provenance_unreadable"):
            operations.parse_lineage(document)


@pytest.mark.parametrize(
    ("document", "credits_"),
    [
        ({"balance_credits": 5}, 5),
        ({"billing_mode": "credit", "credits": 5.0}, 5),
        ({"billing_mode": "card", "balance_credits": 5}, None),
        ({"balance_credits": "5"}, None),
        ([], None),
    ],
)
def test_available_credits_are_none_where_a_card_pays(document: object, credits_: int | None):
    """Spendable credits are known for prepaid accounts only."""
    assert operations.available_credits(document) == credits_


@pytest.mark.parametrize(
    ("userinfo", "account"),
    [
        ({"organization_id": "o", "sub": "u"}, "o"),
        ({"organization": {"id": "o"}}, "o"),
        ({"sub": "u"}, "u"),
        ({"organization_id": 5}, ""),
        (None, ""),
    ],
)
def test_account_is_the_organization_or_the_user(userinfo: object, account: str):
    """The account that pays is the organization, else the user; an empty string if unknown."""
    assert operations.account_of(userinfo) == account
