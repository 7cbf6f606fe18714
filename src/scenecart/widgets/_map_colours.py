"""Colours of footprints on the map, and the legends that explain them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.geometry import mapping

from scenecart._util.text import clean_text
from scenecart.widgets import _style
from scenecart.widgets._capture_text import column_title
from scenecart.widgets._facets import day_text

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart.widgets._state import CaptureState

COLOUR_COLUMNS = (
    "eo:cloud_cover",
    "aoi:cloud_cover",
    "datetime",
    "view:off_nadir",
    "gsd",
    "view:sun_elevation",
    "collection",
    "host",
    "platform",
)
_CATEGORIES = {"collection", "host", "platform"}
_DENSITY_SCALE = "#0072b21f, #0072b2cc"
# one band for each step
_STEPS = ", ".join(
    f"{colour} {100 * number // len(_style.SCALE)}% {100 * (number + 1) // len(_style.SCALE)}%"
    for number, colour in enumerate(_style.SCALE)
)

Cell = tuple[tuple[float, float, float, float], int]


def colours_by(column: str, captures: gpd.GeoDataFrame, state: CaptureState) -> tuple[list[str], str]:
    """Return the colour of each row by a column, and the legend as HTML; an empty column name gives one colour.

    Colours span what matches the filters: captures that are filtered out do not narrow their range.
    """
    if not column or column not in captures.columns:
        return [_style.PLAIN] * len(captures), ""
    if column in _CATEGORIES:
        return _category_colours(column, captures, state.keep)
    values = state.values(column)
    finite = values[np.isfinite(values) & state.keep] if state.keep.any() else values[np.isfinite(values)]
    if not len(finite):
        return [_style.NO_VALUE] * len(captures), ""
    low, high = float(finite.min()), float(finite.max())
    shares = np.clip((values - low) / (high - low if high > low else 1.0), 0.0, 1.0)
    colours = [_style.NO_VALUE if np.isnan(share) else _style.colour_of(float(share)) for share in shares]
    ends = (day_text(low), day_text(high)) if column == "datetime" else (f"{low:g}", f"{high:g}")
    if low == high:
        # one value needs no scale
        return colours, _legend(column_title(column), keys=[(ends[0], _style.colour_of(0.0))])
    return colours, _legend(column_title(column), ends=ends, scale=_STEPS)


def density_layer(cells: list[Cell]) -> dict[str, Any]:
    """Return grid cells (bounds in degrees, and a count) as GeoJSON, darker with more captures."""
    most = max((count for _, count in cells), default=1)
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "properties": {"style": {"fillColor": _style.PLAIN, "fillOpacity": round(0.12 + 0.68 * (count / most) ** 0.5, 3)}},
                "geometry": mapping(shapely.box(*bounds)),
            }
            for bounds, count in cells
        ],
    }


def marks_legend(*, has_area: bool, has_captures: bool) -> str:
    """Return the legend of what may lie above the footprints, as HTML; empty if nothing can."""
    marks = [("current", "current"), ("selected", "selected")] * has_captures + [("my area", "area")] * has_area
    return _style.render("widget_marks.html", marks=marks) if marks else ""


def owned_legend(*, is_hatched: bool = True) -> str:
    """Return the legend of owned captures as HTML; above imagery, owned areas are outlined and not hatched."""
    return _legend(f"Dashed: owned already, or perhaps. {'Hatched' if is_hatched else 'Outlined'}: owned area")


def density_legend(cells: list[Cell]) -> str:
    """Return the legend of grid cells as HTML."""
    most = max((count for _, count in cells), default=1)
    return _legend("Captures per cell", ends=("1", f"{most:,}"), scale=_DENSITY_SCALE)


def _category_colours(column: str, captures: gpd.GeoDataFrame, keep: np.ndarray[Any, Any]) -> tuple[list[str], str]:
    texts = captures[column].astype(str)
    palette = _style.CATEGORY_COLOURS
    colours = {category: palette[number % len(palette)] for number, category in enumerate(sorted(texts.unique()))}
    shown = set(texts[keep])
    keys = [(clean_text(category, 40), colour) for category, colour in colours.items() if category in shown][: len(palette)]
    return texts.map(colours).tolist(), _legend(column_title(column), keys=keys)


def _legend(title: str, *, keys: list[tuple[str, str]] | None = None, ends: tuple[str, str] | None = None, scale: str = "") -> str:
    return _style.render("widget_legend.html", title=title, keys=keys or [], ends=ends, scale=scale)
