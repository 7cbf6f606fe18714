"""Areas: taken in any form, checked, right at the antimeridian and the poles."""

from __future__ import annotations

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
from scenecart._geo.area import Area, as_area, as_geometry
from scenecart._geo.geometry import clip_each, geodesic_km2, geojson, reasons_unusable, split_at_antimeridian, union, why_unusable

if TYPE_CHECKING:
    from pathlib import Path

ACROSS = "POLYGON((179 -20,-179 -20,-179 -18,179 -18,179 -20))"


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
def test_an_area_across_the_antimeridian_is_small(across: Any):
    """However it is written, an area across 180 degrees is two degrees wide and not 358."""
    area = as_area(across)
    assert area.bounds == pytest.approx((179, -20, -179, -18))
    assert area.km2 == pytest.approx(as_area((9, -20, 11, -18)).km2, rel=1e-6)
    assert shapely.Point(179.5, -19).within(area.geometry)
    assert shapely.Point(-179.5, -19).within(area.geometry)
    assert not shapely.Point(0, -19).within(area.geometry)


@pytest.mark.parametrize("lon", [160, 167, 170, 175, 180, 200, -190, -193, -200])
@pytest.mark.parametrize("spelled", ["as it is", "within 180"])
def test_a_hole_stays_a_hole_across_the_antimeridian(lon: float, spelled: str):
    """A hole is no ground, wherever it lies beside 180 degrees and however longitudes are written."""
    outside = np.array([(0, 0), (20, 0), (20, 10), (0, 10)])
    hole = np.array([(12, 2), (14, 2), (14, 4), (12, 4)])
    size = as_area(shapely.Polygon(outside, [hole])).km2
    shape = translate(shapely.Polygon(outside, [hole]), xoff=lon)
    if spelled == "within 180":
        shape = shapely.transform(shape, lambda xy: np.column_stack([(xy[:, 0] + 180) % 360 - 180, xy[:, 1]]))
    assert as_area(shape).km2 == pytest.approx(size, rel=1e-6)


def test_a_bbox_of_half_the_world_lies_where_it_says():
    """From 90 degrees east over 180 degrees to 90 degrees west is the half of the world with the Pacific in it."""
    for half in ((90, -10, -90, 10), shapely.box(90, -10, 270, 10)):
        area = as_area(half)
        assert shapely.Point(179, 0).within(area.geometry)
        assert not shapely.Point(0, 0).intersects(area.geometry)


def test_a_clip_across_the_antimeridian_is_the_small_side():
    """A footprint and an area that meet at 180 degrees are clipped where they overlap, and nowhere else."""
    footprint = shapely.from_wkt(ACROSS)
    bought = clip_each(np.array([footprint]), as_area((179.5, -19.5, -179.5, -18.5)).geometry)[0]
    assert geodesic_km2(bought) == pytest.approx(as_area((0, -19.5, 1, -18.5)).km2, rel=1e-6)


def test_a_polar_area_has_an_area():
    """An area around a pole is finite, positive and of the right size."""
    ring = [(lon, 80) for lon in range(-180, 180, 10)]
    area = as_area(shapely.Polygon(ring))
    cap = as_area((-180, 80, 180, 90))
    assert area.km2 == pytest.approx(cap.km2, rel=0.02)


def test_a_hemisphere_is_no_surprise():
    """Half the world is half of 510 million km²."""
    assert as_area((-180, 0, 180, 90)).km2 == pytest.approx(255_032_810, rel=1e-3)


@pytest.mark.parametrize("wkt", ["POLYGON((0 0,1 0,1 1,0 1,0 0))", "POLYGON((0 0,0 1,1 1,1 0,0 0))"])
def test_winding_and_height_change_nothing(wkt: str):
    """Rings wound the wrong way and heights are taken as what they are: the same ground."""
    flat = as_area(wkt)
    high = as_area(shapely.force_3d(shapely.from_wkt(wkt), 100.0))
    assert flat.km2 == pytest.approx(12_308.8, rel=1e-4)
    assert high.geometry.equals(flat.geometry)
    assert not high.geometry.has_z
    assert shapely.is_ccw(shapely.geometry.shape(flat.to_geojson()).exterior)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".gdb", ".parquet"])
