"""Places that can be typed as an area."""

from __future__ import annotations

import pytest

from scenecart._geo.area import as_area
from scenecart.widgets._bench.places import place_box


@pytest.mark.parametrize(
    ("text", "name", "x", "y"), [("Sydney", "Sydney", 151.2, -33.9), ("  SAO  paulo ", "São Paulo", -46.6, -23.6)]
)
def test_place_box_is_ten_kilometres_around_the_place(text: str, name: str, x: float, y: float):
    """Case, accents and blanks do not count; the area is about 100 km² around the place."""
    found = place_box(text)
    assert found is not None
    assert found[0] == name
    west, south, east, north = found[1]
    assert west < x < east
    assert south < y < north
    assert as_area(found[1]).km2 == pytest.approx(100, rel=0.02)


@pytest.mark.parametrize("text", ["", "nowhere at all", "151.1, -34, 151.2, -33.9", "area.geojson"])
def test_place_box_other_texts_are_no_places(text: str):
    """What is no name of a place is left to the other ways to type an area."""
    assert place_box(text) is None
