"""The STAC APIs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pystac_client import Client

from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient
    from conftest import Clock


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


def of_others() -> list[dict[str, Any]]:
    """Return items as other people write them: without a collection, with slashes, odd clouds and far years."""

    def item(name: Any, number: int, properties: dict[str, Any], **members: Any) -> dict[str, Any]:
        ring = [[number, 0], [number + 0.1, 0], [number + 0.1, 0.1], [number, 0.1], [number, 0]]
        head = {"type": "Feature", "stac_version": "1.0.0", "id": name, "geometry": {"type": "Polygon", "coordinates": [ring]}}
        return {**head, "properties": {"datetime": "2024-03-05T10:00:00Z", **properties}, "assets": {}, "links": [], **members}

    return [
        item("plain", 1, {}, collection="c"),
        item("without a collection", 2, {}),
        item("a/b/items/c", 3, {"eo:cloud_cover": -1}, collection="d/e?#"),
        item("far", 4, {"datetime": None, "start_datetime": "0001-01-01T00:00:00Z", "end_datetime": "9999-12-31T23:59:59.999999Z"}),
        item("never", 5, {"datetime": "0001-01-01T00:00:00+05:00", "gsd": "much", "view:off_nadir": -5}, collection=5),
        item("%2e%2e/ü \u202e", 6, {"eo:cloud_cover": 10**400}, links=[{"rel": "license", "href": "./LICENSE"}, 5]),
        item(None, 7, {}),
        item(5, 8, {}),
    ]


def test_links_of_other_peoples_items_all_answer(tmp_path: Path, sign_in: Callable[..., ServiceClient]):
    """Every link of every item, collection and page leads to the document it is about, and every item that has an id is bought."""
    (tmp_path / "items.json").write_text(json.dumps(of_others()))
    with Sandbox(items=tmp_path / "items.json", pace="instant") as box:
        box.rate_limits = None
        client = sign_in(box)
        links: dict[str, Any] = {f"{box.url}/v2/catalog/": None}
        for url in iter(lambda: next((url for url, found in links.items() if found is None), None), None):
            answer = client.http.get(url)
            assert answer.status_code == 200, url
            is_json = "json" in answer.headers["content-type"] and "openapi" not in url
            links[url] = document = answer.json() if is_json else {}
            for part in [document, *document.get("features", []), *document.get("collections", [])]:
                for link in part.get("links", []):
                    assert link["href"].startswith(box.url)
                    links.setdefault(link["href"], None)
        listed = {found["id"]: found for found in links.values() if found.get("type") == "Feature"}
        assert sorted(listed) == sorted(item["id"] for item in of_others() if isinstance(item["id"], str))
        assert {found["collection"] for found in listed.values()} == {"c", "d/e?#", "uncollected"}
        for name in listed:
            order = client.place(name).json()["id"]
            assert client.wait(order, "delivered"), name
        for entry in client.call("orders.list").json()["content"]:
            for item in client.call("orders.list_assets", {"order_id": entry["id"]}).json()["features"]:
                urls = [link["href"] for link in item["links"]] + [asset["href"] for asset in item["assets"].values()]
                for url in urls:
                    assert client.http.get(url, follow_redirects=True).status_code == 200, url


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
