"""Finding the order of a placement whose outcome is unknown."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, GET, HOUR, LIST, LOST, ORDER, PLACE, PLACED, Clock, captures, keys, listed, priced
from _scripted_service import ScriptedService, answer


def test_match_changed_price_returns_the_lost_order(service: ScriptedService, estimate: scenecart.Estimate, clock: Clock):
    """A placement whose answer was lost is looked up among the orders before PriceChanged is raised."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    clock.now += 301
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([listed(estimate)]))
    sent = len(keys(service))
    assert estimate.place().id == "o-1"
    assert len(keys(service)) == sent


def test_match_changed_price_without_order_keeps_the_key(service: ScriptedService, estimate: scenecart.Estimate, clock: Clock):
    """Without such an order PriceChanged is raised, and accepting the new price uses the key of the lost request."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    clock.now += 301
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([]))
    with raises(scenecart.PriceChanged, "price_changed") as caught:
        estimate.place()
    # the earlier request may have bought it
    assert caught.value.money_may_have_moved
    assert "Nothing was ordered" not in caught.value.message
    service.put(PLACE, answer({**ORDER, "totalCredits": 450}, 202))
    assert caught.value.estimate.place().total_credits == 450
    assert len(set(keys(service))) == 1


def test_match_forgotten_key_is_not_sent(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """After 23 hours an unknown placement is looked up among the orders; its key is never sent again."""
    clock.now += 23 * HOUR
    right = listed(client_after_loss.cart(captures()).estimate())
    other = {**ORDER, "id": "other", "captures": ["a", "c"]}
    old = {**right, "id": "old", "createdAt": "2001-01-01T00:00:00Z"}
    service.put(LIST, answer([other, old, right]))
    assert client_after_loss.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []
    assert client_after_loss.cart(captures()).estimate().place().note.code == "already_ordered"


def test_match_forgotten_key_without_order_is_absent(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """After 23 hours without such an order nothing was ordered, and placing again sends the same key."""
    (key,) = client_after_loss.placements()["key"]
    clock.now += 23 * HOUR
    assert client_after_loss.settle()["state"].tolist() == ["absent"]
    service.put(PLACE, PLACED)
    assert client_after_loss.cart(captures()).estimate().place().id == "o-1"
    assert keys(service) == [key]
    assert client_after_loss.placements()["state"].tolist() == ["placed"]


@pytest.mark.parametrize(
    "fields", [{"createdAt": None}, {"totalCredits": 450}, {"groups": []}, {"createdAt": "2001-01-01T00:00:00Z"}], ids=str
)
def test_match_order_without_ground_needs_everything_else(
    service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock, fields: dict[str, Any]
):
    """An order whose ground is not stated is taken only if captures, area, price and time fit; otherwise it is a candidate."""
    created = datetime.fromtimestamp(clock.now, UTC).isoformat()
    cart = client_after_loss.cart(captures())
    group = {"captures": ["a", "b"], "aoi_km2": cart.km2, "credits": 300, "aud": 3.0}
    clock.now += 23 * HOUR
    full = {**ORDER, "createdAt": created, "groups": [group]}
    service.put(LIST, answer([{**full, **fields}]))
    settled = client_after_loss.settle()
    is_older = "2001" in str(fields)
    assert settled["state"].tolist() == ["absent" if is_older else "unknown"]
    assert ("o-1" in settled["detail"][0]) is not is_older
    if not is_older:
        service.put(LIST, answer([full]))
        found = client_after_loss.settle()
        assert found[["state", "detail"]].to_numpy().tolist() == [["placed", "found by captures, area and price"]]


def test_match_list_without_our_newest_order_proves_nothing(
    service: ScriptedService, connect: Any, estimate: scenecart.Estimate, clock: Clock
):
    """A list that lacks an order of this computer is somebody else's: it does not prove that nothing was ordered."""
    service.put(PLACE, answer({**ORDER, "id": "o-7", "captures": ["z"]}, 202), LOST)
    service.put(ESTIMATE, answer(priced((["z"], 300))))
    connect(wall=clock).cart(captures("z")).estimate().place()
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    clock.now += HOUR
    with warns("placements_unanswered"):
        client = connect(wall=clock)
    assert client.settle()["state"].tolist() == ["unknown"]


