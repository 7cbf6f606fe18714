"""Delivered files, STAC items, signed URLs and provenance."""

from __future__ import annotations

import hashlib
import io
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pystac
import pytest
import rasterio
from rasterio.warp import transform_geom
from shapely.geometry import shape

from scenecart.sandbox._domain import delivery

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import ServiceClient
    from conftest import Clock
    from scenecart.sandbox import Sandbox


@pytest.fixture
def delivered(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]) -> tuple[ServiceClient, str, list[dict[str, Any]]]:
    """Return a client, a delivered order of two captures, and its items."""
    client = sign_in(box)
    order = client.place("first", "far").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")
    return client, order, client.call("orders.list_assets", {"order_id": order}).json()["features"]


def sign(client: ServiceClient, item: Any, asset: str = "visual") -> str:
    found = client.call("items.asset.download", {"item_id": item["id"], "asset_id": asset})
    assert found.status_code == 200, found.text
    return str(found.json()["url"])


def test_items_are_valid_stac(delivered: Any):
    """Each capture becomes a STAC 1.0.0 item with the purchased area and the capture's time."""
    _, order, items = delivered
    assert [item["properties"]["capture:id"] for item in items] == ["first", "far"]
    for item in items:
        read = pystac.Item.from_dict(item)
        assert read.datetime is not None
        assert read.properties["order:id"] == order
        assert shape(item["geometry"]).bounds == pytest.approx(tuple(item["bbox"]))
        assert list(read.assets) == ["visual", "analytic", "udm", "thumbnail"]


def test_items_of_several_orders_first_read_at_once_are_all_given(
    box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]
):
    """Orders whose files are written at the same moments, while others write to the database, all list their items."""
    client = sign_in(box)
    orders = [client.place("first", "far").json()["id"] for _ in range(4)]
    clock.now += 3_600
    for order in orders:
        client.wait(order, "delivered")
    with ThreadPoolExecutor(len(orders)) as pool:
        answers = list(pool.map(lambda order: client.call("orders.list_assets", {"order_id": order}), orders))
    assert [answer.status_code for answer in answers] == [200] * len(orders)
    assert all(len(answer.json()["features"]) == 2 for answer in answers)


def test_long_list_of_items_does_not_wait_for_their_files(
    box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient], monkeypatch: pytest.MonkeyPatch
):
    """Items of a long list whose files are not written yet have no sizes; they are written soon, and at once if one is fetched."""
    monkeypatch.setattr(delivery, "_SHORT_LIST", 1)
    monkeypatch.setattr(delivery, "_MOST_SECONDS", 0.0)
    client = sign_in(box)
    order = client.place("first", "far").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")

    def listed() -> list[Any]:
        found: list[Any] = client.call("orders.list_assets", {"order_id": order}).json()["features"]
        return found

    items = listed()
    assert not any("file:size" in asset for item in items for asset in item["assets"].values())
    content = httpx.get(sign(client, items[1])).content
    for _ in range(200):
        items = listed()
        if all("file:size" in asset for item in items for asset in item["assets"].values()):
            break
        time.sleep(0.05)
    assert items[1]["assets"]["visual"]["file:size"] == len(content)
    assert items[0]["assets"]["visual"]["file:checksum"].startswith("1220")


def test_imagery_is_cloud_optimized_geotiff(delivered: Any):
    """The imagery is a tiled GeoTIFF with overviews, in metres, that covers exactly the purchased area."""
    client, _, items = delivered
    for item in items:
        content = client.http.get(sign(client, item)).content
        asset = item["assets"]["visual"]
        assert len(content) == asset["file:size"]
        assert "1220" + hashlib.sha256(content).hexdigest() == asset["file:checksum"]
        with rasterio.open(io.BytesIO(content)) as picture:
            assert picture.profile["tiled"]
            assert picture.overviews(1)
            assert picture.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert f"EPSG:{picture.crs.to_epsg()}" == item["properties"]["proj:code"]
            assert list(picture.shape) == asset["proj:shape"]
            area = shape(transform_geom("EPSG:4326", picture.crs, item["geometry"]))
            assert picture.bounds == pytest.approx(area.bounds, abs=2 * max(picture.res))
            assert 0 < np.count_nonzero(picture.dataset_mask()) <= picture.width * picture.height


