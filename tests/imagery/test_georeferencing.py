"""Where quicklooks are on the ground."""

from __future__ import annotations

import io
import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from PIL import Image
from shapely.geometry import shape

from _pictures import capture, coded, error_of, inner_points, north_up, turned
from conftest import SHARED_DATA
from scenecart._imagery.georeferencing import georeference_picture, georeferenced_quicklook
from scenecart._imagery.mercator import HALF_WORLD, from_mercator, to_mercator
from scenecart.sandbox._data.imagery import Scene, grid_of, projected_area, quicklook

if TYPE_CHECKING:
    from numpy.typing import NDArray

LANDSAT = SHARED_DATA / "rasters" / "landsat-quicklooks"
SCENES = sorted(path.name.removesuffix("_SR_stac.json") for path in LANDSAT.glob("*_stac.json"))
needs_scenes = pytest.mark.skipif(not SCENES, reason="the real quicklooks are not on this machine")


@pytest.mark.parametrize("tilt", [-40, -14, 8, 25, 40])
@pytest.mark.parametrize(("wide", "high"), [(12, 12), (12, 24), (24, 12)])
def test_georeference_picture_frame_lies_on_the_corners(tilt: float, wide: float, high: float):
    """A frame without fill lies on the corners of its footprint, wherever its ring starts and however it winds."""
    corners = turned(tilt, wide, high)
    picture = coded(wide * 20, high * 20)
    truth = np.array([[0, 0], [picture.width, 0], [picture.width, picture.height], [0, picture.height]])
    for start in range(4):
        for step in (1, -1):
            place = georeference_picture(picture, capture(shapely.Polygon(np.roll(corners, start, 0)[::step])))
            assert place is not None
            assert place.method == "corners"
            assert place.note.startswith("Placed approximately")
            assert error_of(place, corners, truth).max() < 1


def test_georeference_picture_square_turned_by_45_degrees_is_not_sure():
    """A square frame that is turned by 45 degrees looks the same as its neighbours, and says so."""
    place = georeference_picture(coded(300, 300), capture(shapely.Polygon(turned(45, 12, 12))))
    assert place is not None
    assert not place.is_sure
    assert "not certain" in place.note


def test_georeference_picture_of_a_box_is_sure_either_way():
    """Where a footprint is a box, the frame and the scene laid north up are the same place, which is sure."""
    for picture in (coded(300, 300), coded(1, 1)):
        place = georeference_picture(picture, capture(shapely.box(150, -17.5, 151, -16.5)))
        assert place is not None
        assert place.is_sure
        assert "may also" not in place.note


@pytest.mark.parametrize(("layout", "kind"), [("frame", "JPEG"), ("utm", "JPEG"), ("degrees", "PNG")])
def test_georeference_picture_of_the_sandbox_is_right(layout: str, kind: str):
    """Quicklooks of the sandbox, of each kind and turned as captures are, are placed within 1 % of their width."""
    worst = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        corners = turned(random.uniform(5, 20), 30, 30 * random.uniform(1, 1.5), random.uniform(-170, 170), random.uniform(-60, 60))
        footprint = shapely.Polygon(corners)
        content = quicklook(Scene(f"a{seed}", 20.0, footprint, 1.7e9), 256, layout, kind)
        placed = georeferenced_quicklook(content, capture(footprint))
        assert placed is not None
        place = placed[1]
        assert place.is_sure
        assert place.method == ("corners" if layout == "frame" else "north-up")
        if layout == "frame":
            u, v = random.uniform(0.05, 0.95, (2, 50))
            across = np.stack([(1 - u) * (1 - v), u * (1 - v), u * v, (1 - u) * v], 1)
            degrees, truth = across @ corners, np.stack([u * place.size[0], v * place.size[1]], 1)
        else:
            crs, projected = projected_area(footprint) if layout == "utm" else ("EPSG:4326", footprint)
            grid = grid_of(crs, projected, 256, stretch=crs == "EPSG:4326")
            degrees = inner_points(footprint, 50)
            x, y = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform(*degrees.T)
            truth = np.stack(~grid.affine @ (x, y), 1)
        worst.append(error_of(place, degrees, truth).max())
    assert max(worst) < 2.56


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3857", "EPSG:32756"])
@pytest.mark.parametrize("fill", [(0, 0, 0, 255), (255, 255, 255, 255), (0, 0, 0, 0)])
def test_georeference_picture_north_up_is_found_by_its_fill(crs: str, fill: tuple[int, ...]):
    """A scene laid north up with black, white or transparent fill is placed on its grid, and is sure."""
    footprint = shapely.Polygon(turned(14, 60, 60))
    picture, position = north_up(footprint, crs, fill=fill)
    place = georeference_picture(picture, capture(footprint))
    assert place is not None
    assert (place.method, place.is_sure) == ("north-up", True)
    points = inner_points(footprint)
    assert error_of(place, points, position(points)).max() < 4


