"""Features to GeoDataFrames: every row, every property, every awkward shape."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenecart
from _scripted_service import feature, page
from scenecart._captures import decode
from scenecart._captures.frame import OWN_COLUMNS, TIMES, to_frame

if TYPE_CHECKING:
    from pathlib import Path


def frame_of(*features: Any) -> gpd.GeoDataFrame:
    read, _, _ = decode.read_page(json.dumps(page(*features)).encode(), "t")
    return to_frame(read, host="h")


def test_every_property_is_a_column_and_keeps_its_type():
    """Numbers stay numbers, text text, lists lists; a property that one capture lacks is missing there alone."""
    frame = frame_of(
        feature("a", gsd=0.5, n=3, flag=True, tags=["x"], title="t", deep={"k": [1]}),
        feature("b", n=None, title=None),
    )
    assert frame["gsd"].tolist()[0] == 0.5
    assert frame["n"].tolist()[0] == 3
    assert pd.isna(frame["n"][1])
    assert frame["flag"][0] is True or frame["flag"][0] == True  # noqa: E712  # a value, not a truth
    assert frame["tags"][0] == ["x"]
    assert frame["deep"][0] == {"k": [1]}
    assert frame["title"].isna().tolist() == [False, True]


def test_properties_cannot_replace_the_frame_s_own_columns():
    """A property called id, geometry or host stands beside the real one under a name of its own."""
    frame = frame_of(feature("a", **{"id": "x", "geometry": "y", "host": "z", "collection": 5, "": "e", "_repr_html_": 1}))
    assert frame["id"].tolist() == ["a"]
    assert frame["host"].tolist() == ["h"]
    assert frame["properties:id"].tolist() == ["x"]
    assert frame["properties:geometry"].tolist() == ["y"]
    assert frame["properties:collection"].tolist() == [5]
    assert frame[""].tolist() == ["e"]
    assert isinstance(frame.geometry, gpd.GeoSeries)
    assert "<table" in frame._repr_html_()


ODD_VALUES = ["5", None, 250, -1, {"a": 1}, 2**70, -0.0, True, [1, [2]], "\u202e", "<b>", 1e308, ""]


def test_mixed_values_are_shown_as_they_came():
    """A property of many types keeps each value, and sorting another column by it does not fail."""
    frame = frame_of(*(feature(str(number), odd=value) for number, value in enumerate(ODD_VALUES)))
    assert [None if value is None else value for value in frame["odd"]] == ODD_VALUES


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-05T10:20:30Z", "2024-03-05T10:20:30"),
        ("2024-03-05T10:20:30.123456789Z", "2024-03-05T10:20:30.123456"),
        ("2024-03-05T12:20:30+02:00", "2024-03-05T10:20:30"),
        ("2024-03-05 10:20:30+00:00", "2024-03-05T10:20:30"),
    ],
)
def test_times_are_utc(text: str, utc: str):
    """Times of any zone and precision are UTC timestamps."""
    frame = frame_of({**feature("a"), "properties": {"datetime": text}})
    assert frame["datetime"][0] == pd.Timestamp(utc, tz="UTC")


@pytest.mark.parametrize("value", ["2024-02-30T00:00:00Z", "12024-01-01", 1_700_000_000, ["x"], "<b>", "next week"])
def test_a_time_that_is_none_is_kept_as_it_came(value: object):
    """What is no time leaves the column sortable and stands in a column of its own."""
    frame = frame_of({**feature("a"), "properties": {"datetime": value}}, feature("b"))
    assert frame["datetime"].isna().tolist() == [True, False]
    assert frame["datetime:as_given"][0] == value
    assert frame.sort_values("datetime")["id"].tolist() == ["b", "a"]


def test_a_time_without_zone_is_utc_and_said():
    """A time without zone is read as UTC, with a warning."""
    with pytest.warns(scenecart.ScenecartWarning, match="no time zone"):
        frame = frame_of({**feature("a"), "properties": {"datetime": "2024-03-05T10:20:30"}})
    assert frame["datetime"][0] == pd.Timestamp("2024-03-05T10:20:30Z")


def test_assets_are_decoded_when_touched():
    """Assets stay text until assets() is asked for one row's."""
    item = {**feature("a"), "assets": {"thumbnail": {"href": "https://x.example/a.png", "title": "é"}}}
    frame = frame_of(item)
    assert scenecart.assets(frame.iloc[0]) == item["assets"]


def test_lone_surrogates_survive():
    """A text that is no Unicode is kept exactly, and costs no other row."""
    body = json.dumps(page(feature("a", title="x"), feature("b"))).replace('"x"', '"\\ud800"').encode()
    read, skipped, _ = decode.read_page(body, "t")
    frame = to_frame(read)
    assert skipped == 0
    assert frame["title"][0] == "\ud800"
    assert frame["id"].tolist() == ["a", "b"]


def test_the_same_id_in_two_collections_stays_two():
    """Ids are only unique within a collection."""
    frame = frame_of(feature("a"), {**feature("a"), "collection": "other"})
    assert frame["collection"].tolist() == ["c", "other"]


