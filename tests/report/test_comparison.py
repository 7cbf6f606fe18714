"""Comparisons of carts: figures of each, captures that all have, and captures of one alone."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

import scenecart
from _expect import raises
from _report_data import ScriptedClient, price_answer, report_text
from _scripted_service import answer, feature
from scenecart.report import _comparison

if TYPE_CHECKING:
    from pathlib import Path

COMPARED = ["csv", "html", "md", "pdf", "xlsx"]
AREA = (0.0, 10.0, 0.3, 10.1)


@pytest.fixture
def three(scripted: ScriptedClient) -> dict[str, Any]:
    """Return two priced carts and one without prices: one capture is in all, one in two, one in each alone."""
    clouds = {name: {"eo:cloud_cover": cover} for name, cover in (("all", 10.0), ("two", 30.0), ("cheap", 50.0), ("dear", 0.0))}
    of = {name: feature(name, west=0.05 * place, **clouds[name]) for place, name in enumerate(clouds)}
    return {
        "cheap": scripted.estimate(of["all"], of["two"], of["cheap"], aoi=AREA),
        "dear": scripted.estimate(of["all"], of["two"], of["dear"], aoi=AREA),
        "open": scripted.cart(of["all"], feature("open", west=0.2), aoi=AREA),
    }


@pytest.mark.parametrize("suffix", COMPARED)
def test_comparison_has_names_captures_and_totals(three: dict[str, Any], tmp_path: Path, suffix: str):
    """Each format has the names and every capture; formats for reading also have the totals and their source."""
    text = report_text(scenecart.compare_report(three, tmp_path / "deep" / f"compared.{suffix}", title="Which one"))
    for expected in ("cheap", "dear", "open", "all", "two"):
        assert expected in text, expected
    if suffix != "csv":
        for expected in ("Which one", "3,703.50" if suffix != "xlsx" else "3703.5", "computed none of them"):
            assert expected in text, expected


def test_comparison_figures_equal_those_computed_by_hand(three: dict[str, Any]):
    """Totals are the service's, the price per km² their quotient, and cloud and coverage are computed correctly."""
    compared = _comparison.comparison_of(three)
    cheap, dear, unpriced = compared.sides
    assert cheap.contents.total_aud == Decimal("3703.50")
    assert cheap.aud_per_km2 == pytest.approx(Decimal("1234.5") / Decimal("121.5"))
    assert unpriced.aud_per_km2 is None
    assert dear.cloud == (0.0, 10.0, 30.0)
    assert cheap.coverage == pytest.approx(200 / 3, rel=1e-3)
    assert [line.id for line in compared.shared] == ["all"]
    assert {name: [line.id for line in lines] for name, lines in compared.exclusive} == {
        "cheap": ["cheap"],
        "dear": ["dear"],
        "open": ["open"],
    }
    assert [(name, [line.id for line in lines]) for name, lines in compared.partly_shared] == [("cheap and dear", ["two"])]


def test_comparison_without_a_common_area_has_no_coverage(three: dict[str, Any], scripted: ScriptedClient, tmp_path: Path):
    """If one cart has no area, or areas do not overlap, no common area is mentioned."""
    complete = scripted.cart(feature("all"))
    apart = scripted.cart(feature("all"), aoi=(0.01, 10.01, 0.02, 10.02))
    other = scripted.cart(feature("all"), aoi=(0.05, 10.05, 0.06, 10.06))
    for subjects in ([three["cheap"], complete], [apart, other]):
        text = scenecart.compare_report(subjects, tmp_path / "compared.md").read_text()
        assert "ommon area" not in text


def test_comparison_workbook_has_figures_as_figures(three: dict[str, Any], tmp_path: Path):
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


def test_comparison_csv_says_which_cart_has_a_capture(three: dict[str, Any], tmp_path: Path):
    """CSV has one row for each capture, with a column for each cart; unnamed carts are A, B, C."""
    path = scenecart.compare_report(list(three.values()), tmp_path / "compared.csv")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))}
    assert len(rows) == 5
    assert [rows["two"][f"in {name}"] for name in "ABC"] == ["yes", "yes", "no"]


