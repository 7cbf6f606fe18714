"""The filter panel, by the events of its page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from _widgets import act
from scenecart.widgets import CaptureFilters

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


def drawn(panel: CaptureFilters, name: str) -> dict[str, Any]:
    """Return what the page draws of one filter."""
    found: dict[str, Any] = next(one for one in panel._view.state["facets"] if one["name"] == name)
    return found


def test_filters_moved_handle_sets_the_filter(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """The range of the handles is the filter, their full range is no filter, and so is no choice at all."""
    panel = display(CaptureFilters(captures))
    act(panel._view, "filter", name="eo:cloud_cover", value=[0, 10])
    assert panel.filters == {"eo:cloud_cover": [0.0, 10.0]}
    assert panel._view.state["caption"] == f"{len(panel.filtered):,} of {len(captures):,} left"
    dates = drawn(panel, "datetime")
    assert max(dates["bars"]) == 1.0
    act(panel._view, "filter", name="datetime", value=[dates["low"], dates["low"] + 30])
    assert panel.filters["datetime"][0] == str(captures["datetime"].min().date())
    assert drawn(panel, "datetime")["ends"] == [dates["low"], dates["low"] + 30]
    for name in ("eo:cloud_cover", "datetime"):
        act(panel._view, "filter", name=name, value=None)
    assert panel.filters == {}
    act(panel._view, "filter", name="collection", value=["aurora-30cm"])
    assert set(panel.filtered["collection"]) == {"aurora-30cm"}
    act(panel._view, "filter", name="collection", value=[])
    act(panel._view, "filter", name="gone", value=[0, 1])
    assert panel.filters == {}


def test_filters_reset_removes_all_filters(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """Reset removes every filter, and the handles are at their ends again."""
    panel = display(CaptureFilters(captures))
    panel.filters = {"eo:cloud_cover": [0, 10], "gsd": [0.3, 0.4]}
    assert panel._view.state["active"]
    act(panel._view, "reset")
    cloud = drawn(panel, "eo:cloud_cover")
    assert (panel.filters, len(panel.filtered)) == ({}, len(captures))
    assert cloud["ends"] == [cloud["low"], cloud["high"]]


def test_filters_end_that_was_not_moved_stays_exact(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A filter between the steps stays as Python set it; sums of steps are rounded to what people read."""
    panel = display(CaptureFilters(captures))
    panel.filters = {"gsd": [0.305, 0.5123]}
    assert drawn(panel, "gsd")["ends"] == [0.305, 0.5123]
    act(panel._view, "filter", name="gsd", value=[0.305, 0.1 + 0.2 + 0.2])
    assert panel.filters == {"gsd": [0.305, pytest.approx(0.5, abs=0)]}


def test_filters_keep_their_bars_when_one_is_set(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """Bars count all captures; other captures have other bars."""
    panel = display(CaptureFilters(captures))
    before = drawn(panel, "view:off_nadir")["bars"]
    panel.filters = {"eo:cloud_cover": [0, 1]}
    assert drawn(panel, "view:off_nadir")["bars"] == before
    panel.state.captures = captures.iloc[:0]
    assert panel._view.state["facets"] == []
    panel.state.captures = captures.iloc[:3]
    assert panel._view.state["caption"] == "3 of 3 left"
