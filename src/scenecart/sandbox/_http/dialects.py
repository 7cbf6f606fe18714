"""The dialects of the sandbox: their table, their selection, and the middleware that applies them."""

from __future__ import annotations

import codecs
import difflib
import json
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import anyio
import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response

from scenecart.sandbox._http import key_dialects as keys
from scenecart.sandbox._http import order_dialects as orders
from scenecart.sandbox._http.account_dialects import DIRECT_KEYS, FLAKY_IDENTITY, OTHER_NAMES, PROBLEM_ERRORS
from scenecart.sandbox._http.catalog_dialects import NEXT_LINK, STREAM
from scenecart.sandbox._http.delivery_dialects import NO_PROVENANCE, PAGED_ASSETS
from scenecart.sandbox._http.exchange import ActiveDialect, Exchange, Reply
from scenecart.sandbox._http.intermediary_dialects import WRONG_ORDER
from scenecart.sandbox._http.middleware import BODY_SECONDS, LARGEST_BODY, REALM
from scenecart.sandbox._http.operations import OPERATIONS
from scenecart.sandbox._problem import SandboxError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from scenecart.sandbox._http.exchange import Dialect
    from scenecart.sandbox._http.operations import Service

# in the order in which they rewrite: first the content of a response, then its form
DIALECTS: tuple[Dialect, ...] = (
    WRONG_ORDER,
    orders.SEED,
    orders.UP42,
    orders.BOUGHT_GROUND,
    orders.WHOLE_FOOTPRINTS,
    orders.AWAITING,
    orders.CENTS,
    orders.BARE,
    orders.TEXT_FILTERS,
    orders.ONE_BASED,
    orders.SNAKE,
    orders.CANCEL_THIN,
    orders.GET_BY_POST,
    keys.SHORT_KEYS,
    keys.KEYS_PER_USER,
    keys.NO_KEYS,
    keys.STORED_REFUSALS,
    orders.OWN_ORDERS,
    NEXT_LINK,
    STREAM,
    PAGED_ASSETS,
    NO_PROVENANCE,
    OTHER_NAMES,
    FLAKY_IDENTITY,
    DIRECT_KEYS,
    PROBLEM_ERRORS,
)
DESCRIPTIONS = {dialect.name: dialect.description for dialect in sorted(DIALECTS, key=lambda dialect: dialect.name)}


def choose(names: str | Sequence[str] | None) -> tuple[tuple[Dialect, str | None], ...]:
    """Return the dialects of these names, each with its variant if one is chosen, in the order in which they rewrite.

    Raises
    ------
    SandboxError
        If a name or a variant is unknown.
    """
    if names is not None and not isinstance(names, str | Sequence):
        raise SandboxError(f"dialect must be a name, several names or None, got {names!r:.40}.")
    listed = [names] if isinstance(names, str) else names or []
    if not all(isinstance(name, str) for name in listed):
        raise SandboxError(f"dialect must be a name, several names or None, got {names!r:.40}.")
    chosen: dict[str, str | None] = {}
    known = {dialect.name: dialect for dialect in DIALECTS}
    for text in (part.strip() for name in listed for part in name.split(",")):
        name, colon, variant = text.partition(":")
        if not text:
            continue
        if name not in known:
            raise SandboxError(f"dialect must be a known name, got {name!r:.40}. {_suggestion(name, list(known))}")
        if colon and variant not in known[name].variants:
            raise SandboxError(f"dialect {name} has no variant {variant!r:.40}. {_suggestion(variant, list(known[name].variants))}")
        chosen[name] = variant or None
    return tuple((dialect, chosen[dialect.name]) for dialect in DIALECTS if dialect.name in chosen)


def _suggestion(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1, 0.5)
    return f"Did you mean {near[0]!r}?" if near else f"Use one of {', '.join(known)}." if known else "It has none."


