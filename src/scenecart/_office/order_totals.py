"""Totals of what orders of an organization cost in a period, from the service's list of orders."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scenecart._api.order_states import DELIVERED, ENDED
from scenecart._orders.journal import UNANSWERED
from scenecart._orders.tables import parse_time
from scenecart.exceptions import NotFound, ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.journal import Journal
    from scenecart._orders.order_api import OrderApi

# a list may show a few orders out of order
_OLDER_IN_A_ROW = 100
_FIRST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_QUARTER = 3


@dataclass(frozen=True)
class Totals:
    """What was charged and what is reserved since a time, in credits."""

    start: dt.datetime
    spent: int
    reserved: int


def start_of(per: str, moment: dt.datetime) -> dt.datetime:
    """Return the start of the calendar's period, UTC.

    Examples
    --------
    >>> start_of("quarter", dt.datetime(2024, 5, 6, tzinfo=dt.UTC)).isoformat()
    '2024-04-01T00:00:00+00:00'
    """
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if per == "all":
        return _FIRST
    if per == "year":
        return day.replace(month=1, day=1)
    if per == "quarter":
        return day.replace(month=_QUARTER * ((day.month - 1) // _QUARTER) + 1, day=1)
    return day if per == "day" else day.replace(day=1)


class OrderTotals:
    """Reads the orders of an organization for sums of money.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements of this machine: orders that the list does not show yet, and those without an answer.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, orders: OrderApi, journal: Journal, now: Callable[[], float]) -> None:
        self._orders = orders
        self._journal = journal
        self._now = now

    def orders(self, since: dt.datetime = _FIRST) -> Iterator[OrderRecord]:
        """Yield the organization's orders since a time, newest first, with those of this machine that the list lacks."""
        listed: set[str] = set()
        older = 0
        for record in self._orders.each({}):
            listed.add(record.id)
            created = parse_time(record.created)
            older = older + 1 if created is not None and created < since else 0
            if not older:
                yield record
            elif older >= _OLDER_IN_A_ROW:
                break
        for placement in self._journal.placements(self._orders.session.base_url, ("placed",)):
            if placement.order_id is not None and placement.order_id not in listed and placement.created >= since.timestamp():
                try:
                    yield self._orders.fetch(placement.order_id)
                except NotFound:
                    continue

    def totals(self, project: str | None, start_at: Callable[[dt.datetime], dt.datetime], fingerprint: str | None = None) -> Totals:
        """Return what was spent and reserved in the present period.

        The period is that of this computer's clock, or of the newest order if that is later: a clock that was set back does not
        begin an earlier period.

        Parameters
        ----------
        project
            Only orders of this project; None for all.
        start_at
            Returns the start of the period of a time.
        fingerprint
            The purchase that is about to be placed: an earlier request of it without an answer is not counted twice.

        Raises
        ------
        ScenecartError
            If the orders cannot be read.
        """
        present = dt.datetime.fromtimestamp(self._now(), dt.UTC)
        start = start_at(present)
        records = list(self.orders(start))
        newest = max((created for record in records if (created := parse_time(record.created)) is not None), default=present)
        if newest > present:
            start = start_at(newest)
        spent = reserved = 0
        for record in records:
            created = parse_time(record.created)
            is_other = project is not None and record.project not in {None, project}
            if is_other or (created is not None and created < start) or record.phase == ENDED:
                continue
            price = record.total_credits if record.total_credits is not None else self._price_of(record)
            spent, reserved = (spent + price, reserved) if record.phase == DELIVERED else (spent, reserved + price)
        for placement in self._journal.placements(self._orders.session.base_url, UNANSWERED):
            is_same = placement.fingerprint == fingerprint or (project is not None and placement.project != project)
            reserved += 0 if is_same else placement.credits
        return Totals(start, spent, reserved)

    def _price_of(self, record: OrderRecord) -> int:
        """Return the price of an order that the list does not state: from the order itself, or from this machine's journal."""
        try:
            found = self._orders.fetch(record.id).total_credits
        except ScenecartError:
            found = None
        if found is None:
            placement = self._journal.by_order(record.id, self._orders.session.base_url)
            found = None if placement is None else placement.credits
        return found or 0
