"""Commands that buy nothing: search, estimate, cover, report and login-status."""

from __future__ import annotations

import contextlib
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenecart._api.operations import available_credits
from scenecart._captures.properties import AREA_CLOUD
from scenecart._util.files import as_path, write_atomic
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_number
from scenecart.cli import _documents, _io, _output, _owned, _table
from scenecart.cli._exit_codes import FAILED
from scenecart.cli._office_arguments import AUTHOR_DETAILS
from scenecart.exceptions import InvalidQuery, InvalidRequest, NotFound, PermissionDenied, ScenecartError, warn

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    import geopandas as gpd

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.client import Client

_PLOT_SUFFIXES = (".png", ".svg", ".pdf")


def search(arguments: argparse.Namespace) -> int:
    """Search a catalog."""
    _io.check_captures(arguments.output)
    query = _io.json_argument(arguments.query, "query")
    needs_cloud = arguments.aoi_cloud or arguments.max_aoi_cloud_cover is not None
    check_number(arguments.max_aoi_cloud_cover, "max_aoi_cloud_cover", least=0, most=100, of="percent", kind=InvalidQuery)
    if needs_cloud and arguments.aoi is None and arguments.bbox is None:
        raise InvalidQuery("The cloud over the area needs an area.", code="area_cloud_without_area", hint="Add --aoi or --bbox.")
    with _io.connect(arguments) as client:
        try:
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
        except ScenecartError as error:
            _io.write_arrived(error, arguments.output)
            raise
        arguments.progress.has_requested = True
        if arguments.owned:
            captures = client.mark_owned(captures, aoi=arguments.aoi or arguments.bbox)
        if needs_cloud:
            captures = _with_area_cloud(captures, arguments, client)
    arguments.progress.has_requested = True
    if arguments.json:
        _documents.captures_geojson("search/1", captures)
    else:
        _output.captures_table(captures)
    if arguments.output:
        _io.write_captures(captures, Path(arguments.output))
        _print(f"Captures: {arguments.output}", arguments)
    return 0


def _with_area_cloud(captures: gpd.GeoDataFrame, arguments: argparse.Namespace, client: Client) -> gpd.GeoDataFrame:
    """Return captures with the cloud over the area; with ``--max-aoi-cloud-cover``, those below it."""
    from scenecart._captures.filter import filter as filtered  # noqa: PLC0415  # keeps --help fast
    from scenecart._delivery.cloud_over import cloud_over  # noqa: PLC0415  # likewise

    area = arguments.aoi if arguments.aoi is not None else arguments.bbox
    found = cloud_over(captures, area, client=client, progress=not arguments.json and sys.stderr.isatty())
    if arguments.max_aoi_cloud_cover is None:
        return found
    kept = filtered(found, aoi_cloud_cover=(0, arguments.max_aoi_cloud_cover))
    unknown = int(found[AREA_CLOUD].isna().sum())
    if unknown:
        warn(f"Left out {pluralize(unknown, 'capture')} whose cloud over the area is not known.", code="area_cloud_unknown")
    return kept


def estimate(arguments: argparse.Namespace) -> int:
    """Print the price of a cart."""
    _io.check_outputs(cart=arguments.save, report=arguments.report)
    with _io.connect(arguments) as client:
        cart = _io.read_cart(arguments.captures, arguments, client)
        price, whole = _io.price(cart, arguments)
        arguments.progress.has_requested = True
        if not arguments.json:
            _output.estimate_table(price, whole)
            _output.whole_footprints(price)
        marked, owned = _owned.look_up(price, client)
        if arguments.json:
            _documents.document("estimate/1", {**_documents.estimate_document(price, whole), "owned": owned})
        _write_outputs(price.cart, marked, arguments)
    return 0 if price.is_complete else FAILED


