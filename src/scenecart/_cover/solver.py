"""Solver for weighted area covers: mixed-integer programming with a time limit, and a greedy start."""

from __future__ import annotations

import heapq
import json
import math
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from scenecart._cover.arrangement import MAX_CROSSINGS, Arrangement
from scenecart._cover.relaxation import RELATIVE_TOLERANCE, lower_bound, program
from scenecart._geo.geometry import each_km2, each_polygonal, geodesic_km2, polygonal, union
from scenecart.exceptions import ScenecartError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapely.geometry.base import BaseGeometry

_MAX_ROUNDS = 60
_MAX_IMPROVEMENTS = 500
_IMPROVEMENT_SECONDS = 1.0
_GRACE_SECONDS = 5.0
# the share of the time for a bound by relaxation, if many footprints cross
_BOUND_SHARE = 0.4
_ANSWER_PREFIX = b"choice "
_MIN_REMOVED, _REMOVED_SIZES = 3, 4
_BATCH = 500
_POWERS = (1.0, 0.5, 0.0)
_MIN_GAIN_KM2 = 1e-9
_UPDATED_AT_ONCE = 32
_MAX_OFFERED = 150
_OPTIMAL, _INFEASIBLE = 0, 2


@dataclass(frozen=True)
class Problem:
    """An area to cover, and the candidates to cover it with.

    Attributes
    ----------
    area : polygon or multipolygon, EPSG:4326
    footprints : array of polygons, the part of the area that each candidate covers
    weights : array of float, the cost of choosing each candidate, at least 0
    need : km² to cover; None covers as much as the limits allow
    limits : pairs of an amount for each candidate and the highest allowed sum of the chosen ones
    max_crossings : up to how many pairs of crossing footprints the area is cut into all its pieces at once
    """

    area: BaseGeometry
    footprints: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]
    need: float | None
    limits: tuple[tuple[np.ndarray[Any, Any], float], ...] = ()
    max_crossings: int = MAX_CROSSINGS

    def covered(self, chosen: Iterable[int]) -> float:
        """Return the km² that a choice covers."""
        return geodesic_km2(union(self.footprints[list(chosen)]))

    def allows(self, chosen: Iterable[int]) -> bool:
        """Return whether a choice is within the limits."""
        indices = list(chosen)
        return all(amount[indices].sum() <= most * (1 + 1e-12) for amount, most in self.limits)

    def suffices(self, chosen: Iterable[int]) -> bool:
        """Return whether a choice covers enough."""
        return self.need is None or self.covered(chosen) >= self.need * (1 - RELATIVE_TOLERANCE)

    def value(self, chosen: Iterable[int]) -> float:
        """Return the objective of a choice, which the solver minimizes."""
        indices = list(chosen)
        weight = float(self.weights[indices].sum())
        return weight if self.need is not None else weight * self.tie_weight - self.covered(indices)

    def among(self, indices: np.ndarray[Any, Any]) -> Problem:
        """Return the problem restricted to some candidates."""
        limits = tuple((amount[indices], most) for amount, most in self.limits)
        return replace(self, footprints=self.footprints[indices], weights=self.weights[indices], limits=limits)

    def beyond(self, chosen: np.ndarray[Any, Any]) -> Problem:
        """Return the problem that remains once some candidates are chosen."""
        covered = union(self.footprints[chosen])
        missing = polygonal(shapely.difference(self.area, covered))
        shapely.prepare(missing)
        # footprints are inside the area, so a candidate adds exactly its part of what is missing
        near = shapely.intersects(missing, self.footprints)
        rest = np.full(len(self.footprints), shapely.Polygon(), dtype=object)
        rest[near] = each_polygonal(shapely.intersection(self.footprints[near], missing))
        return replace(
            self,
            area=missing,
            footprints=rest,
            need=None if self.need is None else max(0.0, self.need - geodesic_km2(covered)),
            limits=tuple((amount, most - amount[chosen].sum()) for amount, most in self.limits),
        )

    @property
    def tie_weight(self) -> float:
        """The factor of the weights when coverage is maximized: small enough to decide only between equal coverages."""
        return 1e-6 * geodesic_km2(self.area) / max(1e-300, float(self.weights.sum()))


@dataclass(frozen=True)
class Choice:
    """A solution: the chosen candidates, and a lower bound of the objective.

    Attributes
    ----------
    chosen : tuple of int; None if no choice suffices
    value : the objective of the choice
    at_least : lower bound of the objective of any choice; None if unknown, equal to ``value`` if the choice is proven best
    """

    chosen: tuple[int, ...] | None
    value: float = math.inf
    at_least: float | None = None


