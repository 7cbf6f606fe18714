"""The filter panel, by the traits that sliders and lists set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scenecart.widgets import CaptureFilters

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


def test_filters_moved_slider_sets_the_filter(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """The range of a slider is the filter, and its full range is no filter."""
    panel = display(CaptureFilters(captures))
    slider = panel._controls["eo:cloud_cover"]._input
    slider.value = (0, 10)
    assert panel.filters == {"eo:cloud_cover": [0.0, 10.0]}
    assert f"{len(panel.filtered):,} of {len(captures):,}" in panel._count.value
    dates = panel._controls["datetime"]._input
    dates.value = (dates.min, dates.min + 30)
    assert panel.filters["datetime"][0] == str(captures["datetime"].min().date())
    slider.value, dates.value = (slider.min, slider.max), (dates.min, dates.max)
    assert panel.filters == {}
    chooser = panel._controls["collection"]._input
    chooser.value = ("aurora-30cm",)
    assert set(panel.filtered["collection"]) == {"aurora-30cm"}


def test_filters_reset_removes_all_filters(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """Reset removes every filter, and each slider shows its full range again."""
    panel = display(CaptureFilters(captures))
    panel.filters = {"eo:cloud_cover": [0, 10], "gsd": [0.3, 0.4]}
    panel.reset()
    slider = panel._controls["eo:cloud_cover"]._input
    assert (panel.filters, len(panel.filtered)) == ({}, len(captures))
    assert slider.value == (slider.min, slider.max)


def test_filters_range_rounded_by_browser_keeps_the_filter(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A filter between a slider's steps stays as Python set it, though a browser sends back the nearest step; a move counts."""
    panel = display(CaptureFilters(captures))
    slider = panel._controls["view:off_nadir"]._input
    step = slider.step
    low, high = slider.min + 6.66 * step, slider.min + 20.3 * step
    panel.filters = {"view:off_nadir": [low, high]}
    kept = len(panel.filtered)
    slider.set_state({"value": [slider.min + 7 * step, slider.min + 20 * step]})
    assert panel.filters == {"view:off_nadir": [low, high]}
    assert len(panel.filtered) == kept
    slider.set_state({"value": [slider.min + 7 * step, slider.min + 21 * step]})
    assert panel.filters == {"view:off_nadir": [low, pytest.approx(slider.min + 21 * step)]}
    # no value is sent back that would move a handle which moves on meanwhile
    assert slider.value == (slider.min + 7 * step, slider.min + 21 * step)
    slider.set_state({"value": [slider.min + 6 * step, slider.min + 21 * step]})
    assert panel.filters["view:off_nadir"][0] == pytest.approx(slider.min + 6 * step)
