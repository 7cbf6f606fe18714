"""Captures that a catalog sends more than once."""

from __future__ import annotations

import json
from typing import Any

from _scripted_service import feature
from scenecart._captures.decode import Reader, read_feature
from scenecart._captures.repeats import Repeats


def features(*documents: Any) -> list[Any]:
    """Return decoded features."""
    page = Reader().page(json.dumps({"type": "FeatureCollection", "features": documents}).encode(), "test")
    return page.features()[0]


def names(kept: list[Any]) -> list[Any]:
    return [one.id for one in kept]


def test_repeats_keeps_one_of_each_collection_id_and_footprint():
    """What has another collection, id or footprint is another capture; spaces in its JSON do not matter."""
    repeats = Repeats()
    a, moved, other = feature("a"), feature("a", west=1.0), {**feature("a"), "collection": "d"}
    assert len(repeats.fresh(features(a, a, moved, other, feature("b")))) == 4
    assert repeats.fresh(features(feature("b"), a)) == []
    spaced = read_feature(json.dumps(a, indent=1).encode())
    assert spaced is not None
    assert repeats.fresh([spaced]) == []
    assert len(repeats) == 4
    for geometry in (None, "polygon", {"type": "GeometryCollection", "geometries": []}):
        odd = features({**a, "geometry": geometry})
        assert len(repeats.fresh(odd)) == 1
        assert repeats.fresh(odd) == []


def test_repeats_drops_as_many_unnamed_captures_as_had_arrived():
    """A capture without an id is kept each time, and dropped as often as it came when the response is requested again."""
    repeats = Repeats()
    unnamed = {**feature(), "id": None}
    assert len(repeats.fresh(features(unnamed, unnamed))) == 2
    repeats.start_again()
    assert names(repeats.fresh(features(unnamed, unnamed, unnamed, feature("b")))) == [None, "b"]


def test_repeats_counts_what_an_earlier_page_had():
    """A capture of an earlier page counts once in the result; two of one page are the catalog's own."""
    repeats = Repeats()
    twins = features(feature("a"), feature("a"))
    assert repeats.from_earlier_pages(twins) == 0
    repeats.fresh(twins)
    assert repeats.from_earlier_pages(twins) == 0
    repeats.start_page()
    assert repeats.from_earlier_pages(twins) == 2
