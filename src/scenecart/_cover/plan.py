"""Which captures to buy so that an area is covered: at least cost, in fewest pieces, newest or clearest."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._api.operations import CLOUD, ESTIMATE
from scenecart._captures.query import check_count, warn_of_fraction
from scenecart._cart.cart import make_cart
from scenecart._cover.candidates import find_candidates, nothing_left
from scenecart._cover.plot import draw_cover
from scenecart._cover.pricing import Prices, individual_prices
from scenecart._cover.solver import Choice, Problem, require_solver, solve_apart
from scenecart._geo.area import Area, as_area
from scenecart._geo.geometry import each_km2, geodesic_km2, polygonal, union
from scenecart._util import html
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidCart, InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.cart import CanEstimate, Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._cover.candidates import Candidates

OBJECTIVES = {"cost": "least cost", "fewest": "fewest captures", "newest": "newest ground", "clearest": "clearest ground"}
_BEST = {"cost": "cheapest", "newest": "newest", "clearest": "clearest", "fewest": "cheapest"}
_TOLERANCE = 1e-6
_TRIFLE = 0.01
_SLIVER = 1e-9
_TIE = 1e-5
_SHOWN = 50
_TIGHTENINGS = 3


@dataclass(frozen=True)
class PlanOptions:
    """What a plan has to do; see ``Client.cover``.

    Raises
    ------
    InvalidQuery
        If it makes no sense.
    """

    objective: str = "cost"
    min_coverage: float = 0.98
    max_cloud_cover: float | None = None
    budget: int | None = None
    max_captures: int | None = None
    prices: str = "service"
    time_limit: float = 10.0

    def __post_init__(self) -> None:
        if self.objective not in OBJECTIVES:
            raise InvalidQuery(f"There is no objective {self.objective!r}.", hint=f"It is one of {', '.join(OBJECTIVES)}.")
        if self.prices not in {"service", "area"}:
            raise InvalidQuery(f'prices is "service" or "area", not {self.prices!r}.')
        if not (_is_number(self.min_coverage) and 0 < self.min_coverage <= 1):
            raise InvalidQuery(f"min_coverage is a share above 0 and up to 1, not {self.min_coverage!r}.", hint="98 % is 0.98.")
        most = self.max_cloud_cover
        if most is not None and not (_is_number(most) and 0 <= most <= 100):  # noqa: PLR2004  # per cent
            raise InvalidQuery(f"max_cloud_cover is per cent, 0 to 100, not {most!r}.")
        if most is not None:
            warn_of_fraction(most)
        check_count(self.budget, "budget")
        check_count(self.max_captures, "max_captures")
        if self.budget is not None and self.prices == "area":
            raise InvalidQuery('A budget needs the service\'s prices: leave prices="area" out.')
        if not (_is_number(self.time_limit) and self.time_limit > 0):
            raise InvalidQuery(f"time_limit is a number of seconds above 0, not {self.time_limit!r}.")


@dataclass(frozen=True, eq=False)
class CoverPlan:
    """Captures that cover an area; made by ``client.cover()``. Nothing is bought by it.

    Attributes
    ----------
    cart : Cart
        The chosen captures, each clipped to the area.
    estimate : Estimate or None
        The service's price for exactly this cart, which can be placed; None with ``prices="area"``.
    area : Area
        What is to be covered.
    objective : str
        What was made best: ``"cost"``, ``"fewest"``, ``"newest"`` or ``"clearest"``.
    min_coverage : float
        The share of the area that was asked for.
    coverage : float
        The share of the area that the chosen captures cover together, 0 to 1.
    reachable : float
        The share that all usable captures cover together.
    missing : shapely geometry
        What the chosen ones do not cover, EPSG:4326; an empty polygon where nothing is missing.
    gap : float or None
        How much better another choice may be at most, as a share of this one: 0.0 where this is proven to be the best, None where
        nothing is known. It is measured on what each capture costs alone; the estimate of the whole cart can only be lower.
    why : pandas.DataFrame
        Why each capture was taken, a row each, with the index labels of the frame it came from: ``id``, ``collection``,
        ``datetime``, ``eo:cloud_cover``, ``km2`` (what is bought of it), ``km2_alone`` (what no other chosen one covers),
        ``credits_alone`` (the service's price for it alone; missing where it was not asked), ``why``.
    excluded : pandas.DataFrame
        The captures that could not be considered, with their index labels: ``id`` and ``why``.
    calls : int
        How many times the service was asked for prices.

    Examples
    --------
    >>> client = connect("sandbox")
    >>> coast = (151.16, -34.0, 151.26, -33.9)
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
    >>> plan = client.cover(captures, coast, min_coverage=0.9, prices="area")
    >>> plan.verdict, plan.estimate
    ('The least cost: proven.', None)
    """

    cart: Cart
    estimate: Estimate | None
    area: Area = field(repr=False)
    objective: str
    min_coverage: float
    coverage: float
    reachable: float
    missing: BaseGeometry = field(repr=False)
    gap: float | None
    why: pd.DataFrame = field(repr=False)
    excluded: pd.DataFrame = field(repr=False)
    calls: int = field(default=0, repr=False)

    @property
    def is_complete(self) -> bool:
        """Whether as much of the area is covered as was asked for."""
        return self.coverage >= self.min_coverage - _TOLERANCE

    @property
    def verdict(self) -> str:
        """How good the plan is, in a sentence."""
        sort, wanted = OBJECTIVES[self.objective], self.min_coverage
        said, of = "", ""
        if self.reachable < self.min_coverage - _TOLERANCE:
            said = f"All captures together cover {_percent(self.reachable)}, less than the {_percent(wanted)} asked for. "
            wanted, of = self.min_coverage * self.reachable, f" for {_percent(self.min_coverage)} of that"
        if self.coverage < wanted - _TOLERANCE:
            return f"{said}Within the limits no choice{' that was tried' if self.gap != 0.0 else ''} covers more."
        if self.gap == 0.0:
            return f"{said}The {sort}{of}: proven."
        far = (
            "how far from the best possible is not known" if self.gap is None else f"at most {self.gap:.1%} from the best possible"
        )
        return f"{said}The {sort}{of} of what was tried; {far}."

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the area, what is bought of each chosen capture, and what is missing.

        Parameters
        ----------
        ax
            Where to draw; None makes a figure.

        Returns
        -------
        matplotlib.axes.Axes
            In degrees, EPSG:4326; across the antimeridian longitudes go on beyond 180.

        Raises
        ------
        MissingExtra
            If matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib; matplotlib.use("agg")
        >>> client = connect("sandbox")
        >>> coast = (151.16, -34.0, 151.26, -33.9)
        >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
        >>> ax = client.cover(captures, coast, min_coverage=0.5, prices="area").plot()
        >>> "area of interest" in [text.get_text() for text in ax.get_legend().get_texts()]
        True
        """
        title = repr(self).removeprefix("CoverPlan(").removesuffix(")")
        return draw_cover(self.area.geometry, list(self.cart.clipped()), self.missing, title, ax)

    def __repr__(self) -> str:
        price = "" if self.estimate is None else f", {self.estimate.total_credits:,} credits"
        return f"CoverPlan({_percent(self.coverage)} of {self.area.km2:,.0f} km², {pluralize(len(self.cart), 'capture')}{price})"

    def _repr_html_(self) -> str:
        rows = [
            {
                "id": clean_text(row["id"], 80),
                "when": "" if pd.isna(row["datetime"]) else f"{row['datetime']:%Y-%m-%d}",
                "cloud": None if pd.isna(row[CLOUD]) else f"{row[CLOUD]:.0f} %",
                "km2": row["km2"],
                "alone": row["km2_alone"],
                "credits": None if pd.isna(row["credits_alone"]) else int(row["credits_alone"]),
                "why": row["why"],
            }
            for row in self.why.head(_SHOWN).to_dict("records")
        ]
        share = _percent(self.coverage)
        return html.render("cover.html", plan=self, share=share, rows=rows, hidden=len(self.why) - len(rows))


def plan_cover(
    captures: Any,
    aoi: Any,
    wish: PlanOptions,
    *,
    desk: CanEstimate,
    clock: Callable[[], float] = time.monotonic,
) -> CoverPlan:
    """Choose captures that cover an area; see ``Client.cover``."""
    require_solver()
    area = as_area(aoi)
    candidates, reasons = find_candidates(captures, area, wish.max_cloud_cover)
    prices = Prices(candidates.km2, np.full(len(candidates.km2), np.nan), {}, 0)
    if wish.prices == "service":
        prices = individual_prices(candidates, lambda rows: make_cart(rows, area, split_by_date=True, desk=desk).estimate())
        reasons |= {int(candidates.places[place]): f"the service does not price it: {why}" for place, why in prices.refused.items()}
        candidates, prices = candidates.without(list(prices.refused)), prices.without(list(prices.refused))
    if len(candidates.km2) == 0:
        raise nothing_left(len(captures), reasons, operation=ESTIMATE.id)
    planner = _Planner(area, candidates, prices, wish, clock)
    chosen, choice, cart, estimate = planner.plan(lambda rows: make_cart(rows, area, desk=desk))
    covered = union(candidates.grounds[chosen])
    labels = captures.index
    return CoverPlan(
        cart=cart,
        estimate=estimate,
        area=area,
        objective=wish.objective,
        min_coverage=wish.min_coverage,
        coverage=min(1.0, geodesic_km2(covered) / area.km2),
        reachable=min(1.0, planner.reach / area.km2),
        missing=_beyond_slivers(shapely.difference(area.geometry, covered), area.km2),
        gap=planner.gap(choice),
        why=planner.why(chosen).set_axis(labels[candidates.places[chosen]], axis=0),
        excluded=pd.DataFrame(
            {"id": captures["id"].iloc[list(reasons)], "why": list(reasons.values())}, index=labels[list(reasons)]
        ),
        calls=prices.calls + planner.calls,
    )


class _Planner:
    """One area, its candidates and what they cost."""

    def __init__(self, area: Area, candidates: Candidates, prices: Prices, wish: PlanOptions, clock: Callable[[], float]) -> None:
        self._area, self._candidates, self._prices, self._wish = area, candidates, prices, wish
        self._first, tie, self._counts = self._weigh()
        self._weights = self._first + tie
        self._clock, self._end = clock, clock() + wish.time_limit
        self.reach = geodesic_km2(union(candidates.grounds))
        self.calls = 0

    def plan(self, make: Callable[[Any], Cart]) -> tuple[list[int], Choice, Cart, Estimate | None]:
        """Return the chosen places, how they were chosen, their cart and its price; ``make`` puts rows into a cart."""
        budget = None if self._wish.budget is None else float(self._wish.budget)
        for turn in range(_TIGHTENINGS):
            choice = self._choose(budget)
            chosen = list(choice.chosen or ())
            cart = make(self._candidates.frame.iloc[chosen])
            if self._wish.prices == "area":
                return chosen, choice, cart, None
            estimate = cart.estimate()
            self.calls += 1
            if self._wish.budget is None or estimate.total_credits <= self._wish.budget or turn == _TIGHTENINGS - 1:
                break
            # together they cost more than each alone: look again for what is cheaper by as much
            budget = self._wish.budget * float(self._prices.costs[chosen].sum()) / estimate.total_credits * (1 - _TOLERANCE)
        if self._wish.budget is not None and estimate.total_credits > self._wish.budget:
            raise InvalidCart(
                f"No choice within the budget was found: together these cost {estimate.total_credits:,} credits, "
                f"of {self._wish.budget:,} allowed.",
                hint="Raise the budget, or ask for less of the area.",
                operation=ESTIMATE.id,
            )
        return chosen, choice, cart, estimate

    def _choose(self, budget: float | None) -> Choice:
        """Return the best choice; where the limits bar what was asked for, the one that covers most within them."""
        count = len(self._weights)
        limits = [] if budget is None else [(self._prices.costs, budget)]
        if self._wish.max_captures is not None:
            limits.append((np.ones(count), float(self._wish.max_captures)))
        # of ground that is out of reach nothing is asked, and no sliver is bought at any price to come nearer to it
        whole = self._area.km2 if self.reach >= self._wish.min_coverage * self._area.km2 else self.reach
        need = min(self._wish.min_coverage * whole, self.reach * (1 - _TOLERANCE))
        geometry, grounds = self._area.geometry, self._candidates.grounds
        for wanted in (need, None):
            left = max(1.0, self._end - self._clock())
            choice = solve_apart(Problem(geometry, grounds, self._weights, wanted, tuple(limits)), left)
            if choice.chosen:
                return choice
        raise InvalidCart(
            f"The budget of {self._wish.budget:,} credits buys none of these captures: "
            f"the cheapest alone costs {math.ceil(self._prices.costs.min()):,}.",
            hint="Raise the budget, or take a smaller area.",
            operation=ESTIMATE.id,
        )

    def _weigh(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
        """Return the objective of each capture, what decides between equals, and from where on a difference counts.

        Of choices that are equal in the objective the cheaper is taken, and of equally dear ones the one of fewer captures.
        """
        costs, km2 = self._prices.costs, self._candidates.km2
        tie = costs / max(float(costs.sum()), 1e-300)
        if self._wish.objective == "cost":
            first, tie = costs, np.full(len(costs), 1 / len(costs))
        elif self._wish.objective == "fewest":
            first = np.ones(len(costs))
        elif self._wish.objective == "clearest":
            cloud = self._candidates.cloud
            first = km2 * np.clip(np.where(np.isnan(cloud), 100.0, cloud), 0, 100) / 100
        else:
            first = km2 * self._age_days()
        # the ties of all captures together are less than what counts
        counts = 1.0 if (first == np.round(first)).all() else _TIE * max(float(first.max()), _TOLERANCE)
        return first, tie * counts / 2, counts

    def _age_days(self) -> np.ndarray[Any, Any]:
        """Return how many days each capture is older than the newest; one without a time counts as older than all."""
        times = self._candidates.times
        days = (times.max() - times).dt.total_seconds() / 86_400
        return np.asarray(days.fillna(0.0 if times.isna().all() else days.max() + 1), dtype=float)

    def gap(self, choice: Choice) -> float | None:
        """Return by which share another choice may be better in the objective, whatever decides between equals."""
        if choice.at_least is None:
            return None
        if choice.value < 0:  # as much ground as possible was covered
            share = (choice.value - choice.at_least) / choice.value * -1
            return 0.0 if share < _TIE else share
        value, bound = float(self._first[list(choice.chosen or ())].sum()), choice.at_least - self._counts / 2
        if self._counts == 1.0:
            bound, slack = math.ceil(bound - _TOLERANCE), 0.0
        else:
            slack = 2 * self._counts
        return 0.0 if value - bound <= slack else (value - bound) / value

    def why(self, chosen: list[int]) -> pd.DataFrame:
        """Return why each chosen capture was taken."""
        frame, told = self._candidates.frame.iloc[chosen], self._prices.told[chosen]
        tree = shapely.STRtree(self._candidates.grounds)
        alone = [self._alone(place, chosen, tree) for place in chosen]
        return pd.DataFrame(
            {
                "id": frame["id"].to_numpy(),
                "collection": frame["collection"].to_numpy() if "collection" in frame.columns else None,
                "datetime": self._candidates.times.iloc[chosen].to_numpy(),
                CLOUD: self._candidates.cloud[chosen],
                "km2": self._candidates.km2[chosen],
                "km2_alone": [geodesic_km2(shape) for shape in alone],
                "credits_alone": pd.array([None if math.isnan(one) else round(one) for one in told], dtype="Int64"),
                "why": [self._reason(place, shape, chosen, tree) for place, shape in zip(chosen, alone, strict=True)],
            }
        )

    def _alone(self, place: int, chosen: list[int], tree: shapely.STRtree) -> BaseGeometry:
        """Return the ground that of the chosen ones this one alone covers."""
        grounds = self._candidates.grounds
        near = set(tree.query(grounds[place], predicate="intersects").tolist())
        others = [other for other in chosen if other in near and other != place]
        return polygonal(shapely.difference(grounds[place], union(grounds[others])))

    def _reason(self, place: int, alone: BaseGeometry, chosen: list[int], tree: shapely.STRtree) -> str:
        grounds, weights = self._candidates.grounds, self._weights
        size = geodesic_km2(alone)
        rest = sorted(set(tree.query(alone, predicate="intersects").tolist()) - set(chosen)) if size else []
        only = geodesic_km2(polygonal(shapely.difference(alone, union(grounds[rest])))) if size else 0.0
        if only > _TRIFLE * self._candidates.km2[place]:
            return f"nothing else covers {html.km2(only)} km² of the area"
        rivals = [other for other in rest if geodesic_km2(polygonal(shapely.difference(alone, grounds[other]))) <= _TRIFLE * size]
        if rivals and weights[place] <= weights[rivals].min():
            return f"the {_BEST[self._wish.objective]} of {len(rivals) + 1} that cover its ground"
        best = f"the {OBJECTIVES[self._wish.objective]}"
        return f"one of {len(chosen)} that together are {best}" if len(chosen) > 1 else f"{best}, by itself"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _beyond_slivers(ground: BaseGeometry, km2: float) -> BaseGeometry:
    """Return the parts that are more than what rounding leaves along an edge."""
    parts = shapely.get_parts(polygonal(ground))
    return polygonal(shapely.union_all(parts[each_km2(parts) > _SLIVER * km2])) if len(parts) else shapely.Polygon()


def _percent(share: float) -> str:
    """Write a share, never rounded up to all of it."""
    return f"{math.floor(share * 1000 + _TOLERANCE) / 10:g} %"


CoverPlan.__module__ = "scenecart"
