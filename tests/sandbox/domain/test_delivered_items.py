"""Delivered captures as STAC items."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import numpy as np
import pystac
import pytest
import rasterio

from _stac_schemas import problems_of, require_schemas
from _thorough import first_of
from scenecart.sandbox import Sandbox
from scenecart.sandbox._domain.delivered_items import new_item

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from _http_client import ServiceClient
    from conftest import Clock

ORDER = {"id": "order", "project": "project"}
AREA = {"type": "Polygon", "coordinates": [[[0, 0], [0.01, 0], [0.01, 0.01], [0, 0.01], [0, 0]]]}
CAPTURE = {"id": "a", "host_name": "archive", "collection": "c", "geometry": AREA}
ROW = {"id": "a", "shape": None, "cloud": 5.0, "begins": 1.7e9}
FOLDERS = ["antimeridian", "api-items-planetary-computer", "api-pages-pystac-client", "ext-order", "ext-projection", "ext-sar",
           "ext-view", "odc-stac", "pgstac-naip", "planet-disaster", "planet-native", "stac-api-spec", "stac-geoparquet",
           "stactools-landsat", "stactools-sentinel1", "stactools-sentinel2"]  # fmt: skip


def item_of(**properties: Any) -> dict[str, Any]:
    return with_link(new_item(ORDER, "a_1", "order/1", CAPTURE, ROW, properties, 1))


def with_link(item: dict[str, Any]) -> dict[str, Any]:
    """Return an item with the link that the server adds."""
    return {**item, "links": [{"rel": "collection", "href": "collection.json"}]}


@pytest.mark.parametrize("folder", first_of(FOLDERS, 3))
def test_item_of_every_published_catalog_is_valid_stac(shared_data: Path, folder: str, sign_in: Callable[..., ServiceClient]):
    """Whatever a published item says, its delivery is valid STAC, and so are all extensions that it names."""
    require_schemas()
    with Sandbox(items=shared_data / folder, pace="instant") as box:
        box.rate_limits = None
        box.top_up("analyst", 10**11)
        client = sign_in(box)
        found = client.search(host_name="archive", collections=box.hosts["archive"], limit=500)
        named = {one["id"]: {"id": one["id"], "geometry": one.get("geometry")} for one in found if "id" in one}
        refused = client.call("orders.archive.estimate", {"captures": [*named.values()]}).json()["errors"]
        for error in refused:
            named.pop(error["id"], None)
        body = {"projectId": client.project, "captures": [*named.values()], "licenseType": "standard"}
        order = client.call("orders.archive.place", body, key="one").json()["id"]
        client.wait(order, "delivered")
        # the files of hundreds of items would take long
        with contextlib.closing(sqlite3.connect(box.data / "sandbox.sqlite")) as database:
            items = [json.loads(text) for (text,) in database.execute("SELECT body FROM item")]
        assert len(items) == len(named)
        assert not {item["id"]: wrong for item in items if (wrong := problems_of(with_link(item)))}


@pytest.mark.parametrize("collection", ["aurora-50cm", "aurora-legacy", "lumen-spot", "openterra-10m"])
def test_item_of_the_generated_catalog_is_valid_stac(collection: str):
    """A delivery of each invented satellite is valid STAC."""
    require_schemas()
    is_radar = collection == "lumen-spot"
    sensor = {"sar:product_type": "SLC"} if is_radar else {"eo:cloud_cover": 5, "view:sun_elevation": 40.5}
    item = item_of(gsd=0.5, platform="aurora-1", constellation="aurora", instruments=["ahr"], **sensor, **{"view:off_nadir": 3})
    assert not problems_of(item)
    assert list(item["assets"]) == (["visual", "thumbnail"] if is_radar else ["visual", "analytic", "udm", "thumbnail"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"gsd": "0.5"},
        {"gsd": -1},
        {"gsd": True},
        {"platform": None},
        {"instruments": "ahr"},
        {"instruments": [1]},
        {"eo:cloud_cover": 120},
        {"view:off_nadir": -5},
        {"view:azimuth": 400},
        {"view:sun_elevation": float("nan")},
        {"constellation": ""},
    ],
    ids=str,
)
def test_item_property_that_is_not_valid_is_left_out(wrong: dict[str, Any]):
    """A value that STAC does not allow is not delivered, nor is the extension that nothing uses."""
    item = item_of(**wrong)
    assert not set(wrong) & set(item["properties"])
    assert not any("/view/" in url for url in item["stac_extensions"])
    require_schemas()
    assert not problems_of(item)


def test_item_describes_bands_grid_and_scale_as_the_files_have_them(
    box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient], tmp_path: Path
):
    """Bands, shape, transform, CRS, no data, scale and offset in the item are those of the files."""
    client = sign_in(box)
    order = client.place("first").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")
    (item,) = client.call("orders.list_assets", {"order_id": order}).json()["features"]
    for key in ("visual", "analytic", "udm"):
        asset = item["assets"][key]
        url = client.call("items.asset.download", {"item_id": item["id"], "asset_id": key}).json()["url"]
        path = tmp_path / f"{key}.tif"
        path.write_bytes(client.http.get(url).content)
        with rasterio.open(path) as file:
            assert [band["name"] for band in asset["eo:bands"]] == list(file.descriptions)
            assert [band["data_type"] for band in asset["raster:bands"]] == list(file.dtypes)
            assert {band.get("nodata") for band in asset["raster:bands"]} == {file.nodata}
            assert [band.get("scale", 1) for band in asset["raster:bands"]] == list(file.scales)
            assert [band.get("offset", 0) for band in asset["raster:bands"]] == list(file.offsets)
            assert asset["proj:shape"] == [file.height, file.width]
            assert asset["proj:transform"] == [*file.transform][:6]
            assert asset["proj:bbox"] == pytest.approx([*file.bounds])
            assert item["properties"]["proj:code"] == file.crs.to_string()
    require_schemas()
    assert not problems_of(item)
    read = pystac.Item.from_dict(item)
    assert read.common_metadata.gsd == 0.5


def test_item_two_dates_show_the_same_ground(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient], tmp_path: Path):
    """Deliveries of one place on two dates have the same water, outside the clouds that each has for itself."""
    client = sign_in(box)
    order = client.place("first", "third").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")
    items = client.call("orders.list_assets", {"order_id": order}).json()["features"]
    bands, masks = [], []
    for item in items:
        for key, kept in (("analytic", bands), ("udm", masks)):
            url = client.call("items.asset.download", {"item_id": item["id"], "asset_id": key}).json()["url"]
            path = tmp_path / f"{item['id']}-{key}.tif"
            path.write_bytes(client.http.get(url).content)
            with rasterio.open(path) as file:
                kept.append(file.read())
    is_clear = (masks[0][0] == 1) & (masks[1][0] == 1)
    water = [numbers[3] < numbers[1] for numbers in bands]
    assert is_clear.mean() > 0.8
    assert np.array_equal(water[0][is_clear], water[1][is_clear])
    for mask, item in zip(masks, items, strict=True):
        assert 100 * (mask == 2).mean() == pytest.approx(item["properties"]["eo:cloud_cover"], abs=1)


def test_item_files_are_written_when_they_are_first_asked_for(box: Sandbox, clock: Clock, sign_in: Callable[..., ServiceClient]):
    """Delivering an order writes no files; listing it does, once, and their sizes stay the same."""
    client = sign_in(box)
    order = client.place("first").json()["id"]
    clock.now += 3_600
    client.wait(order, "delivered")
    written = box.data / "files" / order
    assert not written.exists()
    first, second = (client.call("orders.list_assets", {"order_id": order}).json()["features"] for _ in range(2))
    assert first == second
    assert {path.name for path in written.rglob("*.*")} == {"visual.tif", "analytic.tif", "udm.tif", "thumbnail.png"}
