"""The handle of one order: state, waiting, cancelling and display."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises
from _purchases import GET, LOST, ORDER, PLACE, PLACED, captures
from _scripted_service import Answer, ScriptedService, answer
from scenecart._orders.order import purchase_details_of


@pytest.mark.parametrize(
    ("sent", "status", "finished"),
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
def test_status_is_normalized(service: ScriptedService, connect: Any, sent: object, status: str, *, finished: bool):
    """Known states are read in any spelling; an unknown one is kept as it is and does not count as finished."""
    service.put(GET, answer({**ORDER, "status": sent}))
    order = connect().order("o-1")
    assert (order.status, order.is_finished) == (status, finished)


def test_wait_returns_after_delivery(service: ScriptedService, connect: Any):
    """wait() requests the order until it is delivered, and calls back after each request."""
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "delivered"}))
    seen: list[str] = []
    order = connect().order("o-1").wait(callback=lambda order: seen.append(order.status), progress=False)
    assert order.status == "delivered"
    assert seen == ["processing", "delivered"]


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


def test_order_has_every_field_of_the_service(service: ScriptedService, connect: Any):
    """What the service says beyond the known fields is in raw."""
    more = {"order_type": "archive", "currency": "AUD", "licenseType": "standard", "sub_status": "queued at the provider"}
    service.put(GET, answer({"data": {**ORDER, **more, "updated_at": "2024-05-06T07:08:09Z", "surprise": [1]}}))
    order = connect().order("o-1")
    assert (order.order_type, order.currency, order.license_type) == ("archive", "AUD", "standard")
    assert order.sub_status == "queued at the provider"
    assert str(order.updated) == "2024-05-06 07:08:09+00:00"
    assert order.raw["surprise"] == [1]


def test_cancel_too_late_leaves_the_order(service: ScriptedService, connect: Any):
    """An order that can no longer be cancelled continues, and the service's reason is in the error."""
    service.put("orders.cancel", answer({"detail": "already delivered"}, 409))
    order = connect().order("o-1")
    with raises(scenecart.Conflict, "order_not_cancellable") as caught:
        order.cancel()
    assert "already delivered" in str(caught.value)
    assert order.status == "processing"


@pytest.mark.parametrize(
    ("mode", "paid"), [("card", "paid by card"), ("enterprise", "paid by invoice"), ("credit", None), (5, None)]
)
def test_order_displays_how_it_is_paid(service: ScriptedService, connect: Any, mode: object, paid: str | None):
    """An order that is not paid from the balance displays how it is paid."""
    service.put(GET, answer({**ORDER, "billingMode": mode}))
    order = connect().order("o-1")
    for text in (repr(order), order._repr_html_()):
        assert ("paid by" in text) == (paid is not None)
        assert (paid or "") in text


def test_order_html_escapes_the_services_text(service: ScriptedService, connect: Any):
    """Text from the service is text in a notebook, and an unknown state is displayed as it is."""
    service.put(GET, answer({**ORDER, "status": "<b>odd</b>", "failureReason": "<script>alert(1)</script>"}))
    html = connect().order("o-1")._repr_html_()
    assert "<script>" not in html
    assert "<b>odd" not in html
    assert "&lt;b&gt;odd" in html


def test_purchase_details_of_a_placed_order_have_its_cart(service: ScriptedService, connect: Any):
    """The details of an order that was placed in this session are its cart as it was placed."""
    service.put(PLACE, PLACED)
    cart = connect().cart(captures())
    details = purchase_details_of(cart.estimate().place())
    assert details.is_original
    assert details.cart is not None
    assert details.cart.fingerprint == cart.fingerprint
