"""How odc-stac opens the files of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from odc.loader.types import RasterLoadParams, RasterSource

import scenecart
from _expect import raises
from scenecart._imagery.stack import Layer
from scenecart._imagery.stack_driver import StackDriver

if TYPE_CHECKING:
    from pathlib import Path

TRANSFORM = rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """Write a band with an overview that has other pixels than the raster."""
    path = tmp_path / "a.tif"
    grid = {"height": 64, "width": 64, "crs": "EPSG:32631", "transform": TRANSFORM}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", nodata=0, **grid) as file:
        file.write(np.full((1, 64, 64), 7, "uint8"))
        file.build_overviews([2], rasterio.enums.Resampling.nearest)
    return path


def read(path: Path, grid: GeoBox, **params: object) -> np.ndarray:
    """Read a band to a grid, as odc-stac does."""
    driver = StackDriver({"/one": Layer(path, 1, {})})
    reader = driver.open(RasterSource("/one"), None)
    roi, pixels = reader.read(RasterLoadParams(dtype="uint8", **params), grid)
    found = np.zeros(grid.shape, "uint8")
    found[roi] = pixels
    return found


def test_read_pastes_shrinks_and_reprojects(raster: Path):
    """Pixels arrive on the grid of the file, on a coarser one and in another CRS."""
    grid = GeoBox((64, 64), TRANSFORM, "EPSG:32631")
    assert (read(raster, grid) == 7).all()
    assert (read(raster, grid.zoom_out(4)) == 7).all()
    assert (read(raster, grid.to_crs("EPSG:3857")) == 7).mean() > 0.8
    assert (read(raster, grid, fill_value=9, src_nodata_override=7) == 9).all()


def test_read_grid_elsewhere_has_no_pixels(raster: Path):
    """A grid beside the file gets nothing of it."""
    beside = GeoBox((8, 8), rasterio.Affine(10, 0, 600_000, 0, -10, 5_000_000), "EPSG:32631")
    assert not read(raster, beside).any()


def test_read_file_that_points_elsewhere_is_refused(tmp_path: Path, raster: Path):
    """A VRT that is called a GeoTIFF reads no other file."""
    path = tmp_path / "b.tif"
    path.write_text(f'<VRTDataset rasterXSize="1" rasterYSize="1"><!-- {raster} --></VRTDataset>')
    with raises(scenecart.InvalidRequest, "raster_format"):
        read(path, GeoBox((64, 64), TRANSFORM, "EPSG:32631"))
