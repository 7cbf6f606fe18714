"""An area in pieces, and which share of each piece every ground covers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart._geo.geometry import GRID_DEGREES, each_km2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

_WHOLE = 1e-4
# finer shares make the solver's simplex go round in circles
_STEPS = 64
# there are about as many pieces as pairs of edges that cross; beyond, pieces are made where they matter alone
MOST_CROSSINGS = 3_000
_CELLS_ACROSS = 20
_COUNTED_AT_ONCE = 64


class Arrangement:
    """The pieces into which grounds cut an area.

    Where few edges cross, these are all the pieces there are, and every ground covers a piece wholly or not at all. Otherwise they
    begin as squares, which ``refine`` cuts where a choice of grounds makes a difference.

    Parameters
    ----------
    area
        A polygon or multipolygon, EPSG:4326.
    grounds
        What each candidate covers of it; none empty.
    most_crossings
        How many pairs of grounds may cross for all the pieces to be made at once.

    Attributes
    ----------
    km2 : numpy.ndarray
        The area of each piece.
    piece, ground, share : numpy.ndarray
        Which ground covers which share, above 0 and up to 1, of which piece; an entry each. Shares are rounded up, coarsely.
    is_exact : bool
        Whether every share is 1.
    """

    def __init__(self, area: BaseGeometry, grounds: np.ndarray[Any, Any], most_crossings: int = MOST_CROSSINGS) -> None:
        self._grounds = grounds
        self._edges = shapely.boundary(grounds)
        shapely.prepare(grounds)
        self._tree = shapely.STRtree(grounds)
        self.is_exact = self._has_few_crossings(most_crossings)
        if self.is_exact:
            self._set_pieces(_cut(area, self._edges))
            self._merge()
        else:
            self._set_pieces(_cut(area, _grid(area)))

    def refine(self, chosen: np.ndarray[Any, Any]) -> bool:
        """Cut the pieces that chosen grounds cover in part by their edges, and tell whether there were any.

        After it, what the chosen ones cover together is known exactly.
        """
        if self.is_exact:
            return False
        mine = np.isin(self.ground, chosen)
        partly = mine & ~self._whole
        torn = np.setdiff1d(self.piece[partly], self.piece[mine & ~partly])
        if len(torn) == 0:
            return False
        parts: list[BaseGeometry] = []
        for number in torn.tolist():
            cutters = self.ground[partly & (self.piece == number)]
            parts += _cut(self._pieces[number], self._edges[cutters])
        self._replace(torn, np.array(parts, dtype=object))
        return True

    def _has_few_crossings(self, most: int) -> bool:
        """Tell whether no more pairs of grounds cross, and look at no more of them than it takes."""
        found = 0
        for start in range(0, len(self._grounds), _COUNTED_AT_ONCE):
            found += self._tree.query(self._grounds[start : start + _COUNTED_AT_ONCE], predicate="overlaps").shape[1]
            # each pair is found from either side
            if found // 2 > most:
                return False
        return True

    def _set_pieces(self, pieces: Sequence[BaseGeometry]) -> None:
        self._pieces = np.array(pieces, dtype=object)
        self.km2 = each_km2(self._pieces)
        self.piece, self.ground, self.share, self._whole = self._measure(self._pieces, self.km2)

    def _measure(self, pieces: np.ndarray[Any, Any], km2: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
        """Return which piece is covered by which ground, how much of it, and whether it is all of it."""
        if self.is_exact:
            piece, ground = self._tree.query(shapely.point_on_surface(pieces), predicate="intersects")
            return piece, ground, np.ones(len(piece)), np.ones(len(piece), dtype=bool)
        piece, ground = self._tree.query(pieces, predicate="intersects")
        share = np.ones(len(piece))
        cut = np.flatnonzero(~shapely.covers(self._grounds[ground], pieces[piece]))
        common = shapely.intersection(self._grounds[ground[cut]], pieces[piece[cut]])
        share[cut] = each_km2(common) / np.maximum(km2[piece[cut]], 1e-15)
        there = share > _WHOLE
        rounded = np.minimum(1.0, np.ceil((share - _WHOLE) * _STEPS) / _STEPS)
        return piece[there], ground[there], rounded[there], share[there] >= 1 - _WHOLE

    def _replace(self, old: np.ndarray[Any, Any], new: np.ndarray[Any, Any]) -> None:
        stays = np.ones(len(self._pieces), dtype=bool)
        stays[old] = False
        number = np.cumsum(stays) - 1
        km2 = each_km2(new)
        piece, ground, share, whole = self._measure(new, km2)
        kept = stays[self.piece]
        self.piece = np.concatenate([number[self.piece[kept]], piece + stays.sum()])
        self.ground = np.concatenate([self.ground[kept], ground])
        self.share = np.concatenate([self.share[kept], share])
        self._whole = np.concatenate([self._whole[kept], whole])
        self._pieces = np.concatenate([self._pieces[stays], new])
        self.km2 = np.concatenate([self.km2[stays], km2])

    def _merge(self) -> None:
        """Put pieces that the same grounds cover together: a choice covers all of them or none."""
        order = np.lexsort((self.ground, self.piece))
        piece, ground = self.piece[order], self.ground[order]
        starts = np.flatnonzero(np.r_[True, np.diff(piece) > 0]) if len(piece) else np.empty(0, dtype=int)
        members: dict[bytes, int] = {}
        km2: list[float] = []
        rows: list[np.ndarray[Any, Any]] = []
        for first, last in zip(starts, np.r_[starts[1:], len(piece)], strict=True):
            same = ground[first:last]
            at = members.setdefault(same.tobytes(), len(rows))
            if at == len(rows):
                rows.append(same)
                km2.append(0.0)
            km2[at] += float(self.km2[piece[first]])
        self.km2 = np.array(km2)
        self.ground = np.concatenate(rows) if rows else np.empty(0, dtype=int)
        self.piece = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
        self.share = np.ones(len(self.ground))


def _grid(area: BaseGeometry) -> np.ndarray[Any, Any]:
    west, south, east, north = area.bounds
    xs, ys = np.linspace(west, east, _CELLS_ACROSS + 1), np.linspace(south, north, _CELLS_ACROSS + 1)
    lines = [[(x, south), (x, north)] for x in xs[1:-1]] + [[(west, y), (east, y)] for y in ys[1:-1]]
    return np.asarray(shapely.linestrings(lines), dtype=object)


def _cut(area: BaseGeometry, lines: np.ndarray[Any, Any]) -> list[BaseGeometry]:
    """Return the pieces into which lines cut an area."""
    noded = shapely.union_all([area.boundary, *lines], grid_size=GRID_DEGREES)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    shapely.prepare(area)
    inside = shapely.contains(area, shapely.point_on_surface(faces))
    return list(faces[inside])
