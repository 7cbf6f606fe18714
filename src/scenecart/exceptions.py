"""Everything that can go wrong, as one tree.

ScenecartError
├── ConfigurationError        nothing says how to connect, or what says it cannot be used
│   └── MissingExtra          a part of scenecart needs a package that is not installed
├── InvalidRequest            what was asked cannot be done: said by the service (422) or found before sending
│   ├── InvalidArea           the area of interest is no usable area
│   ├── InvalidQuery          the search is incomplete or contradicts itself
│   ├── InvalidCart           what is in the cart cannot be ordered
│   └── UnknownKeyword        a keyword is misspelled, or there is none like it
├── BadRequest                400, and any other 4xx without a name of its own
├── AuthenticationError       401, or the sign-in failed
├── PaymentRequired           402
│   ├── InsufficientCredits
│   ├── NoPaymentMethod
│   ├── CardDeclined
│   └── AuthenticationRequired   the bank wants 3-D Secure
├── PermissionDenied          403
├── NotFound                  404
├── Conflict                  409
├── Gone                      410
├── RateLimited               429
├── ServiceError              5xx, or an answer that cannot be read
│   └── UntrustedEstimate     an estimate whose figures contradict each other
├── ConnectionFailed          no answer came, or it broke off
│   └── RequestTimeout
├── PlacementError            nothing was ordered, or it is not known whether
│   ├── EstimateIncomplete    part of the cart has no price
│   ├── OverLimit             it costs more than was allowed
│   ├── PriceChanged          the price is not the one that was shown
│   └── PlacementUnknown      the request left, and no usable answer came back
├── OrderFailed               the order ended without delivery
│   └── OrderCancelled
├── WaitTimeout               the order is still being worked on
├── DownloadError             a delivered file could not be fetched whole
└── JournalError              the record of placements cannot be read or written
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal

    import geopandas as gpd
    import pandas as pd

    from scenecart._api.credentials import Secret
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order


_HERE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  # compared with the names that frames give


class ScenecartWarning(UserWarning):
    """Something was done, but not quite as asked.

    Attributes
    ----------
    message : str
        One line that says what happened.
    code : str
        A stable short name of this warning, such as ``"price_changed_after_placing"``.
    hint : str or None
        One line that says what to do about it.
    """

    def __init__(self, message: str, *, code: str = "warning", hint: str | None = None) -> None:
        super().__init__(f"{message} {hint}" if hint else message)
        self.message = message
        self.code = code
        self.hint = hint


def warn(message: str, *, code: str = "warning", hint: str | None = None) -> None:
    """Issue a :class:`ScenecartWarning` that names the line outside of scenecart that led here."""
    frame, depth = sys._getframe(1), 2  # noqa: SLF001  # what warnings itself does, before Python 3.12 did it for others
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(ScenecartWarning(message, code=code, hint=hint), stacklevel=depth)


class ScenecartError(Exception):
    """The root of every error that scenecart raises on purpose.

    Parameters
    ----------
    message
        One line that says what happened; with ``argument``, what follows the argument's name, such as "must be a str, got 5."
    code
        A stable short name of this error. Default: the class's own, such as ``"invalid_area"`` for :class:`InvalidArea`.
    argument
        The name of the argument that is wrong, which begins the message.
    hint
        One line that says what to do about it, in Python.
    details
        Values that the message speaks of, by name, for hints in other words and for programs.

    Attributes
    ----------
    message : str
        One line that says what happened.
    code : str
        A stable short name of this error: programs, and hints for the command line and the widgets, go by it.
    argument : str or None
        The name of the argument that is wrong.
    hint : str or None
        One line that says what to do about it, in Python.
    details : dict
        Values that the message speaks of, by name.
    operation : str or None
        The service's operation that was called, such as ``"catalog.search"``.
    status : int or None
        The HTTP status of the answer, where there was one.
    problem : dict or None
        The service's own problem document (RFC 7807), without secrets.
    idempotency_key : str or None
        The key of the spending request this is about.
    money_may_have_moved : bool
        True when it is not certain that nothing was charged.
    captures : geopandas.GeoDataFrame or None
        What had arrived of a search before it broke.
    """

    code = "scenecart_error"
    # retried as often as the retry rule allows; callers do not start over
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
        self._statement = message
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


def reword(error: ScenecartError, message: str | None = None, *, code: str | None = None, hint: str | None = None) -> None:
    """Replace the message, code or hint of an error where more is known of what was asked."""
    error.message = message or error.message
    error.argument = error.argument if message is None else None
    error.code = code or error.code
    error.hint = hint or error.hint
    error.args = (error.message,)


def message_about(error: ScenecartError, subject: str) -> str:
    """Return the message of an error about an argument under another name, such as ``--max-credits``.

    Examples
    --------
    >>> message_about(InvalidRequest("must be a whole number, got 'x'.", argument="max_credits"), "--max-credits")
    "--max-credits must be a whole number, got 'x'."
    """
    return error.message if error.argument is None else f"{subject} {error._statement}"  # noqa: SLF001  # of this module


class ConfigurationError(ScenecartError):
    """Nothing says how to connect, or what says it cannot be used."""


class MissingExtra(ConfigurationError, ImportError):
    """A part of scenecart needs a package that is not installed."""


def not_captures(given: object) -> InvalidQuery:
    """Return the error for what was given in place of a frame of captures."""
    return InvalidQuery(
        f"Captures are a GeoDataFrame, not {type(given).__name__}.",
        hint="Pass rows of client.search(…), such as captures.iloc[[0]].",
    )


def missing_extra(what: str, error: ModuleNotFoundError, extra: str) -> MissingExtra:
    """Return what to raise where a package of an extra was not found: ``what`` says who needs it.

    Examples
    --------
    >>> print(missing_extra("Planning a cover needs", ModuleNotFoundError(name="scipy.optimize"), "cover"))
    Planning a cover needs the package 'scipy', which is not installed.
    Install it: pip install "scenecart[cover]"
    """
    name = (error.name or "?").partition(".")[0]
    return MissingExtra(
        f"{what} the package {name!r}, which is not installed.", hint=f'Install it: pip install "scenecart[{extra}]"'
    )


class InvalidRequest(ScenecartError, ValueError):
    """What was asked cannot be done: said by the service (422), or found before anything was sent.

    Attributes
    ----------
    fields : list of (str, str)
        Field and what is wrong with it, one entry each, where the service named them.
    """

    fields: Sequence[tuple[str, str]] = ()


class InvalidArea(InvalidRequest):
    """The area of interest is no usable area."""


class InvalidQuery(InvalidRequest):
    """The search is incomplete or contradicts itself."""


class InvalidCart(InvalidRequest):
    """What is in the cart cannot be ordered.

    Attributes
    ----------
    ids : list of str
        The captures this is about.
    """

    ids: Sequence[str] = ()


class UnknownKeyword(InvalidRequest, TypeError):
    """A keyword is misspelled, or there is none like it; nothing was done."""


class BadRequest(ScenecartError):
    """The service could not read the request (400 and other 4xx)."""


class AuthenticationError(ScenecartError):
    """The sign-in failed, or the token is missing, wrong or expired (401)."""


class _Repeatable(ScenecartError):
    """What can be tried again with the same key."""

    _again: Callable[[], Order] | None = None

    def bind(self, again: Callable[[], Order] | None) -> None:
        """Say how it is tried again."""
        self._again = again

    def retry(self) -> Order:
        """Place again with the same key, so that nothing can be bought twice.

        Returns
        -------
        Order
            The order, placed now or found to be placed already.

        Raises
        ------
        ScenecartError
            Whatever stands in the way this time.
        """
        if self._again is None:
            raise ConfigurationError("There is nothing to try again here.", hint="Place the estimate again, or client.settle().")
        return self._again()


class PaymentRequired(_Repeatable):
    """The service cannot charge (402). Nothing was ordered; ``retry()`` places again with the same key."""


class InsufficientCredits(PaymentRequired):
    """The prepaid balance is too small.

    Attributes
    ----------
    required_credits, balance_credits : int or None
        What the order needs and what there is, where the service says so.
    """

    required_credits: int | None = None
    balance_credits: int | None = None


class NoPaymentMethod(PaymentRequired):
    """No card is attached to the account."""


class CardDeclined(PaymentRequired):
    """The bank declined the card.

    Attributes
    ----------
    decline_code : str or None
        The bank's reason, where given.
    """

    decline_code: str | None = None


class AuthenticationRequired(PaymentRequired):
    """The bank wants the payment confirmed (3-D Secure).

    Attributes
    ----------
    client_secret : Secret
        What the payment page needs; it never prints.
    challenge_url : str or None
        Where to confirm, where the service says so.
    """

    client_secret: Secret | None = None
    challenge_url: str | None = None


class PermissionDenied(ScenecartError):
    """The account may not do this (403).

    Attributes
    ----------
    missing_scope : str or None
        The scope that would be needed, where the service names it.
    """

    missing_scope: str | None = None


class NotFound(ScenecartError):
    """There is no such thing, or it belongs to another organization (404)."""


class Conflict(ScenecartError):
    """The request contradicts what the service already has (409)."""


class Gone(ScenecartError):
    """It existed and is no longer offered (410)."""


class RateLimited(ScenecartError):
    """Too many calls (429).

    Attributes
    ----------
    retry_after : float or None
        Seconds the service asks to wait.
    """

    retry_after: float | None = None


class ServiceError(ScenecartError):
    """The service failed (5xx), or answered something that cannot be read."""


class UntrustedEstimate(ServiceError):
    """An estimate whose figures contradict each other; it is never shown as a price."""


class ConnectionFailed(ScenecartError, ConnectionError):
    """No answer came, or it broke off.

    Attributes
    ----------
    was_sent : bool
        False where no connection came about, so that the service cannot have seen the request.
    """

    was_sent: bool = True


class RequestTimeout(ConnectionFailed, TimeoutError):
    """No answer came in time."""


class PlacementError(ScenecartError):
    """Nothing was ordered, or it is not known whether."""


class EstimateIncomplete(PlacementError):
    """Part of the cart has no price, so the estimate is not placed as it stands."""


class PriceChanged(PlacementError):
    """The price is not the one that was shown; no money has moved.

    Attributes
    ----------
    old_credits, new_credits : int
        The price that was shown and today's.
    old_aud, new_aud : decimal.Decimal
        The same in Australian dollars.
    groups : pandas.DataFrame
        The same for each group: ``captures`` (ids), ``old_credits``, ``new_credits``.
    estimate : Estimate
        Today's price, which can be placed.
    """

    old_credits: int
    new_credits: int
    old_aud: Decimal
    new_aud: Decimal
    groups: pd.DataFrame
    estimate: Estimate


class PlacementUnknown(PlacementError, _Repeatable):
    """The request left, and no usable answer came back: the order may exist. ``retry()`` asks with the same key."""


class OverLimit(PlacementError):
    """It costs more than ``max_credits`` allows; nothing was ordered.

    Attributes
    ----------
    total_credits, max_credits : int
        The price, and what was allowed.
    """

    total_credits: int
    max_credits: int


class OrderFailed(ScenecartError):
    """The order ended without delivery.

    Attributes
    ----------
    order_id : str
        The order.
    reason : str or None
        Why, as the service says.
    """

    order_id: str
    reason: str | None = None


class OrderCancelled(OrderFailed):
    """The order was cancelled."""


class WaitTimeout(ScenecartError, TimeoutError):
    """The order is still being worked on; waiting can go on at any time."""


class DownloadError(ScenecartError):
    """A delivered file could not be fetched whole; nothing half stands under its name."""


class JournalError(ScenecartError):
    """The record of placements cannot be read or written."""


PUBLIC = sorted(
    (
        name
        for name, thing in globals().items()
        if name[0] != "_" and isinstance(thing, type) and issubclass(thing, Exception | Warning)
    ),
)
for _name in PUBLIC:
    globals()[_name].__module__ = "scenecart"

__all__ = PUBLIC  # noqa: PLE0605  # derived, so that a new error cannot be forgotten at the door
