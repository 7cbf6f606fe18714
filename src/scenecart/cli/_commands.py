"""Parts of the parser that several commands share: a command with its examples, and groups of options."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from scenecart.cli._arguments import read_area, read_bbox, read_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.cli._arguments import ArgumentParser, Commands

CART = "captures from `scenecart search -o`, or a saved cart"
AREA = "a file, WKT, GeoJSON, or west,south,east,north in degrees"
BBOX = "west,south,east,north in degrees"
REPORT = ".html .pdf .xlsx .md .csv .geojson .gpkg .parquet"
PROFILE = 'saved sign-in to use, or "sandbox" for a new embedded sandbox'
_COLUMNS = 79


def add_program(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, *examples: str, note: str = ""
) -> ArgumentParser:
    """Add a command that needs no service."""
    lines = [
        "examples:" if len(examples) > 1 else "example:",
        *(_wrapped(example) for example in examples),
        *(["", *(textwrap.fill(paragraph, _COLUMNS) for paragraph in note.splitlines())] if note else []),
    ]
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}.", _COLUMNS),
        epilog="\n".join(lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # an abbreviated --again would buy again by accident
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_group(commands: Commands, name: str, summary: str) -> Commands:
    """Add a command that consists of commands, such as ``watch add``, and return their table."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=textwrap.fill(f"{summary[0].upper()}{summary[1:]}.", _COLUMNS),
        epilog=f"`scenecart {name} COMMAND --help` shows the options and examples of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(parser=parser)
    return parser.add_subparsers(metavar="COMMAND", required=True)


def _wrapped(example: str) -> str:
    """Return an example in lines that can be pasted into a shell."""
    lines, rest = [], f"  {example}"
    while len(rest) > _COLUMNS:
        cut = rest.rfind(" -", 0, _COLUMNS - 1)
        lines.append(f"{rest[:cut]} \\")
        rest = f"      {rest[cut + 1 :]}"
    return "\n".join([*lines, rest])


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], summary: str, *examples: str, **options: Any
) -> ArgumentParser:
    """Add a command that connects to a service."""
    parser = add_program(commands, name, run, summary, *examples, **options)
    add_service(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    return parser


def add_cart_options(parser: ArgumentParser) -> None:
    """Add what makes a cart of captures."""
    parser.add_argument(
        "--aoi", type=read_area, metavar="AREA", help=f"clip captures to this area: {AREA} (default: whole footprints)"
    )
    parser.add_argument("--split-by-date", action="store_true", help="price the captures of each date as a group of their own")


def add_without_owned(parser: ArgumentParser) -> None:
    """Add the option that leaves out what is owned."""
    parser.add_argument(
        "--without-owned", action="store_true", help="leave out areas that your organization owns already; shows both prices"
    )


def add_outputs(parser: ArgumentParser) -> None:
    """Add the files that are written of a cart."""
    parser.add_argument("--save", metavar="FILE", help="save the cart to a file: .cart.parquet or .cart.geojson")
    parser.add_argument("--report", metavar="FILE", help=f"write a report to a file: {REPORT}")


def add_waiting(parser: ArgumentParser) -> None:
    """Add the options of waiting and downloading."""
    parser.add_argument("--wait", action="store_true", help="wait until the order is delivered or ends")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="stop waiting after this time; the order continues")
    parser.add_argument("--assets", type=read_words, metavar="A,B", help="download only these assets of each item, such as visual")


def add_verify(parser: ArgumentParser) -> None:
    """Add how far files are verified."""
    parser.add_argument(
        "--verify",
        choices=("checksum", "size", "none"),
        default="checksum",
        help="how far files are verified: by size and checksum (default), by size, or not at all",
    )


def add_browser(parser: ArgumentParser) -> None:
    """Add the option against a browser."""
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")


def add_criteria(parser: ArgumentParser) -> None:
    """Add the provider and what to search for."""
    parser.add_argument("host", help="provider (host) whose catalog is searched, such as aurora; `scenecart hosts` lists them")
    parser.add_argument(
        "--collections", type=read_words, metavar="A,B", help="collections to search, separated by commas; required without --ids"
    )
    parser.add_argument("--ids", type=read_words, metavar="A,B", help="ids of the captures to find, separated by commas")
    parser.add_argument("--aoi", type=read_area, metavar="AREA", help=f"area that captures must intersect: {AREA}")
    parser.add_argument("--bbox", type=read_bbox, metavar="W,S,E,N", help=f"bounding box that captures must intersect: {BBOX}")
    parser.add_argument("--datetime", metavar="RANGE", help="acquisition time: a date, a month, or a range such as 2024-01/2024-06")
    parser.add_argument("--query", metavar="JSON", help='conditions on other properties, such as {"gsd": {"lte": 0.5}}')
    parser.add_argument("--max-cloud-cover", type=float, metavar="PERCENT", help="highest cloud cover in per cent, 0 to 100")


def add_service(parser: ArgumentParser) -> None:
    """Add which service is used, and how to sign in."""
    parser.add_argument("--profile", metavar="NAME", help=PROFILE)
    parser.add_argument(
        "--base-url", metavar="URL", help="URL of the service (default: SCENECART_BASE_URL, else the public service)"
    )
