"""What an analyst clicks together, as traits: no network, and no widget. Every panel is a view of this."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import traitlets as t

from scenecart._captures.filter import coverage, numbers_of
from scenecart._captures.frame import concat
from scenecart._geo.area import Area, as_area
from scenecart.exceptions import InvalidQuery, InvalidRequest, not_captures
from scenecart.widgets._jobs import LOCK, synchronized

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

_DAY = dt.timedelta(days=1)
_MOST_OPTIONS = 24
_RANGES = (
    ("eo:cloud_cover", "Cloud cover", "%", 1.0),
    ("view:off_nadir", "Off-nadir", "°", 0.5),
    ("gsd", "GSD", "m", 0.01),
    ("view:sun_elevation", "Sun elevation", "°", 1.0),
)
_CHOICES = (("collection", "Collection"), ("platform", "Platform"), ("constellation", "Constellation"))
COVERAGE = "coverage"


@dataclass(frozen=True)
class Facet:
    """One thing captures can be filtered by.

    Attributes
    ----------
    name : str
        The column, or ``"coverage"`` for the share of the area that a capture covers, in per cent.
    title, unit : str
        How it is shown.
    kind : str
        ``"dates"``, ``"range"`` or ``"choice"``.
    low, high : float
        The ends of a range; days since 1970 for dates.
    step : float
        The step of a range.
    options : tuple of str
        What can be chosen.
    """

    name: str
    title: str
    kind: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    step: float = 1.0
    options: tuple[str, ...] = ()


class CaptureState(t.HasTraits):
    """Captures, the filters on them, what is selected, and the area of interest.

    Attributes
    ----------
    captures : geopandas.GeoDataFrame
        EPSG:4326; index labels are the keys of rows.
    aoi : Area or None
        Set in any form ``search`` takes.
    filters : dict
        Facet's name to what suits: ``[low, high]``, ``["2024-01-01", "2024-06-30"]``, or a list of choices. It can be saved as
        JSON and set again; what is not named is not filtered.
    selection : tuple
        Index labels of the selected rows, in the order they were selected.
    revision : int
        Goes up whenever the captures that suit may be others.
    """

    captures = t.Any()
    aoi = t.Any(None, allow_none=True)
    filters = t.Dict()
    selection = t.Tuple()
    revision = t.Int(0)

    def __init__(self, captures: gpd.GeoDataFrame, aoi: Any = None) -> None:
        self._columns: dict[str, np.ndarray[Any, Any]] = {}
        self._facets: tuple[Facet, ...] | None = None
        self._keep = np.ones(0, dtype=bool)
        super().__init__(captures=captures, aoi=aoi)
        self._renew()

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a trait, and let everything that follows from it be over before another thread looks."""
        with LOCK:
            super().__setattr__(name, value)

    @property
    @synchronized
    def facets(self) -> tuple[Facet, ...]:
        """What these captures can be filtered by, from the columns that are there."""
        if self._facets is None:
            self._facets = tuple(_facets(self.captures, self._values, has_area=self.aoi is not None))
        return self._facets

    @property
    def keep(self) -> np.ndarray[Any, Any]:
        """Which rows suit the filters."""
        return self._keep

    @property
    @synchronized
    def filtered(self) -> gpd.GeoDataFrame:
        """The captures that suit the filters."""
        return self.captures[self._keep]

    @property
    @synchronized
    def selected(self) -> gpd.GeoDataFrame:
        """The selected captures, in the order they were selected."""
        return self.captures.loc[list(self.selection)]

    @synchronized
    def positions(self) -> np.ndarray[Any, Any]:
        """Return the row numbers of the selection."""
        return np.asarray(self.captures.index.get_indexer(list(self.selection)), dtype=np.intp)

    @synchronized
    def labels(self, positions: Iterable[int]) -> tuple[Hashable, ...]:
        """Return the index labels of row numbers, as plain Python values."""
        return tuple(self.captures.index[list(positions)].tolist())

    @synchronized
    def select(self, labels: Iterable[Hashable], how: str = "replace") -> None:
        """Select rows: ``"replace"``, ``"add"``, ``"remove"`` or ``"toggle"`` them."""
        wanted, had = dict.fromkeys(labels), dict.fromkeys(self.selection)
        if how == "replace":
            self.selection = tuple(wanted)
        elif how == "add":
            self.selection = tuple({**had, **wanted})
        elif how == "remove":
            self.selection = tuple(label for label in had if label not in wanted)
        elif how == "toggle":
            kept = [label for label in had if label not in wanted]
            self.selection = (*kept, *(label for label in wanted if label not in had))
        else:
            raise InvalidRequest(f"Rows are selected by replace, add, remove or toggle, not {how!r}.")

    @synchronized
    def invert(self) -> None:
        """Select what suits the filters and was not selected."""
        chosen = set(self.selection)
        self.selection = tuple(label for label in self.captures.index[self._keep].tolist() if label not in chosen)

    @synchronized
    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Take up captures that arrived later, below those that are there."""
        if len(captures):
            self.captures = concat([self.captures, captures])

    @synchronized
    def count(self, facet: Facet) -> int:
        """Return how many captures suit one filter alone."""
        return int(self._suits(facet, self.filters[facet.name]).sum()) if facet.name in self.filters else len(self.captures)

    @synchronized
    def code(self, name: str = "captures") -> str:
        """Return Python that gives the same captures: the selection if there is one, else what suits the filters."""
        if self.selection:
            shown = ", ".join(repr(str(one)) for one in self.selected["id"]) if "id" in self.captures.columns else ""
            if shown:
                return f'chosen = {name}[{name}["id"].isin([{shown}])]'
            return f"chosen = {name}.loc[{list(self.selection)!r}]"
        terms = [_code_of(facet, self.filters[facet.name], name) for facet in self.facets if facet.name in self.filters]
        if not terms:
            return f"chosen = {name}"
        lines = [f"shares = scenecart.coverage({name}, aoi)"] if COVERAGE in self.filters else []
        return "\n".join([*lines, f"chosen = {name}[" + " & ".join(terms) + "]"])

    @synchronized
    def values(self, name: str) -> np.ndarray[Any, Any]:
        """Return a facet's values, one for each row; missing ones are NaN."""
        return self._values(name)

    @t.validate("captures")
    def _check_captures(self, proposal: dict[str, Any]) -> gpd.GeoDataFrame:
        frame = proposal["value"]
        if not isinstance(frame, gpd.GeoDataFrame):
            raise not_captures(frame)
        frame = frame.set_crs(4326) if frame.crs is None else frame.to_crs(4326)
        frame = frame if frame.geometry.name == "geometry" else frame.rename_geometry("geometry")
        return frame if frame.index.is_unique else frame.reset_index(drop=True)

    @t.validate("aoi")
    def _check_aoi(self, proposal: dict[str, Any]) -> Area | None:
        value = proposal["value"]
        return value if value is None or isinstance(value, Area) else as_area(value)

    @t.validate("selection")
    def _check_selection(self, proposal: dict[str, Any]) -> tuple[Hashable, ...]:
        wanted = tuple(dict.fromkeys(proposal["value"]))
        known = self.captures.index
        missing = [label for label in wanted if label not in known]
        if missing:
            raise InvalidRequest(f"There is no row {missing[0]!r} to select.", hint="Rows are named by the index of the captures.")
        return wanted

    @t.validate("filters")
    def _check_filters(self, proposal: dict[str, Any]) -> dict[str, Any]:
        given = dict(proposal["value"])
        known = {facet.name: facet for facet in self.facets}
        for name, wanted in given.items():
            if name not in known:
                raise InvalidQuery(f"There is nothing to filter by {name!r}.", hint=f"There are: {', '.join(known) or 'none'}.")
            _check_wanted(known[name], wanted)
        return given

    @t.observe("captures")
    def _captures_changed(self, _: Any) -> None:
        self._columns.clear()
        self._facets = None
        known = self.captures.index
        self.selection = tuple(label for label in self.selection if label in known)
        self._drop_lost_filters()
        self._renew()

    @t.observe("aoi")
    def _aoi_changed(self, _: Any) -> None:
        self._columns.pop(COVERAGE, None)
        self._facets = None
        self._drop_lost_filters()
        self._renew()

    @t.observe("filters")
    def _filters_changed(self, _: Any) -> None:
        self._renew()

    def _drop_lost_filters(self) -> None:
        known = {facet.name for facet in self.facets}
        if not known.issuperset(self.filters):
            self.filters = {name: wanted for name, wanted in self.filters.items() if name in known}

    def _renew(self) -> None:
        keep = np.ones(len(self.captures), dtype=bool)
        for facet in self.facets if self.filters else ():
            if facet.name in self.filters:
                keep &= self._suits(facet, self.filters[facet.name])
        self._keep = keep
        self.revision += 1

    def _suits(self, facet: Facet, wanted: Any) -> np.ndarray[Any, Any]:
        values = self._values(facet.name)
        if facet.kind == "choice":
            codes = [facet.options.index(one) for one in wanted]
            return np.isin(values, codes)
        low, high = (day_of(wanted[0]), day_of(wanted[1]) + 1) if facet.kind == "dates" else wanted
        # half a step of grace: sliders and columns round differently
        grace = 0.0 if facet.kind == "dates" else facet.step / 1_000
        upper = values < high if facet.kind == "dates" else values <= high + grace
        return np.asarray((values >= low - grace) & upper)

    def _values(self, name: str) -> np.ndarray[Any, Any]:
        if name not in self._columns:
            self._columns[name] = _read(self.captures, self.aoi, name)
        return self._columns[name]


