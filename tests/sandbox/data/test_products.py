"""Delivered files."""

from __future__ import annotations

import io

import numpy as np
import pytest
import rasterio
import shapely

from scenecart.sandbox._data import imagery, products
from scenecart.sandbox._data.ground import BANDS

FOOTPRINT = shapely.box(151.1, -34.05, 151.3, -33.85)
HARBOUR = shapely.Polygon([(151.18, -33.99), (151.24, -33.98), (151.235, -33.94), (151.19, -33.945)])
TIME = 1_710_000_000.0


def delivered(percent: float | None = 30, name: str = "a", **options: bool) -> tuple[dict[str, bytes], imagery.Grid]:
    crs, projected = imagery.projected_area(HARBOUR)
    grid = products.plan_grid(crs, projected, 0.52)
    return products.files(imagery.Scene(name, percent, FOOTPRINT, TIME, **options), projected, grid), grid


def test_files_are_cloud_optimized_with_bands_scale_and_no_data():
    """Visual, analytic and mask are cloud-optimized GeoTIFFs on one grid; each says what its bands and values are."""
    found, grid = delivered()
    assert list(found) == ["visual.tif", "analytic.tif", "udm.tif", "thumbnail.png"]
    names = {"visual.tif": products.VISUAL_BANDS, "analytic.tif": BANDS, "udm.tif": ("udm",)}
    for name, bands in names.items():
        with rasterio.open(io.BytesIO(found[name])) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
            assert file.overviews(1)
            assert file.descriptions == bands
            assert (file.crs.to_string(), file.transform, file.shape) == (grid.crs, grid.affine, (grid.height, grid.width))
            assert file.nodata == (None if name == "visual.tif" else 0)
            outside = file.dataset_mask() == 0
            assert 0.05 < outside.mean() < 0.6
    with rasterio.open(io.BytesIO(found["analytic.tif"])) as file:
        assert (file.dtypes[0], file.scales, file.offsets) == ("uint16", (0.0001,) * 4, (-0.1,) * 4)


def test_files_mask_is_where_the_clouds_are():
    """The mask has the clouds that the rasters show: what it calls clear looks like a capture without clouds."""
    cloudy, clear = (delivered(percent)[0] for percent in (45, 0))

    def bands(content: bytes) -> np.ndarray:
        with rasterio.open(io.BytesIO(content)) as file:
            return file.read()

    mask = bands(cloudy["udm.tif"])[0]
    numbers, ground = bands(cloudy["analytic.tif"]), bands(clear["analytic.tif"])
    assert np.array_equal(numbers[:, mask == products.CLEAR], ground[:, mask == products.CLEAR])
    assert (numbers != ground).any(axis=0)[mask == products.CLOUD].all()
    assert np.array_equal(mask == products.NO_DATA, numbers[0] == 0)
    assert products.CLOUD not in bands(clear["udm.tif"])


def test_files_of_radar_are_a_grey_visual_and_a_thumbnail():
    """Radar has no spectral bands and no clouds."""
    found, _ = delivered(None, is_radar=True)
    assert list(found) == ["visual.tif", "thumbnail.png"]


@pytest.mark.parametrize(
    ("side", "gsd", "captures", "size", "most"),
    [(0.002, 0.52, 1, 0.5, 460), (0.2, 0.52, 1, None, 1_030), (0.2, None, 100, None, 350), (0.05, 10.4, 1, 10, 600)],
)
def test_plan_grid_is_native_up_to_a_bound(side: float, gsd: float | None, captures: int, size: float | None, most: int):
    """Pixels are as fine as the sensor's, up to a bound that is lower for large orders, and lie on multiples of their size."""
    crs, projected = imagery.projected_area(shapely.box(151.18, -33.99, 151.18 + side, -33.99 + side))
    grid = products.plan_grid(crs, projected, gsd, captures=captures)
    assert max(grid.height, grid.width) <= most
    assert size in {None, grid.affine.a}
    assert grid.affine.a == -grid.affine.e
    assert grid.affine.c % grid.affine.a == pytest.approx(0, abs=1e-6)
    west, south, east, north = grid.bounds
    assert shapely.box(west, south, east, north).covers(projected)


@pytest.mark.parametrize(
    "area", [shapely.box(0, 0, 60, 40), shapely.box(0, 85, 30, 88), shapely.box(10, 50, 10.0000001, 50.0000001)]
)
def test_files_of_any_area_are_written(area: shapely.Geometry):
    """A continent, a polar cap and a spot have files."""
    crs, projected = imagery.projected_area(area)
    grid = products.plan_grid(crs, projected, 0.5, captures=200)
    found = products.files(imagery.Scene("a", 10, area, TIME), projected, grid)
    with rasterio.open(io.BytesIO(found["analytic.tif"])) as file:
        assert file.read().any()
