"""Pixels of a raster as an array that reads only the parts that are used, and opens the file for each part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rasterio import Affine
from rasterio.enums import ColorInterp
from rasterio.windows import Window
from xarray.backends import BackendArray
from xarray.core import indexing

from scenecart._imagery.opening import opened_raster

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scenecart._imagery.ranges import RangeReader

# integers with this many bytes are exact in 32-bit floats
_EXACT_BYTES = 2


@dataclass(frozen=True)
class Layout:
    """The layout of a raster, known before its pixels are read.

    Attributes
    ----------
    bands : tuple of int
        The bands of the file that are in the array, from 1.
    names : tuple of str
        Their names; empty if they are not known, or are not distinct.
    shape : tuple of int
        Rows and columns.
    dtype : numpy.dtype
        The type of the values in the array.
    level : int
        The overview that is read, from 0; -1 for the raster itself.
    transform : rasterio.Affine
        The transform from columns and rows to coordinates in the CRS.
    crs : Any
        The CRS, or None.
    nodata : float or None
        The value of pixels without data.
    scales, offsets : tuple of float
        Scale and offset of each band: value = scale * pixel + offset.
    is_masked, is_scaled : bool
        Whether pixels without data become NaN, and whether scale and offset are applied.
    rasters : tuple of str
        Names of the rasters inside, if the file holds several.
    """

    bands: tuple[int, ...]
    names: tuple[str, ...]
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    level: int
    transform: Affine
    crs: Any
    nodata: float | None
    scales: tuple[float, ...]
    offsets: tuple[float, ...]
    is_masked: bool
    is_scaled: bool
    rasters: tuple[str, ...]

    @property
    def attributes(self) -> dict[str, Any]:
        """Attributes of the array: scale and offset, unless they are applied or differ between bands."""
        if self.is_scaled or len(set(zip(self.scales, self.offsets, strict=True))) > 1:
            return {}
        return {"scale_factor": self.scales[0], "add_offset": self.offsets[0]}

    def coordinates(self) -> dict[str, Any]:
        """Coordinates of the array: band names or numbers and, unless the raster is rotated, pixel centres in the CRS."""
        bands: dict[str, Any] = {"band": list(self.names or self.bands)}
        if self.transform.b or self.transform.d:
            return bands
        height, width = self.shape
        x = self.transform.c + (np.arange(width) + 0.5) * self.transform.a
        y = self.transform.f + (np.arange(height) + 0.5) * self.transform.e
        return {**bands, "y": y, "x": x}


def read_layout(
    source: Path | RangeReader, names: Sequence[str], *, masked: bool, scaled: bool, resolution: float | None
) -> Layout:
    """Read the layout of a raster without its pixels; see ``open_raster``."""
    with opened_raster(source) as dataset:
        level = -1 if resolution is None else _level(dataset, resolution)
        is_masked = masked or scaled
        bands = [
            number
            for number, colour in enumerate(dataset.colorinterp, 1)
            if not (is_masked and colour == ColorInterp.alpha and dataset.count > 1)
        ]
        own = [dataset.descriptions[number - 1] for number in bands]
        known = own if all(own) else [names[number - 1] for number in bands] if len(names) == dataset.count else []
        shape, transform = (dataset.height, dataset.width), dataset.transform
        kind = np.result_type(*(dataset.dtypes[number - 1] for number in bands))
        scales, offsets = (tuple(values[number - 1] for number in bands) for values in (dataset.scales, dataset.offsets))
        crs, nodata, rasters = dataset.crs, dataset.nodata, tuple(dataset.subdatasets)
    if level >= 0:
        with opened_raster(source, level=level) as dataset:
            scale = Affine.scale(shape[1] / dataset.width, shape[0] / dataset.height)
            shape, transform = (dataset.height, dataset.width), transform @ scale
    is_float = is_masked and kind.kind in "iub"
    return Layout(
        tuple(bands),
        tuple(known) if len(set(known)) == len(bands) else (),
        shape,
        np.dtype("float32" if kind.itemsize <= _EXACT_BYTES else "float64") if is_float else kind,
        level,
        transform,
        crs,
        nodata,
        scales,
        offsets,
        is_masked,
        scaled,
        rasters,
    )


def lazy_pixels(source: Path | RangeReader, layout: Layout) -> Any:
    """Return the pixels as an array for ``xarray.Variable``."""
    return indexing.LazilyIndexedArray(_Pixels(source, layout))


class _Pixels(BackendArray):
    def __init__(self, source: Path | RangeReader, layout: Layout) -> None:
        self._source, self._layout = source, layout
        self.shape = (len(layout.bands), *layout.shape)
        self.dtype = layout.dtype

    def __deepcopy__(self, memo: Any) -> _Pixels:
        # xarray copies arrays when it adds a CRS; what is copied here reads the same file
        return self

    def __getitem__(self, key: Any) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Any:
        """Return the pixels of one part: integers, slices or arrays of indexes for bands, rows and columns."""
        wanted = [np.atleast_1d(np.arange(size)[part]) for size, part in zip(self.shape, key, strict=True)]
        dropped = tuple(axis for axis, part in enumerate(key) if isinstance(part, int | np.integer))
        if not all(len(part) for part in wanted):
            return np.empty([len(part) for part in wanted], self.dtype).squeeze(dropped)
        bands, rows, columns = wanted
        top, left = int(rows.min()), int(columns.min())
        window = Window(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
        return self._converted(bands, window)[:, rows - top][:, :, columns - left].squeeze(dropped)

    def _converted(self, bands: Any, window: Any) -> Any:
        layout = self._layout
        numbers = [layout.bands[band] for band in bands]
        with opened_raster(self._source, level=layout.level) as dataset:
            pixels = dataset.read(numbers, window=window, masked=layout.is_masked)
        if not layout.is_masked:
            return pixels
        values = pixels.astype(self.dtype)
        if layout.is_scaled:
            scales, offsets = (np.array([one[band] for band in bands])[:, None, None] for one in (layout.scales, layout.offsets))
            values = (values * scales + offsets).astype(self.dtype)
        return values.filled(np.nan)


def _level(dataset: Any, resolution: float) -> int:
    """Return the coarsest overview whose pixels are at most as large as the resolution; -1 without such an overview."""
    size = max(abs(side) for side in dataset.res)
    fine = [level for level, factor in enumerate(dataset.overviews(1)) if size * factor <= resolution * (1 + 1e-9)]
    return fine[-1] if fine else -1
