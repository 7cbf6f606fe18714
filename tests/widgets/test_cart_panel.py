"""Cart, tracker and workbench by the buttons' own callbacks, against a real service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import pytest

import scenecart
from _widgets import HARBOUR, wait_for
from scenecart.widgets import CaptureMap, CartPanel, CoverPanel, OrderTracker, Workbench
from scenecart.widgets._base import parts_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox


def usable(panel: Any, words: str) -> list[W.Button]:
    """Return the buttons of these words that can be seen and pressed."""
    there = [part for part in parts_of(panel) if isinstance(part, W.Button) and part.description.startswith(words)]
    return [button for button in there if not button.disabled and button.layout.display != "none"]


def press(panel: Any, words: str) -> None:
    """Press a button as soon as it can be pressed, as one does who looks."""
    wait_for(lambda: usable(panel, words), 10)[0].click()


@pytest.fixture
def two(found: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    whole = found[scenecart.coverage(found, HARBOUR) > 0.9]
    return whole.nsmallest(2, "eo:cloud_cover")


def priced(panel: CartPanel) -> scenecart.Estimate:
    estimate: scenecart.Estimate = wait_for(lambda: panel.estimate)
    return estimate


def lose(shop: Sandbox, estimate: scenecart.Estimate, fault: str) -> None:
    """Place an estimate, whose answer or request is lost on its way."""
    shop.faults.add(fault, operation="orders.archive.place")
    with pytest.raises(scenecart.PlacementUnknown):
        estimate.place()


def test_a_settled_cart_is_priced_once(
    analyst: scenecart.Client, shop: Sandbox, two: gpd.GeoDataFrame, found: gpd.GeoDataFrame, shown: Callable[[Any], Any]
):
    """Clicking around asks for one price when the cart has settled, and for none that is known already."""
    asked: list[Any] = []
    estimate = analyst.estimate
    analyst.estimate = lambda cart: asked.append(cart.fingerprint) or estimate(cart)  # type: ignore[method-assign]  # counts only
    picker = shown(CaptureMap(found, HARBOUR, basemap="none"))
    panel = shown(CartPanel(analyst, picker=picker))
    picker.selection = tuple(two.index)
    press(panel, "Add selection (2)")
    panel.remove([two["id"].iloc[0]])
    panel.add(two)
    panel.add(two)
    assert panel.estimate is None
    first = priced(panel)
    assert len(asked) == 1
    panel.remove([two["id"].iloc[0]])
    assert panel.estimate is None
    smaller = priced(panel)
    assert smaller.total_credits < first.total_credits
    panel.add(two)
    assert panel.estimate is first
    assert len(asked) == 2
    assert first.total_credits == estimate(analyst.cart(two, HARBOUR)).total_credits
    assert f"{first.total_credits:,}" in panel._price.value


def test_the_question_names_what_is_bought(analyst: scenecart.Client, two: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """Licence and project stand in the question, empty fields as what they come to, and changing one takes the question back."""
    panel = shown(CartPanel(analyst, two, HARBOUR))
    priced(panel)
    panel._project.value, panel._license.value = "", " "
    press(panel, "Order…")
    assert analyst.project is not None
    assert analyst.project in panel._question.value
    assert "Licence standard" in panel._question.value
    panel._license.value = "enterprise"
    assert panel._sure.layout.display == "none"
    press(panel, "Order…")
    assert "Licence enterprise" in panel._question.value
    panel._project.value = "elsewhere"
    assert panel._sure.layout.display == "none"
    press(panel, "Order…")
    assert "Delivered to project elsewhere" in panel._question.value


def test_buying_takes_two_steps(analyst: scenecart.Client, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path):
    """The exact total is shown and asked about, a changed cart takes the question back, and buying twice gives one order."""
    panel = shown(CartPanel(analyst, two, HARBOUR))
    assert not usable(panel, "Buy for")
    total = priced(panel).total_credits
    press(panel, "Order…")
    assert f"{total:,} credits" in panel._question.value
    assert panel._yes.description == f"Buy for {total:,} credits"
    assert len(analyst.placements()) == 0
    panel._by_date.value = True
    assert panel._sure.layout.display == "none"
    priced(panel)
    panel._by_date.value = False
    assert priced(panel).total_credits == total
    panel._report.value = str(tmp_path / "quote.html")
    press(panel, "Write")
    wait_for(lambda: "Written to" in panel._words.value)
    assert (tmp_path / "quote.html").is_file()
    press(panel, "Order…")
    press(panel, "Not now")
    assert panel._sure.layout.display == "none"
    press(panel, "Order…")
    press(panel, "Buy for")
    order = wait_for(lambda: panel.order)
    assert order.total_credits == total
    press(panel, "Order…")
    press(panel, "Buy for")
    wait_for(lambda: "Already ordered" in panel._words.value)
    assert analyst.placements()["state"].tolist() == ["placed"]


@pytest.mark.parametrize("who", ["broke", "declined", "secure"])
def test_each_payment_error_shows_its_cure(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path, who: str
):
    """A refusal to pay is shown with what to do, and "Try again" places with the same key once that is done."""
    with shop.client(who, home=tmp_path) as client:
        panel = shown(CartPanel(client, two, HARBOUR))
        priced(panel)
        press(panel, "Order…")
        press(panel, "Buy for")
        wait_for(lambda: panel._again.layout.display != "none")
        assert 'role="alert"' in panel._words.value
        if who == "broke":
            shop.top_up("broke", 10_000_000)
        elif who == "declined":
            shop.attach_card("declined", "good")
        else:
            assert f'href="{shop.url}/challenge/' in panel._words.value
            with pytest.raises(scenecart.AuthenticationRequired) as secure:
                panel.estimate.place(project=panel.project)
            shop.complete_challenge(secure.value.client_secret.reveal())
            assert secure.value.client_secret.reveal() not in panel._words.value
        press(panel, panel._again.description)
        wait_for(lambda: panel.order)
        assert client.placements()["state"].tolist() == ["placed"]


def test_a_changed_price_is_shown_before_money_moves(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path
):
    """When the price changed meanwhile, today's is shown in its place, and buying at it takes the two steps again."""
    with shop.client("other", home=tmp_path) as client:
        panel = shown(CartPanel(client, two, HARBOUR))
        before = priced(panel).total_credits
        shop.change_prices(1.5)
        try:
            panel.buy()
            wait_for(lambda: "The price has changed" in panel._words.value)
            assert panel.estimate.total_credits > before
            assert len(client.placements()) == 0
            press(panel, "Order…")
            press(panel, "Buy for")
            assert wait_for(lambda: panel.order).total_credits > before
        finally:
            shop.change_prices(1)


