"""The spatial index of footprints."""

from __future__ import annotations

import json

import geopandas as gpd
import numpy as np
import pytest
import shapely

from _footprints import ODD
from scenecart.widgets._spatial_index import FootprintIndex


@pytest.mark.parametrize("view", [(170.0, -20.0, 190.0, -10.0), (-190.0, -20.0, -170.0, -10.0)])
def test_footprint_across_antimeridian_is_one_shape(view: tuple[float, float, float, float]):
    """Footprints across the antimeridian are drawn in one piece, from whichever side the map comes, and found by a click."""
    split = shapely.MultiPolygon([shapely.box(179, -15, 180, -14), shapely.box(-180, -15, -179, -14)])
    captures = gpd.GeoDataFrame({"id": ["over", "east"]}, geometry=[split, shapely.box(-178, -15, -177, -14)], crs=4326)
    index, keep = FootprintIndex(captures), np.ones(2, dtype=bool)
    features = [feature for world, parts in index.in_view(view, keep) for feature in index.features(world, parts, 0.01)]
    xs = sorted(x for feature in features for x, _ in feature["geometry"]["coordinates"][0])
    assert view[0] < xs[0]
    assert xs[-1] < view[2]
    assert {feature["properties"]["row"] for feature in features} == {0, 1}
    assert index.bounds == (179.0, -15.0, 183.0, -14.0)
    assert index.at(180.5, -14.5, keep).tolist() == index.at(-179.5, -14.5, keep).tolist() == [0]


@pytest.mark.parametrize("view", [(-180.0, -20.0, -170.0, -10.0), (170.0, -20.0, 180.0, -10.0), (899.0, -20.0, 910.0, -10.0)])
def test_footprint_across_antimeridian_is_in_every_copy_of_the_world(view: tuple[float, float, float, float]):
    """A footprint across 180 degrees is drawn in one piece in views of either side, and in copies far away."""
    split = shapely.MultiPolygon([shapely.box(179, -15, 180, -14), shapely.box(-180, -15, -179, -14)])
    index, keep = FootprintIndex(gpd.GeoDataFrame({"id": ["over"]}, geometry=[split], crs=4326)), np.ones(1, dtype=bool)
    (feature,) = [feature for world, parts in index.in_view(view, keep) for feature in index.features(world, parts, 0.01)]
    xs = sorted({x for x, _ in feature["geometry"]["coordinates"][0]})
    assert (xs[0], xs[-1]) in [(-181, -179), (179, 181), (899, 901)]
    assert index.intersecting(shapely.box(-180, -15, -179.5, -14), keep).tolist() == [0]
    assert index.intersecting(shapely.box(179.5, -15, 180, -14), keep).tolist() == [0]


@pytest.mark.parametrize("odd", ODD)
def test_footprint_index_odd_footprint_spoils_no_other(odd: str):
    """A footprint that has no place on the globe is not drawn, and all others are."""
    boxes = [shapely.box(x, 0, x + 1, 1) for x in range(10)]
    captures = gpd.GeoDataFrame({"id": [*map(str, range(10)), "odd"]}, geometry=[*boxes, ODD[odd]], crs=4326)
    index, keep = FootprintIndex(captures), np.ones(11, dtype=bool)
    west, south, east, north = index.bounds
    assert -180 <= west < east <= 540
    assert -91 <= south < north <= 91
    features = [feature for world, parts in index.in_view((-1, -1, 11, 2), keep) for feature in index.features(world, parts, 0.01)]
    json.dumps(features, allow_nan=False)
    assert {feature["properties"]["row"] for feature in features} >= set(range(10))
    assert 3 in index.at(3.5, 0.9, keep)
    assert index.intersecting(shapely.box(4.2, 0.8, 4.8, 0.9), keep).tolist()[0] in {4, 10}


def test_footprint_index_missing_footprint_is_in_no_view():
    """A capture without a footprint has no bounds, and is in no view and under no click."""
    captures = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[None, shapely.Polygon()], crs=4326)
    index, keep = FootprintIndex(captures), np.ones(2, dtype=bool)
    assert index.bounds is None
    assert index.in_view((-180, -90, 180, 90), keep) == []
    assert index.at(0, 0, keep).tolist() == index.intersecting(shapely.box(-1, -1, 1, 1), keep).tolist() == []


def test_footprint_index_intersecting_returns_kept_rows_in_order():
    """An area finds the kept rows that it intersects, in the order of the captures."""
    boxes = [shapely.box(3, 0, 4, 1), shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1), shapely.box(9, 9, 10, 10)]
    captures = gpd.GeoDataFrame({"id": list("abcd")}, geometry=boxes, crs=4326)
    keep = np.array([True, True, False, True])
    assert FootprintIndex(captures).intersecting(shapely.box(0.5, 0.5, 3.5, 0.6), keep).tolist() == [0, 1]


def test_footprint_index_density_counts_every_footprint_once():
    """The cells of a density add up to the footprints of the view."""
    boxes = shapely.box(np.arange(100) / 10, 0, np.arange(100) / 10 + 0.1, 0.1)
    captures = gpd.GeoDataFrame({"id": range(100)}, geometry=boxes, crs=4326)
    index, view = FootprintIndex(captures), (-1.0, -1.0, 11.0, 1.0)
    cells = index.density(view, index.in_view(view, np.ones(100, dtype=bool)))
    assert sum(count for _, count in cells) == 100
