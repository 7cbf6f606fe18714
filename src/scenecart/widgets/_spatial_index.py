"""Spatial index of footprints: which are in a view or under a point, and their GeoJSON for a browser."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely import affinity
from shapely.errors import ShapelyError

from scenecart._geo.geometry import are_finite
from scenecart._geo.globe import split_at_antimeridian
from scenecart._geo.unwrap import join_at_antimeridian, narrowest_span
from scenecart.exceptions import InvalidArea

if TYPE_CHECKING:
    import geopandas as gpd

MOST_SHAPES = 2_000
_MOST_VERTICES = 60_000
_GRID = (32, 20)
_WORLD, _HALF = 360.0, 180.0
# grids of the whole world may go a cell beyond the poles
_MOST_LATITUDE = 91.0
_MOST_WORLDS = 5


class FootprintIndex:
    """Spatial index of the footprints of a result, in each copy of the world that a map shows.

    Parameters
    ----------
    captures
        EPSG:4326. A capture without a footprint is in no view.
    """

    def __init__(self, captures: gpd.GeoDataFrame) -> None:
        shapes = captures.geometry.to_numpy()
        present = np.flatnonzero(are_finite(shapes))
        footprints = shapes[present]
        bounds = shapely.bounds(footprints) if len(footprints) else np.empty((0, 4))
        with np.errstate(invalid="ignore"):
            is_plain = (bounds[:, 0] >= -_HALF) & (bounds[:, 2] <= _HALF) & (bounds[:, 2] - bounds[:, 0] <= _HALF)
            is_plain &= (np.abs(bounds[:, 1::2]) <= _MOST_LATITUDE).all(axis=1)
        if not is_plain.all():
            footprints = footprints.copy()
            footprints[~is_plain] = [drawn_shape(footprint) for footprint in footprints[~is_plain]]
        parts, owners = shapely.get_parts(footprints, return_index=True)
        filled = ~shapely.is_empty(parts)
        self._parts, self._owners = parts[filled], present[owners[filled]]
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
        west, east = narrowest_span(bounds[:, ::2])
        return west, south, east, north

    def rings(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return the row of each part, and its outline."""
        kinds = shapely.get_type_id(self._parts)
        are_polygons = kinds == shapely.GeometryType.POLYGON
        return self._owners[are_polygons], shapely.get_exterior_ring(self._parts[are_polygons])

    def in_view(
        self, view: tuple[float, float, float, float], keep: np.ndarray[Any, Any]
    ) -> list[tuple[int, np.ndarray[Any, Any]]]:
        """Return the parts of kept rows in a view, for each copy of the world in it."""
        west, south, east, north = view
        kept = keep if self._is_one_part_each else keep[self._owners]
        found = []
        for world in worlds_in(west, east):
            low, high = west - world * _WORLD, east - world * _WORLD
            bounds = self._bounds
            inside = (bounds[:, 2] >= low) & (bounds[:, 0] <= high) & (bounds[:, 3] >= south) & (bounds[:, 1] <= north)
            parts = np.flatnonzero(inside & kept)
            if len(parts):
                found.append((world, parts))
        return found

    def at(self, longitude: float, latitude: float, keep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the kept rows under a point, the smallest footprint first."""
        west = (longitude + _HALF) % _WORLD - _HALF
        # a part across the antimeridian goes beyond 180
        points = shapely.points([west, west + _WORLD], latitude)
        _, parts = self._strtree().query(points, predicate="intersects")
        parts = parts[np.argsort(shapely.area(self._parts[parts]), kind="stable")]
        owners = list(dict.fromkeys(self._owners[parts].tolist()))
        return np.asarray([owner for owner in owners if keep[owner]], dtype=np.intp)

    def intersecting(self, area: Any, keep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Return the kept rows whose footprint intersects an area, in their own order."""
        tree = self._strtree()
        sides = [moved for part in shapely.get_parts([area]) for moved in (part, affinity.translate(part, xoff=_WORLD))]
        found = {int(owner) for part in sides for owner in self._owners[tree.query(part, "intersects")]}
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


def worlds_in(west: float, east: float) -> range:
    """Return the copies of the world in a view, and the one west of it, whose shapes may reach into the view; a few at most.

    Examples
    --------
    >>> list(worlds_in(-10, 10)), list(worlds_in(170, 190)), list(worlds_in(700, 710)), list(worlds_in(-4_000, 4_000))
    ([-1, 0], [-1, 0, 1], [1, 2], [-2, -1, 0, 1, 2])
    """
    first, last = math.floor((west + _HALF) / _WORLD) - 1, math.floor((east + _HALF) / _WORLD)
    if last - first >= _MOST_WORLDS:
        middle = math.floor(((west + east) / 2 + _HALF) / _WORLD)
        return range(middle - _MOST_WORLDS // 2, middle + _MOST_WORLDS // 2 + 1)
    return range(first, last + 1)


def drawn_shape(footprint: Any) -> Any:
    """Return a footprint as it is drawn: in one piece across the antimeridian; an empty polygon if it has no place on the globe."""
    if footprint is None or not all(abs(lat) <= _MOST_LATITUDE for lat in footprint.bounds[1::2]):
        return shapely.Polygon()
    try:
        return join_at_antimeridian(split_at_antimeridian(footprint))
    except (InvalidArea, ShapelyError):
        return shapely.Polygon()
