"""Opening of raster files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
from rasterio.shutil import copy

import scenecart
from _expect import raises
from scenecart._imagery.opening import opened_raster

if TYPE_CHECKING:
    from pathlib import Path

GRID: dict[str, Any] = {"crs": "EPSG:32631", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}


def write(path: Path, values: np.ndarray[Any, Any], **options: Any) -> Path:
    count, height, width = values.shape
    given = {**GRID, "driver": "GTiff", "dtype": values.dtype, **options}
    with rasterio.open(path, "w", count=count, height=height, width=width, **given) as raster:
        raster.write(values)
    return path


VALUES = np.arange(3 * 40 * 60, dtype="uint16").reshape(3, 40, 60)
VRT = """<VRTDataset rasterXSize="60" rasterYSize="40"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
<SourceFilename>{path}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""


def code_of(path: Path) -> str:
    with pytest.raises(scenecart.InvalidRequest) as caught, opened_raster(path):
        pass
    return caught.value.code


@pytest.mark.parametrize("driver", ["GTiff", "COG", "JP2OpenJPEG"])
def test_opened_raster_of_an_allowed_format_is_read(tmp_path: Path, driver: str):
    """GeoTIFF, COG and JPEG 2000 are read, whatever the file is called."""
    plain, path = write(tmp_path / "plain.tif", VALUES), tmp_path / "picture.dat"
    copy(plain, path, driver=driver, **({"QUALITY": "100", "REVERSIBLE": "YES"} if driver == "JP2OpenJPEG" else {}))
    with opened_raster(path) as dataset:
        np.testing.assert_array_equal(dataset.read(), VALUES)
        # GDAL writes the CRS of this JPEG 2000 into a file beside it, which is not read
        assert driver == "JP2OpenJPEG" or dataset.crs.to_epsg() == 32631


def test_opened_raster_vrt_is_refused(tmp_path: Path):
    """A VRT, which names other files, is refused under any name."""
    secret = write(tmp_path / "secret.tif", VALUES)
    for name in ("picture.vrt", "picture.tif"):
        (tmp_path / name).write_text(VRT.format(path=secret))
        assert code_of(tmp_path / name) == "raster_format"


def test_opened_raster_overviews_elsewhere_are_refused(tmp_path: Path):
    """A GeoTIFF that names another file for its overviews is refused; files beside it are not looked at."""
    secret = write(tmp_path / "secret.tif", VALUES)
    path = write(tmp_path / "picture.tif", VALUES)
    secret.rename(tmp_path / "picture.tif.ovr")
    (tmp_path / "picture.tif.aux.xml").write_text('<PAMDataset><Metadata><MDI key="a">b</MDI></Metadata></PAMDataset>')
    with opened_raster(path) as dataset:
        assert dataset.overviews(1) == []
        assert "a" not in dataset.tags()
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(tmp_path / "picture.tif.ovr"))
    assert code_of(path) == "raster_refers_elsewhere"


def test_opened_raster_untiled_and_endless_is_refused(tmp_path: Path):
    """A small file whose single tile would fill the memory is refused."""
    path = tmp_path / "bomb.tif"
    size = {"width": 32_768, "height": 32_768, "tiled": True, "blockxsize": 32_768, "blockysize": 32_768}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", SPARSE_OK=True, compress="deflate", **size, **GRID):
        pass
    assert path.stat().st_size < 100_000
    assert code_of(path) == "raster_block_too_large"


@pytest.mark.parametrize("content", [b"", b"II*", b"<html>Sign in</html>", b"PK\3\4", b"SQLite format 3\0"])
def test_opened_raster_other_file_is_refused(tmp_path: Path, content: bytes):
    """A file that is not a raster is refused by its first bytes."""
    path = tmp_path / "picture.tif"
    path.write_bytes(content)
    assert code_of(path) == "raster_format"


def test_opened_raster_damaged_is_an_error(tmp_path: Path):
    """A raster that is cut off is an error when it is opened or read, and nothing else."""
    path = write(tmp_path / "picture.tif", VALUES)
    content = path.read_bytes()
    for size in (10, 60, len(content) // 2):
        path.write_bytes(content[:size])
        with raises(scenecart.InvalidRequest, "raster_unreadable"), opened_raster(path) as dataset:
            dataset.read()


def test_opened_raster_file_missing_is_an_error(tmp_path: Path):
    """A path without a file, or of a folder, is an error."""
    assert code_of(tmp_path / "nothing.tif") == code_of(tmp_path) == "raster_file_missing"
