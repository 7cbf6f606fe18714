"""The picture of a report: footprints, what is bought of them, and the area of interest."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import matplotlib as mpl
import shapely
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

from scenecart._area import split_at_antimeridian

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from scenecart.report._contents import Contents

_FOOTPRINT, _BOUGHT, _AREA, _INK = "#7a8aa0", "#0b6e99", "#c2570c", "#64748b"
_WIDTH_INCHES, _TALLEST, _FLATTEST = 7.2, 0.62, 0.42
_MARGIN = 0.08
_LABELLED = 24


def footprint_svg(contents: Contents) -> str:
    """Draw the cart as an SVG element; the same cart gives the same text.

    Colours hold on light and dark paper; the letters take the colour of the page.
    """
    footprints = [split_at_antimeridian(shape) for shape in contents.captures.geometry if shape is not None]
    shift = _crosses_antimeridian([*footprints, *([contents.area.geometry] if contents.area else [])])
    place = (lambda shape: _eastward(shape)) if shift else (lambda shape: shape)  # noqa: PLW0108  # two ways to place a shape
    drawn = [place(shape) for shape in footprints]
    bought = [place(shape) for shape in contents.bought]
    area = None if contents.area is None else place(contents.area.geometry)
    west, south, east, north = _view(drawn, bought, area)
    stretch = 1 / max(0.05, math.cos(math.radians((south + north) / 2)))
    ratio = (north - south) * stretch / (east - west)
    shown = min(_TALLEST, max(_FLATTEST, ratio))
    wider, taller = max(1.0, ratio / shown), max(1.0, shown / ratio)
    west, east = _widened(west, east, wider)
    south, north = _widened(south, north, taller)
    figure = Figure(figsize=(_WIDTH_INCHES, _WIDTH_INCHES * shown + 0.2), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    axes.set_aspect(stretch, adjustable="box")
    _fill(axes, drawn, face="none", edge=_FOOTPRINT, width=0.9)
    _fill(axes, bought, face=_BOUGHT, edge=_BOUGHT, width=0.8, alpha=0.16)
    _fill(axes, bought, face="none", edge=_BOUGHT, width=1.1)
    if area is not None:
        _fill(axes, [area], face="none", edge=_AREA, width=1.8)
    _number_captures(axes, bought, (east - west) / 16)
    axes.set_xlim(west, east)
    axes.set_ylim(south, north)
    _style(axes)
    with mpl.rc_context({"svg.hashsalt": contents.fingerprint, "svg.fonttype": "none"}):
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]


def _crosses_antimeridian(shapes: list[BaseGeometry]) -> bool:
    bounds = shapely.total_bounds(shapes)
    narrow = [shape for shape in shapes if shape.bounds[2] - shape.bounds[0] < 180]  # noqa: PLR2004  # half the world
    sides = {shape.centroid.x > 0 for shape in narrow}
    touches = bounds[0] <= -180 and bounds[2] >= 180  # noqa: PLR2004  # the antimeridian
    far = all(abs(shape.centroid.x) > 90 for shape in narrow)  # noqa: PLR2004  # nothing near Greenwich
    return bool(touches and far and (len(sides) != 1 or len(narrow) < len(shapes)))


def _eastward(shape: BaseGeometry) -> BaseGeometry:
    """Move the part west of Greenwich beyond 180 degrees, so that the two sides meet."""

    def move(xy: shapely.typing.NDArray) -> shapely.typing.NDArray:  # type: ignore[name-defined]  # numpy's own array
        moved = xy.copy()
        moved[:, 0] = moved[:, 0] + 360.0 * (moved[:, 0] < 0)
        return moved

    return shapely.union_all([shapely.transform(part, move) for part in shapely.get_parts(shape)])


def _view(
    footprints: list[BaseGeometry], bought: list[BaseGeometry], area: BaseGeometry | None
) -> tuple[float, float, float, float]:
    """Choose what the picture shows: the area with some of the footprints around it, or the footprints."""
    west, south, east, north = shapely.total_bounds(bought if area is None else [area, *bought])
    if area is not None:
        around = shapely.total_bounds(footprints)
        room_x, room_y = (east - west) * 0.6, (north - south) * 0.6
        west, south = max(west - room_x, around[0]), max(south - room_y, around[1])
        east, north = min(east + room_x, around[2]), min(north + room_y, around[3])
    pad_x, pad_y = max(1e-4, (east - west) * _MARGIN), max(1e-4, (north - south) * _MARGIN)
    return float(west - pad_x), float(south - pad_y), float(east + pad_x), float(north + pad_y)


def _fill(axes: Axes, shapes: list[BaseGeometry], *, face: str, edge: str, width: float, alpha: float | None = None) -> None:
    outlines = [
        Outline.make_compound_path(*(Outline(shapely.get_coordinates(ring), closed=True) for ring in shapely.get_rings(part)))
        for shape in shapes
        for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon"
    ]
    edge_color = "none" if alpha is not None else edge
    axes.add_collection(PathCollection(outlines, facecolors=face, edgecolors=edge_color, linewidths=width, alpha=alpha))


def _number_captures(axes: Axes, bought: list[BaseGeometry], room: float) -> None:
    """Write each capture's number where it is bought; numbers that fall together are written as one list."""
    if len(bought) > _LABELLED:
        return
    spots: list[tuple[shapely.Point, list[int]]] = []
    for number, shape in enumerate(bought, 1):
        if shape.is_empty:
            continue
        point = shape.representative_point()
        near = next((numbers for spot, numbers in spots if spot.distance(point) < room), None)
        if near is None:
            spots.append((point, [number]))
        else:
            near.append(number)
    for spot, numbers in spots:
        text = ", ".join(map(str, numbers))
        axes.text(spot.x, spot.y, text, ha="center", va="center", fontsize=8, color=_INK, clip_on=True)


def _widened(low: float, high: float, factor: float) -> tuple[float, float]:
    middle, half = (low + high) / 2, (high - low) / 2 * factor
    return middle - half, middle + half


def _style(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _degrees(value, "E", "W")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _degrees(value, "N", "S")))
    axes.tick_params(labelsize=7.5, length=0, colors=_INK)
    axes.grid(visible=True, color=_INK, alpha=0.15, linewidth=0.6)
    for side in axes.spines.values():
        side.set_visible(False)


def _degrees(value: float, positive: str, negative: str) -> str:
    turned = value if abs(value) <= 180 else (value + 180) % 360 - 180  # noqa: PLR2004  # beyond the antimeridian
    number = f"{abs(turned):.3f}".rstrip("0").rstrip(".")
    on_line = float(number) in {0.0, 180.0}
    return f"{number}°{'' if on_line else positive if turned > 0 else negative}"
