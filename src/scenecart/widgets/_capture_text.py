"""Text about captures: ids, facts and titles of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures.properties import (
    AREA_CLOUD,
    AREA_CLOUD_NOTE,
    AREA_CLOUD_SOURCE,
    DATETIME,
    END_DATETIME,
    ESTIMATE,
    START_DATETIME,
)
from scenecart._captures.times import acquired_texts, acquisition_times
from scenecart._cart.owned import SHARE as OWNED
from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Hashable

    import geopandas as gpd

# what geometries lose by rounding, in per cent
_ROUNDING = 0.01
_TIMES = (DATETIME, START_DATETIME, END_DATETIME)
_TITLES: dict[Hashable, str] = {
    "eo:cloud_cover": "Cloud cover, %",
    AREA_CLOUD: "Cloud over the area, %",
    AREA_CLOUD_SOURCE: "Cloud over the area, source",
    AREA_CLOUD_NOTE: "Cloud over the area, how",
    "datetime": "Acquired",
    "view:off_nadir": "Off-nadir, °",
    "gsd": "GSD, m",
    "host": "Provider",
}


def describe(capture: pd.Series[Any]) -> dict[str, Any]:
    """Return what cards and lists display of a capture, as clean text."""

    def number(name: str, unit: str) -> str:
        value = float(pd.to_numeric(pd.Series([capture.get(name)]), errors="coerce").iloc[0])
        return "" if np.isnan(value) else f"{value:g}{unit}"

    (acquired,) = acquired_texts(pd.DataFrame({name: [capture[name]] for name in _TIMES if name in capture.index}, index=[0]))
    facts = [
        f"{acquired} UTC" if acquired else "",
        number("eo:cloud_cover", " % cloud"),
        area_cloud_text(capture),
        number("view:off_nadir", "° off-nadir"),
        number("gsd", " m"),
        owned_text(pd.to_numeric(capture[OWNED], errors="coerce")) if OWNED in capture.index else "",
    ]
    reason = capture.get("not_orderable_reason")
    return {
        "id": clean_text(capture.get("id"), 120),
        "collection": clean_text(capture.get("collection"), 80),
        "facts": [fact for fact in facts if fact],
        "not_orderable_reason": clean_text(reason, 200) if isinstance(reason, str) and reason else "",
    }


def area_cloud_text(capture: pd.Series[Any]) -> str:
    """Return the cloud over the area of interest, and whether it is an estimate; empty if it is not known.

    Examples
    --------
    >>> area_cloud_text(pd.Series({"aoi:cloud_cover": 12.4, "aoi:cloud_source": "estimate"}))
    'about 12 % cloud here (estimate)'
    """
    percent = float(pd.to_numeric(pd.Series([capture.get(AREA_CLOUD)]), errors="coerce").iloc[0])
    if np.isnan(percent):
        return ""
    is_estimate = capture.get(AREA_CLOUD_SOURCE) == ESTIMATE
    return f"about {percent:.0f} % cloud here (estimate)" if is_estimate else f"{percent:.0f} % cloud here"


def day_texts(captures: pd.DataFrame) -> list[str]:
    """Return the day on which each capture was taken (UTC), without ambiguity between day and month; empty if unknown.

    Examples
    --------
    >>> day_texts(pd.DataFrame({"datetime": pd.to_datetime(["2024-06-20T00:38Z", None])}))
    ['20 Jun 2024', '']
    """
    return ["" if pd.isna(time) else f"{time.day} {time:%b %Y}" for time in acquisition_times(captures)]


def owned_text(share: Any, nothing: str = "") -> str:
    """Return how much of a capture is owned; a missing share may be owned.

    Examples
    --------
    >>> owned_text(1.0), owned_text(0.716), owned_text(float("nan")), owned_text(0.0)
    ('100 % owned', '71 % owned', 'perhaps owned', '')
    """
    if pd.isna(share):
        return "perhaps owned"
    # only all of it is 100 %
    return f"{np.floor(100 * float(share) + _ROUNDING):.0f} % owned" if share > 0 else nothing


def owned_rows(captures: gpd.GeoDataFrame) -> np.ndarray[Any, Any]:
    """Return which captures are owned, or may be; none where they are not marked."""
    if OWNED not in captures.columns:
        return np.zeros(len(captures), dtype=bool)
    share = pd.to_numeric(captures[OWNED], errors="coerce")
    return np.asarray(~(share <= 0), dtype=bool)


def one_line(capture: pd.Series[Any]) -> str:
    """Return a capture as one short line of a list: what it differs in comes first; times are UTC, angles off-nadir."""
    text = describe(capture)
    return " · ".join([*(fact.removesuffix(" UTC").removesuffix(" off-nadir") for fact in text["facts"]), text["id"]])


def column_title(name: str) -> str:
    """Return the title of a column, with its unit.

    Examples
    --------
    >>> column_title("gsd"), column_title("view:sun_elevation")
    ('GSD, m', 'Sun elevation')
    """
    return _TITLES.get(name, name.removeprefix("view:").replace("_", " ").capitalize())
