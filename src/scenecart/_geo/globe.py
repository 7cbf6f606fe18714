"""Polygons on the globe: unwrapped longitudes, closed over a pole, split at the antimeridian.

The longitudes of a ring are unwrapped first, so that they continue beyond 180 where it crosses the antimeridian. A ring that goes
once around the world encloses a pole and is closed along it. Parts outside of ±180 are then cut off and shifted by 360 degrees.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely import affinity
from shapely.errors import ShapelyError
from shapely.geometry import box
from shapely.validation import explain_validity

from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

    Ring = np.ndarray[Any, Any]

POLYGONAL = frozenset({"Polygon", "MultiPolygon"})
GRID_DEGREES = 1e-9
# GEOS's reason for a valid geometry
_VALID = "Valid Geometry"
HALF_TURN, FULL_TURN = 180.0, 360.0
# a rectangle with more than this ratio of height to width is not a scene
_SLIVER_DEGREES, _SLIVER_RATIO = 30.0, 20.0
POLE = 90.0
LONGEST_EDGE = 90.0
REPAIR_HINT = "Repair it, for example with shapely.make_valid, and check the result."
ZERO_SIZE_HINT = "Pass a polygon or a bounding box."


def are_valid(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which geometries are valid.

    Unlike ``shapely.is_valid``, it does not touch the warning filters of the process, which threads could leave changed.
    """
    with np.errstate(all="ignore"):
        return np.asarray(shapely.is_valid_reason(geometries) == _VALID, dtype=bool)


def is_valid(geometry: BaseGeometry) -> bool:
    """Return whether a geometry is valid; see :func:`are_valid`."""
    return bool(are_valid(np.array([geometry], dtype=object))[0])


def split_at_antimeridian(geometry: BaseGeometry, argument: str = "footprint") -> BaseGeometry:
    """Return the geometry with longitudes in ±180, split into parts if it crosses the antimeridian.

    An edge of more than 180 and less than 360 degrees is interpreted the short way round, unless that makes a rectangle a sliver. A
    ring around the world encloses the pole on its smaller side. ``argument`` names the geometry in messages.

    Raises
    ------
    InvalidArea
        If a coordinate is not finite, or a polygon is too wide, crosses itself or cannot be split.
    """
    if geometry.is_empty or geometry.geom_type not in POLYGONAL:
        return geometry
    parts = shapely.get_parts(geometry)
    west, _, east, _ = shapely.bounds(parts).T
    with np.errstate(invalid="ignore"):
        plain = shapely.is_empty(parts) | ((west >= -HALF_TURN) & (east <= HALF_TURN) & (east - west <= HALF_TURN))
    if plain.all():
        return geometry
    try:
        split = [part if is_plain else _split(part, argument) for part, is_plain in zip(parts, plain, strict=True)]
    except InvalidArea:
        raise
    except (ArithmeticError, ValueError, ShapelyError) as error:
        # GEOS fails at numbers that are out of proportion
        reason = f": {clean_text(str(error))}" if str(error) else ""
        raise InvalidArea(f"cannot be split at the antimeridian{reason}.", argument=argument, code="area_split_failed") from error
    if all(after is before for after, before in zip(split, parts, strict=True)):
        return geometry
    pieces = shapely.get_parts(split)
    return pieces[0] if len(pieces) == 1 else shapely.MultiPolygon(list(pieces))


def invalid_area(geometry: BaseGeometry, argument: str) -> InvalidArea:
    """Return the error for an invalid geometry, which mostly has no width or an outline that crosses itself."""
    reason, _, point = explain_validity(geometry).removesuffix("]").partition("[")
    if reason.startswith("Too few points"):
        return zero_size(argument)
    lon, _, lat = point.partition(" ")
    at = f" at longitude {lon}, latitude {lat}" if lat else ""
    if "self-intersection" in reason.lower():
        return InvalidArea(f"crosses or touches itself{at}.", argument=argument, code="area_self_intersecting", hint=REPAIR_HINT)
    return InvalidArea(f"is not a valid geometry: {reason}{at}.", argument=argument, code="area_invalid", hint=REPAIR_HINT)


def zero_size(argument: str) -> InvalidArea:
    """Return the error for an area without a size."""
    return InvalidArea("covers 0 km².", argument=argument, code="area_zero_size", hint=ZERO_SIZE_HINT)


def close_ring(ring: Ring, pole: float | None = None) -> tuple[Ring, bool]:
    """Return a closed ring with continuous longitudes, along a pole if it encloses one, and whether it does.

    Parameters
    ----------
    ring
        Longitudes and latitudes, (n, 2), the last equal to the first.
    pole
        The latitude of the pole that the ring encloses, if it encloses one. Default: the one on its smaller side.

    Raises
    ------
    ValueError
        If the ring goes around the world more than once.
    """
    steps = np.diff(ring[:, 0])
    is_long = (np.abs(steps) > HALF_TURN) & (np.abs(steps) < FULL_TURN - GRID_DEGREES)
    # an edge along a pole has no length
    is_at_pole = (np.abs(np.column_stack((ring[:-1, 1], ring[1:, 1]))) >= POLE - GRID_DEGREES).all(axis=1)
    if not (is_long & ~is_at_pole).any():
        is_long[:] = False
    is_whole = np.abs(np.abs(steps) - FULL_TURN) <= GRID_DEGREES
    # the last edge of a ring from -180 to 180 around a pole, in contrast to both edges of a band around the world
    if is_whole.sum() == 1 and not _has_inside(ring):
        is_long |= is_whole
    turns = np.where(is_long, np.round(((steps + HALF_TURN) % FULL_TURN - HALF_TURN - steps) / FULL_TURN), 0.0)
    longitudes = ring[:, 0] + FULL_TURN * np.concatenate(([0.0], np.cumsum(turns)))
    continuous = np.column_stack((longitudes, ring[:, 1]))
    around = round((longitudes[-1] - longitudes[0]) / FULL_TURN)
    if around == 0:
        return continuous, False
    if abs(around) > 1:
        raise ValueError("its outline goes around the world more than once")
    if pole is None:
        sines = np.sin(np.radians(continuous[:, 1]))
        toward_north = float((np.diff(longitudes) * (sines[1:] + sines[:-1])).sum()) * around
        pole = math.copysign(POLE, toward_north)
    along = [(longitudes[-1], pole), (longitudes[0], pole), tuple(continuous[0])]
    return np.concatenate((continuous, along)), True


