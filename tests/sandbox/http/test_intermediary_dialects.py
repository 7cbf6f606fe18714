"""The dialect of an intermediary that mixes up responses, over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from scenecart.sandbox import Sandbox


def test_wrong_order_every_third_response(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Two of three orders are right; the third is another order, one of another user, or the first from a cache."""
    box = serve("wrong-order")
    client = sign_in(box)
    first, second = (client.place(name).json()["id"] for name in ("first", "far"))
    answers = [client.call("orders.get", {"order_id": second if number else first}) for number in range(9)]
    found = [answer.json()["id"] for answer in answers]
    assert [name for number, name in enumerate(found) if number % 3 != 2] == [first] + [second] * 5
    assert found[2] == first
    assert found[5] not in {first, second}
    assert (found[8], answers[8].headers["age"]) == (first, "300")
    assert len(box.orders()) == 2


def test_wrong_order_third_placement_is_answered_with_another_order(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]
):
    """The third placement is answered with another order, although its own exists; the same key then gives its own."""
    box = serve("wrong-order:another-order")
    client = sign_in(box)
    names = [client.place(name, key=name).json()["id"] for name in ("first", "far", "third")]
    truth = [order["id"] for order in box.orders()]
    assert names == [truth[0], truth[1], truth[1]]
    assert client.place("third", key="third").json()["id"] == truth[2]
    assert len(box.orders()) == 3


def test_wrong_order_mixes_up_lists_and_items(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Lists of orders and of items, and cancellations, may be of another user."""
    box = serve("wrong-order:another-user")
    client = sign_in(box)
    orders = [client.place("first").json()["id"] for _ in range(2)]
    pages = [{order["id"] for order in client.call("orders.list").json()["content"]} for _ in range(3)]
    assert pages[:2] == [set(orders)] * 2
    assert not pages[2] & set(orders)
    box.advance(3_600)
    client.wait(orders[1], "delivered")
    found = [client.call("orders.list_assets", {"order_id": orders[1]}).json()["features"] for _ in range(3)]
    assert found[0] == found[1]
    assert found[2][0]["properties"]["order:id"] != orders[1]
