"""The commands place, orders, order, download, cancel, placements and settle."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas
import pytest
import shapely

from _cli import COMMAND, HARBOUR, SEARCH, account, environment, run
from _purchases import ESTIMATE, GET, LIST, ORDER, PLACED, PROJECT, captures, keys, priced
from _purchases import PLACE as PLACE_OPERATION
from _scripted_service import Answer, ScriptedService, Stall, answer, feature, page
from scenecart._orders.journal import UNPAID, Journal
from scenecart._orders.purchase import Purchase
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACE = ["place", "one.parquet", "--yes", "--max-credits"]


def test_place_twice_returns_the_existing_order(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """Running `place` again buys nothing, asks nothing, and says which order exists and which option buys again."""
    bought = run(*PLACE, "999999", "--json", box=box, cwd=tmp_path, **home)
    assert bought.returncode == 0, bought.stderr
    order = json.loads(bought.stdout)
    note = json.loads(run(*PLACE, "999999", "--json", box=box, cwd=tmp_path, **home).stdout)["note"]
    assert order["id"] in note
    assert "--again" in note
    for arguments in ([*PLACE, "999999"], ["place", "one.parquet"]):
        repeated = run(*arguments, box=box, cwd=tmp_path, **home)
        assert repeated.returncode == 0, repeated.stderr
        assert "Type yes" not in repeated.stdout
        assert order["id"] in repeated.stdout
        assert "--again" in repeated.stdout
    assert [one["order_id"] for one in json.loads(run("placements", "--json", box=box, cwd=tmp_path, **home).stdout)] == [
        order["id"]
    ]


def test_place_above_limit_is_refused(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """An order above --max-credits fails with exit code 1, and nothing is ordered."""
    refused = run(*PLACE, "1", box=box, cwd=tmp_path, **home)
    assert refused.returncode == 1
    assert "--max-credits" in refused.stderr
    assert refused.stderr.count("Nothing was ordered.") == 1
    assert json.loads(run("placements", "--json", box=box, cwd=tmp_path, **home).stdout) == []


def test_order_is_followed_by_its_id(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """An order is downloaded, can no longer be cancelled once delivered, and is in the list of placements."""
    order = json.loads(run(*PLACE, "999999", "--json", box=box, cwd=tmp_path, **home).stdout)
    fetched = run("download", order["id"], "out", "--wait", "--json", box=box, cwd=tmp_path, **home)
    assert json.loads(fetched.stdout)["status"] == "delivered"
    assert all((tmp_path / name).is_file() for name in json.loads(fetched.stdout)["files"])
    late = run("cancel", order["id"], box=box, cwd=tmp_path, **home)
    assert late.returncode == 1
    assert "delivered" in late.stderr
    assert order["id"] in run("placements", box=box, cwd=tmp_path, **home).stdout
    assert json.loads(run("placements", "--json", box=box, cwd=tmp_path, **home).stdout)[0]["state"] == "placed"


@pytest.mark.parametrize("answer", ["", "no\n", "yep\n", "yes please\n", "1"])
def test_place_without_yes_buys_nothing(box: Sandbox, tmp_path: Path, home: dict[str, str], price: int, answer: str):
    """The price, the size of whole footprints, the licence and the project are displayed; any answer but yes and y buys nothing."""
    refused = run("place", "one.parquet", box=box, cwd=tmp_path, answer=answer, **home)
    assert refused.returncode == 1
    assert f"{price:,} credits" in refused.stdout
    assert "standard licence" in refused.stdout
    assert home["SCENECART_PROJECT"] in refused.stdout
    assert "--aoi" in refused.stdout
    assert "Nothing was ordered." in refused.stderr
    assert json.loads(run("placements", "--json", box=box, cwd=tmp_path, **home).stdout) == []


def test_place_with_yes_costs_the_displayed_price(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """After yes or y, in any case, the order costs the displayed price; with --json, standard output holds the order alone."""
    bought = run("place", "one.parquet", "--again", "--json", box=box, cwd=tmp_path, answer="YES\n", **home)
    assert bought.returncode == 0, bought.stderr
    order = json.loads(bought.stdout)
    assert f"for exactly {order['total_credits']:,} credits" in bought.stderr
    assert order["id"] not in bought.stderr
    more = run("place", "one.parquet", "--again", "--json", box=box, cwd=tmp_path, answer=" y\n", **home)
    assert json.loads(more.stdout)["id"] != order["id"]
    # the question names the existing order, and that this buys once more
    assert order["id"] in more.stderr


def test_place_again_of_an_order_that_the_service_forgot_is_asked(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """With --again, an existing order that the service does not know any more is mentioned, and the question is asked."""
    assert run(*PLACE, "9999999", box=box, cwd=tmp_path, **home).returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "home" / "placements.sqlite")) as journal, journal:
        journal.execute("UPDATE placement SET order_id = 'o-gone'")
    asked = run("place", "one.parquet", "--again", box=box, cwd=tmp_path, answer="no\n", **home)
    assert asked.returncode == 1
    assert "o-gone" in asked.stdout
    assert "Type yes" in asked.stdout


def test_place_with_a_licence_that_the_service_refuses_names_the_default(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A refused licence is an error that names the field and a licence that exists; nothing was ordered."""
    refused = run(*PLACE, "9999999", "--license", "everything", box=box, cwd=tmp_path, **home)
    assert refused.returncode == 1
    assert "licenseType" in refused.stderr
    assert "'standard'" in refused.stderr
    assert refused.stderr.count("Nothing was ordered.") == 1


