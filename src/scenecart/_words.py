"""Words that agree with numbers."""

from __future__ import annotations


def counted(number: int, what: str) -> str:
    """Return a number and what is counted by it.

    Examples
    --------
    >>> from scenecart._words import counted
    >>> counted(1, "capture"), counted(2_000, "capture")
    ('1 capture', '2,000 captures')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"
