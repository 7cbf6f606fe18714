"""The share of a search's area of interest that each capture covers, as a column."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._captures.filter import covered_parts
from scenecart._captures.frame import COVERS, prefixed_column

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._geo.area import Area


def with_covers(found: gpd.GeoDataFrame, area: Area | None) -> gpd.GeoDataFrame:
    """Return captures with the column ``covers``, the share of an area that each covers; unchanged without an area.

    A property ``covers`` of the catalog is kept under a name with a prefix.
    """
    if area is None:
        return found
    shares, _ = covered_parts(found.geometry.to_numpy(), area)
    named = found.rename(columns={COVERS: prefixed_column(COVERS)})
    named[COVERS] = shares
    return named
