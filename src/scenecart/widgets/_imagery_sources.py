"""What can be shown as imagery: files, URLs, STAC items and orders, as rasters that are drawn."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

import pandas as pd

from scenecart._api.public_files import PublicFile
from scenecart._captures.frame import assets as decoded_assets
from scenecart._delivery.remote import asset_reader
from scenecart._delivery.visual import visual_asset
from scenecart._imagery.raster import require_rioxarray
from scenecart._orders.order import Order
from scenecart._util.files import as_path
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart._api.http import Session
    from scenecart._imagery.ranges import RangeReader
    from scenecart._imagery.render import RasterPicture

# layers that a map still draws in time
MAX_LAYERS = 20
_WEB = ("https://", "http://")


@dataclass(frozen=True)
class NamedSource:
    """A raster to draw, and the name of its layer."""

    name: str
    place: Path | RangeReader

    def picture(self, bands: Any, stretch: Any) -> RasterPicture:
        """Open it; see :class:`RasterPicture`."""
        from scenecart._imagery.render import RasterPicture  # noqa: PLC0415  # needs an extra

        return RasterPicture(self.place, bands, stretch)


def sources_of(source: Any, session: Session | None, asset: str | None = None) -> list[NamedSource]:
    """Return the rasters of what is to be shown.

    Parameters
    ----------
    source
        A path of a raster or of a folder of delivered items, a URL, a STAC item (of pystac, as a mapping, or a row of a frame), or
        a delivered order.
    session
        The connection that delivered items are read with; None if there is none.
    asset
        The key of the asset; None chooses one for the eye.

    Raises
    ------
    InvalidRequest
        If it is nothing of these, or has no such asset.
    MissingExtra
        If rioxarray, and with it rasterio, is not installed.
    """
    require_rioxarray()
    if isinstance(source, Order):
        items = source.items()
        return [_source_of_item(row, source._api.session, asset) for _, row in items.iterrows()]  # noqa: SLF001  # its connection
    if isinstance(source, str) and source.lower().startswith(_WEB):
        return [_source_of_url(source, None)]
    if isinstance(source, str | os.PathLike):
        path = as_path(source, "source")
        return _sources_of_folder(path, asset) if path.is_dir() else [NamedSource(path.name, path)]
    if isinstance(source, pd.Series | Mapping) and "assets" in source:
        return [_source_of_item(source, session, asset)]
    if hasattr(source, "to_dict") and hasattr(source, "assets") and hasattr(source, "get_self_href"):
        return [
            _source_of_item(
                {**source.to_dict(include_self_link=False, transform_hrefs=False), "self": source.get_self_href()}, session, asset
            )
        ]
    raise InvalidRequest(
        f"must be a path, a URL, a STAC item or an order, got {shown_value(source)}.", argument="source", code="imagery_source"
    )


def _sources_of_folder(folder: Path, asset: str | None) -> list[NamedSource]:
    """Return the rasters of a folder that ``order.download`` wrote, or of one of its items."""
    files = [*sorted(folder.glob("item.json")), *sorted(folder.glob("*/item.json"))]
    if not files:
        raise InvalidRequest(
            f"must be a raster or a folder of delivered items, got {shown_value(str(folder))}.",
            argument="source",
            code="imagery_folder_empty",
            hint="Pass the folder that order.download() wrote.",
        )
    found = []
    for file in files[:MAX_LAYERS]:
        try:
            item = loads(file.read_bytes())
        except (OSError, NotJson):
            item = None
        if not isinstance(item, dict) or not isinstance(item.get("assets"), dict):
            raise InvalidRequest(f"{clean_text(file, 200)} is not a STAC item.", code="imagery_item_unreadable")
        found.append(_source_of_item({**item, "self": str(file)}, None, asset))
    return found


def _source_of_item(item: Any, session: Session | None, asset: str | None) -> NamedSource:
    found = item["assets"] if isinstance(item["assets"], dict) else decoded_assets(item)
    known = {str(key): value for key, value in found.items() if isinstance(value, dict)}
    name = clean_text(item.get("id"), 80) or "imagery"
    key = asset if asset is not None else visual_asset(known)
    if key is None or key not in known:
        listed = ", ".join(clean_text(key, 40) for key in known) or "none"
        wanted = "no raster" if asset is None else f"no asset {shown_value(asset)}"
        raise InvalidRequest(f"Item {name} has {wanted}. Assets: {listed}.", code="item_without_raster")
    label = name if asset is None else f"{name} {clean_text(key, 40)}"
    href = str(known[key].get("href") or "")
    if session is not None and _is_delivered(item, href, session):
        return NamedSource(label, asset_reader(session, str(item["id"]), key, f"{name} {clean_text(key, 40)}"))
    base = str(item.get("self") or "")
    if href.lower().startswith(_WEB):
        return _source_of_url(href, label)
    if base.lower().startswith(_WEB):
        return _source_of_url(urljoin(base, href), label)
    return NamedSource(label, (as_path(base, "source").parent / as_path(href, "source")) if base else as_path(href, "source"))


def _source_of_url(url: str, name: str | None) -> NamedSource:
    from scenecart._imagery.ranges import RangeReader  # noqa: PLC0415  # needs an extra

    file = PublicFile(url)
    label = clean_text(file.name, 120)
    return NamedSource(name or label, RangeReader(lambda: file.url, file.download, label))


def _is_delivered(item: Any, href: str, session: Session) -> bool:
    """Return whether the service delivered an item: its files need a signed URL."""
    properties = item.get("properties") if isinstance(item.get("properties"), dict) else item
    is_of_order = any(isinstance(values.get("order:id"), str) for values in (item, properties))
    return is_of_order or "provenance" in item or href.startswith(session.base_url.rstrip("/") + "/")
