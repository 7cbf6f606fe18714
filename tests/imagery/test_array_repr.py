"""Arrays that show a picture."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import rasterio
import xarray as xr

from scenecart._imagery.raster import open_raster

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, crs: str | None = "EPSG:32631") -> Path:
    grid = {"height": 20, "width": 30, "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", crs=crs, **grid) as raster:
        raster.write(np.arange(1_200, dtype="uint16").reshape(2, 20, 30))
    return path


def test_raster_array_shows_a_picture(tmp_path: Path):
    """In a notebook, an array that was opened from a file begins with a picture of it; what is computed of it does not."""
    with open_raster(write(tmp_path / "a.tif")) as array:
        assert 'src="data:image/webp;base64,' in array._repr_html_()
        assert "<img" not in (array * 2)._repr_html_()
        assert "<img" not in array.isel(x=slice(3))._repr_html_()
        assert array.rio.crs.to_epsg() == 32631
        assert array.encoding["source"].endswith("a.tif")
        plain = pickle.loads(pickle.dumps(array.load()))  # noqa: S301  # our own
        assert type(plain) is xr.DataArray
        assert plain.equals(xr.DataArray(array))


def test_raster_array_without_a_place_has_the_usual_repr(tmp_path: Path):
    """A file that cannot be drawn on a map, or is gone, has the usual repr."""
    with open_raster(write(tmp_path / "a.tif", None)) as array:
        assert "<img" not in array._repr_html_()
    path = write(tmp_path / "b.tif")
    with open_raster(path) as array:
        array.load()
        path.unlink()
        assert "<img" not in array._repr_html_()
