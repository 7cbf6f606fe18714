"""Checks of arguments: one check and one message for each kind of value.

The checks of numbers return plain int and float, because JSON, SQLite and SQL know no numbers of numpy.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, overload

from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart.exceptions import ScenecartError

_MAX_VALUE = 80


def shown_value(value: Any) -> str:
    """Return a value as an error message shows it: its repr, on one line and cut to 80 characters.

    Examples
    --------
    >>> from scenecart._util.validate import shown_value
    >>> shown_value("5")
    "'5'"
    """
    try:
        return clean_text(repr(value), _MAX_VALUE)
    except ValueError:
        # Python writes no number of more than a few thousand digits
        return f"{type(value).__name__} of too many digits"


def is_unicode(text: str) -> bool:
    """Return whether a string can be written as UTF-8: it has no lone surrogates.

    Examples
    --------
    >>> from scenecart._util.validate import is_unicode
    >>> is_unicode("Zürich"), is_unicode(chr(0xD800))
    (True, False)
    """
    try:
        return text.encode() is not None
    except UnicodeEncodeError:
        return False


def number_hint(value: Any) -> str | None:
    """Return how to write a number, if a string was given for one."""
    return "Write the number without quotes." if isinstance(value, str) else None


def is_number(value: Any) -> bool:
    """Return whether a value is an integer or a float, of Python or numpy; bool and NaN are not numbers here.

    Examples
    --------
    >>> from scenecart._util.validate import is_number
    >>> is_number(2.5), is_number(True), is_number("2"), is_number(float("nan"))
    (True, False, False, False)
    """
    return not isinstance(value, bool) and isinstance(value, Real) and value == value  # noqa: PLR0124  # NaN alone differs


def _plain(value: Any) -> int | float:
    return int(value) if isinstance(value, Integral) else float(value)


def check_bool(
    value: Any, argument: str, *, after: str = "", hint: str | None = None, kind: type[ScenecartError] = InvalidRequest
) -> None:
    """Refuse anything but True and False.

    Parameters
    ----------
    value, argument
        The value, and the name of the argument.
    after
        A sentence that ends the message, such as "Nothing was ordered."
    hint
        What to do instead.
    kind
        The error class to raise.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_bool"``.
    """
    if not isinstance(value, bool):
        raise kind(
            f"must be True or False, got {shown_value(value)}.{_following(after)}", code="not_a_bool", argument=argument, hint=hint
        )


@overload
def check_count(
    value: Any,
    argument: str,
    *,
    least: int = 1,
    most: int | None = None,
    of: str = "",
    after: str = "",
    optional: Literal[False],
    kind: type[ScenecartError] = InvalidRequest,
) -> int: ...
@overload
def check_count(
    value: Any,
    argument: str,
    *,
    least: int = 1,
    most: int | None = None,
    of: str = "",
    after: str = "",
    kind: type[ScenecartError] = InvalidRequest,
) -> int | None: ...
def check_count(
    value: Any,
    argument: str,
    *,
    least: int = 1,
    most: int | None = None,
    of: str = "",
    after: str = "",
    optional: bool = True,
    kind: type[ScenecartError] = InvalidRequest,
) -> int | None:
    """Return a whole number from ``least`` to ``most`` as an int, and refuse anything else.

    Parameters
    ----------
    value, argument
        The value, and the name of the argument.
    least, most
        The range, both ends included; ``most=None`` leaves it open.
    of
        The unit, such as "credits".
    after
        A sentence that ends the message, such as "Nothing was ordered."
    optional
        Whether None is allowed as well, as for "no limit".
    kind
        The error class to raise.

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
    if value is None and optional:
        return None
    is_in_range = is_number(value) and value >= least and (most is None or value <= most)
    if is_in_range and isinstance(value, Integral):
        return int(value)
    raise kind(
        f"must be {_wanted('a whole number', of, least, most)}, got {shown_value(value)}.{_following(after)}",
        code="not_a_count",
        argument=argument,
        hint=f"Pass the integer {int(value)}." if is_in_range and value % 1 == 0 else number_hint(value),
    )


def check_number(
    value: Any,
    argument: str,
    *,
    least: float | None = None,
    most: float | None = None,
    of: str = "",
    after: str = "",
    optional: bool = True,
    kind: type[ScenecartError] = InvalidRequest,
) -> float | None:
    """Return a number from ``least`` to ``most`` as an int or a float, and refuse anything else.

    Parameters as :func:`check_count`; the number may have decimals.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_number"``.

    Examples
    --------
    >>> from scenecart._util.validate import check_number
    >>> check_number(120, "max_cloud_cover", least=0, most=100)
    Traceback (most recent call last):
    scenecart.InvalidRequest: max_cloud_cover must be a number from 0 to 100, got 120.
    """
    if value is None and optional:
        return None
    if is_number(value) and (least is None or value >= least) and (most is None or value <= most):
        return _plain(value)
    raise kind(
        f"must be {_wanted('a number', of, least, most)}, got {shown_value(value)}.{_following(after)}",
        code="not_a_number",
        argument=argument,
        hint=number_hint(value),
    )


def check_seconds(value: Any, argument: str, *, optional: bool = True, kind: type[ScenecartError] = InvalidRequest) -> float | None:
    """Return a number of seconds of at least 0, and refuse anything else; with ``optional``, None is allowed as well.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_seconds"``.
    """
    if value is None and optional:
        return None
    if is_number(value) and value >= 0:
        return _plain(value)
    raise kind(
        f"must be a number of seconds (at least 0), got {shown_value(value)}.",
        code="not_seconds",
        argument=argument,
        hint=number_hint(value),
    )


def check_text(
    value: Any, argument: str, *, after: str = "", hint: str | None = None, kind: type[ScenecartError] = InvalidRequest
) -> None:
    """Refuse anything but a non-empty string that can be sent; parameters as :func:`check_bool`.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_string"``, or ``"not_unicode"`` for lone surrogates.
    """
    if not isinstance(value, str) or not value.strip():
        raise kind(
            f"must be a non-empty string, got {shown_value(value)}.{_following(after)}",
            code="not_a_string",
            argument=argument,
            hint=hint,
        )
    if not is_unicode(value):
        raise kind(
            f"must be valid Unicode, got {shown_value(value)}.{_following(after)}", code="not_unicode", argument=argument, hint=hint
        )


def check_choice(
    value: Any, argument: str, choices: Iterable[str], *, after: str = "", kind: type[ScenecartError] = InvalidRequest
) -> None:
    """Refuse anything but one of some strings.

    Raises
    ------
    InvalidRequest
        Or ``kind``, with the code ``"not_a_choice"``.

    Examples
    --------
    >>> from scenecart._util.validate import check_choice
    >>> check_choice("day", "partition", ["month", "year"])
    Traceback (most recent call last):
    scenecart.InvalidRequest: partition must be 'month' or 'year', got 'day'.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        *others, last = map(repr, known)
        wanted = f"{', '.join(others)} or {last}" if others else last
        raise kind(f"must be {wanted}, got {shown_value(value)}.{_following(after)}", code="not_a_choice", argument=argument)


def _wanted(number: str, of: str, least: float | None, most: float | None) -> str:
    """Return the phrase for a number in a range, such as "a whole number of credits (at least 1)"."""
    if least is not None and most is not None:
        limits = f"from {least} to {most}"
    elif least is not None:
        limits = f"(at least {least})" if of else f"of at least {least}"
    else:
        limits = "" if most is None else f"of at most {most}"
    return " ".join(word for word in (number, f"of {of}" if of else "", limits) if word)


def _following(sentence: str) -> str:
    return f" {sentence}" if sentence else ""
