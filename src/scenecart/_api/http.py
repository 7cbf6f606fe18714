"""Calls to the service: the only file that names httpx.

A call goes: rate limit → token → request → answer or error → perhaps again. What may be sent again is decided by the
operation: reads, and spends that carry their own idempotency key.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urljoin, urlsplit

import httpx

from scenecart._api import operations
from scenecart._api.auth import USERINFO_PATH, Tokens
from scenecart._api.credentials import Credentials, Secret, is_loopback
from scenecart._api.problems import error_of_status
from scenecart._api.retry import READ_STATUSES, SPEND_STATUSES, Limiter, Retry, check_numbers, parse_retry_after
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.keywords import checked_dataclass
from scenecart._util.text import clean_text
from scenecart._version import __version__
from scenecart.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailed,
    InvalidRequest,
    NotFound,
    RateLimited,
    RequestTimeout,
    ScenecartError,
    ServiceError,
    reword,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

T = TypeVar("T")
_MAX_REDIRECTS = 5


@checked_dataclass
@dataclass(frozen=True)
class Limits:
    """How long and how often to ask.

    Attributes
    ----------
    connect, read : float
        Seconds to wait for a connection, and for the next bytes of an answer. Defaults 10 and 120.
    calls_per_minute, places_per_minute : int
        The service's own limits for an organization. Defaults 600 and 60.
    answer_bytes : int
        How long an answer may be, unpacked; streams and files are read bit by bit and may be longer. Default 512 MiB.

    Examples
    --------
    >>> client = connect("sandbox", limits=Limits(read=30, calls_per_minute=120))
    """

    connect: float = 10.0
    read: float = 120.0
    calls_per_minute: int = 600
    places_per_minute: int = 60
    answer_bytes: int = 512 * 2**20

    def __post_init__(self) -> None:
        check_numbers(self, whole=("calls_per_minute", "places_per_minute", "answer_bytes"), others=("connect", "read"))


@dataclass(frozen=True)
class _Answer:
    """An answer that was read to its end."""

    status: int
    media: str
    body: bytes


@dataclass(frozen=True)
class Download:
    """An open download: its status, headers in lower case, and the bytes as they come."""

    status: int
    headers: Mapping[str, str]
    chunks: Iterator[bytes]


class Session:
    """One connection to one service, shared by everything a client does; safe to use from many threads."""

    def __init__(  # everything a test may want to put in its place
        self,
        credentials: Credentials,
        *,
        transport: httpx.BaseTransport | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        if not isinstance(limits, Limits | None):
            raise ConfigurationError(f"limits is a scenecart.Limits, not {limits!r}.")
        if not isinstance(retry, Retry | None):
            raise ConfigurationError(f"retry is a scenecart.Retry, not {retry!r}.")
        limits = limits or Limits()
        self.base_url = credentials.base_url
        self.retry = retry or Retry()
        self._sleep = sleep
        self._uniform = uniform
        self._most = limits.answer_bytes
        self._is_default_url = credentials.is_default_url
        _check_host(self.base_url)
        self._limiter = Limiter(limits.calls_per_minute, clock=clock, sleep=sleep)
        self._place_limiter = Limiter(limits.places_per_minute, clock=clock, sleep=sleep)
        self._http = httpx.Client(
            transport=transport,
            timeout=httpx.Timeout(limits.read, connect=limits.connect),
            headers={"User-Agent": f"scenecart/{__version__}"},
            follow_redirects=False,
            trust_env=not is_loopback(urlsplit(self.base_url).hostname or ""),
        )
        self._tokens = Tokens(credentials, self._post_form, wall)
        self._finalizer = weakref.finalize(self, self._http.close)

    def close(self) -> None:
        """Give the connections back."""
        self._finalizer()

    def call(
        self,
        operation: operations.Operation,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        content: bytes | None = None,
        query: bool = False,
    ) -> Any:
        """Call an operation and return its decoded answer.

        Parameters
        ----------
        body
            The JSON body; or the query parameters with ``query=True``, which asks with GET.
        key
            The idempotency key of a spend; with it, a spend may be sent again.
        content
            The body's exact bytes, where they were written down before.

        Raises
        ------
        ScenecartError
            The error of the answer's status; ``ServiceError`` for an answer that is not JSON; ``ConnectionFailed``
            when none came.
        """
        answer = self._with_retries(operation, key, lambda: self._answer(operation, body, key, content, query=query))
        return _decoded(answer, operation.id, key)

    def page(self, operation: operations.Operation, body: Mapping[str, Any], read: Callable[[bytes], T]) -> T:
        """Call an operation, and return what a reader makes of its answer's bytes.

        Raises
        ------
        ServiceError
            What the reader raises, with what the answer called itself.
        """
        answer = self._with_retries(operation, None, lambda: self._answer(operation, body, None, None))
        try:
            return read(answer.body)
        except ServiceError as error:
            raise _unread(error.message, answer, operation.id) from None

    @contextlib.contextmanager
    def stream(self, operation: operations.Operation, body: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        """Call an operation and hand out its answer's bytes while they come.

        The request is repeated by rule until the answer begins; what breaks later raises ``ConnectionFailed`` from
        the iterator.
        """
        response = self._with_retries(operation, None, lambda: self._open(operation, body))
        try:
            yield self._lines(response, operation.id)
        except ScenecartError as error:
            # a problem in the middle of a stream may repeat the token too
            error.message = self._tokens.scrub(error.message)
            error.args = (error.message,)
            error.problem = None if error.problem is None else loads(self._tokens.scrub(dumps(error.problem).decode()).encode())
            raise
        finally:
            response.close()

    def userinfo(self) -> Any:
        """Return what the service says of the signed-in account, or None where it does not offer that.

        Raises
        ------
        ScenecartError
            As for ``call``: an answer that cannot be read does not say that there is no account.
        """
        operation = operations.Operation("userinfo", safe=True)

        def once() -> _Answer:
            return self._read(self._exchange("GET", USERINFO_PATH, operation.id), operation.id, None)

        try:
            return _decoded(self._with_retries(operation, None, once), operation.id, None)
        except ScenecartError as error:
            if error.status in operations.NOT_OFFERED:
                return None
            raise

    def picture(self, operation: operations.Operation, body: Mapping[str, Any], most: int) -> bytes | None:
        """Call an operation that redirects to a picture, and return it; None where there is none, or one beyond ``most`` bytes."""

        def once() -> Secret | None:
            headers = {"Content-Type": "application/json"}
            response = self._exchange("POST", operation.path, operation.id, headers=headers, content=dumps(body))
            onward = _onward(response, Secret(self.base_url + operation.path, "address"))
            if onward is None:
                self._read(response, operation.id, None)
            response.close()
            return onward

        try:
            address = self._with_retries(operation, None, once)
        except NotFound:
            return None
        if address is None:
            return None
        with self.download(address, {}) as answer:
            found = b""
            for chunk in answer.chunks:
                found += chunk
                if len(found) > most:
                    return None
            return found if answer.status == httpx.codes.OK else None

    @contextlib.contextmanager
    def download(self, address: Secret, headers: Mapping[str, str]) -> Iterator[Download]:
        """Open a signed URL. The token goes to the service's own origin only, and never with a signed URL.

        Raises
        ------
        ConnectionFailed, ServiceError
            If it cannot be opened, or redirects somewhere that is not http(s).
        """
        with contextlib.ExitStack() as stack:
            for _ in range(_MAX_REDIRECTS):
                self._check_download(address)
                stack.enter_context(_hidden_from_logs(address))
                # a signed address is no call of the organization's
                response = self._transmit(self._signed_request(address, headers), operations.DOWNLOAD.id, counted=False)
                stack.callback(response.close)
                onward = _onward(response, address)
                if onward is None:
                    lower = {name.lower(): value for name, value in response.headers.items()}
                    yield Download(response.status_code, lower, self._chunks(response, operations.DOWNLOAD.id))
                    return
                address = onward
            raise ServiceError("A download redirects without end.", operation=operations.DOWNLOAD.id)

    def _signed_request(self, address: Secret, headers: Mapping[str, str]) -> httpx.Request:
        return self._http.build_request("GET", address.reveal(), headers={"Accept-Encoding": "identity", **headers})

    def pause(self, failures: int) -> None:
        """Wait before something that broke off is begun again."""
        self._sleep(self.retry.wait(failures, 0.0, None, self._uniform) or 0.0)

    def _check_download(self, address: Secret) -> None:
        parts = urlsplit(address.reveal().partition("?")[0])
        host = parts.hostname or ""
        safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        inward = is_loopback(host) and not is_loopback(urlsplit(self.base_url).hostname or "")
        if not host or not safe or inward:
            raise ServiceError("A download leads to an address that is not fetched.", operation=operations.DOWNLOAD.id)

    def _with_retries(self, operation: operations.Operation, key: str | None, once: Callable[[], T]) -> T:
        repeatable = READ_STATUSES if operation.safe else SPEND_STATUSES if key is not None else frozenset[int]()
        failures, waited, doubt = 0, 0.0, False
        while True:
            try:
                return once()
            except ScenecartError as error:
                lost = isinstance(error, ConnectionFailed)
                # what refuses a later try says nothing of an earlier one that got no answer
                doubt = doubt or error.money_may_have_moved or (lost and key is not None)
                error.money_may_have_moved = doubt
                if not repeatable or error.given_up or not (lost or error.status in repeatable):
                    self._tell_where(error)
                    raise
                failures += 1
                retry_after = error.retry_after if isinstance(error, RateLimited) else None
                wait = self.retry.wait(failures, waited, retry_after, self._uniform)
                if wait is None:
                    error.given_up = True
                    self._tell_where(error)
                    raise
            self._sleep(wait)
            waited += wait

    def _tell_where(self, error: ScenecartError) -> None:
        """Say which service was asked, where nobody said which and it does not know who asks, or is not there."""
        is_stranger = isinstance(error, AuthenticationError) or (isinstance(error, ConnectionFailed) and not error.was_sent)
        if is_stranger and self._is_default_url and "SCENECART_BASE_URL" not in (error.hint or ""):
            host = urlsplit(self.base_url).netloc
            hint = f"SCENECART_BASE_URL is not set, so this asked {host}. Set it, or pass base_url=, to ask another."
            reword(error, hint=f"{error.hint} {hint}" if error.hint else hint)

    def _answer(
        self,
        operation: operations.Operation,
        body: Mapping[str, Any] | None,
        key: str | None,
        content: bytes | None,
        *,
        query: bool = False,
    ) -> _Answer:
        if operation is operations.PLACE:
            self._place_limiter.enter()
        headers = {} if key is None else {operations.IDEMPOTENCY_HEADER: key}
        options: dict[str, Any] = {"params": dict(body or {})} if query else {}
        if not query:
            headers["Content-Type"] = "application/json"
            options["content"] = dumps(body or {}) if content is None else content
        method = "GET" if query else "POST"
        response = self._exchange(method, operation.path, operation.id, headers=headers, **options)
        return self._read(response, operation.id, key)

    def _open(self, operation: operations.Operation, body: Mapping[str, Any]) -> httpx.Response:
        headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
        response = self._exchange("POST", operation.path, operation.id, headers=headers, content=dumps(body))
        if not response.is_success:
            self._read(response, operation.id, None)
        return response

    def _exchange(self, method: str, path: str, name: str, **options: Any) -> httpx.Response:
        """Send one request, and once more with a fresh token when the first is refused; the answer is still open."""
        token = self._tokens.bearer()
        response = self._transmit(self._request(method, path, token, **options), name)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return response
        with contextlib.closing(response):
            fresh = self._tokens.renew(token)
            if fresh is None:
                self._read(response, name, None)
        return self._transmit(self._request(method, path, fresh or token, **options), name)

    def _request(self, method: str, path: str, token: Secret, **options: Any) -> httpx.Request:
        headers = {**options.pop("headers", {}), "Authorization": f"Bearer {token.reveal()}"}
        return self._http.build_request(method, self.base_url + path, headers=headers, **options)

    def _transmit(self, request: httpx.Request, name: str, *, counted: bool = True) -> httpx.Response:
        if counted:
            self._limiter.enter()
        failed: ScenecartError
        try:
            return self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            failed = _connection_error(error, name, request)
        except (httpx.InvalidURL, ValueError):
            # a redirect is looked at although it is not followed
            failed = ServiceError(f"{name} answered a redirect to what is no address.", operation=name)
        except RuntimeError:
            if not self._http.is_closed:
                raise
            failed = InvalidRequest(
                "This client is closed; nothing was sent.",
                hint="Connect again. client.order(id) finds an order again.",
                operation=name,
            )
        # a request shows its whole address, which may be signed
        del request
        raise failed

    def _read(self, response: httpx.Response, name: str, key: str | None) -> _Answer:
        """Read an answer to its end and close it; raise the error it stands for."""
        body = self._whole(response, name)
        if not response.is_success:
            error = self._error(response, body, name, key)
            # likewise: a 402's body holds a secret
            body = b""
            raise error
        return _Answer(response.status_code, _media(response), body)

    def _whole(self, response: httpx.Response, name: str) -> bytes:
        """Read an answer to its end and close it: a small body can unpack to one without end."""
        body = bytearray()
        with contextlib.closing(response):
            try:
                for chunk in self._chunks(response, name):
                    body += chunk
                    if len(body) > self._most:
                        break
                else:
                    return bytes(body)
            finally:
                # notebooks can show the variables of a traceback, and half a sign-in's answer may hold its token
                chunk = b""
                body.clear()
        raise ServiceError(f"{name} answered more than {self._most:,} bytes.", operation=name)

    def _chunks(self, response: httpx.Response, name: str) -> Iterator[bytes]:
        try:
            yield from response.iter_bytes()
        except httpx.DecodingError:
            raise ServiceError(f"{name} answered a body whose compression is broken.", operation=name) from None
        except httpx.HTTPError as error:
            raise _connection_error(error, name, response.request) from None

    def _lines(self, response: httpx.Response, name: str) -> Iterator[bytes]:
        """Give a stream's bytes; none at all mean that nothing was found only where the answer is a stream."""
        is_empty = True
        for chunk in self._chunks(response, name):
            is_empty = False
            yield chunk
        if is_empty and "json" not in response.headers.get("content-type", ""):
            raise _unread(f"{name} answered an empty body.", _Answer(response.status_code, _media(response), b""), name)

    def _post_form(self, path: str, fields: Mapping[str, str | Secret]) -> tuple[int, bytes]:
        def once() -> tuple[int, bytes]:
            request = self._http.build_request("POST", self.base_url + path, data=_revealed(fields))
            response = self._transmit(request, "sign-in")
            if response.status_code in READ_STATUSES:
                self._read(response, "sign-in", None)
            return response.status_code, self._whole(response, "sign-in")

        # asked twice with one refresh token, the service would take the session for stolen
        safe = fields.get("grant_type") != "refresh_token"
        return self._with_retries(operations.Operation("sign-in", safe=safe), None, once)

    def _error(self, response: httpx.Response, body: bytes, name: str, key: str | None) -> ScenecartError:
        status = response.status_code
        try:
            document = loads(self._tokens.scrub(body.decode("utf-8", "replace")).encode())
        except NotJson:
            document = None
        problem = operations.parse_problem(document)
        retry_after = parse_retry_after(response.headers.get("retry-after"))
        error = error_of_status(status, problem, name, retry_after)
        error.operation, error.status, error.idempotency_key = name, status, key
        error.problem = problem.shown()
        error.money_may_have_moved = key is not None and status >= httpx.codes.INTERNAL_SERVER_ERROR
        return error


