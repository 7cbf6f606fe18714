"""Geometry in flat pictures: unwrapped longitudes and outlines fitted into a box."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from scenecart._geo.unwrap import (
    degree_aspect,
    is_narrower_unwrapped,
    join_at_antimeridian,
    narrowest_span,
    outline_rings,
    unwrap_longitudes,
)

ACROSS = shapely.MultiPolygon([shapely.box(179, 0, 180, 1), shapely.box(-180, 0, -179, 1)])


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ([ACROSS], True),
        ([shapely.box(178, 0, 179, 1), shapely.box(-179, 0, -178, 1)], True),
        ([shapely.box(-5, 0, -4, 1), shapely.box(4, 0, 5, 1)], False),
        ([shapely.box(-180, 80, 180, 90)], False),
    ],
)
def test_unwrapping_is_chosen_where_it_is_narrower(shapes: list[shapely.Geometry], expected: bool):  # noqa: FBT001  # what is expected
    """Longitudes continue beyond 180 degrees only if shapes are closer together then."""
    assert is_narrower_unwrapped(shapes) is expected


def test_unwrapped_shape_is_one_piece():
    """The sides of the antimeridian are joined, and nothing is lost."""
    unwrapped = unwrap_longitudes(ACROSS)
    assert unwrapped.geom_type == "Polygon"
    assert unwrapped.bounds == (179, 0, 181, 1)
    assert unwrapped.area == pytest.approx(ACROSS.area)


@pytest.mark.parametrize(
    ("shape", "bounds"),
    [
        (ACROSS, (179, 0, 181, 1)),
        (shapely.MultiPolygon([shapely.box(170, 0, 180, 1), shapely.box(-180, 0, 10, 1)]), (170, 0, 370, 1)),
        (shapely.MultiPolygon([*ACROSS.geoms, shapely.box(-170, 0, -169, 1)]), (179, 0, 191, 1)),
        (shapely.box(-180, 80, 180, 90), (-180, 80, 180, 90)),
        (shapely.box(-180, 0, -179, 1), (-180, 0, -179, 1)),
        (shapely.MultiPolygon([shapely.box(-100, 0, -90, 1), shapely.box(10, 0, 20, 1)]), (-100, 0, 20, 1)),
    ],
    ids=["across", "half the world", "with an island", "cap", "beside", "apart"],
)
def test_join_at_antimeridian_moves_only_what_touches_it(shape: shapely.Geometry, bounds: tuple[float, float, float, float]):
    """A shape is in one piece across 180 degrees; one that does not cross it stays where it is."""
    joined = join_at_antimeridian(shape)
    assert joined.bounds == bounds
    assert joined.area == pytest.approx(shape.area)


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(177, 180), (-180, -178)], (177, 182)),
        ([(179, 181), (-178, -177)], (179, 183)),
        ([(10, 20)], (10, 20)),
        ([(-180, 180), (10, 20)], (-180, 180)),
        ([(-120, -60), (0, 20), (100, 150)], (-120, 150)),
        ([(100, 150), (-120, -60)], (100, 300)),
    ],
)
def test_narrowest_span_leaves_out_the_widest_gap(spans: list[tuple[float, float]], expected: tuple[float, float]):
    """The way around the world is the one with the least empty space."""
    assert narrowest_span(np.array(spans, dtype=float)) == expected


def test_degree_aspect_grows_towards_the_poles():
    """At 60 degrees a degree of latitude is twice as long as one of longitude; at the poles the ratio is limited."""
    assert degree_aspect(-1, 1) == pytest.approx(1)
    assert degree_aspect(59, 61) == pytest.approx(2, rel=1e-3)
    assert degree_aspect(90, 90) == 20


@pytest.mark.parametrize(
    "shape",
    [
        ACROSS,
        shapely.box(-180, -90, 180, 90),
        shapely.box(10, 10, 10.00001, 10.00001),
        shapely.box(0, 0, 1e-6, 5),
        shapely.box(0, 0, 2, 2).difference(shapely.box(0.5, 0.5, 1, 1)),
    ],
    ids=["across", "world", "tiny", "sliver", "hole"],
)
def test_outline_fits_its_box(shape: shapely.Geometry):
    """The rings of any shape are inside the box, and touch two of its sides."""
    rings = outline_rings(shape, 40, 30)
    points = np.array([point for ring in rings for point in ring])
    assert (points >= -1e-6).all()
    assert (points <= np.array([40, 30]) + 1e-6).all()
    spans = np.ptp(points, axis=0)
    assert np.isclose(spans, [40, 30]).any()


def test_outline_of_an_empty_shape_has_no_rings():
    """An unknown or empty footprint has no outline."""
    assert outline_rings(None, 40, 30) == outline_rings(shapely.Polygon(), 40, 30) == []


def test_unwrapping_is_not_chosen_for_rounding():
    """Shapes west of Greenwich stay where they are, whatever the last digits of their longitudes are."""
    for west in np.random.default_rng(0).uniform(-170, -1, 200).tolist():
        assert not is_narrower_unwrapped([shapely.box(west, 0, west + 0.7, 1)])
