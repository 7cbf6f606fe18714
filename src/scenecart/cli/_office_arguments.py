"""The parser of the commands of the office: hosts, licences, budgets, spending and approve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.cli import _office_cmd
from scenecart.cli._arguments import read_credits, read_words
from scenecart.cli._commands import REPORT, add_command, add_program

if TYPE_CHECKING:
    from scenecart.cli._arguments import ArgumentParser, Commands


AUTHOR_DETAILS = ("prepared_by", "prepared_for", "reference", "notes", "valid_until", "logo")


def add_author_details(report: ArgumentParser) -> None:
    """Add what a payer reads on a report."""
    report.add_argument("--prepared-by", metavar="TEXT", help="who made the report")
    report.add_argument("--prepared-for", metavar="TEXT", help="whom it is for")
    report.add_argument("--reference", metavar="TEXT", help="a reference of the payer, such as a purchase order")
    report.add_argument("--notes", metavar="TEXT", help="remarks")
    report.add_argument("--valid-until", metavar="TEXT", help="until when a quote is valid")
    report.add_argument("--logo", metavar="FILE", help="picture for the top of .html and .pdf: PNG, JPEG or WEBP")


def add_office(commands: Commands) -> None:
    """Add ``hosts``, ``licences``, ``budgets``, ``spending`` and ``approve``."""
    hosts = add_command(
        commands,
        "hosts",
        _office_cmd.hosts,
        "list the providers, or the collections of one",
        "scenecart hosts",
        "scenecart hosts aurora --json",
    )
    hosts.add_argument("host", nargs="?", metavar="HOST", help="provider whose collections are listed")
    licences = add_command(
        commands,
        "licences",
        _office_cmd.licences,
        "show the licences of the providers, and whether your organization accepted them",
        "scenecart licences",
        "scenecart licences --accept licence-aurora-1",
        note="--accept shows the licence and asks first. It binds your organization, and buys nothing.",
    )
    licences.add_argument("--accept", metavar="ID", help="accept this licence for your organization")
    licences.add_argument("--yes", action="store_true", help="accept it without asking")
    add_command(
        commands,
        "budgets",
        _office_cmd.budgets,
        "show what is left of the budgets in SCENECART_BUDGETS",
        "scenecart budgets",
    )
    spending = add_command(
        commands,
        "spending",
        _office_cmd.spending,
        "show what the organization's orders cost",
        "scenecart spending --by month --since 2026-01-01",
        "scenecart spending --by tag --report spending.pdf",
        note="An order with several tags counts in each of them.",
    )
    spending.add_argument(
        "--by",
        choices=("project", "month", "tag", "host", "person"),
        default="project",
        help="what the rows are (default: project)",
    )
    spending.add_argument("--since", metavar="DAY", help="only orders placed since this day, UTC")
    spending.add_argument("--project", metavar="ID", help="only orders delivered to this project")
    spending.add_argument("--report", metavar="FILE", help=f"write a report to a file: {REPORT}")
    approve = add_program(
        commands,
        "approve",
        _office_cmd.approve,
        "sign what may be ordered of a saved cart; nothing is sent or bought",
        "scenecart approve --create-key --key approver.pem",
        "scenecart approve quote.cart.parquet --up-to 50000 --until 2030-12-31 --key approver.pem",
        note="Whoever places the cart passes the file with --approval. --create-key prints the public key, for "
        "SCENECART_REQUIRE_APPROVAL of those who place orders.",
    )
    approve.add_argument("cart", nargs="?", metavar="CART", help="saved cart")
    approve.add_argument("--key", metavar="FILE", required=True, help="key file of the approver")
    approve.add_argument("--create-key", action="store_true", help="make the key file, and print its public key")
    approve.add_argument("--up-to", type=read_credits, metavar="N", help="highest price that is approved, in credits")
    approve.add_argument("--until", metavar="DAY", help="last day on which the order may be placed, UTC")
    approve.add_argument("--project", metavar="ID", help="project that it must be delivered to (default: any)")
    approve.add_argument("--license", metavar="TYPE", default="standard", help="licence that is approved (default: standard)")
    approve.add_argument("--again", metavar="NAME", help="approve one more order of the cart, under this name")
    approve.add_argument("--by", metavar="NAME", help="name of the approver (default: the user of this computer)")
    approve.add_argument("--note", metavar="TEXT", help="a remark, such as the reason")
    approve.add_argument("--json", action="store_true", help="print JSON instead of text")
    approve.add_argument("-o", "--output", metavar="FILE", help="file to write (default: the cart's name with .approval.json)")


def add_labels(place: ArgumentParser) -> None:
    """Add the name, tags, reference and approval of an order."""
    place.add_argument("--name", metavar="TEXT", help="name of the order; the same cart under another name is the same order")
    place.add_argument("--tags", type=read_words, metavar="A,B", help="words to group orders by, separated by commas")
    place.add_argument("--reference", metavar="TEXT", help="reference of the payer, kept on this machine")
    place.add_argument("--approval", metavar="FILE", help="signed approval, from `scenecart approve`")
