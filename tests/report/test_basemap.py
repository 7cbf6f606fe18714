"""Land under maps and on the globe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import shapely

from _scripted_service import feature
from scenecart.report import _basemap

if TYPE_CHECKING:
    from pathlib import Path

    from _report_data import ScriptedClient


@pytest.mark.parametrize(
    ("place", "is_land"),
    [((134.0, -25.0), True), ((0.0, 0.0), False), ((-30.0, 35.0), False), ((100.0, 60.0), True), ((179.9, -40.0), False),
     ((20.0, -88.0), True), ((0.0, 89.0), False), ((-100.0, 45.0), True)],
)  # fmt: skip
def test_globe_has_land_at_its_centre_where_there_is_land(place: tuple[float, float], is_land: bool):  # noqa: FBT001  # what is expected
    """Seen from above any place, the centre of the globe is land or sea as it is there, and all land is on the disc."""
    land = _basemap.globe(*place)
    assert shapely.union_all(land).contains(shapely.Point(0, 0)) is is_land
    assert all(part.is_valid for part in land)
    assert max((np.hypot(*shapely.get_coordinates(part).T).max() for part in land), default=0) < 1.001
    assert shapely.union_all(land).area < 2.6


@pytest.mark.parametrize(("west", "has_land"), [(115.0, True), (-150.0, False), (176.0, True), (-183.0, True)])
def test_land_is_found_in_wide_views(west: float, has_land: bool):  # noqa: FBT001  # what is expected
    """A view of several degrees has its land, also across the antimeridian."""
    assert bool(_basemap.land_within(west, -45.0, west + 8, -25.0)) is has_land


def test_land_is_read_without_the_map_widget(scripted: ScriptedClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Reports do not need ipyleaflet for the outline of land."""
    monkeypatch.setitem(__import__("sys").modules, "ipyleaflet", None)
    _basemap._land.cache_clear()
    assert scripted.cart(feature("a"), feature("b", west=20)).to_report(tmp_path / "cart.html").is_file()
