"""Placing, listing and cancelling orders."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from _ledger_check import balance, reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox

PLACE = "orders.archive.place"


def test_place_reserves_credits(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A placed order is answered with 202 and its price, and its credits are reserved."""
    client = sign_in(box)
    before = balance(client)
    answer = client.place("first", "far")
    order = answer.json()
    assert answer.status_code == 202
    assert (order["status"], order["orderType"], order["billingMode"]) == ("processing", "archive", "credit")
    assert order["totalCredits"] == sum(group["credits"] for group in order["groups"])
    assert balance(client) == (before[0] - order["totalCredits"], order["totalCredits"], 0)
    reconcile(box)


def test_place_concurrent_requests_with_one_key_make_one_order(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Fifty concurrent requests with one key make one order and get the same bytes."""
    client = sign_in(box)
    body = {"projectId": client.project, "captures": client.captures_of("first"), "licenseType": "standard"}
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda _: client.call(PLACE, body, key=key), range(50)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    assert client.call("orders.list").json()["totalElements"] == 1
    reconcile(box)


def test_place_same_key_with_other_body_is_409(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The same key with another body is 409, and nothing is ordered."""
    client = sign_in(box)
    assert client.place("first", key="k").status_code == 202
    assert client.place("far", key="k").status_code == 409
    assert client.call("orders.list").json()["totalElements"] == 1


def test_place_same_key_after_a_day_makes_another_order(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """A key returns the existing order for 24 hours, and places another one afterwards."""
    client = sign_in(box)
    first = client.place("first", key="k").json()["id"]
    clock.now += 24 * 3_600 - 1
    assert client.place("first", key="k").json()["id"] == first
    clock.now += 2
    assert client.place("first", key="k").json()["id"] != first


def test_place_same_key_of_other_organization_is_independent(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Two organizations can use the same key."""
    client, other = sign_in(box), sign_in(box, "other")
    other.project = box.principals["other"]["project"] or ""
    assert client.place("first", key="k").status_code == 202
    assert other.place("far", key="k").status_code == 202


ADDRESSES = ("/v1/op/orders.archive.place", "/v1/orders/archive/place", "/v1/orders.archive.place")


def test_place_same_key_at_every_address_of_the_operation_is_one_order(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A key at the several addresses of one operation makes one order, also at once; a cancellation is done once likewise."""
    client = sign_in(box)
    body = {"projectId": client.project, "captures": client.captures_of("first")}

    def send(path: str) -> Any:
        return client.http.post(path, json=body, headers={"Idempotency-Key": "k"})

    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(send, ADDRESSES * 4))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.content for answer in answers}) == 1
    (order,) = box.orders()
    cancelled = [
        client.http.post(f"/v1/{path}", json={"id": order["id"]}, headers={"Idempotency-Key": "c"})
        for path in ("op/orders.cancel", "orders/cancel", "orders.cancel")
    ]
    assert {answer.status_code for answer in cancelled} == {200}
    assert reconcile(box) == 1


def test_place_same_key_at_the_resource_route_is_independent(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The resource route has keys of its own: the same key there makes another order, once."""
    client = sign_in(box)
    body = {"projectId": client.project, "captures": client.captures_of("first")}
    paths = (ADDRESSES[0], "/v2/orders")
    ids = [client.http.post(path, json=body, headers={"Idempotency-Key": "k"}).json()["id"] for path in paths * 2]
    assert ids[:2] == ids[2:]
    assert [order["id"] for order in box.orders()] == ids[:2]
    assert [order["key"] for order in box.orders()] == ["k", "k"]


def test_place_stored_response_precedes_other_checks(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A stored response is returned although the order could not be placed now, and does not count against the rate limit."""
    client = sign_in(box)
    body = {"projectId": client.project, "captures": client.captures_of("first")}
    first = client.call("orders.archive.place", body, key="k")
    box.rate_limits = {"calls": 1_000, "places": 0}
    again = client.call("orders.archive.place", body, key="k")
    assert (again.status_code, again.content) == (202, first.content)
    assert client.call("orders.archive.place", body, key="l").status_code == 429
    assert client.call("orders.archive.place", {**body, "captures": []}, key="k").status_code == 409


def test_place_insufficient_credits_is_402_and_not_stored(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Too few credits give 402 with both amounts; nothing is ordered or reserved, and the key stays free."""
    client = sign_in(box, "broke")
    client.project = box.principals["broke"]["project"] or ""
    before = balance(client)
    for _ in range(2):
        answer = client.place("first", key="k")
        assert answer.status_code == 402
        assert answer.json()["required_credits"] > answer.json()["balance_credits"] == before[0]
    assert balance(client) == before
    assert client.call("orders.list").json()["totalElements"] == 0


def test_cancel_returns_credits_once(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """A cancelled order returns its credits once, and cannot be cancelled again."""
    client = sign_in(box)
    before = balance(client)
    order = client.place("first").json()["id"]
    assert client.call("orders.cancel", {"id": order}, key="c").json() == {
        "orderId": order,
        "status": "cancelled",
        "refundedCredits": client.call("orders.get", {"id": order}).json()["totalCredits"],
    }
    assert balance(client) == before
    assert client.call("orders.cancel", {"id": order}, key="c").status_code == 200
    assert client.call("orders.cancel", {"id": order}, key="d").status_code == 409
    reconcile(box)


def test_cancel_too_late_is_409(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """An order past its point of no return cannot be cancelled, and its credits stay reserved."""
    client = sign_in(box)
    order = client.place("first").json()
    clock.now += 500
    assert client.call("orders.cancel", {"order_id": order["id"]}).status_code == 409
    assert balance(client)[1] == order["totalCredits"]


def test_delivery_charges_reserved_credits(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """The reserved credits are charged when the order is delivered."""
    client = sign_in(box)
    order = client.place("first").json()
    clock.now += 3_600
    client.wait(order["id"], "delivered")
    assert balance(client)[1:] == (0, order["totalCredits"])
    reconcile(box)


def test_failure_returns_credits_and_names_reason(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """A failed order has a reason and no items, and returns its credits."""
    client = sign_in(box)
    before = balance(client)
    order = client.place("first", "fails").json()["id"]
    clock.now += 3_600
    failed = client.wait(order, "failed")
    assert "fails" in failed["failureReason"]
    assert balance(client) == before
    assert client.call("orders.list_assets", {"order_id": order}).json()["features"] == []
    reconcile(box)


def test_order_of_other_organization_is_404(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Orders and projects of another organization are 404."""
    client, other = sign_in(box), sign_in(box, "other")
    order = client.place("first").json()["id"]
    assert other.call("orders.get", {"id": order}).status_code == 404
    assert other.call("orders.cancel", {"id": order}).status_code == 404
    assert other.call("orders.list_assets", {"order_id": order}).status_code == 404
    assert other.place("first", projectId=client.project).status_code == 404
    assert other.call("orders.list").json()["content"] == []


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
def test_place_invalid_body_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient], change: Any, status: int):
    """An order without captures, project or a known licence is refused and reserves nothing."""
    client = sign_in(box)
    assert client.place("first", **change).status_code == status
    assert balance(client)[1] == 0


