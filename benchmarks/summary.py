"""The ten lines and the plot at the head of the page, from its tables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from scenecart._util.style import CLIPPED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TITLE = "In ten lines"
_ABOUT = (
    "Each line is of a table below, where it says how it was measured. The bars show how many times as fast as the usual way it is."
)
_CAPTION = "How many times as fast as the usual way"
_NAME = "bench-summary"
# ratios from here on have no decimals
_WHOLE = 10.0
# text and bars, which are read on a light and on a dark page
_THEMES = {"light": ("#31405a", CLIPPED), "dark": ("#d3dcea", "#4fb3d9")}


@dataclass(frozen=True)
class _Line:
    """One line: what is measured, the section and the row of its table that has it, and the column, from 0.

    Attributes
    ----------
    usual
        The row, or the column of the same row, of what it is compared with, and what that is called.
    """

    what: str
    section: str
    row: str
    column: int
    unit: str
    usual: tuple[str | int, str]


_LINES = (
    _Line(
        "100,000 captures of a response as a GeoDataFrame",
        "Search results to GeoDataFrames",
        "100,000 synthetic | scenecart",
        2,
        " µs each",
        ("100,000 synthetic | json.loads + from_features", "json.loads and from_features"),
    ),
    _Line(
        "a search of 100,000 captures over loopback",
        "A search over loopback",
        "100,000 | client.search",
        2,
        " s",
        ("100,000 | httpx lines, from_features", "httpx and from_features"),
    ),
    _Line(
        "the first captures of a stream of 1,000,000",
        "A search over loopback",
        "1,000,000 | first frame",
        2,
        " s",
        ("1,000,000 | httpx, then the frame", "all of them"),
    ),
    _Line(
        "five filters of 1,000,000 captures at once",
        "Map, filters and table",
        "1,000,000 | five filters at once",
        2,
        " ms",
        ("1,000,000 | the same as a pandas mask", "a pandas mask"),
    ),
    _Line(
        "100,000 captures in the browser, a filter set until the map shows it",
        "Map, filters and table",
        "100,000 | filter set until the map shows it",
        2,
        " ms",
        ("", ""),
    ),
    _Line(
        "a search page of 1,000,000 captures in the sandbox",
        "The sandbox",
        "search page of 1,000,000: a harbour",
        1,
        " ms",
        (2, "promised"),
    ),
    _Line("a PDF report with 500 quicklooks", "Reports", "`.pdf` | 500", 2, " s", (4, "promised")),
    _Line(
        "polling 500 orders",
        "Imports, carts, placing and polling",
        "poll 500 orders together",
        1,
        " s",
        ("poll 500 orders with one `orders.get` each", "one request each"),
    ),
    _Line("a stack of a delivery", "Stacks of deliveries", "own grid", 1, " s", (2, "odc-stac by hand")),
    _Line(
        "the price of a cover of 300 captures, compared with the best found",
        "Covering an area",
        "300 | scenecart",
        3,
        "",
        ("300 | greedy, by price for new area", "a greedy choice"),
    ),
)


def summary(sections: Mapping[str, str], folder: Path) -> str:
    """Return the section of ten lines, and draw its plot into a folder, for light and for dark pages."""
    rows, bars = ["| what | scenecart | compared with |", "|---|---:|---:|"], {}
    for line in _LINES:
        cells = _cells(sections.get(line.section, ""), line.row)
        if cells is None:
            continue
        where, called = line.usual
        others = cells if isinstance(where, int) else _cells(sections[line.section], where) if where else None
        other = "" if others is None else others[where if isinstance(where, int) else line.column]
        ours, theirs = _number(cells[line.column]), _number(other)
        if called == "promised":
            compared = f"{other} {called}"
        elif theirs is None:
            compared = ""
        else:
            compared = f"{theirs:g}{line.unit}: {called}"
            if ours and line.unit:
                bars[line.what] = theirs / ours
        rows.append(f"| {line.what} | {ours:g}{line.unit} | {compared} |")
    for theme, colours in _THEMES.items():
        _draw(bars, folder / f"{_NAME}-{theme}.svg", *colours)
    pictures = [f"```{{image}} images/{_NAME}-{theme}.svg\n:alt: {_CAPTION}\n:class: only-{theme}\n```" for theme in _THEMES]
    return "\n\n".join([f"## {TITLE}", _ABOUT, *pictures, "\n".join(rows)]) + "\n"


def _cells(text: str, row: str) -> list[str] | None:
    """Return the cells of the first row that begins so."""
    found = re.search(rf"^\| {re.escape(row)} \|.*$", text, re.MULTILINE)
    return None if found is None else [cell.strip() for cell in found.group().strip("|").split("|")]


def _number(cell: str) -> float | None:
    found = re.match(r"[\d,.]+", cell)
    return None if found is None else float(found.group().replace(",", ""))


def _draw(bars: Mapping[str, float], path: Path, ink: str, colour: str) -> None:
    figure = Figure(figsize=(7.6, 0.42 * len(bars) + 0.6), layout="constrained")
    axes = figure.subplots()
    names = [name[0].upper() + name[1:] for name in bars]
    drawn = axes.barh(names, [value - 1 for value in bars.values()], left=1, color=colour, height=0.62)
    labels = [f"{value:.2g}×" if value < _WHOLE else f"{value:,.0f}×" for value in bars.values()]
    axes.bar_label(drawn, labels, padding=4, color=ink, fontsize=8)
    axes.axvline(1, color=ink, linewidth=0.8)
    axes.set(xscale="log", xlim=(0.7, 3 * max(bars.values(), default=1)))
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.tick_params(colors=ink, labelsize=8)
    axes.grid(visible=True, axis="x", color=ink, alpha=0.15, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in axes.spines.values():
        side.set_visible(False)
    path.parent.mkdir(exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": path.stem, "svg.fonttype": "none"}):
        figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
