"""Choosing the area of the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _expect import raises
from _widgets import HARBOUR
from scenecart.exceptions import InvalidArea
from scenecart.widgets._base import close_all
from scenecart.widgets._bench.area_choice import AreaChoice
from scenecart.widgets._bench.background_search import BackgroundSearch
from scenecart.widgets._bench.footer import Footer
from scenecart.widgets._bench.map import BenchMap
from scenecart.widgets._bench.pending_filters import PendingFilters
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    from collections.abc import Iterator

    import scenecart


@pytest.fixture
def choice(client: scenecart.Client) -> Iterator[AreaChoice]:
    """Return the choice of a map without captures."""
    state, runner, footer = CaptureState(no_captures()), Runner(1), Footer()
    shown = BenchMap(state, runner, client, basemap="none", bounds=(150.0, -90.0, 152.0, -30.0), notify=lambda _: None)
    searching = BackgroundSearch(
        client, state, runner, replace_captures=lambda _: None, changed=lambda: None, failed=lambda error: pytest.fail(str(error))
    )
    yield AreaChoice(state, searching, PendingFilters(state, lambda: False), shown, footer)
    runner.close()
    shown.release()
    close_all(shown.view)
    footer.close()


def test_area_choice_sets_what_is_asked_for_and_says_it(choice: AreaChoice):
    """A place, a box, a drawn polygon, a file and the view of the map become the area, each with where it comes from."""
    choice.type("Sydney")
    assert choice._search.request.area_name == "Sydney"
    assert "Sydney" in choice._footer.state["message"]
    choice.type("151.18 -33.99 151.24 -33.94")
    assert choice._state.aoi.bounds == HARBOUR
    assert (choice._search.request.how, choice.is_fitting) == ("typed", True)
    choice.draw([[1, 1], [2, 1], [2, 2]])
    assert (choice._search.request.how, choice.is_fitting) == ("drawn", False)
    choice.load("dam.geojson", b'{"type": "Polygon", "coordinates": [[[1, 1], [2, 1], [2, 2], [1, 1]]]}')
    assert choice._search.request.area_name == "dam"
    choice.use_view()
    assert choice._state.aoi.bounds == (150.0, -85.0, 152.0, -30.0), "what a map of the web can show"
    choice.set(None)
    assert choice._state.aoi is None


def test_area_choice_text_that_is_no_area_changes_nothing(choice: AreaChoice):
    """A text that is no area is an error, and the former area stays."""
    choice.type("151.18 -33.99 151.24 -33.94")
    with raises(InvalidArea, "area_missing"):
        choice.type(" ")
    assert choice._state.aoi.bounds == HARBOUR
