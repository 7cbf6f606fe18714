"""The workbench, by the callbacks of its buttons, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _widgets import ERROR, HARBOUR, act, place_without_answer, press, wait_for, wait_for_estimate
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox


def test_workbench_buttons_lead_from_area_to_delivered_order(
    client: scenecart.Client, display: Callable[[Any], Any], tmp_path: Path
):
    """The workbench goes from an area to a delivered order by its buttons alone."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench._from.value = bench._from.value.replace(year=2024, month=1, day=1)
    bench._to.value = bench._to.value.replace(year=2024, month=6, day=30)
    press(bench, "Search")
    picker = wait_for(lambda: bench.picker)
    wait_for(lambda: not picker.is_searching)
    assert bench.tab == 1
    assert picker.captures["eo:cloud_cover"].max() <= 30
    picker.selection = tuple(picker.captures.nsmallest(1, "eo:cloud_cover").index)
    cart = bench.cart._view
    act(cart, "add-selection")
    wait_for_estimate(bench.cart)
    act(cart, "order")
    offer = wait_for(lambda: cart.state["offer"]["is_checked"] and cart.state["offer"])
    act(cart, "buy", credits=offer["credits"])
    order = wait_for(lambda: bench.cart.order)
    wait_for(lambda: order.id in {followed.id for followed in bench.tracker.orders})
    wait_for(lambda: bench.tracker.finished == len(bench.tracker.orders), 60)
    assert next(one for one in bench.tracker.orders if one.id == order.id).status == "delivered"


def test_workbench_search_while_placing_is_refused(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """While an order is placed no search replaces its cart: its result is displayed, and the tracker follows it."""
    with sandbox.client("card", home=tmp_path) as client:
        bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
        bench.cart.aoi = HARBOUR
        bench.cart.add(pair)
        wait_for_estimate(bench.cart)
        sandbox.faults.add("stall", operation="orders.archive.place", seconds=2)
        bench.cart.buy()
        with raises(scenecart.InvalidCart, "placement_running"):
            bench.search()
        order = wait_for(lambda: bench.cart.order)
        wait_for(lambda: order.id in {followed.id for followed in bench.tracker.orders})


def test_workbench_orders_tab_reports_unanswered_purchase(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """An open workbench reports a purchase that got no answer meanwhile when its orders are opened."""
    with sandbox.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
        tracker = bench.tracker
        wait_for(lambda: not tracker.is_busy)
        place_without_answer(sandbox, client.cart(pair, HARBOUR).estimate(), "drop-after")
        shown = tracker._view
        assert shown.state["unknown"] is None
        bench.tab = 3
        wait_for(lambda: shown.state["unknown"])
        act(shown, "check")
        wait_for(lambda: not shown.state["unknown"])
        wait_for(lambda: any(order.id in shown.state["note"]["text"] for order in tracker.orders))


def test_workbench_search_without_host_is_refused(client: scenecart.Client, display: Callable[[Any], Any], tmp_path: Path):
    """A search without a host is an error in the form."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench._host.value = " "
    press(bench, "Search")
    assert ERROR in bench._status.value
    with raises(scenecart.InvalidQuery, "host_missing"):
        bench.search()


@pytest.mark.parametrize("area", ["", "somewhere.geojson", "1,2,3"])
def test_workbench_search_invalid_area_is_refused(client: scenecart.Client, display: Callable[[Any], Any], area: str):
    """An area that is missing or cannot be read is an error in the form, and nothing is searched."""
    bench = display(Workbench(client, basemap="none"))
    bench._area_text.value = area
    press(bench, "Search")
    assert ERROR in bench._status.value
    assert bench.picker is None


def test_workbench_search_unknown_host_shows_the_error(client: scenecart.Client, display: Callable[[Any], Any]):
    """The service's error about a host is displayed with its captures."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none"))
    bench._host.value = "nowhere"
    bench._typed_collections.value = "c"
    press(bench, "Search")
    wait_for(lambda: bench.picker is not None and ERROR in bench.picker._status.value)
    assert "nowhere" in bench.picker._status.value


def test_workbench_search_is_reported_at_once(client: scenecart.Client, display: Callable[[Any], Any]):
    """The form reports the search before the map is made, and no longer once captures are displayed or it failed."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none"))
    reported: list[tuple[str, bool]] = []
    bench._status.observe(lambda change: reported.append((change["new"], bench.picker is None)), "value")
    bench.search("aurora", collections=["aurora-50cm"], limit=1)
    assert "aurora" in reported[0][0]
    assert reported[0][1]
    assert bench._status.value == ""
    with pytest.raises(scenecart.InvalidQuery):
        bench.search("aurora", limit=0)
    assert bench._status.value == ""


def test_workbench_without_known_hosts_shows_an_example(client: scenecart.Client, display: Callable[[Any], Any]):
    """If the client knows no hosts, the empty field contains an example."""
    bench = display(Workbench(client, hosts={}, aoi=HARBOUR, basemap="none"))
    assert bench._host.value == ""
    assert "aurora" in bench._host.placeholder
    press(bench, "Search")
    assert ERROR in bench._status.value


def test_workbench_wrong_client_type_is_refused():
    """A workbench needs a client."""
    with raises(scenecart.InvalidRequest, "client_invalid"):
        Workbench(None)
