"""The solver of covers, compared with trying every choice."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely

from _cover import AREAS, random_problem
from _thorough import first_of
from scenecart._cover.solver import Problem, solve, solve_in_subprocess
from scenecart._geo.geometry import each_km2, geodesic_km2

SEEDS = first_of(range(5), 3)


def all_choices(count: int) -> list[tuple[int, ...]]:
    return [choice for size in range(1, count + 1) for choice in itertools.combinations(range(count), size)]


def least_value(problem: Problem) -> float:
    """Return the least value of all choices that are allowed and suffice."""
    allowed = [choice for choice in all_choices(len(problem.footprints)) if problem.allows(choice) and problem.suffices(choice)]
    return min((problem.value(choice) for choice in allowed), default=math.inf)


def solve_now(problem: Problem, seconds: float = 20.0) -> Any:
    return solve(problem, seconds, time.monotonic)


@pytest.mark.parametrize("crossings", [10_000, 0], ids=["all pieces at once", "pieces as needed"])
@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
@pytest.mark.parametrize("seed", SEEDS)
def test_solve_finds_and_proves_the_cheapest_choice(seed: int, area: shapely.Polygon, crossings: int):
    """The choice suffices, has the least value of all choices, and is proven."""
    problem = replace(random_problem(seed, area), max_crossings=crossings)
    found = solve_now(problem)
    assert problem.suffices(found.chosen)
    assert found.value == pytest.approx(least_value(problem))
    assert found.at_least == found.value


@pytest.mark.parametrize("crossings", [10_000, 0], ids=["all pieces at once", "pieces as needed"])
@pytest.mark.parametrize("seed", SEEDS)
def test_solve_with_limits_keeps_them(seed: int, crossings: int):
    """With limits, the choice keeps them and is the best that does; if none suffices, there is no choice."""
    unlimited = replace(random_problem(seed, AREAS["land"], share=0.7), max_crossings=crossings)
    for most, count in ((0.6, 8), (1.0, 4), (0.4, 3)):
        budget = most * float(unlimited.weights.sum())
        problem = replace(unlimited, limits=((unlimited.weights, budget), (np.ones(8), float(count))))
        found, best = solve_now(problem), least_value(problem)
        if math.isinf(best):
            assert found.chosen is None
        else:
            assert problem.allows(found.chosen)
            assert found.value == pytest.approx(best)


@pytest.mark.parametrize("seed", SEEDS)
def test_solve_without_need_covers_the_most(seed: int):
    """If only a budget is given, no allowed choice covers more."""
    unlimited = random_problem(seed, AREAS["land"])
    problem = replace(unlimited, need=None, limits=((unlimited.weights, 0.35 * float(unlimited.weights.sum())),))
    # the choice is found at once; the proof, which is not tested here, can take very long
    found = solve_now(problem, 1.0)
    most = max(problem.covered(choice) for choice in all_choices(8) if problem.allows(choice))
    assert problem.allows(found.chosen)
    assert problem.covered(found.chosen) == pytest.approx(most, rel=1e-5)


def test_solve_across_the_antimeridian_is_the_same():
    """Footprints on both sides of the antimeridian are chosen together, as they are at Greenwich."""
    problem = random_problem(3, AREAS["land"])

    def moved(shape: Any) -> Any:
        east = shapely.transform(shape, lambda xy: xy + np.array([169.7, 0.0]))
        west = shapely.transform(east, lambda xy: xy - np.array([360.0, 0.0]))
        sides = [
            shapely.intersection(east, shapely.box(0, -90, 180, 90)),
            shapely.intersection(west, shapely.box(-180, -90, 0, 90)),
        ]
        return shapely.union_all([side for side in sides if side.area > 0])

    across = replace(
        problem, area=moved(problem.area), footprints=np.array([moved(shape) for shape in problem.footprints], dtype=object)
    )
    assert across.area.geom_type == "MultiPolygon"
    assert set(solve_now(across).chosen) == set(solve_now(problem).chosen)


def test_solve_without_time_returns_a_choice():
    """With almost no time, the choice suffices and does not claim to be better than it is."""
    problem = random_problem(2, AREAS["land"], count=120, share=0.95)
    found = solve_now(problem, 0.01)
    assert problem.suffices(found.chosen)
    assert found.at_least is None or found.at_least <= found.value


@pytest.mark.parametrize("seed", SEEDS)
def test_solve_without_time_is_no_worse_than_greedy(seed: int):
    """Even without time, the choice costs no more than choosing repeatedly what covers most new area for its price."""
    problem = random_problem(seed, AREAS["land"], count=120, share=0.98)
    taken: list[int] = []
    missing = problem.area
    while problem.covered(taken) < (problem.need or 0.0):
        taken.append(int(np.argmax(each_km2(shapely.intersection(problem.footprints, missing)) / problem.weights)))
        missing = shapely.difference(missing, problem.footprints[taken[-1]])
    choice = solve_now(problem, 0.0)
    assert problem.suffices(choice.chosen)
    assert choice.value <= problem.weights[taken].sum()


def test_solve_with_more_time_is_no_worse():
    """With more time, the choice costs no more than the greedy one, and its bound, if there is one by then, holds."""
    problem = random_problem(5, AREAS["land"], count=150, share=0.95)
    quick, long = solve_now(problem, 0.0), solve_now(problem, 1.0)
    assert problem.suffices(long.chosen)
    assert long.value <= quick.value
    # how far the proof comes depends on the machine
    assert long.at_least is None or long.at_least <= long.value


def test_solve_in_subprocess_prints_nothing(capfd: pytest.CaptureFixture[str]):
    """Solving in a subprocess gives the same choice, and its output does not reach the notebook."""
    problem = random_problem(0, AREAS["land"])
    assert set(solve_in_subprocess(problem, 10.0).chosen) == set(solve_now(problem).chosen)
    assert capfd.readouterr() == ("", "")


def test_solve_equal_footprints_takes_the_lightest():
    """Of many candidates with the same footprint, only the one with the least weight matters."""
    area = AREAS["land"]
    problem = Problem(area, np.array([area] * 2000, dtype=object), np.arange(2000.0, 0.0, -1.0), geodesic_km2(area) * 0.98)
    found = solve_now(problem)
    assert found.chosen == (1999,)
    assert found.at_least == found.value
