"""Tables of the command line, and characters that an output cannot encode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from _cli import run
from _purchases import captures
from scenecart.cli import _output

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

PLACE = ["place", "one.parquet", "--again", "--yes", "--max-credits", "9999999"]


@pytest.mark.parametrize("columns", ["30", "80"])
def test_table_in_a_narrow_terminal_keeps_every_amount(box: Sandbox, tmp_path: Path, home: dict[str, str], columns: str):
    """However narrow the terminal, each price and each order id is on one line, ready to be copied."""
    order = json.loads(run(*PLACE, "--json", box=box, cwd=tmp_path, **home).stdout)
    price = f"{order['total_credits']:,}"
    for arguments in (["estimate", "one.parquet"], ["orders"], ["placements"]):
        displayed = run(*arguments, box=box, cwd=tmp_path, **{**home, "COLUMNS": columns}).stdout
        assert price in displayed
        assert "…" not in displayed
        assert (order["id"] in displayed) is (arguments != ["estimate", "one.parquet"])
    assert (f"Order: {order['id']}\n" in displayed) is (columns != "80")
    status = run("login-status", box=box, cwd=tmp_path, **{**home, "COLUMNS": columns}).stdout
    assert f"{home['SCENECART_PROJECT']}\n" in status


def test_character_outside_the_encoding_is_escaped(box: Sandbox, tmp_path: Path, home: dict[str, str]):
    """A character that the output cannot encode is printed as an escape sequence, and nothing fails."""
    done = run("estimate", "one.parquet", box=box, cwd=tmp_path, **home, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "km\\xb2" in done.stdout


def test_captures_table_displays_ids_as_they_are(capsys: pytest.CaptureFixture[str]):
    """Ids that look like names of emoji or like markup are displayed as they are, and a range of time as its days."""
    frame = captures("L8:ok:2024:boom:", "[bold]x[/bold]").drop(columns=["collection", "datetime"], errors="ignore")
    frame["start_datetime"], frame["end_datetime"] = "2024-03-01", "2024-03-28"
    _output.captures_table(frame)
    displayed = capsys.readouterr().out
    assert "L8:ok:2024:boom:" in displayed
    assert "[bold]x[/bold]" in displayed
    assert "2024-03-01 – 2024-03-28" in displayed
