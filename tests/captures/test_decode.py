"""However the bytes arrive, the frame is the same; and half an answer is never taken for a whole one."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from scenecart import ScenecartWarning, ServiceError
from scenecart._captures import decode, search
from scenecart._captures.query import Query

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}
values = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(max_size=5), st.lists(st.integers(0, 3), max_size=2)
)
properties = st.dictionaries(st.sampled_from(["gsd", "eo:cloud_cover", 'a "b"', "title", "é"]), values, max_size=4)
geometries = st.sampled_from([SQUARE, None, {"type": "Point", "coordinates": [0, 0]}, {"type": "Polygon", "coordinates": []}])


def feature(name: int, known: dict[str, Any], geometry: Any) -> dict[str, Any]:
    """Return a capture."""
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
    return b"".join(json.dumps(one, ensure_ascii=False).encode() + b"\n" for one in features)


@given(captures, st.lists(st.integers(0, 2_000), max_size=6))
def test_any_chunking_gives_the_same_frame(features: list[dict[str, Any]], cuts: list[int]):
    """A stream cut into pieces anywhere gives the frame of the same bytes in one piece, and of a page with the same captures."""
    whole = lines(features)
    ends = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    pieces = [whole[begin:end] for begin, end in itertools.pairwise(ends)]
    at_once = search.assemble([whole], "lines", Query("h", {}))
    assert_frame_equal(search.assemble(pieces, "lines", Query("h", {})), at_once)
    page = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    by_page = search.assemble([page], "pages", Query("h", {}))
    assert by_page["id"].tolist() == at_once["id"].tolist() == [one["id"] for one in features]
    assert by_page["not_orderable_reason"].tolist() == at_once["not_orderable_reason"].tolist()
    assert set(by_page.columns) == set(at_once.columns)


@given(captures, st.data())
def test_any_truncation_raises(features: list[dict[str, Any]], data: st.DataObject):
    """A page or a line that ends too early is an error, never a shorter result."""
    page = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    with pytest.raises(ServiceError):
        decode.read_page(page[: data.draw(st.integers(0, len(page) - 1))], "a search")
    last = lines(features[-1:]).rstrip(b"\n")
    short = lines(features[:-1]) + last[: data.draw(st.integers(1, len(last) - 1))]
    with pytest.raises(ServiceError):
        search.assemble([short], "lines", Query("h", {}))


def test_what_was_learned_changes_nothing():
    """Captures with other properties than the first are read the same as if each had come alone."""
    features = [feature(number, {f"p{number % 3}": number, "gsd": 0.5}, SQUARE) for number in range(60)]
    page = json.dumps({"type": "FeatureCollection", "features": features}).encode()
    frame = search.assemble([page], "pages", Query("h", {}))
    for number in range(60):
        row = frame.iloc[number]
        assert row[f"p{number % 3}"] == number
        assert frame[f"p{(number + 1) % 3}"].isna()[number]
    assert frame["orderable"].all()


@pytest.mark.parametrize("cut", [True, False])
def test_a_line_without_a_type_is_left_out_however_it_arrives(cut: bool):  # noqa: FBT001  # a parameter of the test
    """A line that does not say it is a capture is none, whether or not others were read before it."""
    first, rest = lines([feature(1, {"gsd": 1}, SQUARE)]), lines([{"id": "c2", "properties": {}}, feature(3, {"gsd": 1}, SQUARE)])
    with pytest.warns(ScenecartWarning, match="1 entries"):
        frame = search.assemble([first, rest] if cut else [first + rest], "lines", Query("h", {}))
    assert frame["id"].tolist() == ["c1", "c3"]


@pytest.mark.parametrize("where", ["title", "assets", "geometry"])
def test_bytes_that_are_no_text_are_refused_however_they_arrive(where: str):
    """A page or a line that is not UTF-8 is an error wherever the odd byte stands, and whatever came before."""
    good = feature(1, {"title": "x", "nested": [1]}, SQUARE)
    odd = {**good, where: "ODD"} if where != "title" else feature(2, {"title": "ODD", "nested": [1]}, SQUARE)
    bad = json.dumps(odd).encode().replace(b"ODD", b"\xff")
    for pieces in ([lines([good]), bad], [lines([good]) + bad], [bad]):
        with pytest.raises(ServiceError):
            search.assemble(pieces, "lines", Query("h", {}))
    page = b'{"type": "FeatureCollection", "features": [' + lines([good]).rstrip() + b"," + bad + b"]}"
    with pytest.raises(ServiceError):
        decode.read_page(page, "a search")
