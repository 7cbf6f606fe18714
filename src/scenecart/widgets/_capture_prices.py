"""Individual prices of the captures of a result in the area: requested in the background, as columns of the captures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart._cart.cart import make_cart
from scenecart._cover.candidates import find_candidates
from scenecart._cover.pricing import individual_prices
from scenecart.widgets._facets import EXACT_PRICE, PAID_KM2
from scenecart.widgets._jobs import LOCK, synchronized
from scenecart.widgets._money import CREDITS_PER_DOLLAR

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from scenecart._geo.area import Area
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._state import CaptureState

_SETTLE_SECONDS = 0.5
# larger results are priced in the cart only
_MOST_CAPTURES, _MOST_REQUESTS = 2_000, 12

_PricesFound = tuple[int, "Area | None", dict[str, Any]]


class CapturePrices:
    """Keeps the columns ``aoi:price_aud`` (A$) and ``aoi:km2`` (the km² that are paid for) of a state up to date.

    A price is missing where the service does not price a capture alone. Nothing is bought.

    Parameters
    ----------
    client
        The connection.
    state
        The captures, and the area that they are clipped to; without an area nothing is requested.
    runner
        Runs the requests.
    failed
        Called with the error if prices cannot be requested.
    """

    def __init__(
        self, client: Client, state: CaptureState, runner: Runner, failed: Callable[[Exception], object] = lambda _: None
    ) -> None:
        self._client, self._state, self._runner, self._failed = client, state, runner, failed
        state.observe(self._changed, ["rows", "aoi"])
        self._changed(None)

    def release(self) -> None:
        """Stop following the state."""
        self._state.unobserve(self._changed, ["rows", "aoi"])

    def refresh(self) -> None:
        """Request the prices again, such as after a failure."""
        self._changed(None)

    @synchronized
    def _changed(self, change: Any) -> None:
        state = self._state
        if change is not None and change["name"] == "aoi" and EXACT_PRICE in state.captures.columns:
            # prices of another area are wrong at once
            nothing = np.full(len(state.captures), np.nan)
            state.annotate({EXACT_PRICE: nothing, PAID_KM2: nothing})
        if state.aoi is None or not 0 < len(state.captures) <= _MOST_CAPTURES:
            self._runner.cancel("prices")
            return
        self._runner.debounce("prices", _SETTLE_SECONDS, lambda _: self._request(), self._show, self._failed)

    def _request(self) -> _PricesFound:
        with LOCK:
            captures, rows, area = self._state.captures, self._state.rows, self._state.aoi
        return rows, area, prices_of(captures, area, self._client)

    def _show(self, found: _PricesFound) -> None:
        rows, area, columns = found
        if rows == self._state.rows and area is self._state.aoi:
            self._state.annotate(columns)


def prices_of(captures: gpd.GeoDataFrame, area: Area, client: Client) -> dict[str, Any]:
    """Return the price and the paid km² of each capture alone, in as few requests as possible; NaN where there is none."""
    price = np.full(len(captures), np.nan)
    km2 = price.copy()
    candidates, _ = find_candidates(captures, area, None)
    found = individual_prices(
        candidates, lambda some: make_cart(some, area, split_by_date=True, client=client).estimate(), _MOST_REQUESTS
    )
    is_alone = np.isfinite(found.paid_km2)
    price[candidates.positions[is_alone]] = found.individual[is_alone] / CREDITS_PER_DOLLAR
    km2[candidates.positions[is_alone]] = found.paid_km2[is_alone]
    return {EXACT_PRICE: price, PAID_KM2: km2}
