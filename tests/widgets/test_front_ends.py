"""What the widgets ask of the front end: nothing that only JupyterLab has."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
from ipywidgets.widgets import widget as living

import scenecart
from _widgets import HARBOUR, wait_for
from scenecart.widgets._base import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    import pytest

# these come with every front end that shows widgets, VS Code included
_BROUGHT = {"@jupyter-widgets/base", "@jupyter-widgets/controls"}
_SHIPPED = Path(sys.prefix) / "share" / "jupyter" / "nbextensions"


def test_every_front_end_can_load_the_widgets(found: gpd.GeoDataFrame, analyst: scenecart.Client, shown: Callable[[Any], Any]):
    """Each widget's code comes with the front end, or lies in the environment where VS Code and Voila look for it."""
    before = set(living._instances)
    bench = shown(scenecart.widgets.Workbench(analyst, aoi=HARBOUR))
    bench.captures = found
    picker = shown(scenecart.widgets.CaptureMap(found, aoi=HARBOUR, client=analyst))
    shown(scenecart.widgets.OrderTracker(analyst))
    made = [one for name, one in living._instances.items() if name not in before]
    assert {id(part) for part in parts_of(picker)} <= {id(one) for one in made}
    named = {getattr(one, name) for one in made for name in ("_model_module", "_view_module")} - {None}
    assert named - _BROUGHT == {"anywidget", "jupyter-leaflet"}
    for module in named - _BROUGHT:
        assert (_SHIPPED / module / "index.js").is_file()
        # how VS Code learns which file is the module
        assert re.search(rf"{module}.{{0,20}}nbextensions/{module}/index", (_SHIPPED / module / "extension.js").read_text("utf-8"))


def test_a_page_that_lost_a_change_is_sent_it_again(
    found: gpd.GeoDataFrame, analyst: scenecart.Client, shown: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
):
    """A price that comes while a page still takes up its widgets is sent once more; what people typed is not sent back."""
    panel = shown(scenecart.widgets.CartPanel(analyst, found.head(1)))
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
    price, order = panel._price, panel._order_button.layout
    wait_for(lambda: [state.get("value") for state in sent[price.model_id]].count(price.value) == 2, 10)
    assert sent[order.model_id][-1]["display"] == "" == order.display
    typed = {part.model_id for part in parts if isinstance(part, W.Text | W.Checkbox)}
    assert len(typed) == 4
    assert all(sent[name] == [] for name in typed)
