"""Events of the left column and of the map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import HARBOUR, QUERY, act
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import scenecart

    Display = Callable[[Any], Any]


def test_form_area_is_the_same_everywhere(client: scenecart.Client, display: Display, tmp_path: Path):
    """A drawn, typed or loaded area is that of the map, of the next search and of the cart; an unreadable one is an error."""
    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    act(bench._map.part, "area", corners=[[151.18, -33.99], [151.24, -33.99], [151.24, -33.94], [151.18, -33.94]])
    assert bench.state.aoi.bounds == HARBOUR == bench.cart.aoi.bounds
    assert bench._form.state["where"]["how"] == "drawn"
    assert bench._form.state["search"]["main"]
    act(bench._form, "type", text="151.1, -34, 151.2, -33.9")
    assert bench.cart.aoi.bounds == (151.1, -34.0, 151.2, -33.9)
    geojson = b'{"type": "Polygon", "coordinates": [[[1, 1], [2, 1], [2, 2], [1, 1]]]}'
    act(bench._form, "file", name="dam.geojson", buffers=[memoryview(geojson)])
    assert bench._form.state["where"]["text"].startswith("dam · ")
    for text in ("somewhere.geojson", "1,2,3"):
        act(bench._form, "type", text=text)
        assert bench._form.state["where"]["error"]
    assert bench.state.aoi.bounds == (1.0, 1.0, 2.0, 2.0)
    act(bench._form, "clear")
    assert bench.state.aoi is None
    assert bench.cart.aoi is None


def test_form_filters_dates_and_current_follow_the_page(client: scenecart.Client, display: Display, tmp_path: Path):
    """Filters, dates, colours and the current capture can be set in the page; invalid values are ignored."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench.search("aurora", wait=30, max_cloud_cover=30, **QUERY)
    assert bench.filtered["eo:cloud_cover"].max() <= 30
    act(bench._form, "dates", first="2024-02-01", last="2024-03-31")
    assert set(bench.filtered["datetime"].dt.month) <= {2, 3}
    act(bench._form, "reset")
    assert len(bench.filtered) == len(bench.captures)
    act(bench._form, "dates", first="2023-02-01", last="2024-03-31")
    assert bench._form.state["search"]["enabled"]
    act(bench._map.part, "current", row=2)
    assert bench.state.current == bench.captures.index[2]
    for nonsense in (-1, 10_000, "2", None):
        act(bench._map.part, "current", row=nonsense)
    assert bench.state.current == bench.captures.index[2]
    act(bench._map.part, "colour", name="gsd")
    assert bench._map.part.state["colour"] == "gsd"
    act(bench._map.part, "pictures", on=False)
    assert not bench._map.part.state["pictures"]
    act(bench._header, "project", id="Harbour")
    assert client.project == "Harbour"
