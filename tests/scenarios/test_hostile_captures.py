"""Tests with malformed captures: each is in the result, and none is lost, confused with another or ordered unchecked."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises, warns
from _purchases import ESTIMATE, priced
from _scripted_service import ScriptedService, answer, feature, page
from scenecart.widgets import CaptureTable

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

SEARCH = "catalog.search"


@pytest.fixture
def client(connect: Any) -> scenecart.Client:
    """Give a client of a service whose answers the test writes."""
    connected: scenecart.Client = connect()
    return connected


@pytest.fixture
def find(service: ScriptedService, client: scenecart.Client) -> Callable[..., gpd.GeoDataFrame]:
    """Give a search of a catalog that contains the given captures."""

    def found(*features: Any) -> gpd.GeoDataFrame:
        service.put(SEARCH, answer(page(*features)))
        return client.search("h", collections="c", limit=100)

    return found


MALFORMED_IDS: dict[str, Any] = {
    "number": 5,
    "null": None,
    "empty": "",
    "blank": " \t",
    "true": True,
    "list": ["a"],
    "object": {"a": 1},
    "100 kB": "x" * 100_000,
    "absent": ...,
}


@pytest.mark.parametrize("case", MALFORMED_IDS)
def test_cart_malformed_id_is_refused_and_stays_in_the_result(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], case: str
):
    """A capture with a malformed id stays in the result with the reason, and a cart refuses it before anything is sent."""
    malformed = {name: value for name, value in feature(MALFORMED_IDS[case]).items() if value is not ...}
    captures = find(feature("good"), malformed)
    assert captures["orderable"].tolist() == [True, False]
    assert "id" in captures["not_orderable_reason"][1]
    with raises(scenecart.InvalidCart, "captures_not_orderable"):
        client.cart(captures)
    # the ids are checked again where the columns were dropped
    if case != "100 kB":
        with raises(scenecart.InvalidCart, "captures_not_orderable"):
            client.cart(captures.drop(columns=["not_orderable_reason", "orderable"]))
    assert service.requests(ESTIMATE) == []


def test_cart_repeated_capture_is_bought_once_per_collection(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame]
):
    """The same capture twice is bought once; the same id in two collections is two captures, each priced."""
    assert client.cart(find(feature("a"), feature("a"))).ids == ["a"]
    with raises(scenecart.InvalidCart, "captures_conflict"):
        client.cart(find(feature("a"), feature("a", west=1)))
    service.put(ESTIMATE, answer(priced((["a"], 100), (["a"], 200))))
    estimate = client.cart(find(feature("a"), {**feature("a"), "collection": "other"})).estimate()
    assert estimate.total_credits == 300
    assert [capture["collection"] for capture in service.requests(ESTIMATE)[0].json["captures"]] == ["c", "other"]


RING: list[list[float]] = feature("a")["geometry"]["coordinates"][0]
CIRCLE = shapely.geometry.mapping(shapely.Point(10, 10).buffer(1, quad_segs=12_500))
SELF_CROSSING = [[0, 1], [-180, 1], [170, 0], [-90, -53], [-90, -71], [0, 1]]
UNUSABLE: dict[str, Any] = {
    "null": None,
    "point": {"type": "Point", "coordinates": [0, 0]},
    "collection": {"type": "GeometryCollection", "geometries": [feature("a")["geometry"]]},
    "no coordinates": {"type": "Polygon", "coordinates": []},
    "an empty ring": {"type": "Polygon", "coordinates": [[]]},
    "unclosed": {"type": "Polygon", "coordinates": [RING[:-1]]},
    "bow-tie": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
    "four numbers in a point": {"type": "Polygon", "coordinates": [[[*point, 5, 6] for point in RING]]},
    "one and three numbers in a point": {"type": "Polygon", "coordinates": [[[0, 0], [1], [1, 1], [0, 0, 0], [0, 0]]]},
    "strings": {"type": "Polygon", "coordinates": [[["0", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]]},
    "nulls": {"type": "Polygon", "coordinates": [[[None, None]] * 5]},
    "infinite": {"type": "Polygon", "coordinates": [[[1e308, 0], [1e308, 1], [0, 1], [1e308, 0]]]},
    "400 digits": {"type": "Polygon", "coordinates": [[[10**400, 0], [1, 1], [0, 1], [10**400, 0]]]},
    "lower-case type": {"type": "polygon", "coordinates": [RING]},
    "type is a list": {"type": ["Polygon"], "coordinates": [RING]},
    "WKT": "POLYGON((0 0,1 0,1 1,0 0))",
    "list": [RING],
    "number": 5,
    "quadrilateral beyond the pole": {"type": "Polygon", "coordinates": [[[0, 89], [1, 89], [1, 91], [0, 91], [0, 89]]]},
    "empty part at 180": {
        "type": "MultiPolygon",
        "coordinates": [
            [[[180, 89], [170, 10], [170, 10], [180, 89]]],
            [[[181, -90], [179, 80], [170, -90], [181, -90]]],
        ],
    },
    "beyond the pole": {"type": "Polygon", "coordinates": [[[0, 90.5], [1, 90.5], [1, 91], [0, 90.5]]]},
    "self-crossing at 180": {
        "type": "Polygon",
        "coordinates": [SELF_CROSSING, [[180, -90], [0, 89], [200, -52], [183, -28], [180, -90]]],
    },
    "latitude first": {"type": "Polygon", "coordinates": [[[-33, 151], [-33, 152], [-32, 152], [-33, 151]]]},
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_cart_unusable_footprint_is_refused_and_stays_in_the_result(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], case: str
):
    """For any geometry, the result has all rows, that one with its reason, and a cart refuses it by id before sending."""
    captures = find(feature("good"), {**feature("bad"), "geometry": UNUSABLE[case]}, feature("last", west=0.05))
    assert captures["id"].tolist() == ["good", "bad", "last"]
    assert captures["orderable"].tolist() == [True, False, True]
    assert captures["not_orderable_reason"][1]
    with raises(scenecart.InvalidCart, "captures_not_orderable") as caught:
        client.cart(captures)
    assert "bad" in str(caught.value)
    assert caught.value.ids == ["bad"]
    assert service.requests(ESTIMATE) == []
    service.put(ESTIMATE, answer(priced((["good", "last"], 100))))
    assert client.cart(captures[captures["orderable"]]).estimate().total_credits == 100


USABLE: dict[str, Any] = {
    "heights": {"type": "Polygon", "coordinates": [[[*point, 5] for point in RING]]},
    "heights in part": {"type": "Polygon", "coordinates": [[RING[0], [*RING[1], 5], *RING[2:]]]},
    "clockwise": {"type": "Polygon", "coordinates": [RING[::-1]]},
    "multipolygon": {"type": "MultiPolygon", "coordinates": [[RING]]},
    "50,000 points": CIRCLE,
}


@pytest.mark.parametrize("case", USABLE)
def test_estimate_unusual_footprint_is_sent_in_2d(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], case: str
):
    """Heights, winding and many points do not prevent an order; the request contains the same geometry in 2D."""
    service.put(ESTIMATE, answer(priced((["a"], 100))))
    client.cart(find({**feature("a"), "geometry": USABLE[case]})).estimate()
    (sent,) = service.requests(ESTIMATE)[0].json["captures"]
    footprint = shapely.geometry.shape(sent["geometry"])
    assert not footprint.has_z
    assert shapely.is_ccw(shapely.get_parts(footprint)[0].exterior)
    expected = shapely.geometry.shape(CIRCLE if case == "50,000 points" else feature("a")["geometry"])
    assert footprint.symmetric_difference(expected).area < 1e-6


MALFORMED_BOXES = [
    [0, 0, 1],
    [0, 0, 0, 1, 1, 9],
    ["0", "0", "1", "1"],
    [None] * 4,
    "1,2,3,4",
    [1e308] * 4,
    [50, 50, 60, 60],
    5,
    {"a": 1},
    [],
]


@pytest.mark.parametrize("box", MALFORMED_BOXES, ids=str)
def test_search_published_bbox_does_not_replace_the_geometry(
    find: Callable[..., gpd.GeoDataFrame], client: scenecart.Client, box: Any
):
    """The position of a capture is that of its geometry; a published bbox that differs is kept in a column."""
    captures = find({**feature("a"), "bbox": box}, feature("b"))
    assert captures.total_bounds.tolist() == pytest.approx([0, 10, 0.1, 10.1])
    assert json.loads(captures["bbox:as_given"][0]) == box
    assert captures["orderable"].all()
    assert client.cart(captures, aoi=(0, 10, 0.1, 10.1)).ids == ["a", "b"]


TIMES: dict[str, tuple[Any, str | None]] = {
    "invalid day": ("2024-02-30T00:00:00Z", None),
    "no zone": ("2024-03-05T10:20:30", "2024-03-05T10:20:30Z"),
    "a space before the zone": ("2024-03-05T10:20:03 +00:00", "2024-03-05T10:20:03Z"),
    "nanoseconds": ("2024-03-05T10:20:30.123456789Z", "2024-03-05T10:20:30.123456Z"),
    "second 60": ("2024-03-05T10:20:60Z", None),
    "year 0": ("0000-01-01T00:00:00Z", None),
    "year 0 by its zone": ("0001-01-01T00:00:00+05:00", None),
    "year 12024": ("12024-01-01T00:00:00Z", None),
    "year 9999": ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    "seconds since 1970": (1_700_000_000, None),
    "list": (["2024-03-05T10:20:30Z"], None),
    "markup": ("<b>", None),
}


@pytest.mark.parametrize("case", TIMES)
def test_search_any_time_is_utc_or_kept_as_given(find: Callable[..., gpd.GeoDataFrame], case: str):
    """A time is read as UTC, to the microsecond, or kept in a column of its own; the frame sorts and displays."""
    value, utc = TIMES[case]
    unusual = {**feature("odd"), "properties": {"datetime": value}}
    with warns("time_zone_missing") if case == "no zone" else contextlib.nullcontext():
        captures = find(unusual, feature("usual"))
    if utc is None:
        assert captures["datetime"].isna().tolist() == [True, False]
        assert captures["datetime:as_given"][0] == value
    else:
        assert captures["datetime"][0] == pd.Timestamp(utc)
    assert sorted(captures.sort_values("datetime")["id"]) == ["odd", "usual"]
    assert "usual" in captures._repr_html_() + repr(captures)
    assert json.loads(captures.to_json(default=str))


def test_filter_time_range_replaces_null_datetime(find: Callable[..., gpd.GeoDataFrame]):
    """A capture without a datetime matches by its time range."""
    ranged = {"datetime": None, "start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-02-01T00:00:00Z"}
    captures = find({**feature("ranged"), "properties": ranged}, feature("instant"))
    assert captures["datetime"].isna().tolist() == [True, False]
    assert scenecart.filter(captures, datetime="2024-01-15")["id"].tolist() == ["ranged"]
    assert scenecart.filter(captures, datetime="2024-03")["id"].tolist() == ["instant"]


@pytest.mark.parametrize("properties", [None, {}, [1, 2], "text", 5, ...], ids=str)
def test_search_malformed_properties_lose_no_capture(find: Callable[..., gpd.GeoDataFrame], properties: Any):
    """A capture with anything in place of its properties is a capture, and the value is kept."""
    malformed = {**feature("odd"), "properties": properties}
    captures = find(feature("usual", gsd=1), {name: value for name, value in malformed.items() if value is not ...})
    assert captures["id"].tolist() == ["usual", "odd"]
    assert captures["orderable"].all()
    if properties in ([1, 2], "text", 5):
        assert captures["properties:as_given"].tolist() == [None, properties]
    assert "properties:as_given" not in find(feature("usual"))


RESERVED_NAMES = ["geometry", "id", "host", "collection", "assets", "links", "orderable", "not_orderable_reason", "stac_version",
         "stac_extensions",
         "bbox:as_given", "foreign_members", "datetime:as_given", "properties:id", "properties:as_given", "a\ud800"]  # fmt: skip
OTHER_NAMES = [
    "index",
    "bbox",
    "__class__",
    "_repr_html_",
    "",
    "line\nbreak",
    "GSD",
    "gsd",
    "columns",
    "crs",
    "T",
    "plot",
    "type",
    "é",
]


def test_search_property_names_never_collide(find: Callable[..., gpd.GeoDataFrame]):
    """Properties of any name are next to the columns and methods of the frame, each with its own value."""
    named = {"datetime": "never", **{name: f"value of {name}" for name in [*RESERVED_NAMES, *OTHER_NAMES]}}
    unusual = {
        **feature("a"),
        "stac_version": "1.0.0",
        "stac_extensions": ["x"],
        "bbox": [0, 0, 0],
        "member": 1,
        "properties": named,
    }
    captures = find(unusual, feature("b"))
    assert captures["id"].tolist() == ["a", "b"]
    assert captures["stac_version"][0] == "1.0.0"
    assert captures["foreign_members"][0] == {"member": 1}
    assert captures["datetime:as_given"][0] == "never"
    assert captures.crs.to_epsg() == 4326
    assert type(captures.geometry.iloc[0]) is shapely.Polygon
    for name in OTHER_NAMES:
        assert captures[name][0] == f"value of {name}"
    for name in RESERVED_NAMES:
        assert captures["properties:" + name.encode("utf-8", "backslashreplace").decode()][0] == f"value of {name}"
    assert "<table" in captures._repr_html_()


def deep(levels: int) -> Any:
    """Return an object nested this deeply."""
    inner: Any = "bottom"
    for _ in range(levels):
        inner = {"in": inner}
    return inner


def test_search_many_deep_and_long_properties_are_kept(find: Callable[..., gpd.GeoDataFrame]):
    """5,000 names, 200 levels and 2 MB of text are kept, and the frame still displays in a few lines."""
    many = {f"k{number}": number for number in range(5_000)}
    captures = find(feature("a", **many, deep=deep(200), long="x" * 2_000_000), feature("b"))
    assert captures["k4999"][0] == 4_999
    assert captures["deep"][0] == deep(200)
    assert len(captures["long"][0]) == 2_000_000
    assert len(repr(captures)) < 20_000
    assert len(captures._repr_html_()) < 20_000


MIXED_NUMBERS: list[Any] = ["5", None, 250, -1, {"a": 1}, 2**70, -0.0, True, 1, [1], "clear", 1e308]


@pytest.mark.parametrize("column", ["eo:cloud_cover", "gsd", "view:off_nadir", "price"])
def test_filter_and_table_accept_any_value_for_a_number(find: Callable[..., gpd.GeoDataFrame], column: str):
    """Any value in place of a number is kept, and filters and sorting do not fail on it."""
    captures = find(*(feature(f"f{number}", **{column: value}) for number, value in enumerate(MIXED_NUMBERS)))
    assert captures[column].tolist() == MIXED_NUMBERS
    argument = {"eo:cloud_cover": "cloud_cover", "view:off_nadir": "off_nadir"}.get(column, column)
    matching = scenecart.filter(captures, **{argument: (0, 20)})["id"].tolist()
    assert {"f0", "f6", "f8"} <= set(matching)
    assert not {"f1", "f2", "f3", "f4", "f10"} & set(matching)
    table = CaptureTable(captures)
    try:
        for descending in (False, True):
            table.sort = (column, descending)
            assert len(table.shown) == len(captures)
    finally:
        table.close()


def test_search_number_of_400_digits_is_kept_as_text(find: Callable[..., gpd.GeoDataFrame]):
    """A number larger than any float is kept as text, and filters work."""
    captures = find(feature("a", gsd=10**400), feature("b", gsd=1))
    assert captures["gsd"].tolist() == ["1" + "0" * 400, 1]
    assert scenecart.filter(captures, gsd=20)["id"].tolist() == ["b"]


PRICES: list[Any] = [-5, "free", {"amount": 5}, "<b>USD</b>", 1e308, 12.5]


@pytest.mark.parametrize("price", PRICES, ids=str)
def test_estimate_ignores_prices_of_the_catalog(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], price: Any
):
    """A price in the catalog is displayed as text, is not sent, and changes no price of an estimate."""
    captures = find(feature("a", price=price, credits=price, currency="<b>USD</b>"))
    assert captures["price"].tolist() == [price]
    assert "<b>USD" not in captures._repr_html_()
    service.put(ESTIMATE, answer(priced((["a"], 4_200))))
    estimate = client.cart(captures).estimate()
    assert estimate.total_credits == 4_200
    (sent,) = service.requests(ESTIMATE)[0].json["captures"]
    assert set(sent) == {"id", "geometry", "host_name", "collection"}


def test_search_entries_not_features_are_counted_and_skipped(find: Callable[..., gpd.GeoDataFrame]):
    """Null, a number, a string, an empty object and a list among the captures are skipped, with a warning that counts them."""
    with warns("entries_skipped") as caught:
        captures = find(feature("a"), None, 5, "x", {}, [], feature("b"))
    assert captures["id"].tolist() == ["a", "b"]
    assert "5" in str(caught[0].message)
