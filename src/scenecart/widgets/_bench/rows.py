"""What the table, the gallery and the timeline show of captures: columns, cells, orders, all as text for the page."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures.properties import (
    AREA_CLOUD,
    AREA_CLOUD_SOURCE,
    CLOUD_COVER,
    DATETIME,
    ESTIMATE,
    GSD,
    OFF_NADIR,
    SUN_ELEVATION,
)
from scenecart._captures.times import acquired_texts, acquisition_times, has_times
from scenecart._cart.owned import SHARE as OWNED
from scenecart._util.text import clean_text
from scenecart.widgets._capture_text import owned_text
from scenecart.widgets._facets import COVERAGE, EXACT_PRICE, PAID_KM2, day_text
from scenecart.widgets._rows import Positions, sorted_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart.widgets._state import CaptureState

NEWEST = (DATETIME, True)
_LONGEST_TEXT = 120
# a scene with more cloud than this has a full bar
_FULL_BAR = 25.0
_CLOUD_STEP, _LAST_STEP = 5.0, 4
_MOST_POINTS, _MOST_MONTHS = 800, 240
_ABOUT = "≈\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    name : str
        The column of the captures, or ``"coverage"``.
    title, tip : str
        Its header, and what it means.
    width : int
        Pixels; the ids get what is left.
    rank : int
        A narrow table leaves out the columns of the highest rank.
    look : str
        ``"num"``, ``"bar"``, ``"mono"`` or ``""``.
    digits : int
        Decimals of a number.
    unit : str
        What follows a number.
    is_shown : bool
        Whether it is shown by default.
    """

    name: str
    title: str
    tip: str
    width: int
    rank: int
    look: str = "num"
    digits: int = 1
    unit: str = ""
    is_shown: bool = True


_ALL = (
    Column(DATETIME, "Acquired, UTC", "When it was taken", 122, 0, ""),
    Column("id", "Capture", "The provider's id", 230, 1, "mono"),
    Column("host", "Provider", "Who sells it", 84, 12, "", is_shown=False),
    Column("collection", "Collection", "", 112, 11, "", is_shown=False),
    Column("platform", "Satellite", "", 96, 13, "", is_shown=False),
    Column(AREA_CLOUD, "Cloud, area %", "Cloud over my area, estimated from the picture", 98, 3, "bar"),
    Column(CLOUD_COVER, "Scene %", "Cloud of the whole scene, as the provider says", 58, 6),
    Column(OFF_NADIR, "Off-nadir", "The angle at which it looks down", 64, 8, unit="°"),
    Column(GSD, "GSD m", "Ground sample distance: metres for each pixel", 52, 7, digits=2),
    Column(SUN_ELEVATION, "Sun", "Height of the sun", 54, 10, unit="°", is_shown=False),
    Column(COVERAGE, "Covers %", "How much of my area it covers", 60, 4),
    Column(PAID_KM2, "km² priced", "The area that is priced, as the service measures it", 72, 9, digits=2),
    Column(EXACT_PRICE, "A$", "The service's price of this capture alone", 66, 2, digits=2),
)
# the words for the order with the smallest value first, and with the largest first; other columns are prices of a catalog
_WORDS = {
    DATETIME: ("oldest first", "newest first"),
    "id": ("by id", "by id, backwards"),
    "host": ("by provider", "by provider, backwards"),
    "collection": ("by collection", "by collection, backwards"),
    "platform": ("by satellite", "by satellite, backwards"),
    AREA_CLOUD: ("clearest over my area first", "cloudiest over my area first"),
    CLOUD_COVER: ("clearest first", "cloudiest first"),
    OFF_NADIR: ("straight down first", "most oblique first"),
    GSD: ("finest first", "coarsest first"),
    SUN_ELEVATION: ("lowest sun first", "highest sun first"),
    COVERAGE: ("covering least first", "covering most first"),
    PAID_KM2: ("smallest first", "largest first"),
}
_CHEAPEST = ("cheapest first", "dearest first")


