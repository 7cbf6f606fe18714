"""Footprints of features, many at a time: no Python object for a coordinate, and a reason for each that is none."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import shapely

from scenecart._captures.decode import Geometry, geometry_text
from scenecart._geo.geometry import BEYOND, reasons_unusable, split_at_antimeridian
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

    from scenecart._captures.decode import Feature

_LEAST_POINTS = 4
_QUADRILATERAL = 5
_FOUR_SIDES, _OF_NUMBERS = b"[[[,],[,],[,],[,],[,]]]", b"0123456789.+-eE"
_SHORTEST_RING = len("[[[0,0],[0,0],[0,0],[0,0]]]") - 1
_HALF_WORLD = 180.0
_SAME_DEGREES = 1e-9
_numbers = msgspec.json.Decoder(list[float])


# coordinates that are no number, or are larger than any, are outside the world, and worth no warning beside that
@np.errstate(over="ignore", invalid="ignore")
def read_geometries(features: Sequence[Feature]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[int, str]]:
    """Parse all geometries at once.

    Returns
    -------
    geometries, bounds, why
        The geometries, None where there is none; their bounds, (n, 4), NaN where there is none; and of the rows whose geometry
        is no usable footprint the reason.
    """
    geometry = np.full(len(features), None, dtype=object)
    bounds = np.full((len(features), 4), np.nan)
    doubtful = np.ones(len(features), dtype=bool)
    rest = _simple_polygons(features, geometry, bounds, doubtful)
    if len(rest):
        texts = np.array([geometry_text(features[row]) for row in rest.tolist()], dtype=object)
        with np.errstate(over="ignore"):
            shapes = shapely.from_geojson(texts, on_invalid="ignore")
        shapes[shapely.is_empty(shapes)] = None
        geometry[rest], bounds[rest] = shapes, shapely.bounds(shapes)
    outside = (np.abs(bounds) > BEYOND).any(axis=1)
    around = _around_antimeridian(bounds)
    rows = np.flatnonzero(doubtful | outside | around)
    return geometry, bounds, {} if not len(rows) else _why_unusable(features, geometry, rows)


def touch(features: Sequence[Feature], place: BaseGeometry) -> list[bool]:
    """Tell which features touch a place; one whose geometry nobody can read is left to whoever found it there."""
    geometry, bounds, _ = read_geometries(features)
    for row in np.flatnonzero(_around_antimeridian(bounds)).tolist():
        with contextlib.suppress(InvalidArea):
            geometry[row] = split_at_antimeridian(geometry[row])
    shapely.prepare(place)
    found: list[bool] = (shapely.intersects(place, geometry) | shapely.is_missing(geometry)).tolist()
    return found


def malformed_boxes(texts: list[bytes], bounds: np.ndarray[Any, Any]) -> list[str | None] | None:
    """Return the published boxes that are not the geometry's own bounds, as they came; None where there is no such box."""
    given = [row for row, text in enumerate(texts) if text != b"null"]
    odd = np.zeros(len(texts), dtype=bool)
    odd[given] = True
    # four numbers in brackets each
    joined = b",".join([texts[row] for row in given])
    if joined.count(b"[") == len(given) and joined.count(b",") == 4 * len(given) - 1:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, ValueError):
            boxes = np.array(_numbers.decode(b"[" + joined.translate(None, b"[]") + b"]")).reshape(-1, 4)
            # of a footprint across the antimeridian catalogs give boxes of many forms
            around = _around_antimeridian(bounds[given])
            odd[given] = around | ~(np.abs(boxes - bounds[given]) <= _SAME_DEGREES).all(axis=1)
    if not odd.any():
        return None
    return [text.decode("utf-8", "replace") if differs else None for text, differs in zip(texts, odd.tolist(), strict=True)]


