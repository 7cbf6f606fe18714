"""The cart panel, by the events of its page, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _widgets import HARBOUR, act, wait_for, wait_for_estimate
from scenecart._cart import cart as cart_module
from scenecart._cart import checks
from scenecart.sandbox import Sandbox
from scenecart.widgets import CaptureMap, CartPanel, _cart_contents
from scenecart.widgets._money import dollars_of_credits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd


def shown(panel: CartPanel) -> dict[str, Any]:
    """Return what the page shows."""
    state: dict[str, Any] = panel._view.state
    return state


def offered(panel: CartPanel) -> dict[str, Any]:
    """Press "Order", and return the question once it was looked up what is owned."""
    wait_for_estimate(panel)
    act(panel._view, "order")
    wait_for(lambda: (shown(panel)["offer"] or {}).get("is_checked") or shown(panel)["note"])
    return shown(panel)["offer"] or {}


def buy(panel: CartPanel) -> None:
    """Confirm the question at the sum that it names."""
    act(panel._view, "buy", credits=shown(panel)["offer"]["credits"])


def test_cart_panel_rapid_changes_request_one_price(
    client: scenecart.Client, pair: gpd.GeoDataFrame, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A cart that changes quickly requests one price when it has settled, and none that is known already; undo takes back."""
    requested: list[Any] = []
    estimate = client.estimate
    client.estimate = lambda cart: requested.append(cart.fingerprint) or estimate(cart)  # type: ignore[method-assign]  # counts only
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    panel = display(CartPanel(client, picker=picker))
    assert shown(panel)["selection"] == 0
    picker.selection = tuple(pair.index)
    assert shown(panel)["selection"] == 2
    act(panel._view, "add-selection")
    act(panel._view, "remove", key=shown(panel)["rows"][0]["key"])
    act(panel._view, "undo")
    panel.add(pair)
    assert panel.estimate is None
    assert panel.is_busy
    first = wait_for_estimate(panel)
    assert len(requested) == 1
    panel.remove([pair["id"].iloc[0]])
    assert panel.estimate is None
    smaller = wait_for_estimate(panel)
    assert smaller.total_credits < first.total_credits
    panel.add(pair)
    assert panel.estimate is first
    assert len(requested) == 2
    assert first.total_credits == estimate(client.cart(pair, HARBOUR)).total_credits
    assert shown(panel)["total"]["value"] == f"A$\N{NO-BREAK SPACE}{first.total_aud:,.2f}"
    assert shown(panel)["total"]["label"].endswith("km²\N{NO-BREAK SPACE}priced")


def test_cart_panel_added_selection_is_checked_once(
    client: scenecart.Client,
    pair: gpd.GeoDataFrame,
    captures: gpd.GeoDataFrame,
    display: Callable[[Any], Any],
    monkeypatch: pytest.MonkeyPatch,
):
    """Adding a selection checks the frame once."""
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    panel = display(CartPanel(client, picker=picker))
    calls: list[str] = []

    def counted(name: str, function: Any) -> Any:
        return lambda *arguments: calls.append(name) or function(*arguments)

    function = checks.checked_frame
    for module in (checks, cart_module, _cart_contents):
        if hasattr(module, "checked_frame"):
            monkeypatch.setattr(module, "checked_frame", counted("checked_frame", function))
    picker.selection = tuple(pair.index)
    act(panel._view, "add-selection")
    assert calls == ["checked_frame"]
    assert panel.captures["id"].tolist() == pair["id"].tolist()


