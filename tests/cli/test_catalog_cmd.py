"""The commands search, estimate, cover, report and login-status."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest

import scenecart
from _cli import HARBOUR, SEARCH, account, run

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

AREA = ["--aoi", "POLYGON ((151.16 -34, 151.26 -34, 151.26 -33.9, 151.16 -33.9, 151.16 -34))"]


def test_search_estimate_and_report_through_files(box: Sandbox, tmp_path: Path):
    """A search is written to a file, the file is priced, and the price is reported."""
    searched = run(*SEARCH, "--max-cloud-cover", "20", "--limit", "3", "-o", "found.parquet", box=box, cwd=tmp_path)
    assert searched.returncode == 0, searched.stderr
    assert "3 captures" in searched.stdout
    assert len(gpd.read_parquet(tmp_path / "found.parquet")) == 3
    area = "POLYGON ((151 -34.1, 151.4 -34.1, 151.4 -33.8, 151 -33.8, 151 -34.1))"
    priced = run("estimate", "found.parquet", "--aoi", area, "--report", "quote.html", box=box, cwd=tmp_path)
    assert priced.returncode == 0, priced.stderr
    assert "Total" in priced.stdout
    assert "whole footprints" not in priced.stdout
    assert (tmp_path / "quote.html").is_file()
    document = json.loads(run("estimate", "found.parquet", "--aoi", area, "--json", box=box, cwd=tmp_path).stdout)
    assert document["total_credits"] == sum(group["credits"] for group in document["groups"])
    assert f"{document['total_credits']:,}" in priced.stdout


def test_search_json_prints_geojson_only(box: Sandbox):
    """--json prints a FeatureCollection and nothing else."""
    searched = run(*SEARCH, "--limit", "2", "--json", box=box)
    features = json.loads(searched.stdout)["features"]
    # the index of the frame is not an id
    assert [sorted(feature) for feature in features] == [["geometry", "properties", "type"]] * 2
    assert all(feature["properties"]["id"].startswith("AURORA") for feature in features)
    assert searched.stderr == ""


def test_search_that_fails_keeps_what_had_arrived(box: Sandbox, tmp_path: Path):
    """If a search breaks off, what had arrived is in a file beside the requested one, which stays as it was."""
    (tmp_path / "found.parquet").write_text("of yesterday")
    box.faults.add("cut", times=9, operation="catalog.search_stream")
    arguments = ["search", "aurora", "--collections", "aurora-50cm", "--bbox=100,-60,180,60", "-o", "found.parquet"]
    failed = run(*arguments, box=box, cwd=tmp_path)
    box.faults.clear()
    assert failed.returncode == 1
    assert "found.partial.parquet" in failed.stderr
    assert len(scenecart.read_captures(tmp_path / "found.partial.parquet")) > 0
    assert (tmp_path / "found.parquet").read_text() == "of yesterday"


def test_search_without_results_prints_the_query(box: Sandbox):
    """An empty result prints the query with named sides of the area; with --json, the document alone."""
    swapped = ["search", "aurora", "--collections", "aurora-50cm", "--bbox=-33.99,51.18,-33.94,51.24"]
    empty = run(*swapped, box=box)
    assert empty.returncode == 0
    for value in ("host aurora", "collections aurora-50cm", "west -33.99 south 51.18"):
        assert value in empty.stdout.replace("\n", " ")
    document = run(*swapped, "--json", box=box)
    assert json.loads(document.stdout)["features"] == []
    assert document.stderr == ""


def test_cover_writes_cart_report_and_plot(box: Sandbox, tmp_path: Path):
    """`cover` saves a cart for other commands, a report and a plot, and fails if the budget is too low for the area."""
    search = ["search", "aurora", "--collections", "aurora-50cm", *AREA, "--datetime", "2024-01/2024-06", "-o", "found.parquet"]
    assert run(*search, box=box, cwd=tmp_path).returncode == 0
    outputs = ["--save", "cart.parquet", "--report", "out/quote.md", "--plot", "out/plan.png"]
    covered = run("cover", "found.parquet", *AREA, "--min-coverage", "0.9", *outputs, box=box, cwd=tmp_path)
    assert covered.returncode == 0, covered.stderr
    assert (tmp_path / "out" / "quote.md").is_file()
    assert (tmp_path / "out" / "plan.png").read_bytes().startswith(b"\x89PNG")
    plan = json.loads(run("cover", "found.parquet", *AREA, "--min-coverage", "0.9", "--json", box=box, cwd=tmp_path).stdout)
    priced = json.loads(run("estimate", "cart.parquet", "--json", box=box, cwd=tmp_path).stdout)
    assert plan["fingerprint"] == priced["fingerprint"]
    assert plan["estimate"]["total_credits"] == priced["total_credits"]
    assert plan["coverage"] >= 0.9
    assert plan["gap"] == 0.0
    # all lines of the terminal's table may wrap
    displayed = covered.stdout.replace("\n", " ")
    assert plan["verdict"] in displayed
    assert f"{plan['coverage']:.2%}" in displayed
    limits = ["--min-coverage", "1", "--budget", str(priced["total_credits"])]
    assert run("cover", "found.parquet", *AREA, *limits, box=box, cwd=tmp_path).returncode == 1


def test_cover_budget_below_the_cheapest_is_a_failure(box: Sandbox, tmp_path: Path):
    """A budget below every price is a failure, since prices were requested; without a request it is wrong usage."""
    assert run(*SEARCH, "--limit", "2", "-o", "two.parquet", box=box, cwd=tmp_path).returncode == 0
    poor = run("cover", "two.parquet", "--aoi", HARBOUR, "--budget", "1", box=box, cwd=tmp_path)
    assert poor.returncode == 1
    assert "budget" in poor.stderr
    elsewhere = run("cover", "two.parquet", "--aoi", "POINT (0 0)", "--budget", "1", box=box, cwd=tmp_path)
    assert elsewhere.returncode == 2


def test_report_of_carts_and_orders(box: Sandbox, tmp_path: Path):
    """`report` writes a priced cart, a cart without prices, an order by its id, and a comparison under given names."""
    variables = account(box, tmp_path / "home")
    assert run(*SEARCH, "--limit", "3", "-o", "three.parquet", box=box, cwd=tmp_path).returncode == 0
    assert run("estimate", "three.parquet", "--save", "a.cart.geojson", box=box, cwd=tmp_path).returncode == 0
    placed = run("place", "a.cart.geojson", "--yes", "--max-credits", "9999999", "--json", box=box, cwd=tmp_path, **variables)
    order = json.loads(placed.stdout)
    for arguments, value in (
        (["a.cart.geojson"], f"{order['total_credits']:,}"),
        (["a.cart.geojson", "--no-prices"], "fingerprint"),
        ([order["id"]], order["id"]),
    ):
        done = run("report", *arguments, "-o", "out.md", box=box, cwd=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
        text = (tmp_path / "out.md").read_text("utf-8")
        assert value in text
        assert ("credits" in text) is ("--no-prices" not in arguments)
    subjects = ["all=a.cart.geojson", f"bought={order['id']}"]
    compared = run("report", *subjects, "-o", "both.html", "--json", box=box, cwd=tmp_path, **variables)
    assert json.loads(compared.stdout)["subjects"] == ["all", "bought"]
    assert "bought" in (tmp_path / "both.html").read_text("utf-8")
    for arguments, named in (
        (["a.cart.geojson", "-o", "out.doc"], ".doc"),
        (["a.cart.geojson", "a.cart.geojson", "-o", "out.md"], "'a'"),
        (["a.cart.geojson", "b=a.cart.geojson", "-o", "out.gpkg"], ".gpkg"),
        (["nowhere.parquet", "-o", "out.md"], "'nowhere.parquet'"),
        (["a.cart.geojson", "-o", "out.xlsx", "--contact-sheet"], "--contact-sheet is of .html and .pdf only"),
        (["a.cart.geojson", "b=a.cart.geojson", "-o", "out.html", "--contact-sheet"], "--contact-sheet"),
    ):
        refused = run("report", *arguments, box=box, cwd=tmp_path, **variables)
        assert refused.returncode == 2
        assert named in refused.stderr


def test_report_of_captures_without_a_price_says_so(box: Sandbox, one: Path):
    """Some captures without a price are a warning; with none that has a price, the report fails as the estimate does."""
    priced = gpd.read_parquet(one)
    unknown = priced.assign(id="not-in-any-catalog")
    unknown.to_parquet(one.parent / "none.parquet")
    gpd.GeoDataFrame(pd.concat([priced, unknown]), crs=priced.crs).to_parquet(one.parent / "some.parquet")
    for name, code in (("some.parquet", 0), ("none.parquet", 1)):
        done = run("report", name, "-o", "out.md", box=box, cwd=one.parent)
        assert (done.returncode, bool(done.stderr)) == (code, True), done.stderr
        assert run("estimate", name, box=box, cwd=one.parent).returncode == 1
        assert run("report", name, "-o", "out.md", "--no-prices", box=box, cwd=one.parent).stderr == ""


def test_login_status_prints_account_and_credits(box: Sandbox, tmp_path: Path):
    """`login-status` prints service, account, credits and whether it can place, and fails if the sign-in is refused."""
    variables = {"SCENECART_HOME": str(tmp_path)}
    printed = run("login-status", box=box, **variables)
    assert printed.returncode == 0, printed.stderr
    for value in (box.url, "environment variables", "analyst", "SCENECART_PROJECT"):
        assert value in printed.stdout
    status = json.loads(run("login-status", "--json", box=box, **variables).stdout)
    assert status["can_place"] is True
    assert f"{status['balance_credits']:,}" in printed.stdout
    key = {"SCENECART_BASE_URL": box.url, "SCENECART_API_KEY": box.principals["robot"]["api_key"] or "", **variables}
    by_key = run("login-status", "--json", **key)
    assert json.loads(by_key.stdout)["can_place"] is False
    assert key["SCENECART_API_KEY"] not in by_key.stdout + by_key.stderr
    refused = run("login-status", SCENECART_PASSWORD="wrong", box=box, **variables)
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["search"], 2, "host"),
        (["search", "aurora"], 2, "--collections"),
        (["search", "nowhere", "--collections", "x"], 1, "aurora, lumen"),
        (["search", "aurora", "--collections", "x"], 1, "'x'"),
        ([*SEARCH, "--query", "{"], 2, "--query"),
        ([*SEARCH[:4], "--bbox=10,50,11,40"], 2, "bbox"),
        ([*SEARCH[:4], "--aoi", "nowhere.geojson"], 2, "'nowhere.geojson'"),
        ([*SEARCH[:4], "--aoi", "Sydney"], 2, "'Sydney'"),
        (["estimate", "harbour.geojson"], 2, "--aoi"),
        (["search", "aurora", "--collections", "x", "--base-url", "http://other.example"], 1, "--base-url"),
        ([*SEARCH[:4], "--datetime", "soon"], 2, "soon"),
        ([*SEARCH, "-o", "found.xyz"], 2, "'found.xyz'"),
        ([*SEARCH[:4], "--bbox=1,2,3,4", "--aoi", "x"], 2, "--bbox"),
        (["search", "aurora", "--collections", "aurora-50cm", "--max-cloud-cover", "120"], 2, "--max-cloud-cover"),
        (["estimate", "nowhere.parquet"], 2, "'nowhere.parquet'"),
        (["estimate", "empty.cart.parquet"], 2, "empty.cart.parquet"),
        (["estimate", "empty.parquet"], 2, "empty.parquet"),
        (["cover", "empty.parquet", "--aoi", "POINT (0 0)", "--plot", "plan.gif"], 2, "--plot"),
        (["cover", "empty.parquet", "--aoi", "POINT (0 0)", "--report", "a.md", "--prices", "area"], 2, "--prices area"),
        (["report", "a.cart.parquet", "-o", "out.md"], 2, "'a.cart.parquet'"),
    ],
)
def test_wrong_arguments_are_one_message(box: Sandbox, tmp_path: Path, arguments: list[str], code: int, named: str):
    """Wrong arguments end with their exit code and a message that names them, without a traceback."""
    for name in ("empty.parquet", "empty.cart.parquet"):
        (tmp_path / name).touch()
    area = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [0, 0]}}
    (tmp_path / "harbour.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [area]}), encoding="utf-8")
    done = run(*arguments, box=box, cwd=tmp_path)
    assert done.returncode == code
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_search_with_cloud_over_the_area(box: Sandbox, tmp_path: Path):
    """The cloud over the area is a column of its own, marked as an estimate, and a condition; without an area it is refused."""
    options = (*SEARCH, "--limit", "4")
    searched = run(*options, "--aoi-cloud", "-o", "found.parquet", box=box, cwd=tmp_path)
    assert searched.returncode == 0, searched.stderr
    assert "Cloud here" in searched.stdout
    assert "~" in searched.stdout
    assert set(gpd.read_parquet(tmp_path / "found.parquet")["aoi:cloud_source"]) == {"estimate"}
    clear = json.loads(run(*options, "--max-aoi-cloud-cover", "5", "--json", box=box).stdout)["features"]
    assert all(feature["properties"]["aoi:cloud_cover"] <= 5 for feature in clear)
    plan = ("cover", "found.parquet", *AREA, "--cloud", "aoi", "--prices", "area", "--min-coverage", "0.1")
    planned = run(*plan, box=box, cwd=tmp_path)
    assert "~" in planned.stdout, planned.stderr
    refused = run(*SEARCH[:4], "--datetime", "2024-01", "--aoi-cloud", box=box)
    assert refused.returncode == 2
    assert "--aoi" in refused.stderr


def test_report_has_what_a_payer_reads(box: Sandbox, one: Path):
    """A report names its author, reader and reference; a comparison, which has a title only, is refused with them."""
    paper = [
        "--prepared-by",
        "I. Ruiz",
        "--prepared-for",
        "Harbour office",
        "--reference",
        "PO 4711",
        "--valid-until",
        "2030-01-31",
    ]
    assert run("report", str(one), "-o", "quote.md", *paper, box=box, cwd=one.parent).returncode == 0
    text = (one.parent / "quote.md").read_text("utf-8")
    assert all(f": {value}" in text for value in paper[1::2])
    refused = run("report", str(one), str(one), "-o", "both.md", *paper[:2], box=box, cwd=one.parent)
    assert (refused.returncode, (one.parent / "both.md").exists()) == (2, False)
