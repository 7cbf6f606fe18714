"""Output of commands: tables for people, and output streams that raise an error if writing fails."""

from __future__ import annotations

import contextlib
import io
import math
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TextIO, cast

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_SOURCE, CLOUD_COVER, ESTIMATE, GSD
from scenecart._util.text import clean_text, pluralize
from scenecart.cli import _documents as documents

if TYPE_CHECKING:
    import argparse
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd

    from scenecart._cart.estimate import Estimate
    from scenecart._cover.plan import CoverPlan
    from scenecart._orders.order import Order
    from scenecart.exceptions import DownloadError


_SHOWN_ROWS = 20
# what geometries lose by rounding, in per cent
_ROUNDING = 0.01
_PIPED_WIDTH = 200
_NUMBERS = frozenset(
    {"Captures", "Credits", "A$", "Cloud", "Cloud here", "GSD", "km²", "km² charged", "Adds km²", "Price alone", "Owned"}
)
# a longer word of free text is broken
_LONGEST_WORD = 20
# cells between two columns
_GAP = 2


@contextlib.contextmanager
def only_json(arguments: argparse.Namespace) -> Iterator[None]:
    """Send messages to standard error if standard output is JSON."""
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        yield


def captures_table(captures: gpd.GeoDataFrame) -> None:
    """Print the first captures of a search and their number, or the query that found none."""
    if not len(captures):
        _print(f"No captures found for {clean_text(captures.attrs.get('query') or 'this host', 1_000)}.")
        _print("Try other dates, a larger area or other collections.")
        return
    from scenecart._captures.times import acquired_texts  # noqa: PLC0415  # keeps --help fast
    from scenecart._cart.owned import SHARE, count_owned  # noqa: PLC0415  # likewise

    is_marked, has_cloud = SHARE in captures.columns, AREA_CLOUD in captures.columns
    shown = captures.head(_SHOWN_ROWS)
    rows = [
        (
            row["id"],
            row.get("collection"),
            acquired,
            _quantity(row.get(CLOUD_COVER), " %"),
            *([_area_cloud(row)] if has_cloud else []),
            _quantity(row.get(GSD), " m"),
            *([_share(row[SHARE], "")] if is_marked else []),
        )
        for row, acquired in zip(shown.to_dict("records"), acquired_texts(shown), strict=True)
    ]
    cloud, owned = ["Cloud here"] if has_cloud else [], ["Owned"] if is_marked else []
    _rows(("Capture", "Collection", "Acquired (UTC)", "Cloud", *cloud, "GSD", *owned), rows)
    if has_cloud and (captures.get(AREA_CLOUD_SOURCE) == ESTIMATE).any():
        _print("Cloud here is over the area; with ~ it is an estimate from the quicklook.")
    hidden = len(captures) - _SHOWN_ROWS
    _print(f"{pluralize(len(captures), 'capture')}{f' ({hidden:,} not displayed)' if hidden > 0 else ''}")
    if is_marked and count_owned(captures):
        _print(count_owned(captures))


def _area_cloud(row: Mapping[Hashable, Any]) -> str:
    """Return the cloud over the area, with a sign for an estimate."""
    text = _quantity(row.get(AREA_CLOUD), " %")
    return f"~{text}" if text and row.get(AREA_CLOUD_SOURCE) == ESTIMATE else text


def owned_table(owned: gpd.GeoDataFrame, if_empty: str = "") -> None:
    """Print owned captures, newest first: what ``client.owned`` returns, or the captures of ``AlreadyOwned`` with their shares."""
    rows = [
        (
            row["id"],
            *([_share(row["share"])] if "share" in owned.columns else [_time(row["acquired"], "%Y-%m-%d")]),
            _text(row["order"]),
            _text(row["status"]),
            _time(row["ordered"]),
            _text(row["project"]),
        )
        for row in owned.drop(columns="geometry").to_dict("records")
    ]
    if rows:
        second = "Owned" if "share" in owned.columns else "Acquired"
        # ids are needed in the next command
        _rows(("Capture", second, "Order", "Status", "Ordered (UTC)", "Project"), rows, optional="Project")
    else:
        _print(if_empty)


