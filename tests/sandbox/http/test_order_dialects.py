"""Dialects of orders, over plain HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from _ledger_check import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox

GUIDE_FIELDS = {"id", "status", "orderType", "billingMode", "currency", "totalAud", "totalCredits", "groups"}


def get(client: ServiceClient, order: Any) -> dict[str, Any]:
    return client.call("orders.get", {"order_id": order}).json()


def listed(client: ServiceClient, **body: Any) -> list[dict[str, Any]]:
    return client.call("orders.list", body).json()["content"]


def wait_for(box: Sandbox, client: ServiceClient, state: str) -> None:
    """Wait until the database has every order in a state."""
    for _ in range(600):
        if {order["state"] for order in box.orders()} == {state}:
            return
        client.call("billing.credits.balance")
    raise AssertionError(box.orders())


def test_seed_orders_names_captures_only_in_groups(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """No response has captures beside its groups; a placement has exactly the fields of the ordering guide."""
    box = serve("seed-orders")
    client = sign_in(box)
    placed = client.place("first", "far").json()
    assert set(placed) == GUIDE_FIELDS
    for order in (placed, get(client, placed["id"]), *listed(client)):
        assert "captures" not in order
        assert [group["captures"] for group in order["groups"]] == [["first"], ["far"]]
    assert [one["id"] for one in box.orders()[0]["captures"]] == ["first", "far"]


def test_up42_orders_are_read_in_the_form_of_up42(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock
):
    """Orders are listed with displayName, orderDetails and the states of UP42, and without captures."""
    box = serve("up42-orders")
    client = sign_in(box)
    placed = client.place("first", displayName="harbour").json()
    clock.now += 3_600
    wait_for(box, client, "delivered")
    for order in (get(client, placed["id"]), *listed(client, status="FULFILLED")):
        assert (order["id"], order["status"], order["displayName"]) == (placed["id"], "FULFILLED", "harbour")
        assert "captures" not in order
        assert order["orderDetails"]["imageId"] == "first"


def test_ground_orders_state_what_was_bought(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Each capture of an order that is read or listed has its host, its collection and the geometry that was bought."""
    box = serve("bought-ground")
    client = sign_in(box)
    placed = client.place("first").json()
    for order in (get(client, placed["id"]), *listed(client)):
        assert order["captures"] == box.orders()[0]["captures"]
        assert set(order["captures"][0]) == {"id", "host_name", "collection", "geometry"}


