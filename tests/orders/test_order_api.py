"""Requests about orders: getting one, listing many, and what the service is asked."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from _purchases import GET, LIST, ORDER
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer


def test_fetch_uses_post_where_get_is_refused(service: ScriptedService, connect: Any):
    """Orders are requested with GET; a service that requires POST is remembered."""

    def only_post(request: RecordedRequest) -> Answer:
        return answer({}, 405) if request.method == "GET" else answer(ORDER)

    service.put(GET, only_post)
    client = connect()
    client.order("o-1")
    client.order("o-1")
    assert [request.method for request in service.requests(GET)] == ["GET", "POST", "POST"]
    assert service.requests(GET)[0].path.endswith("?id=o-1&order_id=o-1")


@pytest.mark.parametrize("order_id", [None, 5, "", " "])
def test_fetch_invalid_id_is_refused(service: ScriptedService, connect: Any, order_id: Any):
    """An order id that is not a non-empty string is refused before anything is sent."""
    with raises(scenecart.InvalidRequest, "not_a_string") as caught:
        connect().order(order_id)
    assert caught.value.argument == "order_id"
    assert service.received == []


def test_fetch_unknown_order_is_not_found(service: ScriptedService, connect: Any):
    """An order that does not exist is NotFound, with its id on one line."""
    service.put(GET, answer({}, 404))
    with raises(scenecart.NotFound, "order_not_found") as caught:
        connect().order("o-\n1")
    assert "'o- 1'" in caught.value.message


def test_fetch_order_without_id_is_an_error(service: ScriptedService, connect: Any):
    """An answer that contains no order id is a ServiceError."""
    service.put(GET, answer({"status": "processing"}))
    with raises(scenecart.ServiceError, "order_without_id"):
        connect().order("o-1")


@pytest.mark.parametrize("name", [None, "content", "orders", "items", "data"])
def test_list_is_read_in_every_shape(service: ScriptedService, connect: Any, name: str | None):
    """The list of orders is a table, whichever shape the service sends; an entry without an id is skipped."""
    entries = [ORDER, {**ORDER, "id": "o-2", "status": "delivered", "createdAt": "2024-05-06T07:08:09Z"}, {"odd": 1}]
    service.put(LIST, answer(entries if name is None else {name: entries, "totalPages": 1}))
    orders = connect().orders(status="processing")
    assert orders.index.tolist() == ["o-1", "o-2"]
    assert orders.loc["o-2", "status"] == "delivered"
    assert str(orders.loc["o-2", "created"]) == "2024-05-06 07:08:09+00:00"
    assert service.requests(LIST)[0].json["status"] == "processing"


def test_list_has_each_order_once(service: ScriptedService, connect: Any):
    """An order that moves to the next page while the list is read appears once."""
    first = [{**ORDER, "id": f"o-{number}"} for number in range(100)]
    service.put(LIST, answer(first), answer([first[-1], {**ORDER, "id": "new"}]))
    orders = connect().orders()
    assert len(orders) == 101
    assert orders.index.is_unique


def test_list_short_page_is_not_the_last(service: ScriptedService, connect: Any):
    """Pages that are shorter than requested, or have malformed entries, are followed until nothing new comes."""
    first, second = [{**ORDER, "id": f"o-{number}"} for number in range(30)], [{"odd": 1}, {**ORDER, "id": "last"}]
    service.put(LIST, answer(first), answer(second), answer([]))
    assert connect().orders().index.tolist() == [*(order["id"] for order in first), "last"]


def test_list_sends_every_filter(service: ScriptedService, connect: Any):
    """Every filter is sent to the service, which knows all orders; a limit ends the paging."""
    service.put(LIST, answer([{**ORDER, "id": f"o-{number}"} for number in range(100)]))
    orders = connect().orders(
        status="delivered", project="p", name="harbour", ids=["a"], tags="port", order_type="archive", limit=7
    )
    assert len(orders) == 7
    (request,) = service.requests(LIST)
    expected = {"status": "delivered", "workspaceId": "p", "displayName": "harbour", "orderIds": ["a"], "tags": "port"}
    assert request.json.items() >= {**expected, "type": "archive"}.items()
