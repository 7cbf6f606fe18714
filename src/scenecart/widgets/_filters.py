"""The filter panel: one control per property of the captures, with live counts."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np

from scenecart._util.keywords import checked_keywords
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, close_all
from scenecart.widgets._facets import Facet, day_iso, day_of, day_text
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

_BARS = 40
_BAR_HEIGHT, _LEAST_HEIGHT = 24, 1.5
_LARGE = 1_000


class CaptureFilters(Panel):
    """Filters on captures: dates with a histogram, cloud, off-nadir, GSD, sun, price, collection, and the area covered.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    aoi
        Area of interest, in any format that ``search`` accepts. Captures can then be filtered by how much of it they cover.

    Attributes
    ----------
    filters : dict
        The active filters; they can be saved as JSON and set again. ``"coverage"`` is in percent, 0 to 100.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"gsd": [0.3, 0.5]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs=4326)
    >>> panel = CaptureFilters(captures)
    >>> panel.filters = {"gsd": [0.0, 0.4]}
    >>> len(panel.filtered)
    1
    """

    @checked_keywords()
    def __init__(self, captures: Any, aoi: Any = None) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures, aoi)
        self._count = W.HTML()
        self._reset = _style.button("Reset", "Remove all filters", icon="undo")
        self._reset.on_click(lambda _: self.reset())
        self._controls: dict[str, _Control] = {}
        self._facets: tuple[Facet, ...] = ()
        head = _style.box(self._count, self._reset, kind="row", horizontal=True)
        head.layout.justify_content = "space-between"
        self._top = (_style.style_sheet(), head)
        super().__init__(*self._top)
        self.watch(self.state, self._rebuild, "captures")
        self.watch(self.state, self._rebuild, "aoi")
        self.watch(self.state, self._update, "revision")
        self._rebuild(None)

    @property
    def filters(self) -> dict[str, Any]:
        """The active filters."""
        return dict(self.state.filters)

    @filters.setter
    def filters(self, value: dict[str, Any]) -> None:
        self.state.filters = value

    @property
    def filtered(self) -> Any:
        """The captures that match the filters, as a GeoDataFrame."""
        return self.state.filtered

    def reset(self) -> None:
        """Remove all filters."""
        self.state.filters = {}

    def release(self) -> None:
        """Release the controls."""
        self._controls = {}

    def _rebuild(self, _: Any) -> None:
        """Make new controls if the properties of the captures changed."""
        if self._facets != self.state.facets:
            self._facets = self.state.facets
            for old in self._controls.values():
                old.close()
            self._controls = {facet.name: _Control(facet, self.state, self._set_filter) for facet in self._facets}
            self.children = (*self._top, *(control.view for control in self._controls.values()))
        self._update(None)

    def _set_filter(self, name: str, value: Any) -> None:
        filters = dict(self.state.filters)
        if value is None:
            filters.pop(name, None)
        else:
            filters[name] = value
        self.state.filters = filters

    def _update(self, _: Any) -> None:
        total, kept = len(self.state.captures), int(self.state.keep.sum())
        self._count.value = _style.message(f"{kept:,} of {total:,} captures")
        for control in self._controls.values():
            control.update(self.state.filters.get(control.facet.name), self.state)


class _Control:
    """The input of a facet, and a line above it with the active range and the number of matching captures."""

    def __init__(self, facet: Facet, state: CaptureState, set_filter: Callable[[str, Any], None]) -> None:
        self.facet = facet
        self._set_filter = set_filter
        self._ends: tuple[float, ...] = (facet.low, facet.high)
        self._is_updating = False
        self._head = W.HTML()
        self._bars = _histogram(state.values(facet.name), facet) if facet.kind == "dates" else None
        self._picture = None if self._bars is None else W.HTML()
        self._input = _make_input(facet)
        self._input.observe(self._changed, "value")
        parts = [self._head, *([] if self._picture is None else [self._picture]), self._input]
        self.view = _style.box(*parts, kind="facet")

    def update(self, value: Any, state: CaptureState) -> None:
        """Display a filter, and how many captures match it."""
        facet = self.facet
        if facet.kind == "choice":
            shown: Any = tuple(facet.options if value is None else value)
            text = f"{state.count(facet):,}"
        else:
            ends = (facet.low, facet.high) if value is None else tuple(value)
            shown = tuple(day_of(end) for end in ends) if facet.kind == "dates" and value is not None else ends
            self._ends = shown
            text = f"{_range_text(facet, shown)} · {state.count(facet):,}"
        self._head.value = _style.render("widget_facet.html", title=facet.title, text=text)
        if self._bars is not None and self._picture is not None:
            self._picture.value = _style.render("widget_bars.html", bars=_placed_bars(self._bars, facet, shown))
        if facet.kind == "range" and all(
            _step_of(facet, end) == _step_of(facet, displayed) for end, displayed in zip(shown, self._input.value, strict=True)
        ):
            # the handles are there already; a value that arrives while the analyst moves them on would move them back
            return
        self._is_updating = True
        try:
            self._input.value = shown
        finally:
            self._is_updating = False

    def close(self) -> None:
        """Close every part."""
        close_all(self.view)

    def _changed(self, change: Any) -> None:
        if self._is_updating:
            return
        facet, value = self.facet, change["new"]
        if facet.kind == "choice":
            chosen = [option for option in facet.options if option in value]
            self._set_filter(facet.name, None if len(chosen) in {0, len(facet.options)} else chosen)
            return
        ends = tuple(map(partial(_moved_end, facet), value, self._ends))
        if ends == (facet.low, facet.high):
            self._set_filter(facet.name, None)
        elif ends != self._ends:
            is_dates = facet.kind == "dates"
            self._set_filter(facet.name, [day_iso(end) for end in ends] if is_dates else [float(end) for end in ends])


def _make_input(facet: Facet) -> W.Widget:
    wide = W.Layout(width="100%", margin="0")
    if facet.kind == "choice":
        control = W.SelectMultiple(options=facet.options, value=facet.options, rows=min(4, len(facet.options)), layout=wide)
    elif facet.kind == "dates":
        control = W.IntRangeSlider(
            value=(int(facet.low), int(facet.high)), min=int(facet.low), max=int(facet.high), readout=False, layout=wide
        )
    else:
        control = W.FloatRangeSlider(
            value=(facet.low, facet.high), min=facet.low, max=facet.high, step=facet.step, readout=False, layout=wide
        )
    control.tooltip = f"{facet.title}{f', {facet.unit}' if facet.unit else ''}"
    return control


def _moved_end(facet: Facet, new: float, before: float) -> float:
    """Return the new end of a range, or the old one if a browser only rounded it to the nearest step."""
    if facet.kind == "dates":
        return new
    # sums of a browser's steps end in 0.30000000000000004
    return before if _step_of(facet, new) == _step_of(facet, before) else round(new, 9)


def _step_of(facet: Facet, end: float) -> int:
    return math.floor((end - facet.low) / facet.step + 0.5)


def _range_text(facet: Facet, ends: tuple[float, ...]) -> str:
    low, high = ends
    if facet.kind == "dates":
        return f"{day_text(low)} – {day_text(high)}"
    space = "" if facet.unit == "°" else " "
    return f"{_number_text(low)} – {_number_text(high)}{space}{facet.unit}".rstrip()


def _number_text(number: float) -> str:
    """Return a number without decimals from a thousand on.

    Examples
    --------
    >>> _number_text(1234.5), _number_text(0.31)
    ('1,234', '0.31')
    """
    return f"{number:,.0f}" if abs(number) >= _LARGE else f"{number:g}"


def _histogram(values: np.ndarray[Any, Any], facet: Facet) -> list[float]:
    """Return the height of each bar in pixels."""
    counts, _ = np.histogram(values[np.isfinite(values)], bins=_BARS, range=(facet.low, facet.high + 1))
    most = max(1, int(counts.max()))
    # a single capture among thousands stays visible
    return [0.0 if count == 0 else max(_LEAST_HEIGHT, _BAR_HEIGHT * count / most) for count in counts.tolist()]


def _placed_bars(bars: list[float], facet: Facet, ends: tuple[float, ...]) -> list[tuple[float, float, bool]]:
    """Return each bar's left end, height, and whether its days are within the range."""
    width = (facet.high + 1 - facet.low) / _BARS
    return [
        (number * 100 / _BARS, height, ends[0] - width < facet.low + number * width <= ends[1])
        for number, height in enumerate(bars)
    ]
