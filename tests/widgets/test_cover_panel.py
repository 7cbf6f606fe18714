"""The cover panel, by the callbacks of its buttons, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import scenecart
from _expect import raises
from _widgets import HARBOUR, act, wait_for, wait_for_estimate
from scenecart.sandbox import Sandbox
from scenecart.widgets import CaptureMap, CartPanel, CoverPanel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd


def shown(panel: CoverPanel) -> dict[str, Any]:
    """Return what the page draws."""
    return panel._view.state


def test_cover_panel_plan_selects_captures_and_fills_the_cart(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A click plans with the captures that match the filters and selects them; another adds them at the displayed price."""
    orders_before = len(client.orders())
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    cart = display(CartPanel(client, picker=picker))
    panel = display(CoverPanel(client, picker, cart=cart))
    picker.filters = {"eo:cloud_cover": [0, 20]}
    act(panel._view, "cover")
    plan = wait_for(lambda: panel.plan)
    assert shown(panel)["can_add"]
    assert plan.is_complete
    assert set(plan.cart.ids) <= set(picker.filtered["id"])
    assert sorted(picker.selected["id"]) == sorted(plan.cart.ids)
    assert shown(panel)["plan"]["credits"] == f"{plan.estimate.total_credits:,} credits"
    assert sorted(row["id"] for row in shown(panel)["plan"]["rows"]) == sorted(plan.cart.ids)
    act(panel._view, "add")
    assert wait_for_estimate(cart).total_credits == plan.estimate.total_credits
    assert len(client.orders()) == orders_before


def test_cover_panel_impossible_plan_shows_the_reason(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """No area, no capture and too small a budget are errors in the panel; another area discards the old plan."""
    picker = display(CaptureMap(captures, basemap="none"))
    panel = display(CoverPanel(client, picker))
    act(panel._view, "cover")
    assert shown(panel)["note"]["code"] == "area_missing"
    with raises(scenecart.InvalidArea, "area_missing"):
        panel.cover()
    picker.aoi = HARBOUR
    act(panel._view, "cover", budget="plenty")
    assert shown(panel)["note"]["code"] == "budget_invalid"
    act(panel._view, "cover", budget="1")
    assert shown(panel)["is_busy"]
    wait_for(lambda: not panel.is_busy and shown(panel)["note"])
    assert (panel.plan, shown(panel)["is_busy"]) == (None, False)
    act(panel._view, "cover")
    wait_for(lambda: panel.plan)
    assert (shown(panel)["note"], shown(panel)["can_add"]) == (None, False)
    picker.aoi = (151.19, -33.98, 151.22, -33.95)
    assert panel.plan is None
    assert shown(panel)["plan"] is None
    picker.filters = {"view:off_nadir": [89, 90]}
    with raises(scenecart.InvalidCart, "filters_match_nothing"):
        panel.cover()


def test_cover_panel_picker_not_a_capture_map_is_refused(client: scenecart.Client):
    """A cover panel needs a capture map."""
    with raises(scenecart.InvalidRequest, "picker_invalid"):
        CoverPanel(client, None)


def test_cover_panel_with_owned_areas_plans_the_rest_by_default(tmp_path: Path, display: Callable[[Any], Any]):
    """Owned areas count as covered at no cost; without the tick, the area is covered as if nothing was owned."""
    with Sandbox() as box:
        box.top_up("analyst", 10**9)
        client = box.client("analyst", home=tmp_path, say=lambda _: None)
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06")
        first = client.cover(found, HARBOUR, min_coverage=0.5, max_captures=1)
        first.estimate.place()
        panel = display(CoverPanel(client, display(CaptureMap(found, HARBOUR, basemap="none"))))
        act(panel._view, "cover")
        rest = wait_for(lambda: panel.plan)
        assert not rest.owned.is_empty
        act(panel._view, "cover", use_owned=False)
        whole = wait_for(lambda: panel.plan)
        assert whole.owned.is_empty
