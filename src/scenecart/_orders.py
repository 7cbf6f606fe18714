"""Orders: placing one exactly once, following it to its end, cancelling it."""

from __future__ import annotations

import random
import time
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from scenecart import _wire
from scenecart._errors import (
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    InvalidRequest,
    OrderCancelled,
    OrderFailed,
    PaymentRequired,
    PlacementUnknown,
    RateLimited,
    ScenecartError,
    ScenecartWarning,
    ServiceError,
    WaitTimeout,
)
from scenecart._journal import UNFINISHED, Intent, Journal, Placement
from scenecart._json import dumps
from scenecart._progress import bar

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal
    from pathlib import Path

    import geopandas as gpd
    import pystac

    from scenecart._cart import Cart
    from scenecart._http import Session

KEY_LIFETIME_SECONDS = 24 * 3600.0
_POLL_SECONDS = (0.25, 15.0)
_POLL_GROWTH = 1.5
_LIST_SIZE = 100
_MOST_PAGES = 1_000
_METHOD_NOT_ALLOWED = 405


class Deliveries(Protocol):
    """Whoever can fetch what an order delivered."""

    def items(self, order: Order) -> gpd.GeoDataFrame:
        """Return the delivered items as a frame."""
        ...

    def item_collection(self, order: Order) -> pystac.ItemCollection:
        """Return the delivered items as pystac knows them."""
        ...

    def download(
        self,
        order: Order,
        directory: str | os.PathLike[str],
        *,
        assets: Iterable[str] | None,
        progress: bool,
        workers: int,
    ) -> list[Path]:
        """Fetch the delivered files."""
        ...


