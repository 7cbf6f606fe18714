"""Middleware: requests only from this machine, and injected faults."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
from starlette.responses import JSONResponse, Response

from scenecart.sandbox._domain.faults import parse_fault_header
from scenecart.sandbox._problem import Problem, SandboxError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from scenecart.sandbox._domain.faults import Fault
    from scenecart.sandbox._http.operations import Service

REALM = "/realms/public/protocol/openid-connect"
LARGEST_BODY = 32 * 2**20
BODY_SECONDS = 60.0
# the detail of an injected 429 or 5xx, so that clients can recognise it
INJECTED = "fault injected by the sandbox"
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class SandboxMiddleware:
    """Refuses requests of other hosts and origins, and injects faults."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = self._dated(send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = _check_origin(headers)
        fault = None
        if problem is None and not scope["path"].startswith("/_sandbox/"):
            try:
                fault = parse_fault_header(headers.get("x-sandbox-fault")) or self._service.faults.next_for(
                    _operation_of(scope["path"])
                )
            except SandboxError as error:
                problem = Problem(400, str(error))
        if problem is not None:
            await problem_response(problem)(scope, receive, send)
        elif fault is None:
            await self._app(scope, receive, send)
        else:
            await self._inject(fault, scope, receive, send)

    def _dated(self, send: Send) -> Send:
        """Return a function that sends messages with the time of the sandbox's clock."""

        async def with_date(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._service.now(), usegmt=True).encode("ascii")
                message = {**message, "headers": [*message["headers"], (b"date", date)]}
            await send(message)

        return with_date

    async def _inject(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        kind = fault.kind
        if kind == "drop-before":
            self._abort_connection(scope)
        elif kind == "drop-after":
            await self._app(scope, receive, _discard)
            self._abort_connection(scope)
        elif kind == "stall":
            await anyio.sleep(float(fault.options.get("seconds", 5)))
            await self._app(scope, receive, send)
        elif kind == "cut":
            await self._app(scope, receive, self._truncating(scope, send))
        elif kind in {"garbage", "empty"}:
            body = b"<!doctype html><title>Welcome</title><p>Please sign in.</p>" if kind == "garbage" else b""
            await Response(body, 200, media_type="text/html")(scope, receive, send)
        elif kind == "expire-token":
            await problem_response(Problem(401, "the token has expired"))(scope, receive, send)
        else:
            retry = {"Retry-After": str(fault.options["retry_after"])} if "retry_after" in fault.options else {}
            await problem_response(Problem(int(kind), INJECTED, headers=retry))(scope, receive, send)

    def _truncating(self, scope: Scope, send: Send) -> Send:
        async def cut(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                body = message["body"]
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                await anyio.sleep(0.05)
                self._abort_connection(scope)
            elif message["type"] == "http.response.start":
                await send(message)

        return cut

    def _abort_connection(self, scope: Scope) -> None:
        connection = self._service.connections.get(tuple(scope["client"] or ()))
        if connection is not None:
            connection.abort()


def problem_response(problem: Problem) -> Response:
    """Return the response for a problem."""
    is_rfc = "title" in problem.document
    media = "application/problem+json" if is_rfc else "application/json"
    return JSONResponse(problem.document, problem.status, headers=problem.headers, media_type=media)


async def _discard(_message: Message) -> None:
    """Discard a message."""


def _check_origin(headers: dict[str, str]) -> Problem | None:
    """Refuse other Host and Origin headers, so that no web page reaches the sandbox (DNS rebinding)."""
    if _host_name(f"//{headers.get('host', '')}") not in _LOCAL_NAMES:
        return Problem(421, "the Host header must be 127.0.0.1 or localhost")
    origin = headers.get("origin")
    if origin is not None and _host_name(origin) not in _LOCAL_NAMES:
        return Problem(403, "requests from other origins are not allowed")
    return None


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _operation_of(path: str) -> str:
    if path.startswith("/v1/op/"):
        return path.removeprefix("/v1/op/")
    if path == f"{REALM}/token":
        return "token"
    if path == "/v2/orders":
        return "orders.archive.place"
    return "files" if path.startswith("/files/") else path.removeprefix("/v1/").replace("/", ".")
