"""The area cut into pieces along footprint edges, and the share of each piece that each footprint covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart._geo.geometry import each_km2
from scenecart._geo.globe import GRID_DEGREES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

_FULL_SHARE_TOLERANCE = 1e-4
# finer shares make the solver's simplex cycle
_SHARE_STEPS = 64
# the number of pieces grows with the number of crossing pairs; above this, only pieces that matter for a choice are cut
MAX_CROSSINGS = 3_000
_CELLS_ACROSS = 20
_COUNTED_AT_ONCE = 64


class Arrangement:
    """The pieces of an area, cut by footprints.

    If few footprints cross, the area is cut into all its pieces, and a footprint covers a piece completely or not at all.
    Otherwise the pieces are a grid at first, and ``refine`` cuts those that matter for a choice.

    Parameters
    ----------
    area
        A polygon or multipolygon, EPSG:4326.
    footprints
        The part of the area that each candidate covers; never empty.
    max_crossings
        Up to how many crossing pairs of footprints the area is cut into all its pieces at once.

    Attributes
    ----------
    km2 : numpy.ndarray
        The area of each piece, in km².
    piece, candidate, share : numpy.ndarray
        Parallel arrays: the candidate covers this share (above 0, at most 1, rounded up to 1/64) of the piece.
    is_exact : bool
        Whether all shares are 1.
    """

    def __init__(self, area: BaseGeometry, footprints: np.ndarray[Any, Any], max_crossings: int = MAX_CROSSINGS) -> None:
        self._footprints = footprints
        self._edges = shapely.boundary(footprints)
        shapely.prepare(footprints)
        self._tree = shapely.STRtree(footprints)
        self.is_exact = self._has_few_crossings(max_crossings)
        if self.is_exact:
            self._set_pieces(_cut(area, self._edges))
            self._merge()
        else:
            self._set_pieces(_cut(area, _grid(area)))

    def refine(self, chosen: np.ndarray[Any, Any], *, is_partial_choice: bool = False) -> bool:
        """Cut the pieces that chosen footprints cover partly; return whether there were any.

        Afterwards the coverage of the choice is exact. If footprints may be chosen in part, pieces are cut even if another chosen
        footprint covers them whole.
        """
        if self.is_exact:
            return False
        is_chosen = np.isin(self.candidate, chosen)
        is_partial = is_chosen & ~self._is_full
        settled = [] if is_partial_choice else self.piece[is_chosen & ~is_partial]
        ambiguous = np.setdiff1d(self.piece[is_partial], settled)
        if len(ambiguous) == 0:
            return False
        parts: list[BaseGeometry] = []
        for number in ambiguous.tolist():
            cutters = self.candidate[is_partial & (self.piece == number)]
            parts += _cut(self._pieces[number], self._edges[cutters])
        self._replace(ambiguous, np.array(parts, dtype=object))
        return True

    def _has_few_crossings(self, most: int) -> bool:
        """Return whether at most this many pairs of footprints cross; stops counting above it."""
        found = 0
        for start in range(0, len(self._footprints), _COUNTED_AT_ONCE):
            found += self._tree.query(self._footprints[start : start + _COUNTED_AT_ONCE], predicate="overlaps").shape[1]
            # each pair is found twice
            if found // 2 > most:
                return False
        return True

    def _set_pieces(self, pieces: Sequence[BaseGeometry]) -> None:
        self._pieces = np.array(pieces, dtype=object)
        self.km2 = each_km2(self._pieces)
        self.piece, self.candidate, self.share, self._is_full = self._measure(self._pieces, self.km2)

    def _measure(self, pieces: np.ndarray[Any, Any], km2: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
        """Return the arrays piece, candidate, share, and whether the share is complete."""
        if self.is_exact:
            piece, candidate = self._tree.query(shapely.point_on_surface(pieces), predicate="intersects")
            return piece, candidate, np.ones(len(piece)), np.ones(len(piece), dtype=bool)
        piece, candidate = self._tree.query(pieces, predicate="intersects")
        share = np.ones(len(piece))
        cut = np.flatnonzero(~shapely.covers(self._footprints[candidate], pieces[piece]))
        common = shapely.intersection(self._footprints[candidate[cut]], pieces[piece[cut]])
        share[cut] = each_km2(common) / np.maximum(km2[piece[cut]], 1e-15)
        is_covered = share > _FULL_SHARE_TOLERANCE
        rounded = np.minimum(1.0, np.ceil((share - _FULL_SHARE_TOLERANCE) * _SHARE_STEPS) / _SHARE_STEPS)
        return piece[is_covered], candidate[is_covered], rounded[is_covered], share[is_covered] >= 1 - _FULL_SHARE_TOLERANCE

    def _replace(self, old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> None:
        stays = np.ones(len(self._pieces), dtype=bool)
        stays[old] = False
        number = np.cumsum(stays) - 1
        km2 = each_km2(new)
        piece, candidate, share, whole = self._measure(new, km2)
        kept = stays[self.piece]
        self.piece = np.concatenate([number[self.piece[kept]], piece + stays.sum()])
        self.candidate = np.concatenate([self.candidate[kept], candidate])
        self.share = np.concatenate([self.share[kept], share])
        self._is_full = np.concatenate([self._is_full[kept], whole])
        self._pieces = np.concatenate([self._pieces[stays], new])
        self.km2 = np.concatenate([self.km2[stays], km2])

    def _merge(self) -> None:
        """Merge pieces that are covered by the same candidates: a choice covers all of them or none."""
        order = np.lexsort((self.candidate, self.piece))
        piece, candidate = self.piece[order], self.candidate[order]
        starts = np.flatnonzero(np.r_[True, np.diff(piece) > 0]) if len(piece) else np.empty(0, dtype=int)
        members: dict[bytes, int] = {}
        km2: list[float] = []
        rows: list[np.ndarray[Any, Any]] = []
        for first, last in zip(starts, np.r_[starts[1:], len(piece)], strict=True):
            same = candidate[first:last]
            at = members.setdefault(same.tobytes(), len(rows))
            if at == len(rows):
                rows.append(same)
                km2.append(0.0)
            km2[at] += float(self.km2[piece[first]])
        self.km2 = np.array(km2)
        self.candidate = np.concatenate(rows) if rows else np.empty(0, dtype=int)
        self.piece = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        self.share = np.ones(len(self.candidate))


def _grid(area: BaseGeometry) -> np.ndarray[Any, Any]:
    west, south, east, north = area.bounds
    xs, ys = np.linspace(west, east, _CELLS_ACROSS + 1), np.linspace(south, north, _CELLS_ACROSS + 1)
    lines = [[(x, south), (x, north)] for x in xs[1:-1]] + [[(west, y), (east, y)] for y in ys[1:-1]]
    return np.asarray(shapely.linestrings(lines), dtype=object)


def _cut(area: BaseGeometry, lines: np.ndarray[Any, Any]) -> list[BaseGeometry]:
    """Cut an area by lines, and return the pieces."""
    noded = shapely.union_all([area.boundary, *lines], grid_size=GRID_DEGREES)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    shapely.prepare(area)
    inside = shapely.contains(area, shapely.point_on_surface(faces))
    return list(faces[inside])
