"""What can be typed, and what is said about it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from scenecart._version import __version__
from scenecart.cli import _apps_cmd, _catalog_cmd, _orders_cmd

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001  # argparse gives it no other name

_ABOUT = """\
from a search to files:
  scenecart search aurora --collections aurora-50cm --aoi harbour.geojson --datetime 2024-01/2024-06 -o found.parquet
  scenecart cover found.parquet --aoi harbour.geojson --save harbour.cart.parquet
  scenecart report harbour.cart.parquet -o quote.pdf
  scenecart place harbour.cart.parquet --project ID
  scenecart orders --status processing
  scenecart download ORDER harbour/ --wait

without an account:
  scenecart demo                                   the whole way, on the embedded sandbox
  scenecart lab                                    JupyterLab on the example notebooks
  scenecart app --profile sandbox                  the workbench in a browser tab
  scenecart sandbox --port 8900 --data box         the sandbox for other programs

it ends with 0 when it is done, 1 when it failed, 2 when it was asked wrongly and nothing was sent, 3 when the service
cannot charge, 4 when it is not known whether something was ordered, 5 when it was done and could not be printed, 130 when
it was interrupted.

How to connect: SCENECART_BASE_URL, SCENECART_TOKEN (or SCENECART_API_KEY, or SCENECART_USERNAME and
SCENECART_PASSWORD), or --profile. Secrets are not taken as arguments, which other users of a machine can read.
"""
_CART = "what `scenecart search -o` wrote, or a saved cart"
_AREA = "a file, WKT or GeoJSON"
_ITEMS = "use these as the catalog: STAC items as JSON, NDJSON, GeoParquet or a folder of them, or what a search was written to"
_REPORT = ".html .pdf .xlsx .md .csv .geojson .gpkg .parquet"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="scenecart",
        description="Search, price, buy and receive archive satellite imagery.",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"scenecart {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_choosing(commands)
    _add_place(commands)
    _add_orders(commands)
    _add_programs(commands)
    return parser


def option_names(parser: argparse.ArgumentParser) -> set[str]:
    """Return every option of every command, such as ``--max-credits``."""
    tables = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001  # argparse tells them in no other way
    return {name for table in tables for command in table.values() for name in command._option_string_actions}  # noqa: SLF001  # likewise


def _add_choosing(commands: Commands) -> None:
    search = _command(
        commands,
        "search",
        _catalog_cmd.search,
        "search a host's catalog",
        "scenecart search aurora --collections aurora-50cm --aoi harbour.geojson --datetime 2024-01/2024-06 -o found.parquet",
        "scenecart search aurora --profile sandbox --collections aurora-50cm --bbox=151.1,-34,151.3,-33.8 --max-cloud-cover 20",
    )
    search.add_argument("host", help="whose archive, such as aurora")
    search.add_argument("--collections", type=_words, metavar="A,B", help="of these; this or --ids is needed")
    search.add_argument("--ids", type=_words, metavar="A,B", help="these captures alone")
    search.add_argument("--aoi", metavar="AREA", help=f"what captures are to touch: {_AREA}")
    search.add_argument("--bbox", type=_bbox, metavar="W,S,E,N", help="in degrees; write --bbox=… when W is negative")
    search.add_argument("--datetime", metavar="RANGE", help="such as 2024-01/2024-06")
    search.add_argument("--query", metavar="JSON", help='such as {"gsd": {"lte": 0.5}}')
    search.add_argument("--max-cloud-cover", type=float, metavar="PERCENT", help="no cloudier than this")
    search.add_argument("--limit", type=int, metavar="N", help="how many captures at most")
    search.add_argument(
        "-o", "--output", metavar="FILE", help="write the captures to it: .parquet, which keeps everything, or .geojson"
    )

    estimate = _command(
        commands,
        "estimate",
        _catalog_cmd.estimate,
        "ask what captures cost; nothing is bought",
        "scenecart estimate found.parquet --aoi harbour.geojson --report quote.html",
        "scenecart estimate harbour.cart.parquet --json",
        note="It ends with 1 when something in the cart has no price.",
    )
    estimate.add_argument("captures", metavar="FILE", help=_CART)
    _add_cart_options(estimate)
    _add_outputs(estimate)

    cover = _command(
        commands,
        "cover",
        _catalog_cmd.cover,
        "choose captures that cover an area at least cost; nothing is bought",
        "scenecart cover found.parquet --aoi harbour.geojson --max-cloud-cover 30 --save harbour.cart.parquet --report quote.pdf",
        "scenecart cover found.parquet --aoi harbour.geojson --objective newest --budget 200000 --plot cover.png",
        note="It ends with 1 when less than --min-coverage is covered, or --budget buys nothing.",
    )
    cover.add_argument("captures", metavar="FILE", help=_CART)
    cover.add_argument("--aoi", metavar="AREA", required=True, help=f"what to cover: {_AREA}")
    cover.add_argument("--objective", choices=("cost", "fewest", "newest", "clearest"), default="cost", help="default: cost")
    cover.add_argument("--max-cloud-cover", type=float, metavar="PERCENT", help="take none that is cloudier")
    cover.add_argument("--min-coverage", type=float, metavar="SHARE", default=0.98, help="of the area, up to 1 (default: 0.98)")
    cover.add_argument("--budget", type=_credits, metavar="CREDITS", help="spend no more than this")
    cover.add_argument("--max-captures", type=int, metavar="N", help="take no more of them")
    cover.add_argument(
        "--prices", choices=("service", "area"), default="service", help="area asks for no prices (default: service)"
    )
    cover.add_argument("--time-limit", type=float, metavar="SECONDS", default=10.0, help="to look for the best (default: 10)")
    cover.add_argument("--plot", metavar="FILE", help="draw the plan: .png .svg .pdf")
    _add_outputs(cover)

    report = _command(
        commands,
        "report",
        _catalog_cmd.report,
        "write a report of a cart or an order, or of several side by side",
        "scenecart report harbour.cart.parquet -o quote.pdf",
        "scenecart report ORDER -o order.html",
        "scenecart report cheap=a.cart.parquet clear=b.cart.parquet -o compared.xlsx",
    )
    report.add_argument("what", nargs="+", metavar="[NAME=]WHAT", help=f"{_CART}, or an order's id")
    report.add_argument("-o", "--output", metavar="FILE", required=True, help=f"{_REPORT}; several: .html .pdf .xlsx .md .csv")
    report.add_argument("--title", help="what the report is called")
    report.add_argument("--no-prices", action="store_true", help="report carts without asking what they cost")
    report.add_argument("--no-thumbnails", action="store_true", help="fetch no small picture of each capture")
    _add_cart_options(report)


def _add_place(commands: Commands) -> None:
    place = _command(
        commands,
        "place",
        _orders_cmd.place,
        "buy captures, after asking with the exact price; running it again buys nothing twice",
        "scenecart place harbour.cart.parquet --project ID",
        "scenecart place harbour.cart.parquet --project ID --yes --max-credits 50000 --json",
        note="This spends money. Without --yes the exact total is shown, and only a typed yes (or YES) buys.",
    )
    place.add_argument("captures", metavar="FILE", help=_CART)
    place.add_argument("--max-credits", type=_credits, metavar="N", help="buy nothing that costs more")
    place.add_argument("--yes", action="store_true", help="buy without asking; needs --max-credits")
    place.add_argument("--again", action="store_true", help="buy once more what was bought before")
    place.add_argument("--project", metavar="ID", help="where the imagery is delivered (default: SCENECART_PROJECT)")
    place.add_argument("--license", metavar="TYPE", default="standard", help="the licence to buy (default: standard)")
    _add_cart_options(place)


def _add_orders(commands: Commands) -> None:
    orders = _command(
        commands,
        "orders",
        _orders_cmd.orders,
        "list the organization's orders, newest first",
        "scenecart orders --status processing",
    )
    orders.add_argument("--status", help="such as processing or delivered")
    orders.add_argument("--project", metavar="ID", help="only those delivered to it")
    orders.add_argument("--limit", type=int, metavar="N", help="how many at most")

    order = _command(
        commands,
        "order",
        _orders_cmd.order,
        "look at one order, wait for it, fetch its files",
        "scenecart order ORDER --wait --json",
    )
    order.add_argument("id", metavar="ORDER")
    order.add_argument("--download", metavar="DIR", help="fetch the delivered files, verified")
    _add_waiting(order)

    download = _command(
        commands,
        "download",
        _orders_cmd.order,
        "fetch what an order delivered, verified and resumed",
        "scenecart download ORDER harbour/ --wait",
        "scenecart download ORDER harbour/ --assets visual",
    )
    download.add_argument("id", metavar="ORDER")
    download.add_argument("download", metavar="DIR", help="where the files go")
    _add_waiting(download)

    cancel = _command(
        commands, "cancel", _orders_cmd.cancel, "cancel an order, where that is still possible", "scenecart cancel ORDER"
    )
    cancel.add_argument("id", metavar="ORDER")
    _command(
        commands,
        "placements",
        _orders_cmd.placements,
        "what this machine's journal knows of purchases",
        "scenecart placements --json",
    )
    settle = _command(
        commands,
        "settle",
        _orders_cmd.settle,
        "bring purchases whose answer was lost to their end; buys nothing twice",
        "scenecart settle --look",
        "scenecart settle",
        note="A purchase whose request was lost on its way is completed, with its own key and at the price that was agreed\n"
        "to; with --look nothing is sent, and the list of orders says what arrived.\n"
        "It ends with 1 when something is still not known.",
    )
    settle.add_argument("--look", action="store_true", help="look among the orders, and send nothing")
    _command(
        commands,
        "login-status",
        _catalog_cmd.login_status,
        "who is signed in, where, and what there is to spend",
        "scenecart login-status --profile default",
    )


def _add_programs(commands: Commands) -> None:
    demo = _program(
        commands,
        "demo",
        _apps_cmd.demo,
        "go the whole way once, from search to delivered imagery, on the embedded sandbox",
        "scenecart demo",
        "scenecart demo --items captures.ndjson",
    )
    demo.add_argument("--items", metavar="PATH", help=_ITEMS)
    demo.add_argument("--aoi", metavar="AREA", help=f"area of interest: {_AREA}")
    demo.add_argument("--directory", metavar="DIR", default="demo", help="where the files go (default: demo)")

    sandbox = _program(
        commands,
        "sandbox",
        _apps_cmd.sandbox,
        "run the embedded service for other programs",
        "scenecart sandbox --port 8900 --data box --ready-file ready.json",
    )
    sandbox.add_argument("--port", type=int, default=8900, help="0 picks a free one (default: 8900)")
    sandbox.add_argument("--data", metavar="DIR", help="keep the state here (default: a temporary folder)")
    sandbox.add_argument("--items", metavar="PATH", help=_ITEMS)
    sandbox.add_argument("--captures", type=int, metavar="N", help="about how many captures to invent (default: 240,000)")
    sandbox.add_argument("--pace", choices=("instant", "demo", "real"), default="demo", help="how fast orders move")
    sandbox.add_argument("--ready-file", metavar="FILE", help="write URL and sign-ins here as JSON once it answers")

    lab = _program(
        commands,
        "lab",
        _apps_cmd.lab,
        "JupyterLab on a folder with the example notebooks",
        "scenecart lab",
        "scenecart lab work --no-browser",
        note="The notebooks are copied there once; what stands in the folder already is left as it is.",
    )
    lab.add_argument("directory", nargs="?", metavar="DIR", default="scenecart-notebooks", help="default: scenecart-notebooks")
    _add_listening(lab, 8888)
    lab.add_argument("--allow-root", action="store_true", help="run as root too, as in a container")

    app = _program(
        commands,
        "app",
        _apps_cmd.app,
        "the workbench in a browser tab, without JupyterLab",
        "scenecart app --profile sandbox",
    )
    app.add_argument("--profile", default="", help='a saved profile, or "sandbox"')
    _add_listening(app, 8866)


def _program(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], what: str, *examples: str, note: str = ""
) -> argparse.ArgumentParser:
    lines = [
        "examples:" if len(examples) > 1 else "example:",
        *(f"  {example}" for example in examples),
        *(["", note] if note else []),
    ]
    parser = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.",
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # half an option is a slip, and --ag would buy once more
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], what: str, *examples: str, **said: Any
) -> argparse.ArgumentParser:
    """Add a command that connects to a service."""
    parser = _program(commands, name, run, what, *examples, **said)
    parser.add_argument("--profile", help='a saved profile, or "sandbox"')
    parser.add_argument("--base-url", metavar="URL", help="where the service is")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_cart_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aoi", metavar="AREA", help=f"clip captures to this: {_AREA}")
    parser.add_argument("--split-by-date", action="store_true", help="price each acquisition date for itself")


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="FILE", help="keep the cart: .cart.parquet or .cart.geojson")
    parser.add_argument("--report", metavar="FILE", help=f"write a report: {_REPORT}")


def _add_waiting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", action="store_true", help="until it is delivered")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="wait no longer than this")
    parser.add_argument("--assets", type=_words, metavar="A,B", help="only these of each item")


def _add_listening(parser: argparse.ArgumentParser, port: int) -> None:
    parser.add_argument("--port", type=int, default=port, help=f"where to listen on this machine (default: {port})")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _bbox(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("four numbers, west,south,east,north in degrees") from None


def _credits(text: str) -> int:
    # Python itself would read 5_0 and the digits of other scripts
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"a whole number of credits without separators, such as 50000, not {text!r}")
    return int(text)


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]