def solve(problem: Problem, seconds: float, clock: Callable[[], float], report: Callable[[Choice], None] | None = None) -> Choice:
    """Return the choice of least weight found within a time limit; call ``report`` with intermediate choices.

    At most half of the time is spent on a proof of optimality; the rest improves the best choice piece by piece.

    Raises
    ------
    MissingExtra
        If SciPy is not installed.
    """
    milp = require_solver()
    started = clock()
    kept, small = _reduced(problem)
    best = _best_greedy_choice(small)

    def with_original_indices(choice: Choice) -> Choice:
        return choice if choice.chosen is None else replace(choice, chosen=tuple(kept[list(choice.chosen)].tolist()))

    if report is not None:
        report(with_original_indices(_answer(small, best, -math.inf)))
    # a small choice is not improved piece by piece, so its proof may use all the time
    proof_seconds = seconds if best is not None and len(best) <= _MIN_REMOVED else seconds / 2
    bound, bound_end = -math.inf, started + _BOUND_SHARE * seconds
    # if the greedy choices took most of this time, the relaxation would not end in the rest
    if best is not None and clock() - started < bound_end - clock():
        bound = lower_bound(small, best, bound_end, clock)
    choice = _prove(milp, small, best, started + proof_seconds, clock, bound=bound)
    if choice.chosen and choice.at_least != choice.value:
        if report is not None:
            report(with_original_indices(choice))
        choice = _improve(milp, small, choice, started + seconds, clock)
    return with_original_indices(choice)


def _reduced(problem: Problem) -> tuple[np.ndarray[Any, Any], Problem]:
    """Remove dominated candidates: another one covers at least the same and is no worse in weight and limits."""
    amounts_of_all = np.column_stack([problem.weights, *(amount for amount, _ in problem.limits)])
    size = shapely.area(problem.footprints)
    # a candidate can only be dominated by one that comes earlier in this order
    order = np.lexsort((np.arange(len(size)), -size, *amounts_of_all.T[::-1]))
    useful = order[size[order] > 0]
    first: dict[bytes, int] = {}
    same_as = [first.setdefault(wkb, place) for place, wkb in enumerate(shapely.to_wkb(problem.footprints[useful]))]
    useful = useful[(same_as == np.arange(len(useful))) | (amounts_of_all[useful[same_as]] > amounts_of_all[useful]).any(axis=1)]
    footprints, amounts = problem.footprints[useful], amounts_of_all[useful]
    tree = shapely.STRtree(footprints)
    keep = np.ones(len(useful), dtype=bool)
    for start in range(0, len(useful), _BATCH):
        inner, outer = tree.query(footprints[start : start + _BATCH], predicate="covered_by")
        inner += start
        no_worse = (outer < inner) & (amounts[outer] <= amounts[inner]).all(axis=1)
        keep[inner[no_worse]] = False
    kept = np.sort(useful[keep])
    return kept, problem.among(kept)


def _prove(
    milp: Any, problem: Problem, best: tuple[int, ...] | None, end: float, clock: Callable[[], float], *, bound: float = -math.inf
) -> Choice:
    """Look for the best choice and for a proof that none is better, from a bound that is known.

    The area is cut into pieces only as finely as needed. Coarse pieces overestimate coverage, so a choice that is best for
    them and really suffices is optimal. If it does not suffice, its partly covered pieces are cut.
    """
    arrangement = Arrangement(problem.area, problem.footprints, problem.max_crossings)
    if best is not None:
        arrangement.refine(np.array(best))
    for _ in range(_MAX_ROUNDS):
        left = end - clock()
        if left <= 0:
            break
        status, found, at_least = _solve_pieces(milp, problem, arrangement, left)
        if status == _INFEASIBLE:
            break
        bound = max(bound, at_least)
        if found is not None:
            best = _better(problem, best, _completed(problem, found))
        if best is not None and problem.value(best) <= bound + RELATIVE_TOLERANCE * max(1.0, abs(bound)):
            return Choice(best, problem.value(best), problem.value(best))
        if status != _OPTIMAL or found is None or not arrangement.refine(np.array(found, dtype=int)):
            break
    return _answer(problem, best, bound)


def _improve(milp: Any, problem: Problem, choice: Choice, end: float, clock: Callable[[], float]) -> Choice:
    """Replace a few neighbouring candidates at a time, until the time is over."""
    best = tuple(choice.chosen or ())
    centroids = shapely.centroid(problem.footprints)
    random = np.random.default_rng(len(best))
    for attempt in range(_MAX_IMPROVEMENTS):
        if clock() >= end or len(best) < 2:  # noqa: PLR2004  # nothing would remain
            break
        indices = np.array(best)
        nearest = np.argsort(shapely.distance(centroids[random.choice(indices)], centroids[indices]))
        fixed = indices[nearest[min(len(best) - 1, _MIN_REMOVED + attempt % _REMOVED_SIZES) :]]
        kept, part = _most_promising(problem.beyond(fixed))
        found = _prove(milp, part, _best_greedy_choice(part), min(end, clock() + _IMPROVEMENT_SECONDS), clock).chosen
        if found is not None:
            changed = (*fixed.tolist(), *kept[list(found)].tolist())
            best = changed if problem.value(changed) < problem.value(best) else best
    return _answer(problem, best, -math.inf if choice.at_least is None else choice.at_least)


