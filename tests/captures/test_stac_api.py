"""Tests of searches of open STAC APIs, and of time intervals."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import scenecart
from _expect import raises
from scenecart import InvalidArea, InvalidQuery, ServiceError
from scenecart._captures.stac_api import as_interval

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart.sandbox import Sandbox

SYDNEY = (151.18, -33.99, 151.24, -33.94)


def search_sandbox(box: Sandbox, **criteria: Any) -> Any:
    """Search the sandbox's catalog as a STAC API."""
    headers = {"Authorization": f"Bearer {box.token('analyst')}"}
    return scenecart.search_stac(f"{box.url}/v2/catalog/", headers=headers, **criteria)


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


def test_search_stac_has_the_columns_of_a_service_search(box: Sandbox, tmp_path: Path):
    """The result of a STAC API has the columns of the service's own, and both can be concatenated."""
    with box.client("analyst", home=tmp_path) as client:
        ours = client.search("openterra", collections="openterra-10m", aoi=SYDNEY, datetime="2024-03")
    theirs = search_sandbox(box, collections="openterra-10m", aoi=SYDNEY, datetime="2024-03", host="open")
    assert theirs["id"].tolist() == ours["id"].tolist()
    assert theirs["datetime"].tolist() == ours["datetime"].tolist()
    assert theirs.geometry.geom_equals(ours.geometry).all()
    assert set(ours.columns) <= set(theirs.columns)
    both = pd.concat([ours, theirs], ignore_index=True)
    assert both["host"].value_counts().to_dict() == {"openterra": len(ours), "open": len(ours)}
    assert scenecart.filter(both, cloud_cover=30)["eo:cloud_cover"].max() <= 30


def test_search_stac_follows_pages_up_to_the_limit(box: Sandbox):
    """More than one page is followed, the limit is kept, and progress is reported."""
    events: list[scenecart.SearchEvent] = []
    found = search_sandbox(box, bbox=(150, -35, 153, -32), datetime="2024-03", limit=25, progress=events.append)
    assert len(found) == found["id"].nunique() == 25
    assert (events[0].kind, events[-1].kind, events[-1].captures) == ("started", "finished", 25)
    assert len(search_sandbox(box, bbox=(150, -35, 153, -32), datetime="2024-03", limit=25, page_size=10)) == 25
    assert search_sandbox(box, ids=["nothing"]).empty


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("{box}/openapi.json", "stac_api_invalid"),
        ("http://127.0.0.1:9/?key=secret", "stac_search_failed"),
        ("{box}/v2/catalog/", "stac_search_failed"),
    ],
)
def test_search_stac_failing_api_is_named_without_secrets(box: Sandbox, url: str, code: str):
    """An API that is none, cannot be reached, or refuses the sign-in is an error that names the host and no key of the URL."""
    with raises(ServiceError, code) as caught:
        scenecart.search_stac(url.format(box=box.url), collections="a")
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_search_stac_invalid_argument_is_refused():
    """Invalid arguments are refused before anything is sent."""
    with raises(InvalidQuery, "stac_url_invalid"):
        scenecart.search_stac("catalog.json")
    with raises(InvalidQuery, "not_a_count"):
        scenecart.search_stac("http://127.0.0.1:9/", limit=0)
    with raises(InvalidArea, "area_file_missing"):
        scenecart.search_stac("http://127.0.0.1:9/", aoi="nowhere.geojson")
