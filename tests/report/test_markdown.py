"""Reports as Markdown: text of the service is never markup."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _scripted_service import feature
from scenecart.report._markdown import escaped, markdown_table

if TYPE_CHECKING:
    from pathlib import Path

    from _report_data import ScriptedClient

HOSTILE = ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "<script>alert(1)</script>", "a|b", "`x`", "[x](javascript:1)"]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markdown_report_has_no_markup_of_the_service(scripted: ScriptedClient, tmp_path: Path, hostile: str):
    """Markup in a title or an id is written as text, and tables keep their columns."""
    estimate = scripted.estimate(feature("first"), feature(hostile, west=0.3))
    text = estimate.to_report(tmp_path / "quote.md", title=hostile).read_text()
    assert f"{estimate.total_credits:,} credits" in text
    assert "<script" not in text
    assert "[x](" not in text
    captures = text.partition("## Captures")[2].partition("All amounts")[0]
    rows = [line for line in captures.splitlines() if line.startswith("| ") and "---" not in line]
    assert len(rows) == 3
    assert all(row.replace("\\|", "").count("|") == 8 for row in rows)


def test_markdown_escapes_every_mark():
    """Each character with a meaning in Markdown or HTML is escaped."""
    assert escaped("a*b_c|d<e>&\\\nf") == r"a\*b\_c\|d&lt;e&gt;&amp;\\ f"


def test_markdown_table_aligns_columns():
    """Columns of figures are aligned to the right."""
    assert markdown_table(("Name", "km²"), "lr", [("a", "1")]) == ["| Name | km² |", "| --- | ---: |", "| a | 1 |"]