def test_georeference_picture_polar_scene_is_found_by_its_fill():
    """A scene near a pole that is laid on a polar grid is placed on it."""
    footprint = shapely.Polygon(turned(20, 120, 120, longitude=20, latitude=78))
    picture, position = north_up(footprint, "EPSG:3413")
    place = georeference_picture(picture, capture(footprint))
    assert place is not None
    assert (place.method, place.is_sure) == ("north-up", True)
    points = inner_points(footprint)
    assert error_of(place, points, position(points)).max() < 4


def test_georeference_picture_dark_water_beside_the_fill_is_no_frame():
    """A scene laid north up, whose dark water touches its black fill, is not taken for a frame."""
    footprint = shapely.Polygon(turned(14, 60, 60))
    picture, position = north_up(footprint, "EPSG:32756")
    pixels = np.array(picture)
    pixels[:180, :, :3] = np.minimum(pixels[:180, :, :3], 3)
    place = georeference_picture(Image.fromarray(pixels), capture(footprint))
    assert place is not None
    assert (place.method, place.is_sure) == ("north-up", True)
    points = inner_points(footprint)
    assert error_of(place, points, position(points)).max() < 8


def test_georeference_picture_clouds_in_three_corners_are_no_fill():
    """A frame with saturated clouds in its corners is a frame."""
    corners = turned(14, 12, 18)
    pixels = np.array(coded(240, 360))
    for rows, columns in ((slice(0, 90), slice(0, 200)), (slice(250, 360), slice(0, 90)), (slice(280, 360), slice(150, 240))):
        pixels[rows, columns, :3] = 255
    place = georeference_picture(Image.fromarray(pixels), capture(shapely.Polygon(corners)))
    assert place is not None
    assert (place.method, place.is_sure) == ("corners", True)
    assert error_of(place, corners, np.array([[0, 0], [240, 0], [240, 360], [0, 360]])).max() < 1


