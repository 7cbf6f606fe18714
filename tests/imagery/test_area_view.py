"""Cutting quicklooks to an area: the same ground at one scale, whatever the picture's frame, also across 180°."""

from __future__ import annotations

import io

import numpy as np
import pytest
import shapely
from PIL import Image

from scenecart._imagery.area_view import AreaView

HARBOUR = shapely.box(151.18, -33.88, 151.22, -33.84)


def picture_of(footprint: shapely.Polygon, size: int = 400) -> bytes:
    """Return a north-up quicklook of a box whose red grows to the east and whose green grows to the south."""
    ramp = np.linspace(40, 240, size).astype(np.uint8)
    pixels = np.zeros((size, size, 3), dtype=np.uint8)
    pixels[..., 0], pixels[..., 1] = ramp[None, :], ramp[:, None]
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("shift", [0.0, 28.79], ids=["harbour", "across 180°"])
def test_area_view_cut_shows_the_ground_of_the_area(shift: float):
    """The middle of the area is in the middle of the cut, with the colour that the quicklook has there, on both sides of 180°."""
    footprint = shapely.transform(shapely.box(151.1, -34.0, 151.4, -33.75), lambda xy: xy + np.array([shift, 0]))
    area = shapely.transform(HARBOUR, lambda xy: xy + np.array([shift, 0]))
    if shift:
        (footprint, area) = (
            shapely.MultiPolygon(
                [
                    shapely.box(one.bounds[0], one.bounds[1], 180, one.bounds[3]),
                    shapely.box(-180, one.bounds[1], one.bounds[2] - 360, one.bounds[3]),
                ]
            )
            for one in (footprint, area)
        )
    view = AreaView.around(area, margin=0.0)
    cut = view.cut(picture_of(footprint), {"geometry": footprint}, 200)
    assert cut is not None
    red = np.asarray(cut[0])[100, 100, 0]
    expected = 40 + 200 * (151.2 - 151.1) / 0.3
    assert abs(float(red) - expected) < 4


def test_area_view_outside_of_the_quicklook_has_no_picture():
    """An area that the capture does not show, and bytes that are no picture, give none."""
    footprint = shapely.box(10, 10, 10.2, 10.2)
    view = AreaView.around(HARBOUR)
    assert view.cut(picture_of(footprint), {"geometry": footprint}, 100) is None
    assert view.cut(b"<html>", {"geometry": footprint}, 100) is None
    assert view.cut(picture_of(footprint), {"geometry": None}, 100) is None


def test_area_view_mask_is_the_area_with_its_holes():
    """The mask covers the share of the view that the area has; a hole is left out."""
    outer = shapely.box(0, 0, 1, 1)
    with_hole = outer.difference(shapely.box(0.25, 0.25, 0.75, 0.75))
    view = AreaView.around(with_hole, margin=0.0)
    assert view.mask(200, 200).mean() == pytest.approx(0.75, abs=0.02)
    assert AreaView.around(outer, margin=0.5).mask(200, 200).mean() == pytest.approx(0.25, abs=0.02)


def test_area_view_outline_is_drawn_on_a_copy():
    """The outline of the area is white on a dark line, and the picture that was given stays as it was."""
    view = AreaView.around(HARBOUR)
    blank = Image.new("RGBA", (100, 100), (90, 90, 90, 255))
    drawn = np.asarray(view.outlined(blank))
    assert (drawn.reshape(-1, 4).max(0)[:3] == 255).all()
    assert np.asarray(blank).std() == pytest.approx(np.asarray(Image.new("RGBA", (100, 100), (90, 90, 90, 255))).std())


def test_area_view_width_is_in_metres_on_the_ground():
    """The width of a view is that on the ground, not on the Mercator map."""
    view = AreaView.around(shapely.box(20.0, 60.0, 20.02, 60.01), margin=0.0)
    assert view.metres == pytest.approx(1_115, rel=0.01)
