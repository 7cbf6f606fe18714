"""Readers of areas: every supported form is read, and anything else is refused with a short error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely.affinity import translate

import scenecart
from _expect import raises, warns
from scenecart._geo.area import as_area, read_area

if TYPE_CHECKING:
    from pathlib import Path

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}
RING_OVER_ITSELF = [[151, -34], [151.4, -34], [151.4, -33.7], [151.1, -33.7], [511, -34], [151, -34]]


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp", ".gdb", ".parquet"])
def test_file_in_any_crs_is_read(tmp_path: Path, suffix: str):
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


def test_string_can_be_a_path(tmp_path: Path):
    """A path given as a string is read like the path itself."""
    path = tmp_path / "my area.geojson"
    path.write_text(json.dumps(shapely.box(0, 0, 1, 1).__geo_interface__))
    assert as_area(str(path)).km2 == as_area(path).km2 > 0


@pytest.fixture
def two_layers(tmp_path: Path) -> Path:
    """Return a GeoPackage with the layers "harbour" and "airport", and a table without geometry."""
    path = tmp_path / "sites.gpkg"
    gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(path, layer="harbour")
    gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.box(5, 5, 6, 6)], crs=4326).to_file(path, layer="airport")
    return path


def test_layer_is_read_by_name(two_layers: Path):
    """A file with several layers is read at the named one, whether its path is a path or a string."""
    assert read_area(two_layers, layer="airport").bounds == (5, 5, 6, 6)
    assert read_area(str(two_layers), layer="harbour").bounds == (0, 0, 1, 1)


def test_layer_of_kml_is_read_by_name(tmp_path: Path):
    """The folders of a KML file are its layers."""
    square = (
        "<Placemark><Polygon><outerBoundaryIs><LinearRing><coordinates>{0},0 {1},0 {1},1 {0},0</coordinates></LinearRing>"
        "</outerBoundaryIs></Polygon></Placemark>"
    )
    folders = [f"<Folder><name>{name}</name>{square.format(west, west + 1)}</Folder>" for name, west in (("A", 0), ("B", 3))]
    path = tmp_path / "sites.kml"
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{"".join(folders)}</Document></kml>')
    assert read_area(path, layer="B").bounds == (3, 0, 4, 1)


def test_layer_missing_lists_the_layers(two_layers: Path):
    """A layer that does not exist is refused with the names of those that do."""
    with raises(scenecart.InvalidArea, "area_layer_missing") as caught:
        read_area(two_layers, layer="port")
    assert caught.value.argument == "layer"
    assert caught.value.details["layers"] == ["harbour", "airport"]
    assert "'harbour', 'airport'" in caught.value.message


def test_several_layers_without_a_name_are_one_area(two_layers: Path):
    """Without a layer's name, all layers are read together, and a warning names them."""
    with warns("area_layers_united") as caught:
        area = as_area(two_layers)
    assert area.bounds == (0, 0, 6, 6)
    assert "'harbour', 'airport'" in str(caught[0].message)


@pytest.mark.parametrize("source", [(0, 0, 1, 1), SQUARE, "POLYGON((0 0,1 0,1 1,0 0))", shapely.box(0, 0, 1, 1)], ids=repr)
def test_layer_without_a_file_is_refused(source: Any):
    """A layer is only allowed with a file."""
    with raises(scenecart.InvalidArea, "area_layer_unsupported"):
        read_area(source, layer="harbour")


@pytest.mark.parametrize("suffix", [".geojson", ".parquet"])
def test_layer_of_a_format_without_layers_is_refused(tmp_path: Path, suffix: str):
    """GeoJSON and GeoParquet have no layers."""
    path = tmp_path / f"area{suffix}"
    frame = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    frame.to_parquet(path) if suffix == ".parquet" else frame.to_file(path)
    with raises(scenecart.InvalidArea, "area_layer_unsupported"):
        read_area(path, layer="area")


