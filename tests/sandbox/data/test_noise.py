"""Deterministic noise."""

from __future__ import annotations

import numpy as np
import pytest

from scenecart.sandbox._data.noise import Patches, fractal, hashed


def test_fractal_position_has_one_value_on_every_grid():
    """The same position has the same value, whatever else is computed with it."""
    x, y = np.linspace(10, 11, 201), np.linspace(50, 49, 101)
    whole = fractal(7, 4, 3, x, y)
    assert whole.shape == (101, 201)
    assert np.allclose(fractal(7, 4, 3, x[40:80], y[20:50]), whole[20:50, 40:80], atol=1e-5)
    assert not np.allclose(fractal(8, 4, 3, x, y), whole, atol=0.05)
    assert 0 < whole.min() < 0.4
    assert 0.6 < whole.max() < 1
    assert np.abs(np.diff(whole, axis=1)).max() < 0.1


def test_fractal_longitude_has_the_period_of_a_turn():
    """Longitudes beyond 180 are the same places as those within it."""
    y = np.linspace(0, 1, 20)
    assert np.allclose(fractal(1, 4, 4, np.linspace(181, 182, 30), y), fractal(1, 4, 4, np.linspace(-179, -178, 30), y), atol=1e-4)


def test_fractal_octave_finer_than_the_pixels_is_its_mean():
    """Coarse pixels leave out what they cannot show, and keep the mean."""
    coarse, fine = (fractal(3, 2, 10, np.linspace(0, 30, count), np.linspace(0, 30, count)) for count in (151, 1_501))
    assert np.abs(fine[::10, ::10] - coarse).max() < 0.3
    assert coarse.mean() == pytest.approx(fine.mean(), abs=0.02)
    unresolved = fractal(3, 2, 10, np.linspace(0, 30, 20), np.linspace(0, 30, 20))
    assert (unresolved == 0.5).all()


def test_patches_are_constant_within_a_cell():
    """Each cell has one value, and coarse pixels have the mean."""
    found = Patches(5, 2, np.linspace(0.01, 0.99, 50), np.linspace(0.99, 0.01, 50)).values(slice(None))
    assert len(np.unique(found)) == 4
    assert (Patches(5, 2, np.linspace(0, 100, 50), np.linspace(0, 100, 50)).values(slice(None)) == 0.5).all()


def test_hashed_numbers_differ():
    """Each number has its own random number."""
    found = [hashed(1, number) for number in range(100)]
    assert len(set(found)) == 100
    assert all(0 <= one < 1 for one in found)
