"""The cart panel, by the callbacks of its buttons, against a sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises
from _widgets import ERROR, HARBOUR, enabled_buttons, is_visible, press, wait_for, wait_for_estimate
from scenecart._cart import cart as cart_module
from scenecart._cart import checks
from scenecart.sandbox import Sandbox
from scenecart.widgets import CaptureMap, CartPanel, _cart_panel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import geopandas as gpd


def test_cart_panel_rapid_changes_request_one_price(
    client: scenecart.Client, pair: gpd.GeoDataFrame, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A cart that changes quickly requests one price when it has settled, and none that is known already."""
    requested: list[Any] = []
    estimate = client.estimate
    client.estimate = lambda cart: requested.append(cart.fingerprint) or estimate(cart)  # type: ignore[method-assign]  # counts only
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    panel = display(CartPanel(client, picker=picker))
    picker.selection = tuple(pair.index)
    press(panel, "Add selection (2)")
    panel.remove([pair["id"].iloc[0]])
    panel.add(pair)
    panel.add(pair)
    assert panel.estimate is None
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
    assert f"{first.total_credits:,}" in panel._price.value


def test_cart_panel_added_selection_is_checked_once(
    client: scenecart.Client,
    pair: gpd.GeoDataFrame,
    captures: gpd.GeoDataFrame,
    display: Callable[[Any], Any],
    monkeypatch: pytest.MonkeyPatch,
):
    """Adding a selection checks the frame once and identifies its captures once."""
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    panel = display(CartPanel(client, picker=picker))
    calls: list[str] = []

    def counted(name: str, function: Any) -> Any:
        return lambda *arguments: calls.append(name) or function(*arguments)

    for name in ("checked_frame", "keys_of"):
        function = counted(name, getattr(checks, name))
        for module in (checks, cart_module, _cart_panel):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, function)
    picker.selection = tuple(pair.index)
    press(panel, "Add selection (2)")
    assert sorted(calls) == ["checked_frame", "keys_of"]
    assert panel.captures["id"].tolist() == pair["id"].tolist()


