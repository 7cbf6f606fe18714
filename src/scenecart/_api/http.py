"""HTTP calls to the service: rate limits, tokens, errors and retries.

Each call: rate limit → token → request → response or error → retry. Only reads, and purchases with an idempotency key, are
retried.
"""

from __future__ import annotations

import contextlib
import copy
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import urlsplit

from scenecart._api import operations
from scenecart._api.auth import USERINFO_PATH, Tokens
from scenecart._api.credentials import Credentials, Secret, is_loopback
from scenecart._api.deadline import seconds_left
from scenecart._api.error_documents import parse_problem
from scenecart._api.file_requests import Download, follow_download
from scenecart._api.limits import Limiter, Limits
from scenecart._api.problems import error_of_status
from scenecart._api.replies import Reply, Response, decoded, unreadable
from scenecart._api.retry import READ_STATUSES, SPEND_STATUSES, Retry, check_policies, parse_retry_after
from scenecart._api.token_response import TokenResponse, parse_token_response
from scenecart._api.transport import Connections, lower_headers, media_type, redirect_target, service_time
from scenecart._util.forks import register_after_fork
from scenecart._util.json import NotJson, dumps, loads
from scenecart._util.tracebacks import hide_frames
from scenecart.exceptions import (
    AuthenticationError,
    ConfigurationError,
    ConnectionFailed,
    NotFound,
    RateLimited,
    ScenecartError,
    ServiceError,
    reword,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    import httpx

T = TypeVar("T")
_MAX_RENEWALS = 3


@dataclass
class Permit:
    """The permission of the rate limits to send one purchase now.

    Attributes
    ----------
    is_used : bool
        Whether it was sent, or may have been.
    """

    is_used: bool = False


class Session:
    """The HTTP session of a client with one service; thread-safe, and usable after a fork."""

    def __init__(  # each part can be replaced in tests
        self,
        credentials: Credentials,
        *,
        transport: httpx.BaseTransport | None = None,
        limits: Limits | None = None,
        retry: Retry | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        uniform: Callable[[float, float], float] = random.uniform,
        ca_bundle: str | os.PathLike[str] | None = None,
    ) -> None:
        check_policies(limits, retry)
        limits = limits or Limits()
        self.base_url = credentials.base_url
        self.retry = retry or Retry()
        self.sleep = sleep
        self.uniform = uniform
        self._is_default_url = credentials.is_default_url
        self._connections = Connections(self.base_url, limits, transport, now, ca_bundle)
        self.calls_per_minute = limits.calls_per_minute
        self._limiter = Limiter(limits.calls_per_minute, clock=clock, sleep=sleep)
        self._place_limiter = Limiter(limits.places_per_minute, clock=clock, sleep=sleep)
        self._tokens = Tokens(credentials, self._token_form, now, sleep, self._account_of)
        self._is_read_only = False
        register_after_fork(self)

    def make_read_only(self) -> None:
        """Refuse from now on every operation that may change or buy something, before anything is sent."""
        self._is_read_only = True

    def check_may_send(self, operation: operations.Operation) -> None:
        """Refuse an operation that may change or buy something, if this session only reads.

        Raises
        ------
        ConfigurationError
            If it does.
        """
        if self._is_read_only and not operation.safe:
            raise ConfigurationError(
                f"This connection only reads, and {operation.id} may change something. Nothing was sent.",
                code="session_read_only",
                operation=operation.id,
            )

    def on_placing_wait(self, notify: Callable[[float], object]) -> None:
        """Set what is called with the seconds, before an order waits because too many were placed in the last minute."""
        self._place_limiter.on_wait = notify

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    @contextlib.contextmanager
    def separate(self) -> Iterator[Self]:
        """Give a session with connections of its own, which shares sign-in and rate limits; ``abort`` ends its calls at once."""
        other = copy.copy(self)
        other._connections = self._connections.separate()  # noqa: SLF001  # its own class
        try:
            yield other
        finally:
            if other._connections is not self._connections:  # noqa: SLF001  # likewise
                other.close()

    def abort(self) -> None:
        """Disconnect: calls in other threads end at once with ``ConnectionFailed``."""
        self._connections.abort()

    def after_fork(self) -> None:
        """Replace locks in a forked process, where the threads that hold them do not exist."""
        self._tokens.after_fork()
        self._limiter.after_fork()
        self._place_limiter.after_fork()

    def call(
        self,
        operation: operations.Operation,
        body: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        content: bytes | None = None,
        query: bool = False,
    ) -> Any:
        """Call an operation and return its decoded response.

        Parameters
        ----------
        body
            The JSON body, or with ``query=True`` the query parameters of a GET request.
        key
            The idempotency key of a purchase; with it, the purchase may be retried.
        content
            The exact bytes of the body, in place of ``body``.

        Raises
        ------
        ScenecartError
            The error of the response's status; ``ServiceError`` if the response is not JSON; ``ConnectionFailed`` if there is no
            response.
        """
        self.check_may_send(operation)
        response = self._with_retries(operation, key, lambda: self._respond(operation, body, key, content, query=query))
        return decoded(response, operation.id, key)

    @property
    def clock_ahead(self) -> float:
        """How many seconds this computer's clock is ahead of the service's, as of the last response; 0 if it states no time."""
        return self._connections.clock_ahead

    def sign_in(self) -> None:
        """Get a token now, so that a failing sign-in is not mistaken for a failing request."""
        self._tokens.bearer()

    def renew_sign_in(self, refused: Reply) -> bool:
        """Replace the token of a refused request; return whether there is another one."""
        return self._tokens.renew(refused.token) is not None

    @contextlib.contextmanager
    def placing_permit(self) -> Iterator[Permit]:
        """Wait until one more purchase is within the rate limits; an unused permit is given back."""
        permit, began = Permit(), self._place_limiter.enter()
        try:
            self._limiter.enter()
            yield permit
        finally:
            if not permit.is_used:
                self._place_limiter.leave(began)

    def send_once(self, operation: operations.Operation, content: bytes, key: str, path: str | None = None) -> Reply:
        """Send a purchase exactly once, within ``placing_permit``: no retry, and no second request with a new token.

        A service may store keys by path, so a repeated request goes to the same path as the first one.

        Raises
        ------
        ConnectionFailed
            If no complete response arrived; ``was_sent`` is False if no connection was made.
        ServiceError
            If the response cannot be read.
        ConfigurationError
            If this session only reads.
        """
        self.check_may_send(operation)
        headers = {operations.IDEMPOTENCY_HEADER: key, "Content-Type": "application/json"}
        token = self._tokens.bearer()
        url = self.base_url + (path or operation.path)
        response = self._connections.send("POST", url, operation.id, token=token, headers=headers, content=content)
        return self._reply(response, operation.id, key, token)

    @hide_frames
    def _reply(self, response: httpx.Response, name: str, key: str, token: Secret) -> Reply:
        body = self._connections.body(response, name)
        error = None if response.is_success else self._error(response, body, name, key)
        try:
            document = loads(self._tokens.scrub(body.decode("utf-8", "replace")).encode()) if error else loads(body)
        except NotJson:
            document = None
        return Reply(response.status_code, media_type(response), lower_headers(response), document, error, token)

    def page(self, operation: operations.Operation, body: Mapping[str, Any], read: Callable[[bytes], T]) -> T:
        """Call an operation, and decode its response with a function.

        Raises
        ------
        ServiceError
            The error of the function, with the response's status and media type.
        """
        response = self._with_retries(operation, None, lambda: self._respond(operation, body, None, None))
        try:
            return read(response.body)
        except ServiceError as error:
            raise unreadable(error.message, response, operation.id, code=error.code) from None

    @contextlib.contextmanager
    def stream(self, operation: operations.Operation, body: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        """Call an operation and stream the bytes of its response.

        The request is retried until the response begins. If the connection is lost later, the iterator raises
        ``ConnectionFailed``.
        """
        response = self._with_retries(operation, None, lambda: self._open(operation, body))
        try:
            yield self._lines(response, operation.id)
        except ScenecartError as error:
            if isinstance(error, ServiceError) and error.status is None:
                # what came in place of a result
                reword(error, f"{error.message.removesuffix('.')}: status {response.status_code}, {media_type(response)}.")
                error.status = response.status_code
            # an error document inside a stream may contain the token
            reword(error, self._tokens.scrub(error.message))
            error.problem = None if error.problem is None else loads(self._tokens.scrub(dumps(error.problem).decode()).encode())
            raise
        finally:
            response.close()

    def userinfo(self) -> Any:
        """Return the service's description of the signed-in account; None if the service offers none.

        Raises
        ------
        ScenecartError
            As for ``call``. An unreadable response is an error: it does not mean that there is no account.
        """
        operation = operations.Operation("userinfo", safe=True)

        def attempt() -> Response:
            return self._read(self._exchange("GET", USERINFO_PATH, operation.id), operation.id, None)

        try:
            document = decoded(self._with_retries(operation, None, attempt), operation.id, None)
        except ScenecartError as error:
            if error.status in operations.NOT_OFFERED:
                return None
            raise
        self._tokens.note_account(document)
        return document

    def _account_of(self, token: Secret) -> operations.Identity | None:
        """Return the account of a token that this session does not use yet; None if the service does not state it."""
        with contextlib.suppress(ScenecartError):
            self._limiter.enter()
            response = self._connections.send("GET", self.base_url + USERINFO_PATH, "userinfo", token=token)
            return operations.identity_of(decoded(self._read(response, "userinfo", None), "userinfo", None))
        return None

    def image(self, operation: operations.Operation, body: Mapping[str, Any], max_bytes: int) -> bytes | None:
        """Call an operation that redirects to an image, and return it; None if there is none or it is larger than ``max_bytes``."""

        def attempt() -> Secret | None:
            headers = {"Content-Type": "application/json"}
            response = self._exchange("POST", operation.path, operation.id, headers=headers, content=dumps(body))
            target = redirect_target(response, Secret(self.base_url + operation.path, "URL"))
            if target is None:
                self._read(response, operation.id, None)
            response.close()
            return target

        try:
            url = self._with_retries(operation, None, attempt)
        except NotFound:
            return None
        if url is None:
            return None
        with self.download(url, {}) as download:
            content = b""
            for chunk in download.chunks:
                content += chunk
                if len(content) > max_bytes:
                    return None
            return content if download.status == HTTPStatus.OK else None

    @contextlib.contextmanager
    def download(self, url: Secret, headers: Mapping[str, str]) -> Iterator[Download]:
        """Open a signed URL, without the token: the token goes to the service's own origin only.

        Raises
        ------
        ConnectionFailed, ServiceError
            If the URL cannot be opened, or redirects to an unsafe URL.
        """
        with follow_download(self._connections, url, headers, self._check_download_url) as download:
            yield download

    def pause(self, failures: int) -> None:
        """Wait before an interrupted transfer is retried."""
        self.sleep(self.retry.wait(failures, 0.0, None, self.uniform) or 0.0)

    def _check_download_url(self, url: Secret) -> None:
        """Refuse plain http to another computer, and URLs of this computer from a remote service."""
        parts = urlsplit(url.reveal().partition("?")[0])
        host = parts.hostname or ""
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
        is_internal = is_loopback(host) and not is_loopback(urlsplit(self.base_url).hostname or "")
        if not host or not is_safe or is_internal:
            raise ServiceError(
                "The service returned an unsafe download URL.", code="download_url_unsafe", operation=operations.DOWNLOAD.id
            )

    def _with_retries(self, operation: operations.Operation, key: str | None, attempt: Callable[[], T]) -> T:
        repeatable = READ_STATUSES if operation.safe else SPEND_STATUSES if key is not None else frozenset[int]()
        retries, is_unknown = Retries(self), False
        while True:
            try:
                return attempt()
            except ScenecartError as error:
                lost = isinstance(error, ConnectionFailed)
                # a refused attempt proves nothing about an earlier one without a response
                is_unknown = is_unknown or error.money_may_have_moved or (lost and key is not None)
                error.money_may_have_moved = is_unknown
                is_over = not repeatable or error.given_up or self._connections.is_closed
                if is_over or not (lost or error.status in repeatable):
                    self._add_default_url_hint(error)
                    raise
                wait = retries.next_wait(error)
                if wait is None:
                    error.given_up = True
                    self._add_default_url_hint(error)
                    raise
            self.sleep(wait)

    def _add_default_url_hint(self, error: ScenecartError) -> None:
        """Add a hint to an error that the default base URL may have caused."""
        may_be_cause = isinstance(error, AuthenticationError) or (isinstance(error, ConnectionFailed) and not error.was_sent)
        if may_be_cause and self._is_default_url and "SCENECART_BASE_URL" not in (error.hint or ""):
            host = urlsplit(self.base_url).netloc
            hint = f"SCENECART_BASE_URL is not set, so {host} was used. Set it to use another service."
            reword(error, hint=f"{error.hint} {hint}" if error.hint else hint)

    def _respond(
        self,
        operation: operations.Operation,
        body: Mapping[str, Any] | None,
        key: str | None,
        content: bytes | None,
        *,
        query: bool = False,
    ) -> Response:
        """Send an operation once, and read its response."""
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
        """Send a request, and again with a new token if the first is refused; return the open response."""
        url, token = self.base_url + path, self._tokens.bearer()
        for _ in range(_MAX_RENEWALS):
            self._limiter.enter()
            response = self._connections.send(method, url, name, token=token, **options)
            if response.status_code != HTTPStatus.UNAUTHORIZED:
                return response
            with contextlib.closing(response):
                fresh = self._tokens.renew(token)
                if fresh is None:
                    self._read(response, name, None)
            token = fresh or token
            # the token of another program may have expired as well
            if not self._tokens.is_shared(token):
                break
        self._limiter.enter()
        return self._connections.send(method, url, name, token=token, **options)

    @hide_frames
    def _read(self, response: httpx.Response, name: str, key: str | None) -> Response:
        """Read and close a response; raise the error of its status."""
        body = self._connections.body(response, name)
        if not response.is_success:
            raise self._error(response, body, name, key)
        return Response(response.status_code, media_type(response), body)

    def _lines(self, response: httpx.Response, name: str) -> Iterator[bytes]:
        """Yield the bytes of a stream; an empty body is an empty result only if the media type is JSON."""
        is_empty = True
        for chunk in self._connections.chunks(response, name):
            is_empty = False
            yield chunk
        if is_empty and "json" not in response.headers.get("content-type", ""):
            empty = Response(response.status_code, media_type(response), b"")
            raise unreadable(f"The response to {name} is empty.", empty, name, code="response_empty")

    def post_form(self, path: str, fields: Mapping[str, str | Secret], read: Callable[[bytes], T]) -> tuple[int, T]:
        """Send a form to the sign-in service without a token, and return the status and the document of the response.

        Raises
        ------
        ScenecartError
            If there is no response, or one that is worth a later attempt.
        """

        def attempt() -> tuple[int, T]:
            self._limiter.enter()
            response = self._connections.send("POST", self.base_url + path, "sign-in", form=fields)
            if response.status_code in READ_STATUSES:
                self._read(response, "sign-in", None)
            return self._form_answer(response, read)

        # a refresh token too: if its response was lost, so is the session, and a second attempt cannot make it worse
        return self._with_retries(operations.Operation("sign-in", safe=True), None, attempt)

    @hide_frames
    def _form_answer(self, response: httpx.Response, read: Callable[[bytes], T]) -> tuple[int, T]:
        return response.status_code, read(self._connections.body(response, "sign-in"))

    def _token_form(self, path: str, fields: Mapping[str, str | Secret]) -> tuple[int, TokenResponse]:
        return self.post_form(path, fields, parse_token_response)

    def _error(self, response: httpx.Response, body: bytes, name: str, key: str | None) -> ScenecartError:
        status = response.status_code
        try:
            document = loads(self._tokens.scrub(body.decode("utf-8", "replace")).encode())
        except NotJson:
            document = None
        problem = parse_problem(document)
        stated = service_time(response.headers.get("date"))
        now = None if stated is None else datetime.fromtimestamp(stated, UTC)
        retry_after = parse_retry_after(response.headers.get("retry-after"), now)
        error = error_of_status(status, problem, name, retry_after)
        error.operation, error.status, error.idempotency_key = name, status, key
        error.problem = problem.shown(is_payment=status == HTTPStatus.PAYMENT_REQUIRED)
        error.money_may_have_moved = key is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return error


class Retries:
    """The retries of one request, by the rule of its session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._failures = 0
        self._waited = 0.0

    def next_wait(self, error: ScenecartError | None) -> float | None:
        """Return the seconds to wait before the next attempt, or None if a limit is reached."""
        self._failures += 1
        retry_after = error.retry_after if isinstance(error, RateLimited | ServiceError) else None
        wait = self._session.retry.wait(self._failures, self._waited, retry_after, self._session.uniform)
        self._waited += wait or 0.0
        left = seconds_left()
        return wait if wait is None or left is None or wait < left else None

    def pause(self, error: ScenecartError | None) -> bool:
        """Wait before the next attempt, or return False if a limit is reached."""
        wait = self.next_wait(error)
        if wait is not None:
            self._session.sleep(wait)
        return wait is not None
