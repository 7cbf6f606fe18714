"""Money as text: Australian dollars, as the service bills them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

CREDITS_PER_DOLLAR = 100
# between currency and amount, so that no line ends there
_SPACE = "\N{NO-BREAK SPACE}"


def dollars(amount: Decimal | float | None, nothing: str = "") -> str:
    """Return an amount of Australian dollars as text.

    Examples
    --------
    >>> dollars(49231.125).replace(_SPACE, " "), dollars(None, "–")
    ('A$ 49,231.12', '–')
    """
    return nothing if amount is None else f"A${_SPACE}{amount:,.2f}"


def dollars_of_credits(credits_: float | None, nothing: str = "") -> str:
    """Return credits as Australian dollars.

    Examples
    --------
    >>> dollars_of_credits(76_888).replace(_SPACE, " ")
    'A$ 768.88'
    """
    return nothing if credits_ is None else dollars(credits_ / CREDITS_PER_DOLLAR)
