"""Orders and the money that moves with them."""

from __future__ import annotations

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from _ledger_check import balance, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from conftest import Clock
    from scenecart.sandbox import Sandbox

PLACE = "orders.archive.place"


def test_placing_reserves_credits(box: Sandbox, wire: Callable[..., Wire]):
    """A placed order is answered with 202 and its price, and its credits are reserved."""
    caller = wire(box)
    before = balance(caller)
    answer = caller.place("first", "far")
    order = answer.json()
    assert answer.status_code == 202
    assert (order["status"], order["orderType"], order["billingMode"]) == ("processing", "archive", "credit")
    assert order["totalCredits"] == sum(group["credits"] for group in order["groups"])
    assert balance(caller) == (before[0] - order["totalCredits"], order["totalCredits"], 0)
    reconcile(box)


def test_one_key_makes_one_order(box: Sandbox, wire: Callable[..., Wire]):
    """Fifty threads that place the same with one key get one order, byte for byte the same answer."""
    caller = wire(box)
    body = {"projectId": caller.project, "captures": caller.wanted("first"), "licenseType": "standard"}
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: caller.op(PLACE, body, key=key), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert caller.op("orders.list").json()["totalElements"] == 1
    reconcile(box)


def test_a_key_belongs_to_one_body(box: Sandbox, wire: Callable[..., Wire]):
    """The same key with another body is 409, and nothing is ordered."""
    caller = wire(box)
    assert caller.place("first", key="k").status_code == 202
    assert caller.place("far", key="k").status_code == 409
    assert caller.op("orders.list").json()["totalElements"] == 1


