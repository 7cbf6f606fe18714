"""The georeference of a picture: a CRS, and a perspective transformation from it to pixels."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyproj
import shapely
from PIL import Image

from scenecart._imagery.mercator import from_mercator, to_mercator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

DEGREES, MERCATOR = "EPSG:4326", "EPSG:3857"
# parts of an edge or of a picture within which a projection is straight
EDGE_PARTS = 24
_CELLS, _LEAST_CELLS = 16, 4
# a small picture needs fewer cells
_CELL_PIXELS = 32


@dataclass(frozen=True)
class Georeference:
    """The georeference of a picture: its CRS, its bounds and the transformation to pixels.

    Attributes
    ----------
    size : tuple of int
        Width and height of the georeferenced picture, in pixels. The georeference also applies to smaller copies of it.
    bounds : tuple of float
        West, south, east and north of the picture, in EPSG:3857 (metres). Across the antimeridian, east is beyond the edge of the
        world.
    method : str
        ``"georeference"`` (stated by the catalog), ``"north-up"`` or ``"corners"``.
    is_sure : bool
        Whether the georeference is certain, within a few pixels.
    note : str
        A note on an approximate georeference, to be shown with the picture; empty if the catalog states the georeference.
    """

    size: tuple[int, int]
    bounds: tuple[float, float, float, float]
    method: str
    is_sure: bool
    note: str
    _crs: str
    _matrix: Points

    def to_pixels(self, mercator: Points) -> Points:
        """Return positions in the picture (columns and rows from its upper left corner) of points in EPSG:3857."""
        return apply_matrix(self._matrix, project(from_mercator(mercator), self._crs))

    def warp(
        self, picture: Image.Image, bounds: tuple[float, float, float, float], width: int, height: int, *, smooth: bool = True
    ) -> Image.Image:
        """Return a part of the map as a north-up picture in EPSG:3857; transparent outside of the picture.

        Parameters
        ----------
        picture
            The picture, at any size.
        bounds
            West, south, east and north, in EPSG:3857 (metres).
        width, height
            Size of the result, in pixels.
        smooth
            False samples the nearest pixel, for a picture that is much enlarged.
        """
        west, south, east, north = bounds
        columns, rows = (
            np.linspace(0, end, min(max(_LEAST_CELLS, end // _CELL_PIXELS), _CELLS, end) + 1).round() for end in (width, height)
        )
        x, y = west + (east - west) * columns / width, north - (north - south) * rows / height
        points = np.stack(np.meshgrid(x, y), -1)
        scale = np.array([picture.width / self.size[0], picture.height / self.size[1]])
        found = self.to_pixels(points.reshape(-1, 2)).reshape(points.shape) * scale
        mesh = []
        for row in range(len(rows) - 1):
            for column in range(len(columns) - 1):
                box = (int(columns[column]), int(rows[row]), int(columns[column + 1]), int(rows[row + 1]))
                corners = found[[row, row + 1, row + 1, row], [column, column, column + 1, column + 1]]
                if np.isfinite(corners).all():
                    mesh.append((box, tuple(corners.ravel().tolist())))
        # RGBX is opaque everywhere, and needs no multiplication with alpha
        source = picture if picture.mode in {"RGBA", "RGBX"} else picture.convert("RGBA")
        factor = _shrink_factor(found, width, height, len(columns) - 1, len(rows) - 1)
        if factor > 1:
            # bilinear sampling of a much larger picture would skip most of its pixels
            source = source.reduce(factor)
            mesh = [(box, tuple(number / factor for number in quad)) for box, quad in mesh]
        sampling = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
        warped = source.transform((width, height), Image.Transform.MESH, mesh, sampling)
        return warped if warped.mode == "RGBA" else Image.frombuffer("RGBA", warped.size, warped.tobytes())

    def northing(self, picture: Image.Image, side: int = 1_024) -> Image.Image:
        """Return the whole picture north up over its ``bounds``, at most ``side`` pixels wide and high."""
        west, south, east, north = self.bounds
        longest = max(east - west, north - south)
        scale = min(side, 1.5 * max(picture.size)) / longest
        width, height = max(1, round((east - west) * scale)), max(1, round((north - south) * scale))
        return self.warp(picture, self.bounds, width, height)


def georeference_by_matrix(size: tuple[int, int], crs: str, matrix: Points, outline: Points, method: str) -> Georeference:
    """Return a georeference. Its bounds are those of the outline, given in the CRS and densified before it is reprojected."""
    points = shapely.get_coordinates(
        shapely.segmentize(shapely.LineString(outline), max(np.ptp(outline, 0).max() / EDGE_PARTS, 1e-9))
    )
    mercator = to_mercator(_unproject(points, crs))
    finite = mercator[np.isfinite(mercator).all(1)]
    (west, south), (east, north) = (finite.min(0), finite.max(0)) if len(finite) else ((0.0, 0.0), (1.0, 1.0))
    bounds = (float(west), float(south), float(east), float(north))
    return Georeference(size, bounds, method, is_sure=True, note="", _crs=crs, _matrix=matrix)


@functools.lru_cache(maxsize=64)
def transformer_to(crs: str) -> pyproj.Transformer | None:
    """Return the transformation from degrees (EPSG:4326) to a CRS of the Earth; None if the CRS is unknown."""
    try:
        target = pyproj.CRS.from_user_input(crs)
        return pyproj.Transformer.from_crs(DEGREES, target, always_xy=True)
    except pyproj.exceptions.ProjError:
        return None


def project(degrees: Points, crs: str) -> Points:
    """Return unwrapped longitudes and latitudes in a CRS; EPSG:4326 and EPSG:3857 keep longitudes beyond 180."""
    if crs == DEGREES:
        return degrees
    if crs == MERCATOR:
        return to_mercator(degrees)
    transformer = transformer_to(crs)
    if transformer is None:
        return np.full(degrees.shape, np.nan)
    return np.stack(transformer.transform(degrees[:, 0], degrees[:, 1]), 1)


def _unproject(points: Points, crs: str) -> Points:
    """Return points of a CRS as unwrapped longitudes and latitudes."""
    if crs == DEGREES:
        return points
    if crs == MERCATOR:
        return from_mercator(points)
    transformer = transformer_to(crs)
    if transformer is None:
        return np.full(points.shape, np.nan)
    degrees = np.stack(transformer.transform(points[:, 0], points[:, 1], direction="INVERSE"), 1)
    is_known = np.isfinite(degrees).all(1)
    degrees[~is_known] = np.nan
    degrees[is_known, 0] = np.unwrap(degrees[is_known, 0], period=360)
    return degrees


def apply_matrix(matrix: Points, points: Points) -> Points:
    """Apply a perspective matrix to points."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:])


def _shrink_factor(found: Points, width: int, height: int, columns: int, rows: int) -> int:
    """Return the factor by which a picture may be reduced before it is resampled to this many pixels."""
    steps = [np.linalg.norm(np.diff(found, axis=axis), axis=-1) for axis in (1, 0)]
    ratios = [
        float(np.nanmin(step)) / (length / cells)
        for step, length, cells in zip(steps, (width, height), (columns, rows), strict=True)
        if step.size
    ]
    return max(1, int(min(ratios, default=1.0)))
