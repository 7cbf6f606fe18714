"""Layers and tiles of the map."""

from __future__ import annotations

import pytest
import shapely

import scenecart
from _expect import raises
from scenecart.widgets._map_layers import area_outline, base_tiles, fit_view, footprint_style


def test_base_tiles_unknown_basemap_is_refused():
    """A basemap that no provider has is refused."""
    with raises(scenecart.InvalidRequest, "basemap_unknown"):
        base_tiles("Nowhere.Atlas")


def test_base_tiles_basemap_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    """Without a basemap the environment decides, and "none" means no tiles."""
    monkeypatch.setenv("SCENECART_BASEMAP", "none")
    assert base_tiles(None) is None
    tiles = base_tiles("OpenStreetMap.Mapnik")
    assert tiles is not None
    assert tiles.url.startswith("https://")
    tiles.close()


@pytest.mark.parametrize(
    "address", ["https://tiles.invalid/{z}/{x}/{y}.png", "/proxy/{z}/{y}/{x}", " http://tiles.invalid/{z}/{x}/{-y} "]
)
def test_base_tiles_xyz_address_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, address: str):
    """Tiles of an office's own server are an address, given or from the environment; nobody is credited for them."""
    monkeypatch.setenv("SCENECART_BASEMAP", address)
    for given in (address, None):
        tiles = base_tiles(given)
        assert tiles is not None
        assert (tiles.url, tiles.attribution) == (address.strip(), "")
        tiles.close()


@pytest.mark.parametrize("address", ["https://tiles.invalid/{z}/{x}.png", "https://tiles.invalid/", "{z}/{x}/{y}"])
def test_base_tiles_address_that_lacks_a_part_is_refused(address: str):
    """An address without zoom, column or row is no address of tiles."""
    with raises(scenecart.InvalidRequest, "basemap_unknown"):
        base_tiles(address)


def test_fit_view_contains_the_bounds():
    """A fitted view has its bounds in the middle, at most zoom levels 1 to 16."""
    (latitude, longitude), zoom = fit_view((151.0, -34.0, 151.2, -33.8), 800, 420)
    assert longitude == pytest.approx(151.1)
    assert -34.0 < latitude < -33.8
    assert 8 < zoom < 13
    assert fit_view((10.0, 10.0, 10.0, 10.0), 800, 420)[1] == 16


def test_area_outline_without_area_is_empty():
    """Without an area there is no outline; with one a light and a dashed line."""
    assert area_outline(None)["features"] == []
    styles = [feature["properties"]["style"] for feature in area_outline(shapely.box(0, 0, 1, 1))["features"]]
    assert ["dashArray" in style for style in styles] == [False, True]


def test_footprint_style_many_that_overlap_stay_readable():
    """A single footprint has a fill to see; fills of many together do not hide what is below."""
    one, many = (footprint_style(count)["fillOpacity"] for count in (1, 400))
    assert one == 0.12
    assert 1 - (1 - many) ** 400 < 0.35
