"""Settling: finding out what became of placements without an answer."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _purchases import GET, LIST, ORDER, PLACE, captures, keys
from _scripted_service import Answer, ScriptedService, answer


def test_settle_finds_out(service: ScriptedService, connect: Any):
    """settle() brings an unknown placement to its end with the key and body that were written down."""
    service.put(PLACE, Answer(b"<html>", 202))
    client = connect()
    with pytest.raises(scenecart.PlacementUnknown):
        client.cart(captures()).estimate().place()
    service.put(PLACE, answer(ORDER, 202))
    assert client.settle()["state"].tolist() == ["placed"]
    assert len(set(keys(service))) == 1
    assert len({request.body for request in service.requests(PLACE)}) == 1
    assert len(client.settle()) == 0


@pytest.mark.parametrize("send", ["no", "False", 0, None])
def test_settling_is_told_by_the_letter_whether_to_send(service: ScriptedService, connect: Any, send: Any):
    """A text such as "no" is not taken for yes where settling may complete a purchase."""
    service.put(PLACE, answer({"detail": "down"}, 500))
    client = connect(sleep=lambda _: None)
    with pytest.raises(scenecart.PlacementUnknown):
        client.cart(captures()).estimate().place()
    asked = len(service.received)
    with pytest.raises(scenecart.InvalidRequest, match=r"send is True or False, not .*Nothing was sent"):
        client.settle(send=send)
    assert len(service.received) == asked


@pytest.mark.parametrize("orders", [[{**ORDER, "createdAt": "2999-01-01T00:00:00Z"}], []], ids=["arrived", "lost"])
def test_settling_without_sending_only_looks(
    service: ScriptedService, connect: Any, orders: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
):
    """settle(send=False) finds an order that arrived among the orders, and sends nothing where there is none."""
    service.put(PLACE, answer({"detail": "down"}, 500))
    client = connect(sleep=lambda _: None)
    with pytest.raises(scenecart.PlacementUnknown):
        client.cart(captures()).estimate().place()
    tries = len(service.requests(PLACE))
    service.put(LIST, answer({"content": orders, "totalElements": len(orders), "totalPages": 1}))
    service.put(GET, answer(ORDER))
    settled = client.settle(send=False)
    assert settled["state"].tolist() == ["placed" if orders else "unknown"]
    assert settled["detail"].tolist() == [
        "found among the orders" if orders else "not among the orders so far; nothing was sent again"
    ]
    assert len(service.requests(PLACE)) == tries
    assert "again=True" not in capsys.readouterr().out  # nobody was placing
    if not orders:
        service.put(PLACE, answer(ORDER, 202))
        assert client.settle()["detail"].tolist() == ["sent once more with its own key, at the price that was agreed to"]
        assert len(set(keys(service))) == 1