def test_match_clock_set_back_looks_among_the_orders(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """A placement from the future is looked up as well, because the age of its key is unknown."""
    service.put(LIST, answer([listed(client_after_loss.cart(captures()).estimate())]))
    clock.now -= HOUR
    assert client_after_loss.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []


def test_match_clock_set_back_without_order_waits(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """On a clock that was set back nothing is sent or proved until the clock is past the request; then the key is the same."""
    (key,) = client_after_loss.placements()["key"]
    clock.now -= HOUR
    settled = client_after_loss.settle()
    assert settled["state"].tolist() == ["unknown"]
    assert "clock of this computer was set back" in settled["detail"][0]
    with raises(scenecart.PlacementUnknown, "placement_unknown_expired"):
        client_after_loss.cart(captures()).estimate().place()
    assert keys(service) == []
    clock.now += 2 * HOUR
    service.put(PLACE, PLACED)
    assert client_after_loss.cart(captures()).estimate().place().id == "o-1"
    assert keys(service) == [key]


def test_match_clock_set_back_while_placing_buys_once(service: ScriptedService, connect: Any, clock: Clock):
    """A client that places while another one tries, on a clock set back meanwhile, uses the key that is being tried."""
    service.put(PLACE, answer({}, 503), PLACED)
    service.put(LIST, answer([]))

    def place_meanwhile(_: float) -> None:
        clock.now -= 3
        assert connect(wall=clock).cart(captures()).estimate().place().id == "o-1"

    assert connect(wall=clock, sleep=place_meanwhile).cart(captures()).estimate().place().id == "o-1"
    assert len(keys(service)) == 2
    assert len(set(keys(service))) == 1


def test_match_order_of_another_area_is_left_alone(service: ScriptedService, connect: Any, clock: Clock):
    """Of two lost placements of one capture, each matches its own order by ground; the one that never arrived stays unknown."""
    service.put(PLACE, LOST)
    client = connect(wall=clock)
    service.put(ESTIMATE, answer(priced((["a"], 300))))
    tiles = [client.cart(captures("a"), aoi=box).estimate() for box in ((0, 10, 0.03, 10.1), (0.05, 10, 0.09, 10.1))]
    for tile in tiles:
        with raises(scenecart.PlacementUnknown, "placement_unknown"):
            tile.place()
    service.put(LIST, answer([listed(tiles[1])]))
    assert client.settle(send=False)["state"].tolist() == ["unknown", "placed"]


@pytest.mark.parametrize(
    ("groups", "state"),
    [
        ([], "unknown"),
        ([{"captures": ["a"], "credits": 300, "aud": 3.0}], "unknown"),
        # the area of the tile, so that the geometry is no ground: found by captures, area and price
        ([{"captures": ["a"], "credits": "300", "aud": "3.00", "aoi_km2": "tile"}], "placed"),
        # the area of the geometry, so that it is another purchase
        ([{"captures": ["a"], "credits": "300", "aud": "3.00", "aoi_km2": "whole"}], "absent"),
    ],
    ids=["no-groups", "no-area", "area-of-the-tile", "area-of-the-geometry"],
)
def test_match_larger_geometry_proves_absence_only_with_its_area(
    service: ScriptedService, connect: Any, clock: Clock, groups: list[dict[str, Any]], state: str
):
    """An order whose geometry is the whole footprint may be that of a tile, unless its area says that the footprint was bought."""
    service.put(PLACE, LOST)
    service.put(ESTIMATE, answer(priced((["a"], 300))))
    client = connect(wall=clock)
    tile, whole = client.cart(captures("a"), aoi=(0, 10, 0.03, 10.1)), client.cart(captures("a"))
    created = datetime.fromtimestamp(clock.now, UTC).isoformat()
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        tile.estimate().place()
    clock.now += HOUR
    areas = {"tile": tile.km2, "whole": whole.km2}
    stated = [{**group, **({"aoi_km2": areas[group["aoi_km2"]]} if "aoi_km2" in group else {})} for group in groups]
    order = listed(whole.estimate(), id="o-9", groups=stated, createdAt=created, totalCredits="300")
    service.put(LIST, answer([order]))
    service.put(GET, answer(order))
    settled = client.settle()
    assert settled["state"].tolist() == [state]
    if state == "unknown":
        assert "o-9" in settled["detail"][0]
        assert client.resolve(settled["number"][0], order="o-9")["state"].tolist() == ["placed"]


def test_match_order_at_another_price_is_the_order(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """An order of the same ground at another price is matched, with a warning; of several, one at the agreed price is preferred."""
    estimate = client_after_loss.cart(captures()).estimate()
    clock.now += 23 * HOUR
    dearer, right = listed(estimate, id="dearer", totalCredits=450), listed(estimate, id="right")
    service.put(LIST, answer([dearer]))
    with warns("price_changed_after_placing"):
        assert client_after_loss.settle()["order_id"].tolist() == ["dearer"]
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        client_after_loss.cart(captures()).estimate().place(again=True)
    clock.now += 23 * HOUR
    service.put(LIST, answer([{**dearer, "id": "another"}, right, dearer]))
    assert client_after_loss.settle()["order_id"].tolist() == ["right"]
