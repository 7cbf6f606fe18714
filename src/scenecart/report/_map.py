"""The map and the globe of a report, drawn with matplotlib."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import shapely
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scenecart._geo.globe import split_at_antimeridian
from scenecart._geo.unwrap import degree_aspect, is_narrower_unwrapped, unwrap_longitudes
from scenecart._util.style import AREA, CLIPPED, FOOTPRINT, INK, MUTED, TEXT
from scenecart.report._basemap import MIN_WIDTH, globe, graticule, land_within
from scenecart.report._map_labels import place_labels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from scenecart.report._map_labels import Label
    from scenecart.report._model import Contents

_LAND_COLOR = "#8b9a7d"
_POINTS = 72.0
_MAX_RATIO, _MIN_RATIO = 0.78, 0.42
_LEFT, _BELOW, _EDGE = 48.0, 18.0, 8.0
_MARGIN = 0.08
_MAX_LABELS = 60
_FONT_SIZE = 8.0


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
    """Return the scene of a report, of at most this ratio of height to width; None if no footprint is known."""
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
    """Return the scene in a map that is so many points lower; None if that is too flat."""
    tallest = scene.ratio - by / (width - _LEFT - _EDGE)
    return scene_of(contents, tallest) if tallest >= _MIN_RATIO else None


def draw_map(scene: Scene, width: float) -> Figure:
    """Draw footprints, clipped footprints and area, ``width`` points wide."""
    west, south, east, north = scene.view
    wide = width - _LEFT - _EDGE
    high = wide * scene.ratio
    height = high + _BELOW + _EDGE
    figure = Figure(figsize=(width / _POINTS, height / _POINTS), dpi=_POINTS)
    axes = figure.add_axes((_LEFT / width, _BELOW / height, wide / width, high / height))
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    if east - west >= MIN_WIDTH:
        _fill(axes, land_within(west, south, east, north), face=_LAND_COLOR, edge="none", width=0, alpha=0.22)
    _fill(axes, scene.footprints, face="none", edge=FOOTPRINT, width=0.9)
    _fill(axes, [shapely.union_all(scene.clipped)], face=CLIPPED, edge="none", width=0, alpha=0.18)
    _fill(axes, scene.clipped, face="none", edge=CLIPPED, width=1.1 if len(scene.clipped) <= _MAX_LABELS else 0.7)
    if scene.area is not None:
        _fill(axes, [scene.area], face="none", edge=AREA, width=1.8)
    for label in labels_of(scene, wide, high):
        x, y = west + label.x / wide * (east - west), south + label.y / high * (north - south)
        axes.text(x, y, label.text, ha="center", va="center_baseline", fontsize=_FONT_SIZE, color=TEXT, gid="label")
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    _style(axes)
    return figure


def labels_of(scene: Scene, wide: float, high: float) -> list[Label]:
    """Return the numbers of the captures as labels that do not overlap; empty if there are too many captures."""
    if len(scene.clipped) > _MAX_LABELS:
        return []
    west, south, east, north = scene.view
    points = [(number, shape.representative_point()) for number, shape in enumerate(scene.clipped, 1) if not shape.is_empty]
    spots = [((at.x - west) / (east - west) * wide, (at.y - south) / (north - south) * high, number) for number, at in points]
    return place_labels(spots, _FONT_SIZE, wide, high)


def draw_globe(scene: Scene, width: float) -> Figure:
    """Draw the hemisphere around the scene, ``width`` points wide and high, with the place marked."""
    figure = Figure(figsize=(width / _POINTS, width / _POINTS), dpi=_POINTS)
    axes = figure.add_axes((0, 0, 1, 1))
    figure.patch.set_visible(False)
    axes.set_axis_off()
    axes.add_patch(Circle((0, 0), 1, facecolor=FOOTPRINT, edgecolor="none", alpha=0.10))
    lines = [shapely.get_coordinates(line) for line in graticule(*scene.center)]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.4, alpha=0.25))
    _fill(axes, globe(*scene.center), face=_LAND_COLOR, edge="none", width=0, alpha=0.55)
    axes.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor=INK, linewidth=0.6, alpha=0.6))
    axes.add_patch(Circle((0, 0), 0.11, facecolor="none", edgecolor=AREA, linewidth=1.3))
    axes.add_patch(Circle((0, 0), 0.028, facecolor=AREA, edgecolor="none"))
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(-1.02, 1.02)
    return figure


def to_svg(figure: Figure, salt: str) -> str:
    """Return a figure as an SVG element: equal figures give equal text, which takes the page's colours."""
    FigureCanvasSVG(figure)
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    # ids must be unique in a page with two figures; nothing refers to those of groups
    return re.sub(r' id="(label|[A-Za-z]+_\d+)"', r' class="\1"', svg[svg.index("<svg") :])


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


def _fill(axes: Axes, shapes: Iterable[BaseGeometry], *, face: str, edge: str, width: float, alpha: float | None = None) -> None:
    outline = _outline_of(shapes)
    if outline is not None:
        axes.add_collection(PathCollection([outline], facecolors=face, edgecolors=edge, linewidths=width, alpha=alpha))


def _outline_of(shapes: Iterable[BaseGeometry]) -> Outline | None:
    """Return the rings of all polygons as one path, which is drawn much faster than a path for each; None if there are none."""
    parts = shapely.get_parts(np.array([*shapes], dtype=object))
    rings = shapely.get_rings(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    if not len(points):
        return None
    starts = np.flatnonzero(np.diff(ring_of, prepend=-1))
    codes = np.full(len(points), Outline.LINETO, dtype=Outline.code_type)
    codes[starts] = Outline.MOVETO
    codes[[*(starts[1:] - 1), -1]] = Outline.CLOSEPOLY
    return Outline(points, codes)


def _widened(low: float, high: float, factor: float) -> tuple[float, float]:
    middle, half = (low + high) / 2, (high - low) / 2 * factor
    return middle - half, middle + half


def _style(axes: Axes) -> None:
    for axis, limits, names in ((axes.xaxis, axes.get_xlim(), "EW"), (axes.yaxis, axes.get_ylim(), "NS")):
        axis.set_major_locator(MaxNLocator(5))
        ticks = [tick for tick in MaxNLocator(5).tick_values(*limits) if limits[0] <= tick <= limits[1]]
        digits = next(
            (count for count in range(7) if all(math.isclose(round(tick, count), tick, abs_tol=1e-9) for tick in ticks)), 7
        )
        axis.set_major_formatter(FuncFormatter(_tick_text(names, digits)))
    axes.tick_params(labelsize=7, length=0, colors=MUTED)
    axes.grid(visible=True, color=INK, alpha=0.15, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)


def _tick_text(names: str, digits: int) -> Callable[[float, int], str]:
    # a view may extend beyond a pole, where there are no latitudes
    most = 90.0 if names == "NS" else 540.0
    return lambda value, _: degrees(value, names[0], names[1], digits) if abs(value) <= most else ""


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
