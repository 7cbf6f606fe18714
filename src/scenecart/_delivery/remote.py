"""Remote delivered files: their signed URLs, and readers of byte ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart._api.transport import secret_url
from scenecart._imagery.raster import require_rioxarray
from scenecart.exceptions import ServiceError

if TYPE_CHECKING:
    from scenecart._api.credentials import Secret
    from scenecart._api.http import Session
    from scenecart._imagery.ranges import RangeReader


def signed_url(session: Session, item_id: str, asset_id: str) -> Secret:
    """Request the signed URL of a delivered file.

    Raises
    ------
    ServiceError
        If the service returns none.
    """
    url = operations.download_url(session.call(operations.DOWNLOAD, operations.asset_reference(item_id, asset_id)))
    if url is None:
        raise ServiceError(
            "The service returned no download URL for a delivered file.",
            code="download_url_missing",
            operation=operations.DOWNLOAD.id,
        )
    return secret_url(session.base_url + "/", url)


def asset_reader(session: Session, item_id: str, asset_id: str, name: str) -> RangeReader:
    """Return a reader of one delivered file; its signed URL is requested when it is read, and again when it has expired.

    Raises
    ------
    MissingExtra
        If rioxarray, and with it rasterio, is not installed.
    """
    require_rioxarray()
    from scenecart._imagery.ranges import RangeReader  # noqa: PLC0415  # an extra

    return RangeReader(lambda: signed_url(session, item_id, asset_id), session.download, name)
