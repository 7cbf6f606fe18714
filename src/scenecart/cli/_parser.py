"""The parser of the command line: commands, options and their help."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from scenecart._version import __version__
from scenecart.cli import _apps_cmd, _catalog_cmd, _orders_cmd

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse has no public name for it

_ABOUT = """\
from a search to delivered files:
  scenecart search aurora --collections aurora-50cm --aoi harbour.geojson --datetime 2024-01/2024-06 -o found.parquet
  scenecart cover found.parquet --aoi harbour.geojson --save harbour.cart.parquet
  scenecart report harbour.cart.parquet -o quote.pdf
  scenecart place harbour.cart.parquet --project ID
  scenecart orders --status processing
  scenecart download ORDER harbour/ --wait

without an account:
  scenecart demo                              the whole workflow, on the embedded sandbox
  scenecart lab                               JupyterLab with the example notebooks
  scenecart app --profile sandbox             the workbench in a browser tab
  scenecart sandbox --port 8900 --data box    the sandbox as a server for other programs

exit codes:
  0    success
  1    failure
  2    wrong usage; nothing was sent
  3    the service cannot charge; nothing was ordered
  4    unknown whether an order was placed; run scenecart settle
  5    captures are owned already; nothing was ordered
  6    success, but the result could not be printed
  130  interrupted

sign-in:
  Set SCENECART_TOKEN, or SCENECART_API_KEY, or SCENECART_USERNAME and SCENECART_PASSWORD; or pass --profile.
  Set SCENECART_BASE_URL for another service. Secrets are never command-line arguments, because other users of
  the machine could read them.
