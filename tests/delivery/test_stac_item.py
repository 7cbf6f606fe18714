"""Items on disk: the service's item without what belongs to the service, with what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pystac
import pytest
import rasterio

from _scripted_service import feature
from scenecart._delivery.checksums import checksum_of
from scenecart._delivery.stac_item import ReceivedFile, add_extensions, asset_on_disk, new_item

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://service.example"
PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"


def received(path: Path, key: str = "visual") -> ReceivedFile:
    grid = {"height": 20, "width": 30, "crs": "EPSG:32631", "transform": rasterio.Affine(10, 0, 500_000, 0, -10, 5_000_000)}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", nodata=0, **grid) as raster:
        raster.write(np.ones((2, 20, 30), "uint16"))
        raster.descriptions = ("red", "quality")
        raster.scales = (0.0001, 1.0)
    return ReceivedFile(key, path, path.stat().st_size, checksum_of(path), "checksum")


def test_new_item_keeps_the_metadata_and_no_signed_address():
    """Properties, geometry and links elsewhere are kept; the service's catalog, its collection and signed links are not."""
    links = [
        {"rel": "self", "href": "https://x.example/item"},
        {"rel": "collection", "href": "https://x.example/c"},
        {"rel": "license", "href": "https://x.example/licence"},
        {"rel": "via", "href": "https://x.example/v?X-Amz-Signature=private"},
        {"rel": "about"},
        5,
    ]
    found = new_item({**feature("a", gsd=0.5), "links": links, "stac_version": "1.1.0"}, "o 1", URL)
    assert (found["id"], found["stac_version"], found["properties"]["gsd"], found["assets"]) == ("a", "1.1.0", 0.5, {})
    assert "collection" not in found
    assert [link["rel"] for link in found["links"]] == ["root", "parent", "license", "derived_from"]
    assert found["links"][-1]["href"] == f"{URL}/v1/op/orders.get?id=o%201"
    assert found["bbox"] == [0.0, 10.0, 0.1, 10.1]
    assert pystac.Item.from_dict(found).id == "a"


@pytest.mark.parametrize(
    "served", [{"id": "a"}, {"id": "a", "geometry": 5, "properties": 5, "links": 5, "stac_extensions": "x", "stac_version": None}]
)
def test_new_item_of_a_malformed_item_is_written_all_the_same(served: dict[str, Any]):
    """What the service does not state, or states wrongly, does not stop a delivery."""
    found = new_item(served, "o", URL)
    assert (found["type"], found["properties"]["order:id"], found["stac_extensions"]) == ("Feature", "o", [])


def test_asset_is_described_from_its_file(tmp_path: Path):
    """What the service does not state of a raster is read from the file: CRS, grid and bands, in the terms of STAC 1.0 and 1.1."""
    file = received(tmp_path / "a b.tif")
    old, extensions = asset_on_disk({"href": "https://x.example/?sig=1", "type": "image/tiff"}, file, new_item(feature(), "o", URL))
    assert (old["href"], old["file:size"], old["scenecart:verified"]) == ("./a%20b.tif", file.size, "checksum")
    assert (old["proj:code"], old["proj:shape"]) == ("EPSG:32631", [20, 30])
    assert old["proj:transform"] == [10.0, 0.0, 500_000.0, 0.0, -10.0, 5_000_000.0]
    assert old["raster:bands"][0] == {"data_type": "uint16", "nodata": 0.0, "scale": 0.0001, "offset": 0.0}
    assert old["eo:bands"] == [{"name": "red", "common_name": "red"}, {"name": "quality"}]
    assert any("/raster/" in name for name in extensions)
    new, _ = asset_on_disk({"type": "image/tiff"}, file, new_item({**feature(), "stac_version": "1.1.0"}, "o", URL))
    assert [band["name"] for band in new["bands"]] == ["red", "quality"]
    assert "raster:bands" not in new


def test_asset_metadata_of_the_service_is_kept(tmp_path: Path):
    """What the service states of a raster stays as it is, on the asset or the item; an EPSG code needs no second form."""
    stated = {
        "proj:shape": [1, 1],
        "raster:bands": [{"data_type": "other"}],
        "alternate": {"s3": {"href": "s3://x"}},
        "roles": ["data"],
    }
    item = new_item(feature("a", **{"proj:epsg": 32631}), "o", URL)
    found, _ = asset_on_disk(stated, received(tmp_path / "a.tif"), item)
    assert (found["proj:shape"], found["raster:bands"], found["roles"]) == ([1, 1], [{"data_type": "other"}], ["data"])
    assert not {"alternate", "proj:code"} & found.keys()


def test_asset_without_a_computed_checksum_states_none(tmp_path: Path):
    """The announced checksum of a file that was not read is not repeated as if it had been measured."""
    file = ReceivedFile("thumbnail", tmp_path / "a.png", 5, None, "size")
    found, extensions = asset_on_disk({"file:checksum": "1220" + "00" * 32, "file:size": 7}, file, new_item(feature(), "o", URL))
    assert found == {"href": "./a.png", "file:size": 5, "scenecart:verified": "size"}
    assert len(extensions) == 1


def test_add_extensions_adds_no_second_version():
    """An extension that an item names in another version is not added."""
    item = {"stac_extensions": ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"]}
    add_extensions(item, [PROJECTION, "https://stac-extensions.github.io/file/v2.1.0/schema.json"] * 2)
    assert len(item["stac_extensions"]) == 2
