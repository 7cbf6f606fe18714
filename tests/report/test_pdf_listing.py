"""Long tables of PDF reports: each row once and whole, titles on each page, and text within its column."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pypdfium2
import pytest

from scenecart.report._pdf_listing import Text, listing
from scenecart.report._pdf_parts import RIGHT, WIDTH, document

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def _pdf(rows: Iterable[Sequence[Any]], total: Sequence[str] | None = None) -> pypdfium2.PdfDocument:
    part = listing(("Name", "Value"), (0, 60), "lr", rows, total)
    return pypdfium2.PdfDocument(document([part], title="t", stamp=datetime(2024, 3, 9, tzinfo=UTC), foot=""))


@pytest.mark.parametrize("count", [1, 47, 48, 49, 97, 150])
def test_long_table_has_each_row_once_and_titles_on_each_page(count: int):
    """Whatever the number of rows, each row is there once, in order, and titles are repeated at the top of pages only."""
    content = _pdf(((f"row-{number:04}", "x") for number in range(count)), ("Sum", "1"))
    texts = [page.get_textpage() for page in content]
    pages = [text.get_text_range(0, text.count_chars()).split() for text in texts]
    assert [word for page in pages for word in page if word.startswith("row-")] == [f"row-{number:04}" for number in range(count)]
    assert [page.count("Name") for page in pages] == [1] * len(pages)
    assert [page.count("Sum") for page in pages] == [0] * (len(pages) - 1) + [1]
    assert "row-" in " ".join(pages[-1])


def test_long_text_wraps_in_its_column():
    """Text that fits is one line; longer text wraps, both within the column, and the next row is below."""
    rows = [
        (Text("short", more=(("below", "#808080"),)), Text("1", RIGHT)),
        (Text("word " * 60), Text("2 " * 30, RIGHT)),
        ("last", "3"),
    ]
    page = _pdf(rows)[0].get_textpage()
    text = page.get_text_range(0, page.count_chars())
    boxes = [page.get_charbox(place) for place in range(page.count_chars())]
    right = max(box[2] for letter, box in zip(text, boxes, strict=True) if letter == "w")
    assert right <= 45 + WIDTH - 60 - 10
    assert max(box[2] for box in boxes) <= 45 + WIDTH + 0.01
    assert text.split() == ["Name", "Value", "short", "below", "1", *["word"] * 60, *["2"] * 30, "last", "3", "1", "of", "1"]
    assert boxes[text.index("last")][3] < boxes[text.rindex("2")][1]
