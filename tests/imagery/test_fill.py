"""Fill around scenes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from PIL import Image

from _pictures import coded, north_up, turned
from scenecart._imagery.fill import fill_of, without_fill


@pytest.mark.parametrize("fill", [(0, 0, 0, 255), (255, 255, 255, 255), (0, 0, 0, 0)])
def test_fill_of_scene_is_found(fill: tuple[int, ...]):
    """Black, white and transparent fill around a scene is found; a frame has none."""
    picture, _ = north_up(shapely.Polygon(turned(14, 60, 60)), "EPSG:32756", fill=fill)
    share = (np.asarray(picture) == fill).all(-1).mean()
    assert fill_of(picture).mean() == pytest.approx(share, abs=0.01)
    assert not fill_of(coded(100, 100)).any()


def test_without_fill_leaves_dark_water():
    """Only the dark that is connected with a corner becomes transparent; a dark lake stays."""
    picture, _ = north_up(shapely.Polygon(turned(14, 60, 60)), "EPSG:32756", side=600)
    pixels = np.array(picture)
    pixels[280:320, 280:320, :3] = 4
    cleared = np.asarray(without_fill(Image.fromarray(pixels)))
    assert (cleared[280:320, 280:320, 3] == 255).all()
    lake = 40 * 40 / pixels[..., 0].size
    assert (cleared[..., 3] == 0).mean() == pytest.approx((pixels[..., :3].max(-1) <= 4).mean() - lake, abs=0.005)


def test_without_fill_white_clouds_in_a_corner_stay():
    """White in one corner is a cloud, not fill."""
    pixels = np.array(coded(100, 100))
    pixels[:30, :30] = 255
    assert (np.asarray(without_fill(Image.fromarray(pixels)))[..., 3] == 255).all()


def test_fill_of_winding_fill_is_found():
    """Fill that winds through a picture is followed to its end."""
    pixels = np.full((60, 60, 4), 120, dtype="uint8")
    pixels[..., 3] = 255
    pixels[::4, :, :3] = 0
    for number in range(0, 56, 4):
        pixels[number : number + 4, -1 if number % 8 else 0, :3] = 0
    assert fill_of(Image.fromarray(pixels)).sum() == (pixels[..., 0] == 0).sum()
