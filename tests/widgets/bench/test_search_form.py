"""The left column of the Workbench: dates, bars and filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from _widgets import HARBOUR
from scenecart.widgets._bench.search_form import SearchForm, checked_dates, filters_state, heights, hidden_owned, when_state
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    import geopandas as gpd


def test_filters_state_before_a_search_has_the_same_filters_without_bars(captures: gpd.GeoDataFrame):
    """Nothing jumps when captures arrive: the filters are there before, pale."""
    before = filters_state(CaptureState(no_captures()), was_searched=False)
    assert before["off"]
    assert all(one["bars"] == [] for one in before["facets"])
    after = filters_state(CaptureState(captures, HARBOUR), was_searched=True)
    assert not after["off"]
    shown = {one["name"] for one in after["facets"]}
    assert shown <= {one["name"] for one in before["facets"]}
    assert {"eo:cloud_cover", "view:off_nadir", "coverage"} <= shown
    assert "platform" in {one["name"] for one in after["more"]}


def test_filters_state_shows_what_is_filtered(captures: gpd.GeoDataFrame):
    """A filter's range, its text and the number of captures that are left follow the state."""
    state = CaptureState(captures, HARBOUR)
    state.filters = {"eo:cloud_cover": [0.0, 30.0], "platform": ["aurora-1"]}
    shown = filters_state(state, was_searched=True)
    cloud = next(one for one in shown["facets"] if one["name"] == "eo:cloud_cover")
    platform = next(one for one in shown["more"] if one["name"] == "platform")
    assert cloud["ends"] == [0.0, 30.0]
    assert [option["name"] for option in platform["options"] if option["on"]] == ["aurora-1"]
    assert shown["caption"].startswith(f"{len(state.filtered):,} of")
    assert shown["active"]


def test_filters_state_owned_captures_are_counted_and_hidden(captures: gpd.GeoDataFrame):
    """Captures that are owned, or may be, are hidden by one click; less than a tenth does not count."""
    some = captures.head(4).assign(owned=[1.0, np.nan, 0.05, 0.0])
    state = CaptureState(some, HARBOUR)
    assert filters_state(state, was_searched=True)["owned"] == {"count": 2, "on": False}
    state.filters = {"owned": hidden_owned()}
    assert state.filtered["owned"].tolist() == [0.05, 0.0]
    assert filters_state(state, was_searched=True)["owned"] == {"count": 2, "on": True}


def test_when_state_has_bars_only_of_known_captures():
    """Before captures are known there are no bars; then there is one for each part of the time."""
    dates = ("2024-01-01", "2024-06-30")
    assert when_state(dates, dates, None, is_default=True)["bars"] == []
    bars = when_state(dates, dates, np.array([19_723.0, 19_723.5, np.nan]), is_default=False)["bars"]
    assert len(bars) == 26
    assert bars[0] == 1.0
    assert sum(bars) == 1.0


def test_heights_of_nothing_are_flat():
    """No values, or a range of one value, give a flat line instead of an error."""
    assert set(heights(np.array([]), 0, 1)) == {0.0}
    assert set(heights(np.array([5.0]), 5, 5)) == {0.0}


def test_checked_dates_are_sorted_and_other_texts_refused():
    """Dates from the page are in order; what is no date is nothing."""
    assert checked_dates("2024-06-30", "2024-01-01") == ("2024-01-01", "2024-06-30")
    assert checked_dates("yesterday", "2024-01-01") is None
    assert checked_dates(None, None) is None


def test_search_form_is_empty_until_it_is_drawn():
    """The part has no state of its own."""
    part = SearchForm()
    assert part.state == {}
    part.close()
