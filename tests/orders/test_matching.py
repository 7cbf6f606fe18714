"""Finding the order of a placement whose outcome is unknown."""

from __future__ import annotations

from typing import Any

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, GET, HOUR, LIST, LOST, ORDER, PLACE, PLACED, Clock, captures, keys, priced
from _scripted_service import ScriptedService, answer


def test_match_changed_price_returns_the_lost_order(service: ScriptedService, estimate: scenecart.Estimate, clock: Clock):
    """A placement whose answer was lost is looked up among the orders before PriceChanged is raised."""
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        estimate.place()
    clock.now += 301
    service.put(ESTIMATE, answer(priced((["a", "b"], 450))))
    service.put(LIST, answer([ORDER]))
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
    service.put(PLACE, answer({**ORDER, "totalCredits": 450}, 202))
    assert caught.value.estimate.place().total_credits == 450
    assert len(set(keys(service))) == 1


def test_match_forgotten_key_is_not_sent(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """After 23 hours an unknown placement is looked up among the orders; its key is never sent again."""
    clock.now += 23 * HOUR
    other = {**ORDER, "id": "other", "captures": ["a", "c"]}
    old = {**ORDER, "id": "old", "createdAt": "2001-01-01T00:00:00Z"}
    service.put(LIST, answer([other, old, ORDER]))
    assert client_after_loss.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []
    assert client_after_loss.cart(captures()).estimate().place().note.code == "already_ordered"


def test_match_forgotten_key_without_order_is_refused(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """After 23 hours without such an order, placing again is a new placement with a new key."""
    (key,) = client_after_loss.placements()["key"]
    clock.now += 23 * HOUR
    service.put(LIST, answer([]))
    service.put(PLACE, PLACED)
    assert client_after_loss.cart(captures()).estimate().place().id == "o-1"
    assert key not in keys(service)
    assert client_after_loss.placements()["state"].tolist() == ["refused", "placed"]


def test_match_stops_at_the_page_of_the_order(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """The list is read page by page until the order is found, past older orders, and no further."""
    clock.now += 23 * HOUR
    old = {"content": [{**ORDER, "id": "old", "createdAt": "2001-01-01T00:00:00Z"}], "totalPages": 9}
    service.put(LIST, answer(old), answer({**old, "content": [ORDER]}))
    assert client_after_loss.settle()["order_id"].tolist() == ["o-1"]
    assert [request.json["page"] for request in service.requests(LIST)] == [0, 1]


def test_match_clock_set_back_looks_among_the_orders(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """A placement from the future is looked up as well, because the age of its key is unknown."""
    clock.now -= HOUR
    service.put(LIST, answer([ORDER]))
    assert client_after_loss.settle()["order_id"].tolist() == ["o-1"]
    assert keys(service) == []


def test_match_clock_set_back_without_order_keeps_the_key(
    service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock
):
    """On a clock that was set back, a placement without an order stays unknown, and placing again sends its key."""
    (key,) = client_after_loss.placements()["key"]
    clock.now -= HOUR
    service.put(LIST, answer([]))
    settled = client_after_loss.settle()
    assert settled["state"].tolist() == ["unknown"]
    assert "clock was set back" in settled["detail"][0]
    assert keys(service) == []
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
    """Of two lost placements of one capture, each matches its own order by price; the one that never arrived stays unknown."""
    service.put(PLACE, LOST)
    client = connect(wall=clock)
    for price in (300, 450):
        service.put(ESTIMATE, answer(priced((["a"], price))))
        with raises(scenecart.PlacementUnknown, "placement_unknown"):
            client.cart(captures("a"), aoi=(0, 10, price / 1e4, 10.1)).estimate().place()
    service.put(LIST, answer([{**ORDER, "captures": ["a"], "totalCredits": 450}]))
    service.put(GET, answer(ORDER))
    assert client.settle(send=False)[["state", "total_credits"]].to_numpy().tolist() == [["unknown", 300], ["placed", 450]]


def test_match_forgotten_key_accepts_another_price(service: ScriptedService, client_after_loss: scenecart.Client, clock: Clock):
    """After 23 hours an order of the captures at another price is matched, with a warning; one at the right price is preferred."""
    clock.now += 23 * HOUR
    dearer, right = {**ORDER, "id": "dearer", "totalCredits": 450}, {**ORDER, "id": "right"}
    service.put(LIST, answer([dearer]))
    with warns("price_changed_after_placing"):
        assert client_after_loss.settle()["order_id"].tolist() == ["dearer"]
    service.put(PLACE, LOST)
    with raises(scenecart.PlacementUnknown, "placement_unknown"):
        client_after_loss.cart(captures()).estimate().place(again=True)
    clock.now += 23 * HOUR
    service.put(LIST, answer([{**dearer, "id": "another"}, right]))
    assert client_after_loss.settle()["order_id"].tolist() == ["right"]
