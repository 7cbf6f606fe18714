"""Which pages of the list of orders are read: only the first if the rest is known, and a long first reading in parts."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

from scenecart._orders.tables import parse_time

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scenecart._api import schemas
    from scenecart._orders.order_api import OrderApi
    from scenecart._orders.order_index import OrderIndex

# late entries may appear behind newer ones
_LATE_SECONDS = 86_400.0
# a longer reading is announced, takes half of the rate limit, and can be interrupted and resumed
_LONG_PAGES = 10
_SHARE_OF_RATE = 0.5
_PAGES_A_LINE = 100


class ListReader:
    """Decides which page of the list is read next.

    Parameters
    ----------
    index
        The orders that were read before.
    orders
        The service's orders, with the rate limit and the notices to the user.
    since
        Unix time: every order that was created since is read anew.

    Attributes
    ----------
    is_cut : bool
        Whether every order after the last page is known from an earlier reading.
    skipped : int
        How many orders of pages that were not read are known from an interrupted first reading.
    """

    def __init__(self, index: OrderIndex, orders: OrderApi, since: float) -> None:
        self._index = index
        self._orders = orders
        self._since = since
        self.is_cut = False
        self.skipped = 0
        self._complete_to = index.complete_to()
        self._begun_at = index.begun_at()
        self._known = 0 if self._complete_to is None else index.count()
        self._new = 0
        self._last = math.inf
        self._is_kept = self._complete_to is None
        self._read: set[str] = set()
        # the last page before skipped pages, and the page after them
        self._jump: tuple[int, int] | None = None
        self._pages = 0

    @property
    def since(self) -> float:
        """Unix time: every order that was created since is read anew."""
        return self._since

    @property
    def index(self) -> OrderIndex:
        """The orders that were read before."""
        return self._index

    def next_page(self, page: schemas.OrderPage, number: int) -> int | None:
        """Return the number of the page to read after this one; None if every order after it is known."""
        if self._complete_to is None:
            self._slow_down(page)
        times = [created_at(record) for record in page.orders]
        created = [time for time in times if time is not None]
        is_sorted = all(first >= second for first, second in itertools.pairwise([self._last, *created]))
        if page.unreadable or not created or len(created) < len(times) or not is_sorted:
            # only a dated list that is newest first can be read in parts
            return self._every_page(number)
        self._last = created[-1]
        if self._complete_to is not None:
            return self._after_complete(page, number, self._complete_to)
        return self._in_first_reading(page, number, created) if self._is_kept else number + 1

    def finish(self, records: Iterable[schemas.OrderRecord], *, is_everything: bool) -> None:
        """Keep the orders of a reading that reached its end."""
        dated = [(record, created_at(record)) for record in records]
        newest = max((time for _, time in dated if time is not None), default=None)
        self._index.write(dated, newest, is_everything=is_everything)

    def _after_complete(self, page: schemas.OrderPage, number: int, complete_to: float) -> int | None:
        known = self._index.known(record.id for record in page.orders)
        self._new += len(page.orders) - len(known)
        is_whole = page.total is None or page.total == self._known + self._new
        is_past = self._last < min(complete_to, self._since) - _LATE_SECONDS
        self.is_cut = is_past and is_whole
        return None if self.is_cut else number + 1

    def _in_first_reading(self, page: schemas.OrderPage, number: int, created: list[float]) -> int:
        """Keep each page, so that the next reading resumes where this one is interrupted."""
        if number == 0 and self._begun_at is None:
            self._index.begin(created[0])
        ids = {record.id for record in page.orders}
        known = self._index.known(ids)
        if self._jump is not None and number == self._jump[1] and not known:
            # the list has changed: read the skipped pages, which may have other orders
            self._last, self._is_kept, self.skipped = math.inf, False, 0
            return self._jump[0] + 1
        self._read |= ids
        self._index.write(zip(page.orders, created, strict=True), None, is_everything=False)
        if self._jump is not None:
            self.skipped = max(0, self._index.count() - len(self._read))
        elif self._may_jump(page, known == ids):
            target = self._index.count() // len(page.orders) - 1
            if target > number + 1:
                self._jump = (number, target)
                self.skipped = max(0, self._index.count() - len(self._read))
                return target
        return number + 1

    def _may_jump(self, page: schemas.OrderPage, is_known: bool) -> bool:  # noqa: FBT001  # of this class alone
        """Return whether an earlier reading begins here; the total shows at the end whether an order is missing."""
        is_past = self._begun_at is not None and self._last < self._begun_at - _LATE_SECONDS
        return is_known and is_past and page.total is not None

    def _slow_down(self, page: schemas.OrderPage) -> None:
        """Announce a long reading, and leave half of the rate limit to other calls."""
        self._pages += 1
        if self._pages < _LONG_PAGES:
            return
        pause = 60.0 / self._orders.session.calls_per_minute / _SHARE_OF_RATE
        count = self._pages * len(page.orders) + self.skipped
        is_announced = self._pages == _LONG_PAGES or self._pages % _PAGES_A_LINE == 0
        if is_announced and page.total is not None and count < page.total:
            minutes = max(1, math.ceil((page.total - count) / max(1, len(page.orders)) * pause / 60))
            self._orders.notify(
                f"Reading the list of orders, which is done once: {count:,} of {page.total:,}, about {minutes} min more. It can be "
                "interrupted, and resumes there the next time."
            )
        self._orders.sleep(pause)

    def _every_page(self, number: int) -> int:
        """Read every page from now on, and keep none before the end."""
        self._complete_to, self._is_kept, self._last = None, False, math.inf
        return number + 1


def created_at(record: schemas.OrderRecord) -> float | None:
    """Return when the service created an order, in Unix time; None if it does not state it."""
    created = parse_time(record.created)
    return None if created is None else created.timestamp()
