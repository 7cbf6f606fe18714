"""Owned shares of the captures in a cart, in the area of the cart: read in the background, and again when either changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._cart.checks import keys_of
from scenecart._cart.owned import SHARE
from scenecart.client import known_holdings
from scenecart.widgets._jobs import LOCK
from scenecart.widgets._owned_marks import owned_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd

    from scenecart._cart.checks import CaptureKey
    from scenecart._geo.area import Area
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner
    from scenecart.widgets._purchase import Purchase

_JOB = "cart-owned"
_TRAITS = ["captures", "aoi"]


class OwnedShares:
    """The owned share of each capture in a cart; a share of another area is never returned.

    Captures of a search are marked in the area that they were searched in, and stay in the cart when there is another one.

    Parameters
    ----------
    purchase
        The cart.
    runner
        Reads the orders in the background; the list of orders is at most a minute old.
    changed
        Called when there are other shares.
    most
        How many captures of the cart are compared, the first ones.
    """

    def __init__(self, purchase: Purchase, runner: Runner, changed: Callable[[], object], most: int) -> None:
        self._purchase, self._runner, self._changed, self._most = purchase, runner, changed, most
        self._area: Area | None = None
        self._shares: dict[CaptureKey, float] = {}
        purchase.observe(self._follow, _TRAITS)

    def share(self, key: CaptureKey) -> float:
        """Return which share of a capture is owned: 0 if nothing is, or before it is known, NaN if it may be owned."""
        return self._shares.get(key, 0.0) if self._area is self._purchase.aoi else 0.0

    def read(self) -> None:
        """Compare the captures with the orders, at first and again after a purchase."""
        with LOCK:
            client, area = self._purchase.client, self._purchase.aoi
            captures = self._purchase.captures.head(self._most)
            if len(captures):
                self._runner.start(_JOB, lambda _: (area, _shares_of(client, captures, area)), self._show, lambda _: None)
            else:
                self._runner.cancel(_JOB)

    def release(self) -> None:
        """Stop following the cart."""
        self._purchase.unobserve(self._follow, _TRAITS)
        self._runner.cancel(_JOB)

    def _follow(self, _: Any) -> None:
        self.read()

    def _show(self, found: tuple[Area | None, dict[CaptureKey, float]]) -> None:
        self._area, self._shares = found
        self._changed()


def _shares_of(client: Client, captures: gpd.GeoDataFrame, area: Area | None) -> dict[CaptureKey, float]:
    shares = owned_columns(captures, known_holdings(client), area)[SHARE]
    return dict(zip(keys_of(captures), shares.tolist(), strict=True))
