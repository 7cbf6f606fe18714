"""Individual prices of captures from few estimate requests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely

from _cover import COAST
from _purchases import captures
from scenecart._cover.candidates import Candidates, find_candidates
from scenecart._cover.pricing import individual_prices
from scenecart._geo.area import as_area

if TYPE_CHECKING:
    import geopandas as gpd

    import scenecart


def test_individual_prices_are_the_service_prices(client: scenecart.Client, found: gpd.GeoDataFrame):
    """What each capture costs alone is the service's price for a cart of this capture, from few requests."""
    candidates, _ = find_candidates(found, as_area(COAST), None)
    prices = individual_prices(candidates, lambda rows: client.cart(rows, COAST, split_by_date=True).estimate())
    assert prices.calls <= 4 < len(candidates.km2)
    for index in (0, len(candidates.km2) // 2, len(candidates.km2) - 1):
        alone = client.cart(candidates.frame.iloc[[index]], COAST).estimate()
        assert prices.individual[index] == alone.total_credits
        assert prices.paid_km2[index] == alone.price_groups[0].aoi_km2


class Estimates:
    """A service that prices each capture at 100 credits, and records the ids of each request."""

    def __init__(self, *, together: bool = False, refused: tuple[str, ...] = ()) -> None:
        self.requests: list[list[str]] = []
        self._together, self._refused = together, refused

    def __call__(self, rows: gpd.GeoDataFrame) -> Any:
        ids = rows["id"].tolist()
        self.requests.append(ids)
        priced = [name for name in ids if name not in self._refused]
        groups = [priced] if self._together else [[name] for name in priced]
        self.price_groups = [SimpleNamespace(ids=ids, credits=100 * len(ids), aoi_km2=2.5) for ids in groups if ids]
        self.refused = [(name, "retired") for name in ids if name in self._refused]
        return self


def candidates_of(frame: gpd.GeoDataFrame) -> Candidates:
    return find_candidates(frame, as_area((0, 10, 10, 11)), None)[0]


def squares(*wests: float, dates: Any = "2024-03-01") -> gpd.GeoDataFrame:
    """Return captures of one degree square, by their west edges."""
    frame = captures(*(f"c{number}" for number in range(len(wests))))
    frame["datetime"] = pd.to_datetime(dates, utc=True)
    return frame.set_geometry([shapely.box(west, 10, west + 1, 11) for west in wests], crs=4326)


def test_touching_captures_of_a_date_are_in_different_requests():
    """The service would price touching captures of one date together, so each goes into another request."""
    service = Estimates()
    prices = individual_prices(candidates_of(squares(0, 0.5, 5)), service)
    assert prices.calls == len(service.requests) == 2
    assert not [ids for ids in service.requests if {"c0", "c1"} <= set(ids)]
    assert prices.individual == pytest.approx([100, 100, 100])


def test_touching_captures_of_two_dates_are_in_one_request():
    """Captures of different dates are priced separately, so one request is enough."""
    service = Estimates()
    individual_prices(candidates_of(squares(0, 0.5, dates=["2024-03-01", "2024-03-02"])), service)
    assert [sorted(ids) for ids in service.requests] == [["c0", "c1"]]


def test_price_of_a_group_is_shared_by_km2():
    """If the service groups captures anyway, they share the price by their area."""
    prices = individual_prices(candidates_of(squares(0, 9.5)), Estimates(together=True))
    assert prices.individual.sum() == pytest.approx(200)
    assert prices.individual[0] == pytest.approx(2 * prices.individual[1], rel=1e-6)


def test_refused_capture_has_no_price():
    """A capture without a price keeps the service's reason and is not priced at a typical rate."""
    prices = individual_prices(candidates_of(squares(0, 5)), Estimates(refused=("c1",)))
    assert prices.refused == {1: "retired"}
    assert np.isnan(prices.individual[1])
    assert prices.without([1]).costs == pytest.approx([100])


def test_beyond_the_maximum_of_requests_costs_are_typical():
    """Captures that were not priced cost the typical rate of their collection, which is not displayed as a price."""
    candidates = candidates_of(squares(0, 0.5))
    prices = individual_prices(candidates, Estimates(), max_requests=1)
    assert prices.calls == 1
    (unpriced,) = np.flatnonzero(np.isnan(prices.individual))
    assert prices.costs[unpriced] == pytest.approx(100, rel=1e-6)
