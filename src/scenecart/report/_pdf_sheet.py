"""The contact sheet of a report as PDF: rows of pictures with their captions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportlab.platypus import Flowable, Spacer, Table, TableStyle

from scenecart.report._pdf_canvas import draw_image
from scenecart.report._pdf_parts import BODY, SMALL, WIDTH, words

if TYPE_CHECKING:
    from scenecart.report._model import Contents

_COLUMNS, _GAP = 4, 10.0
_SIDE = (WIDTH - (_COLUMNS - 1) * _GAP) / _COLUMNS


def contact_sheet(contents: Contents) -> list[Any]:
    """Return the pictures of the area, four in a row that stays on one page."""
    parts: list[Any] = [words(contents.pictures_note, SMALL), Spacer(0, 6)] if contents.pictures_note else []
    pictures = contents.pictures
    for first in range(0, len(pictures), _COLUMNS):
        some = pictures[first : first + _COLUMNS]
        captions = [[words(f"{one.number} · {one.label}", BODY), *([words(one.note, SMALL)] if one.note else [])] for one in some]
        empty = [""] * (_COLUMNS - len(some))
        table = Table(
            [[*(_Picture(one.content) for one in some), *empty], [*captions, *empty]], colWidths=[_SIDE + _GAP] * _COLUMNS
        )
        table.setStyle(
            TableStyle(
                [
                    ("LEFTPADDING", (0, 0), (-1, -1), 0),
                    ("RIGHTPADDING", (0, 0), (-1, -1), _GAP),
                    ("TOPPADDING", (0, 0), (-1, -1), 3),
                    ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                    ("BOTTOMPADDING", (0, 1), (-1, 1), 8),
                    ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("NOSPLIT", (0, 0), (-1, -1)),
                ]
            )
        )
        table.hAlign = "LEFT"
        parts.append(table)
    return parts


class _Picture(Flowable):  # type: ignore[misc]  # reportlab ships no types
    """One picture."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = content
        self.width = self.height = _SIDE

    def draw(self) -> None:
        draw_image(self.canv, self._content, self.width, self.height)
