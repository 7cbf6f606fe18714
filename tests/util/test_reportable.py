"""The to_report method that carts, estimates and orders share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import scenecart
from scenecart._util.reportable import Reportable

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("kind", [scenecart.Cart, scenecart.Estimate, scenecart.Order])
def test_cart_estimate_and_order_share_to_report(kind: type[Reportable]):
    """There is one method, with one signature, for all that can be reported."""
    assert issubclass(kind, Reportable)
    assert kind.to_report is Reportable.to_report


def test_to_report_writes_the_file_and_returns_its_path(client: scenecart.Client, tmp_path: Path):
    """The path of the file is returned, with the title in it."""
    cart = client.cart(client.search("aurora", collections="aurora-50cm", limit=1))
    path = cart.to_report(tmp_path / "cart.md", title="To be approved", thumbnails=False)
    assert path == tmp_path / "cart.md"
    assert path.read_text().startswith("# To be approved")
