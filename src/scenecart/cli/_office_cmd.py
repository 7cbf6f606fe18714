"""Commands of the office: hosts, licences, budgets, spending and approve."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from scenecart._util.text import clean_text
from scenecart.cli import _documents, _io
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence


def hosts(arguments: argparse.Namespace) -> int:
    """List the providers, or the collections of one."""
    with _io.connect(arguments) as client:
        found = client.hosts() if arguments.host is None else pd.DataFrame(client.collections(arguments.host))
    rows = [
        {
            "name": name,
            "title": row["title"],
            "access": row["access"],
            "licence": row["licence"],
            "collections": row.get("collections", []),
            "gsd": row.get("gsd"),
            "sensors": row.get("sensors", []),
        }
        for name, row in found.iterrows()
    ]
    if arguments.json:
        _documents.records("hosts/1", pd.DataFrame(rows))
        return 0
    last = "collections" if arguments.host is None else "sensors"
    cells = [(row["name"], row["title"] or "", ", ".join(row[last]), row["access"] or "", row["licence"] or "") for row in rows]
    _print_table(("host" if arguments.host is None else "collection", "title", last, "access", "licence"), cells)
    return 0


def licences(arguments: argparse.Namespace) -> int:
    """List the licences, or accept one."""
    with _io.connect(arguments) as client:
        if arguments.accept is not None:
            client.accept_licence(arguments.accept)
        found = client.licences()
    if arguments.accept is not None:
        found = found.loc[[arguments.accept]]
    if arguments.json:
        _documents.records("licences/1", found.reset_index())
        return 0
    is_first = True
    for document, row in found.iterrows():
        state = "" if pd.isna(row["accepted"]) else "accepted" if row["accepted"] else "not accepted"
        head = "  ".join(filter(None, (str(document), row["host"], row["title"], state)))
        print("" if is_first else "\n", head, sep="")
        is_first = False
        for line in filter(None, [*row["text"].splitlines(), row["url"]]):
            print(f"  {line}")
    return 0


def budgets(arguments: argparse.Namespace) -> int:
    """List the budgets, with what is spent, reserved and left."""
    with _io.connect(arguments) as client:
        found = client.budgets()
    if arguments.json:
        _documents.records("budgets/1", found.assign(until=found["until"].map(str, na_action="ignore")))
        return 0
    if found.empty:
        print("No budgets. A file of budgets is named by the variable SCENECART_BUDGETS.")
        return 0
    rows = [
        (
            row["project"] or "all projects",
            row["per"],
            *(f"{row[name]:,}" for name in ("credits", "spent", "reserved", "left")),
            f"{row['start']:%Y-%m-%d}",
            row["until"] or "",
        )
        for row in found.to_dict("records")
    ]
    _print_table(("budget", "per", "credits", "spent", "reserved", "left", "since", "until"), rows)
    return 0


def spending(arguments: argparse.Namespace) -> int:
    """Print what the organization's orders cost."""
    with _io.connect(arguments) as client:
        found = client.spending(by=arguments.by, since=arguments.since, project=arguments.project)
    if arguments.report:
        found.to_report(arguments.report)
    if arguments.json:
        plain = pd.DataFrame(found).assign(aud=found["aud"].astype(str)).rename_axis("key").reset_index()
        plain.insert(0, "by", arguments.by)
        _documents.records("spending/1", plain)
        return 0
    rows = [(name, *(f"{row[column]:,}" for column in _AMOUNTS), f"{row['aud']:,.2f}") for name, row in found.iterrows()]
    _print_table((arguments.by, *_AMOUNTS, "A$"), rows)
    if arguments.report:
        print(f"Report: {arguments.report}")
    return 0


def approve(arguments: argparse.Namespace) -> int:
    """Sign an approval of a saved cart, or make the key for it."""
    from scenecart._office.approvals import approve as sign  # noqa: PLC0415  # keeps --help fast
    from scenecart._office.signing import new_approver_key  # noqa: PLC0415  # likewise

    if arguments.create_key:
        public_key = new_approver_key(arguments.key)
        if arguments.json:
            _documents.document("approve/1", {"path": arguments.key, "public_key": public_key})
        else:
            print(public_key)
        return 0
    if arguments.cart is None or arguments.up_to is None:
        raise InvalidRequest(
            "An approval needs a saved cart and --up-to.", code="approval_incomplete", hint="Pass CART --up-to 50000, for example."
        )
    path = (
        arguments.output
        or f"{arguments.cart.removesuffix('.parquet').removesuffix('.geojson').removesuffix('.cart')}.approval.json"
    )
    written = sign(
        arguments.cart,
        path,
        key=arguments.key,
        up_to=arguments.up_to,
        until=arguments.until,
        project=arguments.project,
        license_type=arguments.license,
        again=arguments.again or "",
        by=arguments.by,
        note=arguments.note or "",
    )
    if arguments.json:
        _documents.document("approve/1", {"path": str(written), "public_key": None})
    else:
        print(f"Approval: {written}")
    return 0


_AMOUNTS = ("orders", "reserved", "charged", "refunded", "credits")


def _print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows as columns of text."""
    table = [list(titles), *([clean_text(str(cell), 60) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(titles))]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
