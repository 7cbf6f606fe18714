"""A comparison as PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reportlab.platypus import Spacer

from scenecart._util import html
from scenecart._util.style import QUIET
from scenecart.report._comparison import written
from scenecart.report._pdf_parts import BODY, LABEL, NAME, RIGHT, SMALL, document, head, heading, last_words, listing, words

if TYPE_CHECKING:
    from scenecart.report._comparison import Comparison


def to_pdf(comparison: Comparison) -> bytes:
    """Return the comparison as PDF; the same contents give the same bytes."""
    sides = comparison.sides
    said = " · ".join(side.name for side in sides)
    rows = [
        (words(name, LABEL), *(words(written(value, look), RIGHT) for value in values)) for name, look, values in comparison.rows()
    ]
    names = ["", *(words(side.name, NAME) for side in sides)]
    parts: list[Any] = [
        head(comparison.title, said, f"{len(sides)} carts", "beside each other", is_price=False),
        Spacer(0, 12),
        listing(names, [112.0, *[0.0] * len(sides)], f"l{'r' * len(sides)}", rows),
    ]
    titles, widths = ("Capture", "Acquired (UTC)", "Cloud", "Off-nadir", "GSD"), (0.0, 84.0, 40.0, 52.0, 46.0)
    for name, captures in comparison.sections:
        parts += heading(f"{name}: {len(captures):,}")
        cells = [
            (
                words(line.id, BODY, *([(line.collection, QUIET)] if line.collection else [])),
                line.acquired or "–",
                html.percent(line.cloud),
                html.angle(line.off_nadir),
                html.metres(line.gsd),
            )
            for line in captures
        ]
        parts.append(listing(titles, widths, "llrrr", cells) if cells else words("None.", SMALL))
    parts += last_words([comparison.how], None)
    return document(parts, title=comparison.title, stamp=comparison.stamp, foot=comparison.title[:60])