def _decoded(answer: _Answer, name: str, key: str | None) -> Any:
    """Return an answer's JSON."""
    try:
        return loads(answer.body)
    except NotJson as error:
        what = f"no JSON ({error})" if answer.body.strip() else "an empty body"
        unread = _unread(f"{name} answered {what}.", answer, name)
        unread.idempotency_key, unread.money_may_have_moved = key, key is not None
        raise unread from None


def _revealed(fields: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()}


def _media(response: httpx.Response) -> str:
    """Return what an answer calls itself."""
    return clean_text(response.headers.get("content-type"), 80) or "no content type"


def _unread(message: str, answer: _Answer, name: str) -> ServiceError:
    return ServiceError(
        f"{message.removesuffix('.')}: status {answer.status}, {answer.media}.",
        hint="Is base_url the ordering service, and is there a proxy between?",
        operation=name,
        status=answer.status,
    )


def _check_host(base_url: str) -> None:
    """Find out before the first request that a host's name is none."""
    try:
        usable = bool(httpx.URL(base_url).host)
    except (httpx.InvalidURL, ValueError):
        usable = False
    if not usable:
        raise ConfigurationError("base_url names no host that can be asked.", hint="It looks like https://api.geopera.com.")


def _connection_error(error: httpx.HTTPError, name: str, request: httpx.Request) -> ConnectionFailed:
    where = request.url.netloc.decode("ascii", "replace")
    if isinstance(error, httpx.TimeoutException):
        failed: ConnectionFailed = RequestTimeout(f"{where} did not answer in time ({name}).", operation=name)
    elif isinstance(error, httpx.ConnectError):
        failed = ConnectionFailed(f"{where} cannot be reached ({name}).", hint="Check base_url and the network.", operation=name)
    else:
        failed = ConnectionFailed(f"The connection to {where} broke off ({name}).", operation=name)
    failed.was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return failed


