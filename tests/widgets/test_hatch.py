"""Hatching of owned areas."""

from __future__ import annotations

import shapely

from scenecart.widgets._hatch import NOTHING, hatched

VIEW = (151.0, -34.2, 151.4, -33.8)


def test_hatched_ground_is_covered_by_lines_at_one_distance():
    """Lines cross the ground at the same distance in pixels, and none leaves it; the outline is there too."""
    ground = shapely.box(151.1, -34.1, 151.2, -34.0)
    found = {
        one["properties"]["kind"]: shapely.geometry.shape(one["geometry"]) for one in hatched(ground, VIEW, 0.0005)["features"]
    }
    assert found["lines"].difference(ground.buffer(1e-9)).is_empty
    assert found["outline"].equals(ground.boundary)
    starts = sorted({round(line.coords[0][0] - line.coords[0][1] / 0.83, 3) for line in shapely.get_parts(found["lines"])})
    assert len(starts) > 10


def test_hatched_ground_above_imagery_is_outlined():
    """Above imagery the ground has its outline alone."""
    (found,) = hatched(shapely.box(151.1, -34.1, 151.2, -34.0), VIEW, 0.0005, has_lines=False)["features"]
    assert found["properties"]["kind"] == "outline"


def test_hatched_ground_moved_view_keeps_its_lines():
    """Lines lie at the same places of the ground when the map is moved east."""
    ground = shapely.box(151.1, -34.1, 151.2, -34.0)
    first, second = (hatched(ground, (west, -34.2, west + 0.4, -33.8), 0.0005)["features"][1] for west in (151.0, 151.05))
    assert shapely.geometry.shape(first["geometry"]).hausdorff_distance(shapely.geometry.shape(second["geometry"])) < 1e-6


def test_hatched_nothing_in_view_is_empty():
    """No ground, or none in view, has no lines; a world of ground has not too many."""
    assert hatched(None, VIEW, 0.001) == NOTHING
    assert hatched(shapely.box(0, 0, 1, 1), VIEW, 0.001) == NOTHING
    world = hatched(shapely.box(-180, -80, 180, 80), (-180, -80, 180, 80), 1e-6)["features"][1]
    assert len(world["geometry"]["coordinates"]) <= 420
