"""The filter panel: one control per property of the captures, drawn as in the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._util.keywords import checked_keywords
from scenecart.widgets import _style
from scenecart.widgets._base import Panel
from scenecart.widgets._bench.part import Part, script_of, style_of
from scenecart.widgets._bench.search_form import bars_of, facet_state
from scenecart.widgets._facets import Facet, day_iso
from scenecart.widgets._jobs import synchronized
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

# sums of a browser's steps end in 0.30000000000000004
_DIGITS = 9


class FiltersPart(Part):
    """Drawn by ``filters.js``. Events: ``"filter"`` (``name``, ``value``; null removes the filter) and ``"reset"``."""

    _esm = script_of("filters", "facets")
    _css = style_of("facets") + style_of("filters")


class CaptureFilters(Panel):
    """Filters on captures: dates, cloud, off-nadir, GSD, sun, price, collection, and the area covered, each with its histogram.

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
        self._bars: dict[str, list[float]] = {}
        self._view = FiltersPart("sc-filters")
        self._view.on_event(self._event)
        super().__init__(_style.style_sheet(), self._view)
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

    @synchronized
    def _rebuild(self, _: Any) -> None:
        """Recount the bars."""
        self._bars = {facet.name: bars_of(facet, self.state) for facet in self.state.facets if facet.kind != "choice"}
        self._update(None)

    @synchronized
    def _update(self, _: Any) -> None:
        state, total, kept = self.state, len(self.state.captures), int(self.state.keep.sum())
        self._view.state = {
            "facets": [facet_state(facet, state, self._bars.get(facet.name)) for facet in state.facets],
            "caption": f"{kept:,} of {total:,} left" if total else "",
            "active": bool(state.filters),
        }

    def _event(self, kind: str, fields: dict[str, Any]) -> None:
        actions: dict[str, Callable[[], object]] = {
            "filter": lambda: self._set_filter(str(fields.get("name")), fields.get("value")),
            "reset": self.reset,
        }
        if kind in actions:
            actions[kind]()

    @synchronized
    def _set_filter(self, name: str, value: Any) -> None:
        facet = next((one for one in self.state.facets if one.name == name), None)
        if facet is None:
            # other captures have arrived meanwhile
            return
        filters = {key: chosen for key, chosen in self.state.filters.items() if key != name}
        self.state.filters = {**filters, name: _filter_of(facet, value)} if value else filters


def _filter_of(facet: Facet, value: list[Any]) -> list[Any]:
    """Return what the page chose as a filter: dates come as days since 1970."""
    if facet.kind == "choice":
        return [option for option in facet.options if option in value]
    return [day_iso(end) if facet.kind == "dates" else round(float(end), _DIGITS) for end in value]
