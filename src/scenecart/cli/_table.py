"""Tables in a terminal: as wide as it is, with no amount cut off."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from scenecart._util.text import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# columns of figures, which are aligned right and never wrapped
_NUMBERS = frozenset(
    {"Captures", "Credits", "A$", "Cloud", "Cloud here", "GSD", "km²", "km² priced", "Adds km²", "Price alone", "Owned"}
)
# a longer word of free text is broken
_LONGEST_WORD = 20
# cells between two columns
_GAP = 2
_PIPED_WIDTH = 200


def print_pairs(lines: Iterable[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    cells = [(name, clean_text(value, 300)) for name, value in lines]
    console = _console()
    widths = _widths(("", ""), cells, console.width)
    if widths is None:
        _print_stacked(console, [cells])
        return
    table = Table.grid(padding=(0, 2), pad_edge=False)
    for name, value in cells:
        table.add_row(name, value)
    console.print(table, markup=False)


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] | None = None, *, optional: str | None = None
) -> None:
    """Print a table, or in a narrow terminal one line per value: no amount is ever cut off.

    The column ``optional`` is dropped if the table fits only without it.
    """
    cells = [[clean_text(value, 200) for value in row] for row in rows]
    console = _console()
    widths = _widths(names, cells if total is None else [*cells, total], console.width)
    if widths is None and optional is not None:
        index = names.index(optional)
        fewer_names, fewer_cells = _without(names, index), [_without(row, index) for row in cells]
        widths = _widths(fewer_names, fewer_cells, console.width)
        names, cells = (names, cells) if widths is None else (fewer_names, fewer_cells)
    if widths is None:
        _print_stacked(console, [list(zip(names, row, strict=True)) for row in [*cells, *([] if total is None else [total])]])
        return
    table = Table(box=None, header_style="bold", pad_edge=False, show_footer=total is not None)
    for name, width, footer in zip(names, widths, total or [""] * len(names), strict=True):
        justify: Literal["right", "left"] = "right" if name in _NUMBERS else "left"
        table.add_column(name, footer, justify=justify, overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    console.print(table, markup=False)


def _without(row: Sequence[str], index: int) -> list[str]:
    return [*row[:index], *row[index + 1 :]]


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]], available: int) -> list[int] | None:
    """Return the width of each column, or None if the table does not fit."""
    columns = [(name, [row[number] for row in rows]) for number, name in enumerate(names)]
    widths = [_minimum_width(name, values) for name, values in columns]
    left = available - sum(widths) - _GAP * (len(names) - 1)
    if left < 0:
        return None
    # text grows first: of a column of numbers, only the header wraps
    for number, (name, values) in sorted(enumerate(columns), key=lambda column: column[1][0] in _NUMBERS):
        more = min(left, max(map(cell_len, [name, *values])) - widths[number])
        widths[number] += more
        left -= more
    return widths


def _minimum_width(name: str, values: Sequence[str]) -> int:
    """Return the least width of a column: numbers and order ids stay on one line, capture ids take two, other text wraps."""
    if name in _NUMBERS:
        return max(_longest_word([name]), *map(cell_len, values))
    word = _longest_word([name, *values])
    if name == "Capture":
        return max(cell_len(name), -(-word // 2))
    return min(word, _LONGEST_WORD) if name == "Reason" else word


def _longest_word(texts: Iterable[str]) -> int:
    return max((cell_len(word) for text in texts for word in text.split()), default=0)


def _print_stacked(console: Console, rows: Sequence[Sequence[tuple[str, str]]]) -> None:
    # the terminal wraps long lines by itself, and an id wrapped so can still be copied
    blocks = ["\n".join(f"{name}: {value}" for name, value in row if value) for row in rows]
    console.print("\n\n".join(blocks), markup=False, soft_wrap=True)


def print_line(text: str) -> None:
    _console().print(text, markup=False)


def _console() -> Console:
    # a pipe has no width; lines are not wrapped, so ids stay searchable
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    # ids may look like names of emoji, such as :ok:
    return Console(highlight=False, emoji=False, width=width)
