"""Tests of frames: every row, every property, and unusual values."""

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
from _expect import raises, warns
from _scripted_service import feature, page
from scenecart import InvalidRequest
from scenecart._captures import decode
from scenecart._captures.frame import OWN_COLUMNS, checked_row, concat, to_frame
from scenecart._captures.properties import TIMES

if TYPE_CHECKING:
    from pathlib import Path


def frame_of(*features: Any) -> gpd.GeoDataFrame:
    """Return a frame of these features."""
    read, _, _ = decode.read_page(json.dumps(page(*features)).encode(), "t")
    return to_frame(read, host="h")


def test_frame_properties_are_columns_of_their_type():
    """Numbers stay numbers, strings strings, lists lists; a property that one capture lacks is missing there alone."""
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


def test_frame_properties_do_not_replace_own_columns():
    """A property called id, geometry or host is kept under a prefixed name next to the real one."""
    frame = frame_of(feature("a", **{"id": "x", "geometry": "y", "host": "z", "collection": 5, "": "e", "_repr_html_": 1}))
    assert frame["id"].tolist() == ["a"]
    assert frame["host"].tolist() == ["h"]
    assert frame["properties:id"].tolist() == ["x"]
    assert frame["properties:geometry"].tolist() == ["y"]
    assert frame["properties:collection"].tolist() == [5]
    assert frame[""].tolist() == ["e"]
    assert isinstance(frame.geometry, gpd.GeoSeries)
    assert "<table" in frame._repr_html_()


MIXED_VALUES = ["5", None, 250, -1, {"a": 1}, 2**70, -0.0, True, [1, [2]], "\u202e", "<b>", 1e308, ""]


def test_frame_mixed_values_are_kept():
    """A property of many types keeps each value."""
    frame = frame_of(*(feature(str(number), mixed=value) for number, value in enumerate(MIXED_VALUES)))
    assert [None if value is None else value for value in frame["mixed"]] == MIXED_VALUES


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2024-03-05T10:20:30Z", "2024-03-05T10:20:30"),
        ("2024-03-05T10:20:30.123456789Z", "2024-03-05T10:20:30.123456"),
        ("2024-03-05T12:20:30+02:00", "2024-03-05T10:20:30"),
        ("2024-03-05 10:20:30+00:00", "2024-03-05T10:20:30"),
    ],
)
def test_frame_times_are_utc(text: str, utc: str):
    """Times of any zone and precision are UTC timestamps."""
    frame = frame_of({**feature("a"), "properties": {"datetime": text}})
    assert frame["datetime"][0] == pd.Timestamp(utc, tz="UTC")


@pytest.mark.parametrize("value", ["2024-02-30T00:00:00Z", "12024-01-01", 1_700_000_000, ["x"], "<b>", "next week"])
def test_frame_invalid_time_is_kept_in_a_column_of_its_own(value: object):
    """A value that is not a time is kept in another column, and the time column stays sortable."""
    frame = frame_of({**feature("a"), "properties": {"datetime": value}}, feature("b"))
    assert frame["datetime"].isna().tolist() == [True, False]
    assert frame["datetime:as_given"][0] == value
    assert frame.sort_values("datetime")["id"].tolist() == ["b", "a"]


def test_frame_time_without_zone_is_utc_with_warning():
    """A time without a zone is read as UTC, with a warning."""
    with warns("time_zone_missing"):
        frame = frame_of({**feature("a"), "properties": {"datetime": "2024-03-05T10:20:30"}})
    assert frame["datetime"][0] == pd.Timestamp("2024-03-05T10:20:30Z")


def test_assets_decodes_one_row():
    """Assets stay text until assets() is called for a row."""
    item = {**feature("a"), "assets": {"thumbnail": {"href": "https://x.example/a.png", "title": "é"}}}
    frame = frame_of(item)
    assert scenecart.assets(frame.iloc[0]) == item["assets"]


def test_frame_lone_surrogates_are_kept():
    """A string with a lone surrogate is kept exactly, and affects no other row."""
    body = json.dumps(page(feature("a", title="x"), feature("b"))).replace('"x"', '"\\ud800"').encode()
    read, skipped, _ = decode.read_page(body, "t")
    frame = to_frame(read)
    assert skipped == 0
    assert frame["title"][0] == "\ud800"
    assert frame["id"].tolist() == ["a", "b"]


def test_frame_same_id_in_two_collections_is_two_rows():
    """Ids are unique within a collection only."""
    frame = frame_of(feature("a"), {**feature("a"), "collection": "other"})
    assert frame["collection"].tolist() == ["c", "other"]


