"""The question before a purchase, and what stands above it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas as gpd

from _cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox


def test_place_low_balance_is_displayed_before_the_question(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A user whose balance is below the price sees it before the question; the service decides what it charges."""
    for principal, is_low in (("broke", True), ("analyst", False)):
        asked = run("place", "one.parquet", box=box, principal=principal, cwd=tmp_path, answer="no\n", **home)
        assert ("balance of 10 credits" in asked.stdout) is is_low
        assert "Type yes" in asked.stdout


def test_place_states_who_pays_and_what_may_refuse_it_before_the_question(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """The organization, the account, a licence that is not accepted, and what is left of the budgets are above the question."""
    budgets = tmp_path / "budgets.toml"
    budgets.write_text(
        f'[[budget]]\ncredits = 90000000\nper = "all"\n[[budget]]\ncredits = 80000000\nproject = "{home["SCENECART_PROJECT"]}"\n'
        '[[budget]]\ncredits = 1\nproject = "of others"\n',
        encoding="utf-8",
    )
    asked = run("place", "one.parquet", box=box, cwd=tmp_path, answer="no\n", SCENECART_BUDGETS=str(budgets), **home).stdout
    facts, _, question = asked.partition("Buy 1 capture")
    assert "Type yes" in question
    for part in ("Paid by", "signed in as analyst", "not accepted by the organization yet", "of 90,000,000", "of 80,000,000"):
        assert part in facts
    assert "of 1;" not in facts


def test_place_again_is_displayed_before_the_question(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """The question says that the cart is bought once more, and for which name; a mistyped name would buy another order."""
    named = run("place", "one.parquet", "--again", "quarterly", box=box, cwd=tmp_path, answer="no\n", **home).stdout
    assert "for the name 'quarterly'; an order that was bought for it is returned" in named.partition("Type yes")[0]
    unnamed = run("place", "one.parquet", "--again", box=box, cwd=tmp_path, answer="no\n", **home).stdout
    assert "beside the orders that exist" in unnamed.partition("Type yes")[0]
    plain = run("place", "one.parquet", box=box, cwd=tmp_path, answer="no\n", **home).stdout
    assert "Once more" not in plain


def test_place_no_budget_of_the_project_is_one_warning(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """Budgets of other projects only are one warning, and the price says once that it is for whole footprints."""
    budgets = tmp_path / "budgets.toml"
    budgets.write_text('[[budget]]\ncredits = 1\nproject = "Harbour"\n', encoding="utf-8")
    placed = run("place", "one.parquet", box=box, cwd=tmp_path, answer="yes\n", SCENECART_BUDGETS=str(budgets), **home)
    assert placed.returncode == 0, placed.stderr
    assert placed.stderr.count("No budget limits this order") == 1
    assert placed.stdout.count("whole footprints") == 1


def test_place_over_budget_asks_no_question(box: Sandbox, tmp_path: Path, home: dict[str, str], price: int):
    """A price above what is left of a budget is refused before the question, and nothing is ordered."""
    budgets = tmp_path / "budgets.toml"
    budgets.write_text(f"[[budget]]\ncredits = {price - 1}\n", encoding="utf-8")
    refused = run("place", "one.parquet", box=box, cwd=tmp_path, answer="yes\n", SCENECART_BUDGETS=str(budgets), **home)
    assert refused.returncode == 1
    assert "are left of the budget" in refused.stderr
    assert refused.stderr.count("Nothing was ordered.") == 1
    assert "Type yes" not in refused.stdout
    assert json.loads(run("placements", "--json", box=box, cwd=tmp_path, **home).stdout) == []


def test_place_of_captures_without_hosts_is_asked(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A file with ids and footprints alone is bought as by Python; the question names the capture."""
    captures = gpd.read_parquet(tmp_path / "one.parquet")[["id", "geometry"]]
    captures.to_file(tmp_path / "ids.gpkg")
    asked = run("place", "ids.gpkg", box=box, cwd=tmp_path, answer="no\n", **home)
    assert "Type yes" in asked.stdout, asked.stderr
    assert captures["id"].iloc[0] in asked.stdout
