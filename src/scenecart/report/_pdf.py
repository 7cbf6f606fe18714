"""A report as PDF: the look of the page, set for A4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, Spacer

from scenecart._util import html
from scenecart._util.style import AREA, BOUGHT, FOOTPRINT, QUIET
from scenecart.report._map import draw_globe, draw_map, lower, outline, scene_of, where
from scenecart.report._pdf_canvas import PAPER, PLAIN, draw_figure, draw_picture
from scenecart.report._pdf_parts import (
    BODY,
    SMALL,
    WARNING,
    WIDTH,
    beyond_a_page,
    document,
    facts,
    head,
    heading,
    last_words,
    listing,
    words,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from shapely.geometry.base import BaseGeometry

    from scenecart.report._map import Scene
    from scenecart.report._model import CaptureLine, Contents

_SIDE, _GLOBE, _PAD = 108.0, 84.0, 12.0
_MAP = WIDTH - _SIDE - 3 * _PAD
# points to spare, for sums that are rounded
_SPARE = 1.0
_BOX, _SMALL_BOX, _MANY = (44.0, 33.0), (30.0, 22.5), 60


def to_pdf(contents: Contents) -> bytes:
    """Return the report as PDF; the same contents give the same bytes."""
    above: list[Any] = [_head(contents), Spacer(0, 14), facts(contents.facts), Spacer(0, 6)]
    below = _below(contents)
    scene = scene_of(contents)
    if scene is not None:
        maps = _maps(contents, scene)
        # a map that is a little lower keeps a few last words off a page of their own
        excess = beyond_a_page([*above, maps, *below])
        flat = lower(contents, scene, _MAP, excess + _SPARE) if excess > 0 else None
        above.append(maps if flat is None else _maps(contents, flat))
    foot = "" if contents.fingerprint is None else f"Cart {contents.fingerprint[:16]}"
    return document([*above, *below], title=contents.title, stamp=contents.stamp, foot=foot)


_UNKNOWN = "The service does not tell which captures this order holds, and this machine did not place it."


def _below(contents: Contents) -> list[Any]:
    """Return what stands below the map."""
    parts = _prices(contents) if contents.groups else []
    parts += heading("Captures")
    parts.append(_captures(contents) if contents.lines else words(_UNKNOWN, SMALL))
    if contents.refused:
        rows = [(words(line.id), words(line.error or "", WARNING)) for line in contents.refused]
        parts += [*heading("Not priced, not bought"), listing(("Capture", "Reason"), (0, 0), "ll", rows)]
    parts += last_words([contents.how, *([contents.about_pictures] if contents.late else [])], contents.fingerprint)
    return parts


def _maps(contents: Contents, scene: Scene) -> Flowable:
    return _Maps(draw_map(scene, _MAP), draw_globe(scene, _GLOBE), where(scene), _key(contents))


def _head(contents: Contents) -> Flowable:
    if contents.total_aud is not None and contents.total_credits is not None:
        amount, below = html.aud(contents.total_aud), f"{contents.total_credits:,} credits"
        return head(contents.title, contents.said_when, amount, below, is_price=True)
    none = ("No prices", "the service was not asked") if contents.kind == "cart" else ("Price not told", "by the service")
    return head(contents.title, contents.said_when, *none, is_price=False)


def _prices(contents: Contents) -> list[Any]:
    rows = [
        (f"{number}", f"{len(group.ids):,}", html.km2(group.aoi_km2), f"{group.credits:,}", f"{group.aud:,.2f}")
        for number, group in enumerate(contents.groups, 1)
    ]
    total = None
    if contents.total_credits is not None and contents.total_aud is not None:
        total = ("Total", "", "", f"{contents.total_credits:,}", f"{contents.total_aud:,.2f}")
    titles = ("Group", "Captures", "km²", "Credits", "A$")
    return [*heading("Price"), listing(titles, (0, 0, 0, 0, 0), "lrrrr", rows, total)]


def _captures(contents: Contents) -> Flowable:
    with_pictures, with_groups = bool(contents.pictures), bool(contents.groups)
    box = _BOX if len(contents.lines) <= _MANY else _SMALL_BOX
    titles = ["No.", "Capture", "Acquired (UTC)", "Cloud", "Off-nadir", "GSD"]
    widths, sides = [22.0, 0.0, 80.0, 36.0, 48.0, 42.0], "rllrrr"
    if with_groups:
        titles, widths, sides = [*titles, "Group"], [*widths, 30.0], f"{sides}r"
    if with_pictures:
        titles, widths, sides = [titles[0], "", *titles[1:]], [widths[0], box[0] + 8, *widths[1:]], f"rl{sides[1:]}"
    ground = list(contents.captures) if len(contents.captures) else [None] * len(contents.lines)
    rows = []
    for place, line in enumerate(contents.lines):
        row: list[Any] = [f"{line.number}", *_described(line)]
        if with_groups:
            row.append("–" if line.group is None else f"{line.group}")
        if with_pictures:
            row.insert(1, _Picture(contents.pictures[place], ground[place], box))
        rows.append(row)
    return listing(titles, widths, sides, rows)


def _described(line: CaptureLine) -> list[Any]:
    more = [(line.collection, QUIET)] if line.collection else []
    figures = [html.percent(line.cloud), html.angle(line.off_nadir), html.metres(line.gsd)]
    return [words(line.id, BODY, *more), line.acquired or "–", *figures]


def _key(contents: Contents) -> list[tuple[str, str, bool]]:
    bought = {"cart": "in the cart", "order": "bought", "quote": "priced"}[contents.kind]
    if contents.area is None:
        return [(bought, BOUGHT, True)]
    return [("footprint", FOOTPRINT, False), (bought, BOUGHT, True), ("area of interest", AREA, False)]


class _Picture(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The small picture of a capture, or its footprint's outline."""

    def __init__(self, content: bytes | None, footprint: BaseGeometry | None, box: tuple[float, float]) -> None:
        super().__init__()
        self._content, self._footprint = content, footprint
        self.width, self.height = box

    def draw(self) -> None:
        if self._content is not None:
            draw_picture(self.canv, self._content, self.width, self.height)
            return
        self.canv.setFillColor(HexColor(PAPER))
        self.canv.roundRect(0, 0, self.width, self.height, 2, stroke=0, fill=1)
        self.canv.setStrokeColor(HexColor(FOOTPRINT))
        self.canv.setLineWidth(0.7)
        edge = self.height / 7
        for ring in outline(self._footprint, self.width - 2 * edge, self.height - 2 * edge):
            drawn = self.canv.beginPath()
            for place, (x, y) in enumerate(ring):
                (drawn.lineTo if place else drawn.moveTo)(edge + x, self.height - edge - y)
            self.canv.drawPath(drawn, stroke=1, fill=0)


