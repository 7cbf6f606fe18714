"""What an order bought: from this session, the journal or the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _purchases import GET, ORDER, PLACE, PLACED, captures
from _scripted_service import ScriptedService, answer, feature, page
from scenecart._orders.order import purchase_details_of

if TYPE_CHECKING:
    import scenecart

SEARCH = "catalog.search"


@pytest.fixture
def placed(service: ScriptedService, connect: Any) -> scenecart.Client:
    """Return a new session after a cart of captures a and b was placed."""
    service.put(PLACE, PLACED)
    connect().cart(captures(), split_by_date=True).estimate().place()
    client: scenecart.Client = connect()
    return client


def test_details_from_the_journal_have_the_bought_geometries(service: ScriptedService, placed: scenecart.Client):
    """In a later session, the journal has the captures and options, and the catalog their properties."""
    found = feature("a")
    found["properties"]["eo:cloud_cover"] = 7
    service.put(SEARCH, answer(page(found)))
    details = purchase_details_of(placed.order("o-1"))
    assert not details.is_original
    assert (details.split_by_date, details.license_type, details.service) == (True, "standard", service.url)
    assert details.cart is not None
    assert sorted(details.cart.ids) == ["a", "b"]
    clouds = details.cart.captures.set_index("id")["eo:cloud_cover"]
    assert clouds["a"] == 7
    assert clouds.isna()["b"]


def test_details_without_catalog_have_the_captures(service: ScriptedService, placed: scenecart.Client):
    """Where the catalog cannot be read, the captures are known all the same."""
    service.put(SEARCH, answer({}, 503))
    details = purchase_details_of(placed.order("o-1"))
    assert details.cart is not None
    assert sorted(details.cart.ids) == ["a", "b"]


def test_details_of_an_order_from_elsewhere_have_no_cart(service: ScriptedService, connect: Any):
    """Of an order that neither the journal nor the service describes, there is no cart."""
    service.put(GET, answer({**ORDER, "licenseType": "extended"}))
    details = purchase_details_of(connect().order("o-1"))
    assert details.cart is None
    assert (details.license_type, details.split_by_date) == ("extended", None)
