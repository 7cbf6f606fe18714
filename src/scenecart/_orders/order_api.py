"""What is asked of the service about orders, and answered as records."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from scenecart._api import operations, schemas
from scenecart._util.text import clean_text
from scenecart.exceptions import InvalidRequest, NotFound, ScenecartError, ServiceError, reword

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scenecart._api.http import Session
    from scenecart._delivery.download import DeliveryService
    from scenecart._orders.order import Order
    from scenecart._orders.purchase_details import PurchaseDetails

_LIST_SIZE = 100
_TRACKED_AT_ONCE = 500
_MOST_PAGES = 1_000
_METHOD_NOT_ALLOWED = 405


class OrderApi:
    """Looking up, listing, following and cancelling orders at one service."""

    def __init__(
        self,
        session: Session,
        *,
        deliveries: DeliveryService,
        papers: Callable[[Order, schemas.OrderRecord], PurchaseDetails],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        say: Callable[[str], object] = print,
    ) -> None:
        self.session = session
        self.deliveries = deliveries
        self.papers = papers
        self.clock = clock
        self.sleep = sleep
        self.say = say
        self._get_by_post = False

    def fetch(self, order_id: str) -> schemas.OrderRecord:
        """Ask the service for one order.

        Raises
        ------
        NotFound
            If there is none of this id, or it belongs to another organization.
        """
        if not isinstance(order_id, str) or not order_id.strip():
            raise InvalidRequest("An order's id is a text that is not empty.")
        reference = schemas.order_reference(order_id)
        try:
            return self._record(self._asked_for(reference))
        except NotFound as error:
            reword(error, f"There is no order {clean_text(order_id, 80)!r}, or it belongs to another organization.")
            raise

    def _asked_for(self, reference: Mapping[str, Any]) -> Any:
        if not self._get_by_post:
            try:
                return self.session.call(operations.GET_ORDER, reference, query=True)
            except ScenecartError as error:
                if error.status != _METHOD_NOT_ALLOWED:
                    raise
                self._get_by_post = True
        return self.session.call(operations.GET_ORDER, reference)

    def each(self, filters: Mapping[str, Any]) -> Iterator[schemas.OrderRecord]:
        """Yield the orders that fit the service's own filters, newest first, each once; a page is asked for when it is needed."""
        known: set[str] = set()
        for page in range(_MOST_PAGES):
            records, pages = self._page(schemas.orders_body(filters, _LIST_SIZE, page))
            fresh = {record.id: record for record in records if record.id not in known}
            yield from fresh.values()
            known.update(fresh)
            # a short page is no end: the service may give fewer than it is asked for
            if not fresh or (pages is not None and page + 1 >= pages):
                return

    def states(self, orders: Iterable[Order]) -> None:
        """Ask for many orders at once, each by its id, and have each take up what is told of it."""
        wanted = {order.id: order for order in orders}
        names = list(wanted)
        for start in range(0, len(names), _TRACKED_AT_ONCE):
            some = names[start : start + _TRACKED_AT_ONCE]
            records, _ = self._page(schemas.orders_body(schemas.order_filters(ids=some), len(some)))
            for record in records:
                if record.id in wanted:
                    wanted.pop(record.id).take_up(record)
        for order in wanted.values():
            # a list may leave out what was placed a moment ago
            order.refresh()

    def cancel(self, order_id: str) -> Mapping[str, Any]:
        """Ask the service to cancel; the same order always uses the same key, so asking twice is safe."""
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.session.base_url}/cancel/{order_id}"))
        answer = self.session.call(operations.CANCEL, schemas.order_reference(order_id), key=key)
        return answer if isinstance(answer, dict) else {}

    def _page(self, body: Mapping[str, Any]) -> tuple[list[schemas.OrderRecord], int | None]:
        return schemas.order_page(self.session.call(operations.LIST_ORDERS, body))

    @staticmethod
    def _record(document: Any) -> schemas.OrderRecord:
        record = schemas.parse_order(document)
        if record is None:
            raise ServiceError("The service answered an order without an id.", operation=operations.GET_ORDER.id)
        return record