def test_what_has_no_price_is_dropped_by_one_click(analyst: scenecart.Client, two: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """Captures that cannot be priced are shown with the reason beside them, and one click takes them out."""
    odd = two.copy()
    odd.loc[odd.index[0], "id"] = "nobody-knows-me"
    panel = shown(CartPanel(analyst, odd, HARBOUR))
    wait_for(lambda: panel.estimate is not None)
    assert panel._order_button.disabled
    assert "nobody-knows-me" in panel._rows.value
    press(panel, "Drop what has no price")
    wait_for(lambda: panel.estimate is not None and panel.estimate.is_complete)
    assert panel.captures["id"].tolist() == [odd["id"].iloc[1]]


def test_a_failing_service_is_said_in_the_cart(
    analyst: scenecart.Client, shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any]
):
    """A price that cannot be had is told in the widget, and the cart stays."""
    shop.faults.add("garbage", 50, "orders.archive.estimate")
    panel = shown(CartPanel(analyst, two, HARBOUR))
    wait_for(lambda: 'role="alert"' in panel._words.value)
    assert len(panel.captures) == 2
    assert panel._order_button.layout.display == "none"
    shop.faults.clear()


def test_orders_are_followed_with_one_question_a_round(
    analyst: scenecart.Client, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path
):
    """A tracker follows many orders to their end, shows what they deliver, and fetches it in the background."""
    orders = [analyst.cart(two.iloc[[row]], HARBOUR).estimate().place() for row in range(2)]
    tracker = shown(OrderTracker(orders, directory=tmp_path / "out", basemap="none"))
    assert "2 open" in tracker._title.value
    wait_for(lambda: tracker.finished == 2, 60)
    assert {order.status for order in tracker.orders} == {"delivered"}
    card = tracker._cards[orders[0].id]
    press(card.view, "Download")
    wait_for(lambda: "Every file is whole" in card._words.value)
    assert len(list((tmp_path / "out").rglob("*.tif"))) == 1
    press(card.view, "Show on map")
    wait_for(lambda: card._map.children)
    assert len(card._map.children[0].state.captures) == 1


