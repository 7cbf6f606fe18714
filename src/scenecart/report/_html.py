"""A report as one HTML file that needs nothing else: for the screen, light and dark, and for paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from scenecart._html import render
from scenecart.report._map import footprint_svg

if TYPE_CHECKING:
    from scenecart.report._contents import Contents


def to_html(contents: Contents) -> bytes:
    """Return the report as UTF-8 bytes."""
    picture = Markup(footprint_svg(contents))  # noqa: S704  # drawn here from numbers alone
    return render("report.html", report=contents, picture=picture).encode("utf-8", "replace")
