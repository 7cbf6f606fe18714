"""What only a rehearsal can do, for another process: the same as the methods of ``Sandbox`` in Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scenecart.sandbox._http.schemas import read
from scenecart.sandbox._problem import Problem, SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from scenecart.sandbox._http.operations import Service


_MOST_CREDITS = 10**12


class AddFault(Struct):
    """What is to go wrong next."""

    kind: str
    times: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    operation: str | None = None
    seconds: Annotated[float, Meta(ge=0, le=600)] | None = None
    retry_after: str | int | float | None = None


class TopUp(Struct):
    """Credits for a principal's organization."""

    principal: str
    credits: Annotated[int, Meta(ge=1, le=_MOST_CREDITS)]


class AttachCard(Struct):
    """The card of a principal's organization from now on; null takes it away."""

    principal: str
    card: Literal["good", "declined", "secure"] | None = "good"


class Challenge(Struct):
    """How the buyer answers the bank."""

    client_secret: str
    accept: bool = True


class Approve(Struct):
    """As whom a waiting sign-in is approved; null refuses it."""

    user_code: str
    principal: str | None


class Advance(Struct):
    """Time that passes at once."""

    seconds: Annotated[float, Meta(ge=0, le=10**9)]


class ChangePrices(Struct):
    """What everything costs from now on, as a multiple of what it cost at first."""

    factor: Annotated[float, Meta(ge=0.01, le=100)]


class Settings(Struct):
    """How long tokens live, and how many calls a minute an organization may make."""

    token_seconds: Annotated[int, Meta(ge=1, le=10**7)] | None = None
    calls_a_minute: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    places_a_minute: Annotated[int, Meta(ge=0, le=10**9)] | None = None


def routes(service: Service, json_body: Callable[[Request], Awaitable[Any]]) -> list[Route]:
    """Return the routes under ``/_sandbox/``."""

    def route(name: str, takes: type[Any], act: Callable[[Any], object]) -> Route:
        async def endpoint(request: Request) -> Response:
            asked = read(takes, await json_body(request))
            try:
                await run_in_threadpool(act, asked)
            except SandboxError as why:
                raise Problem(422, str(why)) from None
            return JSONResponse({"done": True})

        return Route(f"/_sandbox/{name}", endpoint, methods=["POST"])

    async def clear(_request: Request) -> Response:
        service.faults.clear()
        return JSONResponse({"done": True})

    return [
        Route("/_sandbox/faults", clear, methods=["DELETE"]),
        route("faults", AddFault, lambda asked: _add_fault(service, asked)),
        route("top-up", TopUp, lambda asked: top_up(service, asked.principal, asked.credits)),
        route("card", AttachCard, lambda asked: attach_card(service, asked.principal, asked.card)),
        route("challenge", Challenge, lambda asked: complete(service, asked.client_secret, accept=asked.accept)),
        route("device", Approve, lambda asked: approve(service, asked.user_code, asked.principal)),
        route("advance", Advance, lambda asked: service.advance(asked.seconds)),
        route("prices", ChangePrices, lambda asked: change_prices(service, asked.factor)),
        route("settings", Settings, lambda asked: _set(service, asked)),
    ]


def top_up(service: Service, principal: str, amount: int) -> None:
    """Add credits to a principal's organization."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= _MOST_CREDITS:
        raise SandboxError(f"Credits are a whole number from 0 to {_MOST_CREDITS:,}, not {amount!r}.")
    service.ledger.top_up(_organization(service, principal), amount)


def attach_card(service: Service, principal: str, card: str | None) -> None:
    """Give a principal's organization another card, or none."""
    service.ledger.attach_card(_organization(service, principal), card)


def change_prices(service: Service, factor: float) -> None:
    """Let everything cost so many times what it cost at first."""
    if not 0.01 <= factor <= 100:  # noqa: PLR2004  # as in ChangePrices
        raise SandboxError("Prices change by a factor between 0.01 and 100.")
    service.catalog.price_factor = factor


def complete(service: Service, client_secret: str, *, accept: bool) -> None:
    """Answer the bank's challenge."""
    if not service.ledger.complete(client_secret, accepted=accept):
        raise SandboxError("There is no such challenge, or it has been answered.")


def approve(service: Service, user_code: str, principal: str | None) -> None:
    """Approve a sign-in that waits, or refuse it."""
    if principal is not None:
        _organization(service, principal)
    if not service.doorkeeper.devices.decide(user_code, principal):
        raise SandboxError("No sign-in waits under this code.")


def check_principal(service: Service, principal: str) -> None:
    """Refuse who cannot sign in here, and tell who can."""
    _organization(service, principal)


def _organization(service: Service, principal: str) -> str:
    found = service.doorkeeper.organization(principal)
    if found is None:
        raise SandboxError(f"There is no principal {principal[:40]!r}; there are {', '.join(service.doorkeeper.names())}.")
    return found


def _add_fault(service: Service, asked: AddFault) -> None:
    options = {"seconds": asked.seconds, "retry_after": asked.retry_after}
    known = {name: value for name, value in options.items() if value is not None}
    service.faults.add(asked.kind, asked.times, asked.operation, **known)


def _set(service: Service, asked: Settings) -> None:
    doorkeeper = service.doorkeeper
    if asked.token_seconds is not None:
        doorkeeper.token_seconds = asked.token_seconds
    limits = {"calls": asked.calls_a_minute, "places": asked.places_a_minute}
    given = {name: value for name, value in limits.items() if value is not None}
    if given:
        doorkeeper.limits = {**(doorkeeper.limits or {"calls": 10**9, "places": 10**9}), **given}
