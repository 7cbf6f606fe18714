"""Footprints of many features at once, as shapely geometries.

Coordinates go from JSON text to NumPy arrays directly, without a Python object for each number.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import msgspec
import numpy as np
import shapely
from shapely.errors import ShapelyError

from scenecart._captures.features import Geometry, geometry_text
from scenecart._geo.geometry import COORDINATE_LIMITS, reasons_unusable
from scenecart._geo.globe import split_at_antimeridian
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

    from scenecart._captures.features import Feature


_OpenRing: TypeAlias = list[Annotated[list[float], msgspec.Meta(min_length=2)]]


class _OpenPolygon(msgspec.Struct, tag_field="type", tag="Polygon"):
    """A polygon whose rings may not be closed."""

    coordinates: list[_OpenRing]


class _OpenMultiPolygon(msgspec.Struct, tag_field="type", tag="MultiPolygon"):
    """Polygons whose rings may not be closed."""

    coordinates: list[list[_OpenRing]]


_MIN_POINTS = 4
_QUADRILATERAL_POINTS = 5
_PUNCTUATION_OF_QUADRILATERAL, _NUMBER_CHARACTERS = b"[[[,],[,],[,],[,],[,]]]", b"0123456789.+-eE"
_SHORTEST_POLYGON = len("[[[0,0],[0,0],[0,0],[0,0]]]") - 1
_HALF_TURN = 180.0
_TOLERANCE_DEGREES = 1e-9
_open_polygon = msgspec.json.Decoder(_OpenPolygon | _OpenMultiPolygon)
_numbers = msgspec.json.Decoder(list[float])


# NaN and infinite coordinates are found as outside the world; NumPy need not warn of them
@np.errstate(over="ignore", invalid="ignore")
def read_geometries(features: Sequence[Feature]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], dict[int, str]]:
    """Parse the geometries of all features at once.

    Returns
    -------
    geometries, bounds, reasons
        The geometries, None if missing; their bounds, (n, 4) in degrees, NaN if missing; and for each row with an
        unusable footprint the reason.
    """
    geometry = np.full(len(features), None, dtype=object)
    bounds = np.full((len(features), 4), np.nan)
    unchecked = np.ones(len(features), dtype=bool)
    rest = _simple_polygons(features, geometry, bounds, unchecked)
    reasons: dict[int, str] = {}
    if len(rest):
        texts = np.array([geometry_text(features[row]) for row in rest.tolist()], dtype=object)
        with np.errstate(over="ignore"):
            shapes = shapely.from_geojson(texts, on_invalid="ignore")
        unclosed = _close_rings(texts, shapes)
        shapes[shapely.is_empty(shapes)] = None
        geometry[rest], bounds[rest] = shapes, shapely.bounds(shapes)
        reasons = {int(rest[row]): "its footprint had a ring that was not closed; it is shown closed" for row in unclosed}
    outside = (np.abs(bounds) > COORDINATE_LIMITS).any(axis=1)
    around = _around_antimeridian(bounds)
    rows = np.flatnonzero(unchecked | outside | around)
    return geometry, bounds, _reasons_by_row(features, geometry, rows) | reasons if len(rows) else reasons


def intersect_each(features: Sequence[Feature], area: BaseGeometry) -> list[bool]:
    """Return which features intersect an area. An unreadable geometry counts as intersecting, because the catalog returned it."""
    geometry, bounds, _ = read_geometries(features)
    for row in np.flatnonzero(_around_antimeridian(bounds)).tolist():
        with contextlib.suppress(InvalidArea):
            geometry[row] = split_at_antimeridian(geometry[row])
    shapely.prepare(area)
    matches: list[bool] = (shapely.intersects(area, geometry) | shapely.is_missing(geometry)).tolist()
    return matches


def _close_rings(texts: np.ndarray[Any, Any], shapes: np.ndarray[Any, Any]) -> list[int]:
    """Read missing polygons again whose rings lack the closing point, close the rings, and return their rows."""
    rows = []
    for row in np.flatnonzero(shapely.is_missing(shapes)).tolist():
        with contextlib.suppress(msgspec.DecodeError, RecursionError, ShapelyError, ValueError):
            document = _open_polygon.decode(texts[row])
            polygons = [document.coordinates] if isinstance(document, _OpenPolygon) else document.coordinates
            rings = [ring for polygon in polygons for ring in polygon]
            if all(rings) and any(ring[0] != ring[-1] for ring in rings):
                # shapely closes rings
                flat = [[[point[:2] for point in ring] for ring in polygon] for polygon in polygons]
                parts = [shapely.Polygon(shell, holes) for shell, *holes in flat]
                shapes[row] = parts[0] if isinstance(document, _OpenPolygon) else shapely.MultiPolygon(parts)
                rows.append(row)
    return rows


def differing_boxes(texts: list[bytes], bounds: np.ndarray[Any, Any]) -> list[str | None] | None:
    """Return each published bbox that differs from the bounds of its geometry, as JSON; None if all agree."""
    given = [row for row, text in enumerate(texts) if text != b"null"]
    differs = np.zeros(len(texts), dtype=bool)
    differs[given] = True
    joined = b",".join([texts[row] for row in given])
    # each is a flat list of four numbers
    if joined.count(b"[") == len(given) and joined.count(b",") == 4 * len(given) - 1:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, ValueError):
            boxes = np.array(_numbers.decode(b"[" + joined.translate(None, b"[]") + b"]")).reshape(-1, 4)
            # across the antimeridian, catalogs write the bbox in many forms
            around = _around_antimeridian(bounds[given])
            differs[given] = around | ~(np.abs(boxes - bounds[given]) <= _TOLERANCE_DEGREES).all(axis=1)
    if not differs.any():
        return None
    return [text.decode("utf-8", "replace") if is_kept else None for text, is_kept in zip(texts, differs.tolist(), strict=True)]


def _around_antimeridian(bounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which bounds are so wide, or so far beyond ±180 degrees, that the shape may cross the antimeridian."""
    with np.errstate(invalid="ignore"):
        return np.asarray((bounds[:, 2] - bounds[:, 0] > _HALF_TURN) | (np.abs(bounds[:, ::2]) > _HALF_TURN).any(axis=1))