def test_a_key_is_free_after_a_day(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """Within 24 hours a key gives the order that exists; afterwards it makes another."""
    caller = wire(box)
    first = caller.place("first", key="k").json()["id"]
    clock.now += 24 * 3_600 - 1
    assert caller.place("first", key="k").json()["id"] == first
    clock.now += 2
    assert caller.place("first", key="k").json()["id"] != first


def test_a_key_is_an_organizations_own(box: Sandbox, wire: Callable[..., Wire]):
    """Two organizations may use one key."""
    caller, other = wire(box), wire(box, "other")
    other.project = box.principals["other"]["project"] or ""
    assert caller.place("first", key="k").status_code == 202
    assert other.place("far", key="k").status_code == 202


def test_too_few_credits_is_402_and_is_not_remembered(box: Sandbox, wire: Callable[..., Wire]):
    """Without credits there is 402 with both figures; no order, nothing reserved, and the key stays usable."""
    caller = wire(box, "broke")
    caller.project = box.principals["broke"]["project"] or ""
    before = balance(caller)
    for _ in range(2):
        answer = caller.place("first", key="k")
        assert answer.status_code == 402
        assert answer.json()["required_credits"] > answer.json()["balance_credits"] == before[0]
    assert balance(caller) == before
    assert caller.op("orders.list").json()["totalElements"] == 0


def test_cancelling_gives_everything_back(box: Sandbox, wire: Callable[..., Wire]):
    """A cancelled order gives its credits back once, and cannot be cancelled again."""
    caller = wire(box)
    before = balance(caller)
    order = caller.place("first").json()["id"]
    assert caller.op("orders.cancel", {"id": order}, key="c").json() == {
        "orderId": order,
        "status": "cancelled",
        "refundedCredits": caller.op("orders.get", {"id": order}).json()["totalCredits"],
    }
    assert balance(caller) == before
    assert caller.op("orders.cancel", {"id": order}, key="c").status_code == 200
    assert caller.op("orders.cancel", {"id": order}, key="d").status_code == 409
    reconcile(box)


def test_cancelling_too_late_is_refused(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """Past its point of no return an order cannot be cancelled, and the money stays reserved."""
    caller = wire(box)
    order = caller.place("first").json()
    clock.now += 500
    assert caller.op("orders.cancel", {"order_id": order["id"]}).status_code == 409
    assert balance(caller)[1] == order["totalCredits"]


def test_delivery_settles_the_money(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """When an order is delivered what was reserved is spent."""
    caller = wire(box)
    order = caller.place("first").json()
    clock.now += 3_600
    caller.wait(order["id"], "delivered")
    assert balance(caller)[1:] == (0, order["totalCredits"])
    reconcile(box)


def test_failure_gives_everything_back(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """An order that fails says why, delivers nothing, and gives its credits back."""
    caller = wire(box)
    before = balance(caller)
    order = caller.place("first", "fails").json()["id"]
    clock.now += 3_600
    failed = caller.wait(order, "failed")
    assert "fails" in failed["failureReason"]
    assert balance(caller) == before
    assert caller.op("orders.list_assets", {"order_id": order}).json()["features"] == []
    reconcile(box)


def test_others_orders_do_not_exist(box: Sandbox, wire: Callable[..., Wire]):
    """Another organization's order and project are 404: their existence is not told."""
    caller, other = wire(box), wire(box, "other")
    order = caller.place("first").json()["id"]
    assert other.op("orders.get", {"id": order}).status_code == 404
    assert other.op("orders.cancel", {"id": order}).status_code == 404
    assert other.op("orders.list_assets", {"order_id": order}).status_code == 404
    assert other.place("first", projectId=caller.project).status_code == 404
    assert other.op("orders.list").json()["content"] == []


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"captures": []}, 422),
        ({"captures": None}, 422),
        ({"projectId": None}, 422),
        ({"projectId": str(uuid.uuid4())}, 404),
        ({"licenseType": "pirate"}, 422),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(box: Sandbox, wire: Callable[..., Wire], change: Any, status: int):
    """An order without captures, project or a known licence is refused and reserves nothing."""
    caller = wire(box)
    assert caller.place("first", **change).status_code == status
    assert balance(caller)[1] == 0


def test_orders_are_listed_in_pages(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """Orders are listed newest first, by pages, by state and by id; orders.get also takes GET."""
    caller = wire(box)
    names = []
    for _ in range(3):
        names.append(caller.place("first").json()["id"])
        clock.now += 1
    caller.op("orders.cancel", {"id": names[0]})
    page = caller.op("orders.list", {"size": 2}).json()
    assert [order["id"] for order in page["content"]] == [names[2], names[1]]
    assert (page["totalElements"], page["totalPages"]) == (3, 2)
    assert [order["id"] for order in caller.op("orders.list", {"size": 2, "page": 1}).json()["content"]] == [names[0]]
    assert caller.op("orders.list", {"status": "cancelled"}).json()["totalElements"] == 1
    assert caller.op("orders.list", {"orderIds": names[:2]}).json()["totalElements"] == 2
    by_get = caller.http.get(f"/v1/op/orders.get?id={names[1]}&order_id={names[1]}")
    assert by_get.json()["status"] == "processing"


def test_a_path_twin_is_the_same_operation(box: Sandbox, wire: Callable[..., Wire]):
    """Every operation also answers at its path."""
    caller = wire(box)
    captures = caller.wanted("first")
    twin = caller.http.post("/v1/orders/archive/estimate", json={"captures": captures})
    assert twin.json() == caller.op("orders.archive.estimate", {"captures": captures}).json()


def test_spending_takes_post(box: Sandbox, wire: Callable[..., Wire]):
    """An operation that spends cannot be called by GET, so that no link and no prefetch buys anything."""
    assert wire(box).http.get("/v1/op/orders.archive.place").status_code == 405


def test_the_database_refuses_what_cannot_be(box: Sandbox, wire: Callable[..., Wire]):
    """The constraints themselves refuse negative balances, changed transfers and orders that rise from the dead."""
    caller = wire(box)
    order = caller.place("first").json()["id"]
    caller.op("orders.cancel", {"id": order})
    database = sqlite3.connect(box.data / "sandbox.sqlite")
    try:
        for statement in (
            "UPDATE account SET balance = -1 WHERE kind = 'available'",
            "UPDATE transfer SET credits = 0",
            "DELETE FROM transfer",
            "UPDATE \"order\" SET status = 'processing'",
            "INSERT INTO transfer (kind, source, target, credits, created) SELECT 'refund', id, id, 1, 0 FROM account",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(statement)
    finally:
        database.close()
