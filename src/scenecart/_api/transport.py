"""HTTP connections: one client per process, requests, responses and redirects."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import re
import socket
import ssl
import threading
import time
import weakref
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urljoin

from scenecart._api import operations
from scenecart._api.certificates import trusted_certificates
from scenecart._api.credentials import BASE_URL_HINT, Secret
from scenecart._api.deadline import seconds_left
from scenecart._api.logs import redacted_logs
from scenecart._api.proxies import Proxies, Proxy
from scenecart._api.web_library import httpx
from scenecart._util.text import clean_text
from scenecart._util.tracebacks import hide_frames, without_frames
from scenecart._version import __version__
from scenecart.exceptions import ConfigurationError, ConnectionFailed, InvalidRequest, RequestTimeout, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from scenecart._api.limits import Limits

# codes of errors whose message and hint are about the service
OF_THE_NETWORK = frozenset({"service_unreachable", "connection_lost"})

# errors of httpx, of httpcore and of ssl
_MAX_CHAIN = 10

# events of httpcore that open a socket
_OPENED = ("connect_tcp.complete", "start_tls.complete")

# a request of a call whose time is nearly over may take so long
_LEAST_SECONDS = 0.1
_LEAST_SIGN_IN_SECONDS = 10.0


class Connections:
    """The connections to one service; thread-safe, and usable after a fork."""

    def __init__(
        self,
        base_url: str,
        limits: Limits,
        transport: httpx.BaseTransport | None,
        now: Callable[[], float] = time.time,
        ca_bundle: str | os.PathLike[str] | None = None,
    ) -> None:
        _check_host(base_url)
        self._transport = transport
        self._timeout = httpx.Timeout(limits.read, connect=limits.connect)
        self._max_bytes = limits.answer_bytes
        self._proxies = Proxies()
        # a proxy that cannot be used is an error now, not in the middle of a purchase
        self._proxies.of(base_url)
        self._certificates = None
        if ca_bundle is not None or base_url.startswith("https:"):
            self._certificates = trusted_certificates(ca_bundle)
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

    def _note_stream(self, opened: list[Any], event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(_OPENED):
            stream = info["return_value"]
            self._streams.add(stream)
            opened[:] = [stream]
            if self.is_closed:
                _disconnect(stream)

    @property
    def _http(self) -> httpx.Client:
        """The HTTP client of this process: connections that were inherited over a fork would mix up responses."""
        client = self._clients.get(os.getpid())
        if client is None:
            client = httpx.Client(
                transport=self._transport or _Routes(self._proxies, self._certificates),
                timeout=self._timeout,
                headers={"User-Agent": f"scenecart/{__version__}"},
                follow_redirects=False,
                # proxies and certificates are those of the transport
                trust_env=False,
            )
            if self.is_closed:
                client.close()
            client = self._clients.setdefault(os.getpid(), client)
        return client

    @hide_frames
    def send(
        self,
        method: str,
        url: str | Secret,
        name: str,
        *,
        token: Secret | None = None,
        headers: Mapping[str, str | Secret] | None = None,
        form: Mapping[str, str | Secret] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request once, and return the open response.

        Parameters
        ----------
        method, url
            The request; a secret URL is signed.
        name
            The id of the operation, for messages.
        token
            The bearer token.
        headers
            More headers.
        form
            The fields of a form.
        **options
            ``content`` or ``params`` of ``httpx.Client.build_request``.

        Raises
        ------
        ConnectionFailed
            If there is no response; ``was_sent`` is False if no connection was made.
        ServiceError
            If the response redirects to an invalid URL.
        InvalidRequest
            If the connections are closed.
        ConfigurationError
            If the proxy cannot be used.
        """
        # what is secret is revealed in this frame and below it alone, and errors do not keep these frames
        sent = {header: value.reveal() if isinstance(value, Secret) else value for header, value in (headers or {}).items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token.reveal()}"
        if form is not None:
            options["data"] = {field: value.reveal() if isinstance(value, Secret) else value for field, value in form.items()}
        # a refresh token whose response is cut off is lost
        options["timeout"] = self._time_left(_LEAST_SECONDS if form is None else _LEAST_SIGN_IN_SECONDS)
        address = url.reveal() if isinstance(url, Secret) else url
        opened: list[Any] = []
        try:
            traced = {"trace": functools.partial(self._note_stream, opened)}
            request = self._http.build_request(method, address, headers=sent, extensions=traced, **options)
            with redacted_logs(is_signed=isinstance(url, Secret)):
                response = self._http.send(request, stream=True)
        except KeyboardInterrupt:
            self._renew()
            raise
        except httpx.HTTPError as error:
            if isinstance(error, httpx.ProxyError):
                # httpcore leaves the connection to a SOCKS proxy open
                for stream in opened:
                    stream.close()
            raise self._connection_error(error, name, address) from None
        except (httpx.InvalidURL, ValueError):
            # a redirect is parsed although it is not followed
            raise ServiceError(
                f"The service redirected {name} to an invalid URL.", code="redirect_url_invalid", operation=name
            ) from None
        except RuntimeError:
            if not self._http.is_closed:
                raise
            raise InvalidRequest(
                "This client is closed. Nothing was sent.",
                code="client_closed",
                hint="Connect again. client.order(id) returns an earlier order.",
                operation=name,
            ) from None
        self._note_time(response)
        return response

    def _connection_error(self, error: httpx.HTTPError, name: str, url: str) -> ConnectionFailed:
        return connection_error(error, name, httpx.URL(url).netloc.decode("ascii", "replace"), self._proxies.of(url))

    def _time_left(self, least: float) -> httpx.Timeout:
        """Return the timeouts of a request, shortened to the time that its caller has, but not below a number of seconds."""
        left = seconds_left()
        if left is None:
            return self._timeout
        left = max(least, left)
        return httpx.Timeout(_shorter(self._timeout.read, left), connect=_shorter(self._timeout.connect, left))

    def _note_time(self, response: httpx.Response) -> None:
        stated = service_time(response.headers.get("date"))
        if stated is not None:
            self.clock_ahead = self._now() - stated

    def _renew(self) -> None:
        """Leave the connections of this process to those who still use them: an interrupt may have left their pool locked."""
        client = self._clients.pop(os.getpid(), None)
        if client is not None:
            self._interrupted.append((os.getpid(), client))

    @hide_frames
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
            for chunk in self.chunks(response, name):
                body += chunk
                if len(body) > self._max_bytes:
                    raise ServiceError(
                        f"The response to {name} is larger than {self._max_bytes:,} bytes.",
                        code="response_too_large",
                        operation=name,
                    )
        return bytes(body)

    def chunks(self, response: httpx.Response, name: str) -> Iterator[bytes]:
        """Yield the bytes of a response while they arrive.

        Raises
        ------
        ServiceError
            If the compression is corrupt.
        ConnectionFailed
            If the connection is lost.
        """
        failed: BaseException
        try:
            yield from response.iter_bytes()
        except GeneratorExit:
            raise
        except KeyboardInterrupt as error:
            self._renew()
            failed = error
        except httpx.DecodingError:
            failed = ServiceError(f"The compressed response to {name} is corrupt.", code="response_corrupt", operation=name)
        except httpx.HTTPError as error:
            failed = self._connection_error(error, name, str(response.request.url))
        except BaseException as error:  # noqa: BLE001  # raised again below
            failed = error
        else:
            return
        # the frames below hold what has arrived, such as part of a token
        raise without_frames(failed)


