"""The STAC APIs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pystac_client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox


def test_catalog_api_opens_in_pystac_client(shared_box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """pystac-client lists the collections of the catalog, searches all hosts and follows pages."""
    headers = {"Authorization": str(sign_in(shared_box).http.headers["Authorization"])}
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


@pytest.fixture
def delivered(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]) -> tuple[ServiceClient, str, list[dict[str, Any]]]:
    """Return a client, a delivered order of two captures, and its items."""
    client = sign_in(box)
    order = client.place("first", "far").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")
    return client, order, client.call("orders.list_assets", {"order_id": order}).json()["features"]


def test_delivery_api_opens_in_pystac_client(delivered: Any, box: Sandbox):
    """pystac-client lists collections and searches delivered items by area, time, ids and pages."""
    client, _, items = delivered
    headers = {"Authorization": str(client.http.headers["Authorization"])}
    catalog = Client.open(box.stac_url, headers=headers)
    (collection,) = catalog.get_collections()
    assert [item.id for item in collection.get_items()] == [item["id"] for item in items]
    near = catalog.search(bbox=[39, 59, 41, 61], method="GET")
    assert [item.properties["capture:id"] for item in near.items()] == ["far"]
    march = catalog.search(datetime="2024-03", intersects={"type": "Point", "coordinates": [0.05, 0.05]})
    assert [item.properties["capture:id"] for item in march.items()] == ["first"]
    for method in ("GET", "POST"):
        pages = list(catalog.search(limit=1, method=method).pages())
        assert [len(page.items) for page in pages] == [1, 1]
    assert [item.id for item in catalog.search(ids=[items[1]["id"]]).items()] == [items[1]["id"]]


@pytest.mark.parametrize("limit", [[], ["5"], [5], {}, "5", None, -1, 0.5])
@pytest.mark.parametrize("root", ["/stac", "/v2/catalog"])
def test_search_invalid_limit_is_400(box: Sandbox, sign_in: Callable[..., ServiceClient], root: str, limit: Any):
    """A STAC search with an invalid limit is 400, as OGC API requires."""
    assert sign_in(box).http.post(f"{root}/search", json={"limit": limit}).status_code == 400
