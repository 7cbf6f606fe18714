"""What commands print: tables for people, documents for programs."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from scenecart._util.text import clean_text, pluralize

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._cart.estimate import Estimate
    from scenecart._cover.plan import CoverPlan
    from scenecart._orders.order import Order


_SHOWN_ROWS = 20
_PIPED_WIDTH = 200
_RIGHT = frozenset({"Captures", "Credits", "A$", "Cloud", "GSD", "km²", "Only here", "Alone"})
# of free text, as much as is legible
_WORD = 20
# between two columns
_GAP = 2


@contextlib.contextmanager
def only_json(arguments: argparse.Namespace) -> Iterator[None]:
    """Keep what is said to a person out of an output that a program reads."""
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        yield


def document(value: Any) -> None:
    """Print a document for programs."""
    print(json.dumps(value, indent=2, default=str))


def records(frame: pd.DataFrame) -> None:
    """Print the rows of a table for programs."""
    import pandas as pd  # noqa: PLC0415  # --help should not wait for it

    # the ground of an order is for maps
    plain = pd.DataFrame(frame.drop(columns="geometry", errors="ignore"))
    print(plain.to_json(orient="records", date_format="iso", default_handler=str))


def captures_table(captures: gpd.GeoDataFrame) -> None:
    """Print the first captures of a search, and how many there are; where there are none, what was asked."""
    if not len(captures):
        _print(f"Nothing was found at {clean_text(captures.attrs.get('query') or 'this host', 1_000)}.")
        _print("Try other dates, a larger area or other collections.")
        return
    rows = [
        (
            row["id"],
            row["collection"],
            _when(row["datetime"]),
            _figure(row.get("eo:cloud_cover"), " %"),
            _figure(row.get("gsd"), " m"),
        )
        for row in captures.head(_SHOWN_ROWS).to_dict("records")
    ]
    _rows(("Capture", "Collection", "Acquired (UTC)", "Cloud", "GSD"), rows)
    rest = len(captures) - _SHOWN_ROWS
    _print(f"{pluralize(len(captures), 'capture')}{f', {rest:,} of them not shown' if rest > 0 else ''}")


def estimate_table(estimate: Estimate) -> None:
    """Print an estimate: its groups, its total, what has no price, and what there is to spend."""
    rows = [
        (
            str(number),
            f"{len(group.ids):,}",
            "–" if group.aoi_km2 is None else f"{group.aoi_km2:,.2f}",
            f"{group.credits:,}",
            f"{group.aud:,.2f}",
        )
        for number, group in enumerate(estimate.price_groups, 1)
    ]
    total = ("Total", f"{len(estimate.cart):,}", "", f"{estimate.total_credits:,}", f"{estimate.total_aud:,.2f}")
    _rows(("Group", "Captures", "km²", "Credits", "A$"), rows, total)
    for name, reason in estimate.refused:
        _print(f"not priced: {clean_text(name, 80)}: {reason}")
    if estimate.balance_credits is not None:
        _print(f"Available: {estimate.balance_credits:,} credits")


def estimate_document(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate for programs."""
    return {
        "total_credits": estimate.total_credits,
        "total_aud": str(estimate.total_aud),
        "balance_credits": estimate.balance_credits,
        "groups": [
            {"captures": list(group.ids), "aoi_km2": group.aoi_km2, "credits": group.credits, "aud": str(group.aud)}
            for group in estimate.price_groups
        ],
        "errors": [{"id": name, "detail": reason} for name, reason in estimate.refused],
        "fingerprint": estimate.cart.fingerprint,
        "priced_at": estimate.priced_at.isoformat(),
    }


def cover_table(plan: CoverPlan) -> None:
    """Print a plan: each capture and its part, what it comes to, and how good it is."""
    rows = [
        (
            row["id"],
            _when(row["datetime"], "%Y-%m-%d"),
            _figure(row["eo:cloud_cover"], " %"),
            f"{row['km2']:,.2f}",
            f"{row['km2_alone']:,.2f}",
            _whole(row["credits_alone"]),
            row["why"],
        )
        for row in plan.why.to_dict("records")
    ]
    _rows(("Capture", "Acquired", "Cloud", "km²", "Only here", "Alone", "Why"), rows)
    _print(f"Covers {plan.coverage:.2%} of {plan.area.km2:,.2f} km². {plan.verdict}")
    if plan.estimate is not None:
        _print(f"Together: {plan.estimate.total_credits:,} credits, A${plan.estimate.total_aud:,.2f}")