def _reasons_by_row(features: Sequence[Feature], geometry: np.ndarray[Any, Any], rows: np.ndarray[Any, Any]) -> dict[int, str]:
    reasons = {
        row: reason for row, reason in zip(rows.tolist(), reasons_unusable(geometry[rows]), strict=True) if reason is not None
    }
    unread = [row for row in reasons if geometry[row] is None and geometry_text(features[row]).strip() != "null"]
    return reasons | dict.fromkeys(unread, "its footprint cannot be read")


def _simple_polygons(
    features: Sequence[Feature], geometry: np.ndarray[Any, Any], bounds: np.ndarray[Any, Any], unchecked: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Build all polygons of one closed 2D ring from one parse of their numbers; return the other rows."""
    everything = np.arange(len(features))
    shapes = [feature.geometry for feature in features]
    texts = [bytes(shape.coordinates) if type(shape) is Geometry and shape.type == "Polygon" else b"" for shape in shapes]
    joined = b",".join(texts)
    if any(space in joined for space in (b" ", b"\n", b"\t", b"\r")):
        texts = [text.translate(None, b" \n\t\r") for text in texts]
        joined = b",".join(texts)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    rows = np.flatnonzero(lengths > _SHORTEST_POLYGON)
    if not len(rows):
        return everything
    if joined.translate(None, _NUMBER_CHARACTERS) == b",".join([_PUNCTUATION_OF_QUADRILATERAL] * len(texts)):
        points = np.full(len(rows), _QUADRILATERAL_POINTS)
    else:
        starts = np.cumsum(lengths + 1) - lengths - 1
        points = _points_of_one_ring(np.frombuffer(joined, dtype=np.uint8), starts[rows], lengths[rows])
    simple = points >= _MIN_POINTS
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
    unchecked[chosen] = ~_are_convex(xy, starts, points)[closed]
    return np.setdiff1d(everything, chosen, assume_unique=True) if len(chosen) < len(everything) else everything[:0]


def _are_convex(xy: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], points: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which rings are strictly convex quadrilaterals, as most footprints are; these need no further checks."""
    found = np.zeros(len(points), dtype=bool)
    four = points == _QUADRILATERAL_POINTS
    corners = xy[starts[four][:, None] + np.arange(_QUADRILATERAL_POINTS)]
    sides = np.diff(corners, axis=1)
    following = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * following[..., 1] - sides[..., 1] * following[..., 0]
    # clear of zero, so rounding cannot change the sign
    is_clear = np.abs(turns) > _TOLERANCE_DEGREES * np.abs(sides).max(axis=(1, 2), initial=0)[:, None]
    found[four] = is_clear.all(axis=1) & ((turns > 0).all(axis=1) | (turns < 0).all(axis=1))
    return found


def _points_of_one_ring(
    text: np.ndarray[Any, Any], starts: np.ndarray[Any, Any], lengths: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Count the points of each polygon of one 2D ring, from its brackets and commas; 0 for any other geometry.

    ``[[[1,2],[3,4]]]`` has two brackets more than points, one comma in each point and one between two of them, and ends with
    three brackets, the only adjacent ones.
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
    simple = opened & (count(pairs) == points) & (commas == 2 * points - 1) & (neighbours == 2)  # noqa: PLR2004  # see above
    return np.where(simple, points, 0)
