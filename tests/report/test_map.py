"""The map of a report: footprints anywhere on the globe, with labels that do not overlap."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

from _report_data import ScriptedClient, report_text
from _scripted_service import answer, feature
from scenecart._cart.cart import make_cart
from scenecart.report import _basemap, _map
from scenecart.report._drawing import TextLine
from scenecart.report._model import contents_of
from scenecart.report._pdf_fonts import PLAIN, width_of

if TYPE_CHECKING:
    from pathlib import Path


def test_map_labels_fit_the_room_reserved_for_them(scripted: ScriptedClient):
    """The room that is computed for a label is at least what its letters need."""
    many = [feature(f"capture-{number}", west=(number % 7) * 0.11) for number in range(40)]
    drawing = _map.draw_map(_map.scene_of(contents_of(scripted.cart(*many))), 500)
    boxes = []
    for label in drawing.items:
        if isinstance(label, TextLine) and label.is_label:
            half, above = width_of(label.text, PLAIN, label.size) / 2, label.size / 2
            boxes.append(shapely.box(label.x - half, label.y - above, label.x + half, label.y + above))
    assert boxes
    assert not [pair for pair in combinations(boxes, 2) if pair[0].intersection(pair[1]).area > 0]


def test_map_of_a_small_view_has_no_coarse_coast(scripted: ScriptedClient):
    """Over a harbour the coarse land outline is not drawn, since it would be wrong; the position is written as text."""
    near = _map.scene_of(contents_of(scripted.cart(feature("first", west=151.2))))
    assert near.view[2] - near.view[0] < _basemap.MIN_WIDTH
    assert _map.position_text(near) == "10.05°N, 151.25°E"


@pytest.mark.parametrize(
    ("wests", "wide"),
    [
        ([179.95], 0.2),
        ([-180.0, 179.9], 0.3),
        ([178.0, -178.1], 5.0),
        ([-5.0, 5.0], 12.0),
        ([-0.05], 0.2),
        ([-100.0, 100.0], 200.0),
    ],
)
def test_map_takes_the_shorter_way_around_the_world(scripted: ScriptedClient, wests: list[float], wide: float):
    """The map shows captures on both sides of the antimeridian close together, and no part of them is lost."""
    contents = contents_of(scripted.cart(*(feature(f"c{place}", west=west) for place, west in enumerate(wests))))
    scene = _map.scene_of(contents)
    west, _, east, _ = shapely.total_bounds(scene.clipped)
    assert east - west <= wide
    assert sum(shape.area for shape in scene.clipped) == pytest.approx(0.01 * len(wests))


@pytest.mark.parametrize(
    "footprint",
    [shapely.box(-180, 80, 180, 90), shapely.box(-180, -90, 180, 90), shapely.box(10, 10, 10.00001, 10.00001),
     shapely.box(0, 89, 10, 89.9), shapely.box(0, 0, 1e-6, 5), shapely.force_3d(shapely.box(0, 0, 1, 1)),
     shapely.box(0, 0, 2, 2).difference(shapely.box(0.5, 0.5, 1, 1))],
    ids=["pole", "world", "tiny", "far north", "sliver", "3d", "hole"],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["html", "pdf"])
def test_map_draws_footprints_of_any_shape(tmp_path: Path, footprint: Any, suffix: str):
    """Poles, the whole world, slivers and tiny shapes are drawn, and no latitude beyond a pole is written."""
    frame = gpd.GeoDataFrame({"id": ["a"], "host": ["h"]}, geometry=[footprint], crs=4326)
    text = report_text(make_cart(frame).to_report(tmp_path / f"cart.{suffix}"))
    assert not [found for found in re.findall(r"([\d.]+)°[NS]", text) if float(found) > 90]


def test_map_of_unknown_footprints_is_not_drawn(scripted: ScriptedClient):
    """Without footprints there is no scene."""
    scripted.service.put("orders.get", answer({"id": "o-1", "status": "processing", "captures": ["a"]}))
    assert _map.scene_of(contents_of(scripted.client.order("o-1"))) is None