class OrderDesk:
    """Placing, looking up, listing and cancelling orders at one service."""

    def __init__(
        self,
        session: Session,
        journal: Journal,
        *,
        deliveries: Deliveries,
        wall: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.session = session
        self.journal = journal
        self.deliveries = deliveries
        self.wall = wall
        self.clock = clock
        self.sleep = sleep
        self._get_by_post = False
        self._account: str | None = None

    def place(  # each is part of what is bought
        self,
        cart: Cart,
        *,
        project: str,
        license_type: str,
        total_credits: int,
        total_aud: Decimal,
        again: bool = False,
        confirm: Callable[[], object] = lambda: None,
    ) -> Order:
        """Buy a cart once. The key is on disk before the request leaves; see ``_journal`` for what follows.

        ``confirm`` is called before anything is sent that may spend; what it raises stops the placement.

        Raises
        ------
        ScenecartError
            The service's refusal, ``PaymentRequired``, or ``PlacementUnknown``; each with its idempotency key.
        """
        body = _wire.place_body(list(cart.orders), project=project, license_type=license_type, split_by_date=cart.split_by_date)
        content = dumps(body)
        intent = Intent(
            base_url=self.session.base_url,
            account=self._who_pays(),
            project=project,
            fingerprint=f"{cart.fingerprint}:{license_type}",
            license_type=license_type,
            captures=len(cart),
            credits=total_credits,
            aud=str(total_aud),
            body=content,
        )
        known = self.journal.last(intent)
        if known is not None and known.state == "placed" and not again:
            return self._placed_before(known)
        if known is not None and known.state in {"sent", "unknown"} and self._key_may_be_free(known):
            found = self._reconcile(known)
            if found is not None:
                return found
        confirm()
        placement = self.journal.claim(intent, again=again)
        return self._send(placement, total_credits)

    def settle(self) -> list[tuple[Placement, Order | None]]:
        """Find out what became of every placement that was sent and got no answer.

        Returns
        -------
        list of (Placement, Order or None)
            Each placement as it stands now, with its order where there is one.
        """
        settled: list[tuple[Placement, Order | None]] = []
        for placement in self.journal.placements(self.session.base_url, ("sent", "unknown")):
            order = self._reconcile(placement) if self._key_may_be_free(placement) else self._send(placement)
            now = self.journal.of_order(order.id, self.session.base_url) if order is not None else None
            settled.append((now or placement, order))
        return settled

    def get(self, order_id: str) -> Order:
        """Return one order."""
        return Order(self, self.fetch(order_id))

    def fetch(self, order_id: str) -> _wire.OrderRecord:
        """Ask the service for one order.

        Raises
        ------
        NotFound
            If there is none of this id, or it belongs to another organization.
        """
        if not isinstance(order_id, str) or not order_id.strip():
            raise InvalidRequest("An order's id is a text that is not empty.")
        reference = _wire.order_reference(order_id)
        if not self._get_by_post:
            try:
                return self._record(self.session.call(_wire.GET_ORDER, reference, query=True))
            except ScenecartError as error:
                if error.status != _METHOD_NOT_ALLOWED:
                    raise
                self._get_by_post = True
        return self._record(self.session.call(_wire.GET_ORDER, reference))

    def list(self, **filters: Any) -> list[_wire.OrderRecord]:
        """Return the orders that fit the service's own filters, newest first, each once."""
        found: dict[str, _wire.OrderRecord] = {}
        for page in range(_MOST_PAGES):
            body = {"size": _LIST_SIZE, "page": page, "sort": "createdAt,desc", **filters}
            records, pages = _wire.order_page(self.session.call(_wire.LIST_ORDERS, body))
            fresh = [record for record in records if record.id not in found]
            found.update((record.id, record) for record in fresh)
            last = page + 1 >= pages if pages is not None else len(records) < _LIST_SIZE
            if last or not fresh:
                break
        return list(found.values())

    def cancel(self, order_id: str) -> Mapping[str, Any]:
        """Ask the service to cancel; the same order always uses the same key, so asking twice is safe."""
        import uuid  # noqa: PLC0415  # only here

        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.session.base_url}/cancel/{order_id}"))
        answer = self.session.call(_wire.CANCEL, _wire.order_reference(order_id), key=key)
        return answer if isinstance(answer, dict) else {}

    @staticmethod
    def _record(document: Any) -> _wire.OrderRecord:
        record = _wire.parse_order(document)
        if record is None:
            raise ServiceError("The service answered an order without an id.", operation=_wire.GET_ORDER.id)
        return record

    def _who_pays(self) -> str:
        if self._account is None:
            self._account = _wire.account_of(self.session.userinfo())
        return self._account

    def _send(self, placement: Placement, expected_credits: int | None = None) -> Order:
        placement = self.journal.mark(placement, "sent")
        if placement.state == "placed":
            return self._placed_before(placement)
        try:
            answer = self.session.call(_wire.PLACE, key=placement.key, content=placement.body)
        except ScenecartError as error:
            now = self._note_failure(placement, error)
            if now.state == "placed":
                return self._placed_before(now)
            if isinstance(error, ConnectionFailed | ServiceError):
                raise self._unknown(placement, error) from error
            error.idempotency_key = placement.key
            raise
        except BaseException:
            self.journal.mark(placement, "unknown", detail="interrupted")
            raise
        record = _wire.parse_order(answer)
        if record is None:
            self.journal.mark(placement, "unknown", detail="the answer named no order")
            raise self._unknown(placement, None)
        self.journal.mark(placement, "placed", order_id=record.id, answer=answer)
        _compare(record, placement.credits if expected_credits is None else expected_credits)
        return Order(self, record)

    def _note_failure(self, placement: Placement, error: ScenecartError) -> Placement:
        """Write down why it failed. A conflict may be another process placing with this very key."""
        unsure = isinstance(error, RateLimited | ConnectionFailed | ServiceError | Conflict)
        state = "unpaid" if isinstance(error, PaymentRequired) else "unknown" if unsure else "refused"
        return self.journal.mark(placement, state, detail=error.message)

    def _unknown(self, placement: Placement, cause: ScenecartError | None) -> PlacementUnknown:
        why = cause.message if cause is not None else "The service's answer named no order."
        return PlacementUnknown(
            f"It is not known whether the order was placed. {why}",
            hint=f"Nothing is bought twice: place the same estimate again, or call client.settle(); both use key {placement.key}.",
            operation=_wire.PLACE.id,
            status=None if cause is None else cause.status,
            idempotency_key=placement.key,
            money_may_have_moved=True,
        )

    def _placed_before(self, placement: Placement) -> Order:
        order = self.get(placement.order_id or "")
        when = datetime.fromtimestamp(placement.changed, UTC)
        order.note = (
            f"Already ordered on {when:%Y-%m-%d %H:%M} UTC as {order.id}; nothing was bought again. "
            "To buy it once more, pass again=True."
        )
        print(order.note)  # noqa: T201  # the analyst must see that this cell did not spend
        return order

    def _key_may_be_free(self, placement: Placement) -> bool:
        return self.wall() - placement.created >= KEY_LIFETIME_SECONDS

    def _reconcile(self, placement: Placement) -> Order | None:
        """Find the order of a placement whose key the service has forgotten, among all the orders there are."""
        known = {entry.order_id for entry in self.journal.placements(self.session.base_url, ("placed",))}
        wanted = sorted(_ids_in(placement.body))
        for record in self.list(workspaceId=placement.project):
            created = _moment(record.created)
            is_after = created is None or created.timestamp() >= placement.created - 60.0
            if record.id not in known and is_after and sorted(record.captures) == wanted:
                self.journal.mark(placement, "placed", order_id=record.id)
                return Order(self, record)
        self.journal.mark(placement, "refused", detail="not among the orders after the key had expired")
        return None


