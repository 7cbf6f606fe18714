"""Errors and warnings, as one tree below ScenecartError.

ScenecartError
├── ConfigurationError        the connection settings are missing or cannot be used
│   └── MissingExtra          an optional package is not installed
├── InvalidRequest            an argument or request is invalid: detected before sending, or rejected by the service (422)
│   ├── InvalidArea           the area of interest cannot be used
│   ├── InvalidQuery          the search is incomplete or contradicts itself
│   ├── InvalidCart           the cart cannot be ordered
│   └── UnknownKeyword        a keyword argument does not exist
├── BadRequest                400, and any 4xx without a class of its own
├── AuthenticationError       401, or the sign-in failed
├── PaymentRequired           402
│   ├── InsufficientCredits
│   ├── NoPaymentMethod
│   ├── CardDeclined
│   └── AuthenticationRequired   the bank requires 3-D Secure
├── PermissionDenied          403
├── NotFound                  404
├── Conflict                  409
├── Gone                      410
├── RateLimited               429
├── ServiceError              5xx, or an unreadable response
│   └── UntrustedEstimate     the figures of an estimate contradict each other
├── ConnectionFailed          no response, or the connection was lost
│   └── RequestTimeout
├── PlacementError            the order was not placed; only PlacementUnknown leaves that open
│   ├── AlreadyOwned          captures of the cart are owned already
│   ├── EstimateIncomplete    part of the cart has no price
│   ├── NotApproved           the order is not approved, or differs from what was approved
│   ├── OverBudget            the order would exceed a budget
│   ├── OverLimit             the price exceeds the limit
│   ├── PriceChanged          the price has changed since the estimate
│   └── PlacementUnknown      the request was sent, but no usable response arrived
├── OrderFailed               the order ended without delivery
│   └── OrderCancelled
├── WaitTimeout               the order is still being processed
├── DownloadError             delivered files could not be downloaded completely
├── JournalError              the journal of placements cannot be read or written
└── WatchError                the file of watches cannot be read or written

One long module: the tree above is its table of contents, and most classes are a few lines.
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._api.credentials import Secret
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order


# where a worker thread's warnings are kept until the thread that waits for it issues them
_KEPT: ContextVar[list[ScenecartWarning] | None] = ContextVar("_KEPT", default=None)
_HERE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  # frames name files as str


class ScenecartWarning(UserWarning):
    """Something was done, but not exactly as requested.

    Attributes
    ----------
    message : str
        What happened, in one line.
    code : str
        A stable short name of this warning, such as ``"price_changed_after_placing"``.
    argument : str or None
        The name of the argument that it is about, which begins the message.
    hint : str or None
        What to do about it, in one line.
    """

    def __init__(self, message: str, *, code: str = "warning", argument: str | None = None, hint: str | None = None) -> None:
        message = message if argument is None else f"{argument} {message}"
        super().__init__(f"{message} {hint}" if hint else message)
        self.argument = argument
        self.message = message
        self.code = code
        self.hint = hint


def warn(message: str, *, code: str = "warning", argument: str | None = None, hint: str | None = None) -> None:
    """Issue a :class:`ScenecartWarning` that points at the caller's line outside of scenecart."""
    issue(ScenecartWarning(message, code=code, argument=argument, hint=hint))


def issue(warning: ScenecartWarning) -> None:
    """Issue a warning that was made before, as :func:`warn` does; in a thread whose warnings are kept, keep it."""
    kept = _KEPT.get()
    if kept is not None:
        kept.append(warning)
        return
    frame, depth = sys._getframe(1), 2  # noqa: SLF001  # skip_file_prefixes needs Python 3.12
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(warning, stacklevel=depth)


def keep_warnings(kept: list[ScenecartWarning]) -> None:
    """Put the warnings of this thread into a list from now on, in place of issuing them."""
    _KEPT.set(kept)