def test_cart_panel_purchase_takes_two_steps_and_empties_the_cart(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """The exact total, the project, the licence and the balance are confirmed; another sum buys nothing; the cart is empty then."""
    panel = display(CartPanel(client, pair, HARBOUR))
    assert all(name in panel.static_html() for name in pair["id"])
    total = wait_for_estimate(panel).total_credits
    assert f"{total / 100:,.2f}" in panel.static_html()
    act(panel._view, "buy", credits=total)
    assert not panel.is_placing
    offer = offered(panel)
    assert offer["credits"] == total
    assert offer["button"] == f"Buy 2 captures for {offer['total']}"
    assert {name for name, _ in offer["facts"]} == {"Paid by", "Area", "Left after this"}
    assert (offer["project"], offer["license"]) == (client.project, "standard")
    for value in (None, True, total - 1, str(total)):
        act(panel._view, "buy", credits=value)
        assert not panel.is_placing
    act(panel._view, "split", value=True)
    assert shown(panel)["offer"] is None
    act(panel._view, "split", value=False)
    offered(panel)
    act(panel._view, "not-now")
    assert shown(panel)["step"] == "cart"
    assert len(client.placements()) == 0
    offered(panel)
    buy(panel)
    buy(panel) if shown(panel)["offer"] else None
    order = wait_for(lambda: panel.order)
    assert order.total_credits == total
    wait_for(lambda: shown(panel)["bought"] and shown(panel)["bought"]["text"])
    assert shown(panel)["bought"]["order"] == order.id
    assert (shown(panel)["step"], shown(panel)["count"], shown(panel)["can_undo"]) == ("bought", 0, False)
    assert client.placements()["state"].tolist() == ["placed"]


def test_cart_panel_budget_is_shown_with_what_is_left_of_it(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """The offer has what it leaves of each budget that it counts in, or that it is not enough; other projects' are left out."""
    panel = display(CartPanel(client, pair, HARBOUR))
    total = wait_for_estimate(panel).total_credits
    used = -int(client.budget(credits=0)["left"].iloc[0])
    client.budget(credits=used + total + 12_300)
    client.budget(client.project, credits=0)
    client.budget("another", credits=5)
    facts = dict(offered(panel)["facts"])
    assert facts["Left of the budget"] == dollars_of_credits(12_300)
    assert facts["Left of the project's budget"].startswith("not enough")
    assert len(facts) == 5


def test_cart_panel_bought_again_gives_the_order_there_is(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A cart that was bought is offered as owned; buying it all the same gives the order there is, and says so."""
    order = client.cart(pair, HARBOUR).estimate().place()
    panel = display(CartPanel(client, pair, HARBOUR))
    offer = offered(panel)
    assert offer["owned"]["title"] == "2 of 2 captures are ours already"
    assert not offer["can_buy"]
    act(panel._view, "choose", value="all")
    assert shown(panel)["offer"]["can_buy"]
    buy(panel)
    assert wait_for(lambda: panel.order).id == order.id
    assert shown(panel)["bought"]["kind"] == "info"
    assert shown(panel)["bought"]["notice"]
    assert client.placements()["state"].tolist() == ["placed"]


def test_cart_panel_question_follows_licence_and_project(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """The question offers known projects and licences, and goes on with those that are entered; empty ones are the defaults."""
    panel = display(CartPanel(client, pair, HARBOUR))
    offer = offered(panel)
    assert client.project in offer["projects"]
    assert offer["licenses"] == ["standard"]
    act(panel._view, "license", value="enterprise")
    act(panel._view, "project", value="elsewhere")
    assert (shown(panel)["offer"]["license"], shown(panel)["offer"]["project"]) == ("enterprise", "elsewhere")
    assert (panel.license_type, panel.project) == ("enterprise", "elsewhere")
    act(panel._view, "license", value="")
    act(panel._view, "project", value=" ")
    assert (panel.license_type, panel.project) == ("standard", client.project)


def test_cart_panel_newer_price_withdraws_the_question(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A price that arrives while the button is pressed is not bought, since the question named another."""
    inside = captures[scenecart.coverage(captures, HARBOUR) > 0.9].iloc[:2]
    panel = display(CartPanel(client, inside.iloc[:1], HARBOUR))
    offer = offered(panel)
    panel.add(inside)
    wait_for_estimate(panel)
    act(panel._view, "buy", credits=offer["credits"])
    assert panel.order is None
    assert not panel.is_placing
    assert len(client.placements()) == 0


def test_cart_panel_without_price_buys_and_saves_nothing(client: scenecart.Client, display: Callable[[Any], Any]):
    """Without a price nothing is bought and no report is saved; the panel says so."""
    panel = display(CartPanel(client))
    for start in (panel.buy, lambda: act(panel._view, "order"), lambda: act(panel._view, "report", path="quote.html")):
        start()
        assert shown(panel)["note"]["code"] == "cart_not_priced"
    assert len(client.placements()) == 0
    with raises(scenecart.InvalidCart, "cart_empty"):
        _ = panel.cart


def test_cart_panel_report_is_saved_to_the_named_file(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """The report is saved in the background, and the panel names its file."""
    panel = display(CartPanel(client, pair, HARBOUR))
    wait_for_estimate(panel)
    act(panel._view, "report", path=str(tmp_path / "quote.html"))
    wait_for(lambda: shown(panel)["note"])
    assert shown(panel)["note"]["text"] == str(tmp_path / "quote.html")
    assert (tmp_path / "quote.html").is_file()


@pytest.mark.parametrize("account", ["broke", "declined", "secure"])
def test_cart_panel_payment_error_is_retried_with_the_same_key(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path, account: str
):
    """A payment error says first that nothing was ordered; a retry afterwards uses the same key, and no new order is offered."""
    with sandbox.client(account, home=tmp_path) as client:
        panel = display(CartPanel(client, pair, HARBOUR))
        offered(panel)
        buy(panel)
        wait_for(lambda: shown(panel)["retry"])
        note = shown(panel)["note"]
        assert not shown(panel)["can_order"]
        if account == "broke":
            assert note["title"] == "Nothing was ordered."
            sandbox.top_up("broke", 10_000_000)
        elif account == "declined":
            sandbox.attach_card("declined", "good")
        else:
            assert note["link"].startswith(f"{sandbox.url}/challenge/")
            with pytest.raises(scenecart.AuthenticationRequired) as secure:
                panel.estimate.place(project=panel.project)
            sandbox.complete_challenge(secure.value.client_secret.reveal())
            assert secure.value.client_secret.reveal() not in str(shown(panel))
        act(panel._view, "retry")
        wait_for(lambda: panel.order)
        assert client.placements()["state"].tolist() == ["placed"]


@pytest.mark.parametrize("fault", ["drop-before", "drop-after"])
def test_cart_panel_purchase_without_answer_is_looked_for(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path, fault: str
):
    """A purchase without an answer is in doubt, and is looked for; one that arrived is found, the other is sent again."""
    with sandbox.client("other", home=tmp_path, retry=scenecart.Retry(attempts=1)) as client:
        panel = display(CartPanel(client, pair, HARBOUR))
        offered(panel)
        sandbox.faults.add(fault, operation="orders.archive.place")
        buy(panel)
        wait_for(lambda: shown(panel)["is_outcome_unknown"] and shown(panel)["retry"])
        assert shown(panel)["note"]["code"] == "placement_unknown"
        if fault == "drop-before":
            act(panel._view, "retry")
        else:
            act(panel._view, "check-outcome")
        wait_for(lambda: panel.order)
        wait_for(lambda: not shown(panel)["is_outcome_unknown"])
        assert shown(panel)["note"] is None
        assert client.placements()["state"].tolist() == ["placed"]


def test_cart_panel_changed_price_is_displayed_and_not_bought(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """If the price changed, nothing is bought and the new one is displayed; buying takes the two steps again."""
    with sandbox.client("other", home=tmp_path) as client:
        panel = display(CartPanel(client, pair, HARBOUR))
        before = wait_for_estimate(panel).total_credits
        sandbox.change_prices(1.5)
        try:
            panel.buy()
            wait_for(lambda: shown(panel)["note"] and not panel.is_busy)
            assert shown(panel)["note"]["code"] == "price_changed"
            assert panel.estimate.total_credits > before
            assert len(client.placements()) == 0
            offered(panel)
            buy(panel)
            assert wait_for(lambda: panel.order).total_credits > before
        finally:
            sandbox.change_prices(1)


def test_cart_panel_captures_without_price_are_removed_by_one_click(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Captures that cannot be priced are listed with the reason, and one click removes them."""
    changed = pair.copy()
    changed.loc[changed.index[0], "id"] = "nobody-knows-me"
    panel = display(CartPanel(client, changed, HARBOUR))
    wait_for(lambda: panel.estimate is not None)
    assert not shown(panel)["can_order"]
    assert [bool(row["problem"]) for row in shown(panel)["rows"]] == [True, False]
    assert shown(panel)["unpriced"] == 1
    act(panel._view, "remove-unpriced")
    wait_for(lambda: panel.estimate is not None and panel.estimate.is_complete)
    assert panel.captures["id"].tolist() == [changed["id"].iloc[1]]


def test_cart_panel_failed_price_shows_the_error_and_is_requested_again(
    client: scenecart.Client, sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """If the price cannot be requested, the note says that nothing was ordered; the captures stay, and the next try works."""
    sandbox.faults.add("garbage", 50, "orders.archive.estimate")
    panel = display(CartPanel(client, pair, HARBOUR))
    wait_for(lambda: shown(panel)["note"])
    assert shown(panel)["note"]["title"].startswith("Nothing was ordered.")
    assert (shown(panel)["count"], shown(panel)["can_order"], shown(panel)["can_price"]) == (2, False, True)
    sandbox.faults.clear()
    act(panel._view, "price")
    assert wait_for_estimate(panel).is_complete


def test_cart_panel_captures_in_web_mercator_are_converted(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Captures in another CRS are converted to EPSG:4326, and an empty frame adds nothing."""
    panel = display(CartPanel(client, pair.head(1)))
    panel.add(pair.tail(1).to_crs(3857))
    panel.add(pair.head(0))
    assert panel.captures["id"].tolist() == pair["id"].tolist()
    assert panel.captures.crs == 4326
    assert panel.captures.geometry.iloc[1].equals_exact(pair.geometry.iloc[1], 1e-6)


def test_cart_panel_wrong_argument_types_are_refused(client: scenecart.Client, pair: gpd.GeoDataFrame):
    """No client, no captures, no map: each is refused before anything is displayed."""
    with raises(scenecart.InvalidRequest, "client_invalid"):
        CartPanel(None)
    with raises(scenecart.InvalidCart, "captures_not_a_frame"):
        CartPanel(client, "captures")
    with raises(scenecart.InvalidCart, "captures_column_missing"):
        CartPanel(client, pair.drop(columns="id"))
    with raises(scenecart.InvalidRequest, "picker_invalid"):
        CartPanel(client, pair, picker=5)


def test_cart_panel_without_area_says_that_whole_footprints_are_bought(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A cart without an area of interest says that it buys whole footprints; an area can be set later."""
    panel = display(CartPanel(client, pair))
    assert shown(panel)["area"] == "whole footprints"
    panel.aoi = HARBOUR
    assert shown(panel)["area"].startswith("clipped to")
    assert panel.aoi.km2 == panel.cart.area.km2


@pytest.fixture
def office(tmp_path: Path) -> Iterator[tuple[scenecart.Client, gpd.GeoDataFrame, str]]:
    """Return a client, two captures, and the order in which another machine bought the western half of the first."""
    with Sandbox(pace="instant", captures=3_000, dialect="bought-ground") as box:
        box.rate_limits = None
        box.top_up("analyst", 10**9)
        with box.client(home=tmp_path / "A") as here, box.client(home=tmp_path / "B", say=lambda _: None) as there:
            found = here.search("aurora", collections="aurora-50cm", limit=2)
            west, south, east, north = found.geometry.iloc[0].bounds
            half = (west, south, (west + east) / 2, north)
            order = there.cart(found.head(1), half).estimate().place()
            yield here, found, order.id


def test_cart_panel_owned_captures_are_left_out_unless_chosen(
    office: tuple[scenecart.Client, gpd.GeoDataFrame, str], display: Callable[[Any], Any]
):
    """The question tells capture, order and share, and both prices; the rest is chosen, and is what is bought."""
    client, found, order = office
    panel = display(CartPanel(client, found))
    offer = offered(panel)
    assert [fact["order"] for fact in offer["owned"]["facts"]] == [order]
    assert "% of this area" in offer["owned"]["facts"][0]["text"]
    assert [row["id"] for row in offer["rows"] if row["id"]] == found["id"].tolist(), "the order of the cart"
    assert [row["owned"] for row in offer["rows"] if row["id"]] == ["owned part left out", ""]
    whole, (rest, again) = panel.estimate, offer["owned"]["choices"]
    assert (rest["on"], again["on"]) == (True, False)
    assert offer["credits"] < whole.total_credits
    assert len(client.orders()) == 1
    buy(panel)
    bought = wait_for(lambda: panel.order)
    assert bought.total_credits == offer["credits"]
    assert shown(panel)["count"] == 0


def test_cart_panel_owned_captures_are_bought_all_the_same(
    office: tuple[scenecart.Client, gpd.GeoDataFrame, str], display: Callable[[Any], Any]
):
    """Without the question the service's orders still guard: the refusal becomes the question; the other answer buys all of it."""
    client, found, order = office
    panel = display(CartPanel(client, found))
    total = wait_for_estimate(panel).total_credits
    panel.buy()
    offer = wait_for(lambda: shown(panel)["offer"])
    assert offer["refused"]
    assert offer["owned"]["notice"] == "Nothing was ordered."
    assert [fact["order"] for fact in offer["owned"]["facts"]] == [order]
    act(panel._view, "choose", value="all")
    assert [row["owned"] for row in shown(panel)["offer"]["rows"] if row["id"]] == ["owned part bought again", ""]
    buy(panel)
    assert wait_for(lambda: panel.order).total_credits == total
    assert len(client.orders()) == 2


def test_cart_panel_ground_that_is_not_stated_cannot_be_left_out(
    sandbox: Sandbox, captures: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """Where the service does not state the ground, nothing is bought unless all of it is chosen."""
    some = captures.iloc[[17]]
    x, y = some.geometry.iloc[0].representative_point().coords[0]
    with sandbox.client("enterprise", home=tmp_path / "A", say=lambda _: None) as there:
        order = there.cart(some, (x - 0.01, y - 0.01, x, y)).estimate().place()
    with sandbox.client("enterprise", home=tmp_path / "B") as here:
        panel = display(CartPanel(here, some))
        offer = offered(panel)
        assert [fact["order"] for fact in offer["owned"]["facts"]] == [order.id]
        assert "may be ours" in offer["owned"]["title"]
        assert not offer["can_buy"]
        act(panel._view, "choose", value="all")
        assert shown(panel)["offer"]["credits"] == panel.estimate.total_credits


def test_cart_panel_prices_of_captures_are_shown_if_they_add_up(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Captures of a group have the prices that the service gave for each alone, but only if these add up to the group's."""
    alone = client.cart(pair.iloc[[0]], HARBOUR).estimate()
    # prices are rounded up to a credit: those of two captures alone may be a cent more than that of both
    prices = [alone.total_aud, client.cart(pair, HARBOUR).estimate().total_aud - alone.total_aud]
    km2 = alone.price_groups[0].aoi_km2
    priced = pair.assign(**{"aoi:price_aud": [float(aud) for aud in prices], "aoi:km2": km2})
    panel = display(CartPanel(client, priced, HARBOUR))
    rows = [row for row in offered(panel)["rows"] if row["price"]]
    assert len(rows) == 2
    assert all(row["id"] for row in rows)
    assert [row["price"] for row in shown(panel)["rows"]] == [f"A$\N{NO-BREAK SPACE}{aud:,.2f}" for aud in prices]
    panel.captures = priced.assign(**{"aoi:price_aud": [float(prices[0]), float(prices[1]) + 0.01]})
    wait_for_estimate(panel)
    is_group = len(panel.estimate.price_groups) == 1
    assert [row["price"] == "" for row in shown(panel)["rows"]] == [is_group, is_group]
