"""Captures, estimates and orders, to and from the service's JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import scenecart
from _expect import raises
from scenecart._api import schemas
from scenecart._api.schemas import CaptureOrder

POINT = {"type": "Point", "coordinates": [1, 2]}


def estimate(*groups: tuple[list[str], Any, Any], total: tuple[Any, Any] | None = None, errors: Any = ()) -> dict[str, Any]:
    """Return an estimate of groups of (captures, credits, dollars); the total is their sum unless given."""
    credits_, aud = total or (sum(group[1] for group in groups), sum(group[2] for group in groups))
    return {
        "groups": [{"captures": ids, "aoi_km2": 1.5, "credits": price, "aud": dollars} for ids, price, dollars in groups],
        "errors": list(errors),
        "total_credits": credits_,
        "total_aud": aud,
    }


def test_purchase_request_round_trips():
    """The captures of a stored purchase request are those that were sent, and it can be estimated again."""
    captures = [CaptureOrder("a", POINT, "h", "c"), CaptureOrder("b", POINT)]
    body = schemas.place_body(captures, project="p", license_type="standard", split_by_date=True)
    assert schemas.purchased_captures(body) == captures
    assert schemas.purchased_ids(body) == ["a", "b"]
    assert schemas.is_split_by_date(body) is True
    assert schemas.reestimate_body(body) == schemas.estimate_body(captures, split_by_date=True)


@pytest.mark.parametrize(
    ("document", "captures"),
    [
        ({}, []),
        ({"captures": None}, []),
        ({"captures": ["a", {"id": "b"}, {"id": "c", "geometry": POINT}]}, [None, None, CaptureOrder("c", POINT)]),
    ],
)
def test_capture_without_geometry_is_none(document: dict[str, Any], captures: list[CaptureOrder | None]):
    """A capture whose geometry the service does not return keeps its place as None."""
    assert schemas.purchased_captures(document) == captures


def test_estimate_is_read_with_prices_and_refusals():
    """An estimate has its groups, its total, and the captures without a price with the reason."""
    document = estimate((["a", "b"], 300, 3), errors=[{"id": "c", "detail": "sold"}, {"capture": "d"}])
    prices = schemas.parse_estimate(document, ["a", "b", "c", "d"])
    assert [(group.ids, group.aoi_km2, group.credits, group.aud) for group in prices.groups] == [(("a", "b"), 1.5, 300, Decimal(3))]
    assert (prices.total_credits, prices.total_aud) == (300, Decimal(3))
    assert prices.errors == (("c", "sold"), ("d", "no reason given"))


INCONSISTENT = {
    "not an object": None,
    "no groups": {},
    "errors that are not a list": {**estimate((["a"], 1, 1)), "errors": 5},
    "a group that is not an object": {**estimate((["a"], 1, 1)), "groups": [5]},
    "a group without captures": estimate(([], 1, 1)),
    "a negative price": estimate((["a"], -1, 1)),
    "a fraction of a credit": estimate((["a"], 1.5, 1)),
    "a total that is not a number": estimate((["a"], 1, 1), total=("1", 1)),
    "credits that do not add up": estimate((["a"], 1, 1), total=(3, 1)),
    "dollars that do not add up": estimate((["a"], 1, 1), total=(1, 1.02)),
    "an error about no capture": estimate((["a"], 1, 1), errors=[{"message": "sold"}]),
    "a missing capture": estimate((["b"], 1, 1)),
    "a capture twice": estimate((["a", "a"], 1, 1)),
    "another capture": estimate((["a", "b"], 1, 1)),
    "an error that is not an object": estimate((["a"], 1, 1), errors=["a"]),
}


@pytest.mark.parametrize("case", INCONSISTENT)
def test_inconsistent_estimate_is_refused(case: str):
    """An estimate whose amounts or captures contradict each other is an error, never a price."""
    with raises(scenecart.UntrustedEstimate, "estimate_inconsistent"):
        schemas.parse_estimate(INCONSISTENT[case], ["a"])


ROUNDED = estimate((["a"], 3333, 33.33), (["b"], 3333, 33.33), (["c"], 3333, 33.33), total=(10_000, 100))


def test_estimate_groups_rounded_to_cents_are_accepted_with_a_note():
    """Groups that were rounded to cents may differ from the total by a cent each: the total is the price."""
    prices = schemas.parse_estimate(ROUNDED, ["a", "b", "c"])
    assert (prices.total_credits, prices.total_aud, prices.is_rounded) == (10_000, Decimal(100), True)
    assert not schemas.parse_estimate(estimate((["a"], 1, 1)), ["a"]).is_rounded
    with raises(scenecart.UntrustedEstimate, "estimate_inconsistent"):
        schemas.parse_estimate({**ROUNDED, "total_credits": 10_003}, ["a", "b", "c"])


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "b", "detail": "sold"},
        {"capture_id": "b", "reason": "sold"},
        {"captureId": "b", "message": "sold"},
        {"capture": {"id": "b"}, "error": "sold"},
        {"capture": "b", "detail": {"message": "sold"}},
        {"index": 1, "msg": "sold"},
        {"message": "sold"},
    ],
    ids=str,
)
def test_estimate_error_keeps_its_reason(entry: dict[str, Any]):
    """The reason for a capture without a price is kept, for each name of the field with its id."""
    prices = schemas.parse_estimate(estimate((["a"], 1, 1), errors=[entry]), ["a", "b"])
    assert prices.errors == (("b", "sold"),)


def test_estimate_in_camel_case_is_read():
    """Names in camelCase, and a wrapper, are the same estimate."""
    group = {"captures": ["a"], "aoiKm2": 1.5, "credits": 5, "aud": 0.05}
    prices = schemas.parse_estimate({"data": {"groups": [group], "totalCredits": 5, "totalAud": 0.05}}, ["a"])
    assert (prices.total_credits, prices.groups[0].aoi_km2) == (5, 1.5)


@pytest.mark.parametrize(
    "document",
    [
        {"id": "o"},
        {"orderId": "o"},
        {"order_id": "o"},
        {"order": {"id": "o"}},
        {"data": {"order_id": "o"}},
        {"results": [{"order_id": "o"}]},
        {"data": {"order": {"id": "o"}}},
    ],
    ids=str,
)
def test_order_is_read_with_any_spelling_of_its_id(document: dict[str, Any]):
    """The id of an order is read from each field of the service."""
    record = schemas.parse_order(document)
    assert record is not None
    assert (record.id, record.state) == ("o", "unknown")


@pytest.mark.parametrize("document", [None, [], {}, {"id": True}, {"id": 5.5}, {"id": " "}, {"id": "\ud800"}], ids=ascii)
def test_order_without_usable_id_is_none(document: object):
    """A document without an order id that can be sent again is not an order."""
    assert schemas.parse_order(document) is None


def test_order_with_malformed_groups_has_none():
    """Malformed groups of an order are ignored; its other fields are read."""
    record = schemas.parse_order({"id": "o", "groups": [{"captures": ["a"], "credits": "x"}], "captures": ["a"], "totalCredits": 5})
    assert record is not None
    assert (record.groups, record.captures, record.total_credits) == ((), ("a",), 5)


@pytest.mark.parametrize("field", ["content", "orders", "items", "data", None])
def test_order_page_is_read_in_each_format(field: str | None):
    """A page of orders is a list, bare or in one of the service's fields; entries that are not orders are counted."""
    entries = [{"id": 7}, 5]
    page = schemas.order_page(entries if field is None else {field: entries, "totalPages": 3, "total": "9"})
    assert [record.id for record in page.orders] == ["7"]
    assert page.unreadable == 1
    assert (page.pages, page.total) == ((None, None) if field is None else (3, 9))


