"""Reports and comparisons as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._util.html import km2
from scenecart.report._comparison import format_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scenecart.report._comparison import Comparison
    from scenecart.report._model import Contents


def to_markdown(contents: Contents) -> bytes:
    """Return the report as Markdown; text from the service is escaped."""
    has_prices = contents.kind != "cart"
    lines = [f"# {escaped(contents.title)}", "", _total(contents), ""]
    lines += [f"- {name}: {escaped(value)}" for name, value in contents.facts]
    if contents.groups:
        prices = [
            [str(one.number), one.days, escaped(one.captures), km2(one.km2), f"{one.credits:,}", f"{one.aud:,.2f}"]
            for one in contents.price_lines
        ]
        price_titles = ("Group", "Acquired", "Captures", "km² priced", "Credits", "A$")
        lines += ["", "## Price", "", *markdown_table(price_titles, "rllrrr", prices)]
    rows = []
    for line in contents.lines:
        figures = ["" if value is None else f"{value:g}" for value in (line.cloud, line.off_nadir, line.gsd)]
        last = [f"not priced: {escaped(line.error)}" if line.error else str(line.group or "")] if has_prices else []
        rows.append([escaped(line.id), escaped(line.collection), line.acquired_text, *figures, *last])
    titles = ("Capture", "Collection", "Acquired (UTC)", "Cloud %", "Off-nadir °", "GSD m", *(["Group"] if has_prices else []))
    lines += ["", "## Captures", "", *markdown_table(titles, "lllrrrl", rows), ""]
    if contents.licences:
        lines += ["## Licence", ""]
    for licence in contents.licences:
        lines += [": ".join(filter(None, (f"**{escaped(licence.title)}**", escaped(licence.acceptance)))), ""]
        lines += [part for text in filter(None, [*licence.text.splitlines(), licence.url]) for part in (escaped(text), "")]
    lines.append(escaped(contents.price_note))
    if contents.fingerprint is not None:
        lines += ["", f"Cart fingerprint `{contents.fingerprint}`"]
    return "\n".join([*lines, ""]).encode("utf-8", "replace")


def _total(contents: Contents) -> str:
    if contents.total_credits is None or contents.total_aud is None:
        missing, reason = contents.no_price
        return f"**{missing}**: {reason}."
    total = f"**{contents.credits_text} · A\\${contents.total_aud:,.2f}**"
    return f"{total} · {escaped(contents.subtitle)}"


def markdown_table(titles: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; ``sides`` has ``l`` or ``r`` for each column."""
    marks = ["---:" if side == "r" else "---" for side in sides[: len(titles)]]
    return [f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in (titles, marks, *rows)]


def comparison_to_markdown(comparison: Comparison) -> bytes:
    """Return the comparison as Markdown; text from the service is escaped."""
    names = [escaped(side.name) for side in comparison.sides]
    rows = [[name, *(escaped(format_value(value, style)) for value in values)] for name, style, values in comparison.rows()]
    lines = [f"# {escaped(comparison.title)}", "", *markdown_table(("", *names), f"l{'r' * len(names)}", rows)]
    for name, captures in comparison.sections:
        lines += ["", f"## {escaped(name)}: {len(captures):,}"]
        cells = [
            [escaped(one.id), escaped(one.collection), one.acquired_text, "" if one.cloud is None else f"{one.cloud:g}"]
            for one in captures
        ]
        if cells:
            lines += ["", *markdown_table(("Capture", "Collection", "Acquired (UTC)", "Cloud %"), "lllr", cells)]
    return "\n".join([*lines, "", escaped(comparison.price_note), ""]).encode("utf-8", "replace")


def escaped(text: str) -> str:
    """Return text escaped for Markdown, including tables."""
    text = text.replace("\\", "\\\\").replace("\n", " ")
    for mark in "`*_{}[]<>#|~$":
        text = text.replace(mark, f"\\{mark}")
    return text.replace("&", "&amp;").replace("\\<", "&lt;").replace("\\>", "&gt;")
