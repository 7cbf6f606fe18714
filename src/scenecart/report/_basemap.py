"""The outline of land: under wide maps, and on a small globe that shows where in the world the ground is."""

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

# the outline is a few tens of kilometres true; nearer, it would put harbours on the wrong side of the water
NARROWEST = 8.0
_HORIZON = math.pi / 2
_FINE = 0.004
_SEAM, _POLE = 179.99, 89.9


@functools.cache
def _land() -> BaseGeometry:
    document = json.loads(files("scenecart").joinpath("data", "land.json").read_text("utf-8"))
    return shapely.clip_by_rect(shape(document["geometry"]), -180, -90, 180, 90)


def land_within(west: float, south: float, east: float, north: float) -> list[BaseGeometry]:
    """Return the land of a view in degrees; ``east`` may be beyond 180."""
    return [
        clipped
        for turn in (-360.0, 0.0, 360.0)
        if west < 180 + turn and east > -180 + turn
        for clipped in [shapely.clip_by_rect(_turned(turn), west, south, east, north)]
        if not clipped.is_empty
    ]


@functools.cache
def _turned(turn: float) -> BaseGeometry:
    return shapely.transform(_land(), lambda xy: xy + np.array([turn, 0.0]))


def globe(longitude: float, latitude: float) -> list[BaseGeometry]:
    """Return the land on the half of the world around a point, seen from far above it, on a disc of radius 1."""
    # the whole world on a disc of radius pi around the point, cut at the horizon, then seen from afar
    disc = shapely.Point(0, 0).buffer(_HORIZON, quad_segs=45)
    opposite = shapely.Point((longitude + 360) % 360 - 180, -latitude)
    seen = []
    for part in shapely.get_parts(_land()):
        rings = [_flat(_on_sphere(ring), longitude, latitude) for ring in shapely.get_rings(part)]
        flat = shapely.make_valid(shapely.Polygon(rings[0], rings[1:]))
        # what holds the far end of the world lies outside its own outline there
        flat = disc.difference(flat) if part.covers(opposite) else disc.intersection(flat)
        drawn = shapely.make_valid(shapely.simplify(shapely.transform(flat, _from_afar), _FINE))
        seen += [
            piece for piece in shapely.get_parts(shapely.get_parts(drawn)) if piece.geom_type == "Polygon" and piece.area > _FINE**2
        ]
    return seen


def _on_sphere(ring: BaseGeometry) -> NDArray[np.float64]:
    """Return a ring's degrees in small steps, without the detour over the pole that a flat map needs."""
    xy = shapely.get_coordinates(shapely.segmentize(ring, 1.0))
    return xy[(np.abs(xy[:, 0]) < _SEAM) & (xy[:, 1] > -_POLE)] if xy[:, 1].min() < -_POLE else xy


def graticule(longitude: float, latitude: float) -> list[BaseGeometry]:
    """Return meridians and parallels each 30 degrees, as they are seen on the same disc."""
    fine = np.linspace(-180, 180, 145)
    lines = [np.column_stack([np.full(73, float(at)), np.linspace(-90, 90, 73)]) for at in range(-180, 180, 30)]
    lines += [np.column_stack([fine, np.full(len(fine), float(at))]) for at in range(-60, 61, 30)]
    seen: list[BaseGeometry] = []
    for line in lines:
        flat = _flat(line, longitude, latitude)
        near = np.hypot(flat[:, 0], flat[:, 1]) <= _HORIZON
        whole = [shapely.LineString(_from_afar(flat[start:end])) for start, end in _runs(near) if end - start > 1]
        seen += [shapely.simplify(one, _FINE / 4) for one in whole]
    return seen


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _flat(xy: NDArray[np.float64], longitude: float, latitude: float) -> NDArray[np.float64]:
    """Place degrees on a disc: as far from its middle, in radians, and in the same direction as from the point."""
    turn, north = np.radians(xy[:, 0] - longitude), np.radians(xy[:, 1])
    middle = math.radians(latitude)
    x = np.cos(north) * np.sin(turn)
    y = math.cos(middle) * np.sin(north) - math.sin(middle) * np.cos(north) * np.cos(turn)
    z = math.sin(middle) * np.sin(north) + math.cos(middle) * np.cos(north) * np.cos(turn)
    length = np.hypot(x, y)
    scale = np.arctan2(length, z) / np.maximum(length, 1e-12)
    return np.column_stack([x * scale, y * scale])


def _from_afar(xy: NDArray[np.float64]) -> NDArray[np.float64]:
    far = np.minimum(np.hypot(xy[:, 0], xy[:, 1]), _HORIZON)
    scale = np.sin(far) / np.maximum(far, 1e-12)
    return np.asarray(xy * scale[:, None])