def test_place_of_a_cancelled_order_names_the_way_to_buy(tmp_path: Path):
    """A second cancellation changes nothing; then `place` ends with 0, buys nothing, and says that --again buys."""
    with Sandbox(pace="real", captures=1_000) as box:
        box.top_up("analyst", 10**9)
        variables = account(box, tmp_path / "home")
        assert run(
            "search", "openterra", "--collections", "openterra-10m", "--limit", "1", "-o", "one.parquet", box=box, cwd=tmp_path
        )
        order = json.loads(run(*PLACE, "9999999", "--json", box=box, cwd=tmp_path, **variables).stdout)["id"]
        cancelled = run("cancel", order, box=box, cwd=tmp_path, **variables)
        assert cancelled.returncode == 0, cancelled.stderr
        second = run("cancel", order, "--json", box=box, cwd=tmp_path, **variables)
        assert second.returncode == 0, second.stderr
        assert json.loads(second.stdout)["status"] == "cancelled"
        assert "Nothing was changed." in second.stderr
        placed = run("place", "one.parquet", box=box, cwd=tmp_path, **variables)
        assert placed.returncode == 0, placed.stderr
        assert "Type yes" not in placed.stdout
        for part in (order, "cancelled on 20", "Nothing was bought", "--again"):
            assert part in placed.stdout
        again = run("place", "one.parquet", "--again", "--json", box=box, cwd=tmp_path, answer="y\n", **variables)
        assert json.loads(again.stdout)["id"] != order


@pytest.mark.parametrize(
    ("options", "failure"),
    [
        (["--yes"], (2, "--max-credits")),
        (["--max-credits", "1", "--project", "x"], (1, "--max-credits")),
        ([], (1, "SCENECART_PROJECT")),
    ],
    ids=["yes without limit", "above the limit", "no project"],
)
def test_place_that_cannot_succeed_asks_no_question(
    box: Sandbox, tmp_path: Path, home: dict[str, str], options: list[str], failure: tuple[int, str]
):
    """A purchase without a limit, above it, or without a project is refused without a question."""
    code, named = failure
    variables = {"SCENECART_HOME": home["SCENECART_HOME"]}
    refused = run("place", "one.parquet", *options, box=box, cwd=tmp_path, answer="yes\n", **variables)
    assert refused.returncode == code
    assert named in refused.stderr
    assert "Type yes" not in refused.stdout


@pytest.mark.parametrize("principal", ["broke", "declined", "secure"])
@pytest.mark.usefixtures("one")
def test_place_payment_error_has_its_exit_code(box: Sandbox, tmp_path: Path, principal: str):
    """A purchase the service cannot charge ends with 3 and is recorded as unpaid; the bank's page is printed."""
    variables = account(box, tmp_path / principal, principal)
    unpaid = run(*PLACE, "9999999", box=box, principal=principal, cwd=tmp_path, **variables)
    assert unpaid.returncode == 3, unpaid.stderr
    assert (box.url in unpaid.stderr) is (principal == "secure")
    found = json.loads(run("placements", "--json", box=box, principal=principal, cwd=tmp_path, **variables).stdout)
    assert found[0]["state"] == "unpaid"


