"""Reports as workbooks: numbers are numbers, times are times, and no text is a formula."""

from __future__ import annotations

from typing import TYPE_CHECKING

import openpyxl
import pytest

from _report_data import ScriptedClient, price_answer
from _scripted_service import feature

if TYPE_CHECKING:
    from pathlib import Path

    from openpyxl import Workbook

    import scenecart


@pytest.fixture
def estimate(scripted: ScriptedClient) -> scenecart.Estimate:
    """Return an estimate of three captures, one of which the service does not know."""
    response = {**price_answer("first", "second"), "errors": [{"id": "=nobody()", "detail": "=unknown"}]}
    return scripted.estimate(
        feature("first"), feature("second", west=0.2), feature("=nobody()", west=0.4), aoi=(0, 10, 0.5, 10.1), response=response
    )


@pytest.fixture
def book(estimate: scenecart.Estimate, tmp_path: Path) -> Workbook:
    """Return the workbook of the estimate."""
    return openpyxl.load_workbook(estimate.to_report(tmp_path / "quote.xlsx", title="=HYPERLINK()"))


def test_workbook_has_sheets_for_summary_groups_captures_and_errors(book: Workbook, estimate: scenecart.Estimate):
    """Figures add up to the totals of the estimate."""
    assert book.sheetnames == ["Summary", "Groups", "Captures", "Errors"]
    summary = {row[0].value: row[1] for row in book["Summary"].iter_rows(min_row=2)}
    assert summary["Total, credits"].value == estimate.total_credits
    groups = list(book["Groups"].iter_rows(min_row=2, values_only=True))
    assert sum(row[4] for row in groups) == estimate.total_credits
    assert sum(row[5] for row in groups) == pytest.approx(float(estimate.total_aud))
    assert book["Groups"]["F2"].number_format == '"A$"#,##0.00'
    assert book["Captures"].freeze_panes == "C2"
    assert book["Captures"]["E2"].is_date


def test_workbook_has_no_formula(book: Workbook):
    """Titles, ids and reasons that look like formulas are strings."""
    summary = {row[0].value: row[1] for row in book["Summary"].iter_rows(min_row=2)}
    assert (summary["Title"].value, summary["Title"].data_type) == ("=HYPERLINK()", "s")
    assert [row[0].data_type for row in book["Errors"].iter_rows(min_row=2)] == ["s"]
    assert list(book["Errors"].iter_rows(min_row=2, values_only=True)) == [("=nobody()", "=unknown")]


def test_workbook_of_a_cart_has_no_price_sheets(scripted: ScriptedClient, tmp_path: Path):
    """A cart without prices has a summary and its captures."""
    path = scripted.cart(feature("first")).to_report(tmp_path / "cart.xlsx")
    assert openpyxl.load_workbook(path).sheetnames == ["Summary", "Captures"]
