"""What a delivered order leaves: files, items, signed addresses, provenance, and a STAC API."""

from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pystac
import pytest
import rasterio
from pystac_client import Client
from rasterio.warp import transform_geom
from shapely.geometry import shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from _http_client import Wire
    from conftest import Clock
    from scenecart.sandbox import Sandbox


@pytest.fixture
def delivered(box: Sandbox, clock: Clock, wire: Callable[..., Wire]) -> tuple[Wire, str, list[dict[str, Any]]]:
    """Give a delivered order of two captures with its items."""
    caller = wire(box)
    order = caller.place("first", "far").json()["id"]
    clock.now += 3_600
    caller.wait(order, "delivered")
    return caller, order, caller.op("orders.list_assets", {"order_id": order}).json()["features"]


def signed(caller: Wire, item: Any, asset: str = "visual") -> str:
    found = caller.op("items.asset.download", {"item_id": item["id"], "asset_id": asset})
    assert found.status_code == 200, found.text
    return str(found.json()["url"])


def test_items_are_stac(delivered: Any):
    """Each capture becomes a STAC 1.0.0 item that pystac reads, with the capture's ground and time."""
    _, order, items = delivered
    assert [item["properties"]["capture:id"] for item in items] == ["first", "far"]
    for item in items:
        read = pystac.Item.from_dict(item)
        assert read.datetime is not None
        assert read.properties["order:id"] == order
        assert shape(item["geometry"]).bounds == pytest.approx(tuple(item["bbox"]))
        assert set(read.assets) == {"visual", "thumbnail"}


def test_imagery_is_a_cloud_optimized_geotiff(delivered: Any):
    """The imagery is a tiled GeoTIFF with overviews, in metres, that covers the bought ground and nothing far from it."""
    caller, _, items = delivered
    for item in items:
        content = caller.http.get(signed(caller, item)).content
        asset = item["assets"]["visual"]
        assert len(content) == asset["file:size"]
        assert "1220" + hashlib.sha256(content).hexdigest() == asset["file:checksum"]
        with rasterio.open(io.BytesIO(content)) as picture:
            assert picture.profile["tiled"]
            assert picture.overviews(1)
            assert picture.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert f"EPSG:{picture.crs.to_epsg()}" == item["properties"]["proj:code"]
            assert list(picture.shape) == asset["proj:shape"]
            ground = shape(transform_geom("EPSG:4326", picture.crs, item["geometry"]))
            assert picture.bounds == pytest.approx(ground.bounds, abs=2 * max(picture.res))
            assert 0 < np.count_nonzero(picture.dataset_mask()) <= picture.width * picture.height


def test_a_signed_address_serves_ranges(delivered: Any):
    """A signed address needs no token and serves parts of a file, with an ETag to tell that it is the same file."""
    caller, _, items = delivered
    address = signed(caller, items[0])
    caller.http.headers.pop("Authorization")
    whole = caller.http.get(address)
    part = caller.http.get(address, headers={"Range": "bytes=100-199", "If-Range": whole.headers["etag"]})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole.content)}"
    assert caller.http.get(address, headers={"Range": "bytes=-10"}).content == whole.content[-10:]
    for wrong, status in (("bytes=99999999-", 416), ("bytes=5-2", 400), ("lines=1", 400)):
        refused = caller.http.get(address, headers={"Range": wrong})
        assert (refused.status_code, refused.json()["status"]) == (status, status)
        assert refused.headers["content-type"] == "application/problem+json"
    assert caller.http.get(address, headers={"Range": "bytes=0-9", "If-Range": '"another"'}).status_code == 200
    same = caller.http.get(address, headers={"If-None-Match": whole.headers["etag"]})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", whole.headers["etag"])


def test_a_signed_address_expires_and_cannot_be_made_up(delivered: Any, clock: Clock):
    """A signed address ends after a while, and a changed one is refused."""
    caller, _, items = delivered
    address = signed(caller, items[0])
    assert caller.http.get(address.replace("visual.tif", "thumbnail.png")).status_code == 403
    assert caller.http.get(address + "0").status_code == 403
    assert caller.http.get(address.split("?")[0]).status_code == 403
    assert caller.http.get(address.split("?")[0] + "?expires=9&signature=é").status_code == 403
    assert caller.http.get(address.split("?")[0] + f"?expires={'9' * 5_000}&signature=a").status_code == 403
    assert caller.http.get(address.replace("/files/", "/files/../")).status_code in {403, 404}
    clock.now += 3_600
    assert caller.http.get(address).status_code == 410


def test_others_items_do_not_exist(delivered: Any, box: Sandbox, wire: Callable[..., Wire]):
    """Another organization finds none of the items, by no way."""
    _, order, items = delivered
    other = wire(box, "other")
    name = items[0]["id"]
    assert other.op("items.get_stac", {"item_id": name}).status_code == 404
    assert other.op("items.asset.download", {"item_id": name, "asset_id": "visual"}).status_code == 404
    assert other.op("provenance.get", {"entity_type": "order", "entity_id": order}).status_code == 404
    assert other.op("stac.search", {}).json()["features"] == []
    assert other.http.get(f"/stac/collections/{items[0]['collection']}").status_code == 404


def test_provenance_leads_from_item_to_order_to_capture(delivered: Any):
    """Each item's way leads up to its order and on to the capture, and down from the order to its items."""
    caller, order, items = delivered
    name = items[0]["id"]
    up = caller.op("provenance.get", {"entity_type": "item", "entity_id": name, "direction": "up"}).json()
    steps = [(edge["src_type"], edge["dst_type"], edge["dst_id"]) for edge in up["edges"]]
    assert steps == [("item", "order", order), ("order", "capture", "first")]
    down = caller.op("provenance.get", {"entity_type": "order", "entity_id": order, "direction": "down"}).json()
    assert {edge["src_id"] for edge in down["edges"]} == {item["id"] for item in items}


def test_pystac_client_opens_the_stac_api(delivered: Any, box: Sandbox):
    """pystac-client walks collections and searches by space, time, ids and pages."""
    caller, _, items = delivered
    headers = {"Authorization": str(caller.http.headers["Authorization"])}
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


def test_an_asset_opens_by_its_address(delivered: Any, box: Sandbox, wire: Callable[..., Wire]):
    """An asset's own address leads to its file for those who may see it, and signs one for programs that cannot send a token."""
    caller, _, items = delivered
    asset = items[0]["assets"]["visual"]
    led = caller.http.get(asset["href"])
    assert led.status_code == 307
    content = httpx.get(led.headers["location"]).content
    assert len(content) == asset["file:size"]
    by_post = caller.http.post(f"{asset['href']}/download-url").json()["url"]
    assert httpx.get(by_post).content == content
    assert wire(box, "other").http.get(asset["href"]).status_code == 404
    assert httpx.get(asset["href"]).status_code == 401
