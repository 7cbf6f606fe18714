"""The filter panel: one control for each thing the captures can be filtered by, with live counts."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np

from scenecart._util.keywords import checked_keywords
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, close_all
from scenecart.widgets._state import CaptureState, Facet, day_iso, day_of, day_text

if TYPE_CHECKING:
    from collections.abc import Callable

_BARS = 40


class CaptureFilters(Panel):
    """Filters on captures: dates with a histogram, cloud, off-nadir, GSD, sun, price, collection, and the area covered.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    aoi
        Area of interest, in any form ``search`` takes; with it captures can be filtered by how much of it they cover.

    Attributes
    ----------
    filters : dict
        What is set now; it can be saved as JSON and set again.

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
        self._reset = _style.button("Reset", "Take all filters off", icon="undo")
        self._reset.on_click(lambda _: self.reset())
        self._controls: dict[str, _Control] = {}
        self._facets: tuple[Facet, ...] = ()
        head = _style.box(self._count, self._reset, kind="row", across=True)
        head.layout.justify_content = "space-between"
        self._top = (_style.sheet(), head)
        super().__init__(*self._top)
        self.watch(self.state, self._rebuild, "captures")
        self.watch(self.state, self._rebuild, "aoi")
        self.watch(self.state, self._show, "revision")
        self._rebuild(None)

    @property
    def filters(self) -> dict[str, Any]:
        """What is set now."""
        return dict(self.state.filters)

    @filters.setter
    def filters(self, wanted: dict[str, Any]) -> None:
        self.state.filters = wanted

    @property
    def filtered(self) -> Any:
        """The captures that suit, as a GeoDataFrame."""
        return self.state.filtered

    def reset(self) -> None:
        """Take all filters off."""
        self.state.filters = {}

    def end(self) -> None:
        """Let go of controls."""
        self._controls = {}

    def _rebuild(self, _: Any) -> None:
        if self._facets != self.state.facets:
            self._facets = self.state.facets
            for old in self._controls.values():
                old.close()
            self._controls = {facet.name: _Control(facet, self.state, self._wanted) for facet in self._facets}
            self.children = (*self._top, *(control.view for control in self._controls.values()))
        self._show(None)

    def _wanted(self, name: str, value: Any) -> None:
        wanted = dict(self.state.filters)
        if value is None:
            wanted.pop(name, None)
        else:
            wanted[name] = value
        self.state.filters = wanted

    def _show(self, _: Any) -> None:
        total, kept = len(self.state.captures), int(self.state.keep.sum())
        self._count.value = _style.message(f"{kept:,} of {total:,} captures")
        for control in self._controls.values():
            control.show(self.state.filters.get(control.facet.name), self.state)


class _Control:
    """A facet's control, and the line above it that says what is set and how many captures suit it."""

    def __init__(self, facet: Facet, state: CaptureState, wanted: Callable[[str, Any], None]) -> None:
        self.facet = facet
        self._wanted = wanted
        self._set: tuple[float, ...] = (facet.low, facet.high)
        self._showing = False
        self._head = W.HTML()
        self._bars = _histogram(state.values(facet.name), facet) if facet.kind == "dates" else None
        self._picture = None if self._bars is None else W.HTML()
        self._input = _input(facet)
        self._input.observe(self._changed, "value")
        parts = [self._head, *([] if self._picture is None else [self._picture]), self._input]
        self.view = _style.box(*parts, kind="facet")

    def show(self, value: Any, state: CaptureState) -> None:
        """Show what is set, and how many captures suit it."""
        facet = self.facet
        if facet.kind == "choice":
            shown: Any = tuple(facet.options if value is None else value)
            words = f"{state.count(facet):,}"
        else:
            ends = (facet.low, facet.high) if value is None else tuple(value)
            shown = tuple(day_of(end) for end in ends) if facet.kind == "dates" and value is not None else ends
            self._set = shown
            words = f"{_ends(facet, shown)} · {state.count(facet):,}"
        self._head.value = _style.text("widget_facet.html", title=facet.title, words=words)
        if self._bars is not None and self._picture is not None:
            self._picture.value = _style.text("widget_bars.html", bars=_lit(self._bars, facet, shown))
        if facet.kind == "range" and all(
            _step_of(facet, one) == _step_of(facet, other) for one, other in zip(shown, self._input.value, strict=True)
        ):
            # it stands there, and what is sent back to a browser in which it moves on would move it back
            return
        self._showing = True
        try:
            self._input.value = shown
        finally:
            self._showing = False

    def close(self) -> None:
        """Close every part."""
        close_all(self.view)

    def _changed(self, change: Any) -> None:
        if self._showing:
            return
        facet, value = self.facet, change["new"]
        if facet.kind == "choice":
            chosen = [one for one in facet.options if one in value]
            self._wanted(facet.name, None if len(chosen) in {0, len(facet.options)} else chosen)
            return
        ends = tuple(map(partial(_moved, facet), value, self._set))
        if ends == (facet.low, facet.high):
            self._wanted(facet.name, None)
        elif ends != self._set:
            self._wanted(facet.name, [day_iso(end) for end in ends] if facet.kind == "dates" else [float(end) for end in ends])


def _input(facet: Facet) -> W.Widget:
    wide = W.Layout(width="100%", margin="0")
    if facet.kind == "choice":
        made = W.SelectMultiple(options=facet.options, value=facet.options, rows=min(4, len(facet.options)), layout=wide)
    elif facet.kind == "dates":
        made = W.IntRangeSlider(
            value=(int(facet.low), int(facet.high)), min=int(facet.low), max=int(facet.high), readout=False, layout=wide
        )
    else:
        made = W.FloatRangeSlider(
            value=(facet.low, facet.high), min=facet.low, max=facet.high, step=facet.step, readout=False, layout=wide
        )
    made.tooltip = f"{facet.title}{f', {facet.unit}' if facet.unit else ''}"
    return made


def _moved(facet: Facet, new: float, before: float) -> float:
    """Return where an end stands. A browser puts what Python set on the nearest step and sends that back, which is no move."""
    if facet.kind == "dates":
        return new
    # its steps add up to 0.30000000000000004
    return before if _step_of(facet, new) == _step_of(facet, before) else round(new, 9)


def _step_of(facet: Facet, end: float) -> int:
    return math.floor((end - facet.low) / facet.step + 0.5)


def _ends(facet: Facet, ends: tuple[float, ...]) -> str:
    low, high = ends
    if facet.kind == "dates":
        return f"{day_text(low)} – {day_text(high)}"
    space = "" if facet.unit == "°" else " "
    return f"{_figure(low)} – {_figure(high)}{space}{facet.unit}".rstrip()


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1_000 else f"{number:g}"  # noqa: PLR2004  # from a thousand on, decimals say nothing


def _histogram(values: np.ndarray[Any, Any], facet: Facet) -> list[float]:
    counts, _ = np.histogram(values[np.isfinite(values)], bins=_BARS, range=(facet.low, facet.high + 1))
    most = max(1, int(counts.max()))
    # a single capture among thousands is still a line that can be seen
    return [0.0 if count == 0 else max(1.5, 24 * count / most) for count in counts.tolist()]


def _lit(bars: list[float], facet: Facet, ends: tuple[float, ...]) -> list[tuple[float, float, bool]]:
    """Return each bar's left end, height, and whether its days are within the range."""
    width = (facet.high + 1 - facet.low) / _BARS
    return [
        (number * 100 / _BARS, height, ends[0] - width < facet.low + number * width <= ends[1])
        for number, height in enumerate(bars)
    ]
