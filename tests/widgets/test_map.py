"""The map of footprints, by the methods and traits that clicks and drawings call."""

from __future__ import annotations

import datetime as dt
import json
import threading
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import ipyleaflet
import numpy as np
import pytest
import shapely

from _footprints import ODD
from _widgets import ERROR, HARBOUR, is_visible, sent_rows, wait_for, world_captures
from scenecart.widgets import CaptureMap, FootprintMap
from scenecart.widgets._spatial_index import MOST_SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable

    import scenecart


def test_map_click_selects_smallest_footprint_and_lists_all(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A click selects the smallest footprint under it and lists all of them; a click beside all footprints selects none."""
    here = shapely.Point(151.2, -33.96)
    under = captures[captures.intersects(here)]
    assert len(under) > 1
    footprints = display(FootprintMap(captures, basemap="none"))
    footprints.click(here.x, here.y)
    assert list(footprints.state.selection) == [under.index[np.argmin(shapely.area(under.geometry.to_numpy()))]]
    listed = [label for _, label in footprints._stack.options]
    assert set(listed) <= set(under.index)
    footprints._stack.value = listed[-1]
    assert list(footprints.state.selection) == [listed[-1]]
    footprints.click(here.x, here.y, "toggle")
    assert len(footprints.state.selection) == 2
    footprints.click(0, 0)
    assert footprints.state.selection == ()
    assert not is_visible(footprints._stack)


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


def test_map_drawn_shape_selects_or_sets_the_area(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A drawn shape selects the footprints it intersects, or becomes the area of interest, as the switch says."""
    footprints = display(FootprintMap(captures, basemap="none"))
    lasso = shapely.Polygon([(151.1, -34.1), (151.4, -34.0), (151.2, -33.8)])
    footprints.draw(lasso)
    assert set(footprints.state.selection) == set(captures[captures.intersects(lasso)].index)
    footprints._purpose.value = "area"
    footprints.draw(lasso)
    assert footprints.state.aoi.geometry.equals(lasso)
    assert {feature["geometry"]["type"] for feature in footprints._layers.area.data["features"]} == {"Polygon"}
    assert footprints._purpose.value == "select"


def test_map_invalid_drawn_area_is_removed(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A drawn area that crosses itself is refused and removed from the map; the next valid one replaces the error."""
    footprints = display(FootprintMap(captures, HARBOUR, basemap="none"))
    before = footprints.state.aoi
    footprints._purpose.value = "area"
    drawn = footprints._area_tool.data
    crossing = {
        "type": "Polygon",
        "coordinates": [[(151.1, -34.1), (151.3, -33.9), (151.3, -34.1), (151.1, -33.9), (151.1, -34.1)]],
    }
    footprints._area_tool.data = [*drawn, {"type": "Feature", "properties": {}, "geometry": crossing}]
    footprints._area_drawn(None, "created", {"geometry": crossing})
    assert ERROR in footprints._status.value
    assert footprints.state.aoi is before
    assert footprints._area_tool.data == drawn
    valid = {"type": "Polygon", "coordinates": [[(151.1, -34.1), (151.3, -34.1), (151.3, -33.9), (151.1, -34.1)]]}
    footprints._area_drawn(None, "created", {"geometry": valid})
    assert ERROR not in footprints._status.value
    assert f"{footprints.state.aoi.km2:,.1f} km²" in footprints._status.value


def test_map_drawn_area_is_edited_and_deleted(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """The drawing tool holds the current area; an edit changes the area, and a deletion removes it."""
    footprints = display(FootprintMap(captures, HARBOUR, basemap="none"))
    footprints._purpose.value = "area"
    (drawn,) = footprints._area_tool.data
    assert shapely.geometry.shape(drawn["geometry"]).equals(shapely.box(*HARBOUR))
    moved = shapely.box(151.2, -34.0, 151.3, -33.9)
    footprints._area_tool.data = [{**drawn, "geometry": shapely.geometry.mapping(moved)}]
    footprints._area_drawn(None, "edited", {})
    assert footprints.state.aoi.geometry.equals(moved)
    footprints._area_tool.data = []
    footprints._area_drawn(None, "deleted", {})
    assert footprints.state.aoi is None
    footprints._area_drawn(None, "created", {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 0], [0, 0], [0, 0]]]}})
    assert ERROR in footprints._status.value


@pytest.mark.parametrize("start", [None, shapely.box(0, 0, 1, 1)], ids=["no area", "an area"])
def test_map_second_drawn_area_is_added(display: Callable[[Any], Any], start: Any):
    """Plots that are drawn one after the other are one area, together with the area that was there."""
    footprints = display(FootprintMap(world_captures(5), start, basemap="none"))
    for plot in (shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)):
        footprints._purpose.value = "area"
        drawn = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(plot)}
        # the browser sends the data of the tool before the event
        footprints._area_tool.data = [*footprints._area_tool.data, drawn]
        footprints._area_drawn(None, "created", {"geometry": drawn["geometry"]})
    assert footprints.state.aoi.geometry.equals(shapely.union(shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)))


@pytest.mark.parametrize("turn", [0, 360, -720])
def test_map_drawn_rectangle_selects_what_is_in_it(display: Callable[[Any], Any], turn: int):
    """A rectangle over more than half the world selects what is in it, in each copy of the world."""
    shapes = [shapely.box(2, 48, 3, 49), shapely.box(179.2, -18, 179.6, -17)]
    captures = gpd.GeoDataFrame({"id": ["paris", "fiji"]}, geometry=shapes, crs=4326)
    footprints = display(FootprintMap(captures, basemap="none"))
    for west, east, expected in ((-100, 100, ["paris"]), (170, 190, ["fiji"])):
        rectangle = shapely.box(west + turn, -60, east + turn, 60)
        footprints._shape_drawn(None, "created", {"geometry": shapely.geometry.mapping(rectangle)})
        assert footprints.state.selected["id"].tolist() == expected


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


def test_map_upload_says_what_was_taken_and_can_be_repeated(display: Callable[[Any], Any]):
    """Of a file with two folders and a pin both are taken, and the map says so; the same file is read again."""
    footprints = display(FootprintMap(world_captures(5), basemap="none"))
    assert ".kmz" in footprints._file.accept
    ring = "<Polygon><outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    corners = {"N": "0,0 1,0 1,1 0,0", "S": "3,0 4,0 4,1 3,0"}
    folders = "".join(
        f"<Folder><name>{name}</name><Placemark>{ring.format(at)}</Placemark></Folder>" for name, at in corners.items()
    )
    pin = "<Placemark><Point><coordinates>9,9</coordinates></Point></Placemark>"
    content = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{folders}{pin}</Document></kml>'.encode()
    upload = {"name": "two.kml", "content": content, "type": "", "size": len(content), "last_modified": dt.datetime.now(dt.UTC)}
    for _ in range(2):
        footprints.state.aoi = None
        footprints._file.value = (upload,)
        assert footprints._file.value == ()
        assert footprints.state.aoi.bounds == (0, 0, 4, 1)
        status = footprints._status.value
        assert ERROR not in status
        assert all(word in status for word in ("two.kml", "km²", "&#39;N&#39;", "&#39;S&#39;", "1 point"))


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


def test_map_uploaded_file_sets_the_area(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """An uploaded file becomes the area of interest, and an unreadable one is an error in the widget."""
    footprints = display(FootprintMap(captures, basemap="none"))
    area = gpd.GeoDataFrame(geometry=[shapely.box(*HARBOUR)], crs=4326)
    upload = {
        "name": "harbour.geojson",
        "content": area.to_json().encode(),
        "type": "",
        "size": 1,
        "last_modified": dt.datetime.now(dt.UTC),
    }
    footprints._file.value = (upload,)
    assert footprints.state.aoi.geometry.equals(shapely.box(*HARBOUR))
    assert "harbour.geojson" in footprints._status.value
    footprints._file.value = ({**upload, "name": "<b>x</b>.geojson", "content": b"no"},)
    assert ERROR in footprints._status.value
    assert "<b>" not in footprints._status.value


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
        assert captures.loc[label, "id"] in picker.map._card.value
    wait_for(lambda: "<img" in picker.map._card.value)
    assert captures.loc[captures.index[1], "id"] in picker.map._card.value


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
