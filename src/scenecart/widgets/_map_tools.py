"""The tools of the map: shapes that select captures, and the area of interest, drawn, edited or loaded from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import shapely
from shapely.geometry import mapping, shape

from scenecart._geo.area import drawn_area
from scenecart._geo.unwrap import join_at_antimeridian
from scenecart._util.text import clean_text
from scenecart.exceptions import ScenecartError
from scenecart.widgets import _style
from scenecart.widgets._area_input import AREA_FILES, read_area_upload
from scenecart.widgets._base import close_all
from scenecart.widgets._bench.part import Part, script_of
from scenecart.widgets._map_layers import AREA, draw_control

if TYPE_CHECKING:
    from collections.abc import Callable

    import ipyleaflet as leaflet

    from scenecart._geo.area import Area
    from scenecart.widgets._keyboard import Keyboard
    from scenecart.widgets._state import CaptureState

    Select = Callable[[Area, str], object]
    Guard = Callable[[Callable[[Any], object]], Callable[[Any], None]]

_MOST_NAME = 80


class AreaFile(Part):
    """The button that loads an area from a file, drawn by ``area_file.js``. Event: ``"file"`` (``name``, one buffer)."""

    _esm = script_of("area_file", "file")


class MapTools:
    """Draws on a map: a shape selects captures or becomes the area of interest, by ``purpose``.

    Parameters
    ----------
    shown
        The map.
    state
        The area of interest.
    keyboard
        Shift adds to the selection.
    select
        Called with a drawn area, and how it changes the selection.
    loaded
        Called after the area was loaded from a file.
    notify
        Called with a line to display, and its kind.
    guarded
        Returns a callback that displays its errors.

    Attributes
    ----------
    purpose : ipywidgets.ToggleButtons
        ``"select"`` or ``"area"``.
    file : AreaFile
        The button that loads the area.
    """

    def __init__(
        self,
        shown: leaflet.Map,
        state: CaptureState,
        keyboard: Keyboard,
        *,
        select: Select,
        loaded: Callable[[], object],
        notify: Callable[[str, str], object],
        guarded: Guard,
    ) -> None:
        self._map, self._state, self._keyboard = shown, state, keyboard
        self._select, self._loaded, self._notify, self._guarded = select, loaded, notify, guarded
        self.select_tool, self.area_tool = draw_control(_style.SELECTED), draw_control(AREA, editable=True)
        self.area_tool.on_draw(self.area_drawn)
        self.select_tool.on_draw(self.shape_drawn)
        shown.add(self.select_tool)
        self.purpose = W.ToggleButtons(
            options=[("Select", "select"), ("Draw area", "area")],
            style={"button_width": "auto"},
            tooltips=["Draw a shape to select captures", "Draw a shape to set the area of interest"],
        )
        self.purpose.observe(guarded(self._switch_tool), "value")
        self.file = AreaFile(files=AREA_FILES)
        self.file.on_event(self._file_chosen)

    def use_drawn(self, drawn: Area, how: str = "replace") -> None:
        """Select what a shape intersects, or make it the area of interest."""
        if self.purpose.value == "area":
            self._state.aoi = drawn
            self.purpose.value = "select"
            return
        self._select(drawn, how)

    def shape_drawn(self, _: Any, action: str, geo_json: dict[str, Any]) -> None:
        """Handle a shape of the tool that selects."""
        if action != "created":
            return
        how = "add" if self._keyboard.shift else "replace"
        self._guarded(lambda _: self.use_drawn(drawn_area([shape(geo_json["geometry"])]), how))(None)
        self.select_tool.clear()

    def area_drawn(self, _: Any, action: str, geo_json: dict[str, Any]) -> None:
        """Handle a shape of the tool that draws and edits the area."""

        def change_area(_: Any) -> None:
            try:
                # the area that was there is in the tool, and may have been edited
                shapes = [shape(feature["geometry"]) for feature in self.area_tool.data]
                if action == "created":
                    self.use_drawn(drawn_area([*shapes, shape(geo_json["geometry"])]))
                else:
                    self._state.aoi = drawn_area(shapes) if shapes else None
            except ScenecartError:
                # a refused shape does not stay on the map
                self._reset_area_tool()
                raise
            area = self._state.aoi
            self._notify("No area of interest." if area is None else f"Area of interest: {area.km2:,.1f} km²", "success")

        self._guarded(change_area)(None)

    def close(self) -> None:
        """Close the tools, of which only one is on the map."""
        for tool in (self.select_tool, self.area_tool):
            close_all(tool)

    def _switch_tool(self, change: Any) -> None:
        """Put the tool on the map that selects, or the one that draws and edits the area of interest."""
        is_selecting = change["new"] == "select"
        old, new = (self.area_tool, self.select_tool) if is_selecting else (self.select_tool, self.area_tool)
        self._map.remove(old)
        if new is self.area_tool:
            self._reset_area_tool()
        self._map.add(new)

    def _reset_area_tool(self) -> None:
        """Load the current area of interest into its drawing tool."""
        area = self._state.aoi
        parts = [] if area is None else shapely.get_parts(join_at_antimeridian(area.geometry)).tolist()
        self.area_tool.data = [{"type": "Feature", "properties": {}, "geometry": mapping(part)} for part in parts]

    def _file_chosen(self, kind: str, fields: dict[str, Any]) -> None:
        if kind != "file":
            return
        name, content = str(fields.get("name", "")), bytes((fields.get("buffers") or [b""])[0])

        def load(_: Any) -> None:
            self._state.aoi, notices = read_area_upload(name, content)
            self._loaded()
            taken = f"Area of interest: {clean_text(name, _MOST_NAME)}, {self._state.aoi.km2:,.1f} km²."
            self._notify(" ".join([taken, *notices]), "success")

        self._guarded(load)(None)