def cover_document(plan: CoverPlan) -> dict[str, Any]:
    """Return a plan for programs."""
    why = json.loads(plan.why.reset_index(drop=True).to_json(orient="records", date_format="iso", default_handler=str))
    return {
        "objective": plan.objective,
        "coverage": plan.coverage,
        "min_coverage": plan.min_coverage,
        "reachable": plan.reachable,
        "is_complete": plan.is_complete,
        "gap": plan.gap,
        "verdict": plan.verdict,
        "captures": why,
        "excluded": len(plan.excluded),
        "missing": plan.missing.__geo_interface__,
        "calls": plan.calls,
        "estimate": None if plan.estimate is None else estimate_document(plan.estimate),
        "fingerprint": plan.cart.fingerprint,
    }


def orders_table(orders: pd.DataFrame) -> None:
    """Print orders, newest first."""
    rows = [
        (
            row["id"],
            row["status"],
            *(_whole(row["captures"]), _whole(row["total_credits"])),
            _money(row["total_aud"]),
            _when(row["created"]),
        )
        for row in orders.reset_index().to_dict("records")
    ]
    if rows:
        # what the credits say too gives way to ids that can be copied into the next command
        _rows(("Order", "Status", "Captures", "Credits", "A$", "Placed (UTC)"), rows, spare="A$")
    else:
        _print("No orders.")


def placements(found: pd.DataFrame, arguments: argparse.Namespace, nothing: str = "No placements.") -> None:
    """Print what the journal knows; its reasons were written down for whoever writes Python."""
    if arguments.json:
        records(found)
        return
    rows = [
        (
            row["state"],
            _text(row["order_id"]),
            f"{row['captures']:,}",
            f"{row['total_credits']:,}",
            _when(row["created"]),
            _text(row["detail"]),
        )
        for row in found.to_dict("records")
    ]
    if rows:
        _rows(("State", "Order", "Captures", "Credits", "Begun (UTC)", "Why"), rows)
    else:
        _print(nothing)


def order_lines(order: Order, arguments: argparse.Namespace, files: Sequence[Path] = ()) -> None:
    """Print one order, and the files that came of it."""
    if arguments.json:
        document(
            {
                "id": order.id,
                "status": order.status,
                "total_credits": order.total_credits,
                "total_aud": None if order.total_aud is None else str(order.total_aud),
                "project": order.project,
                "captures": order.captures,
                "note": order.note,
                "files": [str(path) for path in files],
            }
        )
        return
    credits_ = "" if order.total_credits is None else f", {order.total_credits:,} credits"
    print(f"Order {clean_text(order.id, 80)}: {clean_text(order.status, 40)}{credits_}")
    for path in files:
        print(path)


def pairs(lines: Iterable[tuple[str, str]]) -> None:
    """Print what belongs to what, in two columns."""
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


