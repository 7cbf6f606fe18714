"""Budgets: how many credits may be spent in a period, counted from the service's orders."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from _expect import raises, warns
from scenecart import ConfigurationError, InvalidRequest, OrderFailed, OverBudget, PermissionDenied
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import scenecart
    from scenecart import Cart


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    """Start a sandbox that delivers at once."""
    with Sandbox(pace="instant", captures=3_000) as running:
        running.rate_limits = None
        yield running


@pytest.fixture
def buyer(box: Sandbox, tmp_path: Path) -> Iterator[scenecart.Client]:
    """Return a client of an organization without orders."""
    box.faults.clear()
    with box.client("enterprise", home=tmp_path / "home", say=lambda _: None) as client:
        yield client


def carts(client: scenecart.Client) -> list[Cart]:
    """Return three carts of one capture each."""
    captures = client.search("aurora", collections="aurora-50cm", limit=3)
    return [client.cart(captures.iloc[[row]]) for row in range(3)]


def spent(client: scenecart.Client) -> int:
    """Return what the service says was spent and reserved."""
    balance = client.balance()
    return int(balance["reserved_credits"] + balance["spent_credits"])


def test_budget_refuses_what_exceeds_it(buyer: scenecart.Client, box: Sandbox, tmp_path: Path):
    """The service's orders count, whoever placed them; what exceeds the rest is refused before anything is sent or written."""
    estimates = [cart.estimate() for cart in carts(buyer)]
    price = estimates[0].total_credits
    before = spent(buyer)
    assert buyer.budget(credits=before + price)["left"].tolist() == [price]
    with box.client("enterprise", home=tmp_path / "colleague", say=lambda _: None) as colleague:
        order = carts(colleague)[0].estimate().place()
    rows = len(buyer.placements())
    with raises(OverBudget, "over_budget") as caught:
        estimates[1].place()
    assert (caught.value.left, caught.value.credits) == (0, estimates[1].total_credits)
    assert caught.value.spent + caught.value.reserved == before + price
    assert len(buyer.placements()) == rows
    assert spent(buyer) == before + price
    # what is ordered already is given back, and nothing is bought
    assert estimates[0].place().id == order.id
    buyer.budget(credits=before + price + estimates[1].total_credits)
    second = estimates[1].place()
    with raises(OverBudget, "over_budget"):
        estimates[1].place(again="one more")
    assert second.id != order.id


def test_budget_counts_what_is_charged_or_reserved(buyer: scenecart.Client, box: Sandbox):
    """A budget of another project lets an order pass; an order that failed gives its credits back."""
    estimate = carts(buyer)[2].estimate()
    buyer.budget("another project", credits=0)
    box.fail_next_order("no image")
    before = spent(buyer)
    with warns("budget_not_applied"):
        order = estimate.place()
    with pytest.raises(OrderFailed):
        order.wait(timeout=60, progress=False)
    table = buyer.budget(credits=before).set_index("credits")
    assert table.loc[before, "left"] == 0
    assert table.loc[0, "spent"] == 0


def test_budget_credits_none_removes_it(buyer: scenecart.Client):
    """Without credits, the budget of a project or of the organization ends; one that was not set is refused in words."""
    buyer.budget("p", credits=5)
    buyer.budget(credits=np.int64(7))
    assert buyer.budget("p", credits=None)["credits"].tolist() == [7]
    assert buyer.budget(credits=None).empty
    with raises(InvalidRequest, "budget_not_set"):
        buyer.budget("p", credits=None)


def test_budget_order_cancelled_elsewhere_gives_its_credits_back(tmp_path: Path):
    """An order that a colleague cancels on another machine is no longer counted, without anything being done here."""
    with Sandbox(pace="real", captures=3_000) as box, box.client("enterprise", home=tmp_path / "home") as client:
        first, second, _ = (cart.estimate() for cart in carts(client))
        most = max(first.total_credits, second.total_credits)
        client.budget(credits=most)
        order = first.place()
        with raises(OverBudget, "over_budget"):
            second.place()
        with box.client("enterprise", home=tmp_path / "colleague", say=lambda _: None) as colleague:
            colleague.order(order.id).cancel()
        assert client.budgets()["left"].tolist() == [most]
        assert second.place().total_credits == second.total_credits


