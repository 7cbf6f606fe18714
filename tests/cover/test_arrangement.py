"""Pieces of an area cut by footprints."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from _cover import AREAS, random_problem
from scenecart._cover.arrangement import Arrangement
from scenecart._geo.geometry import geodesic_km2


def test_few_crossings_are_cut_completely():
    """If few footprints cross, every footprint covers a piece completely, and the pieces give the coverage of any choice."""
    problem = random_problem(1, AREAS["land"])
    pieces = Arrangement(problem.area, problem.footprints)
    assert pieces.is_exact
    assert (pieces.share == 1).all()
    assert not pieces.refine(np.array([0, 1]))
    for chosen in ([0], [2, 5], list(range(8))):
        covered = np.unique(pieces.piece[np.isin(pieces.candidate, chosen)])
        assert pieces.km2[covered].sum() == pytest.approx(problem.covered(chosen), rel=1e-5)


def test_pieces_of_the_same_footprints_are_merged():
    """Pieces that the same footprints cover are one piece, however many parts it has."""
    area = shapely.box(0, 0, 3, 1)
    footprints = np.array([area, shapely.box(1, -1, 2, 2)], dtype=object)
    pieces = Arrangement(area, footprints)
    assert len(pieces.km2) == 2
    assert pieces.km2.sum() == pytest.approx(geodesic_km2(area), rel=1e-6)


def test_coarse_shares_never_underestimate():
    """Before refinement, the shares of a choice give at least its coverage."""
    problem = random_problem(1, AREAS["land"], count=40)
    pieces = Arrangement(problem.area, problem.footprints, max_crossings=0)
    assert not pieces.is_exact
    chosen = np.array([0, 5, 11])
    shares = np.zeros(len(pieces.km2))
    is_chosen = np.isin(pieces.candidate, chosen)
    np.add.at(shares, pieces.piece[is_chosen], pieces.share[is_chosen])
    assert float((np.minimum(shares, 1) * pieces.km2).sum()) >= problem.covered(chosen) * (1 - 1e-6)


def test_refined_pieces_measure_a_choice_exactly():
    """Pieces that were refined for a choice make up the area and give the exact coverage of the choice."""
    problem = random_problem(1, AREAS["land"], count=40)
    pieces = Arrangement(problem.area, problem.footprints, max_crossings=0)
    assert pieces.km2.sum() == pytest.approx(geodesic_km2(problem.area), rel=1e-6)
    chosen = np.array([0, 5, 11, 17, 23, 31])
    assert pieces.refine(chosen)
    assert pieces.km2.sum() == pytest.approx(geodesic_km2(problem.area), rel=1e-6)
    shares = np.zeros(len(pieces.km2))
    is_chosen = np.isin(pieces.candidate, chosen)
    np.add.at(shares, pieces.piece[is_chosen], pieces.share[is_chosen])
    assert float((np.minimum(shares, 1) * pieces.km2).sum()) == pytest.approx(problem.covered(chosen), rel=1e-5)
    assert not pieces.refine(chosen)
