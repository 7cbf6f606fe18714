"""Notices about orders: a line of text with a code and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class Notice(str):
    """A line of text about an order: message and hint, as Python users read them.

    It is a ``str``, so that any callable that takes text can show it. The command line and the widgets
    show ``message`` and look their own hint up by ``code``.

    Attributes
    ----------
    message : str
        What happened.
    code : str
        A stable short name, such as ``"already_ordered"``.
    hint : str or None
        What to do next, in Python.
    details : dict
        Values of the message by name, for hints in other words.

    Examples
    --------
    >>> from scenecart._orders.notice import Notice
    >>> notice = Notice("Already ordered.", code="already_ordered", hint="To buy it again, pass again=True.")
    >>> print(notice)
    Already ordered. To buy it again, pass again=True.
    >>> notice.message
    'Already ordered.'
    """

    __slots__ = ("code", "details", "hint", "message")

    def __new__(cls, message: str, *, code: str, hint: str | None = None, details: Mapping[str, Any] | None = None) -> Self:
        notice = super().__new__(cls, f"{message} {hint}" if hint else message)
        notice.message = message
        notice.code = code
        notice.hint = hint
        notice.details = dict(details or {})
        return notice

    message: str
    code: str
    hint: str | None
    details: dict[str, Any]

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, Any]]:
        """Return what copies and pickles are made from."""
        return (self.message,), {"code": self.code, "hint": self.hint, "details": self.details}
