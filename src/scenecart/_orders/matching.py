"""Match a placement of unknown outcome to its order, or prove that no order exists."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scenecart._orders.journal import UNANSWERED
from scenecart._orders.listing import EXACT, grounds_of, group_fits, holding_of
from scenecart._orders.ownership import has_same_ground
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api import schemas
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.listing import Ground, Holding, Listing
    from scenecart._orders.order_api import OrderApi

# How long a key is sent again after a request without an answer, and how long after the last request none can be under way.
# A service may drop keys after an hour; the outcome of older requests is searched in the list of orders.
QUIET_SECONDS = 900.0
# how much earlier than its request an order may seem to be, because clocks differ
EARLIER_SECONDS = 300.0
# how much older than its placement an order with the same area may seem: taking another's order is safer than buying twice
_CLOCK_DIFFERENCE_SECONDS = 86_400.0
_MOST_CANDIDATES = 5


class OrderMatcher:
    """Finds the order that a placement became, or the proof that it became none.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements, with the orders that are already known.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, orders: OrderApi, journal: Journal, now: Callable[[], float]) -> None:
        self._orders = orders
        self._journal = journal
        self._now = now

    def is_recent(self, placement: Placement) -> bool:
        """Return whether the service still has the key of the oldest open try, so that it may be sent again."""
        since = placement.unanswered_since
        is_recent = since is not None and 0 <= self._now() - since < QUIET_SECONDS
        return is_recent and not self._journal.ignores_keys(placement.base_url)

    def is_quiet(self, placement: Placement) -> bool:
        """Return whether none of the requests of a placement can still be under way; after a clock was set back, it is unknown."""
        last = placement.last_sent
        return last is None or self._now() - last >= QUIET_SECONDS

    def match(self, placement: Placement, listing: Listing) -> Placement | None:
        """Find the order that a placement became, and record it; None if the list shows none that it certainly is."""
        holding, detail = self._find(placement, listing)
        if holding is None:
            return None
        placement = self._journal.place(placement, holding.record.id, detail=detail)
        warn_of_other_price(holding.record, placement.credits)
        return placement

    def obstacle_to_absence(self, placement: Placement, listing: Listing) -> str | None:
        """Return why the list of orders does not prove that a placement became no order; None if it does.

        It does if nothing is under way any more, the list is complete and shows the newest order that this journal knows, so
        that it is not somebody else's, and every order made since the first request has other captures or ground, or belongs to
        another placement.
        """
        if not self.is_quiet(placement):
            last = placement.last_sent or 0.0
            if last > self._now():
                return "the clock of this computer was set back since the request was sent"
            when = datetime.fromtimestamp(last + QUIET_SECONDS, UTC)
            return f"not found among the orders; the list of orders is conclusive from {when:%H:%M} UTC on"
        if not listing.is_offered:
            return "the service does not list its orders for this account"
        if listing.obstacle:
            return f"the list of orders was not read completely ({listing.obstacle.rstrip('.')})"
        placed = [one for one in self._journal.placements(placement.base_url, ("placed",)) if one.project == placement.project]
        shown = {holding.record.id for holding in listing.holdings}
        if placed and placed[-1].order_id not in shown:
            return "the list of orders does not show an order that was placed from here"
        unclear = self.candidates(placement, listing)
        if unclear:
            names = ", ".join(clean_text(name, 80) for name in unclear[:_MOST_CANDIDATES])
            return f"not found among the orders, but it may be {names}"
        return None

    def candidates(self, placement: Placement, listing: Listing) -> list[str]:
        """Return the ids of the orders that a placement may be, newest first."""
        wanted = grounds_of(placement)
        since = _since(placement)
        return [
            holding.record.id
            for holding in listing.holdings
            if holding.placement is None and not _is_older(holding, since - EARLIER_SECONDS) and not _is_another(wanted, holding)
        ]

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
        reason = self._why_not(placement, record)
        if other is not None and other.number != placement.number:
            reason = f"it is placement {other.number}"
        if reason:
            raise InvalidRequest(f"Order {record.id} is not placement {placement.number}: {reason}.", code="order_does_not_fit")
        warn_of_other_price(record, placement.credits)
        return self._journal.place(placement, record.id, detail=detail)

    @staticmethod
    def _why_not(placement: Placement, record: schemas.OrderRecord) -> str:
        wanted, holding = grounds_of(placement), holding_of(record)
        if holding.grounds and holding.ids != sorted(ground.key[2] for ground in wanted):
            return "it has other captures"
        return "it has other footprints" if _is_another(wanted, holding) else ""

    def _find(self, placement: Placement, listing: Listing) -> tuple[Holding | None, str]:
        """Return the order that a placement certainly became, and how it was found."""
        wanted = grounds_of(placement)
        since = _since(placement)
        others = self._other_unanswered(placement)
        fitting: list[Holding] = []
        for holding in listing.holdings:
            record = holding.record
            if holding.placement is not None or record.project not in {None, placement.project}:
                continue
            if _is_older(holding, max(since - _CLOCK_DIFFERENCE_SECONDS, placement.known_at or 0.0)):
                continue
            if record.id == placement.known or record.license_type not in {None, placement.license_type}:
                continue
            if has_same_ground(wanted, holding) is True and not any(self._is_of(holding, other) for other in others):
                fitting.append(holding)
        if fitting:
            # the same captures were ordered several times: the one at the agreed price, else the oldest
            same = [one for one in fitting if one.record.total_credits in {None, placement.credits}]
            return (same or fitting)[-1], "found among the orders"
        return self._find_without_ground(placement, listing, others)

    def _find_without_ground(self, placement: Placement, listing: Listing, others: list[Placement]) -> tuple[Holding | None, str]:
        """Return the only order that fits by captures, area and price, if this is the only placement that it fits."""
        wanted = grounds_of(placement)
        first = _since(placement) - EARLIER_SECONDS
        last = _since(placement) + ((placement.last_sent or 0.0) - (placement.unanswered_since or 0.0)) + QUIET_SECONDS
        ids = sorted(ground.key[2] for ground in wanted)
        found = [
            holding
            for holding in listing.holdings
            if holding.placement is None
            and holding.record.id != placement.known
            and holding.record.project in {None, placement.project}
            and holding.record.license_type in {None, placement.license_type}
            and holding.record.total_credits == placement.credits
            and holding.created is not None
            and first <= holding.created <= last
            and has_same_ground(wanted, holding) is None
            and holding.ids == ids
            and _has_area_of(holding, placement)
        ]
        is_only_one = not any(sorted(ground.key[2] for ground in grounds_of(other)) == ids for other in others)
        return (found[0], "found by captures, area and price") if len(found) == 1 and is_only_one else (None, "")

    def _other_unanswered(self, placement: Placement) -> list[Placement]:
        others = self._journal.placements(placement.base_url, UNANSWERED)
        return [one for one in others if one.number != placement.number and one.open_tries]

    @staticmethod
    def _is_of(holding: Holding, placement: Placement) -> bool:
        return has_same_ground(grounds_of(placement), holding) is True and holding.record.license_type in {
            None,
            placement.license_type,
        }


