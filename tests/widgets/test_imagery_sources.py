"""What can be shown as imagery."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pystac
import pytest
import rasterio

import scenecart
from _expect import raises
from _scripted_service import Answer, RecordedRequest
from _widgets import HARBOUR
from scenecart.client import session_of
from scenecart.widgets._imagery_sources import sources_of

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd

    from _scripted_service import ScriptedService


@pytest.fixture
def geotiff(tmp_path: Path) -> Path:
    """Write a small raster."""
    path = tmp_path / "harbour.tif"
    grid = {"height": 90, "width": 90, "crs": "EPSG:32756", "transform": rasterio.Affine(10, 0, 334_000, 0, -10, 6_252_000)}
    with rasterio.open(path, "w", driver="GTiff", count=3, dtype="uint8", **grid) as raster:
        raster.write(np.full((3, 90, 90), 77, dtype="uint8"))
    return path


def opened(source: Any, **options: Any) -> list[tuple[str, int]]:
    """Return the name and the first pixel of each raster."""
    pictures = [(one.name, one.picture(None, "auto")) for one in sources_of(source, options.pop("session", None), **options)]
    return [(name, int(picture.draw(picture.bounds, 9, 9)[4, 4, 0])) for name, picture in pictures]


def test_sources_path_is_one_raster(geotiff: Path):
    """A path, as text or not, is one raster, named by its file."""
    assert opened(geotiff) == opened(str(geotiff)) == [("harbour.tif", 77)]


def test_sources_url_is_read_by_ranges(service: ScriptedService, geotiff: Path):
    """The URL of a public COG is read by ranges, without a sign-in, and named by its path alone."""
    content = geotiff.read_bytes()

    def serve(request: RecordedRequest) -> Answer:
        first, last = map(int, re.findall(r"\d+", request.headers["range"]))
        part = content[first : last + 1]
        return Answer(part, 206, {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(content)}"})

    service.put("/open/cog.tif", serve)
    service.put("/moved.tif", Answer(b"", 302, {"Location": "/open/cog.tif"}))
    assert opened(f"{service.url}/open/cog.tif?signature=private") == [("cog.tif", 77)]
    assert opened(f"{service.url}/moved.tif") == [("moved.tif", 77)]
    assert all("authorization" not in request.headers for request in service.received)


@pytest.mark.parametrize("url", ["http://example.com/a.tif", "https:///a.tif", "http://[::1/a.tif", "https://a b/c.tif"])
def test_sources_url_unsafe_is_refused(url: str):
    """A URL that is not https, or not valid, is refused before anything is sent."""
    with raises(scenecart.InvalidRequest, "url_unsafe"):
        sources_of(url, None)


def test_sources_item_shows_its_visual_asset(geotiff: Path):
    """Of a STAC item, as pystac has it, as a mapping or as a row, the asset for the eye is shown, or the one that is named."""
    item = pystac.Item("scene", None, None, pd.Timestamp("2024-01-01").to_pydatetime(), {})
    item.add_asset("thumbnail", pystac.Asset("a.png", media_type="image/png"))
    item.add_asset("analytic", pystac.Asset("nothing.tif", media_type=pystac.MediaType.COG, roles=["data"]))
    item.add_asset("tci", pystac.Asset(str(geotiff), media_type=pystac.MediaType.COG, roles=["visual"]))
    document = item.to_dict()
    assert opened(item) == opened(document) == opened(pd.Series(document)) == [("scene", 77)]
    assert opened(document, asset="tci") == [("scene tci", 77)]
    item.set_self_href(str(geotiff.parent / "item.json"))
    item.assets["tci"].href = "./harbour.tif"
    assert opened(item) == [("scene", 77)]
    for asset in ("nothing", "thumbnails"):
        with raises(scenecart.InvalidRequest, "item_without_raster"):
            sources_of(document, None, asset)
    with raises(scenecart.InvalidRequest, "item_without_raster"):
        sources_of({"id": "a", "assets": {"thumbnail": {"href": "a.png", "type": "image/png"}}}, None)


def test_sources_folder_of_delivered_items_has_one_raster_each(geotiff: Path, tmp_path: Path):
    """A folder of delivered items gives a raster for each; a folder without items, or with a damaged one, is refused."""
    for name in ("first", "second"):
        folder = tmp_path / "harbour" / name
        folder.mkdir(parents=True)
        (folder / "visual.tif").write_bytes(geotiff.read_bytes())
        asset = {"href": "./visual.tif", "type": "image/tiff; application=geotiff", "roles": ["visual"]}
        (folder / "item.json").write_text(json.dumps({"type": "Feature", "id": name, "assets": {"visual": asset}}))
    assert opened(tmp_path / "harbour") == [("first", 77), ("second", 77)]
    assert opened(tmp_path / "harbour" / "first") == [("first", 77)]
    (tmp_path / "harbour" / "second" / "item.json").write_text("[")
    with raises(scenecart.InvalidRequest, "imagery_item_unreadable"):
        sources_of(tmp_path / "harbour", None)
    (tmp_path / "empty").mkdir()
    with raises(scenecart.InvalidRequest, "imagery_folder_empty"):
        sources_of(tmp_path / "empty", None)


@pytest.mark.parametrize("source", [None, 5, [], {"id": "a"}, b"a.tif", np.zeros((3, 3))])
def test_sources_anything_else_is_refused(source: Any):
    """What is no path, URL, item or order is refused."""
    with raises(scenecart.InvalidRequest, "imagery_source"):
        sources_of(source, None)


def test_sources_order_is_read_without_downloading(client: scenecart.Client, pair: gpd.GeoDataFrame, tmp_path: Path):
    """Each item of a delivered order is read through the client's session; so is a row, an item, and the folder once downloaded."""
    order = client.cart(pair, HARBOUR).estimate().place().wait(progress=False, timeout=60)
    items = order.items()
    found = sources_of(order, None)
    assert [one.name for one in found] == items["id"].tolist()
    pictures = [one.picture(None, "auto") for one in found]
    assert all((picture.draw(picture.bounds, 60, 60)[..., 3] > 0).mean() > 0.5 for picture in pictures)
    (row,) = sources_of(items.iloc[0], session_of(client))
    assert row.picture(None, "auto").bounds == pictures[0].bounds
    # a link to a catalog that needs a sign-in is not followed
    (item,) = sources_of(order.item_collection()[0], session_of(client))
    assert item.picture(None, "auto").bounds in {picture.bounds for picture in pictures}
    order.download(tmp_path / "harbour", progress=False)
    kept = sources_of(tmp_path / "harbour", None)
    assert {one.picture(None, "auto").bounds for one in kept} == {picture.bounds for picture in pictures}
