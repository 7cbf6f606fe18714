"""Captures as no catalog should send them: every one is in the result, and none is lost, taken for another or ordered unseen."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import shapely

import scenecart
from _purchases import ESTIMATE, priced
from _scripted_service import ScriptedService, answer, feature, page
from scenecart.widgets import CaptureTable

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

SEARCH = "catalog.search"


@pytest.fixture
def client(connect: Any) -> scenecart.Client:
    made: scenecart.Client = connect()
    return made


@pytest.fixture
def find(service: ScriptedService, client: scenecart.Client) -> Callable[..., gpd.GeoDataFrame]:
    """Search a catalog that holds these captures."""

    def found(*features: Any) -> gpd.GeoDataFrame:
        service.put(SEARCH, answer(page(*features)))
        return client.search("h", collections="c", limit=100)

    return found


IDS: dict[str, Any] = {
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


@pytest.mark.parametrize("case", IDS)
def test_an_id_that_names_nothing_is_shown_and_not_ordered(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], case: str
):
    """A capture whose id is no name stays in the result with the reason, and is refused before anything is sent."""
    odd = {name: value for name, value in feature(IDS[case]).items() if value is not ...}
    captures = find(feature("good"), odd)
    assert captures["orderable"].tolist() == [True, False]
    assert "id" in captures["not_orderable_reason"][1]
    with pytest.raises(scenecart.InvalidCart, match="1 of 2 captures cannot be ordered"):
        client.cart(captures)
    # the reason is looked for again where the column was dropped
    if case != "100 kB":
        with pytest.raises(scenecart.InvalidCart, match="cannot be ordered"):
            client.cart(captures.drop(columns=["not_orderable_reason", "orderable"]))
    assert service.requests(ESTIMATE) == []


def test_an_id_twice_is_one_capture_and_in_two_collections_two(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame]
):
    """The same capture twice is bought once; the same id in two collections is two captures, each priced."""
    assert client.cart(find(feature("a"), feature("a"))).ids == ["a"]
    with pytest.raises(scenecart.InvalidCart, match="twice with different footprints"):
        client.cart(find(feature("a"), feature("a", west=1)))
    service.put(ESTIMATE, answer(priced((["a"], 100), (["a"], 200))))
    estimate = client.cart(find(feature("a"), {**feature("a"), "collection": "other"})).estimate()
    assert estimate.total_credits == 300
    assert [capture["collection"] for capture in service.requests(ESTIMATE)[0].json["captures"]] == ["c", "other"]


RING: list[list[float]] = feature("a")["geometry"]["coordinates"][0]
CIRCLE = shapely.geometry.mapping(shapely.Point(10, 10).buffer(1, quad_segs=12_500))
NONSENSE = [[0, 1], [-180, 1], [170, 0], [-90, -53], [-90, -71], [0, 1]]
UNUSABLE: dict[str, Any] = {
    "null": None,
    "a point": {"type": "Point", "coordinates": [0, 0]},
    "a collection": {"type": "GeometryCollection", "geometries": [feature("a")["geometry"]]},
    "no coordinates": {"type": "Polygon", "coordinates": []},
    "an empty ring": {"type": "Polygon", "coordinates": [[]]},
    "unclosed": {"type": "Polygon", "coordinates": [RING[:-1]]},
    "bow-tie": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]},
    "four numbers a point": {"type": "Polygon", "coordinates": [[[*point, 5, 6] for point in RING]]},
    "one and three numbers a point": {"type": "Polygon", "coordinates": [[[0, 0], [1], [1, 1], [0, 0, 0], [0, 0]]]},
    "texts": {"type": "Polygon", "coordinates": [[["0", "0"], ["1", "0"], ["1", "1"], ["0", "0"]]]},
    "nulls": {"type": "Polygon", "coordinates": [[[None, None]] * 5]},
    "without end": {"type": "Polygon", "coordinates": [[[1e308, 0], [1e308, 1], [0, 1], [1e308, 0]]]},
    "400 digits": {"type": "Polygon", "coordinates": [[[10**400, 0], [1, 1], [0, 1], [10**400, 0]]]},
    "lower case": {"type": "polygon", "coordinates": [RING]},
    "a type that is a list": {"type": ["Polygon"], "coordinates": [RING]},
    "WKT": "POLYGON((0 0,1 0,1 1,0 0))",
    "a list": [RING],
    "a number": 5,
    "four corners beyond the pole": {"type": "Polygon", "coordinates": [[[0, 89], [1, 89], [1, 91], [0, 91], [0, 89]]]},
    "part without ground at 180": {
        "type": "MultiPolygon",
        "coordinates": [
            [[[180, 89], [170, 10], [170, 10], [180, 89]]],
            [[[181, -90], [179, 80], [170, -90], [181, -90]]],
        ],
    },
    "beyond the pole": {"type": "Polygon", "coordinates": [[[0, 90.5], [1, 90.5], [1, 91], [0, 90.5]]]},
    "nonsense at 180": {"type": "Polygon", "coordinates": [NONSENSE, [[180, -90], [0, 89], [200, -52], [183, -28], [180, -90]]]},
    "latitude first": {"type": "Polygon", "coordinates": [[[-33, 151], [-33, 152], [-32, 152], [-33, 151]]]},
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_footprint_that_is_none_is_marked_and_never_ordered(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], case: str
):
    """Whatever a geometry is, the result has all rows, that one with its reason, and a cart refuses it by name before sending."""
    captures = find(feature("good"), {**feature("bad"), "geometry": UNUSABLE[case]}, feature("last", west=0.05))
    assert captures["id"].tolist() == ["good", "bad", "last"]
    assert captures["orderable"].tolist() == [True, False, True]
    assert captures["not_orderable_reason"][1]
    with pytest.raises(scenecart.InvalidCart, match="bad") as caught:
        client.cart(captures)
    assert caught.value.ids == ["bad"]
    assert service.requests(ESTIMATE) == []
    service.put(ESTIMATE, answer(priced((["good", "last"], 100))))
    assert client.cart(captures[captures["orderable"]]).estimate().total_credits == 100


USABLE: dict[str, Any] = {
    "heights": {"type": "Polygon", "coordinates": [[[*point, 5] for point in RING]]},
    "some heights": {"type": "Polygon", "coordinates": [[RING[0], [*RING[1], 5], *RING[2:]]]},
    "clockwise": {"type": "Polygon", "coordinates": [RING[::-1]]},
    "parts": {"type": "MultiPolygon", "coordinates": [[RING]]},
    "50,000 points": CIRCLE,
}


@pytest.mark.parametrize("case", USABLE)
def test_a_footprint_that_is_only_unusual_is_sent_flat(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], case: str
):
    """Heights, winding and very many points keep nothing from being ordered; what is sent is the same ground in two dimensions."""
    service.put(ESTIMATE, answer(priced((["a"], 100))))
    client.cart(find({**feature("a"), "geometry": USABLE[case]})).estimate()
    (sent,) = service.requests(ESTIMATE)[0].json["captures"]
    ground = shapely.geometry.shape(sent["geometry"])
    assert not ground.has_z
    assert shapely.is_ccw(shapely.get_parts(ground)[0].exterior)
    expected = shapely.geometry.shape(CIRCLE if case == "50,000 points" else feature("a")["geometry"])
    assert ground.symmetric_difference(expected).area < 1e-8


BOXES = [[0, 0, 1], [0, 0, 0, 1, 1, 9], ["0", "0", "1", "1"], [None] * 4, "1,2,3,4", [1e308] * 4, [50, 50, 60, 60], 5, {"a": 1}, []]


@pytest.mark.parametrize("box", BOXES, ids=str)
def test_a_box_is_never_trusted_before_the_geometry(find: Callable[..., gpd.GeoDataFrame], client: scenecart.Client, box: Any):
    """A published box of any kind decides nothing: where a capture lies is what its geometry says; the box is kept as it came."""
    captures = find({**feature("a"), "bbox": box}, feature("b"))
    assert captures.total_bounds.tolist() == pytest.approx([0, 10, 0.1, 10.1])
    assert json.loads(captures["bbox:as_given"][0]) == box
    assert captures["orderable"].all()
    assert client.cart(captures, aoi=(0, 10, 0.1, 10.1)).ids == ["a", "b"]


TIMES: dict[str, tuple[Any, str | None]] = {
    "a day that is none": ("2024-02-30T00:00:00Z", None),
    "no zone": ("2024-03-05T10:20:30", "2024-03-05T10:20:30Z"),
    "a space before the zone": ("2024-03-05T10:20:03 +00:00", "2024-03-05T10:20:03Z"),
    "nanoseconds": ("2024-03-05T10:20:30.123456789Z", "2024-03-05T10:20:30.123456Z"),
    "second 60": ("2024-03-05T10:20:60Z", None),
    "year 0": ("0000-01-01T00:00:00Z", None),
    "year 0 by its zone": ("0001-01-01T00:00:00+05:00", None),
    "year 12024": ("12024-01-01T00:00:00Z", None),
    "year 9999": ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
    "seconds since 1970": (1_700_000_000, None),
    "a list": (["2024-03-05T10:20:30Z"], None),
    "markup": ("<b>", None),
}


@pytest.mark.parametrize("case", TIMES)
def test_a_time_of_any_form_is_utc_or_kept_as_it_came(find: Callable[..., gpd.GeoDataFrame], case: str):
    """A time is read as UTC, to the microsecond, or stands as it came in a column of its own; the frame sorts and shows itself."""
    value, utc = TIMES[case]
    odd = {**feature("odd"), "properties": {"datetime": value}}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        captures = find(odd, feature("usual"))
    assert [str(one.message)[:25] for one in told] == (["Some values of 'datetime'"] if case == "no zone" else [])
    if utc is None:
        assert captures["datetime"].isna().tolist() == [True, False]
        assert captures["datetime:as_given"][0] == value
    else:
        assert captures["datetime"][0] == pd.Timestamp(utc)
    assert sorted(captures.sort_values("datetime")["id"]) == ["odd", "usual"]
    assert "usual" in captures._repr_html_() + repr(captures)
    assert json.loads(captures.to_json(default=str))


def test_a_range_stands_for_a_time_that_is_null(find: Callable[..., gpd.GeoDataFrame]):
    """A capture without an instant lies in the spans that its range meets."""
    ranged = {"datetime": None, "start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-02-01T00:00:00Z"}
    captures = find({**feature("ranged"), "properties": ranged}, feature("instant"))
    assert captures["datetime"].isna().tolist() == [True, False]
    assert scenecart.filter(captures, datetime="2024-01-15")["id"].tolist() == ["ranged"]
    assert scenecart.filter(captures, datetime="2024-03")["id"].tolist() == ["instant"]


@pytest.mark.parametrize("properties", [None, {}, [1, 2], "text", 5, ...], ids=str)
def test_properties_that_are_none_lose_no_capture(find: Callable[..., gpd.GeoDataFrame], properties: Any):
    """A capture with nothing, or something odd, in the place of its properties is a capture, and the odd thing is kept."""
    odd = {**feature("odd"), "properties": properties}
    captures = find(feature("usual", gsd=1), {name: value for name, value in odd.items() if value is not ...})
    assert captures["id"].tolist() == ["usual", "odd"]
    assert captures["orderable"].all()
    if properties in ([1, 2], "text", 5):
        assert captures["properties:as_given"].tolist() == [None, properties]
    assert "properties:as_given" not in find(feature("usual"))


TAKEN = ["geometry", "id", "host", "collection", "assets", "links", "orderable", "not_orderable_reason", "stac_version",
         "stac_extensions",
         "bbox:as_given", "foreign_members", "datetime:as_given", "properties:id", "properties:as_given", "a\ud800"]  # fmt: skip
FREE = ["index", "bbox", "__class__", "_repr_html_", "", "line\nbreak", "GSD", "gsd", "columns", "crs", "T", "plot", "type", "é"]


def test_no_name_of_a_property_takes_another_s_place(find: Callable[..., gpd.GeoDataFrame]):
    """Properties of any names stand beside the frame's own columns and methods, each with its own value, also beside each other."""
    named = {"datetime": "never", **{name: f"value of {name}" for name in [*TAKEN, *FREE]}}
    odd = {**feature("a"), "stac_version": "1.0.0", "stac_extensions": ["x"], "bbox": [0, 0, 0], "member": 1, "properties": named}
    captures = find(odd, feature("b"))
    assert captures["id"].tolist() == ["a", "b"]
    assert captures["stac_version"][0] == "1.0.0"
    assert captures["foreign_members"][0] == {"member": 1}
    assert captures["datetime:as_given"][0] == "never"
    assert captures.crs.to_epsg() == 4326
    assert type(captures.geometry.iloc[0]) is shapely.Polygon
    for name in FREE:
        assert captures[name][0] == f"value of {name}"
    for name in TAKEN:
        assert captures["properties:" + name.encode("utf-8", "backslashreplace").decode()][0] == f"value of {name}"
    assert "<table" in captures._repr_html_()


