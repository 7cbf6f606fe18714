"""Static HTML of captures, for places without live widgets, such as an exported notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scenecart.widgets import _style
from scenecart.widgets._capture_text import describe
from scenecart.widgets._spatial_index import FootprintIndex

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart.widgets._state import CaptureState

_MOST_ROWS, _MOST_SHAPES = 10, 400
_WIDTH, _HEIGHT = 640.0, 320.0


def captures_html(state: CaptureState, *, is_searching: bool = False) -> str:
    """Return captures as HTML without scripts: footprints as SVG, and a table of the first rows."""
    rows = state.selected if state.selection else state.filtered
    kind = "selected" if state.selection else "captures"
    paths, size = _svg_paths(state)
    return _page(rows, paths, size, f"{kind} so far, more are arriving" if is_searching else kind)


def table_html(captures: gpd.GeoDataFrame) -> str:
    """Return the first rows of captures as HTML without scripts."""
    return _page(captures, [], (0.0, 0.0), "captures")


def _page(captures: gpd.GeoDataFrame, paths: list[tuple[str, str]], size: tuple[float, float], kind: str) -> str:
    return _style.render(
        "widget_static.html",
        paths=paths,
        width=round(size[0], 1),
        height=round(size[1], 1),
        rows=[describe(row) for _, row in captures.head(_MOST_ROWS).iterrows()],
        rest=max(0, len(captures) - _MOST_ROWS),
        kind=kind,
        count=len(captures),
    )


def _svg_paths(state: CaptureState) -> tuple[list[tuple[str, str]], tuple[float, float]]:
    """Return the corners and colour of each footprint, and the width and height of the picture."""
    index = FootprintIndex(state.captures)
    bounds = index.bounds
    if bounds is None:
        return [], (0.0, 0.0)
    west, south, east, north = bounds
    width, height = max(east - west, 1e-6), max(north - south, 1e-6)
    scale = min(_WIDTH / width, _HEIGHT / height)
    selected = set(state.positions().tolist())
    keep = state.keep.copy()
    keep[np.flatnonzero(keep)[_MOST_SHAPES:]] = False
    paths: list[tuple[str, str]] = []
    for world, parts in index.in_view(bounds, keep):
        for feature in index.features(world, parts, width / _WIDTH):
            ring = feature["geometry"]["coordinates"][0]
            points = " ".join(f"{(x - west) * scale:.1f},{(north - y) * scale:.1f}" for x, y in ring)
            paths.append((points, _style.SELECTED if feature["properties"]["row"] in selected else _style.PLAIN))
    return paths, (width * scale, height * scale)
