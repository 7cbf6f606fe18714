"""The state that is saved and restored, by reloads of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import HARBOUR, QUERY, act, wait_for
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import scenecart

    Display = Callable[[Any], Any]


def test_snapshot_reload_restores_everything(client: scenecart.Client, display: Display, tmp_path: Path):
    """A tab that is reloaded has its search, filters and project again; a second tab begins with them and keeps its own."""
    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    act(bench._footer, "page", id="a1")
    bench.search("aurora", aoi=HARBOUR, wait=30, **QUERY)
    bench.state.filters = {"eo:cloud_cover": [0.0, 20.0]}
    shown = bench.filtered["id"].tolist()
    bench.state.select([bench.captures.index[2]])
    picked = bench.selected["id"].tolist()
    bench._autosave.save()
    again = display(Workbench(client, basemap="none", directory=tmp_path))
    act(again._footer, "page", id="a1")
    wait_for(lambda: len(again.captures) and not again.is_searching)
    wait_for(lambda: again.state.filters)
    assert again.filtered["id"].tolist() == shown
    assert again.state.aoi.bounds == HARBOUR
    assert again.selected["id"].tolist() == picked == again.cart.captures["id"].tolist()
    second = display(Workbench(client, basemap="none", directory=tmp_path))
    act(second._footer, "page", id="b2")
    second.search("aurora", aoi=(151.1, -34.0, 151.2, -33.9), wait=30, **QUERY)
    second._autosave.save()
    third = display(Workbench(client, basemap="none", directory=tmp_path))
    act(third._footer, "page", id="a1")
    assert third.state.aoi.bounds == HARBOUR


def test_snapshot_of_another_version_changes_nothing(client: scenecart.Client, display: Display, tmp_path: Path):
    """What cannot be read is left alone, and a collected state can be restored."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    collected = bench._snapshot.collect()
    for odd in ({}, {"asked": 5, "filters": {}}, {"asked": collected["asked"], "filters": 7}):
        assert not bench._snapshot.restore(odd)
    assert bench.state.aoi.bounds == HARBOUR
    bench.state.aoi = None
    assert bench._snapshot.restore(collected)
    assert bench.state.aoi.bounds == HARBOUR


def test_snapshot_while_a_search_runs_is_searched_again(client: scenecart.Client, display: Display, tmp_path: Path):
    """A page that is closed before its search has ended has its captures when it is opened again."""
    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    act(bench._footer, "page", id="a1")
    bench.search("aurora", aoi=HARBOUR, **QUERY)
    assert bench.is_searching
    bench._autosave.save()
    again = display(Workbench(client, basemap="none", directory=tmp_path))
    act(again._footer, "page", id="a1")
    wait_for(lambda: len(again.captures))
