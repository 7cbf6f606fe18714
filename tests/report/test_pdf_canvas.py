"""Text on a PDF canvas: no two names look alike."""

from __future__ import annotations

import pytest

from scenecart.report._pdf_canvas import writable


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
