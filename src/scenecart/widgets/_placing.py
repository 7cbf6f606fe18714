"""Placing of orders in widgets: the one way in which they spend money, what to say of it, and the search for an unknown outcome."""

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

# an outcome that is not known is looked for after so many seconds, and then every minute
_DOUBT_PAUSES = (3.0, 5.0, 10.0, 20.0, 30.0, 60.0)
_MOST_LOOKS, _TICK = 60, 0.25


class Placing:
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
        What the button says that places again with the same key.
    """

    def __init__(
        self, client: Client, runner: Runner, placed: Callable[[Order], object], changed: Callable[[], object], name: str = "place"
    ) -> None:
        self._client, self._runner, self._on_placed, self._on_changed, self._name = client, runner, placed, changed, name
        # an error that the owner shows in its own way
        self.refused: Callable[[Exception], object] = lambda _: None
        self.note: Note | None = None
        self.retry_label = ""
        self._retry: Callable[[], Order] | None = None
        self._is_placed = False
        self._look_sooner = threading.Event()

    @property
    def is_placing(self) -> bool:
        """Whether an order is being placed."""
        return self._runner.is_busy(self._name)

    @property
    def is_in_doubt(self) -> bool:
        """Whether it is not known what became of a purchase, and it is being looked for."""
        return self._runner.is_busy(f"{self._name}-doubt")

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
            A text that says what one more order of the same is for; it is placed once only under that text.
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
    def forget(self) -> None:
        """Offer no retry any more, such as for another cart; an unknown outcome stays displayed until it is known."""
        self._retry = None
        if not self.is_in_doubt:
            self.note = None

    @synchronized
    def look_now(self) -> None:
        """Look for the outcome of a purchase now. Nothing is bought."""
        self._look_sooner.set()

    def say(self, error: BaseException) -> None:
        """Display an error that has nothing to do with a purchase."""
        with LOCK:
            self.note = failure_note(error)
            self._on_changed()

    def _start(self, purchase: Callable[[], Order]) -> bool:
        if self.is_placing:
            return False
        self.note = None
        self._is_placed = False
        self._runner.cancel(f"{self._name}-doubt")
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
            self.say(error)
            return
        self.note = purchase_note(error)
        self._retry = None
        if isinstance(error, PaymentRequired | PlacementUnknown):
            self._retry = error.retry
            self.retry_label = "I have confirmed the payment" if isinstance(error, AuthenticationRequired) else "Try again"
        if self.note.kind == "warn" and not isinstance(error, PaymentRequired):
            self._look_sooner.clear()
            key = getattr(error, "idempotency_key", None)
            self._runner.start(f"{self._name}-doubt", lambda job: self._outcome(job, key), self._show_outcome, self.say)
        self.refused(error)
        self._on_changed()

    def _outcome(self, job: Job, key: str | None) -> tuple[str, Any] | None:
        """Return the state of a placement once it is known, with its order or the reason; None if it is not found out."""
        for number in range(_MOST_LOOKS):
            if not self._pause(job, _DOUBT_PAUSES[min(number, len(_DOUBT_PAUSES) - 1)]):
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
        """Wait before the next look, or until it is asked for; False if nobody waits for the outcome any more."""
        for _ in range(math.ceil(seconds / _TICK)):
            if job.cancelled.wait(_TICK) or not threading.main_thread().is_alive():
                return False
            if self._look_sooner.is_set():
                self._look_sooner.clear()
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
