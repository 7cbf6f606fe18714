"""Odd footprints: well-formed JSON without a place on the globe."""

from __future__ import annotations

import numpy as np
import shapely

with np.errstate(invalid="ignore"):
    _NOT_A_NUMBER = shapely.Polygon([(0, 0), (1, 0), (1, 1)], [[(0.5, 0.2), (np.nan, np.nan), (0.6, 0.3)]])

ODD = {
    "empty part": shapely.from_wkt("MULTIPOLYGON (EMPTY, ((0 0, 1 0, 1 1, 0 0)))"),
    "wider than the world": shapely.box(-180.05, -60, 180.05, 60),
    "beyond the poles": shapely.box(-180.05, -90.05, 180.05, 90.05),
    "metres": shapely.box(500_000, 4_000_000, 600_000, 4_100_000),
    "few metres": shapely.box(500, 4_000, 600, 4_100),
    "not finite": shapely.Polygon([(0, 0), (np.inf, 0), (1, 1)]),
    "not a number": _NOT_A_NUMBER,
    "mixed heights": shapely.from_wkt("POLYGON Z ((0 0 5, 1 0 NaN, 1 1 5, 0 0 5))"),
    "collection": shapely.GeometryCollection([shapely.box(0, 0, 1, 1)]),
    "bow tie across": shapely.Polygon([(179, 0), (-179, 1), (-179, 0), (179, 1)]),
}
