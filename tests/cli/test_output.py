"""What commands print for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _purchases import captures
from scenecart.cli import _output

if TYPE_CHECKING:
    import pytest


def test_captures_table_displays_ids_as_they_are(capsys: pytest.CaptureFixture[str]):
    """Ids that look like names of emoji or like markup are displayed as they are, and a range of time as its days."""
    frame = captures("L8:ok:2024:boom:", "[bold]x[/bold]").drop(columns=["collection", "datetime"], errors="ignore")
    frame["start_datetime"], frame["end_datetime"] = "2024-03-01", "2024-03-28"
    _output.captures_table(frame)
    displayed = capsys.readouterr().out
    assert "L8:ok:2024:boom:" in displayed
    assert "[bold]x[/bold]" in displayed
    assert "2024-03-01 – 2024-03-28" in displayed
