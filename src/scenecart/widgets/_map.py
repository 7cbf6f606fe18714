"""The map of footprints: what is in view is sent, nothing is ever restyled, and what is selected lies on top."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import ipyleaflet as leaflet
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import shapely
from shapely.geometry import mapping, shape

from scenecart._geo.area import as_area
from scenecart._geo.geometry import union
from scenecart._util.keywords import checked_keywords
from scenecart._util.style import AREA
from scenecart._util.text import clean_text
from scenecart.exceptions import ScenecartError
from scenecart.widgets import _static_html, _style
from scenecart.widgets._base import Panel, close_all
from scenecart.widgets._jobs import LOCK, Runner, synchronized
from scenecart.widgets._keyboard import Keys
from scenecart.widgets._map_layers import (
    AREA_FILES,
    HEIGHT,
    WIDTH,
    base_tiles,
    column_title,
    data_url,
    density_cells,
    density_legend,
    describe,
    drawing_pen,
    fitting,
    one_line,
    read_area,
)
from scenecart.widgets._spatial_index import MOST_SHAPES, FootprintIndex
from scenecart.widgets._state import CaptureState, day_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    import pandas as pd

_SETTLE_SECONDS = 0.08
_MOST_PIXELS = 20_000
_MOST_CHOSEN = 500
_MOST_STACKED = 30
_MOST_OVERLAYS = 12
_COLOURS = ("eo:cloud_cover", "datetime", "view:off_nadir", "gsd", "view:sun_elevation", "collection", "platform")
_NOTHING: dict[str, Any] = {"type": "FeatureCollection", "features": []}
_LINE = {"weight": 1, "opacity": 0.9, "fillOpacity": 0.12}
# dashes on a light line, which is seen on dark ground and over dark footprints
_OUTLINE = ({"color": "#fff", "weight": 5, "opacity": 0.85}, {"color": AREA, "weight": 2.5, "dashArray": "7 5", "lineCap": "butt"})
# the land shows where there are no tiles; footprints come and go below what is selected. A layer's style says its pane, since
# ipyleaflet tells Leaflet of a layer's own pane only after the layer's first data
_PANES = {"below": {"zIndex": 150, "pointerEvents": "none"}, "above": {"zIndex": 450, "pointerEvents": "none"}}


class FootprintMap(Panel):
    """Footprints on a map: coloured by a column, picked by clicking or drawing, in step with a table.

    A click selects the footprint under it and, where several overlap, offers the whole stack as a list; with Shift or Ctrl it
    is added or taken away. A rectangle or polygon selects what it meets, or draws the area of interest. Some 2,000 footprints
    are drawn at a time, chosen by the view; where there are more, their density is shown.

    Parameters
    ----------
    captures
        A search result, or the state of another widget, which the two then share.
    aoi
        Area of interest, in any form ``search`` takes.
    basemap
        A tile provider's name such as ``"CartoDB.Positron"`` or a ``TileProvider``; ``"none"`` shows the outline of the land
        alone. Default: ``SCENECART_BASEMAP``, or OpenStreetMap.
    quicklook
        Gives the picture of a row of captures as bytes of PNG or JPEG, or None; such as ``client.quicklook``.
    runner
        What works beside the kernel's thread; None makes one.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)], crs=4326)
    >>> shown = FootprintMap(captures, basemap="none")
    >>> shown.click(0.5, 0.5)
    >>> shown.state.selected["id"].tolist()
    ['a']
    >>> shown.close()
    """

    @checked_keywords()
    def __init__(
        self,
        captures: Any,
        aoi: Any = None,
        *,
        basemap: Any = None,
        quicklook: Callable[[pd.Series[Any]], bytes | None] | None = None,
        runner: Runner | None = None,
    ) -> None:
        self.state = captures if isinstance(captures, CaptureState) else CaptureState(captures, aoi)
        self._runner, self._own_runner = (Runner(again=self.show_again), True) if runner is None else (runner, False)
        self._quicklook = quicklook
        self._ground = FootprintIndex(self.state.captures)
        self._held = Keys()
        self._overlays: list[leaflet.ImageOverlay] = []
        self._hovered: int | None = None
        self._make_map(basemap)
        self._make_controls()
        super().__init__(_style.sheet(), self._tools, self._held, self.map, self._hint, self._status, self._stack, self._card)
        self.watch(self.state, self._new_captures, "captures")
        self.watch(self.state, self._look_again, "revision")
        self.watch(self.state, self._show_chosen, "selection")
        self.watch(self.state, self._show_area, "aoi")
        self._show_area(None)
        self._new_captures(None)

    @synchronized
    def click(self, longitude: float, latitude: float, how: str = "replace") -> None:
        """Do what a click on the map does: select the footprint under a point, and offer all of them where they overlap."""
        rows = self._ground.at(longitude, latitude, self.state.keep)
        if len(rows):
            self.state.select(self.state.labels(rows[:1]), how)
        elif how == "replace":
            self.state.select(())
        self._offer(rows)

    def draw(self, area: Any, how: str = "replace") -> None:
        """Do what drawing on the map does: select the footprints that meet an area, or set the area of interest."""
        ground = as_area(area)
        if self._purpose.value == "area":
            self.state.aoi = ground
            self._purpose.value = "select"
            return
        self.state.select(self.state.labels(self._ground.touching(ground.geometry, self.state.keep)), how)

    def zoom_to(self, what: str = "selection") -> None:
        """Bring the selection, the area of interest (``"area"``) or everything (``"all"``) into view."""
        if what == "area" and self.state.aoi is not None:
            bounds = self.state.aoi.geometry.bounds
        elif what == "selection" and self.state.selection:
            bounds = self._ground.bounds_of(self.state.positions())
        else:
            bounds = self._ground.bounds_of(np.flatnonzero(self.state.keep))
        if bounds is not None:
            middle, zoom = fitting(bounds, *self._size())
            self.map.center, self.map.zoom = middle, zoom

    def show_quicklooks(self, _: Any = None) -> None:
        """Lay the quicklooks of the selected captures over the map, or take them off where they lie."""
        if self._overlays:
            self._drop_overlays()
            return
        if self._quicklook is None:
            self._say("There are no quicklooks here: make the map with client=…")
            return
        rows = self.state.selected.head(_MOST_OVERLAYS)
        if not len(rows):
            self._say("Select captures first; their quicklooks are laid over the map.")
            return
        self._say("Fetching quicklooks…", kind="busy")
        fetch = self._quicklook
        self._runner.start(
            "quicklooks",
            lambda _: [(row.geometry, fetch(row)) for _, row in rows.iterrows()],
            self._lay_over,
            self._show_failure,
        )

    def still(self) -> str:
        """Return the footprints as HTML without script, for where no widget lives."""
        return _static_html.still(self.state)

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, where the browser allows it."""
        self._held.copy(text)

    def end(self) -> None:
        """End what runs, and close the pen that lies aside."""
        for pen in (self._pen, self._area_pen):
            close_all(pen)
        if self._own_runner:
            self._runner.close()
        else:
            self._runner.cancel(f"view-{id(self)}")

    def _make_map(self, basemap: Any) -> None:
        tiles = base_tiles(basemap)
        land = leaflet.GeoJSON(
            data=json.loads(files("scenecart").joinpath("data", "land.json").read_text("utf-8")),
            style={
                "color": "#8a8f98",
                "weight": 0.6,
                "fillColor": "#b8ad94",
                "fillOpacity": 0.26,
                "interactive": False,
                "pane": "below",
            },
            name="Land",
        )
        self._base = leaflet.GeoJSON(data=_NOTHING, style=_LINE, hover_style={"weight": 3, "fillOpacity": 0.3}, name="Footprints")
        self._density = leaflet.GeoJSON(data=_NOTHING, style={"weight": 0, "interactive": False}, name="Density")
        self._chosen = leaflet.GeoJSON(
            data=_NOTHING,
            style={"color": _style.CHOSEN, "weight": 3, "fillOpacity": 0.06, "interactive": False, "pane": "above"},
            name="Selected",
        )
        self._area = leaflet.GeoJSON(data=_NOTHING, style={"fillOpacity": 0, "interactive": False, "pane": "above"}, name="Area")
        self._base.on_hover(self._hover)
        area = None if self.state.aoi is None else self.state.aoi.geometry.bounds
        bounds = self._ground.bounds or area or (-170, -55, 170, 70)
        middle, zoom = fitting(bounds, WIDTH, HEIGHT)
        self.map = leaflet.Map(
            center=middle,
            zoom=zoom,
            layers=(land, *([tiles] if tiles is not None else []), self._density, self._base, self._area, self._chosen),
            prefer_canvas=True,
            scroll_wheel_zoom=True,
            attribution_control=False,
            panes=_PANES,
            layout=W.Layout(height=f"{HEIGHT:g}px", width="100%"),
        )
        self.map.add_class("scenecart-map")
        self._pen, self._area_pen = drawing_pen(_style.CHOSEN), drawing_pen(AREA, edits=True)
        self._area_pen.on_draw(self._area_drawn)
        self._pen.on_draw(self._drawn)
        self._legend = W.HTML()
        self.map.add(self._pen)
        self.map.add(leaflet.WidgetControl(widget=self._legend, position="bottomleft", transparent_bg=True))
        if tiles is not None:
            self.map.add(leaflet.AttributionControl(position="bottomright", prefix=""))
        self.map.add(leaflet.ScaleControl(position="bottomright", imperial=False))
        self.map.on_interaction(self._interaction)
        self.map.observe(self._look_again, "bounds")

    def _make_controls(self) -> None:
        self._colour = W.Dropdown(description="Colour", layout=W.Layout(width="190px"), style={"description_width": "48px"})
        self._colour.observe(self._look_again, "value")
        self._purpose = W.ToggleButtons(
            options=[("Select", "select"), ("Draw area", "area")],
            style={"button_width": "auto"},
            tooltips=["Drawing selects", "Drawing sets the area of interest"],
        )
        made = {
            "fit": ("", "Zoom to the selection, or to everything", "search-plus", lambda _: self.zoom_to()),
            "invert": ("Invert", "Select what suits and was not selected", "", lambda _: self.state.invert()),
            "clear": ("Clear", "Select nothing", "", lambda _: self.state.select(())),
            "quicklooks": ("Quicklooks", "Lay the quicklooks of the selection over the map", "image", self.show_quicklooks),
        }
        buttons = []
        for words, tooltip, icon, act in made.values():
            one = _style.button(words, tooltip, icon=icon)
            one.on_click(self._safely(act))
            buttons.append(one)
        self._purpose.observe(self._safely(self._change_pen), "value")
        self._file = _style.upload("Area file", "Load the area of interest from a file", AREA_FILES)
        self._file.observe(self._safely(self._uploaded), "value")
        self._hint = W.HTML()
        self._card = W.HTML()
        self._stack = W.Select(options=[], rows=4, layout=W.Layout(width="100%", display="none"))
        self._stack.tooltip = "Captures under the click, the smallest first"
        self._stack.observe(self._from_stack, "value")
        self._status = W.HTML()
        self._tools = _style.box(self._colour, self._purpose, *buttons, self._file, kind="row", across=True)

    def _show_failure(self, error: BaseException) -> None:
        """Show what went wrong below the map."""
        self._status.value = _style.failure(error)

    def _say(self, words: str, kind: str = "quiet") -> None:
        self._status.value = _style.message(words, kind=kind)

    @synchronized
    def _new_captures(self, _: Any) -> None:
        had = self._ground.bounds
        self._ground = FootprintIndex(self.state.captures)
        there = [name for name in _COLOURS if name in self.state.captures.columns]
        options = [("one colour", ""), *((column_title(name), name) for name in there)]
        if tuple(options) != tuple(self._colour.options):
            chosen, had_others = self._colour.value, len(self._colour.options) > 1
            self._colour.options = options
            self._colour.value = chosen if had_others and chosen in dict(options).values() else (there[0] if there else "")
        if had is None and self._ground.bounds is not None:
            self.zoom_to("all")
        self._look_again(None)

    def _look_again(self, _: Any) -> None:
        """Send what is in view now, once the view and the filters have settled."""
        self._runner.later(f"view-{id(self)}", _SETTLE_SECONDS, lambda _: self._in_view(), self._sent, self._show_failure)

    def _in_view(self) -> tuple[Any, Any, str, str]:
        with LOCK:
            view, ground, keep, captures = self._view(), self._ground, self.state.keep, self.state.captures
        found = ground.in_view(view, keep)
        count = sum(len(parts) for _, parts in found)
        pixel = self._pixel(view)
        if count > MOST_SHAPES:
            cells = ground.density(view, found)
            words = f"{count:,} footprints in view, shown as density. Zoom in or filter to see them."
            return _NOTHING, density_cells(cells), words, density_legend(cells)
        paint, legend = self._paint(captures)
        features = [one for turn, parts in found for one in ground.features(turn, parts, pixel)]
        for one in features:
            one["properties"]["style"] = {"color": paint[one["properties"]["row"]]}
        return {"type": "FeatureCollection", "features": features}, _NOTHING, "", legend

    def _sent(self, made: tuple[Any, Any, str, str]) -> None:
        footprints, density, words, legend = made
        if self._base.data != footprints:
            self._base.data = footprints
        if self._density.data != density:
            self._density.data = density
        self._legend.value = legend
        self._hint.value = _style.message(words) if words else ""
        self._show_chosen(None)

    def _view(self) -> tuple[float, float, float, float]:
        if self.map.bounds:
            (south, west), (north, east) = self.map.bounds
            return west, south, east, north
        bounds = self._ground.bounds
        return bounds if bounds is not None else (-180.0, -90.0, 180.0, 90.0)

    def _size(self) -> tuple[float, float]:
        """Return the map's width and height in pixels, which only a browser knows."""
        wide, high = self.map.right - self.map.left, self.map.bottom - self.map.top
        return (wide, high) if 0 < wide < _MOST_PIXELS and 0 < high < _MOST_PIXELS else (WIDTH, HEIGHT)

    def _pixel(self, view: tuple[float, float, float, float]) -> float:
        return (view[2] - view[0]) / self._size()[0]

    def _paint(self, captures: gpd.GeoDataFrame) -> tuple[Any, str]:
        """Return each row's colour, and the legend."""
        name = self._colour.value
        if not name or name not in captures.columns:
            return [_style.PLAIN] * len(captures), ""
        if name in {"collection", "platform"}:
            texts = captures[name].astype(str)
            kinds = {kind: _style.KINDS[place % len(_style.KINDS)] for place, kind in enumerate(sorted(texts.unique()))}
            keys = [(clean_text(kind, 40), colour) for kind, colour in kinds.items()][: len(_style.KINDS)]
            return texts.map(kinds).tolist(), _style.text(
                "widget_legend.html", title=column_title(name), keys=keys, ends=None, scale=""
            )
        values = self.state.values(name)
        there = values[np.isfinite(values)]
        if not len(there):
            return [_style.KINDS[-1]] * len(captures), ""
        low, high = float(there.min()), float(there.max())
        share = (values - low) / (high - low if high > low else 1.0)
        colours = [_style.KINDS[-1] if np.isnan(one) else _style.colour_of(float(one)) for one in share]
        ends = (day_text(low), day_text(high)) if name == "datetime" else (f"{low:g}", f"{high:g}")
        scale = ", ".join(_style.SCALE)
        return colours, _style.text("widget_legend.html", title=column_title(name), keys=[], ends=ends, scale=scale)

    @synchronized
    def _show_chosen(self, _: Any) -> None:
        positions = self.state.positions()
        keep = np.zeros(len(self.state.captures), dtype=bool)
        keep[positions[:_MOST_CHOSEN]] = True
        view = self._view()
        features = [
            one for turn, parts in self._ground.in_view(view, keep) for one in self._ground.features(turn, parts, self._pixel(view))
        ]
        data = {"type": "FeatureCollection", "features": features}
        if self._chosen.data != data:
            self._chosen.data = data

    def _show_area(self, _: Any) -> None:
        area = self.state.aoi
        ground = None if area is None else mapping(area.geometry)
        lines = (
            [] if ground is None else [{"type": "Feature", "properties": {"style": look}, "geometry": ground} for look in _OUTLINE]
        )
        self._area.data = {"type": "FeatureCollection", "features": lines}

    def _interaction(self, **event: Any) -> None:
        if event.get("type") == "click" and not self._held.drawing:
            latitude, longitude = event["coordinates"]
            how = "toggle" if self._held.shift or self._held.ctrl else "replace"
            self._safely(lambda _: self.click(longitude, latitude, how))(None)

    def _drawn(self, _: Any, action: str, geo_json: dict[str, Any]) -> None:
        if action != "created":
            return
        how = "add" if self._held.shift else "replace"
        self._safely(lambda _: self.draw(shape(geo_json["geometry"]), how))(None)
        self._pen.clear()

    def _change_pen(self, change: Any) -> None:
        """Give the pen that selects, or the one that draws the area of interest and changes the one there is."""
        old, new = (self._area_pen, self._pen) if change["new"] == "select" else (self._pen, self._area_pen)
        self.map.remove(old)
        if new is self._area_pen:
            self._hold_area()
        self.map.add(new)

    def _hold_area(self) -> None:
        """Let the pen for the area hold the one there is."""
        ground = [] if self.state.aoi is None else shapely.get_parts([self.state.aoi.geometry]).tolist()
        self._area_pen.data = [{"type": "Feature", "properties": {}, "geometry": mapping(part)} for part in ground]

    def _area_drawn(self, _: Any, action: str, geo_json: dict[str, Any]) -> None:
        def change(_: Any) -> None:
            try:
                if action == "created":
                    self.draw(shape(geo_json["geometry"]))
                else:
                    left = [shape(one["geometry"]) for one in self._area_pen.data]
                    self.state.aoi = union(left) if left else None
            except ScenecartError:
                # what was refused does not stay on the map
                self._hold_area()
                raise
            area = self.state.aoi
            self._say("No area of interest." if area is None else f"Area of interest: {area.km2:,.1f} km²", kind="good")

        self._safely(change)(None)

    def _uploaded(self, change: Any) -> None:
        if not change["new"]:
            return
        upload = change["new"][0]
        self.state.aoi = read_area(str(upload["name"]), bytes(upload["content"]))
        self.zoom_to("area")
        self._say(f"Area of interest: {clean_text(upload['name'], 80)}, {self.state.aoi.km2:,.1f} km²", kind="good")

    def _offer(self, rows: np.ndarray[Any, Any]) -> None:
        """Offer the stack of captures under a click as a list."""
        if len(rows) < 2:  # noqa: PLR2004  # one is no stack
            self._stack.layout.display = "none"
            return
        shown = rows[:_MOST_STACKED]
        labels = self.state.labels(shown)
        names = [one_line(self.state.captures.iloc[int(row)]) for row in shown]
        self._stack.unobserve(self._from_stack, "value")
        self._stack.options = list(zip(names, labels, strict=True))
        self._stack.value = labels[0]
        self._stack.rows = min(6, len(shown))
        self._stack.observe(self._from_stack, "value")
        self._stack.layout.display = ""
        self._say(f"{len(rows):,} captures overlap here; choose below.")

    def _from_stack(self, change: Any) -> None:
        if change["new"] is not None:
            self.state.select([change["new"]])

    def _hover(self, event: str = "", feature: Any = None, **_: Any) -> None:
        row = (feature or {}).get("properties", {}).get("row")
        if event == "mouseout" or not isinstance(row, int) or not 0 <= row < len(self.state.captures):
            return
        self._hovered = row
        capture = self.state.captures.iloc[row]
        self._card.value = _style.text("widget_hover.html", capture=describe(capture), picture=None)
        if self._quicklook is not None:
            fetch = self._quicklook
            self._runner.later(
                f"card-{id(self)}", 0.15, lambda _: fetch(capture), lambda picture: self._pictured(row, picture), lambda _: None
            )

    def _pictured(self, row: int, picture: bytes | None) -> None:
        if picture is not None and self._hovered == row:
            url = data_url(picture)
            self._card.value = _style.text("widget_hover.html", capture=describe(self.state.captures.iloc[row]), picture=url)

    def _lay_over(self, pictures: list[tuple[Any, bytes | None]]) -> None:
        for ground, picture in pictures:
            url = None if picture is None else data_url(picture)
            if url is not None and ground is not None:
                west, south, east, north = ground.bounds
                layer = leaflet.ImageOverlay(url=url, bounds=((south, west), (north, east)), opacity=0.85)
                self._overlays.append(layer)
                self.map.add(layer)
        missing = sum(picture is None for _, picture in pictures)
        self._say(f"{missing} of {len(pictures)} have no quicklook." if missing else "")

    def _drop_overlays(self) -> None:
        for layer in self._overlays:
            self.map.remove(layer)
            layer.close()
        self._overlays = []
