"""Reports as PDF: numbered pages, repeated table headers, unbroken rows, and text within the margins."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import pypdfium2
import pytest

from _expect import warns
from _report_data import ScriptedClient, pdf_pages, price_answer
from _scripted_service import feature
from scenecart.report._pdf_fonts import has_font

if TYPE_CHECKING:
    from pathlib import Path


def _many(count: int) -> list[dict[str, Any]]:
    return [feature(f"capture-{number:03}", west=number * 0.2, gsd=0.5, **{"view:off_nadir": 3.25}) for number in range(count)]


def _captures_in(text: str) -> list[str]:
    """Return the captures of the rows with a time, which price lines have not."""
    return re.findall(r"(capture-\d{3})\s(?:(?!capture-).)*?2024-03-05 10:20", text, re.DOTALL)


def test_pdf_pages_are_numbered_and_repeat_table_headers(scripted: ScriptedClient, tmp_path: Path):
    """Each page has its number, each page of a table its header, and the row of each capture is complete on one page."""
    path = scripted.estimate(*_many(150)).to_report(tmp_path / "quote.pdf", title="A long quote")
    texts = pdf_pages(path)
    assert len(texts) > 4
    for number, text in enumerate(texts, 1):
        assert f"{number} of {len(texts)}" in text
    for text in texts:
        if "capture-" in text:
            assert "Acquired" in text
            assert len(_captures_in(text)) == text.count("2024-03-05 10:20") == text.count("3.2°")
    names = [name for text in texts for name in _captures_in(text)]
    assert names == [f"capture-{number:03}" for number in range(150)]
    assert "A$185,175.00" in texts[0]
    assert "18,517,500 credits" in texts[0]


@pytest.mark.parametrize("unpriced", [1, 2])
def test_pdf_of_a_short_report_is_one_page(scripted: ScriptedClient, tmp_path: Path, unpriced: int):
    """If a few last lines would need a second page, the map is lower instead."""
    features = [feature(f"capture-{number:03}") for number in range(1 + unpriced)]
    response = price_answer("capture-000")
    response["errors"] = [{"id": one["id"], "detail": "there is no such capture"} for one in features[1:]]
    (text,) = pdf_pages(scripted.estimate(*features, response=response).to_report(tmp_path / "quote.pdf"))
    assert "Captures without a price" in text
    assert "Cart fingerprint" in text
    assert "1 of 1" in text


def test_pdf_text_stays_within_the_margins(scripted: ScriptedClient, tmp_path: Path):
    """However long titles, names and reasons are, every character is within the margins."""
    long = "x" * 200
    response = {"groups": [], "errors": [{"id": long, "detail": "why " * 120}], "total_credits": 0, "total_aud": 0}
    bad = {**feature(long), "collection": "c" * 120}
    path = scripted.estimate(bad, response=response).to_report(tmp_path / "quote.pdf", title="W" * 200)
    document = pypdfium2.PdfDocument(path)
    for number in range(len(document)):
        page = document[number]
        words = page.get_textpage()
        boxes = [words.get_charbox(place) for place in range(words.count_chars())]
        width, height = page.get_size()
        assert all(left >= 40 and right <= width - 40 for left, _, right, _ in boxes if right > left)
        assert all(below >= 20 and above <= height - 30 for _, below, _, above in boxes if above > below)
        words.close()
        page.close()
    document.close()


@pytest.mark.parametrize("name", ["Ωμέγα", "Жилина", "Łódź", "naïve", "€ ≤ 5 km²", "中文 one", "日本語", "emoji 😀", "e\u0301"])
def test_pdf_writes_names_of_any_script(scripted: ScriptedClient, tmp_path: Path, name: str):
    """Characters that the fonts have are written as they are, others as their code points; a warning says so of letters."""
    is_lacking = any(letter.isalpha() and not has_font(letter) for letter in name)
    with warns("letters_not_in_pdf") if is_lacking else contextlib.nullcontext():
        path = scripted.cart(feature(name)).to_report(tmp_path / "cart.pdf", title=f"{name} \ud800")
    text = " ".join(pdf_pages(path))
    for letter in name.encode("utf-8", "replace").decode().replace(" ", ""):
        assert letter in text or f"U+{ord(letter):04X}" in text, letter


def test_pdf_embeds_fonts_and_the_time_of_the_price(scripted: ScriptedClient, tmp_path: Path):
    """Fonts are part of the file, its time is the price's, and nothing in it is active."""
    content = scripted.estimate(feature("first")).to_report(tmp_path / "quote.pdf").read_bytes()
    assert b"/FontFile2" in content
    assert b"+DejaVuSans" in content
    assert b"D:20240309160000Z" in content
    assert not re.search(rb"/(JavaScript|OpenAction|URI|Launch|EmbeddedFile)\b", content)
