"""Finding the order of a placement whose outcome is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import schemas
from scenecart._orders.tables import parse_time
from scenecart._util.json import loads
from scenecart.exceptions import warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.order_api import OrderApi

# The service remembers a key for 24 hours after it first saw it; an hour less, because clocks differ.
_KEY_SECONDS = 23 * 3600.0
# How much older than its placement an order may look: matching an order of somebody else is safer than buying twice.
_CLOCK_DIFFERENCE_SECONDS = 86_400.0


class OrderMatcher:
    """Looks in the service's list of orders for the order that a placement became.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements, which says which orders are already known.
    now
        The time in seconds since 1970.
    """

    def __init__(self, orders: OrderApi, journal: Journal, now: Callable[[], float]) -> None:
        self._orders = orders
        self._journal = journal
        self._now = now

    def key_may_be_forgotten(self, placement: Placement) -> bool:
        """Return whether the service may have forgotten the key, so that sending it again could buy twice."""
        # after a clock was set back, the age of the key is unknown
        return not 0.0 <= self._now() - placement.created < _KEY_SECONDS

    def reconcile(self, placement: Placement) -> Placement | None:
        """Find the order of a placement whose key must not be sent; without an order, nothing was ordered.

        Where a clock was set back, another process may be placing right now: the placement keeps its key.
        """
        found = self.match(placement)
        if found is not None:
            return found
        if self._now() >= placement.created:
            self._journal.mark(placement, "refused", detail="not found among the orders after the key expired")
        elif placement.state != "unpaid":
            detail = "not found among the orders; the clock was set back since, so place it again: the same key is used"
            self._journal.mark(placement, "unknown", detail=detail)
        return None

    def match(self, placement: Placement) -> Placement | None:
        """Find the order that a placement became, and record it.

        Only a full list proves that there is none. The service is asked for the newest first, but may answer in another
        order: stopping at the first one that is older than the placement could buy it again.
        """
        known = {entry.order_id for entry in self._journal.placements(placement.base_url, ("placed",))}
        requested = sorted(requested_ids(placement))
        found = None
        for record in self._orders.each(schemas.order_filters(project=placement.project)):
            created = parse_time(record.created)
            is_recent = created is None or created.timestamp() >= placement.created - _CLOCK_DIFFERENCE_SECONDS
            if record.id not in known and is_recent and sorted(record.captures) == requested:
                is_same = _has_same_terms(record, placement)
                if is_same or found is None:
                    found = record
                if is_same:
                    break
        # the same captures at another price may be another area; while the key is remembered, sending it tells for certain
        if found is None or not (_has_same_terms(found, placement) or self.key_may_be_forgotten(placement)):
            return None
        placement = self._journal.mark(placement, "placed", order_id=found.id, detail="found among the orders")
        warn_of_other_price(found, placement.credits)
        return placement


def requested_ids(placement: Placement) -> list[str]:
    """Return the ids of the captures that a placement orders."""
    return schemas.purchased_ids(loads(placement.body))


def warn_of_other_price(record: schemas.OrderRecord, expected_credits: int) -> None:
    """Warn where an order has another price than its estimate."""
    if record.total_credits is not None and record.total_credits != expected_credits:
        warn(
            f"Order {record.id} costs {record.total_credits:,} credits, not the {expected_credits:,} of the estimate.",
            code="price_changed_after_placing",
            hint="Check it before it is delivered: you may still be able to cancel it.",
        )


def _has_same_terms(record: schemas.OrderRecord, placement: Placement) -> bool:
    """Return whether an order has the price and the licence of a placement, where the service tells them."""
    return record.total_credits in {None, placement.credits} and record.license_type in {None, placement.license_type}