def state_of(picker: Any) -> CaptureState:
    """Return what a map and its cart share, of either.

    Raises
    ------
    InvalidRequest
        If there is none.
    """
    state = getattr(picker, "state", picker)
    if not isinstance(state, CaptureState):
        raise InvalidRequest(f"picker is a CaptureMap or its state, not {type(picker).__name__}.")
    return state


def no_captures() -> gpd.GeoDataFrame:
    """Return a frame of captures without any."""
    return gpd.GeoDataFrame({"id": pd.Series(dtype=str)}, geometry=gpd.GeoSeries([], crs=4326))


def day_text(day: float) -> str:
    """Write a day since 1970 as people of every country read it.

    Examples
    --------
    >>> day_text(19_723)
    '1 Jan 2024'
    """
    date = dt.date(1970, 1, 1) + int(day) * _DAY
    return f"{date.day} {date:%b %Y}"


def day_iso(day: float) -> str:
    """Write a day since 1970 as ISO 8601 does."""
    return (dt.date(1970, 1, 1) + int(day) * _DAY).isoformat()


def day_of(text: str) -> int:
    """Read a date of ISO 8601 as a day since 1970."""
    return (dt.date.fromisoformat(text) - dt.date(1970, 1, 1)).days


def _read(captures: gpd.GeoDataFrame, aoi: Area | None, name: str) -> np.ndarray[Any, Any]:
    """Return a column as numbers: days since 1970, the number of a choice, per cent of the area, or the values themselves."""
    if name == COVERAGE:
        return np.asarray(coverage(captures, aoi).to_numpy() * 100)
    column = captures[name]
    if name == "datetime":
        seconds = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
        return np.where(np.isnat(seconds), np.nan, seconds.astype("int64") / 86_400)
    if name in {choice for choice, _ in _CHOICES}:
        codes, _ = pd.factorize(column.astype("string"), sort=True)
        return np.asarray(codes)
    return numbers_of(captures, name)


