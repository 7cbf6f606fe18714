"""Tests of footprints: parsed at once as if parsed one by one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from _scripted_service import feature, page
from scenecart._captures import decode
from scenecart._captures.footprints import differing_boxes, intersect_each, read_geometries

if TYPE_CHECKING:
    from scenecart._captures.features import Feature

SQUARE = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]
coordinates = st.floats(-60, 60).map(lambda number: round(number, 3))
rings = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=6, unique=True).map(lambda points: [*points, points[0]])
geometries = st.one_of(
    st.none(),
    rings.map(lambda ring: {"type": "Polygon", "coordinates": [ring]}),
    rings.map(lambda ring: {"type": "MultiPolygon", "coordinates": [[ring]]}),
    st.just({"type": "Polygon", "coordinates": [SQUARE, [[0.2, 0.2], [0.4, 0.2], [0.4, 0.4], [0.2, 0.2]]]}),
    st.just({"type": "Polygon", "coordinates": [[[*point, 5] for point in SQUARE]]}),
    st.just({"type": "Polygon", "coordinates": [SQUARE[:-1]]}),
    st.just({"type": "Point", "coordinates": [1, 2]}),
)


def features_of(*shapes: Any) -> list[Feature]:
    """Return decoded features with these geometries."""
    documents = [{**feature(str(number)), "geometry": shape} for number, shape in enumerate(shapes)]
    features, _, _ = decode.read_page(json.dumps(page(*documents)).encode(), "t")
    return features


@given(st.lists(geometries, max_size=6))
def test_read_geometries_equals_shapely_on_each(shapes: list[Any]):
    """Geometries, bounds and unusable rows are those of shapely's own parser, in any mixed batch."""
    found, bounds, reasons = read_geometries(features_of(*shapes))
    for row, shape in enumerate(shapes):
        is_unclosed = shape is not None and shape["coordinates"] == [SQUARE[:-1]]
        text = json.dumps({"type": "Polygon", "coordinates": [SQUARE]} if is_unclosed else shape)
        expected = None if shape is None else shapely.from_geojson(text, on_invalid="ignore")
        if expected is None or expected.is_empty:
            assert found[row] is None
        else:
            assert shapely.equals_identical(found[row], expected)
            assert bounds[row].tolist() == pytest.approx(expected.bounds)
        is_usable = (
            expected is not None and not is_unclosed and expected.geom_type in {"Polygon", "MultiPolygon"} and expected.is_valid
        )
        assert (row in reasons) == (not is_usable)


@pytest.mark.parametrize("extra", [[], [5.0]], ids=["flat", "with heights"])
def test_read_geometries_unclosed_ring_is_closed_and_said(extra: list[float]):
    """A ring whose last point is missing is shown closed, with the reason why it cannot be ordered."""
    ring = [[*point, *extra] for point in SQUARE[:-1]]
    shapes = [
        {"type": "Polygon", "coordinates": [ring]},
        {"type": "MultiPolygon", "coordinates": [[ring], [[[5, 5], [6, 5], [6, 6], [5, 5]]]]},
        {"type": "Polygon", "coordinates": [ring[:2]]},
        {"type": "Polygon", "coordinates": [[["0", "0"], ["1", "0"], ["1", "1"], ["0", "1"]]]},
    ]
    found, bounds, reasons = read_geometries(features_of(*shapes))
    assert found[0].equals(shapely.box(0, 0, 1, 1))
    assert bounds[1].tolist() == [0, 0, 6, 6]
    assert "not closed" in reasons[0]
    assert "not closed" in reasons[1]
    assert found[2] is found[3] is None
    assert reasons[2] == reasons[3] == "its footprint cannot be read"


def test_intersect_each_keeps_intersecting_and_unreadable_features():
    """Features that intersect the area match, also across the antimeridian; so does one without a readable geometry."""
    crossing = [[179.5, 0], [-179.5, 0], [-179.5, 1], [179.5, 1], [179.5, 0]]
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in (SQUARE, crossing)]
    features = features_of(*shapes, None)
    assert intersect_each(features, shapely.box(0.5, 0.5, 2, 2)) == [True, False, True]
    assert intersect_each(features, shapely.box(-180, 0, -179.8, 1)) == [False, True, True]


def test_differing_boxes_returns_each_bbox_unequal_to_bounds():
    """A bbox equal to the bounds of its geometry is dropped; any other is returned as JSON text."""
    _, bounds, _ = read_geometries(features_of(*[{"type": "Polygon", "coordinates": [SQUARE]}] * 3))
    assert differing_boxes([b"[0,0,1,1]", b"null", b"[0.0, 0, 1, 1.0]"], bounds) is None
    assert differing_boxes([b"[0,0,1,1]", b"[0,0,1,2]", b"null"], bounds) == [None, "[0,0,1,2]", None]
    assert differing_boxes([b"[0,0,1,1]", b"[0,0,0,1,1,9]", b'"x"'], bounds)[1:] == ["[0,0,0,1,1,9]", '"x"']
