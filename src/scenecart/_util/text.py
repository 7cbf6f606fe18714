"""Words that agree with numbers and with where one is, and texts of others that are made fit to be shown."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TEXT_LIMIT = 500


def pluralize(number: int, what: str) -> str:
    """Return a number and what is counted by it.

    Examples
    --------
    >>> from scenecart._util.text import pluralize
    >>> pluralize(1, "capture"), pluralize(2_000, "capture")
    ('1 capture', '2,000 captures')
    """
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def missing_file_hint(path: Path) -> str:
    """Return what helps to find a file that is not there: a relative path is one from where this process works."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_dir():
            return "It is a folder: name the file in it."
    return "Check its name." if path.is_absolute() else f"Check its name; it is looked for in {Path.cwd()}."


def clean_text(value: Any, limit: int = _TEXT_LIMIT) -> str:
    """Make one line of a text from the service: no control characters, of a sane length.

    Examples
    --------
    >>> from scenecart._util.text import clean_text
    >>> clean_text(f"two{chr(10)}lines"), clean_text("long " * 4, 9), clean_text(None)
    ('two lines', 'long lon…', '')
    """
    if not isinstance(value, str):
        return "" if value is None or isinstance(value, Mapping | list) else str(value)[:limit]
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+", " ", value)
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= limit else line[: limit - 1] + "…"
