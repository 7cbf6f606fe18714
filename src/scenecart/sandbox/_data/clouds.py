"""The clouds of a capture. They cover the share of the footprint that the metadata state, at the same places in every picture."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
import shapely

from scenecart.sandbox._data.noise import Fractal

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from scenecart.sandbox._data.noise import Positions, Values

_CELLS, _OCTAVES = 3.0, 5
_SAMPLES = 220
_FULL = 100.0


class Clouds:
    """The clouds of one capture.

    Parameters
    ----------
    name
        The capture's id, which decides where the clouds are.
    percent
        How much of the footprint they cover, from 0 to 100.
    footprint
        The capture's footprint in degrees (EPSG:4326), with longitudes beyond 180 where it crosses the antimeridian.
    """

    def __init__(self, name: str, percent: float, footprint: BaseGeometry) -> None:
        self._seed = zlib.crc32(name.encode("utf-8", "replace"))
        self._west, self._south, east, north = footprint.bounds
        self._narrowing = max(0.05, math.cos(math.radians((self._south + north) / 2)))
        self._extent = max((east - self._west) * self._narrowing, north - self._south, 1e-9)
        self._edge = self._find_edge(percent, footprint, east, north)

    def density(self, lon: Positions, lat: Positions) -> Fractal:
        """Return the density of the clouds at each row of ``lat`` and column of ``lon`` (degrees)."""
        x, y = (lon - self._west) * self._narrowing / self._extent, (lat - self._south) / self._extent
        return Fractal(self._seed, _CELLS, _OCTAVES, x, y, every_octave=True)

    def opacity(self, density: Values) -> Values:
        """Return the opacity of clouds by their density, from 0 (clear) to 1."""
        return np.where(density > self._edge, np.clip(0.35 + 6 * (density - self._edge), 0, 1), np.float32(0)).astype(np.float32)

    def _find_edge(self, percent: float, footprint: BaseGeometry, east: float, north: float) -> float:
        """Return the density above which the clouds cover their share of the footprint."""
        if percent >= _FULL:
            return -1.0
        lon, lat = (
            low + (high - low) * (np.arange(_SAMPLES) + 0.5) / _SAMPLES for low, high in ((self._west, east), (self._south, north))
        )
        shapely.prepare(footprint)
        inside = shapely.contains_xy(footprint, *np.meshgrid(lon, lat))
        density = self.density(lon, lat).values(slice(None))
        return float(np.quantile(density[inside] if inside.any() else density, 1 - percent / _FULL))
