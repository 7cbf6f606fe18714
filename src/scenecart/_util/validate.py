"""Checks of arguments: the same check, and the same message, wherever an argument is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from scenecart.exceptions import ScenecartError

_LONGEST_VALUE = 80


def shown_value(value: Any) -> str:
    """Return a value as an error message shows it: its repr on one line, of a sane length.

    Examples
    --------
    >>> from scenecart._util.validate import shown_value
    >>> shown_value("5")
    "'5'"
    """
    return clean_text(repr(value), _LONGEST_VALUE)


def number_hint(value: Any) -> str | None:
    """Return how a number is written, where a string was given for one."""
    return "Write the number without quotes." if isinstance(value, str) else None


def is_number(value: Any) -> bool:
    """Return whether a value is an int or a float, but no bool.

    Examples
    --------
    >>> from scenecart._util.validate import is_number
    >>> is_number(2.5), is_number(True), is_number("2")
    (True, False, False)
    """
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_bool(value: Any, argument: str, *, after: str = "", kind: type[ScenecartError] = InvalidRequest) -> None:
    """Refuse what is not True or False.

    Parameters
    ----------
    value, argument
        What was given, and the name of the argument.
    after
        A sentence that follows, such as "Nothing was ordered."
    kind
        The error to raise.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_bool"``.
    """
    if not isinstance(value, bool):
        raise kind(_ended(f"must be True or False, got {shown_value(value)}.", after), code="not_a_bool", argument=argument)


def check_count(
    value: Any,
    argument: str,
    *,
    least: int = 1,
    most: int | None = None,
    of: str = "",
    after: str = "",
    kind: type[ScenecartError] = InvalidRequest,
) -> None:
    """Refuse what is not a whole number from ``least`` to ``most``; None stands for no limit.

    Parameters
    ----------
    value, argument
        What was given, and the name of the argument.
    least, most
        The range, both ends included; ``most=None`` leaves it open.
    of
        What is counted, such as "credits".
    after
        A sentence that follows, such as "Nothing was ordered."
    kind
        The error to raise.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_count"``.

    Examples
    --------
    >>> from scenecart._util.validate import check_count
    >>> check_count(0, "limit")
    Traceback (most recent call last):
    scenecart.InvalidRequest: limit must be a whole number of at least 1, got 0.
    """
    if value is None or (
        isinstance(value, int) and not isinstance(value, bool) and value >= least and (most is None or value <= most)
    ):
        return
    limits = f"of at least {least}" if most is None else f"from {least} to {most}"
    wanted = " ".join(word for word in ("must be a whole number", f"of {of}" if of else "", limits) if word)
    raise kind(
        _ended(f"{wanted}, got {shown_value(value)}.", after), code="not_a_count", argument=argument, hint=number_hint(value)
    )


def check_seconds(value: Any, argument: str, *, kind: type[ScenecartError] = InvalidRequest) -> None:
    """Refuse what is not a number of seconds from 0 on; None stands for no limit.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_seconds"``.
    """
    if value is not None and not (is_number(value) and value >= 0):
        raise kind(f"must be a number of seconds from 0 on, got {shown_value(value)}.", code="not_seconds", argument=argument)


def check_text(value: Any, argument: str, *, after: str = "", kind: type[ScenecartError] = InvalidRequest) -> None:
    """Refuse what is not a non-empty string.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_string"``.
    """
    if not isinstance(value, str) or not value.strip():
        raise kind(_ended(f"must be a non-empty string, got {shown_value(value)}.", after), code="not_a_string", argument=argument)


def _ended(message: str, after: str) -> str:
    return f"{message} {after}" if after else message
