"""A picture and a table for where no widget lives, such as a notebook exported to HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scenecart.widgets import _style
from scenecart.widgets._map_layers import describe
from scenecart.widgets._spatial_index import FootprintIndex

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart.widgets._state import CaptureState

_ROWS, _SHAPES = 10, 400
_WIDTH, _HEIGHT = 640.0, 320.0


def still(state: CaptureState, *, is_searching: bool = False) -> str:
    """Return captures as HTML without script: footprints as SVG, and a table of the first."""
    shown = state.selected if state.selection else state.filtered
    paths, size = _picture(state)
    kind = "selected" if state.selection else "captures"
    return _page(shown, paths, size, f"{kind} so far, and more are arriving" if is_searching else kind)


def table(shown: gpd.GeoDataFrame) -> str:
    """Return the first rows of captures as HTML without script."""
    return _page(shown, [], (0.0, 0.0), "captures")


def _page(shown: gpd.GeoDataFrame, paths: list[tuple[str, str]], size: tuple[float, float], what: str) -> str:
    return _style.text(
        "widget_still.html",
        paths=paths,
        width=round(size[0], 1),
        height=round(size[1], 1),
        rows=[describe(row) for _, row in shown.head(_ROWS).iterrows()],
        rest=max(0, len(shown) - _ROWS),
        what=what,
        count=len(shown),
    )


def _picture(state: CaptureState) -> tuple[list[tuple[str, str]], tuple[float, float]]:
    """Return the corners and colour of each footprint, and the width and height of the picture."""
    ground = FootprintIndex(state.captures)
    bounds = ground.bounds
    if bounds is None:
        return [], (0.0, 0.0)
    west, south, east, north = bounds
    wide, high = max(east - west, 1e-6), max(north - south, 1e-6)
    scale = min(_WIDTH / wide, _HEIGHT / high)
    chosen = set(state.positions().tolist())
    keep = state.keep.copy()
    keep[np.flatnonzero(keep)[_SHAPES:]] = False
    paths: list[tuple[str, str]] = []
    for turn, parts in ground.in_view(bounds, keep):
        for one in ground.features(turn, parts, wide / _WIDTH):
            ring = one["geometry"]["coordinates"][0]
            points = " ".join(f"{(x - west) * scale:.1f},{(north - y) * scale:.1f}" for x, y in ring)
            paths.append((points, _style.CHOSEN if one["properties"]["row"] in chosen else _style.PLAIN))
    return paths, (wide * scale, high * scale)
