"""Commands of the office: hosts, licences, budgets, spending and approve."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._util.text import clean_text
from scenecart.cli import _documents, _io, _output
from scenecart.cli._exit_codes import FAILED
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from scenecart.client import Client


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
    if arguments.yes and arguments.accept is None:
        raise InvalidRequest("--yes needs --accept ID.", code="yes_without_accept")
    with _io.connect(arguments) as client:
        if arguments.accept is None:
            found = client.licences()
        else:
            with _output.only_json(arguments):
                accepted = _accepted(client, arguments)
            if accepted is None:
                print("scenecart: Nothing was accepted.", file=sys.stderr)
                return FAILED
            found = accepted
    if arguments.json:
        _documents.records("licences/1", found.reset_index())
    elif arguments.accept is None:
        _print_licences(found)
    else:
        print("\n".join(f"{document}: {_acceptance(row)}" for document, row in found.iterrows()))
    return 0


def _accepted(client: Client, arguments: argparse.Namespace) -> pd.DataFrame | None:
    """Return the licence that was accepted, now or before, as a table; None if the user does not confirm it."""
    every = client.licences()
    if arguments.accept in every.index:
        found = every.loc[[arguments.accept]]
        if found["accepted"].fillna(value=False).all():
            return found
        if not arguments.yes:
            _print_licences(found)
            print("\nAccept this licence for your whole organization? Nothing is bought.")
            if not _io.is_confirmed("accept", "--yes"):
                return None
    # an unknown id is refused there
    with _io.named("document", "--accept"):
        client.accept_licence(arguments.accept)
    return client.licences().loc[[arguments.accept]]


def _print_licences(found: pd.DataFrame) -> None:
    if found.empty:
        print("The service lists no licences.")
    is_first = True
    for document, row in found.iterrows():
        head = "  ".join(filter(None, (str(document), row["host"], row["title"], _acceptance(row))))
        print("" if is_first else "\n", head, sep="")
        is_first = False
        for line in filter(None, [*row["text"].splitlines(), row["url"]]):
            print(f"  {line}")


def _acceptance(licence: Mapping[str, Any] | pd.Series[Any]) -> str:
    """Return whether a licence is accepted, when and by whom; empty if the service does not state it."""
    if pd.isna(licence["accepted"]):
        return ""
    if not licence["accepted"]:
        return "not accepted"
    when = "" if pd.isna(licence["accepted_at"]) else f" on {licence['accepted_at']:%Y-%m-%d}"
    who = f" by {clean_text(str(licence['accepted_by']), 80)}" if licence["accepted_by"] else ""
    return f"accepted{when}{who}"


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
