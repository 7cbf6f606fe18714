"""Requests about orders, and their answers as records."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from scenecart._api import operations, schemas
from scenecart._util.text import clean_text
from scenecart._util.validate import check_text
from scenecart.exceptions import NotFound, ScenecartError, ServiceError, reword

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scenecart._api.http import Session
    from scenecart._delivery.download import DeliveryService
    from scenecart._orders.purchase_details import PurchaseReader

_PAGE_SIZE = 100
_MAX_IDS = 500
_MAX_PAGES = 1_000
_METHOD_NOT_ALLOWED = 405


class OrderApi:
    """Gets, lists and cancels orders at one service; what a handle of an order needs.

    Parameters
    ----------
    session
        The connection to the service.
    deliveries
        What downloads the items of orders.
    purchases
        What knows the captures that orders bought.
    clock, sleep
        Seconds that only go forward, and waiting by them.
    notify
        Called with a line of text for the user.
    """

    def __init__(
        self,
        session: Session,
        *,
        deliveries: DeliveryService,
        purchases: PurchaseReader,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        notify: Callable[[str], object] = print,
    ) -> None:
        self.session = session
        self.deliveries = deliveries
        self.purchases = purchases
        self.clock = clock
        self.sleep = sleep
        self.notify = notify
        self._get_by_post = False

    def fetch(self, order_id: str) -> schemas.OrderRecord:
        """Get one order.

        Raises
        ------
        NotFound
            If no order of this organization has this id.
        """
        check_text(order_id, "order_id")
        try:
            return self._record(self._get(schemas.order_reference(order_id)))
        except NotFound as error:
            reword(
                error,
                f"Order {clean_text(order_id, 80)!r} does not exist, or belongs to another organization.",
                code="order_not_found",
            )
            raise

    def fetch_each(self, order_ids: Iterable[str]) -> Iterator[tuple[str, schemas.OrderRecord]]:
        """Yield the id and the record of many orders: a few hundred a request, and one request for each that a list leaves out."""
        missing = dict.fromkeys(order_ids)
        ids = list(missing)
        for start in range(0, len(ids), _MAX_IDS):
            some = ids[start : start + _MAX_IDS]
            records, _ = self._page(schemas.orders_body(schemas.order_filters(ids=some), len(some)))
            for record in records:
                if record.id in missing:
                    del missing[record.id]
                    yield record.id, record
        for order_id in missing:
            # a list may leave out an order that was placed a moment ago
            yield order_id, self.fetch(order_id)

    def each(self, filters: Mapping[str, Any]) -> Iterator[schemas.OrderRecord]:
        """Yield the orders that match the service's filters, newest first, each once; pages are requested as needed."""
        known: set[str] = set()
        for page in range(_MAX_PAGES):
            records, pages = self._page(schemas.orders_body(filters, _PAGE_SIZE, page))
            new = {record.id: record for record in records if record.id not in known}
            yield from new.values()
            known.update(new)
            # a short page is not the last: a service may return fewer than requested
            if not new or (pages is not None and page + 1 >= pages):
                return

    def cancel(self, order_id: str) -> Mapping[str, Any]:
        """Cancel an order. Each order has one key, so that cancelling it twice is safe."""
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.session.base_url}/cancel/{order_id}"))
        answer = self.session.call(operations.CANCEL, schemas.order_reference(order_id), key=key)
        return answer if isinstance(answer, dict) else {}

    def _get(self, reference: Mapping[str, Any]) -> Any:
        if not self._get_by_post:
            try:
                return self.session.call(operations.GET_ORDER, reference, query=True)
            except ScenecartError as error:
                if error.status != _METHOD_NOT_ALLOWED:
                    raise
                self._get_by_post = True
        return self.session.call(operations.GET_ORDER, reference)

    def _page(self, body: Mapping[str, Any]) -> tuple[list[schemas.OrderRecord], int | None]:
        return schemas.order_page(self.session.call(operations.LIST_ORDERS, body))

    @staticmethod
    def _record(document: Any) -> schemas.OrderRecord:
        record = schemas.parse_order(document)
        if record is None:
            raise ServiceError(
                "The service returned an order without an id.", code="order_without_id", operation=operations.GET_ORDER.id
            )
        return record
