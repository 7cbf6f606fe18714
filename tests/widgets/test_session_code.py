"""Code to copy: it runs by itself, and finds the same captures."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import scenecart
from _widgets import HARBOUR
from scenecart._geo.area import as_area
from scenecart.widgets._session_code import ExecutedSearch, session_code
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart.sandbox import Sandbox

CRITERIA: dict[str, Any] = {"collections": ("aurora-50cm", "aurora-30cm"), "datetime": "2024-01/2024-06", "max_cloud_cover": 20}


@pytest.fixture(scope="module")
def found(sandbox: Sandbox) -> gpd.GeoDataFrame:
    with sandbox.client("analyst") as client:
        return client.search("aurora", aoi=HARBOUR, **CRITERIA)


def test_copied_cell_runs_by_itself(sandbox: Sandbox, client: scenecart.Client, found: gpd.GeoDataFrame):
    """A new process that knows nothing but the code connects, searches, picks the same captures and gets their price."""
    state = CaptureState(found, HARBOUR)
    state.select(found.index[[3, 1]])
    code = session_code(client, state, ExecutedSearch("aurora", CRITERIA), state.aoi)
    check = 'print(sorted(zip(chosen["host"], chosen["collection"], chosen["id"])), estimate.total_aud > 0)'
    environment = {**os.environ, "SCENECART_BASE_URL": "", "SCENECART_TOKEN": ""}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    picked = found.iloc[[1, 3]][["host", "collection", "id"]]
    assert done.stdout.strip() == f"{sorted(picked.itertuples(index=False, name=None))} True"


def test_code_without_picks_repeats_the_filters(client: scenecart.Client, found: gpd.GeoDataFrame):
    """Filters are in the code as they are in the panel, so that it gives the same rows."""
    state = CaptureState(found, HARBOUR)
    state.filters = {"eo:cloud_cover": [0, 5], "coverage": [50, 100]}
    code = session_code(client, state, ExecutedSearch("aurora", CRITERIA), state.aoi)
    _, _, picking = code.partition(")\n\n")
    values: dict[str, Any] = {"scenecart": scenecart, "client": client, "captures": found, "aoi": HARBOUR}
    exec(picking.rpartition("\nestimate\n")[0], values)  # noqa: S102  # the code is what is tested
    assert values["chosen"]["id"].tolist() == state.filtered["id"].tolist()
    assert values["estimate"].total_credits > 0


def test_code_has_a_profile_and_no_secret(found: gpd.GeoDataFrame):
    """The code names the profile of the sign-in; a password is never in it."""
    with scenecart.connect(base_url="https://api.invalid", username="u", password="s3cret") as other:
        code = session_code(other, CaptureState(found), None, None)
    assert "scenecart.connect()" in code
    assert "s3cret" not in code
    assert "read_captures" in code


@pytest.mark.parametrize(("area", "expected"), [(HARBOUR, "aoi = (151.18"), ("POLYGON ((0 0, 1 0, 0 1, 0 0))", "aoi = 'POLYGON")])
def test_area_in_code_is_a_box_or_wkt(client: scenecart.Client, found: gpd.GeoDataFrame, area: Any, expected: str):
    """A box is four numbers; any other area is text that a search takes."""
    code = session_code(client, CaptureState(found, area), ExecutedSearch("aurora"), as_area(area))
    assert expected in code
    assert "aoi=aoi" in code
