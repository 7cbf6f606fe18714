"""Tests of checked searches: every argument reaches the service, and invalid ones are refused before anything is sent."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

import scenecart
from _expect import raises, warns
from _scripted_service import ScriptedService, answer, page
from scenecart import InvalidArea, InvalidQuery
from scenecart._captures.query import Query, SearchCriteria, build_query, build_stac_query

if TYPE_CHECKING:
    from collections.abc import Callable

SEARCH = "catalog.search"
SQUARE = shapely.box(1, 2, 3, 4)


@pytest.fixture
def client(service: ScriptedService, connect: Callable[..., scenecart.Client]) -> scenecart.Client:
    """Give a client of a service whose searches find nothing."""
    service.put(SEARCH, answer(page()))
    return connect()


def body_of(**criteria: Any) -> dict[str, Any]:
    """Return the request body of a search."""
    return dict(build_query("h", SearchCriteria(**{"collections": "c", **criteria})).body)


def test_search_sends_every_argument(service: ScriptedService, client: scenecart.Client):
    """Every argument reaches the service under its own name, and nothing else does."""
    arguments = {"collections": ["c"], "ids": "x", "bbox": (1, 2, 3, 4), "datetime": "2024-03", "query": {"gsd": {"LTE": 0.5}}}
    client.search("h", **arguments, max_cloud_cover=20, limit=10)
    assert service.requests(SEARCH)[-1].json == {
        "host_name": "h",
        "collections": ["c"],
        "ids": ["x"],
        "bbox": [1.0, 2.0, 3.0, 4.0],
        "datetime": "2024-03-01T00:00:00Z/2024-03-31T23:59:59Z",
        "query": {"gsd": {"lte": 0.5}, "eo:cloud_cover": {"lte": 20}},
        "limit": 10,
    }


def test_search_sends_numbers_of_numpy_as_plain_ones(service: ScriptedService, client: scenecart.Client):
    """Limits and percentages that were computed with numpy reach the service as numbers."""
    client.search("h", collections="c", max_cloud_cover=np.int64(20), limit=np.int64(10))
    sent = service.requests(SEARCH)[-1].json
    assert (sent["query"], sent["limit"]) == ({"eo:cloud_cover": {"lte": 20}}, 10)
    query = build_query("h", SearchCriteria(collections="c", limit=np.int64(10), page_size=np.int16(5)))
    assert [type(value) for value in (query.limit, query.page_size)] == [int, int]


@pytest.mark.parametrize("form", ["path", "frame", "web mercator", "shape", "mapping", "feature", "bbox", "wkt", "ewkt"])
def test_search_aoi_in_any_form_sends_same_polygon(service: ScriptedService, client: scenecart.Client, form: str, tmp_path: Path):
    """A path, a frame in any CRS, a shape, GeoJSON, a bbox and WKT all send the same polygon."""
    frame = gpd.GeoDataFrame(geometry=[SQUARE], crs=4326)
    frame.to_file(tmp_path / "area.gpkg")
    mercator = frame.to_crs(3857)
    forms = {
        "path": tmp_path / "area.gpkg",
        "frame": frame,
        "web mercator": mercator,
        "shape": SQUARE,
        "mapping": SQUARE.__geo_interface__,
        "feature": json.loads(frame.to_json()),
        "bbox": [1, 2, 3, 4],
        "wkt": SQUARE.wkt,
        "ewkt": f"SRID=3857;{mercator.geometry.iloc[0].wkt}",
    }
    client.search("h", collections="c", aoi=forms[form], limit=10)
    sent = shapely.geometry.shape(service.requests(SEARCH)[-1].json["intersects"])
    assert sent.symmetric_difference(SQUARE).area < 1e-9


INVALID: dict[str, tuple[dict[str, Any], type[scenecart.ScenecartError], str]] = {
    "neither collections nor ids": ({"collections": None}, InvalidQuery, "collections_missing"),
    "two areas": ({"bbox": (0, 0, 1, 1), "aoi": SQUARE}, InvalidQuery, "area_ambiguous"),
    "swapped": ({"bbox": (-33.9, 151.2, -33.8, 151.3)}, InvalidArea, "area_outside_world"),
    "swapped, decreasing": ({"bbox": (40, -100, 41, -101)}, InvalidArea, "area_outside_world"),
    "south above north": ({"bbox": (0, 5, 1, 2)}, InvalidArea, "bbox_reversed"),
    "west above east": ({"bbox": (151.3, -34, 151.2, -33)}, InvalidArea, "bbox_reversed"),
    "outside the world": ({"aoi": shapely.box(0, 100, 1, 101)}, InvalidArea, "area_outside_world"),
    "metres": ({"aoi": shapely.box(1e6, 2e6, 1.1e6, 2.1e6)}, InvalidArea, "area_outside_world"),
    "bow-tie": ({"aoi": "POLYGON((0 0,1 1,1 0,0 1,0 0))"}, InvalidArea, "area_self_intersecting"),
    "empty polygon": ({"aoi": shapely.Polygon()}, InvalidArea, "area_empty"),
    "no features": ({"aoi": {"type": "FeatureCollection", "features": []}}, InvalidArea, "area_empty"),
    "point": ({"aoi": shapely.Point(1, 2)}, InvalidArea, "area_not_a_polygon"),
    "missing file": ({"aoi": "no-such-file.geojson"}, InvalidArea, "area_file_missing"),
    "NaN": ({"bbox": (0, 0, float("nan"), 1)}, InvalidArea, "bbox_invalid"),
    "empty text": ({"aoi": ""}, InvalidArea, "area_empty"),
    "no date": ({"datetime": "next week"}, InvalidQuery, "datetime_invalid"),
    "reversed months": ({"datetime": "2024-06/2024-01"}, InvalidQuery, "datetime_reversed"),
    "reversed days": ({"datetime": (dt.date(2024, 3, 5), dt.date(2024, 3, 1))}, InvalidQuery, "datetime_reversed"),
    "empty datetime": ({"datetime": ""}, InvalidQuery, "datetime_unbounded"),
    "unbounded datetime": ({"datetime": "../.."}, InvalidQuery, "datetime_unbounded"),
    "collections a number": ({"collections": 5}, InvalidQuery, "names_invalid"),
    "ids with a number": ({"ids": ["a", 5]}, InvalidQuery, "names_invalid"),
    "ids with an empty string": ({"ids": [""]}, InvalidQuery, "names_invalid"),
    "query a list": ({"query": ["gsd"]}, InvalidQuery, "query_invalid"),
    "query without operators": ({"query": {"gsd": 5}}, InvalidQuery, "query_operators_missing"),
    "unknown operator": ({"query": {"gsd": {"lt e": 1}}}, InvalidQuery, "query_operator_unknown"),
    "repeated operator": ({"query": {"gsd": {"lte": 1, "LTE": 2}}}, InvalidQuery, "query_operator_repeated"),
    "cloud cover above 100": ({"max_cloud_cover": 120}, InvalidQuery, "not_a_number"),
    "cloud cover NaN": ({"max_cloud_cover": float("nan")}, InvalidQuery, "not_a_number"),
    "cloud cover twice": ({"max_cloud_cover": 20, "query": {"eo:cloud_cover": {"lte": 5}}}, InvalidQuery, "cloud_cover_ambiguous"),
    "limit zero": ({"limit": 0}, InvalidQuery, "not_a_count"),
    "limit as text": ({"limit": "50,000"}, InvalidQuery, "not_a_count"),
    "page size above 500": ({"page_size": 501}, InvalidQuery, "not_a_count"),
}


@pytest.mark.parametrize("case", INVALID)
def test_search_invalid_argument_is_refused_before_sending(service: ScriptedService, client: scenecart.Client, case: str):
    """An invalid argument raises one error with a hint or the name of the argument, and no request is sent."""
    criteria, kind, code = INVALID[case]
    criteria = {"collections": ["c"], "limit": 10, **criteria}
    with raises(kind, code) as caught:
        client.search("h", **criteria)
    assert caught.value.hint or caught.value.argument
    with raises(kind, code):
        client.search_stream("h", **criteria)
    assert service.received == []


@pytest.mark.parametrize("host", ["", " ", None, 5])
def test_search_host_not_a_name_is_refused(client: scenecart.Client, host: Any):
    """The host must be a non-empty string."""
    with raises(InvalidQuery, "not_a_string"):
        client.search(host, collections="c")


def test_search_relative_missing_file_names_the_folder(client: scenecart.Client):
    """The hint about a missing file says in which folder a relative path was looked up; of an absolute path it does not."""
    with raises(InvalidArea, "area_file_missing") as relative:
        client.search("h", collections="c", aoi="no-such-file.geojson")
    with raises(InvalidArea, "area_file_missing") as absolute:
        client.search("h", collections="c", aoi="/no-such-file.geojson")
    assert str(Path.cwd()) in str(relative.value.hint)
    assert str(Path.cwd()) not in str(absolute.value.hint)


def test_build_query_cloud_cover_below_one_percent_warns():
    """A cloud cover below 1 % is sent unchanged, with a warning, since it may be meant as a fraction."""
    with warns("cloud_cover_below_one_percent"):
        body = body_of(max_cloud_cover=0.2)
    assert body["query"] == {"eo:cloud_cover": {"lte": 0.2}}
    for percentage in (0, 1, 20.5):
        assert body_of(max_cloud_cover=percentage)["query"] == {"eo:cloud_cover": {"lte": percentage}}


def test_build_query_cloud_cover_joins_other_conditions():
    """max_cloud_cover is added to other conditions on the cloud cover."""
    body = body_of(max_cloud_cover=20, query={"eo:cloud_cover": {"gte": 5}})
    assert body["query"] == {"eo:cloud_cover": {"gte": 5, "lte": 20}}


def test_build_query_large_area_is_simplified():
    """An area of thousands of vertices is sent as a simpler one around it, and the exact one is kept too."""
    coast = shapely.Point(10, 10).buffer(2, quad_segs=2_000)
    query = build_query("h", SearchCriteria(collections="c", aoi=coast))
    sent = shapely.geometry.shape(query.body["intersects"])
    assert shapely.get_num_coordinates(sent) <= 500
    assert sent.covers(coast)
    assert query.exact_geometry is not None
    assert query.exact_geometry.equals(coast)
    assert build_query("h", SearchCriteria(collections="c", aoi=SQUARE)).exact_geometry is None


def test_build_stac_query_needs_no_collections():
    """A search of a STAC API needs no collections, and its page size has no upper limit."""
    query = build_stac_query("host", SearchCriteria(bbox=(1, 2, 3, 4), page_size=1_000))
    assert (query.host, dict(query.body), query.page_size) == ("host", {"bbox": [1.0, 2.0, 3.0, 4.0]}, 1_000)
    with raises(InvalidQuery, "not_a_count"):
        build_stac_query("host", SearchCriteria(page_size=0))


def test_query_description_names_each_criterion():
    """The description contains host, collections, ids, time, conditions and area; long lists are shortened."""
    body = {
        "collections": ["c"],
        "ids": [f"id{number}" for number in range(1_005)],
        "datetime": "2024-03-01T00:00:00Z/..",
        "query": {"gsd": {"lte": 0.5}},
        "intersects": shapely.geometry.mapping(SQUARE),
    }
    text = Query("aurora", body).description
    for part in ("aurora", "collections c", "id0", "1,000 more", "2024-03-01", "gsd", "west 1 south 2 east 3 north 4"):
        assert part in text
    assert "id7" not in text


@pytest.mark.parametrize(
    ("name", "is_warned"), [("view:offnadir", True), ("eo:cloudcover", True), ("view:off_nadir", False), ("myband:count", False)]
)
def test_query_misspelled_property_warns_with_the_nearest(name: str, *, is_warned: bool):
    """A property that is nearly a common one is searched as it is, with a warning; others may be the catalog's own."""
    criteria = SearchCriteria(collections="c", query={name: {"lte": 15}})
    with warns("query_property_unusual") if is_warned else contextlib.nullcontext():
        assert build_query("h", criteria).body["query"] == {name: {"lte": 15}}
