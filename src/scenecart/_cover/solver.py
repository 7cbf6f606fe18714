"""The least choice of grounds that covers an area: by mixed-integer programming within a time, or greedy.

The only file that names SciPy.
"""

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

from scenecart._cover.arrangement import MOST_CROSSINGS, Arrangement
from scenecart._geo.geometry import each_km2, each_polygonal, geodesic_km2, polygonal, union
from scenecart.exceptions import ScenecartError, missing_extra

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from shapely.geometry.base import BaseGeometry

_MOST_ROUNDS = 60
_MOST_TURNS = 500
_TURN_SECONDS = 1.0
_GRACE_SECONDS = 5.0
_MARK = b"choice "
_FEWEST_OUT, _SIZES_OUT = 3, 4
_BATCH = 500
_POWERS = (1.0, 0.5, 0.0)
_LEAST_GAIN = 1e-9
_ASKED_AT_ONCE = 32
_MOST_OFFERED = 150
_SAME = 1e-7
_OPTIMAL, _INFEASIBLE = 0, 2


@dataclass(frozen=True)
class Problem:
    """What is to be covered, and by what.

    Attributes
    ----------
    area : polygon or multipolygon, EPSG:4326
    grounds : array of polygons, what each candidate covers of the area
    weights : array of float, what choosing each of them is worth avoiding; none negative
    need : km² to be covered; None covers as much as the limits allow
    limits : pairs of an amount for each candidate, and the most of it that may be chosen
    most_crossings : how many pairs of grounds may cross for the area to be cut into all its pieces at once
    """

    area: BaseGeometry
    grounds: np.ndarray[Any, Any]
    weights: np.ndarray[Any, Any]
    need: float | None
    limits: tuple[tuple[np.ndarray[Any, Any], float], ...] = ()
    most_crossings: int = MOST_CROSSINGS

    def covered(self, chosen: Iterable[int]) -> float:
        """Return the km² that some grounds cover together."""
        return geodesic_km2(union(self.grounds[list(chosen)]))

    def allows(self, chosen: Iterable[int]) -> bool:
        """Tell whether a choice keeps the limits."""
        places = list(chosen)
        return all(amount[places].sum() <= most * (1 + 1e-12) for amount, most in self.limits)

    def suffices(self, chosen: Iterable[int]) -> bool:
        """Tell whether a choice covers what is needed."""
        return self.need is None or self.covered(chosen) >= self.need * (1 - _SAME)

    def value(self, chosen: Iterable[int]) -> float:
        """Return what is made as small as possible."""
        places = list(chosen)
        weight = float(self.weights[places].sum())
        return weight if self.need is not None else weight * self.trifle - self.covered(places)

    def among(self, places: np.ndarray[Any, Any]) -> Problem:
        """Return the problem with some candidates alone."""
        limits = tuple((amount[places], most) for amount, most in self.limits)
        return replace(self, grounds=self.grounds[places], weights=self.weights[places], limits=limits)

    def beyond(self, chosen: np.ndarray[Any, Any]) -> Problem:
        """Return the problem of what is missing when some candidates are chosen already."""
        ground = union(self.grounds[chosen])
        missing = polygonal(shapely.difference(self.area, ground))
        shapely.prepare(missing)
        # grounds lie in the area, so that what one of them adds is its part of what is missing
        near = shapely.intersects(missing, self.grounds)
        rest = np.full(len(self.grounds), shapely.Polygon(), dtype=object)
        rest[near] = each_polygonal(shapely.intersection(self.grounds[near], missing))
        return replace(
            self,
            area=missing,
            grounds=rest,
            need=None if self.need is None else max(0.0, self.need - geodesic_km2(ground)),
            limits=tuple((amount, most - amount[chosen].sum()) for amount, most in self.limits),
        )

    @property
    def trifle(self) -> float:
        """What weight counts beside covered ground, where as much as possible is covered: it decides between equals alone."""
        return 1e-6 * geodesic_km2(self.area) / max(1e-300, float(self.weights.sum()))


@dataclass(frozen=True)
class Choice:
    """An answer: which candidates, and what no other answer goes below.

    Attributes
    ----------
    chosen : tuple of int, or None where nothing suffices
    value : what was made small, of these
    at_least : the same that any answer has; None where nothing is known, equal to ``value`` where nothing is better
    """

    chosen: tuple[int, ...] | None
    value: float = math.inf
    at_least: float | None = None


