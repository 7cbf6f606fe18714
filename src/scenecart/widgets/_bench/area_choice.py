"""The area of interest of the Workbench: drawn, typed, loaded from a file, or the view of the map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import shapely

from scenecart._geo.area import as_area, drawn_area
from scenecart.widgets._area_input import read_area_text, read_area_upload
from scenecart.widgets._bench.places import place_box

if TYPE_CHECKING:
    from scenecart.widgets._bench.background_search import BackgroundSearch
    from scenecart.widgets._bench.footer import Footer
    from scenecart.widgets._bench.map import BenchMap
    from scenecart.widgets._bench.pending_filters import PendingFilters
    from scenecart.widgets._state import CaptureState

_MOST_LATITUDE = 85.0


class AreaChoice:
    """Sets the area everywhere: on the map, for the next search, and for the cart.

    Parameters
    ----------
    state
        Its ``aoi`` is the area; map and cart follow it.
    search
        Its request gets the area.
    filters
        Filters, which stay set.
    map_
        Its view can be the area.
    footer
        Shows a message about the area.

    Attributes
    ----------
    error : str
        What is wrong with the latest area, or what was assumed about it.
    is_fitting : bool
        Whether the map moves to the next area; not to one that was drawn on it.
    """

    def __init__(
        self, state: CaptureState, search: BackgroundSearch, filters: PendingFilters, map_: BenchMap, footer: Footer
    ) -> None:
        self._state, self._search, self._filters, self._map, self._footer = state, search, filters, map_, footer
        self.error, self.is_fitting = "", True

    def set(self, area: Any, name: str = "", how: str = "", *, fit: bool = True) -> None:
        """Set the area; None removes it."""
        self.is_fitting = fit
        # prices and clouds depend on the area: their filters wait for the new values
        self._filters.hold()
        self._search.change(area=area, area_name=name, how=how)
        self._state.aoi = area
        self._footer.announce("No area." if area is None else f"Area: {self._search.request.area_text}.")

    def use_view(self) -> None:
        """Make the view of the map the area."""
        west, south, east, north = self._map.bounds
        box = shapely.box(max(-180.0, west), max(-_MOST_LATITUDE, south), min(180.0, east), min(_MOST_LATITUDE, north))
        self.set(as_area(box), "", "map view", fit=False)

    def draw(self, corners: Any) -> None:
        """Make a drawn polygon the area."""
        polygon = shapely.Polygon([(float(x), float(y)) for x, y in corners])
        self.set(drawn_area([polygon]), "", "drawn", fit=False)

    def type(self, text: str) -> None:
        """Set the area that was typed: a place, a box, a file, WKT or GeoJSON.

        Raises
        ------
        InvalidArea
            If the text is none of these.
        """
        place = place_box(text)
        if place is None:
            self.set(as_area(read_area_text(text)), "", "typed")
        else:
            name, box = place
            self.set(as_area(box), name, "place")

    def load(self, name: str, content: bytes) -> None:
        """Read the area from an uploaded file.

        Raises
        ------
        InvalidArea
            If it holds no usable area.
        """
        area, notices = read_area_upload(name, content)
        self.error = " ".join(notices)
        self.set(area, Path(name).stem, "file")
