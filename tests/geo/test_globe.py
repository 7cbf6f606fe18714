"""Polygons on the globe: across the antimeridian, around a pole, in several parts."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate

import scenecart
from _expect import raises
from scenecart._geo.geometry import geodesic_km2, why_unusable
from scenecart._geo.globe import are_valid, is_valid, split_at_antimeridian
from scenecart.sandbox._data.geometry import area_km2, parse_geometry

if TYPE_CHECKING:
    from pathlib import Path

ROUND = [(lon, -75.0 + lat) for lon, lat in zip(range(-180, 180, 15), np.tile([0.0, 1.0], 12).tolist(), strict=True)]


@pytest.mark.parametrize("ring", [ROUND, ROUND[::-1], [*ROUND, (180, -75.0)]], ids=["eastward", "westward", "ends at 180"])
@pytest.mark.parametrize("pole", [-1, 1], ids=["south", "north"])
def test_ring_around_the_world_encloses_the_pole_on_its_smaller_side(ring: list[tuple[float, float]], pole: int):
    """A ring around the world is a cap around the nearer pole, whichever way and to whichever longitude it is written."""
    cap = split_at_antimeridian(shapely.Polygon([(lon, -pole * lat) for lon, lat in ring]))
    assert cap.is_valid
    assert cap.covers(shapely.box(-180, 89, 180, 90) if pole > 0 else shapely.box(-180, -90, 180, -89))
    assert geodesic_km2(cap) == pytest.approx(9_357_460, rel=1e-6)
    assert split_at_antimeridian(cap) is cap


def test_hole_around_a_pole_is_cut_out():
    """A belt around a pole is the outer cap without the inner one, and a hole beside the pole stays a hole."""
    outer, inner = [(lon, 60.0) for lon in range(-180, 180, 30)], [(lon, 80.0) for lon in range(-180, 180, 30)]
    beside = [(175, 65), (-175, 65), (-175, 70), (175, 70)]
    belt = split_at_antimeridian(shapely.Polygon(outer, [inner[::-1], beside]))
    whole = geodesic_km2(shapely.box(-180, 60, 180, 80))
    assert belt.is_valid
    assert geodesic_km2(belt) == pytest.approx(whole - geodesic_km2(shapely.box(0, 65, 10, 70)), rel=1e-6)


@pytest.mark.parametrize("is_clockwise", [False, True])
def test_rectangle_of_a_global_grid_is_not_a_sliver(is_clockwise: bool):  # noqa: FBT001  # a parameter of pytest
    """A rectangle from -179.75 to 179.75 is a global grid, not half a degree at the antimeridian; a small one is a tile there."""
    grid = shapely.box(-179.75, -60, 179.75, 60, ccw=not is_clockwise)
    assert split_at_antimeridian(grid) is grid
    tile = shapely.box(-179.75, 10, 179.75, 11, ccw=not is_clockwise)
    assert geodesic_km2(split_at_antimeridian(tile)) == pytest.approx(geodesic_km2(shapely.box(0, 10, 0.5, 11)))


def test_part_across_the_antimeridian_changes_no_other_part():
    """Of several parts each is split for itself: one in Queensland is not taken for the other side of the one across 180."""
    across = shapely.Polygon([(179.9, -17), (-179.9, -17), (-179.9, -16), (179.9, -16)])
    others = [shapely.box(151, -16.8, 152, -16.2), shapely.box(179.5, -17, 179.8, -16), shapely.box(-160, 10, -150, 20)]
    split = split_at_antimeridian(shapely.MultiPolygon([across, *others]))
    assert geodesic_km2(split) == pytest.approx(sum(geodesic_km2(split_at_antimeridian(part)) for part in (across, *others)))
    assert all(split.covers(other) for other in others)


@pytest.mark.parametrize(
    "whole",
    [shapely.box(-180, -90, 180, 90), shapely.box(-180, 40, 180, 50), shapely.box(-180, -90, 180, -75)],
    ids=["world", "band", "cap"],
)
def test_polygon_of_the_whole_width_of_the_world_stays_as_it_is(whole: Any):
    """An edge of exactly 360 degrees goes around the world."""
    assert split_at_antimeridian(whole) is whole


def test_polygon_across_the_antimeridian_that_crosses_itself_says_where():
    """A polygon that crosses itself is refused with the place, also if it crosses 180 degrees."""
    with raises(scenecart.InvalidArea, "area_self_intersecting"):
        split_at_antimeridian(shapely.Polygon([(179, 0), (-179, 2), (-179, 0), (179, 2)]))


def test_ring_that_goes_around_the_world_twice_is_refused():
    """A ring of two turns is on no map."""
    twice = [((lon + 180) % 360 - 180, lat) for lon, lat in zip(range(0, 720, 40), np.linspace(10, 20, 18).tolist(), strict=True)]
    with pytest.raises(scenecart.InvalidArea):
        split_at_antimeridian(shapely.Polygon(twice))


shapes = st.builds(
    lambda lon, lat, width, height, turn: translate(shapely.box(0, 0, width, height), lon, lat).buffer(turn),
    st.floats(-180, 180),
    st.floats(-80, 70),
    st.floats(0.1, 60),
    st.floats(0.1, 10),
    st.sampled_from([0.0, 0.5, 3.0]),
)


@given(shapes)
def test_split_polygon_has_the_size_that_the_service_measures(shape: Any):
    """The library and the service, which split in different ways, agree on the size of a polygon anywhere."""
    wrapped = shapely.transform(shape, lambda xy: np.column_stack(((xy[:, 0] + 180) % 360 - 180, xy[:, 1])))
    split = split_at_antimeridian(wrapped)
    assert split.is_valid
    assert area_km2(parse_geometry(shapely.geometry.mapping(wrapped))) == pytest.approx(geodesic_km2(split), rel=1e-4)


def test_real_footprints_have_the_size_that_the_service_measures(shared_data: Path):
    """Of real footprints across 180 degrees and around poles, the library and the service accept the same, in the same size."""
    sizes = 0
    for path in [*(shared_data / "antimeridian").iterdir(), *(shared_data / "api-items-planetary-computer").iterdir()]:
        document = json.loads(path.read_text())
        for feature in document.get("features", [document]):
            footprint = shapely.from_geojson(json.dumps(feature.get("geometry")), on_invalid="ignore")
            if why_unusable(footprint) is None:
                sizes += 1
                size = geodesic_km2(split_at_antimeridian(shapely.force_2d(footprint)))
                assert area_km2(parse_geometry(feature["geometry"])) == pytest.approx(size, rel=1e-3), path.name
    assert sizes > 80


def test_are_valid_is_what_shapely_tells():
    """Validity is told as by shapely, of anything and without a warning."""
    with np.errstate(invalid="ignore"):
        shapes = [
            None,
            shapely.Point(),
            shapely.box(0, 0, 1, 1),
            shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]),
            shapely.Polygon([(0, 0), (math.inf, 1), (1, 1)]),
            shapely.Polygon([(0, 0), (1e308, 1), (1, 1e308), (0, 5)]),
            shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(1, 1, 3, 3)]),
        ]
    each = np.array(shapes, dtype=object)
    assert are_valid(each).tolist() == shapely.is_valid(each).tolist()
    assert [is_valid(shape) for shape in shapes if shape is not None] == are_valid(each)[1:].tolist()
