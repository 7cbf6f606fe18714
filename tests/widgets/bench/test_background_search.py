"""Searches of the Workbench, without its parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

import scenecart
from _expect import raises
from _widgets import HARBOUR, wait_for
from scenecart._geo.area import as_area
from scenecart.widgets._bench.background_search import BackgroundSearch
from scenecart.widgets._bench.catalogs import listed_hosts
from scenecart.widgets._bench.page_state import drawer_state, search_button, search_form_state
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    from collections.abc import Iterator

DATES = ("2024-01-01", "2024-06-30")


@pytest.fixture
def searching(client: scenecart.Client) -> Iterator[BackgroundSearch]:
    """Return a search of the harbour that has not begun."""
    state, runner, errors = CaptureState(no_captures(), HARBOUR), Runner(), []
    made = BackgroundSearch(
        client,
        state,
        runner,
        replace_captures=lambda found: setattr(state, "captures", found),
        changed=lambda: None,
        failed=errors.append,
    )
    made.errors = errors  # type: ignore[attr-defined]  # for the tests alone
    made.collections = listed_hosts(client)
    made.request = replace(made.request, host="aurora", collections=("aurora-50cm",), area=as_area(HARBOUR))
    yield made
    runner.close()


def _search(searching: BackgroundSearch) -> CaptureState:
    searching.search()
    wait_for(lambda: not searching.is_searching)
    return searching._state


def test_search_default_dates_find_captures(searching: BackgroundSearch):
    """A search without dates is one of the last half year with captures."""
    state = _search(searching)
    assert len(state.captures) > 0
    assert searching.searched is not None
    assert searching.searched.dates is not None
    assert searching.searched.dates[1] == "2024-12-31"
    assert not searching.is_changed


def test_search_nothing_found_counts_what_would_help(searching: BackgroundSearch):
    """A search that finds nothing counts each limit, and searching without one of them finds captures."""
    searching.change(dates=("2024-03-14", "2024-03-15"))
    state = _search(searching)
    assert drawer_state(searching, state)["blank"] == "none"
    wait_for(lambda: searching.limits and all(limit.count is not None for limit in searching.limits))
    assert search_button(searching, has_found=False)["enabled"]
    searching.relax(0)
    wait_for(lambda: len(state.captures) and not searching.is_searching)


def test_search_what_was_found_stays_when_a_search_fails(searching: BackgroundSearch):
    """An error of the service takes nothing away."""
    searching.change(dates=DATES)
    state = _search(searching)
    found = len(state.captures)
    searching.change(host="nowhere", collections=("c",))
    _search(searching)
    assert [error.code for error in searching.errors] == ["host_not_found"]  # type: ignore[attr-defined]  # as above
    assert len(state.captures) == found


def test_search_without_host_is_refused(searching: BackgroundSearch):
    """A search needs a host."""
    searching.request = replace(searching.request, host="")
    with raises(scenecart.InvalidQuery, "host_missing"):
        searching.search()


def test_search_button_says_what_has_changed(searching: BackgroundSearch):
    """After a search the button does nothing until something changes, and names what."""
    searching.change(dates=DATES)
    _search(searching)
    assert not search_button(searching, has_found=True)["enabled"]
    searching.change(collections=("aurora-30cm",))
    again = search_button(searching, has_found=True)
    assert again["enabled"]
    assert not again["main"]
    searching.change(area=as_area((151.1, -33.9, 151.2, -33.8)))
    assert search_button(searching, has_found=True)["main"]


def test_search_dates_within_those_found_are_a_filter(searching: BackgroundSearch):
    """Fewer days of what was found need no search; more days do."""
    searching.change(dates=DATES)
    assert searching.date_filter(("2024-02-01", "2024-02-28")) is None
    _search(searching)
    assert searching.date_filter(("2024-02-01", "2024-02-28")) == ["2024-02-01", "2024-02-28"]
    assert searching.date_filter(("2023-02-01", "2024-02-28")) is None


def test_search_form_state_is_plain_json(searching: BackgroundSearch):
    """The state of the left column has the request, and the bars of what was found."""
    searching.change(dates=DATES)
    state = _search(searching)
    shown = search_form_state(searching, state, "")
    assert shown["where"]["text"].endswith("km²")
    assert sum(shown["when"]["bars"]) > 0
    assert shown["what"]["host"] == "aurora"
    assert shown["filters"]["facets"]
