"""Responses of file stores: error texts, and the error for each status."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from scenecart._api.error_documents import parse_problem
from scenecart._api.retry import parse_retry_after
from scenecart._util.json import NotJson, loads
from scenecart._util.text import clean_text
from scenecart.exceptions import ConnectionFailed, DownloadError, ScenecartError

if TYPE_CHECKING:
    from scenecart._api.credentials import Secret
    from scenecart._api.file_requests import Download
    from scenecart._delivery.paths import PlannedFile

# the URL has expired, or the store refuses another connection
REFUSED_STATUSES = frozenset({401, 403, 410})
BUSY_STATUSES = frozenset({429, 503})
TEMPORARY_STATUSES = frozenset({408, 425, 500, 502, 504})
_MOST_WORDS = 2_000
_SHORTEST_HIDDEN = 6


class StoreBusy(Exception):
    """The store refuses a connection, probably because there are too many.

    Parameters
    ----------
    error
        The error to raise if later attempts fail too.
    retry_after
        Seconds to wait, if the store states it.
    is_certain
        Whether the store certainly has too many connections; otherwise the file may not be available at all.
    """

    def __init__(self, error: ScenecartError, retry_after: float | None, *, is_certain: bool) -> None:
        super().__init__(error.message)
        self.error = error
        self.retry_after = retry_after
        self.is_certain = is_certain


def check_status(answer: Download, file: PlannedFile, url: Secret) -> None:
    """Raise the error of a response that does not contain the file.

    Raises
    ------
    StoreBusy
        If the store refuses the connection; a later attempt with fewer connections may succeed.
    ConnectionFailed
        If the failure is temporary.
    DownloadError
        If the file is not available.
    """
    status = answer.status
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return
    phrase = _phrase(status)
    words = store_words(answer, url)
    cause = f"the server answered {status}{phrase}{words}"
    if status in TEMPORARY_STATUSES:
        raise ConnectionFailed(f"{cause[0].upper()}{cause[1:]}.", code="file_server_busy")
    error = DownloadError(
        f"{file.name} cannot be downloaded: {cause}.",
        code="file_not_available",
        hint="Download again. If this persists, contact the service's support.",
        status=status,
    )
    if status in BUSY_STATUSES | REFUSED_STATUSES:
        raise StoreBusy(error, parse_retry_after(answer.headers.get("retry-after")), is_certain=status in BUSY_STATUSES)
    raise error


def store_words(answer: Download, url: Secret) -> str:
    """Return the error text in the body of a response, in brackets and without the secrets of its URL; empty if there is none."""
    body = b""
    try:
        for chunk in answer.chunks:
            body += chunk
            if len(body) >= _MOST_WORDS:
                break
    except ScenecartError:
        pass
    text = body[:_MOST_WORDS].decode("utf-8", "replace")
    for _, value in parse_qsl(urlsplit(url.reveal()).query):
        text = text.replace(value, "…") if len(value) >= _SHORTEST_HIDDEN else text
    words = clean_text(_explanation(text), 200).strip()
    return f" ({words.rstrip('.')})" if words else ""


def _explanation(text: str) -> str:
    """Return the sentence in an error document of JSON, XML or HTML, or plain text."""
    try:
        return parse_problem(loads(text.encode())).text
    except NotJson:
        pass
    if text.lstrip().startswith("<"):
        found = re.search(r"<(message|title)>([^<]*)</\1>", text, re.IGNORECASE)
        return found[2] if found else ""
    return text


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""
