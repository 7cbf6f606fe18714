"""What an order says of itself: its state, its fields, and how it is shown."""

from __future__ import annotations

from typing import Any

import pytest

from _purchases import GET, ORDER
from _scripted_service import ScriptedService, answer


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


def test_order_has_every_field_of_the_service(service: ScriptedService, connect: Any):
    """What the service says beyond the known fields is in raw."""
    more = {"order_type": "archive", "currency": "AUD", "licenseType": "standard", "sub_status": "queued at the provider"}
    service.put(GET, answer({"data": {**ORDER, **more, "updated_at": "2024-05-06T07:08:09Z", "surprise": [1]}}))
    order = connect().order("o-1")
    assert (order.order_type, order.currency, order.license_type) == ("archive", "AUD", "standard")
    assert order.sub_status == "queued at the provider"
    assert str(order.updated) == "2024-05-06 07:08:09+00:00"
    assert order.raw["surprise"] == [1]


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