def watches_table(watches: pd.DataFrame) -> None:
    """Print watches: what each searches, when it was searched last, and who saved it."""
    rows = [
        (
            name,
            row["host"],
            ", ".join(row["criteria"].get("collections", ())),
            _time(row["looked"]),
            _time(row["seen"]),
            row["person"],
        )
        for name, row in zip(watches.index, watches.to_dict("records"), strict=True)
    ]
    if rows:
        _rows(("Watch", "Host", "Collections", "Searched (UTC)", "Seen (UTC)", "Saved by"), rows, optional="Saved by")
    else:
        _print("No watches. To save one: scenecart watch add NAME HOST --collections A,B --aoi AREA")


def estimate_table(estimate: Estimate, whole: Estimate | None = None) -> None:
    """Print an estimate: price groups, total, captures without a price, and the balance.

    Parameters
    ----------
    estimate
        The estimate.
    whole
        The estimate of the cart with what is owned, to compare; None without one.
    """
    from scenecart._cart.estimate import price_lines_of  # noqa: PLC0415  # keeps --help fast

    rows = [
        (
            str(line.number),
            line.days or "–",
            f"{len(line.names) + line.more:,}",
            "–" if line.km2 is None else f"{line.km2:,.2f}",
            f"{line.credits:,}",
            f"{line.aud:,.2f}",
        )
        for line in price_lines_of(estimate)
    ]
    charged = _charged_km2(estimate)
    total = (
        "Total",
        "",
        f"{len(estimate.cart):,}",
        "" if charged is None else f"{charged:,.2f}",
        f"{estimate.total_credits:,}",
        f"{estimate.total_aud:,.2f}",
    )
    _rows(("Group", "Acquired", "Captures", "km² charged", "Credits", "A$"), rows, total)
    for name, reason in estimate.refused:
        _print(f"No price for {clean_text(name, 80)}: {reason}")
    if estimate.balance_credits is not None:
        _print(f"Balance: {estimate.balance_credits:,} credits")
    if whole is not None:
        _print(
            f"Without owned areas: {estimate.total_credits:,} credits; the whole cart: {whole.total_credits:,} credits. "
            "A smaller area can cost more, because services have minimum areas."
        )


def whole_footprints(estimate: Estimate) -> None:
    """Print that the price is for whole footprints, unless the cart has an area."""
    if estimate.cart.area is not None:
        return
    charged = _charged_km2(estimate)
    _print(
        f"The price is for whole footprints: {'' if charged is None else f'{charged:,.2f} km² charged, '}"
        f"{estimate.cart.km2:,.2f} km² covered."
    )
    _print("To buy only the part inside an area, pass --aoi with a captures file.")


def _charged_km2(estimate: Estimate) -> float | None:
    """Return the km² of all price groups; None if the service does not measure one of them."""
    sizes = [group.aoi_km2 for group in estimate.price_groups if group.aoi_km2 is not None]
    return sum(sizes) if sizes and len(sizes) == len(estimate.price_groups) else None


def cover_table(plan: CoverPlan) -> None:
    """Print a plan: each capture with its part of the area, the coverage, and the price."""
    rows = [
        (
            row["id"],
            _time(row["datetime"], "%Y-%m-%d"),
            _area_cloud(row) if AREA_CLOUD in row else _quantity(row[CLOUD_COVER], " %"),
            f"{row['km2']:,.2f}",
            f"{row['km2_alone']:,.2f}",
            _integer(row["credits_alone"]),
            row["why"],
        )
        for row in plan.why.to_dict("records")
    ]
    _rows(("Capture", "Acquired", "Cloud", "km²", "Adds km²", "Price alone", "Reason"), rows)
    _print(f"Covers {plan.coverage:.2%} of {plan.area.km2:,.2f} km². {plan.verdict}")
    if plan.estimate is not None:
        _print(f"Total: {plan.estimate.total_credits:,} credits, A${plan.estimate.total_aud:,.2f}")


