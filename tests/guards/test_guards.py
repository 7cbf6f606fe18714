"""The table of guards agrees with the source, the tests and the documentation."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from _table import ROOT, Guard, as_markdown, read_rows

ROWS = read_rows()
GUARDS = [guard for row in ROWS for guard in row.guards]


def test_row_of_the_table_has_a_guard():
    """All 38 kinds of nasty input are in the table, each with a guard, a test and a promise."""
    assert len(ROWS) == 38
    for row in ROWS:
        assert row.guards, row.number
        assert row.input, row.number
        assert row.promise, row.number
    assert len({(guard.file, guard.text, guard.instead) for guard in GUARDS}) == len(GUARDS)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.row}: {guard.keeps[:40]}")
def test_guard_text_is_in_its_file_once(guard: Guard):
    """The text of a guard is in its file exactly once, and the file without it is still valid Python."""
    assert guard.tests
    weakened = guard.weakened()
    if guard.file.endswith(".py"):
        assert ast.dump(ast.parse(weakened))


def test_test_named_by_a_guard_exists():
    """Every test that the table names exists."""
    for name in sorted({test for guard in GUARDS for test in guard.tests}):
        path, function = name.split("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name


def test_reliability_page_shows_the_table():
    """docs/reliability.md contains the table that the guards give."""
    assert as_markdown(ROWS) in (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
