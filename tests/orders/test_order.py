"""Following, listing and cancelling orders at a service whose every answer the test decides."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import geopandas as gpd
import pytest

import scenecart
from _purchases import GET, LIST, ORDER, PLACE, captures
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer
from scenecart._api.retry import Retry


def test_an_order_is_asked_for_by_get_and_else_by_post(service: ScriptedService, connect: Any):
    """Orders are asked for with GET; a service that wants POST is remembered."""

    def only_post(request: RecordedRequest) -> Answer:
        return answer({}, 405) if request.method == "GET" else answer(ORDER)

    service.put(GET, only_post)
    client = connect()
    client.order("o-1")
    client.order("o-1")
    assert [request.method for request in service.requests(GET)] == ["GET", "POST", "POST"]
    assert service.requests(GET)[0].path.endswith("?id=o-1&order_id=o-1")


@pytest.mark.parametrize(
    ("told", "status", "finished"),
    [
        ("delivered", "delivered", True),
        ("FULFILLED", "delivered", True),
        ("BEING_PLACED", "processing", False),
        ("CANCELED", "cancelled", True),
        ("Failed", "failed", True),
        ("paused for review", "paused for review", False),
        (None, "unknown", False),
    ],
)
def test_states_in_every_spelling(service: ScriptedService, connect: Any, told: object, status: str, *, finished: bool):
    """Known states are read in any spelling; an unknown one is shown as it is and not taken for an end."""
    service.put(GET, answer({**ORDER, "status": told}))
    order = connect().order("o-1")
    assert (order.status, order.is_finished) == (status, finished)


def test_waiting_ends_with_delivery(service: ScriptedService, connect: Any):
    """wait() looks until the order is delivered, and tells each look."""
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "delivered"}))
    seen: list[str] = []
    order = connect().order("o-1").wait(callback=lambda order: seen.append(order.status), progress=False)
    assert order.status == "delivered"
    assert seen == ["processing", "delivered"]


@pytest.mark.parametrize(("state", "error"), [("failed", scenecart.OrderFailed), ("cancelled", scenecart.OrderCancelled)])
def test_waiting_for_a_lost_order_raises(service: ScriptedService, connect: Any, state: str, error: type):
    """An order that failed or was cancelled is an error with the reason."""
    service.put(GET, answer({**ORDER, "status": state, "failureReason": "clouds in the archive"}))
    with pytest.raises(error, match="clouds in the archive") as caught:
        connect().order("o-1").wait(progress=False)
    assert caught.value.order_id == "o-1"


def test_waiting_can_end_by_time(connect: Any):
    """A timeout says that the order goes on, and how to wait for it later."""
    with pytest.raises(scenecart.WaitTimeout, match=r"client\.order\('o-1'\)"):
        connect().order("o-1").wait(timeout=0, progress=False)


@pytest.mark.parametrize("name", [None, "content", "orders", "items", "data"])
def test_orders_are_listed_in_every_shape(service: ScriptedService, connect: Any, name: str | None):
    """The list of orders is a table, whichever shape the service gives it."""
    entries = [ORDER, {**ORDER, "id": "o-2", "status": "delivered", "createdAt": "2024-05-06T07:08:09Z"}, {"odd": 1}]
    service.put(LIST, answer(entries if name is None else {name: entries, "totalPages": 1}))
    orders = connect().orders(status="processing")
    assert orders.index.tolist() == ["o-1", "o-2"]
    assert orders.loc["o-2", "status"] == "delivered"
    assert str(orders.loc["o-2", "created"]) == "2024-05-06 07:08:09+00:00"
    assert service.requests(LIST)[0].json["status"] == "processing"


def test_an_order_that_moves_between_pages_stands_once(service: ScriptedService, connect: Any):
    """An order placed while the list is read does not make another stand there twice."""
    first = [{**ORDER, "id": f"o-{number}"} for number in range(100)]
    service.put(LIST, answer(first), answer([first[-1], {**ORDER, "id": "new"}]))
    orders = connect().orders()
    assert len(orders) == 101
    assert orders.index.is_unique


def test_a_short_page_is_not_the_last(service: ScriptedService, connect: Any):
    """A service that gives fewer orders at a time than it is asked for, or what is none, is asked until nothing new comes."""
    first, second = [{**ORDER, "id": f"o-{number}"} for number in range(30)], [{"odd": 1}, {**ORDER, "id": "last"}]
    service.put(LIST, answer(first), answer(second), answer([]))
    assert connect().orders().index.tolist() == [*(order["id"] for order in first), "last"]


def test_cancelling_asks_with_one_key(service: ScriptedService, connect: Any):
    """Cancelling the same order again uses the same key, and nothing is sent for one that is cancelled."""
    service.put("orders.cancel", answer({"orderId": "o-1", "status": "cancelled"}))
    service.put(GET, answer(ORDER), answer(ORDER), answer(ORDER), answer(ORDER), answer({**ORDER, "status": "cancelled"}))
    order = connect().order("o-1")
    order.cancel()
    order.cancel()
    assert order.cancel().status == "cancelled"
    sent = service.requests("orders.cancel")
    assert len(sent) == 2
    assert len({request.headers["idempotency-key"] for request in sent}) == 1
    assert sent[0].json == {"id": "o-1", "order_id": "o-1"}


def test_waiting_outlasts_trouble(service: ScriptedService, connect: Any):
    """wait() goes on past answers that fail, as late as the service asks, for the order goes on as well."""
    slept: list[float] = []
    service.put(GET, answer(ORDER))
    order = connect(sleep=slept.append, retry=Retry(attempts=1)).order("o-1")
    trouble = [answer({}, 503), Answer(None), answer({}, 429, Retry_After="7"), Answer(b"<html>")]
    service.put(GET, *trouble, answer({**ORDER, "status": "delivered"}))
    assert order.wait(poll=1.0, progress=False).status == "delivered"
    assert slept[:4] == [1.0, 1.0, 7.0, 1.0]


def test_waiting_ends_when_nobody_answers(service: ScriptedService, connect: Any):
    """A service that keeps failing ends the wait with its own error after a bounded number of looks."""
    order = connect(retry=Retry(attempts=1)).order("o-1")
    service.put(GET, answer({}, 503))
    with pytest.raises(scenecart.ServiceError):
        order.wait(progress=False)
    assert 2 <= len(service.requests(GET)) <= 20


def test_a_refusal_ends_the_wait_at_once(service: ScriptedService, connect: Any):
    """An order that is not there, or may not be seen, is not waited for."""
    order = connect().order("o-1")
    service.put(GET, answer({}, 404))
    with pytest.raises(scenecart.NotFound):
        order.wait(progress=False)


def test_looks_are_spread_out(service: ScriptedService, connect: Any):
    """Without a poll of one's own, looks come quickly at first and then ever more rarely, never in step."""
    slept: list[float] = []
    service.put(GET, *[answer(ORDER)] * 20, answer({**ORDER, "status": "delivered"}))
    connect(sleep=slept.append).order("o-1").wait(progress=False)
    assert slept[0] == 0.25
    assert slept[5] > slept[0]
    assert max(slept) <= 15 * 1.1
    assert len(set(slept[-5:])) == 5


