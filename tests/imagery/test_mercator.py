"""Web Mercator."""

from __future__ import annotations

import numpy as np
import pyproj

from scenecart._imagery.mercator import HALF_WORLD, from_mercator, to_mercator


def test_to_mercator_agrees_with_proj():
    """Points are where PROJ has them, and come back; longitudes beyond 180 degrees go on."""
    points = np.stack([np.linspace(-180, 180, 50), np.linspace(-85, 85, 50)], 1)
    expected = np.stack(pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(*points.T), 1)
    np.testing.assert_allclose(to_mercator(points), expected, atol=1e-6)
    np.testing.assert_allclose(from_mercator(expected), points, atol=1e-10)
    assert to_mercator(np.array([[200.0, 90.0]]))[0].tolist() > [HALF_WORLD, HALF_WORLD - 1]
