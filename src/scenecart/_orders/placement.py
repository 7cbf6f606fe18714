"""Placing an estimate: every cart is bought exactly once."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations, schemas
from scenecart._cart.estimate import Estimate
from scenecart._orders.evidence import Evidence, Proof
from scenecart._orders.journal import SENT, UNANSWERED, Intent, Journal, Placement
from scenecart._orders.matching import warn_of_other_price
from scenecart._orders.notice import Notice
from scenecart._orders.order import Order
from scenecart._orders.payer import Payer
from scenecart._orders.sending import PlacementSender
from scenecart._orders.tables import parse_time
from scenecart._util.json import dumps
from scenecart._util.text import clean_text
from scenecart._util.validate import check_bool, check_count, check_text, shown_value
from scenecart.exceptions import (
    ConfigurationError,
    EstimateIncomplete,
    InvalidRequest,
    JournalError,
    OverLimit,
    PaymentRequired,
    PlacementError,
    PlacementUnknown,
    PriceChanged,
    ScenecartError,
    reword,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._api.http import Reply
    from scenecart._cart.estimate import PricingService
    from scenecart._orders.matching import OrderMatcher
    from scenecart._orders.order_api import OrderApi

# what a response says for certain of the request that it answers
_DECIDED = frozenset({Proof.REFUSED, Proof.UNPAID, Proof.NOT_SENT, Proof.LIMITED})
_NOTHING_ORDERED = "Nothing was ordered."


class PlacementService:
    """Places estimates at one service, through one journal.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements; each one is written before its request is sent.
    pricing
        Where prices are requested.
    matcher
        What finds the order of an earlier placement.
    price_seconds
        How old a price may be, in seconds, before placing requests it again; 0 always requests it.
    now
        The time in seconds since 1970.
    """

    def __init__(
        self,
        orders: OrderApi,
        journal: Journal,
        pricing: PricingService,
        matcher: OrderMatcher,
        *,
        price_seconds: float,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._orders = orders
        self._session = orders.session
        self._journal = journal
        self._pricing = pricing
        self._matcher = matcher
        self._price_seconds = price_seconds
        self._now = now
        self._payer = Payer(self._session, journal)
        self._sender = PlacementSender(self._session, journal, matcher)

    def place(
        self,
        estimate: Estimate,
        *,
        project: str | None,
        license_type: str = "standard",
        again: bool = False,
        max_credits: int | None = None,
    ) -> Order:
        """Buy what was estimated, once. The key is on disk before the request leaves; the journal says what follows.

        Raises
        ------
        EstimateIncomplete
            If part of the cart has no price.
        ScenecartError
            The service's refusal, ``PriceChanged``, ``OverLimit``, ``PaymentRequired`` or ``PlacementUnknown``. The error of
            a request that was sent carries its idempotency key.
        """
        _check_estimate(estimate)
        if estimate.refused:
            raise _incomplete(estimate)
        check_bool(again, "again", after=_NOTHING_ORDERED)
        check_count(max_credits, "max_credits", least=0, of="credits", after=_NOTHING_ORDERED)
        _check_service(estimate, self._session.base_url)
        intent = self._intent(estimate, _check_project(project), license_type)
        order = self._buy(estimate, intent, again=again, max_credits=max_credits)
        order.cart = estimate.cart
        return order

    def existing_order(self, estimate: Estimate, *, project: str | None, license_type: str = "standard") -> Order | None:
        """Return the order that placing this would return without buying, or None."""
        _check_estimate(estimate)
        known = self._journal.latest(self._intent(estimate, _check_project(project), license_type))
        return self._order_of(known) if known is not None and known.state == "placed" else None

    def account(self) -> str:
        """Return the account that pays; it is never guessed."""
        return self._payer.name()

    def is_own(self, placement: Placement) -> bool:
        """Return whether a placement is of this account, under any of its names."""
        return placement.account in self._payer.aliases()

    def send(
        self,
        placement: Placement,
        expected_credits: int,
        aud: str,
        retry: Callable[[], Order] | None = None,
        *,
        detail: str | None = None,
    ) -> Order:
        """Send a placement with its own key, record the outcome, and return the order.

        Parameters
        ----------
        placement
            What the journal holds: its key and body are sent as they are.
        expected_credits, aud
            The price that was agreed to.
        retry
            What the error's ``retry()`` does, where one is raised.
        detail
            What the journal notes where it was placed.

        Raises
        ------
        ScenecartError
            The service's refusal where it proves that nothing was ordered, otherwise ``PlacementUnknown``.
        """
        try:
            outcome = self._sender.send(placement, (expected_credits, aud))
        except ScenecartError:
            raise
        except BaseException as error:
            error.add_note(
                "It is not known whether the order was placed. Call client.settle(), or place it again: the same key is used."
            )
            self._record(placement, "unknown", detail="interrupted")
            raise
        placement = outcome.placement
        if outcome.has_expired:
            return self._after_expiry(placement, retry)
        if placement.state == "placed":
            return self._existing_order(placement)
        if placement.state == "refused":
            raise PlacementError(
                f"Another session closed this placement. {_NOTHING_ORDERED}", code="placement_closed", hint="Place it again."
            )
        if outcome.evidence.record is not None:
            return self._placed(placement, outcome.evidence.record, outcome.reply, expected_credits, detail)
        return self._after_failure(placement, outcome.evidence, outcome.error, retry)

    def _placed(
        self, placement: Placement, record: schemas.OrderRecord, reply: Reply | None, expected_credits: int, detail: str | None
    ) -> Order:
        answer = None if reply is None else reply.document
        failure = self._record(placement, "placed", order_id=record.id, answer=answer, detail=detail)
        if failure is not None:
            warn(
                f"Order {record.id} was placed, but this was not recorded. {failure.message}",
                code="placement_not_recorded",
                hint="Place it again to record it: the same key is used, so nothing is bought twice.",
            )
        warn_of_other_price(record, expected_credits)
        return Order(self._orders, record)

    def _after_expiry(self, placement: Placement, retry: Callable[[], Order] | None) -> Order:
        """Return the order of a placement whose key must not be sent any more, or raise."""
        found = self._matcher.reconcile(placement)
        if found is not None:
            return self._existing_order(found)
        current = self._journal.reload(placement)
        if current.state == "refused":
            raise PlacementError(
                f"The request was interrupted for so long that its key expired, and no order was found. {_NOTHING_ORDERED}",
                code="placement_expired",
                hint="Place it again.",
                idempotency_key=placement.key,
            )
        raise _unknown(current, None, retry, reason=_unanswered(current), is_expired=self._matcher.key_has_expired(current))

    def _buy(self, estimate: Estimate, intent: Intent, *, again: bool, max_credits: int | None) -> Order:
        known = self._journal.latest(intent)
        if known is not None and known.state == "placed" and not again:
            return self._existing_order(known)
        known = self._journal.latest_attempt(intent)
        if known is not None and known.state in SENT and self._matcher.key_may_be_forgotten(known):
            found = self._matcher.reconcile(known)
            if found is not None:
                return self._existing_order(found)
            known = self._journal.reload(known)
            if self._matcher.key_has_expired(known):
                raise _unknown(known, None, None, reason=_unanswered(known), is_expired=True)
        try:
            _check_limit(estimate, max_credits)
            self._check_price(estimate, has_limit=max_credits is not None)
        except (OverLimit, PriceChanged):
            # an earlier request may have bought it before the price changed
            found = self._matcher.match(known) if known is not None and known.state in UNANSWERED else None
            if found is not None:
                return self._existing_order(found)
            raise
        placement = self._journal.claim(intent, again=again)
        # the placement is claimed: from here on, a retry finishes this one and buys no other, so it never passes again=True
        retry = partial(self.place, estimate, project=intent.project, license_type=intent.license_type, max_credits=max_credits)
        return self.send(placement, estimate.total_credits, str(estimate.total_aud), retry)

    def _intent(self, estimate: Estimate, project: str, license_type: str) -> Intent:
        """Return what identifies a purchase."""
        check_text(license_type, "license_type", after=_NOTHING_ORDERED)
        cart = estimate.cart
        body = schemas.place_body(list(cart.orders), project=project, license_type=license_type, split_by_date=cart.split_by_date)
        return Intent(
            base_url=self._session.base_url,
            account=self.account(),
            project=project,
            fingerprint=f"{cart.fingerprint}:{license_type}",
            license_type=license_type,
            captures=len(cart),
            credits=estimate.total_credits,
            aud=str(estimate.total_aud),
            body=dumps(body),
        )

    def _check_price(self, estimate: Estimate, *, has_limit: bool) -> None:
        """Request the price again, and refuse any change; with a limit, whatever the age of the estimate.

        Raises
        ------
        PriceChanged
            If any part of the price differs.
        """
        age = (datetime.fromtimestamp(self._now(), UTC) - estimate.priced_at).total_seconds()
        if 0 <= age < self._price_seconds and not has_limit:
            return
        current = self._pricing.price(estimate.cart)
        if _price(current) != _price(estimate):
            raise _price_changed(estimate, self._pricing.with_balance(current))

    def _after_failure(
        self, placement: Placement, evidence: Evidence, error: ScenecartError | None, retry: Callable[[], Order] | None
    ) -> Order:
        """Return the order that exists after all, or raise what the failure means."""
        try:
            current = self._record_failure(placement, evidence, error)
        except JournalError as failure:
            if error is None:
                raise
            error.add_note(f"{failure.message} Place it again: the same key is used.")
            current = placement if evidence.proof in _DECIDED else replace(placement, state="unknown")
        if current.state == "placed":
            return self._existing_order(current)
        if current.state == "unknown" or error is None:
            reason = evidence.mismatch and f"The service returned another order: {evidence.mismatch}."
            raise _unknown(current, error, retry, reason=reason) from error
        error.idempotency_key = placement.key
        if not current.is_uncertain:
            _add_nothing_ordered(error)
        if isinstance(error, PaymentRequired):
            error.bind(retry)
        raise error

    def _record_failure(self, placement: Placement, evidence: Evidence, error: ScenecartError | None) -> Placement:
        detail = error.message if error is not None else evidence.mismatch or "the answer contained no order id"
        if evidence.proof is Proof.REFUSED:
            return self._journal.refuse(placement, detail)
        if evidence.proof is Proof.UNPAID:
            return self._journal.mark(placement, "unpaid", detail=detail)
        if evidence.proof in {Proof.NOT_SENT, Proof.LIMITED}:
            return self._journal.mark_unsent(placement, detail)
        return self._journal.mark(placement, "unknown", detail=detail)

    def _record(self, placement: Placement, state: str, **fields: Any) -> JournalError | None:
        """Record an outcome, or return why not: the placement then stays sent, and is settled like an unknown one."""
        try:
            self._journal.mark(placement, state, **fields)
        except JournalError as error:
            return error
        return None

    def _order_of(self, placement: Placement) -> Order:
        return Order(self._orders, self._orders.fetch(placement.order_id or ""))

    def _existing_order(self, placement: Placement) -> Order:
        record = self._orders.fetch(placement.order_id or "")
        order = Order(self._orders, record)
        order.note = _ended_notice(record) if record.phase == "ended" else _existing_notice(record, placement)
        self._orders.notify(order.note)
        return order


def _existing_notice(record: schemas.OrderRecord, placement: Placement) -> Notice:
    when = datetime.fromtimestamp(placement.changed, UTC)
    return Notice(
        f"Already ordered on {when:%Y-%m-%d %H:%M} UTC as {record.id}. Nothing was bought again.",
        code="already_ordered",
        hint="To buy it again, pass again=True.",
        details={"order_id": record.id},
    )


def _ended_notice(record: schemas.OrderRecord) -> Notice:
    updated = parse_time(record.updated)
    when = "" if updated is None else f" on {updated:%Y-%m-%d}"
    ended = {"cancelled": "was cancelled", "failed": "failed"}.get(record.state, f"ended as {clean_text(record.state, 40)}")
    return Notice(
        f"This was ordered before as {record.id}, which {ended}{when}. Nothing was bought now.",
        code="existing_order_ended",
        hint="To buy it, pass again=True.",
        details={"order_id": record.id},
    )


def _add_nothing_ordered(error: ScenecartError) -> None:
    if _NOTHING_ORDERED not in error.message:
        argument, message = error.argument, error.message.rstrip()
        reword(error, f"{message}{'' if message.endswith(('.', '!', '?')) else '.'} {_NOTHING_ORDERED}")
        error.argument = argument


def _unanswered(placement: Placement) -> str:
    sent = datetime.fromtimestamp(placement.unanswered_since or placement.created, UTC)
    return f"The request of {sent:%Y-%m-%d %H:%M} UTC got no answer: {placement.detail}."


def _check_estimate(estimate: object) -> None:
    if not isinstance(estimate, Estimate):
        raise InvalidRequest(
            f"must be an Estimate, got {type(estimate).__name__}. {_NOTHING_ORDERED}",
            argument="estimate",
            code="not_an_estimate",
            hint="Pass cart.estimate().",
        )


def _check_service(estimate: Estimate, base_url: str) -> None:
    """Refuse an estimate of another service: its price and its captures are not this one's."""
    if estimate.service and estimate.service != base_url:
        raise InvalidRequest(
            f"is of {clean_text(estimate.service, 80)}, not of {clean_text(base_url, 80)}. {_NOTHING_ORDERED}",
            argument="estimate",
            code="estimate_of_another_service",
            hint="Estimate the cart with the client that places it.",
        )


