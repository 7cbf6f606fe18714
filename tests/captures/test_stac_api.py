"""Search requests of STAC APIs, and time intervals."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pandas as pd
import pytest
from pystac_client import ItemSearch

from _expect import raises
from _stac_api import ALL, CORE, ITEM_SEARCH, catalog
from scenecart import InvalidQuery
from scenecart._captures.stac_api import StacApi, as_interval, checked_extensions


@pytest.mark.parametrize(
    ("value", "interval"),
    [
        ("2024-03-05", "2024-03-05T00:00:00Z/2024-03-05T23:59:59Z"),
        ("2024-01/2024-06", "2024-01-01T00:00:00Z/2024-06-30T23:59:59Z"),
        ("2024-01-01/..", "2024-01-01T00:00:00Z/.."),
        (dt.datetime(2024, 3, 5, 12, tzinfo=dt.UTC), "2024-03-05T12:00:00Z"),
        ((dt.datetime(2024, 3, 5, tzinfo=dt.UTC), None), "2024-03-05T00:00:00Z/.."),
        (["2024-01-01", "2024-02-01"], "2024-01-01T00:00:00Z/2024-02-01T23:59:59Z"),
        (dt.date(2024, 3, 1), "2024-03-01T00:00:00Z/2024-03-01T23:59:59Z"),
        ((dt.date(2024, 3, 1), dt.date(2024, 3, 5)), "2024-03-01T00:00:00Z/2024-03-05T23:59:59Z"),
        ((None, dt.date(2024, 3, 5)), "../2024-03-05T23:59:59Z"),
        ([dt.date(2024, 3, 1), "2024-04"], "2024-03-01T00:00:00Z/2024-04-30T23:59:59Z"),
        # compared as instants, not as text
        ("2024-01-01T10:00:00+02:00/2024-01-01T09:00:00Z", "2024-01-01T10:00:00+02:00/2024-01-01T09:00:00Z"),
        ("2024-01-01T00:00:00Z/2024-01-01T00:00:00.5Z", "2024-01-01T00:00:00Z/2024-01-01T00:00:00.5Z"),
    ],
)
def test_as_interval_takes_text_datetimes_dates_and_pairs(value: object, interval: str):
    """Months, days, ranges, open ends, datetimes, dates and pairs of them become a STAC interval."""
    assert as_interval(value) == interval


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("next week", "datetime_invalid"),
        (5, "datetime_invalid"),
        ("", "datetime_unbounded"),
        ("../..", "datetime_unbounded"),
        ("2024-06/2024-01", "datetime_reversed"),
        ("2024-01-01T09:00:00Z/2024-01-01T10:00:00+02:00", "datetime_reversed"),
        (pd.NaT, "datetime_invalid"),
    ],
)
def test_as_interval_invalid_value_is_refused(value: object, code: str):
    """What is not a time, has no end, or ends before it starts is refused with a hint."""
    with raises(InvalidQuery, code) as caught:
        as_interval(value)
    assert caught.value.argument == "datetime"
    assert caught.value.hint


SEARCH = [{"rel": "search", "href": "./search", "method": "POST"}, {"rel": "search", "href": "./search"}]
URL = "https://example.com/stac/?key=secret"


def api(*links: Any, conforms: Any = ALL) -> StacApi:
    """Return an API with these links."""
    return StacApi(catalog("api", *links, conformsTo=conforms), URL)


def test_as_interval_of_whole_periods_is_that_of_pystac_client():
    """Years, months and days, alone and as ranges, become what pystac-client sends; wrong ones are refused by both."""
    texts = [text for year in (1600, 1900, 2000, 2023, 2024, 2262, 9999) for text in forms(year)]
    ranges = [f"{first}/{last}" for first, last in itertools.pairwise(texts)]
    for text in [*texts, *ranges]:
        try:
            expected = ItemSearch(url="http://localhost", datetime=text).get_parameters()["datetime"]
        except ValueError:
            with raises(InvalidQuery, "datetime_invalid"):
                as_interval(text)
            continue
        first, last = expected.split("/")
        if first <= last:
            assert as_interval(text) == expected
        else:
            with raises(InvalidQuery, "datetime_reversed"):
                as_interval(text)


def forms(year: int) -> list[str]:
    months = [f"{year}-{month:02}" for month in range(14)]
    return [str(year), *months, *(f"{month}-{day:02}" for month in months for day in (0, 1, 28, 29, 30, 31, 32))]


def test_stac_api_promises_are_its_conformance_classes():
    """An API promises what its conformance classes say; malformed members of its landing page are ignored."""
    assert [api(*SEARCH).promises(name) for name in ("QUERY", "FILTER", "SORT", "FIELDS")] == [True] * 4
    plain = api(*SEARCH, conforms=[CORE, 5, None])
    assert not plain.promises("QUERY")
    assert not api(conforms="all").promises("QUERY")
    assert StacApi({"links": SEARCH}, URL, [f"{ITEM_SEARCH}#query"]).promises("QUERY")
    assert not StacApi({"links": [None, 5, {"rel": "search"}]}, URL).promises("QUERY")
    assert StacApi(catalog("api", *SEARCH, stac_extensions=5, stac_version="0.9.0"), URL).request({}).url


def test_stac_api_request_is_by_post_if_offered():
    """A search is sent by POST if the API offers it; CQL2 text, and a short search of another API, by GET."""
    found = api(*SEARCH).request({"collections": ["a"], "query": {"gsd": {"lte": 1}}})
    assert (found.method, found.url) == ("POST", "https://example.com/stac/search")
    assert found.body == {"collections": ("a",), "query": {"gsd": {"lte": 1}}}
    by_get = api(SEARCH[1]).request({"collections": ["a", "b"], "bbox": [1.5, 2.5, 3.5, 4.5], "sortby": "-datetime"})
    assert (by_get.method, by_get.url) == (
        "GET",
        "https://example.com/stac/search?bbox=1.5%2C2.5%2C3.5%2C4.5&collections=a%2Cb&sortby=-datetime",
    )
    text = api(*SEARCH).request({"filter": "gsd < 1"})
    assert (text.method, "filter-lang=cql2-text" in text.url) == ("GET", True)
    assert api(*SEARCH).request({"filter": {"op": "<"}}).body == {"filter": {"op": "<"}, "filter-lang": "cql2-json"}
    assert api(SEARCH[1]).request({"ids": ["x" * 5_000]}).method == "POST"
    keyed = api({"rel": "search", "href": "https://example.com/search?key=secret"})
    assert keyed.request({"limit": 1}).url == "https://example.com/search?key=secret&limit=1"
    assert keyed.request({}).url == "https://example.com/search?key=secret"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"sortby": "-properties.datetime"}, {"sortby": [{"field": "properties.datetime", "direction": "desc"}]}),
        ({"sortby": ("a", "+b")}, {"sortby": [{"field": "a", "direction": "asc"}, {"field": "b", "direction": "asc"}]}),
        ({"fields": ["id", "-links"]}, {"fields": {"include": ["id"], "exclude": ["links"]}}),
        ({"filter": "gsd < 1"}, {"filter": "gsd < 1"}),
        ({"filter": {"op": "<"}}, {"filter": {"op": "<"}}),
        ({}, {}),
    ],
)
def test_checked_extensions_take_the_forms_of_pystac_client(given: dict[str, Any], expected: dict[str, Any]):
    """Texts, lists and dicts are read as pystac-client reads them."""
    assert checked_extensions(given.get("sortby"), given.get("fields"), given.get("filter")) == expected


@pytest.mark.parametrize("given", [{"sortby": 5}, {"sortby": [5]}, {"sortby": [{}]}, {"fields": 5}, {"filter": 5}, {"filter": ""}])
def test_checked_extensions_malformed_argument_is_refused(given: dict[str, Any]):
    """Another form is refused before anything is sent, with an example."""
    with raises(InvalidQuery, "stac_argument_invalid") as caught:
        checked_extensions(given.get("sortby"), given.get("fields"), given.get("filter"))
    assert caught.value.argument == next(iter(given))
    assert caught.value.hint
