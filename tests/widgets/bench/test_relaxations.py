"""Which limits a search could do without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _widgets import HARBOUR
from scenecart._geo.area import as_area
from scenecart.widgets._bench.relaxations import Relaxation, count_each, relaxations_of, relaxations_state, relaxed
from scenecart.widgets._bench.search_request import SearchRequest

if TYPE_CHECKING:
    import scenecart

NONE = ("2024-03-14", "2024-03-15")


def test_relaxations_state_first_that_helps_has_the_main_button():
    """The first limit that helps is the next step; one that would not help has no button; one being counted says so."""
    limits = [
        Relaxation("dates", "The dates", "Widen", ("a", "b"), 0),
        Relaxation("collection", "Another", "Add x", "x", 1),
        Relaxation("collection", "Another", "Add y", "y", 500, is_least=True),
        Relaxation("collection", "Another", "Add z", "z"),
    ]
    shown = relaxations_state(limits)
    assert [one["main"] for one in shown] == [False, True, False, False]
    assert [one["helps"] for one in shown] == [False, True, True, True]
    assert [f"{one['count']} {one['word']}" for one in shown] == ["0 captures", "1 capture", "500+ captures", "… captures"]


def test_count_each_counts_wider_dates_and_other_collections(client: scenecart.Client):
    """A search that finds nothing is told what wider dates and other collections would find, and asking so finds it."""
    request = SearchRequest("aurora", ("aurora-50cm",), NONE, as_area(HARBOUR))
    assert len(client.search("aurora", **request.criteria)) == 0
    limits = relaxations_of(request, ["aurora-30cm", "aurora-50cm"])
    found: dict[int, Relaxation] = {}
    count_each(client, request, limits, found.__setitem__, lambda: False)
    assert [found[number].kind for number in sorted(found)] == ["dates", "collection"]
    wider = relaxed(request, found[0])
    assert found[0].count == len(client.search("aurora", **wider.criteria))
    assert found[0].count
    assert relaxed(request, found[1]).collections == ("aurora-50cm", "aurora-30cm")


def test_count_each_stops_when_the_search_is_over(client: scenecart.Client):
    """Nothing is counted for a search that nobody looks at any more."""
    request = SearchRequest("aurora", ("aurora-50cm",), NONE, as_area(HARBOUR))
    found: dict[int, Relaxation] = {}
    count_each(client, request, relaxations_of(request, []), found.__setitem__, lambda: True)
    assert found == {}
