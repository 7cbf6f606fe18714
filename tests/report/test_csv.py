"""Reports as CSV: figures are figures, and no text is a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from _report_data import ScriptedClient, price_answer
from _scripted_service import feature
from scenecart.report._csv import csv_of

if TYPE_CHECKING:
    from pathlib import Path


def test_csv_report_has_a_row_for_each_capture(scripted: ScriptedClient, tmp_path: Path):
    """Ids that look like formulas are marked as text, and credits add up."""
    response = {**price_answer("first"), "errors": [{"id": "=nobody()", "detail": "unknown"}]}
    estimate = scripted.estimate(feature("first"), feature("=nobody()", west=0.3), response=response)
    rows = list(csv.DictReader(io.StringIO(estimate.to_report(tmp_path / "quote.csv").read_text("utf-8-sig"))))
    assert [row["id"] for row in rows] == ["first", "'=nobody()"]
    assert sum(int(row["group_credits"]) for row in rows if row["group_credits"]) == estimate.total_credits
    assert not [value for row in rows for value in row.values() if value.startswith(("=", "+", "@"))]


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "\rx"])
def test_csv_text_is_never_a_formula(text: str):
    """An apostrophe before a text keeps spreadsheets from computing it."""
    ((cell,),) = csv.reader(io.StringIO(csv_of([[text]]).decode("utf-8-sig"), newline=""))
    assert cell == f"'{text}"


@pytest.mark.parametrize(
    "text", ["x;=1+1", "a; \t=cmd|' /C calc'!A0", 'x;"=1+1"', 'x;""+1', "a\n=1", "a\tb\t@x", "L;-1;+2;@3", 'say "x";=1']
)
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_text_is_no_formula_for_any_separator(text: str, separator: str):
    """No cell is a formula in a spreadsheet that separates cells by semicolons or tabs, and the text is readable."""
    content = csv_of([[1, text, "h"], [text, 2, text]]).decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(content, newline=""), delimiter=separator) for cell in row]
    assert not [cell for cell in cells if cell.strip().startswith(("=", "+", "-", "@"))]
    (first, _) = csv.reader(io.StringIO(content, newline=""))
    assert first[1].replace("'", "") == text.replace("'", "")


def test_csv_writes_numbers_times_and_missing_values():
    """Numbers stay numbers, times are UTC, and missing values are empty cells."""
    time = datetime(2024, 3, 5, 10, 20, tzinfo=UTC)
    assert csv_of([[-2, 0.5, time, None, pd.NA, pd.NaT, float("nan")]]) == b"\xef\xbb\xbf-2,0.5,2024-03-05T10:20:00Z,,,,\r\n"
