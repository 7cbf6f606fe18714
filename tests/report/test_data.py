"""Reports as data: the same contents in each format, numbers as numbers, texts never as formulas or markup."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import geopandas as gpd
import openpyxl
import pytest

if TYPE_CHECKING:
    from pathlib import Path

    import scenecart

HARBOUR = (151.18, -33.99, 151.24, -33.94)
FORMATS = ["csv", "geojson", "gpkg", "html", "md", "parquet", "xlsx"]
HOSTILE = ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "<script>alert(1)</script>", "a|b", "`x`", "[x](javascript:1)"]


@pytest.fixture
def estimate(client: scenecart.Client) -> scenecart.Estimate:
    """Give a price of three captures, one of which nobody knows."""
    found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06").head(3)
    found.loc[found.index[2], "id"] = "=nobody()"
    return client.cart(found, aoi=HARBOUR, split_by_date=True).estimate()


@pytest.mark.parametrize("suffix", ["geojson", "gpkg", "parquet"])
def test_gis_formats_hold_what_is_bought(estimate: scenecart.Estimate, tmp_path: Path, suffix: str):
    """GIS programs get each capture's bought ground with its group, price and reason."""
    path = estimate.to_report(tmp_path / f"quote.{suffix}")
    layer = {"layer": "captures"} if suffix == "gpkg" else {}
    found = gpd.read_parquet(path) if suffix == "parquet" else gpd.read_file(path, **layer)
    assert found["id"].tolist() == estimate.cart.ids
    assert found.crs.to_epsg() == 4326
    assert found.geometry.union_all().symmetric_difference(estimate.cart.clipped().union_all()).area < 1e-9
    assert found["group_credits"].dropna().sum() == estimate.total_credits
    assert found["error"].notna().tolist() == [False, False, True]
    if suffix == "gpkg":
        (area,) = gpd.read_file(path, layer="area").to_dict("records")
        assert area["total_credits"] == estimate.total_credits
        assert area["fingerprint"] == estimate.cart.fingerprint
    if suffix == "geojson":
        assert json.loads(path.read_text())["scenecart"]["total_credits"] == estimate.total_credits


def test_a_workbook_has_numbers_as_numbers(estimate: scenecart.Estimate, tmp_path: Path):
    """The workbook's sheets hold summary, groups, captures and errors; figures add up, and no text is a formula."""
    book = openpyxl.load_workbook(estimate.to_report(tmp_path / "quote.xlsx", title="=HYPERLINK()"))
    assert book.sheetnames == ["Summary", "Groups", "Captures", "Errors"]
    summary = {row[0].value: row[1] for row in book["Summary"].iter_rows(min_row=2)}
    assert summary["Total, credits"].value == estimate.total_credits
    assert (summary["Title"].value, summary["Title"].data_type) == ("=HYPERLINK()", "s")
    groups = list(book["Groups"].iter_rows(min_row=2, values_only=True))
    assert sum(row[3] for row in groups) == estimate.total_credits
    assert sum(row[4] for row in groups) == pytest.approx(float(estimate.total_aud))
    assert book["Groups"]["E2"].number_format == '"A$"#,##0.00'
    assert book["Captures"].freeze_panes == "C2"
    assert [row[0].data_type for row in book["Errors"].iter_rows(min_row=2)] == ["s"]
    assert [row[0] for row in book["Errors"].iter_rows(min_row=2, values_only=True)] == ["=nobody()"]


def test_csv_holds_no_formula(estimate: scenecart.Estimate, tmp_path: Path):
    """A text that a spreadsheet would compute is marked as text, figures stay figures."""
    content = estimate.to_report(tmp_path / "quote.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(content)))
    assert [row["id"] for row in rows] == [*estimate.cart.ids[:2], "'=nobody()"]
    assert sum(int(row["group_credits"]) for row in rows if row["group_credits"]) == estimate.total_credits
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "@"))]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_holds_no_markup_from_outside(estimate: scenecart.Estimate, tmp_path: Path, hostile: str):
    """Whatever a title holds is text in Markdown, and tables keep their columns."""
    text = estimate.to_report(tmp_path / "quote.md", title=hostile).read_text()
    assert f"{estimate.total_credits:,} credits" in text
    assert "<script" not in text
    assert "[x](" not in text
    rows = [line for line in text.splitlines() if line.startswith("| AURORA")]
    assert len(rows) == 2
    assert all(row.replace("\\|", "").count("|") == 8 for row in rows)


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_same_contents_give_the_same_file(estimate: scenecart.Estimate, tmp_path: Path, suffix: str):
    """A report can be compared: written twice it is the same, to the byte where the format has no clock of its own."""
    first, second = (estimate.to_report(tmp_path / name / f"quote.{suffix}") for name in ("a", "b"))
    if suffix == "gpkg":
        assert gpd.read_file(first, layer="captures").equals(gpd.read_file(second, layer="captures"))
    else:
        assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("suffix", FORMATS)
def test_many_captures_and_no_area(estimate: scenecart.Estimate, tmp_path: Path, suffix: str):
    """Whole footprints and every capture without a price are written in every format as well."""
    cart = replace(estimate.cart, area=None)
    refused = tuple((name, "=why") for name in cart.ids)
    bare = replace(estimate, cart=cart, total_credits=0, total_aud=estimate.total_aud * 0, price_groups=(), refused=refused)
    path = bare.to_report(tmp_path / f"quote.{suffix}")
    assert path.stat().st_size > 100
