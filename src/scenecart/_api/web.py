"""Requests to STAC APIs and catalogs of others: read only, retried, with the caller's headers for one origin."""

from __future__ import annotations

import ipaddress
import random
import re
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from scenecart._api.credentials import Secret, is_loopback
from scenecart._api.error_documents import parse_problem
from scenecart._api.limits import Limiter, Limits
from scenecart._api.retry import READ_STATUSES, Retry, check_policies, parse_retry_after
from scenecart._api.transport import OF_THE_NETWORK, Connections, media_type, web_url
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.validate import shown_value
from scenecart.exceptions import (
    AuthenticationError,
    BadRequest,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    RateLimited,
    RequestTimeout,
    ScenecartError,
    ServiceError,
    reword,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

_MAX_REDIRECTS = 5
_SHORTEST_SECRET = 6
_NUMBER_MATCHED = "OGC-NumberMatched"
_COUNT = re.compile(r"\d{1,15}", re.ASCII)
_HIDDEN = "[secure]"
_REMOTE = Limits(read=60.0)
# what runs on this computer either answers soon or hangs
_LOCAL = Limits(connect=3.0, read=6.0)
# headers that the HTTP library writes itself
_OWN_HEADERS = frozenset({"connection", "content-length", "host", "transfer-encoding"})
_LINK_HEADERS_REFUSED = _OWN_HEADERS | {"authorization", "cookie", "proxy-authorization"}


@dataclass(frozen=True)
class Document:
    """A complete successful response.

    ``url`` is the one after redirects; ``matched`` is how many results its headers announce for all pages together.
    """

    url: str
    status: int
    media_type: str
    body: bytes
    matched: int | None = None

    def unreadable(self, message: str, *, code: str) -> ServiceError:
        """Return an error about the content of this document."""
        parts = urlsplit(self.url)
        source = f"file {parts.path.rpartition('/')[2]}"
        if parts.scheme != "file":
            source = f"from {parts.hostname}: status {self.status}, {self.media_type}"
        return ServiceError(
            f"{message.removesuffix('.')} ({source}).",
            code=code,
            hint="Check that the URL is that of a STAC API or of a STAC catalog.",
            status=self.status,
        )


class Web:
    """Reads documents of one API or catalog, and of others that it links to.

    Parameters
    ----------
    url
        The URL of the API or catalog.
    headers
        Sent to the origin of ``url`` only: scheme, host and port. They may be secret.
    limits, retry
        Timeouts and retries. By default a response must begin within 60 seconds, or 6 on this computer. A request that timed
        out is not retried, since it would take as long again.

    Raises
    ------
    InvalidRequest
        If the URL or a header is invalid, or if headers would be sent unencrypted to another computer.
    """

    def __init__(  # each part can be replaced in tests
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        *,
        limits: Limits | None = None,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        check_policies(limits, retry)
        address = web_url(url, "")
        if address is None:
            raise InvalidRequest(
                f"must be an http(s) URL without a user name, got {_without_secrets(url)}.", code="stac_url_invalid", argument="url"
            )
        self.url = address
        parts = urlsplit(address)
        self.host = parts.hostname or ""
        # what an address of the local network links to may be there too
        self._is_internal = is_internal(self.host)
        self._origin = _origin(address)
        self._headers = {name: Secret(value, "password") if value else value for name, value in _checked(headers).items()}
        if self._headers and parts.scheme == "http" and not is_loopback(self.host):
            raise InvalidRequest(
                "cannot be sent over http, which is not encrypted.",
                code="stac_headers_insecure",
                argument="headers",
                hint="Use the https:// URL of the API.",
            )
        # longest first, since one may contain another
        self._secrets = [Secret(text, "password") for text in _secrets_in(address, headers or {})]
        chosen = limits or (_LOCAL if is_loopback(self.host) else _REMOTE)
        self._limiter = Limiter(chosen.calls_per_minute, clock=time.monotonic, sleep=sleep) if limits else None
        self._retry = retry or Retry()
        self._sleep = sleep
        self._uniform = uniform
        self._connections = Connections(address, chosen, transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def read(
        self, url: str, *, method: str = "GET", body: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> Document:
        """Request a document.

        Parameters
        ----------
        url
            An absolute URL.
        method, body
            GET, or POST with a JSON body.
        headers
            Headers that the API's link requires; they are sent to its own origin only.

        Raises
        ------
        ScenecartError
            The error of the response's status; ``ConnectionFailed`` if there is no response.
        """
        failures, waited = 0, 0.0
        while True:
            try:
                return self._follow(url, method, body, headers or {})
            except ScenecartError as error:
                reword(error, self._scrub(error.message))
                is_slow = isinstance(error, RequestTimeout) and error.was_sent
                if not (isinstance(error, ConnectionFailed) or error.status in READ_STATUSES) or is_slow or error.given_up:
                    raise
                failures += 1
                retry_after = error.retry_after if isinstance(error, RateLimited) else None
                wait = self._retry.wait(failures, waited, retry_after, self._uniform)
                if wait is None:
                    error.given_up = True
                    raise
            waited += wait
            self._sleep(wait)

    def resolve(self, base: str, href: Any) -> str | None:
        """Return a link as an absolute URL that may be requested, or None.

        An API behind a proxy may write http:// for its own https:// URLs; these are requested by https.
        """
        url = web_url(base, href)
        if url is None:
            return None
        ours, theirs = urlsplit(self.url), urlsplit(url)
        is_ours = theirs.hostname == ours.hostname
        if is_ours and (ours.scheme, theirs.scheme) == ("https", "http") and theirs.port in {None, 80}:
            url = urlunsplit(theirs._replace(scheme="https", netloc=ours.netloc))
        return url if is_ours or self._is_internal or not is_internal(theirs.hostname or "") else None

    def _follow(self, url: str, method: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> Document:
        for _ in range(_MAX_REDIRECTS + 1):
            response = self._send(url, method, body, headers)
            location = response.headers.get("location")
            if not response.is_redirect or not location:
                return self._read(response, url)
            response.close()
            following = self.resolve(url, location)
            if following is None or (url.startswith("https:") and following.startswith("http:")):
                raise ServiceError(f"{self.host} redirects to an unsafe URL.", code="stac_redirect_unsafe")
            if response.status_code == HTTPStatus.SEE_OTHER:
                method, body = "GET", None
            url = following
        raise ServiceError(f"{self.host} redirects more than {_MAX_REDIRECTS} times.", code="stac_redirects_too_often")

    def _send(self, url: str, method: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> httpx.Response:
        if self._limiter is not None:
            self._limiter.enter()
        sent: dict[str, str | Secret] = {"Accept": "application/geo+json, application/json"}
        if _origin(url) == self._origin:
            sent |= {name: value for name, value in headers.items() if _is_harmless(name, value)}
            sent |= self._headers
        options: dict[str, Any] = {}
        if body is not None:
            sent["Content-Type"] = "application/json"
            options["content"] = dumps(body)
        # the query may hold a key, so it is not logged
        address = Secret(url, "URL") if urlsplit(url).query else url
        try:
            return self._connections.send(method, address, "STAC", headers=sent, **options)
        except ConnectionFailed as error:
            # an error about a proxy or a certificate has its own hint
            hint = "Check the URL and the network connection." if error.code in OF_THE_NETWORK else None
            if isinstance(error, RequestTimeout):
                hint = "Ask for less at a time (page_size), or wait longer: limits=scenecart.Limits(read=…)"
            reword(error, hint=hint)
            raise

    def _read(self, response: httpx.Response, url: str) -> Document:
        body = self._connections.body(response, "STAC")
        if response.is_success:
            announced = response.headers.get(_NUMBER_MATCHED, "")
            matched = int(announced) if _COUNT.fullmatch(announced) else None
            return Document(url, response.status_code, media_type(response), body, matched)
        try:
            problem = parse_problem(loads(self._scrub(body.decode("utf-8", "replace")).encode()))
        except NotJson:
            problem = parse_problem(None)
        error = _error_of(response.status_code, urlsplit(url).hostname or "", problem.text)
        error.problem = problem.shown()
        if isinstance(error, RateLimited):
            error.retry_after = parse_retry_after(response.headers.get("retry-after"))
        raise error

    def _scrub(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret.reveal(), _HIDDEN)
        return text


def _error_of(status: int, host: str, explanation: str) -> ScenecartError:
    """Return the error for the status of a response."""
    reason = f": {explanation}" if explanation else ""
    if status == HTTPStatus.UNAUTHORIZED:
        error: ScenecartError = AuthenticationError(
            f"{host} requires a sign-in (status {status}){reason}.",
            code="stac_sign_in_required",
            hint='Pass headers={"Authorization": "Bearer …"}. Headers are sent to the origin of the URL only.',
        )
    elif status == HTTPStatus.FORBIDDEN:
        error = PermissionDenied(f"{host} denies access (status {status}){reason}.", code="stac_access_denied")
    elif status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        error = NotFound(f"{host} has no such document (status {status}){reason}.", code="stac_document_missing")
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        error = RateLimited(f"Too many requests to {host} (status {status}){reason}.", code="stac_rate_limited")
    elif HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        error = BadRequest(f"{host} rejected the request (status {status}){reason}.", code="stac_request_rejected")
    else:
        error = ServiceError(f"{host} failed (status {status}){reason}.", code="stac_search_failed")
    error.status = status
    return error


def _checked(headers: Any) -> dict[str, str]:
    """Return headers that can be sent; an error never shows their values."""
    try:
        given = dict(headers or {})
    except (TypeError, ValueError):
        given = {"": ""}
    for name, value in given.items():
        is_name = isinstance(name, str) and bool(name) and name.isascii() and name.replace("-", "").replace("_", "").isalnum()
        is_value = isinstance(value, str) and value.isascii() and value.isprintable()
        if not is_name or not is_value or name.lower() in _OWN_HEADERS:
            raise InvalidRequest(
                "must map names of HTTP headers to strings of printable ASCII characters.",
                code="stac_headers_invalid",
                argument="headers",
            )
    return {name: value.strip() for name, value in given.items()}


def _is_harmless(name: Any, value: Any) -> bool:
    try:
        return bool(_checked({name: value})) and name.lower() not in _LINK_HEADERS_REFUSED
    except InvalidRequest:
        return False


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def is_internal(host: str) -> bool:
    """Return whether a host is this computer, or an address that only its own network can reach."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return is_loopback(host)
    return address.is_loopback or address.is_link_local or address.is_private or address.is_unspecified


def _secrets_in(url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the texts that an error must not show: values of headers and of the URL's query, the longest first."""
    values = [value for _, value in parse_qsl(urlsplit(url).query)]
    for value in headers.values():
        values += [value, value.rpartition(" ")[2]]
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True))


def _without_secrets(url: Any) -> str:
    text = url.partition("?")[0] if isinstance(url, str) else url
    return "a URL with a user name" if isinstance(text, str) and "@" in text else shown_value(text)
