"""Placing: buying a cart exactly once, and finding out what became of everything that was sent."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._api import operations, schemas
from scenecart._captures.query import number_hint
from scenecart._orders.journal import SENT, UNANSWERED, UNFINISHED, Intent, Journal, Placement
from scenecart._orders.order import Order
from scenecart._orders.tables import moment
from scenecart._util.json import dumps, loads
from scenecart.exceptions import (
    AuthenticationError,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    EstimateIncomplete,
    InvalidRequest,
    JournalError,
    OverLimit,
    PaymentRequired,
    PermissionDenied,
    PlacementError,
    PlacementUnknown,
    PriceChanged,
    RateLimited,
    ScenecartError,
    ServiceError,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order_api import OrderApi

# The service remembers a key for 24 hours after it first saw it; an hour less, for clocks that do not agree.
_KEY_SECONDS = 23 * 3600.0
# How far this machine's clock may be from the service's: taking up an order that is older is safer than buying it again.
_CLOCKS_DIFFER_SECONDS = 86_400.0
# What says nothing of whether a try was carried out.
_NO_ANSWER = (RateLimited, ConnectionFailed, ServiceError, Conflict)
_SETTLED = "sent once more with its own key, at the price that was agreed to"
# Nobody takes a minute between writing an intent down and sending it.
_ABANDONED_SECONDS = 60.0


class PlacementService:
    """Placing estimates at one service, through one journal.

    Parameters
    ----------
    orders
        Where placed orders are looked up.
    journal
        Where every placement is written down before it is sent.
    estimate_again
        Asks the service for an estimate's price once more.
    price_seconds
        How old a price may be, in seconds, before placing asks for it again; 0 always asks.
    wall
        The time in seconds since 1970.
    """

    def __init__(
        self,
        orders: OrderApi,
        journal: Journal,
        *,
        estimate_again: Callable[[Estimate], Estimate],
        price_seconds: float,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._orders = orders
        self._session = orders.session
        self._journal = journal
        self._estimate_again = estimate_again
        self._price_seconds = price_seconds
        self._wall = wall
        self._account: str | None = None

    def place(
        self,
        estimate: Estimate,
        *,
        project: str,
        license_type: str = "standard",
        again: bool = False,
        max_credits: int | None = None,
    ) -> Order:
        """Buy what was estimated, once. The key is on disk before the request leaves; see ``_journal`` for what follows.

        Raises
        ------
        ScenecartError
            The service's refusal, ``PriceChanged``, ``OverLimit``, ``PaymentRequired`` or ``PlacementUnknown``; what was sent
            has its idempotency key in it.
        """
        order = self._buy(estimate, project=project, license_type=license_type, again=again, max_credits=max_credits)
        order.cart = estimate.cart
        return order

    def _buy(self, estimate: Estimate, *, project: str, license_type: str, again: bool, max_credits: int | None) -> Order:
        if not isinstance(again, bool):
            raise InvalidRequest(f"again is True or False, not {again!r}. Nothing was ordered.")
        if max_credits is not None and (operations.whole_number(max_credits) is None or max_credits < 0):
            raise InvalidRequest(
                f"max_credits is a whole number of credits, not {max_credits!r}. Nothing was ordered.",
                hint=number_hint(max_credits),
            )
        intent = self._intent(estimate, project, license_type)
        known = self._journal.last(intent)
        if known is not None and known.state == "placed" and not again:
            return self._existing_order(known)
        if known is not None and known.state in SENT and self._key_may_be_free(known):
            found = self._reconcile(known)
            if found is not None:
                return self._existing_order(found)
        try:
            _check_limit(estimate, max_credits)
            self._check_price(estimate, has_limit=max_credits is not None)
        except (OverLimit, PriceChanged):
            # an earlier try may have bought it before the price changed
            found = self._adopt(known) if known is not None and known.state in UNANSWERED else None
            if found is not None:
                return self._existing_order(found)
            raise
        placement = self._journal.claim(intent, again=again)
        # once it is claimed, buying it again means bringing this very placement to its end
        retry = partial(self.place, estimate, project=project, license_type=license_type, max_credits=max_credits)
        return self._send(placement, estimate.total_credits, str(estimate.total_aud), retry)

    def existing_order(self, estimate: Estimate, *, project: str, license_type: str = "standard") -> Order | None:
        """Return the order that placing this would give back without buying, or None."""
        known = self._journal.last(self._intent(estimate, project, license_type))
        return self._order_of(known) if known is not None and known.state == "placed" else None

    def _intent(self, estimate: Estimate, project: str, license_type: str) -> Intent:
        """Return what identifies a purchase.

        Raises
        ------
        InvalidRequest
            If the licence is no text.
        """
        if not isinstance(license_type, str) or not license_type.strip():
            raise InvalidRequest(f'A licence is a text such as "standard", not {license_type!r}. Nothing was ordered.')
        cart = estimate.cart
        body = schemas.place_body(list(cart.orders), project=project, license_type=license_type, split_by_date=cart.split_by_date)
        return Intent(
            base_url=self._session.base_url,
            account=self._who_pays(),
            project=project,
            fingerprint=f"{cart.fingerprint}:{license_type}",
            license_type=license_type,
            captures=len(cart),
            credits=estimate.total_credits,
            aud=str(estimate.total_aud),
            body=dumps(body),
        )

    def settle(self, *, send: bool = True) -> list[Placement]:
        """Bring every placement that was sent and got no answer to its end, and put away what was never sent.

        What is settled by sending again is sent with its own key, and only while it costs what it cost when it was agreed to.
        Without ``send`` the list of orders is looked at, and nothing else. What another account placed is left alone.

        Returns
        -------
        list of Placement
            Each as it stands now; ``"unknown"`` with a reason in ``detail`` where it could not be found out.

        Raises
        ------
        AuthenticationError, PermissionDenied
            If this account cannot find out anything.
        """
        settled: list[Placement] = []
        others = 0
        for placement in self._journal.placements(self._session.base_url, ("intended", *UNANSWERED)):
            if placement.state == "intended":
                if self._wall() - placement.changed >= _ABANDONED_SECONDS:
                    settled.append(self._journal.refuse(placement, "it was never sent"))
                continue
            if placement.account != self._who_pays():
                # this account's list of orders says nothing of another's
                others += 1
                continue
            try:
                self._settle(placement, send=send)
            except (AuthenticationError, PermissionDenied, JournalError):
                raise
            except (PaymentRequired, PlacementUnknown):
                # what became of it stands in the journal
                pass
            except ScenecartError as error:
                now = self._journal.again(placement)
                if now.state in UNANSWERED:
                    self._journal.mark(now, "unknown", detail=error.message)
            settled.append(self._journal.again(placement))
        if others:
            warn(
                f"{others} placement{'s' if others > 1 else ''} of another account {'are' if others > 1 else 'is'} left as "
                f"{'they are' if others > 1 else 'it is'}: sign in as that account to settle."
            )
        return settled

    def _settle(self, placement: Placement, *, send: bool) -> None:
        if self._key_may_be_free(placement):
            self._reconcile(placement)
            return
        if not send:
            if self._adopt(placement) is None:
                self._journal.mark(placement, "unknown", detail="not among the orders so far; nothing was sent again")
            return
        total = self._price_again(placement)
        if total == placement.credits:
            self._send(placement, placement.credits, placement.aud, None, why=_SETTLED)
        elif self._adopt(placement) is None:
            why = f"not sent again: it costs {total:,} credits now, not {placement.credits:,}; place the cart anew"
            self._journal.mark(placement, "unknown", detail=why)

    def _price_again(self, placement: Placement) -> int:
        """Ask for the price of what was written down; what has no price any more raises."""
        asked = schemas.reestimate_body(loads(placement.body))
        prices = schemas.parse_estimate(self._session.call(operations.ESTIMATE, asked), _ids_in(placement.body))
        if prices.errors:
            raise EstimateIncomplete(f"{len(prices.errors)} of its captures have no price any more.")
        return prices.total_credits

    def unfinished(self) -> list[Placement]:
        """Return the placements of this service whose end is not known."""
        return self._journal.placements(self._session.base_url, UNFINISHED)

    def unanswered(self) -> tuple[int, int]:
        """Return how many placements that were sent have no answer: this account's, and those of others."""
        sent = self._journal.placements(self._session.base_url, UNANSWERED)
        mine = sum(placement.account == self._who_pays() for placement in sent)
        return mine, len(sent) - mine

    def _who_pays(self) -> str:
        if self._account is None:
            self._account = operations.account_of(self._session.userinfo())
        return self._account

    def _check_price(self, estimate: Estimate, *, has_limit: bool) -> None:
        """Ask once more for the price that was shown; with a limit, however old it may be.

        Raises
        ------
        PriceChanged
            If anything of it is not what was shown.
        """
        age = (datetime.fromtimestamp(self._wall(), UTC) - estimate.priced_at).total_seconds()
        if 0 <= age < self._price_seconds and not has_limit:
            return
        now = self._estimate_again(estimate)
        if _price(now) == _price(estimate):
            return
        error = PriceChanged(
            f"The price has changed: {now.total_credits:,} credits (A${now.total_aud:,.2f}) instead of "
            f"{estimate.total_credits:,} (A${estimate.total_aud:,.2f}). Nothing was ordered.",
            hint="The error's .groups shows where, .estimate is today's price: look at it, and place that if it still suits.",
            operation=operations.PLACE.id,
        )
        error.old_credits, error.new_credits = estimate.total_credits, now.total_credits
        error.old_aud, error.new_aud = estimate.total_aud, now.total_aud
        error.groups, error.estimate = _changes(estimate, now), now
        raise error

    def _send(
        self, placement: Placement, expected: int, aud: str, retry: Callable[[], Order] | None, *, why: str | None = None
    ) -> Order:
        placement = self._journal.begin(placement, expected, aud)
        if placement.state == "placed":
            return self._existing_order(placement)
        if placement.state == "refused":
            raise PlacementError("Another session put this placement away meanwhile. Nothing was ordered.", hint="Place it again.")
        try:
            answer = self._session.call(operations.PLACE, key=placement.key, content=placement.body)
        except ScenecartError as error:
            return self._after_failure(placement, error, retry)
        except BaseException as error:
            error.add_note("It is not known whether the order was placed: client.settle() or placing it again finds out.")
            self._note(placement, "unknown", detail="interrupted")
            raise
        record = schemas.parse_order(answer)
        if record is None:
            self._note(placement, "unknown", detail="the answer named no order")
            raise self._unknown(placement, None, retry)
        missed = self._note(placement, "placed", order_id=record.id, answer=answer, detail=why)
        if missed is not None:
            warn(
                f"The order {record.id} was placed. {missed.message} Nothing is bought twice: placing it again, or "
                "client.settle(), asks with the same key."
            )
        _compare(record, expected)
        return Order(self._orders, record)

    def _after_failure(self, placement: Placement, error: ScenecartError, retry: Callable[[], Order] | None) -> Order:
        """Return the order that there is after all, or raise what the failure means."""
        try:
            now = self._note_failure(placement, error)
        except JournalError as unwritten:
            now = self._unnoted(placement, error, unwritten)
        if now.state == "placed":
            return self._existing_order(now)
        if now.state == "unknown":
            raise self._unknown(placement, error, retry) from error
        error.idempotency_key = placement.key
        if isinstance(error, PaymentRequired):
            error.bind(retry)
        raise error

    def _note(self, placement: Placement, state: str, **told: Any) -> JournalError | None:
        """Write down what became of what was sent, or return why not: it stays sent, and is looked into like what is not known."""
        try:
            self._journal.mark(placement, state, **told)
        except JournalError as error:
            return error
        return None

    def _unnoted(self, placement: Placement, error: ScenecartError, unwritten: JournalError) -> Placement:
        """Tell what an answer means that could not be written down."""
        error.add_note(f"{unwritten.message} Placing it again, or client.settle(), asks with the same key.")
        return replace(placement, state="unknown") if isinstance(error, _NO_ANSWER) else placement

    def _note_failure(self, placement: Placement, error: ScenecartError) -> Placement:
        """Write down why it failed. A conflict may be another process placing with this very key."""
        if isinstance(error, PaymentRequired):
            return self._journal.mark(placement, "unpaid", detail=error.message)
        if isinstance(error, _NO_ANSWER):
            return self._journal.mark(placement, "unknown", detail=error.message)
        return self._journal.refuse(placement, error.message, sure=not error.money_may_have_moved)

    def _unknown(self, placement: Placement, cause: ScenecartError | None, retry: Callable[[], Order] | None) -> PlacementUnknown:
        why = cause.message if cause is not None else "The service's answer named no order."
        error = PlacementUnknown(
            f"It is not known whether the order was placed. {why}",
            hint="Nothing is bought twice: this error's .retry(), placing the same estimate again and client.settle() all use "
            f"key {placement.key}.",
            operation=operations.PLACE.id,
            status=None if cause is None else cause.status,
            problem=None if cause is None else cause.problem,
            idempotency_key=placement.key,
            money_may_have_moved=True,
        )
        error.bind(retry)
        return error

    def _order_of(self, placement: Placement) -> Order:
        return Order(self._orders, self._orders.fetch(placement.order_id or ""))

    def _existing_order(self, placement: Placement) -> Order:
        order = self._order_of(placement)
        when = datetime.fromtimestamp(placement.changed, UTC)
        since = f", and {order.status} since" if order.status in {"failed", "cancelled"} else ""
        order.tell(
            f"Already ordered on {when:%Y-%m-%d %H:%M} UTC as {order.id}{since}; nothing was bought again. "
            "To buy it once more, pass again=True."
        )
        return order

    def _key_may_be_free(self, placement: Placement) -> bool:
        # a clock that was set back says nothing of the key's age
        return not 0.0 <= self._wall() - placement.created < _KEY_SECONDS

    def _reconcile(self, placement: Placement) -> Placement | None:
        """Find the order of a placement whose key the service may have forgotten; where there is none, nothing was ordered.

        Where only a clock was set back, another process may be trying at this moment: the placement keeps its key.
        """
        found = self._adopt(placement)
        if found is not None:
            return found
        if self._wall() >= placement.created:
            self._journal.mark(placement, "refused", detail="not among the orders after the key had expired")
        elif placement.state != "unpaid":
            self._journal.mark(placement, "unknown", detail="not among the orders; the clock was set back since, so place it again")
        return None

    def _adopt(self, placement: Placement) -> Placement | None:
        """Find the order that a placement became, and write it down.

        That there is none is known when every order was looked at: the service is asked for the newest first, but where it gives
        them in another order, stopping at one that is older than the placement would buy it again.
        """
        known = {entry.order_id for entry in self._journal.placements(self._session.base_url, ("placed",))}
        wanted = sorted(_ids_in(placement.body))
        found = None
        for record in self._orders.each(schemas.order_filters(project=placement.project)):
            created = moment(record.created)
            is_after = created is None or created.timestamp() >= placement.created - _CLOCKS_DIFFER_SECONDS
            if record.id not in known and is_after and sorted(record.captures) == wanted:
                alike = _is_alike(record, placement)
                if alike or found is None:
                    found = record
                if alike:
                    break
        # the same captures at another price may be another area; while the key lasts, it finds out for certain
        if found is None or not (_is_alike(found, placement) or self._key_may_be_free(placement)):
            return None
        placement = self._journal.mark(placement, "placed", order_id=found.id, detail="found among the orders")
        _compare(found, placement.credits)
        return placement


