"""Estimate: the service's price for one cart, and the only thing that can be placed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import pandas as pd
from shapely.geometry import shape

from scenecart._api import operations, schemas
from scenecart._captures.frame import CRS
from scenecart._geo.geometry import union
from scenecart._util import html
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import EstimateIncomplete, InvalidCart, NotFound, PermissionDenied

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from decimal import Decimal
    from pathlib import Path

    from scenecart._api.http import Session
    from scenecart._api.schemas import PriceGroup
    from scenecart._cart.cart import Cart
    from scenecart._orders.order import Order

_SHOWN_GROUPS = 50
_SHOWN_IDS = 4


class CanPlace(Protocol):
    """Whoever can place an estimate."""

    def place(self, estimate: Estimate, *, project: str | None, license_type: str, again: bool, max_credits: int | None) -> Order:
        """Buy what was estimated."""
        ...

    def existing_order(self, estimate: Estimate, *, project: str | None, license_type: str) -> Order | None:
        """Return the order that placing would give back without buying."""
        ...


@dataclass(frozen=True, eq=False)
class Estimate:
    """What a cart costs, as the service says; made by ``cart.estimate()``.

    Attributes
    ----------
    cart : Cart
        What was priced.
    total_credits : int
        The price in credits; 100 credits are one Australian dollar.
    total_aud : decimal.Decimal
        The same in Australian dollars.
    priced_at : datetime.datetime
        When the service answered, UTC.
    balance_credits : int or None
        The credits that can be spent, as the service said beside the price; None where it does not tell, or a card or an invoice
        pays.
    service : str
        The address of the service that was asked.

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
    _desk: CanPlace | None = field(default=None, repr=False)

    @property
    def groups(self) -> gpd.GeoDataFrame:
        """What is priced together: one row a group.

        Columns ``captures`` (list of ids), ``aoi_km2`` (km², as the service measured it), ``credits`` (int), ``aud``
        (decimal) and ``geometry`` (what is bought, EPSG:4326). The index is the group's number, from 1.
        """
        shapes: dict[str, list[Any]] = {}
        for order in self.cart.orders:
            shapes.setdefault(order.id, []).append(shape(dict(order.geometry)))
        rows = [
            {
                "captures": list(group.ids),
                "aoi_km2": group.aoi_km2,
                "credits": group.credits,
                "aud": group.aud,
                "geometry": union(part for name in group.ids for part in shapes[name]),
            }
            for group in self.price_groups
        ]
        columns = ["captures", "aoi_km2", "credits", "aud", "geometry"]
        index = pd.RangeIndex(1, len(rows) + 1, name="group")
        return gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=CRS, index=index)

    @property
    def errors(self) -> pd.DataFrame:
        """The captures that cannot be priced: columns ``id`` and ``detail``."""
        return pd.DataFrame(list(self.refused), columns=["id", "detail"])

    @property
    def is_complete(self) -> bool:
        """Whether every capture of the cart has a price."""
        return not self.refused

    def priced_cart(self) -> Cart:
        """Return the cart without the captures that cannot be priced; estimate it again to place it.

        Raises
        ------
        InvalidCart
            If nothing could be priced.

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
            raise InvalidCart("Nothing in this cart can be priced.", hint="The reasons are in this estimate's .errors.")
        return self.cart.remove(names) if names else self.cart

    @checked_keywords()
    def place(
        self,
        project: str | None = None,
        license_type: str = "standard",
        *,
        again: bool = False,
        max_credits: int | None = None,
    ) -> Order:
        """Buy exactly this, at exactly this price. This spends money.

        The same cart placed again, in this session or another one, gives the order that exists.

        Parameters
        ----------
        project
            The project the imagery is delivered to. Default: the one the client was connected with.
        license_type
            The licence to buy, ``"standard"`` by default.
        again
            Buy it once more, although it was bought before.
        max_credits
            Buy nothing that costs more than this; None sets no limit.

        Returns
        -------
        Order
            The placed order, or the one that was placed before.

        Raises
        ------
        EstimateIncomplete
            If part of the cart has no price; ``priced_cart()`` gives the rest.
        PriceChanged
            If the price is not this estimate's any more. No money has moved.
        OverLimit
            If it costs more than ``max_credits``. No money has moved.
        PaymentRequired
            If the service cannot charge. The error's ``retry()`` places again once that is sorted out.
        PlacementUnknown
            If no usable answer came. Place again, or call ``client.settle()``: the same key is used.
        ConfigurationError
            If nothing says which project.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2023-06", limit=1)
        >>> estimate = client.cart(captures).estimate()
        >>> order = estimate.place(max_credits=estimate.total_credits)
        >>> order.total_credits == estimate.total_credits
        True
        """
        if self.refused:
            raise EstimateIncomplete(
                f"{len(self.refused)} of {len(self.cart)} captures have no price, so this is not placed.",
                hint="Look at .errors; .priced_cart().estimate() prices the rest.",
            )
        return self._placer().place(self, project=project, license_type=license_type, again=again, max_credits=max_credits)

    @checked_keywords()
    def existing_order(self, *, project: str | None = None, license_type: str = "standard") -> Order | None:
        """Return the order that :meth:`place` would give back without buying, or None where it would buy.

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

    def _placer(self) -> CanPlace:
        if self._desk is None:
            raise InvalidCart("This estimate has no client.")
        return self._desk

    @checked_keywords()
    def to_report(self, path: str | os.PathLike[str], *, title: str | None = None, thumbnails: bool = True) -> Path:
        """Write the estimate as a report for whoever approves the money; the suffix tells the format.

        Parameters
        ----------
        path
            Where to write it: ``.html`` and ``.pdf`` to read and print, ``.xlsx``, ``.md`` and ``.csv`` for offices, ``.geojson``,
            ``.gpkg`` and ``.parquet`` for GIS.
        title
            What the report is called.
        thumbnails
            Fetch a small picture of each capture, for ``.html`` and ``.pdf``.

        Returns
        -------
        pathlib.Path
            The file that was written. The same contents give the same file.

        Raises
        ------
        InvalidRequest
            If the suffix is no known format, or the file cannot be written.
        MissingExtra
            If the packages for reports are not installed.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> estimate = client.cart(captures).estimate()
        >>> estimate.to_report(pathlib.Path(tempfile.mkdtemp()) / "quote.xlsx").name
        'quote.xlsx'
        """
        from scenecart import report  # noqa: PLC0415  # an extra: the core works without it

        return report.write(self, path, title=title, thumbnails=thumbnails)

    def __repr__(self) -> str:
        refused = f", {len(self.refused)} not priced" if self.refused else ""
        return f"Estimate({self.total_credits:,} credits, A${self.total_aud:,.2f}, {pluralize(len(self.cart), 'capture')}{refused})"

    def _repr_html_(self) -> str:
        shown = self.price_groups[:_SHOWN_GROUPS]
        return html.render(
            "estimate.html",
            captures=len(self.cart),
            priced_at=f"{self.priced_at:%Y-%m-%d %H:%M} UTC",
            total_credits=self.total_credits,
            total_aud=self.total_aud,
            balance=self.balance_credits,
            groups=[
                {
                    "names": [clean_text(name, 60) for name in group.ids[:_SHOWN_IDS]],
                    "more": max(0, len(group.ids) - _SHOWN_IDS),
                    "km2": group.aoi_km2,
                    "credits": group.credits,
                    "aud": group.aud,
                }
                for group in shown
            ],
            hidden_groups=len(self.price_groups) - len(shown),
            errors=[{"id": clean_text(name, 120), "detail": detail} for name, detail in self.refused[:_SHOWN_GROUPS]],
            error_count=len(self.refused),
        )


def request_estimate(session: Session, cart: Cart, desk: CanPlace | None, wall: Callable[[], float]) -> Estimate:
    """Ask the service for the price of a cart; ``wall`` tells the time in seconds since 1970.

    Raises
    ------
    UntrustedEstimate
        If the answer contradicts itself.
    """
    body = schemas.estimate_body(list(cart.orders), split_by_date=cart.split_by_date)
    prices = schemas.parse_estimate(session.call(operations.ESTIMATE, body), [order.id for order in cart.orders])
    return Estimate(
        cart=cart,
        total_credits=prices.total_credits,
        total_aud=prices.total_aud,
        priced_at=datetime.fromtimestamp(wall(), UTC),
        price_groups=prices.groups,
        refused=prices.errors,
        balance_credits=_balance(session),
        service=session.base_url,
        _desk=desk,
    )


def _balance(session: Session) -> int | None:
    """Return what can be spent; a price is worth showing without it too."""
    try:
        return operations.available_credits(session.call(operations.BALANCE, {}))
    except (PermissionDenied, NotFound):
        return None


Estimate.__module__ = "scenecart"
