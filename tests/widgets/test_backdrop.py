"""What a map shows where no tiles come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipyleaflet as leaflet
import pytest
import shapely
from shapely.geometry import shape

from scenecart.widgets import FootprintMap
from scenecart.widgets._backdrop import NO_TILES, Backdrop, land_in, places_in
from scenecart.widgets._base import close_all
from scenecart.widgets._map_layers import make_layers
from scenecart.widgets._state import no_captures

if TYPE_CHECKING:
    from collections.abc import Callable

SYDNEY = (150.9, -34.2, 151.5, -33.7)


def land_at(bounds: tuple[float, float, float, float], x: float, y: float) -> bool:
    found = land_in(bounds, (bounds[2] - bounds[0]) / 800)
    assert found is not None
    return any(shape(feature["geometry"]).contains(shapely.Point(x, y)) for feature in found["features"])


def test_land_is_fine_enough_to_place_an_area():
    """Port Phillip Bay is water between two points, and the Caspian Sea is a lake in the land."""
    assert land_at(SYDNEY, 151.0, -33.75)
    assert not land_at(SYDNEY, 151.45, -33.95)
    bay = (144.0, -39.0, 146.0, -37.5)
    assert [land_at(bay, x, y) for x, y in ((144.3, -38.1), (144.85, -38.1), (145.2, -38.0))] == [True, False, True]
    assert not land_at((45.0, 36.0, 56.0, 48.0), 51.0, 41.5)
    assert land_in((-180, -60, 180, 60), 0.4) is None
    assert land_in((-120.0, 10.0, -119.0, 11.0), 0.001) == {"type": "FeatureCollection", "features": []}


def test_land_and_places_are_in_every_copy_of_the_world():
    """A map that was dragged round the world shows the same land there."""
    east = (SYDNEY[0] + 360, SYDNEY[1], SYDNEY[2] + 360, SYDNEY[3])
    assert land_at(east, 511.0, -33.75)
    assert [place[0] for place in places_in(east, 0.6 / 800)] == [place[0] for place in places_in(SYDNEY, 0.6 / 800)]


@pytest.mark.parametrize("bounds", [(-180.0, -60.0, 180.0, 70.0), (-10.0, 36.0, 30.0, 60.0), SYDNEY])
def test_places_are_few_and_none_over_another(bounds: tuple[float, float, float, float]):
    """The important places are named first, and their names have room."""
    pixel = (bounds[2] - bounds[0]) / 800
    found = places_in(bounds, pixel)
    assert 0 < len(found) <= 24
    assert [place[3] for place in found] == sorted(place[3] for place in found)
    assert len({place[0] for place in found}) == len(found)
    assert all(bounds[0] < x < bounds[2] and bounds[1] < y < bounds[3] for _, x, y, _ in found)


def test_tiles_that_fail_show_the_land_say_so_and_credit_nobody():
    """Without tiles there are land, names and a line; when tiles come after all, they have their credit line."""
    tiles = leaflet.TileLayer(url="https://tiles.invalid/{z}/{x}/{y}.png", attribution="somebody")
    layers, said, map_ = make_layers(), [], leaflet.Map(layers=(tiles,), attribution_control=False)
    backdrop = Backdrop(map_, tiles, layers.land, said.append)
    coarse = layers.land.data

    def show() -> int:
        backdrop.show(*backdrop.view(SYDNEY, 0.6 / 800))
        return len(backdrop._group.layers)

    assert (show(), layers.land.data) == (0, coarse)
    backdrop.watch.state = "failed"
    assert show() > 0
    assert layers.land.data != coarse
    backdrop.watch.state = "shown"
    assert any(isinstance(control, leaflet.AttributionControl) for control in map_.controls)
    assert show() == 0
    backdrop.watch.state = "failed"
    assert not any(isinstance(control, leaflet.AttributionControl) for control in map_.controls)
    assert said == [NO_TILES, "", NO_TILES]
    backdrop.release()
    for part in (map_, backdrop.watch, *vars(layers).values()):
        close_all(part)


def test_map_without_tiles_closes_every_part(display: Callable[[Any], Any]):
    """The names of places are closed with the map."""
    footprints = display(FootprintMap(no_captures(), SYDNEY, basemap="none"))
    footprints._show_view(footprints._make_view())
    assert footprints._backdrop.is_shown
    assert len(footprints._backdrop._group.layers) > 0
