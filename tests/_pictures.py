"""Pictures that name the place by their colours, and footprints of captures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely
from PIL import Image

from scenecart._imagery.mercator import to_mercator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scenecart._imagery.georeference import Georeference


def capture(footprint: Any, **values: Any) -> dict[str, Any]:
    """Return a capture as a row."""
    return {"id": "a", "geometry": footprint, "assets": "{}", **values}


def turned(tilt: float, wide: float, high: float, longitude: float = 151.2, latitude: float = -33.9) -> NDArray[np.float64]:
    """Return the corners, clockwise from the upper left, of a footprint in km that is turned clockwise by some degrees."""
    base = np.array([[-wide, high], [wide, high], [wide, -high], [-wide, -high]]) / 2
    angle = math.radians(-tilt)
    rotated = base @ np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return np.asarray(rotated / 111.32 / [math.cos(math.radians(latitude)), 1] + [longitude, latitude])


def coded(width: int, height: int) -> Image.Image:
    """Return a picture without fill whose colours name the place."""
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([columns / width * 200 + 40, rows / height * 200 + 40, np.full(rows.shape, 90), np.full(rows.shape, 255)], -1)
    return Image.fromarray(pixels.astype("uint8"))


def north_up(footprint: Any, crs: str, side: int = 400, fill: tuple[int, ...] = (0, 0, 0, 255)) -> tuple[Image.Image, Any]:
    """Return a picture laid north up on a grid with fill around the footprint, and the true positions of points in degrees."""
    project = pyproj.Transformer.from_crs(4326, crs, always_xy=True).transform
    ring = shapely.get_coordinates(shapely.segmentize(footprint, 0.01))
    x, y = project(ring[:, 0], ring[:, 1])
    west, east, south, north = min(x), max(x), min(y), max(y)
    width, height = side, max(1, round(side * (north - south) / (east - west)))

    def position(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = project(degrees[:, 0], degrees[:, 1])
        return np.stack([(np.asarray(x) - west) / (east - west) * width, (north - np.asarray(y)) / (north - south) * height], 1)

    picture = coded(width, height)
    drawn = shapely.Polygon(position(ring))
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    pixels = np.array(picture)
    pixels[~shapely.contains_xy(drawn, columns, rows)] = fill
    return Image.fromarray(pixels), position


def error_of(place: Georeference, degrees: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many pixels positions are off."""
    return np.asarray(np.hypot(*(place.to_pixels(to_mercator(degrees)) - truth).T))


def inner_points(footprint: Any, count: int = 200) -> NDArray[np.float64]:
    """Return points inside a footprint, in degrees."""
    west, south, east, north = footprint.bounds
    random = np.random.default_rng(1)
    points = np.stack([random.uniform(west, east, 20 * count), random.uniform(south, north, 20 * count)], 1)
    return np.asarray(points[shapely.contains_xy(footprint, points)][:count])
