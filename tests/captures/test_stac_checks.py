"""Items that do not match the search they are the answer to."""

from __future__ import annotations

from typing import Any

import pytest

from _expect import warns
from _stac_api import item
from scenecart._captures.decode import Reader
from scenecart._captures.query import SearchCriteria, build_stac_query
from scenecart._captures.stac_checks import Checks
from scenecart._util.json import dumps


def kept(items: list[dict[str, Any]], *, promised: bool = True, is_static: bool = False, **criteria: Any) -> list[Any]:
    """Return the ids of the items that match."""
    checks = Checks(build_stac_query("h", SearchCriteria(**criteria)), promised=promised, is_static=is_static)
    batches = Reader().page(dumps({"type": "FeatureCollection", "features": items}), "test").batches()
    return [one.id for features, _ in checks.matching(batches) for one in features]


CLOUDS = [item("clear", **{"eo:cloud_cover": 3}), item("cloudy", **{"eo:cloud_cover": 93}), item("unknown")]


@pytest.mark.parametrize(
    ("criteria", "ids"),
    [
        ({"max_cloud_cover": 20}, ["clear"]),
        ({"query": {"eo:cloud_cover": {"gt": 3, "lt": 94}}}, ["cloudy"]),
        ({"query": {"properties.eo:cloud_cover": {"eq": 93}}}, ["cloudy"]),
        ({"query": {"eo:cloud_cover": {"neq": 93}}}, ["clear"]),
        ({"query": {"eo:cloud_cover": {"in": [3, 4]}}}, ["clear"]),
        ({"query": {"gsd": {"lte": 1}}}, []),
        ({"query": {"id": {"eq": "unknown"}}}, ["unknown"]),
        ({"query": {"eo:cloud_cover": {"lt": "x"}}}, []),
        ({"query": {"datetime": {"lt": "2024-03-05T10:20:31Z"}}}, ["clear", "cloudy", "unknown"]),
        ({"query": {"datetime": {"gt": "2024-03-05T11:20:30+01:00"}}}, []),
    ],
)
def test_checks_without_promise_filter_by_each_condition(criteria: dict[str, Any], ids: list[str]):
    """If nothing is promised, an item without the value does not match."""
    assert kept(CLOUDS, promised=False, **criteria) == ids


def test_checks_with_promise_keep_what_cannot_be_compared():
    """An API that promises to filter may know more than it returns; only what contradicts the search is left out."""
    assert kept(CLOUDS, max_cloud_cover=20) == ["clear", "unknown"]
    assert kept([item("text", **{"eo:cloud_cover": "5"})], max_cloud_cover=20) == ["text"]
    nested = item("nested", gsd={"pan": 0.3})
    assert kept([nested, {**nested, "properties": None}, nested], query={"gsd": {"lte": 1}}) == ["nested"] * 3


TIMES = [
    item("before", datetime="2024-02-29T23:59:59.9Z"),
    item("start", datetime="2024-03-01T00:00:00Z"),
    item("end", datetime="2024-03-31T23:59:59.999999Z"),
    item("after", datetime="2024-04-01T00:00:00Z"),
    item("offset", datetime="2024-04-01T01:00:00+02:00"),
    item("range", datetime=None, start_datetime="2024-01-01T00:00:00Z", end_datetime="2024-12-31T00:00:00Z"),
    item("past", datetime=None, start_datetime="2023-01-01T00:00:00Z", end_datetime="2023-12-31T00:00:00Z"),
    item("leap", datetime="2024-03-01T23:59:60Z"),
    item("unreadable", datetime="March"),
]


@pytest.mark.parametrize("is_static", [False, True])
def test_checks_compare_times_as_instants(is_static: bool):  # noqa: FBT001  # a case
    """Offsets, fractions and ranges are compared as instants; an unreadable time is not compared."""
    found = kept(TIMES, datetime="2024-03", is_static=is_static)
    assert found == ["start", "end", "offset", "range", "leap", *([] if is_static else ["unreadable"])]
    assert kept(TIMES, datetime="2024-03-31/..")[:1] == ["end"]


def test_checks_compare_areas_ids_and_collections():
    """Footprints beside the area, other ids and other collections are left out; a missing footprint is not compared."""
    here = [item("a", 10.0), item("b", 20.0), {**item("c"), "geometry": None}]
    assert kept(here, bbox=(9, 9, 11, 11)) == ["a", "c"]
    assert kept(here, aoi=(19, 9, 21, 11)) == ["b", "c"]
    # only touched
    assert kept(here, bbox=(10.1, 10, 11, 11)) == ["a", "c"]
    across = {**item("x"), "geometry": {"type": "Polygon", "coordinates": [[[179, 0], [181, 0], [181, 1], [179, 1], [179, 0]]]}}
    assert kept([across], bbox=(-179.9, 0, -179, 1)) == ["x"]
    assert kept(here, ids=["b"]) == ["b"]
    other = {**item("d"), "collection": "d"}
    without = {key: value for key, value in item("e").items() if key != "collection"}
    assert kept([other, without, item("f")], collections="c") == ["e", "f"]
    assert kept([other, without, item("f")], collections="c", is_static=True) == ["f"]


@pytest.mark.parametrize(
    ("promised", "criteria", "code"),
    [
        (False, {"max_cloud_cover": 20}, "stac_filtered_here"),
        (True, {"max_cloud_cover": 20}, "stac_unmatched_items"),
        (False, {"datetime": "2023"}, "stac_unmatched_items"),
    ],
)
def test_checks_warn_once_of_what_was_left_out(promised: bool, criteria: dict[str, Any], code: str):  # noqa: FBT001  # a case
    """The warning says whether the API had promised to filter, how many items did not match, and by what."""
    checks = Checks(build_stac_query("h", SearchCriteria(**criteria)), promised=promised)
    list(checks.matching([(Reader().page(dumps({"type": "FeatureCollection", "features": CLOUDS}), "test").features()[0], 0)]))
    with warns(code):
        checks.report("h")
    Checks(build_stac_query("h", SearchCriteria(**criteria)), promised=promised).report("h")
