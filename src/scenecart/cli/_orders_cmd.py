"""Commands about orders: place, orders, order, wait, download, cancel, placements and settle."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from scenecart._api.order_states import check_state
from scenecart._orders.journal import UNANSWERED
from scenecart._orders.notice import Notice
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_seconds
from scenecart.cli import _confirmation, _documents, _io, _order_details, _output
from scenecart.cli._exit_codes import FAILED
from scenecart.cli._hints import lines_of
from scenecart.exceptions import (
    AlreadyOwned,
    DownloadError,
    InvalidCart,
    InvalidRequest,
    OrderFailed,
    ScenecartError,
    WaitTimeout,
)

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    import pandas as pd

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.cli._main import Progress
    from scenecart.client import Client

# notices about an order that existed before
_EXISTING = frozenset({"already_ordered", "existing_order_ended", "rest_already_ordered"})
# an earlier run's order is searched among this many orders, newest first
_MOST_LOOKED_AT = 5
_MOST_PROJECTS = 10
_OUTCOMES = {
    "placed": "ordered.",
    "absent": "not ordered: the list of orders proves it.",
    "put away": "never sent.",
    "refused": "not ordered, and not charged.",
    "unpaid": "not ordered, because the service could not charge. Solve the payment problem, then place the cart again.",
    "unknown": "still unknown, and possibly ordered. The reason is in the table.",
}


def place(arguments: argparse.Namespace) -> int:
    """Buy the captures in a file, at a price the user has confirmed."""
    progress: Progress = arguments.progress
    progress.spends = True
    if arguments.yes and arguments.max_credits is None:
        raise InvalidRequest(
            "--yes buys without confirmation, so it needs --max-credits. Nothing was ordered.",
            code="yes_without_limit",
            hint="Pass --yes --max-credits 50000, for example.",
        )
    with _io.connect(arguments) as client, _output.only_json(arguments):
        order = _existing_or_bought(client, arguments)
        if order is None:
            print("scenecart: Nothing was ordered.", file=sys.stderr)
            return FAILED
        if arguments.new_key and order.note is not None and order.note.code in _EXISTING:
            print("scenecart: --new-key was ignored: there was no refusal, because this cart is ordered already.", file=sys.stderr)
        progress.completed = f"Order {order.id} was placed{' before' if order.note else ''}"
    _output.order_lines(order, arguments)
    return 0


def _existing_or_bought(client: Client, arguments: argparse.Namespace) -> Order | None:
    """Return the order of a cart, placed now or before; None if the user does not confirm the price."""
    progress: Progress = arguments.progress
    cart = _io.read_cart(arguments.captures, arguments, client)
    try:
        estimate, whole = _io.price(cart, arguments)
    except InvalidCart as error:
        existing = _order_of_rest(client, cart, arguments) if error.code == "cart_all_owned" and not arguments.again else None
        if existing is None:
            raise
        return existing
    progress.has_requested = True
    _output.estimate_table(estimate, whole)
    _output.whole_footprints(estimate)
    project = arguments.project or client.project
    arguments.approval = arguments.approval or _approved_cart(arguments.captures)
    is_within = arguments.max_credits is None or estimate.total_credits <= arguments.max_credits
    # no question if placing will fail: its error says why
    can_be_bought = estimate.is_complete and project is not None and is_within
    if can_be_bought and not arguments.yes and not _confirmation.is_confirmed(client, estimate, str(project), arguments):
        return None
    # placing estimates once more, and must not pay more than the user confirmed
    limit = estimate.total_credits if arguments.max_credits is None else arguments.max_credits
    progress.has_placed = True
    return _placed(estimate, arguments, project, limit)


def _order_of_rest(client: Client, cart: Cart, arguments: argparse.Namespace) -> Order | None:
    """Return the order that an earlier run placed for what was left of a cart; None if there is none. Nothing is bought."""
    owned = client.owned(acquired=False)
    for order_id in owned.loc[owned["id"].isin(cart.ids), "order"].dropna().drop_duplicates().head(_MOST_LOOKED_AT):
        # if that is unknown: the cart is owned, and nothing is bought
        with contextlib.suppress(ScenecartError):
            rest = cart.without_owned(ignored=[order_id]).estimate()
            found = rest.existing_order(project=arguments.project, license_type=arguments.license)
            if found is not None and found.id == order_id:
                found.note = Notice(
                    f"Nothing is left to buy: order {order_id} has the rest of this cart. Nothing was bought again.",
                    code="rest_already_ordered",
                    details={"order_id": order_id},
                )
                print(*lines_of(found.note, ()), sep="\n")
                return found
    return None


def _approved_cart(name: str) -> str | None:
    """Return the path of a cart file that carries an approval, or None."""
    from scenecart._cart.files import approval_in  # noqa: PLC0415  # keeps --help fast

    return None if approval_in(Path(name)) is None else name


def _placed(estimate: Estimate, arguments: argparse.Namespace, project: str | None, limit: int) -> Order:
    """Place an estimate; captures that are owned already are printed, and --new-key follows a refusal that is only repeated."""
    try:
        return estimate.place(
            project=project,
            license_type=arguments.license,
            again=arguments.again,
            owned=arguments.owned,
            max_credits=limit,
            name=arguments.name,
            tags=arguments.tags,
            reference=arguments.reference,
            approval=arguments.approval,
        )
    except AlreadyOwned as error:
        _output.owned_table(error.owned)
        raise
    except ScenecartError as error:
        if not (arguments.new_key and error.can_start_anew):
            raise
        return error.start_anew()


def orders(arguments: argparse.Namespace) -> int:
    """List orders."""
    check_state(arguments.status)
    with _io.connect(arguments) as client:
        found = client.orders(
            status=arguments.status, project=arguments.project, name=arguments.name, tags=arguments.tags, limit=arguments.limit
        )
    if arguments.json:
        _documents.order_records("orders/1", found.reset_index())
    else:
        _output.orders_table(found)
    return 0


def owned(arguments: argparse.Namespace) -> int:
    """List what the organization owns."""
    _io.check_captures(arguments.output)
    with _io.connect(arguments) as client:
        found = client.owned(aoi=arguments.aoi, project=arguments.project)
        arguments.progress.has_requested = True
        # without a project that is misspelled, there may be something
        every = found if len(found) or not (arguments.aoi or arguments.project) else client.owned(acquired=False)
    if arguments.json:
        _documents.records("owned/1", found)
    else:
        _output.owned_table(found, _nothing_owned(every, arguments))
    if arguments.output:
        _io.write_captures(found, Path(arguments.output))
        if not arguments.json:
            print(f"Owned captures: {arguments.output}")
    return 0


def _nothing_owned(every: pd.DataFrame, arguments: argparse.Namespace) -> str:
    """Return why a list of owned captures is empty."""
    if not len(every):
        return "Nothing is owned yet."
    projects = [clean_text(name, 80) for name in every["project"].dropna().drop_duplicates()]
    if arguments.project and arguments.project not in projects:
        known = f" Projects with owned captures: {', '.join(projects[:_MOST_PROJECTS])}." if projects else ""
        return f"No owned capture was delivered to project {clean_text(arguments.project, 80)!r}.{known}"
    where = " in this area" if arguments.aoi else ""
    return f"{pluralize(len(every), 'capture')} {'is' if len(every) == 1 else 'are'} owned, but none{where} matches the options."


def wait(arguments: argparse.Namespace) -> int:
    """Wait for orders, and print the outcome of each."""
    from scenecart._orders.wait import wait_all  # noqa: PLC0415  # keeps --help fast
    from scenecart.client import orders_to_wait_for  # noqa: PLC0415  # likewise

    check_seconds(arguments.timeout, "timeout")
    failed: ScenecartError | None = None
    orders: list[Order] = []
    with _io.connect(arguments) as client, _output.only_json(arguments):
        show_progress = not arguments.json and sys.stderr.isatty()
        try:
            orders, left = orders_to_wait_for(client, arguments.id, arguments.timeout)
            arguments.progress.has_requested = True
            if len(orders) == 1:
                orders[0].wait(timeout=left, progress=show_progress)
            else:
                wait_all(orders, timeout=left, progress=show_progress)
        except (OrderFailed, WaitTimeout) as error:
            failed = error
    _output.waited(orders, arguments)
    if failed is not None:
        raise failed
    return 0


def order(arguments: argparse.Namespace) -> int:
    """Print all that is known of one order; on request, wait for it and download its files."""
    return _followed(arguments, detailed=True)


def download(arguments: argparse.Namespace) -> int:
    """Download the files of an order, and print its state; on request, wait for it first."""
    return _followed(arguments, detailed=False)


def _followed(arguments: argparse.Namespace, *, detailed: bool) -> int:
    if arguments.timeout is not None and not arguments.wait:
        raise InvalidRequest("--timeout needs --wait.", code="timeout_without_wait")
    if arguments.assets is not None and not arguments.download:
        raise InvalidRequest("--assets needs --download DIR.", code="assets_without_download")
    check_seconds(arguments.timeout, "timeout")
    with _io.connect(arguments) as client, _output.only_json(arguments):
        found, left = _to_wait_for(client, arguments) if arguments.wait else (client.order(arguments.id), None)
        arguments.progress.has_requested = True
        show_progress = not arguments.json and sys.stderr.isatty()
        if arguments.wait:
            found.wait(timeout=left, progress=show_progress)
        received = _download(found, arguments, show_progress=show_progress) if arguments.download else _output.DownloadResult()
        if received.files and received.error is None:
            arguments.progress.completed = f"The files of order {found.id} are in {arguments.download}"
        details = _order_details.look_up(found) if detailed else None
    if arguments.json:
        more = None if details is None else details.document(has_files=bool(received.files))
        _output.order_lines(found, arguments, received, more)
    else:
        _output.order_lines(found, arguments, received)
        if details is not None:
            details.print(has_files=bool(received.files))
    if received.error is not None:
        raise received.error
    return FAILED if received.missing else 0


def _to_wait_for(client: Client, arguments: argparse.Namespace) -> tuple[Order, float | None]:
    from scenecart.client import orders_to_wait_for  # noqa: PLC0415  # keeps --help fast

    (found,), left = orders_to_wait_for(client, [arguments.id], arguments.timeout)
    return found, left


def _download(order: Order, arguments: argparse.Namespace, *, show_progress: bool) -> _output.DownloadResult:
    """Download what is ready; files that failed, and captures that have not arrived, are part of the result."""
    verify = False if arguments.verify == "none" else arguments.verify
    error, missing = None, []
    arguments.progress.is_downloading = True
    try:
        with _io.named("directory", "download"):
            files = order.download(arguments.download, arguments.assets, progress=show_progress, verify=verify)
    except DownloadError as failed:
        if not (failed.failed or failed.files):
            raise
        files, error = list(failed.files), failed
    # the files on disk are listed even if the service does not respond
    with contextlib.suppress(ScenecartError):
        missing = order.missing
    return _output.DownloadResult(files, error, missing)


def cancel(arguments: argparse.Namespace) -> int:
    """Cancel an order, unless it has ended already."""
    with _io.connect(arguments) as client, _output.only_json(arguments):
        found = client.order(arguments.id)
        arguments.progress.has_requested = True
        if found.phase == "ended":
            ended = {"cancelled": "was already cancelled", "failed": "had already failed"}.get(found.status, "had already ended")
            print(f"Order {clean_text(found.id, 80)} {ended}. Nothing was changed.")
        else:
            found.cancel()
    is_cancelled = found.phase == "ended"
    if is_cancelled:
        arguments.progress.completed = f"Order {found.id} is {found.status}"
    _output.order_lines(found, arguments)
    return 0 if is_cancelled else FAILED


def placements(arguments: argparse.Namespace) -> int:
    """List the placements in the journal."""
    with _io.connect(arguments) as client:
        found = client.placements()
    _output.placements(found, arguments)
    return 0


def settle(arguments: argparse.Namespace) -> int:
    """Resolve every purchase that got no answer."""
    with _io.connect(arguments) as client, _output.only_json(arguments):
        settled = client.settle(send=not arguments.look)
    is_open = settled["state"].isin(UNANSWERED).any()
    if not is_open:
        arguments.progress.completed = "All placements are settled"
    _output.placements(settled, arguments, "Nothing to settle.")
    if not arguments.json:
        for line in _outcomes(settled):
            print(line)
    return FAILED if is_open else 0


def _outcomes(settled: pd.DataFrame) -> Iterator[str]:
    """Yield the outcomes of placements: how many were ordered, were not, wait for payment, and are unknown."""
    counts = settled["state"].replace(list(UNANSWERED), "unknown").value_counts()
    for state, outcome in _OUTCOMES.items():
        count = int(counts.get(state, 0))
        if count:
            yield f"{pluralize(count, 'purchase')} {outcome}"


def resolve(arguments: argparse.Namespace) -> int:
    """Resolve a placement by what the service's console or support states."""
    with _io.connect(arguments) as client, _output.only_json(arguments):
        resolved = client.resolve(arguments.number, order=arguments.order, nothing=arguments.nothing, why=arguments.why)
    arguments.progress.completed = f"Placement {arguments.number} is resolved"
    _output.placements(resolved, arguments)
    return 0
