"""Commands that spend nothing: searching, pricing, planning, reporting, and who is signed in."""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._api.operations import available_credits
from scenecart._orders.journal import SENT
from scenecart._util.files import write_atomic
from scenecart._util.text import missing_file_hint, pluralize
from scenecart.cli import _io, _output
from scenecart.exceptions import InvalidRequest, NotFound, PermissionDenied

if TYPE_CHECKING:
    import argparse

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.client import Client

_FAILED = 1
_PICTURES = (".png", ".svg", ".pdf")


def search(arguments: argparse.Namespace) -> int:
    """Search a catalog."""
    _io.check_captures(arguments.output)
    query = _io.json_argument(arguments.query, "--query")
    with _io.connect(arguments) as client:
        captures = client.search(
            arguments.host,
            collections=arguments.collections,
            ids=arguments.ids,
            aoi=arguments.aoi,
            bbox=arguments.bbox,
            datetime=arguments.datetime,
            query=query,
            max_cloud_cover=arguments.max_cloud_cover,
            limit=arguments.limit,
            progress=not arguments.json and sys.stderr.isatty(),
        )
    arguments.course.has_asked = True
    if arguments.json:
        print(captures.to_json(default=str, drop_id=True))
    else:
        _output.captures_table(captures)
    if arguments.output:
        _io.write_captures(captures, Path(arguments.output))
        _tell(f"Written to {arguments.output}", arguments)
    return 0


def estimate(arguments: argparse.Namespace) -> int:
    """Ask what captures cost."""
    _io.check_outputs(cart=arguments.save, report=arguments.report)
    with _io.connect(arguments) as client:
        cart = _io.read_cart(arguments.captures, arguments, client)
        price = cart.estimate()
        arguments.course.has_asked = True
        if arguments.json:
            _output.document(_output.estimate_document(price))
        else:
            _output.estimate_table(price)
        _keep(cart, price, arguments)
    return 0 if price.is_complete else _FAILED


def cover(arguments: argparse.Namespace) -> int:
    """Choose captures that cover an area."""
    _io.check_outputs(cart=arguments.save, report=arguments.report)
    if arguments.plot is not None and Path(arguments.plot).suffix.lower() not in _PICTURES:
        raise InvalidRequest("A plan is drawn as .png, .svg or .pdf.")
    if arguments.report and arguments.prices == "area":
        raise InvalidRequest("A report needs the service's prices: leave --prices area out.")
    with _io.connect(arguments) as client:
        plan = client.cover(
            _io.read_captures(_io.existing(arguments.captures)),
            arguments.aoi,
            objective=arguments.objective,
            max_cloud_cover=arguments.max_cloud_cover,
            min_coverage=arguments.min_coverage,
            budget=arguments.budget,
            max_captures=arguments.max_captures,
            prices=arguments.prices,
            time_limit=arguments.time_limit,
        )
        arguments.course.has_asked = True
        if arguments.json:
            _output.document(_output.cover_document(plan))
        else:
            _output.cover_table(plan)
        _keep(plan.cart, plan.estimate, arguments)
    if arguments.plot:
        picture = io.BytesIO()
        kind = Path(arguments.plot).suffix[1:].lower()
        plan.plot().figure.savefig(picture, format=kind, bbox_inches="tight", dpi=150)  # type: ignore[union-attr]  # a figure of its own
        _tell(f"Picture: {write_atomic(picture.getvalue(), arguments.plot, 'The picture')}", arguments)
    return 0 if plan.is_complete else _FAILED