def _around_antimeridian(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tell which bounds are so wide, or so far out, that the shape may cross the antimeridian."""
    with np.errstate(invalid="ignore"):
        return np.asarray((bounds[:, 2] - bounds[:, 0] > _HALF_WORLD) | (np.abs(bounds[:, ::2]) > _HALF_WORLD).any(axis=1))


def _why_unusable(features: Sequence[Feature], geometry: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> dict[int, str]:
    why = {row: reason for row, reason in zip(rows.tolist(), reasons_unusable(geometry[rows]), strict=True) if reason is not None}
    unread = [row for row in why if geometry[row] is None and geometry_text(features[row]).strip() != "null"]
    return why | dict.fromkeys(unread, "its footprint cannot be read")


def _simple_polygons(
    features: Sequence[Feature], geometry: np.ndarray[Any, Any], bounds: np.ndarray[Any, Any], doubtful: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Build every polygon of one closed, flat ring from one parse of all their numbers; return the rows that are left."""
    everything = np.arange(len(features))
    shapes = [feature.geometry for feature in features]
    texts = [bytes(shape.coordinates) if type(shape) is Geometry and shape.type == "Polygon" else b"" for shape in shapes]
    joined = b",".join(texts)
    if any(space in joined for space in (b" ", b"\n", b"\t", b"\r")):
        texts = [text.translate(None, b" \n\t\r") for text in texts]
        joined = b",".join(texts)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    rows = np.flatnonzero(lengths > _SHORTEST_RING)
    if not len(rows):
        return everything
    if joined.translate(None, _OF_NUMBERS) == b",".join([_FOUR_SIDES] * len(texts)):
        points = np.full(len(rows), _QUADRILATERAL)
    else:
        starts = np.cumsum(lengths + 1) - lengths - 1
        points = _points_of_one_ring(np.frombuffer(joined, dtype=np.uint8), starts[rows], lengths[rows])
    simple = points >= _LEAST_POINTS
    if not simple.all() or len(rows) < len(features):
        rows, points = rows[simple], points[simple]
        if not len(rows):
            return everything
        joined = b",".join([texts[row] for row in rows.tolist()])
    try:
        xy = np.array(_numbers.decode(b"[" + joined.translate(None, b"[]") + b"]")).reshape(-1, 2)
    except (msgspec.DecodeError, ValueError):
        return everything
    ends = np.cumsum(points)
    starts = ends - points
    closed = (xy[starts] == xy[ends - 1]).all(axis=1)
    rings = (np.concatenate(([0], ends)), np.arange(len(ends) + 1))
    chosen = rows[closed]
    geometry[chosen] = shapely.from_ragged_array(shapely.GeometryType.POLYGON, xy, rings)[closed]
    bounds[chosen, :2] = np.minimum.reduceat(xy, starts)[closed]
    bounds[chosen, 2:] = np.maximum.reduceat(xy, starts)[closed]
    doubtful[chosen] = ~_are_convex(xy, starts, points)[closed]
    return np.setdiff1d(everything, chosen, assume_unique=True) if len(chosen) < len(everything) else everything[:0]


def _are_convex(xy: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Tell which rings are strictly convex quadrilaterals, as most footprints are: these are valid without a closer look."""
    found = np.zeros(len(points), dtype=bool)
    four = points == _QUADRILATERAL
    corners = xy[starts[four][:, None] + np.arange(_QUADRILATERAL)]
    sides = np.diff(corners, axis=1)
    following = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0]
    # far from what rounding could turn round
    clear = np.abs(turns) > _SAME_DEGREES * np.abs(sides).max(axis=(1, 2), initial=0)[:, None]
    found[four] = clear.all(axis=1) & ((turns > 0).all(axis=1) | (turns < 0).all(axis=1))
    return found


def _points_of_one_ring(
    text: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Count the points of each polygon of one flat ring, from its brackets and commas; 0 for any other.

    ``[[[1,2],[3,4]]]`` has two brackets more than points, one comma within each point and one between two of them, and ends in
    three brackets that are its only neighbours.
    """
    ends = starts + lengths

    def count(places: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.asarray(np.searchsorted(places, ends) - np.searchsorted(places, starts))

    opening, closing, comma = (text == ord(mark) for mark in "[],")
    places = np.flatnonzero(opening | closing | comma)
    marks = text[places]
    pairs = places[:-2][(marks[:-2] == ord("[")) & (marks[1:-1] == ord(",")) & (marks[2:] == ord("]"))]
    points = count(np.flatnonzero(opening)) - 2
    commas = count(np.flatnonzero(comma))
    neighbours = count(np.flatnonzero(closing[:-1] & closing[1:]))
    opened = opening[starts] & opening[starts + 1] & opening[starts + 2]
    simple = opened & (count(pairs) == points) & (commas == 2 * points - 1) & (neighbours == 2)  # noqa: PLR2004  # as said above
    return np.where(simple, points, 0)