class _Routes(httpx.BaseTransport):
    """Connections, direct or through the proxy that a URL needs."""

    def __init__(self, proxies: Proxies, certificates: ssl.SSLContext | None) -> None:
        self._proxies = proxies
        self._certificates = certificates
        self._lock = threading.Lock()
        self._transports: dict[tuple[Secret | None, bool], httpx.HTTPTransport] = {}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        proxy = self._proxies.of(str(request.url))
        return self._transport(None if proxy is None else proxy.url, request.url.scheme).handle_request(request)

    def _transport(self, proxy: Secret | None, scheme: str) -> httpx.HTTPTransport:
        is_encrypted = scheme == "https" or (proxy is not None and proxy.reveal().startswith("https:"))
        with self._lock:
            if (proxy, is_encrypted) not in self._transports:
                self._transports[proxy, is_encrypted] = httpx.HTTPTransport(
                    verify=self._trusted(is_encrypted=is_encrypted),
                    trust_env=False,
                    proxy=None if proxy is None else httpx.Proxy(proxy.reveal()),
                )
            return self._transports[proxy, is_encrypted]

    def _trusted(self, *, is_encrypted: bool) -> ssl.SSLContext:
        """Return the trusted certificates; none, which need not be read, for connections that show no certificate."""
        if not is_encrypted:
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self._certificates is None:
            self._certificates = httpx.create_ssl_context(trust_env=False)
        return self._certificates

    def close(self) -> None:
        """Close all connections."""
        for transport in self._transports.values():
            transport.close()


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