def test_georeference_picture_grid_of_the_catalog_is_preferred():
    """If the catalog names the grid and its bounds, a picture with a wide margin is placed exactly."""
    footprint = shapely.Polygon(turned(14, 60, 60))
    project = pyproj.Transformer.from_crs(4326, 32756, always_xy=True).transform
    x, y = project(*shapely.get_coordinates(footprint).T)
    box = [min(x) - 9_000, min(y) - 3_000, max(x) + 1_000, max(y) + 30_000]
    width, height = 500, round(500 * (box[3] - box[1]) / (box[2] - box[0]))

    def position(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = project(degrees[:, 0], degrees[:, 1])
        return np.stack([(x - box[0]) / (box[2] - box[0]) * width, (box[3] - y) / (box[3] - box[1]) * height], 1)

    inside = shapely.Polygon(position(shapely.get_coordinates(footprint)))
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = np.array(coded(width, height))
    pixels[~shapely.contains_xy(inside, columns, rows)] = (0, 0, 0, 255)
    place = georeference_picture(Image.fromarray(pixels), capture(footprint, **{"proj:code": "EPSG:32756", "proj:bbox": box}))
    assert place is not None
    assert place.is_sure
    points = inner_points(footprint)
    assert error_of(place, points, position(points)).max() < 0.1


def test_georeference_picture_georeference_of_its_asset_is_exact():
    """If the catalog tells where the quicklook itself is, nothing is guessed, and its place is not called approximate."""
    asset = {"href": "a.png", "roles": ["overview"], "proj:epsg": 32756, "proj:shape": [200, 100]}
    asset["proj:transform"] = [30, 0, 300_000, 0, -30, 6_250_000]
    footprint = shapely.Polygon(turned(14, 3, 6))
    place = georeference_picture(coded(50, 100), capture(footprint, assets=json.dumps({"quicklook": asset})))
    assert place is not None
    assert (place.method, place.is_sure, place.note) == ("georeference", True, "")
    to_degrees = pyproj.Transformer.from_crs(32756, 4326, always_xy=True)
    degrees = [to_degrees.transform(300_000 + 30 * 2 * x, 6_250_000 - 30 * 2 * y) for x, y in ((10, 20), (40, 5))]
    assert error_of(place, np.array(degrees), np.array([[10.0, 20.0], [40.0, 5.0]])).max() < 1e-6


def test_georeference_picture_antimeridian_is_one_picture():
    """A capture across the antimeridian is one picture whose bounds go on beyond the edge of the world."""
    corners = turned(10, 60, 60, longitude=179.95, latitude=-17)
    split = shapely.MultiPolygon(
        [
            shapely.intersection(shapely.Polygon(corners), shapely.box(170, -90, 180, 90)),
            shapely.transform(
                shapely.intersection(shapely.Polygon(corners), shapely.box(180, -90, 190, 90)), lambda xy: xy - [360, 0]
            ),
        ]
    )
    place = georeference_picture(coded(300, 300), capture(split))
    assert place is not None
    west, _, east, _ = place.bounds
    assert west < HALF_WORLD < east < west + 100_000
    truth = np.array([[0, 0], [300, 0], [300, 300], [0, 300]])
    assert error_of(place, corners, truth).max() < 1
    drawn = np.asarray(place.northing(coded(300, 300)))
    assert 0.5 < (drawn[..., 3] > 0).mean() < 0.9


@pytest.mark.parametrize(
    "footprint",
    [None, shapely.Point(0, 0), shapely.Polygon(), shapely.Polygon([(0, 0), (1, 1), (2, 2)]), shapely.box(0, math.nan, 1, 1)],
)
def test_georeference_picture_footprint_unusable_has_no_place(footprint: Any):
    """A capture without a usable footprint has no place, and is no error."""
    assert georeference_picture(coded(20, 20), capture(footprint)) is None


@pytest.mark.parametrize(
    "values",
    [
        {"proj:code": "nonsense"},
        {"proj:epsg": 999_999, "proj:bbox": [0, 0, 1, 1]},
        {"proj:code": "IAU_2015:49900", "proj:bbox": [0, 0, 1, 1]},
        {"proj:code": "EPSG:32756", "proj:bbox": [5, 5, 1, 1]},
        {"proj:code": "EPSG:32756", "proj:bbox": ["a", None]},
        {"proj:code": "EPSG:32756", "proj:shape": [0, 0], "proj:transform": [0] * 6},
        {"assets": "no JSON"},
        {"assets": json.dumps({"overview": {"proj:epsg": 32756, "proj:shape": [9, 9], "proj:transform": [0, 0, 0, 0, 0, 0]}})},
    ],
)
def test_georeference_picture_metadata_unusable_is_placed_by_evidence(values: dict[str, Any]):
    """Wrong words of a catalog about the grid do not prevent that the picture is placed by its corners."""
    corners = turned(14, 12, 12)
    place = georeference_picture(coded(200, 200), capture(shapely.Polygon(corners), **values))
    assert place is not None
    truth = np.array([[0, 0], [200, 0], [200, 200], [0, 200]])
    assert error_of(place, corners, truth).max() < 1


@pytest.mark.parametrize("side", [1, 2, 5])
def test_georeference_picture_tiny_is_no_error(side: int):
    """A picture of a few pixels is placed or not, without an error."""
    for picture in (coded(side, side), Image.new("RGBA", (side, side)), Image.new("RGBA", (side, 400))):
        place = georeference_picture(picture, capture(shapely.Polygon(turned(14, 12, 12))))
        assert place is None or place.northing(picture).width > 0


def test_georeferenced_quicklook_keeps_dark_water_at_the_edge():
    """Dark water in the corner of a frame stays, and the fill around a scene becomes transparent."""
    footprint = shapely.Polygon(turned(14, 12, 12))
    frame = np.array(coded(300, 300))
    frame[:60, :60, :3] = 3
    for picture, share in ((Image.fromarray(frame), 0.0), (north_up(footprint, "EPSG:32756")[0], 0.3)):
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        found = georeferenced_quicklook(stream.getvalue(), capture(footprint))
        assert found is not None
        assert (np.asarray(found[0])[..., 3] == 0).mean() == pytest.approx(share, abs=0.06)


def test_georeferenced_quicklook_no_picture_is_none():
    """Bytes that are no picture have no place."""
    assert georeferenced_quicklook(b"<svg/>", capture(shapely.box(0, 0, 1, 1))) is None
    stream = io.BytesIO()
    coded(40, 40).save(stream, "PNG")
    assert georeferenced_quicklook(stream.getvalue(), capture(None)) is None
    found = georeferenced_quicklook(stream.getvalue(), capture(shapely.box(0, 0, 1, 1)))
    assert found is not None
    assert from_mercator(np.array([found[1].bounds[:2]])).round(6).tolist() == [[0.0, 0.0]]


def _truth(scene: str) -> tuple[Image.Image, Any, NDArray[np.float64], NDArray[np.float64]]:
    """Return a real quicklook, its footprint, points on the ground in degrees, and their true pixels by the quality band."""
    picture = Image.open(LANDSAT / f"{scene}_thumb_large.jpeg").convert("RGBA")
    footprint = shape(json.loads((LANDSAT / f"{scene}_SR_stac.json").read_text())["geometry"])
    with rasterio.open(LANDSAT / f"{scene}_QA_PIXEL.TIF") as band:
        rows, columns = np.nonzero((band.read(1) & 1) == 0)
        chosen = np.random.default_rng(0).choice(len(rows), 500)
        position = np.stack([columns[chosen] + 0.5, rows[chosen] + 0.5], 1)
        x, y = band.transform @ tuple(position.T) if hasattr(band.transform, "__matmul__") else band.transform * tuple(position.T)
        degrees = np.stack(pyproj.Transformer.from_crs(band.crs, 4326, always_xy=True).transform(x, y), 1)
        return picture, footprint, degrees, position * picture.width / band.width


@needs_scenes
@pytest.mark.parametrize("scene", SCENES)
def test_georeference_picture_real_quicklook_is_within_pixels(scene: str):
    """Real quicklooks, north up with black fill, are placed within 9 of 1,024 pixels, and are sure."""
    picture, footprint, degrees, truth = _truth(scene)
    place = georeference_picture(picture, capture(footprint))
    assert place is not None
    assert (place.method, place.is_sure) == ("north-up", True)
    assert np.median(error_of(place, degrees, truth)) < 6
    assert error_of(place, degrees, truth).max() < 9


@needs_scenes
@pytest.mark.parametrize("scene", SCENES)
def test_georeference_picture_real_frame_is_within_pixels(scene: str):
    """The frames that were cut out of real quicklooks are placed by their corners within 10 of 800 pixels, for any ring."""
    picture, footprint, degrees, truth = _truth(scene)
    ring = shapely.get_coordinates(footprint)[:4]
    grid = georeference_picture(picture, capture(footprint))
    assert grid is not None
    # the ring begins in the north, and the scenes are turned clockwise by up to 30 degrees
    order = grid.to_pixels(to_mercator(ring))
    upper_left, upper_right, lower_right, lower_left = order
    side = 800
    # Pillow wants upper left, lower left, lower right, upper right
    quad = tuple(np.concatenate([upper_left, lower_left, lower_right, upper_right]).tolist())
    frame = picture.transform((side, side), Image.Transform.QUAD, quad, Image.Resampling.BILINEAR)
    matrix = np.linalg.solve(np.column_stack([order, np.ones(4)])[:3], np.array([[0, 0], [side, 0], [side, side]], dtype=float))
    expected = np.column_stack([truth, np.ones(len(truth))]) @ matrix
    for start in range(4):
        place = georeference_picture(frame, capture(shapely.Polygon(np.roll(ring, start, 0)[:: 1 if start % 2 else -1])))
        assert place is not None
        assert place.method == "corners"
        assert error_of(place, degrees, expected).max() < 14
