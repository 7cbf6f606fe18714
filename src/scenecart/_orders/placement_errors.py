"""The errors and notices of placing, with their messages and hints."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations
from scenecart._orders.notice import Notice
from scenecart._orders.ownership import owned_frame
from scenecart._orders.tables import parse_time
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import (
    AlreadyOwned,
    EstimateIncomplete,
    OverLimit,
    PlacementError,
    PlacementUnknown,
    PriceChanged,
    ScenecartError,
    reword,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api import schemas
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.journal import Placement
    from scenecart._orders.listing import Listing
    from scenecart._orders.order import Order
    from scenecart._orders.ownership import Claim, Owned

NOTHING_ORDERED = "Nothing was ordered."
_MOST_NAMED = 3


def add_nothing_ordered(error: ScenecartError) -> None:
    """Add to an error that nothing was ordered, unless its message states it already."""
    if NOTHING_ORDERED not in error.message:
        argument, message = error.argument, error.message.rstrip()
        reword(error, f"{message}{'' if message.endswith(('.', '!', '?')) else '.'} {NOTHING_ORDERED}")
        error.argument = argument


def add_may_be_ordered(error: ScenecartError) -> None:
    """Add to an error that an earlier request for the same purchase may have ordered it, unless it states that already."""
    if not error.money_may_have_moved:
        error.money_may_have_moved = True
        message = error.message.replace(NOTHING_ORDERED, "").rstrip()
        reword(error, f"{message} An earlier request may have ordered it: its outcome is unknown.")


def incomplete(estimate: Estimate) -> EstimateIncomplete:
    """Return the error for an estimate without all prices."""
    count, captures = len(estimate.refused), len(estimate.cart)
    if count == captures:
        message, rest = "The service has no price for the cart.", ""
    else:
        message = f"{count:,} of {pluralize(captures, 'capture')} {'has' if count == 1 else 'have'} no price."
        rest = "; estimate.priced_cart().estimate() prices the rest"
    return EstimateIncomplete(f"{message} {NOTHING_ORDERED}", code="estimate_incomplete", hint=f"estimate.errors says why{rest}.")


def over_limit(estimate: Estimate, max_credits: int) -> OverLimit:
    """Return the error for a price above the limit."""
    error = OverLimit(
        f"is {max_credits:,} credits, but this costs {estimate.total_credits:,}. {NOTHING_ORDERED}",
        argument="max_credits",
        code="over_limit",
        hint="Remove captures from the cart, or raise the limit.",
        operation=operations.PLACE.id,
    )
    error.total_credits, error.max_credits = estimate.total_credits, max_credits
    return error


def price_changed(old: Estimate, new: Estimate) -> PriceChanged:
    """Return the error for a price that differs from the estimate."""
    error = PriceChanged(
        f"The price has changed: {new.total_credits:,} credits (A${new.total_aud:,.2f}) instead of "
        f"{old.total_credits:,} (A${old.total_aud:,.2f}). {NOTHING_ORDERED}",
        code="price_changed",
        hint="To accept the new price, place error.estimate. error.groups shows what changed.",
        operation=operations.PLACE.id,
    )
    error.old_credits, error.new_credits = old.total_credits, new.total_credits
    error.old_aud, error.new_aud = old.total_aud, new.total_aud
    error.groups, error.estimate = _group_changes(old, new), new
    return error


def unknown(
    placement: Placement,
    cause: ScenecartError | None,
    retry: Callable[[], Order] | None,
    *,
    reason: str = "",
    is_recent: bool,
) -> PlacementUnknown:
    """Return the error for a purchase of which nothing proves the outcome.

    Parameters
    ----------
    placement
        The purchase.
    cause
        The error of the last request.
    retry
        The function for the error's ``retry()``.
    reason
        Why it is not known, if the cause does not state it.
    is_recent
        Whether the same key may be sent again; later, the outcome is known only from the list of orders or from a person.
    """
    reason = reason or (cause.message if cause is not None else "The service's answer contained no order id.")
    message = f"It is not known whether the order was placed. {reason}"
    known: dict[str, Any] = {
        "operation": operations.PLACE.id,
        "status": None if cause is None else cause.status,
        "problem": None if cause is None else cause.problem,
        "idempotency_key": placement.key,
        "money_may_have_moved": True,
    }
    sent = f"{datetime.fromtimestamp(placement.unanswered_since or placement.created, UTC):%Y-%m-%d %H:%M} UTC"
    if is_recent:
        error = PlacementUnknown(
            message,
            code="placement_unknown",
            hint="Call error.retry() or client.settle(), or place the same estimate again: each uses key "
            f"{placement.key}, so nothing is bought twice.",
            details={"idempotency_key": placement.key, "number": placement.number},
            **known,
        )
    else:
        error = PlacementUnknown(
            message,
            code="placement_unknown_expired",
            hint=f"Look in the service's console for an order of {placement.credits:,} credits from {sent}. Then "
            f"client.resolve({placement.number}, order='…') or client.resolve({placement.number}, nothing=True) records it.",
            details={"number": placement.number, "credits": f"{placement.credits:,}", "sent": sent},
            **known,
        )
    error.bind(retry)
    return error


def unanswered(placement: Placement, *, is_detailed: bool = True) -> str:
    """Return when a request left that got no answer, and how it ended."""
    sent = datetime.fromtimestamp(placement.unanswered_since or placement.created, UTC)
    if not is_detailed:
        return f"The request of {sent:%Y-%m-%d %H:%M} UTC got no response."
    return f"The request of {sent:%Y-%m-%d %H:%M} UTC got no response: {(placement.detail or 'interrupted').rstrip('.')}."


def orders_not_read(listing: Listing, placement: Placement) -> PlacementError:
    """Return the error for a purchase before which the list of orders could not be read."""
    failure = listing.failure
    known: dict[str, Any] = {"operation": operations.LIST_ORDERS.id, "idempotency_key": placement.key}
    if failure is not None:
        known |= {"status": failure.status, "problem": failure.problem}
    reason = listing.obstacle.rstrip(".")
    if placement.open_tries:
        return PlacementUnknown(
            f"It is not known whether the order was placed, and the list of orders could not be read: {reason}. Nothing was sent.",
            code="orders_not_read",
            hint="Try again in a moment.",
            money_may_have_moved=True,
            **known,
        )
    return PlacementError(
        f"Whether this was ordered elsewhere could not be checked: {reason}. {NOTHING_ORDERED}",
        code="orders_not_checked",
        hint="Try again in a moment, or pass owned='buy' to place it unchecked.",
        **known,
    )


def in_the_way(placement: Placement) -> PlacementUnknown:
    """Return the error for a cart that shares captures with a placement whose outcome is unknown."""
    return PlacementUnknown(
        f"Placement {placement.number} holds some of these captures, and it is not known whether it was ordered. Of this cart, "
        "nothing was ordered.",
        code="placement_in_the_way",
        hint="client.settle() finds out, and orders it if it was not ordered; client.settle(send=False) only checks. "
        "place(owned='buy') places this cart anyway.",
        details={"number": placement.number},
        operation=operations.PLACE.id,
        idempotency_key=placement.key,
        money_may_have_moved=True,
    )


def in_work(placement: Placement) -> PlacementError:
    """Return the error for a cart that shares captures with one that another session is placing."""
    return PlacementError(
        f"Another session has been placing some of these captures for minutes (placement {placement.number}). {NOTHING_ORDERED}",
        code="placement_in_work",
        hint="Wait until it has ended, or end it. Then place this cart again.",
        details={"number": placement.number},
        operation=operations.PLACE.id,
    )


def too_slow(attempts: int) -> PlacementError:
    """Return the error for a service that took too long to answer before each of some attempts."""
    return PlacementError(
        f"Reading the list of orders and the price took more than a minute, {attempts} times. {NOTHING_ORDERED}",
        code="placement_too_slow",
        hint="Try again when the service is faster.",
    )


def already_owned(owned: Owned, share: float, captures: int) -> AlreadyOwned:
    """Return the error for a cart of which captures are owned, or may be."""
    certain = owned.at_least(share)
    claims = [claim for claim in owned.claims if claim.capture in certain] or list(owned.uncertain)
    names = list(dict.fromkeys(claim.capture for claim in claims))
    listed = "; ".join(_described(claim) for claim in claims[:_MOST_NAMED])
    rest = len(claims) - _MOST_NAMED
    listed += f"; and {pluralize(rest, 'other')}" if rest > 0 else ""
    count = f"{len(names)} of {pluralize(captures, 'capture')}"
    if certain:
        percent = 100 * owned.km2 / owned.asked_km2 if owned.asked_km2 else 100.0
        verb = "is" if len(names) == 1 else "are"
        message = f"{count} {verb} owned already, {percent:.0f} % of the area: {listed}. {NOTHING_ORDERED}"
    else:
        message = f"{count} may be owned already: {listed}. The service does not state which area. {NOTHING_ORDERED}"
    orders = ", ".join(dict.fromkeys(clean_text(claim.holding.record.id, 80) for claim in claims))
    if certain:
        error = AlreadyOwned(
            message,
            code="already_owned",
            hint="cart.without_owned() leaves it out; place(owned='buy') buys it anyway. error.owned lists the orders.",
            details={"orders": orders},
            operation=operations.PLACE.id,
        )
    else:
        error = AlreadyOwned(
            message,
            code="perhaps_owned",
            hint="Look at the orders in error.owned. place(owned='buy') places it anyway: it returns an earlier order "
            "of the same cart if the service still knows its key, and buys otherwise.",
            details={"orders": orders},
            operation=operations.PLACE.id,
        )
    error.owned, error.certain = owned_frame(claims), bool(certain)
    return error


def key_refused(placement: Placement, anew: Callable[[], Order]) -> PlacementError:
    """Return the error for a purchase that is no order, and whose key the service refuses."""
    error = PlacementError(
        f"The service refuses the key of this purchase, and its list of orders proves that it was not ordered. {NOTHING_ORDERED}",
        code="placement_key_refused",
        hint="error.start_anew() places it under a new key.",
        idempotency_key=placement.key,
        operation=operations.PLACE.id,
    )
    error.bind_anew(anew)
    return error


def offer_new_key(error: ScenecartError, anew: Callable[[], Order]) -> None:
    """State in a refusal that the service gave exactly this answer before, and offer a new key."""
    hint = "The service gave this answer before and may only repeat it. If its cause is fixed: error.start_anew()."
    reword(error, hint=f"{error.hint} {hint}" if error.hint else hint)
    error.bind_anew(anew)


def no_price_any_more(count: int) -> EstimateIncomplete:
    """Return the error for a placement that cannot be priced again."""
    return EstimateIncomplete(
        f"{pluralize(count, 'capture')} no longer {'has' if count == 1 else 'have'} a price.", code="estimate_incomplete"
    )


def order_gone(placement: Placement) -> PlacementUnknown:
    """Return the error for an order that was placed, but is no longer known to the service."""
    return PlacementUnknown(
        f"This was ordered as {placement.order_id}, but the service does not know that order. Nothing was ordered now.",
        code="order_gone",
        hint="Contact the service's support. To buy it again anyway, pass again='a name for this order'.",
        details={"order_id": placement.order_id or ""},
        operation=operations.GET_ORDER.id,
        idempotency_key=placement.key,
        money_may_have_moved=True,
    )


def existing_notice(record: schemas.OrderRecord, when: float) -> Notice:
    """Return the notice about an order that exists already, and when it was placed in Unix time."""
    return Notice(
        f"Already ordered on {datetime.fromtimestamp(when, UTC):%Y-%m-%d %H:%M} UTC as {record.id}. Nothing was bought again.",
        code="already_ordered",
        hint="For one more, pass again='who it is for'.",
        details={"order_id": record.id},
    )


def ended_notice(record: schemas.OrderRecord) -> Notice:
    """Return the notice about an order that was placed before, and has ended without delivery."""
    updated = parse_time(record.updated)
    when = "" if updated is None else f" on {updated:%Y-%m-%d}"
    ended = {"cancelled": "was cancelled", "failed": "failed"}.get(record.state, f"ended as {clean_text(record.state, 40)}")
    return Notice(
        f"This was ordered before as {record.id}, which {ended}{when}. Nothing was bought now.",
        code="existing_order_ended",
        hint="To buy it, pass again=True.",
        details={"order_id": record.id},
    )


def _described(claim: Claim) -> str:
    record = claim.holding.record
    parts = [f"order {clean_text(record.id, 80)}"]
    parts += [clean_text(part, 40) for part in (record.license_type, record.state) if part]
    if claim.holding.created is not None:
        parts.append(f"ordered {datetime.fromtimestamp(claim.holding.created, UTC):%Y-%m-%d}")
    if record.project:
        parts.append(f"project {clean_text(record.project, 80)}")
    share = "" if claim.share is None else f" {100 * claim.share:.0f} %"
    return f"{clean_text(claim.capture[2], 80)}{share} ({', '.join(parts)})"


def _group_changes(old: Estimate, new: Estimate) -> pd.DataFrame:
    """Return each group's old and new price; a group that only one estimate has is missing in the other."""
    before = {tuple(sorted(group.ids)): group.credits for group in old.price_groups}
    after = {tuple(sorted(group.ids)): group.credits for group in new.price_groups}
    rows = [(list(ids), before.get(ids), after.get(ids)) for ids in dict.fromkeys([*before, *after])]
    table = pd.DataFrame(rows, columns=["captures", "old_credits", "new_credits"])
    return table.astype({"old_credits": "Int64", "new_credits": "Int64"})