class ScenecartError(Exception):
    """The base class of every error that scenecart raises deliberately.

    Parameters
    ----------
    message
        What happened, in one line; with ``argument``, what follows the argument's name, such as "must be a str, got 5."
    code
        A stable short name of this error. Default: the name of its class, such as ``"invalid_area"`` for :class:`InvalidArea`.
    argument
        The name of the invalid argument, which begins the message.
    hint
        What to do about it in Python, in one line.
    details
        Values in the message, by name, for programs and for the hints of the command line and the widgets.

    Attributes
    ----------
    message : str
        What happened, in one line.
    code : str
        A stable short name of this error, for programs; hints for the command line and the widgets are looked up by it.
    argument : str or None
        The name of the invalid argument.
    hint : str or None
        What to do about it in Python, in one line.
    details : dict
        Values in the message, by name.
    operation : str or None
        The operation of the service that was called, such as ``"catalog.search"``.
    status : int or None
        The HTTP status of the response, if there was one.
    problem : dict or None
        The service's problem document (RFC 7807), without secrets.
    idempotency_key : str or None
        The idempotency key of the spending request.
    money_may_have_moved : bool
        True unless it is certain that nothing was charged.
    captures : geopandas.GeoDataFrame or None
        The captures that arrived before a search failed.
    """

    code = "scenecart_error"
    _anew: Callable[[], Order] | None = None
    # True after the last retry, so that callers do not retry again
    given_up = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        argument: str | None = None,
        hint: str | None = None,
        details: Mapping[str, Any] | None = None,
        operation: str | None = None,
        status: int | None = None,
        problem: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        money_may_have_moved: bool = False,
    ) -> None:
        self.code = code or type(self).code
        self.argument = argument
        self.message = message if argument is None else f"{argument} {message}"
        super().__init__(self.message)
        self.hint = hint
        self.details = dict(details or {})
        self.operation = operation
        self.status = status
        self.problem = dict(problem) if problem is not None else None
        self.idempotency_key = idempotency_key
        self.money_may_have_moved = money_may_have_moved
        self.captures: gpd.GeoDataFrame | None = None

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "code" not in vars(cls):
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__.lstrip("_")).lower()

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    def bind_anew(self, anew: Callable[[], Order]) -> None:
        """Set the function that places the order under a new key."""
        self._anew = anew

    @property
    def can_start_anew(self) -> bool:
        """Whether :meth:`start_anew` is possible: the service repeats a refusal, or refuses the key of the order."""
        return self._anew is not None

    def start_anew(self) -> Order:
        """Place the refused order under a new key, if the service only repeats its refusal. This spends money.

        Call it after you fixed the cause of the refusal, if the service still gives exactly the same answer.

        Returns
        -------
        Order
            The order.

        Raises
        ------
        ConfigurationError
            If this error offers no new key (``can_start_anew`` is False).
        ScenecartError
            If it fails again.
        """
        if self._anew is None:
            raise ConfigurationError(
                "This error offers no new key.", code="anew_unavailable", hint="Place the estimate again: the same key is used."
            )
        return self._anew()


def reword(error: ScenecartError, message: str | None = None, *, code: str | None = None, hint: str | None = None) -> None:
    """Replace the message, code or hint of an error if the caller knows more about the request.

    An error stays about its argument if the new message begins with it too.
    """
    error.message = message or error.message
    if error.argument is not None and not error.message.startswith(f"{error.argument} "):
        error.argument = None
    error.code = code or error.code
    error.hint = hint or error.hint
    error.args = (error.message,)


def message_about(error: ScenecartError | ScenecartWarning, subject: str) -> str:
    """Return the message of an error or a warning about an argument under another name, such as ``--max-credits``.

    Examples
    --------
    >>> message_about(InvalidRequest("must be a whole number, got 'x'.", argument="max_credits"), "--max-credits")
    "--max-credits must be a whole number, got 'x'."
    """
    return error.message if error.argument is None else f"{subject} {error.message.removeprefix(error.argument).lstrip()}"


class ConfigurationError(ScenecartError):
    """The connection settings are missing or cannot be used."""


class MissingExtra(ConfigurationError, ImportError):
    """An optional package is not installed."""


def not_captures(given: object) -> InvalidQuery:
    """Return the error for anything but a GeoDataFrame of captures."""
    return InvalidQuery(
        f"must be a GeoDataFrame, got {type(given).__name__}.",
        argument="captures",
        code="captures_invalid",
        hint="Pass rows of client.search(…), such as captures.iloc[[0]].",
    )


def missing_extra(feature: str, error: ModuleNotFoundError, extra: str) -> MissingExtra:
    """Return the error for an optional package that is not installed; ``feature`` begins the message.

    Examples
    --------
    >>> print(missing_extra("Planning a cover needs", ModuleNotFoundError(name="scipy.optimize"), "cover"))
    Planning a cover needs the package 'scipy', which is not installed.
    Install it: pip install "scenecart[cover]"
    """
    name = (error.name or "?").partition(".")[0]
    return MissingExtra(
        f"{feature} the package {name!r}, which is not installed.",
        code="extra_missing",
        hint=f'Install it: pip install "scenecart[{extra}]"',
    )


