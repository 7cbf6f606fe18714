"""The part of a web map that a picture covers, aligned to whole pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scenecart._imagery.mercator import HALF_WORLD, from_mercator

Bounds = tuple[float, float, float, float]
_TILE = 256
# of one picture
_MAX_PIXELS = 6_000_000


@dataclass(frozen=True)
class View:
    """A rectangle of whole pixels in the plane of web maps, which is 256 · 2^zoom pixels wide.

    A picture aligned to whole pixels is drawn without resampling, exactly below its vectors. Longitudes may be beyond 180 degrees.

    Attributes
    ----------
    left, top, right, bottom : int
        Distance in pixels from the north-western corner of the world at this zoom.
    zoom : float
        The zoom of the map.
    scale : float
        Screen pixels per map pixel, such as 2 on a high-resolution screen.
    """

    left: int
    top: int
    right: int
    bottom: int
    zoom: float
    scale: float = 1.0

    @classmethod
    def around(cls, pixels: Bounds, zoom: float, margin: float, scale: float = 1.0) -> View:
        """Return the view of a map with a margin, as a share of its size.

        Parameters
        ----------
        pixels
            Left, top, right and bottom of the map in pixels, as ``Map.getPixelBounds`` of Leaflet returns them.
        """
        left, top, right, bottom = pixels
        across, down = (right - left) * margin, (bottom - top) * margin
        top, bottom = max(0.0, top - down), min(_TILE * 2.0**zoom, bottom + down)
        edges = math.floor(left - across), math.floor(top), math.ceil(right + across), math.ceil(bottom)
        area = max(1, (edges[2] - edges[0]) * (edges[3] - edges[1]))
        return cls(*edges, zoom, min(scale, math.sqrt(_MAX_PIXELS / area)))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture of this view, in pixels."""
        return max(1, round((self.right - self.left) * self.scale)), max(1, round((self.bottom - self.top) * self.scale))

    @property
    def mercator(self) -> Bounds:
        """West, south, east and north in EPSG:3857, in metres."""
        metres = 2 * HALF_WORLD / (_TILE * 2.0**self.zoom)
        return (
            self.left * metres - HALF_WORLD,
            HALF_WORLD - self.bottom * metres,
            self.right * metres - HALF_WORLD,
            HALF_WORLD - self.top * metres,
        )

    @property
    def degrees(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """The south-western and the north-eastern corner as (latitude, longitude), the axis order of Leaflet."""
        west, south, east, north = self.mercator
        (left, low), (right, high) = from_mercator(np.array([[west, south], [east, north]])).tolist()
        return (low, left), (high, right)

    def within(self, bounds: Bounds) -> tuple[View, float] | None:
        """Return the part of the view that intersects some bounds, and its shift; None if they do not intersect.

        A web map repeats the world, so the bounds may be shown one or more worlds further east or west.

        Parameters
        ----------
        bounds
            West, south, east and north in EPSG:3857, in metres.

        Returns
        -------
        part, shift
            Subtract ``shift`` (metres) from the eastings of the part to get eastings of the bounds.
        """
        west, _, east, _ = self.mercator
        world = 2 * HALF_WORLD
        turns = round(((west + east) / 2 - (bounds[0] + bounds[2]) / 2) / world)
        part = self._part((bounds[0] + turns * world, bounds[1], bounds[2] + turns * world, bounds[3]))
        return None if part is None else (part, turns * world)

    def _part(self, bounds: Bounds) -> View | None:
        pixels = _TILE * 2.0**self.zoom / (2 * HALF_WORLD)
        left = max(self.left, math.floor((bounds[0] + HALF_WORLD) * pixels))
        right = min(self.right, math.ceil((bounds[2] + HALF_WORLD) * pixels))
        top = max(self.top, math.floor((HALF_WORLD - bounds[3]) * pixels))
        bottom = min(self.bottom, math.ceil((HALF_WORLD - bounds[1]) * pixels))
        return View(left, top, right, bottom, self.zoom, self.scale) if left < right and top < bottom else None
