"""Generated images of captures: the same capture id and cloud cover always give the same image."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio import Affine
from rasterio.features import geometry_mask
from rasterio.io import MemoryFile
from rasterio.shutil import copy as copy_raster
from rasterio.warp import transform_geom

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

import shapely
from shapely.geometry import mapping, shape

from scenecart.sandbox._data.geometry import bounding_boxes

_LONGEST_SIDE = 512
_UTM_SPAN, _UTM_LATITUDE = 6.0, 84.0
_WATER, _SAND, _GREEN, _DRY, _TOWN = (
    np.array(color, dtype=float) for color in ((28, 58, 84), (176, 164, 134), (72, 92, 54), (128, 118, 84), (140, 136, 130))
)


def draw(name: str, cloud: float | None, height: int, width: int) -> NDArray[np.uint8]:
    """Draw a capture as an array of red, green and blue bands, rows and columns."""
    random = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode("utf-8", "replace"))))
    land = _noise(random, height, width, 3)
    cover = _noise(random, height, width, 12)
    image = np.empty((height, width, 3))
    image[:] = _WATER + 24 * (land[..., None] - 0.3)
    for least, color in ((0.46, _SAND), (0.48, _GREEN), (0.62, _DRY), (0.74, _TOWN)):
        image = np.where((land > least)[..., None], color, image)
    image *= 0.86 + 0.28 * _noise(random, height, width, 48)[..., None]
    image += random.normal(0, 3.5, (height, width, 1))
    if cloud:
        overcast = _noise(random, height, width, 5)
        edge = np.quantile(overcast, 1 - min(max(cloud, 0), 100) / 100)
        depth = np.clip((overcast - edge) * 9, 0, 1)[..., None]
        image = image * (1 - depth) + (232 + 16 * cover[..., None]) * depth
    return np.moveaxis(np.clip(image, 0, 255).astype(np.uint8), 2, 0)


def png(image: NDArray[np.uint8]) -> bytes:
    """Encode an image as PNG."""
    bands, height, width = image.shape
    # rasterio warns about an image without a transform, so this one gets any
    profile = {"driver": "PNG", "dtype": "uint8", "count": bands, "height": height, "width": width}
    with MemoryFile() as memory:
        with memory.open(**profile, transform=Affine(1.0, 0.0, 0.5, 0.0, -1.0, 0.5)) as file:
            file.write(image)
        return bytes(memory.read())


def write_geotiff(
    path: Path, name: str, cloud: float | None, area: BaseGeometry
) -> tuple[str, list[int], list[float], list[float]]:
    """Write the purchased area as a cloud-optimized GeoTIFF, transparent outside it.

    Returns
    -------
    crs, shape, transform, bbox
        As in the projection extension of STAC.
    """
    crs, projected = _projected(area)
    west, south, east, north = projected.bounds
    scale = _LONGEST_SIDE / max(east - west, north - south)
    width, height = max(16, round((east - west) * scale)), max(16, round((north - south) * scale))
    affine = Affine((east - west) / width, 0.0, west, 0.0, (south - north) / height, north)
    image = draw(name, cloud, height, width)
    inside = geometry_mask([mapping(projected)], (height, width), affine, all_touched=True, invert=True)
    with MemoryFile() as memory:
        profile = {"driver": "GTiff", "dtype": "uint8", "count": 4, "height": height, "width": width, "crs": crs}
        with memory.open(**profile, transform=affine, photometric="RGB", alpha="YES") as file:
            file.write(np.where(inside, image, 0), [1, 2, 3])
            file.write(np.where(inside, 255, 0).astype(np.uint8), 4)
        with memory.open() as source:
            copy_raster(source, path, driver="COG", compress="DEFLATE", blocksize=256)
    return crs, [height, width], list(affine)[:6], [west, south, east, north]


def _projected(area: BaseGeometry) -> tuple[str, BaseGeometry]:
    """Project an area to its UTM zone or a polar CRS; a wider area stays in EPSG:4326."""
    sides = bounding_boxes(area)
    south, north = min(side[1] for side in sides), max(side[3] for side in sides)
    west, east = sides[0][0], sides[-1][2] + (360 if len(sides) > 1 else 0)
    if east - west <= _UTM_SPAN and south > -_UTM_LATITUDE and north < _UTM_LATITUDE:
        zone = int(((west + east) / 2 + 180) // 6) % 60 + 1
        crs = f"EPSG:{(32600 if (south + north) / 2 >= 0 else 32700) + zone}"
    elif south > 60 or north < -60:  # noqa: PLR2004  # where the polar projections begin
        crs = "EPSG:3413" if south > 0 else "EPSG:3031"
    else:
        moved = shapely.transform(area, lambda xy: xy + np.where(xy[:, :1] < 0, [[360.0, 0.0]], [[0.0, 0.0]]))
        return "EPSG:4326", moved if len(sides) > 1 else area
    return crs, shape(transform_geom("EPSG:4326", crs, mapping(shapely.segmentize(area, 0.5))))


def _noise(random: np.random.Generator, height: int, width: int, cells: int) -> NDArray[np.float64]:
    """Return smooth noise from 0 to 1: four octaves, each half as strong as the one before."""
    total = np.zeros((height, width))
    strength = 1.0
    for octave in range(4):
        count = cells * 2**octave
        grid = random.random((count + 2, count + 2))
        rows, columns = np.linspace(0, count, height), np.linspace(0, count, width)
        top, left = rows.astype(int), columns.astype(int)
        down, right = (rows - top)[:, None], (columns - left)[None, :]
        down, right = down * down * (3 - 2 * down), right * right * (3 - 2 * right)
        upper = grid[np.ix_(top, left)] * (1 - right) + grid[np.ix_(top, left + 1)] * right
        lower = grid[np.ix_(top + 1, left)] * (1 - right) + grid[np.ix_(top + 1, left + 1)] * right
        total += strength * (upper * (1 - down) + lower * down)
        strength /= 2
    low, high = total.min(), total.max()
    return np.asarray((total - low) / max(1e-9, high - low))


def environment() -> rasterio.Env:
    """Return GDAL settings without network access, sidecar files and debug output."""
    return rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO", CPL_DEBUG="OFF")