"""
_CART = "a file from `scenecart search -o`, or a saved cart"
_AREA = "a file, WKT or GeoJSON"
_ITEMS = "catalog to use: STAC items as JSON, NDJSON or GeoParquet, a folder of them, or a file from `scenecart search -o`"
_REPORT = ".html .pdf .xlsx .md .csv .geojson .gpkg .parquet"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser with every command."""
    parser = argparse.ArgumentParser(
        prog="scenecart",
        description="Search, price, buy and receive archive satellite imagery.",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"scenecart {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_selection(commands)
    _add_placing(commands)
    _add_orders(commands)
    _add_programs(commands)
    return parser


def option_names(parser: argparse.ArgumentParser) -> set[str]:
    """Return the options of all commands, such as ``--max-credits``."""
    tables = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001  # argparse has no public way to list them
    return {name for table in tables for command in table.values() for name in command._option_string_actions}  # noqa: SLF001  # likewise


def _add_selection(commands: Commands) -> None:
    search = _command(
        commands,
        "search",
        _catalog_cmd.search,
        "search the catalog of a host",
        "scenecart search aurora --collections aurora-50cm --aoi harbour.geojson --datetime 2024-01/2024-06 -o found.parquet",
        "scenecart search aurora --profile sandbox --collections aurora-50cm --bbox=151.1,-34,151.3,-33.8 --max-cloud-cover 20",
    )
    search.add_argument("host", help="provider to search, such as aurora")
    search.add_argument("--collections", type=_words, metavar="A,B", help="collections to search (required without --ids)")
    search.add_argument("--ids", type=_words, metavar="A,B", help="search only these capture ids")
    search.add_argument("--aoi", metavar="AREA", help=f"area that captures must intersect: {_AREA}")
    search.add_argument("--bbox", type=_bbox, metavar="W,S,E,N", help="bounding box in degrees; write --bbox=… when W is negative")
    search.add_argument("--datetime", metavar="RANGE", help="acquisition time, such as 2024-01/2024-06")
    search.add_argument("--query", metavar="JSON", help='other property filters, such as {"gsd": {"lte": 0.5}}')
    search.add_argument("--max-cloud-cover", type=float, metavar="PERCENT", help="largest cloud cover, 0 to 100")
    search.add_argument("--limit", type=int, metavar="N", help="largest number of captures")
    search.add_argument("--owned", action="store_true", help="show how much of each capture your organization owns already")
    search.add_argument("-o", "--output", metavar="FILE", help="write the captures: .parquet (keeps every column) or .geojson")

    estimate = _command(
        commands,
        "estimate",
        _catalog_cmd.estimate,
        "show the price of captures; buys nothing",
        "scenecart estimate found.parquet --aoi harbour.geojson --report quote.html",
        "scenecart estimate harbour.cart.parquet --json",
        note="The exit code is 1 if a capture has no price.",
    )
    estimate.add_argument("captures", metavar="FILE", help=_CART)
    _add_cart_options(estimate)
    _add_without_owned(estimate)
    _add_outputs(estimate)

    cover = _command(
        commands,
        "cover",
        _catalog_cmd.cover,
        "choose the cheapest captures that cover an area; buys nothing",
        "scenecart cover found.parquet --aoi harbour.geojson --max-cloud-cover 30 --save harbour.cart.parquet --report quote.pdf",
        "scenecart cover found.parquet --aoi harbour.geojson --objective newest --budget 200000 --plot cover.png",
        note="The exit code is 1 if the plan covers less than --min-coverage, or --budget is below the cheapest capture.",
    )
    cover.add_argument("captures", metavar="FILE", help=_CART)
    cover.add_argument("--aoi", metavar="AREA", required=True, help=f"area to cover: {_AREA}")
    cover.add_argument(
        "--objective", choices=("cost", "fewest", "newest", "clearest"), default="cost", help="what to optimise (default: cost)"
    )
    cover.add_argument("--max-cloud-cover", type=float, metavar="PERCENT", help="leave out cloudier captures, 0 to 100")
    cover.add_argument(
        "--min-coverage", type=float, metavar="SHARE", default=0.98, help="share of the area to cover, 0 to 1 (default: 0.98)"
    )
    cover.add_argument("--budget", type=_credits, metavar="CREDITS", help="largest total price")
    cover.add_argument("--max-captures", type=int, metavar="N", help="largest number of captures")
    cover.add_argument(
        "--prices",
        choices=("service", "area"),
        default="service",
        help="what to compare: prices from the service, or areas without prices (default: service)",
    )
    cover.add_argument(
        "--time-limit", type=float, metavar="SECONDS", default=10.0, help="longest time to search for the best plan (default: 10)"
    )
    cover.add_argument(
        "--use-owned", action="store_true", help="count the ground of captures in FILE that are owned already as covered"
    )
    cover.add_argument("--plot", metavar="FILE", help="draw the plan to a file: .png .svg .pdf")
    _add_outputs(cover)

    report = _command(
        commands,
        "report",
        _catalog_cmd.report,
        "write a report of a cart or an order, or compare several",
        "scenecart report harbour.cart.parquet -o quote.pdf",
        "scenecart report ORDER -o order.html",
        "scenecart report cheap=a.cart.parquet clear=b.cart.parquet -o compared.xlsx",
    )
    report.add_argument("what", nargs="+", metavar="[NAME=]SOURCE", help=f"{_CART}, or an order id")
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help=f"report file: {_REPORT}; to compare several: .html .pdf .xlsx .md .csv",
    )
    report.add_argument("--title", help="title of the report")
    report.add_argument("--no-prices", action="store_true", help="report carts without prices")
    report.add_argument("--no-thumbnails", action="store_true", help="leave out the thumbnail of each capture")
    _add_cart_options(report)


def _add_placing(commands: Commands) -> None:
    place = _command(
        commands,
        "place",
        _orders_cmd.place,
        "buy captures after you confirm the exact price; running it again buys nothing twice",
        "scenecart place harbour.cart.parquet --project ID",
        "scenecart place harbour.cart.parquet --project ID --yes --max-credits 50000 --json",
        note="This spends money. Without --yes, it shows the exact total and buys only after you type yes.",
    )
    place.add_argument("captures", metavar="FILE", help=_CART)
    place.add_argument("--max-credits", type=_credits, metavar="N", help="largest price to pay")
    place.add_argument("--yes", action="store_true", help="buy without a question; needs --max-credits")
    place.add_argument(
        "--again",
        nargs="?",
        const=True,
        default=False,
        metavar="NAME",
        help="buy the same again on purpose; with a name, once for this name. Write it after FILE",
    )
    place.add_argument(
        "--owned",
        choices=("refuse", "buy"),
        default="refuse",
        help="what to do if captures are owned already (default: refuse, with exit code 5)",
    )
    place.add_argument("--new-key", action="store_true", help="if the service only repeats an old refusal, place with a new key")
    place.add_argument("--project", metavar="ID", help="project to deliver to (default: SCENECART_PROJECT)")
    place.add_argument("--license", metavar="TYPE", default="standard", help="licence type (default: standard)")
    _add_cart_options(place)
    _add_without_owned(place)


