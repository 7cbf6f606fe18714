"""What commands print for people: captures, estimates, plans, orders, placements and watches."""

from __future__ import annotations

import contextlib
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_SOURCE, CLOUD_COVER, ESTIMATE, GSD
from scenecart._cart.price_lines import priced_km2
from scenecart._util.text import clean_text, pluralize
from scenecart.cli import _documents as documents
from scenecart.cli._table import print_line, print_table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Hashable, Iterator, Mapping, Sequence
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


@contextlib.contextmanager
def only_json(arguments: argparse.Namespace) -> Iterator[None]:
    """Send messages to standard error if standard output is JSON."""
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        yield


def captures_table(captures: gpd.GeoDataFrame) -> None:
    """Print the first captures of a search and their number, or the query that found none."""
    if not len(captures):
        print_line(f"No captures found for {clean_text(captures.attrs.get('query') or 'this host', 1_000)}.")
        print_line("Try other dates, a larger area or other collections.")
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
    print_table(("Capture", "Collection", "Acquired (UTC)", "Cloud", *cloud, "GSD", *owned), rows)
    if has_cloud and (captures.get(AREA_CLOUD_SOURCE) == ESTIMATE).any():
        print_line("Cloud here is over the area; with ~ it is an estimate from the quicklook.")
    hidden = len(captures) - _SHOWN_ROWS
    print_line(f"{pluralize(len(captures), 'capture')}{f' ({hidden:,} not displayed)' if hidden > 0 else ''}")
    if is_marked and count_owned(captures):
        print_line(count_owned(captures))


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
        print_table(("Capture", second, "Order", "Status", "Ordered (UTC)", "Project"), rows, optional="Project")
    else:
        print_line(if_empty)


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
        print_table(("Watch", "Host", "Collections", "Searched (UTC)", "Seen (UTC)", "Saved by"), rows, optional="Saved by")
    else:
        print_line("No watches. To save one: scenecart watch add NAME HOST --collections A,B --aoi AREA")


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
    priced = priced_km2(estimate.price_groups)
    total = (
        "Total",
        "",
        f"{len(estimate.cart):,}",
        "" if priced is None else f"{priced:,.2f}",
        f"{estimate.total_credits:,}",
        f"{estimate.total_aud:,.2f}",
    )
    print_table(("Group", "Acquired", "Captures", "km² priced", "Credits", "A$"), rows, total)
    for name, reason in estimate.refused:
        print_line(f"No price for {clean_text(name, 80)}: {reason}")
    if estimate.balance_credits is not None:
        print_line(f"Balance: {estimate.balance_credits:,} credits")
    if whole is not None:
        dearer = " A smaller area can cost more, because services have minimum areas."
        print_line(
            f"Without owned areas: {estimate.total_credits:,} credits; the whole cart: {whole.total_credits:,} credits."
            f"{dearer if estimate.total_credits > whole.total_credits else ''}"
        )


def whole_footprints(estimate: Estimate) -> None:
    """Print that the price is for whole footprints, unless the cart has an area."""
    if estimate.cart.area is not None:
        return
    priced = priced_km2(estimate.price_groups)
    print_line(
        f"The price is for whole footprints: {'' if priced is None else f'{priced:,.2f} km² priced, '}"
        f"{estimate.cart.km2:,.2f} km² covered."
    )
    print_line("To buy only the part inside an area, pass --aoi with a captures file.")


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
    print_table(("Capture", "Acquired", "Cloud", "km²", "Adds km²", "Price alone", "Reason"), rows)
    print_line(f"Covers {plan.coverage:.2%} of {plan.area.km2:,.2f} km². {plan.verdict}")
    if plan.estimate is not None:
        print_line(f"Total: {plan.estimate.total_credits:,} credits, A${plan.estimate.total_aud:,.2f}")


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
        print_table([names[place] for place in kept], [[row[place] for place in kept] for row in rows], optional="A$")
    else:
        print_line("No orders.")


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
        print_table(names, [row[:last] for row in rows], optional="Captures")
    else:
        print_line(if_empty)


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
    names = ("Capture", "Collection", "Acquired (UTC)", "Group", "km² priced", "Credits", "A$", "Delivered")
    kept = [place for place, name in enumerate(names) if (name != "Group" or has_groups) and any(row[place] for row in rows)]
    print_table([names[place] for place in kept], [[row[place] for place in kept] for row in rows[:_SHOWN_ROWS]], optional="A$")
    if len(rows) > _SHOWN_ROWS:
        print_line(f"{len(rows) - _SHOWN_ROWS:,} more captures are in --json.")


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
