"""Pixels of a raster inside an area, such as those of a delivered cloud mask."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pyproj
import shapely
from rasterio.features import geometry_mask
from rasterio.windows import Window, from_bounds
from rasterio.windows import transform as window_transform
from shapely import affinity

from scenecart._imagery.georeference import project
from scenecart._imagery.opening import is_usable_transform, opened_raster
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

# largest side of the window that is read, in pixels; a larger window is subsampled
_MOST_SIDE = 2_048
_EDGE_PARTS = 32
_TURN = 360.0


def pixels_inside(path: Path, area: BaseGeometry, band: int = 1) -> tuple[NDArray[Any], float | None]:
    """Return the values of a raster inside an area, and the value that means no data.

    Parameters
    ----------
    path
        A GeoTIFF.
    area
        Polygons in EPSG:4326, with longitudes in ±180.
    band
        The band, from 1.

    Returns
    -------
    tuple
        The values of the pixels whose centres are inside, as a one-dimensional array that may be empty; and the nodata value or
        None.

    Raises
    ------
    InvalidRequest
        If the file cannot be read, or has no CRS.
    """
    with opened_raster(path) as dataset:
        if dataset.crs is None or not 1 <= band <= dataset.count:
            raise InvalidRequest(
                f"must have masks with a CRS and band {band}, got {clean_text(path.name, 120)}.",
                code="mask_unreadable",
                argument="deliveries",
            )
        if not is_usable_transform(np.array(dataset.transform, dtype=float).reshape(3, 3)):
            raise InvalidRequest(
                f"must have masks with a usable transform, got {clean_text(path.name, 120)}.",
                code="mask_unreadable",
                argument="deliveries",
            )
        shapes = [
            shape
            for shape in _projected(area, dataset.crs.to_wkt(), is_geographic=bool(dataset.crs.is_geographic))
            if shape.intersects(shapely.box(*dataset.bounds))
        ]
        whole = Window(0, 0, dataset.width, dataset.height)
        west, south, east, north = shapely.union_all(shapes).bounds if shapes else (0.0, 0.0, 0.0, 0.0)
        window = from_bounds(west, south, east, north, dataset.transform).round_offsets().round_lengths(op="ceil")
        if not shapes or not _overlap(window, whole):
            return np.empty(0, dtype=dataset.dtypes[band - 1]), dataset.nodatavals[band - 1]
        window = window.intersection(whole)
        thin = max(1, math.ceil(max(window.width, window.height) / _MOST_SIDE))
        rows, columns = (max(1, int(size) // thin) for size in (window.height, window.width))
        values = dataset.read(band, window=window, out_shape=(rows, columns))
        affine = window_transform(window, dataset.transform) @ dataset.transform.scale(window.width / columns, window.height / rows)
        outside = geometry_mask(shapes, (rows, columns), affine)
        return values[~outside], dataset.nodatavals[band - 1]


def _overlap(first: Window, second: Window) -> bool:
    return bool(
        first.col_off < second.col_off + second.width
        and first.row_off < second.row_off + second.height
        and second.col_off < first.col_off + first.width
        and second.row_off < first.row_off + first.height
    )


def _projected(area: BaseGeometry, crs: str, *, is_geographic: bool) -> list[BaseGeometry]:
    """Return the parts of an area in a CRS; in a geographic CRS, also shifted by 360 degrees east and west."""
    west, south, east, north = area.bounds
    dense = shapely.segmentize(area, max(east - west, north - south, 1e-9) / _EDGE_PARTS)
    name = pyproj.CRS.from_wkt(crs).to_string()
    found = []
    for shift in (0.0, _TURN, -_TURN) if is_geographic else (0.0,):
        for part in shapely.get_parts(dense):
            moved = affinity.translate(part, xoff=shift)
            # the area cannot be projected to a CRS of another planet
            if np.isfinite(project(shapely.get_coordinates(moved), name)).all():
                found.append(shapely.transform(moved, lambda xy: project(xy, name)))
    return found
