"""The map of footprints, by the methods and traits that clicks and drawings call."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import ipyleaflet
import pytest
import shapely

from _footprints import ODD
from _widgets import ERROR, HARBOUR, sent_rows, wait_for, world_captures
from scenecart.widgets import CaptureMap, FootprintMap
from scenecart.widgets._spatial_index import MOST_SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    import scenecart


def test_map_area_and_selection_are_above_footprints(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """The area and the selection are above footprints and let clicks through, and the land is below tiles."""
    footprints = display(FootprintMap(captures, HARBOUR, basemap="none"))
    panes = footprints.map.panes
    for layer in (footprints._layers.area, footprints._layers.selected):
        pane = panes[layer.style["pane"]]
        assert pane["zIndex"] > 400
        assert pane["pointerEvents"] == "none"
    land = next(layer for layer in footprints.map.layers if layer.name == "Land")
    assert panes[land.style["pane"]]["zIndex"] < 200


def test_map_tiles_have_one_attribution(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A map whose tiles arrive has one attribution, and a map without has none."""
    for basemap, count in (("OpenStreetMap.Mapnik", 1), ("none", 0)):
        footprints = display(FootprintMap(captures, basemap=basemap))
        footprints._backdrop.watch.state = "shown"
        assert sum(isinstance(control, ipyleaflet.AttributionControl) for control in footprints.map.controls) == count


def test_map_zooms_to_an_area_across_antimeridian(display: Callable[[Any], Any]):
    """An area across 180 degrees is in the middle of the map, with one outline in each copy of the world that is in view."""
    footprints = display(FootprintMap(world_captures(5), (177, -19, -178, -16), basemap="none"))
    footprints.zoom_to("area")
    assert footprints.map.center == pytest.approx((-17.5, 179.5), abs=0.1)
    assert footprints.map.zoom > 5
    for west, east in ((170, 190), (-190, -170), (530, 550)):
        for side, degrees in {"south": -25.0, "west": west, "north": -10.0, "east": east}.items():
            footprints.map.set_trait(side, float(degrees))
        wait_for(lambda west=west, east=east: all(west <= x <= east for x in _outlined(footprints)))
        assert max(_outlined(footprints)) - min(_outlined(footprints)) == pytest.approx(5)
        assert len(footprints._layers.area.data["features"]) == 2  # a dashed line on a light one


def _outlined(footprints: FootprintMap) -> list[float]:
    """Return the longitudes of the outline of the area."""
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in footprints._layers.area.data["features"]]
    return shapely.get_coordinates(shapes)[:, 0].tolist()


@pytest.mark.parametrize("odd", ODD)
def test_map_odd_footprint_spoils_no_other(display: Callable[[Any], Any], odd: str):
    """A footprint without a place on the globe is not drawn, and the map of the others works."""
    captures = world_captures(50)
    captures.loc[50] = {"id": "odd", "eo:cloud_cover": 5.0, "geometry": ODD[odd]}
    picker = display(CaptureMap(captures, (0, -60, 90, 60), basemap="none"))
    picker.map.zoom_to("all")
    wait_for(lambda: len(picker.map._layers.footprints.data["features"]) >= 50)
    picker.filters = {"coverage": [0, 50]}
    assert len(picker.filtered) >= 50
    picker.selection = (50,)
    picker.map.zoom_to("selection")
    assert ERROR not in picker.map._status.value


def test_map_sends_only_the_footprints_in_view(display: Callable[[Any], Any]):
    """Of very many captures a density is sent; zoomed in, only the footprints of the view, less than a megabyte."""
    captures = world_captures(100_000)
    footprints = display(FootprintMap(captures, basemap="none"))
    layers = footprints._layers
    wait_for(lambda: layers.density.data["features"])
    assert layers.footprints.data["features"] == []
    wait_for(lambda: "100,000" in footprints._view_note.value)
    assert len(json.dumps(layers.density.data)) < 1_000_000
    for side, degrees in {"south": 10.0, "west": 10.0, "north": 20.0, "east": 25.0}.items():
        footprints.map.set_trait(side, degrees)
    wait_for(lambda: layers.footprints.data["features"])
    rows = sent_rows(footprints)
    assert 0 < len(rows) <= MOST_SHAPES
    assert set(rows) == set(captures.cx[10:25, 10:20].index)
    assert len(json.dumps(layers.footprints.data)) < 1_000_000
    footprints.state.selection = tuple(captures.index[:50_000])
    assert len(layers.selected.data["features"]) <= 500


