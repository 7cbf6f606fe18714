"""Settling: finding the outcome of placements whose request got no answer."""

from __future__ import annotations

import getpass
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from scenecart._orders.journal import UNANSWERED, UNFINISHED
from scenecart._orders.owner import is_working
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_bool, check_count, check_text
from scenecart.exceptions import (
    AuthenticationError,
    InvalidRequest,
    JournalError,
    PermissionDenied,
    PlacementError,
    ScenecartError,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.http import Session
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.listing import Listing
    from scenecart._orders.matching import OrderMatcher
    from scenecart._orders.placement import PlacementService

# A placement is sent right after it is written; one that was not sent within a minute was abandoned.
_ABANDONED_SECONDS = 60.0


class SettlementService:
    """Settles the placements that one journal holds of one service.

    Parameters
    ----------
    session
        The connection to the service.
    journal
        The record of placements.
    placements
        Sends a placement again.
    matcher
        Finds the order of an earlier placement.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(
        self,
        session: Session,
        journal: Journal,
        placements: PlacementService,
        matcher: OrderMatcher,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._journal = journal
        self._placements = placements
        self._matcher = matcher
        self._now = now

    def settle(self, *, send: bool = True) -> list[Placement]:
        """Find the outcome of every placement without an answer, and close those that were never sent.

        A placement is sent again with its own key, and only while it costs what was agreed to. Without ``send``, only
        the list of orders is read. Placements of other accounts are left alone.

        Returns
        -------
        list of Placement
            Each in its present state; ``"unknown"`` with a reason in ``detail`` where it could not be settled.

        Raises
        ------
        AuthenticationError, PermissionDenied
            If this account may not read the orders.
        """
        settled: list[Placement] = []
        of_others = 0
        listing: Listing | None = None
        rows = self._journal.placements(self._session.base_url, ("intended", *UNANSWERED))
        for placement in rows:
            if not placement.open_tries:
                if self._now() - placement.changed >= _ABANDONED_SECONDS and not is_working(placement.owner):
                    settled.append(self._journal.close_placement(placement, "never sent"))
                continue
            if not self._placements.is_own(placement):
                # this account's list of orders does not show the orders of another
                of_others += 1
                continue
            if listing is None or not listing.is_fresh(self._now()):
                listing = self._placements.read_orders((), rows)
            settled.append(self._settle(placement, listing, send=send))
        self._placements.show_notices(listing)
        if of_others:
            warn(
                f"{pluralize(of_others, 'placement')} of another account {'was' if of_others == 1 else 'were'} not settled.",
                code="placements_of_other_accounts",
                hint="Sign in with that account, then settle.",
            )
        return settled

    def resolve(self, number: int, *, order: str | None = None, nothing: bool = False, why: str | None = None) -> Placement:
        """End a placement that nothing else could settle, by what a person states; see :meth:`scenecart.Client.resolve`."""
        placement = self._unfinished(number, nothing=nothing)
        check_bool(nothing, "nothing")
        if why is not None:
            check_text(why, "why")
        if (order is None) is not nothing:
            raise InvalidRequest(
                "Pass either the order, or that nothing was ordered.",
                code="resolution_ambiguous",
                hint="Choose one of the two.",
            )
        if self._matcher.is_recent(placement):
            raise PlacementError(
                f"Placement {number} is too recent to be resolved by hand: its request can still be answered.",
                code="placement_recent",
                hint="client.settle() finds out.",
            )
        resolved = f"resolved by {_user()} on {datetime.fromtimestamp(self._now(), UTC):%Y-%m-%d %H:%M} UTC"
        detail = f"{resolved}: {clean_text(why, 200)}" if why else resolved
        if order is not None:
            return self._matcher.assign(placement, order, detail)
        found = self._matcher.match(placement, self._placements.read_orders((), [placement]))
        if found is not None:
            warn(
                f"Placement {number} was ordered: it is order {found.order_id}.",
                code="placement_found",
                hint="It is recorded as placed.",
            )
            return found
        return self._journal.close_placement(placement, detail)

    def count_unanswered(self) -> tuple[int, int]:
        """Return how many placements were sent and have no answer: of this account, and of others."""
        return self._count(UNANSWERED)

    def count_unfinished(self) -> tuple[int, int]:
        """Return how many placements are not finished: of this account, and of others."""
        return self._count(UNFINISHED)

    def _count(self, states: tuple[str, ...]) -> tuple[int, int]:
        found = self._journal.placements(self._session.base_url, states)
        own = sum(self._placements.is_own(placement) for placement in found)
        return own, len(found) - own

    def _unfinished(self, number: int, *, nothing: bool) -> Placement:
        """Return the placement of a number if its outcome is unknown, or if its payment was refused and it is to be put away."""
        number = check_count(number, "number", optional=False)
        for placement in self._journal.placements(self._session.base_url):
            if placement.number == number:
                break
        else:
            raise InvalidRequest(
                f"There is no placement {number} at this service.",
                code="placement_not_found",
                hint="client.placements() lists them.",
            )
        if placement.state not in UNANSWERED and not (placement.state == "unpaid" and nothing is True):
            raise InvalidRequest(
                f"Placement {number} is {placement.state}: only one whose outcome is unknown can be resolved, "
                "or one that waits for payment, as nothing.",
                code="placement_not_unknown",
            )
        if not self._placements.is_own(placement):
            raise PermissionDenied(
                f"Placement {number} is of another account.",
                code="placement_of_other_account",
                hint="Sign in with that account, then resolve it.",
            )
        return placement

    def _settle(self, placement: Placement, listing: Listing, *, send: bool) -> Placement:
        """Find the outcome of one placement; its failure does not stop the next one."""
        if isinstance(listing.failure, PermissionDenied):
            raise listing.failure
        try:
            return self._placements.unanswered.finish(placement, listing, send=send)
        except (AuthenticationError, PermissionDenied, JournalError):
            raise
        except ScenecartError as error:
            current = self._journal.reload(placement)
            return self._journal.leave_open(current, error.message) if current.state in UNANSWERED else current


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # an account without a name, as in many containers
        return "someone without a user name"
