"""Requests about orders, and their answers as records."""

from __future__ import annotations

import itertools
import time
import uuid
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from scenecart._api import operations, schemas
from scenecart._api.deadline import limited_to
from scenecart._api.order_states import UNKNOWN, phase_of
from scenecart._orders.labels import with_labels
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_text
from scenecart.exceptions import AuthenticationError, NotFound, ScenecartError, ServiceError, reword, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from scenecart._api.http import Session
    from scenecart._delivery.download import DeliveryService
    from scenecart._orders.labels import LabelFile, Labels
    from scenecart._orders.purchase_details import PurchaseReader

_PAGE_SIZE = 100
_MAX_IDS = 500
_MOST_READINGS = 4
_MAX_PAGES = 1_000
# statuses of a GET that is tried as a POST before they are believed, until a GET has succeeded
_TRY_POST = frozenset({400, 404, 405, 422, 501})
# of these, the ones that certainly mean the method
_METHOD_REFUSED = frozenset({405, 501})
_REFUSED = frozenset({400, 422})
# a proxy may answer about another order now and then
_MOST_MISMATCHES = 3
_MOST_LEFT_OUT = 20
_SUCCESS = range(200, 300)


class OrderApi:
    """Gets, lists, labels and cancels orders at one service.

    Parameters
    ----------
    session
        The connection to the service.
    deliveries
        Returns what downloads the items of orders.
    purchases
        Knows the captures that orders bought.
    clock, sleep
        Seconds that only go forward, and waiting by them.
    notify
        Called with a line of text for the user.
    """

    def __init__(
        self,
        session: Session,
        *,
        deliveries: Callable[[], DeliveryService],
        purchases: PurchaseReader,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        notify: Callable[[str], object] = print,
    ) -> None:
        self.session = session
        self._deliveries = deliveries
        self.purchases = purchases
        self.clock = clock
        self.sleep = sleep
        self.notify = notify
        self.labels: LabelFile | None = None
        # called after waiting for an order, by then long after it was placed
        self.after_wait: Callable[[], object] = lambda: None
        self._get_by_post = self._get_by_query = False
        self._first_page = 0
        self._refuses_ids = False

    @property
    def deliveries(self) -> DeliveryService:
        """What downloads the items of orders."""
        return self._deliveries()

    def limited_to(self, seconds: float | None) -> AbstractContextManager[None]:
        """End requests and retries of this thread after so many seconds; None for no limit."""
        return limited_to(seconds, self.clock)

    def fetch(self, order_id: str) -> schemas.OrderRecord:
        """Get one order.

        Raises
        ------
        NotFound
            If no order of this organization has this id.
        """
        check_text(order_id, "order_id")
        for _ in range(_MOST_MISMATCHES):
            try:
                record = self._record(self._get(schemas.order_reference(order_id)))
            except NotFound as error:
                reword(
                    error,
                    f"Order {clean_text(order_id, 80)!r} does not exist, or belongs to another organization.",
                    code="order_not_found",
                )
                raise
            if record.id == order_id:
                return self.labelled([self._with_proof(record)])[0]
        raise ServiceError(
            f"The service returned order {clean_text(record.id, 80)!r} instead of {clean_text(order_id, 80)!r}.",
            code="order_mismatch",
            hint="Try again. If this persists, check for a proxy between you and the service.",
            operation=operations.GET_ORDER.id,
        )

    def labelled(self, records: Sequence[schemas.OrderRecord]) -> list[schemas.OrderRecord]:
        """Return orders with the labels of this machine."""
        known = {} if self.labels is None else self.labels.read(self.session.base_url, [record.id for record in records])
        return [with_labels(record, known.get(record.id)) for record in records]

    def is_labelled(self, order_id: str) -> bool:
        """Return whether this machine keeps labels of an order."""
        return self.labels is not None and order_id in self.labels.read(self.session.base_url, [order_id])

    def label(self, record: schemas.OrderRecord, labels: Labels) -> schemas.OrderRecord:
        """Keep the labels of an order on this machine and at the service; what cannot be saved is a warning.

        The order exists: nothing here may lose it.
        """
        if self.labels is not None:
            self.labels.keep(self.session.base_url, record.id, labels)
        if labels.name or labels.tags:
            try:
                self._send_labels(record.id, labels)
            except ScenecartError as error:
                is_missing = error.status in {*operations.NOT_OFFERED, *_REFUSED, HTTPStatus.FORBIDDEN}
                reason = "does not take them" if is_missing else f"did not answer: {error.message}"
                warn(
                    f"The tags and the name of order {clean_text(record.id, 80)} are on this machine only: the service {reason}",
                    code="labels_not_sent",
                    hint="The order was placed. Place it again with the same tags to send them once more: nothing is bought twice.",
                )
        return with_labels(replace(record, name=None, tags=()), labels)

    def _send_labels(self, order_id: str, labels: Labels) -> None:
        try:
            self.session.call(operations.UPDATE_ORDER, schemas.labels_body(order_id, labels.name, labels.tags))
        except ScenecartError as error:
            if not (_is_refusal(error) and labels.name and labels.tags):
                raise
            # a service may take tags, but no name
            self.session.call(operations.UPDATE_ORDER, schemas.labels_body(order_id, "", labels.tags))

    def fetch_each(self, order_ids: Iterable[str]) -> Iterator[tuple[str, schemas.OrderRecord]]:
        """Yield the id and the record of many orders: a few hundred a request, and one request for each that a list leaves out."""
        missing = dict.fromkeys(order_ids)
        ids = list(missing)
        for start in range(0, len(ids), _MAX_IDS):
            some = ids[start : start + _MAX_IDS]
            for record in self._listed(some):
                if record.id in missing:
                    del missing[record.id]
                    yield record.id, self._with_proof(record)
        for order_id in missing:
            # a list may leave out an order that was placed a moment ago
            yield order_id, self.fetch(order_id)

    def each(self, filters: Mapping[str, Any], pager: Pager | None = None) -> Iterator[schemas.OrderRecord]:
        """Yield the orders that match the service's filters, newest first, each once; pages are requested as needed.

        Parameters
        ----------
        filters
            The service's filters.
        pager
            Decides which page is read next.

        Raises
        ------
        ServiceError
            After the last order, if the list is shorter than the service states (``order_list_incomplete``).
        """
        ids, tags = filters.get(schemas.IDS_FILTER), filters.get(schemas.TAGS_FILTER)
        if isinstance(ids, list) and self._refuses_ids:
            yield from self._each_of(ids, filters)
            return
        known: dict[str, None] = {}
        try:
            yield from self._each_listed(filters, known, pager)
        except ScenecartError as error:
            if not _is_refusal(error) or known or not (isinstance(ids, list) or isinstance(tags, list)):
                raise
        else:
            return
        # lists of values are refused: each value is requested separately
        if isinstance(ids, list):
            self._refuses_ids = True
            yield from self._each_of(ids, filters)
        elif isinstance(tags, list):
            yield from self._each_with_tags(tags, filters)

    def table(self, filters: Mapping[str, Any], limit: int | None, placed: Iterable[str] = ()) -> list[schemas.OrderRecord]:
        """Return the orders that match the service's filters, newest first; an incomplete list is a warning.

        Parameters
        ----------
        filters
            The service's filters.
        limit
            Most orders to return.
        placed
            Ids of orders that this machine placed, oldest first: an unfiltered list must have them.
        """
        status = filters.get(schemas.STATUS_FILTER)
        is_known = isinstance(status, str) and phase_of(status) != UNKNOWN
        try:
            records = self._read(self.each(filters), limit)
        except ScenecartError as error:
            if not _is_refusal(error) or not is_known:
                raise
            records = []
        if not records and is_known:
            # the service may use another word for this state
            others = {name: value for name, value in filters.items() if name != schemas.STATUS_FILTER}
            records = self._read((record for record in self.each(others) if record.matches(str(status))), limit)
        records = self.labelled(records)
        if filters or limit is not None:
            return records
        known = {record.id for record in records}
        left_out = [order_id for order_id in placed if order_id not in known][-_MOST_LEFT_OUT:]
        found = list(self._each_of(left_out, {}))
        if found:
            number = pluralize(len(found), "order")
            warn(f"The service's list of orders left out {number} from this machine; included here.", code="orders_left_out")
        return [*found[::-1], *records]

    @staticmethod
    def _read(orders: Iterator[schemas.OrderRecord], limit: int | None) -> list[schemas.OrderRecord]:
        records: list[schemas.OrderRecord] = []
        try:
            records.extend(itertools.islice(orders, limit))
        except ServiceError as error:
            if error.code != "order_list_incomplete":
                raise
            warn(error.message, code="orders_incomplete", hint=error.hint)
        return records

    def _each_listed(
        self, filters: Mapping[str, Any], known: dict[str, None], pager: Pager | None
    ) -> Iterator[schemas.OrderRecord]:
        reader = _PageReader(self._page_of, filters)
        # a list that changes while it is read is read again completely, as long as that brings new orders
        for number, chosen in enumerate((pager, *[None] * _MOST_READINGS)):
            before = len(known)
            yield from reader.read(known, chosen)
            if reader.is_cut:
                return
            if not reader.missing or (number and len(known) == before):
                break
        if reader.missing or reader.unreadable:
            raise _incomplete(reader)

    def _each_of(self, ids: list[Any], filters: Mapping[str, Any]) -> Iterator[schemas.OrderRecord]:
        """Yield the orders with these ids from a service whose list cannot be filtered by ids."""
        others = {name: value for name, value in filters.items() if name != schemas.IDS_FILTER}
        if others:
            yield from (record for record in self.each(others) if record.id in ids)
            return
        for order_id in dict.fromkeys(map(str, ids)):
            try:
                yield self.fetch(order_id)
            except NotFound:
                continue

    def _each_with_tags(self, tags: list[Any], filters: Mapping[str, Any]) -> Iterator[schemas.OrderRecord]:
        """Yield the orders with all of these tags from a service whose list can be filtered by one tag only."""
        tagged = [{record.id: record for record in self.each({**filters, schemas.TAGS_FILTER: str(tag)})} for tag in tags]
        for order_id, record in tagged[0].items() if tagged else ():
            if all(order_id in records for records in tagged):
                yield record

    def cancel(self, record: schemas.OrderRecord) -> Any:
        """Cancel an order, and return the response about it; None if the response does not mention this order.

        The same state of an order has one key, so that cancelling it twice is safe. A later state has another: a refusal
        today is not repeated tomorrow.
        """
        state = f"{record.id}/{record.state}/{record.updated or ''}"
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.session.base_url}/cancel/{state}"))
        try:
            answer = self.session.call(operations.CANCEL, schemas.order_reference(record.id), key=key)
        except ServiceError as error:
            # no content, or no JSON: accepted
            if error.status in _SUCCESS:
                return None
            raise
        return answer if schemas.is_about(answer, record.id) else None

    def _listed(self, ids: list[str]) -> list[schemas.OrderRecord]:
        """Return the orders with these ids that one request lists; empty if the list cannot be filtered by ids."""
        if self._refuses_ids:
            return []
        try:
            return self._page_of(schemas.orders_body(schemas.order_filters(ids=ids), len(ids))).orders
        except ScenecartError as error:
            if not _is_refusal(error):
                raise
            self._refuses_ids = True
            return []

    def _with_proof(self, record: schemas.OrderRecord) -> schemas.OrderRecord:
        """Return an order of an unknown state with the proof of its delivery, if files of it are listed."""
        if record.phase != UNKNOWN:
            return record
        try:
            listed = self.session.call(operations.LIST_ASSETS, operations.assets_body(record.id))
        except ScenecartError:
            return record
        return record.with_assets() if schemas.lists_assets(listed) else record

    def _get(self, reference: Mapping[str, Any]) -> Any:
        if self._get_by_post:
            return self.session.call(operations.GET_ORDER, reference)
        try:
            document = self.session.call(operations.GET_ORDER, reference, query=True)
        except ScenecartError as error:
            if error.status not in (_METHOD_REFUSED if self._get_by_query else _TRY_POST):
                raise
            refused = error
        else:
            self._get_by_query = True
            return document
        try:
            document = self.session.call(operations.GET_ORDER, reference)
        except ScenecartError as error:
            if error.status in _METHOD_REFUSED and refused.status not in _METHOD_REFUSED:
                raise refused from None
            self._get_by_post = refused.status in _METHOD_REFUSED
            raise
        self._get_by_post = True
        return document

    def _page_of(self, body: Mapping[str, Any]) -> schemas.OrderPage:
        """Request one page; ``page`` counts from 0, for services that count from 1 too."""
        number = body["page"]
        try:
            return self._page({**body, "page": number + self._first_page})
        except ScenecartError as error:
            if not _is_refusal(error) or number or self._first_page:
                raise
            refused = error
        try:
            page = self._page({**body, "page": 1})
        except ScenecartError:
            raise refused from None
        try:
            # a refusal by accident must not make page 1 the first
            return self._page(body)
        except ScenecartError as error:
            if not _is_refusal(error):
                raise
        self._first_page = 1
        return page

    def _page(self, body: Mapping[str, Any]) -> schemas.OrderPage:
        return schemas.order_page(self.session.call(operations.LIST_ORDERS, body))

    @staticmethod
    def _record(document: Any) -> schemas.OrderRecord:
        record = schemas.parse_order(document)
        if record is None:
            raise ServiceError(
                "The service returned an order without an id.", code="order_without_id", operation=operations.GET_ORDER.id
            )
        return record


