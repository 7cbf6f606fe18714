"""Metadata of raster files: grid, CRS and bands."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

_GEOREFERENCED = frozenset({".tif", ".tiff", ".jp2"})
_COMMON_NAMES = frozenset({"blue", "green", "red", "nir"})


@dataclass(frozen=True)
class Band:
    """One band.

    Attributes
    ----------
    data_type : str
        Type of its pixels, such as ``"uint16"``.
    name : str or None
        Its name, such as ``"red"``; None if the file names none.
    nodata : float or str or None
        The value of pixels without data; ``"nan"``, ``"inf"`` or ``"-inf"`` as text.
    scale, offset : float
        Physical value = pixel × scale + offset.
    """

    data_type: str
    name: str | None = None
    nodata: float | str | None = None
    scale: float = 1.0
    offset: float = 0.0

    @property
    def common_name(self) -> str | None:
        """The common name of the band in STAC, if it is a visible or near-infrared band."""
        name = (self.name or "").lower()
        return name if name in _COMMON_NAMES else None


@dataclass(frozen=True)
class RasterDescription:
    """A georeferenced raster.

    Attributes
    ----------
    projection : dict
        CRS and grid, as fields of the projection extension of STAC: ``proj:code`` (or ``proj:wkt2``), ``proj:shape`` (rows,
        columns), ``proj:transform`` and ``proj:bbox`` (west, south, east, north, in the CRS).
    bands : tuple of Band
        The bands, in order.
    """

    projection: dict[str, Any] = field(default_factory=dict)
    bands: tuple[Band, ...] = ()


def describe_raster(path: Path) -> RasterDescription | None:
    """Return CRS, grid and bands of a file; None if it is not a georeferenced raster, or rasterio is not installed."""
    if path.suffix.lower() not in _GEOREFERENCED:
        return None
    try:
        from scenecart._imagery.opening import opened_raster  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError:
        return None
    try:
        with opened_raster(path) as raster:
            return None if raster.crs is None else RasterDescription(_projection(raster), _bands(raster))
    except (InvalidRequest, ValueError):
        return None


def _projection(raster: Any) -> dict[str, Any]:
    authority = raster.crs.to_authority()
    crs = {"proj:wkt2": raster.crs.to_wkt()} if authority is None else {"proj:code": ":".join(authority)}
    grid = {"proj:shape": list(raster.shape), "proj:transform": list(raster.transform)[:6], "proj:bbox": list(raster.bounds)}
    return {**crs, **grid}


def _bands(raster: Any) -> tuple[Band, ...]:
    described = zip(
        raster.dtypes, raster.descriptions, raster.colorinterp, raster.nodatavals, raster.scales, raster.offsets, strict=True
    )
    return tuple(
        Band(data_type, name or _colour(colour.name), _nodata(nodata), float(scale), float(offset))
        for data_type, name, colour, nodata, scale, offset in described
    )


def _colour(name: str) -> str | None:
    return name if name in _COMMON_NAMES | {"alpha"} else None


def _nodata(value: float | None) -> float | str | None:
    return value if value is None or math.isfinite(value) else str(value)
