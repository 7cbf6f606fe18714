"""Delivered files read by ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._delivery.remote import asset_reader
from scenecart._imagery.opening import opened_raster
from scenecart.client import session_of

if TYPE_CHECKING:
    import scenecart


def test_asset_reader_reads_a_delivered_raster(client: scenecart.Client):
    """A delivered file is opened through the client's session, without downloading it."""
    captures = client.search("openterra", collections="openterra-10m", datetime="2022-06", limit=1)
    order = client.cart(captures).estimate().place().wait(progress=False, timeout=60)
    item = order.items().iloc[0]
    reader = asset_reader(session_of(client), item["id"], "visual", "visual.tif")
    with opened_raster(reader) as dataset:
        assert dataset.count >= 3
        assert dataset.read(1).shape == dataset.shape
    assert reader.requests < 20