def _check_project(project: object) -> str:
    """Return the project to deliver to; an empty one counts as missing."""
    if project is None or (isinstance(project, str) and not project.strip()):
        raise ConfigurationError(
            f"No project is set, so there is nowhere to deliver. {_NOTHING_ORDERED}",
            code="project_missing",
            hint='Pass place(project="…"), connect with project="…", or set SCENECART_PROJECT.',
        )
    if not isinstance(project, str):
        raise InvalidRequest(
            f"must be a project id, got {shown_value(project)}. {_NOTHING_ORDERED}", argument="project", code="not_a_project"
        )
    check_text(project, "project", after=_NOTHING_ORDERED)
    return project


def _check_limit(estimate: Estimate, max_credits: int | None) -> None:
    if max_credits is None or estimate.total_credits <= max_credits:
        return
    error = OverLimit(
        f"is {max_credits:,} credits, but this costs {estimate.total_credits:,}. {_NOTHING_ORDERED}",
        argument="max_credits",
        code="over_limit",
        hint="Remove captures from the cart, or raise the limit.",
        operation=operations.PLACE.id,
    )
    error.total_credits, error.max_credits = estimate.total_credits, max_credits
    raise error


def _incomplete(estimate: Estimate) -> EstimateIncomplete:
    count = len(estimate.refused)
    return EstimateIncomplete(
        f"{count} of {len(estimate.cart)} captures {'has' if count == 1 else 'have'} no price. {_NOTHING_ORDERED}",
        code="estimate_incomplete",
        hint="estimate.errors says why; estimate.priced_cart().estimate() prices the rest.",
    )


