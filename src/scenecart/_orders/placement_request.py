"""A request to place an estimate in the forms that its checks need, and the attempts to place it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scenecart._cart.checks import texts_of
from scenecart._orders.listing import Ground, grounds_in
from scenecart._orders.ownership import Terms

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.checks import CaptureKey
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.journal import Placement
    from scenecart._orders.listing import Holding, Listing
    from scenecart._orders.purchase import Purchase


@dataclass(frozen=True)
class PlacementRequest:
    """What to buy, and under which conditions."""

    estimate: Estimate
    purchase: Purchase
    again: bool | str = False
    owned: str = "refuse"
    max_credits: int | None = None
    new_key: bool = False
    # decided once: sessions that request one more at the same time request the same one
    wish: str | None = None
    known: tuple[str, float | None] | None = None
    # a check such as a budget; it raises before anything is written or sent
    guard: Callable[[PlacementRequest], None] | None = None

    @cached_property
    def grounds(self) -> tuple[Ground, ...]:
        """The captures with their ground."""
        return grounds_in(self.purchase.body)

    @cached_property
    def footprints(self) -> dict[CaptureKey, BaseGeometry]:
        """The whole footprints of the captures."""
        return footprints_of(self.estimate)


@dataclass
class PlacementAttempt:
    """One attempt to place a request: the request, the list of orders that it read, and its notes."""

    request: PlacementRequest
    owner: str
    listing: Listing | None = None
    priced_at: float = -math.inf
    notes: list[str] = field(default_factory=list)


def purchase_terms(purchase: Purchase) -> Terms:
    """Return what an order of exactly this purchase has besides its captures."""
    return Terms(purchase.project, purchase.license_type, purchase.credits)


def footprints_of(estimate: Estimate) -> dict[CaptureKey, BaseGeometry]:
    """Return the whole footprints of the captures of an estimate."""
    captures = estimate.cart.captures
    keys = zip(texts_of(captures, "host"), texts_of(captures, "collection"), captures["id"], strict=True)
    return {(host, collection, str(name)): shape for (host, collection, name), shape in zip(keys, captures.geometry, strict=True)}


def prices_of(estimate: Estimate) -> Any:
    """Return every amount of an estimate, in a fixed order."""
    groups = sorted((sorted(group.ids), group.credits, group.aud) for group in estimate.price_groups)
    return estimate.total_credits, estimate.total_aud, groups, sorted(estimate.refused)


def is_accepted(holding: Holding, row: Placement, purchase: Purchase) -> bool:
    """Return whether one more order was requested although this order was known."""
    if holding.placement is not None and holding.placement.fingerprint == purchase.fingerprint:
        return True
    if holding.record.id == row.known:
        return True
    return row.known_at is not None and holding.created is not None and holding.created <= row.known_at
