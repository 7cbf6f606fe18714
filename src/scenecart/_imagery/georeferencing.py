"""Georeferencing of quicklooks: by what the catalog states, or by comparing their fill with the footprint.

There are two kinds of quicklooks: the frame as acquired, whose corners are those of the footprint, and the scene resampled to a
north-up grid, with black or transparent fill around it. Each candidate predicts where the fill is; the best match is used.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from PIL import Image, ImageDraw

from scenecart._captures.frame import assets
from scenecart._geo.unwrap import unwrapped_if_narrower
from scenecart._imagery.budget import unpacked_bytes
from scenecart._imagery.fill import LEAST_FILL, fill_of, is_bright, without_fill
from scenecart._imagery.georeference import (
    DEGREES,
    EDGE_PARTS,
    MERCATOR,
    Georeference,
    apply_matrix,
    georeference_by_matrix,
    project,
    transformer_to,
)
from scenecart._imagery.mercator import to_mercator
from scenecart._imagery.picture import decode, unpacked_size
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    Mask = NDArray[np.bool_]
    Points = NDArray[np.float64]

_SURE_AGREEMENT, _SURE_LEAD = 0.93, 0.04
# largest distance of a north-up frame from the bounds of the footprint, as a share of its size
_MAX_MARGIN = 0.06
# least share of fill outside of a north-up scene, and least sum of it and the share of valid pixels inside
_FILLED, _CONTRAST = 0.95, 1.4
_SAME_PLACE = 0.02
_UTM_LATITUDE, _POLAR_LATITUDE = 84.0, 60.0
_SQUARE = 0.1
_CORNERS = 4
_OVERVIEW_ROLES = frozenset({"overview", "thumbnail", "quicklook"})
APPROXIMATE = "Placed approximately"


def georeference_picture(
    picture: Image.Image, capture: Mapping[str, Any] | pd.Series[Any], fill: Mask | None = None
) -> Georeference | None:
    """Georeference a quicklook by what the catalog states, or else by its fill; None if the capture has no usable footprint.

    Parameters
    ----------
    picture
        The quicklook, as RGBA.
    capture
        A row of a search result, with ``geometry`` in EPSG:4326.
    fill
        The result of ``fill_of``, if it is known.
    """
    footprint = _unwrapped(capture.get("geometry"))
    if footprint is None:
        return None
    stated = _stated_place(picture, capture)
    if stated is not None:
        return stated
    fill = fill_of(picture) if fill is None else fill
    share, candidates = float(fill.mean()), _candidates(picture, capture, footprint, ~fill)
    is_matched = any(score >= _SURE_AGREEMENT for score, place in candidates if place.method == "north-up")
    if share >= LEAST_FILL and not is_matched:
        # clouds in the corners of a frame are no white fill, and dark water at the edge of a scene looks like black fill
        is_white = is_bright(picture, fill)
        share = 0.0 if is_white else share
        valid = np.ones_like(fill) if is_white else ~fill
        candidates = _candidates(picture, capture, footprint, valid, agreement=_outside_agreement)
    if not candidates:
        return None
    # the first of equals: the frame if there is no fill, then the grid that the catalog names
    agreement, best = max(candidates, key=lambda pair: round(pair[0], 3))
    # a candidate with the same position does not make the result uncertain
    others = [score for score, place in candidates if place.method != best.method and _differ(place, best)]
    lead = agreement - max(others, default=0.0)
    if best.method == "north-up":
        is_sure = agreement >= _SURE_AGREEMENT and (lead >= _SURE_LEAD or share < LEAST_FILL)
        why = "" if is_sure else "its outline does not match the footprint well"
    else:
        is_sure = best.is_sure and lead >= _SURE_LEAD
        why = best.note if not best.is_sure else "" if is_sure else "it may also be laid north up"
    basis = "by its outline" if best.method == "north-up" else "by the corners of its footprint"
    return replace(best, is_sure=is_sure, note=f"{APPROXIMATE}, {basis}{f'; {why}' if why else ''}.")


def _candidates(
    picture: Image.Image,
    capture: Mapping[str, Any] | pd.Series[Any],
    footprint: BaseGeometry,
    valid: Mask,
    *,
    agreement: Callable[[Mask, Mask], float] | None = None,
) -> list[tuple[float, Georeference]]:
    """Return candidate georeferences, each with its agreement with the pixels that are not fill (0 to 1)."""
    frame = _frame_by_corners(picture, footprint)
    found = [] if frame is None else [(float(valid.mean()), frame)]
    for crs, box in _grids(capture, footprint):
        found += _north_up(picture, footprint, valid, (crs, box), agreement or _agreement)
    return found


def _differ(first: Georeference, second: Georeference) -> bool:
    """Return whether two georeferences of a picture differ by more than two percent of its size anywhere."""
    west, south, east, north = second.bounds
    x, y = np.meshgrid(np.linspace(west, east, 5), np.linspace(south, north, 5))
    points = np.stack([x.ravel(), y.ravel()], 1)
    apart = np.abs(first.to_pixels(points) - second.to_pixels(points)) / np.array(second.size)
    return not np.nanmax(apart, initial=0.0) < _SAME_PLACE


def georeferenced_quicklook(
    content: bytes, capture: Mapping[str, Any] | pd.Series[Any], side: int | None = None
) -> tuple[Image.Image, Georeference] | None:
    """Decode a quicklook, georeference it and make its fill transparent; None if it cannot be decoded or georeferenced.

    Parameters
    ----------
    content
        PNG, JPEG or WEBP.
    capture
        A row of a search result, with ``geometry`` in EPSG:4326.
    side
        The longest side that is needed, in pixels; a larger JPEG is then decoded faster.
    """
    with unpacked_bytes.taken(unpacked_size(content, side)):
        picture = decode(content, side)
        if picture is None:
            return None
        fill = fill_of(picture)
        place = georeference_picture(picture, capture, fill)
        footprint = _unwrapped(capture.get("geometry"))
        if place is None or footprint is None:
            return None
        outline = place.to_pixels(to_mercator(_outline(footprint)))
        return without_fill(picture, _drawn(outline, place.size, fill.shape), fill), place


def _stated_place(picture: Image.Image, capture: Mapping[str, Any] | pd.Series[Any]) -> Georeference | None:
    """Return the georeference that the catalog states for the quicklook: ``proj:transform`` and ``proj:shape`` of its asset."""
    try:
        found = assets(capture)
    except (ScenecartError, ValueError):
        return None
    for key, asset in found.items():
        if not isinstance(asset, dict) or not ({str(role) for role in asset.get("roles") or ()} | {key}) & _OVERVIEW_ROLES:
            continue
        code = _crs_code(asset) or _crs_code(capture)
        transform, shape = _numbers(asset.get("proj:transform"), 6), _numbers(asset.get("proj:shape"), 2)
        if code is None or transform is None or shape is None:
            continue
        rows, columns = shape[:2]
        # the asset may be served at another size, but not with another aspect ratio
        if min(rows, columns) < 1 or abs(math.log(columns / rows * picture.height / picture.width)) > 0.02:  # noqa: PLR2004  # a pixel
            continue
        a, b, c, d, e, f = transform[:6]
        to_ground = np.array(
            [
                [a * columns / picture.width, b * rows / picture.height, c],
                [d * columns / picture.width, e * rows / picture.height, f],
                [0, 0, 1],
            ]
        )
        if abs(np.linalg.det(to_ground)) < 1e-30:  # noqa: PLR2004  # not invertible
            continue
        frame = _rectangle(picture.size)
        return georeference_by_matrix(picture.size, code, np.linalg.inv(to_ground), apply_matrix(to_ground, frame), "georeference")
    return None


def _grids(capture: Mapping[str, Any] | pd.Series[Any], footprint: BaseGeometry) -> list[tuple[str, tuple[float, ...] | None]]:
    """Return the CRSs whose grid the picture may use, each with the bounds of the grid if the catalog states them."""
    grids: list[tuple[str, tuple[float, ...] | None]] = []
    code = _crs_code(capture)
    if code is not None:
        shape, transform = _numbers(capture.get("proj:shape"), 2), _numbers(capture.get("proj:transform"), 6)
        box = _numbers(capture.get("proj:bbox"), 4)
        if box is not None:
            grids.append((code, tuple(box[:4])))
        elif shape is not None and transform is not None and not transform[1] and not transform[3]:
            left, top = transform[2], transform[5]
            right, bottom = left + transform[0] * shape[1], top + transform[4] * shape[0]
            grids.append((code, (min(left, right), min(top, bottom), max(left, right), max(top, bottom))))
        grids.append((code, None))
    return [*grids, *((name, None) for name in _usual_crs(footprint) if name != code)]


def _north_up(
    picture: Image.Image,
    footprint: BaseGeometry,
    valid: NDArray[np.bool_],
    grid: tuple[str, tuple[float, ...] | None],
    agreement: Callable[[Mask, Mask], float],
) -> list[tuple[float, Georeference]]:
    """Return the georeferences of a north-up picture, with and without margins around the footprint, and their agreement."""
    crs, box = grid
    outline = project(_outline(footprint), crs)
    if not np.isfinite(outline).all():
        return []
    west, south, east, north = box or (*outline.min(0), *outline.max(0))
    if not (east > west and north > south):
        return []
    width, height = picture.size
    matrix = np.array(
        [
            [width / (east - west), 0, -west * width / (east - west)],
            [0, -height / (north - south), north * height / (north - south)],
            [0, 0, 1],
        ]
    )
    expected = _drawn(apply_matrix(matrix, outline), picture.size, valid.shape)
    found = [(agreement(expected, valid), georeference_by_matrix(picture.size, crs, matrix, outline, "north-up"))]
    moved = None if box is not None else _fitted(matrix, expected, valid, picture.size)
    if moved is not None:
        again = _drawn(apply_matrix(moved, outline), picture.size, valid.shape)
        found.append((agreement(again, valid), georeference_by_matrix(picture.size, crs, moved, outline, "north-up")))
    return found


def _fitted(matrix: Points, expected: NDArray[np.bool_], valid: NDArray[np.bool_], size: tuple[int, int]) -> Points | None:
    """Return a grid shifted and scaled so that the mean and spread of its outline match the pixels that are not fill."""
    if valid.all() or not valid.any() or not expected.any():
        return None
    change = np.eye(3)
    for axis in (0, 1):
        (mean, spread), (wanted_mean, wanted_spread) = (_moments(mask.sum(axis)) for mask in (expected, valid))
        pixel = size[axis] / valid.shape[1 - axis]
        scale = wanted_spread / spread if spread > 0 else 1.0
        shift = (wanted_mean - scale * mean) * pixel
        if abs(scale - 1) > 2 * _MAX_MARGIN or abs(shift) > _MAX_MARGIN * size[axis]:
            return None
        change[axis, axis], change[axis, 2] = scale, shift
    return np.asarray(change @ matrix)


def _moments(counts: NDArray[Any]) -> tuple[float, float]:
    """Return the mean and the standard deviation of positions, weighted by how often they occur."""
    positions = np.arange(len(counts)) + 0.5
    mean = float((counts * positions).sum() / counts.sum())
    return mean, float(np.sqrt((counts * (positions - mean) ** 2).sum() / counts.sum()))


def _frame_by_corners(picture: Image.Image, footprint: BaseGeometry) -> Georeference | None:
    """Return the georeference by the corners of the footprint; its note states why it is not certain.

    The order of the vertices is no evidence, because catalogs start rings anywhere and wind them in both directions. The quicklook
    is assumed to be roughly north up: its upper left corner is the one for which the upper edge points most to the east. If the
    footprint is rotated by about 45 degrees, the aspect ratio of the picture decides.
    """
    crs = _local_crs(footprint)
    ring = shapely.get_coordinates(shapely.get_exterior_ring(max(shapely.get_parts(footprint), key=shapely.area)))[:, :2]
    plane = shapely.Polygon(project(ring, crs)) if len(ring) > _CORNERS - 1 else shapely.Polygon()
    if plane.is_empty or not np.isfinite(shapely.get_coordinates(plane)).all() or plane.area <= 0:
        return None
    simple = shapely.simplify(plane, 0.02 * math.sqrt(plane.area))
    is_guessed = len(simple.exterior.coords) != _CORNERS + 1
    corners = shapely.get_coordinates(shapely.minimum_rotated_rectangle(plane) if is_guessed else simple)[:_CORNERS]
    if len(corners) < _CORNERS:
        return None
    centre = corners.mean(0)
    clockwise = corners[np.argsort(-np.arctan2(*(corners - centre).T[::-1]))]
    width, height = picture.size
    is_square = abs(math.log(width / height)) <= _SQUARE
    starts = []
    for first in range(_CORNERS):
        upper_left, upper_right, lower_right, lower_left = np.roll(clockwise, -first, 0)
        top, side = (
            (upper_right - upper_left + lower_right - lower_left) / 2,
            (lower_left - upper_left + lower_right - upper_right) / 2,
        )
        tilt = abs(math.degrees(math.atan2(top[1], top[0])))
        shape = abs(math.log(max(math.hypot(*top), 1e-9) / max(math.hypot(*side), 1e-9) * height / width))
        starts.append((tilt / 45 + (0.0 if is_square else 1.5 * shape), first))
    starts.sort()
    ordered = np.roll(clockwise, -starts[0][1], 0)
    is_sure = starts[1][0] - starts[0][0] > 0.5 and not is_guessed  # noqa: PLR2004  # nearly as good
    why = "its footprint has not four corners" if is_guessed else "" if is_sure else "which corner is which is not certain"
    matrix = _perspective(ordered, _rectangle(picture.size))
    if matrix is None:
        return None
    place = georeference_by_matrix(picture.size, crs, matrix, ordered[[0, 1, 2, 3, 0]], "corners")
    return replace(place, is_sure=is_sure, note=why)


def _perspective(points: Points, pixels: Points) -> Points | None:
    """Return the perspective matrix that maps four points in a CRS to four pixels."""
    # centred and scaled, because products of UTM coordinates in metres lose digits
    centre, scale = points.mean(0), max(float(np.abs(points - points.mean(0)).max()), 1e-12)
    local = (points - centre) / scale
    rows: list[list[float]] = []
    values: list[float] = []
    for (u, v), (x, y) in zip(pixels.tolist(), local.tolist(), strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    try:
        solved = np.linalg.solve(np.array(rows), np.array(values))
    except np.linalg.LinAlgError:
        return None
    to_local = np.array([[1 / scale, 0, -centre[0] / scale], [0, 1 / scale, -centre[1] / scale], [0, 0, 1]])
    return np.asarray(np.append(solved, 1.0).reshape(3, 3) @ to_local)


def _drawn(pixels: Points, size: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return an outline, given in pixels of a picture of this size, as a mask."""
    scale = np.array([shape[1] / size[0], shape[0] / size[1]])
    # coordinates name pixels by their centres
    points = pixels * scale - 0.5
    mask = Image.new("1", (shape[1], shape[0]))
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in points], fill=1)
    return np.asarray(mask, dtype=bool)


