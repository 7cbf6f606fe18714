"""What is searched for, and which limits a search could do without."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest

from _widgets import HARBOUR
from scenecart._geo.area import as_area
from scenecart.widgets._bench.asked import Asked, days_text, last_half_year, limits_of, relaxed, try_each

if TYPE_CHECKING:
    import scenecart
    from scenecart.widgets._bench.drawer import Relaxation

TODAY = dt.date(2026, 11, 27)
NONE = ("2024-03-14", "2024-03-15")


def test_last_half_year_is_the_newest_in_which_the_host_has_captures(client: scenecart.Client):
    """The sandbox's archive ends in 2024: so do the dates. A host without captures gets the half year before today."""
    first, last = last_half_year(client, "aurora", ["aurora-50cm"], TODAY)
    assert last == "2024-12-31"
    assert first == "2024-07-02"
    assert len(client.search("aurora", collections="aurora-50cm", datetime=f"{first}/{last}", limit=1)) == 1
    assert last_half_year(client, "aurora", ["aurora-50cm"], dt.date(2024, 12, 31))[1] == "2024-12-31"
    assert last_half_year(client, "aurora", ["aurora-50cm"], dt.date(1990, 1, 1))[1] == "1990-01-01"


def test_asked_survives_as_json():
    """A search comes back as it was, area and all; anything else is an error."""
    asked = Asked("aurora", ("aurora-50cm",), NONE, as_area(HARBOUR), "Port", "file")
    back = Asked.from_json(asked.to_json())
    assert back.area is not None
    assert back.area.bounds == HARBOUR
    assert (back.host, back.collections, back.dates, back.area_name, back.how) == ("aurora", ("aurora-50cm",), NONE, "Port", "file")
    assert Asked.from_json(Asked("aurora").to_json()) == Asked("aurora")
    with pytest.raises((KeyError, TypeError, ValueError)):
        Asked.from_json({"host": "aurora"})


def test_asked_text_names_area_dates_and_collections():
    """The page of a search without results repeats what was asked."""
    asked = Asked("aurora", ("aurora-50cm",), ("2024-03-14", "2024-03-26"), as_area(HARBOUR), "Port", "file")
    assert asked.text == f"Port, 30.76 km² · {days_text('2024-03-14', '2024-03-26')} · aurora-50cm"
    assert Asked("aurora").text == "aurora"


def test_try_each_counts_wider_dates_and_other_collections(client: scenecart.Client):
    """A search that finds nothing is told what wider dates and other collections would find, and asking so finds it."""
    asked = Asked("aurora", ("aurora-50cm",), NONE, as_area(HARBOUR))
    assert len(client.search("aurora", **asked.criteria)) == 0
    limits = limits_of(asked, ["aurora-30cm", "aurora-50cm"])
    found: dict[int, Relaxation] = {}
    try_each(client, asked, limits, found.__setitem__, lambda: False)
    assert [found[number].kind for number in sorted(found)] == ["dates", "collection"]
    wider = relaxed(asked, found[0])
    assert found[0].count == len(client.search("aurora", **wider.criteria))
    assert found[0].count
    assert relaxed(asked, found[1]).collections == ("aurora-50cm", "aurora-30cm")


def test_try_each_stops_when_the_search_is_over(client: scenecart.Client):
    """Nothing is counted for a search that nobody looks at any more."""
    asked = Asked("aurora", ("aurora-50cm",), NONE, as_area(HARBOUR))
    found: dict[int, Relaxation] = {}
    try_each(client, asked, limits_of(asked, []), found.__setitem__, lambda: True)
    assert found == {}