def test_cart_panel_question_names_licence_and_project(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """The question names licence and project, with defaults for empty fields, and a changed field withdraws it."""
    panel = display(CartPanel(client, pair, HARBOUR))
    wait_for_estimate(panel)
    panel._project.value, panel._license.value = "", " "
    press(panel, "Order…")
    assert client.project is not None
    assert client.project in panel._question.value
    assert "standard" in panel._question.value
    panel._license.value = "enterprise"
    assert not is_visible(panel._confirmation)
    press(panel, "Order…")
    assert "enterprise" in panel._question.value
    panel._project.value = "elsewhere"
    assert not is_visible(panel._confirmation)
    press(panel, "Order…")
    assert "elsewhere" in panel._question.value


def test_cart_panel_purchase_takes_two_steps(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """The exact total is shown and confirmed, a changed cart withdraws the question, and buying twice gives one order."""
    panel = display(CartPanel(client, pair, HARBOUR))
    assert not enabled_buttons(panel, "Buy for")
    total = wait_for_estimate(panel).total_credits
    press(panel, "Order…")
    assert f"{total:,} credits" in panel._question.value
    assert f"{total:,}" in panel._buy_button.description
    assert len(client.placements()) == 0
    panel._by_date.value = True
    assert not is_visible(panel._confirmation)
    wait_for_estimate(panel)
    panel._by_date.value = False
    assert wait_for_estimate(panel).total_credits == total
    press(panel, "Order…")
    press(panel, "Do not buy")
    assert not is_visible(panel._confirmation)
    press(panel, "Order…")
    press(panel, "Buy for")
    order = wait_for(lambda: panel.order)
    assert order.total_credits == total
    press(panel, "Order…")
    press(panel, "Buy for")
    wait_for(lambda: panel.order.note is not None)
    assert panel.order.note.code == "already_ordered"
    wait_for(lambda: not panel.is_busy)
    assert order.id in panel._status.value
    assert client.placements()["state"].tolist() == ["placed"]


def test_cart_panel_price_unlike_the_question_is_not_bought(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """A price that arrives while the button is pressed is not bought, since the question named another."""
    inside = captures[scenecart.coverage(captures, HARBOUR) > 0.9].iloc[:2]
    panel = display(CartPanel(client, inside.iloc[:1], HARBOUR))
    offered = wait_for_estimate(panel)
    higher = client.cart(inside, HARBOUR).estimate()
    panel._confirm(is_open=True)
    with panel.hold_trait_notifications():
        panel.estimate = higher
        panel._buy_button.click()
    wait_for(lambda: panel.order)
    assert panel.order.total_credits == offered.total_credits < higher.total_credits


def test_cart_panel_without_price_buys_and_saves_nothing(client: scenecart.Client, display: Callable[[Any], Any], tmp_path: Path):
    """Without a price nothing is bought and no report is saved; the panel says so."""
    panel = display(CartPanel(client))
    panel.buy()
    assert ERROR in panel._status.value
    assert len(client.placements()) == 0
    panel._report.value = str(tmp_path / "quote.html")
    with raises(scenecart.InvalidCart, "cart_not_priced"):
        panel._save_report()
    with raises(scenecart.InvalidCart, "cart_empty"):
        _ = panel.cart


def test_cart_panel_report_is_saved_to_the_named_file(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """The report is saved in the background, and the panel names its file."""
    panel = display(CartPanel(client, pair, HARBOUR))
    wait_for_estimate(panel)
    panel._report.value = str(tmp_path / "quote.html")
    press(panel, "Save report")
    wait_for(lambda: "scenecart-success" in panel._status.value)
    assert str(tmp_path / "quote.html") in panel._status.value
    assert (tmp_path / "quote.html").is_file()


@pytest.mark.parametrize("account", ["broke", "declined", "secure"])
def test_cart_panel_payment_error_is_retried_with_the_same_key(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path, account: str
):
    """A payment error is displayed with what to do, and a retry afterwards uses the same idempotency key."""
    with sandbox.client(account, home=tmp_path) as client:
        panel = display(CartPanel(client, pair, HARBOUR))
        wait_for_estimate(panel)
        press(panel, "Order…")
        press(panel, "Buy for")
        wait_for(lambda: is_visible(panel._retry_button))
        assert ERROR in panel._status.value
        if account == "broke":
            sandbox.top_up("broke", 10_000_000)
        elif account == "declined":
            sandbox.attach_card("declined", "good")
        else:
            assert f'href="{sandbox.url}/challenge/' in panel._status.value
            with pytest.raises(scenecart.AuthenticationRequired) as secure:
                panel.estimate.place(project=panel.project)
            sandbox.complete_challenge(secure.value.client_secret.reveal())
            assert secure.value.client_secret.reveal() not in panel._status.value
        press(panel, panel._retry_button.description)
        wait_for(lambda: panel.order)
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
            wait_for(lambda: ERROR in panel._status.value and not panel.is_busy)
            assert panel.estimate.total_credits > before
            assert len(client.placements()) == 0
            press(panel, "Order…")
            press(panel, "Buy for")
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
    assert panel._order_button.disabled
    assert "nobody-knows-me" in panel._rows.value
    assert "priced_cart" not in panel._price.value  # the button does it
    press(panel, "Remove captures without a price")
    wait_for(lambda: panel.estimate is not None and panel.estimate.is_complete)
    assert panel.captures["id"].tolist() == [changed["id"].iloc[1]]


def test_cart_panel_failed_estimate_shows_the_error(
    client: scenecart.Client, sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """If the price cannot be requested, the error is displayed, and the captures stay in the cart."""
    sandbox.faults.add("garbage", 50, "orders.archive.estimate")
    panel = display(CartPanel(client, pair, HARBOUR))
    wait_for(lambda: ERROR in panel._status.value)
    assert len(panel.captures) == 2
    assert not is_visible(panel._order_button)
    sandbox.faults.clear()


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
    """A cart without an area of interest says that it buys whole footprints."""
    panel = display(CartPanel(client, pair))
    assert "whole footprints" in panel._title.value
    panel.aoi = HARBOUR
    assert "whole footprints" not in panel._title.value


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


def refuse(panel: CartPanel) -> None:
    """Buy a cart of which a part is owned."""
    wait_for_estimate(panel)
    press(panel, "Order…")
    press(panel, "Buy for")
    wait_for(lambda: is_visible(panel._owned))


def test_cart_panel_owned_captures_show_facts_and_buy_the_rest(
    office: tuple[scenecart.Client, gpd.GeoDataFrame, str], display: Callable[[Any], Any]
):
    """Captures, orders and shares are shown; the rest gets its own price, and is bought in two steps; nothing before that."""
    client, found, order = office
    panel = display(CartPanel(client, found))
    refuse(panel)
    assert order in panel._facts.value
    assert "% owned" in panel._facts.value
    assert found["id"].iloc[0] in panel._facts.value
    assert found["id"].iloc[1] not in panel._facts.value
    whole = panel.estimate
    press(panel, "Buy only the rest")
    # the line that compares the two prices follows the price
    wait_for(lambda: panel.estimate not in {None, whole} and "Only the rest" in panel._status.value)
    assert not is_visible(panel._owned)
    assert f"{whole.total_credits:,}" in panel._status.value
    assert f"{panel.estimate.total_credits:,}" in panel._status.value
    assert "without owned ground" in panel._title.value
    assert panel.cart.leaves_out_owned
    assert len(client.orders()) == 1
    press(panel, "Order…")
    assert "not owned yet" in panel._question.value
    press(panel, "Buy for")
    bought = wait_for(lambda: panel.order)
    assert bought.total_credits == panel.estimate.total_credits < whole.total_credits
    press(panel, "Whole ground again")
    assert panel.cart == client.cart(found)


def test_cart_panel_owned_captures_are_bought_all_the_same(
    office: tuple[scenecart.Client, gpd.GeoDataFrame, str], display: Callable[[Any], Any]
):
    """The other choice buys the whole cart at the price that was shown; not buying leaves everything as it is."""
    client, found, _ = office
    panel = display(CartPanel(client, found))
    refuse(panel)
    press(panel, "Order nothing")
    assert not is_visible(panel._owned)
    refuse(panel)
    press(panel, "Buy all the same")
    assert wait_for(lambda: panel.order).total_credits == panel.estimate.total_credits
    assert len(client.orders()) == 2


def test_cart_panel_ground_that_is_not_stated_cannot_be_left_out(
    sandbox: Sandbox, captures: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """Where the service does not state the ground, only buying all of it is offered."""
    some = captures.iloc[[17]]
    x, y = some.geometry.iloc[0].representative_point().coords[0]
    with sandbox.client("enterprise", home=tmp_path / "A", say=lambda _: None) as there:
        order = there.cart(some, (x - 0.01, y - 0.01, x, y)).estimate().place()
    with sandbox.client("enterprise", home=tmp_path / "B") as here:
        panel = display(CartPanel(here, some))
        refuse(panel)
        assert order.id in panel._facts.value
        assert "perhaps owned" in panel._facts.value
        assert enabled_buttons(panel, "Buy only the rest") == []
        assert len(enabled_buttons(panel, "Buy all the same")) == 1


def test_cart_panel_change_withdraws_the_offer_of_owned_captures(
    office: tuple[scenecart.Client, gpd.GeoDataFrame, str], display: Callable[[Any], Any]
):
    """A changed cart withdraws the choice, and a changed area forgets what was left out."""
    client, found, _ = office
    panel = display(CartPanel(client, found))
    refuse(panel)
    panel.remove([found["id"].iloc[1]])
    assert not is_visible(panel._owned)
    refuse(panel)
    press(panel, "Buy only the rest")
    wait_for(lambda: panel.estimate is not None and panel.estimate.cart.leaves_out_owned)
    panel.aoi = tuple(found.geometry.iloc[0].bounds)
    assert not panel.cart.leaves_out_owned
    assert not is_visible(panel._whole_button)
