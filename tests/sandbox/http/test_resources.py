"""Orders as resources, in the convention of STAC and UP42."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from _ledger_check import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from conftest import Clock
    from scenecart.sandbox import Sandbox

INDEXED = {"index", "message", "details"}


def batch(caller: Wire, *names: str, **change: Any) -> dict[str, Any]:
    features = [{"type": "Feature", "properties": {"id": one["id"]}, "geometry": one["geometry"]} for one in caller.wanted(*names)]
    features.append({"type": "Feature", "properties": {"id": "nothing"}, "geometry": features[0]["geometry"]})
    collection = {"type": "FeatureCollection", "features": features}
    return {"dataProduct": "test", "displayName": "harbour", "params": {}, "featureCollection": collection, "tags": ["a"], **change}


def test_each_feature_is_priced_for_itself(box: Sandbox, wire: Callable[..., Wire]):
    """An estimate has a result for each feature that can be priced, an error for each that cannot, and exactly their keys."""
    caller = wire(box)
    found = caller.http.post("/v2/orders/estimate", json=batch(caller, "first", "third")).json()
    assert set(found) == {"summary", "results", "errors"}
    assert all(set(one) == {"index", "credits", "size", "unit"} for one in found["results"])
    assert [(one["index"], set(one)) for one in found["errors"]] == [(2, INDEXED)]
    assert set(found["summary"]) == {"totalCredits", "totalSize", "unit"}
    assert found["summary"]["totalCredits"] == sum(one["credits"] for one in found["results"])
    assert found["summary"]["unit"] == "SQ_KM"


def test_each_feature_becomes_an_order(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """Placing makes an order of each feature that can be priced; they are got, listed, tagged and delivered as resources."""
    caller = wire(box)
    placed = caller.http.post(f"/v2/orders?workspaceId={caller.project}", json=batch(caller, "first", "third"))
    found = placed.json()
    assert [set(one) for one in found["results"]] == [{"index", "id"}] * 2
    assert [set(one) for one in found["errors"]] == [INDEXED]
    name = found["results"][0]["id"]
    order = caller.http.get(f"/v2/orders/{name}").json()
    assert (order["status"], order["type"], order["displayName"], order["tags"]) == ("CREATED", "ARCHIVE", "harbour", ["a"])
    assert order["orderDetails"]["imageId"] == "first"
    listed = caller.http.get("/v2/orders", params={"status": ["CREATED", "PLACED"], "tags": "a", "size": 1}).json()
    assert (len(listed["content"]), listed["totalPages"]) == (1, 2)
    assert caller.http.patch(f"/v2/orders/{name}", json={"tags": ["b"]}).json()["tags"] == ["b"]
    assert caller.http.get("/v2/orders", params={"tags": "a"}).json()["totalElements"] == 1
    clock.now += 3_600
    caller.wait(name, "delivered")
    assert caller.http.get(f"/v2/orders/{name}").json()["status"] == "FULFILLED"
    assert reconcile(box) == 2


def test_the_services_own_body_is_taken_too(box: Sandbox, wire: Callable[..., Wire]):
    """The body of orders.archive.place at the same address gives the same order, with the same care for keys and scopes."""
    caller = wire(box)
    body = {"projectId": caller.project, "captures": caller.wanted("first", "second")}
    first, again = (caller.http.post("/v2/orders", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, first.content) == (202, again.content)
    assert set(first.json()["captures"]) == {"first", "second"}
    assert caller.op("orders.get", {"id": first.json()["id"]}).json()["totalCredits"] == first.json()["totalCredits"]
    changed = {**body, "captures": body["captures"][:1]}
    assert caller.http.post("/v2/orders", json=changed, headers={"Idempotency-Key": "k"}).status_code == 409
    assert wire(box, "robot").http.post("/v2/orders", json=body).status_code == 403
    assert reconcile(box) == 1


def test_a_batch_is_placed_whole_or_not_at_all(box: Sandbox, wire: Callable[..., Wire]):
    """Where the money does not suffice for all of a batch, nothing of it is placed."""
    caller = wire(box, "broke")
    one = caller.http.post("/v2/orders/estimate", json=batch(caller, "first")).json()["summary"]["totalCredits"]
    box.top_up("broke", one)
    assert caller.http.post("/v2/orders", json=batch(caller, "first", "third")).status_code == 402
    assert reconcile(box) == 0
    assert caller.http.post("/v2/orders", json=batch(caller, "first")).status_code == 202


def test_an_order_is_cancelled_as_a_resource(box: Sandbox, clock: Clock, wire: Callable[..., Wire]):
    """Cancelling answers the order's id and state; past the point of no return the state says that it is being fulfilled."""
    caller = wire(box)
    names = [caller.http.post("/v2/orders", json=batch(caller, "first")).json()["results"][0]["id"] for _ in range(2)]
    done = caller.http.post(f"/v2/orders/{names[0]}/cancellation").json()
    assert (done["orderId"], done["status"]) == (names[0], "cancelled")
    assert caller.http.get(f"/v2/orders/{names[0]}").json()["status"] == "CANCELED"
    clock.now += 500
    assert caller.http.get(f"/v2/orders/{names[1]}").json()["status"] == "BEING_FULFILLED"
    assert caller.http.post(f"/v2/orders/{names[1]}/cancellation").status_code == 409


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"dataProduct": "nothing"}, 404),
        ({"featureCollection": {"type": "FeatureCollection", "features": []}}, 422),
        ({"featureCollection": {"type": "Feature"}}, 422),
        ({"displayName": None}, 422),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(box: Sandbox, wire: Callable[..., Wire], change: Any, status: int):
    """A batch without a known product, features or a name is refused as a whole."""
    caller = wire(box)
    for path in ("/v2/orders", "/v2/orders/estimate"):
        assert caller.http.post(path, json=batch(caller, "first", **change)).status_code == status