class DialectMiddleware:
    """Rewrites requests and responses of operations in the chosen dialects."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._active = [ActiveDialect(dialect, variant) for dialect, variant in service.dialects]
        self._operations = {name for dialect, _ in service.dialects for name in (*dialect.requests, *dialect.replies)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        operation = operation_of(scope["path"]) if scope["type"] == "http" else None
        if operation is None or not self._operations & {operation, "*"}:
            await self._app(scope, receive, send)
            return
        content, receive = await _read_body(receive)
        exchange = _exchange(self._service, operation, scope, content)
        if exchange is None:
            exchange = Exchange(self._service, operation, scope["method"], {}, {})
        else:
            body, headers = dict(exchange.body), dict(exchange.headers)
            await run_in_threadpool(self._rewrite_request, exchange)
            if (body, headers) != (exchange.body, exchange.headers):
                scope, receive = _changed_request(exchange, scope, receive)
        held: list[Message] = []

        async def hold(message: Message) -> None:
            # images, files and streams of operations without a dialect are passed on without being read
            is_start = message["type"] == "http.response.start"
            if operation in self._operations or held or (is_start and message["status"] >= HTTPStatus.BAD_REQUEST):
                held.append(message)
            else:
                await send(message)

        await self._app(scope, receive, hold)
        if held:
            reply = await run_in_threadpool(self._rewrite_reply, exchange, _reply(held))
            await self._send(reply, scope, receive, send)

    def _rewrite_request(self, exchange: Exchange) -> None:
        for active in self._active:
            rewrite = active.definition.requests.get(exchange.operation)
            if rewrite is not None:
                rewrite(active, exchange)

    def _rewrite_reply(self, exchange: Exchange, reply: Reply) -> Reply:
        for active in self._active:
            rewrite = active.definition.replies.get(exchange.operation) or active.definition.replies.get("*")
            if rewrite is not None:
                reply = rewrite(active, exchange, reply)
        return reply

    async def _send(self, reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
        if reply.is_lost:
            connection = self._service.connections.get(tuple(scope["client"] or ()))
            if connection is not None:
                connection.abort()
            return
        await Response(reply.content, reply.status, reply.headers, reply.media or None)(scope, receive, send)


def operation_of(path: str) -> str | None:
    """Return the operation of a path, also with slashes; ``*`` for other paths of the service, None outside it."""
    if path.startswith(REALM):
        name = path.removeprefix(f"{REALM}/")
        return name if name in {"token", "userinfo"} else "*"
    if path.startswith("/v1/"):
        name = path.removeprefix("/v1/op/") if path.startswith("/v1/op/") else path.removeprefix("/v1/").replace("/", ".")
        return name if name in OPERATIONS else "*"
    return "*" if path.startswith("/v2/") else None


async def _read_body(receive: Receive) -> tuple[bytes, Receive]:
    """Read a body up to the limit; return it, and a function that returns the same messages again."""
    messages: list[Message] = []
    size = 0
    # the application refuses a body that is late or too large: it gets the same messages, and waits for the rest
    with anyio.move_on_after(BODY_SECONDS):
        while size <= LARGEST_BODY:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body"):
                break
    content = b"".join(message.get("body", b"") for message in messages)

    async def repeat() -> Message:
        return messages.pop(0) if messages else await receive()

    return content, repeat


def _exchange(service: Service, operation: str, scope: Scope, content: bytes) -> Exchange | None:
    """Return the request as an exchange for the dialects; None if its body is too large or not an object."""
    if len(content) > LARGEST_BODY:
        return None
    headers = dict(Headers(scope=scope))
    body: Any
    if scope["method"] == "GET":
        body = {}
        for name, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
            body[name] = f"{body[name]},{value}" if name in body else value
    elif operation == "token":
        body = dict(parse_qsl(content.decode("utf-8", "replace"), keep_blank_values=True))
    else:
        try:
            # as the application reads it: no NaN, no lone surrogates
            body = msgspec.json.decode(content.removeprefix(codecs.BOM_UTF8)) if content.strip() else {}
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
    return Exchange(service, operation, scope["method"], body, headers) if isinstance(body, dict) else None


def _changed_request(exchange: Exchange, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
    """Return scope and body of a request that a dialect has changed."""
    if exchange.method == "GET":
        return {**scope, "query_string": urlencode(exchange.body).encode()}, receive
    content = json.dumps(exchange.body).encode()
    headers = [
        (name, str(len(content)).encode() if name.lower() == b"content-length" else value)
        for name, value in scope["headers"]
        if name.decode("latin-1").lower() in exchange.headers
    ]
    messages: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

    async def changed() -> Message:
        return messages.pop(0) if messages else await receive()

    return {**scope, "headers": headers}, changed


def _reply(messages: list[Message]) -> Reply:
    headers = Headers(raw=messages[0]["headers"])
    content = b"".join(message.get("body", b"") for message in messages[1:])
    kept = {name: value for name, value in headers.items() if name not in {"content-length", "content-type"}}
    return Reply(messages[0]["status"], content, headers.get("content-type", ""), kept)
