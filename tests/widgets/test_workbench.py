"""The Workbench, by the events of its page, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import scenecart
from _expect import raises
from _widgets import HARBOUR, QUERY, act, place_without_answer, wait_for
from scenecart.widgets import Workbench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

    Display = Callable[[Any], Any]


def test_workbench_view_is_searched_with_the_dates_of_the_host(client: scenecart.Client, display: Display, tmp_path: Path):
    """One click finds captures: the map's view is the area, and the dates are those in which the host has captures."""
    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    assert not bench._map.part.state["prompt"], "what was there before may come back"
    act(bench._footer, "page", id="a1")
    assert bench._map.part.state["prompt"]
    act(bench._map.part, "search-view", bounds=[151.1, -34.0, 151.3, -33.9])
    wait_for(lambda: len(bench.captures) and not bench.is_searching)
    assert bench.state.aoi.bounds == (151.1, -34.0, 151.3, -33.9)
    assert bench.captures["datetime"].dt.year.unique().tolist() == [2024]
    assert not bench._map.part.state["prompt"]
    assert bench._drawer.state["results"] == len(bench.captures)
    assert bench.state.current is not None


def test_workbench_cart_survives_another_search(client: scenecart.Client, display: Display, tmp_path: Path):
    """What was picked stays in the cart when something else is searched for."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench.search("aurora", wait=30, **QUERY)
    bench.state.select([bench.captures.index[3]])
    picked = bench.selected["id"].tolist()
    bench.search("aurora", wait=30, collections="aurora-30cm", datetime="2024")
    assert bench.cart.captures["id"].tolist() == picked
    assert bench.state.selection == ()
    bench.search("aurora", wait=30, **QUERY)
    assert bench.selected["id"].tolist() == picked


def test_workbench_filters_survive_another_search_and_late_columns(client: scenecart.Client, display: Display, tmp_path: Path):
    """A filter set in the page stays for the next search, one of a column that is found out later included."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench.search("aurora", wait=30, **QUERY)
    wait_for(lambda: "aoi:price_aud" in {facet.name for facet in bench.state.facets})
    wanted = {"eo:cloud_cover": [0.0, 20.0], "aoi:price_aud": [0.0, 300.0]}
    for name, value in wanted.items():
        act(bench._form, "filter", name=name, value=value)
    act(bench._form, "type", text="151.16, -34, 151.26, -33.93")
    act(bench._form, "search")
    # a filter set while captures arrive is not taken back by their end
    act(bench._form, "filter", name="view:off_nadir", value=[0.0, 20.0])
    wanted["view:off_nadir"] = [0.0, 20.0]
    wait_for(lambda: bench.state.filters == wanted and not bench.is_searching)
    act(bench._form, "reset")
    assert bench.state.filters == {}


def test_workbench_events_that_a_kernel_did_not_handle_are_done_after_the_reload(
    client: scenecart.Client, display: Display, tmp_path: Path
):
    """What was asked for just before a reload is done by the next kernel, and what was handled before is not done twice."""
    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    act(bench._footer, "page", id="a1")
    bench.search("aurora", aoi=HARBOUR, wait=30, **QUERY)
    act(bench._form, "filter", name="eo:cloud_cover", value=[0.0, 90.0], n=5)
    act(bench._footer, "leave")
    missed = [
        {"n": 4, "kind": "clear", "part": "ask"},
        {"n": 6, "kind": "type", "text": "nowhere at all", "part": "ask"},
        "nonsense",
        {"n": 7, "kind": "filter", "name": "eo:cloud_cover", "value": [0.0, 80.0], "part": "ask"},
        {"n": 8, "kind": "filter", "name": "eo:cloud_cover", "value": [0.0, 48.0], "part": "ask"},
    ]
    again = display(Workbench(client, basemap="none", directory=tmp_path))
    act(again._footer, "page", id="a1", events=missed)
    wait_for(lambda: not again.is_searching and again.state.filters == {"eo:cloud_cover": [0.0, 48.0]})
    assert again.state.aoi.bounds == HARBOUR


