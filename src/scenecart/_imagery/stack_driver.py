"""The driver by which odc-stac reads rasters: each file is opened in an allowed format only, remote files by byte ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from odc.geo.converters import rio_geobox
from odc.geo.overlap import compute_reproject_roi
from odc.geo.roi import roi_is_empty, roi_shape
from odc.geo.warp import resampling_s2rio
from odc.loader import RioDriver
from rasterio.warp import reproject
from rasterio.windows import Window

from scenecart._imagery.opening import opened_raster

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odc.geo.geobox import GeoBox
    from odc.loader.types import RasterLoadParams, RasterSource

    from scenecart._imagery.stack import Layer

# largest offset from the grid at which pixels are pasted without resampling, in pixels; the value of odc-stac
_NEAREST, _OTHER = 0.9, 0.05


class StackDriver(RioDriver):
    """A driver for odc-stac that opens files by ``opened_raster``.

    Parameters
    ----------
    layers
        The bands to read, by the URLs in the items.
    """

    def __init__(self, layers: Mapping[str, Layer]) -> None:
        super().__init__()
        self._layers = layers

    def open(self, src: RasterSource, ctx: Any) -> _Reader:  # type: ignore[override]  # noqa: ARG002  # another reader; odc's signature
        return _Reader(self._layers[src.uri])


class _Reader:
    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def read(
        self,
        cfg: RasterLoadParams,
        dst_geobox: GeoBox,
        *,
        dst: Any = None,
        selection: Any = None,  # noqa: ARG002  # odc's signature; a layer has one band
    ) -> Any:
        """Return the part of the grid that the band covers, and its pixels."""
        with opened_raster(self._layer.source) as dataset:
            overlap = compute_reproject_roi(rio_geobox(dataset), dst_geobox, ttol=_NEAREST if cfg.nearest else _OTHER)
            level = _overview(dataset.overviews(self._layer.band), overlap.read_shrink) if cfg.use_overviews else -1
            if level < 0:
                return self._read(dataset, cfg, dst_geobox, overlap, dst)
        with opened_raster(self._layer.source, level=level) as dataset:
            return self._read(dataset, cfg, dst_geobox, overlap, dst)

    def _read(self, dataset: Any, cfg: RasterLoadParams, grid: GeoBox, overlap: Any, target: Any) -> Any:
        band = self._layer.band
        nodata = dataset.nodatavals[band - 1] if cfg.src_nodata_override is None else cfg.src_nodata_override
        fill = cfg.fill_value if cfg.fill_value is not None else nodata
        roi = overlap.roi_dst
        pixels = np.empty(roi_shape(roi), cfg.dtype or dataset.dtypes[band - 1]) if target is None else target[roi]
        if roi_is_empty(roi):
            return roi, pixels
        if roi_is_empty(overlap.roi_src):
            pixels[...] = 0 if fill is None else fill
        elif overlap.paste_ok and overlap.read_shrink == 1:
            rows, columns = overlap.roi_src
            dataset.read(band, out=pixels, window=Window.from_slices(rows, columns))
            if nodata is not None and fill is not None and fill != nodata and not (np.isnan(fill) and np.isnan(nodata)):
                pixels[np.isnan(pixels) if np.isnan(nodata) else pixels == nodata] = fill
        else:
            reproject(
                rasterio.band(dataset, band),
                pixels,
                src_nodata=nodata,
                dst_crs=str(grid.crs),
                dst_transform=grid[roi].transform,
                dst_nodata=fill,
                resampling=resampling_s2rio(cfg.resampling),
            )
        return roi, pixels


def _overview(factors: list[int], shrink: float) -> int:
    """Return the coarsest overview that is fine enough; -1 for the raster itself."""
    fine = [level for level, factor in enumerate(factors) if factor <= shrink]
    return fine[-1] if fine and shrink > 1 else -1