class Order:
    """One order: a handle that shows its last known state and can ask for a newer one.

    Made by ``estimate.place()`` and ``client.order(id)``.

    Attributes
    ----------
    note : str or None
        What there is to say of how it came about, such as that it existed before.
    """

    def __init__(self, desk: OrderDesk, record: _wire.OrderRecord) -> None:
        self._desk = desk
        self._record = record
        self.note: str | None = None

    @property
    def id(self) -> str:
        """The service's id of it."""
        return self._record.id

    @property
    def status(self) -> str:
        """``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``; anything else as the service says it."""
        return self._record.state

    @property
    def is_finished(self) -> bool:
        """Whether it is delivered, failed or cancelled. A state that is not known is not taken as an end."""
        return self._record.state in _wire.TERMINAL

    @property
    def total_credits(self) -> int | None:
        """The price in credits."""
        return self._record.total_credits

    @property
    def total_aud(self) -> Decimal | None:
        """The price in Australian dollars."""
        return self._record.total_aud

    @property
    def project(self) -> str | None:
        """The project it is delivered to."""
        return self._record.project

    @property
    def captures(self) -> list[str]:
        """The ids of what was ordered, where the service tells them."""
        return list(self._record.captures)

    @property
    def reason(self) -> str | None:
        """Why it failed, where the service says so."""
        return self._record.reason

    @property
    def created(self) -> datetime | None:
        """When it was placed, UTC."""
        return _moment(self._record.created)

    def refresh(self) -> Order:
        """Ask the service for its state; returns the order itself."""
        self._record = self._desk.fetch(self.id)
        return self

    def wait(
        self,
        timeout: float | None = None,
        poll: float | None = None,
        callback: Callable[[Order], object] | None = None,
        *,
        progress: bool = True,
    ) -> Order:
        """Wait until it is delivered. Interrupting or timing out harms nothing; waiting can go on later.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None waits as long as it takes.
        poll
            Seconds between two looks. Default: from a quarter of a second, growing to 15.
        callback
            Called with the order after each look.
        progress
            Show a bar.

        Raises
        ------
        OrderFailed
            If it failed; the reason is in the message. ``OrderCancelled`` if it was cancelled.
        WaitTimeout
            If the time is over first.
        """
        if progress:
            with bar(f"Order {self.id}: {self.status}", unit="state") as shown:

                def show(order: Order) -> None:
                    shown.show(label=f"Order {order.id}: {order.status}")
                    if callback is not None:
                        callback(order)

                self._poll(timeout, poll, show)
                shown.finish(f"Order {self.id}: {self.status}")
        else:
            self._poll(timeout, poll, callback)
        self._raise_if_lost()
        return self

    def cancel(self) -> Order:
        """Ask the service to cancel; asking again for a cancelled order does nothing.

        Raises
        ------
        Conflict
            If it is too late. The order goes on.
        """
        self.refresh()
        if self.status != "cancelled":
            self._desk.cancel(self.id)
            self.refresh()
        return self

    def items(self) -> gpd.GeoDataFrame:
        """Return what was delivered: one row an item, columns as in a search, EPSG:4326."""
        return self._desk.deliveries.items(self)

    def item_collection(self) -> pystac.ItemCollection:
        """Return what was delivered as a ``pystac.ItemCollection``."""
        return self._desk.deliveries.item_collection(self)

    def download(
        self,
        directory: str | os.PathLike[str],
        assets: Iterable[str] | None = None,
        *,
        progress: bool = True,
        workers: int = 4,
    ) -> list[Path]:
        """Fetch the delivered files, each verified before it stands under its name.

        Parameters
        ----------
        directory
            Where to; made if needed. Files that are there already, whole, are not fetched again.
        assets
            Which assets of each item, by key; None fetches all.
        progress
            Show a bar.
        workers
            How many files at once.

        Returns
        -------
        list of pathlib.Path
            The files, in the order of the items.

        Raises
        ------
        DownloadError
            If a file does not arrive whole. What had arrived resumes next time.
        """
        return self._desk.deliveries.download(self, directory, assets=assets, progress=progress, workers=workers)

    def __repr__(self) -> str:
        price = "" if self.total_credits is None else f", {self.total_credits:,} credits"
        return f"Order({self.id}, {self.status}{price})"

    def _poll(self, timeout: float | None, poll: float | None, callback: Callable[[Order], object] | None) -> None:
        desk = self._desk
        deadline = None if timeout is None else desk.clock() + timeout
        least, most = _POLL_SECONDS
        pause = least if poll is None else max(0.05, poll)
        while True:
            self.refresh()
            if callback is not None:
                callback(self)
            if self.is_finished:
                return
            if deadline is not None and desk.clock() >= deadline:
                raise WaitTimeout(
                    f"Order {self.id} is still {self.status} after {timeout:g} seconds.",
                    hint=f"It goes on without you: client.order({self.id!r}).wait() later.",
                )
            left = pause if deadline is None else min(pause, max(0.0, deadline - desk.clock()))
            desk.sleep(left)
            if poll is None:
                pause = min(most, pause * _POLL_GROWTH) * random.uniform(0.9, 1.1)  # noqa: S311  # spreads polling

    def _raise_if_lost(self) -> None:
        if self.status == "delivered":
            return
        kind = OrderCancelled if self.status == "cancelled" else OrderFailed
        what = "was cancelled" if self.status == "cancelled" else "failed"
        error = kind(
            f"Order {self.id} {what}{f': {self.reason}' if self.reason else ''}.",
            hint="What was reserved or held for it is given back; see client.balance().",
        )
        error.order_id, error.reason = self.id, self.reason
        raise error


