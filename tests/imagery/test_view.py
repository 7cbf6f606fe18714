"""Views of a map."""

from __future__ import annotations

import numpy as np
import pytest

from scenecart._imagery.mercator import HALF_WORLD, to_mercator
from scenecart._imagery.view import View


@pytest.mark.parametrize("zoom", [3.0, 11.0, 19.0])
def test_view_is_on_whole_pixels(zoom: float):
    """The corners of a view in degrees are on whole pixels of the map at its zoom."""
    world = 256 * 2**zoom
    view = View.around((world * 0.3 + 0.4, world * 0.4, world * 0.3 + 800, world * 0.4 + 600), zoom, 0.25)
    assert view.size == (view.right - view.left, view.bottom - view.top)
    (south, west), (north, east) = view.degrees
    metres = to_mercator(np.array([[west, north], [east, south]]))
    pixels = np.stack([metres[:, 0] + HALF_WORLD, HALF_WORLD - metres[:, 1]], 1) * world / (2 * HALF_WORLD)
    np.testing.assert_allclose(pixels, [[view.left, view.top], [view.right, view.bottom]], atol=1e-3)


def test_view_around_has_a_margin_within_the_world():
    """A view has its margin on each side, but not beyond the poles, and a bounded number of pixels."""
    assert View.around((0, 10, 100, 200), 1, 0.5) == View(-50, 0, 150, 295, 1)
    huge = View.around((0, 0, 30_000, 20_000), 18, 0.5, 2.0)
    assert huge.size[0] * huge.size[1] <= 6_010_000


def test_within_other_ground_is_none():
    """Of ground that is not in view there is no part; of other ground there is the part in view."""
    view = View.around((100, 100, 400, 300), 2, 0)
    west, south, east, north = view.mercator
    assert view.within((east + 1e6, south, east + 2e6, north)) is None
    found = view.within(((west + east) / 2, south - 1e6, east + 1e6, north + 1e6))
    assert found is not None
    assert found == (View(250, 100, 400, 300, 2), 0.0)


def test_within_beyond_the_antimeridian_is_shifted():
    """Ground across the antimeridian is in view from either side, and in any copy of the world."""
    world = 2 * HALF_WORLD
    ground = (HALF_WORLD - 1e5, -1e5, HALF_WORLD + 1e5, 1e5)
    for turns in (-2, -1, 0, 1):
        centre = (1 + turns) * 256 * 2**8
        view = View.around((centre - 300, 128 * 2**8 - 200, centre + 300, 128 * 2**8 + 200), 8, 0)
        found = view.within(ground)
        assert found is not None
        part, shift = found
        assert shift == turns * world
        west, _, east, _ = part.mercator
        assert west - shift == pytest.approx(ground[0], abs=700)
        assert east - shift == pytest.approx(ground[2], abs=700)
