"""The lower bound of covers: never above the best choice, and near that of all pieces."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from _cover import AREAS, random_problem
from scenecart._cover.arrangement import Arrangement
from scenecart._cover.relaxation import lower_bound, program
from scenecart._cover.solver import Problem, solve

# the time stands still, so that a slow machine finds the same
NOW = 0.0


def bound_of(problem: Problem, *, seconds: float = 1_000.0) -> float:
    return lower_bound(replace(problem, max_crossings=0), tuple(range(len(problem.footprints))), NOW + seconds, lambda: NOW)


@pytest.mark.parametrize("seed", range(5))
def test_lower_bound_is_not_above_the_best_choice(seed: int):
    """No choice costs less than the bound, with and without limits, and none covers more if as much as possible is wanted."""
    problem = random_problem(seed, AREAS["land"], count=12)
    budget = (problem.weights, 0.9 * float(problem.weights.sum()))
    for one in (problem, replace(problem, limits=(budget,))):
        best = solve(one, 1_000.0, lambda: NOW)
        assert best.at_least == best.value
        assert -math.inf < bound_of(one) <= best.value
    # its best choice can take very long to prove
    most = replace(problem, need=None, limits=(budget,))
    assert -math.inf < bound_of(most) <= solve(most, 0.0, lambda: NOW).value


def test_lower_bound_reaches_that_of_all_pieces():
    """Cut only where the relaxed choice needs it, the area gives nearly the bound of all its pieces."""
    problem = random_problem(3, AREAS["land"], count=30)
    costs, matrix, limits = program(problem, Arrangement(problem.area, problem.footprints))
    finest = linprog(costs, A_ub=matrix, b_ub=limits, bounds=(0, 1)).fun
    assert 0.98 * finest < bound_of(problem) < finest * (1 + 1e-6)


def test_lower_bound_without_time_or_with_all_pieces_is_unknown():
    """Without time, and for pieces that the mixed-integer program has at once, nothing is done."""
    problem = random_problem(3, AREAS["land"])
    assert bound_of(problem, seconds=0.0) == -math.inf
    assert lower_bound(problem, (0,), NOW + 1_000.0, lambda: NOW) == -math.inf


def test_lower_bound_where_nothing_is_allowed_is_unknown():
    """Limits that no choice keeps give no bound, and no error."""
    problem = random_problem(3, AREAS["land"])
    assert bound_of(replace(problem, limits=((np.ones(8), 0.5),))) == -math.inf