def _price(estimate: Estimate) -> Any:
    """Return every amount of an estimate, in a fixed order."""
    groups = sorted((sorted(group.ids), group.credits, group.aud) for group in estimate.price_groups)
    return estimate.total_credits, estimate.total_aud, groups, sorted(estimate.refused)


def _price_changed(old: Estimate, new: Estimate) -> PriceChanged:
    error = PriceChanged(
        f"The price has changed: {new.total_credits:,} credits (A${new.total_aud:,.2f}) instead of "
        f"{old.total_credits:,} (A${old.total_aud:,.2f}). {_NOTHING_ORDERED}",
        code="price_changed",
        hint="To accept the new price, place error.estimate. error.groups shows what changed.",
        operation=operations.PLACE.id,
    )
    error.old_credits, error.new_credits = old.total_credits, new.total_credits
    error.old_aud, error.new_aud = old.total_aud, new.total_aud
    error.groups, error.estimate = _group_changes(old, new), new
    return error


def _group_changes(old: Estimate, new: Estimate) -> pd.DataFrame:
    """Return each group's old and new price; a group that only one estimate has is missing in the other."""
    before = {tuple(sorted(group.ids)): group.credits for group in old.price_groups}
    after = {tuple(sorted(group.ids)): group.credits for group in new.price_groups}
    rows = [(list(ids), before.get(ids), after.get(ids)) for ids in dict.fromkeys([*before, *after])]
    table = pd.DataFrame(rows, columns=["captures", "old_credits", "new_credits"])
    return table.astype({"old_credits": "Int64", "new_credits": "Int64"})


