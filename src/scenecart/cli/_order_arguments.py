"""The parser of the commands that place orders, and of those about orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.cli import _orders_cmd
from scenecart.cli._arguments import (
    read_area,
    read_credits,
    read_id,
    read_words,
)
from scenecart.cli._commands import (
    AREA,
    CART,
    add_cart_options,
    add_command,
    add_verify,
    add_waiting,
    add_without_owned,
)
from scenecart.cli._office_arguments import add_labels

if TYPE_CHECKING:
    from scenecart.cli._arguments import Commands


def add_placing(commands: Commands) -> None:
    """Add the commands that place orders and find out their outcomes."""
    place = add_command(
        commands,
        "place",
        _orders_cmd.place,
        "buy captures, after you confirm the exact price; a second run does not buy them again",
        "scenecart place harbour.cart.parquet --project ID",
        "scenecart place harbour.cart.parquet --project ID --yes --max-credits 50000 --json",
        note="This spends money. It shows the exact total and asks before it buys. With --yes, it buys without asking, up to "
        "--max-credits. A cart that is already ordered is not bought again, unless you pass --again.",
    )
    place.add_argument("captures", metavar="FILE", help=CART)
    place.add_argument(
        "--max-credits",
        type=read_credits,
        metavar="N",
        help="refuse a higher price; N is a number of credits, such as 50000 or 50,000",
    )
    place.add_argument("--yes", action="store_true", help="buy without asking; requires --max-credits")
    place.add_argument(
        "--again",
        nargs="?",
        const=True,
        default=False,
        metavar="NAME",
        help="buy once more what is already ordered; with a name, once for this name. Write it after FILE",
    )
    place.add_argument(
        "--owned",
        choices=("refuse", "buy"),
        default="refuse",
        help="what to do if captures are owned already (default: refuse, with exit code 5)",
    )
    place.add_argument(
        "--new-key", action="store_true", help="if the service only repeats an old refusal, place the order with a new key"
    )
    place.add_argument(
        "--project", type=read_id, metavar="ID", help="project that the imagery is delivered to (default: SCENECART_PROJECT)"
    )
    place.add_argument(
        "--license",
        metavar="TYPE",
        default="standard",
        help="licence to buy (default: standard); `scenecart hosts` lists the types of each host",
    )
    add_cart_options(place)
    add_without_owned(place)
    add_labels(place)


def add_orders(commands: Commands) -> None:
    """Add what reads, waits for, receives and cancels orders."""
    orders = add_command(
        commands,
        "orders",
        _orders_cmd.orders,
        "list the organization's orders, newest first",
        "scenecart orders --status processing",
        "scenecart orders --tags dredging",
    )
    orders.add_argument("--status", help="only orders in this state: processing, delivered, failed or cancelled")
    orders.add_argument("--project", type=read_id, metavar="ID", help="only orders delivered to this project")
    orders.add_argument("--name", metavar="TEXT", help="only orders with this name")
    orders.add_argument("--tags", type=read_words, metavar="A,B", help="only orders with these tags")
    orders.add_argument("--limit", type=int, metavar="N", help="list at most N orders")

    owned = add_command(
        commands,
        "owned",
        _orders_cmd.owned,
        "list what the organization owns, newest first; buys nothing",
        "scenecart owned --aoi harbour.geojson",
        "scenecart owned --project ID -o owned.parquet",
    )
    owned.add_argument(
        "--aoi", type=read_area, metavar="AREA", help=f"only captures whose purchased footprint intersects this area: {AREA}"
    )
    owned.add_argument("--project", type=read_id, metavar="ID", help="only captures delivered to this project")
    owned.add_argument("-o", "--output", metavar="FILE", help="write the captures and purchased footprints: .parquet or .geojson")

    order = add_command(
        commands,
        "order",
        _orders_cmd.order,
        "show one order: its captures, price and delivery; on request, wait for it and download its files",
        "scenecart order ORDER",
        "scenecart order ORDER --wait --json",
    )
    order.add_argument("id", type=read_id, metavar="ORDER", help="order id")
    order.add_argument("--download", metavar="DIR", help="download the delivered files to this folder, and verify them")
    add_waiting(order)
    add_verify(order)

    wait = add_command(
        commands,
        "wait",
        _orders_cmd.wait,
        "wait until orders are delivered or end; the exit code says how",
        "scenecart wait ORDER && scenecart download ORDER harbour/",
        "scenecart wait ORDER ORDER --timeout 43200 --json",
        note="Outages of the network and the service are waited through. The exit code is 0 if all orders are delivered, 7 if one "
        "ended without delivery, 8 if one is not finished after --timeout, and 9 if its state is then not known. Orders continue "
        "in any case.",
    )
    wait.add_argument("id", nargs="+", type=read_id, metavar="ORDER", help="order id")
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="stop waiting after this time (default: no limit)")

    download = add_command(
        commands,
        "download",
        _orders_cmd.download,
        "download and verify the files of an order; an interrupted download resumes",
        "scenecart download ORDER harbour/ --wait",
        "scenecart download ORDER harbour/ --assets visual",
        note="What is ready is downloaded, also before the order is finished. The exit code is 1 if a file failed, or a capture "
        "has not arrived yet.",
    )
    download.add_argument("id", type=read_id, metavar="ORDER", help="order id")
    download.add_argument("download", metavar="DIR", help="folder for the files")
    add_waiting(download)
    add_verify(download)

    cancel = add_command(commands, "cancel", _orders_cmd.cancel, "cancel an order, if it is not too late", "scenecart cancel ORDER")
    cancel.add_argument("id", type=read_id, metavar="ORDER", help="order id")
    add_command(
        commands,
        "placements",
        _orders_cmd.placements,
        "list the purchases of this machine at one service, of all accounts",
        "scenecart placements --json",
    )
    settle = add_command(
        commands,
        "settle",
        _orders_cmd.settle,
        "find out whether purchases without an answer were ordered; never buys twice",
        "scenecart settle --look",
        "scenecart settle",
        note="A purchase that reached the service is recorded with its order. One that did not is sent again if its price is still "
        "the same. This spends money, but never twice: both requests have the same key. With --look, nothing is sent again.\n"
        "The exit code is 1 if it is still unknown whether something was ordered.",
    )
    settle.add_argument("--look", action="store_true", help="only look for the orders; send no purchase again")
    resolve = add_command(
        commands,
        "resolve",
        _orders_cmd.resolve,
        "record by hand whether a purchase was ordered, as the service's console or support says",
        "scenecart resolve 7 --order ORDER",
        "scenecart resolve 7 --nothing --why 'support ticket 4711'",
        note="Only for a purchase that is still unknown after `scenecart settle`.",
    )
    resolve.add_argument("number", metavar="NUMBER", type=int, help="number of the purchase in `scenecart placements`")
    outcome = resolve.add_mutually_exclusive_group(required=True)
    outcome.add_argument("--order", type=read_id, metavar="ORDER", help="id of its order")
    outcome.add_argument("--nothing", action="store_true", help="it was not ordered")
    resolve.add_argument("--why", metavar="TEXT", help="reason to record, such as a support ticket")
