"""The whole service as one value: its routes, and what every one of them shares."""

from __future__ import annotations

import codecs
import json
import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from scenecart.sandbox._http import control, pages
from scenecart.sandbox._http.middleware import REALM, Gate, tell
from scenecart.sandbox._http.openapi import describe
from scenecart.sandbox._http.operations import OPERATIONS
from scenecart.sandbox._http.schemas import OrderChange, OrdersList, read
from scenecart.sandbox._http.stac import CONFORMS, StacApi
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._http.operations import Operation, Service

    Endpoint = Callable[[Request], Awaitable[Response]]

_LOG = logging.getLogger("scenecart.sandbox")
_LARGEST_BODY = 32 * 2**20
_BODY_SECONDS = 60.0
_EXACT = 2**53
_SIDES = {"quicklook": 512, "thumbnail": 256}


def application(service: Service) -> ASGIApp:
    """Return the service as an ASGI application."""
    routes = [
        Route("/v1/op/{operation}", _operation(service), methods=["GET", "POST"]),
        *_sign_in_routes(service),
        Route("/files/{path:path}", _file(service), methods=["GET"]),
        Route("/images/{host}/{name}/{kind}.png", _picture(service), methods=["GET"]),
        Route("/openapi.json", _openapi(service), methods=["GET"]),
        *_stac_routes(service, StacApi(service.delivered, service.url, "/stac"), "items:read"),
        *_stac_routes(service, StacApi(service.delivered, service.url, "/v2/assets/stac"), "items:read"),
        *_stac_routes(service, StacApi(service.archive, service.url, "/v2/catalog"), "catalog:read"),
        *_resource_routes(service),
        *_asset_routes(service),
        *pages.routes(service, form),
        *control.routes(service, json_body),
        Route("/v1/{path:path}", _operation(service), methods=["GET", "POST"]),
    ]
    handlers: Any = {Problem: _tell, HTTPException: _tell_http, Exception: _tell_unexpected}
    return Gate(Starlette(routes=routes, exception_handlers=handlers), service)


def _operation(service: Service) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = request.path_params.get("operation") or request.path_params["path"].replace("/", ".")
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Problem(404, f"there is no operation {name[:80]!r}")
        if request.method == "GET" and operation.read is None:
            raise Problem(405, "this operation spends: use POST", headers={"Allow": "POST"})
        caller = await run_in_threadpool(_admit, service, request, operation.scope, name)
        from_query = request.method == "GET"
        body = _query(request) if from_query else await json_body(request)
        return await run_in_threadpool(_run, service, operation, caller, body, request, from_query)

    return endpoint


def _run(  # noqa: PLR0917  # what, for whom, with what, asked how
    service: Service,
    operation: Operation,
    caller: Caller,
    body: Any,
    request: Request,
    from_query: bool,  # noqa: FBT001  # said once
) -> Response:
    if operation.read is not None:
        answer = operation.read(service, caller, read(operation.takes, body, from_query=from_query))
        return answer if isinstance(answer, Response) else JSONResponse(answer)
    spend = operation.spend
    if spend is None:
        raise Problem(501, "this operation does nothing")

    def prepare() -> Any:
        return spend(service, caller, read(operation.takes, body))

    return _once(service, caller, request, body, prepare, operation.status)


def _once(  # noqa: PLR0917  # as above
    service: Service, caller: Caller, request: Request, body: Any, prepare: Callable[[], Any], status: int
) -> Response:
    key = request.headers.get("idempotency-key")
    status, answer = service.orders.once(caller, request.url.path, key, body, prepare, status)
    return Response(answer, status, media_type="application/json")


def _admit(service: Service, request: Request, scope: str, name: str) -> Caller:
    caller = service.doorkeeper.recognise(request.headers.get("authorization"), request.headers.get("x-api-key"))
    if not caller.may(scope):
        raise Problem(403, f"{name} requires scope {scope}", required_scope=scope)
    service.doorkeeper.count(caller, "calls")
    return caller