def solve(problem: Problem, seconds: float, clock: Callable[[], float], tell: Callable[[Choice], None] | None = None) -> Choice:
    """Choose with the least weight within a time, and tell of choices on the way.

    Half of the time at most goes into proving; where that does not end, the best choice so far is made better part by part.

    Raises
    ------
    MissingExtra
        If SciPy is not installed.
    """
    milp = require_solver()
    begun = clock()
    kept, small = _reduced(problem)
    best = _greedily(small)

    def placed(choice: Choice) -> Choice:
        return choice if choice.chosen is None else replace(choice, chosen=tuple(kept[list(choice.chosen)].tolist()))

    if tell is not None:
        tell(placed(_answer(small, best, -math.inf)))
    # the best part by part is the best of all where there are few parts
    proving = seconds if best is not None and len(best) <= _FEWEST_OUT else seconds / 2
    choice = _prove(milp, small, best, begun + proving, clock)
    if choice.chosen and choice.at_least != choice.value:
        if tell is not None:
            tell(placed(choice))
        choice = _improve(milp, small, choice, begun + seconds, clock)
    return placed(choice)


def _reduced(problem: Problem) -> tuple[np.ndarray[Any, Any], Problem]:
    """Leave out what covers nothing, or nothing more than another candidate that is no worse in anything."""
    every = np.column_stack([problem.weights, *(amount for amount, _ in problem.limits)])
    size = shapely.area(problem.grounds)
    # whoever comes later in this order cannot stand for whoever comes before
    order = np.lexsort((np.arange(len(size)), -size, *every.T[::-1]))
    useful = order[size[order] > 0]
    first: dict[bytes, int] = {}
    alike = [first.setdefault(ground, place) for place, ground in enumerate(shapely.to_wkb(problem.grounds[useful]))]
    useful = useful[(alike == np.arange(len(useful))) | (every[useful[alike]] > every[useful]).any(axis=1)]
    grounds, amounts = problem.grounds[useful], every[useful]
    tree = shapely.STRtree(grounds)
    keep = np.ones(len(useful), dtype=bool)
    for start in range(0, len(useful), _BATCH):
        inner, outer = tree.query(grounds[start : start + _BATCH], predicate="covered_by")
        inner += start
        no_worse = (outer < inner) & (amounts[outer] <= amounts[inner]).all(axis=1)
        keep[inner[no_worse]] = False
    kept = np.sort(useful[keep])
    return kept, problem.among(kept)


def _prove(milp: Any, problem: Problem, best: tuple[int, ...] | None, end: float, clock: Callable[[], float]) -> Choice:
    """Look for the best choice and for the proof that nothing is better.

    The area is cut into pieces only as finely as needed: what a choice covers of coarse pieces is never told too low, so that a
    choice which is best of these and truly suffices is best of all; one that does not suffice says where to cut.
    """
    arrangement = Arrangement(problem.area, problem.grounds, problem.most_crossings)
    if best is not None:
        arrangement.refine(np.array(best))
    bound = -math.inf
    for _ in range(_MOST_ROUNDS):
        left = end - clock()
        if left <= 0:
            break
        status, found, at_least = _ask(milp, problem, arrangement, left)
        if status == _INFEASIBLE:
            break
        bound = max(bound, at_least)
        if found is not None:
            best = _better(problem, best, _mended(problem, found))
        if best is not None and problem.value(best) <= bound + _SAME * max(1.0, abs(bound)):
            return Choice(best, problem.value(best), problem.value(best))
        if status != _OPTIMAL or found is None or not arrangement.refine(np.array(found, dtype=int)):
            break
    return _answer(problem, best, bound)


def _improve(milp: Any, problem: Problem, choice: Choice, end: float, clock: Callable[[], float]) -> Choice:
    """Take a few neighbours out of the choice and choose anew for their ground, as long as there is time."""
    best = tuple(choice.chosen or ())
    spots = shapely.centroid(problem.grounds)
    pick = np.random.default_rng(len(best))
    for turn in range(_MOST_TURNS):
        if clock() >= end or len(best) < 2:  # noqa: PLR2004  # nothing would stay
            break
        places = np.array(best)
        near = np.argsort(shapely.distance(spots[pick.choice(places)], spots[places]))
        stays = places[near[min(len(best) - 1, _FEWEST_OUT + turn % _SIZES_OUT) :]]
        kept, part = _most_promising(problem.beyond(stays))
        found = _prove(milp, part, _greedily(part), min(end, clock() + _TURN_SECONDS), clock).chosen
        if found is not None:
            anew = (*stays.tolist(), *kept[list(found)].tolist())
            best = anew if problem.value(anew) < problem.value(best) else best
    return _answer(problem, best, -math.inf if choice.at_least is None else choice.at_least)


