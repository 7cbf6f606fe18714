"""What the left column and the drawer of the Workbench show, from what is asked for and what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.widgets._area_input import AREA_FILES
from scenecart.widgets._bench.ask import filters_state, when_state
from scenecart.widgets._bench.drawer import limits_state

if TYPE_CHECKING:
    from scenecart.widgets._bench.searching import Searching
    from scenecart.widgets._state import CaptureState

_TAKEN = "datetime"


def ask_state(searching: Searching, state: CaptureState, error: str) -> dict[str, Any]:
    """Return the state of the left column."""
    asked = searching.asked
    return {
        "files": AREA_FILES,
        "where": {"text": asked.area_text, "how": asked.how, "error": error},
        "when": _when(searching, state),
        "what": {
            "hosts": [{"name": name, "collections": known} for name, known in searching.collections.items()],
            "host": asked.host,
            "collections": list(asked.collections),
        },
        "search": search_button(searching, has_found=bool(len(state.captures))),
        "filters": filters_state(state, was_searched=searching.searched is not None),
    }


def drawer_state(searching: Searching, state: CaptureState) -> dict[str, Any]:
    """Return what the drawer shows besides the results: how many there are, or why there are none."""
    searched = searching.searched
    if len(state.captures):
        blank = ""
    elif searching.is_searching:
        blank = "searching"
    else:
        blank = "first" if searched is None else "none"
    return {
        "results": None if searched is None else int(state.keep.sum()),
        "blank": blank,
        "asked": "" if searched is None else searched.text,
        "limits": limits_state(searching.limits),
    }


def search_button(searching: Searching, *, has_found: bool) -> dict[str, Any]:
    """Return the label of the button that searches, and whether it does anything; it is the next step after a new area."""
    if searching.is_searching:
        return _button("Searching…", "Captures are arriving", enabled=False)
    if searching.searched is None:
        return _button("" if searching.asked.area is None else "Search this area", "Search the catalog of this provider", main=True)
    if searching.is_area_changed:
        return _button("Search the new area", "The area differs from the one searched for", main=True)
    if searching.is_changed or not has_found:
        return _button("Search again", "Search with these dates and collections")
    return _button("Search this area", "Nothing has changed since the last search", enabled=False)


def _button(label: str, hint: str, *, enabled: bool = True, main: bool = False) -> dict[str, Any]:
    return {"label": label, "hint": hint, "enabled": enabled, "main": main}


def _when(searching: Searching, state: CaptureState) -> dict[str, Any]:
    dates, searched = searching.dates, searching.searched
    first, last = state.filters.get(_TAKEN, dates)
    axis = dates if searched is None or searched.dates is None else searched.dates
    is_default = searching.asked.dates is None and searched is None
    has_times = len(state.captures) and _TAKEN in state.captures.columns
    shown = when_state(
        (first, last),
        (min(axis[0], dates[0]), max(axis[1], dates[1])),
        state.values(_TAKEN) if has_times else None,
        is_default=is_default,
    )
    return shown if searching.has_dates or not searching.asked.host else {**shown, "says": "looking for the newest captures…"}
