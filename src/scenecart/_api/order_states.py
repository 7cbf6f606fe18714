"""States of orders: their spellings, and what each means."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from scenecart._util.text import clean_text
from scenecart._util.validate import shown_value
from scenecart.exceptions import InvalidQuery

_STATES = {
    "processing": "processing",
    "created": "processing",
    "being_placed": "processing",
    "placed": "processing",
    "being_fulfilled": "processing",
    "delivered": "delivered",
    "fulfilled": "delivered",
    "failed": "failed",
    "placement_failed": "failed",
    "failed_permanently": "failed",
    "canceled": "cancelled",
    "cancelled": "cancelled",
}
OPEN, DELIVERED, ENDED, UNKNOWN = "open", "delivered", "ended", "unknown"
# what a state means; a state that is not here is unknown, and displayed as it is
_PHASES = {
    OPEN: (
        "processing pending queued submitted accepted confirmed approved received new open active running started scheduled "
        "ordered in_progress in_production in_review on_hold paused awaiting_data awaiting_payment awaiting_approval "
        "awaiting_delivery pending_payment pending_approval waiting tasking collecting delivering cancelling canceling "
        "cancel_requested"
    ),
    DELIVERED: "delivered completed complete succeeded success successful finished done partial completed_with_errors",
    ENDED: (
        "failed cancelled expired rejected refunded declined denied refused voided error errored aborted terminated timed_out "
        "unfulfilled undeliverable withdrawn deleted"
    ),
}
_PHASE_OF = {state: phase for phase, states in _PHASES.items() for state in states.split()}
_ON_HOLD = frozenset({"on_hold", "paused", "awaiting_payment", "awaiting_approval", "pending_payment", "pending_approval"})
_CANCELLED = frozenset({"cancelled", "refunded", "voided", "withdrawn"})
_KNOWN_STATES = tuple(dict.fromkeys(_STATES.values()))


def order_state(value: Any) -> str:
    """Return a state in this library's spelling; another state is returned as the service names it."""
    text = clean_text(value, 80).strip()
    return _STATES.get(_normalized(text), text or "unknown")


def phase_of(state: Any) -> str:
    """Return what a state means: ``"open"``, ``"delivered"``, ``"ended"`` without delivery, or ``"unknown"``.

    Examples
    --------
    >>> from scenecart._api.order_states import phase_of
    >>> [phase_of(state) for state in ("BEING_FULFILLED", "completed", "expired", "on the moon")]
    ['open', 'delivered', 'ended', 'unknown']
    """
    return _PHASE_OF.get(_normalized(order_state(state)), UNKNOWN)


def check_state(value: str | None) -> None:
    """Refuse an unknown order state; None stands for any state.

    Raises
    ------
    InvalidQuery
        If it is not a state in any of the service's spellings. The hint names the nearest.

    Examples
    --------
    >>> from scenecart._api.order_states import check_state
    >>> check_state("deliverd")
    Traceback (most recent call last):
    scenecart.InvalidQuery: status must be a known order status, got 'deliverd'.
    Did you mean 'delivered'?
    """
    hint = None if value is None else unknown_state_hint(str(value))
    if hint is not None:
        raise InvalidQuery(
            f"must be a known order status, got {shown_value(value)}.", code="status_unknown", argument="status", hint=hint
        )


def _normalized(state: str) -> str:
    return state.lower().replace("-", "_").replace(" ", "_")


def unknown_state_hint(value: str) -> str | None:
    """Return the nearest or all known states as a hint; None if the state is known."""
    if phase_of(value) != UNKNOWN:
        return None
    near = get_close_matches(_normalized(value), [*_KNOWN_STATES, *_STATES, *_PHASE_OF], n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Use {', '.join(_KNOWN_STATES[:-1])} or {_KNOWN_STATES[-1]}."


def is_on_hold(state: str) -> bool:
    """Return whether an order waits for a person, such as for an approval or a payment."""
    return _normalized(order_state(state)) in _ON_HOLD


def is_cancelled(state: str) -> bool:
    """Return whether a state means that the order was cancelled or refunded."""
    return _normalized(order_state(state)) in _CANCELLED
