"""Building blocks of PDF reports: header, facts, headings and notes."""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import (
    BaseDocTemplate,
    CondPageBreak,
    Flowable,
    Frame,
    Image,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from scenecart._util.style import MUTED, TEXT
from scenecart.report._pdf_canvas import LINE, Pages
from scenecart.report._pdf_fonts import BOLD, MONO, PLAIN, is_shaped, markup, register_fonts, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

WIDTH = A4[0] - 2 * Pages.margin
_TOP, _BOTTOM = 48.0, 56.0
_HEIGHT: float = A4[1] - _TOP - _BOTTOM
_MIN_ROOM_BELOW_HEADING = 110.0
_GUTTER = 16.0
_WARNING_COLOR = "#b54f08"


def _style(
    size: float, *, font: str = PLAIN, color: str = TEXT, leading: float | None = None, right: bool = False
) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font} {size} {color} {leading} {right}",
        fontName=font,
        fontSize=size,
        leading=leading or size * 1.4,
        textColor=HexColor(color),
        alignment=TA_RIGHT if right else 0,
        splitLongWords=1,
    )


TITLE, HEADING = _style(17, font=BOLD, leading=21), _style(9.5, font=BOLD)
BODY, RIGHT = _style(7.2, leading=10), _style(7.2, leading=10, right=True)
LABEL = _style(7.2, color=MUTED, leading=10)
NAME = _style(7.2, font=BOLD, leading=10, right=True)
SMALL, SMALL_RIGHT = _style(6.8, color=MUTED, leading=9.6), _style(6.8, color=MUTED, leading=9.6, right=True)
WARNING = _style(7.2, color=_WARNING_COLOR, leading=10)
AMOUNT, NO_AMOUNT = _style(19, font=BOLD, leading=23, right=True), _style(17, color=MUTED, leading=21, right=True)


def words(text: str, style: ParagraphStyle = BODY, *more: tuple[str, str]) -> Paragraph:
    """Return text that is wrapped; ``more`` are lines below it, each with a colour. Markup in the text is escaped."""
    lines = [markup(text), *(f'<font color="{color}">{markup(line)}</font>' for line, color in more)]
    is_joined = any(is_shaped(line) for line in (text, *(line for line, _ in more)))
    return Paragraph("<br/>".join(lines), _shaped(style) if is_joined else style)


@cache
def _shaped(style: ParagraphStyle) -> ParagraphStyle:
    """Return a style that shapes letters as their script requires."""
    return ParagraphStyle(f"{style.name} shaped", parent=style, shaping=1)


def document(parts: Sequence[Flowable], *, title: str, stamp: datetime, foot: str) -> bytes:
    """Return a PDF of the parts on A4 pages; equal parts give equal bytes."""
    register_fonts()
    stream = io.BytesIO()
    template = BaseDocTemplate(
        stream,
        pagesize=A4,
        leftMargin=Pages.margin,
        rightMargin=Pages.margin,
        title=title,
        author="",
        subject="",
        creator="scenecart",
    )
    frame = Frame(Pages.margin, _BOTTOM, WIDTH, _HEIGHT, 0, 0, 0, 0)
    template.addPageTemplates([PageTemplate("all", [frame])])

    def pages(*arguments: Any, **options: Any) -> Pages:
        return Pages(*arguments, stamp=stamp, foot=foot, **options)

    template.build(list(parts), canvasmaker=pages)
    return stream.getvalue()


def overflow(parts: Sequence[Flowable]) -> float:
    """Return by how many points the parts exceed one page; an approximation if they need many pages."""
    return sum(_height(part) for part in parts if not isinstance(part, CondPageBreak)) - _HEIGHT


def _height(part: Flowable) -> float:
    return float(part.wrapOn(None, WIDTH, _HEIGHT)[1])


