"""Reports as PDF, on A4 pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportlab.lib.colors import HexColor
from reportlab.platypus import Flowable, Spacer

from scenecart._geo.unwrap import outline_rings
from scenecart._util import html
from scenecart._util.style import AREA, CLIPPED, FOOTPRINT, MUTED
from scenecart.report._map import draw_globe, draw_map, flattened, position_text, scene_of
from scenecart.report._model import CAPTURES_UNAVAILABLE
from scenecart.report._pdf_canvas import LINE, PAPER, draw_drawing, draw_image
from scenecart.report._pdf_fonts import PLAIN, warn_of_missing_letters
from scenecart.report._pdf_listing import Text, listing
from scenecart.report._pdf_parts import (
    BODY,
    SMALL,
    WARNING,
    WIDTH,
    document,
    facts,
    head,
    heading,
    notes,
    overflow,
    words,
)
from scenecart.report._pdf_sheet import contact_sheet

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from scenecart.report._drawing import Drawing
    from scenecart.report._map import Scene
    from scenecart.report._model import CaptureLine, Contents
    from scenecart.report._scale_bar import ScaleBar

_SIDE, _GLOBE, _PAD = 108.0, 84.0, 12.0
_MAP = WIDTH - _SIDE - 3 * _PAD
# points to spare for rounding errors
_SPARE = 1.0
_BOX, _SMALL_BOX, _MANY_CAPTURES = (60.0, 45.0), (44.0, 33.0), 60
_CAPTION_SIZE, _CAPTION_LEADING, _TICK = 5.6, 7.2, 2.4


def to_pdf(contents: Contents) -> bytes:
    """Return the report as PDF; equal contents give equal bytes."""
    names = {text: None for line in contents.lines for text in (line.id, line.collection, line.host, line.error or "")}
    licences = [text for one in contents.licences for text in (one.title, one.acceptance, one.text)]
    warn_of_missing_letters([contents.title, *(value for _, value in contents.facts), *names, *licences])
    above: list[Any] = [_head(contents), Spacer(0, 14), facts(contents.facts), Spacer(0, 6)]
    below = _below(contents)
    scene = scene_of(contents)
    if scene is not None:
        maps = _maps(contents, scene)
        # a slightly lower map keeps a few last lines from moving to a new page
        excess = overflow([*above, maps, *below])
        flat = flattened(contents, scene, _MAP, excess + _SPARE) if excess > 0 else None
        above.append(maps if flat is None else _maps(contents, flat))
    foot = "" if contents.fingerprint is None else f"Cart {contents.fingerprint[:16]}"
    return document([*above, *below], title=contents.title, stamp=contents.stamp, foot=foot)


def _below(contents: Contents) -> list[Any]:
    """Return the parts below the map."""
    parts = _prices(contents) if contents.groups else []
    parts += heading("Captures")
    if contents.thumbnails_about:
        parts += [words(contents.thumbnails_about, SMALL), Spacer(0, 6)]
    parts.append(_captures(contents) if contents.lines else words(CAPTURES_UNAVAILABLE, SMALL))
    if contents.wanted_pictures:
        parts += [*heading("Pictures of the area"), *contact_sheet(contents)]
    if contents.unpriced:
        rows = [(Text(line.id), Text(line.error or "", WARNING)) for line in contents.unpriced]
        parts += [*heading("Captures without a price"), listing(("Capture", "Reason"), (0, 0), "ll", rows)]
    if contents.licences:
        parts += heading("Licence")
    for licence in contents.licences:
        parts.append(words(" · ".join(filter(None, (licence.title, licence.acceptance)))))
        parts += [words(text, SMALL) for text in filter(None, [*licence.text.splitlines(), licence.url])]
        parts.append(Spacer(0, 4))
    parts += notes(
        [contents.price_note, *([contents.thumbnails_note] if contents.missing_thumbnails else [])], contents.fingerprint
    )
    return parts


def _maps(contents: Contents, scene: Scene) -> Flowable:
    return _Maps(draw_map(scene, _MAP), draw_globe(scene, _GLOBE), position_text(scene), _legend(contents))


def _head(contents: Contents) -> Flowable:
    logo = contents.logo
    if contents.total_aud is not None and contents.total_credits is not None:
        amount, below = html.aud(contents.total_aud), contents.credits_text
        return head(contents.title, contents.subtitle, amount, below, is_price=True, logo=logo)
    return head(contents.title, contents.subtitle, *contents.no_price, is_price=False, logo=logo)


def _prices(contents: Contents) -> list[Any]:
    rows = [
        (f"{one.number}", Text(one.days or "–"), Text(one.captures), html.km2(one.km2), f"{one.credits:,}", f"{one.aud:,.2f}")
        for one in contents.price_lines
    ]
    total = None
    if contents.total_credits is not None and contents.total_aud is not None:
        total = ("Total", "", "", "", f"{contents.total_credits:,}", f"{contents.total_aud:,.2f}")
    titles = ("Group", "Acquired", "Captures", "km² priced", "Credits", "A$")
    return [*heading("Price"), listing(titles, (34, 66, 0, 60, 64, 64), "lllrrr", rows, total)]


def _captures(contents: Contents) -> Flowable:
    with_thumbnails, with_groups = bool(contents.thumbnails), bool(contents.groups)
    box = _BOX if len(contents.lines) <= _MANY_CAPTURES else _SMALL_BOX
    titles = ["No.", "Capture", "Acquired (UTC)", "Cloud", "Off-nadir", "GSD"]
    widths, sides = [22.0, 0.0, 80.0, 36.0, 48.0, 42.0], "rllrrr"
    if with_groups:
        titles, widths, sides = [*titles, "Group"], [*widths, 30.0], f"{sides}r"
    if with_thumbnails:
        titles, widths, sides = [titles[0], "", *titles[1:]], [widths[0], box[0] + 8, *widths[1:]], f"rl{sides[1:]}"
    footprints = list(contents.footprints) if len(contents.footprints) else [None] * len(contents.lines)
    captions = contents.captions
    rows = []
    for place, line in enumerate(contents.lines):
        row: list[Any] = [f"{line.number}", *_described(line)]
        if with_groups:
            row.append("–" if line.group is None else f"{line.group}")
        if with_thumbnails:
            row.insert(1, _Thumbnail(contents.thumbnails[place], captions[place], footprints[place], box))
        rows.append(row)
    return listing(titles, widths, sides, rows)


def _described(line: CaptureLine) -> list[Any]:
    more = ((line.collection, MUTED),) if line.collection else ()
    figures = [html.percent(line.cloud), html.angle(line.off_nadir), html.metres(line.gsd)]
    return [Text(line.id, BODY, more), line.acquired_text or "–", *figures]


def _legend(contents: Contents) -> list[tuple[str, str, bool]]:
    clipped = (contents.clipped_label, CLIPPED, True)
    if contents.area is None:
        return [clipped]
    return [("footprint", FOOTPRINT, False), clipped, ("area of interest", AREA, False)]


class _Thumbnail(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """The quicklook of a capture with its scale bar and day, or the outline of its footprint."""

    def __init__(
        self,
        content: bytes | None,
        caption: tuple[ScaleBar | None, str],
        footprint: BaseGeometry | None,
        box: tuple[float, float],
    ) -> None:
        super().__init__()
        self._content, self._footprint, self._box = content, footprint, box
        self._bar, self._day = caption if content is not None else (None, "")
        self.width = box[0]
        lines = (self._bar is not None) + bool(self._day)
        self.height = box[1] + (lines * _CAPTION_LEADING + 1.2 if lines else 0.0)

    def draw(self) -> None:
        self.canv.saveState()
        self.canv.translate(0, self.height - self._box[1])
        if self._content is None:
            self._draw_outline(*self._box)
        else:
            draw_image(self.canv, self._content, *self._box)
            # clouds are as white as paper
            self.canv.setStrokeColor(HexColor(LINE))
            self.canv.setLineWidth(0.5)
            self.canv.roundRect(0, 0, *self._box, 2, stroke=1, fill=0)
            self._draw_caption()
        self.canv.restoreState()

    def _draw_caption(self) -> None:
        """Draw the scale bar with its length, and the day, below the picture."""
        canvas, baseline = self.canv, -_CAPTION_LEADING
        canvas.setFont(PLAIN, _CAPTION_SIZE)
        canvas.setFillColor(HexColor(MUTED))
        if self._bar is not None:
            length = self._bar.share * self.width
            canvas.setStrokeColor(HexColor(MUTED))
            canvas.setLineWidth(0.6)
            ends = [(x, baseline, x, baseline + _TICK) for x in (0.3, length - 0.3)]
            canvas.lines([(0, baseline, length, baseline), *ends])
            canvas.drawString(length + 3, baseline, self._bar.text)
            baseline -= _CAPTION_LEADING
        canvas.drawString(0, baseline, self._day)

    def _draw_outline(self, width: float, height: float) -> None:
        canvas = self.canv
        canvas.setFillColor(HexColor(PAPER))
        canvas.roundRect(0, 0, width, height, 2, stroke=0, fill=1)
        canvas.setStrokeColor(HexColor(FOOTPRINT))
        canvas.setLineWidth(0.7)
        edge = height / 7
        for ring in outline_rings(self._footprint, width - 2 * edge, height - 2 * edge):
            path = canvas.beginPath()
            for place, (x, y) in enumerate(ring):
                (path.lineTo if place else path.moveTo)(edge + x, height - edge - y)
            canvas.drawPath(path, stroke=1, fill=0)


class _Maps(Flowable):  # type: ignore[misc]  # likewise
    """The map, with the globe and the legend beside it."""

    def __init__(self, map_: Drawing, globe: Drawing, position: str, legend: list[tuple[str, str, bool]]) -> None:
        super().__init__()
        self._map, self._globe, self._position, self._legend = map_, globe, position, legend
        self.width = WIDTH
        self.height = max(map_.height + 2 * _PAD, _GLOBE + 90)

    def draw(self) -> None:
        canvas = self.canv
        canvas.setFillColor(HexColor(PAPER))
        canvas.roundRect(0, 0, self.width, self.height, 5, stroke=0, fill=1)
        draw_drawing(canvas, self._map, _PAD, self.height - _PAD - self._map.height)
        left, top = self.width - _SIDE - _PAD + 6, self.height - _PAD
        draw_drawing(canvas, self._globe, left, top - _GLOBE)
        canvas.setFont(PLAIN, 7)
        canvas.setFillColor(HexColor(MUTED))
        canvas.drawString(left, top - _GLOBE - 14, self._position)
        for number, (text, color, filled) in enumerate(self._legend):
            y = top - _GLOBE - 36 - 13 * number
            canvas.setStrokeColor(HexColor(color))
            canvas.setFillColor(HexColor(color), alpha=0.2 if filled else 0)
            canvas.setLineWidth(1.2)
            canvas.roundRect(left + 0.6, y - 0.8, 7, 7, 1, stroke=1, fill=int(filled))
            canvas.setFillColor(HexColor(MUTED), alpha=1)
            canvas.drawString(left + 14, y, text)