class _HideSignedUrls(logging.Filter):
    """Takes the query off the URLs that are being downloaded, since a signature in it opens the file."""

    active: set[str] = set()  # noqa: RUF012  # shared on purpose: one filter sits on the one logger

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                str(value).split("?")[0] + "?[signed]" if str(value) in self.active else value for value in record.args
            )
        return True


def _onward(response: httpx.Response, address: Secret) -> Secret | None:
    """Return where an answer redirects to, if it does."""
    if not response.is_redirect or not response.headers.get("location"):
        return None
    return redacted_url(address.reveal(), response.headers["location"])


def redacted_url(base: str, url: str) -> Secret:
    """Return a signed URL, as it stands at an address, as the secret that it is.

    Raises
    ------
    ServiceError
        If it is no URL.
    """
    try:
        return Secret(str(httpx.URL(urljoin(base, url))), "address")
    except (httpx.InvalidURL, ConfigurationError, ValueError):
        base = url = ""
    raise ServiceError("The service gave an address that is none.", operation=operations.DOWNLOAD.id)


@contextlib.contextmanager
def _hidden_from_logs(address: Secret) -> Iterator[None]:
    logger = logging.getLogger("httpx")
    if not any(isinstance(installed, _HideSignedUrls) for installed in logger.filters):
        logger.addFilter(_HideSignedUrls())
    _HideSignedUrls.active.add(address.reveal())
    try:
        yield
    finally:
        _HideSignedUrls.active.discard(address.reveal())


Limits.__module__ = "scenecart"
