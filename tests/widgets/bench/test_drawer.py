"""The drawer of the Workbench: limits that could be lifted."""

from __future__ import annotations

from scenecart.widgets._bench.drawer import Drawer, Relaxation, limits_state


def test_limits_state_first_that_helps_has_the_main_button():
    """The first limit that helps is the next step; one that would not help has no button; one being counted says so."""
    limits = [
        Relaxation("dates", "The dates", "Widen", ("a", "b"), 0),
        Relaxation("collection", "Another", "Add x", "x", 1),
        Relaxation("collection", "Another", "Add y", "y", 500, is_least=True),
        Relaxation("collection", "Another", "Add z", "z"),
    ]
    shown = limits_state(limits)
    assert [one["main"] for one in shown] == [False, True, False, False]
    assert [one["helps"] for one in shown] == [False, True, True, True]
    assert [f"{one['count']} {one['word']}" for one in shown] == ["0 captures", "1 capture", "500+ captures", "… captures"]


def test_drawer_begins_with_results_and_how_it_works():
    """Before a search the drawer says what there is to do."""
    drawer = Drawer()
    assert (drawer.state["tab"], drawer.state["blank"], drawer.state["results"]) == ("results", "first", None)
    drawer.close()
