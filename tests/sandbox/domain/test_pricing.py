"""The price rules, with amounts calculated by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from pyproj import Geod
from shapely.geometry import box as rectangle
from shapely.geometry import mapping, shape

from scenecart.sandbox import Sandbox, SandboxError

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient

ESTIMATE = "orders.archive.estimate"
# the price rules of the user's own items
RATE, LEAST = 20, 500


def km2(geometry: Any) -> float:
    """Return the geodesic area in km² of densely segmented edges."""
    return abs(Geod(ellps="WGS84").geometry_area_perimeter(shape(geometry).segmentize(0.01))[0]) / 1e6


def test_price_one_capture_is_area_times_rate_rounded_up(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """One capture costs its geodesic area times the rate, rounded up to a whole credit; 100 credits are one dollar."""
    client = sign_in(box)
    captures = client.captures_of("first")
    found = client.call(ESTIMATE, {"captures": captures}).json()
    area = km2(captures[0]["geometry"])
    assert found["total_credits"] == math.ceil(area * RATE)
    assert found["total_aud"] == found["total_credits"] / 100
    assert found["errors"] == []
    (group,) = found["groups"]
    assert group["captures"] == ["first"]
    assert group["aoi_km2"] == pytest.approx(area, rel=1e-6)


def test_price_overlap_of_one_date_is_charged_once(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Overlapping captures of one date cost the area of their union."""
    client = sign_in(box)
    captures = client.captures_of("first", "second")
    union = shape(captures[0]["geometry"]).union(shape(captures[1]["geometry"]))
    found = client.call(ESTIMATE, {"captures": captures}).json()
    assert found["total_credits"] == math.ceil(km2(mapping(union)) * RATE)
    assert [group["captures"] for group in found["groups"]] == [["first", "second"]]