def test_a_tracker_takes_orders_or_a_client():
    """What is neither is refused in words, before anything is shown."""
    for odd, said in ((5, "not int"), (None, "not NoneType"), ("o-1", "not the text 'o-1'"), (["o-1"], "not the text 'o-1'")):
        with pytest.raises(scenecart.InvalidRequest, match=f"OrderTracker takes orders, {said}"):
            OrderTracker(odd)


def test_what_a_cart_is_not_made_of_is_refused(shop: Sandbox, two: gpd.GeoDataFrame):
    """No client, no captures, no map: each is refused in words, before anything is shown."""
    with shop.client("enterprise") as client:
        for make, said in (
            (lambda: CartPanel(None), "A cart needs a client, not NoneType"),
            (lambda: CartPanel(client, "captures"), "not of str"),
            (lambda: CartPanel(client, two.drop(columns="id")), "lack the column 'id'"),
            (lambda: CartPanel(client, two, picker=5), "picker is a CaptureMap or its state, not int"),
            (lambda: CoverPanel(client, None), "picker is a CaptureMap or its state, not NoneType"),
            (lambda: Workbench(None), "A workbench needs a client, not NoneType"),
            (lambda: CaptureMap.from_search(None, "aurora"), "A search needs a client, not NoneType"),
        ):
            with pytest.raises(scenecart.ScenecartError, match=said):
                make()


def test_open_orders_are_found_again_after_a_restart(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path
):
    """A new kernel shows every open order again, and one of them is cancelled in two steps."""
    with shop.client("enterprise", home=tmp_path / "first") as client:
        order = client.cart(two, HARBOUR).estimate().place()
    with shop.client("enterprise", home=tmp_path / "second") as client:
        tracker = shown(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: tracker.orders)
        assert tracker.orders[0].id == order.id
        card = tracker._cards[order.id]
        press(card.view, "Cancel…")
        assert card._sure.layout.display != "none"
        press(card.view, "Cancel the order")
        wait_for(lambda: tracker.orders[0].is_finished)
        wait_for(lambda: not tracker.is_busy)
        assert tracker.orders[0].status in {"cancelled", "delivered"}
        if tracker.orders[0].status == "cancelled":
            assert "is cancelled" in card._words.value


@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_a_purchase_without_an_answer_is_told_and_looked_for(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path, fault: str
):
    """Where a purchase had no answer the tracker says so, also after a restart, and a button finds its order, buying nothing."""
    with shop.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        estimate = client.cart(two, HARBOUR).estimate()
        before = set(client.orders().index)
        lose(shop, estimate, fault)
    with shop.client("other", home=tmp_path) as client:
        tracker = shown(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: "has no answer" in tracker._left.value)
        press(tracker, "Look for it")
        if fault == "drop-before":
            wait_for(lambda: "not among the orders" in tracker._left.value)
            assert set(client.orders().index) == before
            client.settle()
        else:
            wait_for(lambda: tracker._unfinished.layout.display == "none")
            (bought,) = set(client.orders().index) - before
            wait_for(lambda: bought in {order.id for order in tracker.orders})
            wait_for(lambda: f"It was bought: order {bought}" in tracker._words.value)