def _since(placement: Placement) -> float:
    """Return when the oldest open request of a placement left, by the service's clock, as far as it is known."""
    return placement.since_at_service or placement.unanswered_since or placement.created


def _is_older(holding: Holding, earliest: float) -> bool:
    return holding.created is not None and holding.created < earliest


def _is_another(wanted: tuple[Ground, ...], holding: Holding) -> bool:
    """Return whether an order certainly holds other captures, or other ground of them."""
    if has_same_ground(wanted, holding) is not False:
        return False
    return holding.is_ground_proved or holding.ids != sorted(ground.key[2] for ground in wanted)


def _has_area_of(holding: Holding, placement: Placement) -> bool:
    """Return whether the price groups of an order state the area of a placement; without any area, nothing is proved."""
    fits = [group_fits(group, grounds_of(placement), EXACT) for group in holding.record.groups]
    return bool(fits) and all(fits)


def warn_of_other_price(record: schemas.OrderRecord, expected_credits: int) -> None:
    """Warn if an order has another price than its estimate."""
    if record.total_credits is not None and record.total_credits != expected_credits:
        warn(
            f"Order {record.id} costs {record.total_credits:,} credits, not the {expected_credits:,} of the estimate.",
            code="price_changed_after_placing",
            hint="Check it before it is delivered: you may still be able to cancel it.",
        )