def _rows(
    names: Sequence[str], rows: Iterable[Sequence[str]], total: Sequence[str] | None = None, *, spare: str | None = None
) -> None:
    """Print a table, or where it is too narrow for one, each row as lines of their own: nothing of an amount is ever cut off.

    The column ``spare`` is left out where the others stand beside each other without it alone.
    """
    cells = [[clean_text(value, 200) for value in row] for row in rows]
    console = _console()
    widths = _widths(names, cells if total is None else [*cells, total], console.width)
    if widths is None and spare is not None:
        place = names.index(spare)
        fewer, left = _without(names, place), [_without(row, place) for row in cells]
        widths = _widths(fewer, left, console.width)
        names, cells = (names, cells) if widths is None else (fewer, left)
    if widths is None:
        _print_stacked(console, [list(zip(names, row, strict=True)) for row in [*cells, *([] if total is None else [total])]])
        return
    table = Table(box=None, header_style="bold", pad_edge=False, show_footer=total is not None)
    for name, width, footer in zip(names, widths, total or [""] * len(names), strict=True):
        justify: Literal["right", "left"] = "right" if name in _RIGHT else "left"
        table.add_column(name, footer, justify=justify, overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    console.print(table, markup=False)


def _without(row: Sequence[str], place: int) -> list[str]:
    return [*row[:place], *row[place + 1 :]]


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Return how wide each column is to be; None where they do not stand beside each other."""
    columns = [(name, [name, *(row[number] for row in rows)]) for number, name in enumerate(names)]
    widths = [_least(name, values) for name, values in columns]
    left = room - sum(widths) - _GAP * (len(names) - 1)
    if left < 0:
        return None
    for number, (_, values) in enumerate(columns):
        more = min(left, max(map(cell_len, values)) - widths[number])
        widths[number] += more
        left -= more
    return widths


def _least(name: str, values: Sequence[str]) -> int:
    """Return what a column needs: amounts and orders stand whole, a capture takes two lines at most, other text breaks at words."""
    if name in _RIGHT:
        return max(map(cell_len, values))
    word = max((cell_len(word) for value in values for word in value.split()), default=0)
    if name == "Capture":
        return max(cell_len(name), -(-word // 2))
    return min(word, _WORD) if name == "Why" else word


def _print_stacked(console: Console, rows: Sequence[Sequence[tuple[str, str]]]) -> None:
    # the terminal itself breaks what is too long, and an id that it broke can still be copied
    blocks = ["\n".join(f"{name}: {value}" for name, value in row if value) for row in rows]
    console.print("\n\n".join(blocks), markup=False, soft_wrap=True)


def _print(what: str) -> None:
    _console().print(what, markup=False)


def _console() -> Console:
    # in a pipe there is no edge to break lines at, and a broken id cannot be searched for
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(highlight=False, width=width)


def _is_missing(value: Any) -> bool:
    import pandas as pd  # noqa: PLC0415  # --help should not wait for it

    return bool(pd.isna(value))


def _when(value: Any, how: str = "%Y-%m-%d %H:%M") -> str:
    return "" if _is_missing(value) else format(value, how)


def _text(value: Any) -> str:
    return "" if _is_missing(value) else str(value)


def _whole(value: Any) -> str:
    return "" if _is_missing(value) else f"{int(value):,}"


def _money(value: Any) -> str:
    return "" if _is_missing(value) else f"{value:,.2f}"


def _figure(value: Any, unit: str) -> str:
    is_number = isinstance(value, int | float) and not math.isnan(value)
    return f"{value:g}{unit}" if is_number else ""


class CannotPrint(Exception):
    """What was to be printed could not be. No OSError: rich ends the process at some of those, without a word."""

    def __init__(self, error: OSError) -> None:
        self.why = error.strerror or type(error).__name__
        self.reader_left = isinstance(error, BrokenPipeError)
        super().__init__(self.why)


class Printing:
    """An output that tells by :class:`CannotPrint` what stands in its way; in everything else it is what it was made of."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or tell why not."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise CannotPrint(error) from error

    def flush(self) -> None:
        """Write what is held back, or tell why not."""
        try:
            self._stream.flush()
        except OSError as error:
            raise CannotPrint(error) from error

    def finish(self) -> None:
        """Flush, and forget what cannot be written: Python would try it once more at its end, and complain."""
        try:
            self._stream.flush()
        except OSError:
            # where no file of the system's stands behind it, nothing is tried again
            with contextlib.suppress(OSError):
                _point(self._stream.fileno(), os.O_WRONLY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """Let what is printed in the block end in CannotPrint where it cannot be, and letters that an output has not be spelled out."""
    out, err = Printing(_standing(sys.stdout, 1)), Printing(_standing(sys.stderr, 2))
    with contextlib.redirect_stdout(cast("TextIO", out)), contextlib.redirect_stderr(cast("TextIO", err)):
        try:
            yield
        finally:
            out.finish()
            err.finish()


def _standing(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:
        # it was closed, and else the next file that is opened would take its number, and what is printed
        _point(number, os.O_RDONLY)
        stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # it stands until the process ends
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _point(number: int, how: int) -> None:
    """Let a number of this process stand for the file that holds nothing."""
    nothing = os.open(os.devnull, how)
    if nothing != number:
        os.dup2(nothing, number)
        os.close(nothing)
