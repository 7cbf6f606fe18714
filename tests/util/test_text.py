"""Text helpers: plurals, hints for missing files, and clean text from untrusted sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenecart._util.text import clean_text, missing_file_hint, pluralize


@pytest.mark.parametrize(("count", "expected"), [(0, "0 orders"), (1, "1 order"), (2, "2 orders"), (2_000, "2,000 orders")])
def test_noun_agrees_with_its_count(count: int, expected: str):
    """Only one is singular."""
    assert pluralize(count, "order") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("two\nlines", "two lines"),
        ("a\u202e\u200bb\x1b[31m", "a b [31m"),
        ("\ud800", "?"),
        (None, ""),
        ({"a": 1}, ""),
        ([1], ""),
        (5, "5"),
    ],
)
def test_clean_text_is_one_line_without_control_characters(value: Any, expected: str):
    """Text of a service cannot move a cursor, change its direction or break a line; what is no text is empty."""
    assert clean_text(value) == expected


def test_clean_text_is_cut_to_its_limit():
    """Long text ends with an ellipsis."""
    assert clean_text("x" * 1_000) == "x" * 499 + "…"
    assert clean_text("x" * 10, 10) == "x" * 10


def test_missing_file_hint_depends_on_the_path(tmp_path: Path):
    """A folder is called one, and a relative path comes with the folder it is relative to."""
    assert "folder" in missing_file_hint(tmp_path)
    assert str(Path.cwd()) in missing_file_hint(Path("nowhere.geojson"))
    assert str(Path.cwd()) not in missing_file_hint(tmp_path / "nowhere.geojson")
