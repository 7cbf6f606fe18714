"""Notes about a journal outside its folder: restored, replaced, deleted and doubled journals are noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scenecart._orders.journal_mark import JournalMark

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JournalMark:
    monkeypatch.setenv("SCENECART_STATE", str(tmp_path / "state"))
    return JournalMark(tmp_path / "placements.sqlite")


def test_gap_of_an_unknown_journal_is_none(mark: JournalMark):
    """A journal that this computer never wrote, or wrote last, is all right."""
    assert mark.gap("a", 3, is_new=True) is None
    mark.write("a", 3)
    assert mark.gap("a", 3, is_new=False) is None
    assert mark.gap("a", 9, is_new=False) is None


@pytest.mark.parametrize(
    ("journal", "serial", "is_new", "kind"), [("a", 2, False, "older"), ("b", 50, False, "other"), ("b", 0, True, "gone")]
)
def test_gap_of_another_journal_says_what_it_is(mark: JournalMark, journal: str, serial: int, kind: str, *, is_new: bool):
    """An older copy, another file and a missing one are told apart, with how often they were written."""
    mark.write("a", 41)
    found = mark.gap(journal, serial, is_new=is_new)
    assert found is not None
    assert (found.kind, found.serial, found.expected) == (kind, serial, 41)


@pytest.mark.parametrize("name", ["placements (conflicted copy 2024-05-06).sqlite", "placements.sync-conflict-1.sqlite"])
def test_gap_of_a_second_copy_names_it(mark: JournalMark, tmp_path: Path, name: str):
    """The second of two files that a synchronizing service made is named."""
    (tmp_path / name).touch()
    found = mark.gap("a", 1, is_new=False)
    assert found is not None
    assert (found.kind, found.other) == ("copies", name)


def test_write_into_a_folder_that_cannot_be_written_is_left_out(mark: JournalMark, tmp_path: Path):
    """A note that cannot be written or read stops nothing."""
    (tmp_path / "state").write_text("no folder")
    mark.write("a", 1)
    assert mark.gap("b", 0, is_new=False) is None
