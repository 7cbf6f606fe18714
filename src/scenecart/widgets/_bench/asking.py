"""What the left column and the map ask for: an area, dates, a host, filters and a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._cart.owned import SHARE as OWNED
from scenecart.exceptions import InvalidArea, InvalidCart
from scenecart.widgets._bench.ask import checked_dates, hidden_owned
from scenecart.widgets._bench.asked import first_collections
from scenecart.widgets._hints import hint_of, message_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.widgets._bench.area_choice import AreaChoice
    from scenecart.widgets._bench.filtering import Filtering
    from scenecart.widgets._bench.keeper import Keeper
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._bench.searching import Searching
    from scenecart.widgets._purchase import Purchase


class Asking:
    """Does what the events of the left column say.

    Parameters
    ----------
    cart
        While an order of it is being placed, nothing is searched.
    bench_map
        Its view is searched where there is no area.
    area, searching, filtering, keeper
        What is asked for, and what of it survives.
    redraw
        Called when the left column changes without a change of the state.
    """

    def __init__(
        self,
        cart: Purchase,
        bench_map: BenchMap,
        *,
        area: AreaChoice,
        searching: Searching,
        filtering: Filtering,
        keeper: Keeper,
        redraw: Callable[[], object],
    ) -> None:
        self._cart, self._map, self._area, self._searching = cart, bench_map, area, searching
        self._filtering, self._keeper, self._redraw = filtering, keeper, redraw

    def event(self, kind: str, fields: dict[str, Any]) -> None:
        """Handle an event of the left column; an area that cannot be used is said there."""
        self._keeper.touched()
        self._keeper.seen(fields)
        actions: dict[str, Callable[[], object]] = {
            "type": lambda: self._area.type(str(fields["text"])),
            "file": lambda: self._load_area(fields),
            "clear": lambda: self._area.set(None),
            "dates": lambda: self._set_dates(fields),
            "host": lambda: self.set_host(str(fields["name"]).strip()),
            "collections": lambda: self._searching.ask(collections=tuple(str(name) for name in fields["names"])),
            "search": self.search,
            "filter": lambda: self._filtering.change(str(fields["name"]), fields.get("value")),
            "hide_owned": lambda: self._filtering.change(OWNED, hidden_owned() if fields.get("on") else None),
            "reset": self._filtering.reset,
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
        """Search for what is asked for.

        Raises
        ------
        InvalidCart
            If an order is being placed.
        """
        self._keeper.touched()
        if self._cart.is_placing:
            raise InvalidCart("An order is being placed.", code="placement_running", hint="Wait for its result, then search.")
        if self._searching.asked.area is None:
            self._area.use_view()
        self._filtering.hold()
        self._searching.search()

    def search_view(self, bounds: Any) -> None:
        """Search what the map shows."""
        self._map.look_at(bounds)
        self.search()

    def draw_area(self, corners: Any) -> None:
        """Make a shape that was drawn on the map the area."""
        self._keeper.touched()
        self._area.draw(corners)

    def set_host(self, name: str) -> None:
        """Ask for another host, with the collections to begin with."""
        if name:
            self._searching.ask(host=name, collections=first_collections(name, self._searching.collections))

    def _load_area(self, fields: dict[str, Any]) -> None:
        self._area.load(str(fields.get("name")), bytes((fields.get("buffers") or [b""])[0]))
        self._redraw()

    def _set_dates(self, fields: dict[str, Any]) -> None:
        dates = checked_dates(fields.get("first"), fields.get("last"))
        if dates is None:
            return
        shown = self._searching.date_filter(dates)
        if shown is None:
            self._searching.ask(dates=dates)
            return
        # these captures are here already
        is_all = self._searching.searched is not None and tuple(shown) == self._searching.searched.dates
        self._filtering.change("datetime", None if is_all else shown)
