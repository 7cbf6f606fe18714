"""Placing of orders in widgets, their only way to spend money: what to display, and the search for an unknown outcome."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

from scenecart._orders.journal import UNANSWERED
from scenecart.exceptions import AuthenticationRequired, PaymentRequired, PlacementUnknown, ScenecartError
from scenecart.widgets._jobs import LOCK, synchronized
from scenecart.widgets._notes import NOTHING_ORDERED, Note, failure_note, purchase_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.client import Client
    from scenecart.widgets._jobs import Job, Runner

# seconds between the checks of an unknown outcome, the last one repeated
_CHECK_PAUSES = (3.0, 5.0, 10.0, 20.0, 30.0, 60.0)
_MOST_CHECKS, _TICK = 60, 0.25


class OrderPlacer:
    """Places one estimate at a time in the background.

    Parameters
    ----------
    client
        The connection.
    runner
        Runs the requests.
    placed
        Called with the order, whether it was placed now or before.
    changed
        Called when something changed that is displayed.
    name
        The name of its jobs.

    Attributes
    ----------
    note : Note or None
        What happened last.
    retry_label : str
        The label of the button that places again with the same key.
    """

    def __init__(
        self, client: Client, runner: Runner, placed: Callable[[Order], object], changed: Callable[[], object], name: str = "place"
    ) -> None:
        self._client, self._runner, self._on_placed, self._on_changed, self._name = client, runner, placed, changed, name
        # called with an error, for owners that display it themselves
        self.refused: Callable[[Exception], object] = lambda _: None
        self.note: Note | None = None
        self.retry_label = ""
        self._retry: Callable[[], Order] | None = None
        self._is_placed = False
        self._check_now = threading.Event()

    @property
    def is_placing(self) -> bool:
        """Whether an order is being placed."""
        return self._runner.is_busy(self._name)

    @property
    def is_outcome_unknown(self) -> bool:
        """Whether the outcome of a purchase is unknown, and is being checked."""
        return self._runner.is_busy(f"{self._name}-outcome")

    @property
    def can_retry(self) -> bool:
        """Whether the last purchase can be placed again with its own key."""
        return self._retry is not None and not self.is_placing

    @synchronized
    def place(
        self, estimate: Estimate, project: str | None, license_type: str, *, owned: str = "refuse", again: str | None = None
    ) -> bool:
        """Place an order at most at this price. This spends money. False if another order is being placed.

        Parameters
        ----------
        estimate
            What is bought.
        project, license_type, owned
            As for ``Estimate.place``.
        again
            The purpose of one more order of the same; it is placed only once under that text.
        """
        return self._start(
            lambda: estimate.place(
                project=project,
                license_type=license_type,
                owned=owned,
                again=again if again is not None else False,
                max_credits=estimate.total_credits,
            )
        )

    @synchronized
    def retry(self) -> bool:
        """Place the last purchase again with its own key: nothing is bought twice."""
        return self._retry is not None and self._start(self._retry)

    @synchronized
    def discard_retry(self) -> None:
        """Remove the offer to retry, such as for another cart; an unknown outcome stays displayed until it is known."""
        self._retry = None
        if not self.is_outcome_unknown:
            self.note = None

    @synchronized
    def check_now(self) -> None:
        """Check the outcome of a purchase now. Nothing is bought."""
        self._check_now.set()

    def show_error(self, error: BaseException) -> None:
        """Display an error that is not about a purchase."""
        with LOCK:
            self.note = failure_note(error)
            self._on_changed()

    def _start(self, purchase: Callable[[], Order]) -> bool:
        if self.is_placing:
            return False
        self.note = None
        self._is_placed = False
        self._runner.cancel(f"{self._name}-outcome")
        self._runner.start(self._name, lambda _: purchase(), self._placed, self._not_placed)
        self._on_changed()
        return True

    def _placed(self, order: Order) -> None:
        self._is_placed = True
        self._retry = self.note = None
        self._on_placed(order)
        self._on_changed()

    def _not_placed(self, error: Exception) -> None:
        if self._is_placed:
            # the order was placed, and then something else failed
            self.show_error(error)
            return
        self.note = purchase_note(error)
        self._retry = None
        if isinstance(error, PaymentRequired | PlacementUnknown):
            self._retry = error.retry
            self.retry_label = "I have confirmed the payment" if isinstance(error, AuthenticationRequired) else "Try again"
        if self.note.kind == "warn" and not isinstance(error, PaymentRequired):
            self._check_now.clear()
            key = getattr(error, "idempotency_key", None)
            self._runner.start(f"{self._name}-outcome", lambda job: self._outcome(job, key), self._show_outcome, self.show_error)
        self.refused(error)
        self._on_changed()

    def _outcome(self, job: Job, key: str | None) -> tuple[str, Any] | None:
        """Return the state of a placement once it is known, with its order or the reason; None if it stays unknown."""
        for number in range(_MOST_CHECKS):
            if not self._pause(job, _CHECK_PAUSES[min(number, len(_CHECK_PAUSES) - 1)]):
                return None
            try:
                self._client.settle(send=False)
                rows = self._client.placements()
                rows = rows[rows["state"].isin(UNANSWERED)] if key is None else rows[rows["key"] == key]
                if not len(rows):
                    return None
                row = rows.iloc[-1]
                key = str(row["key"])
                if row["state"] == "placed":
                    return "placed", self._client.order(str(row["order_id"]))
                if row["state"] not in UNANSWERED:
                    return str(row["state"]), row["detail"]
            except ScenecartError:
                # the service does not answer yet
                continue
        return None

    def _pause(self, job: Job, seconds: float) -> bool:
        """Wait before the next check, or until ``check_now``; False if the job was cancelled."""
        for _ in range(math.ceil(seconds / _TICK)):
            if job.cancelled.wait(_TICK) or not threading.main_thread().is_alive():
                return False
            if self._check_now.is_set():
                self._check_now.clear()
                break
        return True

    def _show_outcome(self, outcome: tuple[str, Any] | None) -> None:
        if outcome is not None and outcome[0] == "placed":
            self._placed(outcome[1])
            return
        if outcome is not None:
            self._retry = None
            self.note = Note("info", NOTHING_ORDERED, str(outcome[1] or ""))
        self._on_changed()
