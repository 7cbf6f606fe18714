"""Captures of the sandbox to plan a cover with, and problems with random footprints for the solver."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely.affinity import rotate

from scenecart._cover.solver import Problem
from scenecart._geo.geometry import each_km2, geodesic_km2, union

if TYPE_CHECKING:
    import geopandas as gpd

    import scenecart

COAST = (151.02, -34.1, 151.42, -33.78)
AREAS = {"land": shapely.box(10, 45, 10.6, 45.6), "far north": shapely.box(20, 79.5, 21, 79.9)}


def search_coast(client: scenecart.Client) -> gpd.GeoDataFrame:
    return client.search("aurora", collections="aurora-50cm", aoi=COAST, datetime="2024-03/2024-06")


def random_problem(seed: int, area: shapely.Polygon | shapely.MultiPolygon, count: int = 8, share: float = 0.9) -> Problem:
    """Return tilted footprints over an area, with prices that do not follow their sizes."""
    random = np.random.default_rng(seed)
    west, south, east, north = area.bounds
    width, height = east - west, north - south
    footprints: list[Any] = []
    while len(footprints) < count:
        w, h = width * random.uniform(0.3, 0.7), height * random.uniform(0.3, 0.7)
        x, y = random.uniform(west - w / 2, east - w / 2), random.uniform(south - h / 2, north - h / 2)
        footprint = shapely.intersection(rotate(shapely.box(x, y, x + w, y + h), random.uniform(-15, 15)), area)
        if footprint.area > 0:
            footprints.append(footprint)
    clipped = np.array(footprints, dtype=object)
    weights = np.ceil(each_km2(clipped) * random.choice([50, 80, 200], count))
    need = min(share * geodesic_km2(area), 0.999 * geodesic_km2(union(clipped)))
    return Problem(area, clipped, weights, need)
