"""Raster files as xarray arrays, whose pixels are read when they are used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import DownloadError, InvalidRequest, missing_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr

    from scenecart._imagery.ranges import RangeReader


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


def open_raster(
    source: Path | RangeReader,
    *,
    names: Sequence[str] = (),
    masked: bool = False,
    scaled: bool = False,
    resolution: float | None = None,
) -> xr.DataArray:
    """Open a raster in one of the formats that hold their pixels themselves; pixels are read when they are used.

    In a notebook the array shows a picture of the file.

    Parameters
    ----------
    source
        A file, or the reader of a remote one.
    names
        Names of the bands, for a file that does not name them.
    masked
        Return NaN where the file has no data, by its no-data value, its alpha band or its mask; the alpha band is left out.
    scaled
        Apply scale and offset of each band. Without data is NaN, too.
    resolution
        Read the coarsest overview whose pixels are at most this large, in units of the CRS; None reads the raster itself.

    Raises
    ------
    MissingExtra
        If rioxarray is not installed.
    DownloadError
        If the file is not a raster, or holds several.
    ConnectionFailed
        If a remote file cannot be read.
    """
    require_rioxarray()
    import xarray  # noqa: PLC0415  # comes with rioxarray

    from scenecart._imagery.array_repr import with_picture  # noqa: PLC0415  # likewise
    from scenecart._imagery.lazy_raster import Layout, lazy_pixels, read_layout  # noqa: PLC0415  # likewise

    try:
        layout: Layout = read_layout(source, names, masked=masked, scaled=scaled, resolution=resolution)
    except InvalidRequest as error:
        raise DownloadError(
            f"{source.name} is not a raster.", code="file_not_raster", hint="Choose an asset that is an image, such as a GeoTIFF."
        ) from error
    if layout.rasters:
        raise DownloadError(
            f"{source.name} contains several rasters.",
            code="file_several_rasters",
            hint="Open one of them with rioxarray.open_rasterio().",
        )
    variable = xarray.Variable(("band", "y", "x"), lazy_pixels(source, layout), layout.attributes)
    array = xarray.DataArray(variable, coords=layout.coordinates())
    if layout.crs is not None:
        array = array.rio.write_crs(layout.crs)
    array = array.rio.write_transform(layout.transform)
    array = array.rio.write_nodata(float("nan") if layout.is_masked else layout.nodata)
    if isinstance(source, Path):
        array.encoding["source"] = str(source)
    return with_picture(array, source)
