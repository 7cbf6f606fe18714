"""Comparisons as HTML, Markdown, CSV and workbooks."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from scenecart._util.html import render
from scenecart.report._comparison import written
from scenecart.report._data import csv_of, literal, markdown_table
from scenecart.report._xlsx import Looking, Sheet, workbook

if TYPE_CHECKING:
    from scenecart.report._comparison import Comparison

_CAPTURE = ("Capture", "Host", "Collection", "Acquired (UTC)", "Cloud %", "Off-nadir °", "GSD m")


def to_html(comparison: Comparison) -> bytes:
    """Return the comparison as one HTML file that needs nothing else."""
    rows = [(name, [written(value, look) for value in values]) for name, look, values in comparison.rows()]
    return render("compare.html", report=comparison, rows=rows).encode("utf-8", "replace")


def to_markdown(comparison: Comparison) -> bytes:
    """Return the comparison as Markdown, whose texts are never markup."""
    names = [literal(side.name) for side in comparison.sides]
    rows = [[name, *(literal(written(value, look)) for value in values)] for name, look, values in comparison.rows()]
    lines = [f"# {literal(comparison.title)}", "", *markdown_table(("", *names), f"l{'r' * len(names)}", rows)]
    for name, captures in comparison.sections:
        lines += ["", f"## {literal(name)}: {len(captures):,}"]
        cells = [
            [literal(one.id), literal(one.collection), one.acquired, "" if one.cloud is None else f"{one.cloud:g}"]
            for one in captures
        ]
        if cells:
            lines += ["", *markdown_table(("Capture", "Collection", "Acquired (UTC)", "Cloud %"), "lllr", cells)]
    return "\n".join([*lines, "", literal(comparison.how), ""]).encode("utf-8", "replace")


def to_csv(comparison: Comparison) -> bytes:
    """Return the captures as CSV: one row each, with a column for each cart that says whether it has it."""
    names = ["id", "host", "collection", "acquired", "cloud", "off_nadir", "gsd", *(f"in {side.name}" for side in comparison.sides)]
    return csv_of([names, *_holdings(comparison, "no")])


def to_xlsx(comparison: Comparison) -> bytes:
    """Return a workbook: the comparison, and who has which capture."""
    columns = (("", "text"), *((side.name, "text_right") for side in comparison.sides))
    compared = [(name, *(_cell(value, look) for value in values)) for name, look, values in comparison.rows()]
    looks = ("text", "text", "text", "time", "one", "one", "two")
    titles = (*zip(_CAPTURE, looks, strict=True), *((f"In {side.name}", "text") for side in comparison.sides))
    about = Sheet("About", (("About these figures", "wrapped"),), [(comparison.title,), (comparison.how,)])
    captures = Sheet("Captures", titles, _holdings(comparison, "–"), scrolls=1)
    sheets = [Sheet("Comparison", columns, compared, scrolls=1), captures, about]
    return workbook(sheets, comparison.title, comparison.stamp)


def _holdings(comparison: Comparison, absent: str) -> list[tuple[Any, ...]]:
    """Return a row for each capture: what it is, and for each cart ``yes`` or that it is absent."""
    holders = [{line.key for line in side.contents.lines} for side in comparison.sides]
    return [
        (line.id, line.host, line.collection, line.taken, line.cloud, line.off_nadir, line.gsd,
         *("yes" if line.key in held else absent for held in holders))
        for _, captures in comparison.sections
        for line in captures
    ]  # fmt: skip


def _cell(value: Any, look: str) -> Any:
    if value is None:
        return Looking("–", "text_right")
    if isinstance(value, str):
        return Looking(value, "text_right")
    return Looking(float(value) if isinstance(value, Decimal) else value, "time_right" if look in {"time", "day"} else look)
