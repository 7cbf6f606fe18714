"""The parser of the command line: commands, options and their help."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from scenecart._version import __version__
from scenecart.cli import _apps_cmd, _catalog_cmd, _completion_cmd, _mcp_cmd, _sign_in_cmd
from scenecart.cli._arguments import (
    ArgumentParser,
    read_area,
    read_credits,
    read_host_name,
    read_port,
    read_seconds,
)
from scenecart.cli._commands import (
    AREA,
    CART,
    PROFILE,
    REPORT,
    add_browser,
    add_cart_options,
    add_command,
    add_criteria,
    add_outputs,
    add_program,
    add_service,
    add_without_owned,
)
from scenecart.cli._exit_codes import MEANINGS
from scenecart.cli._office_arguments import add_author_details, add_office
from scenecart.cli._order_arguments import add_orders, add_placing
from scenecart.cli._watch_arguments import add_watch

if TYPE_CHECKING:
    from scenecart.cli._arguments import Commands

_ABOUT = """\
from a search to delivered files:
  scenecart search aurora --collections aurora-50cm --aoi harbour.geojson \\
      --datetime 2024-01/2024-06 -o found.parquet
  scenecart cover found.parquet --aoi harbour.geojson \\
      --save harbour.cart.parquet
  scenecart report harbour.cart.parquet -o quote.pdf
  scenecart place harbour.cart.parquet --project ID
  scenecart orders --status processing
  scenecart download ORDER harbour/ --wait

what is new, in a cron job:
  scenecart watch add harbour aurora --collections aurora-50cm \\
      --aoi harbour.geojson
  scenecart watch run harbour

without an account:
  scenecart demo                   the whole workflow, on the embedded sandbox
  scenecart lab                    JupyterLab with the example notebooks
  scenecart app --profile sandbox  the workbench in a browser tab
  scenecart sandbox --data box     the sandbox as a server for other programs

exit codes:
{codes}

sign-in:
  Run `scenecart login`, which saves a profile. In a script, set
  SCENECART_API_KEY, or SCENECART_TOKEN, or both SCENECART_USERNAME and
  SCENECART_PASSWORD. Set SCENECART_BASE_URL for another service. No option
  takes a secret: other users of the machine could read it.
