"""Long tables of PDF reports: no row is split between pages, and each page repeats the titles.

The tables of reportlab lay out all remaining rows again on each page. Here each row is laid out once, and text that fits its
column, as most text does, is drawn without a paragraph.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable

from scenecart._util.style import MUTED, TEXT
from scenecart.report._pdf_canvas import LINE
from scenecart.report._pdf_fonts import BOLD, PLAIN, is_drawn_as_is, register_fonts, width_of
from scenecart.report._pdf_parts import BODY, WIDTH, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reportlab.pdfgen.canvas import Canvas

_ABOVE, _BELOW, _GAP = 3.6, 4.2, 10.0
_RULE, _TOTAL_RULE = 0.6, 1.3
_FIGURE = ParagraphStyle("figure", fontName=PLAIN, fontSize=7.2, leading=10, textColor=HexColor(TEXT))
_TITLE = ParagraphStyle("title", parent=_FIGURE, fontSize=6.8, textColor=HexColor(MUTED))
_TOTAL = ParagraphStyle("total", parent=_FIGURE, fontName=BOLD)


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a cell, which is wrapped; ``more`` are lines below it, each with a colour."""

    text: str
    style: ParagraphStyle = BODY
    more: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Column:
    left: float
    right: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line of text or a flowable: its left end, and its baseline or lower edge below the top of the cell, in points."""

    left: float
    below: float
    what: str | Flowable
    style: ParagraphStyle = _FIGURE
    color: Any = None


@dataclass(frozen=True, slots=True)
class _Row:
    """Cells with their distance from the top of the row."""

    height: float
    cells: list[tuple[float, list[_Piece]]]


@dataclass(frozen=True, slots=True)
class _Table:
    """A table; ``edges`` are the upper edges of its rows, and the lower edge of the last, in points below the titles."""

    titles: _Row
    rows: list[_Row]
    edges: list[float]
    width: float
    has_total: bool


def listing(
    titles: Sequence[str | Text],
    widths: Sequence[float],
    sides: str,
    rows: Iterable[Sequence[str | Text | Flowable]],
    total: Sequence[str] | None = None,
) -> Flowable:
    """Return a table that repeats its titles on each page and breaks no row.

    Parameters
    ----------
    widths
        In points; columns of width 0 share the rest of the page.
    sides
        ``l`` or ``r`` for each column.
    rows
        Texts of one line, texts that wrap, and pictures.
    total
        A last row, which stays on one page with the row above it.
    """
    register_fonts()
    free = widths.count(0)
    ends = list(accumulate(width or (WIDTH - sum(widths)) / free for width in widths))
    gaps = [*[_GAP] * (len(ends) - 1), 0.0]
    columns = [
        _Column(left, right - gap, side == "r") for left, right, gap, side in zip([0.0, *ends[:-1]], ends, gaps, sides, strict=True)
    ]
    laid_out = [_row(cells, columns, _FIGURE) for cells in rows]
    if total is not None:
        laid_out.append(_row(total, columns, _TOTAL))
    edges = list(accumulate((row.height for row in laid_out), initial=0.0))
    table = _Table(_row(titles, columns, _TITLE, at_bottom=True), laid_out, edges, ends[-1], total is not None)
    return _Listing(table, 0, len(laid_out))


def _row(
    cells: Sequence[str | Text | Flowable], columns: Sequence[_Column], style: ParagraphStyle, *, at_bottom: bool = False
) -> _Row:
    laid_out = [_cell(cell, column, style) for cell, column in zip(cells, columns, strict=True)]
    height = max(high for high, _ in laid_out)
    return _Row(height + _ABOVE + _BELOW, [(_ABOVE + (height - high if at_bottom else 0.0), pieces) for high, pieces in laid_out])


def _cell(cell: str | Text | Flowable, column: _Column, style: ParagraphStyle) -> tuple[float, list[_Piece]]:
    """Return the height of a cell and the pieces to draw in it."""
    room = column.right - column.left
    if isinstance(cell, str):
        left = column.right - width_of(cell, style.fontName, style.fontSize) if column.is_right else column.left
        return style.leading, [_Piece(left, style.fontSize, cell, style, style.textColor)]
    if isinstance(cell, Text):
        lines = _lines(cell, column, room)
        if lines:
            return cell.style.leading * len(lines), lines
        cell = words(cell.text, cell.style, *cell.more)
    wide, high = cell.wrap(room, float("inf"))
    return high, [_Piece(column.right - wide if column.is_right else column.left, high, cell)]


_color = cache(HexColor)


def _lines(cell: Text, column: _Column, room: float) -> list[_Piece]:
    """Return the lines of a text at the positions of a paragraph; none if a line must be wrapped or needs other fonts."""
    style, found = cell.style, []
    for place, (line, color) in enumerate([(cell.text, style.textColor), *((line, _color(color)) for line, color in cell.more)]):
        if not is_drawn_as_is(line):
            return []
        wide = width_of(line, style.fontName, style.fontSize)
        if wide > room:
            return []
        left = column.right - wide if style.alignment == TA_RIGHT else column.left
        found.append(_Piece(left, style.fontSize + style.leading * place, line, style, color))
    return found


class _Listing(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """A range of rows of a table, below the titles."""

    def __init__(self, table: _Table, first: int, end: int) -> None:
        super().__init__()
        self._table, self._first, self._end = table, first, end
        self.width, self.height = table.width, table.titles.height + table.edges[end] - table.edges[first]

    def wrap(self, *_: float) -> tuple[float, float]:
        """Return the size."""
        return self.width, self.height

    def split(self, _: float, height: float) -> list[Flowable]:
        """Return the rows that fit, and the rest; nothing if no row fits."""
        table = self._table
        end = bisect_right(table.edges, table.edges[self._first] + height - table.titles.height) - 1
        # the total is kept on the same page as the row above it
        end = min(end, len(table.rows) - 2 if table.has_total else self._end)
        return [_Listing(table, self._first, end), _Listing(table, end, self._end)] if end > self._first else []

    def draw(self) -> None:
        """Draw the titles and the rows, each with a line below it."""
        canvas, table, upper = self.canv, self._table, self.height
        canvas.saveState()
        _draw_row(canvas, table.titles, upper)
        upper -= table.titles.height
        edges = [upper]
        for row in table.rows[self._first : self._end]:
            _draw_row(canvas, row, upper)
            upper -= row.height
            edges.append(upper)
        has_total = table.has_total and self._end == len(table.rows)
        canvas.setLineWidth(_RULE)
        canvas.setStrokeColor(HexColor(LINE))
        canvas.lines([(0, edge, self.width, edge) for edge in (edges[:-2] if has_total else edges)])
        if has_total:
            canvas.setLineWidth(_TOTAL_RULE)
            canvas.setStrokeColor(HexColor(TEXT))
            canvas.line(0, edges[-2], self.width, edges[-2])
        canvas.restoreState()


def _draw_row(canvas: Canvas, row: _Row, upper: float) -> None:
    """Draw the cells of a row in reading order, in which text is also copied from the PDF."""
    text, style, color = None, None, None
    for top, pieces in row.cells:
        for piece in pieces:
            height = upper - top - piece.below
            if not isinstance(piece.what, str):
                if text is not None:
                    canvas.drawText(text)
                    text = style = color = None
                piece.what.drawOn(canvas, piece.left, height)
                continue
            if text is None:
                text = canvas.beginText()
            if piece.style is not style:
                style = piece.style
                text.setFont(style.fontName, style.fontSize)
            if piece.color is not color:
                color = piece.color
                text.setFillColor(color)
            text.setTextOrigin(piece.left, height)
            text.textOut(piece.what)
    if text is not None:
        canvas.drawText(text)
