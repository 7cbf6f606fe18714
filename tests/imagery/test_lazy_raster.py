"""Pixels of rasters that are read when they are used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio

from scenecart._imagery.raster import open_raster

if TYPE_CHECKING:
    from pathlib import Path

GRID = {"height": 40, "width": 60, "crs": "EPSG:32631", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}
PIXELS = np.arange(3 * 40 * 60, dtype="uint16").reshape(3, 40, 60)


@pytest.fixture
def reflectance(tmp_path: Path) -> Path:
    """Write three named bands with scale, offset, a no-data value of 0 and overviews."""
    path = tmp_path / "analytic.tif"
    tiles = {"tiled": True, "blockxsize": 16, "blockysize": 16}
    with rasterio.open(path, "w", driver="GTiff", count=3, dtype="uint16", nodata=0, **tiles, **GRID) as raster:
        raster.write(PIXELS)
        raster.descriptions = ("blue", "green", "red")
        raster.scales, raster.offsets = (0.5, 0.5, 0.25), (-1, -1, 0)
        raster.build_overviews([2, 4], rasterio.enums.Resampling.nearest)
    return path


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"band": 1},
        {"y": slice(3, 9), "x": slice(5, 6)},
        {"y": slice(30, 2, -3), "x": slice(None, None, 7)},
        {"band": [2, 0], "x": [5, 1, 59]},
        {"y": -1, "x": 0},
        {"y": slice(5, 5)},
    ],
    ids=str,
)
def test_part_equals_the_same_part_of_the_file(reflectance: Path, part: dict[str, Any]):
    """Any selection of bands, rows and columns has the pixels that the whole file has there."""
    array = open_raster(reflectance)
    found = array.isel(part)
    expected = array.copy(data=PIXELS).isel(part)
    assert found.dtype == np.uint16
    assert np.array_equal(found.values, expected.values)


def test_bands_have_the_names_of_the_file_or_of_the_item(reflectance: Path, tmp_path: Path):
    """Bands are selected by name; names that are missing come from the item, and without any bands have numbers."""
    array = open_raster(reflectance)
    assert np.array_equal(array.sel(band="red"), PIXELS[2])
    plain = tmp_path / "plain.tif"
    with rasterio.open(plain, "w", driver="GTiff", count=2, dtype="uint8", **GRID) as raster:
        raster.write(np.ones((2, 40, 60), "uint8"))
    assert open_raster(plain, names=["a", "b"]).band.values.tolist() == ["a", "b"]
    assert open_raster(plain, names=["a", "a"]).band.values.tolist() == [1, 2]
    assert open_raster(plain, names=["a"]).band.values.tolist() == [1, 2]


def test_masked_no_data_is_nan_and_scaled_bands_are_values(reflectance: Path):
    """Asked for, no data is NaN, and each band has its own scale and offset."""
    masked = open_raster(reflectance, masked=True)
    assert masked.dtype == np.float32
    assert int(masked.isnull().sum()) == 1
    scaled = open_raster(reflectance, scaled=True)
    assert np.allclose(scaled.sel(band="green"), PIXELS[1] * 0.5 - 1)
    assert np.allclose(scaled.sel(band="red"), PIXELS[2] * 0.25)
    assert np.isnan(scaled.values[0, 0, 0])
    assert np.isnan(scaled.rio.nodata)


def test_masked_alpha_becomes_the_mask(tmp_path: Path):
    """An alpha band is not a band of a masked array: where it is transparent, the others are NaN."""
    path = tmp_path / "visual.tif"
    alpha = np.zeros((40, 60), "uint8")
    alpha[10:, 20:] = 255
    with rasterio.open(path, "w", driver="GTiff", count=4, dtype="uint8", photometric="RGB", alpha="YES", **GRID) as raster:
        raster.write(np.concatenate([np.full((3, 40, 60), 7, "uint8"), alpha[None]]))
    found = open_raster(path, masked=True)
    assert found.shape == (3, 40, 60)
    assert np.array_equal(np.isnan(found[0].values), alpha == 0)
    assert np.nanmax(found.values) == 7
    assert open_raster(path).shape == (4, 40, 60)


@pytest.mark.parametrize(("resolution", "size"), [(None, 10), (5, 10), (19.9, 10), (20, 20), (25, 20), (1_000, 40)])
def test_resolution_reads_the_coarsest_overview_that_is_fine_enough(reflectance: Path, resolution: float | None, size: int):
    """The pixels are those of the overview, at the same extent."""
    found = open_raster(reflectance, resolution=resolution)
    assert found.rio.resolution() == (size, -size)
    assert found.rio.bounds() == (500_000, 4_999_600, 500_600, 5_000_000)
    assert found.shape == (3, 400 // size, 600 // size)


def test_turned_raster_has_its_transform_and_no_coordinates(tmp_path: Path):
    """Rows and columns of a turned raster are no coordinates."""
    path = tmp_path / "turned.tif"
    transform = rasterio.Affine.rotation(20) @ rasterio.Affine(10, 0, 5, 0, -10, 5)
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", **{**GRID, "transform": transform}) as raster:
        raster.write(np.ones((1, 40, 60), "uint8"))
    found = open_raster(path)
    assert "x" not in found.coords
    assert found.rio.transform().almost_equals(transform)
