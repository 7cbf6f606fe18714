"""New captures of watches in the Workbench."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _expect import raises
from _widgets import HARBOUR, wait_for
from scenecart.exceptions import NotFound
from scenecart.widgets._bench.footer import Footer
from scenecart.widgets._bench.header import Header
from scenecart.widgets._bench.watch_counts import WatchCounts
from scenecart.widgets._jobs import Runner

if TYPE_CHECKING:
    import scenecart


@pytest.mark.parametrize("is_seen", [True, False])
def test_watch_counts_show_what_is_new(client: scenecart.Client, *, is_seen: bool):
    """A watch with new captures is in the header, with how many and since when; one without is not."""
    watch = client.watch("harbour", "aurora", aoi=HARBOUR, collections="aurora-50cm", datetime="2024-01")
    assert len(watch.new())
    if is_seen:
        watch.seen()
    runner, header, footer = Runner(1), Header(), Footer()
    watching = WatchCounts(client, runner, header, footer)
    watching.read()
    wait_for(lambda: not runner.is_any_busy())
    assert [one["name"] for one in header.state["news"]] == ([] if is_seen else ["harbour"])
    assert ("harbour" in footer.state["message"]) is not is_seen
    host, criteria = watching.search_of("harbour")
    assert (host, criteria["collections"]) == ("aurora", ["aurora-50cm"])
    with raises(NotFound, "watch_not_found"):
        watching.search_of("nowhere")
    runner.close()