def deep(levels: int) -> Any:
    """Return objects within each other."""
    inner: Any = "bottom"
    for _ in range(levels):
        inner = {"in": inner}
    return inner


def test_very_many_deep_and_long_properties_are_kept_and_shown_short(find: Callable[..., gpd.GeoDataFrame]):
    """5,000 names, 200 levels and 2 MB of text are kept as they are, and the frame still shows itself in a few lines."""
    many = {f"k{number}": number for number in range(5_000)}
    captures = find(feature("a", **many, deep=deep(200), long="x" * 2_000_000), feature("b"))
    assert captures["k4999"][0] == 4_999
    assert captures["deep"][0] == deep(200)
    assert len(captures["long"][0]) == 2_000_000
    assert len(repr(captures)) < 20_000
    assert len(captures._repr_html_()) < 20_000


ODD_NUMBERS: list[Any] = ["5", None, 250, -1, {"a": 1}, 2**70, -0.0, True, 1, [1], "clear", 1e308]


@pytest.mark.parametrize("column", ["eo:cloud_cover", "gsd", "view:off_nadir", "price"])
def test_odd_numbers_are_shown_as_they_came_and_sort_and_filter(find: Callable[..., gpd.GeoDataFrame], column: str):
    """Whatever stands where a number should, it is kept as it came, and no filter and no order of the table fails over it."""
    captures = find(*(feature(f"f{number}", **{column: value}) for number, value in enumerate(ODD_NUMBERS)))
    assert captures[column].tolist() == ODD_NUMBERS
    argument = {"eo:cloud_cover": "cloud_cover", "view:off_nadir": "off_nadir"}.get(column, column)
    suits = scenecart.filter(captures, **{argument: (0, 20)})["id"].tolist()
    assert {"f0", "f6", "f8"} <= set(suits)
    assert not {"f1", "f2", "f3", "f4", "f10"} & set(suits)
    table = CaptureTable(captures)
    try:
        for descending in (False, True):
            table.sort = (column, descending)
            assert len(table.shown) == len(captures)
    finally:
        table.close()


