"""What captures can be filtered by: the facets of their columns, their values, and filters as checked text and code."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures.filter import coverage, numbers_of
from scenecart._captures.properties import (
    AREA_CLOUD,
    CLOUD_COVER,
    DATETIME,
    END_DATETIME,
    GSD,
    OFF_NADIR,
    START_DATETIME,
    SUN_ELEVATION,
)
from scenecart._captures.times import acquisition_times, has_times, time_ranges
from scenecart._cart.owned import SHARE as OWNED
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import geopandas as gpd

    from scenecart._geo.area import Area

_DAY = dt.timedelta(days=1)
_MOST_OPTIONS = 24
_PRICE = "price"
_RANGES = (
    (CLOUD_COVER, "Cloud cover", "%", 1.0),
    (AREA_CLOUD, "Cloud over the area", "%", 1.0),
    (OFF_NADIR, "Off-nadir", "°", 0.5),
    (GSD, "GSD", "m", 0.01),
    (SUN_ELEVATION, "Sun elevation", "°", 1.0),
    ("aoi:price_aud", "Price", "A$", 1.0),
)
# a facet, and both ends of the range of each capture: days since 1970
_TIME_COLUMNS: dict[str, Callable[[gpd.GeoDataFrame], pd.Series[Any]]] = {
    DATETIME: acquisition_times,
    START_DATETIME: lambda captures: time_ranges(captures)[0],
    END_DATETIME: lambda captures: time_ranges(captures)[1],
}
_CHOICES = (("host", "Provider"), ("collection", "Collection"), ("platform", "Platform"), ("constellation", "Constellation"))
COVERAGE = "coverage"
# columns that arrive after a search, for the area of interest: the individual price of each capture, and the km² paid for
EXACT_PRICE, PAID_KM2 = "aoi:price_aud", "aoi:km2"


@dataclass(frozen=True)
class Facet:
    """A property that captures can be filtered by.

    Attributes
    ----------
    name : str
        The column, or ``"coverage"`` for the share of the area that a capture covers, in percent.
    title, unit : str
        Its label, and the unit of its values.
    kind : str
        ``"dates"``, ``"range"`` or ``"choice"``.
    low, high : float
        The ends of a range; days since 1970 for dates.
    step : float
        The step of a range.
    options : tuple of str
        The values to choose from.
    """

    name: str
    title: str
    kind: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    options: tuple[str, ...] = ()


def facets_of(captures: gpd.GeoDataFrame, values: Callable[[str], np.ndarray[Any, Any]], *, has_area: bool) -> Iterable[Facet]:
    if has_times(captures):
        first, last = values(START_DATETIME), values(END_DATETIME)
        if np.isfinite(first).any():
            yield Facet(DATETIME, "Acquired", "dates", "", float(np.floor(np.nanmin(first))), float(np.floor(np.nanmax(last))))
    # the price in the area is more useful than a price per km²
    prices = [name for name in captures.columns if isinstance(name, str) and name.lower().startswith(_PRICE)]
    prices = [] if EXACT_PRICE in captures.columns else prices
    for name, title, unit, step in (*_RANGES, *((name, _price_title(name), "", 1.0) for name in prices[:1])):
        numbers = values(name) if name in captures.columns else np.empty(0)
        if np.isfinite(numbers).any() and np.nanmin(numbers) < np.nanmax(numbers):
            low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
            yield Facet(name, title, "range", unit, float(np.floor(low / step) * step), float(np.ceil(high / step) * step), step)
    if has_area and len(captures):
        yield Facet(COVERAGE, "Area covered", "range", "%", 0.0, 100.0, 1.0)
    if OWNED in captures.columns:
        yield Facet(OWNED, "Owned", "range", "%", 0.0, 100.0, 1.0)
    for name, title in _CHOICES:
        options = tuple(sorted(captures[name].dropna().astype(str).unique())) if name in captures.columns else ()
        if 1 < len(options) <= _MOST_OPTIONS:
            yield Facet(name, title, "choice", options=options)


def _price_title(column: str) -> str:
    """Return the title of a column of prices.

    Examples
    --------
    >>> _price_title("price_credits_km2"), _price_title("price")
    ('Price, credits km²', 'Price')
    """
    unit = column[len(_PRICE) :].strip(":_ ").replace("_", " ").replace("km2", "km²")
    return f"Price, {unit}" if unit else "Price"


def values_of(captures: gpd.GeoDataFrame, aoi: Area | None, name: str) -> np.ndarray[Any, Any]:
    """Return a facet as numbers: days since 1970, the position of a choice, percent of the area, or plain values."""
    if name == COVERAGE:
        return np.asarray(coverage(captures, aoi).to_numpy() * 100)
    if name == OWNED:
        return numbers_of(captures, OWNED) * 100
    if name in _TIME_COLUMNS:
        times = _TIME_COLUMNS[name](captures).dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
        return np.where(np.isnat(times), np.nan, times.astype("int64") / 86_400)
    column = captures[name]
    if name in {choice for choice, _ in _CHOICES}:
        codes, _ = pd.factorize(column.astype("string"), sort=True)
        return np.asarray(codes)
    return numbers_of(captures, name)


def check_filter(facet: Facet, wanted: Any) -> None:
    try:
        if facet.kind == "choice":
            unknown = [choice for choice in wanted if choice not in facet.options]
            if unknown:
                raise InvalidQuery(
                    f"contains the unknown value {shown_value(unknown[0])}.",
                    argument=f"filters[{facet.name!r}]",
                    code="filter_value_unknown",
                    hint=f"Available values: {', '.join(facet.options)}.",
                )
            return
        low, high = wanted
        is_ordered = day_of(low) <= day_of(high) if facet.kind == "dates" else float(low) <= float(high)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidQuery):
            raise
        is_ordered = False
    if not is_ordered:
        example = '["2024-01-01", "2024-06-30"]' if facet.kind == "dates" else "[0, 20]"
        raise InvalidQuery(
            f"must be a range such as {example}, got {shown_value(wanted)}.",
            argument=f"filters[{facet.name!r}]",
            code="filter_range_invalid",
        )


def code_of_filter(facet: Facet, wanted: Any, name: str) -> str:
    """Return one filter as a Python expression."""
    column = "shares" if facet.name == COVERAGE else f'{name}["{facet.name}"]'
    if facet.kind == "choice":
        return f"{column}.isin({list(wanted)!r})"
    scale = 100 if facet.name in {COVERAGE, OWNED} else 1
    return f"{column}.between({wanted[0] / scale:.12g}, {wanted[1] / scale:.12g})"


def day_text(day: float) -> str:
    """Format a day since 1970 without ambiguity between day and month.

    Examples
    --------
    >>> day_text(19_723)
    '1 Jan 2024'
    """
    date = dt.date(1970, 1, 1) + int(day) * _DAY
    return f"{date.day} {date:%b %Y}"


def day_iso(day: float) -> str:
    """Format a day since 1970 as ISO 8601."""
    return (dt.date(1970, 1, 1) + int(day) * _DAY).isoformat()


def day_of(text: str) -> int:
    """Parse an ISO 8601 date into a day since 1970."""
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days
