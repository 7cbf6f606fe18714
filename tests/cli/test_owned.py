"""What is owned already, as estimate, cover and report say it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas
import pytest
import shapely

from _cli import SEARCH, account, run
from _json_documents import check
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def bought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sandbox, Path, dict[str, str], str]]:
    """Start a sandbox in which half of one of two captures in ``two.parquet`` was bought; return it with folder and order."""
    folder = tmp_path_factory.mktemp("owned")
    with Sandbox(pace="instant", captures=3_000, dialect="bought-ground") as box:
        box.rate_limits = None
        box.top_up("analyst", 10**9)
        home = account(box, folder / "home")
        assert run(*SEARCH, "--limit", "2", "-o", "two.parquet", box=box, cwd=folder).returncode == 0
        two = geopandas.read_parquet(folder / "two.parquet")
        two.head(1).to_parquet(folder / "one.parquet")
        west, south, east, north = two.head(1).total_bounds
        half = shapely.box(west, south, east, (south + north) / 2).wkt
        placing = ["place", "one.parquet", "--aoi", half, "--yes", "--max-credits", "99999999", "--json"]
        placed = run(*placing, box=box, cwd=folder, **{**home, "SCENECART_HOME": str(folder / "elsewhere")})
        assert placed.returncode == 0, placed.stderr
        yield box, folder, home, json.loads(placed.stdout)["id"]


def area_of(folder: Path) -> str:
    """Return the ground of the first capture as an area."""
    return shapely.box(*geopandas.read_parquet(folder / "one.parquet").total_bounds).wkt


def test_estimate_of_owned_captures_says_so(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """A price names the order of what is owned and the way to leave it out, as lines and as JSON; nothing owned is not told."""
    box, folder, home, order = bought
    priced = run("estimate", "two.parquet", "--report", "quote.md", box=box, cwd=folder, **home)
    assert priced.returncode == 0, priced.stderr
    assert "1 of 2 captures is owned already, wholly or in part" in priced.stderr
    assert order in priced.stderr
    assert "--without-owned" in priced.stderr
    assert "--use-owned" not in priced.stderr
    assert "1 of 2 captures is owned already" in (folder / "quote.md").read_text("utf-8")
    (record,) = check("estimate", run("estimate", "two.parquet", "--json", box=box, cwd=folder, **home).stdout)["owned"]
    assert (record["orders"], 0.1 < record["share"] < 0.9) == ([order], True)
    rest = run("estimate", "two.parquet", "--without-owned", "--json", box=box, cwd=folder, **home)
    assert (check("estimate", rest.stdout)["owned"], rest.stderr) == ([], "")


def test_cover_of_owned_captures_says_so(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """A plan names the order of what is owned and the way to count it as covered; then there is nothing to tell."""
    box, folder, home, order = bought
    cover = ["cover", "one.parquet", "--aoi", area_of(folder), "--prices", "area", "--json", "--min-coverage"]
    planned = run(*cover, "0.5", box=box, cwd=folder, **home)
    assert planned.returncode == 0, planned.stderr
    assert order in planned.stderr
    assert "--use-owned" in planned.stderr
    assert "--without-owned" not in planned.stderr
    (record,) = check("cover", planned.stdout)["owned"]
    assert record["orders"] == [order]
    rest = run(*cover, "0.9", "--use-owned", box=box, cwd=folder, **home)
    assert (check("cover", rest.stdout)["owned"], rest.stderr) == ([], "")


@pytest.mark.parametrize("suffix", ["html", "pdf", "xlsx", "md", "csv", "gpkg", "parquet", "geojson"])
def test_report_of_owned_captures_says_so(bought: tuple[Sandbox, Path, dict[str, str], str], suffix: str):
    """A report of a cart says what is owned in every format, on standard error and as JSON."""
    box, folder, home, order = bought
    options = ["-o", f"quote.{suffix}", "--no-thumbnails", "--json"]
    reported = run("report", "two.parquet", *options, box=box, cwd=folder, **home)
    assert reported.returncode == 0, reported.stderr
    assert order in reported.stderr
    (record,) = check("report", reported.stdout)["owned"]["two"]
    assert record["orders"] == [order]


def test_comparison_names_the_cart_that_is_owned(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """Of several subjects, the lines begin with the cart's name; an order is owned and not looked up."""
    box, folder, home, order = bought
    subjects = ["both=two.parquet", f"bought={order}"]
    compared = run("report", *subjects, "--no-prices", "-o", "compared.html", "--json", box=box, cwd=folder, **home)
    assert compared.returncode == 0, compared.stderr
    assert "both: 1 of 2 captures" in compared.stderr
    assert list(check("report", compared.stdout)["owned"]) == ["both"]


def test_price_without_the_list_of_orders_says_that_it_is_not_known(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """If the orders cannot be read, the price is there, and a line says that what is owned is not known."""
    box, folder, home, _ = bought
    box.faults.add("503", times=99, operation="orders.list")
    try:
        priced = run("estimate", "two.parquet", "--json", box=box, cwd=folder, pauses=0.0, **home)
    finally:
        box.faults.clear()
    assert priced.returncode == 0, priced.stderr
    document = check("estimate", priced.stdout)
    assert (document["owned"], document["total_credits"] > 0) == (None, True)
    assert "not known what is owned" in priced.stderr


def test_orders_with_an_unusable_journal_have_one_warning(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """A journal that cannot be opened is told once, and the orders are listed."""
    box, folder, home, order = bought
    (folder / "file").write_text("no folder")
    listed = run("orders", box=box, cwd=folder, **{**home, "SCENECART_HOME": str(folder / "file")})
    assert (listed.returncode, order in listed.stdout) == (0, True), listed.stderr
    assert listed.stderr.count("scenecart: ") == 1


def test_price_with_an_unusable_journal_has_one_line_for_it(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """A journal that cannot be opened does not stop a price; its reason is said once."""
    box, folder, home, _ = bought
    (folder / "broken").mkdir(exist_ok=True)
    (folder / "broken" / "placements.sqlite").write_text("no journal")
    priced = run("estimate", "two.parquet", "--json", box=box, cwd=folder, **{**home, "SCENECART_HOME": str(folder / "broken")})
    assert priced.returncode == 0, priced.stderr
    assert check("estimate", priced.stdout)["owned"] is None
    assert priced.stderr.count("placements.sqlite") == 1


def test_report_without_prices_is_written_without_the_service(bought: tuple[Sandbox, Path, dict[str, str], str]):
    """A report that asks for no price is written if nothing answers; a line says that what is owned is not known."""
    _, folder, _, _ = bought
    away = {"SCENECART_BASE_URL": "http://127.0.0.1:9", "SCENECART_API_KEY": "gpra_x", "SCENECART_HOME": str(folder / "away")}
    options = ["--no-prices", "--no-thumbnails", "-o", "away.md", "--json"]
    reported = run("report", "two.parquet", *options, cwd=folder, pauses=0.0, **away)
    assert reported.returncode == 0, reported.stderr
    assert check("report", reported.stdout)["owned"] == {"two": None}
    assert "not known what is owned" in reported.stderr