def _add_orders(commands: Commands) -> None:
    orders = _command(
        commands,
        "orders",
        _orders_cmd.orders,
        "list the organization's orders, newest first",
        "scenecart orders --status processing",
    )
    orders.add_argument("--status", help="only orders with this status, such as processing or delivered")
    orders.add_argument("--project", metavar="ID", help="only orders delivered to this project")
    orders.add_argument("--limit", type=int, metavar="N", help="largest number of orders")

    owned = _command(
        commands,
        "owned",
        _orders_cmd.owned,
        "list what the organization owns, newest first; buys nothing",
        "scenecart owned --aoi harbour.geojson",
        "scenecart owned --project ID -o owned.parquet",
    )
    owned.add_argument("--aoi", metavar="AREA", help=f"only captures whose bought ground intersects this area: {_AREA}")
    owned.add_argument("--project", metavar="ID", help="only captures delivered to this project")
    owned.add_argument("-o", "--output", metavar="FILE", help="write the captures with the bought ground: .parquet or .geojson")

    order = _command(
        commands,
        "order",
        _orders_cmd.order,
        "show one order; wait for it and download its files",
        "scenecart order ORDER --wait --json",
    )
    order.add_argument("id", metavar="ORDER", help="order id")
    order.add_argument("--download", metavar="DIR", help="download the delivered files to this folder and verify them")
    _add_waiting(order)

    download = _command(
        commands,
        "download",
        _orders_cmd.order,
        "download the files of an order, verified; an interrupted download resumes",
        "scenecart download ORDER harbour/ --wait",
        "scenecart download ORDER harbour/ --assets visual",
    )
    download.add_argument("id", metavar="ORDER", help="order id")
    download.add_argument("download", metavar="DIR", help="folder for the files")
    _add_waiting(download)

    cancel = _command(
        commands, "cancel", _orders_cmd.cancel, "cancel an order, if that is still possible", "scenecart cancel ORDER"
    )
    cancel.add_argument("id", metavar="ORDER", help="order id")
    _command(
        commands,
        "placements",
        _orders_cmd.placements,
        "list the purchases recorded on this machine",
        "scenecart placements --json",
    )
    settle = _command(
        commands,
        "settle",
        _orders_cmd.settle,
        "resolve every purchase that got no answer; never buys twice",
        "scenecart settle --look",
        "scenecart settle",
        note="This may complete a purchase and spend money, but never twice: a request that never arrived is sent again\n"
        "with the same key, but only if the price is still the same.\n"
        "With --look, nothing is sent: the list of orders shows which requests arrived.\n"
        "The exit code is 1 if an outcome is still unknown.",
    )
    settle.add_argument("--look", action="store_true", help="only look for the orders; send nothing")
    resolve = _command(
        commands,
        "resolve",
        _orders_cmd.resolve,
        "record what became of a placement, by what the service's console or support said",
        "scenecart resolve 7 --order ORDER",
        "scenecart resolve 7 --nothing --why 'support ticket 4711'",
        note="Only for a placement that scenecart settle leaves unknown. scenecart placements shows its number.",
    )
    resolve.add_argument("number", metavar="NUMBER", type=int, help="number of the placement")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--order", metavar="ORDER", help="id of the order that it became")
    outcome.add_argument("--nothing", action="store_true", help="it became no order")
    resolve.add_argument("--why", metavar="TEXT", help="the reason, kept in the journal")
    _command(
        commands,
        "login-status",
        _catalog_cmd.login_status,
        "show the account, the service and the available credits",
        "scenecart login-status --profile default",
    )


