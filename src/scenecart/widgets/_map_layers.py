"""Layers, tiles and drawing tools of the map, and the view that fits some bounds."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import ipyleaflet as leaflet
import shapely
import xyzservices.providers
from shapely import affinity
from shapely.geometry import mapping

from scenecart._geo.unwrap import join_at_antimeridian, narrowest_span
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidRequest
from scenecart.widgets import _style
from scenecart.widgets._spatial_index import worlds_in

WIDTH, HEIGHT = 800.0, 420.0
EMPTY: dict[str, Any] = {"type": "FeatureCollection", "features": []}
# The land appears where there are no tiles, and the selection stays above footprints. A layer's style names its pane, since
# ipyleaflet passes a layer's own pane to Leaflet only after the layer's first data.
PANES = {"below": {"zIndex": 150, "pointerEvents": "none"}, "above": {"zIndex": 450, "pointerEvents": "none"}}
_TILE = 256.0
_MOST_ZOOM = 20
_WORLD = (-180.0, -90.0, 180.0, 90.0)
_LAND = {"color": "#8a8f98", "weight": 0.6, "fillColor": "#b8ad94", "fillOpacity": 0.26, "interactive": False, "pane": "below"}
# a layer's style overrides that of its features: what differs between footprints is in the style of each
_FOOTPRINTS = {"opacity": 0.9}
_FILL, _FILL_TOGETHER = 0.12, 0.3
# a sign of captures that are owned already, visible in every colour
OWNED_STYLE = {"weight": 2, "dashArray": "4 5", "fillOpacity": 0.3}
# what covers no imagery; the inside can still be clicked
OUTLINE_STYLE = {"fillOpacity": 0, "weight": 2}
_OWNED_GROUND = {"color": _style.OWNED, "weight": 1.6, "opacity": 0.85, "fillOpacity": 0, "interactive": False, "pane": "above"}
# the current capture: a white line with a dark rim, visible on any background
_CURRENT = ({"color": "#0a121a", "weight": 6, "opacity": 0.62}, {"color": "#fff", "weight": 3, "opacity": 1.0})
_SELECTED = {"color": _style.SELECTED, "weight": 3, "fillOpacity": 0.06, "interactive": False, "pane": "above"}
AREA = "#10181f"
# dashes on a light line, visible on a dark background and over dark footprints
_OUTLINES = ({"color": "#fff", "weight": 5, "opacity": 0.85}, {"color": AREA, "weight": 2.5, "dashArray": "7 5", "lineCap": "butt"})


@dataclass(frozen=True)
class MapLayers:
    """The layers of a footprint map; a change of the selection replaces the data of its own layer alone."""

    land: leaflet.GeoJSON
    density: leaflet.GeoJSON
    footprints: leaflet.GeoJSON
    area: leaflet.GeoJSON
    selected: leaflet.GeoJSON
    owned: leaflet.GeoJSON
    current: leaflet.GeoJSON


def make_layers() -> MapLayers:
    """Return the layers of a map: the land, and the others empty."""
    land = json.loads(files("scenecart").joinpath("data", "land.json").read_text("utf-8"))
    hovered = {"weight": 3, "fillOpacity": 0.3}
    return MapLayers(
        land=leaflet.GeoJSON(data=land, style=_LAND, name="Land"),
        density=leaflet.GeoJSON(data=EMPTY, style={"weight": 0, "interactive": False}, name="Density"),
        footprints=leaflet.GeoJSON(data=EMPTY, style=_FOOTPRINTS, hover_style=hovered, name="Footprints"),
        area=leaflet.GeoJSON(data=EMPTY, style={"fillOpacity": 0, "interactive": False, "pane": "above"}, name="Area"),
        selected=leaflet.GeoJSON(data=EMPTY, style=_SELECTED, name="Selected"),
        owned=leaflet.GeoJSON(data=EMPTY, style=_OWNED_GROUND, name="Owned area"),
        current=leaflet.GeoJSON(data=EMPTY, style={"fillOpacity": 0, "interactive": False, "pane": "above"}, name="Current"),
    )


def footprint_style(count: int) -> dict[str, Any]:
    """Return the style of footprints, of which so many may overlap: their fills add up, and the outlines must stay readable."""
    return {"weight": 1.2, "fillOpacity": round(min(_FILL, _FILL_TOGETHER / max(1, count)), 4)}


def set_data(layer: leaflet.GeoJSON, data: dict[str, Any]) -> None:
    """Replace the data of a layer; the same data are not sent again."""
    if layer.data != data:
        layer.data = data


def collection(features: list[dict[str, Any]]) -> dict[str, Any]:
    """Return features as a GeoJSON collection."""
    return {"type": "FeatureCollection", "features": features}


def area_outline(geometry: Any, view: tuple[float, float, float, float] = _WORLD) -> dict[str, Any]:
    """Return the outline of an area of interest as GeoJSON, in one piece, in each copy of the world in a view; empty for None."""
    if geometry is None:
        return EMPTY
    outline = join_at_antimeridian(geometry)
    copies = [affinity.translate(outline, xoff=360.0 * world) for world in worlds_in(view[0], view[2])]
    in_view = [copy for copy in copies if copy.bounds[0] <= view[2] and copy.bounds[2] >= view[0]]
    return collection(
        [
            {"type": "Feature", "properties": {"style": style}, "geometry": mapping(copy)}
            for copy in in_view or [outline]
            for style in _OUTLINES
        ]
    )


def cased(features: list[dict[str, Any]]) -> dict[str, Any]:
    """Return features as GeoJSON, each twice: a rim, and a white line on it."""
    return collection([{**feature, "properties": {"style": style}} for style in _CURRENT for feature in features])


def bounds_of_area(geometry: Any) -> tuple[float, float, float, float]:
    """Return west, south, east and north of an area, the shorter way round the world; east may be beyond 180."""
    bounds = shapely.bounds(shapely.get_parts(geometry))
    west, east = narrowest_span(bounds[:, ::2])
    return west, float(bounds[:, 1].min()), east, float(bounds[:, 3].max())


def draw_control(colour: str, *, editable: bool = False) -> leaflet.DrawControl:
    """Return the tool that draws rectangles and polygons, and edits them if it may."""
    shapes = {"shapeOptions": {"color": colour, "weight": 2, "fillOpacity": 0.1}}
    none: dict[str, Any] = {}
    return leaflet.DrawControl(
        rectangle=shapes,
        polygon=shapes,
        polyline=none,
        circle=none,
        circlemarker=none,
        marker=none,
        edit=editable,
        remove=editable,
    )


def fit_view(bounds: tuple[float, float, float, float], width: float, height: float) -> tuple[tuple[float, float], float]:
    """Return the centre (latitude, longitude) and the zoom at which bounds fill a map of this size in pixels, with a margin.

    Examples
    --------
    >>> fit_view((-180, -85, 180, 85), 600, 600)
    ((0.0, 0.0), 1.0)
    """
    west, south, east, north = bounds
    low, high = (math.asinh(math.tan(math.radians(max(-85.0, min(85.0, end))))) for end in (south, north))
    wide, tall = max(east - west, 1e-4) / 360, max(high - low, 1e-6) / (2 * math.pi)
    zoom = math.floor(math.log2(min(0.9 * width / wide, 0.9 * height / tall) / _TILE))
    latitude = math.degrees(math.atan(math.sinh((low + high) / 2)))
    return (latitude, (west + east) / 2), float(max(1, min(16, zoom)))


def base_tiles(basemap: Any) -> leaflet.TileLayer | None:
    """Return the tile layer of a provider, given by name, as an XYZ address, or as it is; None for ``"none"``.

    Raises
    ------
    InvalidRequest
        If there is no such provider, or an address lacks a part.
    """
    provider = basemap if basemap is not None else os.environ.get("SCENECART_BASEMAP") or "OpenStreetMap.Mapnik"
    if isinstance(provider, str):
        provider = provider.strip()
        if provider.lower() == "none":
            return None
        if _is_address(provider):
            return leaflet.TileLayer(url=provider, attribution="", max_zoom=_MOST_ZOOM, name="Base map")
        try:
            provider = xyzservices.providers.query_name(provider)
        except ValueError:
            raise InvalidRequest(
                f"must be the name of a tile provider, or an XYZ address, got {shown_value(provider)}.",
                argument="basemap",
                code="basemap_unknown",
                hint='Use a name of xyzservices such as "CartoDB.Positron", an address such as '
                '"https://tiles.example.com/{z}/{x}/{y}.png", or "none".',
            ) from None
    tiles: leaflet.TileLayer = leaflet.basemap_to_tiles(provider)
    return tiles


def _is_address(text: str) -> bool:
    """Return whether a text is the address of tiles.

    Examples
    --------
    >>> _is_address("https://tiles.example.com/{z}/{x}/{y}.png"), _is_address("/tiles/{z}/{x}/{-y}.png"), _is_address("OpenTopoMap")
    (True, True, False)
    """
    return text.startswith(("https://", "http://", "/")) and all(f"{{{name}}}" in text.replace("{-y}", "{y}") for name in "xyz")
