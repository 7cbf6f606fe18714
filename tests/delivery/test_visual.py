"""Which raster of an item is best looked at."""

from __future__ import annotations

from typing import Any

import pytest

from scenecart._delivery.visual import visual_asset

TIFF = {"type": "image/tiff; application=geotiff; profile=cloud-optimized", "href": "a.tif"}


@pytest.mark.parametrize(
    ("assets", "expected"),
    [
        ({"analytic": TIFF, "visual": TIFF}, "visual"),
        ({"analytic": TIFF, "picture": {**TIFF, "roles": ["visual"]}}, "picture"),
        ({"B01": TIFF, "TCI": TIFF}, "TCI"),
        ({"B01": {"href": "https://example.com/B01.jp2?sig=1"}}, "B01"),
        ({"thumbnail": {"href": "a.png", "type": "image/png"}, "page": {"type": "text/html", "href": "a.tif"}}, None),
        ({}, None),
    ],
)
def test_visual_asset_is_the_raster_for_the_eye(assets: dict[str, Any], expected: str | None):
    """The role decides, then a usual key, then the first raster; pictures and pages are none."""
    assert visual_asset(assets) == expected
