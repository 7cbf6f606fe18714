"""The command line, run as a user runs it: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pytest

from _cli import ASKED, run
from scenecart import cli
from scenecart._orders.journal import Intent, Journal
from scenecart.cli._parser import make_parser
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = [
    *("search", "estimate", "cover", "place", "orders", "order", "download", "report", "cancel", "placements", "settle"),
    *("login-status", "sandbox", "lab", "app", "demo"),
]


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """Give a sandbox for other processes."""
    with Sandbox(pace="instant") as box:
        box.rate_limits = None
        yield box


@pytest.fixture(scope="module")
def found(running: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with one capture."""
    folder = tmp_path_factory.mktemp("captures")
    assert run(*ASKED, "--limit", "1", "-o", "one.parquet", box=running, cwd=folder).returncode == 0
    return folder / "one.parquet"


@pytest.fixture(scope="module")
def price(running: Sandbox, found: Path) -> int:
    """Give what that capture costs."""
    return json.loads(run("estimate", str(found), "--json", box=running).stdout)["total_credits"]


@pytest.fixture
def one(found: Path, tmp_path: Path) -> Path:
    """Put a file with one capture where commands are run."""
    return Path(shutil.copy(found, tmp_path))


def test_search_then_estimate_then_report(running: Sandbox, tmp_path: Path):
    """A search is written to a file, the file is priced, and the price is reported."""
    searched = run(*ASKED, "--max-cloud-cover", "20", "--limit", "3", "-o", "found.parquet", box=running, cwd=tmp_path)
    assert searched.returncode == 0, searched.stderr
    assert "3 captures" in searched.stdout
    found = gpd.read_parquet(tmp_path / "found.parquet")
    assert len(found) == 3
    harbour = "POLYGON ((151 -34.1, 151.4 -34.1, 151.4 -33.8, 151 -33.8, 151 -34.1))"
    priced = run("estimate", "found.parquet", "--aoi", harbour, "--report", "quote.html", box=running, cwd=tmp_path)
    assert priced.returncode == 0, priced.stderr
    assert "Total" in priced.stdout
    assert (tmp_path / "quote.html").is_file()
    as_json = run("estimate", "found.parquet", "--aoi", harbour, "--json", box=running, cwd=tmp_path)
    document = json.loads(as_json.stdout)
    assert document["total_credits"] == sum(group["credits"] for group in document["groups"])
    assert f"{document['total_credits']:,}" in priced.stdout


def test_search_gives_geojson_on_request(running: Sandbox):
    """--json prints a FeatureCollection and nothing else."""
    searched = run(*ASKED, "--limit", "2", "--json", box=running)
    features = json.loads(searched.stdout)["features"]
    assert [sorted(one) for one in features] == [["geometry", "properties", "type"]] * 2  # a row's number is no id
    assert all(one["properties"]["id"].startswith("AURORA") for one in features)
    assert searched.stderr == ""


