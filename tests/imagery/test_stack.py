"""Stacks of rasters in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from pyproj import Transformer

import scenecart
from _expect import raises
from scenecart._imagery.stack import Layer, StackOptions, load_stack

if TYPE_CHECKING:
    from pathlib import Path

SIDE, SIZE = 50, 10.0
CORNER = (331_800.0, 6_243_100.0)


def write(path: Path, shift: float = 0, value: int = 100, alpha: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # a fixture
    """Write a raster of two bands, or of one and alpha, and return the fields of its asset."""
    pixels = np.full((2, SIDE, SIDE), value, "uint16") + np.arange(SIDE, dtype="uint16")
    pixels[0, :5] = 0
    pixels[1] = np.where(pixels[0] > 0, 65_535, 0) if alpha else pixels[1] * 2
    transform = rasterio.Affine(SIZE, 0, CORNER[0] + shift, 0, -SIZE, CORNER[1])
    grid = {"height": SIDE, "width": SIDE, "crs": "EPSG:32756", "transform": transform}
    with rasterio.open(path, "w", driver="GTiff", count=2, dtype="uint16", nodata=None if alpha else 0, **grid) as raster:
        raster.write(pixels)
    pixel = {"data_type": "uint16"} if alpha else {"data_type": "uint16", "nodata": 0, "scale": 0.5, "offset": -1}
    return {
        "href": str(path),
        "type": "image/tiff; application=geotiff",
        "roles": ["data"],
        "proj:code": "EPSG:32756",
        "proj:shape": [SIDE, SIDE],
        "proj:transform": [*transform][:6],
        "raster:bands": [pixel, pixel],
    }


def item(number: int, asset: dict[str, Any]) -> dict[str, Any]:
    ring = [[151.184, -33.945], [151.190, -33.945], [151.190, -33.94], [151.184, -33.94], [151.184, -33.945]]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": ["https://stac-extensions.github.io/projection/v2.0.0/schema.json",
                            "https://stac-extensions.github.io/raster/v1.1.0/schema.json"],
        "id": str(number),
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "bbox": [151.184, -33.945, 151.190, -33.94],
        "properties": {"datetime": f"2024-0{number + 1}-01T00:00:00Z"},
        "links": [],
        "assets": {"data": asset},
    }  # fmt: skip


@pytest.mark.parametrize("east", [-179.996, 180.004])
def test_load_stack_across_the_antimeridian_reads_both_sides(tmp_path: Path, east: float):
    """A bounding box from 179.998 degrees east to 179.996 west is a small one, and has the pixels of both sides of 180."""
    path = tmp_path / "across.tif"
    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32760", always_xy=True).transform(180, -17)
    transform = rasterio.Affine(SIZE, 0, round(x, -1) - 500, 0, -SIZE, round(y, -1) + 500)
    grid = {"height": 100, "width": 100, "count": 1, "dtype": "uint8", "crs": "EPSG:32760", "transform": transform}
    with rasterio.open(path, "w", driver="GTiff", **grid) as raster:
        raster.write(np.tile(np.arange(1, 101, dtype="uint8"), (100, 1)), 1)
    asset = {"href": str(path), "proj:code": "EPSG:32760", "proj:shape": [100, 100], "proj:transform": [*transform][:6]}
    across = {**item(0, asset), "bbox": [179.99, -17.01, -179.99, -16.99]}
    found = load_stack([(across, {"a": Layer(path, 1, asset)})], StackOptions(bbox=(179.998, -17.001, east, -16.999)))
    columns = found["a"].isel(time=0).values
    # 0.006 degrees are 640 metres; 180 degrees is at column 50
    assert 60 <= columns.shape[1] <= 68
    assert columns.min() < 45
    assert columns.max() > 60


@pytest.fixture
def layers(tmp_path: Path) -> list[tuple[dict[str, Any], dict[str, Layer]]]:
    """Write three dates, the last shifted by three pixels."""
    found = []
    for number, shift in enumerate((0.0, 0.0, 3 * SIZE)):
        path = tmp_path / f"{number}.tif"
        asset = write(path, shift, 100 * (number + 1))
        found.append((item(number, asset), {"red": Layer(path, 1, asset), "nir": Layer(path, 2, asset)}))
    return found


@pytest.mark.parametrize(
    "options",
    [{}, {"resolution": 20}, {"crs": "EPSG:3857", "resolution": 15}, {"bbox": (151.186, -33.943, 151.188, -33.941)}],
    ids=str,
)
def test_load_stack_equals_odc_stac_by_hand(layers: Any, options: dict[str, Any]):
    """Every pixel is that of odc-stac, on its grid, in any CRS and resolution."""
    by_hand = odc.stac.load([pystac.Item.from_dict(one) for one, _ in layers], bands=["data.1", "data.2"], **options)
    found = load_stack(layers, StackOptions(**options))
    assert list(found) == ["red", "nir"]
    assert found["red"].dims == ("time", "y", "x")
    for name, other in (("red", "data.1"), ("nir", "data.2")):
        assert np.array_equal(found[name].values, by_hand[other].values)
    assert np.array_equal(found["x"], by_hand["x"])
    assert np.array_equal(found["time"], by_hand["time"])


def test_load_stack_masked_and_scaled_converts_each_band(layers: Any):
    """No data is NaN, and scale and offset are those of the item."""
    raw = load_stack(layers, StackOptions())
    found = load_stack(layers, StackOptions(scaled=True))
    assert found["red"].dtype == np.float32
    assert np.array_equal(np.isnan(found["red"]), raw["red"] == 0)
    assert np.allclose(found["red"], raw["red"].where(raw["red"] > 0) * 0.5 - 1, equal_nan=True)
    assert float(load_stack(layers, StackOptions(masked=True))["nir"].max()) == float(raw["nir"].max())


def test_load_stack_masked_alpha_is_the_mask(tmp_path: Path):
    """Where the alpha band of a file is 0, its other bands are NaN; the alpha itself is not in the stack."""
    asset = write(tmp_path / "a.tif", alpha=True)
    layer = Layer(tmp_path / "a.tif", 1, asset, alpha=2)
    found = load_stack([(item(0, asset), {"red": layer})], StackOptions(masked=True))
    assert list(found) == ["red"]
    assert np.isnan(found["red"].values[0, :5, :50]).all()
    assert (found["red"].values[0, 5:, :50] >= 100).all()


def test_load_stack_with_chunks_is_read_by_dask(layers: Any):
    """Chunks make the stack lazy, with the same pixels."""
    found = load_stack(layers, StackOptions(chunks={"x": 20, "y": 20}))
    assert found["red"].chunks is not None
    assert np.array_equal(found["red"].compute(), load_stack(layers, StackOptions())["red"])


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"resolution": 0}, "resolution_invalid"),
        ({"resolution": "10 m"}, "resolution_invalid"),
        ({"resolution": True}, "resolution_invalid"),
        ({"crs": "EPSG:1"}, "crs_invalid"),
        ({"crs": [1]}, "crs_invalid"),
        ({"bbox": (1, 2, 3)}, "stack_bbox_invalid"),
        ({"bbox": (152, -33, 151, -32)}, "stack_bbox_invalid"),
        ({"bbox": (float("nan"), 0, 1, 1)}, "stack_bbox_invalid"),
        ({"bbox": (0, 0, 1, 1)}, "bbox_outside"),
        ({"bbox": (179, -34, -179, -33), "crs": "EPSG:3857"}, "stack_across_antimeridian"),
        ({"bbox": (179, -34, -179, -33), "crs": "EPSG:4326"}, "stack_across_antimeridian"),
        ({"chunks": 5}, "chunks_invalid"),
        ({"chunks": {"band": 1}}, "chunks_invalid"),
    ],
    ids=str,
)
def test_load_stack_invalid_option_is_refused(layers: Any, options: dict[str, Any], code: str):
    """Each option that cannot be used is an error of its own."""
    with raises(scenecart.InvalidRequest, code):
        load_stack(layers, StackOptions(**options))


def test_load_stack_items_without_a_grid_need_one(layers: Any):
    """Items that do not say their grid are stacked with a CRS and a resolution, and otherwise refused."""
    bare = []
    for one, bands in layers:
        fields = {name: value for name, value in one["assets"]["data"].items() if not name.startswith("proj:")}
        bare.append((one, {name: Layer(layer.source, layer.band, fields) for name, layer in bands.items()}))
    with raises(scenecart.InvalidRequest, "stack_grid_unknown"):
        load_stack(bare, StackOptions())
    found = load_stack(bare, StackOptions(crs="EPSG:32756", resolution=10))
    assert int(found["red"].max()) == 349