def orders_table(orders: pd.DataFrame) -> None:
    """Print orders, newest first."""
    rows = [
        (
            row["id"],
            row["status"],
            *(_integer(row["captures"]), _integer(row["total_credits"])),
            _money(row["total_aud"]),
            _time(row["created"]),
            " · ".join(filter(None, (_text(row["name"]), ", ".join(row["tags"]), _text(row["reference"])))),
            _text(row["reason"]),
        )
        for row in orders.reset_index().to_dict("records")
    ]
    if rows:
        names = ("Order", "Status", "Captures", "Credits", "A$", "Placed (UTC)", "Labels", "Reason")
        # without labels and failed orders, these columns take no space
        kept = [place for place, name in enumerate(names) if name not in {"Labels", "Reason"} or any(row[place] for row in rows)]
        # A$ repeats the credits; ids are needed in the next command
        _rows([names[place] for place in kept], [[row[place] for place in kept] for row in rows], optional="A$")
    else:
        _print("No orders.")


def placements(found: pd.DataFrame, arguments: argparse.Namespace, if_empty: str = "No placements.") -> None:
    """Print placements from the journal, or ``if_empty``."""
    if arguments.json:
        documents.order_records("placements/1", found)
        return
    rows = [
        (
            str(row["number"]),
            row["state"],
            _text(row["order_id"]),
            f"{row['captures']:,}",
            f"{row['total_credits']:,}",
            _time(row["created"]),
            _text(row["detail"]),
        )
        for row in found.to_dict("records")
    ]
    if rows:
        # a column without any reason only takes space from the ids
        last = None if any(row[-1] for row in rows) else -1
        names = ("No.", "State", "Order", "Captures", "Credits", "Started (UTC)", "Reason")[:last]
        _rows(names, [row[:last] for row in rows], optional="Captures")
    else:
        _print(if_empty)


@dataclass(frozen=True)
class DownloadResult:
    """The result of a download.

    Attributes
    ----------
    files : sequence of pathlib.Path
        The files that are complete.
    error : DownloadError or None
        The error that names the files that failed.
    missing : sequence of str
        Captures of which nothing has arrived yet.
    """

    files: Sequence[Path] = ()
    error: DownloadError | None = None
    missing: Sequence[str] = ()


def waited(orders: Sequence[Order], arguments: argparse.Namespace) -> None:
    """Print the state of orders that were waited for, one line or one record for each."""
    if arguments.json:
        documents.waited_documents(orders)
        return
    for one in orders:
        order_lines(one, arguments)


def order_lines(
    order: Order,
    arguments: argparse.Namespace,
    received: DownloadResult = DownloadResult(),
    details: Mapping[str, Any] | None = None,
) -> None:
    """Print one order, the paths of its downloaded files, and what has failed or not arrived; ``details`` are for JSON alone."""
    failed = [] if received.error is None else received.error.failed
    if arguments.json:
        document = documents.order_document(order, received.files, failed, received.missing)
        documents.document("order/1", document if details is None else {**document, "details": details})
        return
    credits_ = "" if order.total_credits is None else f", {order.total_credits:,} credits"
    print(f"Order {clean_text(order.id, 80)}: {clean_text(order.status, 40)}{credits_}")
    if order.reason:
        print(f"Reason: {clean_text(order.reason, 300)}")
    for path in received.files:
        print(path)
    for one in failed:
        print(f"Not downloaded: {clean_text(one.asset, 80)} of {clean_text(one.item, 120)}")
    for name in received.missing:
        print(f"Not arrived: {clean_text(name, 120)}")


