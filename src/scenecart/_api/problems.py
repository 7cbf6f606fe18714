"""Error responses of the service: the exception, code and hint for each HTTP status."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from scenecart._api.credentials import Secret
from scenecart._api.error_documents import PaymentKind, missing_scope, payment_problem
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
)
from scenecart._util.text import clean_text
from scenecart.exceptions import (
    AuthenticationError,
    AuthenticationRequired,
    BadRequest,
    CardDeclined,
    ConfigurationError,
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
    reword,
)

if TYPE_CHECKING:
    from scenecart._api.error_documents import Problem

E = TypeVar("E", bound=ScenecartError)

_LICENSE_FIELD = "licensetype"


def error_of_status(status: int, problem: Problem, name: str, retry_after: float | None) -> ScenecartError:
    """Return the error for an HTTP status, with the service's own explanation.

    Parameters
    ----------
    status
        The HTTP status, 300 or above.
    problem
        The service's explanation, without secrets.
    name
        The id of the operation that was called.
    retry_after
        Seconds to wait, as the service requests.
    """
    task = _TASKS.get(name, f"call {name}")
    error = _error(status, problem, name, task)
    if isinstance(error, RateLimited | ServiceError):
        error.retry_after = retry_after
    return error


def _error(status: int, problem: Problem, name: str, task: str) -> ScenecartError:
    if status == HTTPStatus.PAYMENT_REQUIRED:
        return _payment_error(problem)
    if status == HTTPStatus.UNAUTHORIZED:
        refused = AuthenticationError(
            "The service refused the token.", code="token_refused", hint="Sign in again: the token may have expired."
        )
        return _explained(refused, problem)
    if status == HTTPStatus.FORBIDDEN:
        return _permission_error(problem, task)
    if status == HTTPStatus.NOT_FOUND:
        missing = _MISSING.get(name) or _Missing(f"The service could not {task} (status 404).", code="not_found")
        return _explained(NotFound(missing.message, code=missing.code, hint=missing.hint), problem, missing.after)
    if status in {HTTPStatus.CONFLICT, HTTPStatus.GONE}:
        return _state_error(status, problem, name, task)
    if status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return _invalid_request(problem, task)
    return _other_error(status, problem, task)


def _invalid_request(problem: Problem, task: str) -> InvalidRequest:
    if any(_LICENSE_FIELD in name.lower().replace("_", "") for name, _ in problem.fields):
        error = InvalidRequest(
            f"The service rejected the request to {task}.",
            code="license_rejected",
            hint="The licence 'standard' is the default. Which others exist depends on the service: see its documentation.",
        )
    else:
        error = InvalidRequest(f"The service rejected the request to {task}.", code="request_rejected")
    error.fields = list(problem.fields)
    return _explained(error, problem)


def _state_error(status: int, problem: Problem, name: str, task: str) -> Conflict | Gone:
    if status == HTTPStatus.GONE:
        gone = Gone(
            f"The service no longer offers to {task}.",
            code="no_longer_offered",
            hint="Search again: the catalog may have changed.",
        )
        return _explained(gone, problem)
    if name == CANCEL.id:
        conflict = Conflict(
            "The order was not cancelled.", code="order_not_cancellable", hint="Check its status with client.order(id)."
        )
        return _explained(conflict, problem)
    return _explained(Conflict(f"The service cannot {task} now.", code="conflict"), problem)


def _other_error(status: int, problem: Problem, task: str) -> RateLimited | ServiceError | BadRequest:
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        limited = RateLimited(f"Too many requests to {task}.", code="rate_limited", hint="Wait a minute. Then try again.")
        return _explained(limited, problem)
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        # the text of a proxy is not an explanation of the service
        return BadRequest(
            "A proxy between this computer and the service requires a user name and password (status 407).",
            code="proxy_authentication_required",
            hint="Set HTTPS_PROXY to http://user:password@host:port.",
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        failed = ServiceError(
            f"The service failed to {task} (status {status}).", code="service_failed", hint="Try again in a few minutes."
        )
        return _explained(failed, problem)
    if status >= HTTPStatus.BAD_REQUEST:
        rejected = BadRequest(f"The service rejected the request to {task} (status {status}).", code="bad_request")
        return _explained(rejected, problem)
    return ServiceError(
        f"The service redirected the request to {task} (status {status}). Redirects are not followed.",
        code="unexpected_redirect",
        hint="Check the base URL.",
    )


@dataclass(frozen=True)
class _Missing:
    """The error for a 404 response of an operation."""

    message: str
    code: str
    hint: str = "Check the id, your organization and the base URL."
    after: str = ""


_TASKS = {
    SEARCH.id: "search the catalog",
    SEARCH_STREAM.id: "search the catalog",
    THUMBNAIL.id: "return an image",
    ESTIMATE.id: "price this cart",
    PLACE.id: "place this order",
    GET_ORDER.id: "return this order",
    LIST_ORDERS.id: "list orders",
    CANCEL.id: "cancel this order",
    LIST_ASSETS.id: "list the delivered files",
    DOWNLOAD.id: "return a delivered file",
    PROVENANCE.id: "return the provenance",
    BALANCE.id: "return the balance",
}
_HOST = _Missing(
    "Provider (host) not found.",
    code="host_not_found",
    hint="client.hosts() lists the providers. Check the base URL, too.",
)
_ORDER = _Missing(
    "Order not found.", code="order_not_found", hint="Check the id and your organization. client.orders() lists its orders."
)
_MISSING = {
    SEARCH.id: _HOST,
    SEARCH_STREAM.id: _HOST,
    ESTIMATE.id: _Missing(
        "A capture in the cart was not found.", code="capture_not_found", hint="Search again: the catalog may have changed."
    ),
    PLACE.id: _Missing(
        "The project or a capture was not found.",
        code="project_not_found",
        hint="Check the project id, and that the project belongs to your organization.",
        after="Nothing was ordered.",
    ),
    GET_ORDER.id: _ORDER,
    CANCEL.id: _ORDER,
    LIST_ASSETS.id: _ORDER,
    DOWNLOAD.id: _Missing("Delivered file not found.", code="file_not_found"),
}


def _permission_error(problem: Problem, task: str) -> PermissionDenied:
    match = next((word.strip("'\"`.,;()") for word in problem.text.split() if _looks_like_scope(word)), None)
    scope = clean_text(missing_scope(problem) or match, 80) or None
    if scope == "orders:write":
        error = PermissionDenied(
            f"Your account may not {task}.",
            code="user_required",
            hint="Sign in as a user, with a password or a user's token: an API key cannot place or cancel orders.",
        )
    elif scope:
        error = PermissionDenied(
            f"Your account may not {task}.",
            code="scope_missing",
            hint=f"Ask the owner of your organization for the scope {scope}.",
        )
    elif _is_about_acceptance(problem):
        error = PermissionDenied(
            f"The service does not {task} until your organization has accepted its licence.",
            code="licence_not_accepted",
            hint="Read it with client.licences(), and accept it with client.accept_licence(document).",
        )
    else:
        error = PermissionDenied(
            f"Your account may not {task}.",
            code="permission_denied",
            hint="Ask the owner of the organization for access, or sign in to another organization.",
        )
    error.missing_scope = scope
    return _explained(error, problem)


def _is_about_acceptance(problem: Problem) -> bool:
    words = f"{problem.type} {problem.title} {problem.text}".lower()
    return "accept" in words and any(name in words for name in ("licence", "license", "eula"))


def _looks_like_scope(word: str) -> bool:
    resource, colon, action = word.strip("'\"`.,;()").partition(":")
    return bool(colon) and resource.replace("_", "").isalpha() and action.isalpha()


def _secret(text: str) -> Secret | None:
    """Return the secret of a payment, or None without a usable one."""
    with contextlib.suppress(ConfigurationError):
        return Secret(text, "client secret")
    return None


_RETRY_HINT = "Then try again. You will not be charged twice."


def _payment_error(problem: Problem) -> PaymentRequired:
    payment = payment_problem(problem)
    if payment.kind is PaymentKind.CONFIRMATION:
        url = web_url(payment.challenge_url)
        where = "" if url is None else f" at {url}" if _is_printable_url(url) else ", at error.challenge_url"
        required = AuthenticationRequired(
            "Your bank requires confirmation of this payment (3-D Secure).",
            code="payment_authentication_required",
            hint=f"Confirm the payment with your bank{where}. {_RETRY_HINT}",
        )
        required.client_secret = _secret(payment.client_secret)
        required.challenge_url = url
        return required
    if payment.kind is PaymentKind.CREDITS:
        return _credits_error(problem, payment.required_credits, payment.balance_credits)
    if payment.kind is PaymentKind.DECLINED:
        declined = CardDeclined(
            "Your bank declined the card.",
            code="card_declined",
            hint=f"Attach another card in the service's console, under billing. {_RETRY_HINT}",
        )
        declined.decline_code = payment.decline_code
        return _explained(declined, problem)
    if payment.kind is PaymentKind.NO_CARD:
        return NoPaymentMethod(
            "Your account has no card to charge.",
            code="no_payment_method",
            hint=f"Attach a card in the service's console, under billing. {_RETRY_HINT}",
        )
    failed = PaymentRequired(
        "The service cannot charge your account.",
        code="payment_failed",
        hint=f"Check your payment details in the service's console, under billing. {_RETRY_HINT}",
    )
    return _explained(failed, problem)


def _credits_error(problem: Problem, required: int | None, balance: int | None) -> InsufficientCredits:
    error = InsufficientCredits(
        "Your balance is too low.",
        code="insufficient_credits",
        hint=f"Buy credits in the service's console, under billing. {_RETRY_HINT}",
    )
    error.required_credits, error.balance_credits = required, balance
    if required is None or balance is None:
        return _explained(error, problem)
    reword(error, f"Your balance is too low: the order needs {required:,} credits, and you have {balance:,}.")
    return error


def _explained(error: E, problem: Problem, after: str = "") -> E:
    """Add the service's explanation to an error, unless it only repeats the message."""
    message, explanation = error.message, problem.text.strip()
    if explanation and not _content_words(explanation) <= _content_words(message):
        message = f"{message.removesuffix('.')}: {explanation}"
        if message[-1] not in ".!?…":
            message += "."
    reword(error, f"{message} {after}" if after else message)
    return error


_FILLERS = {
    "a",
    "account",
    "an",
    "are",
    "be",
    "been",
    "by",
    "has",
    "have",
    "is",
    "it",
    "its",
    "of",
    "s",
    "the",
    "this",
    "to",
    "was",
    "were",
    "your",
}


def _content_words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", text.lower())) - _FILLERS


def web_url(url: object) -> str | None:
    """Return a URL that a person may open: http(s) only, so no script and no local file."""
    try:
        parts = urlsplit(url) if isinstance(url, str) and url.isprintable() else None
    except ValueError:
        parts = None
    return str(url) if parts is not None and parts.scheme in {"http", "https"} and parts.hostname else None


def _is_printable_url(url: str) -> bool:
    """Return whether a URL holds no secret; a query or user name may open the payment to anybody who reads the message."""
    parts = urlsplit(url)
    return not (parts.query or parts.fragment or "@" in parts.netloc or "secret" in url.lower())
