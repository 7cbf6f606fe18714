"""Estimates: prices of carts, from the service. Only an estimate can be placed, not a cart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import pandas as pd
from shapely.geometry import shape

from scenecart._api import operations, schemas
from scenecart._captures.frame import CRS
from scenecart._captures.times import acquisition_times
from scenecart._cart.price_lines import PriceLine, ordered_groups, price_lines
from scenecart._geo.geometry import union
from scenecart._util import html
from scenecart._util.keywords import checked_keywords
from scenecart._util.reportable import Reportable
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidCart, ScenecartError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Sequence
    from decimal import Decimal

    from scenecart._api.http import Session
    from scenecart._api.schemas import PriceGroup
    from scenecart._captures.licences import Licence
    from scenecart._cart.cart import Cart
    from scenecart._orders.order import Order

_ROWS_IN_HTML = 50


class PlacingClient(Protocol):
    """A client that places estimates."""

    def place(  # one keyword for each way to place
        self,
        estimate: Estimate,
        *,
        project: str | None,
        license_type: str,
        again: bool | str,
        owned: str,
        max_credits: int | None,
        name: str | None,
        tags: str | Sequence[str] | None,
        reference: str | None,
        approval: str | os.PathLike[str] | None,
    ) -> Order:
        """Place the order."""
        ...

    def existing_order(self, estimate: Estimate, *, project: str | None, license_type: str) -> Order | None:
        """Return the order that already exists for a cart, or None if placing would buy a new one."""
        ...


@dataclass(frozen=True, eq=False)
class Estimate(Reportable):
    """The service's price for a cart; made by ``cart.estimate()``.

    Attributes
    ----------
    cart : Cart
        The cart that was priced.
    total_credits : int
        The price in credits; 100 credits are one Australian dollar.
    total_aud : decimal.Decimal
        The price in Australian dollars.
    priced_at : datetime.datetime
        The time of the service's answer, UTC.
    balance_credits : int or None
        Credits available to spend; None if the service does not return a balance, or payment is by card or invoice.
    service : str
        Base URL of the service.
    raw : dict
        The service's response, with every field.

    Examples
    --------
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
    >>> estimate = client.cart(captures).estimate()
    >>> estimate.is_complete, estimate.total_credits - int(estimate.groups["credits"].sum())
    (True, 0)
    """

    cart: Cart
    total_credits: int
    total_aud: Decimal
    priced_at: datetime
    price_groups: tuple[PriceGroup, ...] = field(repr=False)
    refused: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    balance_credits: int | None = field(default=None, repr=False)
    service: str = field(default="", repr=False)
    raw: dict[str, Any] = field(default_factory=dict, repr=False)
    is_rounded: bool = field(default=False, repr=False)
    licences_of: Callable[[Collection[str]], Sequence[Licence]] | None = field(default=None, repr=False)
    _client: PlacingClient | None = field(default=None, repr=False)

    @property
    def groups(self) -> gpd.GeoDataFrame:
        """The price groups: captures that the service prices together, one row each.

        Columns ``captures`` (list of ids), ``aoi_km2`` (km², as measured by the service), ``credits`` (int), ``aud``
        (decimal) and ``geometry`` (the union of the clipped footprints, EPSG:4326). The index is the group's number, from 1.
        """
        footprints: dict[str, list[Any]] = {}
        for order in self.cart.orders:
            footprints.setdefault(order.id, []).append(shape(dict(order.geometry)))
        rows = [
            {
                "captures": list(group.ids),
                "aoi_km2": group.aoi_km2,
                "credits": group.credits,
                "aud": group.aud,
                "geometry": union(part for name in group.ids for part in footprints[name]),
            }
            for group in self.price_groups
        ]
        columns = ["captures", "aoi_km2", "credits", "aud", "geometry"]
        index = pd.RangeIndex(1, len(rows) + 1, name="group")
        return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=CRS, index=index)

    @property
    def note(self) -> str | None:
        """Remarks on the price: groups that are rounded, and marked captures that are owned already. The total is what is paid."""
        notes = [] if self.cart.note is None else [self.cart.note]
        if self.is_rounded:
            groups = f"{sum(group.credits for group in self.price_groups):,} credits"
            notes.append(
                f"The groups are rounded and add up to {groups}; the total of {self.total_credits:,} credits is the price."
            )
        return " ".join(notes) or None

    @property
    def errors(self) -> pd.DataFrame:
        """The captures without a price: columns ``id`` and ``detail``."""
        return pd.DataFrame(list(self.refused), columns=["id", "detail"])

    @property
    def is_complete(self) -> bool:
        """Whether every capture of the cart has a price."""
        return not self.refused

    def priced_cart(self) -> Cart:
        """Return a cart of only the captures that have a price. To buy it, call ``estimate()`` on it first.

        Raises
        ------
        InvalidCart
            If no capture has a price.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections=["aurora-50cm", "aurora-legacy"], datetime="2024-03")
        >>> estimate = client.cart(captures.groupby("collection").head(1)).estimate()
        >>> estimate.errors["detail"].tolist(), estimate.priced_cart().estimate().is_complete
        (['the product is retired'], True)
        """
        names = {name for name, _ in self.refused}
        if names.issuperset(self.cart.ids):
            raise InvalidCart(
                "No capture in this cart has a price.", code="cart_without_prices", hint="See estimate.errors for the reasons."
            )
        return self.cart.remove(names) if names else self.cart

    @checked_keywords()
    def place(
        self,
        project: str | None = None,
        license_type: str = "standard",
        *,
        again: bool | str = False,
        owned: str = "refuse",
        max_credits: int | None = None,
        name: str | None = None,
        tags: str | Sequence[str] | None = None,
        reference: str | None = None,
        approval: str | os.PathLike[str] | None = None,
    ) -> Order:
        """Buy exactly these captures at exactly this price. This spends money.

        Placing the same cart again, in this session, another one or by a colleague of the same organization, returns the existing
        order. Before anything is sent, the list of the organization's orders is read.

        Parameters
        ----------
        project
            The project that receives the imagery. Default: the client's project.
        license_type
            The licence to buy, ``"standard"`` by default.
        again
            A text that says who or what another order is for buys once more, and once only under that text. True buys one more
            than the orders that are known, each time.
        owned
            What to do if captures of the cart are owned already: ``"refuse"`` raises :class:`AlreadyOwned`, ``"buy"`` buys them.
        max_credits
            Maximum number of credits to spend; None sets no limit.
        name, tags
            A name such as ``"Harbour Q2"``, and words to group orders by, for ``client.orders()``, reports and the service. They
            do not make another order: placing the same cart under another name returns the existing order.
        reference
            A reference of the payer, such as ``"PO 4711"``. It stays on this machine.
        approval
            A file that :func:`scenecart.approve` signed. What differs from it is refused.

        Returns
        -------
        Order
            The new order, or the existing one.

        Raises
        ------
        EstimateIncomplete
            If part of the cart has no price; ``priced_cart()`` returns a cart of the rest.
        AlreadyOwned
            If a tenth or more of a capture's area is in an order of the organization, or may be. Nothing was charged.
        PriceChanged
            If the price has changed since the estimate. Nothing was charged.
        OverLimit
            If the price is above ``max_credits``. Nothing was charged.
        OverBudget
            If it would exceed a budget; see :meth:`Client.budget`. Nothing was charged.
        NotApproved
            If it is not approved, or differs from what was approved. Nothing was charged.
        PaymentRequired
            If the service cannot charge. Solve the problem, then call the error's ``retry()``.
        PlacementUnknown
            If no usable answer arrived. Place again, or call ``client.settle()``: you will not be charged twice.
        ConfigurationError
            If no project is set.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2023-06", limit=1)
        >>> estimate = client.cart(captures).estimate()
        >>> order = estimate.place(max_credits=estimate.total_credits)
        >>> order.total_credits == estimate.total_credits
        True
        """
        return self._placer().place(
            self,
            project=project,
            license_type=license_type,
            again=again,
            owned=owned,
            max_credits=max_credits,
            name=name,
            tags=tags,
            reference=reference,
            approval=approval,
        )

    def existing_order(self, *, project: str | None = None, license_type: str = "standard") -> Order | None:
        """Return the order that already exists for this cart, or None if :meth:`place` would buy a new one. This buys nothing.

        Parameters
        ----------
        project, license_type
            As for :meth:`place`.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-07", limit=1)
        >>> estimate = client.cart(captures).estimate()
        >>> order = estimate.place()
        >>> estimate.existing_order().id == order.id
        True
        """
        return self._placer().existing_order(self, project=project, license_type=license_type)

    def _placer(self) -> PlacingClient:
        if self._client is None:
            raise InvalidCart(
                "The estimate is not connected to a service.", code="estimate_not_connected", hint="Use client.place(estimate)."
            )
        return self._client

    def __repr__(self) -> str:
        refused = f", {len(self.refused)} not priced" if self.refused else ""
        # a forgotten area is the most expensive mistake
        extent = ", whole footprints" if self.cart.area is None else ""
        count = pluralize(len(self.cart), "capture")
        return f"Estimate({self.total_credits:,} credits, A${self.total_aud:,.2f}, {count}{extent}{refused})"

    def _repr_html_(self) -> str:
        lines = price_lines_of(self)[:_ROWS_IN_HTML]
        return html.render(
            "estimate.html",
            captures=len(self.cart),
            is_whole=self.cart.area is None,
            priced_at=f"{self.priced_at:%Y-%m-%d %H:%M} UTC",
            total_credits=self.total_credits,
            total_aud=self.total_aud,
            note=self.note,
            balance=self.balance_credits,
            lines=lines,
            hidden_groups=len(self.price_groups) - len(lines),
            errors=[{"id": clean_text(name, 120), "detail": detail} for name, detail in self.refused[:_ROWS_IN_HTML]],
            error_count=len(self.refused),
        )


def price_lines_of(estimate: Estimate) -> list[PriceLine]:
    """Return what each price group consists of, in the order of the captures."""
    captures = estimate.cart.captures
    times = (None if pd.isna(time) else time for time in acquisition_times(captures))
    return price_lines(estimate.price_groups, dict(zip(captures["id"], times, strict=True)))


class PricingService:
    """Prices of carts at one service.

    Parameters
    ----------
    session
        The connection to the service.
    placer
        The client that places the estimates; None for estimates that cannot be placed.
    now
        A function that returns Unix time in seconds.
    licences
        A function that returns the licences of hosts, for reports.
    """

    def __init__(
        self,
        session: Session,
        placer: PlacingClient | None,
        now: Callable[[], float],
        licences: Callable[[Collection[str]], Sequence[Licence]] | None = None,
    ) -> None:
        self._session = session
        self._placer = placer
        self._licences = licences
        self._now = now

    def estimate(self, cart: Cart) -> Estimate:
        """Return the price of a cart, with the available credits.

        Raises
        ------
        UntrustedEstimate
            If the figures contradict each other.
        """
        return self.with_balance(self.price(cart))

    def price(self, cart: Cart) -> Estimate:
        """Return the price of a cart without the available credits, in one request.

        Raises
        ------
        UntrustedEstimate
            If the figures contradict each other.
        """
        body = schemas.estimate_body(list(cart.orders), split_by_date=cart.split_by_date)
        prices = schemas.parse_estimate(self._session.call(operations.ESTIMATE, body), [order.id for order in cart.orders])
        places = {name: place for place, name in enumerate(cart.ids)}
        return Estimate(
            cart=cart,
            total_credits=prices.total_credits,
            total_aud=prices.total_aud,
            priced_at=datetime.fromtimestamp(self._now(), UTC),
            # numbered as the captures are listed, whatever the order of the answer
            price_groups=tuple(ordered_groups(prices.groups, places)),
            refused=prices.errors,
            service=self._session.base_url,
            raw=dict(prices.raw),
            is_rounded=prices.is_rounded,
            licences_of=self._licences,
            _client=self._placer,
        )

    def with_balance(self, estimate: Estimate) -> Estimate:
        """Return an estimate with the available credits, if they can be read: a price does not depend on them."""
        try:
            balance = operations.available_credits(self._session.call(operations.BALANCE, {}))
        except ScenecartError:
            return estimate
        return replace(estimate, balance_credits=balance)


Estimate.__module__ = "scenecart"
