"""Requests for files, which need no token: redirects are followed, and every address is checked first."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._api import operations
from scenecart._api.transport import Connections, lower_headers, redirect_target
from scenecart.exceptions import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scenecart._api.credentials import Secret

_MAX_REDIRECTS = 5


@dataclass(frozen=True)
class Download:
    """An open download: status, headers in lower case, and the bytes as they arrive."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


@contextlib.contextmanager
def follow_download(
    connections: Connections, url: Secret, headers: Mapping[str, str], check: Callable[[Secret], object]
) -> Iterator[Download]:
    """Open a URL without a token, through redirects; ``check`` refuses unsafe URLs.

    Raises
    ------
    ConnectionFailed, ServiceError
        If the URL cannot be opened, or redirects too often.
    """
    with contextlib.ExitStack() as stack:
        for _ in range(_MAX_REDIRECTS):
            check(url)
            # downloads do not count towards the organization's rate limit; a compressed one would not have the file's length
            sent = {"Accept-Encoding": "identity", **headers}
            response = connections.send("GET", url, operations.DOWNLOAD.id, headers=sent)
            stack.callback(response.close)
            target = redirect_target(response, url)
            if target is None:
                chunks = connections.chunks(response, operations.DOWNLOAD.id)
                yield Download(response.status_code, lower_headers(response), chunks)
                return
            url = target
        raise ServiceError(
            f"The download URL redirects more than {_MAX_REDIRECTS} times.",
            code="download_redirects_too_often",
            operation=operations.DOWNLOAD.id,
        )
