"""Captures to plan a cover with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _cover import search_coast

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart.sandbox import Sandbox


@pytest.fixture(scope="module")
def found(box: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> gpd.GeoDataFrame:
    """Return captures along the coast, which a test that changes them copies."""
    with box.client("analyst", home=tmp_path_factory.mktemp("searching")) as client:
        return search_coast(client)