class _Maps(Flowable):  # type: ignore[misc]  # likewise
    """The map, and beside it where in the world that is and what the colours say."""

    def __init__(self, ground: Figure, world: Figure, place: str, key: list[tuple[str, str, bool]]) -> None:
        super().__init__()
        self._ground, self._world, self._place, self._key = ground, world, place, key
        self.width = WIDTH
        self.height = max(ground.bbox.height + 2 * _PAD, _GLOBE + 90)

    def draw(self) -> None:
        canvas = self.canv
        canvas.setFillColor(HexColor(PAPER))
        canvas.roundRect(0, 0, self.width, self.height, 5, stroke=0, fill=1)
        draw_figure(canvas, self._ground, _PAD, self.height - _PAD - self._ground.bbox.height)
        left, top = self.width - _SIDE - _PAD + 6, self.height - _PAD
        draw_figure(canvas, self._world, left, top - _GLOBE)
        canvas.setFont(PLAIN, 7)
        canvas.setFillColor(HexColor(QUIET))
        canvas.drawString(left, top - _GLOBE - 14, self._place)
        for number, (text, color, filled) in enumerate(self._key):
            y = top - _GLOBE - 36 - 13 * number
            canvas.setStrokeColor(HexColor(color))
            canvas.setFillColor(HexColor(color), alpha=0.2 if filled else 0)
            canvas.setLineWidth(1.2)
            canvas.roundRect(left + 0.6, y - 0.8, 7, 7, 1, stroke=1, fill=int(filled))
            canvas.setFillColor(HexColor(QUIET), alpha=1)
            canvas.drawString(left + 14, y, text)