class InvalidRequest(ScenecartError, ValueError):
    """An argument or request is invalid: detected before sending, or rejected by the service (422).

    Attributes
    ----------
    fields : list of (str, str)
        Invalid fields, each with its problem, if the service names them.
    """

    fields: Sequence[tuple[str, str]] = ()


class InvalidArea(InvalidRequest):
    """The area of interest cannot be used."""


class InvalidQuery(InvalidRequest):
    """The search is incomplete or contradicts itself."""


class InvalidCart(InvalidRequest):
    """The cart cannot be ordered.

    Attributes
    ----------
    ids : list of str
        The captures that cannot be ordered.
    """

    ids: Sequence[str] = ()


class UnknownKeyword(InvalidRequest, TypeError):
    """A keyword argument does not exist; nothing was done."""


class BadRequest(ScenecartError):
    """The service rejected the request (400 and other 4xx)."""


class AuthenticationError(ScenecartError):
    """The sign-in failed, or the token is missing, invalid or expired (401)."""


class _Retryable(ScenecartError):
    """A placement that can be retried with the same idempotency key."""

    _retry: Callable[[], Order] | None = None

    def bind(self, retry: Callable[[], Order] | None) -> None:
        """Set the function that retries the placement."""
        self._retry = retry

    def retry(self) -> Order:
        """Place the order again with the same key, so nothing can be bought twice.

        Returns
        -------
        Order
            The order, whether it was placed now or before.

        Raises
        ------
        ScenecartError
            If it fails again.
        """
        if self._retry is None:
            raise ConfigurationError(
                "This error cannot be retried.",
                code="retry_unavailable",
                hint="Place the estimate again, or call client.settle().",
            )
        return self._retry()


class PaymentRequired(_Retryable):
    """The service cannot charge (402). Nothing was ordered; ``retry()`` places again with the same key."""


class InsufficientCredits(PaymentRequired):
    """The prepaid balance is too small.

    Attributes
    ----------
    required_credits, balance_credits : int or None
        The credits that the order needs and those available, if the service reports them.
    """

    required_credits: int | None = None
    balance_credits: int | None = None


class NoPaymentMethod(PaymentRequired):
    """The account has no payment card."""


class CardDeclined(PaymentRequired):
    """The bank declined the card.

    Attributes
    ----------
    decline_code : str or None
        The bank's reason, if the service reports it.
    """

    decline_code: str | None = None


class AuthenticationRequired(PaymentRequired):
    """The bank requires a confirmation of the payment (3-D Secure).

    Attributes
    ----------
    client_secret : Secret
        The secret for the payment page; it never prints.
    challenge_url : str or None
        The page to confirm on, if the service reports it.
    """

    client_secret: Secret | None = None
    challenge_url: str | None = None


class PermissionDenied(ScenecartError):
    """The account lacks a permission (403).

    Attributes
    ----------
    missing_scope : str or None
        The missing scope, if the service reports it.
    """

    missing_scope: str | None = None


class NotFound(ScenecartError):
    """The requested object does not exist, or belongs to another organization (404)."""


class Conflict(ScenecartError):
    """The request conflicts with the current state of the service (409)."""


class Gone(ScenecartError):
    """The requested object no longer exists (410)."""


class RateLimited(ScenecartError):
    """Too many requests (429).

    Attributes
    ----------
    retry_after : float or None
        Seconds to wait, if the service reports them.
    """

    retry_after: float | None = None


class ServiceError(ScenecartError):
    """The service failed (5xx), or its response cannot be read.

    Attributes
    ----------
    retry_after : float or None
        Seconds to wait, if the service reports them.
    """

    retry_after: float | None = None


class UntrustedEstimate(ServiceError):
    """The figures of an estimate contradict each other; it is never displayed as a price."""


class ConnectionFailed(ScenecartError, ConnectionError):
    """No response arrived, or the connection was lost.

    Attributes
    ----------
    was_sent : bool
        False if no connection was made, so the service cannot have received the request.
    """

    was_sent: bool = True


