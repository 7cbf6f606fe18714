"""Validation and area of geometries."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import shapely

from scenecart.sandbox._data import geometry

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox

SPIKED = [[151, -34], [151.4, -34], [151.4, -33.7], [151.1, -33.7], [511, -34], [151, -34]]
RING = [[0, 0], [0.1, 0], [0.1, 0.1], [0, 0.1], [0, 0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}
GEOMETRIES: list[Any] = [
    {},
    5,
    [1, 2],
    "POLYGON((0 0,1 1,1 0,0 0))",
    {"type": "Point", "coordinates": [0, 0]},
    {"type": "GeometryCollection", "geometries": [SQUARE]},
    {"type": "Feature", "geometry": SQUARE},
    {"type": "polygon", "coordinates": [RING]},
    {"type": ["Polygon"], "coordinates": [RING]},
    {"type": "Polygon", "coordinates": []},
    {"type": "Polygon", "coordinates": [[]]},
    {"type": "Polygon", "coordinates": [RING[:3]]},
    {"type": "Polygon", "coordinates": [RING[:-1]]},
    {"type": "Polygon", "coordinates": [[[*point, 5] for point in RING]]},
    {"type": "Polygon", "coordinates": [[[*point, 5, 6] for point in RING]]},
    {"type": "Polygon", "coordinates": [[["a", "b"]] * 5]},
    {"type": "Polygon", "coordinates": [[[None, None]] * 5]},
    {"type": "Polygon", "coordinates": [[[1e308, 1e308]] * 5]},
    {"type": "Polygon", "coordinates": [[[10**400, 0]] * 5]},
    {"type": "Polygon", "coordinates": [RING, RING]},
    {"type": "Polygon", "coordinates": {"a": 1}},
    {"type": "MultiPolygon", "coordinates": [[RING]]},
    {"type": "Polygon", "coordinates": [SPIKED, SPIKED]},
]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda one: str(one)[:40])
def test_parse_malformed_geometry_is_never_internal_error(box: Sandbox, sign_in: Callable[..., ServiceClient], geometry: Any):
    """A malformed geometry gives a price or a reason in an estimate, and a result or an error in a search."""
    client = sign_in(box)
    priced = client.call("orders.archive.estimate", {"captures": [{"id": "first", "geometry": geometry}]})
    assert priced.status_code == 200
    assert len(priced.json()["groups"]) + len(priced.json()["errors"]) == 1
    searched = client.call("catalog.search", {"host_name": "archive", "collections": ["test"], "intersects": geometry})
    assert searched.status_code in {200, 422}
    assert client.http.post("/stac/search", content=json.dumps({"intersects": geometry})).status_code in {200, 400}


@pytest.mark.parametrize(
    "geometry",
    [
        {"type": "MultiPolygon", "coordinates": [[[]], [RING]]},
        {"type": "Polygon", "coordinates": [RING, []]},
        {"type": "GeometryCollection", "geometries": [SQUARE, {"type": "MultiPolygon", "coordinates": [[[]], [RING]]}]},
        {
            "type": "Polygon",
            "coordinates": [[[-180, -1], [170, 90], [-90, 1], [-170, 80], [-180, -1]], [[170, 0], [170, 0], [1, 1], [170, 0]]],
        },
    ],
)
def test_parse_geometry_with_empty_part_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient], geometry: Any):
    """A geometry with an empty part, or that cannot be split at the antimeridian, gets a reason, and the sandbox continues."""
    client = sign_in(box)
    priced = client.call("orders.archive.estimate", {"captures": [{"id": "first", "geometry": geometry}]})
    assert [error["id"] for error in priced.json()["errors"]] == ["first"]
    assert client.call("orders.list").status_code == 200


def test_parse_geometry_across_antimeridian_is_split():
    """A polygon across the antimeridian becomes two parts, with the bbox of RFC 7946."""
    ring = [[179, 0], [181, 0], [181, 1], [179, 1], [179, 0]]
    parsed = geometry.parse_geometry({"type": "Polygon", "coordinates": [ring]})
    assert parsed.geom_type == "MultiPolygon"
    assert geometry.bounding_boxes(parsed) == [(179, 0, 180, 1), (-180, 0, -179, 1)]
    assert geometry.rfc7946_bbox(parsed) == [179, 0, -179, 1]
    assert geometry.area_km2(parsed) == pytest.approx(2 * geometry.area_km2(shapely.box(0, 0, 1, 1)), rel=1e-9)


def test_parse_geometry_of_a_global_grid_stays_whole():
    """A rectangle nearly around the world, as tall as a global grid, is not a sliver at the antimeridian."""
    grid = shapely.box(-179.75, -60, 179.75, 60)
    assert geometry.parse_geometry(shapely.geometry.mapping(grid)).equals(grid)


def test_area_km2_of_one_degree_at_the_equator():
    """One square degree at the equator has 12,308.5 km²."""
    assert geometry.area_km2(shapely.box(0, 0, 1, 1)) == pytest.approx(12_308.5, abs=0.1)


@pytest.mark.parametrize("way", [1, -1], ids=["eastward", "westward"])
def test_parse_geometry_around_a_pole_is_the_smaller_side(way: int):
    """A ring around the world is the cap around the nearer pole, however it is wound, and a hole around the pole is cut out."""
    ring = [[lon, -65] for lon in range(-180, 180, 15)][::way]
    inner = [[lon, -75] for lon in range(-180, 180, 15)]
    cap = geometry.parse_geometry({"type": "Polygon", "coordinates": [[*ring, ring[0]]]})
    belt = geometry.parse_geometry({"type": "Polygon", "coordinates": [[*ring, ring[0]], [*inner, inner[0]]]})
    assert cap.covers(shapely.box(-180, -90, 180, -89))
    assert geometry.area_km2(cap) == pytest.approx(geometry.area_km2(shapely.box(-180, -90, 180, -65)), rel=1e-3)
    assert geometry.area_km2(belt) == pytest.approx(geometry.area_km2(shapely.box(-180, -75, 180, -65)), rel=1e-3)


def test_area_km2_of_the_world():
    """The whole world has 510 million km², and not none."""
    assert geometry.area_km2(shapely.box(-180, -90, 180, 90)) == pytest.approx(510_065_622, rel=1e-6)