def test_page_lists_orders_newest_first(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """Orders are listed newest first, by page, state and id; orders.get also accepts GET."""
    client = sign_in(box)
    names = []
    for _ in range(3):
        names.append(client.place("first").json()["id"])
        clock.now += 1
    client.call("orders.cancel", {"id": names[0]})
    page = client.call("orders.list", {"size": 2}).json()
    assert [order["id"] for order in page["content"]] == [names[2], names[1]]
    assert (page["totalElements"], page["totalPages"]) == (3, 2)
    assert [order["id"] for order in client.call("orders.list", {"size": 2, "page": 1}).json()["content"]] == [names[0]]
    assert client.call("orders.list", {"status": "cancelled"}).json()["totalElements"] == 1
    assert client.call("orders.list", {"orderIds": names[:2]}).json()["totalElements"] == 2
    by_get = client.http.get(f"/v1/op/orders.get?id={names[1]}&order_id={names[1]}")
    assert by_get.json()["status"] == "processing"


def test_fail_next_order_fails_one_order_and_returns_its_credits(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """A requested failure affects the next order that is placed, not one that cannot be paid, and no order after it."""
    client, broke = sign_in(box), sign_in(box, "broke")
    before = balance(client)
    box.fail_next_order("the archive lost the image")
    assert broke.place("first").status_code == 402
    failing, fine = (client.place("first").json() for _ in range(2))
    assert failing["status"] == "processing"
    clock.now += 3_600
    client.wait(fine["id"], "delivered")
    assert client.wait(failing["id"], "failed")["failureReason"] == "the archive lost the image"
    assert balance(client)[0] == before[0] - fine["totalCredits"]
    assert [order["reason"] for order in box.orders()] == ["the archive lost the image", None]
    assert reconcile(box) == 2


def test_list_lag_hides_new_orders_from_lists_only(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """A new order is missing from lists for the seconds of the lag, also by its id, and is found at once by orders.get."""
    client = sign_in(box)
    old = client.place("far").json()["id"]
    clock.now += 10
    box.list_lag = 30
    new = client.place("first", key="k").json()["id"]

    def listed(**body: Any) -> tuple[list[str], int]:
        page = client.call("orders.list", body).json()
        return [order["id"] for order in page["content"]], page["totalElements"]

    assert listed() == ([], 0)
    assert client.call("orders.get", {"id": new}).json()["id"] == new
    assert client.place("first", key="k").json()["id"] == new
    clock.now += 20
    assert listed() == ([old], 1)
    assert listed(orderIds=[new]) == ([], 0)
    assert client.http.get("/v2/orders").json()["totalElements"] == 1
    clock.now += 9
    assert listed() == ([old], 1)
    box.advance(1)
    assert listed() == ([new, old], 2)
    box.list_lag = 3_600
    assert listed() == ([], 0)
    box.list_lag = 0
    assert len(listed()[0]) == 2


def test_list_lag_does_not_hide_a_change_of_state(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """An order that is listed is listed in its current state."""
    box.list_lag = 30
    client = sign_in(box)
    order = client.place("first").json()["id"]
    clock.now += 31
    assert client.call("orders.cancel", {"id": order}).status_code == 200
    assert [entry["status"] for entry in client.call("orders.list").json()["content"]] == ["cancelled"]


def test_orders_name_who_placed_them(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The records of the database name the principal of each order."""
    for name in ("analyst", "delegate", "enterprise"):
        assert sign_in(box, name).place("first").status_code == 202
    assert [order["placed_by"] for order in box.orders()] == ["analyst", "delegate", "enterprise"]
