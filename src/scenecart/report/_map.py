"""The pictures of a report: footprints, what is bought of them, the area of interest, and where in the world that is."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
import shapely
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scenecart._geo.geometry import split_at_antimeridian
from scenecart._geo.unwrap import is_narrower_unwrapped, stretch_between, unwrap_longitudes
from scenecart._util.style import AREA, BOUGHT, FOOTPRINT, INK, LETTERS, QUIET
from scenecart.report._basemap import NARROWEST, globe, graticule, land_within
from scenecart.report._map_labels import placed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from scenecart.report._map_labels import Label
    from scenecart.report._model import Contents

_LAND = "#8b9a7d"
_POINTS = 72.0
_TALLEST, _FLATTEST = 0.78, 0.42
_LEFT, _BELOW, _EDGE = 48.0, 18.0, 8.0
_MARGIN = 0.08
_LABELLED = 60
_LETTERS = 8.0


@dataclass(frozen=True)
class Scene:
    """Where everything stands, in degrees; east of the antimeridian longitudes go on beyond 180."""

    footprints: list[BaseGeometry]
    bought: list[BaseGeometry]
    area: BaseGeometry | None
    view: tuple[float, float, float, float]
    stretch: float

    @property
    def middle(self) -> tuple[float, float]:
        """Longitude and latitude of the picture's middle."""
        west, south, east, north = self.view
        return ((west + east) / 2 + 180) % 360 - 180, (south + north) / 2

    @property
    def ratio(self) -> float:
        """How high the picture is, by its width."""
        west, south, east, north = self.view
        return (north - south) * self.stretch / (east - west)


def scene_of(contents: Contents, tallest: float = _TALLEST) -> Scene | None:
    """Place the ground of a report, in a picture no taller by its width than this; None where it is not known."""
    known = [(whole, part) for whole, part in zip(contents.captures, contents.bought, strict=True) if whole is not None]
    if not known:
        return None
    footprints = [split_at_antimeridian(whole) for whole, _ in known]
    bought = [part for _, part in known]
    area = None if contents.area is None else contents.area.geometry
    if is_narrower_unwrapped([*footprints, *([area] if area is not None else [])]):
        footprints, bought = [unwrap_longitudes(shape) for shape in footprints], [unwrap_longitudes(shape) for shape in bought]
        area = None if area is None else unwrap_longitudes(area)
    west, south, east, north = _view(footprints, bought, area)
    stretch = stretch_between(south, north)
    ratio = (north - south) * stretch / (east - west)
    shown = min(tallest, max(_FLATTEST, ratio))
    west, east = _widened(west, east, max(1.0, ratio / shown))
    south, north = _widened(south, north, max(1.0, shown / ratio))
    return Scene(footprints, bought, area, (west, south, east, north), stretch)


def lower(contents: Contents, scene: Scene, width: float, by: float) -> Scene | None:
    """Place the ground in a picture that is so many points lower; None where that is too flat."""
    tallest = scene.ratio - by / (width - _LEFT - _EDGE)
    return scene_of(contents, tallest) if tallest >= _FLATTEST else None


def draw_map(scene: Scene, width: float) -> Figure:
    """Draw the ground, ``width`` points wide."""
    west, south, east, north = scene.view
    wide = width - _LEFT - _EDGE
    high = wide * scene.ratio
    height = high + _BELOW + _EDGE
    figure = Figure(figsize=(width / _POINTS, height / _POINTS), dpi=_POINTS)
    axes = figure.add_axes((_LEFT / width, _BELOW / height, wide / width, high / height))
    figure.patch.set_visible(False)
    axes.patch.set_visible(False)
    if east - west >= NARROWEST:
        _fill(axes, land_within(west, south, east, north), face=_LAND, edge="none", width=0, alpha=0.22)
    _fill(axes, scene.footprints, face="none", edge=FOOTPRINT, width=0.9)
    _fill(axes, [shapely.union_all(scene.bought)], face=BOUGHT, edge="none", width=0, alpha=0.18)
    _fill(axes, scene.bought, face="none", edge=BOUGHT, width=1.1 if len(scene.bought) <= _LABELLED else 0.7)
    if scene.area is not None:
        _fill(axes, [scene.area], face="none", edge=AREA, width=1.8)
    for label in labels_of(scene, wide, high):
        x, y = west + label.x / wide * (east - west), south + label.y / high * (north - south)
        axes.text(x, y, label.text, ha="center", va="center_baseline", fontsize=_LETTERS, color=LETTERS, gid="label")
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    _style(axes)
    return figure


def labels_of(scene: Scene, wide: float, high: float) -> list[Label]:
    """Return the numbers of the captures where they are bought, none over another; too many captures get none."""
    if len(scene.bought) > _LABELLED:
        return []
    west, south, east, north = scene.view
    points = [(number, shape.representative_point()) for number, shape in enumerate(scene.bought, 1) if not shape.is_empty]
    spots = [((at.x - west) / (east - west) * wide, (at.y - south) / (north - south) * high, number) for number, at in points]
    return placed(spots, _LETTERS, wide, high)


