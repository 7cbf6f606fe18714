"""Delivered items as the last source of what is owned: they say "perhaps", and never that nothing was ordered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _purchases import LIST, PLACE, PLACED, captures, keys
from _scripted_service import ScriptedService, answer
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

ITEMS = "items.search_org"
SILENT = {"id": "o-9", "status": "delivered", "createdAt": "2026-01-01T00:00:00Z"}


def test_place_of_captures_that_only_delivered_items_show_is_refused(tmp_path: Path):
    """A colleague's order without captures is found by the item that was delivered of it; owned="buy" buys all the same."""
    with Sandbox(captures=300, dialect=["bare-orders:none", "short-keys"]) as box:
        client = box.client("analyst", home=tmp_path / "A")
        found = client.search("aurora", collections="aurora-50cm", datetime="2023/2024", limit=1)
        client.cart(found).estimate().place().wait(progress=False)
        box.advance(7_200)
        colleague = box.client("analyst", home=tmp_path / "B", say=lambda _: None)
        estimate = colleague.cart(found).estimate()
        with raises(scenecart.AlreadyOwned, "perhaps_owned") as caught:
            estimate.place()
        assert not caught.value.certain
        estimate.place(owned="buy")
        assert len(box.orders()) == 2


@pytest.mark.parametrize(
    "items",
    [
        answer({"status": 404, "detail": "no"}, 404),
        answer({"features": None}),
        answer([1]),
        answer({"features": [5, {"id": 3, "properties": {"order:id": "o-9", "n": 1}}, {"properties": None}]}),
        answer({"features": [{"id": "a", "properties": {"order:id": "of somebody else"}}]}),
    ],
    ids=["not offered", "null", "a list", "odd items", "other orders"],
)
def test_place_with_delivered_items_that_show_nothing_buys(service: ScriptedService, connect: Any, items: Any):
    """A service without the search, or with items of other orders, leaves it at what the list shows."""
    service.put(PLACE, PLACED)
    service.put(LIST, answer([SILENT]))
    service.put(ITEMS, items)
    connect().cart(captures()).estimate().place()
    assert len(keys(service)) == 1
