"""The map of the Workbench: what is sent to the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from _widgets import HARBOUR, wait_for, world_captures
from scenecart.widgets._base import close_all
from scenecart.widgets._bench.map import BenchMap, colour_classes, current_row, land
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    from collections.abc import Iterator

    import geopandas as gpd

    import scenecart


class _Sent:
    """The messages that a part sends."""

    def __init__(self, shown: BenchMap) -> None:
        self.messages: list[tuple[dict[str, Any], list[bytes]]] = []
        shown.part.send = lambda content, buffers=None: self.messages.append((content, list(buffers or [])))

    def of(self, kind: str) -> list[tuple[dict[str, Any], list[bytes]]]:
        return [message for message in self.messages if message[0]["kind"] == kind]


@pytest.fixture
def shown(client: scenecart.Client) -> Iterator[BenchMap]:
    """Return the map of a state without captures."""
    runner = Runner()
    made = BenchMap(
        CaptureState(no_captures()),
        runner,
        client,
        basemap="none",
        bounds=None,
        notify=lambda _: None,
    )
    yield made
    runner.close()
    made.release()
    close_all(made.view)


def test_map_sends_footprints_once_and_then_those_that_were_added(shown: BenchMap, captures: gpd.GeoDataFrame):
    """Captures that arrive later are sent alone, and other captures from the first on."""
    sent, state = _Sent(shown), shown._state
    some = captures.reset_index(drop=True)
    state.captures = some.iloc[:10]
    shown.show_captures()
    state.add(some.iloc[10:15])
    shown.show_captures()
    state.captures = some.iloc[20:30]
    shown.show_captures()
    starts = [content["start"] for content, _ in sent.of("shapes")]
    owners = [np.frombuffer(buffers[0], "uint32").tolist() for _, buffers in sent.of("shapes")]
    assert starts == [0, 10, 0]
    assert [set(rows) for rows in owners] == [set(range(10)), set(range(10, 15)), set(range(10))]
    assert len(np.frombuffer(sent.of("rows")[-1][1][0], "uint8")) == 10


def test_map_sends_which_captures_match_and_their_colour(shown: BenchMap, captures: gpd.GeoDataFrame):
    """Filters change numbers of rows alone; no footprint is sent again."""
    sent, state = _Sent(shown), shown._state
    state.captures = captures
    shown.show_captures()
    state.filters = {"eo:cloud_cover": [0.0, 10.0]}
    shown.draw_rows()
    keep, classes, _ = (np.frombuffer(one, "uint8") for one in sent.of("rows")[-1][1])
    assert keep.sum() == len(state.filtered)
    assert classes.max() <= 4
    assert len(sent.of("shapes")) == 1
    assert shown.part.state["colour"] == "eo:cloud_cover"


def test_map_page_that_is_opened_later_gets_everything(shown: BenchMap, captures: gpd.GeoDataFrame):
    """A page that is reloaded, or loads slowly, gets land, footprints, area and the current capture."""
    state = shown._state
    state.captures, state.aoi = captures, HARBOUR
    shown.show_captures()
    state.current = captures.index[3]
    sent = _Sent(shown)
    shown.part._handle_custom_msg({"kind": "$shown"}, [])
    shown.send_land()
    assert [content["kind"] for content, _ in sent.messages] == ["shapes", "rows", "area", "current", "land"]
    assert sent.of("current")[0][0]["row"] == 3


def test_map_lists_captures_that_overlap_at_a_click(shown: BenchMap, captures: gpd.GeoDataFrame):
    """Captures at one place are listed with their dates; one alone, and nonsense of a page, list nothing."""
    state = shown._state
    state.captures = captures.head(5)
    shown.show_captures()
    shown.show_stack([1, 3, 99, "2"])
    assert {line["row"] for line in shown.part.state["stack"]} == {1, 3}
    times = [state.captures["datetime"].iloc[line["row"]] for line in shown.part.state["stack"]]
    assert times == sorted(times, reverse=True), "the newest first"
    assert all(line["day"] and line["cloud"].endswith("%") for line in shown.part.state["stack"])
    for nonsense in ([1], None, "13"):
        shown.show_stack(nonsense)
        assert shown.part.state["stack"] == []
    shown.show_stack([0, 1])
    state.captures = captures.iloc[5:9]
    shown.show_captures()
    assert shown.part.state["stack"] == []


def test_map_sends_the_picture_of_a_capture_where_it_lies(shown: BenchMap, captures: gpd.GeoDataFrame):
    """The quicklook of a row is sent as WEBP, with its bounds; a row that is not there is ignored."""
    sent, state, errors = _Sent(shown), shown._state, []
    state.captures = captures.head(2)
    shown.send_picture(99, errors.append)
    shown.send_picture("1", errors.append)
    shown.send_picture(1, errors.append)
    ((content, buffers),) = wait_for(lambda: sent.of("picture"))
    (south, west), (north, east) = content["bounds"]
    bounds = captures.geometry.iloc[1].bounds
    assert (west, south) == pytest.approx(bounds[:2], abs=0.05)
    assert (east, north) == pytest.approx(bounds[2:], abs=0.05)
    assert buffers[0][8:12] == b"WEBP"
    assert errors == []


def test_colour_classes_span_what_is_filtered():
    """Cloud has steps of 5 %; other colours span the captures that match; a missing value has a class of its own."""
    captures = world_captures(4).assign(**{"eo:cloud_cover": [0.0, 7.0, 99.0, np.nan], "gsd": [0.3, 0.4, 0.5, 9.0]})
    state = CaptureState(captures)
    assert colour_classes(state, "eo:cloud_cover")[0].tolist() == [0, 1, 4, 5]
    state.filters = {"gsd": [0.3, 0.5]}
    classes, ends = colour_classes(state, "gsd")
    assert classes.tolist() == [0, 2, 4, 4]
    assert ends == ["0.3", "0.5"]
    assert colour_classes(state, "")[1] is None


def test_map_many_captures_are_sent_as_numbers(shown: BenchMap):
    """200,000 footprints are one message of a few megabytes."""
    sent = _Sent(shown)
    shown._state.captures = world_captures(200_000)
    shown.show_captures()
    ((_, buffers),) = sent.of("shapes")
    assert len(buffers[0]) == 4 * 200_000
    assert sum(map(len, buffers)) < 12_000_000


def test_current_row_without_one_is_none(captures: gpd.GeoDataFrame):
    """Without a current capture there is no row."""
    assert current_row(CaptureState(captures)) is None


def test_land_has_the_coast_and_cities():
    """The outline of the land has islands and cities, so that an area can be placed without tiles."""
    sizes, corners, places = land()
    assert np.frombuffer(sizes, "uint32").sum() * 16 == len(corners)
    assert len(np.frombuffer(sizes, "uint32")) > 1_000
    assert {"Sydney", "Ōsaka"} <= {place[0] for place in places}