def test_a_purchase_of_another_account_stays_told(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path
):
    """Who cannot look for a purchase is told whose it is, and neither to order it again nor, after a look, that all is well."""
    with shop.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        estimate = client.cart(two, HARBOUR).estimate()
        lose(shop, estimate, "drop-before")
    with shop.client("enterprise", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        tracker = shown(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: "1 purchase of another account has no answer" in tracker._left.value)
        assert "Order the same cart again" not in tracker._left.value
        assert tracker._search.layout.display == "none"
        # beside one of its own, which can be looked for
        mine = client.cart(two.tail(1), HARBOUR).estimate()
        lose(shop, mine, "drop-before")
        tracker.refresh()
        wait_for(lambda: tracker._search.layout.display == "")

        def look() -> None:
            press(tracker, "Look for it")
            wait_for(lambda: "not among the orders" in tracker._left.value)

        with pytest.warns(scenecart.ScenecartWarning, match="another account"):
            look()
        assert "1 purchase of another account has no answer" in tracker._left.value
        assert "No order is open" not in tracker._words.value


def test_a_look_that_failed_says_nothing_of_the_orders(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path
):
    """Where the list of orders could not be read, the tracker gives that reason, and does not say that nothing was bought."""
    with shop.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        estimate = client.cart(two, HARBOUR).estimate()
        lose(shop, estimate, "drop-after")
        tracker = shown(OrderTracker(client, basemap="none", poll=0.1))
        wait_for(lambda: "has no answer" in tracker._left.value)
        wait_for(lambda: not tracker.is_busy)
        shop.faults.add("503", operation="orders.list")
        press(tracker, "Look for it")
        wait_for(lambda: "It was looked for" in tracker._left.value)
        assert "503" in tracker._left.value
        assert "not among" not in tracker._left.value
        press(tracker, "Look for it")
        wait_for(lambda: "It was bought" in tracker._words.value)


def test_a_search_waits_for_a_purchase(shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path):
    """While an order is being placed no other search takes its cart away: how it ends is shown, and the tracker follows it."""
    with shop.client("card", home=tmp_path) as client:
        bench = shown(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
        bench.cart.aoi = HARBOUR
        bench.cart.add(two)
        priced(bench.cart)
        shop.faults.add("stall", operation="orders.archive.place", seconds=2)
        bench.cart.buy()
        with pytest.raises(scenecart.InvalidCart, match="being placed"):
            bench.search()
        order = wait_for(lambda: bench.cart.order)
        wait_for(lambda: order.id in {one.id for one in bench.tracker.orders})


def test_the_tab_of_orders_tells_of_a_purchase_that_was_lost_meanwhile(
    shop: Sandbox, two: gpd.GeoDataFrame, shown: Callable[[Any], Any], tmp_path: Path
):
    """A workbench that is open when an answer is lost tells of it among its orders."""
    with shop.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        bench = shown(Workbench(client, aoi=HARBOUR, basemap="none", directory=tmp_path))
        wait_for(lambda: not bench.tracker.is_busy)
        shop.faults.add("drop-after", operation="orders.archive.place")
        with pytest.raises(scenecart.PlacementUnknown):
            client.cart(two, HARBOUR).estimate().place()
        assert bench.tracker._unfinished.layout.display == "none"
        bench.tab = 3
        wait_for(lambda: "has no answer" in bench.tracker._left.value)
        press(bench.tracker, "Look for it")
        wait_for(lambda: "It was bought" in bench.tracker._words.value)


def test_a_form_without_a_host_asks_for_it(analyst: scenecart.Client, shown: Callable[[Any], Any], tmp_path: Path):
    """Searching without a host says what is missing, in the form."""
    bench = shown(Workbench(analyst, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench._host.value = " "
    press(bench, "Search")
    assert "Say which host" in bench._words.value


def test_from_nothing_to_an_order(analyst: scenecart.Client, shown: Callable[[Any], Any], tmp_path: Path):
    """The workbench goes from an area to a delivered order by its buttons alone."""
    bench = shown(Workbench(analyst, aoi=HARBOUR, basemap="none", directory=tmp_path))
    bench._from.value = bench._from.value.replace(year=2024, month=1, day=1)
    bench._to.value = bench._to.value.replace(year=2024, month=6, day=30)
    press(bench, "Search")
    picker = wait_for(lambda: bench.picker)
    wait_for(lambda: not picker.is_searching)
    assert bench.tab == 1
    assert picker.captures["eo:cloud_cover"].max() <= 30
    picker.selection = tuple(picker.captures.nsmallest(1, "eo:cloud_cover").index)
    press(bench.cart, "Add selection (1)")
    priced(bench.cart)
    press(bench.cart, "Order…")
    press(bench.cart, "Buy for")
    wait_for(lambda: bench.tracker.orders)
    wait_for(lambda: bench.tracker.finished == 1, 60)
    assert bench.tracker.orders[0].status == "delivered"


def test_a_form_that_makes_no_sense_is_said(analyst: scenecart.Client, shown: Callable[[Any], Any]):
    """What the form cannot mean is told beside it; nothing is searched and nothing is lost."""
    bench = shown(Workbench(analyst, basemap="none"))
    for area, says in (("", "Say which area"), ("somewhere.geojson", "somewhere"), ("1,2,3", "no file")):
        bench._where.value = area
        press(bench, "Search")
        assert says in bench._words.value
        assert 'role="alert"' in bench._words.value
    assert bench.picker is None
    bench._where.value = "151.18, -33.99, 151.24, -33.94"
    bench._host.value = "nowhere"
    bench._other.value = "c"
    press(bench, "Search")
    wait_for(lambda: bench.picker is not None and "nowhere" in bench.picker._words.value and "alert" in bench.picker._words.value)


@pytest.mark.parametrize(
    "area", ["(151.18, -33.99, 151.24, -33.94)", "[151.18,-33.99,151.24,-33.94]", "151.18 -33.99 151.24 -33.94"]
)
def test_a_box_is_read_as_people_write_it(analyst: scenecart.Client, shown: Callable[[Any], Any], area: str):
    """Four numbers are a box in brackets too, as the messages write it, and with blanks alone between them."""
    bench = shown(Workbench(analyst, basemap="none"))
    bench._where.value = area
    assert bench._area() == HARBOUR


def test_a_search_that_has_begun_is_said_at_once(analyst: scenecart.Client, shown: Callable[[Any], Any]):
    """The form says that it searches before anything is made to show captures, and no more once they are shown or it failed."""
    bench = shown(Workbench(analyst, aoi=HARBOUR, basemap="none"))
    told: list[tuple[str, bool]] = []
    bench._words.observe(lambda change: told.append((change["new"], bench.picker is None)), "value")
    bench.search("aurora", collections=["aurora-50cm"], limit=1)
    assert "Searching aurora…" in told[0][0]
    assert told[0][1]
    assert bench._words.value == ""
    with pytest.raises(scenecart.InvalidQuery):
        bench.search("aurora", limit=0)
    assert bench._words.value == ""


def test_a_workbench_that_knows_no_host_says_what_to_enter(analyst: scenecart.Client, shown: Callable[[Any], Any]):
    """Where the connection can list no hosts, the empty field says what belongs into it, with an example."""
    bench = shown(Workbench(analyst, hosts={}, aoi=HARBOUR, basemap="none"))
    assert bench._host.value == ""
    assert bench._host.placeholder == "the name of a catalog host, such as aurora"
    press(bench, "Search")
    assert 'role="alert"' in bench._words.value


def test_an_area_is_covered_by_a_click(analyst: scenecart.Client, found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """A click plans with what suits the filters and selects what is chosen; another puts it into the cart at the price shown."""
    had = len(analyst.orders())
    picker = shown(CaptureMap(found, HARBOUR, basemap="none"))
    cart = shown(CartPanel(analyst, picker=picker))
    panel = shown(CoverPanel(analyst, picker, cart=cart))
    picker.filters = {"eo:cloud_cover": [0, 20]}
    assert not usable(panel, "Put into the cart")
    press(panel, "Cover this area")
    wait_for(lambda: usable(panel, "Put into the cart"))
    plan = panel.plan
    assert plan.is_complete
    assert set(plan.cart.ids) <= set(picker.filtered["id"])
    assert sorted(picker.selected["id"]) == sorted(plan.cart.ids)
    assert f"{plan.estimate.total_credits:,} credits" in panel._shown.value
    press(panel, "Put into the cart")
    assert priced(cart).total_credits == plan.estimate.total_credits
    assert len(analyst.orders()) == had


def test_what_cannot_be_covered_is_said(analyst: scenecart.Client, found: gpd.GeoDataFrame, shown: Callable[[Any], Any]):
    """Without an area, a capture or enough money, the reason stands in the panel; another area takes the old plan away."""
    picker = shown(CaptureMap(found, basemap="none"))
    panel = shown(CoverPanel(analyst, picker))
    press(panel, "Cover this area")
    assert "no area" in panel._words.value
    picker.aoi = HARBOUR
    panel._budget.value = "plenty"
    press(panel, "Cover this area")
    assert "a whole number of credits" in panel._words.value
    panel._budget.value = "1"
    press(panel, "Cover this area")
    wait_for(lambda: "buys none" in panel._words.value)
    panel._budget.value = ""
    press(panel, "Cover this area")
    wait_for(lambda: panel.plan)
    assert not usable(panel, "Put into the cart")
    picker.aoi = (151.19, -33.98, 151.22, -33.95)
    assert panel.plan is None
    assert panel._shown.value == ""
    picker.filters = {"view:off_nadir": [89, 90]}
    press(panel, "Cover this area")
    assert "suits the filters" in panel._words.value
