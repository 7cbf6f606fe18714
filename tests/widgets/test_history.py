"""Undo of selection, filters and area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely

from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from scenecart.widgets._history import History


@pytest.fixture
def state() -> CaptureState:
    shapes = [shapely.box(0, 0, 1, 1)] * 3
    return CaptureState(gpd.GeoDataFrame({"id": list("abc"), "gsd": [0.3, 0.4, 0.5]}, geometry=shapes, crs=4326))


def apart(history: History) -> None:
    """Let the next change be a step of its own, as after a pause."""
    history._changed_at = -1.0


def test_undo_and_redo_go_back_and_forth(state: CaptureState):
    """Each change of selection, filters or area can be undone, in reverse, and done again."""
    state.select([0])
    apart(state.history)
    state.filters = {"gsd": [0.3, 0.4]}
    apart(state.history)
    state.aoi = (0, 0, 1, 1)
    assert state.history.undo()
    assert (state.aoi, state.filters) == (None, {"gsd": [0.3, 0.4]})
    assert state.history.undo()
    assert state.history.undo()
    assert (state.selection, state.filters, state.history.can_undo) == ((), {}, False)
    assert state.history.undo() is False
    assert state.history.redo()
    assert state.history.redo()
    assert (state.selection, state.filters) == ((0,), {"gsd": [0.3, 0.4]})
    state.select([1])
    assert not state.history.can_redo


def test_slider_that_is_dragged_is_one_step(state: CaptureState):
    """Many changes of filters in a moment are undone at once, and ticks one by one."""
    for high in (0.5, 0.45, 0.4):
        state.filters = {"gsd": [0.3, high]}
    apart(state.history)
    state.select([0])
    state.select([0, 1])
    state.history.undo()
    assert state.selection == (0,)
    state.history.undo()
    assert state.selection == ()
    state.history.undo()
    assert state.filters == {}


def test_undo_after_another_search_takes_what_is_still_there(state: CaptureState):
    """A former selection comes back without the captures that another search does not have."""
    state.select([0, 2])
    apart(state.history)
    state.select([1])
    apart(state.history)
    state.captures = state.captures.loc[[0, 1]]
    state.history.undo()
    assert state.selection == (0,)
    state.history.clear()
    assert state.history.undo() is False