def test_budget_period_of_a_clock_that_was_set_back(box: Sandbox, tmp_path: Path):
    """With the clock a year back, the orders of the present month of the service still count."""
    wall = time.time() - 365 * 86_400
    with box.client("auto", home=tmp_path / "home", say=lambda _: None, wall=lambda: wall) as client:
        estimate = client.cart(client.search("openterra", collections="openterra-10m", limit=1)).estimate()
        estimate.place()
        table = client.budget(credits=5)
    start, now = table["start"].iloc[0], dt.datetime.now(dt.UTC)
    assert (start.year, start.month) == (now.year, now.month)


def test_budget_file_of_a_team_is_read_before_each_order(box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Budgets of a TOML file bind each client that uses it; a change counts at once."""
    path = tmp_path / "budgets.toml"
    path.write_text("[[budget]]\ncredits = 0\nper = 'year'\n", encoding="utf-8")
    monkeypatch.setenv("SCENECART_BUDGETS", str(path))
    with box.client("other", home=tmp_path / "home", say=lambda _: None) as client:
        estimate = carts(client)[0].estimate()
        with raises(OverBudget, "over_budget"):
            estimate.place()
        path.write_text(f"[[budget]]\ncredits = {estimate.total_credits}\nuntil = 2999-12-31\n", encoding="utf-8")
        assert estimate.place().total_credits == estimate.total_credits


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[[budget]]\ncredit = 5\n", "budgets_unusable"),
        ("[[budgets]]\ncredits = 5\n", "budgets_unusable"),
        ("[[budget]]\ncredits = 'many'\n", "budgets_unusable"),
        ("[[budget]]\ncredits = 5\nper = 'week'\n", "budgets_unusable"),
        ("[[budget]]\ncredits = 5\nuntil = 'soon'\n", "budgets_unusable"),
        ("budget = 5\n", "budgets_unusable"),
        ("budget = [5]\n", "budgets_unusable"),
        ("[[budget\n", "budgets_unusable"),
        ("[[budget]]\ncredits = 5\nuntil = 2020-01-01\n", "budget_ended"),
        (None, "budgets_unusable"),
    ],
)
def test_budget_file_invalid_orders_nothing(box: Sandbox, tmp_path: Path, text: str | None, code: str):
    """A typo, an invalid value, a budget in the past or a missing file is refused in words, and nothing is ordered."""
    path = tmp_path / "budgets.toml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with box.client("other", home=tmp_path / "home", budgets=path, say=lambda _: None) as client:
        estimate = carts(client)[1].estimate()
        with raises(ConfigurationError, code):
            estimate.place()
        assert len(client.placements()) == 0


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"credits": -1}, "not_a_count"),
        ({"credits": 5, "per": "week"}, "not_a_choice"),
        ({"credits": 5, "until": dt.date(2020, 1, 1)}, "budget_past"),
    ],
)
def test_budget_invalid_is_refused(buyer: scenecart.Client, options: dict[str, Any], code: str):
    """A budget that is negative, of no known period or in the past is refused."""
    with raises(InvalidRequest, code):
        buyer.budget(**options)
    assert buyer.budgets().empty


def test_budget_orders_unreadable_orders_nothing(buyer: scenecart.Client, box: Sandbox):
    """If the orders may not be read, nothing is placed, and the error says why they are read."""
    estimate = carts(buyer)[0].estimate()
    buyer.budget(credits=10**9)
    before = spent(buyer)
    box.faults.add("403", times=2, operation="orders.list")
    with pytest.raises(PermissionDenied) as caught:
        estimate.place(again="unreadable")
    box.faults.clear()
    assert any("budget" in note for note in caught.value.__notes__)
    assert spent(buyer) == before