def test_signed_url_serves_ranges(delivered: Any):
    """A signed URL needs no token and serves byte ranges with an ETag."""
    client, _, items = delivered
    address = sign(client, items[0])
    client.http.headers.pop("Authorization")
    complete = client.http.get(address)
    part = client.http.get(address, headers={"Range": "bytes=100-199", "If-Range": complete.headers["etag"]})
    assert part.status_code == 206
    assert part.content == complete.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(complete.content)}"
    assert client.http.get(address, headers={"Range": "bytes=-10"}).content == complete.content[-10:]
    for wrong, status in (("bytes=99999999-", 416), ("bytes=5-2", 400), ("lines=1", 400)):
        refused = client.http.get(address, headers={"Range": wrong})
        assert (refused.status_code, refused.json()["status"]) == (status, status)
        assert refused.headers["content-type"] == "application/problem+json"
    assert client.http.get(address, headers={"Range": "bytes=0-9", "If-Range": '"another"'}).status_code == 200
    same = client.http.get(address, headers={"If-None-Match": complete.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", complete.headers["etag"])


def test_signed_url_expired_or_changed_is_refused(delivered: Any, clock: Clock):
    """A signed URL expires, and a changed one is refused."""
    client, _, items = delivered
    address = sign(client, items[0])
    assert client.http.get(address.replace("visual.tif", "thumbnail.png")).status_code == 403
    assert client.http.get(address + "0").status_code == 403
    assert client.http.get(address.split("?")[0]).status_code == 403
    assert client.http.get(address.split("?")[0] + "?expires=9&signature=é").status_code == 403
    assert client.http.get(address.split("?")[0] + f"?expires={'9' * 5_000}&signature=a").status_code == 403
    assert client.http.get(address.replace("/files/", "/files/../")).status_code in {403, 404}
    clock.now += 3_600
    assert client.http.get(address).status_code == 410


def test_items_of_other_organization_are_404(delivered: Any, box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """Another organization cannot find the items in any way."""
    _, order, items = delivered
    other = sign_in(box, "other")
    name = items[0]["id"]
    assert other.call("items.get_stac", {"item_id": name}).status_code == 404
    assert other.call("items.asset.download", {"item_id": name, "asset_id": "visual"}).status_code == 404
    assert other.call("provenance.get", {"entity_type": "order", "entity_id": order}).status_code == 404
    assert other.call("stac.search", {}).json()["features"] == []
    assert other.http.get(f"/stac/collections/{items[0]['collection']}").status_code == 404


def test_provenance_connects_item_order_and_capture(delivered: Any):
    """Provenance leads from an item up to its order and capture, and from an order down to its items."""
    client, order, items = delivered
    name = items[0]["id"]
    up = client.call("provenance.get", {"entity_type": "item", "entity_id": name, "direction": "up"}).json()
    steps = [(edge["src_type"], edge["dst_type"], edge["dst_id"]) for edge in up["edges"]]
    assert steps == [("item", "order", order), ("order", "capture", "first")]
    down = client.call("provenance.get", {"entity_type": "order", "entity_id": order, "direction": "down"}).json()
    assert {edge["src_id"] for edge in down["edges"]} == {item["id"] for item in items}


def test_asset_url_redirects_to_file(delivered: Any, box: Sandbox, sign_in: Callable[..., ServiceClient]):
    """An asset URL redirects authorized callers to the file, and signs a URL for clients that cannot send a token."""
    client, _, items = delivered
    asset = items[0]["assets"]["visual"]
    redirect = client.http.get(asset["href"])
    assert redirect.status_code == 307
    content = httpx.get(redirect.headers["location"]).content
    assert len(content) == asset["file:size"]
    by_post = client.http.post(f"{asset['href']}/download-url").json()["url"]
    assert httpx.get(by_post).content == content
    assert sign_in(box, "other").http.get(asset["href"]).status_code == 404
    assert httpx.get(asset["href"]).status_code == 401
