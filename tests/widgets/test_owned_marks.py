"""Marks of owned captures, looked up in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _widgets import HARBOUR, wait_for
from scenecart.widgets import CaptureMap
from scenecart.widgets._jobs import Runner
from scenecart.widgets._owned_marks import OwnedMarks
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd

    import scenecart


@pytest.fixture
def runner() -> Iterator[Runner]:
    running = Runner(2)
    yield running
    running.close()


def test_owned_marks_become_a_column_and_a_filter(
    client: scenecart.Client, captures: gpd.GeoDataFrame, pair: gpd.GeoDataFrame, runner: Runner
):
    """Owned captures are marked once, by one panel of those that share a state; a purchase is seen after a refresh."""
    client.cart(pair.head(1), HARBOUR).estimate().place()
    state = CaptureState(captures, HARBOUR)
    marks = OwnedMarks(client, state, runner)
    second = OwnedMarks(client, state, runner)
    wait_for(lambda: "owned" in state.captures.columns)
    label = pair.index[0]
    assert state.captures.loc[label, "owned"] == 1.0
    assert "owned" in {facet.name for facet in state.facets}
    state.selection = (label,)
    state.filters = {"owned": [10, 100]}
    assert label in state.filtered.index
    assert second.ground() is not None
    assert second.ground([label]).equals(second.ground())
    assert second.ground([pair.index[1], "no such label"]) is None
    state.filters = {"owned": [0, 9]}
    assert label not in state.filtered.index
    assert second.ground() is None
    client.cart(pair.tail(1), HARBOUR).estimate().place()
    second.refresh()
    wait_for(lambda: state.captures.loc[pair.index[1], "owned"] == 1.0)
    assert state.filters == {"owned": [0, 9]}
    assert state.selection == (label,)
    marks.release()
    second.release()
    assert state.owned_marks is None  # type: ignore[attr-defined]  # set by the marks


def test_owned_marks_list_cannot_be_read_captures_stay_unmarked(
    client: scenecart.Client, captures: gpd.GeoDataFrame, sandbox: Any, runner: Runner
):
    """If the list of orders cannot be read, the panel is told, and nothing is marked."""
    sandbox.faults.add("garbage", 50, "orders.list")
    errors: list[Exception] = []
    state = CaptureState(captures.head(3))
    marks = OwnedMarks(client, state, runner, errors.append)
    wait_for(lambda: errors)
    assert "owned" not in state.captures.columns
    sandbox.faults.clear()
    marks.release()


def test_map_owned_ground_is_hatched(client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A map with a client hatches the ground that is owned, inside that ground only."""
    client.cart(pair.head(1), HARBOUR).estimate().place()
    picker = display(CaptureMap(pair, HARBOUR, client=client, basemap="none"))
    lines = wait_for(lambda: [one for one in picker.map._layers.owned.data["features"] if one["properties"]["kind"] == "lines"])
    points = [point for line in lines[0]["geometry"]["coordinates"] for point in line]
    assert all(HARBOUR[0] - 1e-9 <= x <= HARBOUR[2] + 1e-9 and HARBOUR[1] - 1e-9 <= y <= HARBOUR[3] + 1e-9 for x, y in points)
