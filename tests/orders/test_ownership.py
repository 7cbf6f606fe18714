"""Ownership: which orders hold the ground of a capture, how much of it, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely

from scenecart._api.schemas import OrderRecord
from scenecart._orders.listing import Ground, Holding
from scenecart._orders.ownership import Terms, has_same_ground, owned_of, shares_ground, with_whole_footprints

KEY = ("aurora", "aurora-50cm", "first")
WHOLE = shapely.box(0, 0, 1, 1)
TERMS = Terms("p", "standard", 300)
RECORD = OrderRecord("o-1", "processing", project="p", license_type="standard", total_credits=300, captures=("first",))


def order(*grounds: Ground, **fields: object) -> Holding:
    return Holding(replace(RECORD, **fields), grounds, 1_000.0)


def test_owned_of_shares_adds_up_the_ground_of_all_orders():
    """Two orders that hold a third and a half of a capture hold five sixths of it together."""
    parts = [order(Ground(KEY, shapely.box(0, 0, 1 / 3, 1))), order(Ground(KEY, shapely.box(0.5, 0, 1, 1)), id="o-2")]
    owned = owned_of([Ground(KEY, WHOLE)], parts, TERMS)
    assert owned.shares[KEY] == pytest.approx(5 / 6)
    assert [claim.holding.record.id for claim in owned.claims] == ["o-1", "o-2"]
    assert owned.exact is None


@pytest.mark.parametrize(
    "holding",
    [
        order(Ground(KEY, WHOLE), state="cancelled"),
        order(Ground(("aurora", "aurora-50cm", "other"), WHOLE)),
        order(Ground(("lumen", "aurora-50cm", "first"), WHOLE)),
        order(Ground(("aurora", "aurora-30cm", "first"), WHOLE)),
        order(Ground(KEY, shapely.box(0, 0, 0.005, 1))),
        order(Ground(KEY, shapely.box(2, 2, 3, 3))),
    ],
    ids=["ended", "other id", "other host", "other collection", "sliver", "elsewhere"],
)
def test_owned_of_what_is_not_shared_is_nothing(holding: Holding):
    """An ended order, another capture, host or collection, a sliver and other ground own nothing."""
    owned = owned_of([Ground(KEY, WHOLE)], [holding], TERMS)
    assert (owned.claims, owned.shares, owned.exact) == ((), {}, None)


@pytest.mark.parametrize(
    "ground", [Ground(KEY, None), Ground((None, None, "first"), WHOLE), Ground((None, None, "first"), None)], ids=str
)
def test_owned_of_what_is_not_stated_is_uncertain(ground: Ground):
    """Without the ground or the host, nothing is owned for certain, and the order is a candidate."""
    owned = owned_of([Ground(KEY, WHOLE)], [order(ground, project="another")], TERMS)
    assert owned.at_least(0.0) == {}
    assert len(owned.uncertain) == 1


def test_owned_of_the_same_purchase_is_exact():
    """The same ground, project and licence are exactly the purchase; without a host, the price has to be the same too."""
    exact = order(Ground(KEY, WHOLE))
    hostless = order(Ground((None, None, "first"), WHOLE))
    wanted = [Ground(KEY, WHOLE)]
    assert owned_of(wanted, [exact], TERMS).exact is exact
    assert owned_of(wanted, [hostless], TERMS).exact is hostless
    assert owned_of(wanted, [hostless], replace(TERMS, credits=301)).exact is None
    for change in ({"project": "q"}, {"license_type": "extended"}, {"state": "on the moon"}, {"license_type": None}):
        assert owned_of(wanted, [order(Ground(KEY, WHOLE), **change)], TERMS).exact is None


def test_has_same_ground_tells_tiles_of_one_capture_apart():
    """Two tiles with one id are told apart by their ground, in any order."""
    west, east = Ground(KEY, shapely.box(0, 0, 0.5, 1)), Ground(KEY, shapely.box(0.5, 0, 1, 1))
    assert has_same_ground((west, east), order(east, west)) is True
    assert has_same_ground((west,), order(east)) is False
    assert has_same_ground((west,), order(Ground(KEY, None))) is None
    assert has_same_ground((west,), order()) is None


def test_with_whole_footprints_takes_the_area_as_proof():
    """An order with the area of whole footprints holds them; with a smaller one, its ground stays unknown."""
    from scenecart._api.schemas import PriceGroup  # noqa: PLC0415  # of this test alone
    from scenecart._geo.geometry import geodesic_km2  # noqa: PLC0415  # likewise

    km2 = geodesic_km2(WHOLE)
    for share, is_known in ((1.0, True), (0.7, False)):
        group = PriceGroup(("first",), share * km2, 300, 3)  # type: ignore[arg-type]  # dollars do not matter
        (found,) = with_whole_footprints([order(Ground((None, None, "first"), None), groups=(group,))], {KEY: WHOLE})
        assert found.has_ground is is_known


def test_shares_ground_needs_the_same_capture_and_ground():
    """Carts wait for each other only if they share ground of a capture."""
    west, east = Ground(KEY, shapely.box(0, 0, 0.5, 1)), Ground(KEY, shapely.box(0.5, 0, 1, 1))
    assert shares_ground([west], [Ground(KEY, WHOLE)])
    assert not shares_ground([west], [east])
    assert not shares_ground([west], [Ground(("lumen", None, "first"), WHOLE)])
