"""Bands of delivered items."""

from __future__ import annotations

from typing import Any

import pytest

from scenecart._delivery.bands import Place, band_names, default_bands, find_bands, known_bands

TIFF = "image/tiff; application=geotiff"


def bands(*names: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names]


ITEM: dict[str, Any] = {
    "assets": {
        "visual": {"type": TIFF, "roles": ["data", "visual"], "eo:bands": bands("red", "green", "blue", "alpha")},
        "analytic": {"type": TIFF, "eo:bands": [{"name": "B1", "common_name": "red"}, {"name": "B2", "common_name": "nir"}]},
        "udm": {"type": TIFF, "raster:bands": [{}]},
        "thumbnail": {"type": "image/png", "roles": ["thumbnail"]},
        "metadata": {"type": "application/json"},
        "damaged": 5,
    }
}


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("red", Place("analytic", 1)),
        ("B2", Place("analytic", 2)),
        ("green", Place("visual", 2, 4)),
        ("visual.red", Place("visual", 1, 4)),
        ("alpha", Place("visual", 4)),
        ("udm", Place("udm", 1)),
        ("analytic", None),
        ("thumbnail", None),
        ("metadata", None),
        ("visual.", None),
        ("none", None),
    ],
)
def test_find_bands_prefers_assets_for_computation(name: str, place: Place | None):
    """A band is found by name, common name, asset, or asset and name; one for computation comes before one for the eyes."""
    assert find_bands(ITEM, [name]) == ({} if place is None else {name: place})


def test_default_bands_are_those_of_the_largest_asset_for_computation():
    """Without a wish, the bands are those of the asset that has the most, and of a visual only if there is no other."""
    assert default_bands(ITEM) == ["B1", "B2"]
    assert default_bands({"assets": {"visual": ITEM["assets"]["visual"]}}) == ["red", "green", "blue"]
    assert default_bands({"assets": {"dem": {"type": TIFF}}}) == ["dem"]
    assert default_bands({"assets": {}}) == []
    assert known_bands(ITEM) == ["B1", "B2", "udm", "red", "green", "blue", "alpha"]


@pytest.mark.parametrize(
    ("asset", "names"),
    [
        ({"bands": bands("a", "b")}, ["a", "b"]),
        ({"bands": [{"eo:common_name": "red"}]}, ["red"]),
        ({"eo:bands": [{}]}, []),
        ({"eo:bands": "red"}, []),
        ({"eo:bands": [5]}, []),
        ({}, []),
    ],
)
def test_band_names_of_stac_1_0_and_1_1(asset: dict[str, Any], names: list[str]):
    """Names come from either version of STAC; what is malformed has none."""
    assert band_names(asset) == names
