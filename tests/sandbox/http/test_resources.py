"""Orders as REST resources in the UP42 convention."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from _ledger_check import reconcile

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox

INDEXED = {"index", "message", "details"}


def batch(client: ServiceClient, *names: str, **change: Any) -> dict[str, Any]:
    features = [
        {"type": "Feature", "properties": {"id": one["id"]}, "geometry": one["geometry"]} for one in client.captures_of(*names)
    ]
    features.append({"type": "Feature", "properties": {"id": "nothing"}, "geometry": features[0]["geometry"]})
    collection = {"type": "FeatureCollection", "features": features}
    return {"dataProduct": "test", "displayName": "harbour", "params": {}, "featureCollection": collection, "tags": ["a"], **change}


def test_estimate_prices_each_feature_separately(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An estimate has a result or an error for each feature, with exactly the documented keys."""
    client = sign_in(box)
    found = client.http.post("/v2/orders/estimate", json=batch(client, "first", "third")).json()
    assert set(found) == {"summary", "results", "errors"}
    assert all(set(one) == {"index", "credits", "size", "unit"} for one in found["results"])
    assert [(one["index"], set(one)) for one in found["errors"]] == [(2, INDEXED)]
    assert set(found["summary"]) == {"totalCredits", "totalSize", "unit"}
    assert found["summary"]["totalCredits"] == sum(one["credits"] for one in found["results"])
    assert found["summary"]["unit"] == "SQ_KM"


def test_place_makes_one_order_per_feature(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """Each feature with a price becomes an order that can be read, listed, tagged and delivered."""
    client = sign_in(box)
    placed = client.http.post(f"/v2/orders?workspaceId={client.project}", json=batch(client, "first", "third"))
    found = placed.json()
    assert [set(one) for one in found["results"]] == [{"index", "id"}] * 2
    assert [set(one) for one in found["errors"]] == [INDEXED]
    name = found["results"][0]["id"]
    order = client.http.get(f"/v2/orders/{name}").json()
    assert (order["status"], order["type"], order["displayName"], order["tags"]) == ("CREATED", "ARCHIVE", "harbour", ["a"])
    assert order["orderDetails"]["imageId"] == "first"
    listed = client.http.get("/v2/orders", params={"status": ["CREATED", "PLACED"], "tags": "a", "size": 1}).json()
    assert (len(listed["content"]), listed["totalPages"]) == (1, 2)
    assert client.http.patch(f"/v2/orders/{name}", json={"tags": ["b"]}).json()["tags"] == ["b"]
    assert client.http.get("/v2/orders", params={"tags": "a"}).json()["totalElements"] == 1
    clock.now += 3_600
    client.wait(name, "delivered")
    assert client.http.get(f"/v2/orders/{name}").json()["status"] == "FULFILLED"
    assert reconcile(box) == 2


def test_place_accepts_body_of_archive_place(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """The body of orders.archive.place gives the same order, with the same checks of keys and scopes."""
    client = sign_in(box)
    body = {"projectId": client.project, "captures": client.captures_of("first", "second")}
    first, again = (client.http.post("/v2/orders", json=body, headers={"Idempotency-Key": "k"}) for _ in range(2))
    assert (first.status_code, first.content) == (202, again.content)
    assert set(first.json()["captures"]) == {"first", "second"}
    assert client.call("orders.get", {"id": first.json()["id"]}).json()["totalCredits"] == first.json()["totalCredits"]
    changed = {**body, "captures": body["captures"][:1]}
    assert client.http.post("/v2/orders", json=changed, headers={"Idempotency-Key": "k"}).status_code == 409
    assert sign_in(box, "robot").http.post("/v2/orders", json=body).status_code == 403
    assert reconcile(box) == 1


def test_place_batch_is_atomic(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """If the credits do not suffice for the whole batch, nothing is placed."""
    client = sign_in(box, "broke")
    one = client.http.post("/v2/orders/estimate", json=batch(client, "first")).json()["summary"]["totalCredits"]
    box.top_up("broke", one)
    assert client.http.post("/v2/orders", json=batch(client, "first", "third")).status_code == 402
    assert reconcile(box) == 0
    assert client.http.post("/v2/orders", json=batch(client, "first")).status_code == 202


def test_cancellation_returns_id_and_state(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """Cancelling returns id and state; after the point of no return the state is BEING_FULFILLED."""
    client = sign_in(box)
    names = [client.http.post("/v2/orders", json=batch(client, "first")).json()["results"][0]["id"] for _ in range(2)]
    done = client.http.post(f"/v2/orders/{names[0]}/cancellation").json()
    assert (done["orderId"], done["status"]) == (names[0], "cancelled")
    assert client.http.get(f"/v2/orders/{names[0]}").json()["status"] == "CANCELED"
    clock.now += 500
    assert client.http.get(f"/v2/orders/{names[1]}").json()["status"] == "BEING_FULFILLED"
    assert client.http.post(f"/v2/orders/{names[1]}/cancellation").status_code == 409


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"dataProduct": "nothing"}, 404),
        ({"featureCollection": {"type": "FeatureCollection", "features": []}}, 422),
        ({"featureCollection": {"type": "Feature"}}, 422),
        ({"displayName": None}, 422),
    ],
)
def test_place_invalid_batch_is_refused(box: Sandbox, sign_in: Callable[..., ServiceClient], change: Any, status: int):
    """A batch with an unknown product, without features or without a name is refused."""
    client = sign_in(box)
    for path in ("/v2/orders", "/v2/orders/estimate"):
        assert client.http.post(path, json=batch(client, "first", **change)).status_code == status


def test_order_of_other_organization_is_404(box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Orders and projects of another organization are 404, and an invalid id too."""
    client, other = sign_in(box), sign_in(box, "other")
    name = client.http.post("/v2/orders", json=batch(client, "first")).json()["results"][0]["id"]
    assert other.http.get(f"/v2/orders/{name}").status_code == 404
    assert other.http.patch(f"/v2/orders/{name}", json={"tags": []}).status_code == 404
    assert other.http.post(f"/v2/orders/{name}/cancellation").status_code == 404
    assert other.http.post(f"/v2/orders?workspaceId={client.project}", json=batch(other, "first")).status_code == 404
    assert client.http.get(f"/v2/orders/{uuid.uuid4()}").status_code == 404
    assert client.http.get("/v2/orders/nothing").status_code == 404