class Pager(Protocol):
    """Decides which pages of a list are read.

    Attributes
    ----------
    skipped : int
        How many orders of skipped pages are known from earlier readings.
    """

    skipped: int

    def next_page(self, page: schemas.OrderPage, number: int) -> int | None:
        """Return the number of the page to read after this one; None if nothing after it is needed."""


class _PageReader:
    """Reads the pages of one list, and counts what is missing.

    Parameters
    ----------
    request
        Requests one page.
    filters
        The filters of the list.
    """

    def __init__(self, request: Callable[[Mapping[str, Any]], schemas.OrderPage], filters: Mapping[str, Any]) -> None:
        self._request = request
        self._filters = filters
        self.missing = 0
        self.unreadable = 0
        self.is_cut = False

    def read(self, known: dict[str, None], pager: Pager | None = None) -> Iterator[schemas.OrderRecord]:
        """Yield the orders that are not known yet, up to a page that is enough."""
        seen: set[str] = set()
        self.unreadable = useful = repeated = others = number = skipped = 0
        total, pages = 0, None
        for _ in range(_MAX_PAGES):
            page = self._fitting_page(number)
            fresh = {record.id: record for record in page.orders if record.id not in seen}
            seen.update(fresh)
            for name, record in fresh.items():
                if not self._fits(record):
                    others += 1
                elif name not in known:
                    known[name] = None
                    yield record
            next_number = number + 1 if pager is None else pager.next_page(page, number)
            if next_number is None:
                self.is_cut = True
                return
            skipped = 0 if pager is None else pager.skipped
            useful += next_number - number - 1
            repeated = 0 if fresh else repeated + 1
            useful += bool(fresh)
            self.unreadable += page.unreadable if fresh or number == 0 else 0
            total, pages = max(total, page.total or 0), pages or page.pages
            count = len(known) + others + self.unreadable + skipped
            # orders known from earlier readings may be gone: skipped pages are not counted to end a list
            is_complete = page.total is not None and count >= total and not skipped and (page.is_total_certain or number > 0)
            is_empty = not page.orders and not page.unreadable
            # the first two pages may be one: page 0 and page 1 of a service that counts from 1
            if is_complete or is_empty or repeated > 1 or (pages and useful >= pages):
                break
            number = next_number
        self.missing = max(0, total - len(known) - others - self.unreadable - skipped)

    def _fitting_page(self, number: int) -> schemas.OrderPage:
        """Request a page, and again while it has orders that were not requested: a proxy may mix up responses."""
        for _ in range(_MOST_MISMATCHES):
            page = self._request(schemas.orders_body(self._filters, _PAGE_SIZE, number))
            if all(map(self._fits, page.orders)):
                break
        return page

    def _fits(self, record: schemas.OrderRecord) -> bool:
        project, ids = self._filters.get(schemas.PROJECT_FILTER), self._filters.get(schemas.IDS_FILTER)
        is_of_project = not isinstance(project, str) or record.project in {None, project}
        return is_of_project and (not isinstance(ids, list) or record.id in ids)


def _incomplete(reader: _PageReader) -> ServiceError:
    missing = f"{pluralize(reader.missing, 'order')} of the service's total {'is' if reader.missing == 1 else 'are'} missing"
    unreadable = f"{pluralize(reader.unreadable, 'order')} cannot be read"
    problem = " and ".join(text for text, count in ((missing, reader.missing), (unreadable, reader.unreadable)) if count)
    return ServiceError(
        f"The service's list of orders is incomplete: {problem}.",
        code="order_list_incomplete",
        hint="Try again. If it stays incomplete, contact the service's support.",
        operation=operations.LIST_ORDERS.id,
    )


def _is_refusal(error: ScenecartError) -> bool:
    """Return whether the service refused a request as it was written; a refused sign-in has such a status too."""
    return error.status in _REFUSED and not isinstance(error, AuthenticationError)
