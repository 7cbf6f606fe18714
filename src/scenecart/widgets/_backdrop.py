"""The background of a map without tiles: land, names of places, and a message."""

from __future__ import annotations

import html
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import anywidget
import ipyleaflet as leaflet
import numpy as np
import shapely
import traitlets as t
from shapely import affinity
from shapely.geometry import mapping

from scenecart.widgets._map_layers import EMPTY, collection, set_data
from scenecart.widgets._spatial_index import worlds_in

if TYPE_CHECKING:
    from collections.abc import Callable

Bounds = tuple[float, float, float, float]
# a name, its longitude and latitude, and the zoom from which maps name it
Place = tuple[str, float, float, float]

NO_TILES = "The base map cannot be loaded. Captures are still shown."
# of the view on each side, so that a short pan shows no edge
_MARGIN = 0.3
_MOST_PLACES = 24
_LABEL = (90.0, 26.0)
# beyond this many degrees the coarse outline of the land is as good
_DETAIL_DEGREES = 60.0


class TileWatch(anywidget.AnyWidget):
    """Reports whether the tiles of a map arrive; see ``tiles.js``.

    Attributes
    ----------
    target : str
        A class of the map's element.
    state : str
        ``"waiting"``, ``"shown"`` or ``"failed"``.
    """

    _esm = files("scenecart.widgets").joinpath("tiles.js").read_text("utf-8")
    target = t.Unicode().tag(sync=True)
    state = t.Unicode("waiting").tag(sync=True)


class Backdrop:
    """The land and places of a map, in detail where it has no tiles.

    Parameters
    ----------
    map_
        The map. Its credit line is added when tiles arrive, and removed when they fail.
    tiles
        Its tiles, or None.
    land
        The layer of the land, which has the coarse outline.
    changed
        Called with a message when tiles start or stop arriving; an empty one clears it.
    """

    def __init__(
        self, map_: leaflet.Map, tiles: leaflet.TileLayer | None, land: leaflet.GeoJSON, changed: Callable[[str], object]
    ) -> None:
        self._map, self._land, self._coarse = map_, land, land.data
        self._has_tiles, self._changed = tiles is not None, changed
        self._credit = (
            leaflet.AttributionControl(position="bottomright", prefix="") if tiles is not None and tiles.attribution else None
        )
        self._markers: dict[Place, leaflet.Marker] = {}
        self._group = leaflet.LayerGroup(layers=(), name="Places")
        map_.add(self._group)
        self.watch = TileWatch(target=f"scenecart-tiles-{id(self)}")
        map_.add_class(self.watch.target)
        self.watch.observe(self._tiles_changed, "state")

    @property
    def is_shown(self) -> bool:
        """Whether land and places are shown in place of tiles."""
        return not self._has_tiles or self.watch.state == "failed"

    def view(self, bounds: Bounds, pixel: float) -> tuple[dict[str, Any], list[Place]]:
        """Return the land and the places of a view; the coarse land and no place while tiles are shown."""
        if not self.is_shown:
            return self._coarse, []
        return land_in(bounds, pixel) or self._coarse, places_in(bounds, pixel)

    def show(self, land: dict[str, Any], places: list[Place]) -> None:
        """Show what :meth:`view` returned."""
        set_data(self._land, land)
        for place in [one for one in self._markers if one not in places]:
            _close(self._markers.pop(place))
        self._markers = {place: self._markers.get(place) or _marker(place) for place in places}
        self._group.layers = tuple(self._markers.values())

    def release(self) -> None:
        """Close what is not a part of the map."""
        for marker in self._markers.values():
            _close(marker)
        if self._credit is not None:
            self._credit.close()

    def _tiles_changed(self, change: Any) -> None:
        credit = self._credit
        if credit is not None and change["new"] == "shown" and credit not in self._map.controls:
            self._map.add(credit)
        elif credit is not None and change["new"] == "failed" and credit in self._map.controls:
            # no attribution for tiles that are not shown
            self._map.remove(credit)
        self._changed(NO_TILES if change["new"] == "failed" else "")


def land_in(bounds: Bounds, pixel: float) -> dict[str, Any] | None:
    """Return the land of a view as GeoJSON, as fine as a screen shows; None if the view is so large that it does not matter.

    Parameters
    ----------
    bounds
        West, south, east and north in degrees.
    pixel
        Degrees of one pixel.
    """
    west, south, east, north = bounds
    if east - west > _DETAIL_DEGREES:
        return None
    across, down = _MARGIN * (east - west), _MARGIN * (north - south)
    features = []
    for world in worlds_in(west, east):
        shift = 360.0 * world
        box = (west - across - shift, south - down, east + across - shift, north + down)
        parts = shapely.clip_by_rect(_land().geometries[_land().query(shapely.box(*box))], *box)
        for part in shapely.simplify(parts[~shapely.is_empty(parts)], pixel / 2):
            geometry = mapping(affinity.translate(part, xoff=shift))
            features.append({"type": "Feature", "properties": {}, "geometry": geometry})
    return collection(features) if features else EMPTY


def places_in(bounds: Bounds, pixel: float) -> list[Place]:
    """Return the places to name in a view: the important ones first, none over another."""
    west, south, east, north = bounds
    zoom = np.log2(360.0 / 256.0 / max(pixel, 1e-9))
    found: list[Place] = []
    for name, x, y, least_zoom in places():
        if len(found) >= _MOST_PLACES or least_zoom > zoom + 1:
            break
        for world in worlds_in(west, east):
            at = x + 360.0 * world
            is_inside = west < at < east and south < y < north
            wide, tall = _LABEL[0] * pixel, _LABEL[1] * pixel * np.cos(np.radians(y))
            if is_inside and not any(abs(at - other) < wide and abs(y - above) < tall for _, other, above, _ in found):
                found.append((name, at, y, least_zoom))
    return found


@cache
def _land() -> shapely.STRtree:
    """Return the polygons of the land."""
    found = coast()
    # each ring is a first corner and the steps to the next ones; lakes go round the other way
    corners = [np.cumsum(np.reshape(ring, (-1, 2)), axis=0) * float(found["step"]) for ring in found["rings"]]
    rings = np.array([shapely.linearrings(ring) for ring in corners])
    is_lake = shapely.is_ccw(rings)
    shapes = np.asarray(shapely.polygons(rings))
    # nearly all are valid, and repairing a valid one takes fifty times as long as checking it
    invalid = ~shapely.is_valid(shapes)
    shapes[invalid] = shapely.make_valid(shapes[invalid])
    land = shapes[~is_lake]
    for lake in shapes[is_lake]:
        around = shapely.intersects(land, lake)
        land[around] = shapely.difference(land[around], lake)
    return shapely.STRtree(land)


@cache
def places() -> list[Place]:
    """Return the places, those that a small map names first."""
    found = [(str(name), float(x), float(y), float(zoom)) for name, x, y, zoom in coast()["places"]]
    return sorted(found, key=lambda place: place[3])


@cache
def coast() -> dict[str, Any]:
    """Return land and places of Natural Earth, as the file of the package has them."""
    found: dict[str, Any] = json.loads(files("scenecart").joinpath("data", "coast.json").read_text("utf-8"))
    return found


def _marker(place: Place) -> leaflet.Marker:
    name, x, y, _ = place
    icon = leaflet.DivIcon(html=f'<span class="scenecart-place">{html.escape(name)}</span>', icon_size=(0, 0), icon_anchor=(0, 0))
    return leaflet.Marker(location=(y, x), icon=icon, draggable=False, keyboard=False, alt=name)


def _close(marker: leaflet.Marker) -> None:
    marker.icon.close()
    marker.close()