def test_price_overlap_of_two_dates_is_charged_twice(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The same area on another date is charged again; with splitByDate each date is a group."""
    client = sign_in(box)
    captures = client.captures_of("first", "third")
    area = km2(captures[0]["geometry"])
    together = client.call(ESTIMATE, {"captures": captures}).json()
    assert together["total_credits"] == math.ceil(2 * area * RATE)
    assert len(together["groups"]) == 1
    split = client.call(ESTIMATE, {"captures": captures, "splitByDate": True}).json()
    assert [group["captures"] for group in split["groups"]] == [["first"], ["third"]]
    assert split["total_credits"] == 2 * math.ceil(area * RATE)


def test_price_small_group_costs_minimum_order(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Each group costs at least the product's minimum order."""
    client = sign_in(box)
    small = [
        {"id": "first", "geometry": mapping(rectangle(0.01, 0.01, 0.02, 0.02))},
        {"id": "far", "geometry": mapping(rectangle(40.01, 60.01, 40.02, 60.02))},
    ]
    found = client.call(ESTIMATE, {"captures": small}).json()
    assert [group["credits"] for group in found["groups"]] == [LEAST, LEAST]
    assert found["total_credits"] == 2 * LEAST


def test_price_is_independent_of_order_and_winding(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The order of captures and the winding of rings do not change the price."""
    client = sign_in(box)
    captures = client.captures_of("first", "second", "third")
    reversed_captures = [
        {"id": one["id"], "geometry": {"type": "Polygon", "coordinates": [one["geometry"]["coordinates"][0][::-1]]}}
        for one in captures[::-1]
    ]
    first, second = (client.call(ESTIMATE, {"captures": given}).json()["total_credits"] for given in (captures, reversed_captures))
    assert first == second


@pytest.mark.parametrize(
    ("capture", "reason"),
    [
        ({"id": "nobody", "geometry": mapping(rectangle(0, 0, 1, 1))}, "no capture with this id"),
        ({"geometry": mapping(rectangle(0, 0, 1, 1))}, "has no id"),
        ({"id": "first"}, "geometry is missing"),
        ({"id": "first", "geometry": mapping(rectangle(5, 5, 6, 6))}, "outside the footprint"),
        ({"id": "first", "geometry": mapping(rectangle(0.05, 0.05, 0.0501, 0.0501))}, "below the minimum"),
        ({"id": "first", "geometry": {"type": "Point", "coordinates": [0.05, 0.05]}}, "not a polygon"),
        ({"id": "crossed", "geometry": mapping(rectangle(10.1, 10.1, 10.2, 10.2))}, "no valid footprint"),
        (
            {"id": "first", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0.1, 0.1], [0.1, 0], [0, 0.1], [0, 0]]]}},
            "is not valid",
        ),
    ],
)
def test_price_capture_without_price_has_reason(box: Sandbox, sign_in: Callable[..., ServiceClient], capture: Any, reason: str):
    """A capture without a price is in errors with its reason, and the others are priced."""
    client = sign_in(box)
    found = client.call(ESTIMATE, {"captures": [capture, *client.captures_of("far")]}).json()
    (error,) = found["errors"]
    assert error["id"] == capture.get("id")
    assert reason in error["detail"]
    assert [group["captures"] for group in found["groups"]] == [["far"]]
    placed = client.call("orders.archive.place", {"projectId": client.project, "captures": [capture]})
    assert placed.status_code == 422


def test_price_retired_product_is_refused(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Captures of a retired product are listed, but have no price."""
    client = sign_in(shared_box)
    old = client.search(host_name="aurora", collections=["aurora-legacy"], limit=1)[0]
    found = client.call(ESTIMATE, {"captures": [{"id": old["id"], "geometry": old["geometry"]}]}).json()
    assert found["errors"][0]["detail"] == "the product is retired"
    assert found["total_credits"] == 0


def test_price_factor_changes_estimates(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Changed prices apply to all estimates, and can be changed back."""
    client = sign_in(box)
    captures = client.captures_of("first")
    before = client.call(ESTIMATE, {"captures": captures}).json()["total_credits"]
    box.change_prices(1.5)
    assert client.call(ESTIMATE, {"captures": captures}).json()["total_credits"] == math.ceil(
        km2(captures[0]["geometry"]) * RATE * 1.5
    )
    assert client.http.post("/_sandbox/prices", json={"factor": 1}).status_code == 200
    assert client.call(ESTIMATE, {"captures": captures}).json()["total_credits"] == before
    assert client.http.post("/_sandbox/prices", json={"factor": 0}).status_code == 422
    with pytest.raises(SandboxError):
        box.change_prices(-1)


def test_price_across_antimeridian_is_own_area(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A footprint across the antimeridian is priced by its own area, not by a belt around the Earth."""
    client = sign_in(shared_box)
    found = client.stream(host_name="aurora", collections=["aurora-50cm"], bbox=[179.9, -17, -179.9, -16.6])
    split = next(one for one in found if one["geometry"]["type"] == "MultiPolygon")
    price = client.call(ESTIMATE, {"captures": [{"id": split["id"], "geometry": split["geometry"]}]}).json()
    assert price["total_credits"] == math.ceil(round(sum(km2(part) for part in _parts(split["geometry"])) * 1_250, 6))


def _parts(geometry: Any) -> list[Any]:
    return [{"type": "Polygon", "coordinates": rings} for rings in geometry["coordinates"]]


def test_price_examples_of_the_guide_are_right(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Each example price in docs/sandbox.md is the price of the sandbox."""
    client = sign_in(shared_box)
    harbour = rectangle(151.18, -33.99, 151.24, -33.94)

    def covering(host: str, collection: str) -> list[dict[str, Any]]:
        found = client.stream(host_name=host, collections=[collection], bbox=list(harbour.bounds))
        return [one for one in found if shape(one["geometry"]).contains(harbour)]

    def price(*captures: Any, area: Any = harbour, **options: Any) -> int:
        given = [{"id": one["id"], "geometry": mapping(area)} for one in captures]
        return int(client.call(ESTIMATE, {"captures": given, **options}).json()["total_credits"])

    half, third, radar = covering("aurora", "aurora-50cm"), covering("aurora", "aurora-30cm"), covering("lumen", "lumen-spot")
    dates = [one["properties"]["datetime"][:10] for one in half]
    twice = next(index for index, date in enumerate(dates[:-1]) if dates[index + 1] == date)
    assert price(half[0]) == 38_444
    assert price(half[twice], half[twice + 1]) == 38_444
    assert price(half[0], half[1]) == 76_888
    assert price(half[0], half[1], splitByDate=True) == 76_888
    assert price(half[0], third[0]) == 106_105
    assert price(*radar[:2]) == 55_360
    assert price(half[0], area=rectangle(151.2, -33.97, 151.215, -33.955)) == 5_000
