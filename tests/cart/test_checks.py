"""Checks of captures that go into a cart."""

from __future__ import annotations

import json
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises
from _purchases import captures
from _scripted_service import feature, page
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._cart.cart import make_cart
from scenecart._cart.checks import checked_frame, keys_of, orderable_captures, reasons_not_orderable, texts_of


def test_checked_frame_empty_is_refused():
    """A frame without captures is an error, not an order of nothing."""
    with raises(scenecart.InvalidCart, "cart_empty"):
        checked_frame(captures().iloc[:0])


@pytest.mark.parametrize("value", [None, 5, [], {}, "captures.parquet"])
def test_checked_frame_not_a_geodataframe_is_refused(value: object):
    """Anything but a GeoDataFrame is refused, and the error names the argument."""
    with raises(scenecart.InvalidCart, "captures_not_a_frame") as caught:
        checked_frame(value)
    assert caught.value.argument == "captures"


def test_checked_frame_single_row_is_refused():
    """One row of a result is refused with a hint how to pass it as a frame."""
    with raises(scenecart.InvalidCart, "captures_single_row") as caught:
        checked_frame(captures().iloc[0])
    assert "iloc" in str(caught.value.hint)


def test_checked_frame_missing_column_is_named():
    """A frame without ids or without a geometry is refused, and the error names the missing column."""
    for frame, column in ((captures().drop(columns="id"), "id"), (gpd.GeoDataFrame({"id": ["a"]}), "geometry")):
        with raises(scenecart.InvalidCart, "captures_column_missing") as caught:
            checked_frame(frame)
        assert repr(column) in caught.value.message


def test_checked_frame_reprojects_to_wgs84():
    """Captures in another CRS are reprojected, those without a CRS are read as EPSG:4326, and the geometry column is renamed."""
    frame = captures()
    for other in (frame.to_crs(3857), frame.set_crs(None, allow_override=True), frame.rename_geometry("shape")):
        checked = checked_frame(other)
        assert checked.crs.to_epsg() == 4326
        assert checked.active_geometry_name == "geometry"
        assert checked.geometry.geom_equals_exact(frame.geometry, 1e-9).all()


@pytest.mark.parametrize(
    ("change", "about"),
    [
        ({"id": None}, "id"),
        ({"id": 5}, "id"),
        ({"id": " "}, "id"),
        ({"geometry": None}, "footprint"),
        ({"geometry": {"type": "Point", "coordinates": [1, 2]}}, "Point"),
        ({"geometry": {"type": "Polygon", "coordinates": []}}, "footprint"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}}, "Self-intersection"),
        ({"geometry": {"type": "Polygon", "coordinates": "x"}}, "footprint"),
        ({"geometry": "polygon"}, "footprint"),
        ({"geometry": {"type": "Polygon", "coordinates": [[[0, 91], [1, 91], [1, 92], [0, 91]]]}}, "world"),
    ],
)
def test_unusable_capture_is_listed_with_reason_and_refused(change: dict[str, Any], about: str):
    """A capture without usable id or footprint stays in the result with its reason, and the cart refuses it by name."""
    document = page(feature("good"), {**feature("bad"), **change})
    features, _, _ = decode.read_page(json.dumps(document).encode(), "t")
    frame = to_frame(features)
    assert len(frame) == 2
    assert frame["orderable"].tolist() == [True, False]
    assert about in frame["not_orderable_reason"].iloc[1]
    assert reasons_not_orderable(frame) == [None, frame["not_orderable_reason"].iloc[1]]
    with raises(scenecart.InvalidCart, "captures_not_orderable") as caught:
        make_cart(frame)
    assert len(caught.value.ids) == 1
    assert len(make_cart(frame[frame.orderable])) == 1


def test_reasons_not_orderable_are_the_same_for_own_frames():
    """A frame that did not come from a search is checked for the same reasons: an area beyond a pole cannot be bought."""
    own = (
        captures()
        .drop(columns=["orderable", "not_orderable_reason"])
        .set_geometry([shapely.box(0, 0, 1, 1), shapely.box(0, 89, 1, 92)])
    )
    with raises(scenecart.InvalidCart, "captures_not_orderable") as caught:
        make_cart(own)
    assert caught.value.ids == ["b"]
    assert reasons_not_orderable(own)[0] is None


def test_footprint_outside_the_world_is_refused():
    """A capture outside the world is refused as part of a cart, from any source."""
    nowhere = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.Polygon([(0, 0), (1, 1e308), (0, 1), (0, 0)])], crs=4326)
    with raises(scenecart.InvalidCart, "captures_not_orderable") as caught:
        make_cart(nowhere)
    assert caught.value.ids == ["a"]


def test_captures_outside_the_area_are_named():
    """A capture that does not touch the area is refused by id, never dropped silently."""
    with raises(scenecart.InvalidCart, "captures_outside_area") as caught:
        make_cart(captures(), aoi=(50, 50, 51, 51))
    assert caught.value.ids == ["a", "b"]


def test_orderable_captures_keeps_each_capture_once():
    """A capture that is twice in the frame is once in the cart; with another footprint it is refused by id."""
    frame = captures("a", "b")
    twice = pd.concat([frame, frame.iloc[[0]]])
    assert orderable_captures(twice, None)["id"].tolist() == ["a", "b"]
    moved = pd.concat([frame, frame.iloc[[0]].set_geometry(frame.iloc[[0]].translate(0.01, 0))])
    with raises(scenecart.InvalidCart, "captures_conflict") as caught:
        orderable_captures(moved, None)
    assert caught.value.ids == ["a"]


def test_keys_tell_apart_collections_of_one_id():
    """The same id in two collections is two captures."""
    frame = captures("a", "a").assign(collection=["c", "d"])
    assert keys_of(frame) == [("h", "c", "a"), ("h", "d", "a")]
    assert len(orderable_captures(frame, None)) == 2
    assert texts_of(frame, "no such column") == [None, None]
