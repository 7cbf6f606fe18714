"""HTTP connections: one client per process, requests, responses and redirects; the only module that imports httpx."""

from __future__ import annotations

import contextlib
import copy
import os
import socket
import time
import weakref
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from scenecart._api import operations
from scenecart._api.credentials import BASE_URL_HINT, Secret, is_loopback
from scenecart._api.deadline import seconds_left
from scenecart._util.text import clean_text
from scenecart._version import __version__
from scenecart.exceptions import ConfigurationError, ConnectionFailed, InvalidRequest, RequestTimeout, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scenecart._api.limits import Limits
    from scenecart.exceptions import ScenecartError

# events of httpcore that open a socket
_OPENED = ("connect_tcp.complete", "start_tls.complete")

# a request of a call whose time is nearly over may take so long
_LEAST_SECONDS = 0.1


class Connections:
    """The connections to one service; thread-safe, and usable after a fork."""

    def __init__(
        self, base_url: str, limits: Limits, transport: httpx.BaseTransport | None, now: Callable[[], float] = time.time
    ) -> None:
        _check_host(base_url)
        self._transport = transport
        self._timeout = httpx.Timeout(limits.read, connect=limits.connect)
        self._max_bytes = limits.answer_bytes
        # a proxy cannot reach this computer
        self._uses_proxies = not is_loopback(urlsplit(base_url).hostname or "")
        self._clients: dict[int, httpx.Client] = {}
        self._interrupted: list[tuple[int, httpx.Client]] = []
        self._streams: weakref.WeakSet[Any] = weakref.WeakSet()
        self._now = now
        # how much this computer's clock is ahead of the service's, in seconds, as of the last response
        self.clock_ahead = 0.0
        self.is_closed = False
        self._finalizer = weakref.finalize(self, _close_own, self._clients, self._interrupted)

    def close(self) -> None:
        """Close the connections; requests then raise ``InvalidRequest``."""
        self.is_closed = True
        self._finalizer()

    def separate(self) -> Self:
        """Return connections of their own to the same service, which can be aborted without harm to others.

        A transport that was given is shared: it cannot be aborted.
        """
        if self._transport is not None:
            return self
        other = copy.copy(self)
        other._clients, other._interrupted, other._streams = {}, [], weakref.WeakSet()  # noqa: SLF001  # its own class
        other._finalizer = weakref.finalize(other, _close_own, other._clients, other._interrupted)  # noqa: SLF001  # likewise
        return other

    def abort(self) -> None:
        """Disconnect and close: calls that wait for the service in other threads end at once with ``ConnectionFailed``."""
        if self._transport is not None:
            return
        self.is_closed = True
        for stream in list(self._streams):
            _disconnect(stream)
        self._finalizer()

    def _note_stream(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(_OPENED):
            stream = info["return_value"]
            self._streams.add(stream)
            if self.is_closed:
                _disconnect(stream)

    @property
    def _http(self) -> httpx.Client:
        """The HTTP client of this process: connections that were inherited over a fork would mix up responses."""
        client = self._clients.get(os.getpid())
        if client is None:
            client = httpx.Client(
                transport=self._transport,
                timeout=self._timeout,
                headers={"User-Agent": f"scenecart/{__version__}"},
                follow_redirects=False,
                trust_env=self._uses_proxies,
            )
            if self.is_closed:
                client.close()
            client = self._clients.setdefault(os.getpid(), client)
        return client

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, **options: Any) -> httpx.Request:
        """Build a request; ``options`` are those of ``httpx.Client.build_request``."""
        left = seconds_left()
        if left is not None:
            # httpx takes 0 for no time at all
            least = max(_LEAST_SECONDS, left)
            options["timeout"] = httpx.Timeout(_shorter(self._timeout.read, least), connect=_shorter(self._timeout.connect, least))
        extensions = {"trace": self._note_stream, **options.pop("extensions", {})}
        return self._http.build_request(method, url, headers=headers, extensions=extensions, **options)

    def signed_request(self, url: Secret, headers: Mapping[str, str]) -> httpx.Request:
        """Build the request of a signed URL, whose response is not compressed: its length is that of the file."""
        return self.request("GET", url.reveal(), headers={"Accept-Encoding": "identity", **headers})

    def send(self, request: httpx.Request, name: str) -> httpx.Response:
        """Send a request of the operation ``name`` once, and return the open response.

        Raises
        ------
        ConnectionFailed
            If there is no response; ``was_sent`` is False if no connection was made.
        ServiceError
            If the response redirects to an invalid URL.
        InvalidRequest
            If the connections are closed.
        """
        failed: ScenecartError
        try:
            response = self._http.send(request, stream=True)
        except KeyboardInterrupt:
            self._renew()
            raise
        except httpx.HTTPError as error:
            failed = _connection_error(error, name, request)
        except (httpx.InvalidURL, ValueError):
            # a redirect is parsed although it is not followed
            failed = ServiceError(f"The service redirected {name} to an invalid URL.", code="redirect_url_invalid", operation=name)
        except RuntimeError:
            if not self._http.is_closed:
                raise
            failed = InvalidRequest(
                "This client is closed. Nothing was sent.",
                code="client_closed",
                hint="Connect again. client.order(id) returns an earlier order.",
                operation=name,
            )
        else:
            self._note_time(response)
            return response
        # a traceback may show local variables, and the URL may be signed
        del request
        raise failed

    def _note_time(self, response: httpx.Response) -> None:
        stated = service_time(response.headers.get("date"))
        if stated is not None:
            self.clock_ahead = self._now() - stated

    def _renew(self) -> None:
        """Leave the connections of this process to those who still use them: an interrupt may have left their pool locked."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            self._interrupted.append((os.getpid(), client))

    def body(self, response: httpx.Response, name: str) -> bytes:
        """Read and close a response, up to the maximum size: a small body may decompress to an endless one.

        Raises
        ------
        ServiceError
            If it is larger, or its compression is corrupt.
        ConnectionFailed
            If the connection is lost.
        """
        body = bytearray()
        with contextlib.closing(response):
            try:
                for chunk in self.chunks(response, name):
                    body += chunk
                    if len(body) > self._max_bytes:
                        break
                else:
                    return bytes(body)
            finally:
                # a traceback may show local variables, and part of a sign-in response may contain the token
                chunk = b""
                body.clear()
        raise ServiceError(
            f"The response to {name} is larger than {self._max_bytes:,} bytes.", code="response_too_large", operation=name
        )

    def chunks(self, response: httpx.Response, name: str) -> Iterator[bytes]:
        """Yield the bytes of a response while they arrive.

        Raises
        ------
        ServiceError
            If the compression is corrupt.
        ConnectionFailed
            If the connection is lost.
        """
        try:
            yield from response.iter_bytes()
        except KeyboardInterrupt:
            self._renew()
            raise
        except httpx.DecodingError:
            raise ServiceError(f"The compressed response to {name} is corrupt.", code="response_corrupt", operation=name) from None
        except httpx.HTTPError as error:
            raise _connection_error(error, name, response.request) from None


def service_time(date: str | None) -> float | None:
    """Return the Unix time of a header ``Date``, in whole seconds; None if it cannot be read.

    Examples
    --------
    >>> from scenecart._api.transport import service_time
    >>> service_time("Thu, 01 Jan 1970 00:01:00 GMT"), service_time("today")
    (60.0, None)
    """
    if date is None:
        return None
    try:
        return parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def media_type(response: httpx.Response) -> str:
    """Return the media type of a response as shown in errors."""
    return clean_text(response.headers.get("content-type"), 80) or "no content type"


def lower_headers(response: httpx.Response) -> dict[str, str]:
    """Return the headers of a response, names in lower case."""
    return {name.lower(): value for name, value in response.headers.items()}


def redirect_target(response: httpx.Response, url: Secret) -> Secret | None:
    """Return the URL that a response redirects to, or None.

    Raises
    ------
    ServiceError
        If that URL is invalid.
    """
    if not response.is_redirect or not response.headers.get("location"):
        return None
    return secret_url(url.reveal(), response.headers["location"])


def web_url(base: str, href: Any) -> str | None:
    """Return a link of a document as an absolute http(s) URL without user name and fragment, or None if it is none.

    Examples
    --------
    >>> from scenecart._api.transport import web_url
    >>> web_url("https://example.com/stac/", "../search?page=2"), web_url("https://example.com/", "file:///etc/passwd")
    ('https://example.com/search?page=2', None)
    """
    try:
        url = httpx.URL(urljoin(base, href)) if isinstance(href, str) else httpx.URL()
        is_web = url.scheme in {"http", "https"} and bool(url.host) and not url.userinfo
        return str(url.copy_with(fragment=None)) if is_web else None
    except (httpx.InvalidURL, ValueError):
        return None


def secret_url(base: str, url: str) -> Secret:
    """Return a signed URL, absolute or relative to a base, as a secret.

    Raises
    ------
    ServiceError
        If the URL is invalid.
    """
    try:
        return Secret(str(httpx.URL(urljoin(base, url))), "URL")
    except (httpx.InvalidURL, ConfigurationError, ValueError):
        # a traceback may show local variables
        base = url = ""
    raise ServiceError(
        "The service returned an invalid download URL.", code="download_url_invalid", operation=operations.DOWNLOAD.id
    )


def _close_own(clients: dict[int, httpx.Client], interrupted: list[tuple[int, httpx.Client]]) -> None:
    """Close the HTTP clients of this process; those of a parent process stay open for it."""
    for process, client in [*clients.items(), *interrupted]:
        if process == os.getpid():
            client.close()


def _shorter(timeout: float | None, seconds: float) -> float:
    return seconds if timeout is None else min(timeout, seconds)


def _disconnect(stream: Any) -> None:
    """End the reads and writes of a socket in every thread."""
    opened = stream.get_extra_info("socket")
    if isinstance(opened, socket.socket):
        # not the method of a TLS socket, which would send something first
        with contextlib.suppress(OSError):
            socket.socket.shutdown(opened, socket.SHUT_RDWR)


def _check_host(base_url: str) -> None:
    """Refuse an invalid host name before the first request."""
    try:
        is_valid = bool(httpx.URL(base_url).host)
    except (httpx.InvalidURL, ValueError):
        is_valid = False
    if not is_valid:
        raise ConfigurationError("has no valid host name.", code="base_url_host_invalid", argument="base_url", hint=BASE_URL_HINT)


def _connection_error(error: httpx.HTTPError, name: str, request: httpx.Request) -> ConnectionFailed:
    where = request.url.netloc.decode("ascii", "replace")
    if isinstance(error, httpx.TimeoutException):
        failed: ConnectionFailed = RequestTimeout(
            f"{where} did not respond in time ({name}).", code="request_timed_out", operation=name
        )
    elif isinstance(error, httpx.ConnectError):
        failed = ConnectionFailed(
            f"Cannot connect to {where} ({name}).",
            code="service_unreachable",
            hint="Check the base URL and the network connection.",
            operation=name,
        )
    else:
        failed = ConnectionFailed(f"The connection to {where} was lost ({name}).", code="connection_lost", operation=name)
    failed.was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return failed
