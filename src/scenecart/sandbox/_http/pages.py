"""HTML pages: the start page, approving a sign-in, and the 3-D Secure challenge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from scenecart.sandbox._domain.ledger import CREDITS_PER_AUD

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from scenecart.sandbox._http.operations import Service

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    # for browsers that do not read frame-ancestors
    "X-Frame-Options": "DENY",
    # with no-referrer the browser would send the form with "Origin: null", which the middleware refuses
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("scenecart.sandbox._http"), autoescape=True, undefined=jinja2.StrictUndefined
)


def routes(service: Service, form: Callable[[Request], Awaitable[dict[str, str]]]) -> list[Route]:
    """Return the routes of the pages."""

    async def index(_request: Request) -> Response:
        return _page("index.html", url=service.url, hosts=service.catalog.hosts)

    return [Route("/", index, methods=["GET"]), *_device(service, form), *_challenge(service, form)]


def _device(service: Service, form: Callable[[Request], Awaitable[dict[str, str]]]) -> list[Route]:
    async def show(request: Request) -> Response:
        names = await run_in_threadpool(service.authenticator.names, users=True)
        code = request.query_params.get("user_code", "")
        return _page("device.html", code=code, names=names, unknown=False)

    async def decide(request: Request) -> Response:
        fields = await form(request)
        names = await run_in_threadpool(service.authenticator.names, users=True)
        code, name = fields.get("user_code", ""), fields.get("principal", "")
        approved = fields.get("decision") == "approve" and name in names
        done = await run_in_threadpool(service.authenticator.device_flow.decide, code, name if approved else None)
        if not done:
            return _page("device.html", 404, code=code, names=names, unknown=True)
        title = f"Signed in as {name}." if approved else "The sign-in was refused."
        return _page("done.html", title=title, text="You can close this page and go back to your program.")

    return [Route("/device", show, methods=["GET"]), Route("/device", decide, methods=["POST"])]


def _challenge(service: Service, form: Callable[[Request], Awaitable[dict[str, str]]]) -> list[Route]:
    def page(name: str) -> Response:
        found = service.ledger.find_challenge(name)
        if found is None:
            return _page("done.html", 404, title="There is no such challenge.", text="Place the order again to get a new one.")
        if found["state"] != "pending":
            return _page("done.html", title=f"This payment was {_OUTCOMES[found['state']]}.", text=_NEXT_STEPS[found["state"]])
        amount = f"A${found['credits'] / CREDITS_PER_AUD:,.2f}"
        return _page("challenge.html", amount=amount, organization=found["name"], challenge=name)

    def decide(name: str, decision: str) -> Response:
        found = service.ledger.find_challenge(name)
        if found is not None:
            service.ledger.complete_challenge(found["client_secret"], accepted=decision == "complete")
        return page(name)

    async def show(request: Request) -> Response:
        return await run_in_threadpool(page, request.path_params["name"])

    async def answer(request: Request) -> Response:
        fields = await form(request)
        return await run_in_threadpool(decide, request.path_params["name"], fields.get("decision", ""))

    path = "/challenge/{name}"
    return [Route(path, show, methods=["GET"]), Route(path, answer, methods=["POST"])]


_OUTCOMES = {"completed": "confirmed", "refused": "refused", "used": "confirmed and charged"}
_NEXT_STEPS = {
    "completed": "Now place the order again. You will not be charged twice.",
    "refused": "Nothing was charged. To pay after all, place the order again.",
    "used": "You can close this page.",
}


def _page(name: str, status: int = 200, **values: Any) -> Response:
    return HTMLResponse(_TEMPLATES.get_template(name).render(values), status, headers=_HEADERS)
