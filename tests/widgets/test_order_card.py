"""The card of one order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from _widgets import HARBOUR, enabled_buttons, is_visible, press, wait_for
from scenecart.widgets import OrderTracker
from scenecart.widgets._order_card import _steps

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    import scenecart


@pytest.mark.parametrize(
    ("status", "phase", "steps"),
    [
        ("processing", "open", [("placed", "done"), ("processing", "now"), ("delivered", "")]),
        ("queued", "open", [("placed", "done"), ("processing", "now"), ("queued", "now"), ("delivered", "")]),
        ("delivered", "delivered", [("placed", "done"), ("processing", "done"), ("delivered", "done")]),
        ("failed", "ended", [("placed", "done"), ("processing", "done"), ("failed", "lost")]),
        ("completed", "delivered", [("placed", "done"), ("processing", "done"), ("completed", "done")]),
        ("expired", "ended", [("placed", "done"), ("processing", "done"), ("expired", "lost")]),
        ("on the moon", "unknown", [("placed", "done"), ("processing", "now"), ("on the moon", "now"), ("delivered", "")]),
    ],
)
def test_order_card_steps_show_the_state_of_the_order(status: str, phase: str, steps: list[tuple[str, str]]):
    """Each state has its steps; one that the library does not know is shown as the service names it."""
    order = SimpleNamespace(status=status, phase=phase, is_finished=phase in {"delivered", "ended"})
    assert _steps(order) == steps  # type: ignore[arg-type]  # all that is read of it


def test_order_card_delivered_order_shows_files_and_items(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """A delivered order offers its files and its imagery on a map, and a second click hides the map."""
    order = client.cart(pair.head(1), HARBOUR).estimate().place()
    tracker = display(OrderTracker(order, directory=tmp_path / "out", basemap="none"))
    card = tracker._cards[order.id]
    assert not enabled_buttons(card.view, "Download")
    wait_for(lambda: tracker.finished == 1, 60)
    assert not enabled_buttons(card.view, "Cancel…")
    press(card.view, "Download")
    wait_for(lambda: "scenecart-success" in card._status.value)
    (path,) = (tmp_path / "out").rglob("*_visual.tif")
    assert path.name in card._status.value
    assert not is_visible(card._progress)
    press(card.view, "Show on map")
    wait_for(lambda: card._map_box.children)
    shown = card._map_box.children[0]
    assert len(shown.state.captures) == 1
    assert shown.imagery == shown.state.captures["id"].tolist()
    press(card.view, "Show on map")
    assert card._map_box.children == ()


def test_order_card_declined_cancellation_keeps_the_order(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Cancelling asks first, and keeps the order if it is declined."""
    order = client.cart(pair.tail(1), HARBOUR).estimate().place()
    tracker = display(OrderTracker(order, basemap="none"))
    card = tracker._cards[order.id]
    press(card.view, "Cancel…")
    assert is_visible(card._confirmation)
    press(card.view, "Do not cancel")
    assert not is_visible(card._confirmation)
    assert not card.is_busy
    wait_for(lambda: tracker.finished == 1, 60)
    assert order.status == "delivered"


def test_order_card_order_cancelled_elsewhere_is_said_to_be_cancelled_already(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Cancelling an order that another session has cancelled says so, in place of an older notice."""
    estimate = client.cart(pair.tail(1), HARBOUR).estimate()
    order = estimate.place(again=True)
    tracker = display(OrderTracker(estimate.place(), basemap="none", poll=60))
    card = tracker._cards[order.id]
    assert card.order.note is not None
    assert client.order(order.id).cancel().status == "cancelled"
    card.cancel()
    wait_for(lambda: not card.is_busy)
    assert "already cancelled" in card._status.value
