"""The command line: arguments, printing, and nothing else."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import math
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from scenecart._errors import ConfigurationError, InvalidRequest, MissingExtra, ScenecartError
from scenecart._version import __version__
from scenecart._wire import clean_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import geopandas as gpd
    import pandas as pd

    from scenecart._cart import Cart
    from scenecart._client import Client
    from scenecart._estimate import Estimate
    from scenecart._orders import Order

_SHOWN_ROWS = 20
_USAGE_ERROR, _FAILED, _INTERRUPTED = 2, 1, 130

_EXAMPLES = """\
examples:
  scenecart demo                                   the whole way, on the embedded sandbox
  scenecart demo --items captures.ndjson           the same over your own STAC items
  scenecart search HOST --collections C --aoi harbour.geojson --datetime 2024-01/2024-06 -o captures.parquet
  scenecart estimate captures.parquet --aoi harbour.geojson --report quote.html
  scenecart place captures.parquet --aoi harbour.geojson --project ID --max-credits 50000
  scenecart orders --status processing
  scenecart order ID --wait --download harbour/
  scenecart settle                                 what became of orders whose answer was lost
  scenecart app --profile sandbox                  the workbench in a browser tab
  scenecart sandbox --port 8900 --data box         the sandbox for other programs

How to connect: SCENECART_BASE_URL, SCENECART_TOKEN (or SCENECART_API_KEY, or SCENECART_USERNAME and
SCENECART_PASSWORD), or --profile. Secrets are not taken as arguments, which other users of a machine can read.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 asked wrongly, 130 interrupted."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    warnings.showwarning = lambda message, *_, **__: print(f"scenecart: {clean_text(str(message), 1000)}", file=sys.stderr)
    try:
        return int(arguments.run(arguments) or 0)
    except ScenecartError as error:
        _complain(str(error), error)
        return _USAGE_ERROR if isinstance(error, InvalidRequest) and error.status is None else _FAILED
    except BrokenPipeError:
        sys.stderr.close()
        return _FAILED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return _INTERRUPTED


def _complain(text: str, error: BaseException) -> None:
    first, *rest = text.splitlines()
    rest += list(getattr(error, "__notes__", []))
    print(f"scenecart: {clean_text(first, 1000)}", file=sys.stderr)
    for line in rest:
        print(f"  {clean_text(line, 1000)}", file=sys.stderr)


def _demo_command(arguments: argparse.Namespace) -> int:
    from scenecart import _demo  # noqa: PLC0415  # --help should not wait for it

    _demo.run(directory=Path(arguments.directory), items=arguments.items, aoi=arguments.aoi, console=Console(highlight=False))
    return 0


def _sandbox_command(arguments: argparse.Namespace) -> int:
    try:
        from scenecart.sandbox import SandboxError, serve  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"The sandbox needs the package {error.name!r}, which is not installed.",
            hint='Install it: pip install "scenecart[sandbox]"',
        ) from error
    try:
        serve(
            port=arguments.port,
            data=arguments.data,
            items=arguments.items,
            pace=arguments.pace,
            **({} if arguments.captures is None else {"captures": arguments.captures}),
            ready_file=arguments.ready_file,
            print_line=lambda line: print(line, flush=True),
        )
    except SandboxError as error:
        raise ConfigurationError(str(error)) from error
    return 0


def _app_command(arguments: argparse.Namespace) -> int:
    missing = next((name for name in ("voila", "ipyleaflet", "anywidget") if importlib.util.find_spec(name) is None), None)
    if missing is not None:
        raise MissingExtra(
            f"The app needs the package {missing!r}, which is not installed.",
            hint='Install it: pip install "scenecart[widgets,lab]"',
        )
    here = Path(__file__).parent
    shipped = here / "widgets" / "app.ipynb"
    notebook = shipped if shipped.is_file() else here.parents[1] / "notebooks" / "app.ipynb"
    listen = ["--Voila.ip=127.0.0.1", f"--port={arguments.port}", "--theme=light"]
    command = [sys.executable, "-m", "voila", str(notebook), *listen, *(["--no-browser"] if arguments.no_browser else [])]
    environ = {**os.environ, "SCENECART_APP_PROFILE": arguments.profile}
    return subprocess.call(command, env=environ)  # noqa: S603  # our own notebook, and nothing from outside


