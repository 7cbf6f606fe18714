"""Comparing two dates in the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import HARBOUR
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    import scenecart


def test_comparison_is_shown_on_map_card_and_footer_and_ends_with_its_captures(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """Two dates are on the map and on the card; one capture cannot be compared; other captures end the comparison."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    comparing = bench._comparison
    comparing.open(None)
    assert not comparing.is_open, "there are no captures"
    bench.state.captures = captures.head(1)
    comparing.open(bench.captures.index[0])
    assert not comparing.is_open
    assert "nothing to compare" in bench._footer.state["message"]
    bench.state.captures = captures.head(6)
    bench.state.current = bench.captures.index[2]
    comparing.open(bench.state.current)
    assert bench._map.part.state["compare"]["b"] == 2
    assert bench._footer.state["message"].startswith("Comparing")
    comparing.close()
    bench.state.filters = {"eo:cloud_cover": [200.0, 201.0]}
    comparing.open(bench.state.current)
    assert not comparing.is_open, "the filters leave no other"
    bench.state.filters = {}
    comparing.open(bench.state.current)
    comparing.take(1)
    assert bench.state.selection == (bench.captures.index[2],)
    assert bench._card.state["compared"]["sides"][1]["is_in_cart"]
    bench.state.annotate({"aoi:km2": [1.0] * 6})
    assert comparing.is_open, "a column that is found out later is no other search"
    bench.state.captures = captures.iloc[6:9]
    assert not comparing.is_open
    assert bench._map.part.state["compare"] is None
    assert bench._card.state["compared"] is None