def cover(arguments: argparse.Namespace) -> int:
    """Choose the captures that cover an area."""
    _io.check_outputs(cart=arguments.save, report=arguments.report)
    if arguments.plot is not None and Path(arguments.plot).suffix.lower() not in _PLOT_SUFFIXES:
        raise InvalidRequest("--plot must end in .png, .svg or .pdf.", code="plot_format_unsupported")
    if arguments.report and arguments.prices == "area":
        raise InvalidRequest("--report needs prices from the service.", code="report_without_prices", hint="Remove --prices area.")
    with _io.connect(arguments) as client:
        plan = client.cover(
            _io.read_captures(_io.existing_file(arguments.captures)),
            arguments.aoi,
            objective=arguments.objective,
            max_cloud_cover=arguments.max_cloud_cover,
            min_coverage=arguments.min_coverage,
            budget=arguments.budget,
            max_captures=arguments.max_captures,
            prices=arguments.prices,
            time_limit=arguments.time_limit,
            use_owned=arguments.use_owned,
            cloud=arguments.cloud,
        )
        arguments.progress.has_requested = True
        if not arguments.json:
            _output.cover_table(plan)
        marked, owned = _owned.look_up(plan.cart, client)
        if arguments.json:
            _documents.document("cover/1", {**_documents.cover_document(plan), "owned": owned})
        _write_outputs(plan.cart, None if plan.estimate is None else replace(plan.estimate, cart=marked), arguments)
    if arguments.plot:
        picture = io.BytesIO()
        kind = Path(arguments.plot).suffix[1:].lower()
        plan.plot().figure.savefig(picture, format=kind, bbox_inches="tight", dpi=150)  # type: ignore[union-attr]  # always in a figure
        _print(f"Plot: {write_atomic(picture.getvalue(), arguments.plot, 'The plot')}", arguments)
    return 0 if plan.is_complete else FAILED


def report(arguments: argparse.Namespace) -> int:
    """Write a report of one cart or order, or compare several."""
    several = len(arguments.what) > 1
    details = {name: getattr(arguments, name) for name in AUTHOR_DETAILS}
    _io.check_outputs(report=arguments.output, several=several, contact_sheet=arguments.contact_sheet, report_option="-o")
    named = _named(arguments.what)
    with _io.connect(arguments) as client:
        subjects = {name: _subject(source, arguments, client) for name, source in named}
        arguments.progress.has_requested = True
        subjects, owned = _with_owned(subjects, client)
        if several:
            from scenecart.report import compare_report  # noqa: PLC0415  # keeps --help fast

            if any(details.values()):
                raise InvalidRequest(
                    "A comparison has a title, but no other details of the author.",
                    code="comparison_without_paper",
                    hint="Leave out --prepared-by and the like, or report one cart.",
                )
            path = compare_report(subjects, arguments.output, title=arguments.title)
        else:
            (subject,) = subjects.values()
            path = subject.to_report(
                arguments.output,
                title=arguments.title,
                thumbnails=not arguments.no_thumbnails,
                contact_sheet=arguments.contact_sheet,
                **details,
            )
    if arguments.json:
        _documents.document("report/1", {"report": str(path), "subjects": list(subjects), "owned": owned})
    else:
        print(f"Report: {path}")
    return FAILED if _warn_of_missing_prices(subjects) else 0


def _with_owned(
    subjects: Mapping[str, Estimate | Order | Cart], client: Client
) -> tuple[dict[str, Estimate | Order | Cart], dict[str, list[dict[str, Any]] | None]]:
    """Return subjects with marked captures, and what is owned of each; orders are owned, so nothing is looked up for them."""
    from scenecart._cart.estimate import Estimate  # noqa: PLC0415  # keeps --help fast
    from scenecart._orders.order import Order  # noqa: PLC0415  # likewise

    found: dict[str, Estimate | Order | Cart] = {}
    owned: dict[str, list[dict[str, Any]] | None] = {}
    for name, one in subjects.items():
        if isinstance(one, Order):
            found[name] = one
        else:
            shown = name if len(subjects) > 1 else ""
            seconds = _owned.SECONDS if isinstance(one, Estimate) else _owned.SECONDS_UNPRICED
            found[name], owned[name] = _owned.look_up(one, client, shown, seconds)
    return found, owned


