"""Delivered rasters as arrays, through rioxarray: the one file that names it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.exceptions import DownloadError, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr


def require_rioxarray() -> Any:
    """Return rioxarray, or say what is missing."""
    try:
        import rioxarray  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Opening imagery as arrays needs", error, "raster") from error
    return rioxarray


def open_raster(path: Path) -> xr.DataArray:
    """Open a raster file; what it holds is read when it is used.

    Raises
    ------
    MissingExtra
        If rioxarray is not installed.
    DownloadError
        If the file is no raster.
    """
    rioxarray = require_rioxarray()
    import xarray  # noqa: PLC0415  # comes with rioxarray
    from rasterio.errors import RasterioIOError  # noqa: PLC0415  # likewise

    try:
        found = rioxarray.open_rasterio(path, masked=False)
    except RasterioIOError as error:
        raise DownloadError(f"{path.name} cannot be opened as a raster.", hint="Is it the right asset?") from error
    if not isinstance(found, xarray.DataArray):
        raise DownloadError(f"{path.name} holds several rasters.", hint=f"Open it with rioxarray yourself: {path}")
    return found