def head(title: str, subtitle: str, amount: str, below: str, *, is_price: bool, logo: bytes | None = None) -> Flowable:
    """Return the header of the first page: a logo, the title, and the total on the right."""
    left = [words(title, TITLE), Spacer(0, 2), words(subtitle, SMALL)]
    if logo is not None:
        picture = Image(io.BytesIO(logo), hAlign="LEFT")
        # three pixels a point
        picture.drawWidth, picture.drawHeight = picture.imageWidth / 3, picture.imageHeight / 3
        left = [picture, Spacer(0, 8), *left]
    right = [words(amount, AMOUNT if is_price else NO_AMOUNT), words(below, SMALL_RIGHT)]
    table = Table([[left, right]], colWidths=[WIDTH - 170, 170])
    table.setStyle(
        TableStyle(
            [("VALIGN", (0, 0), (-1, -1), "BOTTOM"), *_no_padding(), ("LINEBELOW", (0, 0), (-1, 0), 1.3, HexColor(TEXT)),
             ("BOTTOMPADDING", (0, 0), (-1, -1), 10), ("RIGHTPADDING", (0, 0), (0, 0), 20)]
        )
    )  # fmt: skip
    return table


def facts(pairs: Sequence[tuple[str, str]]) -> Flowable:
    """Return labels and values in four columns."""
    cells = [[words(name, SMALL), words(value)] for name, value in pairs]
    cells += [[]] * (-len(cells) % 4)
    table = Table([cells[start : start + 4] for start in range(0, len(cells), 4)], colWidths=_widths(pairs))
    table.setStyle(TableStyle([*_no_padding(), ("VALIGN", (0, 0), (-1, -1), "TOP"), ("RIGHTPADDING", (0, 0), (-1, -1), _GUTTER - 2),
                               ("BOTTOMPADDING", (0, 0), (-1, -1), 8)]))  # fmt: skip
    return table


def _widths(pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Return the widths of four columns without breaking words: an id that is broken at a hyphen loses it when copied."""

    def length(text: str, style: ParagraphStyle) -> float:
        return width_of(text, style.fontName, style.fontSize) + _GUTTER

    least, unbroken = [0.0] * 4, [0.0] * 4
    for place, (name, value) in enumerate(pairs):
        column, words_of = place % 4, value.split() or [""]
        least[column] = max(least[column], length(name, SMALL), *(length(word, BODY) for word in words_of))
        unbroken[column] = max(unbroken[column], length(name, SMALL), length(value, BODY))
    spare, wanted = WIDTH - sum(least), sum(unbroken) - sum(least)
    if max(unbroken) <= WIDTH / 4 or spare < 0:
        return [WIDTH / 4] * 4
    if wanted <= spare:
        return [width + (spare - wanted) / 4 for width in unbroken]
    return [low + spare * (high - low) / wanted for low, high in zip(least, unbroken, strict=True)]


def heading(text: str) -> list[Flowable]:
    """Return a heading that stays on one page with the part below it."""
    return [CondPageBreak(_MIN_ROOM_BELOW_HEADING), Spacer(0, 16), words(text, HEADING), Spacer(0, 4)]


def notes(texts: Sequence[str], fingerprint: str | None) -> list[Flowable]:
    """Return the last lines, with the fingerprint of the cart, kept on one page."""
    lines = [[words(text, SMALL)] for text in texts]
    if fingerprint is not None:
        lines.append([Paragraph(f'Cart fingerprint <font name="{MONO}" size="6.6">{escape(fingerprint)}</font>', SMALL)])
    table = Table(lines, colWidths=[WIDTH])
    table.setStyle(
        TableStyle([*_no_padding(), ("LINEABOVE", (0, 0), (-1, 0), 0.6, HexColor(LINE)), ("TOPPADDING", (0, 0), (-1, 0), 8),
                    ("TOPPADDING", (0, 1), (-1, -1), 4)])
    )  # fmt: skip
    return [CondPageBreak(22 + _height(table)), Spacer(0, 22), table]


def _no_padding() -> list[Any]:
    return [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
