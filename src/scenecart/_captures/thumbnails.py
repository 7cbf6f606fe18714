"""Quicklooks of captures from open catalogs: the thumbnail that the STAC item links to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from scenecart._api.limits import Limits
from scenecart._api.retry import Retry
from scenecart._api.transport import web_url
from scenecart._api.web import Web, is_internal
from scenecart._captures.frame import assets, checked_row
from scenecart._util.json import NotJson

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_MAX_BYTES = 4 * 2**20
_LIMITS = Limits(connect=5.0, read=15.0, answer_bytes=_MAX_BYTES)
_ROLES = ("thumbnail", "overview")
_KEYS = ("thumbnail", "rendered_preview", "preview", "quicklook", "browse")
_TYPES = ("image/png", "image/jpeg", "image/jpg", "image/webp")
_SIGNATURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")


def quicklook(capture: Mapping[str, Any] | pd.Series[Any]) -> bytes | None:
    """Return the quicklook of a capture of an open catalog: the thumbnail that its item links to.

    The picture is requested without any header of a sign-in. For captures of the service, use :meth:`Client.quicklook`.

    Parameters
    ----------
    capture
        A row of the result of :func:`search_stac`.

    Returns
    -------
    bytes or None
        PNG, JPEG or WEBP. None if the item has no such thumbnail on the web.

    Raises
    ------
    InvalidRequest
        If ``capture`` is not a row of a search result.
    ScenecartError
        If the picture cannot be fetched, or is larger than 4 MB.

    Examples
    --------
    >>> quicklook({"host": "example.com", "assets": "{}"}) is None
    True
    """
    url = thumbnail_url(capture)
    if url is None:
        return None
    with Web(url, limits=_LIMITS, retry=Retry(attempts=2)) as web:
        content = web.read(web.url).body
    return content if content.startswith(_SIGNATURES) else None


def thumbnail_url(capture: Mapping[str, Any] | pd.Series[Any]) -> str | None:
    """Return the URL of the thumbnail of an item; None if there is none that may be requested.

    A URL of this computer or the local network is requested only for items that come from there.
    """
    row = checked_row(capture, "assets")
    try:
        found = assets(row)
    except NotJson:
        return None
    entries = {str(key): asset for key, asset in found.items() if isinstance(asset, dict)}
    for asset in _by_preference(entries):
        url = web_url("", asset.get("href"))
        if url is not None and (not is_internal(urlsplit(url).hostname or "") or is_internal(str(row.get("host") or ""))):
            return url
    return None


def _by_preference(entries: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the assets that may be thumbnails, the best first: by role, then by key; only pictures that a browser shows."""

    def roles(asset: Mapping[str, Any]) -> list[Any]:
        listed = asset.get("roles")
        return listed if isinstance(listed, list) else []

    ranked = [asset for role in _ROLES for asset in entries.values() if role in roles(asset)]
    ranked += [entries[key] for key in _KEYS if key in entries]
    return [asset for asset in ranked if str(asset.get("type") or "image/png").partition(";")[0].strip().lower() in _TYPES]


quicklook.__module__ = "scenecart"