def test_folder_is_refused_with_a_hint(tmp_path: Path):
    """A folder in place of a file is refused, and the hint says so."""
    folder = tmp_path / "harbour.shp"
    folder.mkdir()
    with raises(scenecart.InvalidArea, "area_file_missing") as caught:
        as_area(folder)
    assert "folder" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("area.geojson", "", "area_json_invalid"),
        ("area.geojson", "{", "area_json_invalid"),
        ("area.geojson", "[]", "area_geojson_invalid"),
        ("area.geojson", '{"type": "FeatureCollection", "features": []}', "area_empty"),
        ("area.geojson", '{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}', "area_geojson_invalid"),
        ("area.geojson", '{"type": "Feature", "geometry": null}', "area_empty"),
        ("area.geojson", '{"type": 5}', "area_geojson_invalid"),
        ("area.geojson", '{"type": "Polygon", "coordinates": [[[NaN, 0], [1, 1], [2, 0]]]}', "area_json_invalid"),
        ("area.csv", "a,b\n1,2\n", "area_format_unsupported"),
        ("area.xlsx", "PK", "area_format_unsupported"),
        ("area.shp", "no", "area_file_unreadable"),
        ("area.gpkg", "not a database", "area_file_unreadable"),
        ("area.parquet", "PAR1", "area_file_unreadable"),
    ],
)
def test_file_without_an_area_is_refused(tmp_path: Path, name: str, content: str, code: str):
    """Empty, truncated and malformed files are one clear error."""
    path = tmp_path / name
    path.write_text(content)
    with raises(scenecart.InvalidArea, code) as caught:
        as_area(path)
    assert caught.value.argument == "aoi"


def test_entity_in_kml_is_not_resolved(tmp_path: Path):
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


def test_geojson_crs_is_reprojected_from():
    """GeoJSON that states another CRS is reprojected; an unknown CRS is refused."""
    metres = {**shapely.box(0, 0, 1000, 1000).__geo_interface__, "crs": {"properties": {"name": "EPSG:3857"}}}
    assert as_area(metres).km2 == pytest.approx(1.0, rel=0.02)
    with raises(scenecart.InvalidArea, "area_crs_unknown"):
        as_area({**metres, "crs": {"properties": {"name": "EPSG:999999"}}})


@pytest.mark.parametrize(
    "crs", [None, 5, [], {}, {"properties": None}, {"properties": 5}, {"properties": []}, {"properties": {"name": 5}}], ids=str
)
def test_geojson_crs_without_a_name_is_ignored(crs: Any):
    """GeoJSON whose crs member names no CRS is in degrees, as GeoJSON is."""
    assert as_area({**SQUARE, "crs": crs}).km2 == as_area(SQUARE).km2
    square = shapely.box(0, 0, 1, 1)
    assert as_area({**square.__geo_interface__, "crs": crs}).geometry.equals(square)


