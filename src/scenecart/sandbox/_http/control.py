"""Test controls at ``/_sandbox/``: the methods of ``Sandbox`` for other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from msgspec import Meta, Struct
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from scenecart.sandbox._http.schemas import parse
from scenecart.sandbox._problem import Problem, SandboxError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from scenecart.sandbox._http.operations import Service


_MOST_CREDITS = 10**12
_LONGEST_LIST_LAG = 10**9


class AddFault(Struct):
    """A fault for the next requests."""

    kind: str
    times: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    operation: str | None = None
    seconds: Annotated[float, Meta(ge=0, le=600)] | None = None
    retry_after: str | int | float | None = None
    share: Annotated[float, Meta(ge=0, le=1)] | None = None


class TopUp(Struct):
    """Credits for a principal's organization."""

    principal: str
    credits: Annotated[int, Meta(ge=1, le=_MOST_CREDITS)]


class AutoTopUp(Struct):
    """The credits that the card of a principal's organization buys when the balance is too low; null stops it."""

    principal: str
    credits: Annotated[int, Meta(ge=1, le=_MOST_CREDITS)] | None


class AttachCard(Struct):
    """The new card of a principal's organization; null removes it."""

    principal: str
    card: Literal["good", "declined", "secure"] | None = "good"


class Challenge(Struct):
    """The buyer's answer to a 3-D Secure challenge."""

    client_secret: str
    accept: bool = True


class Approve(Struct):
    """The principal as which a waiting sign-in is approved; null refuses it."""

    user_code: str
    principal: str | None


class Advance(Struct):
    """Seconds by which the clock is advanced."""

    seconds: Annotated[float, Meta(ge=0, le=10**9)]


class ChangePrices(Struct):
    """A factor on the initial prices."""

    factor: Annotated[float, Meta(ge=0.01, le=100)]


class FailNextOrder(Struct):
    """Why the next order fails."""

    reason: Annotated[str, Meta(min_length=1, max_length=2_000)]


class Settings(Struct):
    """The lifetime of tokens, the rate limits of an organization, and the delay of lists of orders."""

    token_seconds: Annotated[int, Meta(ge=1, le=10**7)] | None = None
    calls_a_minute: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    places_a_minute: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    list_lag_seconds: Annotated[float, Meta(ge=0, le=_LONGEST_LIST_LAG)] | None = None


def routes(service: Service, json_body: Callable[[Request], Awaitable[Any]]) -> list[Route]:
    """Return the routes under ``/_sandbox/``."""

    def route(name: str, body_type: type[Any], apply: Callable[[Any], object]) -> Route:
        async def endpoint(request: Request) -> Response:
            body = parse(body_type, await json_body(request))
            try:
                await run_in_threadpool(apply, body)
            except SandboxError as error:
                raise Problem(422, str(error)) from None
            return JSONResponse({"done": True})

        return Route(f"/_sandbox/{name}", endpoint, methods=["POST"])

    async def clear(_request: Request) -> Response:
        service.faults.clear()
        return JSONResponse({"done": True})

    return [
        Route("/_sandbox/faults", clear, methods=["DELETE"]),
        route("faults", AddFault, lambda body: _add_fault(service, body)),
        route("top-up", TopUp, lambda body: top_up(service, body.principal, body.credits)),
        route("auto-top-up", AutoTopUp, lambda body: auto_top_up(service, body.principal, body.credits)),
        route("card", AttachCard, lambda body: attach_card(service, body.principal, body.card)),
        route("challenge", Challenge, lambda body: complete_challenge(service, body.client_secret, accept=body.accept)),
        route("device", Approve, lambda body: approve_device(service, body.user_code, body.principal)),
        route("advance", Advance, lambda body: service.advance(body.seconds)),
        route("prices", ChangePrices, lambda body: change_prices(service, body.factor)),
        route("fail-next-order", FailNextOrder, lambda body: fail_next_order(service, body.reason)),
        route("settings", Settings, lambda body: _apply_settings(service, body)),
    ]


