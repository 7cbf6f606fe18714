"""Public files on the web, such as the COGs of open STAC catalogs: requested without a sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from scenecart._api.credentials import Secret, is_loopback
from scenecart._api.file_requests import follow_download
from scenecart._api.limits import Limits
from scenecart._api.transport import Connections
from scenecart._util.validate import shown_value
from scenecart.exceptions import ConfigurationError, InvalidRequest, ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from scenecart._api.file_requests import Download

# a map waits for them
_LIMITS = Limits(connect=5, read=20)


class PublicFile:
    """One file on the web.

    Parameters
    ----------
    url
        Its ``https`` URL; ``http`` on this computer alone. It may be signed, so it never prints.

    Raises
    ------
    InvalidRequest
        If it is no such URL.
    """

    def __init__(self, url: str) -> None:
        parts = _parsed(url)
        if parts is None:
            shown = url.partition("?")[0]
            raise InvalidRequest(
                f"must be a URL that begins with https://, got {shown_value(shown)}.", argument="source", code="url_unsafe"
            )
        self.url = Secret(url, "URL")
        self._connections = Connections(f"{parts.scheme}://{parts.netloc}", _LIMITS, None)
        self.name = parts.path.rpartition("/")[2] or parts.netloc

    def download(self, url: Secret, headers: Mapping[str, str]) -> AbstractContextManager[Download]:
        """Open the URL, as :meth:`Session.download` does."""
        return follow_download(self._connections, url, headers, _check)


def _parsed(url: str) -> SplitResult | None:
    """Return a URL in parts; None unless its bytes come by https, or from this computer."""
    try:
        parts = urlsplit(url.partition("?")[0])
        Secret(url, "URL")
        host = parts.hostname or ""
    except (ConfigurationError, ValueError):
        return None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return parts if host and is_safe else None


def _check(url: Secret) -> None:
    if _parsed(url.reveal()) is None:
        raise ServiceError("The file redirects to an unsafe URL.", code="file_url_unsafe")
