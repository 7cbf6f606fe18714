"""A lower bound of what a cover costs: the same program, in which a part of a candidate can be chosen for that part of its cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart._cover.arrangement import Arrangement

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._cover.solver import Problem

RELATIVE_TOLERANCE = 1e-7
_MIN_UNIT_KM2 = 1e-9
# pieces are cut along the candidates of which more than this is chosen
_LEAST_CHOSEN = 0.1
# a round that raises the bound by less ends the search
_LEAST_GAIN = 1e-3
# a program of twice the size takes about three times as long
_GROWTH = 1.5


def lower_bound(problem: Problem, best: tuple[int, ...], end: float, clock: Callable[[], float]) -> float:
    """Return a value that no choice is below; minus infinity if there was no time to find one.

    The area is cut where the relaxed choice covers pieces partly, and the program is solved again, until the time is over or the
    bound no longer rises. A round begins only if it can be expected to end in time. If few footprints cross, the mixed-integer
    program finds the same bound by itself, and nothing is done.
    """
    arrangement = Arrangement(problem.area, problem.footprints, problem.max_crossings)
    if arrangement.is_exact:
        return -math.inf
    arrangement.refine(np.array(best))
    bound, spent, size = -math.inf, 0.0, len(arrangement.piece)
    while end - clock() > spent * (len(arrangement.piece) / size) ** _GROWTH:
        began = clock()
        found = _solve(problem, arrangement, end - began)
        if found is None:
            break
        chosen, value = found
        gain, bound = value - bound, max(bound, value)
        spent, size = clock() - began, len(arrangement.piece)
        # the next program is larger
        is_over = gain < _LEAST_GAIN * abs(bound) or end - clock() < spent
        if is_over or not arrangement.refine(np.flatnonzero(chosen > _LEAST_CHOSEN), is_partial_choice=True):
            break
    return bound


def program(problem: Problem, pieces: Arrangement) -> tuple[np.ndarray[Any, Any], Any, np.ndarray[Any, Any]]:
    """Return costs, matrix and upper limits of the program: its variables, from 0 to 1, are the candidates and then the pieces."""
    from scipy import sparse  # noqa: PLC0415  # an extra

    count, parts = len(problem.footprints), len(pieces.km2)
    covers = sparse.csr_matrix((pieces.share, (pieces.piece, pieces.candidate)), shape=(parts, count))
    rows, limits = [sparse.hstack([-covers, sparse.eye(parts)], format="csr")], [np.zeros(parts)]
    if problem.need is None:
        costs = np.r_[problem.weights * problem.tie_weight, -pieces.km2]
    else:
        costs = np.r_[problem.weights, np.zeros(parts)]
        unit = max(problem.need, _MIN_UNIT_KM2)
        rows.append(sparse.csr_matrix(np.r_[np.zeros(count), -pieces.km2 / unit]))
        limits.append(np.array([-problem.need / unit * (1 - RELATIVE_TOLERANCE)]))
    for amount, most in problem.limits:
        unit = max(abs(most), 1.0)
        rows.append(sparse.csr_matrix(np.r_[amount / unit, np.zeros(parts)]))
        limits.append(np.array([most / unit]))
    return costs, sparse.vstack(rows, format="csr"), np.concatenate(limits)


def _solve(problem: Problem, pieces: Arrangement, seconds: float) -> tuple[np.ndarray[Any, Any], float] | None:
    """Return how much of each candidate the relaxed program chooses, and its value; None if the time was too short."""
    from scipy.optimize import linprog  # noqa: PLC0415  # an extra

    costs, matrix, limits = program(problem, pieces)
    scale = max(1e-300, float(np.abs(costs).max()))
    options = {"time_limit": max(0.05, seconds)}
    answer = linprog(costs / scale, A_ub=matrix, b_ub=limits, bounds=(0, 1), method="highs-ipm", options=options)
    if answer.status != 0:
        return None
    value = float(answer.fun) * scale
    return answer.x[: len(problem.footprints)], value - RELATIVE_TOLERANCE * abs(value)
