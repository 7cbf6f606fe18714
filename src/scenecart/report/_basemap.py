"""Land outlines for maps and for the globe."""

from __future__ import annotations

import functools
import json
import math
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np
import shapely
from shapely.geometry import shape

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

# degrees; the outlines are accurate to tens of kilometres, so narrower maps would show misplaced coasts
MIN_WIDTH = 8.0
_HORIZON = math.pi / 2
_TOLERANCE = 0.004
_SEAM, _POLE = 179.99, 89.9


@functools.cache
def _land() -> BaseGeometry:
    document = json.loads(files("scenecart").joinpath("data", "land.json").read_text("utf-8"))
    return shapely.clip_by_rect(shape(document["geometry"]), -180, -90, 180, 90)


def land_within(west: float, south: float, east: float, north: float) -> list[BaseGeometry]:
    """Return the land polygons inside a view in degrees (EPSG:4326); ``east`` may be beyond 180."""
    return [
        clipped
        for offset in (-360.0, 0.0, 360.0)
        if west < 180 + offset and east > -180 + offset
        for clipped in [shapely.clip_by_rect(_shifted(offset), west, south, east, north)]
        if not clipped.is_empty
    ]


@functools.cache
def _shifted(offset: float) -> BaseGeometry:
    return shapely.transform(_land(), lambda xy: xy + np.array([offset, 0.0]))


def globe(longitude: float, latitude: float) -> list[BaseGeometry]:
    """Return the land polygons of the hemisphere around a point, in orthographic projection on a disc of radius 1."""
    # azimuthal equidistant first, which shows the whole world; clipped at the horizon, then made orthographic
    disc = shapely.Point(0, 0).buffer(_HORIZON, quad_segs=45)
    opposite = shapely.Point((longitude + 360) % 360 - 180, -latitude)
    found = []
    for part in shapely.get_parts(_land()):
        rings = [_equidistant(_on_sphere(ring), longitude, latitude) for ring in shapely.get_rings(part)]
        flat = shapely.make_valid(shapely.Polygon(rings[0], rings[1:]))
        # a polygon that contains the antipode is the outside of its projected ring
        flat = disc.difference(flat) if part.covers(opposite) else disc.intersection(flat)
        visible = shapely.make_valid(shapely.simplify(shapely.transform(flat, _orthographic), _TOLERANCE))
        found += [
            piece
            for piece in shapely.get_parts(shapely.get_parts(visible))
            if piece.geom_type == "Polygon" and piece.area > _TOLERANCE**2
        ]
    return found


def _on_sphere(ring: BaseGeometry) -> NDArray[np.float64]:
    """Return a densified ring without the edges along the antimeridian and the poles that a flat map needs."""
    xy = shapely.get_coordinates(shapely.segmentize(ring, 1.0))
    return xy[(np.abs(xy[:, 0]) < _SEAM) & (xy[:, 1] > -_POLE)] if xy[:, 1].min() < -_POLE else xy


def graticule(longitude: float, latitude: float) -> list[BaseGeometry]:
    """Return meridians and parallels every 30 degrees, in the projection of :func:`globe`."""
    fine = np.linspace(-180, 180, 145)
    lines = [np.column_stack([np.full(73, float(at)), np.linspace(-90, 90, 73)]) for at in range(-180, 180, 30)]
    lines += [np.column_stack([fine, np.full(len(fine), float(at))]) for at in range(-60, 61, 30)]
    found: list[BaseGeometry] = []
    for line in lines:
        flat = _equidistant(line, longitude, latitude)
        near = np.hypot(flat[:, 0], flat[:, 1]) <= _HORIZON
        visible = [shapely.LineString(_orthographic(flat[start:end])) for start, end in _runs(near) if end - start > 1]
        found += [shapely.simplify(one, _TOLERANCE / 4) for one in visible]
    return found


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _equidistant(xy: NDArray[np.float64], longitude: float, latitude: float) -> NDArray[np.float64]:
    """Project degrees around a point: azimuthal equidistant, in radians."""
    turn, north = np.radians(xy[:, 0] - longitude), np.radians(xy[:, 1])
    middle = math.radians(latitude)
    x = np.cos(north) * np.sin(turn)
    y = math.cos(middle) * np.sin(north) - math.sin(middle) * np.cos(north) * np.cos(turn)
    z = math.sin(middle) * np.sin(north) + math.cos(middle) * np.cos(north) * np.cos(turn)
    length = np.hypot(x, y)
    scale = np.arctan2(length, z) / np.maximum(length, 1e-12)
    return np.column_stack([x * scale, y * scale])


def _orthographic(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    far = np.minimum(np.hypot(xy[:, 0], xy[:, 1]), _HORIZON)
    scale = np.sin(far) / np.maximum(far, 1e-12)
    return np.asarray(xy * scale[:, None])