class RequestTimeout(ConnectionFailed, TimeoutError):
    """No response arrived in time."""


class PlacementError(ScenecartError):
    """The order was not placed. Only :class:`PlacementUnknown` leaves open whether it exists."""


class EstimateIncomplete(PlacementError):
    """Part of the cart has no price; nothing was ordered."""


class PriceChanged(PlacementError):
    """The price has changed since the estimate; nothing was ordered.

    Attributes
    ----------
    old_credits, new_credits : int
        The price of the estimate, and the current one.
    old_aud, new_aud : decimal.Decimal
        The same in Australian dollars.
    groups : pandas.DataFrame
        The same for each group: ``captures`` (ids), ``old_credits``, ``new_credits``.
    estimate : Estimate
        The estimate with the current price; place it to accept that price.
    """

    old_credits: int
    new_credits: int
    old_aud: Decimal
    new_aud: Decimal
    groups: pd.DataFrame
    estimate: Estimate


class PlacementUnknown(PlacementError, _Retryable):
    """The request was sent, but no usable response arrived: the order may exist. ``retry()`` uses the same key."""


class AlreadyOwned(PlacementError):
    """Part of the cart is owned already, or may be; nothing was ordered.

    ``cart.without_owned()`` returns the rest of the cart, and ``place(owned="buy")`` buys all of it.

    Attributes
    ----------
    owned : geopandas.GeoDataFrame
        One row for each capture and order: ``id``, ``host``, ``collection``, ``order``, ``project``, ``license_type``, ``status``,
        ``ordered`` (UTC), ``share`` (0–1 of the capture's area; missing if the service does not state it), ``km2`` and
        ``geometry`` (the shared area, EPSG:4326).
    certain : bool
        Whether the orders certainly contain this area; False if the service does not state enough to tell.
    """

    owned: gpd.GeoDataFrame
    certain: bool = True


class OverLimit(PlacementError):
    """The price exceeds ``max_credits``; nothing was ordered.

    Attributes
    ----------
    total_credits, max_credits : int
        The price and the limit.
    """

    total_credits: int
    max_credits: int


class OverBudget(PlacementError):
    """The order would exceed a budget; nothing was ordered.

    Attributes
    ----------
    spent, reserved, credits, left : int
        Credits that were charged and reserved in the period of the budget, the price of this order, and what was left of the
        budget before it.
    """

    spent: int
    reserved: int
    credits: int
    left: int


class NotApproved(PlacementError):
    """The order is not approved, or differs from what was approved; nothing was ordered. ``details`` has what differs."""


class OrderFailed(ScenecartError):
    """The order ended without delivery.

    Attributes
    ----------
    order_id : str
        The order.
    reason : str or None
        The reason, if the service reports it.
    """

    order_id: str
    reason: str | None = None


class OrderCancelled(OrderFailed):
    """The order was cancelled."""


class WaitTimeout(ScenecartError, TimeoutError):
    """The order is still being processed, or its state is unknown; waiting can be resumed at any time."""


@dataclass(frozen=True)
class FailedFile:
    """A delivered file that was not downloaded.

    Attributes
    ----------
    item, asset : str
        The id of the item, and the key of its asset.
    path : pathlib.Path
        The path that the file would have.
    error : ScenecartError
        Why it was not downloaded: ``error.message``, ``error.code``, ``error.status``.
    """

    item: str
    asset: str
    path: Path
    error: ScenecartError


class DownloadError(ScenecartError):
    """Delivered files could not be downloaded completely; no incomplete file is kept under its name.

    Attributes
    ----------
    failed : sequence of FailedFile
        The files that were not downloaded; downloading again requests only these.
    files : sequence of pathlib.Path
        The files that are complete.
    """

    failed: Sequence[FailedFile] = ()
    files: Sequence[Path] = ()


class JournalError(ScenecartError):
    """The journal of placements cannot be read or written."""


class WatchError(ScenecartError):
    """The file of watches cannot be read or written; no capture was marked as seen."""


PUBLIC = sorted(
    (
        name
        for name, value in globals().items()
        if name[0] != "_" and isinstance(value, type) and issubclass(value, Exception | Warning)
    ),
)
for _name in PUBLIC:
    globals()[_name].__module__ = "scenecart"

FailedFile.__module__ = "scenecart"

__all__ = PUBLIC  # noqa: PLE0605  # derived, so no new error is forgotten