def top_up(service: Service, principal: str, amount: int) -> None:
    """Add credits to a principal's organization."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not 0 <= amount <= _MOST_CREDITS:
        raise SandboxError(f"credits must be a whole number from 0 to {_MOST_CREDITS:,}, got {amount!r}.")
    service.ledger.top_up(_find_organization(service, principal), amount)


def auto_top_up(service: Service, principal: str, amount: int | None) -> None:
    """Let the card of a principal's organization buy credits whenever its balance is too low; None stops it."""
    is_number = isinstance(amount, int) and not isinstance(amount, bool) and 1 <= amount <= _MOST_CREDITS
    if amount is not None and not is_number:
        raise SandboxError(f"credits must be a whole number from 1 to {_MOST_CREDITS:,} or None, got {amount!r}.")
    service.ledger.set_auto_top_up(_find_organization(service, principal), amount)


def attach_card(service: Service, principal: str, card: str | None) -> None:
    """Replace the card of a principal's organization; None removes it."""
    service.ledger.attach_card(_find_organization(service, principal), card)


def change_prices(service: Service, factor: float) -> None:
    """Set all prices to a multiple of the initial prices."""
    if not 0.01 <= factor <= 100:  # noqa: PLR2004  # as in ChangePrices
        raise SandboxError(f"factor must be between 0.01 and 100, got {factor!r}.")
    service.catalog.price_factor = factor


def check_list_lag(seconds: float) -> float:
    """Return the seconds for which a new order is missing from lists, checked."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 <= seconds <= _LONGEST_LIST_LAG:
        raise SandboxError(f"list_lag must be a number of seconds from 0 to {_LONGEST_LIST_LAG:,}, got {seconds!r:.40}.")
    return float(seconds)


def fail_next_order(service: Service, reason: str) -> None:
    """Let the next order that is placed fail when it is due."""
    if not isinstance(reason, str) or not reason.strip():
        raise SandboxError(f"reason must be a non-empty string, got {reason!r:.40}.")
    service.orders.fail_next(reason)


def complete_challenge(service: Service, client_secret: str, *, accept: bool) -> None:
    """Complete or refuse a 3-D Secure challenge."""
    if not service.ledger.complete_challenge(client_secret, accepted=accept):
        raise SandboxError("client_secret must belong to a challenge that is not answered yet.")


def approve_device(service: Service, user_code: str, principal: str | None) -> None:
    """Approve a waiting sign-in as a principal; None refuses it."""
    if principal is not None:
        _find_organization(service, principal)
    if not service.authenticator.device_flow.decide(user_code, principal):
        raise SandboxError(f"user_code must be the code of a waiting sign-in, got {user_code!r:.40}.")


def check_principal(service: Service, principal: str) -> None:
    """Raise an error for an unknown principal."""
    _find_organization(service, principal)


def _find_organization(service: Service, principal: str) -> str:
    found = service.authenticator.organization(principal)
    if found is None:
        raise SandboxError(f"principal must be one of {', '.join(service.authenticator.names())}, got {principal!r:.40}.")
    return found


def _add_fault(service: Service, body: AddFault) -> None:
    options = {"seconds": body.seconds, "retry_after": body.retry_after, "share": body.share}
    known = {name: value for name, value in options.items() if value is not None}
    service.faults.add(body.kind, body.times, body.operation, **known)


def _apply_settings(service: Service, body: Settings) -> None:
    authenticator = service.authenticator
    if body.token_seconds is not None:
        authenticator.token_seconds = body.token_seconds
    if body.list_lag_seconds is not None:
        service.orders.list_lag = body.list_lag_seconds
    limits = {"calls": body.calls_a_minute, "places": body.places_a_minute}
    given = {name: value for name, value in limits.items() if value is not None}
    if given:
        authenticator.limits = {**(authenticator.limits or {"calls": 10**9, "places": 10**9}), **given}
