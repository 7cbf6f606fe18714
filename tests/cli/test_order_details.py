"""What `scenecart order` says of one order, in each of its states."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from _cli import SEARCH, account, run
from _json_documents import check
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

PLACE = ["place", "two.parquet", "--yes", "--max-credits", "99999999", "--json"]


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox with enough credits, in which an order takes a while."""
    with Sandbox(pace="real", captures=3_000) as running:
        running.rate_limits = None
        running.top_up("analyst", 10**9)
        yield running


@pytest.fixture(scope="module")
def command(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., CompletedProcess[str]]:
    """Return a function that runs a command in a folder with two captures."""
    folder: Path = tmp_path_factory.mktemp("details")
    home = account(box, folder / "home")

    def run_here(*arguments: str, **options: float) -> CompletedProcess[str]:
        return run(*arguments, box=box, cwd=folder, **options, **home)  # type: ignore[arg-type]  # the pauses of a process

    assert run_here(*SEARCH, "--limit", "2", "-o", "two.parquet").returncode == 0
    return run_here


@pytest.fixture(scope="module")
def delivered(command: Callable[..., CompletedProcess[str]], box: Sandbox) -> str:
    """Place an order with labels, wait for it, and return its id."""
    placed = command(*PLACE, "--name", "Harbour", "--tags", "dredging,2024", "--reference", "PO 4711")
    assert placed.returncode == 0, placed.stderr
    order = str(json.loads(placed.stdout)["id"])
    box.advance(3_600)
    assert command("wait", order).returncode == 0
    return order


def test_delivered_order_shows_captures_price_and_download(delivered: str, command: Callable[..., CompletedProcess[str]]):
    """Labels, price, how it is paid, each capture and the items are printed, and the command that fetches them; JSON agrees."""
    shown = command("order", delivered)
    assert (shown.returncode, shown.stderr) == (0, "")
    order = check("order", command("order", delivered, "--json").stdout)
    details = order["details"]
    assert [one["collection"] for one in details["captures"]] == ["aurora-50cm"] * 2
    assert (order["name"], order["tags"], order["reference"]) == ("Harbour", ["dredging", "2024"], "PO 4711")
    assert (len(details["items"]), details["missing"], "visual" in details["assets"]) == (2, [], True)
    for value in (
        "Harbour · dredging, 2024 · PO 4711",
        f"by {order['person']}",
        f"{order['total_credits']:,} credits (A${float(order['total_aud']):,.2f}), from prepaid credits",
        f"2, {sum(group['aoi_km2'] for group in order['groups']):,.2f} km² priced",
        "2 items",
        *(one["id"] for one in details["captures"]),
        *(f"{group['credits']:,}" for group in order["groups"]),
        f"Next: scenecart download {delivered} DIR",
    ):
        assert value in shown.stdout


def test_downloaded_order_has_no_next_step(delivered: str, command: Callable[..., CompletedProcess[str]]):
    """After a download in the same call, the files are printed and nothing is left to do."""
    fetched = command("order", delivered, "--download", "files", "--assets", "thumbnail")
    assert fetched.returncode == 0, fetched.stderr
    assert "files/" in fetched.stdout
    assert "Next:" not in fetched.stdout
    short = command("download", delivered, "files", "--assets", "thumbnail", "--json")
    assert "details" not in check("order", short.stdout)


def test_failed_order_says_that_nothing_was_delivered(box: Sandbox, command: Callable[..., CompletedProcess[str]]):
    """An order that ended without delivery has its reason, and the way to buy it after all."""
    box.fail_next_order("The archive has lost this scene.")
    order = json.loads(command(*PLACE, "--again", "failing").stdout)["id"]
    box.advance(3_600)
    assert command("wait", order).returncode == 7
    shown = command("order", order).stdout
    assert "lost this scene" in shown
    assert "without delivery" in shown
    assert "--again" in shown
    assert check("order", command("order", order, "--json").stdout)["details"]["items"] is None


def test_order_in_production_names_the_command_that_waits(command: Callable[..., CompletedProcess[str]]):
    """Of an order that is still processed, nothing has arrived, and the next step is to wait."""
    order = json.loads(command(*PLACE, "--again", "slow").stdout)["id"]
    shown = command("order", order).stdout
    assert f"Next: scenecart wait {order}" in shown
    assert "nothing yet" in shown


def test_order_whose_items_cannot_be_listed_is_shown_nevertheless(
    delivered: str, command: Callable[..., CompletedProcess[str]], box: Sandbox
):
    """If the service does not list what has arrived, everything else is shown, with the reason."""
    box.faults.add("503", times=99, operation="orders.list_assets")
    try:
        shown = command("order", delivered, pauses=0.0)
    finally:
        box.faults.clear()
    assert shown.returncode == 0, shown.stderr
    assert "not known:" in shown.stdout
    assert "credits" in shown.stdout
