"""Finding the order of a placement whose outcome is unknown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shapely.geometry import shape

from scenecart._api import schemas
from scenecart._orders.journal import UNANSWERED
from scenecart._orders.tables import parse_time
from scenecart._util.json import loads
from scenecart.exceptions import InvalidRequest, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.order_api import OrderApi

# How long a key is sent again after a request without an answer. A service may forget keys after an hour; what is older is
# searched among the orders.
_KEY_SECONDS = 900.0
# how much earlier an order may look than the request that made it, because clocks differ
_EARLIER_SECONDS = 300.0
# How much older than its placement an order may look: matching an order of somebody else is safer than buying twice.
_CLOCK_DIFFERENCE_SECONDS = 86_400.0
# how far two outlines of the same footprint may differ, as a share of its area
_FOOTPRINT_TOLERANCE = 0.001


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
        """Return whether a request without an answer is so old, or the clock so wrong, that the orders must be searched first."""
        since = placement.unanswered_since
        # after a clock was set back, the age of the key is unknown
        return since is not None and (self._now() < since or self.key_has_expired(placement))

    def key_has_expired(self, placement: Placement) -> bool:
        """Return whether the service may have forgotten the key since a request that got no answer."""
        since = placement.unanswered_since
        return since is not None and self._now() - since >= _KEY_SECONDS

    def reconcile(self, placement: Placement) -> Placement | None:
        """Find the order of a placement whose key must not be sent; None where there is none.

        Without an order, the placement is closed only if the list proves that no request became one. Otherwise it stays
        unknown: time alone proves nothing.
        """
        found = self.match(placement)
        if found is not None:
            return found
        if self._now() < (placement.unanswered_since or 0.0):
            detail = "not found among the orders; the clock was set back since, so place it again: the same key is used"
            self._journal.mark(placement, "unknown", detail=detail)
            return None
        obstacle = self._obstacle_to_absence(placement)
        if obstacle is None:
            self._journal.close_absent(placement, "the list of orders proves that it was not ordered")
        else:
            self._journal.mark(placement, "unknown", detail=obstacle)
        return None

    def _obstacle_to_absence(self, placement: Placement) -> str | None:
        """Return why the list of orders does not prove that a placement became no order; None where it does.

        It does if every order made since the first request states other captures or footprints, or belongs to another
        placement, and if it shows the newest order that this journal knows, so that it is not somebody else's list.
        """
        since = placement.unanswered_since or placement.created
        placed = [
            entry for entry in self._journal.placements(placement.base_url, ("placed",)) if entry.project == placement.project
        ]
        known = {entry.order_id for entry in placed}
        requested = sorted(requested_ids(placement))
        shown, unclear = set(), []
        for record in self._orders.each({}):
            shown.add(record.id)
            created = parse_time(record.created)
            if record.id in known or (created is not None and created.timestamp() < since - _EARLIER_SECONDS):
                continue
            if not record.captures or (sorted(record.captures) == requested and _has_footprints(record, placement) is None):
                unclear.append(record.id)
        if placed and placed[-1].order_id not in shown:
            return "the list of orders does not show an order that was placed from here"
        return f"not found among the orders, but it may be {', '.join(unclear[:5])}" if unclear else None

    def match(self, placement: Placement) -> Placement | None:
        """Find the order that a placement became, and record it.

        Only a full list proves that there is none. The service is asked for the newest first, but may answer in another
        order: stopping at the first one that is older than the placement could buy it again.
        """
        known = {entry.order_id for entry in self._journal.placements(placement.base_url, ("placed",))}
        rivals = self._rivals(placement)
        requested = sorted(requested_ids(placement))
        found = None
        for record in self._orders.each({}):
            created = parse_time(record.created)
            since = placement.unanswered_since or placement.created
            is_recent = created is None or created.timestamp() >= since - _CLOCK_DIFFERENCE_SECONDS
            is_elsewhere = record.project not in {None, placement.project}
            if record.id in known or not is_recent or is_elsewhere or sorted(record.captures) != requested:
                continue
            has_footprints = _has_footprints(record, placement)
            is_ambiguous = any(_has_same_terms(record, rival) for rival in rivals)
            if has_footprints or (has_footprints is None and not is_ambiguous):
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

    def assign(self, placement: Placement, order_id: str, detail: str) -> Placement:
        """Record that a placement became an order that a person names.

        Raises
        ------
        NotFound
            If there is no such order.
        InvalidRequest
            If the order is another placement's, or has other captures or footprints (``order_does_not_fit``).
        """
        record = self._orders.fetch(order_id)
        other = self._journal.by_order(record.id, placement.base_url)
        if other is not None and other.number != placement.number:
            reason = f"it is placement {other.number}"
        elif record.captures and sorted(record.captures) != sorted(requested_ids(placement)):
            reason = "it has other captures"
        elif _has_footprints(record, placement) is False:
            reason = "it has other footprints"
        else:
            warn_of_other_price(record, placement.credits)
            return self._journal.mark(placement, "placed", order_id=record.id, detail=detail)
        raise InvalidRequest(f"Order {record.id} is not placement {placement.number}: {reason}.", code="order_does_not_fit")

    def _rivals(self, placement: Placement) -> list[Placement]:
        """Return the other placements that an order without footprints may belong to: the same captures, and no answer either."""
        requested = sorted(requested_ids(placement))
        others = self._journal.placements(placement.base_url, UNANSWERED)
        return [other for other in others if other.number != placement.number and sorted(requested_ids(other)) == requested]


def _has_footprints(record: schemas.OrderRecord, placement: Placement) -> bool | None:
    """Return whether an order bought the footprints of a placement; None where it does not state them."""
    stated = schemas.purchased_captures(record.raw)
    if not stated or None in stated:
        return None
    document = loads(placement.body)
    requested = [capture for capture in schemas.purchased_captures(document) if capture is not None]
    ours, theirs = ({one.id: shape(dict(one.geometry)) for one in captures if one is not None} for captures in (requested, stated))
    return all(name in theirs and _is_equal(outline, theirs[name]) for name, outline in ours.items())


def _is_equal(first: BaseGeometry, second: BaseGeometry) -> bool:
    return bool(first.symmetric_difference(second).area <= _FOOTPRINT_TOLERANCE * first.area)


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
