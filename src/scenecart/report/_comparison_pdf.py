"""Comparisons as PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportlab.platypus import Spacer

from scenecart._util import html
from scenecart._util.style import MUTED
from scenecart.report._comparison import format_value
from scenecart.report._pdf_fonts import warn_of_missing_letters
from scenecart.report._pdf_listing import Text, listing
from scenecart.report._pdf_parts import BODY, LABEL, NAME, RIGHT, SMALL, document, head, heading, notes, words

if TYPE_CHECKING:
    from scenecart.report._comparison import Comparison


def comparison_to_pdf(comparison: Comparison) -> bytes:
    """Return the comparison as PDF; equal contents give equal bytes."""
    sides = comparison.sides
    ids = {line.id: None for _, captures in comparison.sections for line in captures}
    warn_of_missing_letters([comparison.title, *(side.name for side in sides), *ids])
    names_line = " · ".join(side.name for side in sides)
    rows = [
        (Text(name, LABEL), *(Text(format_value(value, style), RIGHT) for value in values))
        for name, style, values in comparison.rows()
    ]
    names: list[str | Text] = ["", *(Text(side.name, NAME) for side in sides)]
    parts: list[Any] = [
        head(comparison.title, names_line, f"{len(sides)} carts", "compared", is_price=False),
        Spacer(0, 12),
        listing(names, [112.0, *[0.0] * len(sides)], f"l{'r' * len(sides)}", rows),
    ]
    titles, widths = ("Capture", "Acquired (UTC)", "Cloud", "Off-nadir", "GSD"), (0.0, 84.0, 40.0, 52.0, 46.0)
    for name, captures in comparison.sections:
        parts += heading(f"{name}: {len(captures):,}")
        cells = [
            (
                Text(line.id, BODY, ((line.collection, MUTED),) if line.collection else ()),
                line.acquired_text or "–",
                html.percent(line.cloud),
                html.angle(line.off_nadir),
                html.metres(line.gsd),
            )
            for line in captures
        ]
        parts.append(listing(titles, widths, "llrrr", cells) if cells else words("None", SMALL))
    parts += notes([comparison.price_note], None)
    return document(parts, title=comparison.title, stamp=comparison.stamp, foot=comparison.title[:60])
