"""Clicks in the kernel's thread and jobs in others change the same widgets; nobody sees half of a change."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _widgets import HARBOUR, wait_for
from scenecart.widgets import CaptureMap, CartPanel
from scenecart.widgets._jobs import LOCK, Runner
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import geopandas as gpd


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let threads take turns a thousand times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(5e-6)
    yield
    sys.setswitchinterval(before)


def test_a_timer_that_comes_late_stands_for_nothing_newer():
    """What was asked for last is what is done, though an older request's time had come while the newer one was made."""
    runner, told = Runner(), []
    try:
        with LOCK:
            runner.later("price", 0.01, lambda _: "old", told.append, told.append)
            time.sleep(0.2)
            runner.later("price", 0.05, lambda _: "new", told.append, told.append)
        wait_for(lambda: told)
        assert told == ["new"]
        assert not runner.is_busy("price")
    finally:
        runner.close()


@pytest.mark.usefixtures("hurried")
def test_captures_arrive_while_they_are_filtered(found: gpd.GeoDataFrame):
    """While a search adds captures, filters set and frames read in another thread fit each other."""
    state = CaptureState(found.iloc[:1])
    failed: list[BaseException] = []

    def arrive() -> None:
        try:
            for start in range(1, 150):
                state.add(found.iloc[start : start + 1])
        except BaseException as error:  # noqa: BLE001  # told below
            failed.append(error)

    adding = threading.Thread(target=arrive)
    adding.start()
    while adding.is_alive():
        if any(facet.name == "eo:cloud_cover" for facet in state.facets):
            state.filters = {"eo:cloud_cover": [0, 50]}
            assert (state.filtered["eo:cloud_cover"] <= 50.1).all()
        state.select(state.labels([0]), "toggle")
        assert len(state.selected) == len(state.selection)
    adding.join()
    assert not failed
    assert len(state.keep) == len(state.captures) == 150


@pytest.mark.usefixtures("hurried")
def test_the_selection_that_is_drawn_is_the_newest(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A map that is drawn anew in the moment of a click shows what that click selected."""
    picker = shown(CaptureMap(found, HARBOUR, basemap="none"))
    wait_for(lambda: not picker.map._runner.is_busy(f"view-{id(picker.map)}"))
    first = picker.state.labels([0])
    for turn in range(400):
        # what a drawing ends with
        drawing = threading.Thread(target=picker.map._show_chosen, args=(None,))
        drawing.start()
        picker.state.selection = first if turn % 2 else ()
        drawing.join()
        assert len(picker.map._chosen.data["features"]) == turn % 2


def test_what_is_bought_is_what_was_asked_about(analyst: scenecart.Client, found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A price that comes in while the button is pressed is not bought: the question told of another."""
    whole = found[scenecart.coverage(found, HARBOUR) > 0.9].iloc[:2]
    panel = shown(CartPanel(analyst, whole.iloc[:1], HARBOUR))
    asked = wait_for(lambda: panel.estimate)
    dearer = analyst.cart(whole, HARBOUR).estimate()
    panel._confirm(asked=True)
    with panel.hold_trait_notifications():
        panel.estimate = dearer
        panel._yes.click()
    wait_for(lambda: panel.order)
    assert panel.order.total_credits == asked.total_credits < dearer.total_credits
