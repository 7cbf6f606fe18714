"""A folder of deliveries opened without a client, and read by other tools."""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import odc.stac
import pyarrow.fs  # noqa: F401  # stac-geoparquet takes it for granted, and old versions of pyarrow do not load it
import pystac
import pytest
import rasterio
import rioxarray
import stac_geoparquet.arrow
from packaging.version import Version

import scenecart
from _expect import raises, warns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scenecart.sandbox import Sandbox

HARBOUR = (151.18, -33.99, 151.24, -33.94)
SMALL = (151.205, -33.97, 151.215, -33.96)


@pytest.fixture(scope="module")
def delivered(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[scenecart.Order, Path]]:
    """Return a delivered order of two dates of a harbour, and the folder it was downloaded to."""
    with box.client("analyst", home=tmp_path_factory.mktemp("home"), sleep=lambda _: None) as client:
        found = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, datetime="2024-01/2024-06", max_cloud_cover=60)
        captures = scenecart.filter(found, coverage=0.999, aoi=SMALL).head(2)
        order = client.cart(captures, aoi=SMALL).estimate().place().wait(timeout=60, progress=False)
        folder = tmp_path_factory.mktemp("harbour")
        order.download(folder, progress=False)
        yield order, folder


@pytest.fixture
def copied(delivered: tuple[scenecart.Order, Path], tmp_path: Path) -> Path:
    """Return a copy of the folder, which the test may damage."""
    return Path(shutil.copytree(delivered[1], tmp_path / "copied"))


def items_of(folder: Path) -> list[pystac.Item]:
    return list(pystac.Catalog.from_file(str(folder / "catalog.json")).get_items(recursive=True))


def test_open_delivery_lists_opens_and_stacks_without_a_client(delivered: Any):
    """A folder has the items, arrays and stacks that the order had."""
    order, folder = delivered
    opened = scenecart.open_delivery(folder)
    assert opened.path == folder
    assert repr(opened).endswith("2 items)")
    assert sorted(opened.items()["id"]) == sorted(order.items()["id"])
    name = opened.items()["id"].iloc[0]
    image = opened.open("analytic", item=name, scaled=True)
    assert image.band.values.tolist() == ["blue", "green", "red", "nir"]
    assert float(image.max()) < 1
    stack = opened.stack(["red", "nir"])
    assert stack["red"].dims == ("time", "y", "x")
    assert stack.sizes["time"] == 2
    assert set(opened.stack()) == {"blue", "green", "red", "nir"}
    assert set(np.unique(opened.stack("udm")["udm"])) <= {0, 1, 2}


def test_order_stack_is_the_same_from_disk_and_remotely(delivered: Any, box: Sandbox, tmp_path: Path):
    """What was downloaded is read from disk, the rest through the client's session, with the same pixels."""
    order, folder = delivered
    box.faults.clear()
    from_disk = order.stack(["red", "nir"])
    with box.client("analyst", home=tmp_path / "home", sleep=lambda _: None) as client:
        other = client.order(order.id)
        remote = other.stack(["red", "nir"])
        here = other.stack(["red", "nir"], directory=folder)
    for name in ("red", "nir"):
        assert np.array_equal(from_disk[name], remote[name])
        assert np.array_equal(from_disk[name], here[name])


def test_order_open_remote_reads_what_the_downloaded_file_has(delivered: Any, tmp_path: Path):
    """A remote array has the pixels, names and grid of the file, and keeps nothing on disk."""
    order, _ = delivered
    name = order.items()["id"].iloc[0]
    local = order.open("visual", item=name, directory=tmp_path / "local")
    remote = order.open("visual", item=name, directory=tmp_path / "remote", remote=True)
    part = {"y": slice(10, 30), "x": slice(5, 40)}
    assert np.array_equal(remote.isel(part), local.isel(part))
    assert remote.rio.transform() == local.rio.transform()
    assert remote.band.values.tolist() == ["red", "green", "blue", "alpha"]
    assert not (tmp_path / "remote").exists()


def test_stack_is_what_odc_stac_reads_of_the_folder(delivered: Any):
    """odc-stac reads the folder as it is, and a stack has the same pixels on the same grid."""
    _, folder = delivered
    by_hand = odc.stac.load(items_of(folder), bands=["analytic.3", "analytic.4"])
    stack = scenecart.open_delivery(folder).stack(["red", "nir"])
    for name, other in (("red", "analytic.3"), ("nir", "analytic.4")):
        assert np.array_equal(stack[name], by_hand[other])
    assert np.array_equal(stack["y"], by_hand["y"])


