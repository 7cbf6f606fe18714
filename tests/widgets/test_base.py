"""Panels and their parts, in any front end."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
from ipywidgets.widgets import widget as living

import scenecart
from _expect import raises
from _widgets import HARBOUR, wait_for
from scenecart.widgets import CaptureMap, CartPanel, OrderTracker, Workbench
from scenecart.widgets._base import Panel, checked_client, parts_of
from scenecart.widgets._state import CaptureState, no_captures

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    import pytest

# every front end that shows widgets contains these, VS Code included
_IN_FRONT_ENDS = {"@jupyter-widgets/base", "@jupyter-widgets/controls"}
_INSTALLED = Path(sys.prefix) / "share" / "jupyter" / "nbextensions"


def test_panel_code_loads_in_every_front_end(captures: gpd.GeoDataFrame, client: scenecart.Client, display: Callable[[Any], Any]):
    """The code of each widget is part of the front end, or installed in the folder that VS Code and Voila read."""
    before = set(living._instances)
    bench = display(Workbench(client, aoi=HARBOUR))
    bench._link.replace(captures)
    picker = display(CaptureMap(captures, aoi=HARBOUR, client=client))
    display(OrderTracker(client))
    created = [widget for name, widget in living._instances.items() if name not in before]
    assert {id(part) for part in parts_of(picker)} <= {id(widget) for widget in created}
    modules = {getattr(widget, name) for widget in created for name in ("_model_module", "_view_module")} - {None}
    assert modules - _IN_FRONT_ENDS == {"anywidget", "jupyter-leaflet"}
    for module in modules - _IN_FRONT_ENDS:
        assert (_INSTALLED / module / "index.js").is_file()
        # where VS Code reads which file is the module
        assert re.search(
            rf"{module}.{{0,20}}nbextensions/{module}/index", (_INSTALLED / module / "extension.js").read_text("utf-8")
        )


def test_panel_change_while_page_loads_is_sent_again(
    captures: gpd.GeoDataFrame, client: scenecart.Client, display: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
):
    """A price that arrives while a page is still loading its widgets is sent again."""
    panel = display(CartPanel(client, captures.head(1)))
    sent: dict[str, list[dict[str, Any]]] = {}

    def record(part: Any) -> None:
        sent[part.model_id] = []

        def publish(kind: str, data: dict[str, Any] | None = None, **_: Any) -> None:
            if kind == "comm_msg" and data is not None and data["method"] == "update":
                sent[part.model_id].append(data["state"])

        monkeypatch.setattr(part.comm, "publish_msg", publish)

    parts = [part for part in parts_of(panel) if part.comm is not None]
    for part in parts:
        record(part)
    wait_for(lambda: panel.estimate)
    view = panel._view.model_id
    total = wait_for(lambda: panel._view.state["total"]["value"])
    wait_for(lambda: [state.get("state", {}).get("total", {}).get("value") for state in sent[view]].count(total) >= 2, 10)


def test_panel_closed_observes_no_traits(display: Callable[[Any], Any]):
    """A closed panel is no longer called by a trait that it watched."""
    source, calls = CaptureState(no_captures()), []
    panel = display(Panel(W.HTML("text")))
    panel.watch(source, calls.append, "revision")
    source.revision = 11
    panel.close()
    source.revision = 12
    assert [change["new"] for change in calls] == [11]


def test_checked_client_wrong_type_is_refused(client: scenecart.Client):
    """Only a client is accepted as client."""
    assert checked_client(client) is client
    with raises(scenecart.InvalidRequest, "client_invalid"):
        checked_client(None)


def test_panel_part_that_is_closed_meanwhile_does_not_stop_the_others():
    """What is sent again leaves out a part that another thread has just closed."""
    panel = Panel(W.HTML("first"), W.HBox([W.HTML("inner")]), W.HTML("last"))
    panel.children[1].children[0].close()
    panel.resend_state()
    panel.close()
