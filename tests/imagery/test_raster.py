"""Raster files as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio

import scenecart
from _expect import raises
from scenecart._imagery.raster import open_raster

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def geotiff(tmp_path: Path) -> Path:
    """Write a small raster of two bands in UTM."""
    path = tmp_path / "small.tif"
    grid = {"height": 20, "width": 30, "crs": "EPSG:32631", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", **grid) as raster:
        raster.write(np.arange(1_200, dtype="uint16").reshape(2, 20, 30))
    return path


def test_open_raster_keeps_bands_grid_and_crs(geotiff: Path):
    """The array has the bands, the grid and the CRS of the file, and its values."""
    with open_raster(geotiff) as array:
        assert (array.dims, array.shape) == (("band", "y", "x"), (2, 20, 30))
        assert array.rio.crs.to_epsg() == 32631
        assert array.rio.resolution() == (10, -10)
        assert int(array.sum()) == sum(range(1_200))


def test_open_raster_file_not_a_raster_is_refused(tmp_path: Path):
    """A file that is not a raster is an error that names it."""
    path = tmp_path / "notes.tif"
    path.write_text("not a raster")
    with raises(scenecart.DownloadError, "file_not_raster") as caught:
        open_raster(path)
    assert "notes.tif" in caught.value.message


@pytest.mark.parametrize("content", [b"<VRTDataset/>", b"II*\0<VRTDataset/>", b"GIF89a", b""])
def test_open_raster_format_that_may_point_elsewhere_is_refused(tmp_path: Path, content: bytes):
    """A VRT is not opened, whatever the file is called and whatever it begins with."""
    path = tmp_path / "visual.tif"
    path.write_bytes(content)
    with raises(scenecart.DownloadError, "file_not_raster"):
        open_raster(path)
