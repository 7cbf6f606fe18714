"""Geometry in flat pictures: unwrapped longitudes and outlines fitted into a box."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from scenecart._geo.unwrap import degree_aspect, is_narrower_unwrapped, outline_rings, unwrap_longitudes

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