def columns_of(state: CaptureState) -> list[Column]:
    """Return the columns that the captures have values for, in their order."""
    captures = state.captures
    known = {*captures.columns, *([COVERAGE] if state.aoi is not None else []), *([DATETIME] if has_times(captures) else [])}
    found = [column for column in _ALL if column.name in known]
    if AREA_CLOUD not in known:
        # the only cloud there is gets the bar
        found = [_with_bar(column) if column.name == CLOUD_COVER else column for column in found]
    if EXACT_PRICE not in known:
        facets = [facet for facet in state.facets if facet.title.startswith("Price")]
        found += [_price_column(facet.name, facet.title) for facet in facets[:1]]
    # hosts and collections are named where they differ
    return [_where_different(column, captures) for column in found]


def shown_columns(columns: list[Column], chosen: Iterable[str] | None) -> list[Column]:
    """Return the columns to show: those that were chosen, or else the usual ones; always the id."""
    wanted = {column.name for column in columns if column.is_shown} if chosen is None else {"id", *chosen}
    return [column for column in columns if column.name in wanted]


def order_of(state: CaptureState, sort: tuple[str, bool]) -> Positions:
    """Return the row numbers of the captures that match the filters, sorted by a column; missing values last."""
    rows = np.flatnonzero(state.keep)
    name, descending = sort
    values = _values(state, name)
    return rows if values is None or not len(rows) else sorted_rows(values.iloc[rows], rows, descending=descending)


def order_words(sort: tuple[str, bool]) -> str:
    """Return an order in words; empty if it is that of the captures.

    Examples
    --------
    >>> order_words(("datetime", True)), order_words(("gsd", False)), order_words(("", False))
    ('newest first', 'finest first', '')
    """
    name, descending = sort
    return _WORDS.get(name, _CHEAPEST)[descending] if name else ""


def rows_of(state: CaptureState, columns: list[Column], positions: Positions) -> list[dict[str, Any]]:
    """Return rows for the page: ``key`` is the row number of the capture, ``cells`` its texts by column."""
    captures = state.captures.iloc[positions]
    cells = {column.name: _texts(state, column, positions) for column in columns}
    days = _days(state, positions)
    owned = [owned_text(share) for share in pd.to_numeric(captures[OWNED], errors="coerce")] if OWNED in captures.columns else None
    cloud = _cloud(state, positions)
    ids = captures["id"] if "id" in captures.columns else pd.Series("", index=captures.index)
    found = []
    for row, (position, name) in enumerate(zip(positions.tolist(), ids, strict=True)):
        one: dict[str, Any] = {"key": position, "id": _clean(name), "day": days[row]}
        one["cells"] = {column: texts[row] for column, texts in cells.items() if texts[row]}
        if owned is not None and owned[row]:
            one["owned"] = "Owned" if owned[row].startswith("100") else owned[row].capitalize()
        if cloud is not None and not math.isnan(cloud[row]):
            one["cloud"] = cloud_mark(float(cloud[row]))
        found.append(one)
    return found


def cloud_mark(percent: float) -> list[float]:
    """Return how long a bar of cloud is, 0 to 1, and its colour, 0 to 4.

    Examples
    --------
    >>> cloud_mark(10.8), cloud_mark(0.0), cloud_mark(80.0)
    ([0.43, 2], [0.0, 0], [1.0, 4])
    """
    return [round(min(1.0, max(0.0, percent / _FULL_BAR)), 2), min(_LAST_STEP, max(0, int(percent / _CLOUD_STEP)))]


def timeline_of(state: CaptureState, order: Positions) -> dict[str, Any]:
    """Return the timeline: a point for each capture, or a bar for each month if there are too many points.

    Points are ``[key, day, cloud or None, colour]`` and bars ``[day, days, count]``; days count since 1970.
    """
    days = state.values(DATETIME)[order] if has_times(state.captures) and len(order) else np.empty(0)
    is_known = np.isfinite(days)
    if not is_known.any():
        return {"points": [], "bars": [], "first": 0, "last": 1, "ticks": [], "untimed": len(order)}
    low, high = float(days[is_known].min()), float(days[is_known].max())
    span = max(high - low, 1.0)
    first, last = low - 0.02 * span, high + 0.02 * span
    found: dict[str, Any] = {"first": first, "last": last, "ticks": _ticks(first, last), "points": [], "bars": []}
    found["untimed"] = int((~is_known).sum())
    if is_known.sum() > _MOST_POINTS:
        number = min(_MOST_MONTHS, max(12, math.ceil(span / 30)))
        counts, edges = np.histogram(days[is_known], bins=number, range=(low, high + 1))
        width = float(edges[1] - edges[0])
        found["bars"] = [[float(edge), width, int(count)] for edge, count in zip(edges, counts, strict=False) if count]
        return found
    cloud = _cloud(state, order)
    for row in np.flatnonzero(is_known).tolist():
        percent = math.nan if cloud is None else float(cloud[row])
        value = None if math.isnan(percent) else round(percent, 1)
        found["points"].append([int(order[row]), round(float(days[row]), 3), value, -1 if value is None else cloud_mark(value)[1]])
    return found


