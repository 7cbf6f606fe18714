"""What captures cost: each rule with a figure worked out by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from pyproj import Geod
from shapely.geometry import box as rectangle
from shapely.geometry import mapping, shape

from scenecart.sandbox import SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from scenecart.sandbox import Sandbox

ESTIMATE = "orders.archive.estimate"
# what the embedded sandbox asks for items of the user's own
RATE, LEAST = 20, 500


def km2(geometry: Any) -> float:
    """Return an area by geodesics between many points of each edge."""
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(shape(geometry).segmentize(0.01))[0]) / 1e6


def test_one_capture_costs_its_area_rounded_up(box: Sandbox, wire: Callable[..., Wire]):
    """One capture costs its geodesic area times the rate, rounded up to a whole credit; 100 credits are one dollar."""
    caller = wire(box)
    captures = caller.wanted("first")
    found = caller.op(ESTIMATE, {"captures": captures}).json()
    area = km2(captures[0]["geometry"])
    assert found["total_credits"] == math.ceil(area * RATE)
    assert found["total_aud"] == found["total_credits"] / 100
    assert found["errors"] == []
    (group,) = found["groups"]
    assert group["captures"] == ["first"]
    assert group["aoi_km2"] == pytest.approx(area, rel=1e-6)


def test_overlap_of_one_date_is_paid_once(box: Sandbox, wire: Callable[..., Wire]):
    """Overlapping captures of one date cost the area of their union."""
    caller = wire(box)
    captures = caller.wanted("first", "second")
    union = shape(captures[0]["geometry"]).union(shape(captures[1]["geometry"]))
    found = caller.op(ESTIMATE, {"captures": captures}).json()
    assert found["total_credits"] == math.ceil(km2(mapping(union)) * RATE)
    assert [group["captures"] for group in found["groups"]] == [["first", "second"]]


def test_overlap_of_two_dates_is_paid_twice(box: Sandbox, wire: Callable[..., Wire]):
    """The same ground on another date is paid for again; by date it makes a group of its own."""
    caller = wire(box)
    captures = caller.wanted("first", "third")
    area = km2(captures[0]["geometry"])
    together = caller.op(ESTIMATE, {"captures": captures}).json()
    assert together["total_credits"] == math.ceil(2 * area * RATE)
    assert len(together["groups"]) == 1
    split = caller.op(ESTIMATE, {"captures": captures, "splitByDate": True}).json()
    assert [group["captures"] for group in split["groups"]] == [["first"], ["third"]]
    assert split["total_credits"] == 2 * math.ceil(area * RATE)


def test_a_small_order_costs_the_least(box: Sandbox, wire: Callable[..., Wire]):
    """A group costs the product's smallest order at least, each group for itself."""
    caller = wire(box)
    small = [
        {"id": "first", "geometry": mapping(rectangle(0.01, 0.01, 0.02, 0.02))},
        {"id": "far", "geometry": mapping(rectangle(40.01, 60.01, 40.02, 60.02))},
    ]
    found = caller.op(ESTIMATE, {"captures": small}).json()
    assert [group["credits"] for group in found["groups"]] == [LEAST, LEAST]
    assert found["total_credits"] == 2 * LEAST


def test_a_price_is_one_figure_for_the_same_ground(box: Sandbox, wire: Callable[..., Wire]):
    """The order of captures and the winding of rings do not change the price."""
    caller = wire(box)
    captures = caller.wanted("first", "second", "third")
    turned = [
        {"id": one["id"], "geometry": {"type": "Polygon", "coordinates": [one["geometry"]["coordinates"][0][::-1]]}}
        for one in captures[::-1]
    ]
    first, second = (caller.op(ESTIMATE, {"captures": given}).json()["total_credits"] for given in (captures, turned))
    assert first == second


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        ({"id": "nobody", "geometry": mapping(rectangle(0, 0, 1, 1))}, "no capture of this id"),
        ({"geometry": mapping(rectangle(0, 0, 1, 1))}, "has no id"),
        ({"id": "first"}, "geometry is missing"),
        ({"id": "first", "geometry": mapping(rectangle(5, 5, 6, 6))}, "outside the footprint"),
        ({"id": "first", "geometry": mapping(rectangle(0.05, 0.05, 0.0501, 0.0501))}, "below the least"),
        ({"id": "first", "geometry": {"type": "Point", "coordinates": [0.05, 0.05]}}, "is no area"),
        ({"id": "crossed", "geometry": mapping(rectangle(10.1, 10.1, 10.2, 10.2))}, "footprint is not known"),
        (
            {"id": "first", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0.1, 0.1], [0.1, 0], [0, 0.1], [0, 0]]]}},
            "is not valid",
        ),
    ],
)
def test_what_cannot_be_priced_says_why(box: Sandbox, wire: Callable[..., Wire], capture: Any, reason: str):
    """A capture that cannot be priced stands in errors with its reason, and the others are priced all the same."""
    caller = wire(box)
    found = caller.op(ESTIMATE, {"captures": [capture, *caller.wanted("far")]}).json()
    (error,) = found["errors"]
    assert error["id"] == capture.get("id")
    assert reason in error["detail"]
    assert [group["captures"] for group in found["groups"]] == [["far"]]
    placed = caller.op("orders.archive.place", {"projectId": caller.project, "captures": [capture]})
    assert placed.status_code == 422


