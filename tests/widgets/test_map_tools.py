"""The tools of the map, by what drawings and files call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pytest
import shapely

from _widgets import ERROR, HARBOUR, world_captures
from scenecart.widgets import FootprintMap

if TYPE_CHECKING:
    from collections.abc import Callable


def load_file(footprints: FootprintMap, name: str, content: bytes) -> None:
    """Load the area from a file, as the button on the page does."""
    footprints._tools.file._handle_custom_msg({"kind": "file", "name": name}, [memoryview(content)])


def test_tools_drawn_shape_selects_or_sets_the_area(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A drawn shape selects the footprints it intersects, or becomes the area of interest, as the switch says."""
    footprints = display(FootprintMap(captures, basemap="none"))
    lasso = shapely.Polygon([(151.1, -34.1), (151.4, -34.0), (151.2, -33.8)])
    footprints.draw(lasso)
    assert set(footprints.state.selection) == set(captures[captures.intersects(lasso)].index)
    footprints._tools.purpose.value = "area"
    footprints.draw(lasso)
    assert footprints.state.aoi.geometry.equals(lasso)
    assert {feature["geometry"]["type"] for feature in footprints._layers.area.data["features"]} == {"Polygon"}
    assert footprints._tools.purpose.value == "select"


def test_tools_invalid_drawn_area_is_removed(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A drawn area that crosses itself is refused and removed from the map; the next valid one replaces the error."""
    footprints = display(FootprintMap(captures, HARBOUR, basemap="none"))
    before = footprints.state.aoi
    footprints._tools.purpose.value = "area"
    drawn = footprints._tools.area_tool.data
    crossing = {
        "type": "Polygon",
        "coordinates": [[(151.1, -34.1), (151.3, -33.9), (151.3, -34.1), (151.1, -33.9), (151.1, -34.1)]],
    }
    footprints._tools.area_tool.data = [*drawn, {"type": "Feature", "properties": {}, "geometry": crossing}]
    footprints._tools.area_drawn(None, "created", {"geometry": crossing})
    assert ERROR in footprints._status.value
    assert footprints.state.aoi is before
    assert footprints._tools.area_tool.data == drawn
    valid = {"type": "Polygon", "coordinates": [[(151.1, -34.1), (151.3, -34.1), (151.3, -33.9), (151.1, -34.1)]]}
    footprints._tools.area_drawn(None, "created", {"geometry": valid})
    assert ERROR not in footprints._status.value
    assert f"{footprints.state.aoi.km2:,.1f} km²" in footprints._status.value


def test_tools_drawn_area_is_edited_and_deleted(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """The drawing tool holds the current area; an edit changes the area, and a deletion removes it."""
    footprints = display(FootprintMap(captures, HARBOUR, basemap="none"))
    footprints._tools.purpose.value = "area"
    (drawn,) = footprints._tools.area_tool.data
    assert shapely.geometry.shape(drawn["geometry"]).equals(shapely.box(*HARBOUR))
    moved = shapely.box(151.2, -34.0, 151.3, -33.9)
    footprints._tools.area_tool.data = [{**drawn, "geometry": shapely.geometry.mapping(moved)}]
    footprints._tools.area_drawn(None, "edited", {})
    assert footprints.state.aoi.geometry.equals(moved)
    footprints._tools.area_tool.data = []
    footprints._tools.area_drawn(None, "deleted", {})
    assert footprints.state.aoi is None
    flat = {"type": "Polygon", "coordinates": [[[0, 0], [0, 0], [0, 0], [0, 0]]]}
    footprints._tools.area_drawn(None, "created", {"geometry": flat})
    assert ERROR in footprints._status.value


@pytest.mark.parametrize("start", [None, shapely.box(0, 0, 1, 1)], ids=["no area", "an area"])
def test_tools_second_drawn_area_is_added(display: Callable[[Any], Any], start: Any):
    """Plots that are drawn one after the other are one area, together with the area that was there."""
    footprints = display(FootprintMap(world_captures(5), start, basemap="none"))
    for plot in (shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)):
        footprints._tools.purpose.value = "area"
        drawn = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(plot)}
        # the browser sends the data of the tool before the event
        footprints._tools.area_tool.data = [*footprints._tools.area_tool.data, drawn]
        footprints._tools.area_drawn(None, "created", {"geometry": drawn["geometry"]})
    assert footprints.state.aoi.geometry.equals(shapely.union(shapely.box(0, 0, 1, 1), shapely.box(3, 0, 4, 1)))


@pytest.mark.parametrize("turn", [0, 360, -720])
def test_tools_drawn_rectangle_selects_what_is_in_it(display: Callable[[Any], Any], turn: int):
    """A rectangle over more than half the world selects what is in it, in each copy of the world."""
    shapes = [shapely.box(2, 48, 3, 49), shapely.box(179.2, -18, 179.6, -17)]
    captures = gpd.GeoDataFrame({"id": ["paris", "fiji"]}, geometry=shapes, crs=4326)
    footprints = display(FootprintMap(captures, basemap="none"))
    for west, east, expected in ((-100, 100, ["paris"]), (170, 190, ["fiji"])):
        rectangle = shapely.box(west + turn, -60, east + turn, 60)
        footprints._tools.shape_drawn(None, "created", {"geometry": shapely.geometry.mapping(rectangle)})
        assert footprints.state.selected["id"].tolist() == expected


def test_tools_upload_says_what_was_taken_and_can_be_repeated(display: Callable[[Any], Any]):
    """Of a file with two folders and a pin both are taken, and the map says so; the same file is read again."""
    footprints = display(FootprintMap(world_captures(5), basemap="none"))
    assert ".kmz" in footprints._tools.file.state["files"]
    ring = "<Polygon><outerBoundaryIs><LinearRing><coordinates>{}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    corners = {"N": "0,0 1,0 1,1 0,0", "S": "3,0 4,0 4,1 3,0"}
    folders = "".join(
        f"<Folder><name>{name}</name><Placemark>{ring.format(at)}</Placemark></Folder>" for name, at in corners.items()
    )
    pin = "<Placemark><Point><coordinates>9,9</coordinates></Point></Placemark>"
    content = f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{folders}{pin}</Document></kml>'.encode()
    for _ in range(2):
        footprints.state.aoi = None
        load_file(footprints, "two.kml", content)
        assert footprints.state.aoi.bounds == (0, 0, 4, 1)
        status = footprints._status.value
        assert ERROR not in status
        assert all(word in status for word in ("two.kml", "km²", "&#39;N&#39;", "&#39;S&#39;", "1 point"))


def test_tools_uploaded_file_sets_the_area(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """An uploaded file becomes the area of interest, and an unreadable one is an error in the widget."""
    footprints = display(FootprintMap(captures, basemap="none"))
    area = gpd.GeoDataFrame(geometry=[shapely.box(*HARBOUR)], crs=4326)
    load_file(footprints, "harbour.geojson", area.to_json().encode())
    assert footprints.state.aoi.geometry.equals(shapely.box(*HARBOUR))
    assert "harbour.geojson" in footprints._status.value
    load_file(footprints, "<b>x</b>.geojson", b"no")
    assert ERROR in footprints._status.value
    assert "<b>" not in footprints._status.value
