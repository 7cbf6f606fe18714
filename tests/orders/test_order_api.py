"""Requests about orders: getting one, listing many, and what the service is asked."""

from __future__ import annotations

from typing import Any

import pytest

import scenecart
from _expect import raises, warns
from _purchases import GET, LIST, ORDER, PLACE, PLACED, captures
from _scripted_service import Answer, RecordedRequest, ScriptedService, answer


def test_fetch_uses_post_where_get_is_refused(service: ScriptedService, connect: Any):
    """Orders are requested with GET; a service that requires POST is remembered."""

    def only_post(request: RecordedRequest) -> Answer:
        return answer({}, 405) if request.method == "GET" else answer(ORDER)

    service.put(GET, only_post)
    client = connect()
    client.order("o-1")
    client.order("o-1")
    assert [request.method for request in service.requests(GET)] == ["GET", "POST", "POST"]
    assert service.requests(GET)[0].path.endswith("?id=o-1&order_id=o-1")


@pytest.mark.parametrize("order_id", [None, 5, "", " "])
def test_fetch_invalid_id_is_refused(service: ScriptedService, connect: Any, order_id: Any):
    """An order id that is not a non-empty string is refused before anything is sent."""
    with raises(scenecart.InvalidRequest, "not_a_string") as caught:
        connect().order(order_id)
    assert caught.value.argument == "order_id"
    assert service.received == []


def test_fetch_unknown_order_is_not_found(service: ScriptedService, connect: Any):
    """An order that does not exist is NotFound, with its id on one line, without the breaks of a pasted text."""
    service.put(GET, answer({}, 404))
    with raises(scenecart.NotFound, "order_not_found") as caught:
        connect().order("o-\n1")
    assert "'o-1'" in caught.value.message


def test_fetch_order_without_id_is_an_error(service: ScriptedService, connect: Any):
    """An answer that contains no order id is a ServiceError."""
    service.put(GET, answer({"status": "processing"}))
    with raises(scenecart.ServiceError, "order_without_id"):
        connect().order("o-1")


@pytest.mark.parametrize("name", [None, "content", "orders", "items", "data", "results"])
def test_list_is_read_in_every_shape(service: ScriptedService, connect: Any, name: str | None):
    """The list of orders is a table, whichever shape the service sends; an entry without an id is warned of."""
    entries = [ORDER, {**ORDER, "id": "o-2", "status": "delivered", "createdAt": "2024-05-06T07:08:09Z"}, {"odd": 1}]
    service.put(LIST, answer(entries if name is None else {name: entries, "totalPages": 1}))
    with warns("orders_incomplete"):
        orders = connect().orders(status="processing")
    assert orders.index.tolist() == ["o-1", "o-2"]
    assert orders.loc["o-2", "status"] == "delivered"
    assert str(orders.loc["o-2", "created"]) == "2024-05-06 07:08:09+00:00"
    assert service.requests(LIST)[0].json["status"] == "processing"


def test_list_has_each_order_once(service: ScriptedService, connect: Any):
    """An order that moves to the next page while the list is read appears once."""
    first = [{**ORDER, "id": f"o-{number}"} for number in range(100)]
    service.put(LIST, answer(first), answer([first[-1], {**ORDER, "id": "new"}]))
    orders = connect().orders()
    assert len(orders) == 101
    assert orders.index.is_unique


def test_list_short_page_is_not_the_last(service: ScriptedService, connect: Any):
    """Pages that are shorter than requested, or have malformed entries, are followed until nothing new comes."""
    first, second = [{**ORDER, "id": f"o-{number}"} for number in range(30)], [{"odd": 1}, {**ORDER, "id": "last"}]
    service.put(LIST, answer(first), answer(second), answer([]))
    with warns("orders_incomplete"):
        orders = connect().orders()
    assert orders.index.tolist() == [*(order["id"] for order in first), "last"]


def test_list_sends_every_filter(service: ScriptedService, connect: Any):
    """Every filter is sent to the service, which knows all orders; a limit ends the paging."""
    service.put(LIST, answer([{**ORDER, "id": f"o-{number}"} for number in range(100)]))
    ids = [f"o-{number}" for number in range(100)]
    orders = connect().orders(status="delivered", project="p", name="harbour", ids=ids, tags="port", order_type="archive", limit=7)
    assert len(orders) == 7
    (request,) = service.requests(LIST)
    expected = {"status": "delivered", "workspaceId": "p", "displayName": "harbour", "orderIds": ids, "tags": "port"}
    assert request.json.items() >= {**expected, "type": "archive"}.items()


def test_fetch_answered_with_another_order_is_an_error(service: ScriptedService, connect: Any):
    """An order of another id, such as a proxy's cached answer, is never taken for the requested one."""
    service.put(GET, answer(ORDER), answer({**ORDER, "id": "o-2"}))
    order = connect().order("o-1")
    for fetch in (lambda: connect().order("o-1"), order.refresh):
        with raises(scenecart.ServiceError, "order_mismatch"):
            fetch()
    assert order.id == "o-1"


@pytest.mark.parametrize("status", [400, 404, 405, 422, 501])
def test_fetch_error_of_get_is_believed_after_a_post(service: ScriptedService, connect: Any, status: int):
    """A GET that answers with an error is tried as a POST before the order is called missing, and remembered."""

    def only_post(request: RecordedRequest) -> Answer:
        return answer({"detail": "no"}, status) if request.method == "GET" else answer(ORDER)

    service.put(GET, only_post)
    client = connect()
    assert (client.order("o-1").id, client.order("o-1").id) == ("o-1", "o-1")
    assert [request.method for request in service.requests(GET)] == ["GET", "POST", "POST"]


