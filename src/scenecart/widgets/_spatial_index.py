"""Footprints on the ground: which lie in a view, which under a point, and what of them is sent to a browser."""

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
_TURN = 360.0


class FootprintIndex:
    """The footprints of a result, ready to be asked; each world copy that a map shows counts as another place.

    Parameters
    ----------
    captures
        EPSG:4326. A capture without a footprint is nowhere.
    """

    def __init__(self, captures: gpd.GeoDataFrame) -> None:
        shapes = captures.geometry.to_numpy()
        there = np.flatnonzero(~(shapely.is_missing(shapes) | shapely.is_empty(shapes)))
        whole = shapes[there]
        bounds = shapely.bounds(whole) if len(whole) else np.empty((0, 4))
        # what spans more than half the world goes over the antimeridian
        odd = np.flatnonzero((bounds[:, 2] - bounds[:, 0] > _TURN / 2) | (bounds[:, 0] < -180) | (bounds[:, 2] > 180))  # noqa: PLR2004  # degrees
        if len(odd):
            whole = whole.copy()
            whole[odd] = [split_at_antimeridian(one) for one in whole[odd]]
        self._parts, owners = shapely.get_parts(whole, return_index=True)
        self._owners = there[owners]
        # each side lies together in memory, since a view is looked up side by side
        self._bounds = np.asfortranarray(shapely.bounds(self._parts)) if len(self._parts) else np.empty((0, 4))
        self._is_plain = len(self._owners) == len(captures) and bool((self._owners == np.arange(len(captures))).all())
        self._tree: shapely.STRtree | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """West, south, east and north of everything; east is beyond 180 where it goes over the antimeridian."""
        return self.bounds_of(None)

    def bounds_of(self, positions: np.ndarray[Any, Any] | None) -> tuple[float, float, float, float] | None:
        """Return the bounds of some rows, the shorter way round the world; None where there is nothing."""
        bounds = self._bounds if positions is None else self._bounds[np.isin(self._owners, positions)]
        if not len(bounds):
            return None
        south, north = float(bounds[:, 1].min()), float(bounds[:, 3].max())
        plain = float(bounds[:, 0].min()), float(bounds[:, 2].max())
        east = bounds[:, [0, 2]] + np.where(bounds[:, [2]] <= 0, _TURN, 0.0)
        other = float(east[:, 0].min()), float(east[:, 1].max())
        west, far = other if other[1] - other[0] < plain[1] - plain[0] else plain
        return west, south, far, north

    def in_view(
        self, view: tuple[float, float, float, float], keep: np.ndarray[Any, Any]
    ) -> list[tuple[int, np.ndarray[Any, Any]]]:
        """Return, for each copy of the world that a view shows, which parts of wanted rows lie in it."""
        west, south, east, north = view
        wanted = keep if self._is_plain else keep[self._owners]
        found = []
        for turn in _turns(west, east):
            low, high = west - turn * _TURN, east - turn * _TURN
            bounds = self._bounds
            inside = (bounds[:, 2] >= low) & (bounds[:, 0] <= high) & (bounds[:, 3] >= south) & (bounds[:, 1] <= north)
            parts = np.flatnonzero(inside & wanted)
            if len(parts):
                found.append((turn, parts))
        return found

    def at(self, longitude: float, latitude: float, keep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the wanted rows under a point, the smallest footprint first."""
        if self._tree is None:
            self._tree = shapely.STRtree(self._parts)
        point = shapely.Point((longitude + 180) % _TURN - 180, latitude)
        parts = self._tree.query(point, predicate="intersects")
        parts = parts[np.argsort(shapely.area(self._parts[parts]), kind="stable")]
        owners = list(dict.fromkeys(self._owners[parts].tolist()))
        return np.asarray([owner for owner in owners if keep[owner]], dtype=np.intp)

    def touching(self, shape: Any, keep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the wanted rows whose footprint meets an area, in their own order."""
        if self._tree is None:
            self._tree = shapely.STRtree(self._parts)
        found = {int(owner) for part in shapely.get_parts([shape]) for owner in self._owners[self._tree.query(part, "intersects")]}
        return np.asarray(sorted(owner for owner in found if keep[owner]), dtype=np.intp)

    def owners(self, parts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the row of each part."""
        return np.asarray(self._owners[parts])

    def features(self, turn: int, parts: np.ndarray[Any, Any], degrees_per_pixel: float) -> list[dict[str, Any]]:
        """Return GeoJSON of parts, as exact as a screen shows; ``properties.row`` is the row."""
        shapes = self._parts[parts]
        if shapely.get_num_coordinates(shapes).sum() > _MOST_VERTICES:
            shapes = shapely.simplify(shapes, degrees_per_pixel / 2)
        digits = min(6, max(1, math.ceil(-math.log10(max(degrees_per_pixel, 1e-9))) + 1))
        made = []
        for shape, owner in zip(shapes.tolist(), self._owners[parts].tolist(), strict=True):
            rings = [shape.exterior, *shape.interiors] if shape.geom_type == "Polygon" else []
            lines = [[[round(x + turn * _TURN, digits), round(y, digits)] for x, y, *_ in ring.coords] for ring in rings]
            if lines:
                geometry = {"type": "Polygon", "coordinates": lines}
                made.append({"type": "Feature", "properties": {"row": owner}, "geometry": geometry})
        return made

    def density(
        self, view: tuple[float, float, float, float], found: list[tuple[int, np.ndarray[Any, Any]]]
    ) -> list[tuple[tuple[float, float, float, float], int]]:
        """Return the cells of a grid over a view that hold the middles of footprints, and how many."""
        west, south, east, north = view
        columns, rows = _GRID
        counts = np.zeros((columns, rows), dtype=int)
        for turn, parts in found:
            x = (self._bounds[parts, 0] + self._bounds[parts, 2]) / 2 + turn * _TURN
            y = (self._bounds[parts, 1] + self._bounds[parts, 3]) / 2
            counts += np.histogram2d(x, y, bins=_GRID, range=((west, east), (south, north)))[0].astype(int)
        wide, high = (east - west) / columns, (north - south) / rows
        return [
            ((west + c * wide, south + r * high, west + (c + 1) * wide, south + (r + 1) * high), int(counts[c, r]))
            for c, r in np.argwhere(counts).tolist()
        ]


def _turns(west: float, east: float) -> range:
    """Return the copies of the world that a view shows, three at most.

    Examples
    --------
    >>> list(_turns(-10, 10)), list(_turns(170, 190)), list(_turns(-400, 400))
    ([0], [0, 1], [-1, 0, 1])
    """
    first, last = math.floor((west + 180) / _TURN), math.floor((east + 180) / _TURN)
    return range(max(first, -1), min(last, 1) + 1)
