"""Deterministic noise on the plane: the same seed and position always give the same value, in every process and picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float32]
    Positions = NDArray[np.float64]

# an octave with fewer pixels than this per cell is not visible, so its mean is used
_LEAST_PIXELS = 2.0
# pixels per strip of a picture
_MOST_AT_ONCE = 65_536


class Fractal:
    """Smooth noise from 0 to 1 at rows and columns, of which any rows can be computed.

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

    def __init__(self, seed: int, cells: float, octaves: int, x: Positions, y: Positions, *, every_octave: bool = False) -> None:
        step = max(_step(x), _step(y))
        self._size = len(y), len(x)
        self._layers: list[_Layer] = []
        self._mean = self._sum = 0.0
        for octave in range(octaves):
            count, strength = cells * 2**octave, 0.5**octave
            if every_octave or count * step * _LEAST_PIXELS <= 1:
                self._layers.append(_Layer.of(seed + octave, count, strength, x, y))
            else:
                self._mean += strength / 2
            self._sum += strength

    def values(self, rows: slice) -> Values:
        """Return the values of some rows."""
        height, width = self._size
        total: Values = np.zeros((len(range(*rows.indices(height))), width), np.float32)
        spare = np.empty_like(total), np.empty_like(total)
        for layer in self._layers:
            layer.add_to(total, rows, spare)
        total += np.float32(self._mean)
        total /= np.float32(self._sum)
        return total


def fractal(seed: int, cells: float, octaves: int, x: Positions, y: Positions, *, every_octave: bool = False) -> Values:
    """Return the values of :class:`Fractal` at all rows and columns."""
    return Fractal(seed, cells, octaves, x, y, every_octave=every_octave).values(slice(None))


def strips(rows: int, columns: int) -> list[slice]:
    """Return the rows of a picture in strips that fit into the processor's cache."""
    part = max(1, _MOST_AT_ONCE // columns)
    return [slice(first, first + part) for first in range(0, rows, part)]


class Patches:
    """Noise that is constant within each cell; 0.5 where the cells are smaller than the pixels."""

    def __init__(self, seed: int, cells: int, x: Positions, y: Positions) -> None:
        self._seed, self._is_seen = seed, cells * max(_step(x), _step(y)) <= 1
        self._columns = np.floor(x * cells).astype(np.int64) % (360 * cells)
        self._rows = np.floor(y * cells).astype(np.int64)

    def values(self, rows: slice) -> Values:
        """Return the values of some rows."""
        if self._is_seen:
            return _lattice(self._seed, self._columns, self._rows[rows])
        return np.full((len(self._rows[rows]), len(self._columns)), 0.5, np.float32)


def hashed(seed: int, number: int) -> float:
    """Return a random number from 0 to 1 for an integer."""
    return float(_lattice(seed, np.array([number]), np.array([0]))[0, 0])


def _step(positions: Positions) -> float:
    """Return the distance between neighbouring pixels."""
    return abs(float(positions[-1] - positions[0])) / max(1, len(positions) - 1)


@dataclass(frozen=True)
class _Layer:
    """One octave: random values at the corners of cells, interpolated between them.

    ``lines`` are its values along the edges between rows of cells, and ``steps`` their differences from one edge to the next.
    """

    lines: Values
    steps: Values
    top: NDArray[np.int64]
    down_share: Values

    @classmethod
    def of(cls, seed: int, cells: float, strength: float, x: Positions, y: Positions) -> _Layer:
        """Return an octave with values of at most ``strength``."""
        (left, right_share), (top, down_share) = _cell(x * cells), _cell(y * cells)
        columns, rows = np.arange(left.min(), left.max() + 2), np.arange(top.min(), top.max() + 2)
        period = round(360 * cells)
        corners = _lattice(seed, columns % period if period == 360 * cells else columns, rows) * np.float32(strength)
        # contiguous rows, which are copied at once
        lines = np.take(np.diff(corners, axis=1), left - left.min(), axis=1)
        lines *= right_share
        lines += np.take(corners, left - left.min(), axis=1)
        return cls(lines, np.diff(lines, axis=0), top - top.min(), down_share[:, None])

    def add_to(self, total: Values, rows: slice, spare: tuple[Values, Values]) -> None:
        """Add the values of some rows, using two arrays of this size as buffers: allocating new ones would take longer."""
        found, edge = spare
        np.take(self.steps, self.top[rows], axis=0, out=found, mode="clip")
        found *= self.down_share[rows]
        found += np.take(self.lines, self.top[rows], axis=0, out=edge, mode="clip")
        total += found


def _cell(positions: Positions) -> tuple[NDArray[np.int64], Values]:
    """Return the cell of each position, and its smoothed fraction within the cell."""
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
