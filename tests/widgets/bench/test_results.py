"""The results of a search, by the messages of the page, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import scenecart
from _widgets import HARBOUR, wait_for, world_captures
from scenecart._imagery.picture import decode
from scenecart.widgets._bench.results import Results
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


@pytest.fixture
def results(client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]) -> Results:
    covering = captures[scenecart.coverage(captures, HARBOUR) > 0.3]
    made: Results = display(Results(CaptureState(covering, HARBOUR), client=client))
    return made


def receive(results: Results, kind: str, **fields: Any) -> None:
    """Do what a message of the page does."""
    results.part._handle_custom_msg({"kind": kind, **fields}, [])


def sent_by(results: Results) -> list[tuple[dict[str, Any], list[bytes]]]:
    """Return the messages to the page, from now on."""
    found: list[tuple[dict[str, Any], list[bytes]]] = []
    results.part.send = lambda content, buffers=None: found.append((content, buffers or []))  # what a page would receive
    return found


def turn(results: Results) -> int:
    return int(results.part.state["turn"])


def test_page_gets_the_rows_it_asks_for(results: Results):
    """The state says how many there are, and the rows of a window come in a message of their own."""
    found = sent_by(results)
    receive(results, "window", turn=turn(results), start=3, size=4)
    ((content, _),) = found
    assert [row["id"] for row in content["rows"]] == results.shown["id"].iloc[3:7].tolist()
    assert results.part.state["count"] == len(results.shown)
    assert results.shown["datetime"].is_monotonic_decreasing
    receive(results, "window", turn=turn(results) - 1, start=0, size=4)
    assert len(found) == 1


def test_current_capture_is_that_of_the_state_both_ways(results: Results):
    """The page tells a row of its order, and hears of the capture that somebody else looks at."""
    receive(results, "current", row=5, turn=turn(results))
    assert results.state.current == results.shown.index[5]
    results.state.current = results.shown.index[2]
    place = int(results.state.captures.index.get_loc(results.shown.index[2]))
    assert results.part.state["current"] == {"key": place, "row": 2}
    for wrong in ({"row": 10**6, "turn": turn(results)}, {"row": 1, "turn": -1}, {"key": "x"}, {"key": -1}, {}):
        receive(results, "current", **wrong)
    assert results.state.current == results.shown.index[2]


def test_tick_puts_into_the_cart_and_undo_takes_out_again(results: Results):
    """A tick is the selection of the state, in the order of ticks, and can be undone and done again."""
    for row in (4, 1):
        receive(results, "tick", row=row, turn=turn(results))
    picked = tuple(results.shown.index[[4, 1]])
    assert results.state.selection == picked
    assert results.part.state["cart"] == results.state.positions().tolist()
    receive(results, "undo")
    assert results.state.selection == picked[:1]
    receive(results, "redo")
    assert results.state.selection == picked


def test_header_sorts_by_the_useful_end_first(results: Results):
    """A click sorts by the column, another one the other way; the words say how, and the current capture keeps its row."""
    receive(results, "current", row=0, turn=turn(results))
    receive(results, "sort", name="eo:cloud_cover")
    assert results.shown["eo:cloud_cover"].is_monotonic_increasing
    assert results.part.state["words"] == "clearest first"
    row = results.part.state["current"]["row"]
    assert results.shown.index[row] == results.state.current
    receive(results, "sort", name="eo:cloud_cover")
    assert results.sort == ("eo:cloud_cover", True)
    receive(results, "sort", name="nonsense")
    assert results.sort == ("", False)


def test_columns_can_be_chosen_and_chosen_back(results: Results):
    """The id stays; other columns come and go, and the usual ones come back."""
    usual = results.columns
    receive(results, "columns", name="gsd", shown=False)
    receive(results, "columns", name="view:sun_elevation", shown=True)
    receive(results, "columns", name="id", shown=False)
    assert {"view:sun_elevation", "id"} <= set(results.columns)
    assert "gsd" not in results.columns
    receive(results, "columns", name=None)
    assert results.columns == usual


def test_pictures_are_cut_to_the_area(results: Results):
    """Pictures of the rows in view arrive as WEBP, at the size that was asked for."""
    found = sent_by(results)
    keys = results._order[:2].tolist()
    receive(results, "pictures", keys=keys, visible=keys, turn=results.part.state["pictures"], pixels=64)
    wait_for(lambda: sum(len(buffers) for _, buffers in found) == 2)
    assert {decode(content).size for _, buffers in found for content in buffers} == {(64, 64)}


def test_pictures_of_the_gallery_come_small_and_then_sharp(results: Results):
    """A large picture comes twice: from a small quicklook, marked as such, and from the large one."""
    found = sent_by(results)
    keys = results._order[:2].tolist()
    receive(results, "pictures", keys=keys, visible=keys, turn=results.part.state["pictures"], pixels=256)
    wait_for(lambda: not results._runner.is_any_busy() and not results._previews.is_any_busy())
    sharp = {key for content, _ in found if not content["is_preview"] for key in content["keys"]}
    assert sharp == set(keys)
    assert {key for content, _ in found if content["is_preview"] for key in content["keys"]} <= sharp
    # a small one never takes the place of a sharp one
    last = {key: content["is_preview"] for content, _ in found for key in content["keys"]}
    assert not any(last.values())


def test_compare_opens_with_the_cart_and_what_is_looked_at(results: Results):
    """The first of the cart is compared with the current capture; the others of the area are next to them in time."""
    receive(results, "tick", row=8, turn=turn(results))
    receive(results, "compare", row=2, turn=turn(results))
    compare = results.compare
    assert compare is not None
    positions, left, right = results.compared(results.shown.index[2])
    picked = results.state.captures.index[positions]
    assert (picked[left], picked[right]) == (results.shown.index[8], results.shown.index[2])
    assert results.compare_box.children == (compare,)
    results.close_compare()
    assert results.compare_box.children == ()


def test_others_do_what_the_list_cannot(results: Results):
    """Showing on the map and comparing are given to whoever arranges the parts."""
    done: list[tuple[str, Any]] = []
    results.on_action(lambda kind, fields: done.append((kind, fields["label"])))
    receive(results, "map", row=1, turn=turn(results))
    receive(results, "compare", row=1, turn=turn(results))
    assert done == [("map", results.shown.index[1]), ("compare", results.shown.index[1])]
    assert results.compare is None


def test_large_result_stays_a_window(display: Callable[[Any], Any]):
    """200,000 captures send no more than the rows in view, and all of them can be in the cart."""
    captures = world_captures(200_000)
    results = display(Results(captures))
    found = sent_by(results)
    results.state.select(captures.index)
    assert len(results.part.state["cart"]) <= 500
    receive(results, "window", turn=turn(results), start=100_000, size=10**9)
    ((content, _),) = found
    assert len(content["rows"]) <= 400
    assert all(row["ticked"] for row in content["rows"])
    results.view = "timeline"
    assert len(str(results.part.state)) < 60_000


def test_new_captures_and_filters_change_the_rows(results: Results):
    """What is listed follows the state: another search, a filter, no capture left."""
    before = turn(results)
    results.state.filters = {"eo:cloud_cover": [0, 5]}
    assert turn(results) > before
    assert results.shown["eo:cloud_cover"].max() <= 5
    receive(results, "unfilter")
    assert results.state.filters == {}
    results.state.captures = results.state.captures.iloc[:0]
    assert (results.part.state["count"], results.part.state["current"]) == (0, {"key": None, "row": -1})
    assert np.size(results.shown) == 0