def test_folder_is_read_by_pystac_rioxarray_and_stac_geoparquet(delivered: Any):
    """Other tools read the folder unchanged: the catalog, each file, and a table of the items."""
    _, folder = delivered
    items = items_of(folder)
    assert len(items) == 2
    for item in items:
        href = item.assets["analytic"].get_absolute_href()
        assert href is not None
        with rioxarray.open_rasterio(href) as array, rasterio.open(href) as plain:
            assert array.rio.crs == plain.crs
            assert np.array_equal(array.values, plain.read())
    table = stac_geoparquet.arrow.parse_stac_items_to_arrow([item.to_dict(transform_hrefs=False) for item in items])
    assert table.read_all().num_rows == 2


@pytest.mark.skipif(Version(rasterio.__gdal_version__) < Version("3.10.2"), reason="older versions of GDAL do not know proj:code")
def test_item_collection_is_read_by_gdal_as_a_mosaic(delivered: Any, tmp_path: Path):
    """GDAL's STACIT driver shows the items of a folder as one mosaic."""
    _, folder = delivered
    collection = tmp_path / "items.json"
    scenecart.open_delivery(folder).item_collection().save_object(str(collection))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(f'STACIT:"{collection}":asset=analytic') as mosaic:
            assert mosaic.count == 4
            assert mosaic.read(1).any()


def test_open_delivery_folder_without_items_is_refused(tmp_path: Path):
    """A folder that is empty, missing or of something else is an error."""
    for folder in (tmp_path, tmp_path / "missing"):
        with raises(scenecart.InvalidRequest, "delivery_without_items"):
            scenecart.open_delivery(folder)


def test_delivery_wrong_asset_item_or_band_is_refused(delivered: Any):
    """Errors name what there is."""
    opened = scenecart.open_delivery(delivered[1])
    with raises(scenecart.InvalidRequest, "asset_ambiguous"):
        opened.open("visual")
    with raises(scenecart.InvalidRequest, "asset_unknown"):
        opened.open("thermal")
    with raises(scenecart.InvalidRequest, "item_without_asset"):
        opened.open("visual", item="other")
    with raises(scenecart.InvalidRequest, "resolution_invalid"):
        opened.open("visual", item=opened.items()["id"].iloc[0], resolution=-1)
    with raises(scenecart.InvalidRequest, "band_unknown") as caught:
        opened.stack(["red", "thermal"])
    assert "nir" in caught.value.details["bands"]
    for wrong in ([], [5], ["red", "red"], 5):
        with raises(scenecart.InvalidRequest, "bands_invalid"):
            opened.stack(wrong)  # type: ignore[arg-type]  # what is refused


def test_delivery_items_without_the_bands_are_warned_of(copied: Path):
    """An item that lacks a band is left out of the stack, with a warning."""
    path = next(copied.glob("*/item.json"))
    item = json.loads(path.read_text())
    del item["assets"]["analytic"]
    path.write_text(json.dumps(item))
    with pytest.warns(scenecart.ScenecartWarning) as caught:
        stack = scenecart.open_delivery(copied).stack(["nir"])
    codes = [one.message.code for one in caught if isinstance(one.message, scenecart.ScenecartWarning)]
    assert codes == ["items_without_bands"]
    assert stack.sizes["time"] == 1


@pytest.mark.parametrize("href", ["../../secret.tif", "/etc/hostname", "missing.tif", "\0", None, 5, "https://host.example/a.tif"])
def test_delivery_href_outside_its_folder_is_not_opened(copied: Path, href: Any):
    """An item reads only files in its own folder."""
    shutil.copy(next(copied.glob("*/*analytic.tif")), copied.parent / "secret.tif")
    path = next(copied.glob("*/item.json"))
    item = json.loads(path.read_text())
    item["assets"]["analytic"]["href"] = href
    path.write_text(json.dumps(item))
    opened = scenecart.open_delivery(copied)
    with raises(scenecart.DownloadError, "delivered_file_missing"):
        opened.open("analytic", item=item["id"])
    with raises(scenecart.DownloadError, "delivered_file_missing"):
        opened.stack(["nir"])


NO_STAC: list[dict[str, Any]] = [{"assets": {"visual": 5}}, {"properties": {"datetime": None}}, {"stac_version": []}]


@pytest.mark.parametrize("change", NO_STAC)
def test_delivery_item_that_is_no_stac_is_left_out_of_the_collection(copied: Path, change: dict[str, Any]):
    """An item that pystac cannot read is left out with a warning, and an asset that is none with nothing."""
    path = next(copied.glob("*/item.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    opened = scenecart.open_delivery(copied)
    with warns("items_left_out") if "assets" not in change else contextlib.nullcontext():
        found = opened.item_collection()
    assert len(found) == len(opened.items()) - ("assets" not in change)


def test_delivery_damaged_items_are_left_out(copied: Path):
    """An item that is not readable does not hide the others."""
    next(copied.glob("*/item.json")).write_text("{")
    assert len(scenecart.open_delivery(copied).items()) == 1
