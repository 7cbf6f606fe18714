"""Places of pictures."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from _pictures import capture, coded, turned
from scenecart._imagery.georeference import DEGREES, MERCATOR, project, transformer_to
from scenecart._imagery.georeferencing import georeference_picture


@pytest.mark.parametrize("size", [200, 50, 7])
def test_warp_part_shows_the_right_colours(size: int):
    """A part of a picture, at any size, has at each pixel the colour of that place."""
    corners = turned(20, 12, 12)
    picture = coded(600, 600)
    place = georeference_picture(picture, capture(shapely.Polygon(corners)))
    assert place is not None
    west, south, east, north = place.bounds
    third = (east - west) / 3
    bounds = (west + third, south + third, east - third, north - third)
    part = np.asarray(place.warp(picture, bounds, size, size)).astype(float)
    columns, rows = np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5)
    wide, high = bounds[2] - bounds[0], bounds[3] - bounds[1]
    ground = np.stack([bounds[0] + columns * wide / size, bounds[3] - rows * high / size], -1).reshape(-1, 2)
    at = place.to_pixels(ground).reshape(size, size, 2)
    assert (part[..., 3] == 255).all()
    assert np.abs(part[..., 0] - (at[..., 0] / 600 * 200 + 40)).max() < 3
    assert np.abs(part[..., 1] - (at[..., 1] / 600 * 200 + 40)).max() < 3


def test_warp_beyond_the_picture_is_transparent():
    """Where there is no picture, the result is transparent."""
    picture = coded(100, 100)
    place = georeference_picture(picture, capture(shapely.box(10, 10, 11, 11)))
    assert place is not None
    west, south, east, north = place.bounds
    beside = (east + 1_000, south, east + 1_000 + (east - west), north)
    assert not np.asarray(place.warp(picture, beside, 40, 40))[..., 3].any()
    assert place.warp(picture, place.bounds, 1, 1).size == (1, 1)


def test_project_flat_crs_keeps_longitudes_beyond_180():
    """Degrees and Web Mercator go on beyond the antimeridian; an unknown CRS gives no numbers."""
    point = np.array([[181.0, -17.0]])
    assert project(point, DEGREES).tolist() == [[181.0, -17.0]]
    assert project(point, MERCATOR)[0, 0] > 20_037_508
    assert np.isnan(project(point, "EPSG:1")).all()
    assert transformer_to("nonsense") is None