def _facets(captures: gpd.GeoDataFrame, values: Callable[[str], np.ndarray[Any, Any]], *, has_area: bool) -> Iterable[Facet]:
    if "datetime" in captures.columns and isinstance(captures["datetime"].dtype, pd.DatetimeTZDtype):
        days = values("datetime")
        if np.isfinite(days).any():
            yield Facet("datetime", "Acquired", "dates", "", float(np.floor(np.nanmin(days))), float(np.floor(np.nanmax(days))))
    named = [name for name in captures.columns if isinstance(name, str) and name.lower().startswith("price")]
    prices = [
        (name, f"Price, {name[5:].strip(':_ ').replace('_', ' ').replace('km2', 'km²')}".strip(", "), "", 1.0) for name in named
    ]
    for name, title, unit, step in (*_RANGES, *prices[:1]):
        numbers = values(name) if name in captures.columns else np.empty(0)
        if np.isfinite(numbers).any() and np.nanmin(numbers) < np.nanmax(numbers):
            low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
            yield Facet(name, title, "range", unit, float(np.floor(low / step) * step), float(np.ceil(high / step) * step), step)
    if has_area and len(captures):
        yield Facet(COVERAGE, "Covers the area", "range", "%", 0.0, 100.0, 1.0)
    for name, title in _CHOICES:
        options = tuple(sorted(captures[name].dropna().astype(str).unique())) if name in captures.columns else ()
        if 1 < len(options) <= _MOST_OPTIONS:
            yield Facet(name, title, "choice", options=options)


def _check_wanted(facet: Facet, wanted: Any) -> None:
    try:
        if facet.kind == "choice":
            unknown = [one for one in wanted if one not in facet.options]
            if unknown:
                raise InvalidQuery(f"{facet.title} has no {unknown[0]!r}.", hint=f"There are: {', '.join(facet.options)}.")
            return
        low, high = wanted
        is_right = day_of(low) <= day_of(high) if facet.kind == "dates" else float(low) <= float(high)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidQuery):
            raise
        is_right = False
    if not is_right:
        example = '["2024-01-01", "2024-06-30"]' if facet.kind == "dates" else "[0, 20]"
        raise InvalidQuery(f"The filter {facet.name!r} is a range such as {example}, not {wanted!r}.")


def _code_of(facet: Facet, wanted: Any, name: str) -> str:
    column = "shares" if facet.name == COVERAGE else f'{name}["{facet.name}"]'
    if facet.kind == "choice":
        return f"{column}.isin({list(wanted)!r})"
    if facet.kind == "dates":
        after = day_iso(day_of(wanted[1]) + 1)
        return f'({column} >= "{wanted[0]}") & ({column} < "{after}")'
    scale = 100 if facet.name == COVERAGE else 1
    return f"{column}.between({wanted[0] / scale:.12g}, {wanted[1] / scale:.12g})"
