"""The map of footprints, as shapes or as density; captures are selected and the area is drawn on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipyleaflet as leaflet
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np

from scenecart._geo.area import as_area
from scenecart._util.keywords import checked_keywords
from scenecart.exceptions import ScenecartError
from scenecart.widgets import _static_html, _style
from scenecart.widgets._backdrop import Backdrop, Place
from scenecart.widgets._base import checked_client
from scenecart.widgets._capture_text import column_title, owned_rows
from scenecart.widgets._hatch import hatched
from scenecart.widgets._jobs import LOCK, Runner, synchronized
from scenecart.widgets._keyboard import Keyboard
from scenecart.widgets._map_colours import COLOUR_COLUMNS, colours_by, density_layer, density_legend, marks_legend, owned_legend
from scenecart.widgets._map_imagery import ImageryPanel, MapImagery, fetch_quicklooks
from scenecart.widgets._map_layers import (
    EMPTY,
    HEIGHT,
    OUTLINE_STYLE,
    OWNED_STYLE,
    PANES,
    WIDTH,
    area_outline,
    base_tiles,
    bounds_of_area,
    cased,
    collection,
    fit_view,
    footprint_style,
    make_layers,
    set_data,
)
from scenecart.widgets._map_quicklooks import HoverCard, quicklook_of
from scenecart.widgets._map_stack import OverlapList
from scenecart.widgets._map_tools import MapTools
from scenecart.widgets._order_map import DeliveredImagery, open_delivered
from scenecart.widgets._owned_marks import OwnedMarks
from scenecart.widgets._spatial_index import MOST_SHAPES, FootprintIndex
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from scenecart._geo.area import Area
    from scenecart._orders.order import Order
    from scenecart.client import Client

_SETTLE_SECONDS = 0.08
_MOST_PIXELS = 20_000
_MOST_SELECTED = 500
_MOST_OVERLAYS = 12


@dataclass(frozen=True)
class _View:
    """What the browser needs for a view: footprints or their density, a legend, and a note."""

    footprints: dict[str, Any]
    density: dict[str, Any]
    legend: str
    owned: dict[str, Any]
    land: dict[str, Any]
    places: list[Place]
    note: str = ""


class FootprintMap(ImageryPanel):
    """Footprints on a map: coloured by a column, selected by clicking or drawing, linked with a table.

    A click selects the footprint under it and, if several overlap, lists all of them; with Shift or Ctrl it adds or removes
    one. A rectangle or polygon selects the footprints that it intersects, or becomes the area of interest. Up to 2,000 footprints
    of the view are drawn; if there are more, their density is shown.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    aoi
        Area of interest, in any format that ``search`` accepts.
    basemap
        A tile provider's name such as ``"CartoDB.Positron"``, the XYZ address of tiles such as
        ``"https://tiles.example.com/{z}/{x}/{y}.png"``, or a ``TileProvider``; ``"none"`` shows land and places alone, as the map
        does where tiles cannot be loaded. Default: ``SCENECART_BASEMAP``, or OpenStreetMap.
    quicklook
        Returns the quicklook of a row of captures as bytes of PNG, JPEG or WEBP, or None. Default: those of the client, or the
        thumbnails that items of open catalogs link to.
    client
        Fetches quicklooks of the service, and the imagery of delivered items; None shows neither.
    runner
        Runs background jobs; None makes one.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)], crs=4326)
    >>> footprints = FootprintMap(captures, basemap="none")
    >>> footprints.click(0.5, 0.5)
    >>> footprints.state.selected["id"].tolist()
    ['a']
    >>> footprints.close()
    """

    @checked_keywords()
    def __init__(
        self,
        captures: Any,
        aoi: Any = None,
        *,
        basemap: Any = None,
        quicklook: Callable[[pd.Series[Any]], bytes | None] | None = None,
        client: Client | None = None,
        runner: Runner | None = None,
    ) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures, aoi)
        self._runner, self._owns_runner = (Runner(resend=self.resend_state), True) if runner is None else (runner, False)
        self._client = None if client is None else checked_client(client)
        self._quicklook = quicklook or quicklook_of(client, "large")
        self._captures = self.state.captures
        self._index = FootprintIndex(self._captures)
        self._marks: OwnedMarks | None = None
        self._keyboard = Keyboard()
        self._card = HoverCard(quicklook or quicklook_of(client), self._runner)
        self._make_map(basemap)
        self._make_controls()
        parts = (
            self._toolbar,
            self._keyboard,
            self._backdrop.watch,
            self.map,
            *self._imagery.parts,
            self._imagery_status,
            _style.box(self._view_note, self._status, kind="lines"),
            _style.box(self._card, self._stack, kind="details", horizontal=True),
        )
        super().__init__(_style.style_sheet(), *parts)
        self.watch(self.state, self._replace_captures, "captures")
        self.watch(self.state, self._update_view, "revision")
        self.watch(self.state, self._show_selection, "selection")
        self.watch(self.state, self._show_card, "selection")
        self.watch(self.state, self._show_area, "aoi")
        self.watch(self.state, self._show_current, "current")
        self._show_area(None)
        self._replace_captures(None)
        if self._client is not None:
            self._marks = OwnedMarks(self._client, self.state, self._runner, self._show_unmarked)

    @classmethod
    @checked_keywords()
    def from_order(
        cls, order: Order, *, asset: str | None = None, bands: Any = None, stretch: Any = "auto", basemap: Any = None
    ) -> FootprintMap:
        """Show the delivered imagery of an order; nothing is downloaded but what is in view.

        Parameters
        ----------
        order
            A delivered order. The imagery of its first twenty items is shown.
        asset, bands, stretch
            As for :meth:`add_imagery`.
        basemap
            As for the widget itself.

        Raises
        ------
        DownloadError
            If the order is not delivered.
        ScenecartError
            If none of its imagery can be shown.
        """
        found = open_delivered(order, asset, bands, stretch)
        if found.errors and not found.layers:
            raise found.errors[0]
        shown = cls(found.items, basemap=basemap)
        shown.show_delivered(found)
        return shown

    def show_delivered(self, found: DeliveredImagery) -> None:
        """Add the imagery of an order that was opened, and zoom to it."""
        self._imagery.show(found.layers)
        self._notify(found.note)
        if found.layers:
            self.zoom_to("imagery")

    @synchronized
    def click(self, longitude: float, latitude: float, how: str = "replace") -> None:
        """Select the smallest footprint under a point and list all that overlap there, as a click on the map does."""
        rows = self._index.at(longitude, latitude, self.state.keep)
        if len(rows):
            self.state.select(self.state.labels(rows[:1]), how)
        elif how == "replace":
            self.state.select(())
        self._stack.show(rows)

    def draw(self, area: Any, how: str = "replace") -> None:
        """Select the footprints that intersect an area, or set the area of interest, as drawing on the map does."""
        self._tools.use_drawn(as_area(area), how)

    def zoom_to(self, what: str = "selection") -> None:
        """Zoom to the selection, the area of interest (``"area"``), the ``"imagery"`` or all captures (``"all"``)."""
        bounds: tuple[float, float, float, float] | None
        if what == "imagery":
            bounds = self._imagery.bounds
        elif what == "area" and self.state.aoi is not None:
            bounds = bounds_of_area(self.state.aoi.geometry)
        elif what == "selection" and self.state.selection:
            bounds = self._index.bounds_of(self.state.positions())
        else:
            bounds = self._index.bounds_of(np.flatnonzero(self.state.keep))
        if bounds is not None:
            self.map.center, self.map.zoom = fit_view(bounds, *self._size())

    def show_quicklooks(self, _: Any = None) -> None:
        """Show the quicklooks of the selected captures below their footprints, or remove those that are there.

        A quicklook whose place the catalog does not state is placed by its outline or by the corners of its footprint, and is
        called approximate.
        """
        if self._imagery.hide_quicklooks():
            return
        rows = self.state.selected.head(_MOST_OVERLAYS)
        if not len(rows):
            self._notify("Select captures first. Their quicklooks appear on the map.")
            return
        self._notify("Loading quicklooks…", kind="busy")
        fetch = self._quicklook
        self._runner.start(
            "quicklooks",
            lambda _: fetch_quicklooks(rows, fetch),
            lambda found: self._notify(self._imagery.show_quicklooks(found)),
            self._show_error,
        )

    def static_html(self) -> str:
        """Return the footprints as HTML without scripts, for places without live widgets."""
        return _static_html.captures_html(self.state)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, if the browser allows it."""
        self._keyboard.copy(text)

    def release(self) -> None:
        """End background jobs, and close the drawing tool that is not on the map."""
        self._tools.close()
        self._imagery.layers.release()
        if self._marks is not None:
            self._marks.release()
        self._backdrop.release()
        if self._owns_runner:
            self._runner.close()
        else:
            self._runner.cancel(f"view-{id(self)}")

    def _make_map(self, basemap: Any) -> None:
        tiles = base_tiles(basemap)
        layers = self._layers = make_layers()
        layers.footprints.on_hover(self._hover)
        area = None if self.state.aoi is None else bounds_of_area(self.state.aoi.geometry)
        # captures may reach far beyond the view
        centre, zoom = fit_view(area or self._index.bounds or (-170, -55, 170, 70), WIDTH, HEIGHT)
        below = (layers.land, *([tiles] if tiles is not None else []))
        self.map = leaflet.Map(
            center=centre,
            zoom=zoom,
            layers=(*below, layers.density, layers.footprints, layers.owned, layers.area, layers.selected, layers.current),
            prefer_canvas=True,
            scroll_wheel_zoom=True,
            attribution_control=False,
            panes=PANES,
            layout=W.Layout(height=f"{HEIGHT:g}px", width="100%"),
        )
        self.map.add_class("scenecart-map")
        self._imagery_status = W.HTML()
        self._imagery = MapImagery(self.map, self._runner, self._show_imagery_error, self._imagery_toggled)
        self._tools = MapTools(
            self.map,
            self.state,
            self._keyboard,
            select=self._select_drawn,
            loaded=lambda: self.zoom_to("area"),
            notify=self._notify,
            guarded=self._guarded,
        )
        self._legend = W.HTML()
        self.map.add(leaflet.WidgetControl(widget=self._legend, position="bottomleft", transparent_bg=True))
        self._tiles_note = W.HTML()
        self.map.add(leaflet.WidgetControl(widget=self._tiles_note, position="topright", transparent_bg=True))
        self._backdrop = Backdrop(self.map, tiles, layers.land, self._tiles_changed)
        self.map.add(leaflet.ScaleControl(position="bottomright", imperial=False))
        self.map.on_interaction(self._interaction)
        self.map.observe(self._update_view, "bounds")

    def _make_controls(self) -> None:
        self._colour = W.Dropdown(description="Colour by", layout=W.Layout(width="204px"), style={"description_width": "initial"})
        self._colour.observe(self._update_view, "value")
        actions: tuple[tuple[str, str, str, Callable[[Any], object]], ...] = (
            ("", "Zoom to the selection, or to all captures", "search-plus", lambda _: self.zoom_to()),
            ("Invert", "Select the other captures that match the filters", "", lambda _: self.state.invert()),
            ("Clear", "Clear the selection", "", lambda _: self.state.select(())),
            ("Quicklooks", "Show or hide quicklooks of the selected captures", "image", self.show_quicklooks),
        )
        buttons = []
        for label, tooltip, icon, action in actions:
            button = _style.button(label, tooltip, icon=icon)
            button.on_click(self._guarded(action))
            buttons.append(button)
        self._view_note = W.HTML()
        self._stack = OverlapList(self.state, self._notify)
        self._status = W.HTML()
        inputs = (self._colour, self._tools.purpose, *buttons, self._tools.file)
        self._toolbar = _style.box(*inputs, kind="row", horizontal=True)

    def _tiles_changed(self, note: str) -> None:
        self._tiles_note.value = _style.message(note) if note else ""
        self._update_view(None)

    def _show_error(self, error: BaseException) -> None:
        """Display an error below the map."""
        self._status.value = _style.error_message(error)

    def _show_unmarked(self, error: BaseException) -> None:
        """Say that captures are not marked: the error itself matters once something is bought."""
        detail = error.message if isinstance(error, ScenecartError) else str(error)
        self._notify(f"It is not known what is owned already: {detail}")

    def _notify(self, text: str, kind: str = "info") -> None:
        self._status.value = _style.message(text, kind=kind) if text else ""

    @synchronized
    def _replace_captures(self, _: Any) -> None:
        had_bounds = self._index.bounds is not None
        self._captures = self.state.captures
        self._index = FootprintIndex(self._captures)
        columns = [name for name in COLOUR_COLUMNS if name in self.state.captures.columns]
        options = [("single colour", ""), *((column_title(name), name) for name in columns)]
        if tuple(options) != tuple(self._colour.options):
            chosen, had_columns = self._colour.value, len(self._colour.options) > 1
            self._colour.options = options
            self._colour.value = chosen if had_columns and chosen in dict(options).values() else (columns[0] if columns else "")
        if not had_bounds and self._index.bounds is not None:
            self.zoom_to("all" if self.state.aoi is None else "area")
        self._update_view(None)

    def _update_view(self, _: Any) -> None:
        """Send what is in view, once the view and the filters have settled."""
        self._runner.debounce(f"view-{id(self)}", _SETTLE_SECONDS, lambda _: self._make_view(), self._show_view, self._show_error)

    def _make_view(self) -> _View:
        with LOCK:
            bounds, index, keep, captures = self._bounds(), self._index, self.state.keep, self.state.captures
        found = index.in_view(bounds, keep)
        ground = None if self._marks is None else self._marks.ground()
        owned = hatched(ground, bounds, self._degrees_per_pixel(bounds), has_lines=not self._imagery.is_shown)
        land, places = self._backdrop.view(bounds, self._degrees_per_pixel(bounds))
        count = sum(len(parts) for _, parts in found)
        if count > MOST_SHAPES:
            cells = index.density(bounds, found)
            note = f"{count:,} footprints in view, shown as density. Zoom in or filter to see each one."
            return _View(EMPTY, density_layer(cells), density_legend(cells), owned, land, places, note)
        colours, legend = colours_by(str(self._colour.value or ""), captures, self.state)
        pixel = self._degrees_per_pixel(bounds)
        features = [feature for world, parts in found for feature in index.features(world, parts, pixel)]
        is_owned, style = owned_rows(captures), footprint_style(len(features))
        for feature in features:
            row = feature["properties"]["row"]
            feature["properties"]["style"] = {
                "color": colours[row],
                **style,
                **(OWNED_STYLE if is_owned[row] else {}),
                **(OUTLINE_STYLE if self._imagery.is_shown else {}),
            }
        if any(is_owned[feature["properties"]["row"]] for feature in features):
            legend += owned_legend(is_hatched=not self._imagery.is_shown)
        return _View(collection(features), EMPTY, legend, owned, land, places)

    def _show_view(self, view: _View) -> None:
        # the same keys at every position of the pointer, so that the legend does not jump
        marks = marks_legend(has_area=self.state.aoi is not None, has_captures=bool(len(self.state.captures)))
        self._legend.value = view.legend + marks
        set_data(self._layers.footprints, view.footprints)
        set_data(self._layers.density, view.density)
        set_data(self._layers.owned, view.owned)
        self._backdrop.show(view.land, view.places)
        self._view_note.value = _style.message(view.note) if view.note else ""
        self._show_area(None)
        self._show_selection(None)
        self._show_current(None)

    def _bounds(self) -> tuple[float, float, float, float]:
        """Return west, south, east and north of the view; of all captures before a browser shows it."""
        if self.map.bounds:
            (south, west), (north, east) = self.map.bounds
            return west, south, east, north
        bounds = self._index.bounds
        return bounds if bounds is not None else (-180.0, -90.0, 180.0, 90.0)

    def _size(self) -> tuple[float, float]:
        """Return the map's width and height in pixels, which come from the browser."""
        width, height = self.map.right - self.map.left, self.map.bottom - self.map.top
        return (width, height) if 0 < width < _MOST_PIXELS and 0 < height < _MOST_PIXELS else (WIDTH, HEIGHT)

    def _degrees_per_pixel(self, bounds: tuple[float, float, float, float]) -> float:
        return (bounds[2] - bounds[0]) / self._size()[0]

    @synchronized
    def _show_selection(self, _: Any) -> None:
        if self._captures is not self.state.captures:
            # new captures drop selected rows before this map indexes them
            return
        selected = np.zeros(len(self.state.captures), dtype=bool)
        selected[self.state.positions()[:_MOST_SELECTED]] = True
        bounds = self._bounds()
        pixel = self._degrees_per_pixel(bounds)
        found = self._index.in_view(bounds, selected)
        features = [feature for world, parts in found for feature in self._index.features(world, parts, pixel)]
        set_data(self._layers.selected, collection(features))

    @synchronized
    def _show_card(self, _: Any) -> None:
        """Make the only selected capture current, such as after the arrow keys in the table."""
        if self._captures is self.state.captures and len(self.state.selection) == 1:
            (self.state.current,) = self.state.selection

    @synchronized
    def _show_current(self, _: Any) -> None:
        """Draw the current capture above the others, and show its card."""
        label = self.state.current
        if self._captures is not self.state.captures or label is None:
            set_data(self._layers.current, EMPTY)
            return
        row = int(self._captures.index.get_loc(label))
        only = np.zeros(len(self._captures), dtype=bool)
        only[row] = True
        bounds = self._bounds()
        found = self._index.in_view(bounds, only)
        pixel = self._degrees_per_pixel(bounds)
        set_data(self._layers.current, cased([one for world, parts in found for one in self._index.features(world, parts, pixel)]))
        self._card.display(row, self._captures.iloc[row])

    def _show_area(self, _: Any) -> None:
        set_data(self._layers.area, area_outline(None if self.state.aoi is None else self.state.aoi.geometry, self._bounds()))

    def _select_drawn(self, drawn: Area, how: str) -> None:
        self.state.select(self.state.labels(self._index.intersecting(drawn.geometry, self.state.keep)), how)

    def _interaction(self, **event: Any) -> None:
        if event.get("type") == "click" and not self._keyboard.drawing:
            latitude, longitude = event["coordinates"]
            how = "toggle" if self._keyboard.shift or self._keyboard.ctrl else "replace"
            self._guarded(lambda _: self.click(longitude, latitude, how))(None)

    def _hover(self, event: str = "", feature: Any = None, **_: Any) -> None:
        row = (feature or {}).get("properties", {}).get("row")
        if event != "mouseout" and isinstance(row, int) and 0 <= row < len(self.state.captures):
            (self.state.current,) = self.state.labels([row])

    def _imagery_toggled(self, _: bool) -> None:  # noqa: FBT001  # a callback
        """Draw footprints and owned areas as outlines while there is imagery below them, and filled otherwise."""
        self._update_view(None)

    def _show_imagery_error(self, html: str | None) -> None:
        self._imagery_status.value = html or ""
