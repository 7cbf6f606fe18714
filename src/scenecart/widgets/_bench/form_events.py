"""Handling of the events of the left column, and of areas and searches that start on the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._cart.owned import SHARE as OWNED
from scenecart.exceptions import InvalidArea, InvalidCart
from scenecart.widgets._bench.search_defaults import first_collections
from scenecart.widgets._bench.search_form import checked_dates, hidden_owned
from scenecart.widgets._hints import hint_of, message_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.widgets._bench.area_choice import AreaChoice
    from scenecart.widgets._bench.autosave import Autosave
    from scenecart.widgets._bench.background_search import BackgroundSearch
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._bench.pending_filters import PendingFilters
    from scenecart.widgets._purchase import Purchase


class FormEvents:
    """Handles the events of the left column.

    Parameters
    ----------
    cart
        While its order is being placed, nothing is searched.
    bench_map
        Its view is searched where there is no area.
    area, search, filters, autosave
        The area, the request and its search, the filters, and what is saved.
    redraw
        Called when the left column changes without a change of the state.
    """

    def __init__(
        self,
        cart: Purchase,
        bench_map: BenchMap,
        *,
        area: AreaChoice,
        search: BackgroundSearch,
        filters: PendingFilters,
        autosave: Autosave,
        redraw: Callable[[], object],
    ) -> None:
        self._cart, self._map, self._area, self._search = cart, bench_map, area, search
        self._filters, self._autosave, self._redraw = filters, autosave, redraw

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Handle an event; the error of an unusable area is shown in the left column."""
        self._autosave.mark_used()
        self._autosave.take_number(fields)
        actions: dict[str, Callable[[], object]] = {
            "type": lambda: self._area.type(str(fields["text"])),
            "file": lambda: self._load_area(fields),
            "clear": lambda: self._area.set(None),
            "dates": lambda: self._set_dates(fields),
            "host": lambda: self.set_host(str(fields["name"]).strip()),
            "collections": lambda: self._search.change(collections=tuple(str(name) for name in fields["names"])),
            "search": self.search,
            "filter": lambda: self._filters.change(str(fields["name"]), fields.get("value")),
            "hide_owned": lambda: self._filters.change(OWNED, hidden_owned() if fields.get("on") else None),
            "reset": self._filters.reset,
        }
        action = actions.get(kind)
        if action is None:
            return
        try:
            self._area.error = ""
            action()
        except InvalidArea as error:
            self._area.error = " ".join(filter(None, (message_of(error), hint_of(error))))
            self._redraw()

    def search(self) -> None:
        """Run the search of the left column.

        Raises
        ------
        InvalidCart
            If an order is being placed.
        """
        self._autosave.mark_used()
        if self._cart.is_placing:
            raise InvalidCart("An order is being placed.", code="placement_running", hint="Wait for its result, then search.")
        if self._search.request.area is None:
            self._area.use_view()
        self._filters.hold()
        self._search.search()

    def search_view(self, bounds: Any) -> None:
        """Search what the map shows."""
        self._map.set_view(bounds)
        self.search()

    def draw_area(self, corners: Any) -> None:
        """Make a shape that was drawn on the map the area."""
        self._autosave.mark_used()
        self._area.draw(corners)

    def set_host(self, name: str) -> None:
        """Change the host, with its default collections."""
        if name:
            self._search.change(host=name, collections=first_collections(name, self._search.collections))

    def _load_area(self, fields: dict[str, Any]) -> None:
        self._area.load(str(fields.get("name")), bytes((fields.get("buffers") or [b""])[0]))
        self._redraw()

    def _set_dates(self, fields: dict[str, Any]) -> None:
        dates = checked_dates(fields.get("first"), fields.get("last"))
        if dates is None:
            return
        shown = self._search.date_filter(dates)
        if shown is None:
            self._search.change(dates=dates)
            return
        # a filter is enough: these captures are loaded already
        is_all = self._search.searched is not None and tuple(shown) == self._search.searched.dates
        self._filters.change("datetime", None if is_all else shown)
