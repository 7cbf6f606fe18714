"""PDF canvas: page numbers, matplotlib figures and images."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from matplotlib.backend_bases import GraphicsContextBase, RendererBase
from matplotlib.path import Path as Outline
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from scenecart._util.style import MUTED
from scenecart.report._pdf_fonts import PLAIN, writable

if TYPE_CHECKING:
    from datetime import datetime

    from matplotlib.figure import Figure
    from matplotlib.transforms import Transform

LINE, PAPER = "#dde3ea", "#f5f7f9"
_FOOT = 30.0


class Pages(Canvas):  # type: ignore[misc]  # reportlab ships no types
    """A canvas that numbers its pages "1 of 3" and takes its time stamp from the contents."""

    margin = 45.0

    def __init__(self, *arguments: Any, stamp: datetime, foot: str, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "invariant": 1})
        self.setDateFormatter(lambda *_: f"D:{stamp:%Y%m%d%H%M%S}Z")
        self._foot = foot
        self._pages: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802  # named by reportlab
        """Keep the page until the number of pages is known."""
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


def draw_figure(canvas: Canvas, figure: Figure, x: float, y: float) -> None:
    """Draw a matplotlib figure with its lower left corner at a position in points."""
    canvas.saveState()
    canvas.translate(x, y)
    figure.draw(_OnCanvas(canvas, figure.bbox.width, figure.bbox.height))
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


class _OnCanvas(RendererBase):
    """A matplotlib renderer of paths and text, in points."""

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
        outline = canvas.beginPath()
        for points, code in path.iter_segments(transform, curves=True, simplify=False):
            if code == Outline.MOVETO:
                outline.moveTo(*points)
            elif code == Outline.LINETO:
                outline.lineTo(*points)
            elif code == Outline.CURVE4:
                outline.curveTo(*points)
            elif code == Outline.CLOSEPOLY:
                outline.close()
        strokes = gc.get_linewidth() > 0 and gc.get_rgb()[3] > 0
        fills = rgbFace is not None and (len(rgbFace) < 4 or rgbFace[3] > 0)  # noqa: PLR2004  # RGB without alpha
        if strokes:
            canvas.setLineWidth(gc.get_linewidth())
            canvas.setStrokeColorRGB(*gc.get_rgb()[:3], alpha=gc.get_rgb()[3])
        if fills:
            canvas.setFillColorRGB(*rgbFace[:3], alpha=rgbFace[3] if len(rgbFace) > 3 else 1.0)  # noqa: PLR2004  # likewise
        if strokes or fills:
            canvas.drawPath(outline, stroke=int(strokes), fill=int(fills), fillMode=0)
        canvas.restoreState()

    def draw_text(self, gc: Any, x: float, y: float, s: str, prop: Any, *_: Any, **__: Any) -> None:
        canvas = self._canvas
        # a halo in the paper's colour keeps the text readable above lines
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
