"""Cloud cover of an area, estimated from a quicklook and the cloud cover of the whole scene.

No brightness threshold separates clouds from snow, sand and roofs for every sensor. But the catalog states the cloud cover of the
scene: that share of the brightest pixels is classified as cloud, and counted inside the area.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from PIL import Image, ImageDraw

from scenecart._geo.unwrap import unwrapped_if_narrower
from scenecart._imagery.area_view import rings_of
from scenecart._imagery.georeference import EDGE_PARTS
from scenecart._imagery.georeferencing import georeferenced_quicklook
from scenecart._imagery.mercator import HALF_WORLD, to_mercator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from scenecart._imagery.georeference import Georeference

# the longest side of the picture that is measured, in pixels
_SIDE = 512
# pixels inside the area: with fewer, a larger picture is tried, or no estimate is made
_ENOUGH_PIXELS, _LEAST_PIXELS = 64, 16
_WORLDS = (0, -1, 1)
# pixels within this many of 255 levels of the threshold are ambiguous; above this share of them, no estimate is made
_NEAR_THRESHOLD, _MAX_AMBIGUOUS = 8, 0.4
FULL = 100.0
_HALF = 128


@dataclass(frozen=True)
class CloudEstimate:
    """The cloud cover of an area, or why there is no estimate.

    Attributes
    ----------
    percent : float
        0 to 100, of the part of the area that the capture shows; NaN without an estimate.
    reason : str
        Why there is no estimate, as a sentence; empty if there is one.
    is_too_small : bool
        Whether a larger picture may give a better estimate.
    """

    percent: float
    reason: str = ""
    is_too_small: bool = False


def estimate_cloud(
    content: bytes, capture: Mapping[str, Any] | pd.Series[Any], area: BaseGeometry, scene_percent: float
) -> CloudEstimate:
    """Estimate the cloud cover of an area from a quicklook.

    Parameters
    ----------
    content
        PNG, JPEG or WEBP.
    capture
        The row of a search result to which the quicklook belongs.
    area
        The area in EPSG:4326.
    scene_percent
        The cloud cover of the whole capture in percent, 0 to 100, as stated by the catalog.
    """
    placed = georeferenced_quicklook(content, capture, _SIDE)
    if placed is None:
        return CloudEstimate(math.nan, "Its quicklook cannot be read, or cannot be georeferenced.")
    picture, place = placed
    if not place.is_sure:
        return CloudEstimate(math.nan, "The place of its quicklook is not certain.", is_too_small=True)
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX, reducing_gap=None)
    pixels = np.asarray(picture)
    is_scene = pixels[..., 3] >= _HALF
    inside = _inside(place, area, picture.size) & is_scene
    count = int(inside.sum())
    if count < _LEAST_PIXELS:
        return CloudEstimate(math.nan, "The area is too small in its quicklook.", is_too_small=True)
    bright = np.asarray(picture.convert("L"), dtype=np.int16)
    found, ambiguous = _share_inside(bright[is_scene], bright[inside], scene_percent / FULL)
    if ambiguous > _MAX_AMBIGUOUS:
        return CloudEstimate(math.nan, "In its quicklook, clouds look the same as bright surfaces.")
    return CloudEstimate(round(FULL * found, 1), is_too_small=count < _ENOUGH_PIXELS)


def _share_inside(scene: NDArray[np.int16], inside: NDArray[np.int16], share: float) -> tuple[float, float]:
    """Return the share of cloud inside the area, and how ambiguous it is (0 to 1), by the pixels near the threshold."""
    level = int(np.quantile(scene, 1 - share, method="nearest"))
    part = _part_above(scene, share, level, level)
    found = float((inside > level).mean()) + part * float((inside == level).mean())
    near = _part_above(scene, share, level - _NEAR_THRESHOLD, level + _NEAR_THRESHOLD)
    # none is ambiguous if all pixels near the threshold are cloud, or none are
    return found, 4 * near * (1 - near) * float((np.abs(inside - level) <= _NEAR_THRESHOLD).mean())


def _part_above(scene: NDArray[np.int16], share: float, low: int, high: int) -> float:
    """Return the share of pixels between two brightness levels (inclusive) that are among the brightest of the scene."""
    between = float(((scene >= low) & (scene <= high)).mean())
    return min(max((share - float((scene > high).mean())) / between, 0.0), 1.0) if between else 0.0


def _inside(place: Georeference, area: BaseGeometry, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels of a picture are inside an area."""
    found = np.zeros((size[1], size[0]), dtype=bool)
    scale = np.array(size) / np.array(place.size)
    for ring in _rings(area):
        mercator = to_mercator(ring)
        for world in _WORLDS:
            moved = mercator + np.array([2 * HALF_WORLD * world, 0])
            (west, south), (east, north) = moved.min(0), moved.max(0)
            if west < place.bounds[2] and east > place.bounds[0] and south < place.bounds[3] and north > place.bounds[1]:
                canvas = Image.new("1", size)
                # coordinates name pixels by their centres
                points = place.to_pixels(moved) * scale - 0.5
                if np.isfinite(points).all():
                    ImageDraw.Draw(canvas).polygon([(x, y) for x, y in points.tolist()], fill=1)
                # a ring inside a ring is a hole
                found ^= np.asarray(canvas)
                break
    return found


def _rings(geometry: BaseGeometry) -> list[NDArray[np.float64]]:
    """Return the rings of an area in degrees, with enough points that their edges are straight in any projection."""
    flat = unwrapped_if_narrower(geometry)
    west, south, east, north = flat.bounds
    return rings_of(shapely.segmentize(flat, max(east - west, north - south, 1e-9) / EDGE_PARTS))
