"""Candidates of a cover plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises
from _purchases import captures
from scenecart._cover.candidates import find_candidates
from scenecart._geo.area import as_area

if TYPE_CHECKING:
    import geopandas as gpd

AREA = as_area((0, 10, 2, 11))


def squares(*wests: float) -> gpd.GeoDataFrame:
    """Return captures of one degree square, by their west edges."""
    frame = captures(*(f"c{number}" for number in range(len(wests))))
    return frame.set_geometry([shapely.box(west, 10, west + 1, 11) for west in wests], crs=4326)


def test_candidates_are_clipped_to_the_area():
    """A candidate's footprint is the part of the area that it covers, with its km² and row number."""
    candidates, reasons = find_candidates(squares(-0.5, 50, 1), AREA, None)
    assert candidates.positions.tolist() == [0, 2]
    assert reasons == {1: "it is outside the area"}
    assert all(AREA.geometry.buffer(1e-9).covers(footprint) for footprint in candidates.footprints)
    assert candidates.km2[0] == pytest.approx(candidates.km2[1] / 2, rel=1e-6)


def test_repeated_capture_is_one_candidate():
    """A capture that is twice in the frame is considered once, and is not listed as excluded."""
    frame = squares(0, 1)
    candidates, reasons = find_candidates(pd.concat([frame, frame.iloc[[0]]]), AREA, None)
    assert candidates.positions.tolist() == [0, 1]
    assert reasons == {}


def test_cloudy_captures_are_excluded():
    """A capture above the limit, or of unknown cloud cover, is not a candidate if there is a limit."""
    frame = squares(0, 0.5, 1).assign(**{"eo:cloud_cover": [10.0, 60.0, np.nan]})
    candidates, reasons = find_candidates(frame, AREA, 50)
    assert candidates.cloud.tolist() == [10.0]
    assert list(reasons) == [1, 2]
    assert len(find_candidates(frame, AREA, None)[0].km2) == 3


def test_without_removes_by_index():
    """Removing candidates keeps the arrays aligned."""
    candidates, _ = find_candidates(squares(0, 0.5, 1), AREA, None)
    rest = candidates.without([1])
    assert rest.frame["id"].tolist() == ["c0", "c2"]
    assert rest.positions.tolist() == [0, 2]
    assert len(rest.footprints) == len(rest.km2) == len(rest.times) == 2


def test_no_usable_capture_is_refused():
    """If no capture can be used, the error gives the most common reason."""
    with raises(scenecart.InvalidCart, "captures_unusable") as caught:
        find_candidates(squares(50, 60), AREA, None)
    assert "it is outside the area" in caught.value.message


def test_too_many_candidates_are_refused():
    """More candidates than a plan can consider are refused before any request."""
    frame = squares(*np.linspace(0, 1, 5_001))
    with raises(scenecart.InvalidQuery, "too_many_candidates"):
        find_candidates(frame, AREA, None)
