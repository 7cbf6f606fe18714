"""The ASGI application: routes, request bodies, authentication and error responses."""

from __future__ import annotations

import codecs
import functools
import json
import logging
import math
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import anyio
import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from scenecart.sandbox._http import control, pages
from scenecart.sandbox._http.dialects import DialectMiddleware
from scenecart.sandbox._http.middleware import BODY_SECONDS, LARGEST_BODY, REALM, SandboxMiddleware, problem_response
from scenecart.sandbox._http.openapi import describe
from scenecart.sandbox._http.operations import OPERATIONS
from scenecart.sandbox._http.schemas import OrderChange, OrdersList, parse
from scenecart.sandbox._http.stac import CONFORMS, StacApi
from scenecart.sandbox._problem import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from scenecart.sandbox._domain.caller import Caller
    from scenecart.sandbox._http.operations import Service

    Endpoint = Callable[[Request], Awaitable[Response]]

_LOG = logging.getLogger("scenecart.sandbox")
_EXACT_INTEGERS = 2**53
# pixels of the longer side
_IMAGE_SIZES = {"quicklook": 1_024, "thumbnail": 256}
_IMAGE_TYPES = {"png": "PNG", "jpg": "JPEG"}


def application(service: Service) -> ASGIApp:
    """Return the service as an ASGI application."""
    routes = [
        Route("/v1/op/{operation}", _operation(service), methods=["GET", "POST"]),
        *_sign_in_routes(service),
        Route("/files/{path:path}", _file(service), methods=["GET"]),
        Route("/images/{host}/{name}/{kind}.{suffix}", _image(service), methods=["GET"]),
        Route("/openapi.json", _openapi(service), methods=["GET"]),
        *_stac_routes(service, StacApi(service.delivery_source, service.url, "/stac"), "items:read"),
        *_stac_routes(service, StacApi(service.delivery_source, service.url, "/v2/assets/stac"), "items:read"),
        *_stac_routes(service, StacApi(service.catalog_source, service.url, "/v2/catalog"), "catalog:read"),
        *_resource_routes(service),
        *_asset_routes(service),
        *pages.routes(service, form),
        *control.routes(service, json_body),
        Route("/v1/{path:path}", _operation(service), methods=["GET", "POST"]),
    ]
    handlers: Any = {Problem: _on_problem, HTTPException: _on_http_error, Exception: _on_unexpected_error}
    dialects = [Middleware(DialectMiddleware, service=service)] if service.dialects else []
    return SandboxMiddleware(Starlette(routes=routes, middleware=dialects, exception_handlers=handlers), service)


def _operation(service: Service) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = request.path_params.get("operation") or request.path_params["path"].replace("/", ".")
        operation = OPERATIONS.get(name)
        if operation is None:
            raise Problem(404, f"unknown operation {name[:80]!r}")
        if request.method == "GET" and operation.read is None:
            raise Problem(405, "this operation does not only read; use POST", headers={"Allow": "POST"})
        caller = await run_in_threadpool(_authenticate, service, request)
        try:
            await run_in_threadpool(_check_access, service, caller, operation.scope, name)
        except Problem as refusal:
            if operation.spend is None or not service.orders.policy.stores_refusals:
                raise
            key, body = request.headers.get("idempotency-key"), await json_body(request)
            raise await run_in_threadpool(service.orders.store_refusal, caller, _path_of(name), key, body, refusal) from None
        from_query = request.method == "GET"
        body = _query(request) if from_query else await json_body(request)
        return await run_in_threadpool(_run, service, name, caller, body, request, from_query)

    return endpoint


def _run(  # noqa: PLR0917  # called once, through run_in_threadpool
    service: Service,
    name: str,
    caller: Caller,
    body: Any,
    request: Request,
    from_query: bool,  # noqa: FBT001  # likewise
) -> Response:
    operation = OPERATIONS[name]
    run = operation.read or operation.change
    if run is not None:
        answer = run(service, caller, parse(operation.request_type, body, from_query=from_query))
        return answer if isinstance(answer, Response) else JSONResponse(answer)
    spend = operation.spend
    if spend is None:
        raise Problem(501, "this operation is not implemented")

    def prepare() -> Any:
        return spend(service, caller, parse(operation.request_type, body))

    return _run_once(service, caller, _path_of(name), request, body, prepare, operation.status)