def test_a_number_of_400_digits_is_no_error(find: Callable[..., gpd.GeoDataFrame]):
    """A number larger than any that can be reckoned with is kept as it was written, and filters go on."""
    captures = find(feature("a", gsd=10**400), feature("b", gsd=1))
    assert captures["gsd"].tolist() == ["1" + "0" * 400, 1]
    assert scenecart.filter(captures, gsd=20)["id"].tolist() == ["b"]


PRICES: list[Any] = [-5, "free", {"amount": 5}, "<b>USD</b>", 1e308, 12.5]


@pytest.mark.parametrize("price", PRICES, ids=str)
def test_a_price_in_the_catalog_is_passed_on_and_never_reckoned_with(
    service: ScriptedService, client: scenecart.Client, find: Callable[..., gpd.GeoDataFrame], price: Any
):
    """What a catalog says of prices is shown as it came, as text, is not sent, and changes no price of an estimate."""
    captures = find(feature("a", price=price, credits=price, currency="<b>USD</b>"))
    assert captures["price"].tolist() == [price]
    assert "<b>USD" not in captures._repr_html_()
    service.put(ESTIMATE, answer(priced((["a"], 4_200))))
    estimate = client.cart(captures).estimate()
    assert estimate.total_credits == 4_200
    (sent,) = service.requests(ESTIMATE)[0].json["captures"]
    assert set(sent) == {"id", "geometry", "host_name", "collection"}


def test_what_is_no_capture_is_left_out_and_counted(find: Callable[..., gpd.GeoDataFrame]):
    """Between captures, null, a number, a text, a list and an empty object are counted and said; the captures are all there."""
    with pytest.warns(scenecart.ScenecartWarning, match="5 entries of the answer were no captures"):
        captures = find(feature("a"), None, 5, "x", {}, [], feature("b"))
    assert captures["id"].tolist() == ["a", "b"]
