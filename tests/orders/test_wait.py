"""Waiting for many orders with one request a round."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import scenecart
from _expect import raises
from _purchases import GET, LIST, ORDER
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from scenecart._orders.wait import refresh_orders


def orders_in(*states: str) -> list[dict[str, Any]]:
    """Return orders o-0, o-1, … in these states, as the service lists them."""
    return [{**ORDER, "id": f"o-{number}", "status": state} for number, state in enumerate(states)]


def by_id(request: RecordedRequest, state: str = "processing") -> Answer:
    """Answer orders.get with an order of the requested id."""
    return answer({**ORDER, "id": parse_qs(urlsplit(request.path).query)["id"][0], "status": state})


def test_wait_all_sends_one_request_a_round(service: ScriptedService, connect: Any):
    """Each round is one request, for the unfinished orders only."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(3)]
    service.received.clear()
    service.put(LIST, answer(orders_in("processing", "delivered", "processing")), answer(orders_in("delivered", "", "delivered")))
    rounds: list[int] = []
    waited = scenecart.wait_all(
        orders, callback=lambda seen: rounds.append(sum(order.is_finished for order in seen)), progress=False
    )
    assert waited == orders
    assert rounds == [1, 3]
    assert [request.json["orderIds"] for request in service.requests(LIST)] == [["o-0", "o-1", "o-2"], ["o-0", "o-2"]]
    assert service.requests(GET) == []


def test_wait_all_ends_where_the_list_refuses_ids(service: ScriptedService, connect: Any):
    """Where the list refuses several ids, each order is requested by its id, and the end is seen in any words."""
    service.put(LIST, answer({"detail": [{"loc": ["body", "orderIds"], "msg": "not a text"}]}, 422))
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(2)]
    words = iter(["in_progress", "in_progress", "completed", "partial"])
    service.put(GET, lambda request: by_id(request, next(words)))
    scenecart.wait_all(orders, progress=False)
    assert [order.status for order in orders] == ["completed", "partial"]


def test_wait_all_mentions_an_unknown_state_once(service: ScriptedService, connect: Any):
    """An unknown state is mentioned once for each order; listed files prove the delivery."""
    said: list[Any] = []
    service.put(GET, by_id)
    client = connect(say=said.append)
    orders = [client.order(f"o-{number}") for number in range(2)]
    service.put(LIST, answer(orders_in("on the moon", "on the moon")))
    nothing, something = answer({"features": []}), answer({"features": [{"id": "i"}]})
    service.put("orders.list_assets", nothing, nothing, nothing, something)
    scenecart.wait_all(orders, progress=False)
    assert [notice.code for notice in said] == ["order_state_unknown"] * 2
    assert all(order.is_delivered for order in orders)


def test_wait_all_requests_unlisted_orders_one_by_one(service: ScriptedService, connect: Any):
    """An order that the list leaves out is requested by its id, instead of being waited for without end."""
    service.put(GET, by_id, by_id, answer({**ORDER, "id": "o-1", "status": "delivered"}))
    client = connect()
    orders = [client.order("o-0"), client.order("o-1")]
    service.put(LIST, answer(orders_in("delivered")))
    scenecart.wait_all(orders, progress=False)
    assert [order.status for order in orders] == ["delivered", "delivered"]


def test_wait_all_updates_every_handle_of_an_order(service: ScriptedService, connect: Any):
    """Two handles of one order are both updated."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order("o-0"), client.order("o-0")]
    service.put(LIST, answer(orders_in("delivered")))
    scenecart.wait_all(orders, timeout=0, progress=False)
    assert [order.status for order in orders] == ["delivered", "delivered"]


def test_wait_all_names_every_undelivered_order(service: ScriptedService, connect: Any):
    """wait_all() waits until all are finished, then names those that were not delivered, with reasons."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(3)]
    finished = orders_in("failed", "delivered", "cancelled")
    finished[0]["failureReason"] = "clouds"
    service.put(LIST, answer(finished))
    with raises(scenecart.OrderFailed, "orders_not_delivered") as caught:
        scenecart.wait_all(orders, progress=False)
    assert (caught.value.order_id, caught.value.reason) == ("o-0", "clouds")
    assert "2 of 3" in caught.value.message
    assert "o-0 failed (clouds); o-2 cancelled" in caught.value.message


def test_wait_all_timeout_counts_unfinished_orders(service: ScriptedService, connect: Any):
    """A timeout is an error with the number of unfinished orders."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(2)]
    service.put(LIST, answer(orders_in("delivered", "processing")))
    with raises(scenecart.WaitTimeout, "orders_not_finished") as caught:
        scenecart.wait_all(orders, timeout=0, progress=False)
    assert "1 of 2" in caught.value.message


def test_wait_all_orders_of_two_clients_are_refused(service: ScriptedService, connect: Any):
    """Orders of two clients are refused, because one request cannot be sent by two accounts."""
    service.put(GET, by_id)
    with raises(scenecart.InvalidRequest, "orders_of_several_clients"):
        scenecart.wait_all([connect().order("o-0"), connect().order("o-1")], progress=False)


@pytest.mark.parametrize(
    ("orders", "code"),
    [
        (["o-0"], "not_an_order"),
        ("o-0", "not_an_order"),
        ([5], "not_an_order"),
        ([None], "not_an_order"),
        (5, "not_a_list_of_orders"),
    ],
)
def test_wait_all_something_else_is_refused(orders: Any, code: str):
    """Ids and anything else are refused."""
    with raises(scenecart.InvalidRequest, code) as caught:
        scenecart.wait_all(orders)
    assert caught.value.argument == "orders"


def test_wait_all_single_order_is_refused(connect: Any):
    """One order instead of a list is refused."""
    with raises(scenecart.InvalidRequest, "not_a_list_of_orders"):
        scenecart.wait_all(connect().order("o-1"))


def test_wait_all_bar_counts_in_singular(service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]):
    """The progress bar counts one order as one."""
    service.put(GET, by_id)
    orders = [connect().order("o-0")]
    service.put(LIST, answer(orders_in("delivered")))
    scenecart.wait_all(orders)
    printed = capsys.readouterr()
    assert "1 order" in printed.out + printed.err
    assert "1 orders" not in printed.out + printed.err


def test_refresh_orders_requests_unfinished_ones(service: ScriptedService, connect: Any):
    """Refreshing requests the unfinished orders at once, and nothing where all are finished."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order("o-0"), client.order("o-1")]
    service.put(LIST, answer(orders_in("delivered", "failed")))
    refresh_orders(orders)
    assert [order.status for order in orders] == ["delivered", "failed"]
    refresh_orders(orders)
    assert len(service.requests(LIST)) == 1
