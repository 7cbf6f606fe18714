"""What exported notebooks show in place of widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart.widgets import CaptureMap, CaptureTable, CartPanel, FootprintMap

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    import scenecart


def test_static_html_of_map_is_a_picture_and_a_table(captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """Without live widgets, a map is a picture of footprints and a table, small and without scripts."""
    picker = display(CaptureMap(captures, basemap="none"))
    picker.selection = (3, 4)
    html = picker._repr_mimebundle_()["text/html"]
    assert html.count("<polygon") > 100
    assert str(captures["id"].iloc[3]) in html
    assert "<script" not in html
    assert len(html) < 200_000


def test_static_html_of_panel_shows_captures_or_its_name(
    captures: gpd.GeoDataFrame, client: scenecart.Client, display: Callable[[Any], Any]
):
    """Without live widgets, each panel shows captures, or its name."""
    table = display(CaptureTable(captures))
    table.sort = ("eo:cloud_cover", False)
    first, *_ = table.shown["id"]
    assert str(first) in table._repr_mimebundle_()["text/html"]
    assert "<polygon" in display(FootprintMap(captures, basemap="none"))._repr_mimebundle_()["text/html"]
    assert "CartPanel" in display(CartPanel(client))._repr_mimebundle_()["text/html"]
