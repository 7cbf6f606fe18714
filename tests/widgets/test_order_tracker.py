"""The order tracker, by the events of its page, against a sandbox."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _expect import raises, warns
from _widgets import HARBOUR, act, place_without_answer, wait_for
from scenecart.widgets import OrderTracker
from scenecart.widgets._bench.cart import CartPart
from scenecart.widgets._bench.orders import _steps
from scenecart.widgets._jobs import Runner
from scenecart.widgets._order_entry import Entry, state_of_order
from scenecart.widgets._order_list import OrderList
from scenecart.widgets._purchase import Purchase

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd

    from scenecart.sandbox import Sandbox

ONE_ATTEMPT = scenecart.Retry(attempts=1)


def shown(tracker: OrderTracker, order_id: str | None = None) -> dict[str, Any]:
    """Return what the page shows, of all orders or of one."""
    state: dict[str, Any] = tracker._view.state
    return state if order_id is None else next(row for row in state["rows"] if row["id"] == order_id)


def test_order_tracker_follows_orders_to_their_end(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """Several orders are followed until all are finished; one is downloaded, its files are listed, and its imagery is on a map."""
    labels: list[dict[str, Any]] = [{"name": "Harbour Q2", "tags": ["dredging"], "reference": "PO 4711"}, {}]
    orders = [client.cart(pair.iloc[[row]], HARBOUR).estimate().place(**labels[row]) for row in range(2)]
    tracker = display(OrderTracker(orders, directory=tmp_path / "out", basemap="none"))
    assert [shown(tracker, order.id)["labels"] for order in orders] == ["Harbour Q2 · dredging · PO 4711", ""]
    assert all(order.id in tracker.static_html() for order in tracker.orders)
    assert shown(tracker)["summary"] == "2 running"
    assert not shown(tracker, orders[0].id)["can_download"]
    # the panel is drawn after the count has changed
    wait_for(lambda: shown(tracker)["summary"] == "2 not downloaded", 60)
    assert tracker.finished == 2
    assert {order.status for order in tracker.orders} == {"delivered"}
    act(tracker._view, "download", order=orders[0].id)
    row = wait_for(lambda: not tracker.is_busy and shown(tracker, orders[0].id))
    (visual,) = (tmp_path / "out").rglob("*_visual.tif")
    assert str(visual.resolve()) in {file["path"] for file in row["files"]}
    assert all(file["checked"] for file in row["files"])
    assert (row["state"], row["folder"], row["can_download"]) == ("Downloaded", str(visual.parent.resolve()), False)
    # what is not on this machine comes first
    assert [order.id for order in tracker.orders] == [orders[1].id, orders[0].id]
    act(tracker._view, "map", order=orders[0].id)
    wait_for(lambda: tracker._map_box.children)
    footprints = tracker._map_box.children[0]
    assert footprints.imagery == footprints.state.captures["id"].tolist()
    assert shown(tracker, orders[0].id)["is_on_map"]
    act(tracker._view, "map", order=orders[0].id)
    assert tracker._map_box.children == ()
    act(tracker._view, "report", order=orders[0].id)
    note = wait_for(lambda: not tracker.is_busy and shown(tracker, orders[0].id)["note"])
    assert (tmp_path / "out" / note["text"].rpartition("/")[2]).is_file()


@pytest.mark.parametrize("value", [5, None, "o-1", ["o-1"]])
def test_order_tracker_neither_orders_nor_client_is_refused(value: Any):
    """Anything but orders or a client is refused before a widget is made."""
    with raises(scenecart.InvalidRequest, "not_an_order"):
        OrderTracker(value)


def test_order_tracker_restart_shows_all_orders(
    sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """A new kernel shows the orders again, with the files that are on this machine; one is cancelled in two steps."""
    with sandbox.client("enterprise", home=tmp_path / "first") as client:
        done = client.cart(pair.head(1), HARBOUR).estimate().place().wait(progress=False)
        done.download(tmp_path / "out", progress=False)
        order = client.cart(pair.tail(1), HARBOUR).estimate().place()
    with sandbox.client("enterprise", home=tmp_path / "second") as client:
        tracker = display(OrderTracker(client, basemap="none", poll=0.1, directory=tmp_path / "out"))
        wait_for(lambda: tracker.orders)
        assert tracker.orders[0].id == order.id
        assert shown(tracker, done.id)["state"] == "Downloaded"
        act(tracker._view, "open", order=done.id)
        assert shown(tracker, done.id)["is_open"]
        act(tracker._view, "question", order=order.id, what="cancel")
        assert shown(tracker, order.id)["question"] == "cancel"
        act(tracker._view, "question", order=order.id, what="")
        assert shown(tracker, order.id)["question"] == ""
        act(tracker._view, "cancel", order=order.id)
        wait_for(lambda: client.order(order.id).is_finished)
        wait_for(lambda: not tracker.is_busy)
        row = shown(tracker, order.id)
        assert row["state"] in {"Cancelled", "Not downloaded"}
        assert (row["note"] or {}).get("code") in {"cancel_result", "order_not_cancellable"}
        act(tracker._view, "cancel", order="nobody's")


def test_order_tracker_buys_again_once_for_each_order(
    client: scenecart.Client, pair: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """The same is bought again at the present price, with the facts, after a confirmation of the sum, and once only."""
    order = client.cart(pair, HARBOUR).estimate().place()
    tracker = display(OrderTracker(client, basemap="none", poll=0.1))
    wait_for(lambda: any(one.id == order.id for one in tracker.orders))
    act(tracker._view, "question", order=order.id, what="again")
    again = wait_for(lambda: shown(tracker, order.id)["again"])
    assert again["credits"] == order.total_credits
    for value in (None, again["credits"] + 1):
        act(tracker._view, "buy-again", order=order.id, credits=value)
    assert len(client.placements()) == 1
    act(tracker._view, "buy-again", order=order.id, credits=again["credits"])
    wait_for(lambda: (shown(tracker, order.id)["note"] or {}).get("kind") == "good")
    act(tracker._view, "question", order=order.id, what="again")
    wait_for(lambda: shown(tracker, order.id)["again"])
    act(tracker._view, "buy-again", order=order.id, credits=again["credits"])
    wait_for(lambda: (shown(tracker, order.id)["note"] or {}).get("kind") == "info")
    assert client.placements()["state"].tolist() == ["placed", "placed"]
    wait_for(lambda: not tracker.is_busy)


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
        first = wait_for(lambda: shown(tracker)["unknown"])
        assert (first["own"], first["others"]) == (1, 0)
        act(tracker._view, "check")
        if fault == "drop-before":
            second = wait_for(lambda: not tracker.is_busy and shown(tracker)["unknown"])
            assert client.placements()["detail"].iloc[-1] in second["texts"][0]
            assert set(client.orders().index) == before
            client.settle()
        else:
            wait_for(lambda: not shown(tracker)["unknown"])
            (bought,) = set(client.orders().index) - before
            wait_for(lambda: bought in {order.id for order in tracker.orders})
            assert bought in shown(tracker)["note"]["text"]


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
        first = wait_for(lambda: shown(tracker)["unknown"])
        assert (first["own"], first["others"], len(first["texts"])) == (0, 1, 1)
        # beside a purchase of this account, which can be checked
        place_without_answer(sandbox, client.cart(pair.tail(1), HARBOUR).estimate(), "drop-before")
        wait_for(lambda: not tracker.is_busy)
        tracker.refresh()
        wait_for(lambda: shown(tracker)["unknown"]["own"] == 1)

        def check() -> None:
            wait_for(lambda: not tracker.is_busy)
            act(tracker._view, "check")
            wait_for(lambda: not tracker.is_busy and not shown(tracker)["unknown"]["is_checking"])

        with warns("placements_of_other_accounts"):
            check()
        assert shown(tracker)["unknown"]["others"] == 1
        assert shown(tracker)["note"] is None


def test_order_tracker_goes_through_an_outage(
    client: scenecart.Client, sandbox: Sandbox, pair: gpd.GeoDataFrame, display: Callable[[Any], Any], tmp_path: Path
):
    """While the service is down, the orders stay, with the time and the reason; when it responds again, it says that too."""
    order = client.cart(pair, HARBOUR).estimate().place()
    with sandbox.client("analyst", home=tmp_path / "tracker", retry=ONE_ATTEMPT) as impatient:
        followed = impatient.order(order.id)
        sandbox.faults.add("503", times=12, operation="orders.list")
        tracker = display(OrderTracker(followed, basemap="none", poll=0.1))
        wait_for(lambda: (shown(tracker)["note"] or {}).get("code") == "waiting_through_outage")
        assert shown(tracker)["count"] == 1
        wait_for(lambda: (shown(tracker)["note"] or {}).get("code") == "outage_over")
        wait_for(lambda: tracker.finished == 1, 60)
        sandbox.faults.add("503", times=50, operation="orders.list")
        listing = display(OrderTracker(impatient, basemap="none", poll=0.1))
        wait_for(lambda: (shown(listing)["note"] or {}).get("kind") == "bad")
        sandbox.faults.clear()
        act(listing._view, "refresh")
        wait_for(lambda: shown(listing)["note"] is None and order.id in {one.id for one in listing.orders})


def test_cart_says_when_its_files_have_arrived(client: scenecart.Client, pair: gpd.GeoDataFrame, tmp_path: Path):
    """Once files of what was bought are on this machine, the cart says where, and has the code that opens them."""
    runner = Runner(4)
    purchase, order_list = Purchase(client, runner, pair.head(1), HARBOUR), OrderList(runner, client, directory=tmp_path / "files")
    part = CartPart(purchase, runner, orders=order_list)
    wait_for(lambda: purchase.estimate)
    act(part, "order")
    wait_for(lambda: (part.state["offer"] or {}).get("is_checked"))
    act(part, "buy", credits=part.state["offer"]["credits"])
    order = wait_for(lambda: purchase.order)
    order_list.follow([order])
    wait_for(lambda: order_list.entry(order.id).order.is_delivered, 60)
    assert part.state["arrived"] is None
    order_list.download(order.id)
    arrived = wait_for(lambda: part.state["arrived"])
    assert arrived["title"] == "1 of 1 capture has arrived"
    names: dict[str, Any] = {}
    exec(arrived["code"], names)  # noqa: S102  # the code that a user would run
    assert len(names["delivery"].items()) == 1
    act(part, "next")
    assert part.state["bought"] is None
    part.close()
    runner.close()


@pytest.mark.parametrize(
    ("status", "arrived", "making"),
    [("processing", None, "Being made"), ("processing", 1, "Being made, 1 of 2"), ("on the moon", 0, "On the moon, 0 of 2")],
)
def test_order_steps_show_the_state_of_the_order(status: str, arrived: int | None, making: str):
    """A running order has steps; a state that the library does not know is shown as the service names it."""
    order = SimpleNamespace(status=status, captures=["a", "b"], is_finished=False)
    assert _steps(Entry(order, arrived=arrived)) == [  # type: ignore[arg-type]  # all that is read of it
        ["Paid for", "done"],
        ["Accepted", "done"],
        [making, "cur"],
        ["Delivered", ""],
    ]


@pytest.mark.parametrize(
    ("phase", "status", "files", "state"),
    [
        ("open", "processing", 0, ("Running", "blue", "redo")),
        ("open", "queued", 0, ("Queued", "blue", "redo")),
        ("delivered", "completed", 0, ("Not downloaded", "box", "dl")),
        ("delivered", "delivered", 1, ("Downloaded", "grey", "check")),
        ("ended", "failed", 0, ("Failed", "bad", "x")),
        ("ended", "expired", 0, ("Expired", "grey", "x")),
        ("unknown", "on the moon", 0, ("On the moon", "blue", "redo")),
    ],
)
def test_order_state_has_a_word_a_colour_and_a_sign(phase: str, status: str, files: int, state: tuple[str, str, str]):
    """Each state has a word and a sign besides its colour; where the files are matters once it is delivered."""
    order = SimpleNamespace(phase=phase, status=status)
    assert state_of_order(Entry(order, files=[None] * files)) == state  # type: ignore[arg-type, list-item]  # all that is read of it
