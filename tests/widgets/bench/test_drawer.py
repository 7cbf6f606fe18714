"""The drawer of the Workbench: its first state."""

from __future__ import annotations

from scenecart.widgets._bench.drawer import Drawer


def test_drawer_begins_with_results_and_how_it_works():
    """Before a search the drawer says what there is to do."""
    drawer = Drawer()
    assert (drawer.state["tab"], drawer.state["blank"], drawer.state["results"]) == ("results", "first", None)
    drawer.close()