def _agreement(expected: Mask, valid: Mask) -> float:
    """Return the intersection over union of the expected picture and the pixels that are not fill."""
    union = (expected | valid).sum()
    return float((expected & valid).sum() / union) if union else 0.0


def _outside_agreement(expected: Mask, valid: Mask) -> float:
    """Return the share of the outside that is fill, if that is nearly all of it and much more than inside; else the agreement."""
    if not LEAST_FILL <= 1 - expected.mean() < 1:
        return _agreement(expected, valid)
    outside, inside = float(1 - valid[~expected].mean()), float(valid[expected].mean())
    return outside if outside >= _FILLED and outside + inside >= _CONTRAST else _agreement(expected, valid)


def _outline(footprint: BaseGeometry) -> Points:
    """Return the outer ring of the largest part, densified so that its edges are straight in any projection."""
    ring = shapely.get_exterior_ring(max(shapely.get_parts(footprint), key=shapely.area))
    return shapely.get_coordinates(shapely.segmentize(ring, max(shapely.length(ring) / (4 * EDGE_PARTS), 1e-9)))


def _unwrapped(footprint: Any) -> BaseGeometry | None:
    """Return a footprint with unwrapped longitudes (beyond 180) if that makes it narrower; None if it cannot be used."""
    if footprint is None or not isinstance(footprint, shapely.Polygon | shapely.MultiPolygon) or footprint.is_empty:
        return None
    try:
        flat = unwrapped_if_narrower(footprint)
    except ScenecartError:
        return None
    return shapely.force_2d(flat) if np.isfinite(shapely.get_coordinates(flat)).all() and flat.area > 0 else None


