"""Saved states of tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.client import home_of
from scenecart.widgets._bench.saved_states import SavedStates

if TYPE_CHECKING:
    import scenecart


def test_saved_states_each_tab_has_its_own(client: scenecart.Client):
    """Two tabs do not overwrite each other; a new tab begins with the newest."""
    saved = SavedStates(client)
    assert saved.load("a1") is None
    saved.save("a1", {"asked": 1})
    saved.save("b2", {"asked": 2})
    assert saved.load("a1") == {"version": 1, "asked": 1}
    assert saved.load("b2") == {"version": 1, "asked": 2}
    newest = saved.load("c3")
    assert newest is not None


def test_saved_states_file_that_cannot_be_read_is_no_state(client: scenecart.Client):
    """A damaged file, or one of another version, is as if there were none."""
    saved = SavedStates(client)
    saved.save("a1", {"asked": 1})
    (file,) = (home_of(client) / "workbench").rglob("a1.json")
    for content in ("{", "[]", '{"version": 0}'):
        file.write_text(content)
        assert saved.load("a1") is None


def test_saved_states_old_tabs_are_removed(client: scenecart.Client):
    """Twenty tabs are kept."""
    saved = SavedStates(client)
    for number in range(25):
        saved.save(f"tab{number}", {"asked": number})
    assert len(list((home_of(client) / "workbench").rglob("*.json"))) == 20


def test_saved_states_folder_that_cannot_be_written_is_no_error(client: scenecart.Client):
    """A folder that cannot be written raises no error."""
    (home_of(client) / "workbench").write_text("a file in its place")
    SavedStates(client).save("a1", {"asked": 1})
    assert SavedStates(client).load("a1") is None
