"""The parts of a client that orders, prices and budgets need. They are made at their first use: a search needs none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._cart.estimate import PricingService
from scenecart._office.budgets import Budgets
from scenecart._office.guard import PurchaseGuard
from scenecart._office.order_totals import OrderTotals
from scenecart._office.spending import SpendingReader
from scenecart._orders.holdings import HoldingReader
from scenecart._orders.labels import LabelFile
from scenecart._orders.listing import ListingReader
from scenecart._orders.matching import OrderMatcher
from scenecart._orders.order_api import OrderApi
from scenecart._orders.placement import PlacementService
from scenecart._orders.purchase_details import PurchaseReader
from scenecart._orders.settlement import SettlementService

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from scenecart._api.http import Session
    from scenecart._captures.licences import LicenceRegistry
    from scenecart._delivery.download import DeliveryService
    from scenecart._orders.journal import Journal
    from scenecart._orders.order import Order
    from scenecart._orders.placement_request import PlacementRequest
    from scenecart.client import Client


class Ordering:
    """Everything of one client about orders.

    Parameters
    ----------
    client
        The client that places what is priced here.
    session, journal, licences, deliveries, home
        Its connection, its record of placements, the licences of hosts, what fetches deliveries, and its data folder.
    price_seconds, owned_share, budgets, keys, clock, wall, sleep, say
        As for :class:`Client`; ``keys`` are those of approvers.

    Attributes
    ----------
    orders : OrderApi
        The service's orders.
    pricing : PricingService
        Requests prices.
    placing : PlacementService
        Places estimates.
    settlement : SettlementService
        Finds out what became of placements without an answer.
    holdings : HoldingReader
        Reads what is owned.
    budgets : Budgets
        How many credits may be spent.
    guard : PurchaseGuard
        Refuses what is over a budget or not approved.
    spending : SpendingReader
        Reads what was spent.
    """

    def __init__(  # one keyword for each part of a client
        self,
        client: Client,
        session: Session,
        journal: Journal,
        *,
        licences: LicenceRegistry,
        deliveries: Callable[[], DeliveryService],
        home: Path,
        price_seconds: float,
        owned_share: float,
        budgets: str | os.PathLike[str] | None,
        keys: Sequence[str] | None,
        clock: Callable[[], float],
        wall: Callable[[], float],
        sleep: Callable[[float], None],
        say: Callable[[str], object],
    ) -> None:
        self.pricing = PricingService(session, client, wall, licences.of_hosts)
        purchases = PurchaseReader(journal, client, licences.of_hosts)
        self.orders = OrderApi(session, deliveries=deliveries, purchases=purchases, clock=clock, sleep=sleep, notify=say)
        self.orders.labels = LabelFile(home / "labels.sqlite")
        matcher, reader = OrderMatcher(self.orders, journal, wall), ListingReader(self.orders, journal, wall)
        self.placing = PlacementService(
            self.orders, journal, self.pricing, matcher, reader, price_seconds=price_seconds, owned_share=owned_share, now=wall
        )
        self.orders.after_wait = lambda: self.placing.show_notices(None)
        order_totals = OrderTotals(self.orders, journal, wall)
        self.budgets = Budgets(order_totals, budgets, wall)
        self.guard = PurchaseGuard(self.budgets, keys, self._existing_order_of, wall)
        self.spending = SpendingReader(session, order_totals, journal)
        self.settlement = SettlementService(session, journal, self.placing, matcher, now=wall)
        self.holdings = HoldingReader(
            reader, journal, purchases, deliveries, base_url=session.base_url, is_own=self.placing.is_own, now=wall
        )

    def _existing_order_of(self, request: PlacementRequest) -> Order | None:
        purchase = request.purchase
        return self.placing.existing_order(request.estimate, project=purchase.project, license_type=purchase.license_type)