def _usual_crs(footprint: BaseGeometry) -> list[str]:
    """Return the usual CRSs of scenes: the UTM zone, near a pole the polar CRS, EPSG:4326 and Web Mercator."""
    latitude = (footprint.bounds[1] + footprint.bounds[3]) / 2
    polar = [_polar_crs(latitude)] if _POLAR_LATITUDE <= abs(latitude) < _UTM_LATITUDE else []
    return [_local_crs(footprint), *polar, DEGREES, MERCATOR]


def _polar_crs(latitude: float) -> str:
    return "EPSG:3413" if latitude > 0 else "EPSG:3031"


def _local_crs(footprint: BaseGeometry) -> str:
    """Return the UTM zone of a footprint, or a polar CRS."""
    west, south, east, north = footprint.bounds
    longitude, latitude = (west + east) / 2, (south + north) / 2
    if abs(latitude) >= _UTM_LATITUDE:
        return _polar_crs(latitude)
    zone = int((longitude + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


def _crs_code(properties: Mapping[str, Any] | pd.Series[Any]) -> str | None:
    """Return the CRS that an item or an asset names, as ``"EPSG:…"``; None without a usable one."""
    code, number = properties.get("proj:code"), properties.get("proj:epsg")
    name = code if isinstance(code, str) else _epsg(number)
    return name if name is not None and transformer_to(name) is not None else None


def _epsg(number: Any) -> str | None:
    is_code = isinstance(number, int | float | np.number) and math.isfinite(number) and number > 0
    return f"EPSG:{int(number)}" if is_code else None


def _numbers(value: Any, count: int) -> list[float] | None:
    """Return a list of at least this many finite numbers; None for anything else."""
    if not isinstance(value, list | tuple | np.ndarray) or len(value) < count:
        return None
    are_numbers = all(isinstance(number, int | float | np.number) and math.isfinite(number) for number in value)
    return [float(number) for number in value] if are_numbers else None


def _rectangle(size: tuple[int, int]) -> Points:
    """Return the corners of a picture, clockwise from its upper left."""
    width, height = size
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
