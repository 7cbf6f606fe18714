"""Areas of interest: checked, right at the antimeridian and the poles, displayed with their size and outline."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate

import scenecart
from _expect import raises
from scenecart._geo.area import Area, as_area, as_geometry, drawn_area, read_area
from scenecart._geo.geometry import geojson
from scenecart._geo.globe import split_at_antimeridian

if TYPE_CHECKING:
    from pathlib import Path

ACROSS = "POLYGON((179 -20,-179 -20,-179 -18,179 -18,179 -20))"
BOW_TIE = [shapely.box(5, 5, 6, 6), shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])]
RING_OVER_ITSELF = [[151, -34], [151.4, -34], [151.4, -33.7], [151.1, -33.7], [511, -34], [151, -34]]


@pytest.mark.parametrize(
    "across",
    [
        (179, -20, -179, -18),
        ACROSS,
        "POLYGON((179 -20,181 -20,181 -18,179 -18,179 -20))",
        "POLYGON((-181 -20,-179 -20,-179 -18,-181 -18,-181 -20))",
        "MULTIPOLYGON(((179 -20,180 -20,180 -18,179 -18,179 -20)),((-180 -20,-179 -20,-179 -18,-180 -18,-180 -20)))",
    ],
)
def test_area_across_antimeridian_is_two_degrees_wide(across: Any):
    """However it is written, an area across 180 degrees is two degrees wide and not 358."""
    area = as_area(across)
    assert area.bounds == pytest.approx((179, -20, -179, -18))
    assert area.km2 == pytest.approx(as_area((9, -20, 11, -18)).km2, rel=1e-6)
    assert shapely.Point(179.5, -19).within(area.geometry)
    assert shapely.Point(-179.5, -19).within(area.geometry)
    assert not shapely.Point(0, -19).within(area.geometry)


@pytest.mark.parametrize("lon", [160, 167, 170, 175, 180, 200, -190, -193, -200])
@pytest.mark.parametrize("longitudes", ["as written", "within 180"])
def test_hole_across_antimeridian_stays_a_hole(lon: float, longitudes: str):
    """A hole beside 180 degrees is not part of the area, for every way to write its longitudes."""
    outside = np.array([(0, 0), (20, 0), (20, 10), (0, 10)])
    hole = np.array([(12, 2), (14, 2), (14, 4), (12, 4)])
    size = as_area(shapely.Polygon(outside, [hole])).km2
    shape = translate(shapely.Polygon(outside, [hole]), xoff=lon)
    if longitudes == "within 180":
        shape = shapely.transform(shape, lambda xy: np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]]))
    assert as_area(shape).km2 == pytest.approx(size, rel=1e-6)


def test_bbox_of_half_the_world_is_taken_as_written():
    """From 90 degrees east over 180 degrees to 90 degrees west is the half of the world with the Pacific in it."""
    for half in ((90, -10, -90, 10), shapely.box(90, -10, 270, 10)):
        area = as_area(half)
        assert shapely.Point(179, 0).within(area.geometry)
        assert not shapely.Point(0, 0).intersects(area.geometry)


@pytest.mark.parametrize("turn", [0, 360, -360, 1080])
def test_drawn_area_is_what_was_drawn_in_any_copy_of_the_world(turn: float):
    """A rectangle drawn over more than half the world, or far to the east, is that rectangle."""
    drawn = drawn_area([translate(shapely.box(-100, -60, 100, 60), turn), translate(shapely.box(170, 0, 190, 10), turn)])
    assert drawn.km2 == pytest.approx(as_area((-100, -60, 100, 60)).km2 + as_area((0, 0, 20, 10)).km2, rel=1e-6)
    assert drawn.geometry.covers(shapely.box(-180, 0, -170, 10))


@pytest.mark.parametrize(
    ("shapes", "code"),
    [
        ([], "area_empty"),
        ([shapely.Polygon()], "area_empty"),
        ([shapely.box(0, 0, 0, 1)], "area_zero_size"),
        (BOW_TIE, "area_self_intersecting"),
    ],
)
def test_drawn_area_without_a_size_is_refused(shapes: list[Any], code: str):
    """Nothing drawn, or a line, is no area."""
    with pytest.raises(scenecart.InvalidArea) as caught:
        drawn_area(shapes)
    assert caught.value.code == code


def test_geojson_of_a_wide_area_cannot_be_read_the_short_way():
    """No edge of what is sent is longer than half the world, also of a simplified or clipped area."""
    sent = geojson(shapely.box(-100, -60, 100, 60))
    assert np.abs(np.diff(np.array(sent["coordinates"][0])[:, 0])).max() <= 90
    assert as_area(sent).km2 == pytest.approx(as_area((-100, -60, 100, 60)).km2)


def test_polar_area_has_the_right_size():
    """An area around a pole is finite, positive and of the right size."""
    ring = [(lon, 80) for lon in range(-180, 180, 10)]
    area = as_area(shapely.Polygon(ring))
    cap = as_area((-180, 80, 180, 90))
    assert area.km2 == pytest.approx(cap.km2, rel=0.02)


def test_hemisphere_is_half_of_the_world():
    """Half the world is half of 510 million km²."""
    assert as_area((-180, 0, 180, 90)).km2 == pytest.approx(255_032_810, rel=1e-3)


def test_bbox_a_rounding_error_beyond_antimeridian_is_the_world():
    """The whole world is the whole world when its edge was written a hair beyond 180 degrees."""
    world = as_area((-180, -90, 180.0000000001, 90))
    assert world.km2 == as_area((-180, -90, 180, 90)).km2
    assert world.bounds == (-180, -90, 180, 90)


@pytest.mark.parametrize("wkt", ["POLYGON((0 0,1 0,1 1,0 1,0 0))", "POLYGON((0 0,0 1,1 1,1 0,0 0))"])
def test_area_ignores_winding_and_height(wkt: str):
    """Rings wound either way and coordinates with heights give the same area."""
    flat = as_area(wkt)
    high = as_area(shapely.force_3d(shapely.from_wkt(wkt), 100.0))
    assert flat.km2 == pytest.approx(12_308.8, rel=1e-4)
    assert high.geometry.equals(flat.geometry)
    assert not high.geometry.has_z
    assert shapely.is_ccw(shapely.geometry.shape(flat.to_geojson()).exterior)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ((0, 0, 0, 1), "area_zero_size"),
        ((0, 0, 1, 0), "area_zero_size"),
        ((1, 1, 1, 1), "area_zero_size"),
        ((0, 0, 1e-200, 1e-200), "area_zero_size"),
        ("POLYGON((0 0,1 1,0 0,0 0))", None),
        ("POLYGON((0 0,1 1,1 0,0 1,0 0))", "area_self_intersecting"),
        ("POLYGON((0 0,4 0,4 4,0 0),EMPTY)", "area_empty_part"),
        ("SRID=3857;POLYGON EMPTY", "area_empty"),
        ("LINESTRING(0 0,1 1)", "area_not_a_polygon"),
        ({"type": "GeometryCollection", "geometries": [shapely.box(0, 0, 1, 1).__geo_interface__]}, "area_not_a_polygon"),
        ({"type": "FeatureCollection", "features": [1, None, {"type": "Feature", "geometry": 5}]}, "area_empty"),
        (gpd.GeoSeries([None], crs=4326), "area_empty"),
        (shapely.box(0, 80, 1, 91), "area_outside_world"),
        (shapely.box(-33, 151, -32, 152), "area_outside_world"),
        (shapely.box(600, 0, 601, 1), "area_outside_world"),
        ([-180, -90, 180.1, 90], "area_wider_than_world"),
        ([1e308, 0, -1e308, 1], "area_outside_world"),
        ("POLYGON((0 1,-180 1,170 0,-90 -53,-90 -71,0 1),(180 -90,0 89,200 -52,183 -28,180 -90))", None),
        ("POLYGON((-160 0,90 80,-180 -90,-160 0),(-179 -90,-90 80,-180 45,-179 -90))", None),
        ("POLYGON((181 0,181 0,181 0,181 0))", None),
        ("MULTIPOLYGON(((180 89,170 10,170 10,180 89)),((181 -90,179 80,170 -90,181 -90)))", None),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_unusable_area_is_refused_with_its_code(value: Any, code: str | None):
    """An area that is empty, of zero size, invalid or outside the world is neither repaired nor guessed."""
    with pytest.raises(scenecart.InvalidArea) as caught:
        as_area(value)
    assert caught.value.argument == "aoi"
    assert code is None or caught.value.code == code
    assert len(str(caught.value)) < 500


def test_self_intersecting_area_says_where():
    """The message has the coordinates at which the outline crosses itself."""
    with raises(scenecart.InvalidArea, "area_self_intersecting") as caught:
        as_area("POLYGON((10 0,14 4,14 0,10 4,10 0))")
    assert {"12,", "2."} <= set(caught.value.message.split())


@pytest.mark.parametrize("axes", ["swapped", "metres"])
def test_area_outside_world_hint_depends_on_coordinates(axes: str):
    """Swapped axes and projected coordinates are the same mistake for programs, with different hints for people."""
    value = shapely.box(-33, 151, -32, 152) if axes == "swapped" else shapely.box(334_000, 6_251_000, 335_000, 6_252_000)
    with raises(scenecart.InvalidArea, "area_outside_world") as caught:
        as_area(value)
    assert ("EPSG:4326" in caught.value.hint) is (axes == "metres")


def test_area_nested_without_end_is_refused():
    """A feature inside a feature, three thousand times, is refused."""
    value: dict[str, Any] = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
    for _ in range(3_000):
        value = {"type": "Feature", "geometry": value}
    with raises(scenecart.InvalidArea, "area_nested_too_deeply"):
        as_area(value)


def test_geometry_that_is_all_hole_is_refused():
    """A geometry whose hole is as large as itself is refused for searches, too."""
    with pytest.raises(scenecart.InvalidArea) as caught:
        as_geometry({"type": "Polygon", "coordinates": [RING_OVER_ITSELF, RING_OVER_ITSELF]})
    assert caught.value.code in {"area_zero_size", "area_invalid", "area_self_intersecting"}
    assert caught.value.argument == "intersects"


def test_geometry_may_be_a_point_or_line():
    """What is searched by intersection need not be a polygon."""
    assert as_geometry("POINT(1 2)").equals(shapely.Point(1, 2))
    assert as_geometry(shapely.LineString([(0, 0), (1, 1)])).length > 1


def test_real_shapes_over_antimeridian_and_poles_are_split_or_refused(shared_data: Path):
    """Every real shape that crosses 180 degrees or encloses a pole is split into a valid one, or refused."""
    split = 0
    for path in sorted((shared_data / "antimeridian").iterdir()):
        document = json.loads(path.read_text())
        geometry = document.get("geometry", document)
        try:
            shape = as_geometry(geometry)
        except scenecart.InvalidArea:
            continue
        if shape.geom_type in {"Polygon", "MultiPolygon"}:
            assert np.abs(shapely.get_coordinates(shape)[:, 0]).max() <= 180
            assert shapely.geometry.shape(geojson(split_at_antimeridian(shape))).is_valid
            split += 1
    assert split > 10


@given(st.floats(-20, 20).map(lambda lon: round(lon, 5)), st.floats(-80, 80), st.floats(0.01, 5), st.floats(0.01, 5))
def test_area_moved_along_its_parallel_keeps_its_size(lon: float, lat: float, width: float, height: float):
    """Moving an area along its parallel, also across 180 degrees, does not change its size."""
    here = as_area(shapely.box(lon, lat, lon + width, lat + height)).km2
    there = as_area(shapely.box(lon + 180, lat, lon + 180 + width, lat + height)).km2
    assert there == pytest.approx(here, rel=1e-6)


def test_area_repr_has_size_and_edges():
    """The repr of an area has its size and its edges."""
    assert (
        repr(as_area((151.2, -33.9, 151.3, -33.8))) == "Area(103 km², west 151.2000, south -33.9000, east 151.3000, north -33.8000)"
    )
    assert repr(as_area((0, 0, 1e-4, 1e-4))).startswith("Area(0.00012 km²")


@pytest.mark.parametrize("box", [(151.2, -33.9, 151.3, -33.8), (179, -20, -179, -18), (-180, -90, 180, 90)])
def test_area_html_has_size_and_outline(box: tuple[float, float, float, float]):
    """In a notebook an area is displayed with its km² and an outline inside the picture."""
    area = as_area(box)
    text = area._repr_html_()
    path = text.partition('<path d="')[2].partition('"')[0]
    points = [tuple(map(float, point.split(","))) for point in path.replace("M", "").replace("Z", "").split()]
    assert f"{area.km2:,.0f} km²" in text
    assert len(points) >= 5
    assert all(0 <= x <= 240 and 0 <= y <= 160 for x, y in points)


def test_area_is_frozen():
    """An area cannot be changed once it was checked."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        as_area((0, 0, 1, 1)).geometry = shapely.box(0, 0, 2, 2)


def test_area_geo_interface_is_read_by_other_libraries():
    """The GeoJSON mapping of an area is what shapely and geopandas read."""
    area = as_area((151.2, -33.9, 151.3, -33.8))
    assert area.__geo_interface__ == area.to_geojson()
    assert shapely.geometry.shape(area).equals(area.geometry)
    assert gpd.GeoSeries([area], crs=4326).iloc[0].equals(area.geometry)


def test_read_area_is_what_aoi_takes():
    """A public area is read once and taken as it is by everything that takes an area."""
    area = scenecart.read_area((0, 0, 1, 1))
    assert isinstance(area, Area)
    assert read_area(area) == as_area(area) == area
    assert as_geometry(area) is area.geometry


def test_read_area_names_its_own_argument():
    """Errors of the public function name the argument as its signature does."""
    with raises(scenecart.InvalidArea, "area_type_unsupported") as caught:
        read_area(5)
    assert caught.value.argument == "source"


@pytest.mark.parametrize("layer", ["", " ", 5])
def test_read_area_layer_must_be_a_name(layer: Any):
    """A layer is chosen by its name."""
    with raises(scenecart.InvalidArea, "not_a_string") as caught:
        read_area("harbour.gpkg", layer=layer)
    assert caught.value.argument == "layer"
