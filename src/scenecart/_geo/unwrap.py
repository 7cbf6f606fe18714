"""Geometry for plots: longitudes beyond 180, the ratio of degrees east to north, outlines scaled to a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import shapely

from scenecart._geo.geometry import split_at_antimeridian

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

_HALF_WORLD = 180.0
_FULL_TURN = np.array([360.0, 0.0])


def is_narrower_unwrapped(shapes: Sequence[BaseGeometry]) -> bool:
    """Return whether shapes (EPSG:4326) span fewer degrees when longitudes continue beyond 180."""
    bounds = shapely.bounds(shapely.get_parts(list(shapes)))
    if (bounds[:, 2] - bounds[:, 0] > _HALF_WORLD).any():
        return False
    moved = bounds[:, [0, 2]] + np.where(bounds[:, [2]] <= 0, _FULL_TURN[0], 0.0)
    return bool(moved[:, 1].max() - moved[:, 0].min() < bounds[:, 2].max() - bounds[:, 0].min())


def unwrap_longitudes(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape with its parts west of Greenwich moved by 360 degrees, which joins the sides of the antimeridian."""
    parts = shapely.get_parts(shape)
    moved = [shapely.transform(part, lambda xy: xy + _FULL_TURN) if part.bounds[2] <= 0 else part for part in parts]
    return shapely.union_all(moved)


def degree_aspect(south: float, north: float) -> float:
    """Return how many degrees of longitude are as long as one of latitude, midway between two latitudes.

    Examples
    --------
    >>> round(degree_aspect(59, 61), 3)
    2.0
    """
    return 1 / max(0.05, math.cos(math.radians((south + north) / 2)))


def outline_rings(shape: BaseGeometry | None, width: float, height: float) -> list[list[tuple[float, float]]]:
    """Return the rings of a polygon fitted into a box, as points from its upper left corner; none for an empty shape."""
    if shape is None or shape.is_empty:
        return []
    split = split_at_antimeridian(shape)
    flat = unwrap_longitudes(split) if is_narrower_unwrapped([split]) else split
    west, south, east, north = flat.bounds
    aspect = degree_aspect(south, north)
    scale = min(width / max(east - west, 1e-12), height / max((north - south) * aspect, 1e-12))
    left, top = (width - (east - west) * scale) / 2, (height - (north - south) * aspect * scale) / 2
    drawn = shapely.simplify(flat, 0.4 / scale)
    rings = [shapely.get_coordinates(ring) for part in shapely.get_parts(drawn) for ring in shapely.get_rings(part)]
    return [[(left + (x - west) * scale, top + (north - y) * aspect * scale) for x, y in ring] for ring in rings]
