"""Pictures of captures."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image

from scenecart.sandbox._data import imagery

if TYPE_CHECKING:
    from numpy.typing import NDArray

HARBOUR = shapely.box(151.1, -34.05, 151.3, -33.85)
# a turned frame around the same place
TURNED = shapely.Polygon([(151.30, -33.82), (151.15, -33.79), (151.08, -34.04), (151.23, -34.07)])
TIME = 1_710_000_000.0


def scene(name: str = "a", percent: float | None = 0, footprint: shapely.Geometry = TURNED, **options: bool) -> imagery.Scene:
    return imagery.Scene(name, percent, footprint, TIME, **options)


def pixels(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as picture:
        return np.moveaxis(np.asarray(picture), 2, 0)


@pytest.mark.parametrize(
    ("area", "crs"),
    [
        (shapely.box(151.1, -34, 151.3, -33.8), "EPSG:32756"),
        (shapely.box(10, 55, 11, 56), "EPSG:32632"),
        (shapely.box(0, 84, 20, 86), "EPSG:3413"),
        (shapely.box(0, -86, 20, -84), "EPSG:3031"),
        (shapely.box(0, 0, 20, 10), "EPSG:4326"),
        (shapely.MultiPolygon([shapely.box(179.8, -17, 180, -16.8), shapely.box(-180, -17, -179.9, -16.8)]), "EPSG:32760"),
    ],
)
def test_projected_area_chooses_crs_by_area(area: shapely.Geometry, crs: str):
    """The CRS is a UTM zone, a polar projection, or EPSG:4326 for wide areas, and a picture of the area can be drawn."""
    found, projected = imagery.projected_area(area)
    assert found == crs
    grid = imagery.grid_of(found, projected, 64)
    numbers, _ = imagery.look(scene(footprint=area), grid.nodes(), grid.height, grid.width)
    assert numbers.shape == (4, grid.height, grid.width)
    assert max(grid.height, grid.width) == 64
    assert numbers.min() > 0


def test_unwrapped_across_the_antimeridian_is_one_polygon():
    """An area across the antimeridian becomes one polygon with longitudes beyond 180; another stays as it is."""
    split = shapely.MultiPolygon([shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)])
    assert imagery.unwrapped(split).equals(shapely.box(179, 0, 181, 1))
    assert imagery.unwrapped(HARBOUR) is HARBOUR


def test_look_same_capture_gives_same_picture():
    """A capture always looks the same, and radar has one grey picture without clouds."""
    nodes = imagery.Grid("EPSG:4326", rasterio.Affine(0.002, 0, 151.1, 0, -0.002, -33.85), 100, 100).nodes()
    (first, clouds), (again, _), (clear, none) = (imagery.look(scene(percent=p), nodes, 100, 100) for p in (40, 40, None))
    assert np.array_equal(first, again)
    assert (first != clear).any(axis=0)[clouds].all()
    assert np.array_equal(first[:, ~clouds], clear[:, ~clouds])
    assert not none.any()
    radar, _ = imagery.look(scene(is_radar=True), nodes, 100, 100)
    assert (radar == radar[0]).all()


@pytest.mark.parametrize("side", [256, 1024])
def test_quicklook_frame_has_the_sides_of_the_footprint(side: int):
    """A raw frame has no fill, and its longer side has the pixels asked for."""
    found = pixels(imagery.quicklook(scene(), side, "frame", "JPEG"))
    assert found.shape == (3, side, pytest.approx(side * 14.1 / 28.6, rel=0.03))


def test_quicklook_north_up_has_fill_around_a_turned_footprint():
    """North-up pictures are black or transparent outside the footprint."""
    for layout, band in (("utm", 0), ("degrees", 3)):
        found = pixels(imagery.quicklook(scene(), 256, layout, "PNG"))
        assert len(found) == 3 + (layout == "degrees")
        empty = found[band] == 0
        assert [empty[corner] for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1))] == [True] * 4
        assert not empty[128, found.shape[2] // 2]
        assert 0.15 < empty.mean() < 0.6


def test_quicklook_of_every_layout_shows_the_same_ground_and_clouds():
    """One place has one colour and one cloud in the raw frame, in the north-up pictures and in the thumbnail."""
    capture = scene(percent=30)
    frame, north_up = (
        pixels(imagery.quicklook(capture, side, layout, "PNG")) for side, layout in ((512, "frame"), (800, "degrees"))
    )
    west, south, east, north = TURNED.bounds
    corners = np.array([(151.15, -33.79), (151.30, -33.82), (151.23, -34.07), (151.08, -34.04)])
    u, v = np.meshgrid(np.linspace(0.02, 0.98, 60), np.linspace(0.02, 0.98, 60))
    lon, lat = (
        (1 - v) * ((1 - u) * corners[0, n] + u * corners[1, n]) + v * ((1 - u) * corners[3, n] + u * corners[2, n]) for n in (0, 1)
    )
    in_frame = frame[:, (v * frame.shape[1]).astype(int), (u * frame.shape[2]).astype(int)]
    rows, columns = (north - lat) / (north - south) * north_up.shape[1], (lon - west) / (east - west) * north_up.shape[2]
    in_north_up = north_up[:3, rows.astype(int), columns.astype(int)]
    difference = np.abs(in_frame.astype(int) - in_north_up).max(axis=0)
    # an edge may lie in the next pixel
    assert (difference < 40).mean() > 0.9


def test_quicklook_frame_of_another_shape_is_laid_north_up():
    """A footprint without four corners has no frame; its picture is north-up."""
    found = pixels(imagery.quicklook(scene(footprint=shapely.Point(10, 50).buffer(0.1)), 256, "frame", "PNG"))
    assert len(found) == 4


def test_as_colours_clouds_are_bright_and_order_is_red_green_blue():
    """Bright numbers are white, and the first band of a picture is red."""
    found = imagery.as_colours(np.array([[[1_100]], [[1_100]], [[4_000]], [[1_100]]], np.uint16))
    assert found[0, 0, 0] > 200
    assert found[2, 0, 0] < 50
    assert (imagery.as_colours(np.full((4, 1, 1), 9_000, np.uint16)) == 255).all()