def cut_at_antimeridian(flat: BaseGeometry) -> BaseGeometry:
    """Return a valid polygon with unwrapped longitudes as a geometry within ±180, in parts if it extends beyond."""
    west, south, east, north = flat.bounds
    first, last = math.floor((west + HALF_TURN) / FULL_TURN), math.ceil((east - HALF_TURN) / FULL_TURN)
    pieces: list[BaseGeometry] = []
    for turn in range(first, last + 1):
        middle = turn * FULL_TURN
        world = box(middle - HALF_TURN, south - 1.0, middle + HALF_TURN, north + 1.0)
        moved = affinity.translate(shapely.intersection(flat, world), xoff=-middle)
        polygons = [part for part in shapely.get_parts(moved) if part.geom_type in POLYGONAL]
        # a rounding error beyond the antimeridian does not cross it
        pieces += [part for part in polygons if part.bounds[2] - part.bounds[0] > GRID_DEGREES]
    if len(pieces) == 1:
        return pieces[0]
    # a polygon all around the world has an edge on both sides of the antimeridian
    is_whole_turn = east - west >= FULL_TURN - GRID_DEGREES
    return shapely.union_all(pieces) if is_whole_turn else shapely.MultiPolygon(list(shapely.get_parts(pieces)))


def _split(polygon: BaseGeometry, argument: str) -> BaseGeometry:
    west, _, east, _ = polygon.bounds
    if not math.isfinite(east - west):
        raise InvalidArea("has a coordinate that is not a finite number.", argument=argument, code="area_coordinates_not_finite")
    if east - west > FULL_TURN + GRID_DEGREES:
        raise InvalidArea("is wider than 360 degrees of longitude.", argument=argument, code="area_wider_than_world")
    given = [shapely.get_coordinates(ring) for ring in shapely.get_rings(polygon)]
    closed = [close_ring(ring) for ring in given]
    is_as_given = all(len(ring) == len(old) and (ring == old).all() for (ring, _), old in zip(closed, given, strict=True))
    if west >= -HALF_TURN and east <= HALF_TURN and (is_as_given or is_nearly_a_band(polygon)):
        return polygon
    return polygon_of(closed, argument)


def is_nearly_a_band(polygon: BaseGeometry) -> bool:
    """Return whether a polygon is a rectangle that extends nearly around the world, such as the extent of a global grid.

    Interpreted the short way round, it would be a tall sliver at the antimeridian, which is not plausible for a scene or an area.
    """
    west, south, east, north = polygon.bounds
    is_tall = north - south >= max(_SLIVER_DEGREES, _SLIVER_RATIO * (FULL_TURN - (east - west)))
    return is_tall and HALF_TURN < east - west < FULL_TURN and bool(shapely.equals(polygon, box(west, south, east, north)))


def polygon_of(closed: Sequence[tuple[Ring, bool]], argument: str) -> BaseGeometry:
    """Return the polygon of an outer ring and holes from :func:`close_ring`, with longitudes in ±180.

    Raises
    ------
    InvalidArea
        If the polygon crosses itself.
    """
    shell, *holes = [ring for ring, _ in closed]
    if not any(encloses_pole for _, encloses_pole in closed):
        flat = shapely.Polygon(shell, [_moved_into(shell, hole) for hole in holes])
        if not is_valid(flat):
            raise invalid_area(flat, argument)
        return cut_at_antimeridian(flat)
    area, *left_out = [_cut_ring(ring, argument) for ring in (shell, *holes)]
    if not shapely.covers(shapely.buffer(area, GRID_DEGREES), left_out).all():
        raise InvalidArea("has a hole outside its outline.", argument=argument, code="area_invalid", hint=REPAIR_HINT)
    # the edge along the pole is densified, so that it is interpreted in the same way when it is read again
    return shapely.segmentize(shapely.difference(area, shapely.union_all(left_out)), LONGEST_EDGE)


def _cut_ring(ring: Ring, argument: str) -> BaseGeometry:
    flat = shapely.Polygon(ring)
    if not is_valid(flat):
        raise invalid_area(flat, argument)
    return cut_at_antimeridian(flat)


def _moved_into(shell: Ring, hole: Ring) -> Ring:
    """Return a hole shifted by multiples of 360 degrees into the longitudes of its shell, if that is possible."""
    low, high = shell[:, 0].min() - GRID_DEGREES, shell[:, 0].max() + GRID_DEGREES
    for turn in (0, -1, 1, -2, 2):
        moved = hole + np.array([turn * FULL_TURN, 0.0])
        if low <= moved[:, 0].min() and moved[:, 0].max() <= high:
            return np.asarray(moved)
    return hole


def _has_inside(ring: Ring) -> bool:
    polygon = shapely.Polygon(ring)
    return is_valid(polygon) and polygon.area > 0