def test_an_interrupted_wait_harms_nothing(service: ScriptedService, connect: Any):
    """Stopping the cell leaves the order as it is, and waiting goes on by its id in another session."""

    def stop(_: scenecart.Order) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connect().order("o-1").wait(callback=stop, progress=False)
    service.put(GET, answer({**ORDER, "status": "delivered"}))
    assert connect().order("o-1").wait(progress=False).status == "delivered"


def many(*states: str) -> list[dict[str, Any]]:
    return [{**ORDER, "id": f"o-{number}", "status": state} for number, state in enumerate(states)]


def by_id(request: RecordedRequest) -> Answer:
    """Answer orders.get with a processing order of the id that was asked for."""
    return answer({**ORDER, "id": parse_qs(urlsplit(request.path).query)["id"][0]})


def test_many_orders_are_one_question_a_round(service: ScriptedService, connect: Any):
    """wait_all asks once a round for all orders that are not finished, and only for those."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(3)]
    service.received.clear()
    service.put(LIST, answer(many("processing", "delivered", "processing")), answer(many("delivered", "", "delivered")))
    rounds: list[int] = []
    waited = scenecart.wait_all(
        orders, callback=lambda seen: rounds.append(sum(order.is_finished for order in seen)), progress=False
    )
    assert waited == orders
    assert rounds == [1, 3]
    assert [request.json["orderIds"] for request in service.requests(LIST)] == [["o-0", "o-1", "o-2"], ["o-0", "o-2"]]
    assert service.requests(GET) == []


def test_an_order_missing_from_the_list_is_asked_for_alone(service: ScriptedService, connect: Any):
    """An order the list leaves out is looked up by its id instead of being waited for without end."""
    service.put(GET, by_id, by_id, answer({**ORDER, "id": "o-1", "status": "delivered"}))
    client = connect()
    orders = [client.order("o-0"), client.order("o-1")]
    service.put(LIST, answer(many("delivered")))
    scenecart.wait_all(orders, progress=False)
    assert [order.status for order in orders] == ["delivered", "delivered"]


def test_every_lost_order_of_many_is_named(service: ScriptedService, connect: Any):
    """wait_all waits for all of them, then names those that were not delivered, with their reasons."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(3)]
    ended = many("failed", "delivered", "cancelled")
    ended[0]["failureReason"] = "clouds"
    service.put(LIST, answer(ended))
    with pytest.raises(scenecart.OrderFailed, match=r"2 of 3 .*o-0 failed \(clouds\); o-2 cancelled") as caught:
        scenecart.wait_all(orders, progress=False)
    assert caught.value.order_id == "o-0"


