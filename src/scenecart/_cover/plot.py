"""Plot of a cover plan: the clipped footprints, the area, and what is not covered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely

from scenecart._geo.unwrap import degree_aspect, is_narrower_unwrapped, unwrap_longitudes
from scenecart._util.style import AREA, CLIPPED, INK, transparent_axes
from scenecart.exceptions import missing_extra

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

_COLOURS = (CLIPPED, "#5b8c5a", "#8e6bb0", "#b5893c", "#3f7f93", "#a65d57", "#6c7a89", "#5f8fbd")
_WIDTH_INCHES, _TALLEST, _FLATTEST = 7.2, 1.1, 0.35
_HALF_WORLD = 180.0
_LABELLED = 40
_NOTHING = shapely.Polygon()


def draw_cover(
    area: BaseGeometry,
    footprints: Sequence[BaseGeometry],
    missing: BaseGeometry,
    title: str,
    ax: Axes | None,
    *,
    owned: BaseGeometry = _NOTHING,
) -> Axes:
    """Draw an area, the clipped footprints in the order of the cart, what is not covered, and what is owned already.

    Raises
    ------
    MissingExtra
        If matplotlib is not installed.
    """
    try:
        from matplotlib.colors import to_rgba  # noqa: PLC0415  # an extra
        from matplotlib.patches import Patch  # noqa: PLC0415  # an extra
        from matplotlib.transforms import ScaledTranslation  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Plotting a cover plan needs", error, "report") from error
    if is_narrower_unwrapped([area]):
        area, missing, owned, *footprints = (unwrap_longitudes(shape) for shape in (area, missing, owned, *footprints))
    west, south, east, north = area.bounds
    stretch = degree_aspect(south, north)
    if ax is None:
        ratio = min(_TALLEST, max(_FLATTEST, (north - south) * stretch / (east - west)))
        ax = transparent_axes(_WIDTH_INCHES, _WIDTH_INCHES * ratio + 0.7)
    colours = [_COLOURS[number % len(_COLOURS)] for number in range(len(footprints))]
    pieces = gpd.GeoSeries(list(footprints), crs=4326)
    pieces.plot(ax=ax, color=colours, alpha=0.22, aspect=None)
    pieces.boundary.plot(ax=ax, color=colours, linewidth=1.1, aspect=None)
    keys = [Patch(facecolor=to_rgba(CLIPPED, 0.22), edgecolor=CLIPPED, linewidth=1.1, label="clipped footprints")]
    keys += [Patch(facecolor="none", edgecolor=AREA, linewidth=1.6, label="area of interest")]
    if not missing.is_empty:
        hatching: dict[str, Any] = {"facecolor": "none", "edgecolor": AREA, "hatch": "////", "linewidth": 0}
        gpd.GeoSeries([missing], crs=4326).plot(ax=ax, aspect=None, **hatching)
        keys.append(Patch(**hatching, label="not covered"))
    if not owned.is_empty:
        dotted: dict[str, Any] = {"facecolor": "none", "edgecolor": INK, "hatch": "....", "linewidth": 0}
        gpd.GeoSeries([owned], crs=4326).plot(ax=ax, aspect=None, **dotted)
        keys.append(Patch(**dotted, label="owned already"))
    gpd.GeoSeries([area], crs=4326).boundary.plot(ax=ax, color=AREA, linewidth=1.6, aspect=None)
    if len(footprints) <= _LABELLED:
        for number, point in enumerate(_label_points(footprints), 1):
            ax.annotate(
                str(number), (point.x, point.y), ha="center", va="center", fontsize=8, color=colours[number - 1], weight="bold"
            )
    _style(ax, (west, south, east, north), stretch, title)
    legend_style: dict[str, Any] = {
        "loc": "upper left",
        "bbox_to_anchor": (0, 0),
        "ncols": 3,
        "frameon": False,
        "fontsize": 8,
        "labelcolor": INK,
    }
    # below the tick labels
    below = ax.transAxes + ScaledTranslation(0, -20 / 72, ax.figure.dpi_scale_trans)
    ax.legend(handles=keys, borderpad=0, borderaxespad=0, bbox_transform=below, **legend_style)
    return ax


def _label_points(footprints: Sequence[BaseGeometry]) -> list[shapely.Point]:
    """Return the point of each number: inside the part that no other footprint covers, if there is one."""
    return [
        shapely.Point(
            shapely.maximum_inscribed_circle(max(shapely.get_parts(shape if alone.is_empty else alone), key=shapely.area)).coords[0]
        )
        for number, shape in enumerate(footprints)
        for alone in [shapely.difference(shape, shapely.union_all([*footprints[:number], *footprints[number + 1 :]]))]
    ]


def _style(ax: Axes, bounds: tuple[float, float, float, float], stretch: float, title: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415  # an extra

    west, south, east, north = bounds
    pad = 0.03 * max(east - west, (north - south))
    ax.set_xlim(west - pad, east + pad)
    ax.set_ylim(south - pad, north + pad)
    ax.set_aspect(stretch, adjustable="box")
    for axis, names in ((ax.xaxis, "EW"), (ax.yaxis, "NS")):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(lambda value, _, names=names: _degrees(value, names)))
    ax.set(xlabel="", ylabel="")
    ax.tick_params(labelsize=7.5, length=0, colors=INK)
    ax.grid(visible=True, color=INK, alpha=0.15, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=9.5, color=INK, loc="left")


def _degrees(value: float, names: str) -> str:
    wrapped = (value + 180) % 360 - 180 if abs(value) > _HALF_WORLD else value
    return f"{abs(wrapped):.3f}".rstrip("0").rstrip(".") + "°" + ("" if wrapped in {0, 180, -180} else names[int(wrapped < 0)])
