"""Text about captures: ids, facts and titles of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Hashable

_TITLES: dict[Hashable, str] = {
    "eo:cloud_cover": "Cloud cover, %",
    "datetime": "Acquired",
    "view:off_nadir": "Off-nadir, °",
    "gsd": "GSD, m",
}


def describe(capture: pd.Series[Any]) -> dict[str, Any]:
    """Return what cards and lists display of a capture, as clean text."""

    def number(name: str, unit: str) -> str:
        value = float(pd.to_numeric(pd.Series([capture.get(name)]), errors="coerce").iloc[0])
        return "" if np.isnan(value) else f"{value:g}{unit}"

    acquired = capture.get("datetime")
    facts = [
        "" if acquired is None or pd.isna(acquired) else f"{acquired:%Y-%m-%d %H:%M} UTC",
        number("eo:cloud_cover", " % cloud"),
        number("view:off_nadir", "° off-nadir"),
        number("gsd", " m"),
    ]
    reason = capture.get("not_orderable_reason")
    return {
        "id": clean_text(capture.get("id"), 120),
        "collection": clean_text(capture.get("collection"), 80),
        "facts": [fact for fact in facts if fact],
        "not_orderable_reason": clean_text(reason, 200) if isinstance(reason, str) and reason else "",
    }


def one_line(capture: pd.Series[Any]) -> str:
    """Return a capture as one line of a list."""
    text = describe(capture)
    return " · ".join([text["id"], *text["facts"]])


def column_title(name: str) -> str:
    """Return the title of a column, with its unit.

    Examples
    --------
    >>> column_title("gsd"), column_title("view:sun_elevation")
    ('GSD, m', 'Sun elevation')
    """
    return _TITLES.get(name, name.removeprefix("view:").replace("_", " ").capitalize())