def _compare(record: _wire.OrderRecord, expected_credits: int) -> None:
    if record.total_credits is not None and record.total_credits != expected_credits:
        warnings.warn(
            f"The order {record.id} costs {record.total_credits:,} credits; the estimate said "
            f"{expected_credits:,}. Look at it before it is delivered: order.cancel() may still be possible.",
            ScenecartWarning,
            stacklevel=6,
        )


def orders_frame(records: list[_wire.OrderRecord]) -> pd.DataFrame:
    """Return orders as a table: one row each, indexed by id."""
    columns = [
        "status",
        "captures",
        "total_credits",
        "total_aud",
        "billing_mode",
        "project",
        "name",
        "created",
        "reason",
    ]
    rows = [
        {
            "id": record.id,
            "status": record.state,
            "captures": len(record.captures),
            "total_credits": record.total_credits,
            "total_aud": record.total_aud,
            "billing_mode": record.billing_mode,
            "project": record.project,
            "name": record.name,
            "created": _moment(record.created),
            "reason": record.reason,
        }
        for record in records
    ]
    frame = pd.DataFrame(rows, columns=["id", *columns]).set_index("id")
    return frame.assign(total_credits=frame["total_credits"].astype("Int64"), created=pd.to_datetime(frame["created"], utc=True))


def placements_frame(placements: list[Placement]) -> pd.DataFrame:
    """Return what the journal knows as a table: one row a placement, oldest first."""
    columns = ["state", "order_id", "project", "captures", "total_credits", "total_aud", "key", "created", "detail"]
    rows = [
        (
            placement.state,
            placement.order_id,
            placement.project,
            placement.captures,
            placement.credits,
            placement.aud,
            placement.key,
            datetime.fromtimestamp(placement.created, UTC),
            placement.detail,
        )
        for placement in placements
    ]
    return pd.DataFrame(rows, columns=columns)


def unfinished(journal: Journal, base_url: str) -> list[Placement]:
    """Return the placements of a service whose end is not known."""
    return journal.placements(base_url, UNFINISHED)


def require_project(project: str | None, default: str | None) -> str:
    """Return the project to deliver to.

    Raises
    ------
    ConfigurationError
        If none is given.
    """
    chosen = project if project is not None else default
    if chosen is None or not isinstance(chosen, str) or not chosen.strip():
        raise ConfigurationError(
            "No project says where the imagery is to be delivered.",
            hint='Pass place(project="…"), or connect with project=… or SCENECART_PROJECT.',
        )
    return chosen


def _ids_in(body: bytes) -> list[str]:
    from scenecart._json import loads  # noqa: PLC0415  # only for a placement that was lost

    return [str(capture["id"]) for capture in loads(body)["captures"]]


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


Order.__module__ = "scenecart"