FOLDERS = [
    "antimeridian", "api-items-planetary-computer", "api-pages-pystac-client", "ext-order", "ext-projection",
    "ext-sar", "ext-view", "odc-stac", "pgstac-naip", "planet-disaster", "planet-native", "stac-api-spec",
    "stac-geoparquet", "stactools-landsat", "stactools-sentinel1", "stactools-sentinel2",
]  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_captures_lose_nothing(shared_data: Path, folder: str):
    """Every real capture becomes a row with its id, and every property it has is in the row."""
    documents: list[dict[str, Any]] = []
    for path in sorted((shared_data / folder).iterdir()):
        text = path.read_text(encoding="utf-8")
        lines = text.split("\n") if path.suffix == ".ndjson" else [text]
        found = [json.loads(line) for line in lines if line]
        for document in found:
            inner = document.get("features", [document]) if isinstance(document, dict) else document
            documents += [entry for entry in inner if isinstance(entry, dict) and entry.get("type") == "Feature"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", scenecart.ScenecartWarning)
        frame = frame_of(*documents)
    assert [None if pd.isna(name) else name for name in frame["id"]] == [document.get("id") for document in documents]
    for row, document in zip(frame.to_dict("records"), documents, strict=True):
        for name in document.get("properties") or {}:
            assert name in row or f"properties:{name}" in row
        assert (row["geometry"] is None) == (not document.get("geometry") or not document["geometry"]["coordinates"])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
names = st.text().filter(lambda name: name not in TIMES and not name.endswith(":as_given"))


@settings(max_examples=150)
@given(st.lists(st.tuples(json_values, st.dictionaries(names, json_values, max_size=4)), max_size=5))
def test_any_features_keep_ids_order_and_properties(items: list[tuple[Any, dict[str, Any]]]):
    """Whatever ids and properties are, no row, id or value is lost on the way into the frame."""
    frame = frame_of(*({**feature(name), "properties": properties} for name, properties in items))
    assert len(frame) == len(items)
    for row, (name, properties) in zip(frame.to_dict("records"), items, strict=True):
        assert row["id"] == name or (name is None and pd.isna(row["id"]))
        for key, value in properties.items():
            column = f"properties:{key}" if key in OWN_COLUMNS else key
            if key in {"stac_version", "stac_extensions"}:
                continue
            assert row[column] == value or (value is None and pd.isna(row[column]))


def test_a_footprint_over_the_antimeridian_is_judged_by_its_parts():
    """A ring that steps over the antimeridian is orderable when its two parts are valid, and not when they cross themselves."""
    simple = [[179.5, 0], [-179.5, 0], [-179.5, 1], [179.5, 1], [179.5, 0]]
    crossed = [[179.5, 0], [-179.5, 1], [-179.5, 0], [179.0, 1], [179.5, 0]]
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in (simple, crossed)]
    found = frame_of(*({**feature(name), "geometry": shape} for name, shape in zip("ab", shapes, strict=True)))
    assert found["orderable"].tolist() == [True, False]
    assert "valid shape" in found["not_orderable_reason"][1]


def test_names_that_no_table_takes_are_written_out():
    """A property whose name is half a character, or a column of scenecart's own, is kept under a name that says so."""
    odd = {
        "\ud800": 1,
        "stac_version": "9",
        "foreign_members": 2,
        "datetime": "<b>",
        "datetime:as_given": 3,
        "properties:id": 4,
        "id": 5,
    }
    frame = frame_of({**feature("a"), "properties": odd, "stac_version": "1.0.0", "more": 6})
    row = frame.iloc[0]
    assert row["properties:\\ud800"] == 1
    assert (row["stac_version"], row["properties:stac_version"]) == ("1.0.0", "9")
    assert (row["foreign_members"], row["properties:foreign_members"]) == ({"more": 6}, 2)
    assert (row["datetime:as_given"], row["properties:datetime:as_given"]) == ("<b>", 3)
    assert sorted((row["properties:id"], row["properties:properties:id"])) == [4, 5]


@pytest.mark.parametrize(
    "ring",
    [
        [[1e308, 0], [1, -1e308], [1e308, 1e308], [0, 1], [1e308, 0]],
        [[170, 0], [-170, 0], [-170, 1], [170, 1], [1e300, 5], [170, 0]],
    ],
)
def test_coordinates_larger_than_the_world_are_a_reason(ring: list[Any]):
    """A footprint with numbers that no place has is kept and says why it cannot be ordered; nothing warns."""
    frame = frame_of({**feature("a"), "geometry": {"type": "Polygon", "coordinates": [ring]}})
    assert frame["not_orderable_reason"].tolist() == ["its footprint lies outside the world"]


def test_what_cannot_be_split_is_a_reason():
    """A hole in a ring that winds around the antimeridian and a pole is a reason, whatever the library that splits it says."""
    rings = [[[-180, -1], [170, 90], [-90, 1], [-170, 80], [-180, -1]], [[170, 0], [170, 0], [1, 1], [170, 0]]]
    frame = frame_of({**feature("a"), "geometry": {"type": "Polygon", "coordinates": rings}})
    assert frame["orderable"].tolist() == [False]


def test_an_odd_page_counts_what_is_no_capture():
    """Half a character somewhere in a page changes nothing about which entries are captures."""
    entries = [feature("a", title="\ud800"), {"type": "Other"}, {"type": "Feature", "properties": 5}, feature("b")]
    features, skipped, _ = decode.read_page(json.dumps(page(*entries)).encode(), "t")
    assert ([one.id for one in features], skipped) == (["a", None, "b"], 1)
