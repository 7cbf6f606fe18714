"""Filters, map and table in one view, by the traits and methods that clicks use."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import ipyleaflet
import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _widgets import HARBOUR, wait_for
from scenecart.widgets import CaptureFilters, CaptureMap, CaptureTable, FootprintMap
from scenecart.widgets._spatial_index import MOST_SHAPES, FootprintIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.sandbox import Sandbox


def many(count: int) -> gpd.GeoDataFrame:
    """Return captures all over the world."""
    pick = np.random.default_rng(1)
    x, y = pick.uniform(-179, 178, count), pick.uniform(-80, 79, count)
    shapes = shapely.box(x, y, x + 0.5, y + 0.5)
    values = {"id": [f"c{number}" for number in range(count)], "eo:cloud_cover": pick.uniform(0, 100, count)}
    return gpd.GeoDataFrame(values, geometry=shapes, crs=4326)


def drawn(shown_map: FootprintMap) -> list[int]:
    """Return the rows that the browser was sent."""
    return [one["properties"]["row"] for one in shown_map._base.data["features"]]


def test_filters_map_and_table_are_one_view(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A filter set in any part changes all of them, and so does a selection."""
    picker = shown(CaptureMap(found, HARBOUR, basemap="none"))
    picker.filters = {"eo:cloud_cover": [0, 10]}
    kept = set(np.flatnonzero(found["eo:cloud_cover"] <= 10).tolist())
    wait_for(lambda: set(drawn(picker.map)) == kept)
    assert len(picker.table.shown) == len(picker.filtered) == len(kept)
    assert picker.filter_panel.filters == picker.filters
    picker.table._pick(0, "replace")
    assert picker.selected["id"].tolist() == [picker.table.shown["id"].iloc[0]]
    wait_for(lambda: len(picker.map._chosen.data["features"]) == 1)
    picker.filter_panel.reset()
    assert len(picker.filtered) == len(found)
    assert len(picker.selection) == 1


