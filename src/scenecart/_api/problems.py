"""What a status of the service means: each becomes an error of its own, with what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scenecart._api.credentials import Secret
from scenecart._api.operations import (
    BALANCE,
    CANCEL,
    DOWNLOAD,
    ESTIMATE,
    GET_ORDER,
    LIST_ASSETS,
    LIST_ORDERS,
    PLACE,
    PROVENANCE,
    SEARCH,
    SEARCH_STREAM,
    THUMBNAIL,
    missing_scope,
    payment_problem,
)
from scenecart._util.text import clean_text
from scenecart.exceptions import (
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

if TYPE_CHECKING:
    from scenecart._api.operations import Problem


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
    asked = _ASKED.get(name, f"call {name}")
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return _payment_error(problem, said)
    if status == HTTPStatus.FORBIDDEN:
        return _permission_error(problem, asked, said)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        limited = RateLimited(f"The service was asked too often to {asked}{said}", hint="Wait a minute and try again.")
        limited.retry_after = retry_after
        return limited
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        invalid = InvalidRequest(f"The service cannot {asked} like this{said}")
        invalid.fields = list(problem.fields)
        return invalid
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServiceError(f"The service failed to {asked} ({status}){said}", hint="Try again in a few minutes.")
    if 300 <= status < 400:  # noqa: PLR2004  # the redirect class of HTTP
        return ServiceError(f"{name} answered a redirect ({status}), which is not followed.", hint="Check base_url.")
    if status == HTTPStatus.UNAUTHORIZED:
        return AuthenticationError(
            f"The service refused the token{said}", hint="It may have expired. Connect again with a new one."
        )
    return _refusal(status, name, asked, said)


def _refusal(status: int, name: str, asked: str, said: str) -> ScenecartError:
    if status == HTTPStatus.NOT_FOUND:
        missing = _MISSING.get(name, f"The service found nothing when asked to {asked}")
        return NotFound(f"{missing}{said}", hint=_MISSING_HINTS.get(name, _ELSEWHERE_HINT))
    if status == HTTPStatus.CONFLICT:
        hint = "Nothing was changed: client.order(id) tells how it stands." if name == CANCEL.id else None
        return Conflict(f"The service cannot {asked} as things stand{said}", hint=hint)
    if status == HTTPStatus.GONE:
        return Gone(
            f"The service no longer offers to {asked}{said}", hint="What was offered before may be offered anew: search again."
        )
    return BadRequest(f"The service refused to {asked} ({status}){said}")


_ASKED = {
    SEARCH.id: "search the catalog",
    SEARCH_STREAM.id: "search the catalog",
    THUMBNAIL.id: "show a picture",
    ESTIMATE.id: "price this cart",
    PLACE.id: "place this order",
    GET_ORDER.id: "look up this order",
    LIST_ORDERS.id: "list orders",
    CANCEL.id: "cancel this order",
    LIST_ASSETS.id: "list what was delivered",
    DOWNLOAD.id: "fetch what was delivered",
    PROVENANCE.id: "tell where this comes from",
    BALANCE.id: "tell the balance",
}
_MISSING = {
    SEARCH.id: "There is no such catalog host",
    SEARCH_STREAM.id: "There is no such catalog host",
    ESTIMATE.id: "The service does not know what is to be priced",
    PLACE.id: "The service does not know the project, or what is to be ordered; nothing was ordered",
    **dict.fromkeys((GET_ORDER.id, CANCEL.id, LIST_ASSETS.id), "There is no such order"),
    DOWNLOAD.id: "There is no such delivered file",
}
_ORDER_HINT = "Check the id, and that you are signed in to the organization that placed it: client.orders() lists its orders."
_ELSEWHERE_HINT = "Check that it is spelled right and belongs to your organization, and base_url."
_MISSING_HINTS = {
    **dict.fromkeys((SEARCH.id, SEARCH_STREAM.id), "Check the host's name, and base_url."),
    ESTIMATE.id: "Search again: the catalog may have changed since.",
    PLACE.id: "Check the project's id, and that it belongs to the organization you are signed in to.",
    **dict.fromkeys((GET_ORDER.id, CANCEL.id, LIST_ASSETS.id), _ORDER_HINT),
}


def _permission_error(problem: Problem, asked: str, said: str) -> PermissionDenied:
    match = next((word.strip("'\"`.,;()") for word in problem.text.split() if _looks_like_scope(word)), None)
    scope = missing_scope(problem) or match
    hint = "Ask the organization's owner for access, or sign in to the organization that it belongs to."
    if scope == "orders:write":
        hint = "An API key never places or cancels orders: connect as a user (username and password, or a user's token)."
    elif scope:
        hint = f"Ask the organization's owner for the scope {clean_text(scope, 80)}."
    error = PermissionDenied(f"This account may not {asked}{said}", hint=hint)
    error.missing_scope = clean_text(scope, 80) or None
    return error


def _looks_like_scope(word: str) -> bool:
    resource, colon, action = word.strip("'\"`.,;()").partition(":")
    return bool(colon) and resource.replace("_", "").isalpha() and action.isalpha()


_CONSOLE = "in the service's console, under billing, then place again: the same key is used"


def _payment_error(problem: Problem, said: str) -> PaymentRequired:
    told = payment_problem(problem)
    if told.kind == "secure":
        url = _page_address(told.challenge_url)
        where = "" if url is None else f" at {url}" if _shows_nothing(url) else ", at this error's challenge URL"
        secure = AuthenticationRequired(
            "The bank wants this payment confirmed (3-D Secure).",
            hint=f"Confirm it with your bank{where}, then place again: the same key is used and nothing is bought twice.",
        )
        secure.client_secret = Secret(told.client_secret, "client secret")
        secure.challenge_url = url
        return secure
    if told.kind == "credits":
        short = InsufficientCredits(f"There are not enough credits{said}", hint=f"Top up {_CONSOLE}.")
        short.required_credits, short.balance_credits = told.required_credits, told.balance_credits
        return short
    if told.kind == "declined":
        declined = CardDeclined(f"The card was declined{said}", hint=f"Attach another card {_CONSOLE}.")
        declined.decline_code = told.decline_code
        return declined
    if told.kind == "no-card":
        return NoPaymentMethod(f"No card is attached{said}", hint=f"Attach one {_CONSOLE}.")
    return PaymentRequired(f"The service cannot charge{said}", hint="Sort out the payment, then place again: the same key is used.")


def _page_address(url: object) -> str | None:
    """Return an address that a person may be sent to; nothing that runs, and nothing on a disk, is one."""
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() else None
    except ValueError:
        parts = None
    return str(url) if parts is not None and parts.scheme in {"http", "https"} and parts.hostname else None


def _shows_nothing(url: str) -> bool:
    """Tell whether an address can stand in an error's text, which others may read: a query or a user's name may open the page."""
    parts = urlsplit(url)
    return not (parts.query or parts.fragment or "@" in parts.netloc or "secret" in url.lower())