@pytest.mark.parametrize("suffix", COMPARED)
def test_comparison_of_marked_carts_shows_what_is_owned(three: dict[str, Any], tmp_path: Path, suffix: str):
    """Carts whose captures are marked have their owned captures in each format; an unmarked cart has none."""
    cheap, dear = (_marked(three[name], owned) for name, owned in (("cheap", [0.25, float("nan"), 0.0]), ("dear", [0.0] * 3)))
    path = scenecart.compare_report({"cheap": cheap, "dear": dear, "open": three["open"]}, tmp_path / f"compared.{suffix}")
    if suffix == "csv":
        rows = {row["id"]: row for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig")))}
        shares = {name: (row["owned share in cheap"], row["owned share in dear"]) for name, row in rows.items()}
        assert shares == {
            "all": ("0.25", "0.0"),
            "two": ("may be", "0.0"),
            "cheap": ("0.0", ""),
            "dear": ("", "0.0"),
            "open": ("", ""),
        }
        assert "owned share in open" not in rows["open"]
    else:
        text = " ".join(report_text(path).split())
        assert "1 of 3 captures is owned already, wholly or in part; 1 may be." in text
        assert "none" in text


def _marked(estimate: scenecart.Estimate, owned: list[float]) -> scenecart.Estimate:
    captures = estimate.cart.captures.assign(owned=owned, owned_by=[[], [], []])
    return replace(estimate, cart=replace(estimate.cart, _captures=captures))


@pytest.mark.parametrize("suffix", COMPARED)
def test_comparison_of_equal_carts_is_equal(three: dict[str, Any], tmp_path: Path, suffix: str):
    """Written twice, a comparison is the same to the byte."""
    first, second = (scenecart.compare_report(three, tmp_path / f"{name}.{suffix}").read_bytes() for name in "ab")
    assert first == second


def test_comparison_of_orders_has_what_the_service_reports(scripted: ScriptedClient, three: dict[str, Any], tmp_path: Path):
    """Orders are compared with estimates, as far as the service reports them."""
    scripted.service.put(
        "orders.get", answer({"id": "o", "status": "delivered", "captures": ["all"], "totalCredits": 7, "totalAud": 0.07})
    )
    order = scripted.client.order("o")
    text = scenecart.compare_report({"old": order, "new": three["cheap"]}, tmp_path / "compared.md").read_text()
    assert "0.07" in text


def test_comparison_escapes_names_and_titles(three: dict[str, Any], tmp_path: Path):
    """Names and titles appear as text."""
    names = {"<script>alert(1)</script>": three["cheap"], "a|b\u202e\n": three["dear"]}
    text = scenecart.compare_report(names, tmp_path / "a.html", title="<script>").read_text()
    assert "<script" not in text
    assert "\u202e" not in text
    table = scenecart.compare_report(names, tmp_path / "a.md").read_text().splitlines()
    assert {line.replace("\\|", "").count("|") for line in table if line.startswith("| Total")} == {4}


@pytest.mark.parametrize(
    ("subjects", "path", "code"),
    [([], "a.html", "comparison_size_invalid"), (["one"], "a.html", "comparison_size_invalid"),
     (["one", "two"], "a.html", "report_subject_invalid"), ("ab", "a.html", "comparison_subjects_invalid"),
     (None, "a.html", "comparison_subjects_invalid"), (["one", "two"], "a.gpkg", "report_format_unknown"),
     (["one", "two"], "a", "report_format_unknown")],
)  # fmt: skip
def test_comparison_invalid_subjects_or_format_is_refused(tmp_path: Path, subjects: Any, path: str, code: str):
    """Too few subjects, other objects or another format are refused, and nothing is written."""
    with raises(scenecart.InvalidRequest, code):
        scenecart.compare_report(subjects, tmp_path / path)
    assert list(tmp_path.iterdir()) == []


def test_comparison_of_more_than_twelve_is_refused(scripted: ScriptedClient, tmp_path: Path):
    """A page has room for twelve carts."""
    with raises(scenecart.InvalidRequest, "comparison_size_invalid") as caught:
        scenecart.compare_report([scripted.cart()] * 13, tmp_path / "a.html")
    assert caught.value.argument == "subjects"


def test_comparison_of_equal_names_is_refused(three: dict[str, Any], tmp_path: Path):
    """Two carts of one name would be mistaken for each other."""
    with raises(scenecart.InvalidRequest, "comparison_names_equal"):
        scenecart.compare_report({"a": three["cheap"], "a\u202e": three["dear"]}, tmp_path / "a.html")


def test_comparison_of_dates_with_one_price_has_no_price_per_km2(scripted: ScriptedClient):
    """Where captures of two dates have one price, their area may count once: no price per km² is computed."""
    days = [feature(name, datetime=f"2024-03-0{number}T00:00:00Z") for number, name in enumerate(("first", "second"), 1)]
    one_group = {"captures": ["first", "second"], "aoi_km2": 121.5, "credits": 246_900, "aud": 2469.0}
    both = scripted.estimate(*days, response={**price_answer("first", "second"), "groups": [one_group]})
    compared = _comparison.comparison_of({"both": both, "one": scripted.estimate(days[0], response=price_answer("first"))})
    assert [side.aud_per_km2 is None for side in compared.sides] == [True, False]


def test_comparison_without_km2_of_the_service_has_no_price_per_km2(scripted: ScriptedClient):
    """If the service does not report its km², no price per km² is computed."""
    response = {**price_answer("first"), "groups": [{"captures": ["first"], "credits": 123_450, "aud": 1234.5}]}
    compared = _comparison.comparison_of([scripted.estimate(feature("first"), response=response), scripted.cart(feature("first"))])
    assert [side.aud_per_km2 for side in compared.sides] == [None, None]