def _most_promising(problem: Problem) -> tuple[np.ndarray[Any, Any], Problem]:
    """Reduce a problem to some hundred candidates: those that cover the most, and the most for their weight."""
    size = shapely.area(problem.grounds)
    leaders = [np.argsort(-value, kind="stable")[:_MOST_OFFERED] for value in (size, size / (problem.weights + _LEAST_GAIN))]
    offered = np.unique(np.concatenate(leaders))
    kept, part = _reduced(problem.among(offered))
    return offered[kept], part


def _ask(milp: Any, problem: Problem, pieces: Arrangement, seconds: float) -> tuple[int, tuple[int, ...] | None, float]:
    """Solve the problem over the pieces as they are: which status, which choice, and what no choice goes below."""
    from scipy import sparse  # noqa: PLC0415  # an extra
    from scipy.optimize import Bounds, LinearConstraint  # noqa: PLC0415  # likewise

    count, parts = len(problem.grounds), len(pieces.km2)
    covers = sparse.csr_matrix((pieces.share, (pieces.piece, pieces.ground)), shape=(parts, count))
    rules = [LinearConstraint(sparse.hstack([-covers, sparse.eye(parts)], format="csr"), ub=0.0)]
    if problem.need is None:
        costs = np.r_[problem.weights * problem.trifle, -pieces.km2]
    else:
        costs = np.r_[problem.weights, np.zeros(parts)]
        whole = max(problem.need, _LEAST_GAIN)
        rules.append(LinearConstraint(np.r_[np.zeros(count), pieces.km2 / whole][None, :], lb=problem.need / whole * (1 - _SAME)))
    for amount, most in problem.limits:
        unit = max(abs(most), 1.0)
        rules.append(LinearConstraint(np.r_[amount / unit, np.zeros(parts)][None, :], ub=most / unit))
    scale = max(1e-300, float(np.abs(costs).max()))
    answer = milp(
        costs / scale,
        integrality=np.r_[np.ones(count), np.zeros(parts)],
        bounds=Bounds(0, 1),
        constraints=rules,
        options={"time_limit": max(0.05, seconds), "mip_rel_gap": 1e-9},
    )
    chosen = None if answer.x is None else tuple(np.flatnonzero(answer.x[:count] > 0.5).tolist())  # noqa: PLR2004  # 0 or 1
    at_least = answer.get("mip_dual_bound")
    return answer.status, chosen, -math.inf if at_least is None else float(at_least) * scale


@dataclass(frozen=True)
class _Outset:
    """Where greedy choices go on from: what is chosen, what is missing then, how many km² are needed yet, and what each adds."""

    chosen: tuple[int, ...]
    missing: BaseGeometry
    lacking: float
    gains: np.ndarray[Any, Any]
    tree: shapely.STRtree


def _greedily(problem: Problem, begun: tuple[int, ...] = ()) -> tuple[int, ...] | None:
    """Return the best of the greedy choices that go on from some ground; None where none of them suffices."""
    missing = shapely.difference(problem.area, union(problem.grounds[list(begun)])) if begun else problem.area
    lacking = math.inf if problem.need is None else problem.need - problem.covered(begun)
    outset = _Outset(begun, missing, lacking, _gains(missing, problem.grounds), shapely.STRtree(problem.grounds))
    best: tuple[int, ...] | None = None
    for power in _POWERS:
        best = _better(problem, best, _taken(problem, outset, power))
    return best


def _taken(problem: Problem, outset: _Outset, power: float) -> tuple[int, ...] | None:
    """Take again and again the ground that covers most of what is missing, for its weight to a power."""
    chosen, missing, lacking, gains = list(outset.chosen), outset.missing, outset.lacking, outset.gains.copy()
    worth = (problem.weights + max(1e-12, 1e-9 * float(problem.weights.max(initial=0.0)))) ** power
    stale = np.zeros(len(gains), dtype=bool)
    queue: list[tuple[float, int]] = []

    def ask_later(places: Iterable[int]) -> None:
        for place in places:
            if gains[place] > _LEAST_GAIN:
                heapq.heappush(queue, (-min(lacking, gains[place]) / worth[place], place))

    ask_later(range(len(gains)))
    while queue and lacking > 0:
        # what a ground adds never grows, so that whoever leads again when asked anew is the best
        asked: list[int] = []
        while queue and stale[queue[0][1]] and len(asked) < _ASKED_AT_ONCE:
            asked.append(heapq.heappop(queue)[1])
        if asked:
            gains[asked] = _gains(missing, problem.grounds[asked])
            stale[asked] = False
            ask_later(asked)
            continue
        key, place = heapq.heappop(queue)
        if key != -min(lacking, gains[place]) / worth[place]:
            ask_later([place])
        elif problem.allows([*chosen, place]):
            chosen.append(place)
            lacking -= gains[place]
            missing = polygonal(shapely.difference(missing, problem.grounds[place]))
            stale[outset.tree.query(problem.grounds[place], predicate="intersects")] = True
    return _thinned(problem, chosen) if problem.suffices(chosen) else None