def _run_once(  # noqa: PLR0917  # the request with its idempotency key, and where the key is claimed
    service: Service, caller: Caller, path: str, request: Request, body: Any, prepare: Callable[[], Any], status: int
) -> Response:
    key = request.headers.get("idempotency-key")
    status, answer = service.orders.run_once(caller, path, key, body, prepare, status)
    return Response(answer, status, media_type="application/json")


def _path_of(name: str) -> str:
    """Return the path under which the idempotency keys of an operation are kept, whichever of its URLs a request uses."""
    return f"/v1/op/{name}"


def _authorize(service: Service, request: Request, scope: str, name: str) -> Caller:
    caller = _authenticate(service, request)
    _check_access(service, caller, scope, name)
    return caller


def _authenticate(service: Service, request: Request) -> Caller:
    return service.authenticator.authenticate(request.headers.get("authorization"), request.headers.get("x-api-key"))


def _check_access(service: Service, caller: Caller, scope: str, name: str) -> None:
    if not caller.has_scope(scope):
        raise Problem(403, f"{name} requires scope {scope}", required_scope=scope)
    service.authenticator.check_rate_limit(caller, "calls")


def _query(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in request.query_params.multi_items():
        found.setdefault(name, []).append(value)
    return found


async def _content(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    too_large = Problem(413, f"the body must be at most {LARGEST_BODY >> 20} MiB", headers={"Connection": "close"})
    if int(request.headers.get("content-length", 0)) > LARGEST_BODY:
        raise too_large
    try:
        with anyio.move_on_after(BODY_SECONDS) as waiting:
            async for part in request.stream():
                size += len(part)
                if size > LARGEST_BODY:
                    raise too_large
                parts.append(part)
    except ClientDisconnect:
        # the client has disconnected before it read this response
        raise Problem(400, "the body is incomplete") from None
    if waiting.cancelled_caught:
        raise Problem(408, f"the body did not arrive within {BODY_SECONDS:g} seconds", headers={"Connection": "close"})
    return b"".join(parts)


async def json_body(request: Request) -> Any:
    """Return the JSON object in the body, or an empty object for an empty body."""
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
    """Return the fields of a form body."""
    return dict(parse_qsl((await _content(request)).decode("utf-8", "replace"), keep_blank_values=True))


def _number(text: str) -> int | float:
    """Parse a number; JSON does not distinguish 20 from 20.0."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT_INTEGERS else number


_decode = msgspec.json.Decoder(float_hook=_number).decode


def _sign_in_routes(service: Service) -> list[Route]:
    no_store = {"Cache-Control": "no-store"}

    async def token(request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(service.authenticator.grant, await form(request)), headers=no_store)

    async def device(request: Request) -> Response:
        fields = await form(request)
        return JSONResponse(await run_in_threadpool(service.authenticator.device_flow.begin, fields, service.url), headers=no_store)

    async def logout(request: Request) -> Response:
        await run_in_threadpool(service.authenticator.sign_out, await form(request))
        return Response(status_code=204)

    def userinfo_of(request: Request) -> Response:
        caller = _authenticate(service, request)
        return JSONResponse(
            {
                "sub": caller.subject,
                "preferred_username": caller.name,
                "organization_id": caller.organization,
                "scope": " ".join(caller.scopes),
                "geopera_principal_id": caller.subject,
                "geopera_principal_type": caller.kind,
                "geopera_org_id": caller.organization,
                "geopera_project_id": caller.project,
                **({} if caller.acts_for is None else {"geopera_acts_for": caller.acts_for}),
            }
        )

    async def userinfo(request: Request) -> Response:
        return await run_in_threadpool(userinfo_of, request)

    return [
        Route(f"{REALM}/token", token, methods=["POST"]),
        Route(f"{REALM}/auth/device", device, methods=["POST"]),
        Route(f"{REALM}/logout", logout, methods=["POST"]),
        Route(f"{REALM}/userinfo", userinfo, methods=["GET", "POST"]),
    ]


class _File(FileResponse):
    """A file response with byte ranges, whose errors are problem documents."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or a problem for an invalid range."""
        errors: list[int] = []

        async def send_unless_error(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                errors.append(message["status"])
            elif not errors:
                await send(message)

        await super().__call__(scope, receive, send_unless_error)
        if errors:
            size = self.headers["content-length"]
            problem = Problem(errors[0], "the range is not within the file", headers={"Content-Range": f"bytes */{size}"})
            await problem_response(problem)(scope, receive, send)


def _file(service: Service) -> Endpoint:
    def find(request: Request) -> Response:
        query = request.query_params
        path = service.delivery.resolve_signed(request.path_params["path"], query.get("expires", ""), query.get("signature", ""))
        answer = _File(path, stat_result=path.stat())
        if request.headers.get("if-none-match") == answer.headers["etag"]:
            return Response(status_code=304, headers={"ETag": answer.headers["etag"]})
        return answer

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(find, request)

    return endpoint


def _image(service: Service) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        params = request.path_params
        size, kind = _IMAGE_SIZES.get(params["kind"]), _IMAGE_TYPES.get(params["suffix"])
        if size is None or kind is None:
            raise Problem(404, "there is no such image")
        content = await run_in_threadpool(service.delivery.quicklook, params["host"], params["name"], size, kind)
        media_type = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
        return Response(content, media_type=media_type, headers={"Cache-Control": "max-age=86400"})

    return endpoint


def _openapi(service: Service) -> Endpoint:
    @functools.cache
    def document() -> bytes:
        return json.dumps(describe(service.url)).encode()

    async def endpoint(request: Request) -> Response:
        is_named = "application/vnd.oai.openapi+json" in request.headers.get("accept", "")
        return Response(document(), media_type="application/vnd.oai.openapi+json;version=3.1" if is_named else "application/json")

    return endpoint


def _authorized_route(
    service: Service, path: str, method: str, scope: str, answer: Callable[[Request, Caller, Any], Response]
) -> Route:
    """Return a route for callers with a scope; its input is the query of a GET, or else the JSON body."""

    async def endpoint(request: Request) -> Response:
        caller = await run_in_threadpool(_authorize, service, request, scope, f"{method} {path}")
        body = _query(request) if method == "GET" else await json_body(request)
        return await run_in_threadpool(answer, request, caller, body)

    return Route(path, endpoint, methods=[method])


def _stac_routes(service: Service, stac: StacApi, scope: str) -> list[Route]:
    def route(path: str, find: Callable[[Request, Caller, Any], Any], method: str = "GET") -> Route:
        def answer(request: Request, caller: Caller, body: Any) -> Response:
            found = find(request, caller, body)
            media = "application/geo+json" if found.get("type") in {"Feature", "FeatureCollection"} else "application/json"
            return JSONResponse(found, media_type=media)

        return _authorized_route(service, f"{stac.path}{path}", method, scope, answer)

    def in_collection(request: Request, caller: Caller, body: Any) -> Any:
        match _segments(request, f"{stac.path}/collections/"):
            case [collection]:
                return stac.collection(caller, collection)
            case [collection, "items"]:
                return stac.items(caller, collection, body)
            case [collection, "items", item]:
                return stac.item(caller, collection, item)
        raise Problem(404, "there is no such resource")

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
        # names with slashes, which are escaped in the request
        route("/collections/{rest:path}", in_collection),
        route("/search", lambda _r, c, body: stac.search(c, body, from_query=True)),
        route("/search", lambda _r, c, body: stac.search(c, body, from_query=False), "POST"),
    ]


def _segments(request: Request, prefix: str) -> list[str]:
    """Return the parts of a path behind a prefix, each unescaped by itself, so that a name may have a slash."""
    return [unquote(part) for part in request.scope["raw_path"].decode("ascii", "replace").removeprefix(prefix).split("/")]


def _resource_routes(service: Service) -> list[Route]:
    orders, resources = service.orders, service.resources

    def list_orders(_request: Request, caller: Caller, body: Any) -> Response:
        rows, counts = orders.page(caller, parse(OrdersList, body, from_query=True))
        return JSONResponse({"content": [resources.document(row, caller.organization) for row in rows], **counts})

    def get_order(request: Request, caller: Caller, _body: Any) -> Response:
        return JSONResponse(resources.document(orders.find(caller, str(request.path_params["order"])), caller.organization))

    def change(request: Request, caller: Caller, body: Any) -> Response:
        orders.update(caller, str(request.path_params["order"]), parse(OrderChange, body))
        return get_order(request, caller, body)

    def place(request: Request, caller: Caller, body: Any) -> Response:
        workspace = request.query_params.get("workspaceId")

        def prepare() -> Any:
            service.authenticator.check_rate_limit(caller, "places")
            return resources.prepare_placement(caller, body, workspace)

        return _run_once(service, caller, "/v2/orders", request, {"body": body, "workspaceId": workspace}, prepare, 202)

    def cancel(request: Request, caller: Caller, body: Any) -> Response:
        name = str(request.path_params["order"])
        path = f"/v2/orders/{name}/cancellation"
        return _run_once(service, caller, path, request, body, lambda: orders.prepare_cancellation(caller, name), 200)

    return [
        _authorized_route(service, "/v2/orders", "GET", "orders:read", list_orders),
        _authorized_route(service, "/v2/orders", "POST", "orders:write", place),
        _authorized_route(
            service, "/v2/orders/estimate", "POST", "orders:read", lambda _r, _c, body: JSONResponse(resources.estimate(body))
        ),
        _authorized_route(service, "/v2/orders/{order:uuid}", "GET", "orders:read", get_order),
        _authorized_route(service, "/v2/orders/{order:uuid}", "PATCH", "orders:write", change),
        _authorized_route(service, "/v2/orders/{order:uuid}/cancellation", "POST", "orders:write", cancel),
        _authorized_route(service, "/v2/collections", "GET", "catalog:read", lambda *_: JSONResponse(resources.collections())),
    ]


def _asset_routes(service: Service) -> list[Route]:
    """Return the routes of delivered files: a redirect to the file, and a signed URL for clients that cannot send a token."""
    # an item's id may have slashes
    path = "/v2/assets/{item_id:path}/{asset_id}"

    def open_asset(request: Request, caller: Caller, _body: Any) -> Response:
        return RedirectResponse(service.delivery.sign_download(caller, **request.path_params)["url"], 307)

    def sign(request: Request, caller: Caller, _body: Any) -> Response:
        return JSONResponse(service.delivery.sign_download(caller, **request.path_params))

    return [
        _authorized_route(service, path, "GET", "items:read", open_asset),
        _authorized_route(service, f"{path}/download-url", "POST", "items:read", sign),
    ]


async def _on_problem(_request: Request, error: Exception) -> Response:
    return problem_response(error if isinstance(error, Problem) else Problem(500, "internal error"))


async def _on_http_error(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(sorted(_allowed_methods(request)))}
        return problem_response(Problem(status, "this method is not allowed here", headers=headers))
    return problem_response(Problem(status, "unknown path" if status == HTTPStatus.NOT_FOUND else "the request is not valid"))


def _allowed_methods(request: Request) -> set[str]:
    """Return the methods that a path accepts."""
    path = request.url.path
    operation = OPERATIONS.get(path.removeprefix("/v1/op/") if path.startswith("/v1/op/") else path[4:].replace("/", "."))
    if operation is not None:
        return {"POST"} if operation.read is None else {"GET", "HEAD", "POST"}
    matching = [route for route in request.app.routes if isinstance(route, Route) and route.path_regex.match(path)]
    return {method for route in matching for method in route.methods or ()}


async def _on_unexpected_error(_request: Request, error: Exception) -> Response:
    _LOG.error("unexpected error", exc_info=error)
    return problem_response(Problem(500, "internal error"))