FOLDERS = [
    "antimeridian", "api-items-planetary-computer", "api-pages-pystac-client", "ext-order", "ext-projection",
    "ext-sar", "ext-view", "odc-stac", "pgstac-naip", "planet-disaster", "planet-native", "stac-api-spec",
    "stac-geoparquet", "stactools-landsat", "stactools-sentinel1", "stactools-sentinel2",
]  # fmt: skip


@pytest.mark.parametrize("folder", FOLDERS)
def test_frame_of_real_captures_has_all_properties(shared_data: Path, folder: str):
    """Every capture of real catalogs becomes a row with its id and all its properties."""
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
def test_frame_of_any_features_keeps_ids_order_and_properties(items: list[tuple[Any, dict[str, Any]]]):
    """For any ids and properties, no row, id or value is lost."""
    frame = frame_of(*({**feature(name), "properties": properties} for name, properties in items))
    assert len(frame) == len(items)
    for row, (name, properties) in zip(frame.to_dict("records"), items, strict=True):
        assert row["id"] == name or (name is None and pd.isna(row["id"]))
        for key, value in properties.items():
            column = f"properties:{key}" if key in OWN_COLUMNS else key
            if key in {"stac_version", "stac_extensions"}:
                continue
            assert row[column] == value or (value is None and pd.isna(row[column]))


def test_frame_footprint_across_antimeridian_is_checked_by_parts():
    """A footprint across the antimeridian is orderable if its two parts are valid, and not if they cross themselves."""
    simple = [[179.5, 0], [-179.5, 0], [-179.5, 1], [179.5, 1], [179.5, 0]]
    crossed = [[179.5, 0], [-179.5, 1], [-179.5, 0], [179.0, 1], [179.5, 0]]
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in (simple, crossed)]
    found = frame_of(*({**feature(name), "geometry": shape} for name, shape in zip("ab", shapes, strict=True)))
    assert found["orderable"].tolist() == [True, False]
    assert found["not_orderable_reason"].notna().tolist() == [False, True]


def test_frame_unusable_property_names_are_prefixed():
    """A property whose name is a lone surrogate, or one of scenecart's own columns, is kept under a prefixed name."""
    properties = {
        "\ud800": 1,
        "stac_version": "9",
        "foreign_members": 2,
        "datetime": "<b>",
        "datetime:as_given": 3,
        "properties:id": 4,
        "id": 5,
    }
    frame = frame_of({**feature("a"), "properties": properties, "stac_version": "1.0.0", "more": 6})
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
def test_frame_coordinates_outside_the_world_are_not_orderable(ring: list[Any]):
    """A footprint with coordinates outside the world is kept as not orderable, without a warning from NumPy."""
    frame = frame_of({**feature("a"), "geometry": {"type": "Polygon", "coordinates": [ring]}})
    assert frame["orderable"].tolist() == [False]
    assert "outside the world" in frame["not_orderable_reason"][0]


def test_frame_footprint_that_cannot_be_split_is_not_orderable():
    """A ring around the antimeridian and a pole with a hole cannot be split, so the capture is not orderable."""
    rings = [[[-180, -1], [170, 90], [-90, 1], [-170, 80], [-180, -1]], [[170, 0], [170, 0], [1, 1], [170, 0]]]
    frame = frame_of({**feature("a"), "geometry": {"type": "Polygon", "coordinates": rings}})
    assert frame["orderable"].tolist() == [False]


@pytest.mark.parametrize(
    ("row", "columns", "code"),
    [
        (None, (), "capture_not_a_row"),
        (pd.DataFrame({"id": ["a"]}), (), "capture_not_a_row"),
        ({"id": "a"}, ("id", "host"), "capture_column_missing"),
    ],
)
def test_checked_row_not_a_row_with_columns_is_refused(row: Any, columns: tuple[str, ...], code: str):
    """Anything but one row with the columns is refused with a hint."""
    with raises(InvalidRequest, code) as caught:
        checked_row(row, *columns)
    assert caught.value.hint


def test_concat_skips_empty_frames_and_fills_missing_columns():
    """Frames are concatenated under a fresh index; a column that one lacks is empty there, and no frames give an empty one."""
    joined = concat([frame_of(feature("a", gsd=0.5)), frame_of(), frame_of(feature("b", title="t"))])
    assert joined.index.tolist() == [0, 1]
    assert joined["gsd"].isna().tolist() == [False, True]
    assert joined["title"].isna().tolist() == [True, False]
    assert len(concat([])) == 0
    assert concat([frame_of()]).crs.to_epsg() == 4326