def test_fetch_refused_post_keeps_the_error_of_get(service: ScriptedService, connect: Any):
    """Where POST is not offered, the answer to GET counts."""

    def only_get(request: RecordedRequest) -> Answer:
        return answer({"detail": "no"}, 404 if request.method == "GET" else 405)

    service.put(GET, only_get)
    with raises(scenecart.NotFound, "order_not_found"):
        connect().order("o-1")


def test_list_with_a_larger_total_is_incomplete(service: ScriptedService, connect: Any):
    """A list that is shorter than the service says is warned of; the orders that came are there."""
    service.put(LIST, answer({"orders": [ORDER], "total": 3}), answer({"orders": [], "total": 3}))
    with warns("orders_incomplete"):
        orders = connect().orders()
    assert orders.index.tolist() == ["o-1"]


def test_list_that_changed_is_read_again(service: ScriptedService, connect: Any):
    """An order that was missed while pages moved is found by reading the list a second time."""
    old, new = ({**ORDER, "id": name} for name in ("o-1", "o-2"))
    pages = [answer({"orders": entries, "totalElements": 2}) for entries in ([old], [], [new, old])]
    service.put(LIST, *pages)
    assert connect().orders().index.tolist() == ["o-1", "o-2"]


def test_list_counted_from_one_is_read(service: ScriptedService, connect: Any):
    """Where page 0 is refused, or is page 1, every page is read."""

    def pages(request: RecordedRequest) -> Answer:
        number = request.json["page"]
        if number == 0:
            return answer({"detail": "page must be at least 1"}, 422)
        return answer({"orders": [{**ORDER, "id": f"o-{number}"}] if number < 4 else [], "total": 3})

    service.put(LIST, pages)
    assert connect().orders().index.tolist() == ["o-1", "o-2", "o-3"]


def test_list_first_page_refused_by_accident_is_read(service: ScriptedService, connect: Any):
    """A single refusal of page 0 does not make page 1 the first."""
    refusals = [answer({"detail": "no"}, 400)]

    def pages(request: RecordedRequest) -> Answer:
        number = request.json["page"]
        if number == 0 and refusals:
            return refusals.pop()
        return answer([{**ORDER, "id": f"o-{number}"}] if number < 2 else [])

    service.put(LIST, pages)
    assert connect().orders().index.tolist() == ["o-0", "o-1"]


def test_list_refusing_ids_is_replaced_by_single_orders(service: ScriptedService, connect: Any):
    """Where the list refuses several ids, each order is requested by itself, and the refusal is remembered."""
    service.put(LIST, answer({"detail": [{"loc": ["body", "orderIds"], "msg": "not a text"}]}, 422))
    client = connect()
    for _ in range(2):
        assert client.orders(ids=["o-1"]).index.tolist() == ["o-1"]
    # page 0 and, in case pages begin at 1, page 1
    assert len(service.requests(LIST)) == 2


def test_list_refusing_tags_is_asked_for_each(service: ScriptedService, connect: Any):
    """Where the list refuses several tags, it is asked for each, and orders with all of them are returned."""

    def tagged(request: RecordedRequest) -> Answer:
        tags = request.json["tags"]
        if isinstance(tags, list):
            return answer({"detail": [{"loc": ["body", "tags"], "msg": "not a text"}]}, 422)
        names = {"port": ["o-1", "o-2"], "harbour": ["o-2", "o-3"]}[tags]
        return answer({"orders": [{**ORDER, "id": name} for name in names], "totalElements": 2})

    service.put(LIST, tagged)
    assert connect().orders(tags=["port", "harbour"]).index.tolist() == ["o-2"]


def test_list_without_the_state_is_searched_for_it(service: ScriptedService, connect: Any):
    """An empty list for a known state is not believed: the service may call the state otherwise."""

    def by_word(request: RecordedRequest) -> Answer:
        orders = [] if "status" in request.json else [ORDER, {**ORDER, "id": "o-2", "status": "completed"}]
        return answer({"orders": orders, "totalElements": len(orders)})

    service.put(LIST, by_word)
    assert connect().orders(status="delivered").index.tolist() == ["o-2"]


def test_list_of_another_project_is_requested_again(service: ScriptedService, connect: Any):
    """A page with orders that were not asked for is requested again, and those orders are left out."""
    own, foreign = {**ORDER, "projectId": "p"}, {**ORDER, "id": "o-2", "projectId": "q"}
    service.put(LIST, answer({"orders": [foreign], "totalElements": 1}), answer({"orders": [own], "totalElements": 1}))
    assert connect().orders(project="p").index.tolist() == ["o-1"]


def test_list_without_an_own_order_is_completed(service: ScriptedService, connect: Any):
    """An order that this machine placed is listed, even where the service's list leaves it out."""
    service.put(PLACE, PLACED)
    client = connect()
    client.cart(captures()).estimate().place()
    service.put(LIST, answer({"orders": [{**ORDER, "id": "o-9"}], "totalElements": 1}))
    with warns("orders_left_out"):
        orders = client.orders()
    assert orders.index.tolist() == ["o-1", "o-9"]


def test_fetch_mixed_up_answer_is_requested_again(service: ScriptedService, connect: Any):
    """One answer about another order is not the end of a request."""
    service.put(GET, answer({**ORDER, "id": "o-2"}), answer(ORDER))
    assert connect().order("o-1").id == "o-1"