def test_waiting_for_many_can_end_by_time(service: ScriptedService, connect: Any):
    """A timeout tells how many are left."""
    service.put(GET, by_id)
    client = connect()
    orders = [client.order(f"o-{number}") for number in range(2)]
    service.put(LIST, answer(many("delivered", "processing")))
    with pytest.raises(scenecart.WaitTimeout, match="1 of 2"):
        scenecart.wait_all(orders, timeout=0, progress=False)


def test_orders_of_two_clients_are_not_mixed(service: ScriptedService, connect: Any):
    """Orders of two connections are refused, for one question cannot ask two accounts."""
    service.put(GET, by_id)
    with pytest.raises(scenecart.InvalidRequest, match="several clients"):
        scenecart.wait_all([connect().order("o-0"), connect().order("o-1")], progress=False)


def test_what_is_no_list_of_orders_is_refused(service: ScriptedService, connect: Any):
    """Ids, one order and anything else are no orders to wait for, and the error says what gives some."""
    service.put(GET, by_id)
    with pytest.raises(scenecart.InvalidRequest, match=r"not the text 'o-0'\.\nclient\.order\(id\)"):
        scenecart.wait_all(["o-0"])
    with pytest.raises(scenecart.InvalidRequest, match=r"not the text 'o-0'\."):
        scenecart.wait_all("o-0")
    for odd, said in (
        (connect().order("o-0"), "this is one order"),
        *((5, "of type int"), ([5], "not int"), ([None], "not NoneType")),
    ):
        with pytest.raises(scenecart.InvalidRequest, match=said):
            scenecart.wait_all(odd)


def test_one_order_is_counted_as_one(service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str]):
    """The bar of wait_all counts orders in words that agree."""
    service.put(GET, by_id)
    orders = [connect().order("o-0")]
    service.put(LIST, answer(many("delivered")))
    scenecart.wait_all(orders)
    told = capsys.readouterr()
    assert "Waiting for 1 order" in told.out + told.err
    assert "1 orders" not in told.out + told.err


@pytest.mark.parametrize(
    ("answered", "told"),
    [
        ({"status": "cancelled", "refundedCredits": 300}, "300 credits were given back"),
        ({"status": "cancelled", "releasedCredits": 300}, "300 credits were released"),
        ({"status": "cancelled"}, "nothing of its 300 credits is charged"),
        ([], "nothing of its 300 credits is charged"),
    ],
)
def test_cancelling_tells_what_is_given_back(
    service: ScriptedService, connect: Any, capsys: pytest.CaptureFixture[str], answered: Any, told: str
):
    """After cancelling, the analyst reads what became of the money."""
    service.put("orders.cancel", answer(answered))
    service.put(GET, answer(ORDER), answer(ORDER), answer({**ORDER, "status": "cancelled"}))
    order = connect().order("o-1").cancel()
    assert told in capsys.readouterr().out
    assert told in order._repr_html_()


def test_cancelling_too_late_leaves_the_order(service: ScriptedService, connect: Any):
    """An order that can no longer be cancelled goes on, and the error says so."""
    service.put("orders.cancel", answer({"detail": "already delivered"}, 409))
    order = connect().order("o-1")
    with pytest.raises(scenecart.Conflict, match="already delivered"):
        order.cancel()
    assert order.status == "processing"


def test_orders_are_filtered_by_the_service(service: ScriptedService, connect: Any):
    """Every filter is sent to the service, which knows all orders; a limit stops the paging."""
    service.put(LIST, answer([{**ORDER, "id": f"o-{number}"} for number in range(100)]))
    orders = connect().orders(
        status="delivered", project="p", name="harbour", ids=["a"], tags="port", order_type="archive", limit=7
    )
    assert len(orders) == 7
    (request,) = service.requests(LIST)
    asked = {"status": "delivered", "workspaceId": "p", "displayName": "harbour", "orderIds": ["a"], "tags": "port"}
    assert request.json.items() >= {**asked, "type": "archive"}.items()