def _gains(missing: BaseGeometry, grounds: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the km² that each ground covers of what is missing."""
    return each_km2(each_polygonal(shapely.intersection(missing, grounds)))


def _thinned(problem: Problem, chosen: Iterable[int]) -> tuple[int, ...]:
    """Leave out what is not needed, the heaviest first."""
    kept = sorted(chosen)
    covered = problem.covered(kept)
    least = (covered if problem.need is None else problem.need) * (1 - _SAME)
    for place in sorted(kept, key=lambda one: -problem.weights[one]):
        rest = [one for one in kept if one != place]
        others = problem.grounds[rest]
        ground = problem.grounds[place]
        alone = geodesic_km2(polygonal(shapely.difference(ground, union(others[shapely.intersects(others, ground)]))))
        if rest and covered - alone >= least:
            kept, covered = rest, covered - alone
    return tuple(kept)


def _mended(problem: Problem, found: tuple[int, ...]) -> tuple[int, ...] | None:
    """Make a choice suffice that was the best of too coarse pieces."""
    return found if problem.suffices(found) and found else _greedily(problem, found)


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
    """Return SciPy's solver, or say what is missing."""
    try:
        from scipy.optimize import milp  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("Planning a cover needs", error, "cover") from error
    return milp


def solve_apart(problem: Problem, seconds: float) -> Choice:
    """Solve in a process of its own: it can be interrupted at any instant, and what the solver prints stays there.

    Raises
    ------
    MissingExtra
        If SciPy is not installed.
    """
    require_solver()
    asked = {
        "seconds": seconds,
        "area": shapely.to_wkb(problem.area, hex=True),
        "grounds": shapely.to_wkb(problem.grounds, hex=True).tolist(),
        "weights": problem.weights.tolist(),
        "need": problem.need,
        "limits": [[amount.tolist(), most] for amount, most in problem.limits],
    }
    root = str(Path(__file__).resolve().parents[2])
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
    try:
        answer = subprocess.run(  # noqa: S603  # this file, by this interpreter
            [sys.executable, "-m", __name__],
            input=json.dumps(asked).encode(),
            capture_output=True,
            env=environ,
            timeout=seconds + _GRACE_SECONDS,
            check=False,
            start_new_session=True,
        )
        lines, why = answer.stdout.splitlines(), answer.stderr
    except subprocess.TimeoutExpired as late:
        # the solver does not always look at its clock; what it had told by then is an answer
        lines, why = (late.stdout or b"").splitlines(), b"it took too long"
    told = [line for line in lines if line.startswith(_MARK)]
    if not told:
        reason = (why.decode("utf-8", "replace").strip() or "no reason was given").splitlines()[-1]
        raise ScenecartError(f"Planning the cover failed: {reason}", hint="Try fewer captures, or a smaller area.")
    found = json.loads(told[-1].removeprefix(_MARK))
    return Choice(None) if found["chosen"] is None else Choice(tuple(found["chosen"]), found["value"], found["at_least"])


def main() -> None:
    """Read a problem from standard input, and write each answer that is found on a line of standard output."""
    asked = json.load(sys.stdin)
    problem = Problem(
        area=shapely.from_wkb(asked["area"]),
        grounds=shapely.from_wkb(np.array(asked["grounds"], dtype=object)),
        weights=np.array(asked["weights"], dtype=float),
        need=asked["need"],
        limits=tuple((np.array(amount, dtype=float), most) for amount, most in asked["limits"]),
    )

    def tell(choice: Choice) -> None:
        value = None if choice.chosen is None else choice.value
        found = json.dumps({"chosen": choice.chosen, "value": value, "at_least": choice.at_least})
        sys.stdout.write(f"\n{_MARK.decode()}{found}\n")
        sys.stdout.flush()

    tell(solve(problem, asked["seconds"], time.monotonic, tell))


if __name__ == "__main__":
    main()
