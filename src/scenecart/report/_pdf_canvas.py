"""Pages, letters and drawings of a PDF: page numbers, fonts that go with the file, and matplotlib's figures as lines."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.path import Path as Outline
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from scenecart._util.style import QUIET

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

PLAIN, BOLD, MONO = "scenecart", "scenecart-bold", "scenecart-mono"
LINE, PAPER = "#dde3ea", "#f5f7f9"
_FILES = {PLAIN: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf", MONO: "DejaVuSansMono.ttf"}
_FOOT = 30.0
_LAST_PLAIN = 0xFFFF
_LEFT_LETTERS = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_LEFTWARD = re.compile(f"[{_LEFT_LETTERS}](?:[{_LEFT_LETTERS} ]*[{_LEFT_LETTERS}])?")


@cache
def letters() -> frozenset[int]:
    """Make the fonts known, and return the letters that all of them show."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    shown: list[set[int]] = []
    for name, file in _FILES.items():
        font = TTFont(name, str(folder / file))
        pdfmetrics.registerFont(font)
        shown.append(set(font.face.charToGlyph))
    for name, bold in ((PLAIN, BOLD), (BOLD, BOLD), (MONO, MONO)):
        pdfmetrics.registerFontFamily(name, normal=name, bold=bold, italic=name, boldItalic=bold)
    # beyond these, what is copied from the page would not be what is seen
    return frozenset(letter for letter in shown[0] & shown[1] if letter <= _LAST_PLAIN)


def writable(text: str) -> str:
    """Return a text in letters that the fonts have; another one is written as its number, so that no two names look alike."""
    known = letters()
    # what is written from right to left stands in a file as it is seen
    seen = _LEFTWARD.sub(lambda run: run[0][::-1], text)
    return "".join(letter if ord(letter) in known else f"‹U+{ord(letter):04X}›" for letter in seen)


class Pages(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """A canvas that knows how many pages there are when it writes their numbers, and takes its time from the contents."""

    margin = 45.0

    def __init__(self, *arguments: Any, stamp: datetime, foot: str, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "invariant": 1})
        self.setDateFormatter(lambda *_: f"D:{stamp:%Y%m%d%H%M%S}Z")
        self._foot = foot
        self._kept: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # named by reportlab
        """Keep the page until all are there."""
        self._kept.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        """Write the file, with a number on each page."""
        for number, page in enumerate(self._kept, 1):
            self.__dict__.update(page)
            self.setFont(PLAIN, 7)
            self.setFillColor(QUIET)
            self.drawString(self.margin, _FOOT, self._foot)
            self.drawRightString(self._pagesize[0] - self.margin, _FOOT, f"{number} of {len(self._kept)}")
            super().showPage()
        super().save()


def draw_figure(canvas: Canvas, figure: Figure, x: float, y: float) -> None:
    """Draw a figure of matplotlib, its lower left corner in points."""
    canvas.saveState()
    canvas.translate(x, y)
    figure.draw(_OnCanvas(canvas, figure.bbox.width, figure.bbox.height))
    canvas.restoreState()


def draw_picture(canvas: Canvas, content: bytes, wide: float, high: float) -> None:
    """Draw a JPEG so that it fills a box with rounded corners, in points; what is beyond is cut."""
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


class _OnCanvas(RendererBase):
    """What matplotlib draws with: lines, filled outlines and letters, in points."""

    def __init__(self, canvas: Canvas, width: float, height: float) -> None:
        super().__init__()
        self._canvas = canvas
        self._size = width, height

    def flipy(self) -> bool:
        return False

    def get_canvas_width_height(self) -> tuple[float, float]:
        return self._size

    def points_to_pixels(self, points: Any) -> Any:
        return points

    def draw_path(self, gc: GraphicsContextBase, path: Outline, transform: Transform, rgbFace: Any = None) -> None:  # noqa: N803  # named by matplotlib
        canvas = self._canvas
        canvas.saveState()
        self._clip(gc)
        drawn = canvas.beginPath()
        for points, code in path.iter_segments(transform, curves=True, simplify=False):
            if code == Outline.MOVETO:
                drawn.moveTo(*points)
            elif code == Outline.LINETO:
                drawn.lineTo(*points)
            elif code == Outline.CURVE4:
                drawn.curveTo(*points)
            elif code == Outline.CLOSEPOLY:
                drawn.close()
        strokes = gc.get_linewidth() > 0 and gc.get_rgb()[3] > 0
        fills = rgbFace is not None and (len(rgbFace) < 4 or rgbFace[3] > 0)  # noqa: PLR2004  # red, green, blue, and how opaque
        if strokes:
            canvas.setLineWidth(gc.get_linewidth())
            canvas.setStrokeColorRGB(*gc.get_rgb()[:3], alpha=gc.get_rgb()[3])
        if fills:
            canvas.setFillColorRGB(*rgbFace[:3], alpha=rgbFace[3] if len(rgbFace) > 3 else 1.0)  # noqa: PLR2004  # likewise
        if strokes or fills:
            canvas.drawPath(drawn, stroke=int(strokes), fill=int(fills), fillMode=0)
        canvas.restoreState()

    def draw_text(self, gc: Any, x: float, y: float, s: str, prop: Any, *_: Any, **__: Any) -> None:
        canvas = self._canvas
        # paper around the letters keeps lines below them from crossing
        for color, mode in ((HexColor(PAPER), 2), (Color(*gc.get_rgb()[:3]), 0)):
            canvas.saveState()
            canvas.setLineWidth(2)
            canvas.setStrokeColor(color)
            canvas.setFillColor(color)
            words = canvas.beginText(x, y)
            words.setFont(PLAIN, prop.get_size_in_points())
            words.setTextRenderMode(mode)
            words.textOut(writable(s))
            canvas.drawText(words)
            canvas.restoreState()

    def _clip(self, gc: GraphicsContextBase) -> None:
        box = gc.get_clip_rectangle()
        if box is not None:
            frame = self._canvas.beginPath()
            frame.rect(box.x0, box.y0, box.width, box.height)
            self._canvas.clipPath(frame, stroke=0, fill=0)
