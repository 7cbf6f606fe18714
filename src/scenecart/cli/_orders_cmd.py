"""Commands about orders: placing, following, fetching, cancelling, and what became of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from scenecart._api.schemas import check_state
from scenecart._orders.journal import UNANSWERED
from scenecart._util.text import clean_text, pluralize
from scenecart.cli import _io, _output
from scenecart.exceptions import InvalidRequest

if TYPE_CHECKING:
    import argparse

    from scenecart._cart.estimate import Estimate
    from scenecart.cli._main import Course

_FAILED = 1


def place(arguments: argparse.Namespace) -> int:
    """Buy what is in a file, at a price that was shown and agreed to."""
    course: Course = arguments.course
    course.spends = True
    if arguments.yes and arguments.max_credits is None:
        raise InvalidRequest(
            "--yes buys without asking, so it needs --max-credits. Nothing was ordered.", hint="Such as --yes --max-credits 50000."
        )
    with _io.connect(arguments) as client, _output.only_json(arguments):
        estimate = _io.read_cart(arguments.captures, arguments, client).estimate()
        course.has_asked = True
        _output.estimate_table(estimate)
        project = arguments.project or client.project
        is_within = arguments.max_credits is None or estimate.total_credits <= arguments.max_credits
        # what cannot be bought is not asked about: placing says why
        can_be_bought = estimate.is_complete and project is not None and is_within
        asks = can_be_bought and not arguments.yes and not _is_bought(estimate, arguments)
        if asks and not _agreed(estimate, str(project), arguments):
            print("scenecart: Nothing was ordered.", file=sys.stderr)
            return _FAILED
        # exactly what was agreed to: the price is asked for once more, and nothing dearer is bought
        limit = estimate.total_credits if arguments.max_credits is None else arguments.max_credits
        course.has_begun = True
        order = estimate.place(project=project, license_type=arguments.license, again=arguments.again, max_credits=limit)
        course.deed = f"Order {order.id} was placed{' before' if order.note else ''}"
    _output.order_lines(order, arguments)
    return 0


def _is_bought(estimate: Estimate, arguments: argparse.Namespace) -> bool:
    """Tell whether placing gives an order that exists: there is nothing to agree to then."""
    before = None if arguments.again else estimate.existing_order(project=arguments.project, license_type=arguments.license)
    return before is not None


def _agreed(estimate: Estimate, project: str, arguments: argparse.Namespace) -> bool:
    """Ask a person about the exact price; no answer is a no."""
    if estimate.balance_credits is not None and estimate.balance_credits < estimate.total_credits:
        print(
            f"The balance of {estimate.balance_credits:,} credits is less than the price: "
            "the service may refuse the order, or charge a card or an invoice."
        )
    print(
        f"Buy {pluralize(len(estimate.cart), 'capture')} for exactly {estimate.total_credits:,} credits "
        f"(A${estimate.total_aud:,.2f}), {clean_text(arguments.license, 40)} licence, delivered to {clean_text(project, 80)}?"
    )
    print("Type yes to buy: ", end="", flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print()
    if not answer:
        print("scenecart: Nobody answered. To buy without being asked: --yes --max-credits N", file=sys.stderr)
    return answer.strip().lower() == "yes"


def orders(arguments: argparse.Namespace) -> int:
    """List orders."""
    check_state(arguments.status)
    with _io.connect(arguments) as client:
        found = client.orders(status=arguments.status, project=arguments.project, limit=arguments.limit)
    if arguments.json:
        _output.records(found.reset_index())
    else:
        _output.orders_table(found)
    return 0


def order(arguments: argparse.Namespace) -> int:
    """Look at one order, wait for it, fetch its files."""
    if arguments.timeout is not None and not arguments.wait:
        raise InvalidRequest("--timeout says how long to --wait; without it nothing is waited for.")
    if arguments.assets is not None and not arguments.download:
        raise InvalidRequest("--assets says what to fetch; --download DIR says where to.")
    with _io.connect(arguments) as client, _output.only_json(arguments):
        found = client.order(arguments.id)
        arguments.course.has_asked = True
        is_seen = not arguments.json and sys.stderr.isatty()
        if arguments.wait:
            found.wait(timeout=arguments.timeout, progress=is_seen)
        files = found.download(arguments.download, arguments.assets, progress=is_seen) if arguments.download else []
        if files:
            arguments.course.deed = f"What order {found.id} delivered is in {arguments.download}"
    _output.order_lines(found, arguments, files)
    return 0


def cancel(arguments: argparse.Namespace) -> int:
    """Cancel an order."""
    with _io.connect(arguments) as client, _output.only_json(arguments):
        found = client.order(arguments.id).cancel()
    is_cancelled = found.status == "cancelled"
    if is_cancelled:
        arguments.course.deed = f"Order {found.id} was cancelled"
    _output.order_lines(found, arguments)
    return 0 if is_cancelled else _FAILED


def placements(arguments: argparse.Namespace) -> int:
    """Show what the journal knows."""
    with _io.connect(arguments) as client:
        found = client.placements()
    _output.placements(found, arguments)
    return 0


def settle(arguments: argparse.Namespace) -> int:
    """Bring purchases whose answer was lost to their end."""
    with _io.connect(arguments) as client, _output.only_json(arguments):
        settled = client.settle(send=not arguments.look)
    is_open = settled["state"].isin(UNANSWERED).any()
    if not is_open:
        arguments.course.deed = "Everything is settled"
    _output.placements(settled, arguments, "Nothing to settle.")
    return _FAILED if is_open else 0
