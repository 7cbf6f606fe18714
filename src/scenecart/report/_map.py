"""The map and the globe of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from scenecart._geo.globe import split_at_antimeridian
from scenecart._geo.unwrap import degree_aspect, is_narrower_unwrapped, unwrap_longitudes
from scenecart._util.style import AREA, CLIPPED, FOOTPRINT, INK, MUTED, TEXT
from scenecart.report._basemap import MIN_WIDTH, globe, graticule, land_within
from scenecart.report._drawing import Disc, Drawing, Lines, Pen, TextLine, ticks
from scenecart.report._map_labels import place_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from scenecart.report._map_labels import Label
    from scenecart.report._model import Contents

_LAND_COLOR = "#8b9a7d"
_MAX_RATIO, _MIN_RATIO = 0.78, 0.42
_LEFT, _BELOW, _EDGE = 48.0, 18.0, 8.0
_MARGIN = 0.08
_MAX_LABELS = 60
_FONT_SIZE, _TICK_SIZE = 8.0, 7.5
# share of the globe's radius, so that its outline is not clipped
_GLOBE_ROOM = 1.02


@dataclass(frozen=True)
class Scene:
    """Geometry and view of a map in degrees; longitudes may continue beyond 180.

    Attributes
    ----------
    view : tuple of float
        West, south, east, north.
    aspect : float
        The length of a degree of latitude in degrees of longitude.
    """

    footprints: list[BaseGeometry]
    clipped: list[BaseGeometry]
    area: BaseGeometry | None
    view: tuple[float, float, float, float]
    aspect: float

    @property
    def center(self) -> tuple[float, float]:
        """Longitude and latitude of the map's centre."""
        west, south, east, north = self.view
        return ((west + east) / 2 + 180) % 360 - 180, (south + north) / 2

    @property
    def ratio(self) -> float:
        """The height of the map divided by its width."""
        west, south, east, north = self.view
        return (north - south) * self.aspect / (east - west)


def scene_of(contents: Contents, tallest: float = _MAX_RATIO) -> Scene | None:
    """Return the scene of a report with at most this ratio of height to width; None if no footprint is known."""
    known = [(full, part) for full, part in zip(contents.footprints, contents.clipped, strict=True) if full is not None]
    if not known:
        return None
    footprints = [split_at_antimeridian(full) for full, _ in known]
    clipped = [part for _, part in known]
    area = None if contents.area is None else contents.area.geometry
    if is_narrower_unwrapped([*footprints, *([area] if area is not None else [])]):
        footprints, clipped = [unwrap_longitudes(shape) for shape in footprints], [unwrap_longitudes(shape) for shape in clipped]
        area = None if area is None else unwrap_longitudes(area)
    west, south, east, north = _view(footprints, clipped, area)
    aspect = degree_aspect(south, north)
    ratio = (north - south) * aspect / (east - west)
    drawn = min(tallest, max(_MIN_RATIO, ratio))
    west, east = _widened(west, east, max(1.0, ratio / drawn))
    south, north = _widened(south, north, max(1.0, drawn / ratio))
    return Scene(footprints, clipped, area, (west, south, east, north), aspect)


def flattened(contents: Contents, scene: Scene, width: float, by: float) -> Scene | None:
    """Return the scene for a map that is this many points lower; None if the map would be too flat."""
    tallest = scene.ratio - by / (width - _LEFT - _EDGE)
    return scene_of(contents, tallest) if tallest >= _MIN_RATIO else None


