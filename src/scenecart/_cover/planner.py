"""Makes a cover plan: chooses among captures, and prices the choice."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._api.operations import ESTIMATE
from scenecart._captures.area_cloud import check_area_cloud
from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_SOURCE
from scenecart._cart.cart import make_cart
from scenecart._cart.owned import LEAST_KM2, owned_parts, without_slivers
from scenecart._cover.candidates import Candidates, find_candidates, no_candidates_error
from scenecart._cover.plan import CLOUD_COLUMNS, TOLERANCE, CoverPlan, PlanOptions, percent
from scenecart._cover.pricing import Prices, individual_prices
from scenecart._cover.solver import Choice, Problem, require_solver, solve_in_subprocess
from scenecart._geo.area import Area, as_area
from scenecart._geo.geometry import clip_each, each_km2, geodesic_km2, polygonal, union
from scenecart._geo.globe import GRID_DEGREES
from scenecart._util import html
from scenecart.exceptions import InvalidCart

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.cart import Cart, PricingClient
    from scenecart._cart.estimate import Estimate

# of captures that cover the same part, or that are chosen together
_BETTER = {"cost": "cheapest", "fewest": "cheapest", "newest": "newest", "clearest": "clearest"}
_COMBINATION = {"cost": "cheapest", "fewest": "smallest", "newest": "newest", "clearest": "clearest"}
_NEGLIGIBLE_SHARE = 0.01
_SLIVER_SHARE = 1e-9
_TIE = 1e-5
_MAX_ATTEMPTS = 3


def plan_cover(
    captures: Any,
    aoi: Any,
    options: PlanOptions,
    *,
    client: PricingClient,
    owned: gpd.GeoDataFrame | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> CoverPlan:
    """Choose captures that cover an area; see ``Client.cover``. ``owned`` is what is owned, if it counts as covered."""
    require_solver()
    whole = area = as_area(aoi)
    if options.cloud == "aoi" and isinstance(captures, pd.DataFrame):
        check_area_cloud(captures, whole)
    candidates, reasons = find_candidates(captures, area, options.max_cloud_cover, CLOUD_COLUMNS[options.cloud])
    held: BaseGeometry = shapely.Polygon()
    if owned is not None:
        held = _owned_ground(candidates, owned)
        area = _rest_of(whole, held, options.min_coverage)
    if area is not whole:
        candidates, reasons = _find_more(captures, candidates, reasons, area)
    unknown = np.full(len(candidates.km2), np.nan)
    prices = Prices(candidates.km2, unknown, {}, 0, unknown)
    if options.prices == "service":
        prices = individual_prices(candidates, lambda rows: make_cart(rows, area, split_by_date=True, client=client).estimate())
        without_price = list(prices.refused)
        reasons |= {
            int(candidates.positions[index]): f"the service has no price for it: {reason}"
            for index, reason in prices.refused.items()
        }
        candidates, prices = candidates.without(without_price), prices.without(without_price)
    if len(candidates.km2) == 0:
        raise no_candidates_error(len(captures), reasons, operation=ESTIMATE.id)
    planner = _Planner((whole, area), candidates, prices, options, clock)
    chosen, choice, cart, estimate = planner.plan(lambda rows: make_cart(rows, area, client=client))
    covered = union(candidates.footprints[chosen])
    labels = captures.index
    return CoverPlan(
        cart=cart,
        estimate=estimate,
        area=whole,
        objective=options.objective,
        min_coverage=options.min_coverage,
        coverage=min(1.0, (geodesic_km2(held) + geodesic_km2(covered)) / whole.km2),
        reachable=min(1.0, (geodesic_km2(held) + planner.reachable_km2) / whole.km2),
        missing=_without_slivers(shapely.difference(area.geometry, covered), whole.km2),
        gap=planner.gap(choice),
        why=planner.why(chosen).set_axis(labels[candidates.positions[chosen]], axis=0),
        excluded=pd.DataFrame(
            {"id": captures["id"].iloc[list(reasons)], "why": list(reasons.values())}, index=labels[list(reasons)]
        ),
        calls=prices.calls + planner.calls,
        owned=held,
    )


def _rest_of(area: Area, held: BaseGeometry, min_coverage: float) -> Area:
    """Return the part of an area that is not owned yet.

    Raises
    ------
    InvalidCart
        If what is owned covers enough.
    """
    if held.is_empty:
        return area
    share = geodesic_km2(held) / area.km2
    rest = without_slivers(shapely.difference(area.geometry, held, grid_size=GRID_DEGREES))
    if share >= min_coverage - TOLERANCE or rest.is_empty:
        raise InvalidCart(
            f"Nothing needs to be bought: {percent(share)} of the area is owned already.",
            code="cover_all_owned",
            hint="client.owned(aoi) lists what is owned. Ask for more coverage, or plan without use_owned.",
            operation=ESTIMATE.id,
        )
    return Area(rest)


def _find_more(
    captures: gpd.GeoDataFrame, candidates: Candidates, reasons: dict[int, str], rest: Area
) -> tuple[Candidates, dict[int, str]]:
    """Return the candidates that cover a part of what is left of an area, and why the others do not."""
    footprints = clip_each(candidates.footprints, rest.geometry)
    km2 = each_km2(footprints)
    is_useful = km2 >= LEAST_KM2
    reasons = reasons | {int(position): "its part of the area is owned already" for position in candidates.positions[~is_useful]}
    if not is_useful.any():
        raise no_candidates_error(len(captures), reasons)
    left = candidates.kept(is_useful, footprints[is_useful], km2[is_useful])
    return left, dict(sorted(reasons.items()))


def _owned_ground(candidates: Candidates, owned: gpd.GeoDataFrame) -> BaseGeometry:
    """Return the union of what is owned of the candidates, EPSG:4326."""
    parts = list(owned_parts(candidates.frame, candidates.footprints, owned).owned_geometries().values())
    return polygonal(union(parts)) if parts else shapely.Polygon()


class _Planner:
    """Chooses among the candidates of one area."""

    def __init__(
        self,
        areas: tuple[Area, Area],
        candidates: Candidates,
        prices: Prices,
        options: PlanOptions,
        clock: Callable[[], float],
    ) -> None:
        # the owned area is not part of the area that is left to cover
        whole, area = areas
        self._whole_km2, self._owned_km2 = whole.km2, max(0.0, whole.km2 - area.km2)
        self._area, self._candidates, self._prices, self._options = area, candidates, prices, options
        self._objective, tie_breakers, self._resolution = self._objective_weights()
        self._weights = self._objective + tie_breakers
        self._clock, self._end = clock, clock() + options.time_limit
        self.reachable_km2 = geodesic_km2(union(candidates.footprints))
        self.calls = 0

    def plan(self, to_cart: Callable[[Any], Cart]) -> tuple[list[int], Choice, Cart, Estimate | None]:
        """Return the chosen candidates, the solver's choice, and their cart with its estimate."""
        limit = self._options.budget
        budget = None if limit is None else float(limit)
        for attempt in range(_MAX_ATTEMPTS):
            choice = self._choose(budget)
            chosen = list(choice.chosen or ())
            cart = to_cart(self._candidates.frame.iloc[chosen])
            if self._options.prices == "area":
                return chosen, choice, cart, None
            estimate = cart.estimate()
            self.calls += 1
            if limit is None or estimate.total_credits <= limit or attempt == _MAX_ATTEMPTS - 1:
                break
            # together they cost more than the sum of the individual prices: lower the budget by the same factor
            budget = limit * float(self._prices.costs[chosen].sum()) / estimate.total_credits * (1 - TOLERANCE)
        if limit is not None and estimate.total_credits > limit:
            raise InvalidCart(
                f"No plan within the budget of {limit:,} credits was found; the closest costs {estimate.total_credits:,}.",
                code="plan_over_budget",
                hint="Raise the budget, or ask for less coverage.",
                operation=ESTIMATE.id,
            )
        return chosen, choice, cart, estimate

    def _choose(self, budget: float | None) -> Choice:
        """Return the best choice with enough coverage or, if the limits forbid it, the one with the most coverage."""
        count = len(self._weights)
        limits = [] if budget is None else [(self._prices.costs, budget)]
        if self._options.max_captures is not None:
            limits.append((np.ones(count), float(self._options.max_captures)))
        # a share of what is reachable, minus a tolerance: no capture is bought only for a sliver
        reachable_km2 = self._owned_km2 + self.reachable_km2
        is_reachable = reachable_km2 >= self._options.min_coverage * self._whole_km2
        coverable_km2 = self._whole_km2 if is_reachable else reachable_km2
        need = self._options.min_coverage * coverable_km2 - self._owned_km2
        # what is owned may be more than this share of what can be covered; a plan then still covers something
        need = min(max(need, self.reachable_km2 * TOLERANCE), self.reachable_km2 * (1 - TOLERANCE))
        geometry, footprints = self._area.geometry, self._candidates.footprints
        for needed_km2 in (need, None):
            seconds = max(1.0, self._end - self._clock())
            choice = solve_in_subprocess(Problem(geometry, footprints, self._weights, needed_km2, tuple(limits)), seconds)
            if choice.chosen:
                return choice
        raise InvalidCart(
            f"The budget of {self._options.budget:,} credits is too low; the cheapest capture costs "
            f"{math.ceil(self._prices.costs.min()):,}.",
            code="budget_too_low",
            hint="Raise the budget, or choose a smaller area.",
            operation=ESTIMATE.id,
        )

    def _objective_weights(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
        """Return each candidate's objective, its tie-breaker, and the smallest difference that counts.

        Of choices with the same objective, the cheapest is taken; at the same cost, the one with fewer captures.
        """
        costs, km2 = self._prices.costs, self._candidates.km2
        tie_breakers = costs / max(float(costs.sum()), 1e-300)
        if self._options.objective == "cost":
            objective, tie_breakers = costs, np.full(len(costs), 1 / len(costs))
        elif self._options.objective == "fewest":
            objective = np.ones(len(costs))
        elif self._options.objective == "clearest":
            cloud = self._candidates.cloud
            objective = km2 * np.clip(np.where(np.isnan(cloud), 100.0, cloud), 0, 100) / 100
        else:
            objective = km2 * self._age_days()
        # the tie-breakers of all candidates together stay below the smallest difference that counts
        resolution = 1.0 if (objective == np.round(objective)).all() else _TIE * max(float(objective.max()), TOLERANCE)
        return objective, tie_breakers * resolution / 2, resolution

    def _age_days(self) -> np.ndarray[Any, Any]:
        """Return how many days older than the newest each candidate is; one without a time counts as the oldest."""
        times = self._candidates.times
        days = (times.max() - times).dt.total_seconds() / 86_400
        return np.asarray(days.fillna(0.0 if times.isna().all() else days.max() + 1), dtype=float)

    def gap(self, choice: Choice) -> float | None:
        """Return by which share another choice can be better in the objective, tie-breakers aside."""
        if choice.at_least is None:
            return None
        if choice.value < 0:  # coverage was maximized
            share = (choice.value - choice.at_least) / choice.value * -1
            return 0.0 if share < _TIE else share
        value = float(self._objective[list(choice.chosen or ())].sum())
        bound = choice.at_least - self._resolution / 2
        if self._resolution == 1.0:
            bound, slack = math.ceil(bound - TOLERANCE), 0.0
        else:
            slack = 2 * self._resolution
        return 0.0 if value - bound <= slack else (value - bound) / value

    def why(self, chosen: list[int]) -> pd.DataFrame:
        """Return why each candidate was chosen."""
        frame, prices = self._candidates.frame.iloc[chosen], self._prices.individual[chosen]
        tree = shapely.STRtree(self._candidates.footprints)
        alone = [self._covered_alone(index, chosen, tree) for index in chosen]
        column = self._candidates.cloud_column
        sources = {AREA_CLOUD_SOURCE: frame[AREA_CLOUD_SOURCE].to_numpy()} if self._shows_sources(frame) else {}
        return pd.DataFrame(
            {
                "id": frame["id"].to_numpy(),
                "collection": frame["collection"].to_numpy() if "collection" in frame.columns else None,
                "datetime": self._candidates.times.iloc[chosen].to_numpy(),
                column: self._candidates.cloud[chosen],
                **sources,
                "km2": self._candidates.km2[chosen],
                "km2_alone": [geodesic_km2(part) for part in alone],
                "credits_alone": pd.array([None if math.isnan(price) else round(price) for price in prices], dtype="Int64"),
                "why": [self._reason(index, part, chosen, tree) for index, part in zip(chosen, alone, strict=True)],
            }
        )

    def _shows_sources(self, frame: gpd.GeoDataFrame) -> bool:
        return self._candidates.cloud_column == AREA_CLOUD and AREA_CLOUD_SOURCE in frame.columns

    def _covered_alone(self, index: int, chosen: list[int], tree: shapely.STRtree) -> BaseGeometry:
        """Return the part of a footprint that no other chosen candidate covers."""
        footprints = self._candidates.footprints
        near = set(tree.query(footprints[index], predicate="intersects").tolist())
        others = [other for other in chosen if other in near and other != index]
        return polygonal(shapely.difference(footprints[index], union(footprints[others])))

    def _reason(self, index: int, alone: BaseGeometry, chosen: list[int], tree: shapely.STRtree) -> str:
        footprints, weights = self._candidates.footprints, self._weights
        size = geodesic_km2(alone)
        rest = sorted(set(tree.query(alone, predicate="intersects").tolist()) - set(chosen)) if size else []
        only_km2 = geodesic_km2(polygonal(shapely.difference(alone, union(footprints[rest])))) if size else 0.0
        if only_km2 > _NEGLIGIBLE_SHARE * self._candidates.km2[index]:
            return f"the only capture that covers {html.km2(only_km2)} km² of the area"
        alternatives = [
            other
            for other in rest
            if geodesic_km2(polygonal(shapely.difference(alone, footprints[other]))) <= _NEGLIGIBLE_SHARE * size
        ]
        if alternatives and weights[index] <= weights[alternatives].min():
            return f"the {_BETTER[self._options.objective]} of {len(alternatives) + 1} captures that cover this part"
        combination = _COMBINATION[self._options.objective]
        return f"part of the {combination} combination of captures" if len(chosen) > 1 else f"the {combination} choice"


def _without_slivers(geometry: BaseGeometry, area_km2: float) -> BaseGeometry:
    """Remove parts that are only rounding errors along an edge."""
    parts = shapely.get_parts(polygonal(geometry))
    if not len(parts):
        return shapely.Polygon()
    return polygonal(shapely.union_all(parts[each_km2(parts) > _SLIVER_SHARE * area_km2]))
