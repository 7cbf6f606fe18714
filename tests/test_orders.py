"""Following, listing and cancelling orders at a service whose every answer the test decides."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _service import Answer, Asked, ScriptedService, answer
from _shop import GET, LIST, ORDER


def test_an_order_is_asked_for_by_get_and_else_by_post(service: ScriptedService, connect: Any):
    """Orders are asked for with GET; a service that wants POST is remembered."""

    def only_post(request: Asked) -> Answer:
        return answer({}, 405) if request.method == "GET" else answer(ORDER)

    service.put(GET, only_post)
    client = connect()
    client.order("o-1")
    client.order("o-1")
    assert [request.method for request in service.requests(GET)] == ["GET", "POST", "POST"]
    assert service.requests(GET)[0].path.endswith("?id=o-1&order_id=o-1")


@pytest.mark.parametrize(
    ("told", "status", "finished"),
    [
        ("delivered", "delivered", True),
        ("FULFILLED", "delivered", True),
        ("BEING_PLACED", "processing", False),
        ("CANCELED", "cancelled", True),
        ("Failed", "failed", True),
        ("paused for review", "paused for review", False),
        (None, "unknown", False),
    ],
)
def test_states_in_every_spelling(service: ScriptedService, connect: Any, told: object, status: str, *, finished: bool):
    """Known states are read in any spelling; an unknown one is shown as it is and not taken for an end."""
    service.put(GET, answer({**ORDER, "status": told}))
    order = connect().order("o-1")
    assert (order.status, order.is_finished) == (status, finished)


def test_waiting_ends_with_delivery(service: ScriptedService, connect: Any):
    """wait() looks until the order is delivered, and tells each look."""
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "delivered"}))
    seen: list[str] = []
    order = connect().order("o-1").wait(callback=lambda order: seen.append(order.status), progress=False)
    assert order.status == "delivered"
    assert seen == ["processing", "delivered"]


@pytest.mark.parametrize(("state", "error"), [("failed", scenecart.OrderFailed), ("cancelled", scenecart.OrderCancelled)])
def test_waiting_for_a_lost_order_raises(service: ScriptedService, connect: Any, state: str, error: type):
    """An order that failed or was cancelled is an error with the reason."""
    service.put(GET, answer({**ORDER, "status": state, "failureReason": "clouds in the archive"}))
    with pytest.raises(error, match="clouds in the archive") as caught:
        connect().order("o-1").wait(progress=False)
    assert caught.value.order_id == "o-1"


def test_waiting_can_end_by_time(connect: Any):
    """A timeout says that the order goes on, and how to wait for it later."""
    with pytest.raises(scenecart.WaitTimeout, match=r"client\.order\('o-1'\)"):
        connect().order("o-1").wait(timeout=0, progress=False)


@pytest.mark.parametrize("name", [None, "content", "orders", "items", "data"])
def test_orders_are_listed_in_every_shape(service: ScriptedService, connect: Any, name: str | None):
    """The list of orders is a table, whichever shape the service gives it."""
    entries = [ORDER, {**ORDER, "id": "o-2", "status": "delivered", "createdAt": "2024-05-06T07:08:09Z"}, {"odd": 1}]
    service.put(LIST, answer(entries if name is None else {name: entries, "totalPages": 1}))
    orders = connect().orders(status="processing")
    assert orders.index.tolist() == ["o-1", "o-2"]
    assert orders.loc["o-2", "status"] == "delivered"
    assert str(orders.loc["o-2", "created"]) == "2024-05-06 07:08:09+00:00"
    assert service.requests(LIST)[0].json["status"] == "processing"


def test_an_order_that_moves_between_pages_stands_once(service: ScriptedService, connect: Any):
    """An order placed while the list is read does not make another stand there twice."""
    first = [{**ORDER, "id": f"o-{number}"} for number in range(100)]
    service.put(LIST, answer(first), answer([first[-1], {**ORDER, "id": "new"}]))
    orders = connect().orders()
    assert len(orders) == 101
    assert orders.index.is_unique


def test_cancelling_asks_with_one_key(service: ScriptedService, connect: Any):
    """Cancelling the same order again uses the same key, and nothing is sent for one that is cancelled."""
    service.put("orders.cancel", answer({"orderId": "o-1", "status": "cancelled"}))
    service.put(GET, answer(ORDER), answer(ORDER), answer(ORDER), answer(ORDER), answer({**ORDER, "status": "cancelled"}))
    order = connect().order("o-1")
    order.cancel()
    order.cancel()
    assert order.cancel().status == "cancelled"
    sent = service.requests("orders.cancel")
    assert len(sent) == 2
    assert len({request.headers["idempotency-key"] for request in sent}) == 1
    assert sent[0].json == {"id": "o-1", "order_id": "o-1"}
