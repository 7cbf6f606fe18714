"""The handle of one order: state, waiting, cancelling and display."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from _purchases import GET, LOST, ORDER, PLACE, PLACED, captures
from _scripted_service import Answer, ScriptedService, answer
from scenecart._orders.order import purchase_details_of


def test_wait_returns_after_delivery(service: ScriptedService, connect: Any):
    """wait() requests the order until it is delivered, and calls back after each request."""
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "delivered"}))
    seen: list[str] = []
    order = connect().order("o-1").wait(callback=lambda order: seen.append(order.status), progress=False)
    assert order.status == "delivered"
    assert seen == ["processing", "delivered"]


def test_wait_interrupted_can_continue(service: ScriptedService, connect: Any):
    """Interrupting the cell leaves the order as it is, and another session can wait for it by its id."""

    def interrupt(_: scenecart.Order) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connect().order("o-1").wait(callback=interrupt, progress=False)
    service.put(GET, answer({**ORDER, "status": "delivered"}))
    assert connect().order("o-1").wait(progress=False).status == "delivered"


def test_cancel_uses_one_key(service: ScriptedService, connect: Any):
    """Cancelling the same order again uses the same key, and nothing is sent for a cancelled one."""
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


@pytest.mark.parametrize("reply", [Answer(b"", 204), Answer(b"done", 200), answer({"detail": "already cancelled"}, 409), LOST])
def test_cancel_without_an_answer_reports_the_state(service: ScriptedService, connect: Any, reply: Answer):
    """No content, a lost answer, and a refusal of the second attempt after it: the order itself says that it was cancelled."""
    service.put("orders.cancel", reply)
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "refunded"}))
    order = connect(retry=scenecart.Retry(attempts=1)).order("o-1").cancel()
    assert (order.status, order.phase) == ("refunded", "ended")
    assert order.note is not None
    assert (order.note.code, "does not say what was returned" in order.note.message) == ("cancel_result", True)


def test_cancel_lost_answer_of_an_open_order_raises(service: ScriptedService, connect: Any):
    """Without an answer, an order that is still open is not called cancelled."""
    service.put("orders.cancel", LOST)
    order = connect(retry=scenecart.Retry(attempts=1)).order("o-1")
    with raises(scenecart.ConnectionFailed, "connection_lost"):
        order.cancel()
    assert order.note is None


def test_cancel_has_a_new_key_after_a_change(service: ScriptedService, connect: Any):
    """A refusal that the service remembers for a key does not answer for a later state of the order."""
    service.put("orders.cancel", answer({"detail": "not now"}, 409))
    order = connect().order("o-1")
    for change in ({}, {}, {"updatedAt": "2024-05-06T07:08:09Z"}, {"status": "on hold"}):
        service.put(GET, answer({**ORDER, **change}))
        with raises(scenecart.Conflict, "order_not_cancellable"):
            order.cancel()
    keys = [request.headers["idempotency-key"] for request in service.requests("orders.cancel")]
    assert [len(set(keys[:2])), len(set(keys))] == [1, 3]


@pytest.mark.parametrize("state", ["completed", "SUCCEEDED", "partial"])
def test_wait_ends_with_every_word_for_delivered(service: ScriptedService, connect: Any, state: str):
    """The end of an order is seen, whatever the service calls it; its own word stays the status."""
    service.put(GET, answer(ORDER), answer({**ORDER, "status": state}))
    order = connect().order("o-1").wait(progress=False)
    assert (order.status, order.phase, order.is_delivered) == (state, "delivered", True)


def test_cancel_too_late_leaves_the_order(service: ScriptedService, connect: Any):
    """An order that can no longer be cancelled continues, and the service's reason is in the error."""
    service.put("orders.cancel", answer({"detail": "already delivered"}, 409))
    order = connect().order("o-1")
    with raises(scenecart.Conflict, "order_not_cancellable") as caught:
        order.cancel()
    assert "already delivered" in str(caught.value)
    assert order.status == "processing"


def test_purchase_details_of_a_placed_order_have_its_cart(service: ScriptedService, connect: Any):
    """The details of an order that was placed in this session are its cart as it was placed."""
    service.put(PLACE, PLACED)
    cart = connect().cart(captures())
    details = purchase_details_of(cart.estimate().place())
    assert details.is_original
    assert details.cart is not None
    assert details.cart.fingerprint == cart.fingerprint
