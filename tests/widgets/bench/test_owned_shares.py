"""Owned shares of the captures in a cart, in the area of the cart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from _widgets import HARBOUR, act, wait_for, wait_for_estimate
from scenecart.widgets import CartPanel, Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    import scenecart
    from scenecart.sandbox import Sandbox

WEST, SOUTH, EAST, NORTH = HARBOUR
WEST_HALF = (WEST, SOUTH, (WEST + EAST) / 2, NORTH)
EAST_HALF = ((WEST + EAST) / 2, SOUTH, EAST, NORTH)


def _pills(part: Any) -> list[str]:
    """Return what the cart says about what is owned of each capture."""
    return [row["owned"] for row in part.state["rows"]]


def test_cart_panel_pill_follows_the_area(client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """What is owned of a capture is said for the area of the cart, whatever area the capture was marked in before."""
    client.cart(pair.head(1), WEST_HALF).estimate().place()
    panel = display(CartPanel(client, client.mark_owned(pair, WEST_HALF), EAST_HALF))
    said: list[list[str]] = []
    panel._view.observe(lambda change: said.append([row["owned"] for row in change["new"]["rows"]]), "state")
    panel.aoi = WEST_HALF
    wait_for(lambda: _pills(panel._view) == ["100 % owned", ""])
    assert not {text for texts in said for text in texts} - {"", "100 % owned"}
    said.clear()
    panel.aoi = EAST_HALF
    panel.aoi = HARBOUR
    wait_for(lambda: _pills(panel._view)[0])
    assert _pills(panel._view) in (["49 % owned", ""], ["50 % owned", ""])
    assert "100 % owned" not in {text for texts in said for text in texts}


def test_cart_panel_price_in_another_area_states_nothing_of_the_former(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """An estimate, and so its report, has the marks of its own area only: those of a former area are dropped, those given stay."""
    marked = client.mark_owned(pair, WEST_HALF)
    panel = display(CartPanel(client, marked, WEST_HALF))
    assert "owned" in wait_for_estimate(panel).cart.captures.columns
    panel.remove([pair["id"].iloc[1]])
    panel.aoi = EAST_HALF
    act(panel._view, "undo")
    cart = wait_for(lambda: panel.estimate is not None and panel.estimate.cart)
    assert (len(cart), {"owned", "owned_by"} & set(cart.captures.columns)) == (2, set())


def test_cart_panel_area_changes_while_buying_cart_is_empty_afterwards(
    sandbox: Sandbox, client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Captures that are being bought leave the cart, also if another area drops their marks meanwhile."""
    panel = display(CartPanel(client, client.mark_owned(pair, WEST_HALF), WEST_HALF))
    wait_for_estimate(panel)
    sandbox.faults.add("stall", operation="orders.archive.place", seconds=1)
    panel.buy()
    panel.aoi = EAST_HALF
    wait_for(lambda: panel.order)
    wait_for(lambda: not len(panel.captures))


def test_workbench_cart_pill_follows_area_and_purchases(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """A capture that stays in the cart says what is owned in the new area, and what was bought since."""
    client.cart(pair.head(1), WEST_HALF).estimate().place()
    bench = display(Workbench(client, aoi=WEST_HALF, basemap="none", directory=tmp_path))
    bench._link.replace(pair)
    bench.state.selection = tuple(pair.index)
    wait_for(lambda: _pills(bench._cart_part) == ["100 % owned", ""])
    bench._link.replace(pair.head(0))
    bench.state.aoi = EAST_HALF
    wait_for(lambda: _pills(bench._cart_part) == ["", ""])
    bench._link.replace(pair)
    client.cart(pair.tail(1), EAST_HALF).estimate().place()
    bench._owned.refresh()
    wait_for(lambda: _pills(bench._cart_part) == ["", "100 % owned"])
