"""Ground on a flat picture: both sides of the antimeridian together, and degrees of longitude as short as they are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

_HALF_WORLD = 180.0
_TURN = np.array([360.0, 0.0])


def is_narrower_unwrapped(shapes: Sequence[BaseGeometry]) -> bool:
    """Tell whether shapes, EPSG:4326, lie closer together when longitudes go on beyond 180 degrees."""
    bounds = shapely.bounds(shapely.get_parts(list(shapes)))
    if (bounds[:, 2] - bounds[:, 0] > _HALF_WORLD).any():
        return False
    moved = bounds[:, [0, 2]] + np.where(bounds[:, [2]] <= 0, _TURN[0], 0.0)
    return bool(moved[:, 1].max() - moved[:, 0].min() < bounds[:, 2].max() - bounds[:, 0].min())


def unwrap_longitudes(shape: BaseGeometry) -> BaseGeometry:
    """Move the parts west of Greenwich beyond 180 degrees, so that the two sides meet."""
    parts = shapely.get_parts(shape)
    moved = [shapely.transform(part, lambda xy: xy + _TURN) if part.bounds[2] <= 0 else part for part in parts]
    return shapely.union_all(moved)


def stretch_between(south: float, north: float) -> float:
    """Return how many times as long a degree of latitude is as one of longitude, midway between two latitudes.

    Examples
    --------
    >>> round(stretch_between(59, 61), 3)
    2.0
    """
    return 1 / max(0.05, math.cos(math.radians((south + north) / 2)))
