"""Comparisons as one self-contained HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._util.html import render
from scenecart.report._comparison import format_value

if TYPE_CHECKING:
    from scenecart.report._comparison import Comparison


def comparison_to_html(comparison: Comparison) -> bytes:
    """Return the comparison as HTML, UTF-8."""
    rows = [(name, [format_value(value, style) for value in values]) for name, style, values in comparison.rows()]
    return render("compare.html", report=comparison, rows=rows).encode("utf-8", "replace")
