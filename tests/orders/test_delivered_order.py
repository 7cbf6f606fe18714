"""What an order delivered, and that nothing is delivered yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scenecart
from _expect import raises
from _purchases import GET, ORDER
from _scripted_service import ScriptedService, answer, feature, page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ASSETS = "orders.list_assets"


def test_items_are_a_frame_and_a_pystac_collection(service: ScriptedService, connect: Any):
    """Delivered items are a GeoDataFrame in EPSG:4326, and a pystac ItemCollection for other STAC tools."""
    edge = {
        "src_type": "item",
        "src_id": "item",
        "dst_type": "order",
        "dst_id": ORDER["id"],
        "relation": "delivered_by",
        "depth": 1,
    }
    service.put(GET, answer({**ORDER, "status": "delivered", "captures": ["item"]}))
    service.put(ASSETS, answer(page({**feature("item"), "stac_version": "1.0.0", "assets": {}})))
    service.put("provenance.get", answer({"edges": [edge]}))
    order = connect().order(ORDER["id"])
    items = order.items()
    assert (items["id"].tolist(), items["provenance"].tolist(), items.crs.to_epsg()) == (["item"], ["verified"], 4326)
    assert [entry.id for entry in order.item_collection()] == ["item"]


def test_undelivered_order_is_refused(service: ScriptedService, connect: Any, tmp_path: Path):
    """Before anything is delivered, everything that needs files is refused, with the state; for a failed order, with the reason."""
    service.put(GET, answer(ORDER))
    service.put(ASSETS, answer(page()))
    order = connect().order(ORDER["id"])
    uses: list[Callable[[], object]] = [
        lambda: order.download(tmp_path / "out", progress=False),
        lambda: order.open("visual", directory=tmp_path / "out"),
        order.items,
        order.item_collection,
    ]
    for state, code, part in (
        ("processing", "order_not_delivered", "processing"),
        ("failed", "order_without_delivery", "too cloudy"),
    ):
        service.put(GET, answer({**ORDER, "status": state, "reason": "too cloudy"}))
        assert order.refresh() is order
        for use in uses:
            with raises(scenecart.DownloadError, code) as caught:
                use()
            assert part in caught.value.message
    assert not (tmp_path / "out").exists()
