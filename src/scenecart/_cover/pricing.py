"""Individual prices of many captures, from few estimate requests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._cart.checks import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd

    from scenecart._cart.estimate import Estimate
    from scenecart._cover.candidates import Candidates

_MAX_REQUESTS = 12
_CAPTURES_PER_REQUEST = 500
_COORDINATES_PER_REQUEST = 200_000


@dataclass(frozen=True)
class Prices:
    """The prices of candidates.

    Attributes
    ----------
    costs : the costs that a plan minimizes: credits, or km² if no prices are requested
    individual : the service's credits for each candidate alone; NaN if it was not requested
    refused : candidates without a price, with the service's reason
    calls : number of estimate requests
    paid_km2 : the km² that the service charges for each candidate that it priced alone; NaN for the others
    """

    costs: np.ndarray[Any, Any]
    individual: np.ndarray[Any, Any]
    refused: dict[int, str]
    calls: int
    paid_km2: np.ndarray[Any, Any]

    def without(self, removed: Sequence[int]) -> Prices:
        """Return the prices without some candidates, by index."""
        keep = np.ones(len(self.costs), dtype=bool)
        keep[list(removed)] = False
        paid = self.paid_km2[keep]
        return replace(self, costs=self.costs[keep], individual=self.individual[keep], refused={}, paid_km2=paid)


def individual_prices(
    candidates: Candidates, price: Callable[[gpd.GeoDataFrame], Estimate], max_requests: int = _MAX_REQUESTS
) -> Prices:
    """Return what each candidate costs alone; ``price`` requests an estimate of some rows.

    The service prices connected footprints of one date as one group. Captures that touch on the same date therefore go into
    different requests, so that each is a group by itself and few requests price all of them. If the service groups several
    anyway, they share the price by their km². Beyond the maximum number of requests, costs are estimated from the rates of
    the same collection; such a cost is never displayed as a price.
    """
    individual = np.full(len(candidates.km2), np.nan)
    paid_km2 = individual.copy()
    refused: dict[int, str] = {}
    requests = _batches(candidates)[:max_requests]
    for batch in requests:
        estimate = price(candidates.frame.iloc[batch])
        index_of = dict(zip(candidates.frame["id"].iloc[batch], batch, strict=True))
        for group in estimate.price_groups:
            indices = [index_of[name] for name in group.ids]
            km2 = candidates.km2[indices]
            individual[indices] = group.credits * km2 / km2.sum()
            if len(indices) == 1 and group.aoi_km2 is not None:
                paid_km2[indices] = group.aoi_km2
        refused |= {index_of[name]: reason for name, reason in estimate.refused}
    return Prices(_with_typical_rates(candidates, individual, refused), individual, refused, len(requests), paid_km2)


def _batches(candidates: Candidates) -> list[list[int]]:
    """Group the candidates into as few requests as possible, and keep those apart that would be priced together."""
    conflicts = _conflicts(candidates)
    colour: dict[int, int] = {}
    for index in sorted(range(len(conflicts)), key=lambda one: -len(conflicts[one])):
        taken = {colour[other] for other in conflicts[index] if other in colour}
        colour[index] = next(number for number in range(len(taken) + 1) if number not in taken)
    sizes = shapely.get_num_coordinates(candidates.footprints)
    batches: list[list[int]] = []
    for number in range(max(colour.values()) + 1):
        batch: list[int] = []
        coordinates = 0
        for index in (one for one in range(len(conflicts)) if colour[one] == number):
            if batch and (len(batch) == _CAPTURES_PER_REQUEST or coordinates + sizes[index] > _COORDINATES_PER_REQUEST):
                batches.append(batch)
                batch, coordinates = [], 0
            batch.append(index)
            coordinates += int(sizes[index])
        batches.append(batch)
    return batches


def _conflicts(candidates: Candidates) -> list[set[int]]:
    """Return for each candidate those that must not be in the same request: same host and date and touching, or same id."""
    frame = candidates.frame
    dates = candidates.times.dt.strftime("%Y-%m-%d").fillna("").tolist()
    priced_together = pd.Series(list(zip(texts_of(frame, "host"), dates, strict=True)))
    conflicts: list[set[int]] = [set() for _ in priced_together]
    for _, members in priced_together.groupby(priced_together, sort=False):
        indices = members.index.to_numpy()
        tree = shapely.STRtree(candidates.footprints[indices])
        for one, other in tree.query(candidates.footprints[indices], predicate="intersects").T.tolist():
            if one != other:
                conflicts[indices[one]].add(int(indices[other]))
    names = pd.Series(frame["id"].to_numpy())
    for _, members in names[names.duplicated(keep=False)].groupby(names, sort=False):
        for index in members.index:
            conflicts[index] |= {int(other) for other in members.index if other != index}
    return conflicts


def _with_typical_rates(candidates: Candidates, individual: np.ndarray[Any, Any], refused: dict[int, str]) -> np.ndarray[Any, Any]:
    """Return the costs, with unknown prices replaced by the median rate per km² of the collection, or of all."""
    rates = pd.Series(individual / np.maximum(candidates.km2, 1e-12))
    frame = candidates.frame
    collections = pd.Series(list(zip(texts_of(frame, "host"), texts_of(frame, "collection"), strict=True)))
    known_rates = rates.dropna()
    overall_rate = known_rates.median() if len(known_rates) else 0.0
    typical_rates = rates.groupby(collections).transform("median").fillna(overall_rate).to_numpy()
    costs = np.where(np.isnan(individual), typical_rates * candidates.km2, individual)
    costs[list(refused)] = 0.0
    return np.asarray(costs)