def _query(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return found


async def _content(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    too_large = Problem(413, f"a body holds at most {_LARGEST_BODY >> 20} MiB", headers={"Connection": "close"})
    if int(request.headers.get("content-length", 0)) > _LARGEST_BODY:
        raise too_large
    try:
        with anyio.move_on_after(_BODY_SECONDS) as waiting:
            async for part in request.stream():
                size += len(part)
                if size > _LARGEST_BODY:
                    raise too_large
                parts.append(part)
    except ClientDisconnect:
        # nobody reads this: whoever asked is gone, and nothing was done
        raise Problem(400, "the body broke off") from None
    if waiting.cancelled_caught:
        raise Problem(408, f"the body did not arrive within {_BODY_SECONDS:g} seconds", headers={"Connection": "close"})
    return b"".join(parts)


async def json_body(request: Request) -> Any:
    """Return a request's body, a JSON object; without one, an empty object."""
    content = (await _content(request)).removeprefix(codecs.BOM_UTF8)
    if not content.strip():
        return {}
    try:
        body = _decode(content)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Problem(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Problem(400, "the body is not a JSON object")
    return body


async def form(request: Request) -> dict[str, str]:
    """Return the fields of a form."""
    return dict(parse_qsl((await _content(request)).decode("utf-8", "replace"), keep_blank_values=True))


def _number(text: str) -> int | float:
    """Read a number; JSON knows no difference between 20 and 20.0."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


_decode = msgspec.json.Decoder(float_hook=_number).decode


def _sign_in_routes(service: Service) -> list[Route]:
    fresh = {"Cache-Control": "no-store"}

    async def token(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.doorkeeper.grant, await form(request)), headers=fresh)

    async def device(request: Request) -> Response:
        fields = await form(request)
        return JSONResponse(await run_in_threadpool(service.doorkeeper.devices.begin, fields, service.url), headers=fresh)

    async def logout(request: Request) -> Response:
        await run_in_threadpool(service.doorkeeper.sign_out, await form(request))
        return Response(status_code=204)

    def who(request: Request) -> Response:
        caller = service.doorkeeper.recognise(request.headers.get("authorization"), request.headers.get("x-api-key"))
        return JSONResponse(
            {
                "sub": caller.subject,
                "preferred_username": caller.name,
                "organization_id": caller.organization,
                "scope": " ".join(caller.scopes),
                "geopera_principal_id": caller.subject,
                "geopera_principal_type": "api_key" if caller.by_key else "user",
                "geopera_org_id": caller.organization,
                "geopera_project_id": caller.project,
            }
        )

    async def userinfo(request: Request) -> Response:
        return await run_in_threadpool(who, request)

    return [
        Route(f"{REALM}/token", token, methods=["POST"]),
        Route(f"{REALM}/auth/device", device, methods=["POST"]),
        Route(f"{REALM}/logout", logout, methods=["POST"]),
        Route(f"{REALM}/userinfo", userinfo, methods=["GET", "POST"]),
    ]


class _File(FileResponse):
    """A file, or parts of it; parts that it does not have are a problem like any other."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        refused: list[int] = []

        async def unless_refused(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                refused.append(message["status"])
            elif not refused:
                await send(message)

        await super().__call__(scope, receive, unless_refused)
        if refused:
            size = self.headers["content-length"]
            problem = Problem(refused[0], "the file has no such part", headers={"Content-Range": f"bytes */{size}"})
            await tell(problem)(scope, receive, send)


def _file(service: Service) -> Endpoint:
    def find(request: Request) -> Response:
        query = request.query_params
        path = service.delivery.open_signed(request.path_params["path"], query.get("expires", ""), query.get("signature", ""))
        answer = _File(path, stat_result=path.stat())
        if request.headers.get("if-none-match") == answer.headers["etag"]:
            return Response(status_code=304, headers={"ETag": answer.headers["etag"]})
        return answer

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(find, request)

    return endpoint


def _picture(service: Service) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        params = request.path_params
        side = _SIDES.get(params["kind"])
        if side is None:
            raise Problem(404, "there is no such picture")
        content = await run_in_threadpool(service.delivery.quicklook, params["host"], params["name"], side)
        return Response(content, media_type="image/png", headers={"Cache-Control": "max-age=86400"})

    return endpoint


def _openapi(service: Service) -> Endpoint:
    document = json.dumps(describe(service.url)).encode()

    async def endpoint(request: Request) -> Response:
        named = "application/vnd.oai.openapi+json" in request.headers.get("accept", "")
        return Response(document, media_type="application/vnd.oai.openapi+json;version=3.1" if named else "application/json")

    return endpoint


def _guarded(service: Service, path: str, method: str, scope: str, answer: Callable[[Request, Caller, Any], Response]) -> Route:
    """Return a route for callers of a scope; what is asked stands in the query of a GET, and in the body of any other."""

    async def endpoint(request: Request) -> Response:
        caller = await run_in_threadpool(_admit, service, request, scope, f"{method} {path}")
        body = _query(request) if method == "GET" else await json_body(request)
        return await run_in_threadpool(answer, request, caller, body)

    return Route(path, endpoint, methods=[method])


def _stac_routes(service: Service, stac: StacApi, scope: str) -> list[Route]:
    def route(path: str, find: Callable[[Request, Caller, Any], Any], method: str = "GET") -> Route:
        def answer(request: Request, caller: Caller, body: Any) -> Response:
            found = find(request, caller, body)
            media = "application/geo+json" if found.get("type") in {"Feature", "FeatureCollection"} else "application/json"
            return JSONResponse(found, media_type=media)

        return _guarded(service, f"{stac.path}{path}", method, scope, answer)

    return [
        route("", lambda _r, caller, _b: stac.landing(caller)),
        route("/", lambda _r, caller, _b: stac.landing(caller)),
        route("/conformance", lambda *_: {"conformsTo": CONFORMS}),
        route("/collections", lambda _r, caller, _b: stac.collections(caller)),
        route("/collections/{collection}", lambda r, c, _b: stac.collection(c, r.path_params["collection"])),
        route("/collections/{collection}/items", lambda r, c, body: stac.items(c, r.path_params["collection"], body)),
        route(
            "/collections/{collection}/items/{item}",
            lambda r, c, _b: stac.item(c, r.path_params["collection"], r.path_params["item"]),
        ),
        route("/search", lambda _r, c, body: stac.search(c, body, from_query=True)),
        route("/search", lambda _r, c, body: stac.search(c, body, from_query=False), "POST"),
    ]


def _resource_routes(service: Service) -> list[Route]:
    orders, resources = service.orders, service.resources

    def listed(_request: Request, caller: Caller, body: Any) -> Response:
        rows, counts = orders.page(caller, read(OrdersList, body, from_query=True))
        return JSONResponse({"content": [resources.document(row, caller) for row in rows], **counts})

    def one(request: Request, caller: Caller, _body: Any) -> Response:
        return JSONResponse(resources.document(orders.row(caller, str(request.path_params["order"])), caller))

    def change(request: Request, caller: Caller, body: Any) -> Response:
        orders.change(caller, str(request.path_params["order"]), read(OrderChange, body))
        return one(request, caller, body)

    def place(request: Request, caller: Caller, body: Any) -> Response:
        workspace = request.query_params.get("workspaceId")

        def prepare() -> Any:
            service.doorkeeper.count(caller, "places")
            return resources.placing(caller, body, workspace)

        return _once(service, caller, request, {"body": body, "workspaceId": workspace}, prepare, 202)

    def cancel(request: Request, caller: Caller, body: Any) -> Response:
        name = str(request.path_params["order"])
        return _once(service, caller, request, body, lambda: orders.cancelling(caller, name), 200)

    return [
        _guarded(service, "/v2/orders", "GET", "orders:read", listed),
        _guarded(service, "/v2/orders", "POST", "orders:write", place),
        _guarded(
            service, "/v2/orders/estimate", "POST", "orders:read", lambda _r, _c, body: JSONResponse(resources.estimate(body))
        ),
        _guarded(service, "/v2/orders/{order:uuid}", "GET", "orders:read", one),
        _guarded(service, "/v2/orders/{order:uuid}", "PATCH", "orders:write", change),
        _guarded(service, "/v2/orders/{order:uuid}/cancellation", "POST", "orders:write", cancel),
        _guarded(service, "/v2/collections", "GET", "catalog:read", lambda *_: JSONResponse(resources.glossary())),
    ]


def _asset_routes(service: Service) -> list[Route]:
    """Return the routes of delivered files: opening one, and signing an address for those who cannot send a token."""
    path = "/v2/assets/{item_id}/{asset_id}"

    def open_asset(request: Request, caller: Caller, _body: Any) -> Response:
        return RedirectResponse(service.delivery.signed(caller, **request.path_params)["url"], 307)

    def sign(request: Request, caller: Caller, _body: Any) -> Response:
        return JSONResponse(service.delivery.signed(caller, **request.path_params))

    return [
        _guarded(service, path, "GET", "items:read", open_asset),
        _guarded(service, f"{path}/download-url", "POST", "items:read", sign),
    ]


async def _tell(_request: Request, error: Exception) -> Response:
    return tell(error if isinstance(error, Problem) else Problem(500, "something went wrong"))


async def _tell_http(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return tell(Problem(status, "this cannot be done here", headers={"Allow": ", ".join(sorted(_allowed(request)))}))
    return tell(Problem(status, "there is nothing here" if status == HTTPStatus.NOT_FOUND else "this cannot be done here"))


def _allowed(request: Request) -> set[str]:
    """Return every method that an address takes."""
    path = request.url.path
    operation = OPERATIONS.get(path.removeprefix("/v1/op/") if path.startswith("/v1/op/") else path[4:].replace("/", "."))
    if operation is not None:
        return {"POST"} if operation.read is None else {"GET", "HEAD", "POST"}
    matching = [route for route in request.app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    return {method for route in matching for method in route.methods or ()}


async def _tell_unexpected(_request: Request, error: Exception) -> Response:
    _LOG.error("unexpected", exc_info=error)
    return tell(Problem(500, "something went wrong"))
