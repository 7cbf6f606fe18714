"""The reading of a long list of orders: in parts, at half the rate, and never with an order left out."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _purchases import LIST, PLACE, PLACED, Clock, captures, keys, listed
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86_400.0
COUNT = 2_500


class LongList:
    """A list of orders, newest first, in pages of a hundred, which breaks off at a page if one is set; one order an hour."""

    def __init__(self, until: float) -> None:
        self.orders = [
            {"id": f"old-{number}", "status": "delivered", "captures": [f"c-{number}"], "createdAt": _text(until - 3_600 * number)}
            for number in range(COUNT)
        ]
        self.broken_page: int | None = None
        self.total: Callable[[], int | None] = lambda: len(self.orders)

    def __call__(self, request: RecordedRequest) -> Answer:
        ids, page = request.json.get("orderIds"), request.json["page"]
        if ids:
            return answer([order for order in self.orders if order["id"] in ids])
        if page == self.broken_page:
            return answer({"status": 500, "detail": "try again later"}, 500)
        return answer({"content": self.orders[100 * page : 100 * page + 100], "totalElements": self.total()})


def _text(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).isoformat()


def pages(service: ScriptedService) -> list[int]:
    """Return the numbers of the pages that were read, and count anew."""
    found = [request.json["page"] for request in service.requests(LIST) if not request.json.get("orderIds")]
    service.received.clear()
    return found


@pytest.fixture
def orders(service: ScriptedService, clock: Clock) -> LongList:
    service.put(PLACE, PLACED)
    return LongList(clock.now - DAY)


@pytest.fixture
def told() -> list[Any]:
    """Return the lines that were printed, and the seconds of each pause."""
    return []


@pytest.fixture
def estimate(connect: Any, service: ScriptedService, orders: LongList, clock: Clock, told: list[Any]) -> scenecart.Estimate:
    """Return an estimate that was made a while before the first look."""
    limits = scenecart.Limits(calls_per_minute=600_000)
    client = connect(wall=clock, say=told.append, sleep=told.append, limits=limits)
    estimate: scenecart.Estimate = client.cart(captures()).estimate()
    service.put(LIST, orders)
    clock.now += 100
    service.received.clear()
    return estimate


@pytest.fixture
def broken_off(service: ScriptedService, orders: LongList, estimate: scenecart.Estimate) -> scenecart.Estimate:
    """Return an estimate whose first look was broken off at page 15 of 25."""
    orders.broken_page = 15
    with raises(scenecart.PlacementError, "orders_not_checked"):
        estimate.place(project="one")
    assert max(pages(service)) == 15
    orders.broken_page = None
    return estimate


def test_reading_that_is_long_is_said_and_can_be_used_at_once_the_next_time(
    service: ScriptedService, orders: LongList, estimate: scenecart.Estimate, told: list[Any]
):
    """A first reading of 2,500 orders says how far it is and takes half of the rate limit; the next look reads one page."""
    estimate.place(project="one")
    assert told.count(2 * 60 / 600_000) == 16
    assert pages(service) == list(range(25))
    assert sum("1,000 of 2,500" in str(line) for line in told) == 1
    estimate.place(project="two", owned="buy")
    assert pages(service) == [0]


def test_reading_that_was_broken_off_goes_on_where_it_was(
    service: ScriptedService, orders: LongList, broken_off: scenecart.Estimate
):
    """A second reading reads the newest orders, passes over the pages that are known, and sees each of the others."""
    orders.orders.insert(0, {**orders.orders[0], "id": "newest"})
    broken_off.place(project="one")
    assert pages(service) == [0, 1, 14, *range(15, 27)]
    broken_off.place(project="two", owned="buy")
    assert pages(service) == [0]


@pytest.mark.parametrize("position", [50, 1_000, 2_000], ids=["before", "passed over", "after"])
def test_reading_that_goes_on_finds_an_order_wherever_it_is(
    service: ScriptedService, orders: LongList, estimate: scenecart.Estimate, position: int
):
    """An order of the same captures is found in the pages read first, in those passed over, and in those after them."""
    orders.orders[position] = listed(estimate, id="colleague", createdAt=orders.orders[position]["createdAt"])
    orders.broken_page = 15
    with raises(scenecart.PlacementError, "orders_not_checked"):
        estimate.place(project="one")
    orders.broken_page = None
    with raises(scenecart.AlreadyOwned, "already_owned"):
        estimate.place(project="one")
    assert keys(service) == []


@pytest.mark.parametrize("change", ["removed", "added", "other list", "no total"])
def test_reading_of_a_list_that_is_not_as_before_leaves_out_no_order(
    service: ScriptedService, orders: LongList, broken_off: scenecart.Estimate, clock: Clock, change: str
):
    """If known orders are gone, old ones appeared, or the list is another one, no order that it shows is missed."""
    if change == "removed":
        del orders.orders[500:1_000]
    elif change == "added":
        late = [{**order, "id": f"late {order['id']}"} for order in orders.orders[600:800]]
        orders.orders[600:800] = list(itertools.chain(*zip(orders.orders[600:800], late, strict=True)))
    elif change == "other list":
        orders.orders = [{**order, "id": f"other {order['id']}"} for order in orders.orders]
    else:
        orders.total = lambda: None
    # where it would be passed over
    hidden = {"added": 650, "removed": 1_150}.get(change, len(orders.orders) - 1)
    orders.orders[hidden] = listed(broken_off, id="colleague", createdAt=orders.orders[hidden]["createdAt"])
    with raises(scenecart.AlreadyOwned, "already_owned"):
        broken_off.place(project="one")
    assert keys(service) == []
