"""Spatial index of footprints: which are in a view or under a point, and their GeoJSON for a browser."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart._geo.geometry import split_at_antimeridian

if TYPE_CHECKING:
    import geopandas as gpd

MOST_SHAPES = 2_000
_MOST_VERTICES = 60_000
_GRID = (32, 20)
_WORLD = 360.0


class FootprintIndex:
    """Spatial index of the footprints of a result, in each copy of the world that a map shows.

    Parameters
    ----------
    captures
        EPSG:4326. A capture without a footprint is in no view.
    """

    def __init__(self, captures: gpd.GeoDataFrame) -> None:
        shapes = captures.geometry.to_numpy()
        present = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
        footprints = shapes[present]
        bounds = shapely.bounds(footprints) if len(footprints) else np.empty((0, 4))
        # what is wider than half the world crosses the antimeridian
        crossing = np.flatnonzero((bounds[:, 2] - bounds[:, 0] > _WORLD / 2) | (bounds[:, 0] < -180) | (bounds[:, 2] > 180))  # noqa: PLR2004  # degrees
        if len(crossing):
            footprints = footprints.copy()
            footprints[crossing] = [split_at_antimeridian(footprint) for footprint in footprints[crossing]]
        self._parts, owners = shapely.get_parts(footprints, return_index=True)
        self._owners = present[owners]
        # column-major, since a view compares one side of all bounds after the other
        self._bounds = np.asfortranarray(shapely.bounds(self._parts)) if len(self._parts) else np.empty((0, 4))
        self._is_one_part_each = len(self._owners) == len(captures) and bool((self._owners == np.arange(len(captures))).all())
        self._tree: shapely.STRtree | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """West, south, east and north of everything; east is beyond 180 if it crosses the antimeridian."""
        return self.bounds_of(None)

    def bounds_of(self, positions: np.ndarray[Any, Any] | None) -> tuple[float, float, float, float] | None:
        """Return the bounds of some rows, the shorter way round the world; None without footprints."""
        bounds = self._bounds if positions is None else self._bounds[np.isin(self._owners, positions)]
        if not len(bounds):
            return None
        south, north = float(bounds[:, 1].min()), float(bounds[:, 3].max())
        direct = float(bounds[:, 0].min()), float(bounds[:, 2].max())
        unwrapped = bounds[:, [0, 2]] + np.where(bounds[:, [2]] <= 0, _WORLD, 0.0)
        across = float(unwrapped[:, 0].min()), float(unwrapped[:, 1].max())
        west, east = across if across[1] - across[0] < direct[1] - direct[0] else direct
        return west, south, east, north

    def in_view(
        self, view: tuple[float, float, float, float], keep: np.ndarray[Any, Any]
    ) -> list[tuple[int, np.ndarray[Any, Any]]]:
        """Return the parts of kept rows in a view, for each copy of the world in it."""
        west, south, east, north = view
        kept = keep if self._is_one_part_each else keep[self._owners]
        found = []
        for world in _worlds(west, east):
            low, high = west - world * _WORLD, east - world * _WORLD
            bounds = self._bounds
            inside = (bounds[:, 2] >= low) & (bounds[:, 0] <= high) & (bounds[:, 3] >= south) & (bounds[:, 1] <= north)
            parts = np.flatnonzero(inside & kept)
            if len(parts):
                found.append((world, parts))
        return found

    def at(self, longitude: float, latitude: float, keep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the kept rows under a point, the smallest footprint first."""
        point = shapely.Point((longitude + 180) % _WORLD - 180, latitude)
        parts = self._strtree().query(point, predicate="intersects")
        parts = parts[np.argsort(shapely.area(self._parts[parts]), kind="stable")]
        owners = list(dict.fromkeys(self._owners[parts].tolist()))
        return np.asarray([owner for owner in owners if keep[owner]], dtype=np.intp)

    def intersecting(self, area: Any, keep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the kept rows whose footprint intersects an area, in their own order."""
        tree = self._strtree()
        found = {int(owner) for part in shapely.get_parts([area]) for owner in self._owners[tree.query(part, "intersects")]}
        return np.asarray(sorted(owner for owner in found if keep[owner]), dtype=np.intp)

    def features(self, world: int, parts: np.ndarray[Any, Any], degrees_per_pixel: float) -> list[dict[str, Any]]:
        """Return GeoJSON of parts, as exact as a screen shows; ``properties.row`` is the row."""
        shapes = self._parts[parts]
        if shapely.get_num_coordinates(shapes).sum() > _MOST_VERTICES:
            shapes = shapely.simplify(shapes, degrees_per_pixel / 2)
        digits = min(6, max(1, math.ceil(-math.log10(max(degrees_per_pixel, 1e-9))) + 1))
        features = []
        for shape, owner in zip(shapes.tolist(), self._owners[parts].tolist(), strict=True):
            rings = [shape.exterior, *shape.interiors] if shape.geom_type == "Polygon" else []
            lines = [[[round(x + world * _WORLD, digits), round(y, digits)] for x, y, *_ in ring.coords] for ring in rings]
            if lines:
                geometry = {"type": "Polygon", "coordinates": lines}
                features.append({"type": "Feature", "properties": {"row": owner}, "geometry": geometry})
        return features

    def density(
        self, view: tuple[float, float, float, float], found: list[tuple[int, np.ndarray[Any, Any]]]
    ) -> list[tuple[tuple[float, float, float, float], int]]:
        """Return the non-empty cells of a grid over a view, and how many footprints have their centre in each."""
        west, south, east, north = view
        columns, rows = _GRID
        counts = np.zeros((columns, rows), dtype=int)
        for world, parts in found:
            x = (self._bounds[parts, 0] + self._bounds[parts, 2]) / 2 + world * _WORLD
            y = (self._bounds[parts, 1] + self._bounds[parts, 3]) / 2
            counts += np.histogram2d(x, y, bins=_GRID, range=((west, east), (south, north)))[0].astype(int)
        width, height = (east - west) / columns, (north - south) / rows
        return [
            ((west + c * width, south + r * height, west + (c + 1) * width, south + (r + 1) * height), int(counts[c, r]))
            for c, r in np.argwhere(counts).tolist()
        ]

    def _strtree(self) -> shapely.STRtree:
        """Return the tree, built at the first click."""
        if self._tree is None:
            self._tree = shapely.STRtree(self._parts)
        return self._tree


def _worlds(west: float, east: float) -> range:
    """Return the copies of the world in a view, three at most.

    Examples
    --------
    >>> list(_worlds(-10, 10)), list(_worlds(170, 190)), list(_worlds(-400, 400))
    ([0], [0, 1], [-1, 0, 1])
    """
    first, last = math.floor((west + 180) / _WORLD), math.floor((east + 180) / _WORLD)
    return range(max(first, -1), min(last, 1) + 1)