def draw_globe(scene: Scene, width: float) -> Figure:
    """Draw the half of the world around the ground, ``width`` points wide and high, with the ground marked."""
    figure = Figure(figsize=(width / _POINTS, width / _POINTS), dpi=_POINTS)
    axes = figure.add_axes((0, 0, 1, 1))
    figure.patch.set_visible(False)
    axes.set_axis_off()
    axes.add_patch(Circle((0, 0), 1, facecolor=FOOTPRINT, edgecolor="none", alpha=0.10))
    lines = [shapely.get_coordinates(line) for line in graticule(*scene.middle)]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=0.4, alpha=0.25))
    _fill(axes, globe(*scene.middle), face=_LAND, edge="none", width=0, alpha=0.55)
    axes.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor=INK, linewidth=0.6, alpha=0.6))
    axes.add_patch(Circle((0, 0), 0.11, facecolor="none", edgecolor=AREA, linewidth=1.3))
    axes.add_patch(Circle((0, 0), 0.028, facecolor=AREA, edgecolor="none"))
    axes.set_xlim(-1.02, 1.02)
    axes.set_ylim(-1.02, 1.02)
    return figure


def to_svg(figure: Figure, salt: str) -> str:
    """Return a figure as an SVG element: the same figure gives the same text, and letters take the colour of the page."""
    FigureCanvasSVG(figure)
    with mpl.rc_context({"svg.hashsalt": salt, "svg.fonttype": "none"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    # nothing refers to the names of groups, and a page that holds two pictures would hold them twice
    return re.sub(r' id="(label|[A-Za-z]+_\d+)"', r' class="\1"', svg[svg.index("<svg") :])


def where(scene: Scene) -> str:
    """Write the middle of the ground."""
    longitude, latitude = scene.middle
    return f"{degrees(latitude, 'N', 'S', 2)}, {degrees(longitude, 'E', 'W', 2)}"


def outline(shape: BaseGeometry | None, wide: float, high: float) -> list[list[tuple[float, float]]]:
    """Return the outline of one footprint, fitted into a cell: rings of points, from the upper left corner."""
    if shape is None or shape.is_empty:
        return []
    whole = split_at_antimeridian(shape)
    whole = unwrap_longitudes(whole) if is_narrower_unwrapped([whole]) else whole
    west, south, east, north = whole.bounds
    stretch = stretch_between(south, north)
    scale = min(wide / max(east - west, 1e-12), high / max((north - south) * stretch, 1e-12))
    left, top = (wide - (east - west) * scale) / 2, (high - (north - south) * stretch * scale) / 2
    drawn = shapely.simplify(whole, 0.4 / scale)
    rings = [shapely.get_coordinates(ring) for part in shapely.get_parts(drawn) for ring in shapely.get_rings(part)]
    return [[(left + (x - west) * scale, top + (north - y) * stretch * scale) for x, y in ring] for ring in rings]


def _view(
    footprints: list[BaseGeometry], bought: list[BaseGeometry], area: BaseGeometry | None
) -> tuple[float, float, float, float]:
    """Choose what the picture shows: the area with some of the footprints around it, or the footprints."""
    west, south, east, north = shapely.total_bounds(bought if area is None else [area, *bought])
    if area is not None:
        around = shapely.total_bounds(footprints)
        room_x, room_y = (east - west) * 0.6, (north - south) * 0.6
        west, south = max(west - room_x, min(around[0], west)), max(south - room_y, min(around[1], south))
        east, north = min(east + room_x, max(around[2], east)), min(north + room_y, max(around[3], north))
    pad_x, pad_y = max(1e-4, (east - west) * _MARGIN), max(1e-4, (north - south) * _MARGIN)
    return float(west - pad_x), float(south - pad_y), float(east + pad_x), float(north + pad_y)


def _fill(axes: Axes, shapes: Iterable[BaseGeometry], *, face: str, edge: str, width: float, alpha: float | None = None) -> None:
    outlines = [
        Outline.make_compound_path(*(Outline(shapely.get_coordinates(ring), closed=True) for ring in shapely.get_rings(part)))
        for shape in shapes
        for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon"
    ]
    axes.add_collection(PathCollection(outlines, facecolors=face, edgecolors=edge, linewidths=width, alpha=alpha))


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
        axis.set_major_formatter(FuncFormatter(_writer(names, digits)))
    axes.tick_params(labelsize=7, length=0, colors=QUIET)
    axes.grid(visible=True, color=INK, alpha=0.15, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)


def _writer(names: str, digits: int) -> Callable[[float, int], str]:
    # a view may reach beyond a pole, where there are no degrees
    most = 90.0 if names == "NS" else 540.0
    return lambda value, _: degrees(value, names[0], names[1], digits) if abs(value) <= most else ""


def degrees(value: float, positive: str, negative: str, digits: int) -> str:
    """Write degrees with their side of the world.

    Examples
    --------
    >>> degrees(-33.95, "N", "S", 2), degrees(190.0, "E", "W", 0), degrees(0.0, "E", "W", 1)
    ('33.95°S', '170°W', '0.0°')
    """
    turned = value if abs(value) <= 180 else (value + 180) % 360 - 180  # noqa: PLR2004  # beyond the antimeridian
    number = f"{abs(turned):.{digits}f}"
    on_line = float(number) in {0.0, 180.0}
    return f"{number}°{'' if on_line else positive if turned > 0 else negative}"
