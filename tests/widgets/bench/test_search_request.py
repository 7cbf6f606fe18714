"""What is searched for, in a form that can be saved and described."""

from __future__ import annotations

import pytest

from _widgets import HARBOUR
from scenecart._geo.area import as_area
from scenecart.widgets._bench.search_request import SearchRequest, days_text

NONE = ("2024-03-14", "2024-03-15")


def test_search_request_survives_as_json():
    """A search comes back as it was, area and all; anything else is an error."""
    request = SearchRequest("aurora", ("aurora-50cm",), NONE, as_area(HARBOUR), "Port", "file")
    back = SearchRequest.from_json(request.to_json())
    assert back.area is not None
    assert back.area.bounds == HARBOUR
    assert (back.host, back.collections, back.dates, back.area_name, back.how) == ("aurora", ("aurora-50cm",), NONE, "Port", "file")
    assert SearchRequest.from_json(SearchRequest("aurora").to_json()) == SearchRequest("aurora")
    with pytest.raises((KeyError, TypeError, ValueError)):
        SearchRequest.from_json({"host": "aurora"})


def test_search_request_text_names_area_dates_and_collections():
    """The page of a search without results repeats what was asked."""
    request = SearchRequest("aurora", ("aurora-50cm",), ("2024-03-14", "2024-03-26"), as_area(HARBOUR), "Port", "file")
    assert request.text == f"Port, 30.76 km² · {days_text('2024-03-14', '2024-03-26')} · aurora-50cm"
    assert SearchRequest("aurora").text == "aurora"
