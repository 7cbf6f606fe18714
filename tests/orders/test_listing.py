"""The look: what orders hold, and whether what the service states is the ground that was bought."""

from __future__ import annotations

import time
from typing import Any

import pytest
import shapely

import scenecart
from _expect import raises
from _purchases import ESTIMATE, GET, LIST, ORDER, PLACE, PLACED, captures, keys, listed, priced
from _scripted_service import ScriptedService, answer

LATER = {"createdAt": "2999-01-01T00:00:00Z"}


def stated(estimate: scenecart.Estimate, grow: float) -> list[dict[str, Any]]:
    """Return the captures of an estimate with outlines that are larger by some degrees."""
    found = []
    for capture in estimate.cart.orders:
        outline = shapely.geometry.shape(dict(capture.geometry)).buffer(grow, join_style="mitre")
        found.append({**capture.to_wire(), "geometry": shapely.geometry.mapping(outline)})
    return found


def test_look_that_states_other_ground_for_an_own_order_is_not_believed(service: ScriptedService, connect: Any):
    """If the service states larger outlines than were sent, its geometry of other orders is not taken for ground."""
    service.put(PLACE, PLACED)
    client = connect()
    own = client.cart(captures()).estimate()
    own.place()
    service.put(ESTIMATE, answer(priced((["a"], 300))))
    strange = client.cart(captures("a"), aoi=(0, 10, 0.05, 10.05)).estimate()
    other = {**listed(strange, id="o-9", **LATER), "projectId": "another"}
    service.put(LIST, answer([{**ORDER, "captures": stated(own, 0.05)}, other]))
    with raises(scenecart.AlreadyOwned, "already_owned") as caught:
        client.cart(captures("a"), aoi=(0, 10, 0.05, 10.05)).estimate().place(project="third")
    assert caught.value.owned.set_index("order")["share"].isna()["o-9"]


@pytest.mark.parametrize(("km2", "certain"), [(None, True), (1.0, False)])
def test_look_compares_the_ground_with_the_area_of_the_price(
    service: ScriptedService, connect: Any, km2: float | None, *, certain: bool
):
    """Geometry whose area is not that of the price groups is not the ground that was bought."""
    client = connect()
    estimate = client.cart(captures()).estimate()
    groups = [{"captures": ["a", "b"], "aoi_km2": km2 or estimate.cart.km2, "credits": 300, "aud": 3.0}]
    service.put(LIST, answer([listed(estimate, id="o-9", projectId="another", groups=groups)]))
    with raises(scenecart.AlreadyOwned, "already_owned" if certain else "perhaps_owned") as caught:
        estimate.place()
    assert caught.value.certain is certain
    assert keys(service) == []


def test_look_refused_in_the_middle_of_the_list_sends_nothing(service: ScriptedService, connect: Any):
    """A service that lists its orders and then refuses a page has a list: what is on the other pages may be owned."""
    others = [{**ORDER, "id": f"o-{number}", "captures": ["x"]} for number in range(100)]
    refused = answer({"status": 403, "detail": "no"}, 403)
    service.put(LIST, lambda request: answer({"content": others, "totalElements": 150}) if not request.json["page"] else refused)
    with raises(scenecart.PlacementError, "orders_not_checked"):
        connect().cart(captures()).estimate().place()
    assert keys(service) == []


def test_look_asks_for_orders_that_the_list_does_not_describe(service: ScriptedService, connect: Any):
    """An order without captures in the list is asked for by its id, once a session."""
    client = connect()
    estimate = client.cart(captures()).estimate()
    service.put(LIST, answer([{"id": "o-9", "status": "delivered"}]))
    service.put(GET, answer(listed(estimate, id="o-9", status="delivered")))
    assert estimate.place().id == "o-9"
    assert keys(service) == []


def test_look_of_a_minute_ago_is_read_anew_before_anything_is_sent(service: ScriptedService, connect: Any):
    """If asking the price took more than a minute, the orders are read again: somebody may have bought meanwhile."""
    ahead = [0.0]
    client = connect(wall=lambda: time.time() + ahead[0])
    estimate = client.cart(captures()).estimate()
    asked: list[float] = []

    def slow(request: Any) -> Any:
        asked.append(time.time())
        if len(asked) == 1:
            ahead[0] += 61
            service.put(LIST, answer([listed(estimate, id="o-9")]))
        return answer({"groups": [], "errors": [], **_price()})

    service.put("orders.archive.estimate", slow)
    assert estimate.place().id == "o-9"
    assert keys(service) == []


def _price() -> dict[str, Any]:
    group = {"captures": ["a", "b"], "aoi_km2": 1.5, "credits": 300, "aud": 3.0}
    return {"groups": [group], "errors": [], "total_credits": 300, "total_aud": 3.0}


def test_look_after_a_price_that_takes_minutes_is_enough(service: ScriptedService, connect: Any):
    """A cart whose price always takes longer than a minute can be bought: after the price only the orders are read again."""
    ahead = [0.0]

    def slow(_: Any) -> Any:
        ahead[0] += 100
        return answer(_price())

    client = connect(wall=lambda: time.time() + ahead[0])
    service.put("orders.archive.estimate", slow)
    service.put(PLACE, PLACED)
    estimate = client.cart(captures()).estimate()
    service.received.clear()
    assert estimate.place().id == "o-1"
    assert len(service.requests(ESTIMATE)) == 1
    assert len(service.requests(LIST)) == 2
