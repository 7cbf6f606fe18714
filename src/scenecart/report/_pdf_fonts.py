"""Fonts of PDF reports: those of matplotlib, and fonts of this computer for other scripts."""

from __future__ import annotations

import os
import re
import unicodedata
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import matplotlib as mpl
from matplotlib import font_manager
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont

from scenecart._util.text import pluralize
from scenecart._util.validate import shown_value
from scenecart.exceptions import warn

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN, BOLD, MONO = "scenecart", "scenecart-bold", "scenecart-mono"
# folders of fonts that are used before those of the computer
FONTS_VARIABLE = "SCENECART_FONTS"
_FILES = {PLAIN: "DejaVuSans.ttf", BOLD: "DejaVuSans-Bold.ttf", MONO: "DejaVuSansMono.ttf"}
_LAST_BMP = 0xFFFF
_RTL_LETTERS = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc"
_RIGHT_TO_LEFT = re.compile(f"[{_RTL_LETTERS}](?:[{_RTL_LETTERS} ]*[{_RTL_LETTERS}])?")
# scripts in which the form and position of letters depend on their neighbours
_SHAPED = re.compile("[\u0600-\u08ff\ufb50-\ufdff\ufe70-\ufefc\u0900-\u0dff\u0e00-\u109f\u1780-\u18af]")
_OTHER_STYLES = re.compile(r"bold|italic|oblique|light|thin|black|medium|heavy|condensed|mono|emoji", re.IGNORECASE)


@cache
def register_fonts() -> frozenset[int]:
    """Register the fonts, and return the characters that all of them have."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    characters: list[set[int]] = []
    for name, file in _FILES.items():
        font = TTFont(name, str(folder / file))
        pdfmetrics.registerFont(font)
        characters.append(set(font.face.charToGlyph))
    for name, bold in ((PLAIN, BOLD), (BOLD, BOLD), (MONO, MONO)):
        pdfmetrics.registerFontFamily(name, normal=name, bold=bold, italic=name, boldItalic=bold)
    # text with characters beyond the BMP could not be copied from the page correctly
    return frozenset(one for one in characters[0] & characters[1] if one <= _LAST_BMP)


def is_shaped(text: str) -> bool:
    """Return whether text has letters whose form or position depends on their neighbours."""
    return _SHAPED.search(text) is not None


def is_drawn_as_is(text: str) -> bool:
    """Return whether text needs no other font, no reordering, and is not changed by a paragraph."""
    is_known = register_fonts().issuperset(map(ord, text))
    return is_known and _RIGHT_TO_LEFT.search(text) is None and " ".join(text.split()) == text


def has_font(letter: str) -> bool:
    """Return whether a font has a character."""
    return ord(letter) in register_fonts() or _font_of(ord(letter)) is not None


def writable(text: str) -> str:
    """Return text in which characters without a font are replaced by their code points, so that different names stay different."""
    known = register_fonts()
    # reportlab draws in visual order, so runs written right to left are reversed
    visual = _RIGHT_TO_LEFT.sub(lambda run: run[0][::-1], text)
    return "".join(letter if ord(letter) in known else _code_point(letter) for letter in visual)


def markup(text: str) -> str:
    """Return text as reportlab markup, each character in a font that has it. Markup in the text is escaped."""
    return "".join(escape(part) if font is None else f'<font name="{font}">{escape(part)}</font>' for font, part in _runs(text))


def width_of(text: str, font: str, size: float) -> float:
    """Return the width of text in points."""
    if is_drawn_as_is(text):
        return float(pdfmetrics.stringWidth(text, font, size))
    return sum(float(pdfmetrics.stringWidth(part, other or font, size)) for other, part in _runs(text))


def warn_of_missing_letters(texts: Iterable[str]) -> None:
    """Warn of letters without a font, which are code points in the PDF."""
    missing = {letter: text for text in texts for letter in text if letter.isalpha() and not has_font(letter)}
    if missing:
        scripts = sorted({_script(letter) for letter in missing})
        warn(
            f"The PDF has code points in place of {pluralize(len(missing), 'letter')} that its fonts lack "
            f"({', '.join(scripts)}), such as those of {shown_value(next(iter(missing.values())))}.",
            code="letters_not_in_pdf",
            hint=f"Install a TrueType font that has them, such as one of the Noto Sans fonts, or put it into a folder and set "
            f"{FONTS_VARIABLE} to the folder. Reports as .html and .xlsx need none.",
        )


def _runs(text: str) -> list[tuple[str | None, str]]:
    """Return text in visual order as runs of one font; None is the font of the style."""
    known = register_fonts()
    turned = (lambda run: " ".join(run[0].split(" ")[::-1])) if is_shaped(text) else (lambda run: run[0][::-1])
    letters = []
    for letter in _RIGHT_TO_LEFT.sub(turned, text):
        font = None if ord(letter) in known else _font_of(ord(letter))
        letters.append((font, letter if font is not None or ord(letter) in known else _code_point(letter)))
    return [(font, "".join(letter for _, letter in run)) for font, run in groupby(letters, key=lambda one: one[0])]


def _code_point(letter: str) -> str:
    return f"‹U+{ord(letter):04X}›"


def _script(letter: str) -> str:
    """Return the first word of a letter's name in Unicode, such as Devanagari."""
    return unicodedata.name(letter, "unnamed").split()[0].title().replace("Cjk", "CJK")


_registered: dict[str, str | None] = {}


def _font_of(code: int) -> str | None:
    """Return the name of a registered font of this computer that has a character, or None."""
    return None if code > _LAST_BMP else _font_in(os.environ.get(FONTS_VARIABLE, ""), code)


@cache
def _font_in(folders: str, code: int) -> str | None:
    # a script stays in one font as far as possible
    for path in sorted(_candidates(folders), key=lambda path: _registered.get(path) is None):
        if code in _characters(path):
            name = _register(path)
            if name is not None:
                return name
    return None


def _register(path: str) -> str | None:
    """Register a font file, and return its name; None for outlines that a PDF cannot embed."""
    if path not in _registered:
        name = f"scenecart-other-{len(_registered)}"
        try:
            pdfmetrics.registerFont(TTFont(name, path))
        except (TTFError, OSError, ValueError):
            _registered[path] = None
        else:
            pdfmetrics.registerFontFamily(name, normal=name, bold=name, italic=name, boldItalic=name)
            _registered[path] = name
    return _registered[path]


@cache
def _candidates(folders: str) -> tuple[str, ...]:
    """Return the font files in the user's folders, then those of the system; upright sans-serif fonts come first."""
    given = [folder for folder in folders.split(os.pathsep) if folder]
    own = font_manager.findSystemFonts(given) if given else []
    rest = [path for path in font_manager.findSystemFonts() if not _OTHER_STYLES.search(Path(path).name)]
    return (*sorted(own, key=_preference), *sorted(rest, key=_preference))


def _preference(path: str) -> tuple[bool, bool, str, str]:
    name = Path(path).name
    return _OTHER_STYLES.search(name) is not None, "sans" not in name.lower(), name, path


@cache
def _characters(path: str) -> frozenset[int]:
    try:
        return frozenset(font_manager.get_font(path).get_charmap())
    except (RuntimeError, OSError, ValueError):
        return frozenset()
