"""Pixels of a mask inside an area, whatever its CRS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from rasterio import Affine

import scenecart
from _expect import raises
from scenecart._imagery.cloud_mask import pixels_inside
from scenecart._imagery.render import RasterPicture

if TYPE_CHECKING:
    from pathlib import Path


def mask(path: Path, crs: str | None, affine: Affine, size: int = 100, **options: Any) -> Path:
    """Write a mask whose western half is 2 and whose eastern half is 1."""
    values = np.where(np.arange(size) < size // 2, 2, 1).astype(np.uint8) * np.ones((size, 1), np.uint8)
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": size, "width": size}
    with rasterio.open(path, "w", crs=crs, transform=affine, **profile, **options) as file:
        file.write(values, 1)
    return path


def test_pixels_inside_are_those_of_the_area(tmp_path: Path):
    """Of a mask in degrees or in metres, only the pixels inside are returned, and none for an area elsewhere."""
    degrees = mask(tmp_path / "degrees.tif", "EPSG:4326", Affine(0.001, 0, 151, 0, -0.001, -33.9), nodata=0)
    values, nodata = pixels_inside(degrees, shapely.box(151.02, -33.98, 151.06, -33.92))
    assert nodata == 0
    assert len(values) == 40 * 60
    assert (values == 2).mean() == pytest.approx(0.75)
    metres = mask(tmp_path / "metres.tif", "EPSG:32756", Affine(10, 0, 334_000, 0, -10, 6_252_000))
    inside, _ = pixels_inside(metres, shapely.box(150, -35, 152, -33))
    assert len(inside) == 10_000
    assert not len(pixels_inside(metres, shapely.box(10, 10, 11, 11))[0])


def test_pixels_inside_across_the_antimeridian(tmp_path: Path):
    """A mask whose longitudes go on beyond 180 shows both sides of an area that is split there."""
    path = mask(tmp_path / "m.tif", "EPSG:4326", Affine(0.001, 0, 179.95, 0, -0.001, 10))
    area = shapely.MultiPolygon([shapely.box(179.98, 9.92, 180, 9.98), shapely.box(-180, 9.92, -179.98, 9.98)])
    values, _ = pixels_inside(path, area)
    assert (values == 2).mean() == pytest.approx(0.5, abs=0.02)


def test_pixels_inside_of_a_large_mask_are_thinned(tmp_path: Path):
    """A large mask is read at a part of its pixels."""
    path = mask(tmp_path / "m.tif", "EPSG:4326", Affine(0.0001, 0, 151, 0, -0.0001, -33.9), size=5_000, compress="deflate")
    values, _ = pixels_inside(path, shapely.box(150, -35, 152, -33))
    assert len(values) < 3_000_000
    assert (values == 2).mean() == pytest.approx(0.5, abs=0.01)


def test_pixels_inside_without_crs_band_or_raster_is_refused(tmp_path: Path):
    """A file that is no raster, has no CRS or no such band is refused; one of another planet shows nothing."""
    plain = mask(tmp_path / "plain.tif", None, Affine(0.001, 0, 151, 0, -0.001, -33.9))
    with raises(scenecart.InvalidRequest, code="mask_unreadable"):
        pixels_inside(plain, shapely.box(151, -34, 151.1, -33.9))
    with raises(scenecart.InvalidRequest, code="mask_unreadable"):
        pixels_inside(mask(tmp_path / "one.tif", "EPSG:4326", Affine(0.1, 0, 0, 0, -0.1, 1)), shapely.box(0, 0, 1, 1), 2)
    for size in (1e-45, 1e200):
        flat = mask(tmp_path / "flat.tif", "EPSG:4326", Affine(0.1, 0, 0, 0, size, 1))
        with raises(scenecart.InvalidRequest, code="mask_unreadable"):
            pixels_inside(flat, shapely.box(0, 0, 1, 1))
    thin = mask(tmp_path / "thin.tif", "EPSG:32756", Affine(10, 0, 315_000, 0, -1e-45, 6_240_000))
    with raises(scenecart.InvalidRequest, code="raster_outside_crs"):
        RasterPicture(thin)
    (tmp_path / "page.tif").write_bytes(b"<html>")
    with raises(scenecart.InvalidRequest, code="raster_format"):
        pixels_inside(tmp_path / "page.tif", shapely.box(0, 0, 1, 1))
    mars = mask(tmp_path / "mars.tif", "IAU_2015:49900", Affine(0.001, 0, 151, 0, -0.001, -33.9))
    assert not len(pixels_inside(mars, shapely.box(151, -34, 151.1, -33.9))[0])
