"""Tests of the share of a search's area that each capture covers."""

from __future__ import annotations

import pytest
import shapely

from scenecart._captures.covers import with_covers
from scenecart._captures.frame import to_frame
from scenecart._geo.area import as_area


def test_no_area_changes_nothing():
    """A search without an area gives the captures as they are."""
    captures = to_frame([])
    assert with_covers(captures, None) is captures


def test_captures_without_a_usable_footprint_cover_nothing():
    """A missing footprint covers 0, one that contains the area exactly 1."""
    captures = to_frame([]).reindex(range(3)).set_geometry([None, shapely.box(-1, -1, 2, 2), shapely.box(0, 0, 1, 0.5)], crs=4326)
    assert with_covers(captures, as_area((0, 0, 1, 1)))["covers"].tolist() == [0.0, 1.0, pytest.approx(0.5, abs=1e-4)]