def test_others_orders_are_not_resources_of_ours(box: Sandbox, wire: Callable[..., Wire]):
    """Another organization's orders and projects are 404 here too, and a name that is none as well."""
    caller, other = wire(box), wire(box, "other")
    name = caller.http.post("/v2/orders", json=batch(caller, "first")).json()["results"][0]["id"]
    assert other.http.get(f"/v2/orders/{name}").status_code == 404
    assert other.http.patch(f"/v2/orders/{name}", json={"tags": []}).status_code == 404
    assert other.http.post(f"/v2/orders/{name}/cancellation").status_code == 404
    assert other.http.post(f"/v2/orders?workspaceId={caller.project}", json=batch(other, "first")).status_code == 404
    assert caller.http.get(f"/v2/orders/{uuid.uuid4()}").status_code == 404
    assert caller.http.get("/v2/orders/nothing").status_code == 404


def test_the_catalog_is_a_stac_api(shared_box: Sandbox, wire: Callable[..., Wire]):
    """The catalog itself is a STAC API: pystac-client walks its collections, searches all hosts at once and follows pages."""
    from pystac_client import Client  # noqa: PLC0415  # used here alone

    headers = {"Authorization": str(wire(shared_box).http.headers["Authorization"])}
    catalog = Client.open(f"{shared_box.url}/v2/catalog/", headers=headers)
    assert {one.id for one in catalog.get_collections()} == {name for names in shared_box.hosts.values() for name in names}
    found = catalog.search(bbox=[151.18, -33.99, 151.24, -33.94], datetime="2024-02", limit=7, max_items=40)
    items = list(found.items())
    assert len({item.id for item in items}) == len(items) > 7
    assert {item.collection_id for item in items} > {"openterra-10m", "aurora-50cm"}
    times = [item.datetime for item in items]
    assert times == sorted(times, reverse=True)
    one = catalog.get_collection("lumen-spot").get_item(next(catalog.search(collections=["lumen-spot"], max_items=1).items()).id)
    assert one is not None
    assert one.properties["sar:frequency_band"] == "X"
