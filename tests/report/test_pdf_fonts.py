"""Fonts of PDF reports: other scripts, letters that are joined, and letters that no font has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pypdfium2
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from _expect import warns
from _scripted_service import feature
from scenecart.report._pdf_fonts import FONTS_VARIABLE, has_font, is_shaped, markup, warn_of_missing_letters, writable

if TYPE_CHECKING:
    from pathlib import Path

    from _report_data import ScriptedClient

# a script of few fonts, and one that is not assigned to letters
RARE = "\ua840\ua841"


@pytest.fixture
def font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a TrueType font of two rare letters to a folder that the variable names."""
    names = [".notdef", "ka", "kha"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap(dict(zip(map(ord, RARE), names[1:], strict=True)))
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((900, 0), (900, 900), (100, 900)):
        pen.lineTo(corner)
    pen.closePath()
    builder.setupGlyf(dict.fromkeys(names, pen.glyph()))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 100)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": "Rare Sans", "styleName": "Regular", "psName": "RareSans-Regular"})
    builder.setupOS2()
    builder.setupPost()
    folder = tmp_path / "fonts"
    folder.mkdir()
    path = folder / "RareSans-Regular.ttf"
    builder.save(path)
    monkeypatch.setenv(FONTS_VARIABLE, str(folder))
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Łódź ≤ 5 km²", "Łódź ≤ 5 km²"),
        ("中", "‹U+4E2D›"),
        ("😀", "‹U+1F600›"),
        ("a שלום b", "a םולש b"),
    ],
)
def test_text_is_written_in_visual_order_with_known_characters(text: str, expected: str):
    """Characters that the fonts lack are written as code points, and runs from right to left in visual order."""
    assert writable(text) == expected


def test_text_of_a_script_with_a_font_of_this_computer_is_in_the_pdf(font: Path, scripted: ScriptedClient, tmp_path: Path):
    """A report in a script that the own fonts lack uses a font that has it, which is embedded; no warning is needed."""
    assert font.exists()
    path = scripted.cart(feature("a")).to_report(tmp_path / "cart.pdf", title=f"Harbour {RARE}")
    assert b"RareSans-Regular" in path.read_bytes()
    document = pypdfium2.PdfDocument(path)
    page = document[0]
    words = page.get_textpage()
    assert f"Harbour {RARE}" in words.get_text_bounded()
    words.close()
    page.close()
    document.close()


def test_font_file_that_cannot_be_read_is_left_out(font: Path):
    """A damaged file among the fonts is passed over."""
    (font.parent / "A.ttf").write_bytes(b"no font")
    assert has_font(RARE[0])


def test_letters_that_no_font_has_are_a_warning_with_their_script():
    """A letter without a font is named by its script, and what to install is said."""
    letter = "\ua840"
    if has_font(letter):
        pytest.skip("this computer has a font of a rare script")
    with warns("letters_not_in_pdf") as caught:
        warn_of_missing_letters([f"Harbour {letter}"])
    assert "Phags-Pa" in str(caught[0].message)


def test_letters_that_are_joined_keep_their_order_in_a_word():
    """Words from right to left are in visual order; their letters are joined by HarfBuzz, so they stay in theirs."""
    assert is_shaped("ميناء")
    assert not is_shaped("Łódź שלום")
    assert markup("a ميناء سيدني b") == "a سيدني ميناء b"
    assert markup("a <b> שלום") == "a &lt;b&gt; םולש"


def test_arabic_in_a_pdf_is_joined(scripted: ScriptedClient, tmp_path: Path):
    """Arabic letters are joined: the glyphs of their middle and final forms are in the embedded font."""
    path = scripted.cart(feature("a")).to_report(tmp_path / "cart.pdf", title="ميناء سيدني")
    document = pypdfium2.PdfDocument(path)
    page = document[0]
    words = page.get_textpage()
    text = words.get_text_bounded()
    assert "ميناء" in text
    assert "سيدني" in text
    words.close()
    page.close()
    document.close()
