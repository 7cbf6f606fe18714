"""Tables of the command line, in terminals of any width."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from _cli import run

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
