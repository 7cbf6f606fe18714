"""The whole service as one value: routes, who may call what, and what every request goes through."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import anyio
from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from scenecart.sandbox._problem import Problem
from scenecart.sandbox._stac import query_to_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from scenecart.sandbox._auth import Caller, Doorkeeper
    from scenecart.sandbox._catalog import Catalog
    from scenecart.sandbox._delivery import Delivery
    from scenecart.sandbox._faults import Fault, Faults
    from scenecart.sandbox._orders import Orders
    from scenecart.sandbox._stac import StacApi
    from scenecart.sandbox._storage import Storage

_LOG = logging.getLogger("scenecart.sandbox")
_LARGEST_BODY = 32 * 2**20
_REALM = "/realms/public/protocol/openid-connect"
_LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_SIDES = {"quicklook": 512, "thumbnail": 256}


@dataclass(frozen=True)
class Service:
    """Everything the routes need."""

    storage: Storage
    doorkeeper: Doorkeeper
    catalog: Catalog
    orders: Orders
    delivery: Delivery
    stac: StacApi
    faults: Faults
    connections: dict[Any, Any]


@dataclass(frozen=True)
class Operation:
    """One operation: the scope it needs, whether it only reads, and what it does."""

    scope: str
    run: Callable[[Service, Caller, Any], Any]
    reads: bool = True


def _place(service: Service, caller: Caller, body: Any, key: str | None, path: str) -> Response:
    service.doorkeeper.count(caller, "places")
    work = service.orders.placing(caller, body)
    status, answer = service.orders.once(caller, path, key, body, work, 202)
    return Response(answer, status, media_type="application/json")


def _cancel(service: Service, caller: Caller, body: Any, key: str | None, path: str) -> Response:
    work = service.orders.cancelling(caller, body)
    status, answer = service.orders.once(caller, path, key, body, work, 200)
    return Response(answer, status, media_type="application/json")


def _image(kind: str) -> Callable[[Service, Caller, Any], Any]:
    def run(service: Service, _caller: Caller, body: Any) -> Response:
        host, name = body.get("host_name"), body.get("image_id")
        if not isinstance(host, str) or not isinstance(name, str) or service.catalog.capture(host, None, name) is None:
            raise Problem(404, "there is no such capture")
        return RedirectResponse(f"{service.catalog.url}/images/{host}/{name}/{kind}.png", 307)

    return run


SPENDS = {"orders.archive.place": _place, "orders.cancel": _cancel}

OPERATIONS: dict[str, Operation] = {
    "catalog.search": Operation("catalog:read", lambda s, _, b: s.catalog.page(b)),
    "catalog.search_stream": Operation(
        "catalog:read",
        lambda s, _, b: StreamingResponse(iterate_in_threadpool(s.catalog.stream(b)), media_type="application/x-ndjson"),
    ),
    "catalog.image.quicklook": Operation("catalog:read", _image("quicklook")),
    "catalog.image.thumbnail": Operation("catalog:read", _image("thumbnail")),
    "orders.archive.estimate": Operation("orders:read", lambda s, _, b: _estimate(s, b)),
    "orders.archive.place": Operation("orders:write", lambda *_: None, reads=False),
    "orders.cancel": Operation("orders:write", lambda *_: None, reads=False),
    "orders.get": Operation("orders:read", lambda s, c, b: s.orders.get(c, b)),
    "orders.list": Operation("orders:read", lambda s, c, b: s.orders.page(c, b)),
    "orders.list_assets": Operation("items:read", lambda s, c, b: s.delivery.items(c, b)),
    "items.get_stac": Operation("items:read", lambda s, c, b: s.delivery.item_of(c, b)),
    "items.asset.download": Operation("items:read", lambda s, c, b: s.delivery.signed(c, b)),
    "stac.search": Operation("items:read", lambda s, c, b: s.stac.search(c, {n: v for n, v in b.items() if n != "base_url"})),
    "provenance.get": Operation("provenance:read", lambda s, c, b: s.delivery.provenance(c, b)),
    "billing.credits.balance": Operation("billing:read", lambda s, c, _: s.orders.balance(c)),
}


def _estimate(service: Service, body: Any) -> dict[str, Any]:
    from scenecart.sandbox._pricing import estimate  # noqa: PLC0415  # the table above reads better first

    return estimate(service.catalog, service.storage, body).answer()


def application(service: Service) -> ASGIApp:
    """Return the service as an ASGI application."""
    routes = [
        Route("/v1/op/{operation}", _operation(service), methods=["GET", "POST"]),
        Route(f"{_REALM}/token", _token(service), methods=["POST"]),
        Route(f"{_REALM}/userinfo", _userinfo(service), methods=["GET"]),
        Route("/files/{path:path}", _file(service), methods=["GET"]),
        Route("/images/{host}/{name}/{kind}.png", _picture(service), methods=["GET"]),
        Route("/openapi.json", _openapi, methods=["GET"]),
        Route("/_sandbox/faults", _add_fault(service), methods=["POST"]),
        *_stac_routes(service),
        Route("/v1/{path:path}", _operation(service), methods=["POST"]),
    ]
    handlers: Any = {Problem: _tell, HTTPException: _tell_http, Exception: _tell_unexpected}
    return Gate(Starlette(routes=routes, exception_handlers=handlers), service)


class Gate:
    """What every request passes first: where it comes from, and the faults that wait for it."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        problem = _misdirected(headers)
        if problem is not None:
            await _tell_problem(problem)(scope, receive, send)
            return
        fault = None if scope["path"].startswith("/_sandbox/") else self._service.faults.take(_name_of(scope["path"]))
        if fault is None:
            await self._app(scope, receive, send)
        else:
            await self._go_wrong(fault, scope, receive, send)

    async def _go_wrong(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        kind = fault.kind
        if kind == "drop-before":
            self._hang_up(scope)
        elif kind == "drop-after":
            await self._app(scope, receive, _nowhere)
            self._hang_up(scope)
        elif kind == "stall":
            await anyio.sleep(float(fault.options.get("seconds", 5)))
            await self._app(scope, receive, send)
        elif kind == "cut":
            await self._app(scope, receive, self._cutting(scope, send))
        elif kind in {"garbage", "empty"}:
            body = b"<!doctype html><title>Welcome</title><p>Please sign in.</p>" if kind == "garbage" else b""
            await Response(body, 200, media_type="text/html")(scope, receive, send)
        elif kind == "expire-token":
            await _tell_problem(Problem(401, "the token has expired"))(scope, receive, send)
        else:
            retry = {"Retry-After": str(fault.options["retry_after"])} if "retry_after" in fault.options else {}
            problem = Problem(int(kind), "this was asked for, as a rehearsal", headers=retry)
            await _tell_problem(problem)(scope, receive, send)

    def _cutting(self, scope: Scope, send: Send) -> Send:
        async def cut(message: Message) -> None:
            if message["type"] == "http.response.body" and message.get("body"):
                body = message["body"]
                await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
                await anyio.sleep(0.05)
                self._hang_up(scope)
            elif message["type"] == "http.response.start":
                await send(message)

        return cut

    def _hang_up(self, scope: Scope) -> None:
        connection = self._service.connections.get(tuple(scope["client"] or ()))
        if connection is not None:
            connection.abort()


async def _nowhere(_message: Message) -> None:
    """Send nothing."""


def _misdirected(headers: dict[str, str]) -> Problem | None:
    """Refuse names that are not this machine's, so that a web page cannot reach the sandbox through DNS."""
    if _host_name(f"//{headers.get('host', '')}") not in _LOCAL_NAMES:
        return Problem(421, "the sandbox answers to this machine's own names alone")
    origin = headers.get("origin")
    if origin is not None and _host_name(origin) not in _LOCAL_NAMES:
        return Problem(403, "the sandbox does not answer web pages of other origins")
    return None


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _name_of(path: str) -> str:
    if path.startswith("/v1/op/"):
        return path.removeprefix("/v1/op/")
    if path == f"{_REALM}/token":
        return "token"
    return "files" if path.startswith("/files/") else path.removeprefix("/v1/").replace("/", ".")


def _operation(service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        name = request.path_params.get("operation") or request.path_params["path"].replace("/", ".")
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Problem(404, f"there is no operation {name[:80]!r}")
        if request.method == "GET" and not operation.reads:
            raise Problem(405, "this operation spends: use POST", headers={"Allow": "POST"})
        caller = await run_in_threadpool(_admit, service, request, operation.scope, name)
        body = dict(request.query_params) if request.method == "GET" else await _json_body(request)
        spend = SPENDS.get(name)
        if spend is not None:
            key = request.headers.get("idempotency-key")
            return await run_in_threadpool(spend, service, caller, body, key, request.url.path)
        answer = await run_in_threadpool(operation.run, service, caller, body)
        return answer if isinstance(answer, Response) else JSONResponse(answer)

    return endpoint


def _admit(service: Service, request: Request, scope: str, name: str) -> Caller:
    caller = service.doorkeeper.recognise(request.headers.get("authorization"), request.headers.get("x-api-key"))
    if not caller.may(scope):
        raise Problem(403, f"{name} requires scope {scope}", required_scope=scope)
    service.doorkeeper.count(caller, "calls")
    return caller


async def _read(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > _LARGEST_BODY:
            raise Problem(413, f"a body holds at most {_LARGEST_BODY >> 20} MiB", headers={"Connection": "close"})
        parts.append(part)
    return b"".join(parts)


async def _json_body(request: Request) -> Any:
    content = await _read(request)
    if not content.strip():
        return {}
    try:
        body = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None
    if not isinstance(body, dict | None):
        raise Problem(400, "the body is not a JSON object")
    return body or {}


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _token(service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        fields = dict(parse_qsl((await _read(request)).decode("utf-8", "replace"), keep_blank_values=True))
        answer = await run_in_threadpool(service.doorkeeper.grant, fields)
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    return endpoint


def _userinfo(service: Service) -> Callable[[Request], Awaitable[Response]]:
    def answer(request: Request) -> Response:
        caller = service.doorkeeper.recognise(request.headers.get("authorization"), request.headers.get("x-api-key"))
        return JSONResponse(
            {
                "sub": f"{caller.organization}/{caller.name}",
                "preferred_username": caller.name,
                "organization_id": caller.organization,
                "scope": " ".join(caller.scopes),
            }
        )

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, request)

    return endpoint


def _file(service: Service) -> Callable[[Request], Awaitable[Response]]:
    def find(request: Request) -> Path:
        query = request.query_params
        return service.delivery.open_signed(request.path_params["path"], query.get("expires", ""), query.get("signature", ""))

    async def endpoint(request: Request) -> Response:
        return FileResponse(await run_in_threadpool(find, request))

    return endpoint


def _picture(service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        params = request.path_params
        side = _SIDES.get(params["kind"])
        if side is None:
            raise Problem(404, "there is no such picture")
        content = await run_in_threadpool(service.delivery.quicklook, params["host"], params["name"], side)
        return Response(content, media_type="image/png", headers={"Cache-Control": "max-age=86400"})

    return endpoint


def _add_fault(service: Service) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        body = await _json_body(request)
        try:
            service.faults.add(body.pop("kind", ""), int(body.pop("times", 1)), body.pop("operation", None), **body)
        except (RuntimeError, ValueError, TypeError) as why:
            raise Problem(422, str(why)) from None
        return JSONResponse({"added": True})

    return endpoint


def _stac_routes(service: Service) -> list[Route]:
    stac = service.stac

    def route(path: str, answer: Callable[[Request, Caller], Any], methods: tuple[str, ...] = ("GET",)) -> Route:
        async def endpoint(request: Request) -> Response:
            caller = await run_in_threadpool(_admit, service, request, "items:read", "stac")
            if request.method == "POST":
                request.state.body = await _json_body(request)
            found = await run_in_threadpool(answer, request, caller)
            media = "application/geo+json" if found.get("type") in {"Feature", "FeatureCollection"} else "application/json"
            return JSONResponse(found, media_type=media)

        return Route(path, endpoint, methods=list(methods))

    def search(request: Request, caller: Caller) -> dict[str, Any]:
        if request.method == "POST":
            return stac.search(caller, request.state.body)
        return stac.search(caller, query_to_body(dict(request.query_params)), method="GET")

    def items(request: Request, caller: Caller) -> dict[str, Any]:
        name = request.path_params["collection"]
        stac.collection(caller, name)
        body = {**query_to_body(dict(request.query_params)), "collections": [name]}
        return stac.search(caller, body, path=f"/collections/{name}/items", method="GET")

    return [
        route("/stac", lambda *_: stac.landing()),
        route("/stac/", lambda *_: stac.landing()),
        route("/stac/conformance", lambda *_: stac.conformance()),
        route("/stac/collections", lambda _, caller: stac.collections(caller)),
        route("/stac/collections/{collection}", lambda r, c: stac.collection(c, r.path_params["collection"])),
        route("/stac/collections/{collection}/items", items),
        route(
            "/stac/collections/{collection}/items/{item}",
            lambda r, c: stac.item(c, r.path_params["collection"], r.path_params["item"]),
        ),
        route("/stac/search", search, ("GET", "POST")),
    ]


async def _openapi(_request: Request) -> Response:
    answers = {"200": {"description": "The answer"}, "default": {"description": "A problem"}}
    paths = {
        f"/v1/op/{name}": {
            "post": {
                "operationId": name,
                "security": [{"bearer": []}],
                "x-required-scope": operation.scope,
                "requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "responses": answers,
            }
        }
        for name, operation in OPERATIONS.items()
    }
    return JSONResponse(
        {
            "openapi": "3.1.0",
            "info": {"title": "scenecart sandbox", "version": "1"},
            "paths": paths,
            "components": {"securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}}},
        }
    )


def _tell_problem(problem: Problem) -> Response:
    is_rfc = "title" in problem.document
    media = "application/problem+json" if is_rfc else "application/json"
    return JSONResponse(problem.document, problem.status, headers=problem.headers, media_type=media)


async def _tell(_request: Request, error: Exception) -> Response:
    return _tell_problem(error if isinstance(error, Problem) else Problem(500, "something went wrong"))


async def _tell_http(_request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    return _tell_problem(Problem(status, "there is nothing here" if status == 404 else "this cannot be done here",  # noqa: PLR2004  # HTTP
                                 headers=dict(getattr(error, "headers", None) or {})))  # fmt: skip


async def _tell_unexpected(_request: Request, error: Exception) -> Response:
    _LOG.error("unexpected", exc_info=error)
    return _tell_problem(Problem(500, "something went wrong"))