def test_buying_following_and_cancelling(running: Sandbox, tmp_path: Path, one: Path):
    """Buying takes a limit, buys once however often it is run, and the order is followed, fetched and cancelled by its id."""
    home = {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": running.principals["analyst"]["project"] or ""}
    place = ["place", "one.parquet", "--yes", "--max-credits"]
    refused = run(*place, "1", box=running, cwd=tmp_path, **home)
    assert refused.returncode == 1
    assert "--max-credits allows 1. Nothing was ordered." in refused.stderr
    bought = run(*place, "999999", "--json", box=running, cwd=tmp_path, **home)
    assert bought.returncode == 0, bought.stderr
    order = json.loads(bought.stdout)
    noted = json.loads(run(*place, "999999", "--json", box=running, cwd=tmp_path, **home).stdout)["note"]
    assert noted.endswith("To buy it once more, pass --again.")
    again = run(*place, "999999", box=running, cwd=tmp_path, **home)
    assert f"as {order['id']}; nothing was bought again. To buy it once more, pass --again." in again.stdout
    # there is nothing to agree to, and nobody is asked
    unasked = run("place", "one.parquet", box=running, cwd=tmp_path, **home)
    assert (unasked.returncode, "Type yes" in unasked.stdout) == (0, False)
    assert f"as {order['id']}; nothing was bought again." in unasked.stdout
    fetched = run("download", order["id"], "out", "--wait", "--json", box=running, cwd=tmp_path, **home)
    assert json.loads(fetched.stdout)["status"] == "delivered"
    assert all((tmp_path / name).is_file() for name in json.loads(fetched.stdout)["files"])
    late = run("cancel", order["id"], box=running, cwd=tmp_path, **home)
    assert late.returncode == 1
    assert "cannot cancel this order as things stand: the order is delivered" in late.stderr
    listed = run("placements", box=running, cwd=tmp_path, **home)
    assert order["id"] in listed.stdout
    assert json.loads(run("placements", "--json", box=running, cwd=tmp_path, **home).stdout)[0]["state"] == "placed"


@pytest.mark.parametrize("answer", ["", "no\n", "y\n", "yes please\n", "1"])
def test_nothing_is_bought_without_a_yes(running: Sandbox, tmp_path: Path, one: Path, price: int, answer: str):
    """Before buying, the exact total, licence and project are shown, and anything but a yes buys nothing."""
    home = {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": running.principals["analyst"]["project"] or ""}
    refused = run("place", "one.parquet", box=running, cwd=tmp_path, answer=answer, **home)
    assert refused.returncode == 1
    assert f"for exactly {price:,} credits" in refused.stdout
    assert f"delivered to {home['SCENECART_PROJECT']}" in refused.stdout
    assert "Nothing was ordered." in refused.stderr
    assert run("placements", box=running, cwd=tmp_path, **home).stdout.strip() == "No placements."


def test_a_balance_that_does_not_suffice_is_told_before_a_yes(running: Sandbox, tmp_path: Path, one: Path):
    """Whoever has less than the price is told before being asked; whether it is charged otherwise is the service's to say."""
    home = {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": "p"}
    for who, says in (("broke", True), ("analyst", False)):
        asked = run("place", "one.parquet", box=running, who=who, cwd=tmp_path, answer="no\n", **home)
        assert ("The balance of 10 credits is less than the price" in asked.stdout) is says
        assert "Type yes" in asked.stdout


def test_an_interruption_begins_a_line_of_its_own(running: Sandbox, tmp_path: Path, one: Path):
    """Where a terminal shows ^C, what is said of it stands on the next line: before a yes, that nothing was ordered."""
    principal = running.principals["analyst"]
    signed = {name: principal[name.lower()] or "" for name in ("USERNAME", "PASSWORD", "PROJECT")}
    environ = {f"SCENECART_{name}": value for name, value in {"BASE_URL": running.url, "HOME": str(tmp_path), **signed}.items()}
    shown, terminal = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "scenecart.cli", "place", "one.parquet"],
        cwd=tmp_path,
        env={**os.environ, **environ},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=terminal,
        text=True,
    ) as place:
        os.close(terminal)
        _until(place, "delivered to")
        place.send_signal(signal.SIGINT)
        assert place.wait(60) == 130
    assert os.read(shown, 1_000) == b"\r\nInterrupted.\r\n  Nothing was ordered.\r\n"
    os.close(shown)


def test_a_search_that_finds_nothing_says_what_was_asked(running: Sandbox):
    """Of an empty result a person is told what was asked, the area's sides by name; a program gets the document alone."""
    swapped = ["search", "aurora", "--collections", "aurora-50cm", "--bbox=-33.99,51.18,-33.94,51.24"]
    told = run(*swapped, box=running)
    assert told.returncode == 0
    for said in ("host aurora", "collections aurora-50cm", "west -33.99 south 51.18", "longitude before latitude"):
        assert said in told.stdout.replace("\n", " ")
    document = run(*swapped, "--json", box=running)
    assert json.loads(document.stdout)["features"] == []
    assert document.stderr == ""


def test_a_yes_buys_exactly_what_was_shown(running: Sandbox, tmp_path: Path, one: Path):
    """After a yes, in any case, the order costs what was asked about; a document for programs holds the order alone."""
    home = {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": running.principals["analyst"]["project"] or ""}
    bought = run("place", "one.parquet", "--again", "--json", box=running, cwd=tmp_path, answer="YES\n", **home)
    assert bought.returncode == 0, bought.stderr
    order = json.loads(bought.stdout)
    assert f"for exactly {order['total_credits']:,} credits" in bought.stderr
    more = run("place", "one.parquet", "--again", "--json", box=running, cwd=tmp_path, answer="yes\n", **home)
    assert json.loads(more.stdout)["id"] != order["id"]


def test_what_cannot_be_bought_is_not_asked_about(running: Sandbox, tmp_path: Path, one: Path):
    """Buying unasked needs a limit, a price above the limit is never asked about, and neither is an order without a project."""
    home = {"SCENECART_HOME": str(tmp_path / "home")}
    for extra, code, says in (
        (["--yes"], 2, "--max-credits"),
        (["--max-credits", "1", "--project", "x"], 1, "--max-credits allows 1"),
        ([], 1, "SCENECART_PROJECT"),
    ):
        refused = run("place", "one.parquet", *extra, box=running, cwd=tmp_path, answer="yes\n", **home)
        assert refused.returncode == code
        assert says in refused.stderr
        assert "Type yes" not in refused.stdout


def test_payment_errors_have_an_exit_code_of_their_own(running: Sandbox, tmp_path: Path, one: Path):
    """What cannot be charged ends with 3, says what to do, and shows the bank's page where the bank has one."""
    for who, says in (("broke", "Top up"), ("declined", "declined"), ("secure", f"Confirm it with your bank at {running.url}")):
        home = {"SCENECART_HOME": str(tmp_path / who), "SCENECART_PROJECT": running.principals[who]["project"] or ""}
        place = ["place", "one.parquet", "--yes", "--max-credits", "9999999"]
        unpaid = run(*place, box=running, who=who, cwd=tmp_path, **home)
        assert unpaid.returncode == 3, unpaid.stderr
        assert says in unpaid.stderr
        assert json.loads(run("placements", "--json", box=running, who=who, cwd=tmp_path, **home).stdout)[0]["state"] == "unpaid"


def test_an_area_is_covered(running: Sandbox, tmp_path: Path):
    """`cover` keeps a cart that any other command takes, a report and a picture, and prints what the plan is worth."""
    area = ["--aoi", "POLYGON ((151.16 -34, 151.26 -34, 151.26 -33.9, 151.16 -33.9, 151.16 -34))"]
    found = ["search", "aurora", "--collections", "aurora-50cm", *area, "--datetime", "2024-01/2024-06", "-o", "found.parquet"]
    assert run(*found, box=running, cwd=tmp_path).returncode == 0
    outputs = ["--save", "cart.parquet", "--report", "out/quote.md", "--plot", "out/plan.png"]
    covered = run("cover", "found.parquet", *area, "--min-coverage", "0.9", *outputs, box=running, cwd=tmp_path)
    assert covered.returncode == 0, covered.stderr
    assert "The least cost: proven." in covered.stdout
    assert (tmp_path / "out" / "quote.md").is_file()
    assert (tmp_path / "out" / "plan.png").read_bytes().startswith(b"\x89PNG")
    told = json.loads(run("cover", "found.parquet", *area, "--min-coverage", "0.9", "--json", box=running, cwd=tmp_path).stdout)
    priced = json.loads(run("estimate", "cart.parquet", "--json", box=running, cwd=tmp_path).stdout)
    assert told["fingerprint"] == priced["fingerprint"]
    assert told["estimate"]["total_credits"] == priced["total_credits"]
    assert told["coverage"] >= 0.9
    least = ["--min-coverage", "1", "--budget", str(priced["total_credits"])]
    short = run("cover", "found.parquet", *area, *least, box=running, cwd=tmp_path)
    assert short.returncode == 1


def test_a_budget_that_buys_nothing_is_no_usage_error(running: Sandbox, tmp_path: Path):
    """Where prices were asked for and the budget buys nothing, `cover` has failed; where nothing was sent, it was asked wrongly."""
    assert run(*ASKED, "--limit", "2", "-o", "two.parquet", box=running, cwd=tmp_path).returncode == 0
    area = "POLYGON ((151.18 -33.99, 151.24 -33.99, 151.24 -33.94, 151.18 -33.94, 151.18 -33.99))"
    poor = run("cover", "two.parquet", "--aoi", area, "--budget", "1", box=running, cwd=tmp_path)
    assert poor.returncode == 1
    assert "buys none of these captures" in poor.stderr
    elsewhere = run("cover", "two.parquet", "--aoi", "POINT (0 0)", "--budget", "1", box=running, cwd=tmp_path)
    assert elsewhere.returncode == 2


def test_reports_of_carts_and_orders(running: Sandbox, tmp_path: Path):
    """`report` writes a priced cart, a cart without prices, an order by its id, and several side by side under their names."""
    home = {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": running.principals["analyst"]["project"] or ""}
    assert run(*ASKED, "--limit", "3", "-o", "three.parquet", box=running, cwd=tmp_path).returncode == 0
    assert run("estimate", "three.parquet", "--save", "a.cart.geojson", box=running, cwd=tmp_path).returncode == 0
    placed = run("place", "a.cart.geojson", "--yes", "--max-credits", "9999999", "--json", box=running, cwd=tmp_path, **home)
    order = json.loads(placed.stdout)["id"]
    for what, says in ((["a.cart.geojson"], "credits"), (["a.cart.geojson", "--no-prices"], "No prices"), ([order], order)):
        done = run("report", *what, "-o", "out.md", box=running, cwd=tmp_path, **home)
        assert done.returncode == 0, done.stderr
        assert says in (tmp_path / "out.md").read_text("utf-8")
    compared = run(
        "report", "all=a.cart.geojson", f"bought={order}", "-o", "both.html", "--json", box=running, cwd=tmp_path, **home
    )
    assert json.loads(compared.stdout)["subjects"] == ["all", "bought"]
    assert "bought" in (tmp_path / "both.html").read_text("utf-8")
    for what, says in (
        (["a.cart.geojson", "-o", "out.doc"], "formats are"),
        (["a.cart.geojson", "a.cart.geojson", "-o", "out.md"], "Two things are called 'a'"),
        (["a.cart.geojson", "b=a.cart.geojson", "-o", "out.gpkg"], "A comparison cannot be written"),
        (["nowhere.parquet", "-o", "out.md"], "There is no file"),
    ):
        refused = run("report", *what, box=running, cwd=tmp_path, **home)
        assert refused.returncode == 2
        assert says in refused.stderr


def test_who_is_signed_in(running: Sandbox, tmp_path: Path):
    """`login-status` tells service, account, credits and whether it may place, and fails clearly where the sign-in is refused."""
    home = {"SCENECART_HOME": str(tmp_path)}
    told = run("login-status", box=running, **home)
    assert told.returncode == 0, told.stderr
    for said in (running.url, "environment variables", "analyst", "May place orders  yes", "SCENECART_PROJECT"):
        assert said in told.stdout
    status = json.loads(run("login-status", "--json", box=running, **home).stdout)
    assert status["can_place"] is True
    assert f"{status['balance_credits']:,}" in told.stdout
    key = {"SCENECART_BASE_URL": running.url, "SCENECART_API_KEY": running.principals["robot"]["api_key"] or "", **home}
    by_key = run("login-status", "--json", **key)
    assert json.loads(by_key.stdout)["can_place"] is False
    assert key["SCENECART_API_KEY"] not in by_key.stdout + by_key.stderr
    refused = run("login-status", SCENECART_PASSWORD="wrong", box=running, **home)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


def test_lab_opens_on_copies_of_the_notebooks(tmp_path: Path):
    """`scenecart lab` serves a folder that holds every example notebook, and leaves what stands there as it is."""
    mine = tmp_path / "work" / "01_first_order.ipynb"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    home = {name: str(tmp_path / "home") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    command = [sys.executable, "-m", "scenecart.cli", "lab", "work", "--no-browser", "--allow-root", "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env={**os.environ, **home},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as lab:
        try:
            said = _until(lab, "http://127.0.0.1:")
        finally:
            os.killpg(lab.pid, signal.SIGTERM)
    assert "http://127.0.0.1:" in said
    names = {path.name for path in mine.parent.glob("*.ipynb")}
    assert {"01_first_order.ipynb", "08_cover_planning.ipynb", "app.ipynb"} <= names
    assert mine.read_text(encoding="utf-8") == "mine"


def _until(process: subprocess.Popen[str], wanted: str) -> str:
    """Read what a process says until it says what is wanted; 90 seconds and 500 lines at most."""
    watch = threading.Timer(90, process.kill)
    watch.start()
    said = ""
    try:
        for line, _ in zip(process.stdout or (), range(500), strict=False):
            said += line
            if wanted in line:
                break
    finally:
        watch.cancel()
    return said


def test_a_cart_is_kept_and_priced_by_a_colleague(running: Sandbox, tmp_path: Path):
    """A cart that one saved is priced the same by another, and takes no other area or options; a report's layers are captures."""
    aoi = ["--aoi", "POLYGON ((151.18 -33.99, 151.24 -33.99, 151.24 -33.94, 151.18 -33.94, 151.18 -33.99))"]
    assert run(*ASKED, "--limit", "2", "-o", "two.parquet", box=running, cwd=tmp_path).returncode == 0
    first = run("estimate", "two.parquet", *aoi, "--save", "two.cart.geojson", "--json", box=running, cwd=tmp_path)
    second = run("estimate", "two.cart.geojson", "--json", box=running, cwd=tmp_path)
    found = [json.loads(one.stdout) for one in (first, second)]
    assert found[0]["fingerprint"] == found[1]["fingerprint"]
    assert found[0]["total_credits"] == found[1]["total_credits"]
    for report in ("quote.geojson", "quote.parquet"):
        assert run("estimate", "two.cart.geojson", "--report", report, box=running, cwd=tmp_path).returncode == 0
        again = run("estimate", report, *aoi, "--json", box=running, cwd=tmp_path)
        assert json.loads(again.stdout)["total_credits"] == found[0]["total_credits"], again.stderr
    wrong = run("estimate", "two.cart.geojson", *aoi, box=running, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "its own area" in wrong.stderr


def test_what_was_lost_is_settled(running: Sandbox, tmp_path: Path):
    """After a lost answer the next command mentions it in one line, and settle finds out."""
    home = {"SCENECART_HOME": str(tmp_path / "home"), "SCENECART_PROJECT": running.principals["analyst"]["project"] or ""}
    assert run(*ASKED, "--limit", "2", "-o", "two.parquet", box=running, cwd=tmp_path).returncode == 0
    running.faults.add("garbage", 1, "orders.archive.place")
    lost = run("place", "two.parquet", "--yes", "--max-credits", "9999999", box=running, cwd=tmp_path, **home)
    assert lost.returncode == 4
    assert "It is not known whether the order was placed" in lost.stderr
    settled = run("settle", box=running, cwd=tmp_path, **home)
    assert settled.returncode == 0, settled.stderr
    assert settled.stderr.startswith("scenecart: 1 placement was not finished")
    assert "placed" in settled.stdout
    assert run("settle", box=running, cwd=tmp_path, **home).stdout.strip() == "Nothing to settle."


def test_reasons_in_the_journal_are_told_in_commands(running: Sandbox, tmp_path: Path):
    """What the journal keeps for whoever writes Python is said in commands, to people and to programs; no reason stays none."""
    journal = Journal(tmp_path / "placements.sqlite", wall=time.time)
    intent = Intent(running.url, "", "p", "f", "standard", captures=1, credits=5, aud="0.05", body=b"{}")
    journal.mark(journal.claim(intent), "unpaid", detail="max_credits is too small; client.settle() only looks")
    journal.mark(journal.claim(replace(intent, fingerprint="g")), "placed", order_id="o-1")
    journal.close()
    said = "--max-credits is too small; `scenecart settle` only looks"
    home = {"SCENECART_HOME": str(tmp_path), "COLUMNS": "200"}
    listed = run("placements", "--json", box=running, **home)
    assert [one["detail"] for one in json.loads(listed.stdout)] == [said, None]
    assert said in run("placements", box=running, **home).stdout


def test_orders_are_listed(running: Sandbox, tmp_path: Path):
    """Orders are a table for people and a list for programs."""
    with running.client(home=tmp_path) as client:
        found = client.search("aurora", collections="aurora-50cm", bbox=(151.18, -33.99, 151.24, -33.94), limit=1)
        order = client.cart(found, aoi=(151.18, -33.99, 151.24, -33.94)).estimate().place()
        order.wait(timeout=60, progress=False)
    assert order.id in run("orders", box=running).stdout
    home = {"SCENECART_HOME": str(tmp_path)}
    for known in ({}, home):  # with the journal that knows the ground of the order, and without
        listed = run("orders", "--json", box=running, **known)
        assert order.id in [one["id"] for one in json.loads(listed.stdout)], listed.stderr
    assert order.id in run("orders", "--status", "DELIVERED", box=running).stdout
    assert run("orders", "--status", "failed", box=running).stdout.strip() == "No orders."


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["search"], 2, "the following arguments are required: host"),
        (["search", "aurora"], 2, "A search needs --collections, --ids, or both."),
        (["search", "nowhere", "--collections", "x"], 1, "aurora, lumen, openterra"),
        (["search", "aurora", "--collections", "x"], 1, "aurora has no 'x'"),
        ([*ASKED, "--query", "{"], 2, "--query is no JSON"),
        ([*ASKED[:4], "--bbox=1,2,x"], 2, "four numbers"),
        ([*ASKED[:4], "--bbox=10,50,11,40"], 2, "upside down"),
        ([*ASKED[:4], "--aoi", "nowhere.geojson"], 2, "there is no file 'nowhere.geojson'"),
        ([*ASKED[:4], "--datetime", "soon"], 2, "soon"),
        ([*ASKED, "-o", "found.xyz"], 2, "cannot be written as '.xyz'"),
        (["estimate", "nowhere.parquet"], 2, "There is no file 'nowhere.parquet'"),
        (["place", "found.parquet", "--max-credits", "-5"], 2, "such as 50000, not '-5'"),
        (["place", "found.parquet", "--max-credits", "50_000"], 2, "without separators, such as 50000, not '50_000'"),
        (["orders", "--status", "deliverd"], 2, "Did you mean 'delivered'?"),
        (["orders", "--status", "sold"], 2, "processing, delivered, failed and cancelled"),
        (["report", "a.cart.parquet", "-o", "out.md"], 2, "There is no file 'a.cart.parquet'"),
        (["place", "found.parquet", "--max-credits", "50,000"], 2, "without separators, such as 50000, not '50,000'"),
        (["cover", "found.parquet", "--aoi", "x", "--budget", "5e3"], 2, "without separators, such as 50000, not '5e3'"),
        ([*ASKED[:4], "--bbox=1,2,3,4", "--aoi", "x"], 2, "Give --aoi or --bbox: one of them."),
        (["search", "aurora", "--collections", "aurora-50cm", "--max-cloud-cover", "120"], 2, "--max-cloud-cover is a percentage"),
        (["place", "found.parquet", "--ag"], 2, "unrecognized arguments: --ag"),
        (["order", "nix"], 1, "There is no order 'nix'"),
        (["order", "nix", "--assets", "visual"], 2, "--download DIR says where to"),
        (["order", "nix", "--timeout", "5"], 2, "--timeout says how long to --wait"),
        (["estimate", "hollow.cart.parquet"], 2, "hollow.cart.parquet is damaged, or no cart."),
        (["estimate", "hollow.parquet"], 2, "hollow.parquet cannot be read as captures: it is damaged"),
        (["fly"], 2, "invalid choice"),
    ],
)
def test_what_is_asked_wrongly_is_one_clear_line(running: Sandbox, tmp_path: Path, arguments: list[str], code: int, says: str):
    """A wrong call ends with its exit code and one line that says what is wrong, without a traceback."""
    for hollow in ("hollow.parquet", "hollow.cart.parquet"):
        (tmp_path / hollow).touch()
    done = run(*arguments, box=running, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_python_runs_it_by_its_name():
    """``python -m scenecart`` is the command line too, where no script of it is at hand."""
    done = subprocess.run([sys.executable, "-m", "scenecart", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("scenecart ")


def test_without_a_sign_in_it_says_how(tmp_path: Path):
    """With nothing that says how to connect, the message names the sandbox."""
    done = run(*ASKED, HOME=str(tmp_path))
    assert done.returncode == 1
    assert "Try --profile sandbox without an account" in done.stderr


def test_a_service_that_is_not_there_is_said(tmp_path: Path):
    """A service that cannot be reached is one line and exit code 1."""
    done = run("orders", SCENECART_BASE_URL="http://127.0.0.1:9", SCENECART_TOKEN="x", SCENECART_HOME=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("scenecart: ")
    assert "Traceback" not in done.stderr
    assert "Nothing was ordered" not in done.stderr


def test_help_shows_examples():
    """--help shows commands and examples, quickly and without a sign-in."""
    done = run("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^    {command}\b", done.stdout, re.MULTILINE), command


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_examples(command: str, capsys: pytest.CaptureFixture[str]):
    """--help of every command says what it is for and shows examples that its own parser understands."""
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    assert left.value.code == 0
    examples = re.findall(rf"^  scenecart ({command}\b.*)$", capsys.readouterr().out, re.MULTILINE)
    assert examples
    for example in examples:
        assert make_parser().parse_args(shlex.split(example)).run


def test_the_demo_goes_the_whole_way(tmp_path: Path):
    """`scenecart demo` ends with verified imagery, a priced report and an account of the money."""
    done = run("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for said in ("Found", "Estimate", "Placed", "Delivered", "Money", "each verified"):
        assert said in done.stdout, said
    assert (tmp_path / "demo" / "quote.html").is_file()
    assert len(list((tmp_path / "demo" / "imagery").rglob("visual.tif"))) == 3


@pytest.mark.parametrize(
    "items", ["pgstac-naip/src__pgstac__tests__testdata__planetary-computer__data__naip__items.ndjson", "antimeridian"]
)
def test_the_demo_runs_on_real_captures(shared_data: Path, tmp_path: Path, items: str):
    """`scenecart demo --items` goes the same way over captures that public catalogs published."""
    done = run("demo", "--items", str(shared_data / items), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "each verified" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["demo", "--items", __file__], "There are no STAC items in"),
        (["demo", "--items", "nowhere"], "There are no items at nowhere"),
        (["demo", "--aoi", "POLYGON((0 0,0.01 0,0.01 0.01,0 0))"], "no capture that could be ordered"),
        (["demo", "--aoi", "POLYGON((0 0,1 1,1 0,0 1,0 0))"], "no valid shape"),
        (["sandbox", "--port", "70000"], "Port 70000 cannot be used"),
    ],
)
def test_a_demo_that_cannot_run_says_why(tmp_path: Path, arguments: list[str], says: str):
    """Items that are not there, and areas without captures, are said in one line."""
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode in {1, 2}
    assert says in done.stderr
    assert "Traceback" not in done.stderr