def _most_promising(problem: Problem) -> tuple[np.ndarray[Any, Any], Problem]:
    """Restrict a problem to a few hundred candidates: the largest, and the largest for their weight."""
    size = shapely.area(problem.footprints)
    leaders = [np.argsort(-value, kind="stable")[:_MAX_OFFERED] for value in (size, size / (problem.weights + _MIN_GAIN_KM2))]
    offered = np.unique(np.concatenate(leaders))
    kept, part = _reduced(problem.among(offered))
    return offered[kept], part


def _solve_pieces(milp: Any, problem: Problem, pieces: Arrangement, seconds: float) -> tuple[int, tuple[int, ...] | None, float]:
    """Solve the problem for given pieces, and return SciPy's status, the choice and its lower bound."""
    from scipy.optimize import Bounds, LinearConstraint  # noqa: PLC0415  # an extra

    costs, matrix, limits = program(problem, pieces)
    count, parts = len(problem.footprints), len(pieces.km2)
    scale = max(1e-300, float(np.abs(costs).max()))
    answer = milp(
        costs / scale,
        integrality=np.r_[np.ones(count), np.zeros(parts)],
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(matrix, ub=limits),
        options={"time_limit": max(0.05, seconds), "mip_rel_gap": 1e-9},
    )
    chosen = None if answer.x is None else tuple(np.flatnonzero(answer.x[:count] > 0.5).tolist())  # noqa: PLR2004  # 0 or 1
    at_least = answer.get("mip_dual_bound")
    return answer.status, chosen, -math.inf if at_least is None else float(at_least) * scale


@dataclass(frozen=True)
class _GreedyStart:
    """The state that greedy choices start from."""

    chosen: tuple[int, ...]
    missing: BaseGeometry
    needed_km2: float
    gains_km2: np.ndarray[Any, Any]
    tree: shapely.STRtree


def _best_greedy_choice(problem: Problem, fixed: tuple[int, ...] = ()) -> tuple[int, ...] | None:
    """Return the best greedy choice that contains some candidates; None if no greedy choice suffices."""
    missing = shapely.difference(problem.area, union(problem.footprints[list(fixed)])) if fixed else problem.area
    needed_km2 = math.inf if problem.need is None else problem.need - problem.covered(fixed)
    gains_km2 = _gains_km2(missing, problem.footprints)
    start = _GreedyStart(fixed, missing, needed_km2, gains_km2, shapely.STRtree(problem.footprints))
    best: tuple[int, ...] | None = None
    for power in _POWERS:
        best = _better(problem, best, _greedy_choice(problem, start, power))
    return best


def _greedy_choice(problem: Problem, start: _GreedyStart, power: float) -> tuple[int, ...] | None:
    """Choose repeatedly the candidate that adds the most missing km² for its weight to a power."""
    chosen, missing, needed_km2, gains_km2 = list(start.chosen), start.missing, start.needed_km2, start.gains_km2.copy()
    divisor = (problem.weights + max(1e-12, 1e-9 * float(problem.weights.max(initial=0.0)))) ** power
    is_stale = np.zeros(len(gains_km2), dtype=bool)
    queue: list[tuple[float, int]] = []

    def enqueue(indices: Iterable[int]) -> None:
        for place in indices:
            if gains_km2[place] > _MIN_GAIN_KM2:
                heapq.heappush(queue, (-min(needed_km2, gains_km2[place]) / divisor[place], place))

    enqueue(range(len(gains_km2)))
    while queue and needed_km2 > 0:
        # gains never grow, so a candidate that still leads after its gain was updated is the best
        leaders: list[int] = []
        while queue and is_stale[queue[0][1]] and len(leaders) < _UPDATED_AT_ONCE:
            leaders.append(heapq.heappop(queue)[1])
        if leaders:
            gains_km2[leaders] = _gains_km2(missing, problem.footprints[leaders])
            is_stale[leaders] = False
            enqueue(leaders)
            continue
        key, place = heapq.heappop(queue)
        if key != -min(needed_km2, gains_km2[place]) / divisor[place]:
            enqueue([place])
        elif problem.allows([*chosen, place]):
            chosen.append(place)
            needed_km2 -= gains_km2[place]
            missing = polygonal(shapely.difference(missing, problem.footprints[place]))
            is_stale[start.tree.query(problem.footprints[place], predicate="intersects")] = True
    return _without_redundant(problem, chosen) if problem.suffices(chosen) else None


