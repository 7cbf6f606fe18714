"""Plots of cover plans."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely

from _cover import COAST
from scenecart._cover.plot import draw_cover
from scenecart._geo.area import as_area

if TYPE_CHECKING:
    import geopandas as gpd

    import scenecart


def test_plot_shows_area_and_what_is_missing(client: scenecart.Client, found: gpd.GeoDataFrame):
    """The plot shows the whole area in degrees, and what is not covered."""
    plan = client.cover(found, COAST, min_coverage=0.5)
    axes = plan.plot()
    west, east = axes.get_xlim()
    assert west < COAST[0] < COAST[2] < east
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["clipped footprints", "area of interest", "not covered"]
    assert plan.plot(axes) is axes


def test_plot_without_gaps_has_no_missing_part():
    """If everything is covered, the legend has no missing part, and each footprint has its number."""
    area = as_area((10, 50, 11, 51)).geometry
    axes = draw_cover(area, [area], shapely.Polygon(), "", None)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["clipped footprints", "area of interest"]
    assert [text.get_text() for text in axes.texts] == ["1"]


def test_plot_across_the_antimeridian_is_in_one_piece():
    """An area on both sides of the antimeridian is drawn in one piece."""
    area = as_area((179.5, -10, -179.5, -9)).geometry
    axes = draw_cover(area, [area], shapely.Polygon(), "", None)
    west, east = axes.get_xlim()
    assert 179 < west < east < 181
