"""Geometry operations: clip, union, validity and km², everywhere on the globe."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

import scenecart
from _expect import raises
from scenecart._geo.area import as_area
from scenecart._geo.geometry import (
    around_world_bounds,
    canonical,
    clip_each,
    geodesic_km2,
    geojson,
    reasons_unusable,
    simplified,
    union,
    why_unusable,
)
from scenecart._geo.globe import split_at_antimeridian

ACROSS = "POLYGON((179 -20,-179 -20,-179 -18,179 -18,179 -20))"


def test_clip_across_antimeridian_is_the_small_side():
    """A footprint and an area that meet at 180 degrees are clipped to their overlap, without the rest of the world."""
    footprint = shapely.from_wkt(ACROSS)
    clipped = clip_each(np.array([footprint]), as_area((179.5, -19.5, -179.5, -18.5)).geometry)[0]
    assert geodesic_km2(clipped) == pytest.approx(as_area((0, -19.5, 1, -18.5)).km2, rel=1e-6)


@given(st.floats(-170, 170), st.floats(-80, 80), st.floats(0.01, 5), st.floats(-3, 3), st.floats(-3, 3))
def test_clip_is_inside_footprint_and_area(lon: float, lat: float, size: float, dx: float, dy: float):
    """A clipped footprint is inside the footprint and inside the area, at any place on the globe."""
    footprint = shapely.box(lon, lat, lon + size, lat + size)
    area = as_area(shapely.box(lon + dx, lat + dy, lon + dx + size, lat + dy + size))
    clipped = clip_each(np.array([footprint]), area.geometry)[0]
    assert geodesic_km2(clipped) >= 0
    assert clipped.difference(footprint.buffer(1e-9)).is_empty
    assert clipped.difference(area.geometry.buffer(1e-9)).is_empty


def test_km2_ignores_empty_parts():
    """A footprint with an empty part or ring has the size of its other parts."""
    with_empty_parts = shapely.from_wkt("MULTIPOLYGON(EMPTY,((0 0,1 0,1 1,0 0),EMPTY))")
    assert geodesic_km2(with_empty_parts) == geodesic_km2(shapely.from_wkt("POLYGON((0 0,1 0,1 1,0 0))"))


def test_reasons_of_many_footprints_equal_those_of_each():
    """What is wrong with a footprint does not depend on the others that are checked with it."""
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
        "MULTIPOLYGON (EMPTY, ((0 0, 1 0, 1 1, 0 0)))",
        "POLYGON ((0 0, 1 0, 1 1, 0 0), EMPTY)",
        "POLYGON ((-180.05 0, 180.05 0, 180.05 1, -180.05 1, -180.05 0))",
        "MULTIPOLYGON (((190 10, 180 90, 180 90, 190 10)), ((181 0, 181 1, 179 1, 179 0, 181 0)))",
    )
    shapes = np.array([*map(shapely.from_wkt, texts), None, shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)])], dtype=object)
    reasons = reasons_unusable(shapes)
    assert reasons == [why_unusable(shape) for shape in shapes]
    assert [reason is None for reason in reasons] == [True, False, True, True, *[False] * 11]


@pytest.mark.parametrize("spread", [0.2, 3.0, 60.0])
def test_union_in_batches_equals_union_at_once(spread: float):
    """Whether crowded or apart, the union of thousands of shapes is what GEOS returns for all at once."""
    pick = np.random.default_rng(11)
    x, y = pick.uniform(-spread, spread, (2, 2_000))
    width, height = pick.uniform(0.01, 0.4, (2, 2_000))
    shapes = shapely.box(x, y, x + width, y + height)
    merged = union(shapes)
    assert merged.is_valid
    assert merged.area == pytest.approx(shapely.union_all(shapes, grid_size=1e-9).area, rel=1e-8)
    assert shapely.covers(shapely.buffer(merged, 1e-8), shapes).all()


@pytest.mark.parametrize("argument", ["footprint", "aoi"])
@pytest.mark.parametrize(
    ("footprint", "code"),
    [
        (shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)]), "area_coordinates_not_finite"),
        (shapely.box(-200, 0, 200, 1), "area_wider_than_world"),
    ],
    ids=["not finite", "too wide"],
)
def test_split_refuses_what_has_no_place_on_the_globe(footprint: shapely.Polygon, code: str, argument: str):
    """A geometry that cannot be split is refused under the name of the argument."""
    with raises(scenecart.InvalidArea, code) as caught:
        split_at_antimeridian(footprint, argument)
    assert caught.value.argument == argument


def test_bounds_across_antimeridian_have_west_beyond_east():
    """The bounds of a geometry across the antimeridian do not go around the world."""
    assert around_world_bounds(split_at_antimeridian(shapely.from_wkt(ACROSS))) == (179, -20, -179, -18)


def test_simplified_geometry_covers_the_original():
    """A geometry of few vertices covers the one that it replaces; one of few vertices stays as it is."""
    circle = shapely.Point(10, 10).buffer(1, quad_segs=500)
    around = simplified(circle, 100)
    assert shapely.get_num_coordinates(around) <= 100
    assert around.covers(circle)
    assert simplified(around, 100) is around


def test_geojson_rings_follow_rfc_7946():
    """Outer rings are counter-clockwise."""
    assert shapely.is_ccw(shapely.geometry.shape(geojson(shapely.box(0, 0, 1, 1, ccw=False))).exterior)


def _canonical_wkt(geometry: Any) -> str:
    (found,) = canonical(np.array([geometry], dtype=object))
    return str(shapely.to_wkt(found, rounding_precision=7))


SQUARE = shapely.box(0, 0, 1, 1)


@pytest.mark.parametrize(
    "same",
    [
        shapely.MultiPolygon([SQUARE]),
        SQUARE.reverse(),
        shapely.force_3d(SQUARE, 7.0),
        shapely.Polygon([(1, 0), (1, 1), (0, 1), (0, 0)]),
        shapely.Polygon([(0, 0), (0.3, 0), (1, 0), (1, 0), (1, 1), (0, 1)]),
        shapely.Polygon([(0, 0), (1, 4e-8), (1, 1), (0, 1)]),
        shapely.Polygon([(0, 0), (0.5, 9e-8), (1, 0), (1, 1), (0, 1)]),
        shapely.MultiPolygon([shapely.box(0, 0, 0.5, 1), shapely.box(0.5, 0, 1, 1)]),
    ],
    ids=["multi-part", "reversed", "3D", "other start", "extra points", "below a centimetre", "nearly on the line", "two halves"],
)
def test_canonical_outline_written_otherwise_is_the_same(same: Any):
    """The same outline has one form, for any type, start, direction, height and redundant points."""
    assert _canonical_wkt(same) == _canonical_wkt(SQUARE)


@pytest.mark.parametrize(
    "other",
    [
        shapely.box(0, 0, 1, 1.000001),
        shapely.Polygon([(0, 0), (0.5, 1e-6), (1, 0), (1, 1), (0, 1)]),
        shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 1)], [[(0.2, 0.2), (0.2, 0.4), (0.4, 0.4)]]),
    ],
    ids=["ten centimetres longer", "a corner of ten centimetres", "a hole"],
)
def test_canonical_other_outline_differs(other: Any):
    """An outline that differs by more than a centimetre stays another outline."""
    assert _canonical_wkt(other) != _canonical_wkt(SQUARE)


def test_canonical_twice_is_the_same():
    """The canonical form of a canonical form is itself, valid, and of the same area to a centimetre."""
    drawn = shapely.Point(10, 50).buffer(0.01, quad_segs=200)
    (once,) = canonical(np.array([drawn], dtype=object))
    (twice,) = canonical(np.array([once], dtype=object))
    assert shapely.is_valid(once)
    assert once.equals_exact(twice)
    assert once.symmetric_difference(drawn).area < 1e-8