"""
_ITEMS = (
    "captures to offer instead of synthetic ones: STAC items as JSON, NDJSON or GeoParquet, a folder of them, "
    "or a file from `scenecart search -o`"
)


def make_parser() -> ArgumentParser:
    """Return the parser with every command."""
    parser = ArgumentParser(
        prog="scenecart",
        description="Search, price, buy and receive archive satellite imagery.",
        epilog=_ABOUT.format(codes="\n".join(f"  {code:<3}  {meaning}" for code, meaning in MEANINGS.items())),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"scenecart {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_selection(commands)
    add_placing(commands)
    add_orders(commands)
    add_watch(commands)
    add_office(commands)
    _add_sign_in(commands)
    _add_programs(commands)
    return parser


def option_names(parser: ArgumentParser) -> set[str]:
    """Return the options of a command, such as ``--max-credits``, or those of all commands."""
    commands = parser.commands
    return {name for command in commands.values() for name in option_names(command)} if commands else parser.options


def _add_selection(commands: Commands) -> None:
    search = add_command(
        commands,
        "search",
        _catalog_cmd.search,
        "search the catalog of a provider",
        "scenecart search aurora --collections aurora-50cm --aoi harbour.geojson --datetime 2024-01/2024-06 -o found.parquet",
        "scenecart search aurora --profile sandbox --collections aurora-50cm --bbox 151.1,-34,151.3,-33.8 --max-cloud-cover 20",
    )
    add_criteria(search)
    search.add_argument("--limit", type=int, metavar="N", help="find at most N captures")
    search.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the captures to a file: .parquet keeps every column, .geojson is for other programs",
    )
    search.add_argument(
        "--aoi-cloud",
        action="store_true",
        help="add the cloud over the area of --aoi or --bbox: the provider's figure, or an estimate from the quicklook",
    )
    search.add_argument(
        "--max-aoi-cloud-cover", type=float, metavar="PERCENT", help="highest cloud cover over the area, estimated or not, 0 to 100"
    )
    search.add_argument("--owned", action="store_true", help="show how much of each capture your organization owns already")

    estimate = add_command(
        commands,
        "estimate",
        _catalog_cmd.estimate,
        "show the price of captures; nothing is ordered",
        "scenecart estimate found.parquet --aoi harbour.geojson --report quote.html",
        "scenecart estimate harbour.cart.parquet --json",
        note="The exit code is 1 if a capture has no price.",
    )
    estimate.add_argument("captures", metavar="FILE", help=CART)
    add_cart_options(estimate)
    add_without_owned(estimate)
    add_outputs(estimate)

    cover = add_command(
        commands,
        "cover",
        _catalog_cmd.cover,
        "choose the cheapest captures that cover an area; nothing is ordered",
        "scenecart cover found.parquet --aoi harbour.geojson --max-cloud-cover 30 --save harbour.cart.parquet --report quote.pdf",
        "scenecart cover found.parquet --aoi harbour.geojson --objective newest --budget 200000 --plot cover.png",
        note="The exit code is 1 if the plan covers less than --min-coverage, or --budget is below the cheapest capture.",
    )
    cover.add_argument("captures", metavar="FILE", help=CART)
    cover.add_argument("--aoi", type=read_area, metavar="AREA", required=True, help=f"area to cover: {AREA}")
    cover.add_argument(
        "--objective",
        choices=("cost", "fewest", "newest", "clearest"),
        default="cost",
        help="what the plan optimises: lowest cost, fewest captures, newest or clearest ones (default: cost)",
    )
    cover.add_argument(
        "--max-cloud-cover",
        type=float,
        metavar="PERCENT",
        help="leave out captures with a higher cloud cover, in per cent, 0 to 100",
    )
    cover.add_argument(
        "--min-coverage",
        type=float,
        metavar="SHARE",
        default=0.98,
        help="share of the area that the plan must cover, 0 to 1 (default: 0.98)",
    )
    cover.add_argument(
        "--budget", type=read_credits, metavar="CREDITS", help="highest total price of the plan, such as 200000 or 200,000"
    )
    cover.add_argument(
        "--cloud",
        choices=("scene", "aoi"),
        default="scene",
        help="cloud cover that counts: of the whole capture, or over the area, from `search --aoi-cloud` (default: scene)",
    )
    cover.add_argument("--max-captures", type=int, metavar="N", help="use at most N captures")
    cover.add_argument(
        "--prices",
        choices=("service", "area"),
        default="service",
        help="what captures are compared by: their price, requested from the service, or their area in km² with no price "
        "requested (default: service)",
    )
    cover.add_argument(
        "--time-limit",
        type=float,
        metavar="SECONDS",
        default=10.0,
        help="stop looking for a better plan after this time (default: 10)",
    )
    cover.add_argument(
        "--use-owned", action="store_true", help="count the area of captures in FILE that are owned already as covered"
    )
    cover.add_argument("--plot", metavar="FILE", help="draw the plan in a file: .png .svg .pdf")
    add_outputs(cover)

    report = add_command(
        commands,
        "report",
        _catalog_cmd.report,
        "write a report of a cart or an order, or compare several",
        "scenecart report harbour.cart.parquet -o quote.pdf",
        "scenecart report ORDER -o order.html",
        "scenecart report cheap=a.cart.parquet clear=b.cart.parquet -o compared.xlsx",
    )
    report.add_argument(
        "what", nargs="+", metavar="[NAME=]SOURCE", help=f"{CART}, or an order id; NAME is its name in a comparison"
    )
    report.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help=f"file to write: {REPORT}; for a comparison .html .pdf .xlsx .md .csv",
    )
    report.add_argument("--title", metavar="TEXT", help="title of the report")
    report.add_argument("--no-prices", action="store_true", help="leave out prices; none are requested")
    report.add_argument(
        "--contact-sheet",
        action="store_true",
        help="add a picture of each capture, cut to the area, with date and scale bar; .html and .pdf only",
    )
    report.add_argument("--no-thumbnails", action="store_true", help="leave out the thumbnails of captures")
    add_author_details(report)
    add_cart_options(report)


def _add_sign_in(commands: Commands) -> None:
    login = add_command(
        commands,
        "login",
        _sign_in_cmd.login,
        "sign in in a browser, and save the sign-in for all programs of this user",
        "scenecart login",
        "scenecart login --profile work --base-url https://api.example.com",
        note="It prints an address and a code. Open the address in a browser, on this machine or another, and confirm the code. "
        "The official command line uses the same file of profiles.",
    )
    login.add_argument("--no-browser", action="store_true", help="only print the address; do not open a browser")
    login.add_argument(
        "--keyring",
        action="store_true",
        help="keep the sign-in in the keyring of the operating system; the official command line cannot use it then",
    )
    add_command(
        commands,
        "logout",
        _sign_in_cmd.logout,
        "remove the sign-in of a profile, and the tokens that commands keep, and revoke them at the service",
        "scenecart logout --profile work",
    )
    add_command(
        commands,
        "login-status",
        _catalog_cmd.login_status,
        "show the account, the service and the available credits",
        "scenecart login-status --profile default",
    )


def _add_programs(commands: Commands) -> None:
    demo = add_program(
        commands,
        "demo",
        _apps_cmd.demo,
        "run the whole workflow once, from search to delivered imagery, on the embedded sandbox",
        "scenecart demo",
        "scenecart demo --items captures.ndjson",
    )
    demo.add_argument("--items", metavar="PATH", help=_ITEMS)
    demo.add_argument("--aoi", type=read_area, metavar="AREA", help=f"area to buy captures of: {AREA}")
    demo.add_argument("--directory", metavar="DIR", default="demo", help="folder for the files that it writes (default: demo)")

    sandbox = add_program(
        commands,
        "sandbox",
        _apps_cmd.sandbox,
        "run the sandbox as a server for other programs",
        "scenecart sandbox --port 8900 --data box --ready-file ready.json",
        "scenecart sandbox --dialect awaiting,short-keys",
    )
    sandbox.add_argument("--port", type=read_port(0), default=8900, help="port to listen on; 0 picks a free one (default: 8900)")
    sandbox.add_argument("--data", metavar="DIR", help="folder that keeps its orders and sign-ins (default: a temporary folder)")
    sandbox.add_argument("--items", metavar="PATH", help=_ITEMS)
    sandbox.add_argument("--captures", type=int, metavar="N", help="approximate number of synthetic captures (default: 240,000)")
    sandbox.add_argument(
        "--pace",
        choices=("instant", "demo", "real"),
        default="demo",
        help="how long orders take: no time, seconds or minutes (default: demo)",
    )
    sandbox.add_argument(
        "--dialect",
        action="append",
        default=[],
        metavar="NAME",
        help="make the answers differ as those of another service might, to test a client; for several, repeat the option or use "
        "commas; `--dialect help` lists the names",
    )
    sandbox.add_argument(
        "--ready-file", metavar="FILE", help="write the URL and the sign-ins to this file as JSON, once requests are accepted"
    )

    lab = add_program(
        commands,
        "lab",
        _apps_cmd.lab,
        "open JupyterLab on a folder with the example notebooks",
        "scenecart lab",
        "scenecart lab work --no-browser",
        note="The notebooks are copied to the folder. Existing files are kept.",
    )
    lab.add_argument(
        "directory",
        nargs="?",
        metavar="DIR",
        default="scenecart-notebooks",
        help="folder for the notebooks (default: scenecart-notebooks)",
    )
    lab.add_argument("--port", type=read_port(0), default=8888, help="local port to listen on (default: 8888)")
    add_browser(lab)
    lab.add_argument("--allow-root", action="store_true", help="run as root, for example in a container")

    app = add_program(
        commands,
        "app",
        _apps_cmd.app,
        "open the workbench in a browser tab, without JupyterLab",
        "scenecart app --profile sandbox",
        note="The page can be opened on this computer only, with the token in its URL. Whoever has the token can buy with your "
        "sign-in. SCENECART_APP_TOKEN sets the token; by default each start makes a new one.",
    )
    app.add_argument("--profile", metavar="NAME", help=PROFILE)
    app.add_argument("--port", type=read_port(1), help="local port to listen on (default: 8866, or a free one near it)")
    app.add_argument("--into", metavar="DIR", default=".", help="folder for downloads (default: the current folder)")
    app.add_argument("--base-path", metavar="PATH", default="/", help="path of the page, behind a proxy (default: /)")
    app.add_argument(
        "--host-name",
        action="append",
        type=read_host_name,
        default=[],
        metavar="NAME",
        help="host name in the browser's address, behind a proxy; only localhost and 127.0.0.1 are accepted otherwise",
    )
    app.add_argument(
        "--idle-timeout",
        type=read_seconds,
        metavar="SECONDS",
        default=600.0,
        help="end the kernel of a page that is closed or not connected after it did nothing for this time (default: 600)",
    )
    add_browser(app)

    mcp = add_program(
        commands,
        "mcp",
        _mcp_cmd.mcp,
        "serve tools for an agent over standard input and output (Model Context Protocol)",
        "scenecart mcp --folder agent",
        note="The agent can search, price, cover and report. It cannot buy: it leaves a cart file and a report in the folder, "
        "and a person runs `scenecart place`.",
    )
    add_service(mcp)
    mcp.add_argument("--folder", metavar="DIR", default="agent", help="folder for the files of the agent (default: agent)")

    completion = add_program(
        commands,
        "completion",
        _completion_cmd.completion,
        "print a script with which a shell completes commands, options and files",
        "scenecart completion bash --names > ~/.local/share/bash-completion/completions/scenecart",
        note="With --names, the providers and collections of the service are completed too, as they are now; for this alone, the "
        "command signs in.",
    )
    completion.add_argument("shell", choices=_completion_cmd.SHELLS, help="shell to write for")
    completion.add_argument("--names", action="store_true", help="complete the names of providers and collections too")
    add_service(completion)
