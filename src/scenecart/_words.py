"""Words that agree with numbers, and with where one is."""

from __future__ import annotations

from pathlib import Path


def counted(number: int, what: str) -> str:
    """Return a number and what is counted by it.

    Examples
    --------
    >>> from scenecart._words import counted
    >>> counted(1, "capture"), counted(2_000, "capture")
    ('1 capture', '2,000 captures')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def looked_for(path: Path) -> str:
    """Return what helps to find a file that is not there: a relative path is one from where this process works."""
    return "Check its name." if path.is_absolute() else f"Check its name; it is looked for in {Path.cwd()}."
