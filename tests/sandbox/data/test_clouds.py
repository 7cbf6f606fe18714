"""The clouds of captures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely

from scenecart.sandbox._data.clouds import Clouds

FOOTPRINT = shapely.Polygon([(151.1, -34.0), (151.3, -34.05), (151.35, -33.85), (151.15, -33.8)])
WEST, SOUTH, EAST, NORTH = FOOTPRINT.bounds


def _cover(clouds: Clouds, lon: Any, lat: Any) -> Any:
    return clouds.opacity(clouds.density(lon, lat).values(slice(None)))


@pytest.mark.parametrize("percent", [0.4, 5, 37.5, 80, 100])
def test_cover_over_the_footprint_is_as_the_metadata_say(percent: float):
    """The share of the footprint under clouds is the capture's cloud cover."""
    lon, lat = np.linspace(WEST, EAST, 500), np.linspace(NORTH, SOUTH, 500)
    inside = shapely.contains_xy(FOOTPRINT, *np.meshgrid(lon, lat))
    cover = _cover(Clouds("a", percent, FOOTPRINT), lon, lat)
    assert 100 * (cover > 0)[inside].mean() == pytest.approx(percent, abs=0.6)
    assert 0 <= cover.min() <= cover.max() <= 1


def test_cover_place_has_the_same_cloud_on_every_grid():
    """A part of the footprint in fine pixels has the clouds of the whole."""
    clouds = Clouds("a", 40, FOOTPRINT)
    lon, lat = np.linspace(WEST, EAST, 400), np.linspace(NORTH, SOUTH, 400)
    whole = _cover(clouds, lon, lat)
    part = _cover(clouds, np.linspace(lon[100], lon[199], 991), np.linspace(lat[50], lat[149], 991))
    assert np.allclose(part[::10, ::10], whole[50:150, 100:200], atol=1e-3)


def test_cover_captures_have_their_own_clouds():
    """Two captures of one place have different clouds; one capture always the same."""
    lon, lat = np.linspace(WEST, EAST, 100), np.linspace(NORTH, SOUTH, 100)
    first, again, other = (_cover(Clouds(name, 40, FOOTPRINT), lon, lat) for name in ("a", "a", "b"))
    assert np.array_equal(first, again)
    assert ((first > 0) != (other > 0)).mean() > 0.2
