"""Tests of decoded features: their properties as columns, and their other members."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from _scripted_service import feature, page
from scenecart._captures import decode
from scenecart._captures.features import columns_of, decode_each, foreign_of, geometry_text, properties_of


def read(*documents: Any) -> list[Any]:
    """Return decoded features."""
    features, _, _ = decode.read_page(json.dumps(page(*documents)).encode(), "t")
    return features


def test_columns_of_any_decoder_gives_same_values():
    """Features with learned names, and others among them, give the same columns: one value for each feature, None if missing."""
    learned = read(feature("a", gsd=0.5, tags=["x"]), feature("b", gsd=1))
    generic = read(feature("c", title="\ud800"))
    assert {type(one.properties) for one in generic} == {dict}
    assert columns_of(learned) == {"datetime": ["2024-03-05T10:20:30Z"] * 2, "gsd": [0.5, 1], "tags": [["x"], None]}
    mixed = columns_of([*learned, *generic])
    assert mixed["gsd"] == [0.5, 1, None]
    assert mixed["tags"] == [["x"], None, None]
    assert mixed["title"] == [None, None, "\ud800"]


def test_columns_of_malformed_properties_are_empty():
    """Properties that are not an object have no columns."""
    assert columns_of(read({**feature("a"), "properties": [1]}, {**feature("b"), "properties": None})) == {}
    assert properties_of([1]) == {}


def test_decode_each_equal_texts_share_one_value():
    """Equal JSON is decoded once; JSON that msgspec cannot read is decoded by the standard library, or kept as text."""
    first, second, other = decode_each([msgspec.Raw(b'{"a": 1}'), msgspec.Raw(b'{"a": 1}'), msgspec.Raw(b"[2]")])
    assert first is second
    assert (first, other) == ({"a": 1}, [2])
    assert decode_each([msgspec.Raw(b'"\\ud800"'), msgspec.Raw(b"NaN")]) == ["\ud800", "NaN"]


def test_foreign_of_returns_members_unknown_to_geojson_and_stac():
    """Members that neither GeoJSON nor STAC define are returned for each feature; None without such members."""
    assert foreign_of(read(feature("a"))) is None
    assert foreign_of(read({**feature("a"), "more": 1, "null": None}, feature("b"))) == [{"more": 1}, {}]


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {"type": "Point", "coordinates": [1, 2]},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [1, 2]}]},
        "POINT(1 2)",
        5,
    ],
    ids=str,
)
def test_geometry_text_is_the_json_of_the_catalog(geometry: Any):
    """The geometry of a feature is returned as the JSON that the catalog sent, valid or not."""
    assert json.loads(geometry_text(read({**feature("a"), "geometry": geometry})[0])) == geometry
