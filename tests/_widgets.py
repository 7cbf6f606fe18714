"""Helpers of tests of widgets."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import numpy as np
import shapely

from _expect import raises
from scenecart import PlacementUnknown
from scenecart.widgets._base import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scenecart import Estimate
    from scenecart.sandbox import Sandbox
    from scenecart.widgets import CartPanel, FootprintMap

HARBOUR = (151.18, -33.99, 151.24, -33.94)
QUERY: dict[str, Any] = {"collections": ["aurora-50cm"], "datetime": "2024-01/2024-06"}
ERROR = 'role="alert"'


def wait_for(condition: Callable[[], Any], seconds: float = 90.0) -> Any:
    """Wait until a condition holds, and return its value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "the condition did not hold in time"
        time.sleep(0.02)


def world_captures(count: int) -> gpd.GeoDataFrame:
    """Return captures all over the world."""
    random = np.random.default_rng(1)
    x, y = random.uniform(-179, 178, count), random.uniform(-80, 79, count)
    shapes = shapely.box(x, y, x + 0.5, y + 0.5)
    values = {"id": [f"c{number}" for number in range(count)], "eo:cloud_cover": random.uniform(0, 100, count)}
    return gpd.GeoDataFrame(values, geometry=shapes, crs=4326)


def sent_rows(footprint_map: FootprintMap) -> list[int]:
    """Return the rows whose footprints were sent to the browser."""
    return [feature["properties"]["row"] for feature in footprint_map._layers.footprints.data["features"]]


def is_visible(widget: W.Widget) -> bool:
    """Return whether a widget is displayed."""
    return bool(widget.layout.display != "none")


def enabled_buttons(panel: Any, label: str) -> list[W.Button]:
    """Return the visible, enabled buttons whose label starts with a text."""
    buttons = [part for part in parts_of(panel) if isinstance(part, W.Button) and part.description.startswith(label)]
    return [button for button in buttons if not button.disabled and is_visible(button)]


def press(panel: Any, label: str) -> None:
    """Press a button as soon as it is enabled, as an analyst does."""
    wait_for(lambda: enabled_buttons(panel, label), 10)[0].click()


def act(part: Any, kind: str, *, buffers: Sequence[memoryview] = (), **fields: Any) -> None:
    """Do what an event of a part's page does."""
    part._handle_custom_msg({"kind": kind, **fields}, list(buffers))


def wait_for_estimate(panel: CartPanel) -> Estimate:
    """Wait for the price of a cart."""
    estimate: Estimate = wait_for(lambda: panel.estimate)
    return estimate


def place_without_answer(sandbox: Sandbox, estimate: Estimate, fault: str) -> None:
    """Place an estimate whose request or answer is lost on its way."""
    sandbox.faults.add(fault, operation="orders.archive.place")
    with raises(PlacementUnknown, "placement_unknown"):
        estimate.place()


def pictures_sent(widget: W.Widget, field: str) -> dict[int, bytes]:
    """Return the pictures that a widget sends to its page from now on, by the numbers in a field of the messages."""
    found: dict[int, bytes] = {}
    send = widget.send

    def record(content: dict[str, Any], buffers: list[bytes]) -> None:
        found.update(zip(content[field], buffers, strict=True))
        send(content, buffers)

    widget.send = record
    return found


def sent_messages(widget: W.Widget) -> list[tuple[dict[str, Any], list[bytes]]]:
    """Return a list that gets the custom messages that a widget sends from now on, each with its buffers."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []

    def record(_: str, data: Any = None, metadata: Any = None, buffers: Any = None, **__: Any) -> None:
        if (data or {}).get("method") == "custom":
            sent.append((data["content"], list(buffers or [])))

    widget.comm.publish_msg = record
    return sent
