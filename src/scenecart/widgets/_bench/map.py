"""The map of the Workbench: tiles by ipyleaflet, and on them footprints, pictures, the area and tools drawn by ``map.js``."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING, Any

import ipyleaflet as leaflet
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import pandas as pd
import shapely

from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_SOURCE, CLOUD_COVER, DATETIME, ESTIMATE
from scenecart._captures.times import acquisition_times
from scenecart._geo.unwrap import join_at_antimeridian
from scenecart.widgets._backdrop import coast
from scenecart.widgets._base import close_all
from scenecart.widgets._bench.part import Part, style_of
from scenecart.widgets._bench.pictures import PictureSender, script_with_pictures
from scenecart.widgets._bench.swipe import Swipe
from scenecart.widgets._capture_text import day_texts, owned_rows
from scenecart.widgets._facets import COVERAGE, EXACT_PRICE, day_text
from scenecart.widgets._imagery_layers import degrees_of
from scenecart.widgets._jobs import LOCK, synchronized
from scenecart.widgets._map_imagery import MapImagery, fetch_quicklooks
from scenecart.widgets._map_layers import base_tiles, bounds_of_area, fit_view
from scenecart.widgets._spatial_index import FootprintIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._order_map import DeliveredImagery
    from scenecart.widgets._state import CaptureState

_SIZE = (1_000.0, 500.0)
_WORLD = (-170.0, -55.0, 170.0, 70.0)
_NO_CLASS, _CLASSES, _CLOUD_STEP = 5, 5, 5.0
# a screen shows no more, and a page that holds more becomes slow
_MOST_CORNERS = 3_000_000
_MOST_STACKED = 50
# of the strip of dates
_THUMBNAIL = (144, 112)
_COLOURS = (AREA_CLOUD, CLOUD_COVER, DATETIME, "view:off_nadir", "gsd", EXACT_PRICE, COVERAGE)
_TITLES = {
    AREA_CLOUD: "cloud over my area",
    CLOUD_COVER: "cloud of the scene",
    DATETIME: "date",
    "view:off_nadir": "off-nadir",
    "gsd": "GSD",
    EXACT_PRICE: "price",
    COVERAGE: "covers my area",
}
_LEGENDS = {
    AREA_CLOUD: "Cloud over my area, ≈ %",
    CLOUD_COVER: "Cloud of the scene, %",
    DATETIME: "Acquired",
    "view:off_nadir": "Off-nadir, °",
    "gsd": "GSD, m",
    EXACT_PRICE: "Price, A$",
    COVERAGE: "Covers my area, %",
}


class MapPart(Part):
    """Everything on the map above the tiles, drawn by ``map.js``.

    Events: ``"current"`` (``row``), ``"stack"`` (``rows``), ``"unstack"``, ``"area"`` (``corners``), ``"view"`` (``bounds``,
    ``zoom``), ``"search-view"`` (``bounds``), ``"pictures"`` (``on``, or ``keys`` of those of the strip), ``"picture"`` (``row``,
    ``slot``), ``"colour"`` (``name``), ``"compared"`` (``a``, ``b``) and ``"attached"``.
    """

    _esm = script_with_pictures("map", "map_shapes", "map_canvas", "map_swipe")
    _css = style_of("map")

    def __init__(self, **state: Any) -> None:
        super().__init__("sc-map-part", **state)


class BenchMap:
    """The map, and the part of a state that it shows. ``view`` is the widget to display; ``part`` sends the events.

    Parameters
    ----------
    state
        Captures, filters, selection, current capture and area.
    runner
        Fetches pictures in the background.
    client
        Fetches quicklooks.
    basemap
        See :class:`FootprintMap`.
    bounds
        West, south, east and north of what is shown at first, in degrees; None shows the area, or the world.
    notify
        Called with an error of imagery, as HTML, or None.
    """

    def __init__(
        self,
        state: CaptureState,
        runner: Runner,
        client: Client,
        *,
        basemap: Any,
        bounds: tuple[float, float, float, float] | None,
        notify: Callable[[str | None], object],
    ) -> None:
        self._state, self._runner = state, runner
        self._quicklook = lambda row: client.quicklook(row, "large")
        tiles = base_tiles(basemap)
        if bounds is None:
            bounds = _WORLD if state.aoi is None else bounds_of_area(state.aoi.geometry)
        centre, zoom = fit_view(bounds, *_SIZE)
        self.map = leaflet.Map(
            center=centre,
            zoom=zoom,
            layers=() if tiles is None else (tiles,),
            zoom_control=False,
            attribution_control=False,
            scroll_wheel_zoom=True,
            box_zoom=False,
            keyboard=True,
            layout=W.Layout(width="100%", height="100%"),
        )
        self.map.add_class("sc-leaflet")
        credit = "" if tiles is None else credit_text(str(tiles.attribution or ""))
        self.part = MapPart(
            map=self.map.model_id,
            prompt=False,
            pictures=True,
            searching=False,
            colour="",
            colours=[],
            legend=None,
            credit=credit,
            cart=[],
            compare=None,
            stack=[],
        )
        self.swipe = Swipe(state)
        self.thumbnails = PictureSender(self.part, client, runner, lambda: (self.swipe.captures, state.aoi), _THUMBNAIL)
        self.part.on_shown(self.send_all)
        self.imagery = MapImagery(self.map, runner, notify, lambda _: self.draw_rows())
        self.view = W.Box((self.map, self.imagery.layers.channel, self.part))
        self.view.add_class("sc-map")
        # the chosen column; empty for the most useful one
        self.colour = ""
        self._sent: Any = None
        self._delivered: dict[str, Any] | None = None
        self.bounds = bounds
        # read in advance, while the page loads
        land()

    @synchronized
    def send_all(self) -> None:
        """Send everything to a page that has nothing yet."""
        self._sent = None
        self.show_captures()
        self.show_area(fit=False)
        self.show_current()

    @synchronized
    def show_captures(self) -> None:
        """Send footprints: all of them, or those that were added."""
        captures = self._state.captures
        start = self._sent_rows(captures)
        index = FootprintIndex(captures.iloc[start:])
        rings: Any
        owners, rings = index.rings()
        if len(owners) and shapely.get_num_coordinates(rings).sum() > _MOST_CORNERS:
            rings = shapely.envelope(shapely.polygons(rings))
            rings = shapely.get_exterior_ring(rings)
        sizes = shapely.get_num_coordinates(rings).astype("uint32")
        corners = shapely.get_coordinates(rings).astype("float32")
        content = {"kind": "shapes", "start": start}
        self.part.send(content, buffers=[(owners + start).astype("uint32").tobytes(), sizes.tobytes(), corners.tobytes()])
        self._sent = captures
        if start == 0:
            self.show_stack(None)
        self.draw_rows()

    def _sent_rows(self, captures: gpd.GeoDataFrame) -> int:
        """Return how many of the captures the page has already."""
        sent = self._sent
        if sent is None or not len(sent) or len(sent) > len(captures):
            return 0
        last = len(sent) - 1
        same = captures.geometry.iloc[0] is sent.geometry.iloc[0] and captures.geometry.iloc[last] is sent.geometry.iloc[last]
        return len(sent) if same else 0

    @synchronized
    def draw_rows(self) -> None:
        """Send which captures match the filters, and their colours."""
        state = self._state
        if self._sent is not state.captures:
            # the observer of the captures comes first, and sends these as well
            return
        names = [name for name in _COLOURS if self._has(name)]
        colour = self.colour if self.colour in names else names[0] if names else ""
        classes, ends = colour_classes(state, colour)
        owned = np.asarray(owned_rows(state.captures), dtype="uint8")
        buffers = [state.keep.astype("uint8").tobytes(), classes.tobytes(), owned.tobytes()]
        self.part.send({"kind": "rows"}, buffers=buffers)
        has_rows = bool(len(state.captures))
        legend: dict[str, Any] | None = {"title": _LEGENDS.get(colour, "Captures"), "ends": ends} if has_rows else None
        # delivered pixels have a legend of their own
        legend = self._delivered or legend
        self.part.update(
            colour=colour,
            colours=[{"name": name, "title": _TITLES[name]} for name in names],
            scale="cloud" if colour in {AREA_CLOUD, CLOUD_COVER} else "price",
            legend=legend,
            cart=state.positions().tolist(),
        )

    def show_cart(self) -> None:
        """Send which captures are in the cart, in its order."""
        if self._sent is self._state.captures:
            self.part.update(cart=self._state.positions().tolist())

    def show_area(self, *, fit: bool = True) -> None:
        """Send the area of interest, and move the map to it."""
        area = self._state.aoi
        self.part.send(
            {"kind": "area", "fit": fit and area is not None}, buffers=[] if area is None else ring_buffers(area.geometry)
        )

    def show_owned(self, geometry: Any) -> None:
        """Hatch the owned area; None removes the hatching."""
        self.part.send({"kind": "hatch"}, buffers=[] if geometry is None else ring_buffers(geometry))
        self.part.update(hatch=geometry is not None)

    def show_current(self) -> None:
        """Send which capture is current."""
        self.part.send({"kind": "current", "row": current_row(self._state)})

    def set_view(self, bounds: Any) -> None:
        """Set the bounds of the view that the page shows; invalid ones are ignored."""
        self.bounds = checked_bounds(bounds) or self.bounds

    def colour_by(self, name: str) -> None:
        """Colour footprints by a column; an unknown one gives the most useful one."""
        self.colour = name
        self.draw_rows()

    def fit(self, bounds: tuple[float, float, float, float]) -> None:
        """Move the map to west, south, east and north, in degrees."""
        self.bounds = bounds
        self.part.send({"kind": "fit", "bounds": list(bounds)})

    def show_delivered(self, found: DeliveredImagery, title: str, text: str) -> None:
        """Show delivered pixels in place of footprints and quicklooks."""
        self._delivered = {"title": title, "delivered": text}
        self.imagery.show(found.layers)
        self.part.update(hide=True, pictures=False, legend=self._delivered)
        bounds = self.imagery.bounds
        if bounds is not None:
            self.fit(bounds)

    def hide_delivered(self) -> None:
        """Remove delivered pixels, and show footprints again."""
        self._delivered = None
        for name in self.imagery.names:
            self.imagery.remove(name)
        self.part.update(hide=False, pictures=True)
        self.draw_rows()

    def show_compared(self) -> None:
        """Show the two captures that are compared, or none."""
        self.part.update(compare=self.swipe.map_state())

    def show_stack(self, rows: Any) -> None:
        """List the captures that overlap at the clicked place; with fewer than two, the list is empty."""
        count = len(self._state.captures)
        known = [row for row in rows if isinstance(row, int) and 0 <= row < count] if isinstance(rows, list) else []
        self.part.update(stack=stack_lines(self._state, known[:_MOST_STACKED]) if len(known) > 1 else [])

    def send_picture(self, row: Any, failed: Callable[[Exception], object], slot: Any = None) -> None:
        """Fetch the quicklook of a capture, and send it placed on the map; each slot has a request of its own."""
        captures = self._state.captures
        if not isinstance(row, int) or not 0 <= row < len(captures):
            return
        one = captures.iloc[[row]]
        if "host" not in one.columns:
            return

        def show(found: list[Any]) -> None:
            if self._state.captures is not captures and self._sent_rows(self._state.captures) == 0:
                return
            (placed,) = found
            content: dict[str, Any] = {"kind": "picture", "row": row, "bounds": None}
            if placed is None:
                self.part.send(content)
                return
            content["bounds"] = degrees_of(placed.bounds)
            self.part.send(content, buffers=[placed.picture])

        name = f"map-picture-{slot}" if slot in {"a", "b"} else "map-picture"
        self._runner.start(name, lambda _: fetch_quicklooks(one, self._quicklook), show, failed)

    def release(self) -> None:
        """End drawing of imagery, and close its list, which is not displayed."""
        self.imagery.layers.release()
        for part in self.imagery.parts[1:]:
            close_all(part)

    def _has(self, name: str) -> bool:
        state = self._state
        facets = {facet.name for facet in state.facets}
        return bool(len(state.captures)) and (name in facets or (name in state.captures.columns and name in {CLOUD_COVER, "gsd"}))

    def send_land(self) -> None:
        """Send land and places, which are visible where the map has no tiles."""
        sizes, corners, places = land()
        self.part.send({"kind": "land", "places": places}, buffers=[sizes, corners])


def stack_lines(state: CaptureState, rows: list[int]) -> list[dict[str, Any]]:
    """Return the lines of the list of overlapping captures, the newest first."""
    frame = state.captures.iloc[rows]
    column = next((name for name in (AREA_CLOUD, CLOUD_COVER) if name in frame), None)
    clouds = [""] * len(rows) if column is None else [percent_text(one, column) for one in frame.to_dict("records")]
    times = acquisition_times(frame).dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
    lines = [
        {"row": row, "day": day or "date not known", "cloud": cloud}
        for row, day, cloud in zip(rows, day_texts(frame), clouds, strict=True)
    ]
    return [lines[place] for place in np.argsort(-times.astype("int64"), kind="stable").tolist()]


def percent_text(capture: dict[str, Any], column: str) -> str:
    """Return a cloud cover; "≈" marks an estimate.

    Examples
    --------
    >>> percent_text({"aoi:cloud_cover": 10.84, "aoi:cloud_source": "estimate"}, "aoi:cloud_cover")
    '≈ 10.8 %'
    >>> percent_text({"eo:cloud_cover": None}, "eo:cloud_cover")
    ''
    """
    number = float(pd.to_numeric(pd.Series([capture[column]]), errors="coerce").iloc[0])
    is_estimate = column == AREA_CLOUD and capture.get(AREA_CLOUD_SOURCE) == ESTIMATE
    return "" if np.isnan(number) else f"{'≈ ' if is_estimate else ''}{number:.1f} %"


def current_row(state: CaptureState) -> int | None:
    """Return the row of the current capture."""
    with LOCK:
        if state.current is None:
            return None
        place = state.captures.index.get_loc(state.current)
    return int(place) if isinstance(place, int | np.integer) else None


def colour_classes(state: CaptureState, column: str) -> tuple[np.ndarray[Any, Any], list[str] | None]:
    """Return the class of each row from 0 to 4, or 5 without a value, and the ends of the legend.

    Cloud has steps of 5 %, the last without an end; other columns are divided between the ends of what matches the filters.
    """
    count = len(state.captures)
    if not column or not count:
        return np.full(count, _NO_CLASS, dtype="uint8"), None
    values = state.values(column)
    if column in {AREA_CLOUD, CLOUD_COVER}:
        steps, ends = values / _CLOUD_STEP, ["0", "10", "20 +"]
    else:
        kept = values[state.keep & np.isfinite(values)]
        if not len(kept):
            return np.full(count, _NO_CLASS, dtype="uint8"), None
        low, high = float(kept.min()), float(kept.max())
        steps = (values - low) / ((high - low) or 1.0) * _CLASSES
        ends = [day_text(low), day_text(high)] if column == DATETIME else [f"{low:.3g}", f"{high:.3g}"]
    known = np.isfinite(steps)
    classes = np.full(count, _NO_CLASS, dtype="uint8")
    classes[known] = np.clip(steps[known], 0, _CLASSES - 1).astype("uint8")
    return classes, ends


def ring_buffers(geometry: Any) -> list[bytes]:
    """Return the rings of polygons as two buffers: the number of corners of each, and their longitudes and latitudes."""
    parts = shapely.get_parts(join_at_antimeridian(geometry))
    rings = shapely.get_rings(parts)
    return [
        shapely.get_num_coordinates(rings).astype("uint32").tobytes(),
        shapely.get_coordinates(rings).astype("float64").tobytes(),
    ]


def credit_text(markup: str) -> str:
    """Return the credit line of a tile provider without its markup.

    Examples
    --------
    >>> credit_text('&copy; <a href="https://example.org">Example</a> contributors')
    '© Example contributors'
    """
    return html.unescape(re.sub(r"<[^>]*>", "", markup)).strip()


def checked_bounds(bounds: Any) -> tuple[float, float, float, float] | None:
    """Return west, south, east and north; None if the page sent something else.

    Examples
    --------
    >>> checked_bounds([1, 2, 3, 4]), checked_bounds([1, 2]), checked_bounds("east"), checked_bounds([4, 3, 2, 1])
    ((1.0, 2.0, 3.0, 4.0), None, None, None)
    """
    try:
        west, south, east, north = (float(end) for end in bounds)
    except (TypeError, ValueError):
        return None
    return (west, south, east, north) if west < east and south < north else None


@cache
def land() -> tuple[bytes, bytes, list[list[Any]]]:
    """Return the land as buffers of rings, and cities as name, longitude, latitude and the zoom from which they are named."""
    found = coast()
    # each ring is a first corner and the steps to the next ones
    rings = [np.cumsum(np.reshape(ring, (-1, 2)), axis=0) for ring in found["rings"]]
    sizes = np.array([len(ring) for ring in rings], dtype="uint32")
    return (
        sizes.tobytes(),
        (np.concatenate(rings) * float(found["step"])).astype("float64").tobytes(),
        sorted(found["places"], key=lambda place: float(place[3])),
    )
