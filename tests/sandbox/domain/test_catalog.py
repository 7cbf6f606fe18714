"""Searching the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from shapely.geometry import box as rectangle
from shapely.geometry import mapping, shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox

HARBOUR = [151.18, -33.99, 151.24, -33.94]
AURORA: dict[str, Any] = {"host_name": "aurora", "collections": ["aurora-50cm"]}
TIMES = ["2024-02-30", "../..", "/", "..", "2024-01-01T00:00:00+25:00", "9999-12-31T23:59:59Z", "x" * 10_000, "12024-01-01"]


def test_search_bbox_finds_intersecting_captures(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A search by bbox returns exactly the captures whose footprint intersects it."""
    client = sign_in(shared_box)
    found = client.stream(**AURORA, bbox=HARBOUR)
    assert len(found) > 20
    assert all(shape(one["geometry"]).intersects(rectangle(*HARBOUR)) for one in found)
    around = client.stream(**AURORA, bbox=[150.5, -34.5, 152, -33.4])
    meeting = [one["id"] for one in around if shape(one["geometry"]).intersects(rectangle(*HARBOUR))]
    assert [one["id"] for one in found] == meeting


def test_search_intersects_uses_exact_geometry(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A search by geometry tests the geometry itself, not its bounds."""
    client = sign_in(shared_box)
    corner = {"type": "Polygon", "coordinates": [[[151.0, -34.2], [151.02, -34.2], [151.0, -34.18], [151.0, -34.2]]]}
    by_box = client.stream(**AURORA, bbox=list(shape(corner).bounds))
    by_shape = client.stream(**AURORA, intersects=corner)
    exact = [one["id"] for one in by_box if shape(one["geometry"]).intersects(shape(corner))]
    assert [one["id"] for one in by_shape] == exact


def test_search_bbox_across_antimeridian_finds_both_sides(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A bbox with west greater than east finds captures on both sides of the antimeridian."""
    found = sign_in(shared_box).stream(**AURORA, bbox=[179.9, -17, -179.9, -16.6])
    assert found
    both = rectangle(179.9, -17, 180, -16.6).union(rectangle(-180, -17, -179.9, -16.6))
    assert all(shape(one["geometry"]).intersects(both) for one in found)
    assert any(one["geometry"]["type"] == "MultiPolygon" for one in found)


@pytest.mark.parametrize(
    ("filters", "matches"),
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
def test_search_datetime_and_query_filter_exactly(
    shared_box: Sandbox, sign_in: Callable[..., ServiceClient], filters: Any, matches: Callable[[Any], bool]
):
    """A filter returns exactly the captures that match it."""
    client = sign_in(shared_box)
    found = client.stream(**AURORA, bbox=[150, -35, 153, -32], **filters)
    everything = client.stream(**AURORA, bbox=[150, -35, 153, -32])
    assert found
    assert [one["id"] for one in found] == [one["id"] for one in everything if matches(one["properties"])]


def test_search_pages_equal_stream(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """All pages together equal the stream: same order, no duplicates, no gaps."""
    client = sign_in(shared_box)
    request = {**AURORA, "bbox": [150, -35, 153, -32]}
    names: list[str] = []
    body = {**request, "limit": 37}
    for _ in range(100):
        page = client.call("catalog.search", body).json()
        names += [one["id"] for one in page["features"]]
        if "next" not in page:
            break
        assert page["links"][0]["body"]["next"] == page["next"]
        body["next"] = page["next"]
    assert names == [one["id"] for one in client.stream(**request)]
    assert len(set(names)) == len(names) > 37


def test_search_ids_finds_capture(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A capture is found by its id."""
    client = sign_in(shared_box)
    name = client.search(**AURORA, limit=1)[0]["id"]
    assert [one["id"] for one in client.search(host_name="aurora", ids=[name])] == [name]


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
def test_search_invalid_request_names_the_field(
    shared_box: Sandbox, sign_in: Callable[..., ServiceClient], body: Any, status: int, field: str
):
    """An invalid search is refused, and the error names the field."""
    answer = sign_in(shared_box).call("catalog.search", body)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["loc"] == ["body", *field.split(".")]


@pytest.mark.parametrize("time", TIMES, ids=lambda one: one[:30])
def test_search_malformed_datetime_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient], time: str):
    """A datetime that cannot be parsed is 422 in the service's own search and 400 in the STAC APIs."""
    client = sign_in(box)
    request = {"host_name": "archive", "collections": ["test"], "datetime": time}
    assert client.call("catalog.search", request).status_code in {200, 422}
    for root in ("/stac", "/v2/catalog"):
        assert client.http.get(f"{root}/search", params={"datetime": time}).status_code in {200, 400}


def test_search_unknown_host_is_404_with_known_hosts(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An unknown host is 404, and the error lists the hosts."""
    answer = sign_in(shared_box).call("catalog.search", {"host_name": "nowhere", "collections": ["x"]})
    assert answer.status_code == 404
    assert "aurora" in answer.json()["detail"]
