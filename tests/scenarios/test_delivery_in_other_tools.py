"""A downloaded folder is read by the tools of the field as it is, without scenecart."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.fs  # noqa: F401  # stac-geoparquet takes it for granted, and old versions of pyarrow do not load it
import pyarrow.parquet as pq
import pystac
import pytest
import rasterio
import rasterio.shutil
import rasterio.vrt
import rioxarray
import stac_geoparquet.arrow

import scenecart
from scenecart.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STACIT = pytest.mark.skipif(
    tuple(int(number) for number in rasterio.__gdal_version__.split(".")[:3]) < (3, 10, 2),
    reason="the STACIT driver of GDAL before 3.10.2 reads neither single items nor their proj:code",
)
HARBOUR = (151.18, -33.99, 151.24, -33.94)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with two orders, downloaded after each other, while the service is gone."""
    place: Path = tmp_path_factory.mktemp("delivered") / "harbour"
    with Sandbox(pace="instant", captures=20_000) as box:
        client = box.client(home=tmp_path_factory.mktemp("home"))
        captures = client.search("aurora", collections="aurora-50cm", aoi=HARBOUR, limit=2)
        for row in range(2):
            order = client.cart(captures.iloc[[row]], aoi=HARBOUR).estimate().place(again=True)
            order.wait(timeout=60, progress=False)
            order.download(place, progress=False)
    return place


@pytest.fixture
def items(folder: Path) -> list[pystac.Item]:
    """Return the items of the folder, as pystac reads them."""
    return list(pystac.Catalog.from_file(str(folder / "catalog.json")).get_items())


def test_pystac_reads_the_folder(folder: Path, items: list[pystac.Item]):
    """Every item, its order and its parent are found by pystac; each asset is a local file of the stated size."""
    assert len({item.properties["order:id"] for item in items}) == len(items) == 2
    for item in items:
        parent = item.get_parent()
        assert parent is not None
        assert Path(parent.get_self_href() or "") == folder / "catalog.json"
        for asset in item.assets.values():
            path = Path(asset.get_absolute_href() or "")
            assert path.is_relative_to(folder)
            assert path.stat().st_size == asset.extra_fields["file:size"]


@STACIT
def test_gdal_opens_the_files_and_the_items(items: list[pystac.Item], monkeypatch: pytest.MonkeyPatch):
    """GDAL opens each raster by its path, and each item with its STACIT driver, on the same grid."""
    for item in items:
        visual = item.assets["visual"]
        with rasterio.open(visual.get_absolute_href()) as raster:
            assert str(raster.crs) == item.properties["proj:code"]
            assert list(raster.shape) == visual.extra_fields["proj:shape"]
            size = raster.shape
        # GDAL resolves relative paths from the working directory
        monkeypatch.chdir(Path(item.get_self_href() or "").parent)
        with rasterio.open('STACIT:"item.json":asset=visual') as mosaic:
            assert mosaic.driver == "STACIT"
            assert mosaic.read(1).any()
            assert abs(mosaic.shape[0] - size[0]) <= 1


@STACIT
def test_gdal_opens_all_items_from_any_directory(
    folder: Path, items: list[pystac.Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """GDAL reads the items as one mosaic from any working directory, by their collection with absolute paths."""
    collection = tmp_path / "items.json"
    # the folder is named by a relative path, and read from elsewhere afterwards
    monkeypatch.chdir(folder.parent)
    scenecart.open_delivery(folder.name).item_collection().save_object(str(collection))
    for directory in (tmp_path, folder):
        monkeypatch.chdir(directory)
        with rasterio.open(f'STACIT:"{collection}":asset=analytic') as mosaic:
            assert (mosaic.driver, mosaic.count) == ("STACIT", 4)
            assert str(mosaic.crs) == items[0].properties["proj:code"]
            assert mosaic.read(1).any()


def test_gdal_reads_the_files_through_a_vrt(items: list[pystac.Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A VRT of the files, as gdalbuildvrt writes it, and a warped one show the same pixels, from any working directory."""
    monkeypatch.chdir(tmp_path)
    path = items[0].assets["analytic"].get_absolute_href() or ""
    with rasterio.open(path) as raster:
        whole = raster.read(4)
        rasterio.shutil.copy(raster, tmp_path / "analytic.vrt", driver="VRT")
        with rasterio.vrt.WarpedVRT(raster, crs="EPSG:3857") as warped:
            assert warped.read(4).any()
    with rasterio.open(tmp_path / "analytic.vrt") as mosaic:
        assert mosaic.driver == "VRT"
        assert np.array_equal(mosaic.read(4), whole)


def test_rioxarray_opens_the_files(items: list[pystac.Item]):
    """Each raster opens in rioxarray with its CRS and one layer for each band that the item describes."""
    for item in items:
        asset = item.assets["visual"]
        with rioxarray.open_rasterio(asset.get_absolute_href()) as image:
            assert image.rio.crs is not None
            assert len(image.band) == len(asset.extra_fields.get("bands") or asset.extra_fields["raster:bands"])


def test_stac_geoparquet_reads_the_items(folder: Path, items: list[pystac.Item], tmp_path: Path):
    """stac-geoparquet writes the items to a table and reads them back unchanged."""
    documents = [pystac.StacIO.default().read_json(str(path)) for path in sorted(folder.glob("*/item.json"))]
    table = stac_geoparquet.arrow.parse_stac_items_to_arrow(documents).read_all()
    stac_geoparquet.arrow.to_parquet(table, tmp_path / "items.parquet")
    found = list(stac_geoparquet.arrow.stac_table_to_items(pq.read_table(tmp_path / "items.parquet")))
    assert [item["id"] for item in found] == [document["id"] for document in documents]
    assert {item["assets"]["visual"]["href"] for item in found} == {item.assets["visual"].href for item in items}


# odc-geo uses a function that shapely has deprecated
@pytest.mark.filterwarnings("ignore:The 'shapely.ops.transform:DeprecationWarning")
def test_odc_stac_loads_the_items(items: list[pystac.Item]):
    """odc.stac.load finds bands by their names, and loads a cube of both dates."""
    pytest.importorskip("odc.stac", reason="odc-stac is not installed")
    load: Any = importlib.import_module("odc.stac").load
    cube = load(items, bands=["red", "green", "blue"], crs=items[0].properties["proj:code"], resolution=20)
    assert dict(cube.sizes)["time"] == 2
    assert cube["red"].dtype == "uint16"
    assert all(bool(cube[band].any()) for band in ("red", "green", "blue"))
