"""The contents of a cart in widgets: captures with undo, and the service's price of them, requested when the cart has settled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import traitlets as t

from scenecart._captures.frame import concat
from scenecart._cart.cart import Cart
from scenecart._cart.checks import checked_frame, keys_of, orderable_captures
from scenecart._cart.owned import ORDERS, SHARE
from scenecart._geo.area import as_area
from scenecart.exceptions import InvalidCart
from scenecart.widgets._base import checked_client
from scenecart.widgets._jobs import synchronized
from scenecart.widgets._state import no_captures

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart._cart.checks import CaptureKey
    from scenecart._cart.estimate import Estimate
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

_SETTLE_SECONDS = 0.6
_IDENTITY = ("host", "collection", "id")
_MOST_UNDO = 50


class CartContents(t.HasTraits):
    """The captures of a cart and their price, without a view.

    Attributes
    ----------
    captures : geopandas.GeoDataFrame
        The captures in the cart; can be set.
    aoi : Area or None
        The area that they are clipped to; None buys whole footprints. Can be set in any format that ``search`` accepts.
    split_by_date : bool
        Whether each acquisition date is priced separately.
    estimate : Estimate or None
        The current price; None until it has arrived.
    pricing_error : Exception or None
        Why there is no price.
    revision : int
        Increases each time something changed that is displayed.
    """

    captures = t.Any()
    aoi = t.Any(None, allow_none=True)
    split_by_date = t.Bool(default_value=False)
    estimate = t.Any(None, allow_none=True)
    pricing_error = t.Any(None, allow_none=True)
    revision = t.Int(0)

    def __init__(self, client: Client, runner: Runner, captures: Any = None, aoi: Any = None) -> None:
        self._client, self._runner = checked_client(client), runner
        self._estimates: dict[str, Estimate] = {}
        self._undo: list[gpd.GeoDataFrame] = []
        super().__init__()
        self.observe(self._contents_changed, ["captures", "aoi", "split_by_date"])
        self.aoi = aoi
        self.captures = no_captures() if captures is None else captures

    @t.default("captures")
    def _no_captures(self) -> gpd.GeoDataFrame:
        return no_captures()

    @t.validate("captures")
    def _check_captures(self, proposal: dict[str, Any]) -> gpd.GeoDataFrame:
        frame = proposal["value"]
        return checked_frame(frame) if not isinstance(frame, gpd.GeoDataFrame) or len(frame) else no_captures()

    @t.validate("aoi")
    def _check_aoi(self, proposal: dict[str, Any]) -> Any:
        value = proposal["value"]
        return None if value is None else as_area(value)

    @property
    def cart(self) -> Cart:
        """The cart that is priced and bought.

        Raises
        ------
        InvalidCart
            If it is empty, or a capture cannot be ordered.
        """
        if not len(self.captures):
            raise InvalidCart("The cart is empty.", code="cart_empty", hint="Add captures to it.")
        # client.cart would check the frame again, which was checked when it was set
        return Cart(orderable_captures(self.captures, self.aoi), self.aoi, self.split_by_date, self._client)

    @property
    def is_pricing(self) -> bool:
        """Whether a price is being requested."""
        return self._runner.is_busy("estimate")

    @property
    def can_undo(self) -> bool:
        """Whether a change of the captures can be undone."""
        return bool(self._undo)

    @synchronized
    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Add captures; those that are in the cart already are not added twice."""
        if not isinstance(captures, gpd.GeoDataFrame) or len(captures):
            self.add_checked(checked_frame(captures))

    @synchronized
    def add_checked(self, captures: gpd.GeoDataFrame) -> None:
        """Add captures in EPSG:4326, each once by host, collection and id."""
        frame = concat([self.captures, captures])
        is_repeated = frame.duplicated([name for name in _IDENTITY if name in frame.columns]).to_numpy()
        # the captures that are in the cart come first
        if not is_repeated[len(self.captures) :].all():
            self._change(frame[~is_repeated].reset_index(drop=True))

    @synchronized
    def remove(self, ids: Iterable[str]) -> None:
        """Remove captures by id."""
        self._change(self.captures[~self.captures["id"].isin(list(ids))].reset_index(drop=True))

    @synchronized
    def remove_keys(self, keys: Iterable[CaptureKey]) -> None:
        """Remove captures by host, collection and id."""
        given = set(keys)
        self._change(self.captures[[key not in given for key in keys_of(self.captures)]].reset_index(drop=True))

    @synchronized
    def undo(self) -> None:
        """Undo the last change of the captures."""
        if self._undo:
            self.captures = self._undo.pop()

    @synchronized
    def remove_unpriced(self) -> None:
        """Remove the captures that the service gives no price for."""
        if self.estimate is not None:
            self.remove([name for name, _ in self.estimate.refused])

    @synchronized
    def price_again(self) -> None:
        """Request the price again, such as after a failure."""
        self._request_price(0.0)

    @synchronized
    def notify_views(self) -> None:
        """Tell the views that something changed that they display."""
        self.revision += 1

    def _change(self, captures: gpd.GeoDataFrame) -> None:
        if len(captures) != len(self.captures):
            self._undo = [*self._undo[1 - _MOST_UNDO :], self.captures]
            self.captures = captures

    @synchronized
    def _contents_changed(self, change: Any) -> None:
        """Remove the old price at once, and request a new one when the cart has settled."""
        if change["name"] == "aoi":
            # what is owned of them was marked in the former area, and reports would state it
            self._undo = [_unmarked(captures) for captures in self._undo]
            captures = _unmarked(self.captures)
            if captures is not self.captures:
                self.captures = captures
        self._request_price(_SETTLE_SECONDS)

    def _request_price(self, seconds: float) -> None:
        self.pricing_error = None
        self._runner.cancel("estimate")
        try:
            cart = self.cart if len(self.captures) else None
        except InvalidCart as error:
            self.estimate = None
            self._not_priced(error)
            return
        known = None if cart is None else self._estimates.get(cart.fingerprint)
        self.estimate = known
        if cart is not None and known is None:
            self._runner.debounce("estimate", seconds, lambda _: cart.estimate(), self._keep_estimate, self._not_priced)
        self.notify_views()

    def _keep_estimate(self, estimate: Estimate) -> None:
        self._estimates[estimate.cart.fingerprint] = estimate
        self.estimate = estimate
        self.notify_views()

    def _not_priced(self, error: Exception) -> None:
        self.pricing_error = error
        self.notify_views()


def _unmarked(captures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    marks = [name for name in (SHARE, ORDERS) if name in captures.columns]
    return captures.drop(columns=marks) if marks else captures