def test_workbench_service_gone_keeps_what_was_found(sandbox: Sandbox, display: Display, tmp_path: Path):
    """A search that gets no answer says so and takes nothing away; once the service answers, it is done again."""
    with sandbox.client("analyst", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        bench = display(Workbench(client, hosts=sandbox.hosts, aoi=HARBOUR, basemap="none", directory=tmp_path))
        bench.search("aurora", wait=30, **QUERY)
        found = len(bench.captures)
        sandbox.faults.add("drop-before", operation="catalog.search_stream")
        act(bench._form, "collections", names=["aurora-30cm"])
        act(bench._form, "search")
        banner = wait_for(lambda: bench._drawer.state["banner"])
        assert banner["retries"]
        assert len(bench.captures) == found
        act(bench._drawer, "retry")
        wait_for(lambda: bench._drawer.state["banner"] is None and not bench.is_searching)
        wait_for(lambda: set(bench.captures["collection"]) == {"aurora-30cm"})


def test_workbench_search_while_placing_is_refused(sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Display, tmp_path: Path):
    """While an order is placed nothing else is searched for: its result is displayed, and the tracker follows it."""
    with sandbox.client("card", home=tmp_path) as client:
        bench = display(Workbench(client, hosts=sandbox.hosts, aoi=HARBOUR, basemap="none", directory=tmp_path))
        bench.cart.add(pair)
        wait_for(lambda: bench.cart.estimate)
        act(bench._cart_part, "order")
        offer = wait_for(lambda: (o := bench._cart_part.state["offer"]) and o["is_checked"] and o)
        sandbox.faults.add("stall", operation="orders.archive.place", seconds=1)
        act(bench._cart_part, "buy", credits=offer["credits"])
        with raises(scenecart.InvalidCart, "placement_running"):
            bench.search()
        order = wait_for(lambda: bench.cart.order)
        wait_for(lambda: order.id in {followed.id for followed in bench.orders.orders})
        wait_for(lambda: bench._drawer.state["orders"])


def test_workbench_orders_tab_reports_unanswered_purchase(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Display, tmp_path: Path
):
    """An open Workbench reports a purchase that got no answer meanwhile when its orders are opened."""
    with sandbox.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        bench = display(Workbench(client, hosts=sandbox.hosts, aoi=HARBOUR, basemap="none", directory=tmp_path))
        wait_for(lambda: not bench.is_busy)
        place_without_answer(sandbox, client.cart(pair, HARBOUR).estimate(), "drop-after")
        act(bench._drawer, "tab", name="orders")
        wait_for(lambda: bench._orders_part.state["unknown"])


def test_workbench_project_of_the_header_is_that_of_the_order(client: scenecart.Client, display: Display, tmp_path: Path):
    """A project that is chosen in the header is the one that the next order is placed with."""
    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    assert bench.cart.project == client.project
    act(bench._header, "project", id="c0ffee00-0000-4000-8000-000000000000")
    assert bench.cart.project == client.project == "c0ffee00-0000-4000-8000-000000000000"


def test_workbench_owned_ground_is_hatched_for_what_is_looked_at(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Display, tmp_path: Path
):
    """The ground that is owned of the current capture, or of one in the cart, is hatched; what is owned of others is not."""
    client.cart(pair.head(1), HARBOUR).estimate().place()
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench._link.replace(pair)
    bench.state.current = pair.index[1]
    wait_for(lambda: "owned" in bench.captures.columns)
    assert not bench._map.part.state.get("hatch")
    bench.state.current = pair.index[0]
    wait_for(lambda: bench._map.part.state.get("hatch"))
    bench.state.current = pair.index[1]
    wait_for(lambda: not bench._map.part.state.get("hatch"))
    bench.state.selection = (pair.index[0],)
    wait_for(lambda: bench._map.part.state.get("hatch"))


def test_workbench_parts_ask_each_other(client: scenecart.Client, display: Display, tmp_path: Path):
    """The card walks as the list is sorted, compares, and the cart leads to the orders."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench.search("aurora", wait=30, **QUERY)
    first = bench._results.shown.index[0]
    bench.state.current = first
    act(bench._card, "step", step=1)
    assert bench.state.current == bench._results.shown.index[1]
    act(bench._card, "compare")
    compare = bench._map.part.state["compare"]
    days = [one["text"] for one in compare["dates"]]
    assert {compare["a"], compare["b"]} <= {one["row"] for one in compare["dates"]}
    assert len(bench._card.state["compared"]["sides"]) == len({compare["a"], compare["b"]})
    act(bench._map.part, "compared", a=compare["b"], b=compare["a"])
    assert bench._map.part.state["compare"] == {**compare, "a": compare["b"], "b": compare["a"]}
    act(bench._card, "take", side=0)
    assert bench.state.positions().tolist() == [compare["b"]]
    assert bench._card.state["compared"]["sides"][0]["is_in_cart"]
    assert all(days)
    act(bench._card, "done")
    assert bench._map.part.state["compare"] is None
    assert bench._card.state["compared"] is None
    act(bench._cart_part, "orders")
    assert bench._drawer.state["tab"] == "orders"
    act(bench._cart_part, "results")
    assert bench._drawer.state["tab"] == "results"


def test_workbench_many_captures_are_shown(client: scenecart.Client, display: Display, tmp_path: Path):
    """200,000 captures are filtered and drawn, and none as well."""
    from _widgets import world_captures  # noqa: PLC0415  # for this test alone, act

    bench = display(Workbench(client, basemap="none", directory=tmp_path))
    bench._link.replace(world_captures(200_000))
    bench.state.filters = {"eo:cloud_cover": [0.0, 10.0]}
    assert bench._form.state["filters"]["caption"].endswith("of 200,000 left")
    assert np.isclose(len(bench.filtered), 20_000, rtol=0.1)
    bench._link.replace(world_captures(0))
    assert bench._form.state["filters"]["off"]


@pytest.mark.parametrize(
    ("arguments", "error", "code"),
    [
        ({"limit": 5}, scenecart.InvalidRequest, "workbench_criterion_unknown"),
        ({"host": ""}, scenecart.InvalidQuery, "host_missing"),
        ({"aoi": (1, 2, 3)}, scenecart.InvalidArea, None),
    ],
)
def test_workbench_search_invalid_argument_is_refused(
    client: scenecart.Client, display: Display, arguments: dict[str, Any], error: type[Exception], code: str | None
):
    """What the left column cannot show is refused, and nothing is searched."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none"))
    with pytest.raises(error) as caught:
        bench.search(**arguments)
    assert code is None or getattr(caught.value, "code", None) == code
    assert not bench.is_searching


def test_workbench_static_html_is_a_picture_of_the_captures(client: scenecart.Client, display: Display):
    """A saved notebook without a kernel shows the captures as a still picture."""
    bench = display(Workbench(client, aoi=HARBOUR, basemap="none"))
    bench.search("aurora", wait=30, **QUERY)
    assert "<svg" in bench.static_html()


def test_workbench_wrong_client_type_is_refused():
    """A workbench needs a client."""
    with raises(scenecart.InvalidRequest, "client_invalid"):
        Workbench(None)
