"""Placements without an answer: finding their outcome, and sending them again while their key is recent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api import operations, schemas
from scenecart._orders import placement_errors as errors
from scenecart._orders.matching import warn_of_other_price
from scenecart._orders.owner import reservation
from scenecart._orders.purchase import document_of
from scenecart._orders.sending import Submission

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.http import Session
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.listing import Listing
    from scenecart._orders.matching import OrderMatcher
    from scenecart._orders.sending import PlacementSender


class UnansweredPlacements:
    """Settles placements without an answer, one by one.

    Parameters
    ----------
    session
        The connection to the service.
    journal
        The record of placements.
    matcher
        Finds the order of an earlier placement.
    sender
        Sends a placement again.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(  # one argument for each part
        self, session: Session, journal: Journal, matcher: OrderMatcher, sender: PlacementSender, now: Callable[[], float]
    ) -> None:
        self._session = session
        self._journal = journal
        self._matcher = matcher
        self._sender = sender
        self._now = now

    def finish(self, placement: Placement, listing: Listing, *, send: bool) -> Placement:
        """Find the outcome of a placement without an answer, and return it in its present state.

        While its key is recent and ``send`` is true it is sent again, if it still costs what was agreed to. Later, only the list of
        orders shows its order, or that there is none.
        """
        found = self._matcher.match(placement, listing)
        if found is not None:
            return found
        if self._matcher.is_recent(placement):
            if not send or listing.failure is not None or listing.obstacle:
                why = "not found among the orders" if not listing.obstacle else listing.obstacle.rstrip(".")
                return self._journal.leave_open(placement, f"{why}; not sent again")
            return self._send_again(placement, listing)
        obstacle = self._matcher.obstacle_to_absence(placement, listing)
        if obstacle is None:
            return self._journal.mark_not_ordered(placement, "the list of orders proves that it was not ordered")
        return self._journal.leave_open(placement, obstacle)

    def _send_again(self, placement: Placement, listing: Listing) -> Placement:
        total = self._current_price(placement)
        if total != placement.credits:
            detail = (
                f"not sent again: the price is now {total:,} credits, not {placement.credits:,}; "
                "to accept it, place the same cart again"
            )
            return self._journal.leave_open(placement, detail)
        with reservation(self._journal) as owner:
            price = (placement.credits, placement.aud)
            detail = "sent again with the same key, at the agreed price"
            submission = Submission(owner, price, lambda: listing.is_fresh(self._now()), detail=detail)
            outcome = self._sender.send(placement, submission)
            if outcome.not_recorded is not None:
                raise outcome.not_recorded
            if outcome.evidence.record is not None:
                warn_of_other_price(outcome.evidence.record, placement.credits)
        return self._journal.reload(placement)

    def _current_price(self, placement: Placement) -> int:
        """Request the price of a placement again; an incomplete price raises."""
        document = document_of(placement.body)
        prices = schemas.parse_estimate(
            self._session.call(operations.ESTIMATE, schemas.reestimate_body(document)), schemas.purchased_ids(document)
        )
        if prices.errors:
            raise errors.no_price_any_more(len(prices.errors))
        return prices.total_credits
