"""Order: one order at the service, to wait for and cancel."""

from __future__ import annotations

import contextlib
import getpass
from dataclasses import replace
from typing import TYPE_CHECKING

from scenecart._api.order_states import ENDED
from scenecart._orders.delivered_order import DeliveredOrder
from scenecart._orders.order_outcomes import cancel_notice, name_notice, not_delivered, not_finished, state_notice
from scenecart._orders.polling import Poll
from scenecart._util.progress import bar
from scenecart.exceptions import (
    Conflict,
    ConnectionFailed,
    ScenecartError,
    ServiceError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.labels import Labels
    from scenecart._orders.order_api import OrderApi
    from scenecart._orders.purchase_details import PurchaseDetails


class Order(DeliveredOrder):
    """One order, with its last known state. ``refresh()`` requests the current state.

    ``estimate.place()`` and ``client.order(order_id)`` return one.

    Attributes
    ----------
    note : str or None
        A message about the order, for example that it already existed, or how many credits were returned when it was
        cancelled.
    cart : Cart or None
        The cart that was placed, if it was placed in this session.

    Examples
    --------
    >>> with sandbox.Sandbox(pace="instant", captures=1_000) as box:
    ...     client = box.client(home=box.data / "journal")
    ...     captures = client.search("openterra", collections="openterra-10m", limit=1)
    ...     order = client.cart(captures).estimate().place()
    ...     order.wait(timeout=60, progress=False).status
    'delivered'
    """

    def __init__(self, api: OrderApi, record: OrderRecord) -> None:
        super().__init__(api, record)
        self._notified: str | None = None

    def wait(
        self,
        timeout: float | None = None,
        poll: float | None = None,
        callback: Callable[[Order], object] | None = None,
        *,
        progress: bool = True,
    ) -> Order:
        """Wait until the order is delivered. You can interrupt the wait; the order continues.

        Parameters
        ----------
        timeout
            Maximum time to wait, in seconds; None waits without limit.
        poll
            Seconds between two requests. Default: 0.25 s at first, then longer, up to 15 s.
        callback
            Called with the order after each request.
        progress
            Show a progress bar.

        While the service or the network fails, waiting continues until ``timeout``; two notices show the begin and the end of that.
        A notice is shown once for an unknown state, and for a state in which a person has to act. In an unknown state, waiting
        continues until files of the order are listed.

        Raises
        ------
        OrderFailed
            If it ended without delivery; the message has the reason. ``OrderCancelled`` if it was cancelled.
        WaitTimeout
            If the order is not finished after ``timeout``. It continues. The code is ``"order_outcome_unknown"`` if its state
            is not known, or the service does not respond.
        ScenecartError
            If the service refuses, such as ``NotFound`` for an order that does not exist.

        Returns
        -------
        Order
            The order itself.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-09", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> order.wait(timeout=60, progress=False).is_finished
        True
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
        if not self.is_delivered:
            raise not_delivered(self._record)
        # the next purchase reads it again
        with contextlib.suppress(ScenecartError):
            self._api.after_wait()
        return self

    def cancel(self) -> Order:
        """Cancel the order, and print what is known about the money. Does nothing if it is already cancelled.

        If no usable answer arrives, the state of the order is read and reported.

        Raises
        ------
        Conflict
            If it is too late to cancel. The order is then still processed.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-10", limit=4)
        >>> order = client.cart(captures).estimate().place(again=True)
        >>> order.cancel().status  # doctest: +ELLIPSIS
        Order ... is cancelled; 0 credits were returned.
        'cancelled'
        """
        self.refresh()
        if self._record.is_cancelled:
            return self
        answer = None
        try:
            answer = self._api.cancel(self._record)
        except (Conflict, ConnectionFailed, ServiceError) as error:
            # a second attempt is refused after the answer to the first was lost
            self._refresh_after(error)
        else:
            self.refresh()
        self.note = cancel_notice(self._record, answer)
        self._api.notify(self.note)
        return self

    def _refresh_after(self, error: ScenecartError) -> None:
        """Request the state after a cancellation without an answer; raise its error if the order was not cancelled."""
        try:
            self.refresh()
        except ScenecartError:
            raise error from None
        if self.phase != ENDED:
            raise error

    def _update(self, record: OrderRecord) -> None:
        """Set a newer state, read from a list of orders."""
        self._record = record

    def _poll(self, timeout: float | None, poll: float | None, callback: Callable[[Order], object] | None) -> None:
        def is_done() -> bool:
            self._notify_state()
            if callback is not None:
                callback(self)
            return self.is_finished

        polling = Poll(self._api, timeout, poll)
        if not polling.until(self.refresh, is_done):
            raise not_finished(self._record, timeout, polling.outage)

    def _notify_state(self) -> None:
        """Notify once of an unknown state, or of one in which a person has to act."""
        if self._notified != self.status and (notice := state_notice(self._record)) is not None:
            self._notified = self.status
            self._api.notify(notice)


def purchase_details_of(order: Order) -> PurchaseDetails:
    """Return what is known about what an order bought."""
    return order._api.purchases.read(order._record, order.cart)  # noqa: SLF001  # the handle's own module


def label_order(order: Order, labels: Labels) -> None:
    """Set the labels of an order that was placed; an existing order keeps those that are not given.

    The name and tags of an order that was labelled elsewhere stay: this machine's are taken only where it has none.
    """
    record = order._record  # noqa: SLF001  # the order's own module
    is_existing = order.note is not None and order.note.code != "ground_shared"
    if not is_existing:
        order._record = order._api.label(record, replace(labels, person=_person()))  # noqa: SLF001  # likewise
        return
    if not labels:
        return
    name, tags = labels.name or record.name or "", labels.tags or record.tags
    if not order._api.is_labelled(record.id):  # noqa: SLF001  # likewise
        name, tags = record.name or labels.name, record.tags or labels.tags
    reference = labels.reference or record.reference or ""
    if (name or None, tags, reference or None) != (record.name, record.tags, record.reference):
        wanted = replace(labels, name=name, tags=tags, reference=reference, person=record.person or "")
        order._record = order._api.label(record, wanted)  # noqa: SLF001  # likewise
    if (notice := name_notice(order.id, record.name, labels.name, order.name)) is not None:
        order._api.notify(notice)  # noqa: SLF001  # likewise


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


Order.__module__ = "scenecart"
