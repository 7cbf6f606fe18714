"""Dialects of deliveries, over plain HTTP."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox


@pytest.fixture
def delivered(
    serve: Callable[..., Sandbox], sign_in: Callable[..., ServiceClient], clock: Clock
) -> Callable[..., tuple[ServiceClient, list[str]]]:
    """Return a function that delivers orders of two captures in a dialect, and returns a client and their ids."""

    def deliver(dialect: str, count: int = 1) -> tuple[ServiceClient, list[str]]:
        client = sign_in(serve(dialect))
        orders = [client.place("first", "far").json()["id"] for _ in range(count)]
        clock.now += 3_600
        for order in orders:
            client.wait(order, "delivered")
        return client, orders

    return deliver


def assets(client: ServiceClient, order: str, **body: Any) -> Any:
    return client.call("orders.list_assets", {"order_id": order, **body}).json()


def captures(features: list[dict[str, Any]]) -> list[str]:
    return [feature["properties"]["capture:id"] for feature in features]


def test_paged_assets_take_turns_by_order(delivered: Callable[..., tuple[ServiceClient, list[str]]]):
    """Orders have their items in pages, late, with a list of assets, with integer ids, and as a bare list."""
    client, orders = delivered("paged-assets", 5)
    paged, late, listed, integers, bare = orders
    first = assets(client, paged)
    second = assets(client, paged, next=first["next"])
    assert captures(first["features"] + second["features"]) == ["first", "far"]
    assert (first["links"][0]["body"]["next"], first["numberMatched"], "next" in second) == (first["next"], 2, False)
    assert [captures(assets(client, late)["features"]) for _ in range(2)] == [["first"], ["first", "far"]]
    found = assets(client, listed)["features"][0]["assets"]
    assert [asset["id"] for asset in found] == ["visual", "analytic", "udm", "thumbnail"]
    assert [feature["id"] for feature in assets(client, integers)["features"]] == [7, 8]
    assert captures(assets(client, bare)) == ["first", "far"]


def test_paged_assets_accept_integer_ids(delivered: Callable[..., tuple[ServiceClient, list[str]]]):
    """An item with an integer id can be read, downloaded and traced."""
    client, _ = delivered("paged-assets:integers")
    for name in (2, "2"):
        assert client.call("items.get_stac", {"item_id": name}).json()["id"] == 2
        url = client.call("items.asset.download", {"item_id": name, "asset_id": "visual"}).json()["url"]
        assert client.http.get(url).status_code == 200
        lineage = client.call("provenance.get", {"entity_type": "item", "entity_id": name}).json()
        assert lineage["root"]["entity_id"] == 2


def test_no_provenance_takes_turns(delivered: Callable[..., tuple[ServiceClient, list[str]]]):
    """The graph is an error, has no edges, other ids, types in upper case, or a job between item and order."""
    client, (order,) = delivered("no-provenance")
    body = {"entity_type": "order", "entity_id": order, "direction": "both", "max_depth": 5}
    answers = [client.call("provenance.get", body) for _ in range(8)]
    assert [answer.status_code for answer in answers] == [422, 405, 500, 200, 200, 200, 200, 422]
    without, uuids, upper, job = (answer.json() for answer in answers[3:7])
    assert without["edges"] == []
    items = {edge["src_id"] for edge in uuids["edges"] if edge["src_type"] == "item"}
    assert {str(uuid.UUID(name)) for name in items} == items
    assert {edge["src_type"] for edge in upper["edges"]} == {"ITEM", "ORDER"}
    steps = {(edge["src_type"], edge["dst_type"]) for edge in job["edges"]}
    assert steps == {("item", "processing_job"), ("processing_job", "order"), ("order", "capture")}