def _warn_of_missing_prices(subjects: Mapping[str, Estimate | Order | Cart]) -> bool:
    """Warn of captures without a price; return whether a subject has no price at all although prices were requested."""
    from scenecart._cart.estimate import Estimate  # noqa: PLC0415  # keeps --help fast

    refused = {name: one for name, one in subjects.items() if isinstance(one, Estimate) and one.refused}
    for name, one in refused.items():
        count, every = len(one.refused), pluralize(len(one.cart), "capture")
        where = f" in {clean_text(name, 80)!r}" if len(subjects) > 1 else ""
        warn(
            f"{count:,} of {every}{where} {'has' if count == 1 else 'have'} no price.",
            code="report_prices_missing",
            hint="`scenecart estimate` shows the reasons. --no-prices leaves all prices out.",
        )
    return any(not one.price_groups for one in refused.values())


def login_status(arguments: argparse.Namespace) -> int:
    """Print the account, the service and the available credits."""
    from scenecart.client import count_unfinished  # noqa: PLC0415  # keeps --help fast

    with _io.connect(arguments) as client:
        account = client.whoami()
        scopes = str(account.get("scope") or "").split()
        can_place = _can_place(scopes)
        credits_: int | None = None
        with contextlib.suppress(PermissionDenied, NotFound):
            credits_ = available_credits(client.balance())
        unfinished, of_others = count_unfinished(client)
        status = {
            "service": client.base_url,
            "signed_in_by": client.signed_in_by,
            "account": account.get("preferred_username") or account.get("sub"),
            "organization": account.get("organization_id") or account.get("geopera_org_id"),
            "project": client.project,
            "scopes": scopes,
            "can_place": can_place,
            "balance_credits": credits_,
            "unfinished_placements": unfinished,
        }
    if arguments.json:
        _documents.document("login-status/1", status)
        return 0
    permissions = {True: "yes", False: "no (requires a user with the scope orders:write)", None: "unknown"}
    commands = "run `scenecart placements`, then `scenecart settle`"
    lines = {
        "Service": status["service"],
        "Signed in with": status["signed_in_by"],
        "Account": status["account"] or "unknown",
        "Organization": status["organization"] or "unknown",
        "Project": status["project"] or "not set (pass --project to place, or set SCENECART_PROJECT)",
        "Can place orders": permissions[can_place],
        "Credits": "unknown" if credits_ is None else f"{credits_:,}",
        "Unfinished": (f"{pluralize(unfinished, 'placement')} ({commands})" if unfinished else "none")
        + (f"; {pluralize(of_others, 'placement')} of other accounts on this machine" if of_others else ""),
    }
    _table.print_pairs((name, str(value)) for name, value in lines.items())
    return 0


def _can_place(scopes: list[str]) -> bool | None:
    """Return whether an account has the scope for placing, or None if its scopes are unknown."""
    return bool({"orders:write", "orders:*", "*:write", "*"} & set(scopes)) if scopes else None


def _write_outputs(cart: Cart, price: Estimate | None, arguments: argparse.Namespace) -> None:
    """Write the files of --save and --report."""
    if arguments.save:
        _print(f"Cart: {cart.save(arguments.save)}", arguments)
    if arguments.report and price is not None:
        _print(f"Report: {price.to_report(arguments.report)}", arguments)


def _print(line: str, arguments: argparse.Namespace) -> None:
    if not arguments.json:
        print(line)


def _named(arguments: list[str]) -> list[tuple[str, str]]:
    """Return a name and a source for each subject of a report: NAME=SOURCE, or a name from the file's own."""
    found: dict[str, str] = {}
    for text in arguments:
        before, equals, after = text.partition("=")
        source = after if equals else text
        name = before if equals else Path(text).name.split(".")[0]
        if name in found:
            raise InvalidRequest(
                f"Two subjects of the report have the name {name!r}.",
                code="subject_name_repeated",
                hint="Give each a name: cheap=a.cart.parquet clear=b.cart.parquet",
            )
        if Path(source).suffix.lower() in {".parquet", ".geojson", ".json"}:
            _io.existing_file(source)
        found[name] = source
    return list(found.items())


def _subject(source: str, arguments: argparse.Namespace, client: Client) -> Estimate | Order | Cart:
    """Return what a report is about: the price of a file, or its cart with --no-prices, or an order."""
    if as_path(source).is_file():
        cart = _io.read_cart(source, arguments, client)
        return cart if arguments.no_prices else cart.estimate()
    return client.order(source)
