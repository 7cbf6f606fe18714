"""Reprojection: polygons of any projected CRS have the size they have on the ground."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pytest
import shapely
from pyproj import CRS, Geod

import scenecart
from _expect import raises
from scenecart._geo.area import as_area
from scenecart._geo.reproject import to_degrees

CIRCLE, SQUARE = shapely.Point(0, 0).buffer(1e6), shapely.box(-1e6, -1e6, 1e6, 1e6)


@pytest.mark.parametrize("crs", [3031, 3976, 3413, 3995])
@pytest.mark.parametrize(
    "shape",
    [
        CIRCLE,
        CIRCLE.reverse(),
        SQUARE,
        SQUARE.reverse(),
        shapely.Point(3e5, 2e5).buffer(1e6),
        shapely.box(0, -1e6, 1e6, 1e6),
        shapely.Polygon([(0, 0), (1e6, 0), (1e6, 1e6), (-1e6, 1e6), (-1e6, -1e6), (0, -1e6)]),
        CIRCLE.difference(shapely.Point(1e4, 0).buffer(5e5)),
        CIRCLE.difference(shapely.Point(6e5, 0).buffer(1e5)),
        shapely.MultiPolygon([shapely.Point(0, 0).buffer(1e5), shapely.Point(5e5, 0).buffer(1e5)]),
    ],
    ids=[
        "circle",
        "clockwise circle",
        "square",
        "clockwise square",
        "beside",
        "edge on pole",
        "corner on pole",
        "ring",
        "hole",
        "two",
    ],
)
def test_area_at_a_pole_has_the_size_of_its_plane(crs: int, shape: Any):
    """A polygon around, on or beside a pole has its own size, and not that of the rest of the world, however it is wound."""
    area = as_area(gpd.GeoDataFrame(geometry=[shape], crs=crs))
    assert area.geometry.is_valid
    # polar stereographic maps of this size are true to a few percent
    assert area.km2 == pytest.approx(shape.area / 1e6, rel=0.07)
    assert as_area(area.to_geojson()).km2 == pytest.approx(area.km2, rel=1e-9)


def test_straight_edge_of_a_projection_gets_points():
    """The edges of a square in an equal-area projection follow its curves, so its size is right to a hundred-thousandth."""
    area = as_area(gpd.GeoSeries([shapely.box(4e6, 3e6, 5e6, 4e6)], crs=3035))
    assert area.km2 == pytest.approx(1e6, rel=2e-5)
    small = as_area(gpd.GeoSeries([shapely.box(334_000, 6_251_000, 335_000, 6_252_000)], crs=32756))
    assert shapely.get_num_coordinates(small.geometry) == 5


def test_area_in_metres_across_the_antimeridian_is_narrow():
    """A tile of UTM zone 60 across 180 degrees is its own size, beside another one or not."""
    tiles = [shapely.box(800_000, 8_100_000, 840_000, 8_150_000), shapely.box(740_000, 8_110_000, 780_000, 8_140_000)]
    both = as_area(gpd.GeoDataFrame(geometry=tiles, crs=32760))
    assert both.km2 == pytest.approx(sum(tile.area for tile in tiles) / 1e6, rel=0.01)
    assert both.bounds[0] > 179 > both.bounds[2]


def test_area_of_the_world_in_web_mercator_is_the_world():
    """A box of the whole of web Mercator is the world up to 85 degrees."""
    world = as_area(gpd.GeoSeries([shapely.box(-20_037_508, -20_037_508, 20_037_508, 20_037_508)], crs=3857))
    assert world.km2 == pytest.approx(as_area((-180, -85.0511, 180, 85.0511)).km2, rel=1e-4)


def test_geographic_crs_keeps_its_corners():
    """The edges of a polygon in degrees of another datum are straight in longitude and latitude."""
    (moved,) = to_degrees([shapely.box(10, 50, 30, 60)], CRS.from_epsg(4258), "aoi")
    assert shapely.get_num_coordinates(moved) == 5
    assert moved.bounds == pytest.approx((10, 50, 30, 60), abs=1e-4)


def test_self_crossing_polygon_in_metres_is_refused():
    """A polygon that crosses itself is not repaired by its reprojection."""
    with raises(scenecart.InvalidArea, "area_self_intersecting"):
        as_area(gpd.GeoSeries([shapely.Polygon([(-1e6, -1e6), (1e6, 1e6), (1e6, -1e6), (-1e6, 1e6)])], crs=3031))


@pytest.mark.parametrize(("crs", "corner"), [(32633, 1e12), (3035, 1e9)])
def test_coordinates_outside_their_crs_are_refused(crs: int, corner: float):
    """Coordinates that the CRS has no place for are one clear error."""
    with pytest.raises(scenecart.InvalidArea) as caught:
        as_area(gpd.GeoSeries([shapely.box(corner, corner, 2 * corner, 2 * corner)], crs=crs))
    assert caught.value.argument == "aoi"


def test_line_and_point_in_metres_are_reprojected():
    """What is searched by intersection may be a point or a line in any CRS."""
    point, line = to_degrees(
        [shapely.Point(500_000, 0), shapely.LineString([(500_000, 0), (500_000, 1e5)])], CRS.from_epsg(32633), "aoi"
    )
    assert (point.x, point.y) == pytest.approx((15, 0), abs=1e-9)
    assert Geod(ellps="WGS84").geometry_length(line) == pytest.approx(1e5, rel=1e-3)
