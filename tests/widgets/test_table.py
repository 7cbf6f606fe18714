"""The table of captures, by the messages that its grid sends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from _widgets import world_captures
from scenecart.widgets import CaptureTable

if TYPE_CHECKING:
    from collections.abc import Callable


def test_table_sorts_searches_and_sends_a_window(display: Callable[[Any], Any]):
    """Of 100,000 rows the browser receives those in view; sorting and searching cover all rows."""
    captures = world_captures(100_000)
    table = display(CaptureTable(captures))
    assert table._grid.count == 100_000
    table._receive(None, {"kind": "window", "start": 50_000, "size": 40}, None)
    assert [cells[0] for cells in table._grid.view["rows"]] == [f"c{number}" for number in range(50_000, 50_040)]
    assert len(json.dumps(table._grid.view)) < 20_000
    table._receive(None, {"kind": "sort", "column": "eo:cloud_cover"}, None)
    assert table.shown["eo:cloud_cover"].is_monotonic_increasing
    table._receive(None, {"kind": "sort", "column": "eo:cloud_cover"}, None)
    assert table.shown["eo:cloud_cover"].is_monotonic_decreasing
    table.search = "c9999"
    assert set(table.shown["id"]) == {"c9999", *(f"c9999{digit}" for digit in range(10))}
    table._receive(None, {"kind": "all"}, None)
    assert len(table.state.selection) == 11
    table._receive(None, {"kind": "pick", "row": 2, "how": "replace"}, None)
    table._receive(None, {"kind": "pick", "row": 5, "how": "span"}, None)
    assert list(table.state.selection) == table.shown.index[2:6].tolist()
    table._receive(None, {"kind": "none"}, None)
    assert table.state.selection == ()


def test_table_selection_sends_no_rows_again(display: Callable[[Any], Any]):
    """A click sends the numbers of the selected rows of the window, and not the rows; a new window sends both."""
    table = display(CaptureTable(world_captures(1_000)))
    sent: list[Any] = []
    table._grid.observe(lambda change: sent.append(change["name"]), ["view", "selected", "columns", "count"])
    table._picker.receive({"kind": "pick", "row": 3, "how": "replace"})
    table._picker.receive({"kind": "pick", "row": 5, "how": "toggle"})
    assert sent == ["selected", "selected"]
    assert table._grid.selected == [3, 5]
    table._receive(None, {"kind": "window", "start": 4, "size": 40}, None)
    assert (table._grid.view["start"], table._grid.selected) == (4, [5])


def test_table_selection_outside_the_window_is_revealed(display: Callable[[Any], Any]):
    """A row that another panel selects beyond the window is scrolled into view."""
    table = display(CaptureTable(world_captures(1_000)))
    table.state.selection = (700,)
    assert table._grid.reveal == 700
    assert table._grid.selected == []


def test_table_fewer_captures_keep_the_remaining_selection(display: Callable[[Any], Any]):
    """Fewer captures replace a selection's rows without an error; the selected rows that remain stay selected."""
    captures = world_captures(100)
    table = display(CaptureTable(captures))
    table.state.selection = (5, 50)
    table.state.captures = captures.iloc[:10]
    assert (table.state.selection, table._grid.selected, table._grid.count) == ((5,), [5], 10)


def test_table_empty_has_a_text_for_each_reason(display: Callable[[Any], Any]):
    """No captures, no matching filter and no search result have different texts."""
    table = display(CaptureTable(world_captures(3)))
    texts = []
    table.search = "nowhere"
    texts.append(table._grid.nothing)
    table.search = ""
    table.state.filters = {"eo:cloud_cover": [100, 100]}
    texts.append(table._grid.nothing)
    assert len(table.shown) == 0
    table.state.captures = table.state.captures.iloc[:0]
    texts.append(table._grid.nothing)
    assert len(set(texts)) == 3
    assert all(texts)


def test_table_missing_values_are_empty_and_times_are_utc(display: Callable[[Any], Any]):
    """Missing values are empty cells, and times are UTC."""
    captures = gpd.GeoDataFrame(
        {"id": ["a", None], "datetime": pd.to_datetime(["2024-01-02T03:04:05+02:00", None], utc=True), "gsd": [0.5, None]},
        geometry=[shapely.box(0, 0, 1, 1)] * 2,
        crs=4326,
    )
    table = display(CaptureTable(captures))
    assert table._grid.view["rows"] == [["a", "2024-01-02 01:04", "0.50"], ["", "", ""]]


def test_table_marked_captures_have_a_sign(display: Callable[[Any], Any]):
    """The share that is owned has its column, which sorts; a share that is not known may be owned."""
    captures = world_captures(4).assign(owned=[0.0, 1.0, float("nan"), 0.716], owned_by=[[], ["a"], ["b"], ["c"]])
    table = display(CaptureTable(captures))
    assert [column["title"] for column in table._grid.columns][-1] == "Owned"
    assert [cells[-1] for cells in table._grid.view["rows"]] == ["–", "100 % owned", "perhaps owned", "71 % owned"]
    table.sort = ("owned", True)
    assert table.shown["id"].tolist() == ["c1", "c3", "c0", "c2"]


def test_table_of_ranges_of_time_displays_and_sorts_them():
    """A capture with a start and an end, and no datetime, has its days in the column of times, and is sorted by the start."""
    captures = gpd.GeoDataFrame(
        {
            "id": ["late", "early", "never"],
            "start_datetime": pd.to_datetime(["2024-03-01", "2024-02-01", None], utc=True),
            "end_datetime": pd.to_datetime(["2024-03-28", "2024-02-01", None], utc=True),
        },
        geometry=[shapely.box(0, 0, 1, 1)] * 3,
        crs=4326,
    )
    table = CaptureTable(captures)
    place = [column["name"] for column in table._grid.columns].index("datetime")
    assert [row[place] for row in table._grid.view["rows"]] == ["2024-03-01 – 2024-03-28", "2024-02-01 00:00", ""]
    table.sort = ("datetime", False)
    assert table.shown["id"].tolist() == ["early", "late", "never"]


def test_table_marks_the_capture_that_is_looked_at(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """The row under the pointer is that of the map and the gallery, and of whatever is looked at elsewhere, in every order."""
    table = display(CaptureTable(captures))
    table._receive(None, {"kind": "current", "row": 3}, [])
    assert table.state.current == captures.index[3]
    table.state.current = captures.index[7]
    assert table._grid.current == 7
    table.sort = ("id", True)
    assert table.shown.index[table._grid.current] == captures.index[7]
    table.search = "no such id"
    assert table._grid.current == -1
    table._receive(None, {"kind": "current", "row": 99}, [])
    assert table.state.current == captures.index[7]
