"""Deterministic noise on the plane: the same seed and position always give the same value, in every process and picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]
    Positions = NDArray[np.float64]

# an octave with fewer pixels than this per cell cannot be seen, so its mean is taken
_LEAST_PIXELS = 2.0


def fractal(seed: int, cells: float, octaves: int, x: Positions, y: Positions, *, every_octave: bool = False) -> Values:
    """Return smooth noise from 0 to 1 at each ``y`` and ``x``, as rows and columns.

    Parameters
    ----------
    seed
        Which noise.
    cells
        Cells per unit of x and y in the first octave. Noise whose x are degrees of longitude is the same 360 units further.
    octaves
        How often the cells are halved; each octave is half as strong as the one before.
    x, y
        Positions of columns and of rows.
    every_octave
        Compute octaves that are finer than the pixels, too.
    """
    total: Values = np.zeros((len(y), len(x)), np.float32)
    step = max(_step(x), _step(y))
    strength, sum_of_strengths, mean = 1.0, 0.0, 0.0
    for octave in range(octaves):
        count = cells * 2**octave
        if every_octave or count * step * _LEAST_PIXELS <= 1:
            total += np.float32(strength) * _smooth(seed + octave, count, x, y)
        else:
            mean += strength / 2
        sum_of_strengths += strength
        strength /= 2
    return (total + np.float32(mean)) / np.float32(sum_of_strengths)


def patches(seed: int, cells: int, x: Positions, y: Positions) -> Values:
    """Return noise that is constant within each cell; 0.5 where the cells are smaller than the pixels."""
    if cells * max(_step(x), _step(y)) > 1:
        return np.full((len(y), len(x)), 0.5, np.float32)
    columns, rows = np.floor(x * cells).astype(np.int64), np.floor(y * cells).astype(np.int64)
    return _lattice(seed, columns % (360 * cells), rows)


def hashed(seed: int, number: int) -> float:
    """Return a random number from 0 to 1 for an integer."""
    return float(_lattice(seed, np.array([number]), np.array([0]))[0, 0])


def _step(positions: Positions) -> float:
    """Return the distance between neighbouring pixels."""
    return abs(float(positions[-1] - positions[0])) / max(1, len(positions) - 1)


def _smooth(seed: int, cells: float, x: Positions, y: Positions) -> Values:
    """Return one octave: random values at the corners of cells, interpolated between them."""
    (left, right_share), (top, down_share) = _cell(x * cells), _cell(y * cells)
    columns, rows = np.arange(left.min(), left.max() + 2), np.arange(top.min(), top.max() + 2)
    period = round(360 * cells)
    corners = _lattice(seed, columns % period if period == 360 * cells else columns, rows)
    left, top = left - left.min(), top - top.min()
    upper = corners[top]
    lines = upper + (corners[top + 1] - upper) * down_share[:, None]
    found: Values = lines[:, left]
    found += (lines[:, left + 1] - found) * right_share
    return found


def _cell(positions: Positions) -> tuple[NDArray[np.int64], Values]:
    """Return the cell of each position, and how far it is through its cell, smoothed."""
    cell = np.floor(positions)
    share = (positions - cell).astype(np.float32)
    return cell.astype(np.int64), share * share * (3 - 2 * share)


def _lattice(seed: int, columns: NDArray[np.int64], rows: NDArray[np.int64]) -> Values:
    """Return a random value from 0 to 1 for each row and column: an integer hash, the same on every machine."""
    mixed = (columns.astype(np.uint32) * np.uint32(0x85EBCA6B))[None, :] ^ (rows.astype(np.uint32) * np.uint32(0xC2B2AE35))[:, None]
    mixed ^= np.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    found: Values = ((mixed ^ (mixed >> np.uint32(16))) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)
    return found