def report(arguments: argparse.Namespace) -> int:
    """Write a report of carts and orders, several of them beside each other."""
    several = len(arguments.what) > 1
    _io.check_outputs(report=arguments.output, several=several)
    named = _named(arguments.what)
    with _io.connect(arguments) as client:
        subjects = {name: _subject(where, arguments, client) for name, where in named}
        arguments.course.has_asked = True
        if several:
            from scenecart.report import compare_report  # noqa: PLC0415  # --help should not wait for it

            path = compare_report(subjects, arguments.output, title=arguments.title)
        else:
            (subject,) = subjects.values()
            path = subject.to_report(arguments.output, title=arguments.title, thumbnails=not arguments.no_thumbnails)
    if arguments.json:
        _output.document({"report": str(path), "subjects": list(subjects)})
    else:
        print(f"Report: {path}")
    return 0


def login_status(arguments: argparse.Namespace) -> int:
    """Tell who is signed in, where, and what there is to spend."""
    with _io.connect(arguments) as client:
        account = client.whoami()
        scopes = str(account.get("scope") or "").split()
        can_place = _can_place(scopes)
        credits_: int | None = None
        with contextlib.suppress(PermissionDenied, NotFound):
            credits_ = available_credits(client.balance())
        open_ = int(client.placements()["state"].isin(SENT).sum())
        found = {
            "service": client.base_url,
            "signed_in_by": client.signed_in_by,
            "account": account.get("preferred_username") or account.get("sub"),
            "organization": account.get("organization_id") or account.get("geopera_org_id"),
            "project": client.project,
            "scopes": scopes,
            "can_place": can_place,
            "balance_credits": credits_,
            "unfinished_placements": open_,
        }
    if arguments.json:
        _output.document(found)
        return 0
    places = {True: "yes", False: "no: placing needs a user with orders:write", None: "not told"}
    lines = {
        "Service": found["service"],
        "Signed in by": found["signed_in_by"],
        "Account": found["account"] or "not told",
        "Organization": found["organization"] or "not told",
        "Project": found["project"] or "none: place with --project, or set SCENECART_PROJECT",
        "May place orders": places[can_place],
        "Credits": "not told" if credits_ is None else f"{credits_:,}",
        "Unfinished": "nothing" if not open_ else f"{pluralize(open_, 'placement')}: `scenecart placements`, `scenecart settle`",
    }
    _output.pairs((name, str(value)) for name, value in lines.items())
    return 0


def _can_place(scopes: list[str]) -> bool | None:
    """Tell whether an account holds the scope for placing; None where its scopes are not told."""
    return bool({"orders:write", "orders:*", "*:write", "*"} & set(scopes)) if scopes else None


def _keep(cart: Cart, price: Estimate | None, arguments: argparse.Namespace) -> None:
    """Write what was asked for beside the answer."""
    if arguments.save:
        _tell(f"Cart: {cart.save(arguments.save)}", arguments)
    if arguments.report and price is not None:
        _tell(f"Report: {price.to_report(arguments.report)}", arguments)


def _tell(line: str, arguments: argparse.Namespace) -> None:
    if not arguments.json:
        print(line)


def _named(what: list[str]) -> list[tuple[str, str]]:
    """Return a name for each thing to report: given as NAME=THING, or else what it is called."""
    found: dict[str, str] = {}
    for text in what:
        name, equals, thing = text.partition("=")
        where = thing if equals else text
        called = name if equals else Path(text).name.split(".")[0]
        if called in found:
            raise InvalidRequest(
                f"Two things are called {called!r}.", hint="Name them apart: cheap=a.cart.parquet clear=b.cart.parquet"
            )
        path = Path(where).expanduser()
        if path.suffix.lower() in {".parquet", ".geojson", ".json"} and not path.is_file():
            raise InvalidRequest(f"There is no file {where!r}.", hint=missing_file_hint(path))
        found[called] = where
    return list(found.items())


def _subject(where: str, arguments: argparse.Namespace, client: Client) -> Estimate | Order | Cart:
    """Return what is meant: the price of a file, or its cart alone, or an order."""
    if Path(where).expanduser().is_file():
        cart = _io.read_cart(where, arguments, client)
        return cart if arguments.no_prices else cart.estimate()
    return client.order(where)