def _gains_km2(missing: BaseGeometry, footprints: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the km² that each footprint covers of what is missing."""
    return each_km2(each_polygonal(shapely.intersection(missing, footprints)))


def _without_redundant(problem: Problem, chosen: Iterable[int]) -> tuple[int, ...]:
    """Remove candidates that are not needed, the heaviest first."""
    kept = sorted(chosen)
    covered = problem.covered(kept)
    least = (covered if problem.need is None else problem.need) * (1 - RELATIVE_TOLERANCE)
    for place in sorted(kept, key=lambda one: -problem.weights[one]):
        rest = [one for one in kept if one != place]
        others = problem.footprints[rest]
        footprint = problem.footprints[place]
        near = others[shapely.intersects(others, footprint)]
        alone = geodesic_km2(polygonal(shapely.difference(footprint, union(near))))
        if rest and covered - alone >= least:
            kept, covered = rest, covered - alone
    return tuple(kept)


def _completed(problem: Problem, found: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return a choice made for coarse pieces, completed greedily if it does not suffice."""
    return found if problem.suffices(found) and found else _best_greedy_choice(problem, found)


def _better(problem: Problem, one: tuple[int, ...] | None, other: tuple[int, ...] | None) -> tuple[int, ...] | None:
    if one is None or other is None:
        return other if one is None else one
    return other if problem.value(other) < problem.value(one) else one


def _answer(problem: Problem, best: tuple[int, ...] | None, bound: float) -> Choice:
    if best is None:
        return Choice(None)
    value = problem.value(best)
    return Choice(best, value, min(value, bound) if math.isfinite(bound) else None)


def require_solver() -> Any:
    """Import SciPy's mixed-integer solver.

    Raises
    ------
    MissingExtra
        If SciPy is not installed.
    """
    try:
        from scipy.optimize import milp  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Planning a cover needs", error, "cover") from error
    return milp


def solve_in_subprocess(problem: Problem, seconds: float) -> Choice:
    """Solve in a subprocess, which can be interrupted at any time and whose output is not shown.

    Raises
    ------
    MissingExtra
        If SciPy is not installed.
    ScenecartError
        If the solver fails.
    """
    require_solver()
    request = {
        "seconds": seconds,
        "area": shapely.to_wkb(problem.area, hex=True),
        "footprints": shapely.to_wkb(problem.footprints, hex=True).tolist(),
        "weights": problem.weights.tolist(),
        "need": problem.need,
        "limits": [[amount.tolist(), most] for amount, most in problem.limits],
    }
    root = str(Path(__file__).resolve().parents[2])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    try:
        process = subprocess.run(  # noqa: S603  # this file, by this interpreter
            [sys.executable, "-m", __name__],
            input=json.dumps(request).encode(),
            capture_output=True,
            env=environ,
            timeout=seconds + _GRACE_SECONDS,
            check=False,
            start_new_session=True,
        )
        lines, errors = process.stdout.splitlines(), process.stderr
    except subprocess.TimeoutExpired as late:
        # the solver can exceed its time limit; use the last choice it reported
        lines, errors = (late.stdout or b"").splitlines(), b"timeout"
    answers = [line for line in lines if line.startswith(_ANSWER_PREFIX)]
    if not answers:
        reason = (errors.decode("utf-8", "replace").strip() or "unknown reason").splitlines()[-1]
        raise ScenecartError(
            f"The solver of the cover plan failed: {reason}",
            code="cover_solver_failed",
            hint="Try fewer captures or a smaller area.",
        )
    answer = json.loads(answers[-1].removeprefix(_ANSWER_PREFIX))
    return Choice(None) if answer["chosen"] is None else Choice(tuple(answer["chosen"]), answer["value"], answer["at_least"])


def main() -> None:
    """Read a problem from standard input and write each choice found as a line to standard output."""
    request = json.load(sys.stdin)
    problem = Problem(
        area=shapely.from_wkb(request["area"]),
        footprints=shapely.from_wkb(np.array(request["footprints"], dtype=object)),
        weights=np.array(request["weights"], dtype=float),
        need=request["need"],
        limits=tuple((np.array(amount, dtype=float), most) for amount, most in request["limits"]),
    )

    def report(choice: Choice) -> None:
        value = None if choice.chosen is None else choice.value
        answer = json.dumps({"chosen": choice.chosen, "value": value, "at_least": choice.at_least})
        sys.stdout.write(f"\n{_ANSWER_PREFIX.decode()}{answer}\n")
        sys.stdout.flush()

    report(solve(problem, request["seconds"], time.monotonic, report))


if __name__ == "__main__":
    main()