def test_moving_a_slider_filters(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """What a slider is moved to is the filter, and moved back to its ends there is none."""
    panel = shown(CaptureFilters(found))
    slider = panel._controls["eo:cloud_cover"]._input
    slider.value = (0, 10)
    assert panel.filters == {"eo:cloud_cover": [0.0, 10.0]}
    assert f"{len(panel.filtered):,} of {len(found):,}" in panel._count.value
    dates = panel._controls["datetime"]._input
    dates.value = (dates.min, dates.min + 30)
    assert panel.filters["datetime"][0] == str(found["datetime"].min().date())
    slider.value, dates.value = (slider.min, slider.max), (dates.min, dates.max)
    assert panel.filters == {}
    chooser = panel._controls["collection"]._input
    chooser.value = ("aurora-30cm",)
    assert set(panel.filtered["collection"]) == {"aurora-30cm"}


def test_a_browser_changes_no_filter_by_showing_it(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A filter between a slider's steps stays as Python set it, though a browser sends back the nearest one; a move is one."""
    panel = shown(CaptureFilters(found))
    slider = panel._controls["view:off_nadir"]._input
    step = slider.step
    low, high = slider.min + 6.66 * step, slider.min + 20.3 * step
    panel.filters = {"view:off_nadir": [low, high]}
    kept = len(panel.filtered)
    slider.set_state({"value": [slider.min + 7 * step, slider.min + 20 * step]})
    assert panel.filters == {"view:off_nadir": [low, high]}
    assert len(panel.filtered) == kept
    slider.set_state({"value": [slider.min + 7 * step, slider.min + 21 * step]})
    assert panel.filters == {"view:off_nadir": [low, pytest.approx(slider.min + 21 * step)]}
    # nothing is sent back that would move a handle which moves on meanwhile
    assert slider.value == (slider.min + 7 * step, slider.min + 21 * step)
    slider.set_state({"value": [slider.min + 6 * step, slider.min + 21 * step]})
    assert panel.filters["view:off_nadir"][0] == pytest.approx(slider.min + 6 * step)


def test_clicking_picks_and_offers_the_stack(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A click picks the smallest footprint under it and offers all of them; beside everything it picks nothing."""
    here = shapely.Point(151.2, -33.96)
    under = found[found.intersects(here)]
    assert len(under) > 1
    shown_map = shown(FootprintMap(found, basemap="none"))
    shown_map.click(here.x, here.y)
    assert list(shown_map.state.selection) == [under.index[np.argmin(shapely.area(under.geometry.to_numpy()))]]
    offered = [label for _, label in shown_map._stack.options]
    assert set(offered) <= set(under.index)
    shown_map._stack.value = offered[-1]
    assert list(shown_map.state.selection) == [offered[-1]]
    shown_map.click(here.x, here.y, "toggle")
    assert len(shown_map.state.selection) == 2
    shown_map.click(0, 0)
    assert shown_map.state.selection == ()


def test_what_matters_lies_above_the_footprints(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """The area and the selection stay above footprints and let clicks through, and the land lies below tiles."""
    shown_map = shown(FootprintMap(found, HARBOUR, basemap="none"))
    panes = shown_map.map.panes
    for layer in (shown_map._area, shown_map._chosen):
        pane = panes[layer.style["pane"]]
        assert pane["zIndex"] > 400
        assert pane["pointerEvents"] == "none"
    land = next(layer for layer in shown_map.map.layers if layer.name == "Land")
    assert panes[land.style["pane"]]["zIndex"] < 200


def test_tiles_are_attributed_once(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """With tiles their makers are named in one place; without there is nobody to name."""
    for basemap, times in (("OpenStreetMap.Mapnik", 1), ("none", 0)):
        shown_map = shown(FootprintMap(found, basemap=basemap))
        assert sum(isinstance(one, ipyleaflet.AttributionControl) for one in shown_map.map.controls) == times


def test_drawing_selects_or_sets_the_area(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A drawn shape selects what it meets, or becomes the area of interest, as the switch says."""
    shown_map = shown(FootprintMap(found, basemap="none"))
    lasso = shapely.Polygon([(151.1, -34.1), (151.4, -34.0), (151.2, -33.8)])
    shown_map.draw(lasso)
    assert set(shown_map.state.selection) == set(found[found.intersects(lasso)].index)
    shown_map._purpose.value = "area"
    shown_map.draw(lasso)
    assert shown_map.state.aoi.geometry.equals(lasso)
    assert {one["geometry"]["type"] for one in shown_map._area.data["features"]} == {"Polygon"}
    assert shown_map._purpose.value == "select"


def test_a_shape_that_is_refused_does_not_stay(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A drawn area that crosses itself is told and taken off the map; the next one that is right takes the message away."""
    shown_map = shown(FootprintMap(found, HARBOUR, basemap="none"))
    before = shown_map.state.aoi
    shown_map._purpose.value = "area"
    held = shown_map._area_pen.data
    crossing = {
        "type": "Polygon",
        "coordinates": [[(151.1, -34.1), (151.3, -33.9), (151.3, -34.1), (151.1, -33.9), (151.1, -34.1)]],
    }
    shown_map._area_pen.data = [*held, {"type": "Feature", "properties": {}, "geometry": crossing}]
    shown_map._area_drawn(None, "created", {"geometry": crossing})
    assert "no valid shape" in shown_map._status.value
    assert shown_map.state.aoi is before
    assert shown_map._area_pen.data == held
    right = {"type": "Polygon", "coordinates": [[(151.1, -34.1), (151.3, -34.1), (151.3, -33.9), (151.1, -34.1)]]}
    shown_map._area_drawn(None, "created", {"geometry": right})
    assert "Area of interest" in shown_map._status.value


def test_the_area_of_interest_can_be_changed(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """The pen for the area holds the one there is; what it is changed to is the area, and taken away there is none."""
    shown_map = shown(FootprintMap(found, HARBOUR, basemap="none"))
    shown_map._purpose.value = "area"
    (held,) = shown_map._area_pen.data
    assert shapely.geometry.shape(held["geometry"]).equals(shapely.box(*HARBOUR))
    moved = shapely.box(151.2, -34.0, 151.3, -33.9)
    shown_map._area_pen.data = [{**held, "geometry": shapely.geometry.mapping(moved)}]
    shown_map._area_drawn(None, "edited", {})
    assert shown_map.state.aoi.geometry.equals(moved)
    shown_map._area_pen.data = []
    shown_map._area_drawn(None, "deleted", {})
    assert shown_map.state.aoi is None
    shown_map._area_drawn(None, "created", {"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [0, 0], [0, 0], [0, 0]]]}})
    assert 'role="alert"' in shown_map._status.value


def test_an_area_is_read_from_a_file(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """An uploaded file becomes the area of interest, and one that cannot be read is said in the widget."""
    shown_map = shown(FootprintMap(found, basemap="none"))
    area = gpd.GeoDataFrame(geometry=[shapely.box(*HARBOUR)], crs=4326)
    upload = {
        "name": "harbour.geojson",
        "content": area.to_json().encode(),
        "type": "",
        "size": 1,
        "last_modified": dt.datetime.now(dt.UTC),
    }
    shown_map._file.value = (upload,)
    assert shown_map.state.aoi.geometry.equals(shapely.box(*HARBOUR))
    assert "harbour.geojson" in shown_map._status.value
    shown_map._file.value = ({**upload, "name": "<b>x</b>.geojson", "content": b"no"},)
    assert "cannot be read as an area" in shown_map._status.value
    assert "<b>" not in shown_map._status.value


def test_the_browser_never_holds_more_than_a_view(shown: Callable[[Any], Any]):
    """Of very many captures a density is sent; zoomed in, the footprints of the view alone, less than a megabyte of them."""
    captures = many(100_000)
    shown_map = shown(FootprintMap(captures, basemap="none"))
    wait_for(lambda: shown_map._density.data["features"])
    assert shown_map._base.data["features"] == []
    wait_for(lambda: "100,000 footprints in view" in shown_map._hint.value)
    assert len(json.dumps(shown_map._density.data)) < 1_000_000
    for side, degrees in {"south": 10.0, "west": 10.0, "north": 20.0, "east": 25.0}.items():
        shown_map.map.set_trait(side, degrees)
    wait_for(lambda: shown_map._base.data["features"])
    rows = drawn(shown_map)
    assert 0 < len(rows) <= MOST_SHAPES
    assert set(rows) == set(captures.cx[10:25, 10:20].index)
    assert len(json.dumps(shown_map._base.data)) < 1_000_000
    shown_map.state.selection = tuple(captures.index[:50_000])
    assert len(shown_map._chosen.data["features"]) <= 500


def test_selecting_never_resends_the_footprints(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A selection changes the layer on top alone."""
    shown_map = shown(FootprintMap(found, basemap="none"))
    wait_for(lambda: drawn(shown_map) and not shown_map._runner.is_busy(f"view-{id(shown_map)}"))
    sent: list[Any] = []
    shown_map._base.observe(sent.append, "data")
    shown_map.state.selection = (1, 2, 3)
    wait_for(lambda: len(shown_map._chosen.data["features"]) == 3)
    assert sent == []


@pytest.mark.parametrize("view", [(170.0, -20.0, 190.0, -10.0), (-190.0, -20.0, -170.0, -10.0)])
def test_the_antimeridian_is_no_edge(view: tuple[float, float, float, float]):
    """Footprints over the antimeridian are drawn in one piece, whichever way the map came there, and found by a click."""
    split = shapely.MultiPolygon([shapely.box(179, -15, 180, -14), shapely.box(-180, -15, -179, -14)])
    captures = gpd.GeoDataFrame({"id": ["over", "east"]}, geometry=[split, shapely.box(-178, -15, -177, -14)], crs=4326)
    ground, keep = FootprintIndex(captures), np.ones(2, dtype=bool)
    features = [one for turn, parts in ground.in_view(view, keep) for one in ground.features(turn, parts, 0.01)]
    xs = sorted(x for one in features for x, _ in one["geometry"]["coordinates"][0])
    assert view[0] < xs[0]
    assert xs[-1] < view[2]
    assert {one["properties"]["row"] for one in features} == {0, 1}
    assert ground.bounds == (179.0, -15.0, 183.0, -14.0)
    assert ground.at(180.5, -14.5, keep).tolist() == ground.at(-179.5, -14.5, keep).tolist() == [0]


def test_captures_without_footprints_are_nowhere(shown: Callable[[Any], Any]):
    """A capture without a footprint is in the table and nowhere on the map; no capture at all is an empty map."""
    captures = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[None, shapely.Polygon()], crs=4326)
    picker = shown(CaptureMap(captures, basemap="none"))
    assert len(picker.table.shown) == 2
    assert drawn(picker.map) == []
    empty = shown(CaptureMap(captures.iloc[:0], basemap="none"))
    assert len(empty.filtered) == 0


def test_the_table_sorts_searches_and_sends_a_window(shown: Callable[[Any], Any]):
    """Of 100,000 rows the browser gets those in view; sorting and searching are over all of them."""
    captures = many(100_000)
    table = shown(CaptureTable(captures))
    assert table._grid.count == 100_000
    table._told(None, {"kind": "window", "start": 50_000, "size": 40}, None)
    assert [cells[0] for cells, _ in table._grid.view["rows"]] == [f"c{number}" for number in range(50_000, 50_040)]
    assert len(json.dumps(table._grid.view)) < 20_000
    table._told(None, {"kind": "sort", "column": "eo:cloud_cover"}, None)
    assert table.shown["eo:cloud_cover"].is_monotonic_increasing
    table._told(None, {"kind": "sort", "column": "eo:cloud_cover"}, None)
    assert table.shown["eo:cloud_cover"].is_monotonic_decreasing
    table.search = "c9999"
    assert set(table.shown["id"]) == {"c9999", *(f"c9999{digit}" for digit in range(10))}
    table._told(None, {"kind": "all"}, None)
    assert len(table.state.selection) == 11
    table._told(None, {"kind": "pick", "row": 2, "how": "replace"}, None)
    table._told(None, {"kind": "pick", "row": 5, "how": "span"}, None)
    assert list(table.state.selection) == table.shown.index[2:6].tolist()
    table._told(None, {"kind": "none"}, None)
    assert table.state.selection == ()


def test_an_empty_table_says_why(shown: Callable[[Any], Any]):
    """Where no rows stand, it is said whether there are no captures, none suits the filters, or none has the words."""
    table = shown(CaptureTable(many(3)))
    table.search = "nowhere"
    assert table._grid.nothing == "No capture that suits the filters has these words."
    table.search = ""
    table.state.filters = {"eo:cloud_cover": [100, 100]}
    assert (len(table.shown), table._grid.nothing) == (0, "No capture suits the filters.")
    table.state.captures = table.state.captures.iloc[:0]
    assert table._grid.nothing == "No captures."


def test_captures_are_shown_while_they_arrive(analyst: scenecart.Client, found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A search's captures come into the view while it runs, and end as the search itself would."""
    picker = shown(
        CaptureMap.from_search(
            analyst,
            "aurora",
            collections=["aurora-50cm", "aurora-30cm"],
            bbox=(150, -35, 153, -32),
            datetime="2024",
            basemap="none",
        )
    )
    wait_for(lambda: not picker.is_searching)
    assert picker.captures["id"].tolist() == found["id"].tolist()
    assert "378 captures found" in picker._words.value


def test_a_search_that_fails_says_so_in_the_widget(analyst: scenecart.Client, shop: Sandbox, shown: Callable[[Any], Any]):
    """A search that breaks is told where the analyst looks, with what to do."""
    shop.faults.add("500", 50, "catalog.search_stream")
    picker = shown(CaptureMap.from_search(analyst, "aurora", collections="aurora-50cm", datetime="2024-03", basemap="none"))
    wait_for(lambda: not picker.is_searching, 90)
    assert "The service failed" in picker._words.value
    assert 'role="alert"' in picker._words.value
    shop.faults.clear()
    with pytest.raises(scenecart.InvalidQuery):
        CaptureMap.from_search(analyst, "aurora")


def test_quicklooks_lie_over_the_map(analyst: scenecart.Client, found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """Quicklooks of the selection are laid over the map as pictures that load nothing, and taken off again."""
    picker = shown(CaptureMap(found, client=analyst, basemap="none"))
    picker.selection = tuple(found.index[:2])
    picker.map.show_quicklooks()
    wait_for(lambda: len(picker.map._overlays) == 2)
    assert all(layer.url.startswith("data:image/png;base64,") for layer in picker.map._overlays)
    picker.map.show_quicklooks()
    assert picker.map._overlays == []


NASTY = '<img src=x onerror="alert(1)">'


def test_text_from_a_catalog_is_never_markup(shown: Callable[[Any], Any]):
    """Whatever ids, collections and reasons hold, no widget shows markup of it, in the notebook or exported."""
    captures = gpd.GeoDataFrame(
        {
            "id": [NASTY, "b"],
            "collection": [NASTY, "c"],
            "platform": [NASTY, "p"],
            "not_orderable_reason": [NASTY, None],
            "gsd": [1.0, 2.0],
        },
        geometry=[shapely.box(0, 0, 1, 1)] * 2,
        crs=4326,
    )
    picker = shown(CaptureMap(captures, basemap="none"))
    for name in ("collection", "platform", "gsd"):
        picker.map._colour.value = name
        wait_for(lambda: picker.map._legend.value)
    picker.map.click(0.5, 0.5)
    picker.map._hover(event="mouseover", feature={"properties": {"row": 0}})
    picker._copied(None)
    html = [part.value for part in (picker.map._legend, picker.map._card, picker.map._status, picker._words)]
    html += [control._head.value for control in picker.filter_panel._controls.values()]
    html.append(picker._repr_mimebundle_()["text/html"])
    assert all("<img src=x" not in one for one in html)
    assert any("&lt;img src=x" in one for one in html)


def test_exported_notebooks_show_a_picture(found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """Where no widget lives, a picture of the footprints and a table stand in its place, small and without script."""
    picker = shown(CaptureMap(found, basemap="none"))
    picker.selection = (3, 4)
    html = picker._repr_mimebundle_()["text/html"]
    assert html.count("<polygon") > 100
    assert str(found["id"].iloc[3]) in html
    assert "<script" not in html
    assert len(html) < 200_000


def test_an_unknown_basemap_is_refused(found: gpd.GeoDataFrame):
    """A basemap nobody knows is an error that says which names there are."""
    with pytest.raises(scenecart.InvalidRequest, match="no basemap"):
        FootprintMap(found, basemap="Nowhere.Atlas")


def test_times_and_missing_values_in_the_table(shown: Callable[[Any], Any]):
    """Missing values are empty cells, times are UTC."""
    captures = gpd.GeoDataFrame(
        {"id": ["a", None], "datetime": pd.to_datetime(["2024-01-02T03:04:05+02:00", None], utc=True), "gsd": [0.5, None]},
        geometry=[shapely.box(0, 0, 1, 1)] * 2,
        crs=4326,
    )
    table = shown(CaptureTable(captures))
    assert [cells for cells, _ in table._grid.view["rows"]] == [["a", "2024-01-02 01:04", "0.50"], ["", "", ""]]


def test_every_panel_leaves_something_to_see(found: gpd.GeoDataFrame, client: scenecart.Client, shown: Callable[[Any], Any]):
    """Where no widget lives, each panel leaves captures, or a line that says what is there while the notebook runs."""
    table = shown(CaptureTable(found))
    table.sort = ("eo:cloud_cover", False)
    first, *_ = table.shown["id"]
    assert str(first) in table._repr_mimebundle_()["text/html"]
    assert "<polygon" in shown(FootprintMap(found, basemap="none"))._repr_mimebundle_()["text/html"]
    assert "CartPanel" in shown(scenecart.widgets.CartPanel(client))._repr_mimebundle_()["text/html"]
