"""Drawings of reports: round numbers, the same shapes as SVG and PDF, and text that cannot be markup."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import numpy as np
import pypdfium2
import pytest
from reportlab.pdfgen.canvas import Canvas

from scenecart.report._drawing import Disc, Drawing, Lines, Pen, TextLine, rectangle, ticks, to_svg
from scenecart.report._pdf_canvas import draw_drawing
from scenecart.report._pdf_fonts import register_fonts


def _drawing(*items: Lines | Disc | TextLine) -> Drawing:
    """Return a drawing of 100 by 60 points whose frame leaves out the 10 points at its left."""
    return Drawing(100.0, 60.0, (10.0, 0.0, 100.0, 60.0), "A <drawing>", list(items))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-12.0, 9.0, [-10.0, -5.0, 0.0, 5.0]),
        (179.99, 180.01, [179.99, 179.995, 180.0, 180.005, 180.01]),
        (151.20001, 151.20004, [151.20001, 151.20002, 151.20003, 151.20004]),
        (0.0, 3_000_000.0, [0.0, 1e6, 2e6, 3e6]),
    ],
)
def test_ticks_are_round_numbers_within_the_limits(low: float, high: float, expected: list[float]):
    """Steps are 1, 2 or 5 times a power of ten, and the decimals are those that the step needs."""
    found, decimals = ticks(low, high)
    assert found == pytest.approx(expected)
    assert [round(at, decimals) for at in found] == found


def test_svg_is_well_formed_escaped_and_the_same_each_time():
    """Text of an order or a tag cannot be markup; the same drawing gives the same text, and another salt another id."""
    drawing = _drawing(
        Lines([rectangle(20, 20, 40, 40)], Pen(fill="#112233", opacity=0.5), closed=True),
        Disc(50, 30, 5, Pen(stroke="#445566", width=1)),
        TextLine(50, 30, '<script>"&', 8, "#000000", is_label=True),
        Lines([], Pen(stroke="#445566", width=1)),
    )
    text = to_svg(drawing, "a")
    root = ET.fromstring(text)  # noqa: S314  # written above
    assert [one.tag.rpartition("}")[2] for one in root] == ["clipPath", "path", "circle", "text"]
    assert "".join(root[3].itertext()) == '<script>"&'
    assert root.get("aria-label") == "A <drawing>"
    assert to_svg(drawing, "a") == text != to_svg(drawing, "b")


def test_pdf_has_the_shapes_of_the_drawing_within_its_frame():
    """Areas, holes, circles and words are where the drawing has them, and what is outside the frame is cut off."""
    register_fonts()
    hole = [rectangle(0, 0, 60, 60), rectangle(20, 20, 40, 40)]
    drawing = _drawing(
        Lines(hole, Pen(fill="#ff0000"), closed=True), Disc(80, 30, 10, Pen(fill="#0000ff")), TextLine(80, 30, "7", 8, "#ffffff")
    )
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=(100, 60))
    draw_drawing(canvas, drawing, 0, 0)
    canvas.save()
    page = pypdfium2.PdfDocument(content.getvalue())[0]
    pixels = np.asarray(page.render(scale=1).to_pil().convert("RGB"))
    red, white, blue = (255, 0, 0), (255, 255, 255), (0, 0, 255)
    places = {(5, 30): white, (15, 30): red, (30, 30): white, (50, 30): red, (73, 30): blue, (95, 30): white}
    assert {place: tuple(pixels[place[1], place[0]].tolist()) for place in places} == places
    assert page.get_textpage().get_text_bounded().strip() == "7"
