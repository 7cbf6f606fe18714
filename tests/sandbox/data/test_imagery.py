"""Generated images of captures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import rasterio
import shapely

from scenecart.sandbox._data import imagery

if TYPE_CHECKING:
    from pathlib import Path


def test_draw_same_capture_gives_same_image():
    """A capture id always gives the same image; another id or cloud cover gives another."""
    first, second, other, cloudy = (imagery.draw(*arguments, 32, 48) for arguments in (("a", 0), ("a", 0), ("b", 0), ("a", 80)))
    assert first.shape == (3, 32, 48)
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
    assert cloudy.mean() > first.mean()


@pytest.mark.parametrize(
    ("area", "crs"),
    [
        (shapely.box(151.1, -34, 151.3, -33.8), "EPSG:32756"),
        (shapely.box(10, 55, 11, 56), "EPSG:32632"),
        (shapely.box(0, 84, 20, 86), "EPSG:3413"),
        (shapely.box(0, -86, 20, -84), "EPSG:3031"),
        (shapely.box(0, 0, 20, 10), "EPSG:4326"),
    ],
)
def test_write_geotiff_chooses_crs_by_area(tmp_path: Path, area: shapely.Polygon, crs: str):
    """The file is in a UTM zone, a polar projection, or EPSG:4326 for wide areas, and transparent outside the area."""
    with imagery.environment():
        written, shape, transform, _ = imagery.write_geotiff(tmp_path / "a.tif", "a", 10, area)
        with rasterio.open(tmp_path / "a.tif") as file:
            assert (written, f"EPSG:{file.crs.to_epsg()}") == (crs, crs)
            assert list(file.shape) == shape
            assert list(file.transform)[:6] == pytest.approx(transform)
            assert file.count == 4
