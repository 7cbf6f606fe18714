"""Which asset of a delivered item is a cloud mask, and which of its values are cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import rasterio
import shapely
from rasterio import Affine

from scenecart._delivery.cloud_masks import cloud_in_masks, rule_of

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = [
    {"value": 0, "name": "no_data"},
    {"value": 1, "name": "clear"},
    {"value": 2, "name": "cloud"},
    {"value": 3, "name": "cloud_shadow"},
    {"value": 9, "name": "cloud_high_probability"},
]
BITS = [
    {"name": "dilated_cloud", "offset": 1, "length": 1, "classes": [{"value": 1, "name": "dilated"}]},
    {"name": "cloud", "offset": 3, "length": 1, "classes": [{"value": 0, "name": "not_cloud"}, {"value": 1, "name": "cloud"}]},
]


@pytest.mark.parametrize(
    ("asset", "values", "expected"),
    [
        ({"classification:classes": CLASSES}, [0, 1, 2, 3, 9], [False, False, True, False, True]),
        ({"raster:bands": [{"classification:classes": CLASSES}]}, [1, 2], [False, True]),
        ({"classification:bitfields": BITS}, [0, 2, 8, 10], [False, False, True, True]),
        ({"bands": [{"name": "clear"}, {"name": "cloud"}]}, [0, 1], [False, True]),
    ],
    ids=["classes", "classes of a band", "bit fields", "a band named cloud"],
)
def test_rule_of_an_asset_says_which_values_are_cloud(asset: dict[str, Any], values: list[int], expected: list[bool]):
    """Classes, bit fields and a band named cloud are understood; shadows and what is not cloud do not count."""
    found = rule_of(asset)
    assert found is not None
    assert found[1](np.array(values)).tolist() == expected


@pytest.mark.parametrize(
    "asset",
    [
        {},
        {"classification:classes": "x"},
        {"classification:classes": [{"value": "two", "name": "cloud"}, 5]},
        {"classification:classes": [{"value": 1, "name": "cloud-free"}]},
        {"classification:bitfields": [{"name": "cloud", "offset": -1, "length": 1, "classes": [{"value": 1, "name": "cloud"}]}]},
        {"classification:bitfields": [{"name": "cloud", "offset": 0, "length": 99, "classes": [{"value": 1, "name": "cloud"}]}]},
        {"bands": [{"name": "udm"}]},
    ],
)
def test_rule_of_an_asset_without_classes_is_none(asset: dict[str, Any]):
    """An asset that does not state where cloud is, or states it in an impossible form, is not a cloud mask."""
    assert rule_of(asset) is None


def test_cloud_in_masks_leaves_out_no_data_and_damaged_files(tmp_path: Path):
    """The share is of the pixels with data; a damaged mask counts for nothing, and without pixels there is no figure."""
    path, broken = tmp_path / "udm.tif", tmp_path / "broken.tif"
    values = np.zeros((10, 10), np.uint8)
    values[:5], values[:5, :2] = 1, 2
    profile = {"driver": "GTiff", "dtype": "uint8", "count": 1, "height": 10, "width": 10, "crs": "EPSG:4326"}
    with rasterio.open(path, "w", transform=Affine(0.1, 0, 0, 0, -0.1, 1), **profile) as file:
        file.write(values, 1)
    broken.write_bytes(b"II*\0")
    asset = {"classification:classes": CLASSES}
    masks = [(broken, asset), (path, asset)]
    assert cloud_in_masks(masks, shapely.box(0, 0, 1, 1)) == pytest.approx(20)
    assert cloud_in_masks(masks, shapely.box(0, 0, 1, 0.4)) is None
    assert cloud_in_masks([(path, {})], shapely.box(0, 0, 1, 1)) is None
