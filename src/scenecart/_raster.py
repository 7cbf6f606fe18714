"""Delivered rasters as arrays, through rioxarray: the one file that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._errors import DownloadError, MissingExtra

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr


def open_raster(path: Path) -> xr.DataArray:
    """Open a raster file; what it holds is read when it is used.

    Raises
    ------
    MissingExtra
        If rioxarray is not installed.
    DownloadError
        If the file is no raster.
    """
    try:
        import rioxarray  # noqa: PLC0415  # an extra
        import xarray  # noqa: PLC0415  # likewise
    except ImportError as error:
        raise MissingExtra(
            "Opening imagery as arrays needs the package 'rioxarray', which is not installed.",
            hint='Install it: pip install "scenecart[raster]"',
        ) from error
    from rasterio.errors import RasterioIOError  # noqa: PLC0415  # comes with rioxarray

    try:
        found = rioxarray.open_rasterio(path, masked=False)
    except RasterioIOError as error:
        raise DownloadError(f"{path.name} cannot be opened as a raster.", hint="Is it the right asset?") from error
    if not isinstance(found, xarray.DataArray):
        raise DownloadError(f"{path.name} holds several rasters.", hint=f"Open it with rioxarray yourself: {path}")
    return found
