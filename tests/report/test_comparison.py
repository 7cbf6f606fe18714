"""Several carts in one report: figures beside each other, what all have, and what one alone has."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

import scenecart
from _report_data import Shop, priced, said
from _scripted_service import answer, feature
from scenecart.report import _comparison

if TYPE_CHECKING:
    from pathlib import Path

COMPARED = ["csv", "html", "md", "pdf", "xlsx"]
AREA = (0.0, 10.0, 0.3, 10.1)


@pytest.fixture
def three(shop: Shop) -> dict[str, Any]:
    """Give two priced carts and one that is not: one capture is in all, one in two, one in each alone."""
    clouds = {name: {"eo:cloud_cover": cover} for name, cover in (("all", 10.0), ("two", 30.0), ("cheap", 50.0), ("dear", 0.0))}
    of = {name: feature(name, west=0.05 * place, **clouds[name]) for place, name in enumerate(clouds)}
    return {
        "cheap": shop.estimate(of["all"], of["two"], of["cheap"], aoi=AREA),
        "dear": shop.estimate(of["all"], of["two"], of["dear"], aoi=AREA),
        "open": shop.cart(of["all"], feature("open", west=0.2), aoi=AREA),
    }


@pytest.mark.parametrize("suffix", COMPARED)
def test_carts_stand_beside_each_other(three: dict[str, Any], tmp_path: Path, suffix: str):
    """Each format holds the names, every capture, and where people read it the totals and how they came about."""
    text = said(scenecart.compare_report(three, tmp_path / "deep" / f"compared.{suffix}", title="Which one"))
    for wanted in ("cheap", "dear", "open", "all", "two"):
        assert wanted in text, wanted
    if suffix != "csv":
        for wanted in ("Which one", "3,703.50" if suffix != "xlsx" else "3703.5", "a quotient of the service"):
            assert wanted in text, wanted


def test_the_figures_are_right(three: dict[str, Any]):
    """Totals are the service's, a km² costs their quotient, and cover of cloud and of the common area is computed rightly."""
    compared = _comparison.comparison_of(three)
    cheap, dear, unpriced = compared.sides
    assert cheap.contents.total_aud == Decimal("3703.50")
    assert cheap.aud_per_km2 == pytest.approx(Decimal("1234.5") / Decimal("121.5"))
    assert unpriced.aud_per_km2 is None
    assert dear.cloud == (0.0, 10.0, 30.0)
    assert cheap.coverage == pytest.approx(200 / 3, rel=1e-3)
    assert [line.id for line in compared.shared] == ["all"]
    assert {name: [line.id for line in lines] for name, lines in compared.alone} == {
        "cheap": ["cheap"],
        "dear": ["dear"],
        "open": ["open"],
    }
    assert [(name, [line.id for line in lines]) for name, lines in compared.some] == [("cheap and dear", ["two"])]


def test_without_an_area_of_each_none_is_common(three: dict[str, Any], shop: Shop, tmp_path: Path):
    """Where one buys whole footprints, or areas are apart, no common area is spoken of."""
    whole = shop.cart(feature("all"))
    apart = shop.cart(feature("all"), aoi=(0.01, 10.01, 0.02, 10.02))
    other = shop.cart(feature("all"), aoi=(0.05, 10.05, 0.06, 10.06))
    for subjects in ([three["cheap"], whole], [apart, other]):
        assert "Common area" not in scenecart.compare_report(subjects, tmp_path / "compared.md").read_text()


def test_a_workbook_has_figures_as_figures(three: dict[str, Any], tmp_path: Path):
    """In a workbook totals are numbers with their formats, times are times, and no text is a formula."""
    book = openpyxl.load_workbook(
        scenecart.compare_report({"=1+1": three["cheap"], "b": three["dear"]}, tmp_path / "compared.xlsx")
    )
    sheet = {row[0].value: row[1] for row in book["Comparison"].iter_rows()}
    assert sheet["Total, A$"].value == 3703.5
    assert sheet["Total, A$"].number_format == '"A$"#,##0.00'
    assert sheet["Captures"].value == 3
    assert sheet["Priced or placed (UTC)"].is_date
    assert book["Comparison"]["B1"].data_type == "s"
    assert book["Comparison"].freeze_panes == "B2"


def test_a_table_says_who_has_what(three: dict[str, Any], tmp_path: Path):
    """CSV has one row a capture, and says of each cart whether it has it; unnamed carts are A, B, C."""
    path = scenecart.compare_report(list(three.values()), tmp_path / "compared.csv")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))}
    assert len(rows) == 5
    assert [rows["two"][f"in {name}"] for name in "ABC"] == ["yes", "yes", "no"]


@pytest.mark.parametrize("suffix", COMPARED)
def test_the_same_carts_give_the_same_bytes(three: dict[str, Any], tmp_path: Path, suffix: str):
    """A comparison is deterministic."""
    first, second = (scenecart.compare_report(three, tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
    assert first == second


def test_an_order_can_be_compared(shop: Shop, three: dict[str, Any], tmp_path: Path):
    """Orders stand beside estimates, as far as the service tells of them."""
    shop.service.put(
        "orders.get", answer({"id": "o", "status": "delivered", "captures": ["all"], "totalCredits": 7, "totalAud": 0.07})
    )
    text = scenecart.compare_report({"old": shop.client.order("o"), "new": three["cheap"]}, tmp_path / "compared.md").read_text()
    assert "0.07" in text


def test_hostile_names_do_no_harm(three: dict[str, Any], tmp_path: Path):
    """Names and titles are shown as texts."""
    names = {"<script>alert(1)</script>": three["cheap"], "a|b\u202e\n": three["dear"]}
    text = scenecart.compare_report(names, tmp_path / "a.html", title="<script>").read_text()
    assert "<script" not in text
    assert "\u202e" not in text
    table = scenecart.compare_report(names, tmp_path / "a.md").read_text().splitlines()
    assert {line.replace("\\|", "").count("|") for line in table if line.startswith("| Total")} == {4}


@pytest.mark.parametrize(
    ("subjects", "path", "says"),
    [([], "a.html", "2 to 12"), (["one"], "a.html", "2 to 12"), (["one", "two"], "a.html", "no reports of str"),
     ("ab", "a.html", "list or a mapping"), (None, "a.html", "list or a mapping"),
     (["one", "two"], "a.gpkg", "cannot be written as '.gpkg'"), (["one", "two"], "a", "without suffix")],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused(tmp_path: Path, subjects: Any, path: str, says: str):
    """Too few, something else, or another format is an error that says so, and nothing is written."""
    with pytest.raises(scenecart.InvalidRequest, match=says):
        scenecart.compare_report(subjects, tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_names_that_look_alike_are_refused(three: dict[str, Any], tmp_path: Path):
    """Two carts of one name would be mistaken for each other."""
    with pytest.raises(scenecart.InvalidRequest, match="same name"):
        scenecart.compare_report({"a": three["cheap"], "a\u202e": three["dear"]}, tmp_path / "a.html")


def test_prices_without_measured_ground_have_no_quotient(shop: Shop):
    """Where the service does not tell its km², no price of a km² is made up."""
    told = {**priced("first"), "groups": [{"captures": ["first"], "credits": 123_450, "aud": 1234.5}]}
    compared = _comparison.comparison_of([shop.estimate(feature("first"), told=told), shop.cart(feature("first"))])
    assert [side.aud_per_km2 for side in compared.sides] == [None, None]
