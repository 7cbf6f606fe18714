"""Every picture cut to the same square: captures clipped to an area of interest, at one scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from PIL import Image, ImageDraw

from scenecart._geo.unwrap import unwrapped_if_narrower
from scenecart._imagery.georeferencing import georeferenced_quicklook
from scenecart._imagery.mercator import HALF_WORLD, from_mercator, to_mercator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

_MARGIN = 0.08
# an area of a few metres is shown with its surroundings
_LEAST_METRES = 100.0
_OUTLINE, _HALO = (255, 255, 255, 255), (0, 0, 0, 160)
_WORLDS = (0, -1, 1)


@dataclass(frozen=True)
class AreaView:
    """A rectangle around an area, most often a square.

    Attributes
    ----------
    bounds : tuple of float
        West, south, east and north in EPSG:3857 (metres). Across the antimeridian, east is beyond the edge of the world.
    rings : tuple of numpy.ndarray
        The outlines of the area in EPSG:3857, one (n, 2) array each.
    """

    bounds: tuple[float, float, float, float]
    rings: tuple[NDArray[np.float64], ...] = ()

    @classmethod
    def around(cls, geometry: BaseGeometry, margin: float = _MARGIN, ratio: float = 1.0) -> AreaView:
        """Return the view of a geometry in EPSG:4326, with a margin on every side as a share of its longer side.

        Parameters
        ----------
        geometry
            Polygons, EPSG:4326.
        margin
            The margin around the geometry.
        ratio
            Width of the view by its height; 1 is a square.
        """
        rings = tuple(to_mercator(ring) for ring in rings_of(unwrapped_if_narrower(geometry)))
        points = np.concatenate(rings)
        (west, south), (east, north) = points.min(0), points.max(0)
        half = max((east - west) / ratio, north - south, _LEAST_METRES) * (0.5 + margin)
        x, y = (west + east) / 2, (south + north) / 2
        return cls((x - ratio * half, y - half, x + ratio * half, y + half), rings)

    @classmethod
    def square(cls, bounds: tuple[float, float, float, float]) -> AreaView:
        """Return the smallest square view of bounds in EPSG:3857, without an outline."""
        west, south, east, north = bounds
        x, y, half = (west + east) / 2, (south + north) / 2, max(east - west, north - south) / 2
        return cls((x - half, y - half, x + half, y + half))

    @property
    def metres(self) -> float:
        """The width of the rectangle, in metres at its middle latitude."""
        west, south, east, north = self.bounds
        latitude = from_mercator(np.array([[west, (south + north) / 2]]))[0, 1]
        return float((east - west) * np.cos(np.radians(latitude)))

    def cut(
        self, content: bytes, capture: Mapping[str, Any] | pd.Series[Any], side: int, height: int | None = None
    ) -> tuple[Image.Image, str] | None:
        """Cut a quicklook to this view.

        Parameters
        ----------
        content
            PNG, JPEG or WEBP.
        capture
            The row of a search result to which the quicklook belongs.
        side
            Width of the result, in pixels.
        height
            Height of the result, in pixels; None makes it square.

        Returns
        -------
        tuple or None
            A picture in RGBA, transparent outside of the quicklook, and a note on its georeference, empty if the catalog states it.
            None if the content is no picture, cannot be georeferenced, or does not intersect the rectangle.
        """
        placed = georeferenced_quicklook(content, capture)
        if placed is None:
            return None
        picture, place = placed
        for world in _WORLDS:
            west, south, east, north = self.bounds
            shift = 2 * HALF_WORLD * world
            if west + shift < place.bounds[2] and east + shift > place.bounds[0]:
                found = place.warp(picture, (west + shift, south, east + shift, north), side, height or side)
                return (found, place.note) if found.getchannel("A").getbbox() else None
        return None

    def outlined(self, picture: Image.Image) -> Image.Image:
        """Return a picture of this view with the outline of the area drawn on it."""
        drawn = picture.copy()
        pen = ImageDraw.Draw(drawn, "RGBA")
        for ring in self.rings:
            points = [tuple(point) for point in self.to_pixels(ring, drawn.width, drawn.height).tolist()]
            pen.line(points, fill=_HALO, width=3)
            pen.line(points, fill=_OUTLINE, width=1)
        return drawn

    def to_pixels(self, points: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
        """Return points in EPSG:3857 as columns and rows of a picture of this view."""
        west, south, east, north = self.bounds
        return (points - [west, north]) * [width / (east - west), height / (south - north)]

    def mask(self, width: int, height: int) -> NDArray[np.bool_]:
        """Return which pixels of a picture of this view are inside the area."""
        found = np.zeros((height, width), dtype=bool)
        for ring in self.rings:
            canvas = Image.new("1", (width, height))
            points = [tuple(point) for point in self.to_pixels(ring, width, height).tolist()]
            ImageDraw.Draw(canvas).polygon(points, fill=1)
            # a ring inside a ring is a hole
            found ^= np.asarray(canvas)
        return found


def rings_of(geometry: BaseGeometry) -> list[NDArray[np.float64]]:
    """Return the rings of polygons, holes included."""
    return [shapely.get_coordinates(ring) for part in shapely.get_parts(geometry) for ring in shapely.get_rings(part)]
