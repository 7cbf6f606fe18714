"""Geometry for plots: unwrapped longitudes, the aspect ratio of degrees, and outlines scaled to a picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely import affinity

from scenecart._geo.globe import split_at_antimeridian

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

_HALF_WORLD = 180.0
_FULL_TURN = 360.0
_ROUNDING = 1e-9


def is_narrower_unwrapped(shapes: Sequence[BaseGeometry]) -> bool:
    """Return whether shapes (EPSG:4326) span fewer degrees when longitudes continue beyond 180."""
    bounds = shapely.bounds(shapely.get_parts(list(shapes)))
    if (bounds[:, 2] - bounds[:, 0] > _HALF_WORLD).any():
        return False
    moved = bounds[:, [0, 2]] + np.where(bounds[:, [2]] <= 0, _FULL_TURN, 0.0)
    # more than rounding: 360 degrees added to both ends change the difference in its last digits
    return bool(moved[:, 1].max() - moved[:, 0].min() < bounds[:, 2].max() - bounds[:, 0].min() - _ROUNDING)


def unwrap_longitudes(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape with its parts west of Greenwich moved by 360 degrees, which joins the sides of the antimeridian."""
    parts = shapely.get_parts(shape)
    return _joined(parts, shapely.bounds(parts)[:, 2] <= 0)


def unwrapped_if_narrower(shape: BaseGeometry) -> BaseGeometry:
    """Return polygons (EPSG:4326) with longitudes that continue beyond 180 where that is narrower, else in ±180.

    Examples
    --------
    >>> unwrapped_if_narrower(shapely.box(-180, 0, -179, 1).union(shapely.box(179, 0, 180, 1))).bounds
    (179.0, 0.0, 181.0, 1.0)
    """
    split = split_at_antimeridian(shape)
    return unwrap_longitudes(split) if is_narrower_unwrapped([split]) else split


def join_at_antimeridian(shape: BaseGeometry) -> BaseGeometry:
    """Return a shape in one piece across the antimeridian, with longitudes beyond 180; any other shape unchanged.

    Examples
    --------
    >>> join_at_antimeridian(shapely.box(-180, 0, -179, 1).union(shapely.box(179, 0, 180, 1))).bounds
    (179.0, 0.0, 181.0, 1.0)
    """
    parts = shapely.get_parts(shape)
    west, _, east, _ = shapely.bounds(parts).T
    starts, ends = west <= -_HALF_WORLD, east >= _HALF_WORLD
    # a shape all around the world cannot be moved to one side
    is_western = (starts | (east <= 0)) & ~ends
    return _joined(parts, is_western) if (starts & ~ends).any() and (ends & ~starts).any() else shape


def _joined(parts: np.ndarray[Any, Any], is_western: np.ndarray[Any, Any]) -> BaseGeometry:
    moved = [affinity.translate(part, xoff=_FULL_TURN) if west else part for part, west in zip(parts, is_western, strict=True)]
    return shapely.union_all(moved)


def narrowest_span(spans: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the west and east of spans of longitude, (n, 2), the shorter way round the world; east may be beyond 180.

    Examples
    --------
    >>> narrowest_span(np.array([[177.0, 180.0], [-180.0, -178.0]]))
    (177.0, 182.0)
    """
    # the widest gap between the spans, around the world
    order = np.argsort(spans[:, 0], kind="stable")
    west, east = spans[order, 0], np.maximum.accumulate(spans[order, 1])
    gaps = np.append(west[1:], west[0] + _FULL_TURN) - east
    # from west to east, unless the other way round is clearly narrower
    last = int(np.argmax(gaps - np.append(np.full(len(west) - 1, _ROUNDING), 0.0)))
    if last == len(west) - 1:
        return float(west[0]), float(east[-1])
    return float(west[last + 1]), float(max(east[last] + _FULL_TURN, east[-1]))


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
    flat = unwrapped_if_narrower(shape)
    west, south, east, north = flat.bounds
    aspect = degree_aspect(south, north)
    scale = min(width / max(east - west, 1e-12), height / max((north - south) * aspect, 1e-12))
    left, top = (width - (east - west) * scale) / 2, (height - (north - south) * aspect * scale) / 2
    drawn = shapely.simplify(flat, 0.4 / scale)
    rings = [shapely.get_coordinates(ring) for part in shapely.get_parts(drawn) for ring in shapely.get_rings(part)]
    return [[(left + (x - west) * scale, top + (north - y) * aspect * scale) for x, y in ring] for ring in rings]
