"""A picture and a table for where no widget lives, such as a notebook exported to HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart.widgets import _look
from scenecart.widgets._drawing import describe
from scenecart.widgets._ground import Ground

if TYPE_CHECKING:
    from scenecart.widgets._state import CaptureState

_ROWS, _SHAPES = 15, 400


def with_picture(bundle: Any, state: CaptureState) -> Any:
    """Add a still picture of captures to what a widget shows."""
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    if isinstance(data, dict):
        data["text/html"] = still(state)
    return bundle


def still(state: CaptureState) -> str:
    """Return captures as HTML without script: footprints as SVG, and a table of the first."""
    shown = state.selected if state.selection else state.filtered
    ground = Ground(state.captures)
    bounds = ground.bounds
    paths: list[tuple[str, str]] = []
    size = (640.0, 320.0)
    if bounds is not None:
        west, south, east, north = bounds
        wide, high = max(east - west, 1e-6), max(north - south, 1e-6)
        scale = min(size[0] / wide, size[1] / high)
        size = (wide * scale, high * scale)
        chosen = set(state.positions().tolist())
        keep = state.keep.copy()
        keep[np.flatnonzero(keep)[_SHAPES:]] = False
        for turn, parts in ground.in_view(bounds, keep):
            for one in ground.features(turn, parts, wide / 640):
                ring = one["geometry"]["coordinates"][0]
                points = " ".join(f"{(x - west) * scale:.1f},{(north - y) * scale:.1f}" for x, y in ring)
                paths.append((points, _look.CHOSEN if one["properties"]["row"] in chosen else _look.PLAIN))
    rows = [describe(row) for _, row in shown.head(_ROWS).iterrows()]
    return _look.text(
        "widget_still.html",
        paths=paths,
        width=round(size[0], 1),
        height=round(size[1], 1),
        rows=rows,
        rest=max(0, len(shown) - _ROWS),
        what="selected" if state.selection else "captures",
        count=len(shown),
    )
