"""Outcomes of orders: the errors and notices of waiting for one and of cancelling it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._api import schemas
from scenecart._api.order_states import DELIVERED, ENDED, UNKNOWN, is_on_hold, phase_of
from scenecart._orders.notice import Notice
from scenecart._util.text import clean_text, duration
from scenecart._util.validate import shown_value
from scenecart.exceptions import DownloadError, OrderCancelled, OrderFailed, WaitTimeout

if TYPE_CHECKING:
    from scenecart._api.schemas import OrderRecord
    from scenecart._orders.polling import Outage


def not_finished(record: OrderRecord, timeout: float | None, outage: Outage) -> WaitTimeout:
    """Return the error of a wait whose time is over: what is known of the order, and since when nothing is."""
    state = clean_text(record.state, 40)
    hint = f"The order goes on without you. Wait again later: client.order({record.id!r}).wait()."
    after = f" after {duration(timeout)}" if timeout else ""
    if outage.error is not None:
        error = WaitTimeout(
            f"The state of order {record.id} is unknown: the service has not responded for {duration(outage.seconds)} "
            f"({outage.error.message.removesuffix('.')}). It was {state} before.",
            code="order_outcome_unknown",
            hint=hint,
            details={"order_id": record.id},
        )
        error.__cause__ = outage.error
        return error
    if record.phase == UNKNOWN:
        return WaitTimeout(
            f"Order {record.id} is in an unknown state{after}: {state}.",
            code="order_outcome_unknown",
            hint=hint,
            details={"order_id": record.id},
        )
    return WaitTimeout(
        f"Order {record.id} is still {state}{after}.", code="order_not_finished", hint=hint, details={"order_id": record.id}
    )


def state_notice(record: OrderRecord) -> Notice | None:
    """Return the notice about an unknown state, or one in which a person has to act; None for any other state."""
    state = clean_text(record.state, 40)
    if is_on_hold(record.state):
        return Notice(
            f"Order {record.id} is on hold ({state}). Waiting continues.",
            code="order_on_hold",
            hint="Check it in the service's console.",
            details={"order_id": record.id},
        )
    if phase_of(record.state) != UNKNOWN:
        return None
    if record.phase == DELIVERED:
        rest, hint = "Files of it are listed, so it counts as delivered.", None
    else:
        rest, hint = (
            "Waiting continues until files of it are listed.",
            "To stop waiting, interrupt it: the order is not affected.",
        )
    return Notice(
        f"Order {record.id} is in an unknown state: {state}. {rest}",
        code="order_state_unknown",
        hint=hint,
        details={"order_id": record.id},
    )


def name_notice(order_id: str, before: str | None, wanted: str, now: str | None) -> Notice | None:
    """Return the notice about an existing order that was to get another name; None if it had none, or has it already."""
    if not before or not wanted or wanted == before:
        return None
    is_renamed = now == wanted
    order = f"Order {clean_text(order_id, 80)}"
    return Notice(
        f"{order} was renamed from {shown_value(before)} to {shown_value(wanted)}."
        if is_renamed
        else f"{order} keeps its name {shown_value(before)}, which was given elsewhere.",
        code="order_renamed" if is_renamed else "order_keeps_name",
        details={"order_id": order_id},
    )


def not_delivered(record: OrderRecord) -> OrderFailed:
    """Return the error of an order that ended without delivery."""
    is_cancelled = record.is_cancelled
    reason = f": {record.reason}" if record.reason else ""
    if record.state in {"failed", "cancelled"}:
        ended = "was cancelled" if is_cancelled else "failed"
        hint = "The credits reserved for it, or the hold on your card, are released."
    else:
        ended = f"ended without delivery ({clean_text(record.state, 40)})"
        hint = "Check your balance or your card: this state does not say what was returned."
    kind = OrderCancelled if is_cancelled else OrderFailed
    error = kind(
        f"Order {record.id} {ended}{reason}.",
        code="order_cancelled" if is_cancelled else "order_failed",
        hint=hint,
        details={"order_id": record.id},
    )
    error.order_id, error.reason = record.id, record.reason
    return error


def nothing_to_deliver(record: OrderRecord) -> DownloadError:
    """Return the error of fetching an order that is not delivered, or never will be."""
    state = clean_text(record.state, 40)
    if record.phase in {DELIVERED, ENDED}:
        reason = f": {record.reason}" if record.reason else ""
        return DownloadError(
            f"Order {record.id} is {state}, so it delivers nothing{reason}.",
            code="order_without_delivery",
            details={"order_id": record.id},
        )
    return DownloadError(
        f"Order {record.id} is {state}, not delivered yet.",
        code="order_not_delivered",
        hint="Call order.wait() first.",
        details={"order_id": record.id},
    )


def cancel_notice(record: OrderRecord, answer: Any) -> Notice:
    """Return the result of a cancellation: the state, and what happens to the money as far as the service states it."""
    state, price = clean_text(record.state, 40), record.total_credits
    returned = schemas.returned_credits(answer)
    message = schemas.service_message(answer) if returned is None or price is None or returned[1] < price else None
    reply = f" The service says: {message.rstrip('.')}." if message else ""
    hint = None
    if returned is not None:
        kind, amount = returned
        of_price = f" of its {price:,}" if price is not None and amount < price else ""
        money = f"; {amount:,}{of_price} credits were {'returned' if kind == 'refunded' else kind}."
    elif record.phase == ENDED:
        money = ". The service does not say what was returned."
        hint = "Check your balance, your card or your invoice."
    else:
        money = ". Cancelling it was requested; the service does not say more."
        hint = "Check it again later."
    return Notice(f"Order {record.id} is {state}{money}{reply}", code="cancel_result", hint=hint, details={"order_id": record.id})
