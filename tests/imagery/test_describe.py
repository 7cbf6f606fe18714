"""What raster files say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from scenecart._imagery.describe import Band, describe_raster

if TYPE_CHECKING:
    from pathlib import Path

VRT = """<VRTDataset rasterXSize="4" rasterYSize="4"><SRS>EPSG:4326</SRS><GeoTransform>0,.1,0,1,0,-.1</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"><SimpleSource><SourceFilename>{source}</SourceFilename></SimpleSource></VRTRasterBand>
</VRTDataset>"""


def write(path: Path, **profile: Any) -> Path:
    given = {"driver": "GTiff", "count": 1, "dtype": "uint8", "crs": "EPSG:32631", **profile}
    with rasterio.open(
        path, "w", height=4, width=6, transform=rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000), **given
    ) as raster:
        raster.write(np.ones((given["count"], 4, 6), given["dtype"]))
        if given["count"] == 4:
            raster.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.alpha]
    return path


def test_describe_reads_grid_crs_and_bands(tmp_path: Path):
    """CRS, shape, transform and bounds are those of the file; bands are named by their colour."""
    found = describe_raster(write(tmp_path / "a.tif", count=4))
    assert found is not None
    assert found.projection["proj:code"] == "EPSG:32631"
    assert found.projection["proj:shape"] == [4, 6]
    assert found.projection["proj:bbox"] == [500_000, 4_999_960, 500_060, 5_000_000]
    assert [band.name for band in found.bands] == ["red", "green", "blue", "alpha"]
    assert [band.common_name for band in found.bands] == ["red", "green", "blue", None]


def test_describe_nodata_that_json_does_not_have_is_text(tmp_path: Path):
    """A nodata value of NaN is text, as STAC writes it."""
    found = describe_raster(write(tmp_path / "a.tif", dtype="float32", nodata=float("nan")))
    assert found is not None
    assert found.bands == (Band("float32", None, "nan"),)


def test_describe_crs_without_a_code_is_wkt(tmp_path: Path):
    """A CRS without a code of an authority is described by its WKT."""
    found = describe_raster(write(tmp_path / "a.tif", crs="+proj=tmerc +lon_0=3.14 +datum=WGS84"))
    assert found is not None
    assert "proj:code" not in found.projection
    assert "3.14" in found.projection["proj:wkt2"]


def test_describe_opens_nothing_that_points_elsewhere(tmp_path: Path):
    """A VRT is not opened, whatever its name; neither are other files."""
    private = write(tmp_path / "private.tif")
    (tmp_path / "a.tif").write_text(VRT.format(source=private), encoding="utf-8")
    (tmp_path / "b.tif").write_bytes(b"II*\0broken")
    (tmp_path / "c.png").write_bytes(private.read_bytes())
    for name in ("a.tif", "b.tif", "c.png", "missing.tif"):
        assert describe_raster(tmp_path / name) is None


def test_describe_raster_without_crs_is_none(tmp_path: Path):
    """A raster without a CRS, such as a preview, is not described."""
    assert describe_raster(write(tmp_path / "a.tif", crs=None)) is None