def test_frame_without_crs_is_read_as_degrees(tmp_path: Path):
    """A frame or file without a CRS is in degrees, and refused with a reason if its coordinates cannot be degrees."""
    square = gpd.GeoSeries([shapely.box(0, 0, 1, 1), None])
    assert as_area(square).geometry.equals(shapely.box(0, 0, 1, 1))
    for box in (shapely.box(334_000, 6_251_000, 335_000, 6_252_000), shapely.box(334_000, 10, 335_000, 20)):
        metres = gpd.GeoDataFrame(geometry=[box])
        metres.to_parquet(tmp_path / "metres.parquet")
        for form in (metres, tmp_path / "metres.parquet"):
            with raises(scenecart.InvalidArea, "area_crs_missing"):
                as_area(form)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ({"type": "MultiPolygon", "coordinates": [[[]], SQUARE["coordinates"]]}, "area_empty_part"),
        ({"type": "MultiPolygon", "coordinates": [[""], SQUARE["coordinates"]]}, None),
        ({"type": "Polygon", "coordinates": [[[10**400, 0], [1, 0], [1, 1], [10**400, 0]]]}, "area_geojson_invalid"),
        ({"type": "Polygon", "coordinates": [[[10**400, 1], [1, 1], [0, 0], [1, 2]]]}, "area_geojson_invalid"),
        (
            {
                "type": "FeatureCollection",
                "features": [{"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]}] * 2,
            },
            "area_self_intersecting",
        ),
        ({**SQUARE, "crs": {"properties": {"name": "EPSG:\ud800"}}}, "area_crs_unknown"),
        ({"type": "Polygon", "coordinates": [[[1e308, 0], [1, 0], [1, 1]]], "crs": {"properties": {"name": "EPSG:4978"}}}, None),
        ({"type": "Polygon", "coordinates": [RING_OVER_ITSELF, RING_OVER_ITSELF]}, None),
        ({"type": "x" * 5_000, "coordinates": []}, "area_geojson_invalid"),
        ({"type": "Polygon", "coordinates": "x"}, "area_geojson_invalid"),
        ({"type": "Polygon", "coordinates": [[[None, None]] * 4]}, None),
        ({"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}, "area_geojson_invalid"),
        ({"type": ["Polygon"], "coordinates": []}, "area_geojson_invalid"),
        ('{"type": "\udc80"}', "area_json_invalid"),
        ([10**400, 0, 1, 1], "bbox_invalid"),
        ([True, 0, 1, 1], "bbox_invalid"),
        ((0, 0, 1), "bbox_invalid"),
        ((0, 0, 1, 1, 2, 2, 3), "bbox_invalid"),
        (("0", "0", "1", "1"), "bbox_invalid"),
        ((None, 0, 1, 1), "bbox_invalid"),
        ((0, 0, float("inf"), 1), "bbox_invalid"),
        ((0, 89, 1, 91), "area_outside_world"),
        ("POLYGON((0 0,1", "area_wkt_invalid"),
        ("SRID=999999;POLYGON((0 0,1 0,1 1,0 0))", "area_crs_unknown"),
        ("", "area_empty"),
        ("0,0,1,1", "area_not_recognized"),
        ("Sydney", "area_not_recognized"),
        ("~nobody-of-this-name/area.geojson", "area_file_missing"),
        ("x" * 5_000, "area_not_recognized"),
        ("a\0b", "area_not_recognized"),
        (b"POLYGON((0 0,1 0,1 1,0 0))", "area_type_unsupported"),
        (None, "area_type_unsupported"),
        (5, "area_type_unsupported"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_malformed_area_is_refused_in_a_line(value: Any, code: str | None):
    """Malformed values, numbers that overflow and impossible file names raise one short error, and no other."""
    with pytest.raises(scenecart.InvalidArea) as caught:
        as_area(value)
    assert caught.value.argument == "aoi"
    assert code is None or caught.value.code == code
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("bbox", [(0, 5, 1, 2), [151.2, -33.8, 151.3, -33.9]])
def test_bbox_south_above_north_is_refused(bbox: Any):
    """A bounding box whose south is greater than its north is refused."""
    with raises(scenecart.InvalidArea, "bbox_reversed"):
        as_area(bbox)


@pytest.mark.parametrize("bbox", [(10, 20, 5, 30), (44, 20, -44, 30)])
def test_bbox_west_a_little_beyond_east_is_refused(bbox: Any):
    """A bounding box whose west is less than 90 degrees beyond its east is reversed, and not three quarters of the world."""
    with raises(scenecart.InvalidArea, "bbox_reversed"):
        as_area(bbox)


@pytest.mark.parametrize(
    ("bbox", "inside", "outside"),
    [
        ((-179, -60, 179, 60), (2, 48), (179.5, 0)),
        ((-100, -60, 100, 60), (2, 48), (179.5, 0)),
        ((-90.5, 0, 90.5, 10), (20, 5), (120, 5)),
        ((-179.174265, 18.917466, 179.773922, 71.406235), (-98, 39), (179.9, 50)),
        ((-180, -90, 179.9999, 90), (2, 48), None),
        ((120, -60, -70, 60), (179.5, 0), (2, 48)),
        ((60, -60, -60, 60), (179.5, 0), (2, 48)),
        ((170, -60, 10, 60), (-100, 0), (100, 0)),
    ],
)
def test_bbox_goes_from_west_to_east(bbox: tuple[float, float, float, float], inside: Any, outside: Any):
    """West less than east is that box, however wide; only west greater than east crosses the antimeridian."""
    area = as_area(bbox)
    assert area.bounds == pytest.approx(bbox)
    assert area.geometry.intersects(shapely.Point(inside))
    assert outside is None or not area.geometry.intersects(shapely.Point(outside))
    width = (bbox[2] - bbox[0]) % 360
    assert area.km2 == pytest.approx(as_area((0, bbox[1], 1, bbox[3])).km2 * width, rel=1e-6)
    longest = max(
        np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])).max() for ring in shapely.get_rings(shapely.get_parts(area.geometry))
    )
    assert longest <= 90


@pytest.mark.parametrize(
    "form", ["shapely", "GeoJSON", "Shapefile", "points on its edges", "a global grid", "drawn the other way, 160 degrees wide"]
)
def test_rectangle_that_can_be_read_in_two_ways_is_refused(tmp_path: Path, form: str):
    """A rectangle with an edge of more than half the world is the box or its opposite; a bounding box says which."""
    rectangle: Any = shapely.box(-100, -60, 100, 60)
    if form == "GeoJSON":
        rectangle = rectangle.__geo_interface__
    elif form == "Shapefile":
        gpd.GeoDataFrame({"n": [1]}, geometry=[rectangle], crs=4326).to_file(tmp_path / "area.shp")
        rectangle = tmp_path / "area.shp"
    elif form == "points on its edges":
        rectangle = shapely.Polygon([(-100, -60), (100, -60), (100, 0), (100, 60), (-100, 60)])
    elif form == "a global grid":
        # clockwise, as a Shapefile stores it
        rectangle = shapely.box(-179.5, -60, 179.5, 60, ccw=False)
    elif form != "shapely":
        rectangle = rectangle.reverse()
    with raises(scenecart.InvalidArea, "area_rectangle_ambiguous"):
        as_area(rectangle)


def test_parquet_without_geometry_is_refused(tmp_path: Path):
    """A table without geometries is told from a damaged file."""
    pd.DataFrame({"n": [1]}).to_parquet(tmp_path / "area.parquet")
    with raises(scenecart.InvalidArea, "area_geometry_missing"):
        as_area(tmp_path / "area.parquet")


ACROSS = shapely.Polygon([(179.9, -17), (-179.9, -17), (-179.9, -16), (179.9, -16)])


@pytest.mark.parametrize(
    "other",
    [
        shapely.box(179.5, -16.8, 179.8, -16.2),
        shapely.box(179.5, -17, 179.8, -16),
        shapely.box(151, -16.8, 152, -16.2),
        shapely.box(179.5, -19, 179.8, -18),
        translate(ACROSS, 0, 2),
    ],
    ids=["smaller", "of one height", "in Queensland", "to the south", "across, too"],
)
def test_features_beside_one_across_the_antimeridian_are_added(other: Any):
    """Of several features each is placed for itself, so none is swallowed by the one across 180 degrees."""
    frame = gpd.GeoDataFrame(geometry=[ACROSS, other], crs=4326)
    size = as_area(ACROSS).km2 + as_area(other).km2
    assert as_area(frame).km2 == pytest.approx(size, rel=1e-6)
    assert as_area(json.loads(frame.to_json())).km2 == pytest.approx(size, rel=1e-6)
    assert as_area(shapely.MultiPolygon([ACROSS, other])).km2 == pytest.approx(size, rel=1e-6)


def test_bbox_with_swapped_axes_is_refused():
    """A bounding box with latitude before longitude is refused with a hint about the order."""
    with raises(scenecart.InvalidArea, "area_outside_world") as caught:
        as_area((-33.9, 151.2, -33.8, 151.3), argument="bbox")
    assert caught.value.argument == "bbox"
    assert "swapped" in caught.value.hint


def test_bbox_with_heights_is_read():
    """A bounding box of six numbers has heights, which are ignored."""
    assert as_area((0, 1, -5, 2, 3, 100)).bounds == (0, 1, 2, 3)
    assert as_area(np.array([0, 1, 2, 3])).bounds == (0, 1, 2, 3)


def test_ewkt_srid_is_reprojected_from():
    """WKT with an SRID is reprojected."""
    assert as_area("SRID=3857;POLYGON((0 0,1000 0,1000 1000,0 1000,0 0))").km2 == pytest.approx(1.0, rel=0.02)


@pytest.mark.parametrize("form", ["frame", "ewkt", "geojson"])
def test_degrees_with_a_projected_crs_are_warned_about(form: str):
    """Degrees that are labelled as metres of a UTM zone are an area of some metres far away: a warning says how they are read."""
    degrees = shapely.box(151.2, -33.9, 151.3, -33.8)
    document = {**shapely.geometry.mapping(degrees), "crs": {"type": "name", "properties": {"name": "EPSG:32756"}}}
    forms = {"frame": gpd.GeoSeries([degrees], crs=32756), "ewkt": f"SRID=32756;{degrees.wkt}", "geojson": document}
    with warns("area_perhaps_degrees") as caught:
        read_area(forms[form])
    assert "units of one metre (WGS 84 / UTM zone 56S)" in str(caught[0].message)


def test_area_in_metres_is_read_without_a_warning():
    """An area of a kilometre in metres cannot be degrees: nothing is said."""
    metres = gpd.GeoSeries([shapely.box(334_000, 6_250_000, 335_000, 6_251_000)], crs=32756)
    assert read_area(metres).km2 == pytest.approx(1.0, rel=0.01)


def test_many_parts_are_merged():
    """A collection of ten thousand squares is one area in which overlaps count once."""
    tenths = np.arange(100) / 10
    west, south = (corner.ravel() for corner in np.meshgrid(tenths, tenths))
    squares = shapely.to_geojson(shapely.box(west, south, west + 0.1001, south + 0.1001))
    features = [{"type": "Feature", "geometry": json.loads(square)} for square in squares]
    assert as_area({"type": "FeatureCollection", "features": features}).km2 == pytest.approx(as_area((0, 0, 10.0001, 10.0001)).km2)
