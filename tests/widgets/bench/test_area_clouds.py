"""The cloud over the area of each capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from _widgets import HARBOUR, wait_for, world_captures
from scenecart.widgets._bench.area_clouds import AreaClouds
from scenecart.widgets._jobs import Runner
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    import geopandas as gpd

    import scenecart


def test_area_clouds_become_a_column_and_a_filter(client: scenecart.Client, captures: gpd.GeoDataFrame):
    """Captures over an area get its cloud, by which they can be filtered; for another area it is found anew."""
    runner, some = Runner(), captures[captures.intersects(captures.geometry.iloc[0])].head(3)
    state = CaptureState(some, some.geometry.iloc[0].centroid.buffer(0.02))
    clouds = AreaClouds(client, state, runner)
    wait_for(lambda: "aoi:cloud_source" in state.captures.columns)
    assert state.captures.index.equals(some.index)
    state.aoi = HARBOUR
    assert state.captures["aoi:cloud_cover"].isna().all()
    clouds.release()
    runner.close()


def test_area_clouds_many_captures_are_left_alone(client: scenecart.Client):
    """Nothing is fetched for a result of hundreds of captures."""
    runner = Runner()
    clouds = AreaClouds(client, CaptureState(world_captures(301), HARBOUR), runner)
    assert not runner.is_any_busy()
    clouds.release()
    runner.close()
