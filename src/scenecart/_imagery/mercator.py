"""Web Mercator (EPSG:3857) for unwrapped longitudes, which continue beyond 180 degrees, as on web maps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADIUS = 6_378_137.0
HALF_WORLD = math.pi * RADIUS
"""Half the width of the world in metres."""
MAX_LATITUDE = 85.051_128_78


def to_mercator(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return longitudes and latitudes in degrees (n, 2) as EPSG:3857 in metres; latitudes are clamped to ±85.05 degrees.

    Examples
    --------
    >>> import numpy as np
    >>> from scenecart._imagery.mercator import to_mercator
    >>> to_mercator(np.array([[190.0, 0.0]])).round().tolist()
    [[21150703.0, 0.0]]
    """
    longitudes, latitudes = degrees[:, 0], np.clip(degrees[:, 1], -MAX_LATITUDE, MAX_LATITUDE)
    return np.stack([np.radians(longitudes) * RADIUS, np.arcsinh(np.tan(np.radians(latitudes))) * RADIUS], 1)


def from_mercator(metres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points in EPSG:3857 in metres (n, 2) as longitudes and latitudes in degrees."""
    return np.stack([np.degrees(metres[:, 0] / RADIUS), np.degrees(np.arctan(np.sinh(metres[:, 1] / RADIUS)))], 1)
