"""Filters, map and table in one widget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pytest
import shapely

import scenecart
from _expect import raises
from _widgets import ERROR, HARBOUR, sent_rows, wait_for
from scenecart.widgets import CaptureMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart.sandbox import Sandbox

HOSTILE = '<img src=x onerror="alert(1)">'


def test_capture_map_filter_and_selection_change_all_parts(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """A filter set in any part changes all of them, and so does a selection."""
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    picker.filters = {"eo:cloud_cover": [0, 10]}
    kept = set(np.flatnonzero(captures["eo:cloud_cover"] <= 10).tolist())
    wait_for(lambda: set(sent_rows(picker.map)) == kept)
    assert len(picker.table.shown) == len(picker.filtered) == len(kept)
    assert picker.filter_panel.filters == picker.filters
    picker.table._picker.receive({"kind": "pick", "row": 0, "how": "replace"})
    assert picker.selected["id"].tolist() == [picker.table.shown["id"].iloc[0]]
    wait_for(lambda: len(picker.map._layers.selected.data["features"]) == 1)
    picker.filter_panel.reset()
    assert len(picker.filtered) == len(captures)
    assert len(picker.selection) == 1


def test_capture_map_missing_footprint_is_in_the_table_only(display: Callable[[Any], Any]):
    """A capture without a footprint is in the table and not on the map; an empty result is an empty map."""
    captures = gpd.GeoDataFrame({"id": ["a", "b"]}, geometry=[None, shapely.Polygon()], crs=4326)
    picker = display(CaptureMap(captures, basemap="none"))
    assert len(picker.table.shown) == 2
    assert sent_rows(picker.map) == []
    empty = display(CaptureMap(captures.iloc[:0], basemap="none"))
    assert len(empty.filtered) == 0


def test_from_search_shows_the_captures_of_the_search(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A search's captures are added while it runs, and in the end are those of the search itself."""
    picker = display(
        CaptureMap.from_search(
            client,
            "aurora",
            collections=["aurora-50cm", "aurora-30cm"],
            bbox=(150, -35, 153, -32),
            datetime="2024",
            basemap="none",
        )
    )
    wait_for(lambda: not picker.is_searching)
    assert picker.captures["id"].tolist() == captures["id"].tolist()
    assert "378 captures" in picker._status.value


def test_from_search_stopped_keeps_the_captures_found(client: scenecart.Client, sandbox: Sandbox, display: Callable[[Any], Any]):
    """A stopped search is over at once, and adds no captures afterwards."""
    sandbox.faults.add("stall", operation="catalog.search_stream", seconds=1)
    picker = display(CaptureMap.from_search(client, "aurora", collections="aurora-50cm", datetime="2024-03", basemap="none"))
    picker.stop()
    assert not picker.is_searching
    assert len(picker.captures) == 0
    sandbox.faults.clear()


def test_from_search_failed_search_shows_the_error(client: scenecart.Client, sandbox: Sandbox, display: Callable[[Any], Any]):
    """A search that fails shows its error in the widget; an invalid one raises at once."""
    sandbox.faults.add("500", 50, "catalog.search_stream")
    picker = display(CaptureMap.from_search(client, "aurora", collections="aurora-50cm", datetime="2024-03", basemap="none"))
    wait_for(lambda: not picker.is_searching, 90)
    assert ERROR in picker._status.value
    sandbox.faults.clear()
    with pytest.raises(scenecart.InvalidQuery):
        CaptureMap.from_search(client, "aurora")


def test_from_search_wrong_client_type_is_refused():
    """Anything but a client is refused before a widget is made."""
    with raises(scenecart.InvalidRequest, "client_invalid"):
        CaptureMap.from_search(None, "aurora")


def test_widgets_text_from_catalog_is_escaped(display: Callable[[Any], Any]):
    """Markup in ids, collections and reasons is text in every widget, in the notebook or exported."""
    captures = gpd.GeoDataFrame(
        {
            "id": [HOSTILE, "b"],
            "collection": [HOSTILE, "c"],
            "platform": [HOSTILE, "p"],
            "not_orderable_reason": [HOSTILE, None],
            "gsd": [1.0, 2.0],
        },
        geometry=[shapely.box(0, 0, 1, 1)] * 2,
        crs=4326,
    )
    picker = display(CaptureMap(captures, basemap="none"))
    for name in ("collection", "platform", "gsd"):
        picker.map._colour.value = name
        wait_for(lambda: picker.map._legend.value)
    picker.map.click(0.5, 0.5)
    picker.map._hover(event="mouseover", feature={"properties": {"row": 0}})
    picker._copy_code(None)
    html = [part.value for part in (picker.map._legend, picker.map._card, picker.map._status, picker._status)]
    html.append(picker._repr_mimebundle_()["text/html"])
    assert all("<img src=x" not in text for text in html)
    assert any("&lt;img src=x" in text for text in html)
