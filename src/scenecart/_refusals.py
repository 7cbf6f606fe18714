"""What a status of the service means: each becomes an error of its own, with what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scenecart._errors import (
    AuthenticationError,
    AuthenticationRequired,
    BadRequest,
    CardDeclined,
    Conflict,
    Gone,
    InsufficientCredits,
    InvalidRequest,
    NoPaymentMethod,
    NotFound,
    PaymentRequired,
    PermissionDenied,
    RateLimited,
    ScenecartError,
    ServiceError,
)
from scenecart._secrets import Secret
from scenecart._wire import clean_text, payment_kind, whole_number

if TYPE_CHECKING:
    from scenecart._wire import Problem


def error_of_status(status: int, problem: Problem, name: str, retry_after: float | None) -> ScenecartError:
    """Return the error that a status stands for, told with what the service says of it.

    Parameters
    ----------
    status
        The HTTP status, 300 or above.
    problem
        What the service says, without secrets.
    name
        The operation that was called.
    retry_after
        Seconds the service asks to wait.
    """
    said = f": {problem.text}" if problem.text else "."
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return _payment_error(problem, said)
    if status == HTTPStatus.FORBIDDEN:
        return _permission_error(problem, name, said)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        limited = RateLimited(f"{name} was called too often{said}", hint="Wait a minute and try again.")
        limited.retry_after = retry_after
        return limited
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        invalid = InvalidRequest(f"{name} cannot do this{said}")
        invalid.fields = list(problem.fields)
        return invalid
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceError(f"The service failed in {name} ({status}){said}", hint="Try again in a few minutes.")
    if 300 <= status < 400:  # noqa: PLR2004  # the redirect class of HTTP
        return ServiceError(f"{name} answered a redirect ({status}), which is not followed.", hint="Check base_url.")
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthenticationError(
            f"The service refused the token{said}", hint="It may have expired. Connect again with a new one."
        )
    kinds: dict[int, type[ScenecartError]] = {404: NotFound, 409: Conflict, 410: Gone}
    kind = kinds.get(status, BadRequest)
    what = {NotFound: "found nothing", Conflict: "contradicts what is there", Gone: "found it no longer offered"}
    return kind(f"{name} {what.get(kind, f'was refused ({status})')}{said}")


def _permission_error(problem: Problem, name: str, said: str) -> PermissionDenied:
    match = next((word.strip("'\"`.,;()") for word in problem.text.split() if _looks_like_scope(word)), None)
    scope = problem.extra.get("required_scope") or problem.extra.get("missing_scope") or match
    hint = None
    if scope == "orders:write":
        hint = "An API key never places or cancels orders: connect as a user (username and password, or a user's token)."
    elif scope:
        hint = f"Ask the organization's owner for the scope {clean_text(scope, 80)}."
    error = PermissionDenied(f"This account may not call {name}{said}", hint=hint)
    error.missing_scope = clean_text(scope, 80) or None
    return error


def _looks_like_scope(word: str) -> bool:
    resource, colon, action = word.strip("'\"`.,;()").partition(":")
    return bool(colon) and resource.replace("_", "").isalpha() and action.isalpha()


def _payment_error(problem: Problem, said: str) -> PaymentRequired:
    kind = payment_kind(problem)
    if kind == "secure":
        secure = AuthenticationRequired(
            "The bank wants this payment confirmed (3-D Secure).",
            hint="Confirm it with your bank, then place again: the same key is used and nothing is bought twice.",
        )
        secure.client_secret = Secret(problem.extra["client_secret"], "client secret")
        secure.challenge_url = _page_address(problem.extra.get("challenge_url"))
        return secure
    if kind == "credits":
        short = InsufficientCredits(f"There are not enough credits{said}", hint="Top up, then place again: the same key is used.")
        short.required_credits = whole_number(problem.extra.get("required_credits"))
        short.balance_credits = whole_number(problem.extra.get("balance_credits"))
        return short
    if kind == "declined":
        declined = CardDeclined(f"The card was declined{said}", hint="Attach another card, then place again: the same key is used.")
        declined.decline_code = clean_text(problem.extra.get("decline_code"), 80) or None
        return declined
    if kind == "no-card":
        return NoPaymentMethod(f"No card is attached{said}", hint="Attach one, then place again: the same key is used.")
    return PaymentRequired(f"The service cannot charge{said}", hint="Sort out the payment, then place again: the same key is used.")


def _page_address(url: object) -> str | None:
    """Return an address that a person may be sent to; nothing that runs, and nothing on a disk, is one."""
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() else None
    except ValueError:
        parts = None
    return str(url) if parts is not None and parts.scheme in {"http", "https"} and parts.hostname else None
