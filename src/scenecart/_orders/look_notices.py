"""What a look among the orders shows besides its question: a second order of the same ground, a journal of yesterday."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scenecart._api.order_states import ENDED
from scenecart._orders.matching import QUIET_SECONDS
from scenecart._orders.notice import Notice
from scenecart._orders.ownership import has_same_ground, owned_of
from scenecart._util.text import clean_text
from scenecart.exceptions import warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.listing import Holding, Listing
    from scenecart._orders.order_api import OrderApi


class LookNotices:
    """Says once a session what a person has to know about the orders, the list of them, or the journal.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements.
    owned_share
        The share of a capture's ground (0–1) from which on two orders hold the same ground.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, orders: OrderApi, journal: Journal, owned_share: float, now: Callable[[], float]) -> None:
        self._orders = orders
        self._journal = journal
        self._owned_share = owned_share
        self._now = now
        self._said: set[str] = set()

    def to_check(self) -> list[Placement]:
        """Return the placed placements for which a second order can be looked for now: nothing is under way any more."""
        return self._journal.unchecked(self._orders.session.base_url, self._now() - QUIET_SECONDS)

    def say(self, listing: Listing) -> None:
        """Say what a look showed."""
        self._say_setback()
        if not listing.is_offered:
            self._say_once(
                Notice(
                    "The service does not list its orders for this account: what other computers bought is not seen.",
                    code="orders_not_listed",
                )
            )
        elif listing.states_nothing and not listing.obstacle:
            self._say_once(
                Notice(
                    "The service does not state what orders hold: what other computers bought is not seen.",
                    code="orders_state_no_captures",
                )
            )
        if listing.is_offered and not listing.obstacle:
            self._say_second_orders(listing)

    def _say_second_orders(self, listing: Listing) -> None:
        rows = self.to_check()
        for row in rows:
            self._say_second_order(row, listing)
        if rows:
            self._journal.mark_checked(rows)

    def _say_second_order(self, row: Placement, listing: Listing) -> None:
        """Warn the later of two buyers of the same ground, while the order may still be cancelled."""
        own = next((one for one in listing.holdings if one.record.id == row.order_id), None)
        if own is None or own.created is None or own.record.phase == ENDED:
            return
        for other in listing.holdings:
            if other.placement is not None or other.created is None or abs(other.created - own.created) > QUIET_SECONDS:
                continue
            if row.sends > 1 and other.record.phase != ENDED and has_same_ground(own.grounds, other) is True:
                self._say_ignored_key(row, own, other)
                return
            is_earlier = (other.created, other.record.id) < (own.created, own.record.id)
            if is_earlier and owned_of(own.grounds, [other]).at_least(self._owned_share):
                minutes = max(1, round(abs(other.created - own.created) / 60))
                warn(
                    f"Order {clean_text(other.record.id, 80)} and yours, {own.record.id}, hold the same ground, and were ordered "
                    f"within {minutes} min. Yours is the later one.",
                    code="ordered_twice",
                    hint=f"client.order({own.record.id!r}).cancel() may still be possible.",
                )
                return

    def _say_ignored_key(self, row: Placement, own: Holding, other: Holding) -> None:
        """Warn of a second order of a placement that was sent more than once, and repeat no key at this service any more."""
        self._journal.note_ignored_keys(row.base_url)
        warn(
            f"Orders {clean_text(other.record.id, 80)} and {own.record.id} hold the same ground of the same captures, and "
            f"placement {row.number} was sent {row.sends} times with one key. The service made two orders of one key, or "
            "somebody else ordered the same at that time.",
            code="key_ignored",
            hint=f"client.order({own.record.id!r}).cancel() may still be possible. From now on, a request without an answer is "
            "not repeated at this service before the list of orders shows what became of it.",
        )

    def _say_setback(self) -> None:
        setback = self._journal.setback
        if setback is None:
            return
        texts = {
            "older": f"The placement journal is older than this computer wrote it ({setback.serial} writes, expected "
            f"{setback.expected}).",
            "other": "The placement journal is another one than this computer wrote.",
            "gone": f"The placement journal of this computer is gone (it had {setback.expected} writes); a new one was created.",
            "copies": f"Beside the placement journal lies another copy of it, {clean_text(setback.other, 80)}.",
        }
        self._say_once(
            Notice(
                f"{texts[setback.kind]} Nothing was deleted: the orders are looked at before anything is sent.",
                code="journal_setback",
            )
        )

    def _say_once(self, notice: Notice) -> None:
        if notice.code not in self._said:
            self._said.add(notice.code)
            self._orders.notify(notice)