def draw_map(scene: Scene, width: float) -> Drawing:
    """Draw footprints, clipped footprints and area, ``width`` points wide."""
    west, south, east, north = scene.view
    wide = width - _LEFT - _EDGE
    high = wide * scene.ratio
    drawing = Drawing(width, high + _BELOW + _EDGE, (_LEFT, _BELOW, _LEFT + wide, _BELOW + high), "Map of the captures")

    def placed(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
        return (degrees - (west, south)) * (wide / (east - west), high / (north - south)) + (_LEFT, _BELOW)

    def draw(shapes: Iterable[BaseGeometry], pen: Pen) -> None:
        drawing.add(Lines([placed(ring) for ring in _rings_of(shapes)], pen, closed=True))

    if east - west >= MIN_WIDTH:
        draw(land_within(west, south, east, north), Pen(fill=_LAND_COLOR, opacity=0.22))
    drawing.add(*_grid(scene.view, placed))
    draw(scene.footprints, Pen(stroke=FOOTPRINT, width=0.9))
    draw([shapely.union_all(scene.clipped)], Pen(fill=CLIPPED, opacity=0.18))
    draw(scene.clipped, Pen(stroke=CLIPPED, width=1.1 if len(scene.clipped) <= _MAX_LABELS else 0.7))
    if scene.area is not None:
        draw([scene.area], Pen(stroke=AREA, width=1.8))
    for label in labels_of(scene, wide, high):
        drawing.add(TextLine(_LEFT + label.x, _BELOW + label.y, label.text, _FONT_SIZE, TEXT, is_label=True))
    return drawing


def labels_of(scene: Scene, wide: float, high: float) -> list[Label]:
    """Return the numbers of the captures as labels that do not overlap; empty if there are too many captures."""
    if len(scene.clipped) > _MAX_LABELS:
        return []
    west, south, east, north = scene.view
    points = [(number, shape.representative_point()) for number, shape in enumerate(scene.clipped, 1) if not shape.is_empty]
    spots = [((at.x - west) / (east - west) * wide, (at.y - south) / (north - south) * high, number) for number, at in points]
    return place_labels(spots, _FONT_SIZE, wide, high)


def draw_globe(scene: Scene, width: float) -> Drawing:
    """Draw the hemisphere around the scene, ``width`` points wide and high, and mark the location of the scene."""
    middle, radius = width / 2, width / 2 / _GLOBE_ROOM
    drawing = Drawing(width, width, (0.0, 0.0, width, width), "Where it is on the globe")
    lines = [shapely.get_coordinates(line) * radius + middle for line in graticule(*scene.center)]
    land = [ring * radius + middle for ring in _rings_of(globe(*scene.center))]
    drawing.add(
        Disc(middle, middle, radius, Pen(fill=FOOTPRINT, opacity=0.10)),
        Lines(lines, Pen(stroke=INK, width=0.4, opacity=0.25)),
        Lines(land, Pen(fill=_LAND_COLOR, opacity=0.55), closed=True),
        Disc(middle, middle, radius, Pen(stroke=INK, width=0.6, opacity=0.6)),
        Disc(middle, middle, radius * 0.11, Pen(stroke=AREA, width=1.3)),
        Disc(middle, middle, radius * 0.028, Pen(fill=AREA)),
    )
    return drawing


def position_text(scene: Scene) -> str:
    """Return the centre of the map as text."""
    longitude, latitude = scene.center
    return f"{degrees(latitude, 'N', 'S', 2)}, {degrees(longitude, 'E', 'W', 2)}"


def _view(
    footprints: list[BaseGeometry], clipped: list[BaseGeometry], area: BaseGeometry | None
) -> tuple[float, float, float, float]:
    """Return the bounds of the map: the area and some of the footprints around it, or the footprints."""
    west, south, east, north = shapely.total_bounds(clipped if area is None else [area, *clipped])
    if area is not None:
        around = shapely.total_bounds(footprints)
        room_x, room_y = (east - west) * 0.6, (north - south) * 0.6
        west, south = max(west - room_x, min(around[0], west)), max(south - room_y, min(around[1], south))
        east, north = min(east + room_x, max(around[2], east)), min(north + room_y, max(around[3], north))
    pad_x, pad_y = max(1e-4, (east - west) * _MARGIN), max(1e-4, (north - south) * _MARGIN)
    return float(west - pad_x), float(south - pad_y), float(east + pad_x), float(north + pad_y)


def _rings_of(shapes: Iterable[BaseGeometry]) -> list[NDArray[np.float64]]:
    """Return the vertices of the rings of all polygons, without the closing vertex."""
    parts = shapely.get_parts(np.array([*shapes], dtype=object))
    rings = shapely.get_rings(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    return [ring[:-1] for ring in np.split(points, np.flatnonzero(np.diff(ring_of)) + 1)] if len(points) else []


def _widened(low: float, high: float, factor: float) -> tuple[float, float]:
    middle, half = (low + high) / 2, (high - low) / 2 * factor
    return middle - half, middle + half


def _grid(
    view: tuple[float, float, float, float], placed: Callable[[NDArray[np.float64]], NDArray[np.float64]]
) -> list[Lines | TextLine]:
    """Return grid lines at round degrees, and their labels at the left and bottom edges."""
    west, south, east, north = view
    longitudes, x_decimals = ticks(west, east)
    latitudes, y_decimals = ticks(south, north, 6)
    # a view may extend beyond a pole, where there are no latitudes
    latitudes = [at for at in latitudes if abs(at) <= 90.0]  # noqa: PLR2004  # the poles
    meridians = [placed(np.array([(at, south), (at, north)])) for at in longitudes]
    parallels = [placed(np.array([(west, at), (east, at)])) for at in latitudes]
    found: list[Lines | TextLine] = [Lines([*meridians, *parallels], Pen(stroke=INK, width=0.6, opacity=0.15))]
    for at, line in zip(longitudes, meridians, strict=True):
        found.append(TextLine(line[0, 0], _BELOW / 2 + 1, degrees(at, "E", "W", x_decimals), _TICK_SIZE, MUTED))
    for at, line in zip(latitudes, parallels, strict=True):
        found.append(TextLine(_LEFT - 4, line[0, 1], degrees(at, "N", "S", y_decimals), _TICK_SIZE, MUTED, "end"))
    return found


def degrees(value: float, positive: str, negative: str, digits: int) -> str:
    """Return degrees as text with the hemisphere.

    Examples
    --------
    >>> degrees(-33.95, "N", "S", 2), degrees(190.0, "E", "W", 0), degrees(0.0, "E", "W", 1)
    ('33.95°S', '170°W', '0.0°')
    """
    wrapped = value if abs(value) <= 180 else (value + 180) % 360 - 180  # noqa: PLR2004  # beyond the antimeridian
    number = f"{abs(wrapped):.{digits}f}"
    on_line = float(number) in {0.0, 180.0}
    return f"{number}°{'' if on_line else positive if wrapped > 0 else negative}"