def _ticks(first: float, last: float) -> list[list[Any]]:
    """Return up to eight dates to write below a timeline, and where they are."""
    steps = (1, 2, 7, 14, 30.44, 91.3, 182.6, 365.25, 730.5, 1826, 3652)
    step = next((one for one in steps if (last - first) / one <= 8), steps[-1])  # noqa: PLR2004  # as many as fit a narrow one
    start = math.ceil(first / step) * step
    ticks = np.arange(start, last, step)[:12]
    return [[float(day), day_text(day) if step < 30 else day_text(day).split(" ", 1)[1]] for day in ticks]  # noqa: PLR2004  # months


def _values(state: CaptureState, name: str) -> pd.Series[Any] | None:
    if not name or (name not in state.captures.columns and name not in {COVERAGE, DATETIME}):
        return None
    if name == DATETIME:
        return acquisition_times(state.captures) if has_times(state.captures) else None
    if name == COVERAGE:
        return pd.Series(state.values(COVERAGE)) if state.aoi is not None else None
    column: pd.Series[Any] = state.captures[name]
    return column


def _texts(state: CaptureState, column: Column, positions: Positions) -> list[str]:
    captures = state.captures.iloc[positions]
    if column.name == DATETIME:
        return list(acquired_texts(captures))
    if column.look not in {"num", "bar"}:
        return [_clean(value) for value in captures[column.name]]
    numbers = (
        state.values(COVERAGE)[positions]
        if column.name == COVERAGE
        else pd.to_numeric(captures[column.name], errors="coerce").to_numpy(float)
    )
    # 99.97 % is not all of it
    down: Callable[[float], float] = _down if column.name == COVERAGE else float
    texts = ["" if math.isnan(value) else f"{down(value):,.{column.digits}f}{column.unit}" for value in numbers.tolist()]
    if column.name != AREA_CLOUD:
        return texts
    sources = captures[AREA_CLOUD_SOURCE] if AREA_CLOUD_SOURCE in captures.columns else [ESTIMATE] * len(captures)
    return [f"{_ABOUT}{text}" if text and source == ESTIMATE else text for text, source in zip(texts, sources, strict=True)]


def _down(percent: float) -> float:
    return math.floor(10 * percent + 1e-6) / 10


def _days(state: CaptureState, positions: Positions) -> list[str]:
    if not has_times(state.captures):
        return [""] * len(positions)
    days = state.values(DATETIME)[positions]
    return ["" if math.isnan(day) else day_text(day) for day in days.tolist()]


def _cloud(state: CaptureState, positions: Positions) -> np.ndarray[Any, Any] | None:
    """Return the cloud of rows in percent: over the area if it is known, else of the scene."""
    for name in (AREA_CLOUD, CLOUD_COVER):
        if name in state.captures.columns:
            return np.asarray(pd.to_numeric(state.captures[name].iloc[positions], errors="coerce").to_numpy(float))
    return None


def _clean(value: Any) -> str:
    return "" if value is None or value is pd.NA or value != value else clean_text(value, _LONGEST_TEXT).strip()  # noqa: PLR0124  # NaN


def _with_bar(column: Column) -> Column:
    return replace(column, title="Cloud %", width=98, rank=3, look="bar")


def _price_column(name: str, title: str) -> Column:
    unit = (title.removeprefix("Price").strip(", ").replace(" km²", "/km²") or "price").capitalize()
    return Column(name, unit, "As the catalog says", 88, 5, digits=0)


def _where_different(column: Column, captures: pd.DataFrame) -> Column:
    is_named = column.name in {"host", "collection"} and len(captures[column.name].unique()) > 1
    return replace(column, is_shown=True) if is_named else column
