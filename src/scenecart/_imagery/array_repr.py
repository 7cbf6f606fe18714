"""Arrays of raster files that show a picture of the file in a notebook."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import xarray as xr

from scenecart._imagery.picture import encode
from scenecart._imagery.render import RasterPicture
from scenecart._util import html
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart._imagery.ranges import RangeReader

_SIDE = 480


class RasterArray(xr.DataArray):  # type: ignore[no-untyped-call]  # xarray's own
    """An array whose notebook repr begins with a picture of its file; arrays computed from it have the usual repr."""

    __slots__ = ("_shown",)

    def _repr_html_(self) -> str:
        table: str = super()._repr_html_()  # type: ignore[no-untyped-call]  # likewise
        shown = getattr(self, "_shown", None)
        picture = None if shown is None else picture_of(shown)
        return table if picture is None else html.render("array.html", picture=picture) + table

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Return a plain array for another process, which may not have access to the file."""
        return _same, (xr.DataArray(self),)


def _same(array: xr.DataArray) -> xr.DataArray:
    return array


def with_picture(array: xr.DataArray, source: Path | RangeReader) -> xr.DataArray:
    """Return an array that shows a picture of the file it was opened from.

    Parameters
    ----------
    array
        The array, as rioxarray opens it.
    source
        The file, or a reader of the remote file.
    """
    shown = RasterArray(array.variable, coords=array.coords, name=array.name)
    shown.encoding = array.encoding
    shown.set_close(array._close)  # noqa: SLF001  # closes the file
    shown._shown = source  # noqa: SLF001  # its own
    return shown


def picture_of(source: Path | RangeReader) -> str | None:
    """Return a small picture of a raster as a data URL; None if it cannot be drawn."""
    try:
        picture = RasterPicture(source)
        west, south, east, north = picture.bounds
        scale = _SIDE / max(east - west, north - south)
        pixels = picture.draw(picture.bounds, max(1, round((east - west) * scale)), max(1, round((north - south) * scale)))
    except ScenecartError:
        return None
    return f"data:image/webp;base64,{base64.b64encode(encode(pixels)).decode()}"