def require_project(project: str | None, default: str | None) -> str:
    """Return the project to deliver to.

    Raises
    ------
    ConfigurationError
        If none is given.
    InvalidRequest
        If it is no text.
    """
    chosen = project if project is not None else default
    if chosen is not None and not isinstance(chosen, str):
        raise InvalidRequest(f"project is the id of a project, as text, not {chosen!r}. Nothing was ordered.")
    if chosen is None or not chosen.strip():
        raise ConfigurationError(
            "No project says where the imagery is to be delivered.",
            hint='Pass place(project="…"), or connect with project=… or SCENECART_PROJECT.',
        )
    return chosen


def _price(estimate: Estimate) -> Any:
    """Return everything of an estimate that is money, in an order of its own."""
    groups = sorted((sorted(group.ids), group.credits, group.aud) for group in estimate.price_groups)
    return estimate.total_credits, estimate.total_aud, groups, sorted(estimate.refused)


def _changes(old: Estimate, new: Estimate) -> pd.DataFrame:
    """Return each group's price then and now; a group that only one of the two has is missing in the other."""
    then = {tuple(sorted(group.ids)): group.credits for group in old.price_groups}
    now = {tuple(sorted(group.ids)): group.credits for group in new.price_groups}
    rows = [(list(ids), then.get(ids), now.get(ids)) for ids in dict.fromkeys([*then, *now])]
    table = pd.DataFrame(rows, columns=["captures", "old_credits", "new_credits"])
    return table.astype({"old_credits": "Int64", "new_credits": "Int64"})


def _check_limit(estimate: Estimate, max_credits: int | None) -> None:
    if max_credits is None or estimate.total_credits <= max_credits:
        return
    error = OverLimit(
        f"This costs {estimate.total_credits:,} credits; max_credits allows {max_credits:,}. Nothing was ordered.",
        hint="Take captures out of the cart, or allow more.",
        operation=operations.PLACE.id,
    )
    error.total_credits, error.max_credits = estimate.total_credits, max_credits
    raise error


def _compare(record: schemas.OrderRecord, expected_credits: int) -> None:
    if record.total_credits is not None and record.total_credits != expected_credits:
        warn(
            f"The order {record.id} costs {record.total_credits:,} credits; the estimate said "
            f"{expected_credits:,}. Look at it before it is delivered: order.cancel() may still be possible."
        )


def _is_alike(record: schemas.OrderRecord, placement: Placement) -> bool:
    """Tell whether an order of the right captures also has the price and the licence of a placement, as far as it tells them."""
    return record.total_credits in {None, placement.credits} and record.license_type in {None, placement.license_type}


def _ids_in(body: bytes) -> list[str]:
    return schemas.bought_ids(loads(body))