def _search_command(arguments: argparse.Namespace) -> int:
    if arguments.output:
        _check_suffix(Path(arguments.output))
    with _connect(arguments) as client:
        captures = client.search(
            arguments.host,
            collections=arguments.collections,
            ids=arguments.ids,
            aoi=arguments.aoi,
            bbox=arguments.bbox,
            datetime=arguments.datetime,
            query=_query(arguments.query),
            max_cloud_cover=arguments.max_cloud_cover,
            limit=arguments.limit,
            progress=not arguments.json and sys.stderr.isatty(),
        )
    if arguments.output:
        _write_captures(captures, Path(arguments.output))
    if arguments.json:
        print(captures.to_json(default=str))
    else:
        _show_captures(captures)
        if arguments.output:
            print(f"Written to {arguments.output}")
    return 0


def _estimate_command(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as client:
        cart = _read_cart(arguments, client)
        if arguments.save:
            cart.save(arguments.save)
        estimate = cart.estimate()
    report = estimate.to_report(arguments.report) if arguments.report else None
    if arguments.json:
        print(json.dumps(_estimate_document(estimate), indent=2))
    else:
        show_estimate(estimate, Console(highlight=False))
        if report is not None:
            print(f"Report: {report}")
    return _FAILED if estimate.refused else 0


def _orders_command(arguments: argparse.Namespace) -> int:
    import pandas as pd  # noqa: PLC0415  # --help should not wait for it

    with _connect(arguments) as client:
        orders = client.orders(status=arguments.status, project=arguments.project)
    if arguments.json:
        print(orders.reset_index().to_json(orient="records", date_format="iso", default_handler=str))
        return 0
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Order", "Status", "Captures", "Credits", "A$", "Placed (UTC)"):
        table.add_column(name, justify="right" if name in {"Captures", "Credits", "A$"} else "left")
    for order in orders.reset_index().to_dict("records"):
        amounts = ["" if pd.isna(order[name]) else f"{order[name]:,}" for name in ("captures", "total_credits", "total_aud")]
        placed = "" if pd.isna(order["created"]) else f"{order['created']:%Y-%m-%d %H:%M}"
        table.add_row(clean_text(order["id"], 80), clean_text(order["status"], 40), *amounts, placed)
    Console(highlight=False).print(table if len(orders) else "No orders.", markup=False)
    return 0


def _place_command(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as client, _only_json(arguments):
        estimate = _read_cart(arguments, client).estimate()
        if not arguments.json:
            show_estimate(estimate, Console(highlight=False))
        order = estimate.place(project=arguments.project, license_type=arguments.license, max_credits=arguments.max_credits)
    _show_order(order, arguments)
    return 0


def _order_command(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as client, _only_json(arguments):
        order = client.order(arguments.id)
        shown = not arguments.json and sys.stderr.isatty()
        if arguments.wait:
            order.wait(timeout=arguments.timeout, progress=shown)
        files = []
        if arguments.download:
            files = order.download(arguments.download, arguments.assets, progress=shown)
    _show_order(order, arguments, files)
    return 0


def _cancel_command(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as client, _only_json(arguments):
        order = client.order(arguments.id).cancel()
    _show_order(order, arguments)
    return 0 if order.status == "cancelled" else _FAILED


def _placements_command(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as client:
        _show_placements(client.placements(), arguments)
    return 0


def _settle_command(arguments: argparse.Namespace) -> int:
    with _connect(arguments) as client, _only_json(arguments):
        settled = client.settle()
    _show_placements(settled, arguments)
    return _FAILED if settled["state"].isin(["sent", "unknown"]).any() else 0


@contextlib.contextmanager
def _only_json(arguments: argparse.Namespace) -> Iterator[None]:
    """Keep what is said to a person out of an output that a program reads."""
    with contextlib.redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        yield


def _show_order(order: Order, arguments: argparse.Namespace, files: Sequence[Path] = ()) -> None:
    if arguments.json:
        document = {
            "id": order.id,
            "status": order.status,
            "total_credits": order.total_credits,
            "total_aud": None if order.total_aud is None else str(order.total_aud),
            "project": order.project,
            "captures": order.captures,
            "note": order.note,
            "files": [str(path) for path in files],
        }
        print(json.dumps(document, indent=2))
        return
    credits_ = "" if order.total_credits is None else f", {order.total_credits:,} credits"
    print(f"Order {clean_text(order.id, 80)}: {clean_text(order.status, 40)}{credits_}")
    for path in files:
        print(path)


def _show_placements(placements: pd.DataFrame, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(placements.to_json(orient="records", date_format="iso", default_handler=str))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("State", "Order", "Captures", "Credits", "Begun (UTC)", "Why"):
        table.add_column(name, justify="right" if name in {"Captures", "Credits"} else "left", overflow="fold")
    for row in placements.to_dict("records"):
        begun = f"{row['created']:%Y-%m-%d %H:%M}"
        table.add_row(
            row["state"],
            clean_text(row["order_id"] or "", 80),
            f"{row['captures']:,}",
            f"{row['total_credits']:,}",
            begun,
            clean_text(row["detail"] or "", 200),
        )
    Console(highlight=False).print(table if len(placements) else "No placements.", markup=False)


def _connect(arguments: argparse.Namespace) -> Client:
    from scenecart._connect import connect  # noqa: PLC0415  # --help should not wait for geopandas

    return connect(arguments.profile, base_url=arguments.base_url)


def show_estimate(estimate: Estimate, console: Console) -> None:
    """Print an estimate as a table."""
    table = Table(box=None, header_style="bold", pad_edge=False, show_footer=True)
    table.add_column("Group", footer="Total")
    table.add_column("Captures", justify="right", footer=f"{len(estimate.cart):,}")
    table.add_column("km²", justify="right")
    table.add_column("Credits", justify="right", footer=f"{estimate.total_credits:,}")
    table.add_column("A$", justify="right", footer=f"{estimate.total_aud:,.2f}")
    for number, group in enumerate(estimate.price_groups, 1):
        area = "–" if group.aoi_km2 is None else f"{group.aoi_km2:,.2f}"
        table.add_row(str(number), f"{len(group.ids):,}", area, f"{group.credits:,}", f"{group.aud:,.2f}")
    console.print(table, markup=False)
    for name, reason in estimate.refused:
        console.print(f"not priced: {clean_text(name, 80)}: {reason}", markup=False)


def _show_captures(captures: gpd.GeoDataFrame) -> None:
    import pandas as pd  # noqa: PLC0415  # --help should not wait for it

    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("Capture", "Collection", "Acquired (UTC)", "Cloud", "GSD"):
        table.add_column(name, justify="right" if name in {"Cloud", "GSD"} else "left", overflow="fold")
    for _, row in captures.head(_SHOWN_ROWS).iterrows():
        acquired = row["datetime"]
        table.add_row(
            clean_text(row["id"], 80),
            clean_text(row["collection"], 40),
            "" if pd.isna(acquired) else f"{acquired:%Y-%m-%d %H:%M}",
            _figure(row.get("eo:cloud_cover"), " %"),
            _figure(row.get("gsd"), " m"),
        )
    console = Console(highlight=False)
    console.print(table, markup=False)
    rest = len(captures) - _SHOWN_ROWS
    more = f", {rest:,} of them not shown" if rest > 0 else ""
    console.print(f"{len(captures):,} captures{more}", markup=False)


def _figure(value: Any, unit: str) -> str:
    is_number = isinstance(value, int | float) and not math.isnan(value)
    return f"{value:g}{unit}" if is_number else ""


def _estimate_document(estimate: Estimate) -> dict[str, Any]:
    return {
        "total_credits": estimate.total_credits,
        "total_aud": str(estimate.total_aud),
        "groups": [
            {"captures": list(group.ids), "aoi_km2": group.aoi_km2, "credits": group.credits, "aud": str(group.aud)}
            for group in estimate.price_groups
        ],
        "errors": [{"id": name, "detail": reason} for name, reason in estimate.refused],
        "fingerprint": estimate.cart.fingerprint,
        "made_at": estimate.made_at.isoformat(),
    }


def _query(text: str | None) -> Any:
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidRequest(f"--query is no JSON: {error}.", hint='It looks like {"gsd": {"lte": 0.5}}.') from None


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in {".parquet", ".geojson", ".json"}:
        raise InvalidRequest(
            f"Captures cannot be written as {path.suffix or 'a file without suffix'!r}.",
            hint="Use .parquet, which keeps everything, or .geojson.",
        )


def _write_captures(captures: gpd.GeoDataFrame, path: Path) -> None:
    if path.suffix.lower() == ".parquet":
        captures.to_parquet(path)
    else:
        path.write_text(captures.to_json(default=str), encoding="utf-8")


def _read_cart(arguments: argparse.Namespace, client: Client) -> Cart:
    """Read a saved cart as it is, or make one of captures and what else was asked for."""
    path = Path(arguments.captures)
    if len(path.suffixes) > 1 and path.suffixes[-2].lower() == ".cart":
        if arguments.aoi or arguments.split_by_date:
            raise InvalidRequest("A saved cart has its own area and options; --aoi and --split-by-date are for captures.")
        from scenecart._cart_file import load_cart  # noqa: PLC0415  # --help should not wait for it

        return load_cart(path, client)
    return client.cart(_read_captures(path), aoi=arguments.aoi, split_by_date=arguments.split_by_date)


def _read_captures(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415  # --help should not wait for it

    if not path.is_file():
        raise InvalidRequest(f"There is no file {str(path)!r}.")
    try:
        return gpd.read_parquet(path) if path.suffix.lower() == ".parquet" else gpd.read_file(path)
    except Exception as error:
        raise InvalidRequest(
            f"{path.name} cannot be read as captures ({type(error).__name__}).",
            hint="Pass what `scenecart search -o captures.parquet` wrote.",
        ) from error


def _bbox(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("four numbers, west,south,east,north in degrees") from None


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scenecart",
        description="Search, price, buy and receive archive satellite imagery.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"scenecart {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="go the whole way once, from search to delivered imagery")
    demo.add_argument("--items", metavar="PATH", help="real STAC items to use as the catalog: JSON, NDJSON, Parquet or a folder")
    demo.add_argument("--aoi", metavar="AREA", help="area of interest: a file, WKT or GeoJSON")
    demo.add_argument("--directory", metavar="DIR", default="demo", help="where the files go (default: demo)")
    demo.set_defaults(run=_demo_command)

    sandbox = commands.add_parser("sandbox", help="run the embedded service for other programs")
    sandbox.add_argument("--port", type=int, default=8900, help="0 picks a free one (default: 8900)")
    sandbox.add_argument("--data", metavar="DIR", help="keep the state here (default: a temporary folder)")
    sandbox.add_argument("--items", metavar="PATH", help="real STAC items to use as the catalog")
    sandbox.add_argument("--captures", type=int, metavar="N", help="about how many captures to invent (default: 240,000)")
    sandbox.add_argument("--pace", choices=("instant", "demo", "real"), default="demo", help="how fast orders move")
    sandbox.add_argument("--ready-file", metavar="FILE", help="write URL and sign-ins here as JSON once it answers")
    sandbox.set_defaults(run=_sandbox_command)

    search = commands.add_parser("search", help="search a host's catalog")
    search.add_argument("host")
    search.add_argument("--collections", type=_words, metavar="A,B")
    search.add_argument("--ids", type=_words, metavar="A,B")
    search.add_argument("--aoi", metavar="AREA", help="a file, WKT or GeoJSON")
    search.add_argument("--bbox", type=_bbox, metavar="W,S,E,N", help="in degrees; write --bbox=… when W is negative")
    search.add_argument("--datetime", metavar="RANGE", help="such as 2024-01/2024-06")
    search.add_argument("--query", metavar="JSON", help='such as {"gsd": {"lte": 0.5}}')
    search.add_argument("--max-cloud-cover", type=float, metavar="PERCENT")
    search.add_argument("--limit", type=int, metavar="N")
    search.add_argument("-o", "--output", metavar="FILE", help=".parquet keeps everything; .geojson")
    _add_common(search)
    search.set_defaults(run=_search_command)

    estimate = commands.add_parser("estimate", help="ask what captures cost; nothing is bought")
    estimate.add_argument(
        "captures", metavar="FILE", help="what `scenecart search -o` wrote, or a saved .cart.parquet or .cart.geojson"
    )
    estimate.add_argument("--aoi", metavar="AREA", help="clip to this: a file, WKT or GeoJSON")
    estimate.add_argument("--split-by-date", action="store_true", help="price each acquisition date for itself")
    estimate.add_argument("--save", metavar="FILE", help="keep the cart: .cart.parquet or .cart.geojson")
    estimate.add_argument("--report", metavar="FILE", help="write a report: .html .xlsx .md .csv .geojson .gpkg .parquet")
    _add_common(estimate)
    estimate.set_defaults(run=_estimate_command)

    orders = commands.add_parser("orders", help="list the organization's orders")
    orders.add_argument("--status", help="such as processing or delivered")
    orders.add_argument("--project", metavar="ID")
    _add_common(orders)
    orders.set_defaults(run=_orders_command)
    _add_money_commands(commands)
    app = commands.add_parser("app", help="the workbench in a browser tab, without JupyterLab")
    app.add_argument("--profile", default="", help='a saved profile, or "sandbox"')
    app.add_argument("--port", type=int, default=8866, help="where to listen on this machine (default: 8866)")
    app.add_argument("--no-browser", action="store_true", help="do not open a browser")
    app.set_defaults(run=_app_command)
    return parser


def _add_money_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    place = commands.add_parser("place", help="buy captures; this spends money, and running it again buys nothing twice")
    place.add_argument(
        "captures", metavar="FILE", help="what `scenecart search -o` wrote, or a saved .cart.parquet or .cart.geojson"
    )
    place.add_argument("--max-credits", type=int, metavar="N", required=True, help="buy nothing that costs more")
    place.add_argument("--aoi", metavar="AREA", help="clip to this: a file, WKT or GeoJSON")
    place.add_argument("--split-by-date", action="store_true", help="price each acquisition date for itself")
    place.add_argument("--project", metavar="ID", help="where the imagery is delivered (default: SCENECART_PROJECT)")
    place.add_argument("--license", metavar="TYPE", default="standard", help="the licence to buy (default: standard)")
    _add_common(place)
    place.set_defaults(run=_place_command)

    order = commands.add_parser("order", help="look at one order, wait for it, fetch its files")
    order.add_argument("id")
    order.add_argument("--wait", action="store_true", help="until it is delivered")
    order.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer than this")
    order.add_argument("--download", metavar="DIR", help="fetch the delivered files, verified")
    order.add_argument("--assets", type=_words, metavar="A,B", help="only these of each item")
    _add_common(order)
    order.set_defaults(run=_order_command)

    cancel = commands.add_parser("cancel", help="cancel an order, where that is still possible")
    cancel.add_argument("id")
    _add_common(cancel)
    cancel.set_defaults(run=_cancel_command)

    placements = commands.add_parser("placements", help="what this machine's journal knows of purchases")
    _add_common(placements)
    placements.set_defaults(run=_placements_command)

    settle = commands.add_parser("settle", help="find out what became of purchases whose answer was lost")
    _add_common(settle)
    settle.set_defaults(run=_settle_command)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", help='a saved profile, or "sandbox"')
    parser.add_argument("--base-url", metavar="URL", help="where the service is")
    parser.add_argument("--json", action="store_true", help="print JSON")


if __name__ == "__main__":
    sys.exit(main())