@pytest.mark.parametrize("document", [None, {}, {"orders": 5}, "x"])
def test_unreadable_order_page_is_an_error(document: object):
    """A response that is not a list of orders is an error, never an empty list."""
    with raises(scenecart.ServiceError, "order_list_unreadable"):
        schemas.order_page(document)


def test_order_filters_have_the_names_of_the_service():
    """Filters are sent under the service's names; None leaves a filter out, and an empty list of ids selects nothing."""
    filters = schemas.order_filters(status="delivered", project="p", name="n", ids=("a",), tags="t", order_type="archive")
    assert filters == {
        "status": "delivered", "workspaceId": "p", "displayName": "n", "orderIds": ["a"], "tags": "t", "type": "archive",
    }  # fmt: skip
    assert schemas.order_filters() == {}
    assert schemas.matches_nothing(schemas.order_filters(ids=[]))
    assert not schemas.matches_nothing(schemas.order_filters())


@pytest.mark.parametrize("argument", ["status", "project", "name", "ids", "tags", "order_type"])
def test_order_filter_that_is_no_string_is_refused(argument: str):
    """A number as a filter is an error about the argument."""
    with raises(scenecart.InvalidRequest, "order_filter_invalid") as caught:
        schemas.order_filters(**{argument: 5})  # type: ignore[arg-type]  # the mistake
    assert caught.value.argument == argument


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"refundedCredits": 5}, ("refunded", 5)),
        ({"releasedCredits": 0}, ("released", 0)),
        ({"refundedCredits": "5"}, ("refunded", 5)),
        ({"refunded_credits": "5.5"}, None),
        (None, None),
    ],
)
def test_returned_credits_are_refunded_or_released(document: object, expected: tuple[str, int] | None):
    """The credits that cancelling returns are those refunded, or those released from a reservation."""
    assert schemas.returned_credits(document) == expected


@pytest.mark.parametrize(
    ("fields", "captures"),
    [
        ({"captures": ["a", "b"]}, ("a", "b")),
        ({"captures": [{"captureId": "a"}, {"id": 5}]}, ("a", "5")),
        ({"groups": [{"captures": ["a"]}, {"captures": ["b"]}]}, ("a", "b")),
        ({"captures": [], "groups": [{"captures": [{"capture_id": "a"}]}]}, ("a",)),
        ({"captureId": "a"}, ("a",)),
        ({"orderDetails": {"imageId": "a"}}, ("a",)),
        ({"order_details": {"captures": ["a", "b"]}}, ("a", "b")),
        ({"orderDetails": {"imageId": None}}, ()),
        ({"captures": ["a", {"odd": 1}]}, ()),
        ({"groups": [{"captures": ["a"]}, {}]}, ()),
        ({"captures": 2}, ()),
        ({}, ()),
    ],
)
def test_captures_of_an_order_are_found_or_unknown(fields: dict[str, Any], captures: tuple[str, ...]):
    """The captures of an order are read from any field that names all of them; otherwise they are unknown."""
    record = schemas.parse_order({"id": "o", **fields})
    assert record is not None
    assert record.captures == captures


def test_order_in_snake_case_with_text_amounts_is_read():
    """Other names and amounts as text are the same order."""
    document = {"order_id": 12, "total_credits": "300", "total_aud": "3.00", "project_id": 5, "license_type": "standard"}
    record = schemas.parse_order({"results": [document]})
    assert record is not None
    assert (record.id, record.total_credits, record.total_aud, record.project) == ("12", 300, Decimal("3.00"), "5")
    assert record.license_type == "standard"
    assert record.raw == document