def test_files_in_any_crs_are_read(tmp_path: Path, suffix: str):
    """A file of several polygons in metres is one area in degrees."""
    parts = [shapely.box(151.0, -34.0, 151.1, -33.9), shapely.box(151.05, -34.0, 151.2, -33.9)]
    frame = gpd.GeoDataFrame(geometry=parts, crs=4326)
    path = tmp_path / f"area{suffix}"
    if suffix == ".parquet":
        frame.to_crs(32756).to_parquet(path)
    else:
        (frame if suffix == ".geojson" else frame.to_crs(32756)).to_file(path)
    assert as_area(path).bounds == pytest.approx((151.0, -34.0, 151.2, -33.9), abs=1e-5)
    assert as_area(str(path)).km2 == pytest.approx(as_area((151.0, -34.0, 151.2, -33.9)).km2, rel=1e-3)


def test_a_folder_is_told_to_be_one(tmp_path: Path):
    """Where a folder is given for a file, that is what the message says."""
    folder = tmp_path / "harbour.cart.parquet"
    folder.mkdir()
    with pytest.raises(scenecart.InvalidArea, match="It is a folder"):
        as_area(folder)
    with pytest.raises(scenecart.InvalidCart, match="It is a folder"):
        scenecart.load_cart(folder)


def test_a_stated_crs_is_obeyed():
    """GeoJSON that states another CRS is converted; one that is not known is refused."""
    metres = {**shapely.box(0, 0, 1000, 1000).__geo_interface__, "crs": {"properties": {"name": "EPSG:3857"}}}
    assert as_area(metres).km2 == pytest.approx(1.0, rel=0.02)
    with pytest.raises(scenecart.InvalidArea, match="not known"):
        as_area({**metres, "crs": {"properties": {"name": "EPSG:999999"}}})


def test_what_states_no_crs_is_taken_as_degrees(tmp_path: Path):
    """A frame or file without a CRS is in degrees, and one that cannot be is refused with the reason."""
    square = gpd.GeoSeries([shapely.box(0, 0, 1, 1), None])
    assert as_area(square).geometry.equals(shapely.box(0, 0, 1, 1))
    for box in (shapely.box(334_000, 6_251_000, 335_000, 6_252_000), shapely.box(334_000, 10, 335_000, 20)):
        metres = gpd.GeoDataFrame(geometry=[box])
        metres.to_parquet(tmp_path / "metres.parquet")
        for form in (metres, tmp_path / "metres.parquet"):
            with pytest.raises(scenecart.InvalidArea, match=r"does not say its coordinate system.*\n.*metres"):
                as_area(form)


NO_AREAS = [
    "",
    "{",
    "[]",
    '{"type": "FeatureCollection", "features": []}',
    '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}',
    '{"type": "Feature", "geometry": null}',
    '{"type": 5}',
    '{"type": "Polygon", "coordinates": [[[NaN, 0], [1, 1], [2, 0]]]}',
]


