"""PDF canvas: page numbers, drawings and images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from scenecart._util.style import MUTED
from scenecart.report._drawing import Disc, Lines
from scenecart.report._pdf_fonts import PLAIN, width_of, writable

if TYPE_CHECKING:
    from datetime import datetime

    from scenecart.report._drawing import Drawing, Pen, TextLine

LINE, PAPER = "#dde3ea", "#f5f7f9"
_FOOT = 30.0


class Pages(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """A canvas with page numbers such as "1 of 3", and with the time stamp of the contents."""

    margin = 45.0

    def __init__(self, *arguments: Any, stamp: datetime, foot: str, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "invariant": 1})
        self.setDateFormatter(lambda *_: f"D:{stamp:%Y%m%d%H%M%S}Z")
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # named by reportlab
        """Store the page until the number of pages is known."""
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write the pages with their numbers."""
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(PLAIN, 7)
            self.setFillColor(MUTED)
            self.drawString(self.margin, _FOOT, self._foot)
            self.drawRightString(self._pagesize[0] - self.margin, _FOOT, f"{number} of {len(self._pages)}")
            super().showPage()
        super().save()


def draw_drawing(canvas: Canvas, drawing: Drawing, x: float, y: float) -> None:
    """Draw a drawing with its lower left corner at a position in points."""
    canvas.saveState()
    canvas.translate(x, y)
    for item in drawing.items:
        canvas.saveState()
        if isinstance(item, Lines):
            _draw_lines(canvas, item, drawing.frame)
        elif isinstance(item, Disc):
            canvas.circle(item.x, item.y, item.radius, **_set_pen(canvas, item.pen))
        else:
            _draw_text_line(canvas, item)
        canvas.restoreState()
    canvas.restoreState()


def draw_image(canvas: Canvas, content: bytes, wide: float, high: float) -> None:
    """Draw a JPEG that fills a box with rounded corners, in points; the rest is cut off."""
    picture = ImageReader(io.BytesIO(content))
    width, height = picture.getSize()
    scale = max(wide / width, high / height)
    canvas.saveState()
    frame = canvas.beginPath()
    frame.roundRect(0, 0, wide, high, 2)
    canvas.clipPath(frame, stroke=0, fill=0)
    left, below = (wide - width * scale) / 2, (high - height * scale) / 2
    canvas.drawImage(picture, left, below, width * scale, height * scale)
    canvas.restoreState()


def _draw_lines(canvas: Canvas, lines: Lines, frame: tuple[float, float, float, float]) -> None:
    left, bottom, right, top = frame
    box = canvas.beginPath()
    box.rect(left, bottom, right - left, top - bottom)
    canvas.clipPath(box, stroke=0, fill=0)
    outline = canvas.beginPath()
    for part in lines.parts:
        first, *others = part.tolist()
        outline.moveTo(*first)
        for corner in others:
            outline.lineTo(*corner)
        if lines.closed:
            outline.close()
    canvas.drawPath(outline, **_set_pen(canvas, lines.pen), fillMode=0)


def _set_pen(canvas: Canvas, pen: Pen) -> dict[str, int]:
    """Set the colours and line width of a pen, and return whether it strokes and whether it fills."""
    if pen.stroke:
        canvas.setLineWidth(pen.width)
        canvas.setLineJoin(1)
        canvas.setStrokeColor(HexColor(pen.stroke), alpha=pen.opacity)
    if pen.fill:
        canvas.setFillColor(HexColor(pen.fill), alpha=pen.opacity)
    return {"stroke": int(pen.stroke is not None), "fill": int(pen.fill is not None)}


def _draw_text_line(canvas: Canvas, words: TextLine) -> None:
    text = writable(words.text)
    left = words.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor] * width_of(words.text, PLAIN, words.size)
    # a halo in the paper's colour keeps a label readable above lines
    for color, mode in (*(((HexColor(PAPER), 2),) if words.is_label else ()), (HexColor(words.color), 0)):
        canvas.saveState()
        canvas.setLineWidth(2)
        canvas.setLineJoin(1)
        canvas.setStrokeColor(color)
        canvas.setFillColor(color)
        line = canvas.beginText(left, words.baseline)
        line.setFont(PLAIN, words.size)
        line.setTextRenderMode(mode)
        line.textOut(text)
        canvas.drawText(line)
        canvas.restoreState()
