"""The state of the left column and of the drawer, as the page draws it: from the request and the captures found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.widgets._area_input import AREA_FILES
from scenecart.widgets._bench.relaxations import relaxations_state
from scenecart.widgets._bench.search_form import filters_state, when_state

if TYPE_CHECKING:
    from scenecart.widgets._bench.background_search import BackgroundSearch
    from scenecart.widgets._state import CaptureState

_TAKEN = "datetime"


def search_form_state(search: BackgroundSearch, state: CaptureState, error: str) -> dict[str, Any]:
    """Return the state of the left column."""
    request = search.request
    return {
        "files": AREA_FILES,
        "where": {"text": request.area_text, "how": request.how, "error": error},
        "when": _when(search, state),
        "what": {
            "hosts": [{"name": name, "collections": known} for name, known in search.collections.items()],
            "host": request.host,
            "collections": list(request.collections),
        },
        "search": search_button(search, has_found=bool(len(state.captures))),
        "filters": filters_state(state, was_searched=search.searched is not None),
    }


def drawer_state(search: BackgroundSearch, state: CaptureState) -> dict[str, Any]:
    """Return what the drawer shows besides the results: how many there are, or why there are none."""
    searched = search.searched
    if len(state.captures):
        blank = ""
    elif search.is_searching:
        blank = "searching"
    else:
        blank = "first" if searched is None else "none"
    return {
        "results": None if searched is None else int(state.keep.sum()),
        "blank": blank,
        "asked": "" if searched is None else searched.text,
        "limits": relaxations_state(search.limits),
    }


def search_button(search: BackgroundSearch, *, has_found: bool) -> dict[str, Any]:
    """Return the label of the button that searches, and whether it does anything; it is the next step after a new area."""
    if search.is_searching:
        return _button("Searching…", "Captures are arriving", enabled=False)
    if search.searched is None:
        return _button("" if search.request.area is None else "Search this area", "Search the catalog of this provider", main=True)
    if search.is_area_changed:
        return _button("Search the new area", "The area differs from the one searched for", main=True)
    if search.is_changed or not has_found:
        return _button("Search again", "Search with these dates and collections")
    return _button("Search this area", "Nothing has changed since the last search", enabled=False)


def _button(label: str, hint: str, *, enabled: bool = True, main: bool = False) -> dict[str, Any]:
    return {"label": label, "hint": hint, "enabled": enabled, "main": main}


def _when(search: BackgroundSearch, state: CaptureState) -> dict[str, Any]:
    dates, searched = search.dates, search.searched
    first, last = state.filters.get(_TAKEN, dates)
    axis = dates if searched is None or searched.dates is None else searched.dates
    is_default = search.request.dates is None and searched is None
    has_times = len(state.captures) and _TAKEN in state.captures.columns
    shown = when_state(
        (first, last),
        (min(axis[0], dates[0]), max(axis[1], dates[1])),
        state.values(_TAKEN) if has_times else None,
        is_default=is_default,
    )
    return shown if search.has_dates or not search.request.host else {**shown, "caption": "looking for the newest captures…"}
