"""The order tracker, by the callbacks of its buttons, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _widgets import HARBOUR, is_visible, place_without_answer, press, wait_for
from scenecart.widgets import OrderTracker
from scenecart.widgets._order_tracker import _CHECK_HINT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

ONE_ATTEMPT = scenecart.Retry(attempts=1)


def test_order_tracker_follows_orders_to_their_end(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """A tracker follows several orders until all are finished, and downloads one in the background."""
    orders = [client.cart(pair.iloc[[row]], HARBOUR).estimate().place() for row in range(2)]
    tracker = display(OrderTracker(orders, directory=tmp_path / "out", basemap="none"))
    assert "2 open" in tracker._title.value
    wait_for(lambda: tracker.finished == 2, 60)
    assert {order.status for order in tracker.orders} == {"delivered"}
    assert "2 orders" in tracker._title.value
    tracker.download(orders[0].id)
    wait_for(lambda: not tracker.is_busy)
    assert len(list((tmp_path / "out").rglob("*_visual.tif"))) == 1


@pytest.mark.parametrize("value", [5, None, "o-1", ["o-1"]])
def test_order_tracker_neither_orders_nor_client_is_refused(value: Any):
    """Anything but orders or a client is refused before a widget is made."""
    with raises(scenecart.InvalidRequest, "not_an_order"):
        OrderTracker(value)


def test_order_tracker_restart_shows_open_orders(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """A new kernel shows every open order again, and one of them is cancelled in two steps."""
    with sandbox.client("enterprise", home=tmp_path / "first") as client:
        order = client.cart(pair, HARBOUR).estimate().place()
    with sandbox.client("enterprise", home=tmp_path / "second") as client:
        tracker = display(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: tracker.orders)
        assert tracker.orders[0].id == order.id
        card = tracker._cards[order.id]
        press(card.view, "Cancel…")
        assert is_visible(card._confirmation)
        press(card.view, "Cancel the order")
        wait_for(lambda: tracker.orders[0].is_finished)
        wait_for(lambda: not tracker.is_busy)
        assert tracker.orders[0].status in {"cancelled", "delivered"}
        if tracker.orders[0].status == "cancelled":
            assert "cancelled" in card._status.value


@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_order_tracker_unanswered_purchase_can_be_checked(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path, fault: str
):
    """A purchase without an answer is reported, also after a restart, and a button finds its order without buying."""
    with sandbox.client("other", home=tmp_path, retry=ONE_ATTEMPT) as client:
        estimate = client.cart(pair, HARBOUR).estimate()
        before = set(client.orders().index)
        place_without_answer(sandbox, estimate, fault)
    with warns("placements_unanswered"):
        client = sandbox.client("other", home=tmp_path)
    with client:
        tracker = display(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: is_visible(tracker._unknown))
        first = tracker._unknown_text.value
        press(tracker, "Check the outcome")
        if fault == "drop-before":
            wait_for(lambda: not tracker.is_busy and tracker._unknown_text.value != first)
            assert is_visible(tracker._unknown)
            assert client.placements()["detail"].iloc[-1] in tracker._unknown_text.value
            assert set(client.orders().index) == before
            client.settle()
        else:
            wait_for(lambda: not is_visible(tracker._unknown))
            (bought,) = set(client.orders().index) - before
            wait_for(lambda: bought in {order.id for order in tracker.orders})
            wait_for(lambda: bought in tracker._status.value)


def test_order_tracker_purchase_of_second_account_stays_reported(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """A purchase of another account stays reported after a check, and offers no button while it is the only one."""
    with sandbox.client("other", home=tmp_path, retry=ONE_ATTEMPT) as client:
        estimate = client.cart(pair, HARBOUR).estimate()
        place_without_answer(sandbox, estimate, "drop-before")
    with warns("placements_unanswered"):
        client = sandbox.client("enterprise", home=tmp_path, retry=ONE_ATTEMPT)
    with client:
        tracker = display(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: "1 purchase of another account" in tracker._unknown_text.value)
        assert tracker._unknown_text.value.count("scenecart-error") == 1
        assert _CHECK_HINT not in tracker._unknown_text.value
        assert not is_visible(tracker._check_button)
        # beside a purchase of this account, which can be checked
        place_without_answer(sandbox, client.cart(pair.tail(1), HARBOUR).estimate(), "drop-before")
        tracker.refresh()
        wait_for(lambda: is_visible(tracker._check_button))
        first = tracker._unknown_text.value

        def check() -> None:
            press(tracker, "Check the outcome")
            wait_for(lambda: not tracker.is_busy and tracker._unknown_text.value != first)

        with warns("placements_of_other_accounts"):
            check()
        assert "1 purchase of another account" in tracker._unknown_text.value
        assert tracker._status.value == ""


def test_order_tracker_failed_check_shows_the_reason(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """If the orders cannot be listed, the outcome stays unknown with that reason; a later check finds the order."""
    with sandbox.client("other", home=tmp_path, retry=ONE_ATTEMPT) as client:
        estimate = client.cart(pair, HARBOUR).estimate()
        place_without_answer(sandbox, estimate, "drop-after")
        tracker = display(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: is_visible(tracker._unknown))
        wait_for(lambda: not tracker.is_busy)
        first = tracker._unknown_text.value
        sandbox.faults.add("503", operation="orders.list")
        press(tracker, "Check the outcome")
        wait_for(lambda: not tracker.is_busy and tracker._unknown_text.value != first)
        assert "503" in tracker._unknown_text.value
        press(tracker, "Check the outcome")
        wait_for(lambda: not is_visible(tracker._unknown))
        wait_for(lambda: tracker.orders and tracker.orders[0].id in tracker._status.value)


def test_order_tracker_goes_through_an_outage(
    client: scenecart.Client, sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """While the service is down, a tracker says so and follows on; when it responds again, it says that too."""
    order = client.cart(pair, HARBOUR).estimate().place()
    with sandbox.client("analyst", home=tmp_path / "tracker", retry=ONE_ATTEMPT) as impatient:
        sandbox.faults.add("503", times=12, operation="orders.list")
        tracker = display(OrderTracker(impatient.order(order.id), basemap="none", poll=0.1))
        wait_for(lambda: "Waiting goes on" in tracker._status.value)
        wait_for(lambda: "responds again" in tracker._status.value)
        wait_for(lambda: tracker.finished == 1, 60)