def test_map_selection_does_not_resend_footprints(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A selection changes its own layer only."""
    footprints = display(FootprintMap(captures, basemap="none"))
    wait_for(lambda: sent_rows(footprints) and not footprints._runner.is_busy(f"view-{id(footprints)}"))
    sent: list[Any] = []
    footprints._layers.footprints.observe(sent.append, "data")
    footprints.state.selection = (1, 2, 3)
    wait_for(lambda: len(footprints._layers.selected.data["features"]) == 3)
    assert sent == []


@pytest.mark.usefixtures("switching_threads")
def test_map_redrawn_during_click_shows_the_newest_selection(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A map that is redrawn at the moment of a click shows the selection of that click."""
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    wait_for(lambda: not picker.map._runner.is_busy(f"view-{id(picker.map)}"))
    first = picker.state.labels([0])
    for attempt in range(400):
        # the last step of a redraw
        redraw = threading.Thread(target=picker.map._show_selection, args=(None,))
        redraw.start()
        picker.state.selection = first if attempt % 2 else ()
        redraw.join()
        assert len(picker.map._layers.selected.data["features"]) == attempt % 2


def test_map_fewer_captures_keep_the_remaining_selection(display: Callable[[Any], Any]):
    """Fewer captures replace a selection's rows without an error; the selected rows that remain stay selected."""
    captures = world_captures(100)
    footprints = display(FootprintMap(captures, basemap="none"))
    footprints.state.selection = (5, 50)
    footprints.state.captures = captures.iloc[:10]
    assert footprints.state.selection == (5,)
    wait_for(lambda: len(footprints._layers.selected.data["features"]) == 1)


def test_map_quicklooks_are_added_and_removed(client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """Quicklooks of the selection are laid over the map as images that load nothing, and removed again."""
    picker = display(CaptureMap(captures, client=client, basemap="none"))
    picker.selection = tuple(captures.index[:2])
    picker.map.show_quicklooks()
    wait_for(lambda: picker.map.imagery == ["Quicklooks"])
    (layer,) = picker.map._imagery.layers.layers
    assert len(layer.fixed) == 2
    assert all(picture.startswith(b"RIFF") for _, picture in layer.fixed.values())
    picker.map.show_quicklooks()
    assert picker.map.imagery == []


def test_map_single_selection_shows_its_card(client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A capture that is selected alone, as by the keys of the table, shows its card with its quicklook."""
    picker = display(CaptureMap(captures, client=client, basemap="none"))
    for label in captures.index[:2]:
        picker.selection = (label,)
        assert captures.loc[label, "id"] in picker.map._card.value.replace("<wbr>", "")
    wait_for(lambda: "<img" in picker.map._card.value)
    assert captures.loc[captures.index[1], "id"] in picker.map._card.value.replace("<wbr>", "")


def test_map_marked_captures_have_a_sign(display: Callable[[Any], Any]):
    """Footprints that are owned, or may be, are dashed, and the legend says so; the others are not."""
    captures = world_captures(4).assign(owned=[0.0, 1.0, float("nan"), 0.5])
    footprints = display(FootprintMap(captures, basemap="none"))
    features = wait_for(lambda: footprints._layers.footprints.data["features"])
    dashed = {one["properties"]["row"] for one in features if "dashArray" in one["properties"]["style"]}
    assert dashed == {1, 2, 3}
    assert "owned" in footprints._legend.value
    plain = display(FootprintMap(world_captures(4), basemap="none"))
    assert wait_for(lambda: plain._layers.footprints.data["features"])
    assert "owned" not in plain._legend.value
