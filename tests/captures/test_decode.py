"""Tests of decoding: the same frame however the bytes arrive, and an error for truncated ones."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from _expect import raises, warns
from scenecart import ServiceError
from scenecart._captures import decode, search
from scenecart._captures.features import columns_of
from scenecart._captures.query import Query

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=5), st.lists(st.integers(0, 3), max_size=2)
)
properties = st.dictionaries(st.sampled_from(["gsd", "eo:cloud_cover", 'a "b"', "title", "é"]), values, max_size=4)
geometries = st.sampled_from([SQUARE, None, {"type": "Point", "coordinates": [0, 0]}, {"type": "Polygon", "coordinates": []}])


def feature(name: int, known: dict[str, Any], geometry: Any) -> dict[str, Any]:
    """Return a capture with these properties and this geometry."""
    return {
        "type": "Feature",
        "id": f"c{name}",
        "collection": "c",
        "geometry": geometry,
        "properties": known,
        "assets": {"a": {"href": "é"}},
    }


captures = st.lists(st.tuples(properties, geometries), min_size=1, max_size=8).map(
    lambda drawn: [feature(number, *one) for number, one in enumerate(drawn)]
)


def lines(features: list[dict[str, Any]]) -> bytes:
    """Return captures as the lines of a stream."""
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in features)


@given(captures, st.lists(st.integers(0, 2_000), max_size=6))
def test_build_frame_any_chunking_gives_same_frame(features: list[dict[str, Any]], cuts: list[int]):
    """A stream cut into chunks anywhere gives the frame of the same bytes in one chunk, and of a page of the same captures."""
    data = lines(features)
    ends = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    chunks = [data[begin:end] for begin, end in itertools.pairwise(ends)]
    at_once = search.build_frame([data], "lines", Query("h", {}))
    assert_frame_equal(search.build_frame(chunks, "lines", Query("h", {})), at_once)
    page = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    by_page = search.build_frame([page], "pages", Query("h", {}))
    assert by_page["id"].tolist() == at_once["id"].tolist() == [one["id"] for one in features]
    assert by_page["not_orderable_reason"].tolist() == at_once["not_orderable_reason"].tolist()
    assert set(by_page.columns) == set(at_once.columns)


@given(captures, st.data())
def test_decode_truncated_anywhere_raises(features: list[dict[str, Any]], data: st.DataObject):
    """A page or a line that ends too early is an error, never a shorter result."""
    page = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    shorter = page[: data.draw(st.integers(0, len(page) - 1))]
    with raises(ServiceError, "response_not_json" if shorter else "response_empty"):
        decode.read_page(shorter, "a search")
    last = lines(features[-1:]).rstrip(b"\n")
    short = lines(features[:-1]) + last[: data.draw(st.integers(1, len(last) - 1))]
    with raises(ServiceError, "stream_line_not_json"):
        search.build_frame([short], "lines", Query("h", {}))


def test_decode_learned_names_do_not_change_the_result():
    """Captures with other properties than the first are read as if each had come alone."""
    features = [feature(number, {f"p{number % 3}": number, "gsd": 0.5}, SQUARE) for number in range(60)]
    page = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    frame = search.build_frame([page], "pages", Query("h", {}))
    for number in range(60):
        row = frame.iloc[number]
        assert row[f"p{number % 3}"] == number
        assert frame[f"p{(number + 1) % 3}"].isna()[number]
    assert frame["orderable"].all()


@pytest.mark.parametrize("apart", [True, False])
def test_decode_line_without_type_is_skipped(apart: bool):  # noqa: FBT001  # a parameter of the test
    """A line without the type of a feature is skipped, whether or not others were read before it."""
    first, rest = lines([feature(1, {"gsd": 1}, SQUARE)]), lines([{"id": "c2", "properties": {}}, feature(3, {"gsd": 1}, SQUARE)])
    with warns("entries_skipped"):
        frame = search.build_frame([first, rest] if apart else [first + rest], "lines", Query("h", {}))
    assert frame["id"].tolist() == ["c1", "c3"]


@pytest.mark.parametrize("where", ["title", "assets", "geometry"])
def test_decode_invalid_utf8_is_refused(where: str):
    """A page or a line that is not UTF-8 is an error, with the invalid byte at any place."""
    good = feature(1, {"title": "x", "nested": [1]}, SQUARE)
    marked = {**good, where: "HERE"} if where != "title" else feature(2, {"title": "HERE", "nested": [1]}, SQUARE)
    bad = json.dumps(marked).encode().replace(b"HERE", b"\xff")
    for chunks in ([lines([good]), bad], [lines([good]) + bad], [bad]):
        with raises(ServiceError, "stream_line_not_json"):
            search.build_frame(chunks, "lines", Query("h", {}))
    page = b'{"type": "FeatureCollection", "features": [' + lines([good]).rstrip() + b"," + bad + b"]}"
    with raises(ServiceError, "response_not_json"):
        decode.read_page(page, "a search")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "response_empty"),
        (b" ", "response_empty"),
        (b"<html>", "response_not_json"),
        (b"null", "response_not_feature_collection"),
        (b'{"features": null}', "response_not_feature_collection"),
        (b'{"type": "Other", "features": []}', "response_not_feature_collection"),
        (b'{"features": [], "features": []}', "response_not_feature_collection"),
        (b'{"features": []} x', "response_not_json"),
    ],
)
def test_read_page_response_not_geojson_is_refused(body: bytes, code: str):
    """What is not exactly one feature collection is an error by kind, with a hint, never an empty result."""
    with raises(ServiceError, code) as caught:
        decode.read_page(body, "a search")
    assert caught.value.operation == "a search"
    assert caught.value.hint


def test_read_page_lone_surrogate_keeps_all_features():
    """A lone surrogate somewhere in a page changes nothing about which entries are captures."""
    page = {"type": "FeatureCollection", "features": [feature(1, {"title": "\ud800"}, SQUARE), {"type": "Other"}]}
    page["features"] += [{"type": "Feature", "properties": 5}, feature(2, {}, SQUARE)]
    features, skipped, _ = decode.read_page(json.dumps(page).encode(), "t")
    assert ([one.id for one in features], skipped) == (["c1", None, "c2"], 1)


def test_reader_large_page_equals_small_pages():
    """A page of more than 4 MiB, which is split before decoding, gives all its features and its paging members."""
    features = [feature(number, {"gsd": number, "title": "x" * 900, "nested": [number % 3]}, SQUARE) for number in range(5_000)]
    body = json.dumps({"type": "FeatureCollection", "features": features, "next": "t"}).encode()
    assert len(body) > 4 * 2**20
    page = decode.Reader().page(body, "a search")
    read, skipped = page.features()
    assert [one.id for one in read] == [one["id"] for one in features]
    assert columns_of(read)["gsd"] == list(range(5_000))
    assert (skipped, page.paging["next"]) == (0, "t")