def _unknown(
    placement: Placement,
    cause: ScenecartError | None,
    retry: Callable[[], Order] | None,
    *,
    reason: str = "",
    is_expired: bool = False,
) -> PlacementUnknown:
    reason = reason or (cause.message if cause is not None else "The service's answer contained no order id.")
    message = f"It is not known whether the order was placed. {reason}"
    known: dict[str, Any] = {
        "operation": operations.PLACE.id,
        "status": None if cause is None else cause.status,
        "problem": None if cause is None else cause.problem,
        "idempotency_key": placement.key,
        "money_may_have_moved": True,
    }
    if is_expired:
        error = PlacementUnknown(
            message,
            code="placement_unknown_expired",
            hint=f"Look in the service's console for an order of {placement.credits:,} credits at that time. Then "
            f"client.resolve({placement.number}, order='…') or client.resolve({placement.number}, nothing=True) records it.",
            details={"number": placement.number, "credits": f"{placement.credits:,}"},
            **known,
        )
    else:
        error = PlacementUnknown(
            message,
            code="placement_unknown",
            hint="Call error.retry() or client.settle(), or place the same estimate again: each uses key "
            f"{placement.key}, so nothing is bought twice.",
            details={"idempotency_key": placement.key},
            **known,
        )
    error.bind(retry)
    return error