@pytest.mark.parametrize("content", NO_AREAS)
def test_a_file_that_holds_no_area_is_said(tmp_path: Path, content: str):
    """Empty, cut and odd files are one clear error."""
    path = tmp_path / "area.geojson"
    path.write_text(content)
    with pytest.raises(scenecart.InvalidArea, match="aoi"):
        as_area(path)


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
HOLLOW = [[151, -34], [151.4, -34], [151.4, -33.7], [151.1, -33.7], [511, -34], [151, -34]]
ODD_AREAS: list[Any] = [
    {"type": "MultiPolygon", "coordinates": [[[]], SQUARE["coordinates"]]},
    {"type": "MultiPolygon", "coordinates": [[""], SQUARE["coordinates"]]},
    "POLYGON((0 0,4 0,4 4,0 0),EMPTY)",
    {"type": "Polygon", "coordinates": [[[10**400, 0], [1, 0], [1, 1], [10**400, 0]]]},
    {"type": "FeatureCollection", "features": [{"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}] * 2},
    {**SQUARE, "crs": {"properties": {"name": "EPSG:\ud800"}}},
    {"type": "Polygon", "coordinates": [[[1e308, 0], [1, 0], [1, 1]]], "crs": {"properties": {"name": "EPSG:4978"}}},
    {"type": "Polygon", "coordinates": [HOLLOW, HOLLOW]},
    {"type": "x" * 5_000, "coordinates": []},
    [10**400, 0, 1, 1],
    [True, 0, 1, 1],
    [1e308, 0, -1e308, 1],
    [-180, -90, 180.1, 90],
    "~nobody-of-this-name/area.geojson",
    "x" * 5_000,
    "a\0b",
    '{"type": "\udc80"}',
]


@pytest.mark.parametrize("value", ODD_AREAS, ids=lambda value: str(value)[:40])
def test_an_odd_area_is_refused_in_a_line(value: Any):
    """Empty parts, numbers larger than any and names of no file are refused by name, and shortly; nothing else is raised."""
    with pytest.raises(scenecart.InvalidArea, match=r"aoi|shape") as refusal:
        as_area(value)
    assert len(str(refusal.value)) < 1_000


def test_a_geometry_that_is_all_hole_is_refused():
    """What is left without ground when it is split at the antimeridian is no geometry to search with, either."""
    with pytest.raises(scenecart.InvalidArea, match=r"no area|no valid shape"):
        as_geometry({"type": "Polygon", "coordinates": [HOLLOW, HOLLOW]})


def test_an_area_nested_without_end_is_refused():
    """A feature within a feature, a thousand times, is refused."""
    value: dict[str, Any] = SQUARE
    for _ in range(3_000):
        value = {"type": "Feature", "geometry": value}
    with pytest.raises(scenecart.InvalidArea, match="too deeply"):
        as_area(value)


@pytest.mark.parametrize("stated", [None, 5, [], {"properties": None}, {"properties": 5}, {"properties": {"name": 5}}])
def test_a_crs_that_states_nothing_is_passed_over(stated: Any):
    """A member named crs that names no coordinate system changes nothing."""
    assert as_area({**SQUARE, "crs": stated}).km2 == as_area(SQUARE).km2


def test_a_rounding_beyond_the_antimeridian_is_none():
    """The whole world is the whole world when its edge was written a hair beyond 180 degrees."""
    world = as_area((-180, -90, 180.0000000001, 90))
    assert world.km2 == as_area((-180, -90, 180, 90)).km2
    assert world.bounds == (-180, -90, 180, 90)


def test_ground_with_an_empty_part_is_measured():
    """A footprint of which a part or a ring holds no point is measured by the rest."""
    odd = shapely.from_wkt("MULTIPOLYGON(EMPTY,((0 0,1 0,1 1,0 0),EMPTY))")
    assert geodesic_km2(odd) == geodesic_km2(shapely.from_wkt("POLYGON((0 0,1 0,1 1,0 0))"))


def test_an_entity_in_a_kml_is_not_resolved(tmp_path: Path):
    """A KML file cannot make the reader fetch another file."""
    (tmp_path / "secret.txt").write_text("0,0 1,0 1,1 0,0")
    path = tmp_path / "area.kml"
    path.write_text(
        f'<!DOCTYPE k [<!ENTITY x SYSTEM "file://{tmp_path}/secret.txt">]><kml xmlns="http://www.opengis.net/kml/2.2">'
        "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>&x;</coordinates></LinearRing>"
        "</outerBoundaryIs></Polygon></Placemark></kml>"
    )
    with pytest.raises(scenecart.InvalidArea):
        as_area(path)


NO_GROUND: list[Any] = [
    (0, 0, 0, 1),
    (0, 0, 1, 0),
    (1, 1, 1, 1),
    (0, 0, 1e-200, 1e-200),
    "POLYGON((0 0,1 1,0 0,0 0))",
    "POLYGON((0 0,1 1,1 0,0 1,0 0))",
    "POLYGON((0 0,1",
    "SRID=999999;POLYGON((0 0,1 0,1 1,0 0))",
    "SRID=3857;POLYGON EMPTY",
    (0, 0, 1),
    (0, 0, 1, 1, 2, 2, 3),
    ("0", "0", "1", "1"),
    (None, 0, 1, 1),
    (0, 0, float("inf"), 1),
    "0,0,1,1",
    b"POLYGON((0 0,1 0,1 1,0 0))",
    "no\0file",
    "x" * 5_000,
    "~nobody-at-all/area.geojson",
    {"type": "Polygon", "coordinates": [[[10**400, 1], [1, 1], [0, 0], [1, 2]]]},
    {"type": "Polygon", "coordinates": "x"},
    {"type": "Polygon", "coordinates": [[[None, None]] * 4]},
    {"type": "Polygon", "coordinates": [[["a", "b"]] * 4]},
    {"type": ["Polygon"], "coordinates": []},
    {"type": "GeometryCollection", "geometries": [shapely.box(0, 0, 1, 1).__geo_interface__]},
    {"type": "FeatureCollection", "features": [1, None, {"type": "Feature", "geometry": 5}]},
    gpd.GeoSeries([None], crs=4326),
    shapely.box(0, 80, 1, 91),
    shapely.box(-33, 151, -32, 152),
    (0, 89, 1, 91),
    "POLYGON((0 1,-180 1,170 0,-90 -53,-90 -71,0 1),(180 -90,0 89,200 -52,183 -28,180 -90))",
    "POLYGON((-160 0,90 80,-180 -90,-160 0),(-179 -90,-90 80,-180 45,-179 -90))",
    "POLYGON((181 0,181 0,181 0,181 0))",
    "MULTIPOLYGON(((180 89,170 10,170 10,180 89)),((181 -90,179 80,170 -90,181 -90)))",
    None,
    5,
]


@pytest.mark.parametrize("wrong", NO_GROUND, ids=lambda one: repr(one)[:40])
def test_what_is_no_area_is_refused_by_name(wrong: Any):
    """What encloses no ground, or cannot be read, is neither repaired nor guessed at: the error names the argument, shortly."""
    with pytest.raises(scenecart.InvalidArea, match="aoi") as caught:
        as_area(wrong)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("crs", [None, 5, [], {}, {"properties": None}, {"properties": []}, {"properties": {"name": 5}}], ids=str)
def test_a_crs_that_states_nothing_is_none(crs: Any):
    """GeoJSON whose crs member says nothing is in degrees, as GeoJSON is."""
    square = shapely.box(0, 0, 1, 1)
    assert as_area({**square.__geo_interface__, "crs": crs}).geometry.equals(square)


def test_a_text_can_be_the_path_of_a_file(tmp_path: Path):
    """A path given as text is read like the path itself."""
    path = tmp_path / "my area.geojson"
    path.write_text(json.dumps(shapely.box(0, 0, 1, 1).__geo_interface__))
    assert as_area(str(path)).km2 == as_area(path).km2 > 0


def test_many_parts_are_united():
    """A collection of ten thousand squares is one area; ground that lies in two of them counts once."""
    tenths = np.arange(100) / 10
    west, south = (corner.ravel() for corner in np.meshgrid(tenths, tenths))
    squares = shapely.to_geojson(shapely.box(west, south, west + 0.1001, south + 0.1001))
    features = [{"type": "Feature", "geometry": json.loads(square)} for square in squares]
    assert as_area({"type": "FeatureCollection", "features": features}).km2 == pytest.approx(as_area((0, 0, 10.0001, 10.0001)).km2)


def test_an_area_shows_what_it_is():
    """An area's repr says where it is and how large."""
    assert repr(as_area((151.2, -33.9, 151.3, -33.8))) == "Area(102.7 km², 151.2000 -33.9000 151.3000 -33.8000)"
    assert isinstance(as_area(as_area((0, 0, 1, 1))), Area)


longitudes, latitudes = st.floats(-170, 170), st.floats(-80, 80)
sizes = st.floats(0.01, 5)


@given(longitudes, latitudes, sizes, st.floats(-3, 3), st.floats(-3, 3))
def test_a_clip_lies_in_both(lon: float, lat: float, size: float, dx: float, dy: float):
    """What is bought lies within the footprint and within the area, wherever they are on the globe."""
    footprint = shapely.box(lon, lat, lon + size, lat + size)
    area = as_area(shapely.box(lon + dx, lat + dy, lon + dx + size, lat + dy + size))
    bought = clip_each(np.array([footprint]), area.geometry)[0]
    assert geodesic_km2(bought) >= 0
    assert bought.difference(footprint.buffer(1e-9)).is_empty
    assert bought.difference(area.geometry.buffer(1e-9)).is_empty


@given(st.floats(-20, 20).map(lambda lon: round(lon, 5)), latitudes, sizes, sizes)
def test_the_same_ground_has_the_same_size_everywhere(lon: float, lat: float, width: float, height: float):
    """Moving an area along its parallel, also across 180 degrees, does not change its size."""
    here = as_area(shapely.box(lon, lat, lon + width, lat + height)).km2
    there = as_area(shapely.box(lon + 180, lat, lon + 180 + width, lat + height)).km2
    assert there == pytest.approx(here, rel=1e-6)


def test_many_footprints_are_judged_as_each_is():
    """What is said of a footprint does not depend on the others that are judged with it."""
    texts = (
        "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))",
        "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))",
        "POLYGON ((170 0, 190 0, 190 10, 170 10, 170 0))",
        "POLYGON ((170 0, -170 0, -170 10, 170 10, 170 0))",
        "POLYGON ((0 80, 1 80, 1 91, 0 91, 0 80))",
        "POLYGON EMPTY",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((0 0, 1 0, 1 1, 0 0)))",
        "POINT (1 2)",
        "GEOMETRYCOLLECTION (POLYGON ((0 0, 1 0, 1 1, 0 0)))",
        "MULTIPOLYGON (((190 10, 180 90, 180 90, 190 10)), ((181 0, 181 1, 179 1, 179 0, 181 0)))",
    )
    shapes = np.array([*map(shapely.from_wkt, texts), None, shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)])], dtype=object)
    judged = reasons_unusable(shapes)
    assert judged == [why_unusable(shape) for shape in shapes]
    assert [why is None for why in judged] == [True, False, True, True, *[False] * 8]


def test_real_shapes_over_the_antimeridian_and_the_poles(shared_data: Path):
    """Every real shape that crosses 180 degrees or encloses a pole is split into a valid one, or refused by name."""
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


@pytest.mark.parametrize("spread", [0.2, 3.0, 60.0])
def test_many_shapes_are_united_as_all_at_once(spread: float):
    """Whether crowded or apart, thousands of shapes cover together what GEOS says of all of them at once, each ground once."""
    pick = np.random.default_rng(11)
    x, y = pick.uniform(-spread, spread, (2, 2_000))
    width, height = pick.uniform(0.01, 0.4, (2, 2_000))
    shapes = shapely.box(x, y, x + width, y + height)
    whole = union(shapes)
    assert whole.is_valid
    assert whole.area == pytest.approx(shapely.union_all(shapes, grid_size=1e-9).area, rel=1e-8)
    assert shapely.covers(shapely.buffer(whole, 1e-8), shapes).all()