def _add_programs(commands: Commands) -> None:
    demo = _program(
        commands,
        "demo",
        _apps_cmd.demo,
        "run the whole workflow once, from search to delivered imagery, on the embedded sandbox",
        "scenecart demo",
        "scenecart demo --items captures.ndjson",
    )
    demo.add_argument("--items", metavar="PATH", help=_ITEMS)
    demo.add_argument("--aoi", metavar="AREA", help=f"area of interest: {_AREA}")
    demo.add_argument("--directory", metavar="DIR", default="demo", help="folder for the files (default: demo)")

    sandbox = _program(
        commands,
        "sandbox",
        _apps_cmd.sandbox,
        "run the sandbox as a server for other programs",
        "scenecart sandbox --port 8900 --data box --ready-file ready.json",
        "scenecart sandbox --dialect awaiting,short-keys",
    )
    sandbox.add_argument("--port", type=int, default=8900, help="port to listen on; 0 picks a free one (default: 8900)")
    sandbox.add_argument("--data", metavar="DIR", help="folder for its data (default: a temporary one)")
    sandbox.add_argument("--items", metavar="PATH", help=_ITEMS)
    sandbox.add_argument("--captures", type=int, metavar="N", help="approximate number of synthetic captures (default: 240,000)")
    sandbox.add_argument(
        "--pace", choices=("instant", "demo", "real"), default="demo", help="how fast orders are processed (default: demo)"
    )
    sandbox.add_argument(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME",
        help="answer as other services may, to test a client; repeat it, or use commas; --dialect help lists the names",
    )
    sandbox.add_argument("--ready-file", metavar="FILE", help="write the URL and the sign-ins as JSON when the server is ready")

    lab = _program(
        commands,
        "lab",
        _apps_cmd.lab,
        "open JupyterLab on a folder with the example notebooks",
        "scenecart lab",
        "scenecart lab work --no-browser",
        note="The notebooks are copied to the folder. Existing files are kept.",
    )
    lab.add_argument(
        "directory", nargs="?", metavar="DIR", default="scenecart-notebooks", help="folder (default: scenecart-notebooks)"
    )
    _add_listening(lab, 8888)
    lab.add_argument("--allow-root", action="store_true", help="run as root, for example in a container")

    app = _program(
        commands,
        "app",
        _apps_cmd.app,
        "open the workbench in a browser tab, without JupyterLab",
        "scenecart app --profile sandbox",
    )
    app.add_argument("--profile", default="", help='saved profile, or "sandbox"')
    _add_listening(app, 8866)


def _program(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, *examples: str, note: str = ""
) -> argparse.ArgumentParser:
    lines = [
        "examples:" if len(examples) > 1 else "example:",
        *(f"  {example}" for example in examples),
        *(["", note] if note else []),
    ]
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # an abbreviated --again would buy again by accident
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, *examples: str, **options: Any
) -> argparse.ArgumentParser:
    """Add a command that connects to a service."""
    parser = _program(commands, name, run, summary, *examples, **options)
    parser.add_argument("--profile", help='saved profile, or "sandbox"')
    parser.add_argument("--base-url", metavar="URL", help="address of the service")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_cart_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aoi", metavar="AREA", help=f"clip captures to this area: {_AREA}")
    parser.add_argument("--split-by-date", action="store_true", help="price each acquisition date separately")


def _add_without_owned(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--without-owned", action="store_true", help="leave out the ground that your organization owns already; shows both prices"
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="FILE", help="save the cart: .cart.parquet or .cart.geojson")
    parser.add_argument("--report", metavar="FILE", help=f"write a report: {_REPORT}")


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="wait until the order is delivered")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="longest time to wait")
    parser.add_argument("--assets", type=_words, metavar="A,B", help="download only these assets of each item")


def _add_listening(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--port", type=int, default=port, help=f"local port (default: {port})")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _bbox(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be west,south,east,north in degrees, got {text!r}") from None


def _credits(text: str) -> int:
    # int() accepts 5_0 and the digits of other scripts
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"must be a whole number of credits such as 50000, got {text!r}")
    return int(text)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]
