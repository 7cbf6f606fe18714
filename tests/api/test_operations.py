"""Operations of the service, and the fields of their requests and responses."""

from __future__ import annotations

from decimal import Decimal

import pytest

import scenecart
from _expect import raises
from scenecart._api import operations


def test_unknown_operation_is_unsafe():
    """An operation that is not known here is never sent twice; a known one keeps its rule."""
    assert not operations.operation("some.thing").safe
    assert operations.operation("orders.get") is operations.GET_ORDER
    assert operations.GET_ORDER.path == "/v1/op/orders.get"


@pytest.mark.parametrize(
    ("name", "spends"),
    [
        ("orders.archive.place", True),
        ("Orders.Archive.PLACE", True),
        ("orders.some_new_kind.place", True),
        ("orders.place", True),
        ("orders.cancel", True),
        ("orders.tasking.quotation_decide", True),
        ("billing.topup", True),
        ("billing.set_auto_topup", True),
        ("billing.approvals.approve", True),
        ("processing.create_and_dispatch", True),
        ("processing.execute", True),
        ("subscriptions.create", True),
        ("organizations.commitments.accept", True),
        ("organizations.commitments.list", False),
        ("organizations.commitments.statement", False),
        ("billing.credits.balance", False),
        ("billing.auto_topup.get", False),
        ("orders.archive.estimate", False),
        ("processing.catalog.estimate", False),
        ("orders.update", False),
        ("orders.get", False),
    ],
)
def test_operation_that_may_spend_is_known(name: str, *, spends: bool):
    """Operations that charge, reserve credits or change a contract are known, in any spelling; reads are not among them."""
    assert operations.spends(name) is spends


def test_operations_that_spend_are_unsafe():
    """Placing and cancelling are never retried without a key."""
    assert not operations.PLACE.safe
    assert not operations.CANCEL.safe


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
def test_dollars_other_than_two_decimals_are_none(value: object, amount: Decimal | None):
    """An amount of money has two decimal places; anything else is None."""
    assert operations.dollars(value) == amount


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
    ("userinfo", "account", "subject"),
    [
        ({"organization_id": "o", "sub": "u"}, "o", "u"),
        ({"organization": {"id": "o"}}, "o", ""),
        ({"geopera_org_id": "o", "sub": "u"}, "o", "u"),
        ({"orgId": "o", "userId": "u"}, "o", "u"),
        ({"sub": "u"}, "u", "u"),
        ({"organization_id": 5}, "", ""),
        (None, "", ""),
    ],
)
def test_identity_is_the_organization_or_the_user(userinfo: object, account: str, subject: str):
    """The account that pays is the organization in any spelling, else the user; empty strings for what is not stated."""
    found = operations.identity_of(userinfo)
    assert (found.account, found.subject) == (account, subject)
    assert found.organization in {account, ""}
    assert (found.organization == "") is (account == subject)