def test_bare_orders_take_turns_in_what_they_name(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """The first order names no captures, the second has objects, the third an integer as id; each stays as it is."""
    box = serve("bare-orders")
    client = sign_in(box)
    orders = [client.place("first", key=str(number)).json() for number in range(3)]
    assert ("captures" in orders[0], "captures" in orders[0]["groups"][0]) == (False, False)
    assert orders[1]["captures"] == orders[1]["groups"][0]["captures"] == [{"captureId": "first"}]
    assert (orders[2]["id"], orders[2]["captures"]) == (3, ["first"])
    assert [get(client, order["id"])["groups"] for order in orders] == [order["groups"] for order in orders]
    assert [order["id"] for order in listed(client)] == [3, orders[1]["id"], orders[0]["id"]]
    assert [client.place("first", key=str(number)).json() for number in range(3)] == orders


def test_bare_orders_accept_integer_ids_everywhere(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock
):
    """An integer id can be read, listed, cancelled and delivered, as a number or as text; all responses use it."""
    box = serve("bare-orders:integers")
    client = sign_in(box)
    first, second = (client.place("first").json()["id"] for _ in range(2))
    assert (first, second) == (1, 2)
    assert client.http.get("/v1/op/orders.get?id=2&order_id=2").json()["id"] == 2
    assert [order["id"] for order in listed(client, orderIds=[1])] == [1]
    assert [order["id"] for order in listed(client, orderIds="1,2")] == [2, 1]
    assert client.call("orders.cancel", {"order_id": "2"}).json()["orderId"] == 2
    clock.now += 3_600
    item = client.wait("1", "delivered") and client.call("orders.list_assets", {"order_id": 1}).json()["features"][0]
    assert item["properties"]["order:id"] == 1
    lineage = client.call("provenance.get", {"entity_type": "order", "entity_id": "1", "direction": "both"}).json()
    assert {edge["dst_id"] for edge in lineage["edges"] if edge["dst_type"] == "order"} == {1}
    assert sign_in(box, "other").call("orders.get", {"order_id": 1}).status_code == 404


def test_text_filters_refuse_lists(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A list as a filter is 422 and names the field; text with commas filters, also by GET."""
    client = sign_in(serve("text-filters"))
    ids = [client.place("first", tags=["a"]).json()["id"] for _ in range(2)]
    for body in ({"orderIds": ids}, {"tags": ["a"]}, {"status": ["processing"]}):
        refused = client.call("orders.list", body)
        assert refused.status_code == 422
        assert [entry["loc"] for entry in refused.json()["detail"]] == [["body", *body]]
    assert len(listed(client, orderIds=",".join(ids), tags="a")) == 2
    assert len(client.http.get("/v1/op/orders.list", params={"orderIds": ids}).json()["content"]) == 2


def test_awaiting_orders_end_in_other_words(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock):
    """An order waits for data, and ends in other words for delivered, failed and cancelled; filters understand them."""
    box = serve("awaiting")
    client = sign_in(box)
    placed = [client.place(name) for name in ("first", "first", "first", "fails", "fails", "far")]
    assert {(answer.status_code, answer.json()["status"]) for answer in placed} == {(202, "awaiting_data")}
    ids = [answer.json()["id"] for answer in placed]
    assert len(listed(client, status="awaiting_data")) == 6
    assert client.call("orders.cancel", {"order_id": ids[5]}).json()["status"] == "refunded"
    clock.now += 3_600
    words = ["completed", "succeeded", "partial", "rejected", "expired", "refunded"]
    for order, word in zip(ids, words, strict=True):
        client.wait(order, word)
    assert len(listed(client, status=["expired", "rejected"])) == 2
    assert [order["state"] for order in box.orders()] == ["delivered"] * 3 + ["failed"] * 2 + ["cancelled"]


@pytest.mark.parametrize("variant", ["data", "order", "results"])
def test_snake_order_wraps_and_renames(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], variant: str):
    """Orders are wrapped, their fields are in snake case, and amounts are text."""
    box = serve(f"snake-order:{variant}")
    client = sign_in(box)
    for answer in (client.place("first"), client.call("orders.get", {"order_id": box.orders()[0]["id"]})):
        (found,) = answer.json().values()
        order = found[0] if variant == "results" else found
        truth = box.orders()[0]
        assert (order["order_id"], order["project_id"]) == (truth["id"], truth["project"])
        assert (order["total_credits"], order["total_aud"]) == (str(truth["credits"]), f"{truth['credits'] / 100:.2f}")
        assert order["groups"][0]["credits"] == str(truth["credits"])
        assert "id" not in order
    page = client.call("orders.list").json()
    assert page["total_elements"] == len(page["orders" if variant == "order" else variant]) == 1


def test_snake_order_takes_turns(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Without a chosen variant the wrappers take turns by call."""
    client = sign_in(serve("snake-order"))
    assert [next(iter(client.place("first").json())) for _ in range(4)] == ["data", "order", "results", "data"]


def test_cents_groups_do_not_add_up(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Groups are rounded for themselves, beside a total that is true; an order's total is what it costs."""
    box = serve("cents")
    client = sign_in(box)
    estimate = client.call("orders.archive.estimate", {"captures": client.captures_of("first", "far", "fails")}).json()
    order = client.place("first", "far", "fails").json()
    for document, total in ((estimate, estimate["total_credits"]), (order, order["totalCredits"])):
        assert total == box.orders()[0]["credits"]
        assert sum(group["credits"] for group in document["groups"]) == total - 2
        assert all(group["aud"] == group["credits"] / 100 for group in document["groups"])


def test_cents_errors_have_other_names(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """The captures without a price are named by capture_id, captureId and index."""
    client = sign_in(serve("cents"))
    geometry = client.captures_of("first")[0]["geometry"]
    captures = client.captures_of("first") + [{"id": name, "geometry": geometry} for name in ("a", "b", "c")]
    errors = client.call("orders.archive.estimate", {"captures": captures}).json()["errors"]
    assert [set(entry) for entry in errors] == [{"capture_id", "reason"}, {"captureId", "reason"}, {"index", "message"}]
    assert [entry.get("capture_id") or entry.get("captureId") or entry.get("index") for entry in errors] == ["a", "b", 3]


def test_get_by_post_refuses_get(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A GET of an order is an error that differs from call to call; a POST works, and an unknown order stays 404."""
    client = sign_in(serve("get-by-post"))
    order = client.place("first").json()["id"]
    by_get = [client.http.get(f"/v1/op/orders.get?order_id={order}").status_code for _ in range(5)]
    assert by_get == [400, 404, 422, 501, 400]
    assert get(client, order)["id"] == order
    assert client.call("orders.get", {"order_id": "nothing"}).status_code == 404


def pages(client: ServiceClient, *numbers: int, **body: Any) -> list[list[str]]:
    return [[order["id"] for order in listed(client, page=number, **body)] for number in numbers]


def test_one_based_pages_begin_at_one(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Page 0 is page 1, a page has at most three orders, and there is a total but no number of pages."""
    client = sign_in(serve("one-based"))
    ids = [client.place("first").json()["id"] for _ in range(5)][::-1]
    assert pages(client, 0, 1, 2, 3, size=500) == [ids[:3], ids[:3], ids[3:], []]
    page = client.http.get("/v1/op/orders.list?page=2&size=2").json()
    assert ([order["id"] for order in page["content"]], page["total"]) == (ids[2:4], 5)
    assert set(page) == {"content", "total"}
    assert len(listed(client)) == 3


@pytest.mark.parametrize("variant", ["repeated", "inflated", "refused"])
def test_one_based_each_variant_repeats_miscounts_or_refuses_pages(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], variant: str
):
    """A service may repeat its last page, count more orders than it lists, or refuse page 0."""
    client = sign_in(serve(f"one-based:{variant}"))
    ids = [client.place("first").json()["id"] for _ in range(4)][::-1]
    beyond = ids[3:] if variant == "repeated" else []
    assert pages(client, 1, 2, 3) == [ids[:3], ids[3:], beyond]
    assert client.call("orders.list", {"page": 1}).json()["total"] == (6 if variant == "inflated" else 4)
    assert client.call("orders.list", {"page": 0}).status_code == (422 if variant == "refused" else 200)


def test_cancel_thin_answers_with_id_state_or_nothing(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A cancellation has only id and state, no content, or a refund of a part; the order is cancelled in each."""
    box = serve("cancel-thin")
    client = sign_in(box)
    orders = [client.place("first").json() for _ in range(3)]
    thin, empty, partial = (client.call("orders.cancel", {"order_id": order["id"]}) for order in orders)
    assert thin.json() == {"orderId": orders[0]["id"], "status": "cancelled"}
    assert (empty.status_code, empty.content) == (204, b"")
    assert partial.json()["refundedCredits"] == orders[2]["totalCredits"] // 2
    assert {order["state"] for order in box.orders()} == {"cancelled"}
    assert reconcile(box) == 3


def test_cancel_thin_loses_a_response(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """The response of a cancellation is lost, and the second try with the same key is 409: the order is cancelled already."""
    box = serve("cancel-thin:lost")
    client = sign_in(box)
    order = client.place("first").json()["id"]
    with pytest.raises(httpx.TransportError):
        client.call("orders.cancel", {"order_id": order}, key="k")
    assert client.call("orders.cancel", {"order_id": order}, key="k").status_code == 409
    assert box.orders()[0]["state"] == "cancelled"
    assert reconcile(box) == 1


def half_of(client: ServiceClient, name: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return a capture clipped to the west half of its footprint, as in an order, and its footprint."""
    footprint = client.captures_of(name)[0]["geometry"]
    west, south, east, north = 0.0, 0.0, 0.05, 0.1
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return [{"id": name, "geometry": {"type": "Polygon", "coordinates": [ring]}}], footprint


@pytest.mark.parametrize("others", [(), ("bare-orders:objects",)])
def test_bought_ground_names_the_geometry_that_was_bought(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], others: tuple[str, ...]
):
    """Each order names its captures with host, collection and the geometry that was bought of them."""
    box = serve("bought-ground", *others)
    client = sign_in(box)
    captures, _ = half_of(client, "first")
    placed = client.place("first", captures=captures).json()
    (truth,) = box.orders()[0]["captures"]
    name = "captureId" if others else "id"
    for order in (placed, get(client, placed["id"]), *listed(client)):
        (capture,) = order["captures"]
        assert capture == {name: "first", "host_name": "archive", "collection": "test", "geometry": truth["geometry"]}


def test_whole_footprints_names_more_than_was_bought(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """Each order names its captures with their whole footprints, while price and area are those of the part that was bought."""
    box = serve("whole-footprints")
    client = sign_in(box)
    captures, footprint = half_of(client, "first")
    placed = client.place("first", captures=captures).json()
    for order in (placed, get(client, placed["id"]), *listed(client)):
        assert [(capture["id"], capture["geometry"]) for capture in order["captures"]] == [("first", footprint)]
        assert order["groups"][0]["aoi_km2"] == placed["groups"][0]["aoi_km2"]
    whole = client.call("orders.archive.estimate", {"captures": client.captures_of("first")}).json()["groups"][0]["aoi_km2"]
    assert placed["groups"][0]["aoi_km2"] == pytest.approx(whole / 2, rel=0.01)
    assert box.orders()[0]["captures"][0]["geometry"] != footprint


def test_whole_footprints_in_the_form_of_up42(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """In the form of UP42 the area of an order is the whole footprint too."""
    client = sign_in(serve("whole-footprints", "up42-orders"))
    captures, footprint = half_of(client, "first")
    placed = client.place("first", captures=captures).json()["id"]
    assert get(client, placed)["orderDetails"]["aoi"] == footprint


def test_own_orders_lists_those_of_the_caller(serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient]):
    """A list has the caller's own orders only, while any order of the organization can be requested by its id."""
    box = serve("own-orders")
    analyst, delegate = sign_in(box), sign_in(box, "delegate")
    mine, theirs = (client.place("first").json()["id"] for client in (analyst, delegate))
    assert [order["id"] for order in listed(analyst)] == [mine]
    assert [order["id"] for order in listed(delegate, orderIds=[mine, theirs])] == [theirs]
    assert get(analyst, theirs)["id"] == theirs