@hide_frames
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
        raise ServiceError(
            "The service returned an invalid download URL.", code="download_url_invalid", operation=operations.DOWNLOAD.id
        ) from None


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


def connection_error(error: httpx.HTTPError, name: str, where: str, proxy: Proxy | None) -> ConnectionFailed:
    """Return the error for a request without a response: the service, a proxy or a certificate is the cause.

    Parameters
    ----------
    error
        The error of httpx.
    name
        The id of the operation.
    where
        The host of the URL.
    proxy
        The proxy that was used.
    """
    through = "" if proxy is None else f" through the {proxy.shown}"
    if isinstance(error, httpx.TimeoutException):
        failed: ConnectionFailed = RequestTimeout(
            f"{where} did not respond in time{through} ({name}).", code="request_timed_out", operation=name
        )
    elif isinstance(error, httpx.ProxyError) and proxy is not None:
        failed = _proxy_error(error, name, where, proxy)
    elif (reason := _certificate_problem(error)) is not None:
        failed = ConnectionFailed(
            f"The certificate of {where} is not trusted{through}: {reason} ({name}).",
            code="certificate_not_trusted",
            hint="If your network inspects encrypted connections, set SSL_CERT_FILE, or pass ca_bundle= to connect(), with the "
            "certificates of your company as a PEM file. Otherwise check the base URL: the connection may be intercepted.",
            operation=name,
        )
        # waiting does not change a certificate
        failed.given_up = True
    elif isinstance(error, httpx.ConnectError) and proxy is not None:
        failed = ConnectionFailed(
            f"Cannot connect to {where}{through} ({name}).",
            code="proxy_unreachable",
            hint=f"Check {proxy.source}. For a host that needs no proxy, add it to NO_PROXY.",
            operation=name,
        )
    elif isinstance(error, httpx.ConnectError):
        failed = ConnectionFailed(
            f"Cannot connect to {where} ({name}).",
            code="service_unreachable",
            hint="Check the base URL and the network connection. In a company network, set HTTPS_PROXY.",
            operation=name,
        )
    else:
        failed = ConnectionFailed(f"The connection to {where} was lost{through} ({name}).", code="connection_lost", operation=name)
    failed.was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)
    return failed


def _proxy_error(error: httpx.ProxyError, name: str, where: str, proxy: Proxy) -> ConnectionFailed:
    """Return the error for a proxy that refused to connect; its own words may repeat what was sent to it."""
    status = re.match(r"\d{3}\b", str(error))
    is_407 = status is not None and int(status[0]) == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED
    if is_407 or "password" in str(error):
        failed = ConnectionFailed(
            f"The {proxy.shown} requires another user name and password{' (status 407)' if is_407 else ''}.",
            code="proxy_sign_in_required",
            hint=f"Set {proxy.source} to http://user:password@host:port, with special characters of the password percent-encoded. "
            "A proxy with NTLM or Kerberos needs a local relay, such as px or cntlm.",
            operation=name,
        )
        failed.given_up = True
        return failed
    reason = "" if status is None else f" (status {status[0]})"
    return ConnectionFailed(
        f"The {proxy.shown} did not connect to {where}{reason}.",
        code="proxy_refused",
        hint=f"Ask the administrator of the proxy, or check {proxy.source} and NO_PROXY.",
        operation=name,
    )


def _certificate_problem(error: BaseException | None) -> str | None:
    """Return why a certificate was refused; None if it was something else."""
    seen = 0
    while error is not None and seen < _MAX_CHAIN:
        if isinstance(error, ssl.SSLCertVerificationError):
            return clean_text(error.verify_message or "it cannot be verified", 120)
        error, seen = error.__cause__ or error.__context__, seen + 1
    return None
