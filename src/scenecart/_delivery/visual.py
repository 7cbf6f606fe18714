"""Selects the raster of an item for display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILE_TYPES = ("image/tiff", "image/jp2", "image/vnd.stac.geotiff", "application/geotiff")
_SUFFIXES = (".tif", ".tiff", ".jp2")
# keys of assets for display, the preferred first
_VISUAL_KEYS = ("visual", "rendered_preview", "true_color", "truecolor", "tci", "rgb", "image", "data", "analytic")


def visual_asset(assets: Mapping[str, dict[str, Any]]) -> str | None:
    """Return the key of the raster to display; None if there is no raster.

    Examples
    --------
    >>> from scenecart._delivery.visual import visual_asset
    >>> visual_asset({"analytic": {"href": "a.tif"}, "visual": {"href": "b.tif"}, "thumbnail": {"href": "c.png"}})
    'visual'
    """
    rasters = [key for key, asset in assets.items() if _is_raster(asset)]
    lower = {key.lower(): key for key in rasters}
    by_key = next((lower[key] for key in _VISUAL_KEYS if key in lower), None)
    by_role = next((key for key in rasters if "visual" in (assets[key].get("roles") or ())), None)
    return by_role or by_key or next(iter(rasters), None)


def _is_raster(asset: dict[str, Any]) -> bool:
    media = str(asset.get("type") or "").partition(";")[0].strip().lower()
    path = urlsplit(str(asset.get("href") or "")).path.lower()
    return media in _FILE_TYPES or (not media and path.endswith(_SUFFIXES))
