"""Reports as one self-contained HTML file for screen and paper."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scenecart._geo.unwrap import outline_rings
from scenecart._util.html import render
from scenecart.report._drawing import to_svg
from scenecart.report._map import draw_globe, draw_map, position_text, scene_of
from scenecart.report._model import CAPTURES_UNAVAILABLE

if TYPE_CHECKING:
    from scenecart.report._model import Contents

_MAP, _GLOBE = 500.0, 112.0
_CELL, _MARGIN = (64.0, 48.0), 7.0


def to_html(contents: Contents) -> bytes:
    """Return the report as HTML, UTF-8."""
    scene = scene_of(contents)
    maps = {} if scene is None else {
        "map": to_svg(draw_map(scene, _MAP), f"map {contents.fingerprint}"),
        "globe": to_svg(draw_globe(scene, _GLOBE), f"globe {contents.fingerprint}"),
        "position": position_text(scene),
    }  # fmt: skip
    return render(
        "report.html",
        report=contents,
        thumbnails=[None if one is None else base64.b64encode(one).decode("ascii") for one in contents.thumbnails],
        captions=contents.captions,
        outlines=_outlines(contents),
        pictures=[(one, base64.b64encode(one.content).decode("ascii")) for one in contents.pictures],
        logo=None if contents.logo is None else base64.b64encode(contents.logo).decode("ascii"),
        captures_unavailable=CAPTURES_UNAVAILABLE,
        **{"map": None, **maps},
    ).encode("utf-8", "replace")


def _outlines(contents: Contents) -> list[list[str]]:
    """Return the footprint outline of each capture without a quicklook, as points of an SVG polygon."""
    if not contents.thumbnails or not len(contents.footprints):
        return [[] for _ in contents.lines]
    width, height = (side - 2 * _MARGIN for side in _CELL)
    return [
        []
        if thumbnail is not None
        else [" ".join(f"{x + _MARGIN:.1f},{y + _MARGIN:.1f}" for x, y in ring) for ring in outline_rings(footprint, width, height)]
        for footprint, thumbnail in zip(contents.footprints, contents.thumbnails, strict=True)
    ]