def test_a_retired_product_is_not_priced(shared_box: Sandbox, wire: Callable[..., Wire]):
    """Captures of a retired product are still listed, and refused when priced."""
    caller = wire(shared_box)
    old = caller.search(host_name="aurora", collections=["aurora-legacy"], limit=1)[0]
    found = caller.op(ESTIMATE, {"captures": [{"id": old["id"], "geometry": old["geometry"]}]}).json()
    assert found["errors"][0]["detail"] == "the product is retired"
    assert found["total_credits"] == 0


def test_a_new_price_list_holds_from_now_on(box: Sandbox, wire: Callable[..., Wire]):
    """Changed prices are asked for by estimates and placements alike, and the first ones can be had back."""
    caller = wire(box)
    captures = caller.wanted("first")
    before = caller.op(ESTIMATE, {"captures": captures}).json()["total_credits"]
    box.change_prices(1.5)
    assert caller.op(ESTIMATE, {"captures": captures}).json()["total_credits"] == math.ceil(
        km2(captures[0]["geometry"]) * RATE * 1.5
    )
    assert caller.http.post("/_sandbox/prices", json={"factor": 1}).status_code == 200
    assert caller.op(ESTIMATE, {"captures": captures}).json()["total_credits"] == before
    assert caller.http.post("/_sandbox/prices", json={"factor": 0}).status_code == 422
    with pytest.raises(SandboxError):
        box.change_prices(-1)


def test_the_antimeridian_costs_nothing_extra(shared_box: Sandbox, wire: Callable[..., Wire]):
    """A footprint over the antimeridian is priced by its own area, not by a belt around the world."""
    caller = wire(shared_box)
    found = caller.stream(host_name="aurora", collections=["aurora-50cm"], bbox=[179.9, -17, -179.9, -16.6])
    split = next(one for one in found if one["geometry"]["type"] == "MultiPolygon")
    price = caller.op(ESTIMATE, {"captures": [{"id": split["id"], "geometry": split["geometry"]}]}).json()
    assert price["total_credits"] == math.ceil(round(sum(km2(part) for part in _parts(split["geometry"])) * 1_250, 6))


def _parts(geometry: Any) -> list[Any]:
    return [{"type": "Polygon", "coordinates": rings} for rings in geometry["coordinates"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "captures"),
        ({"captures": {}}, "captures"),
        ({"captures": [], "splitByDate": "yes"}, "splitByDate"),
    ],
)
def test_a_malformed_estimate_names_the_field(box: Sandbox, wire: Callable[..., Wire], body: Any, field: str):
    """An estimate that is none is refused, and the answer names the field."""
    answer = wire(box).op(ESTIMATE, body)
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", field]


def test_the_worked_figures_of_the_guide_hold(shared_box: Sandbox, wire: Callable[..., Wire]):
    """Each figure worked out in docs/sandbox.md is what the sandbox asks."""
    caller = wire(shared_box)
    ground = rectangle(151.18, -33.99, 151.24, -33.94)

    def whole(host: str, collection: str) -> list[dict[str, Any]]:
        found = caller.stream(host_name=host, collections=[collection], bbox=list(ground.bounds))
        return [one for one in found if shape(one["geometry"]).contains(ground)]

    def price(*captures: Any, area: Any = ground, **options: Any) -> int:
        given = [{"id": one["id"], "geometry": mapping(area)} for one in captures]
        return int(caller.op(ESTIMATE, {"captures": given, **options}).json()["total_credits"])

    half, third, radar = whole("aurora", "aurora-50cm"), whole("aurora", "aurora-30cm"), whole("lumen", "lumen-spot")
    dates = [one["properties"]["datetime"][:10] for one in half]
    twice = next(index for index, date in enumerate(dates[:-1]) if dates[index + 1] == date)
    assert price(half[0]) == 38_444
    assert price(half[twice], half[twice + 1]) == 38_444
    assert price(half[0], half[1]) == 76_888
    assert price(half[0], half[1], splitByDate=True) == 76_888
    assert price(half[0], third[0]) == 106_105
    assert price(*radar[:2]) == 55_360
    assert price(half[0], area=rectangle(151.2, -33.97, 151.215, -33.955)) == 5_000
