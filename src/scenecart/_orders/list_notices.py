"""Notices after reading the list of orders: a second order of the same area, an old journal, or a list that is not offered."""

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


class ListNotices:
    """Shows notices and warnings about the orders, their list and the journal, each once a session.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements.
    owned_share
        The share of a capture's ground (0–1) from which on two orders count as the same.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, orders: OrderApi, journal: Journal, owned_share: float, now: Callable[[], float]) -> None:
        self._orders = orders
        self._journal = journal
        self._owned_share = owned_share
        self._now = now
        self._shown: set[str] = set()

    def to_check(self) -> list[Placement]:
        """Return the placements to search a second order for: no request of them can still be under way."""
        return self._journal.unchecked(self._orders.session.base_url, self._now() - QUIET_SECONDS)

    def show(self, listing: Listing) -> None:
        """Show what a reading of the list has found."""
        self._notify_journal_gap()
        if not listing.is_offered:
            self._notify_once(
                Notice(
                    "The service does not list its orders for this account: purchases from other computers are not seen.",
                    code="orders_not_listed",
                )
            )
        elif listing.states_nothing and not listing.obstacle:
            self._notify_once(
                Notice(
                    "The service does not state what orders hold: purchases from other computers are not seen.",
                    code="orders_state_no_captures",
                )
            )
        if listing.is_offered and not listing.obstacle:
            self._warn_second_orders(listing)

    def _warn_second_orders(self, listing: Listing) -> None:
        rows = self.to_check()
        for row in rows:
            self._warn_second_order(row, listing)
        if rows:
            self._journal.mark_checked(rows)

    def _warn_second_order(self, row: Placement, listing: Listing) -> None:
        """Warn the later of two buyers of the same ground, while the order may still be cancelled."""
        own = next((one for one in listing.holdings if one.record.id == row.order_id), None)
        if own is None or own.created is None or own.record.phase == ENDED:
            return
        for other in listing.holdings:
            if other.placement is not None or other.created is None or abs(other.created - own.created) > QUIET_SECONDS:
                continue
            if row.sends > 1 and other.record.phase != ENDED and has_same_ground(own.grounds, other) is True:
                self._warn_ignored_key(row, own, other)
                return
            is_earlier = (other.created, other.record.id) < (own.created, own.record.id)
            if is_earlier and owned_of(own.grounds, [other]).at_least(self._owned_share):
                minutes = max(1, round(abs(other.created - own.created) / 60))
                warn(
                    f"Order {clean_text(other.record.id, 80)} and yours, {own.record.id}, cover the same area, and were ordered "
                    f"within {minutes} min. Yours is the later one.",
                    code="ordered_twice",
                    hint=f"client.order({own.record.id!r}).cancel() may still be possible.",
                )
                return

    def _warn_ignored_key(self, row: Placement, own: Holding, other: Holding) -> None:
        """Warn of a second order of a placement that was sent more than once, and stop repeating keys at this service."""
        self._journal.note_ignored_keys(row.base_url)
        warn(
            f"Orders {clean_text(other.record.id, 80)} and {own.record.id} cover the same area of the same captures, and "
            f"placement {row.number} was sent {row.sends} times with one key. The service made two orders for one key, or "
            "somebody else ordered the same at that time.",
            code="key_ignored",
            hint=f"client.order({own.record.id!r}).cancel() may still be possible. From now on, a request without an answer is "
            "not repeated at this service before the list of orders shows its outcome.",
        )

    def _notify_journal_gap(self) -> None:
        gap = self._journal.gap
        if gap is None:
            return
        texts = {
            "older": f"The placement journal is older than this computer wrote it ({gap.serial} writes, expected {gap.expected}).",
            "other": "The placement journal is not the one that this computer wrote.",
            "gone": f"The placement journal of this computer is gone (it had {gap.expected} writes); a new one was created.",
            "copies": f"There is another copy of the placement journal beside it, {clean_text(gap.other, 80)}.",
        }
        self._notify_once(
            Notice(
                f"{texts[gap.kind]} Nothing was deleted: the list of orders is read before anything is sent.",
                code="journal_setback",
            )
        )

    def _notify_once(self, notice: Notice) -> None:
        if notice.code not in self._shown:
            self._shown.add(notice.code)
            self._orders.notify(notice)
