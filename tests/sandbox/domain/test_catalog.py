"""The catalog: what is in it, and every way to search it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from shapely.geometry import box as rectangle
from shapely.geometry import mapping, shape

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire

HARBOUR = [151.18, -33.99, 151.24, -33.94]
BOW_TIE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
AURORA: dict[str, Any] = {"host_name": "aurora", "collections": ["aurora-50cm"]}


def test_hosts_have_characters_of_their_own(shared_box: Sandbox, wire: Callable[..., Wire]):
    """There is priced optical imagery, radar without clouds, and free imagery."""
    caller = wire(shared_box)
    firsts = {
        host: caller.search(host_name=host, collections=shared_box.hosts[host], limit=1)[0]["properties"]
        for host in ("aurora", "lumen", "openterra")
    }
    assert firsts["aurora"]["price:credits_per_km2"] > 0
    assert "eo:cloud_cover" not in firsts["lumen"]
    assert firsts["lumen"]["sar:frequency_band"] == "X"
    assert "price:credits_per_km2" not in firsts["openterra"]


def test_the_same_seed_gives_the_same_captures(shared_box: Sandbox, wire: Callable[..., Wire]):
    """Two sandboxes of one seed hold the same captures byte for byte; another seed gives others."""
    asked = {**AURORA, "bbox": HARBOUR, "limit": 50}

    def features(box: Sandbox) -> str:
        return wire(box).op("catalog.search", asked).text.replace(box.url, "")

    with Sandbox(pace="instant") as same, Sandbox(pace="instant", seed=7) as another:
        assert features(same) == features(shared_box)
        assert features(another) != features(shared_box)


def test_a_bbox_finds_what_meets_it(shared_box: Sandbox, wire: Callable[..., Wire]):
    """A search by bbox gives the captures whose footprint meets it, and no others."""
    caller = wire(shared_box)
    found = caller.stream(**AURORA, bbox=HARBOUR)
    assert len(found) > 20
    assert all(shape(one["geometry"]).intersects(rectangle(*HARBOUR)) for one in found)
    around = caller.stream(**AURORA, bbox=[150.5, -34.5, 152, -33.4])
    meeting = [one["id"] for one in around if shape(one["geometry"]).intersects(rectangle(*HARBOUR))]
    assert [one["id"] for one in found] == meeting


def test_intersects_is_exact(shared_box: Sandbox, wire: Callable[..., Wire]):
    """A search by geometry looks at the shape itself, not at its box."""
    caller = wire(shared_box)
    corner = {"type": "Polygon", "coordinates": [[[151.0, -34.2], [151.02, -34.2], [151.0, -34.18], [151.0, -34.2]]]}
    by_box = caller.stream(**AURORA, bbox=list(shape(corner).bounds))
    by_shape = caller.stream(**AURORA, intersects=corner)
    exact = [one["id"] for one in by_box if shape(one["geometry"]).intersects(shape(corner))]
    assert [one["id"] for one in by_shape] == exact


def test_the_antimeridian_is_no_edge(shared_box: Sandbox, wire: Callable[..., Wire]):
    """Over the antimeridian a bbox with west greater than east finds captures of both sides."""
    found = wire(shared_box).stream(**AURORA, bbox=[179.9, -17, -179.9, -16.6])
    assert found
    both = rectangle(179.9, -17, 180, -16.6).union(rectangle(-180, -17, -179.9, -16.6))
    assert all(shape(one["geometry"]).intersects(both) for one in found)
    assert any(one["geometry"]["type"] == "MultiPolygon" for one in found)


@pytest.mark.parametrize(
    ("asked", "holds"),
    [
        ({"datetime": "2024-02-01T00:00:00Z/2024-02-29T23:59:59Z"}, lambda p: p["datetime"][:7] == "2024-02"),
        ({"datetime": "2024-12-01T00:00:00Z/.."}, lambda p: p["datetime"] >= "2024-12-01"),
        ({"datetime": "../2023-07-31T00:00:00Z"}, lambda p: p["datetime"] <= "2023-07-31T00:00:01"),
        ({"query": {"eo:cloud_cover": {"lte": 20}}}, lambda p: p["eo:cloud_cover"] <= 20),
        ({"query": {"eo:cloud_cover": {"LT": 20, "GT": 10}}}, lambda p: 10 < p["eo:cloud_cover"] < 20),
        ({"query": {"gsd": {"gte": 0.6}}}, lambda p: p["gsd"] >= 0.6),
        ({"query": {"platform": {"eq": "aurora-1"}}}, lambda p: p["platform"] == "aurora-1"),
        ({"query": {"platform": {"neq": "aurora-1"}}}, lambda p: p["platform"] != "aurora-1"),
        ({"query": {"platform": {"in": ["aurora-2", "x"]}}}, lambda p: p["platform"] == "aurora-2"),
    ],
)
def test_time_and_properties_filter(shared_box: Sandbox, wire: Callable[..., Wire], asked: Any, holds: Callable[[Any], bool]):
    """A filter gives exactly the captures it describes."""
    caller = wire(shared_box)
    found = caller.stream(**AURORA, bbox=[150, -35, 153, -32], **asked)
    everything = caller.stream(**AURORA, bbox=[150, -35, 153, -32])
    assert found
    assert [one["id"] for one in found] == [one["id"] for one in everything if holds(one["properties"])]


def test_pages_and_stream_agree(shared_box: Sandbox, wire: Callable[..., Wire]):
    """Pages put together are the stream: nothing twice, nothing missing, in one order."""
    caller = wire(shared_box)
    asked = {**AURORA, "bbox": [150, -35, 153, -32]}
    names: list[str] = []
    body = {**asked, "limit": 37}
    for _ in range(100):
        page = caller.op("catalog.search", body).json()
        names += [one["id"] for one in page["features"]]
        if "next" not in page:
            break
        assert page["links"][0]["body"]["next"] == page["next"]
        body["next"] = page["next"]
    assert names == [one["id"] for one in caller.stream(**asked)]
    assert len(set(names)) == len(names) > 37


def test_ids_are_found(shared_box: Sandbox, wire: Callable[..., Wire]):
    """A capture is found by its id alone."""
    caller = wire(shared_box)
    name = caller.search(**AURORA, limit=1)[0]["id"]
    assert [one["id"] for one in caller.search(host_name="aurora", ids=[name])] == [name]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"collections": ["aurora-50cm"]}, 422, "host_name"),
        ({"host_name": "aurora"}, 422, "collections"),
        ({"host_name": "aurora", "collections": []}, 422, "collections"),
        ({"host_name": "aurora", "collections": "aurora-50cm"}, 422, "collections"),
        ({"host_name": "aurora", "collections": ["nothing"]}, 422, "collections"),
        ({**AURORA, "bbox": [1, 2, 3]}, 422, "bbox"),
        ({**AURORA, "bbox": [0, 50, 1, 40]}, 422, "bbox"),
        ({**AURORA, "bbox": [0, 0, 400, 1]}, 422, "bbox"),
        ({**AURORA, "bbox": HARBOUR, "intersects": mapping(rectangle(0, 0, 1, 1))}, 422, "bbox"),
        (
            {**AURORA, "intersects": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}},
            422,
            "intersects",
        ),
        ({**AURORA, "intersects": {"type": "Circle"}}, 422, "intersects"),
        ({**AURORA, "datetime": "yesterday"}, 422, "datetime"),
        ({**AURORA, "datetime": "2024-05-01T00:00:00Z/2024-04-01T00:00:00Z"}, 422, "datetime"),
        ({**AURORA, "query": {"gsd": {"about": 1}}}, 422, "query.gsd.about"),
        ({**AURORA, "query": {"gsd": 1}}, 422, "query.gsd"),
        ({**AURORA, "query": {f"p{number}": {"eq": 1} for number in range(101)}}, 422, "query"),
        ({**AURORA, "limit": 0}, 422, "limit"),
        ({**AURORA, "limit": 501}, 422, "limit"),
        ({**AURORA, "limit": True}, 422, "limit"),
        ({**AURORA, "next": "nonsense"}, 422, "next"),
    ],
)
def test_a_search_that_cannot_be_answered_names_the_field(
    shared_box: Sandbox, wire: Callable[..., Wire], body: Any, status: int, field: str
):
    """A search that makes no sense is refused, and the answer names the field."""
    answer = wire(shared_box).op("catalog.search", body)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["loc"] == ["body", *field.split(".")]


def test_an_unknown_host_is_not_found(shared_box: Sandbox, wire: Callable[..., Wire]):
    """A host nobody knows is 404, with the hosts there are."""
    answer = wire(shared_box).op("catalog.search", {"host_name": "nowhere", "collections": ["x"]})
    assert answer.status_code == 404
    assert "aurora" in answer.json()["detail"]


def test_quicklooks_are_pictures(shared_box: Sandbox, wire: Callable[..., Wire]):
    """A capture's quicklook and thumbnail are PNG pictures, by their links and by their operations."""
    caller = wire(shared_box)
    one = caller.search(**AURORA, limit=1)[0]
    for kind in ("quicklook", "thumbnail"):
        assert caller.http.get(one["assets"][kind]["href"]).content.startswith(b"\x89PNG")
        redirected = caller.op(f"catalog.image.{kind}", {"host_name": "aurora", "image_id": one["id"]})
        assert redirected.status_code == 307
        assert redirected.headers["location"] == one["assets"][kind]["href"]