def test_settle_after_a_lost_answer_finds_the_order(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """After a lost answer the next command mentions the placement in one line, and `settle` finds the order."""
    box.faults.add("garbage", 1, "orders.archive.place")
    lost = run(*PLACE, "9999999", box=box, cwd=tmp_path, **home)
    assert lost.returncode == 4
    assert "Nothing was ordered" not in lost.stderr
    settled = run("settle", box=box, cwd=tmp_path, **home)
    assert settled.returncode == 0, settled.stderr
    assert settled.stderr.startswith("scenecart: 1 placement")
    assert "placed" in settled.stdout
    assert settled.stdout.endswith("1 purchase ordered.\n")
    assert run("settle", box=box, cwd=tmp_path, **home).stdout == "Nothing to settle.\n"


def test_resolve_records_what_a_person_says(box: Sandbox, tmp_path: Path):
    """`resolve` ends a placement that nothing else settles; the reason is kept, and resolving it again is refused."""
    journal = Journal(tmp_path / "placements.sqlite", now=lambda: time.time() - 3600)
    purchase = Purchase(box.url, "", "", "p", "f", "standard", ids=("a",), credits=5, aud="0.05", body=b"{}")
    journal.begin(journal.claim(purchase, "", "a session that has ended"), "", price=(5, "0.05"))
    variables = {"SCENECART_HOME": str(tmp_path), "COLUMNS": "200"}
    resolved = run("resolve", "1", "--nothing", "--why", "ticket 4711", "--json", box=box, **variables)
    assert resolved.returncode == 0, resolved.stderr
    (found,) = json.loads(resolved.stdout)
    assert (found["number"], found["state"], found["detail"][-11:]) == (1, "put away", "ticket 4711")
    again = run("resolve", "1", "--nothing", box=box, **variables)
    assert again.returncode == 2
    assert "put away" in again.stderr
    assert run("resolve", "1", box=box, **variables).returncode == 2


def test_placements_display_the_reason(box: Sandbox, tmp_path: Path):
    """The reason in the journal is displayed as it was written, and a missing one is null in JSON."""
    journal = Journal(tmp_path / "placements.sqlite", now=time.time)
    purchase = Purchase(box.url, "", "", "p", "f", "standard", ids=("a",), credits=5, aud="0.05", body=b"{}")
    sent = journal.begin(journal.claim(purchase, "", ""), "", price=(5, "0.05"))
    journal.end_try(sent, UNPAID, "unpaid", "The balance is too low.")
    journal.place(journal.claim(replace(purchase, fingerprint="g"), "", ""), "o-1")
    variables = {"SCENECART_HOME": str(tmp_path), "COLUMNS": "200"}
    listed = json.loads(run("placements", "--json", box=box, **variables).stdout)
    assert [one["detail"] for one in listed] == ["The balance is too low.", None]
    assert "The balance is too low." in run("placements", box=box, **variables).stdout


def test_placements_without_an_order_have_an_empty_cell(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A placement with an order and one without are displayed together, and a missing value is an empty cell."""
    assert run(*PLACE, "9999999", box=box, cwd=tmp_path, **home).returncode == 0
    broke = {**home, "SCENECART_PROJECT": box.principals["broke"]["project"] or ""}
    assert run(*PLACE, "9999999", box=box, principal="broke", cwd=tmp_path, **broke).returncode == 3
    displayed = run("placements", box=box, cwd=tmp_path, **home).stdout
    assert "placed" in displayed
    assert "unpaid" in displayed
    assert "nan" not in displayed


def test_orders_are_listed(box: Sandbox, tmp_path: Path):
    """Orders are a table for people and a list for programs, with or without a journal on this machine."""
    with box.client(home=tmp_path) as client:
        found = client.search("aurora", collections="aurora-50cm", bbox=(151.18, -33.99, 151.24, -33.94), limit=1)
        order = client.cart(found, aoi=(151.18, -33.99, 151.24, -33.94)).estimate().place(owned="buy")
        order.wait(timeout=60, progress=False)
    assert order.id in run("orders", box=box).stdout
    for variables in ({}, {"SCENECART_HOME": str(tmp_path)}):
        listed = run("orders", "--json", box=box, **variables)
        assert order.id in [one["id"] for one in json.loads(listed.stdout)], listed.stderr
    assert order.id in run("orders", "--status", "DELIVERED", box=box).stdout
    assert order.id not in run("orders", "--status", "failed", box=box).stdout
    assert order.id not in run("orders", "--status", "expired", box=box).stdout


def test_download_of_a_missing_asset_is_a_failure(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """An asset that the order does not have is a failure, not wrong usage: the service was asked."""
    order = json.loads(run(*PLACE, "9999999", "--again", "--json", box=box, cwd=tmp_path, **home).stdout)["id"]
    done = run("download", order, "out", "--wait", "--assets", "nope", box=box, cwd=tmp_path, **home)
    assert done.returncode == 1
    assert "nope" in done.stderr
    for arguments, typed in (
        (["download", order, "one.parquet"], "DIR"),
        (["order", order, "--download", "one.parquet"], "--download"),
    ):
        unusable = run(*arguments, box=box, cwd=tmp_path, **home)
        assert (unusable.returncode, unusable.stderr.split()[1]) == (1, typed), unusable.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["orders", "--status", "deliverd"], 2, "'delivered'"),
        (["orders", "--status", "sold"], 2, "cancelled"),
        (["order", "nix"], 1, "'nix'"),
        (["order", "nix", "--assets", "visual"], 2, "--download DIR"),
        (["order", "nix", "--timeout", "5"], 2, "--wait"),
        (["place", "nowhere.parquet", "--yes"], 2, "--max-credits"),
    ],
)
def test_wrong_arguments_about_orders_are_one_message(box: Sandbox, tmp_path: Path, arguments: list[str], code: int, named: str):
    """Wrong arguments end with their exit code and a message that names them, without a traceback."""
    done = run(*arguments, box=box, cwd=tmp_path)
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.fixture
def clean(tmp_path: Path) -> Iterator[tuple[Sandbox, dict[str, str]]]:
    """Start a sandbox in which nobody owns anything, with two captures in ``two.parquet``, and return a machine's variables."""
    with Sandbox(pace="instant", captures=20_000, dialect="bought-ground") as running:
        running.rate_limits = None
        running.top_up("analyst", 10**9)
        assert run(*SEARCH, "--limit", "2", "-o", "two.parquet", box=running, cwd=tmp_path).returncode == 0
        yield running, account(running, tmp_path / "home")


def buy_half(box: Sandbox, folder: Path, home: dict[str, str]) -> str:
    """Buy a large part of both captures on another machine, and return the order's id."""
    elsewhere = {**home, "SCENECART_HOME": str(folder / "elsewhere")}
    west, south, east, north = geopandas.read_parquet(folder / "two.parquet").total_bounds
    half = shapely.box(west, south, east, (south + north) / 2).wkt
    arguments = ["two.parquet", "--aoi", half, "--yes", "--max-credits", "99999999", "--json"]
    bought = run("place", *arguments, box=box, cwd=folder, **elsewhere)
    assert bought.returncode == 0, bought.stderr
    return str(json.loads(bought.stdout)["id"])


PLACE_TWO = ["place", "two.parquet", "--yes", "--max-credits", "99999999"]


def test_place_of_owned_captures_has_its_exit_code(clean: tuple[Sandbox, dict[str, str]], tmp_path: Path):
    """Owned captures end with 5: a table with orders and shares, the two ways on, and nothing is ordered.

    ``--owned buy`` names the orders before it asks, and buys.
    """
    box, home = clean
    order = buy_half(box, tmp_path, home)
    refused = run(*PLACE_TWO, box=box, cwd=tmp_path, **home)
    assert refused.returncode == 5, refused.stderr
    assert order in refused.stdout
    assert "%" in refused.stdout
    assert "--without-owned" in refused.stderr
    assert "--owned buy" in refused.stderr
    assert refused.stderr.count("Nothing was ordered.") == 1
    unasked = run("place", "two.parquet", box=box, cwd=tmp_path, answer="yes\n", **home)
    assert (unasked.returncode, order in unasked.stdout, "Type yes" in unasked.stdout) == (5, True, False), unasked.stderr
    assert json.loads(run("placements", "--json", box=box, cwd=tmp_path, **home).stdout)[1:] == []
    as_json = run(*PLACE_TWO, "--json", box=box, cwd=tmp_path, **home)
    assert (as_json.returncode, as_json.stdout) == (5, "")
    asked = run("place", "two.parquet", "--owned", "buy", box=box, cwd=tmp_path, answer="no\n", **home)
    assert (asked.returncode, order in asked.stderr, "Type yes" in asked.stdout) == (1, True, True), asked.stderr
    bought = [run(*PLACE_TWO, "--owned", "buy", "--json", box=box, cwd=tmp_path, **home) for _ in range(2)]
    assert [one.returncode for one in bought] == [0, 0], bought[0].stderr
    assert json.loads(bought[0].stdout)["id"] == json.loads(bought[1].stdout)["id"]


def test_place_without_owned_buys_the_rest(clean: tuple[Sandbox, dict[str, str]], tmp_path: Path):
    """``--without-owned`` shows both prices and buys what is missing; with ``--again``, everything is owned then (5)."""
    box, home = clean
    buy_half(box, tmp_path, home)
    priced = run("estimate", "two.parquet", "--without-owned", "--json", box=box, cwd=tmp_path, **home)
    prices = json.loads(priced.stdout)
    assert 0 < prices["total_credits"] < prices["whole_total_credits"]
    bought = run(*PLACE_TWO, "--without-owned", box=box, cwd=tmp_path, **home)
    assert bought.returncode == 0, bought.stderr
    assert f"{prices['total_credits']:,} credits" in bought.stdout
    assert f"{prices['whole_total_credits']:,} credits" in bought.stdout
    again = run(*PLACE_TWO, "--without-owned", "--again", "more", box=box, cwd=tmp_path, **home)
    assert again.returncode == 5
    assert "scenecart owned" in again.stderr
    assert "Nothing was ordered." in again.stderr


def test_place_without_owned_twice_returns_the_order_of_the_first_run(clean: tuple[Sandbox, dict[str, str]], tmp_path: Path):
    """A second run with ``--without-owned`` gives the order of the first back, on another machine too, and buys nothing."""
    box, home = clean
    buy_half(box, tmp_path, home)
    bought = run(*PLACE_TWO, "--without-owned", "--json", box=box, cwd=tmp_path, **home)
    order = json.loads(bought.stdout)["id"]
    elsewhere = {**home, "SCENECART_HOME": str(tmp_path / "third")}
    for machine in (home, elsewhere):
        second = run(*PLACE_TWO, "--without-owned", "--json", box=box, cwd=tmp_path, **machine)
        assert second.returncode == 0, second.stderr
        assert json.loads(second.stdout)["id"] == order
        assert "Nothing was bought again." in json.loads(second.stdout)["note"]
    shown = run("place", "two.parquet", "--without-owned", box=box, cwd=tmp_path, **home)
    assert shown.returncode == 0, shown.stderr
    assert order in shown.stdout
    assert len(json.loads(run("orders", "--json", box=box, cwd=tmp_path, **home).stdout)) == 2


def test_place_with_a_new_key_of_an_ordered_cart_says_that_it_is_ignored(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """``--new-key`` on a cart that is ordered already changes nothing, and that is said."""
    order = json.loads(run(*PLACE, "999999", "--json", box=box, cwd=tmp_path, **home).stdout)["id"]
    second = run(*PLACE, "999999", "--new-key", "--json", box=box, cwd=tmp_path, **home)
    assert second.returncode == 0, second.stderr
    assert json.loads(second.stdout)["id"] == order
    assert "--new-key was ignored" in second.stderr
    assert "--new-key" not in run(*PLACE, "999999", box=box, cwd=tmp_path, **home).stderr


def test_owned_lists_captures_and_writes_a_file(clean: tuple[Sandbox, dict[str, str]], tmp_path: Path):
    """``owned`` prints captures with their orders, filters by area and project, and writes the bought ground."""
    box, home = clean
    assert run("owned", box=box, cwd=tmp_path, **home).stdout == "Nothing is owned yet.\n"
    order = buy_half(box, tmp_path, home)
    listed = run("owned", "-o", "owned.parquet", box=box, cwd=tmp_path, **home)
    assert listed.returncode == 0, listed.stderr
    assert listed.stdout.count(order) == 2
    assert len(geopandas.read_parquet(tmp_path / "owned.parquet")) == 2
    records = json.loads(run("owned", "--aoi", HARBOUR, "--json", box=box, cwd=tmp_path, **home).stdout)
    assert {one["order"] for one in records} == {order}
    assert all(one["acquired"] and one["ordered"] for one in records)
    for options in (["--project", "another"], ["--aoi", "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))"]):
        assert json.loads(run("owned", *options, "--json", box=box, cwd=tmp_path, **home).stdout) == []
    unknown = run("owned", "--project", "nope", box=box, cwd=tmp_path, **home)
    assert unknown.returncode == 0
    assert "project 'nope'" in unknown.stdout
    assert home["SCENECART_PROJECT"] in unknown.stdout
    elsewhere = run("owned", "--aoi", "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))", box=box, cwd=tmp_path, **home)
    assert elsewhere.stdout == "2 captures are owned, but none in this area matches the options.\n"
    wrong = run("owned", "-o", "owned.txt", box=box, cwd=tmp_path, **home)
    assert wrong.returncode == 2


def test_search_with_owned_shows_shares(clean: tuple[Sandbox, dict[str, str]], tmp_path: Path):
    """``search --owned`` adds a column, a sentence, and the columns of the file."""
    box, home = clean
    order = buy_half(box, tmp_path, home)
    found = run(*SEARCH, "--limit", "3", "--owned", "-o", "marked.parquet", box=box, cwd=tmp_path, **home)
    assert found.returncode == 0, found.stderr
    assert "Owned" in found.stdout
    assert "2 of 3 captures are owned already" in found.stdout
    marked = geopandas.read_parquet(tmp_path / "marked.parquet")
    assert sorted(marked["owned"] > 0) == [False, True, True]
    assert {name for names in marked["owned_by"] for name in names} == {order}
    listed = json.loads(run(*SEARCH, "--limit", "3", "--owned", "--json", box=box, cwd=tmp_path, **home).stdout)
    assert all("owned" in one["properties"] for one in listed["features"])


def test_place_again_with_a_name_buys_once_for_it(clean: tuple[Sandbox, dict[str, str]], tmp_path: Path):
    """``--again NAME`` buys one more for this name, however often it is run."""
    box, home = clean
    orders = [
        json.loads(run(*PLACE_TWO, *more, "--json", box=box, cwd=tmp_path, **home).stdout)["id"]
        for more in ([], ["--again", "office B"], ["--again", "office B"], [])
    ]
    assert orders[0] != orders[1] == orders[2]
    assert orders[3] in orders[:2]
    # the way to buy one more is another name
    repeated = run(*PLACE_TWO, "--again", "office B", box=box, cwd=tmp_path, **home)
    assert "--again NAME" in repeated.stdout
    assert "name that was not used" in repeated.stdout


def test_place_with_a_new_key_follows_a_repeated_refusal(service: ScriptedService, tmp_path: Path):
    """A refusal that the service only repeats is left behind with ``--new-key``, as the hint says."""
    captures().to_parquet(tmp_path / "two.parquet")
    service.put(ESTIMATE, answer(priced((["a", "b"], 300))))
    service.put(GET, answer(ORDER))
    service.put(LIST, answer([]))
    service.put(PLACE_OPERATION, answer({"detail": "not now"}, 403))
    signed_in = {"SCENECART_BASE_URL": service.url, "SCENECART_TOKEN": "t", "SCENECART_PROJECT": PROJECT}
    home = {**signed_in, "SCENECART_HOME": str(tmp_path / "home")}
    first, second = (run(*PLACE_TWO, "--new-key", cwd=tmp_path, pauses=0.02, **home) for _ in range(2))
    assert (first.returncode, len(set(keys(service)))) == (1, 2), first.stderr
    assert second.returncode == 1
    service.received.clear()
    third = run(*PLACE_TWO, cwd=tmp_path, pauses=0.02, **home)
    assert third.returncode == 1
    assert "--new-key" in third.stderr
    assert "start_anew" not in third.stderr
    service.put(PLACE_OPERATION, PLACED)
    bought = run(*PLACE_TWO, "--new-key", cwd=tmp_path, pauses=0.02, **home)
    assert bought.returncode == 0, bought.stderr


def test_wait_delivered_orders_end_with_0(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """``wait`` ends with 0 once every order is delivered, prints each, and can be given one or several."""
    order = json.loads(run(*PLACE, "999999", "--json", box=box, cwd=tmp_path, **home).stdout)["id"]
    more = json.loads(run(*PLACE, "999999", "--again", "more", "--json", box=box, cwd=tmp_path, **home).stdout)["id"]
    waited = run("wait", order, box=box, cwd=tmp_path, **home)
    assert (waited.returncode, waited.stderr) == (0, "")
    assert f"{order}: delivered" in waited.stdout
    records = json.loads(run("wait", order, more, order, "--json", box=box, cwd=tmp_path, **home).stdout)
    assert [(one["id"], one["status"], one["phase"]) for one in records] == [
        (order, "delivered", "delivered"),
        (more, "delivered", "delivered"),
    ]


@pytest.fixture
def waiting(service: ScriptedService, tmp_path: Path) -> dict[str, str]:
    """Return the variables of an account with the order o-1 at a service whose answers the test writes."""
    service.put(GET, answer(ORDER))
    service.put(LIST, answer([]))
    signed_in = {"SCENECART_BASE_URL": service.url, "SCENECART_TOKEN": "t", "SCENECART_PROJECT": PROJECT}
    return {**signed_in, "SCENECART_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize(
    ("statuses", "code"),
    [
        (["failed"], 7),
        (["delivered", "cancelled"], 7),
        (["processing"], 8),
        (["delivered", "on_hold"], 8),
        (["on the moon"], 9),
        (["processing", "on the moon"], 9),
    ],
)
def test_wait_exit_code_says_how_it_ended(
    service: ScriptedService, tmp_path: Path, waiting: dict[str, str], statuses: list[str], code: int
):
    """``wait`` ends with 7 after a failure or cancellation, 8 if an order is open after the timeout, and 9 if nobody knows."""
    orders = [f"o-{number}" for number in range(len(statuses))]
    records = [{**ORDER, "id": name, "status": status} for name, status in zip(orders, statuses, strict=True)]
    service.put(GET, *[answer(record) for record in records], answer(records[0]))
    service.put(LIST, answer(records))
    done = run("wait", *orders, "--timeout", "0", "--json", cwd=tmp_path, **waiting)
    assert done.returncode == code, done.stderr
    assert [one["status"] for one in json.loads(done.stdout)] == statuses
    assert "scenecart: " in done.stderr
    assert "Traceback" not in done.stderr


def test_wait_until_the_timeout_of_an_outage_ends_with_9(service: ScriptedService, tmp_path: Path, waiting: dict[str, str]):
    """An outage that lasts until the timeout ends with 9: one line when it began, and the reason at the end."""
    service.put(GET, answer(ORDER), answer({}, 503, Retry_After="600"))
    done = run("wait", "o-1", "--timeout", "1", cwd=tmp_path, **waiting)
    assert done.returncode == 9, done.stderr
    assert (done.stdout + done.stderr).count("Waiting continues") == 1
    assert "503" in done.stderr
    assert "scenecart wait o-1" in done.stderr


def test_wait_begun_in_an_outage_goes_on_when_it_ends(service: ScriptedService, tmp_path: Path, waiting: dict[str, str]):
    """An outage before the first answer is waited through, by ``wait`` and by ``order --wait``; one that lasts ends with 9."""
    # more failures than one request repeats by itself
    service.put(GET, *[answer({}, 502)] * 6, answer({**ORDER, "status": "delivered"}))
    done = run("wait", "o-1", "--timeout", "90", cwd=tmp_path, pauses=0.01, **waiting)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Waiting continues") == 1
    service.put(GET, answer(ORDER))
    done = run("order", "o-1", "--wait", "--timeout", "0", cwd=tmp_path, pauses=0.01, **waiting)
    assert (done.returncode, done.stderr.count("o-1 is still processing")) == (8, 1)
    assert "scenecart wait o-1" in done.stderr
    service.put(GET, answer({}, 503, Retry_After="600"))
    for command in (["wait", "o-1", "--json"], ["order", "o-1", "--wait"]):
        done = run(*command, "--timeout", "0", cwd=tmp_path, pauses=0.01, **waiting)
        assert done.returncode == 9, done.stderr
        assert "scenecart wait o-1" in done.stderr


def test_wait_of_an_unknown_order_or_for_no_time_is_refused(service: ScriptedService, tmp_path: Path, waiting: dict[str, str]):
    """An order that does not exist is a failure (1), and a timeout that is none is wrong usage (2), before anything is sent."""
    service.put(GET, answer({"title": "Not Found"}, 404))
    assert run("wait", "o-1", cwd=tmp_path, **waiting).returncode == 1
    service.received.clear()
    for wrong in ("-1", "nan"):
        assert run("wait", "o-1", "--timeout", wrong, cwd=tmp_path, **waiting).returncode == 2
    assert service.received == []
    assert run("wait", cwd=tmp_path, **waiting).returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_wait_interrupted_ends_at_once(service: ScriptedService, tmp_path: Path, waiting: dict[str, str]):
    """Ctrl+C ends ``wait`` with 130 while the service is silent."""
    stall = Stall()
    service.put(GET, answer(ORDER), stall)
    command = [*COMMAND, "wait", "o-1"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(**waiting), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert stall.begun.wait(60)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (130, "Interrupted.\n")
    assert stall.release()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other signals")
def test_download_interrupted_says_that_it_resumes(service: ScriptedService, tmp_path: Path, waiting: dict[str, str]):
    """Ctrl+C ends `download` with 130, and a second line says how to go on."""
    stall = Stall()
    service.put(GET, answer({"id": "o-1", "status": "delivered", "captures": ["a"]}))
    service.put("orders.list_assets", stall)
    with subprocess.Popen(
        [*COMMAND, "download", "o-1", "out"], cwd=tmp_path, env=environment(**waiting), stderr=subprocess.PIPE, text=True
    ) as running:
        assert stall.begun.wait(60)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, len(errors.splitlines())) == (130, 2)
    assert stall.release()


def test_download_says_what_arrived_failed_and_is_missing(tmp_path: Path):
    """Files that arrived are printed, those that failed and captures that have not arrived are named, and the exit code is 1."""
    content = b"II*\0" + bytes(500)
    entry = {"href": "x", "type": "image/tiff", "file:size": len(content)}
    items = [{**feature(name), "assets": {"visual": entry}} for name in ("a", "b")]
    with ScriptedService() as service:
        service.put("orders.get", answer({"id": "o", "status": "delivered", "captures": ["a", "b", "c"]}))
        service.put("orders.list_assets", answer(page(*items)))
        service.put("items.asset.download", lambda request: answer({"url": f"{service.url}/files/{request.json['item_id']}?s=1"}))
        service.put("/files/a", Answer(content))
        service.put("/files/b", answer({"detail": "no such object"}, 404))
        sign_in = {"SCENECART_BASE_URL": service.url, "SCENECART_TOKEN": "t", "SCENECART_HOME": str(tmp_path / "home")}
        done = run("download", "o", "out", cwd=tmp_path, **sign_in)
        assert done.returncode == 1
        assert "2024-03-05_a_visual.tif" in done.stdout
        assert "Not downloaded: visual of b" in done.stdout
        assert "Not arrived: c" in done.stdout
        for part in ("404", "no such object", "2 of 3 captures"):
            assert part in done.stderr
        service.put("/files/b", Answer(content))
        found = run("download", "o", "out", "--json", cwd=tmp_path, **sign_in)
        assert found.returncode == 1
        result = json.loads(found.stdout)
        assert (len(result["files"]), result["failed"], result["missing"]) == (2, [], ["c"])
        service.put("orders.get", answer({"id": "o", "status": "delivered", "captures": ["a", "b"]}))
        assert run("download", "o", "out", "--verify", "size", cwd=tmp_path, **sign_in).returncode == 0
        assert len(service.requests("/files/a")) == 1
