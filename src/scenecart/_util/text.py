"""Text helpers: counts with plurals, and clean one-line text from untrusted sources."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_MAX_TEXT, _LONGEST_NAME = 500, 80
_SIGNED_URL = re.compile(
    r"((?:https?|s3)://[^\s?]*\?)\S*?(?:sig|signature|token|key|credential|password|secret|expires)\b\S*", re.IGNORECASE
)


def pluralize(number: int, noun: str) -> str:
    """Return a count with its noun in the singular or plural.

    Examples
    --------
    >>> from scenecart._util.text import pluralize
    >>> pluralize(1, "capture"), pluralize(2_000, "capture")
    ('1 capture', '2,000 captures')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def first_names(names: Sequence[str], most: int) -> str:
    """Return the first names in one line, and how many more there are.

    Examples
    --------
    >>> from scenecart._util.text import first_names
    >>> first_names(["a", "b", "c"], 2), first_names(["a", "b"], 2)
    ('a, b and 1 more', 'a, b')
    """
    shown = ", ".join(clean_text(name, _LONGEST_NAME) for name in names[:most])
    return f"{shown} and {len(names) - most:,} more" if len(names) > most else shown


def duration(seconds: float) -> str:
    """Return a duration in words, rounded to whole seconds, minutes or hours.

    Examples
    --------
    >>> from scenecart._util.text import duration
    >>> duration(0.2), duration(59), duration(90), duration(5_400), duration(40 * 3_600)
    ('1 second', '59 seconds', '2 minutes', '90 minutes', '40 hours')
    """
    if seconds < 60:  # noqa: PLR2004  # a minute
        return pluralize(max(1, round(seconds)), "second")
    minutes = round(seconds / 60)
    return pluralize(minutes, "minute") if minutes < 120 else pluralize(round(seconds / 3600), "hour")  # noqa: PLR2004  # two hours


def missing_file_hint(path: Path) -> str:
    """Return a hint for a path that is not a file."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_dir():
            return "This is a folder; pass a file in it."
    return "Check the path." if path.is_absolute() else f"Check the path; it is relative to {Path.cwd()}."


def clean_text(value: Any, limit: int = _MAX_TEXT) -> str:
    """Return text from the service as one line, without control characters and cut to a limit.

    Examples
    --------
    >>> from scenecart._util.text import clean_text
    >>> clean_text(f"two{chr(10)}lines"), clean_text("long " * 4, 9), clean_text(None)
    ('two lines', 'long lon…', '')
    """
    if not isinstance(value, str):
        if value is None or isinstance(value, Mapping | list):
            return ""
        try:
            return str(value)[:limit]
        except ValueError:
            # Python writes no number of more than a few thousand digits
            return "…"
    line = re.sub(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]+", " ", value)
    line = line.encode("utf-8", "replace").decode()
    return line if len(line) <= limit else line[: limit - 1] + "…"


def without_signatures(text: str) -> str:
    """Return text with signed URLs cut before their signature.

    Examples
    --------
    >>> from scenecart._util.text import without_signatures
    >>> without_signatures("https://example.com/a.png?X-Amz-Signature=5")
    'https://example.com/a.png?…'
    """
    return _SIGNED_URL.sub(r"\1…", text)
