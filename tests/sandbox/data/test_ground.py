"""The ground that all pictures show."""

from __future__ import annotations

import numpy as np
import pytest

from scenecart.sandbox._data.ground import BANDS, Ground

LON, LAT = np.linspace(151.18, 151.24, 240), np.linspace(-33.94, -33.99, 200)
_ALL = slice(None)


def water(found: np.ndarray) -> np.ndarray:
    """Return where water is: it is darker in the near infrared than in green."""
    return found[BANDS.index("nir")] < found[BANDS.index("green")]


def test_reflectance_shows_coast_harbour_and_fields():
    """A port has water and land, and all reflectances are possible."""
    found = Ground(LON, LAT, 180).reflectance(_ALL)
    assert found.shape == (4, 200, 240)
    assert 0 < found.min() < found.max() < 1
    assert 0.1 < water(found).mean() < 0.9
    vegetation = (found[3] - found[2]) / (found[3] + found[2])
    assert (vegetation > 0.6).mean() > 0.02


def test_reflectance_coast_is_the_same_on_every_date_and_grid():
    """Another date and another grid show the same coast; only crops differ between seasons."""
    summer, winter = Ground(LON, LAT, 180).reflectance(_ALL), Ground(LON, LAT, 10).reflectance(_ALL)
    assert np.array_equal(water(summer), water(winter))
    changed = np.abs(summer - winter).max(axis=0) > 1e-6
    assert 0.02 < changed.mean() < 0.9
    half = Ground(LON[::2], LAT[::2], 180).reflectance(_ALL)
    assert (water(half) == water(summer)[::2, ::2]).mean() > 0.98


@pytest.mark.parametrize(("lon", "lat"), [((179.9, 180.1), (-16.7, -16.9)), ((-180, 180), (90, -90)), ((0, 0.001), (80, 79.999))])
def test_reflectance_any_place_on_earth_has_ground(lon: tuple[float, float], lat: tuple[float, float]):
    """The antimeridian, the whole world and a garden have ground."""
    found = Ground(np.linspace(*lon, 60), np.linspace(*lat, 40), 100).reflectance(_ALL)
    assert np.isfinite(found).all()


def test_reflectance_beyond_the_antimeridian_is_the_same_ground():
    """A place has one ground, however its longitude is written."""
    lat = np.linspace(-16.7, -16.9, 40)
    beyond, within = (Ground(np.linspace(west, west + 0.3, 60), lat, 1).reflectance(_ALL) for west in (180.0, -180.0))
    assert np.allclose(beyond, within, atol=1e-3)


def test_reflectance_of_some_rows_is_that_of_the_whole():
    """Rows that are drawn for themselves are exactly those of the whole picture."""
    ground = Ground(LON, LAT, 180)
    whole = ground.reflectance(_ALL)
    assert all(np.array_equal(ground.reflectance(rows), whole[:, rows]) for rows in (slice(0, 7), slice(7, 150), slice(150, 900)))
