"""What became of an order, in errors and notices."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from _purchases import GET, ORDER
from _scripted_service import ScriptedService, answer


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [("failed", scenecart.OrderFailed, "order_failed"), ("cancelled", scenecart.OrderCancelled, "order_cancelled")],
)
def test_wait_undelivered_order_raises(
    service: ScriptedService, connect: Any, state: str, error: type[scenecart.OrderFailed], code: str
):
    """An order that failed or was cancelled raises an error with the service's reason."""
    service.put(GET, answer({**ORDER, "status": state, "failureReason": "clouds in the archive"}))
    with raises(error, code) as caught:
        connect().order("o-1").wait(progress=False)
    assert (caught.value.order_id, caught.value.reason) == ("o-1", "clouds in the archive")
    assert "clouds in the archive" in caught.value.message


def test_wait_timeout_raises_with_the_order_id(connect: Any):
    """A timeout is an error with the order's id, to wait for it later."""
    with raises(scenecart.WaitTimeout, "order_not_finished") as caught:
        connect().order("o-1").wait(timeout=0, progress=False)
    assert caught.value.details == {"order_id": "o-1"}


def test_wait_mentions_an_order_on_hold_once(service: ScriptedService, connect: Any):
    """An order that goes on only after somebody acts is mentioned once, and waited for."""
    said: list[Any] = []
    held = [answer({**ORDER, "status": "Awaiting Approval"})] * 3
    service.put(GET, *held, answer({**ORDER, "status": "delivered"}))
    connect(say=said.append).order("o-1").wait(progress=False)
    assert [notice.code for notice in said] == ["order_on_hold"]


def test_wait_timeout_in_an_unknown_state_has_an_unknown_outcome(service: ScriptedService, connect: Any):
    """A timeout in a state that is not known says so by its code."""
    service.put(GET, answer({**ORDER, "status": "on the moon"}))
    with raises(scenecart.WaitTimeout, "order_outcome_unknown"):
        connect(say=lambda _: None).order("o-1").wait(timeout=0, progress=False)


@pytest.mark.parametrize(
    ("reply", "phrase"),
    [
        ({"status": "cancelled", "refundedCredits": 300}, "; 300 credits were returned"),
        ({"status": "cancelled", "releasedCredits": 300}, "; 300 credits were released"),
        ({"refundedCredits": "150", "message": "a fee is kept"}, "; 150 of its 300 credits were returned"),
        ({"refunded_credits": 150, "message": "a fee is kept"}, "a fee is kept"),
        ({"status": "cancelled"}, "does not say what was returned"),
        ({"orderId": "o-2", "refundedCredits": 300}, "does not say what was returned"),
        ([], "does not say what was returned"),
    ],
)
def test_cancel_notice_has_the_returned_credits(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str], reply: Any, phrase: str
):
    """After cancelling, a notice is printed and displayed with the order: what happened to the credits."""
    service.put("orders.cancel", answer(reply))
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "cancelled"}))
    order = connect().order("o-1").cancel()
    assert order.note is not None
    assert order.note.code == "cancel_result"
    assert phrase in order.note.message
    assert capsys.readouterr().out == f"{order.note}\n"
    assert phrase in order._repr_html_()


@pytest.mark.parametrize(
    ("state", "error", "code"),
    [
        ("expired", scenecart.OrderFailed, "order_failed"),
        ("REJECTED", scenecart.OrderFailed, "order_failed"),
        ("refunded", scenecart.OrderCancelled, "order_cancelled"),
    ],
)
def test_wait_ends_with_every_word_for_ended(
    service: ScriptedService, connect: Any, state: str, error: type[scenecart.OrderFailed], code: str
):
    """An order that ended without delivery raises with the service's word for it."""
    service.put(GET, answer({**ORDER, "status": state}))
    with raises(error, code) as caught:
        connect().order("o-1").wait(progress=False)
    assert state in caught.value.message


def test_wait_mentions_an_unknown_state_once(service: ScriptedService, connect: Any):
    """An unknown state is mentioned once; files that are listed prove the delivery."""
    said: list[Any] = []
    service.put(GET, answer({**ORDER, "status": "on the moon"}))
    nothing, something = answer({"features": []}), answer({"features": [{"id": "i"}]})
    service.put("orders.list_assets", nothing, nothing, answer({"detail": "no"}, 404), something)
    order = connect(say=said.append).order("o-1")
    assert (order.status, order.phase, order.is_finished) == ("on the moon", "unknown", False)
    order.wait(progress=False)
    assert (order.status, order.phase, order.is_delivered) == ("on the moon", "delivered", True)
    assert [notice.code for notice in said] == ["order_state_unknown"]
    assert "on the moon" in said[0].message