@pytest.mark.parametrize(
    ("asked", "said"),
    [("deliverd", "Did you mean 'delivered'"), ("BEING_PLACE", "Did you mean 'being_placed'"), ("5", "processing, delivered")],
)
def test_a_state_that_no_order_is_known_to_have_is_told(service: ScriptedService, connect: Any, asked: str, said: str):
    """A misspelled state is asked for, since the service may have others, with a warning that names the nearest."""
    service.put(LIST, answer([]))
    with pytest.warns(scenecart.ScenecartWarning, match=said):
        assert len(connect().orders(status=asked)) == 0
    assert service.requests(LIST)[0].json["status"] == asked
    for known in ("delivered", "FULFILLED", "Being placed", "canceled"):
        connect().orders(status=known)


@pytest.mark.parametrize("name", ["status", "project", "name", "ids", "tags", "order_type"])
def test_what_is_no_text_lists_no_orders(connect: Any, name: str):
    """A number where a text belongs is refused before anything is sent."""
    with pytest.raises(scenecart.InvalidRequest, match="listed by texts, not by 5"):
        connect().orders(**{name: 5})


def test_orders_have_their_ground_where_it_is_known(service: ScriptedService, connect: Any):
    """Orders placed from this machine come with the ground that was bought, as a GeoDataFrame beside others without."""
    service.put(PLACE, answer(ORDER, 202))
    client = connect()
    service.put(LIST, answer([{**ORDER, "id": "elsewhere"}]))
    assert not isinstance(client.orders(), gpd.GeoDataFrame)
    cart = client.cart(captures())
    cart.estimate().place()
    service.put(LIST, answer([ORDER, {**ORDER, "id": "elsewhere"}]))
    orders = client.orders()
    assert isinstance(orders, gpd.GeoDataFrame)
    assert orders.crs.to_epsg() == 4326
    assert orders.loc["o-1", "geometry"].equals(captures().geometry.union_all())
    assert orders.loc["elsewhere", "geometry"] is None


@pytest.mark.parametrize(
    ("mode", "said"), [("card", "paid by card"), ("enterprise", "paid by invoice"), ("credit", None), (5, None)]
)
def test_how_an_order_is_paid_is_shown(service: ScriptedService, connect: Any, mode: object, said: str | None):
    """An order that is not paid out of the balance says what it is paid by."""
    service.put(GET, answer({**ORDER, "billingMode": mode}))
    order = connect().order("o-1")
    for shown in (repr(order), order._repr_html_()):
        assert ("paid by" in shown) == (said is not None)
        assert (said or "") in shown


def test_an_order_is_shown_without_markup_from_outside(service: ScriptedService, connect: Any):
    """Text the service sends is text in a notebook, and a state nobody knows is shown as it is."""
    service.put(GET, answer({**ORDER, "status": "<b>odd</b>", "failureReason": "<script>alert(1)</script>"}))
    shown = connect().order("o-1")._repr_html_()
    assert "<script>" not in shown
    assert "<b>odd" not in shown
    assert "&lt;b&gt;odd" in shown


@pytest.mark.parametrize("wrong", ["5", -1, float("nan"), True])
def test_a_time_to_wait_is_a_number_of_seconds(service: ScriptedService, connect: Any, wrong: Any):
    """A timeout that is no number of seconds is named before anything is asked, for one order and for many."""
    order = connect().order("o-1")
    asked = len(service.received)
    for wait in (
        lambda: order.wait(timeout=wrong, progress=False),
        lambda: scenecart.wait_all([order], timeout=wrong, progress=False),
    ):
        with pytest.raises(scenecart.InvalidRequest, match="timeout is a number of seconds from 0 on, not"):
            wait()
    with pytest.raises(scenecart.InvalidRequest, match="poll is a number of seconds"):
        order.wait(poll="5", progress=False)
    assert len(service.received) == asked


def test_no_ids_are_no_orders(service: ScriptedService, connect: Any):
    """A list of ids that came out empty gives no orders, where the service would give all: they may be about to be cancelled."""
    service.put(LIST, answer([ORDER]))
    found = connect().orders(ids=[])
    assert len(found) == 0
    assert "status" in found
    assert service.requests(LIST) == []
