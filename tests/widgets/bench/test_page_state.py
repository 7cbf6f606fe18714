"""What the left column and the drawer show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart.widgets._bench.background_search import BackgroundSearch
from scenecart.widgets._bench.page_state import drawer_state, search_form_state
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    import scenecart


def test_page_state_before_a_search_offers_the_next_step(client: scenecart.Client):
    """Before a search, the drawer explains how it works, and the left column shows the defaults."""
    state, runner = CaptureState(no_captures()), Runner()
    searching = BackgroundSearch(client, state, runner, replace_captures=print, changed=lambda: None, failed=print)
    shown = search_form_state(searching, state, "Not an area.")
    assert shown["where"] == {"text": "", "how": "", "error": "Not an area."}
    assert shown["search"]["label"] == ""
    assert drawer_state(searching, state) == {"results": None, "blank": "first", "asked": "", "limits": []}
    runner.close()
