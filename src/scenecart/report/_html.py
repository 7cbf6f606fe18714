"""A report as one HTML file that needs nothing else: for the screen, light and dark, and for paper."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from markupsafe import Markup

from scenecart._util.html import render
from scenecart.report._map import draw_globe, draw_map, outline, scene_of, to_svg, where

if TYPE_CHECKING:
    from scenecart.report._model import Contents

_MAP, _GLOBE = 500.0, 112.0
_CELL, _ROOM = (64.0, 48.0), 7.0


def to_html(contents: Contents) -> bytes:
    """Return the report as UTF-8 bytes."""
    scene = scene_of(contents)
    pictures = {} if scene is None else {
        "map": Markup(to_svg(draw_map(scene, _MAP), f"map {contents.fingerprint}")),  # noqa: S704  # drawn here from numbers alone
        "globe": Markup(to_svg(draw_globe(scene, _GLOBE), f"globe {contents.fingerprint}")),  # noqa: S704  # likewise
        "where": where(scene),
    }  # fmt: skip
    return render(
        "report.html",
        report=contents,
        pictures=[None if one is None else base64.b64encode(one).decode("ascii") for one in contents.pictures],
        outlines=_outlines(contents),
        **{"map": None, **pictures},
    ).encode("utf-8", "replace")


def _outlines(contents: Contents) -> list[list[str]]:
    """Return, for each capture without a picture, its footprint's outline as points of a small drawing."""
    if not contents.pictures or not len(contents.captures):
        return [[] for _ in contents.lines]
    wide, high = (side - 2 * _ROOM for side in _CELL)
    return [
        []
        if picture is not None
        else [" ".join(f"{x + _ROOM:.1f},{y + _ROOM:.1f}" for x, y in ring) for ring in outline(footprint, wide, high)]
        for footprint, picture in zip(contents.captures, contents.pictures, strict=True)
    ]
