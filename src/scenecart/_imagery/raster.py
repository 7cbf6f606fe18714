"""Raster files as xarray arrays, opened with rioxarray."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.exceptions import DownloadError, InvalidRequest, missing_extra

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr


def require_rioxarray() -> Any:
    """Import rioxarray.

    Raises
    ------
    MissingExtra
        If rioxarray is not installed.
    """
    try:
        import rioxarray  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Opening imagery as arrays needs", error, "raster") from error
    return rioxarray


def open_raster(path: Path) -> xr.DataArray:
    """Open a raster file in one of the formats that hold their pixels themselves; pixels are read when they are used.

    In a notebook the array shows a picture of the file.

    Raises
    ------
    MissingExtra
        If rioxarray is not installed.
    DownloadError
        If the file is not a raster, or holds several.
    """
    rioxarray = require_rioxarray()
    import xarray  # noqa: PLC0415  # comes with rioxarray
    from rasterio.errors import RasterioIOError  # noqa: PLC0415  # see above

    from scenecart._imagery.opening import opened_raster  # noqa: PLC0415  # see above

    not_raster = DownloadError(
        f"{path.name} is not a raster.", code="file_not_raster", hint="Choose an asset that is an image, such as a GeoTIFF."
    )
    try:
        with opened_raster(path) as checked:
            driver = checked.driver
        raster = rioxarray.open_rasterio(path, masked=False, driver=driver)
    except (InvalidRequest, RasterioIOError) as error:
        raise not_raster from error
    if not isinstance(raster, xarray.DataArray):
        raise DownloadError(
            f"{path.name} contains several rasters.",
            code="file_several_rasters",
            hint=f"Open it with rioxarray.open_rasterio({str(path)!r}).",
        )
    from scenecart._imagery.array_repr import with_picture  # noqa: PLC0415  # see above

    return with_picture(raster, path)
