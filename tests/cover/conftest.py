"""Captures to plan a cover with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from _cover import search_coast

if TYPE_CHECKING:
    import geopandas as gpd

    import scenecart


@pytest.fixture
def found(client: scenecart.Client) -> gpd.GeoDataFrame:
    return search_coast(client)
