"""What each of many captures costs alone, as the service says, in few questions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._cart.cart import texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import geopandas as gpd

    from scenecart._cart.estimate import Estimate
    from scenecart._cover.candidates import Candidates

_MOST_CALLS = 12
_CAPTURES_A_CALL = 500
_POSITIONS_A_CALL = 200_000


@dataclass(frozen=True)
class Prices:
    """What captures cost.

    Attributes
    ----------
    costs : what a plan reckons with: credits, or whatever stands for them
    told : the service's credits for each alone; NaN where it was not asked
    refused : place to the service's reason, of those that it does not price
    calls : how many questions it took
    """

    costs: np.ndarray[Any, Any]
    told: np.ndarray[Any, Any]
    refused: dict[int, str]
    calls: int

    def without(self, out: Sequence[int]) -> Prices:
        """Return the prices of the others."""
        keep = np.ones(len(self.costs), dtype=bool)
        keep[list(out)] = False
        return replace(self, costs=self.costs[keep], told=self.told[keep], refused={})


def individual_prices(candidates: Candidates, price: Callable[[gpd.GeoDataFrame], Estimate]) -> Prices:
    """Ask what each capture costs alone.

    The service prices ground that hangs together, date by date, as one group. So captures whose grounds touch on one date are put
    into different questions: then each is a group of its own, and a few questions price all of them. Where it groups several
    nevertheless, they share the price by their km². What would take too many questions is reckoned with at the rate of the others
    of its collection; such a rate is never shown as a price.
    """
    told = np.full(len(candidates.km2), np.nan)
    refused: dict[int, str] = {}
    batches = _batches(candidates)
    asked = batches[:_MOST_CALLS]
    for batch in asked:
        estimate = price(candidates.frame.iloc[batch])
        place_of = dict(zip(candidates.frame["id"].iloc[batch], batch, strict=True))
        for group in estimate.price_groups:
            places = [place_of[name] for name in group.ids]
            km2 = candidates.km2[places]
            told[places] = group.credits * km2 / km2.sum()
        refused |= {place_of[name]: reason for name, reason in estimate.refused}
    return Prices(_reckoned(candidates, told, refused), told, refused, len(asked))


def _batches(candidates: Candidates) -> list[list[int]]:
    """Put the captures into as few questions as keep those apart that the service would price together."""
    frame = candidates.frame
    days = candidates.times.dt.strftime("%Y-%m-%d").fillna("").tolist()
    kinds = pd.Series(list(zip(texts_of(frame, "host"), days, strict=True)))
    apart: list[set[int]] = [set() for _ in kinds]
    for _, members in kinds.groupby(kinds, sort=False):
        places = members.index.to_numpy()
        tree = shapely.STRtree(candidates.grounds[places])
        for one, other in tree.query(candidates.grounds[places], predicate="intersects").T.tolist():
            if one != other:
                apart[places[one]].add(int(places[other]))
    names = pd.Series(frame["id"].to_numpy())
    for _, members in names[names.duplicated(keep=False)].groupby(names, sort=False):
        for place in members.index:
            apart[place] |= {int(other) for other in members.index if other != place}
    colour: dict[int, int] = {}
    for place in sorted(range(len(kinds)), key=lambda one: -len(apart[one])):
        taken = {colour[other] for other in apart[place] if other in colour}
        colour[place] = next(number for number in range(len(taken) + 1) if number not in taken)
    sizes = shapely.get_num_coordinates(candidates.grounds)
    batches: list[list[int]] = []
    for number in range(max(colour.values()) + 1):
        batch: list[int] = []
        positions = 0
        for place in (one for one in range(len(kinds)) if colour[one] == number):
            if batch and (len(batch) == _CAPTURES_A_CALL or positions + sizes[place] > _POSITIONS_A_CALL):
                batches.append(batch)
                batch, positions = [], 0
            batch.append(place)
            positions += int(sizes[place])
        batches.append(batch)
    return batches


def _reckoned(candidates: Candidates, told: np.ndarray[Any, Any], refused: dict[int, str]) -> np.ndarray[Any, Any]:
    """Fill in what was not asked, at the rate of the collection, or of all."""
    rates = pd.Series(told / np.maximum(candidates.km2, 1e-12))
    kinds = pd.Series(list(zip(texts_of(candidates.frame, "host"), texts_of(candidates.frame, "collection"), strict=True)))
    told_rates = rates.dropna()
    of_all = told_rates.median() if len(told_rates) else 0.0
    usual = rates.groupby(kinds).transform("median").fillna(of_all).to_numpy()
    costs = np.where(np.isnan(told), usual * candidates.km2, told)
    costs[list(refused)] = 0.0
    return np.asarray(costs)
