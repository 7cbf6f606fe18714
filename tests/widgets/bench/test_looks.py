"""What the left column and the drawer show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.widgets._bench.looks import ask_state, drawer_state
from scenecart.widgets._bench.searching import Searching
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    import scenecart


def test_looks_before_a_search_offer_the_next_step(client: scenecart.Client):
    """Before anything is asked, the drawer says how it works, and the left column what it will use."""
    state, runner = CaptureState(no_captures()), Runner()
    searching = Searching(client, state, runner, replace_captures=print, changed=lambda: None, failed=print)
    shown = ask_state(searching, state, "Not an area.")
    assert shown["where"] == {"text": "", "how": "", "error": "Not an area."}
    assert shown["search"]["label"] == ""
    assert drawer_state(searching, state) == {"results": None, "blank": "first", "asked": "", "limits": []}
    runner.close()