def bought_table(rows: Sequence[Sequence[str]], *, has_groups: bool) -> None:
    """Print the captures of an order: id, collection, date, group, the km² and the price of the group, and what has arrived."""
    names = ("Capture", "Collection", "Acquired (UTC)", "Group", "km² charged", "Credits", "A$", "Delivered")
    kept = [place for place, name in enumerate(names) if (name != "Group" or has_groups) and any(row[place] for row in rows)]
    _rows([names[place] for place in kept], [[row[place] for place in kept] for row in rows[:_SHOWN_ROWS]], optional="A$")
    if len(rows) > _SHOWN_ROWS:
        _print(f"{len(rows) - _SHOWN_ROWS:,} more captures are in --json.")


def pairs(lines: Iterable[tuple[str, str]]) -> None:
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


def _rows(
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


def _print(text: str) -> None:
    _console().print(text, markup=False)


def _console() -> Console:
    # a pipe has no width; lines are not wrapped, so ids stay searchable
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else _PIPED_WIDTH
    # ids may look like names of emoji, such as :ok:
    return Console(highlight=False, emoji=False, width=width)


def _is_missing(value: Any) -> bool:
    import pandas as pd  # noqa: PLC0415  # keeps --help fast

    return bool(pd.isna(value))


def _time(value: Any, form: str = "%Y-%m-%d %H:%M") -> str:
    return "" if _is_missing(value) else format(value, form)


def _text(value: Any) -> str:
    return "" if _is_missing(value) else str(value)


def _integer(value: Any) -> str:
    return "" if _is_missing(value) else f"{int(value):,}"


def _money(value: Any) -> str:
    return "" if _is_missing(value) else f"{value:,.2f}"


def _share(value: Any, nothing: str = "0 %") -> str:
    """Return a share of an area in percent; a missing one may be owned."""
    if _is_missing(value):
        return "perhaps"
    # only all of it is 100 %
    return f"{math.floor(100 * value + _ROUNDING)} %" if value else nothing


def _quantity(value: Any, unit: str) -> str:
    is_number = isinstance(value, int | float) and not math.isnan(value)
    return f"{value:g}{unit}" if is_number else ""


class CannotPrint(Exception):
    """The output cannot be written. Not an OSError: rich exits the process at some of those, without a message."""

    def __init__(self, error: OSError) -> None:
        self.reason = error.strerror or type(error).__name__
        self.reader_left = isinstance(error, BrokenPipeError)
        super().__init__(self.reason)


class GuardedStream:
    """A text stream that raises :class:`CannotPrint` if a write fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text, or raise CannotPrint."""
        try:
            return self._stream.write(text)
        except OSError as error:
            raise CannotPrint(error) from error

    def flush(self) -> None:
        """Write the buffer, or raise CannotPrint."""
        try:
            self._stream.flush()
        except OSError as error:
            raise CannotPrint(error) from error

    def finish(self) -> None:
        """Write the buffer, or discard it: Python would try again at exit and print an error."""
        try:
            self._stream.flush()
        except OSError:
            # a stream without a file descriptor is not flushed at exit
            with contextlib.suppress(OSError):
                _point_to_null(self._stream.fileno(), os.O_WRONLY)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def guarded_output() -> Iterator[None]:
    """Raise CannotPrint for failed writes in the block, and escape characters that an output cannot encode."""
    out, err = GuardedStream(_usable(sys.stdout, 1)), GuardedStream(_usable(sys.stderr, 2))
    with contextlib.redirect_stdout(cast("TextIO", out)), contextlib.redirect_stderr(cast("TextIO", err)):
        try:
            yield
        finally:
            out.finish()
            err.finish()


def _usable(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:
        # the descriptor is closed: the next file to be opened would get its number, and the output
        _point_to_null(descriptor, os.O_RDONLY)
        stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115  # open until the process exits
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")
    return stream


def _point_to_null(descriptor: int, flags: int) -> None:
    """Point a file descriptor of this process to the null device."""
    null = os.open(os.devnull, flags)
    if null != descriptor:
        os.dup2(null, descriptor)
        os.close(null)
