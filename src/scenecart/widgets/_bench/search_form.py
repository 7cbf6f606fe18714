"""The left column of the Workbench: where, when and what to search, and filters of what was found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart._cart.owned import SHARE as OWNED
from scenecart.widgets._bench.part import Part, script_of, style_of
from scenecart.widgets._facets import COVERAGE, EXACT_PRICE, day_iso, day_of, day_text

if TYPE_CHECKING:
    from scenecart.widgets._facets import Facet
    from scenecart.widgets._state import CaptureState

BARS = 26
_OWNED_SHARE = 10.0
_DAYS_OF_MONTH = 30.44
_LARGE = 1_000
# the facets that are always shown, with their titles; the others are below "More filters"
_TITLES = {
    "eo:cloud_cover": "Cloud, whole scene",
    "aoi:cloud_cover": "Cloud over my area, ≈",
    "view:off_nadir": "Off-nadir",
    COVERAGE: "Covers my area",
    EXACT_PRICE: "Price",
}


class SearchForm(Part):
    """Drawn by ``search_form.js``. ``state`` has ``where``, ``when``, ``what``, ``search`` and ``filters``.

    Events: ``"tool"`` (``name``), ``"type"`` (``text``), ``"file"`` (``name``, one buffer), ``"clear"``, ``"undo"``, ``"dates"``
    (``first``, ``last``), ``"host"`` (``name``), ``"collections"`` (``names``), ``"search"``, ``"filter"`` (``name``, ``value``),
    ``"hide_owned"`` (``on``) and ``"reset"``.
    """

    _esm = script_of("search_form", "file", "facets")
    _css = style_of("facets") + style_of("search_form")

    def __init__(self) -> None:
        super().__init__("sc-ask")


def when_state(
    dates: tuple[str, str], axis: tuple[str, str], taken: np.ndarray[Any, Any] | None, *, is_default: bool
) -> dict[str, Any]:
    """Return the dates to search, and how many known captures there are around them.

    Parameters
    ----------
    dates
        The first and the last day, in ISO 8601.
    axis
        The first and the last day that the handles can be dragged to.
    taken
        When known captures were taken, in days since 1970; None before any is known.
    is_default
        Whether these are the default dates.
    """
    low, high = day_of(axis[0]), day_of(axis[1]) + 1
    first, last = day_of(dates[0]), day_of(dates[1])
    bars = [] if taken is None else heights(taken, low, high)
    return {
        "first": dates[0],
        "last": dates[1],
        "texts": [day_text(first), day_text(last)],
        "low": low,
        "high": high - 1,
        "ends": [first, last],
        "bars": bars,
        "caption": "last half year with captures" if is_default else length_text(last - first + 1),
    }


def length_text(days: int) -> str:
    """Return how long some days are.

    Examples
    --------
    >>> length_text(13), length_text(182), length_text(366), length_text(1)
    ('13 days', '6 months', '12 months', '1 day')
    """
    months = round(days / _DAYS_OF_MONTH)
    if months >= 3 and abs(days - months * _DAYS_OF_MONTH) < 4:  # noqa: PLR2004  # a few days more or less
        return f"{months} months"
    return f"{days:,} {'day' if days == 1 else 'days'}"


def heights(values: np.ndarray[Any, Any], low: float, high: float) -> list[float]:
    """Return the height of each bar from 0 to 1: the square root of the count, so that one bar does not hide the rest."""
    if high <= low:
        return [0.0] * BARS
    counts, _ = np.histogram(values[np.isfinite(values)], bins=BARS, range=(low, high))
    return [round(math.sqrt(count / max(1, counts.max())), 3) for count in counts.tolist()]


def filters_state(state: CaptureState, *, was_searched: bool) -> dict[str, Any]:
    """Return the filters: for each its range, its bars and its text."""
    total, kept = len(state.captures), int(state.keep.sum())
    if not total:
        titles = [{"name": name, "title": title, "bars": [], "caption": "", "off": True} for name, title in _TITLES.items()]
        return {
            "off": True,
            "caption": "nothing to filter" if was_searched else "after the first search",
            "facets": titles,
            "more": [],
        }
    facets = [facet_state(facet, state) for facet in state.facets if facet.kind != "dates" and facet.name != OWNED]
    order = list(_TITLES)
    shown = sorted((one for one in facets if one["name"] in _TITLES), key=lambda one: order.index(one["name"]))
    owned = _owned_state(state)
    return {
        "off": False,
        "caption": f"{kept:,} of {total:,} left",
        "active": bool(state.filters),
        "facets": shown,
        "more": [one for one in facets if one["name"] not in _TITLES],
        "owned": owned,
    }


def facet_state(facet: Facet, state: CaptureState, bars: list[float] | None = None) -> dict[str, Any]:
    """Return one filter, as the page draws it; ``bars`` are those of an earlier call with the same captures."""
    chosen = state.filters.get(facet.name)
    title = _TITLES.get(facet.name, facet.title)
    if facet.kind == "choice":
        options = [{"name": name, "on": chosen is None or name in chosen} for name in facet.options]
        return {"name": facet.name, "title": title, "kind": "choice", "options": options, "caption": f"{state.count(facet):,}"}
    read = day_of if facet.kind == "dates" else float
    ends = [facet.low, facet.high] if chosen is None else [read(end) for end in chosen]
    return {
        "name": facet.name,
        "title": title,
        "kind": facet.kind,
        "low": facet.low,
        "high": facet.high,
        "step": facet.step,
        "ends": ends,
        "bars": bars_of(facet, state) if bars is None else bars,
        "unit": facet.unit,
        "caption": "" if facet.kind == "dates" else range_text(ends[0], ends[1], facet.unit),
        "cloud": facet.name == "aoi:cloud_cover",
    }


def bars_of(facet: Facet, state: CaptureState) -> list[float]:
    """Return the heights of the bars of a range."""
    # the last day is within the range
    return heights(state.values(facet.name), facet.low, facet.high + 1 if facet.kind == "dates" else facet.high)


def range_text(low: float, high: float, unit: str) -> str:
    """Return a range with its unit.

    Examples
    --------
    >>> range_text(0, 30, "%"), range_text(0, 30, "°"), range_text(50, 384.44, "A$"), range_text(0.3, 0.5, "m")
    ('0 – 30 %', '0 – 30°', 'A$ 50 – 384', '0.3 – 0.5 m')
    """
    if unit == "A$":
        return f"A$ {low:,.0f} – {high:,.0f}"
    first, last = (f"{end:,.0f}" if abs(end) >= _LARGE else f"{end:g}" for end in (low, high))
    return f"{first} – {last}{'' if unit in {'', '°'} else ' '}{unit}"


def hidden_owned() -> list[float]:
    """Return the range of the filter that hides what is owned: a capture counts as owned from a tenth of its area on."""
    return [0.0, _OWNED_SHARE - 0.01]


def _owned_state(state: CaptureState) -> dict[str, Any] | None:
    if "owned" not in state.captures.columns:
        return None
    shares = state.values(OWNED)
    return {"count": int((~(shares < _OWNED_SHARE)).sum()), "on": OWNED in state.filters}


def checked_dates(first: Any, last: Any) -> tuple[str, str] | None:
    """Return two days in ISO 8601, the earlier one first; None if they are not dates."""
    try:
        days = sorted((day_of(str(first)), day_of(str(last))))
    except ValueError:
        return None
    return day_iso(days[0]), day_iso(days[1])
