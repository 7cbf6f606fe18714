"""Placing an estimate: each order is bought exactly once."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from scenecart._api import schemas
from scenecart._api.order_states import ENDED
from scenecart._api.transport import service_time
from scenecart._orders import placement_errors as errors
from scenecart._orders.delivered import delivered_holdings
from scenecart._orders.evidence import Proof
from scenecart._orders.list_notices import ListNotices
from scenecart._orders.listing import FRESH_SECONDS, Holding, Listing, ListingReader, grounds_in, grounds_of
from scenecart._orders.matching import EARLIER_SECONDS, warn_of_other_price
from scenecart._orders.notice import Notice
from scenecart._orders.order import Order
from scenecart._orders.owner import is_working, reservation
from scenecart._orders.ownership import OWNED_SHARE, has_same_ground, owned_of, shares_ground, with_whole_footprints
from scenecart._orders.payer import Payer
from scenecart._orders.placement_checks import check_again, check_estimate, check_project, check_service
from scenecart._orders.placement_errors import NOTHING_ORDERED
from scenecart._orders.placement_request import (
    PlacementAttempt,
    PlacementRequest,
    footprints_of,
    is_accepted,
    prices_of,
    purchase_terms,
)
from scenecart._orders.purchase import PLAIN, Purchase, fingerprint_of
from scenecart._orders.sending import Outcome, PlacementSender, Submission
from scenecart._orders.tables import parse_time
from scenecart._orders.unanswered import UnansweredPlacements
from scenecart._util.json import dumps
from scenecart._util.text import pluralize
from scenecart._util.validate import check_choice, check_count, check_text
from scenecart.exceptions import (
    NotFound,
    PaymentRequired,
    PlacementError,
    ScenecartError,
    warn,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart._cart.estimate import Estimate, PricingService
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.matching import OrderMatcher
    from scenecart._orders.order_api import OrderApi

_MOST_ATTEMPTS = 4
# how long to wait for another session that is placing the same captures
_WAIT_SECONDS, _PAUSE_SECONDS = 300.0, 0.05
_MOST_FETCHED = 50
OWNED_CHOICES = ("refuse", "buy")
# starts a wish of a text
_TEXT = "text:"


class PlacementService:
    """Places estimates at one service, through one journal.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements; each try is written before its request leaves.
    pricing
        Where prices are requested.
    matcher
        Finds the order of an earlier placement.
    reader
        Reads the list of orders.
    price_seconds
        How old a price may be, in seconds, before placing requests it again; 0 always requests it.
    owned_share
        The share of a capture's ground (0–1) from which on it counts as owned.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(
        self,
        orders: OrderApi,
        journal: Journal,
        pricing: PricingService,
        matcher: OrderMatcher,
        reader: ListingReader,
        *,
        price_seconds: float,
        owned_share: float = OWNED_SHARE,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._orders = orders
        self._session = orders.session
        self._journal = journal
        self._pricing = pricing
        self._matcher = matcher
        self._reader = reader
        self._price_seconds = price_seconds
        self._owned_share = owned_share
        self._now = now
        self._payer = Payer(self._session, journal)
        self._sender = PlacementSender(self._session, journal, matcher, now)
        self.unanswered = UnansweredPlacements(self._session, journal, matcher, self._sender, now)
        self._notices = ListNotices(orders, journal, owned_share, now)

    def place(
        self,
        estimate: Estimate,
        *,
        project: str | None,
        license_type: str = "standard",
        again: bool | str = False,
        owned: str = "refuse",
        max_credits: int | None = None,
        guard: Callable[[PlacementRequest], None] | None = None,
    ) -> Order:
        """Buy what was estimated, once. The key is on disk before the request is sent; the states are in the module ``journal``.

        ``guard`` is called before anything is written or sent, in each attempt and retry; it raises to refuse the purchase.

        Raises
        ------
        EstimateIncomplete
            If part of the cart has no price.
        ScenecartError
            The service's refusal, ``AlreadyOwned``, ``PriceChanged``, ``OverLimit``, ``PaymentRequired`` or ``PlacementUnknown``.
            The error of a request that was sent carries its idempotency key.
        """
        check_estimate(estimate)
        if estimate.refused:
            raise errors.incomplete(estimate)
        check_again(again)
        check_choice(owned, "owned", OWNED_CHOICES, after=NOTHING_ORDERED)
        max_credits = check_count(max_credits, "max_credits", least=0, of="credits", after=NOTHING_ORDERED)
        check_service(estimate, self._session.base_url)
        purchase = self._purchase(estimate, check_project(project), license_type)
        order = self._buy(PlacementRequest(estimate, purchase, again, owned, max_credits, guard=guard))
        order.cart = estimate.cart
        return order

    def check(
        self,
        estimate: Estimate,
        guard: Callable[[PlacementRequest], None],
        *,
        project: str,
        license_type: str,
        again: bool | str = False,
    ) -> None:
        """Call a guard with what would be placed, without placing it."""
        check_estimate(estimate)
        purchase = self._purchase(estimate, check_project(project), license_type)
        guard(PlacementRequest(estimate, purchase, again, "refuse", None))

    def existing_order(
        self, estimate: Estimate, *, project: str | None, license_type: str = "standard", refuse_owned: bool = False
    ) -> Order | None:
        """Return the order that placing this would return without buying, or None.

        Raises
        ------
        AlreadyOwned
            With ``refuse_owned``, if placing would raise it by what the list of orders shows now.
        """
        check_estimate(estimate)
        purchase = self._purchase(estimate, check_project(project), license_type)
        rows = self._journal.rows(purchase)
        done = self._done(rows)
        if done is not None:
            return Order(self._orders, done.record)
        grounds = grounds_in(purchase.body)
        holdings = with_whole_footprints(self.read_orders(purchase.ids).holdings, footprints_of(estimate))
        owned = owned_of(grounds, holdings, purchase_terms(purchase))
        if owned.exact is not None:
            return Order(self._orders, owned.exact.record)
        # a request without an answer is settled first, whatever is owned
        is_owned = bool(owned.at_least(self._owned_share) or owned.uncertain)
        if refuse_owned and is_owned and not any(row.open_tries for row in rows):
            raise errors.already_owned(owned, self._owned_share, purchase.captures)
        return None

    def read_orders(self, captures: Iterable[str] = (), placements: Iterable[Placement] = ()) -> Listing:
        """Read the list of orders as far as captures and placements without an answer need it."""
        rows = [*placements, *self._notices.to_check()]
        names = {*captures, *(ground.key[2] for row in rows for ground in grounds_of(row))}
        since = min((row.since_at_service or row.unanswered_since or row.created for row in rows), default=None)
        return self._reader.read(names, account=self.account(), since=since)

    def account(self) -> str:
        """Return the account that pays; it is never guessed."""
        return self._payer.name()

    def is_own(self, placement: Placement) -> bool:
        """Return whether a placement is of this account, under any of its names."""
        return placement.account in self._payer.aliases()

    def show_notices(self, listing: Listing | None) -> None:
        """Show notices about the list of orders, such as a second order of the same area; without a list, read it if needed."""
        if listing is None and self._notices.to_check():
            listing = self.read_orders()
        if listing is not None:
            self._notices.show(listing)

    def _buy(self, request: PlacementRequest) -> Order:
        if request.guard is not None:
            request.guard(request)
        with reservation(self._journal) as owner:
            return self._place(PlacementAttempt(request, owner))

    def _place(self, attempt: PlacementAttempt) -> Order:
        wait_until, take_over = time.monotonic() + _WAIT_SECONDS, False
        row: Placement | None = None
        attempts = 0
        while attempts < _MOST_ATTEMPTS:
            request, purchase = attempt.request, attempt.request.purchase
            rows = self._journal.rows(purchase)
            if request.again is False:
                done = self._done(rows)
                if done is not None:
                    return self._existing(self._replacement(request, done) or done)
            request = attempt.request = self._with_wish(attempt, rows)
            row = self._journal.claim(
                purchase,
                request.wish or PLAIN,
                attempt.owner,
                known=request.known,
                is_in_the_way=partial(self._is_in_the_way, request),
                take_over=take_over,
            )
            if row.state == "placed":
                return self._existing(self._holding(row))
            if row.owner != attempt.owner:
                if not self._is_free_in_time(row, wait_until):
                    if row.fingerprint != purchase.fingerprint:
                        raise errors.in_work(row)
                    take_over = True
                continue
            attempts += 1
            order = self._place_once(attempt, row)
            if order is not None:
                return order
        raise self._too_slow(row, attempt)

    def _place_once(self, attempt: PlacementAttempt, row: Placement) -> Order | None:
        """Check and send a placement; an error states whether an earlier request may have become an order."""
        try:
            return self._check_and_send(attempt, row)
        except ScenecartError as error:
            if row.open_tries:
                errors.add_may_be_ordered(error)
            raise

    def _check_and_send(self, attempt: PlacementAttempt, row: Placement) -> Order | None:
        """Read the list of orders, check the price and send; None if the list has become too old meanwhile."""
        request = attempt.request
        listing = attempt.listing = self._fresh_listing(attempt, row)
        if row.open_tries:
            settled = self._settle_own(attempt, row, listing)
            if settled.state == "placed":
                return self._existing(self._holding(settled))
            row = settled
        found = self._settle_others(attempt, row, listing)
        if found is not None or attempt.listing is None:
            return found
        if not row.open_tries:
            found = self._guard(attempt, row, listing)
            if found is not None:
                return found
        self._check_terms(attempt)
        price = (request.estimate.total_credits, str(request.estimate.total_aud))
        submission = Submission(
            attempt.owner,
            price,
            lambda: listing.is_fresh(self._now()),
            new_key=request.new_key,
            key=partial(request.purchase.key, row.wish),
        )
        outcome = self._sender.send(row, submission)
        # a new key that the user asked for is for one request
        attempt.request = replace(request, new_key=False)
        if outcome.is_stale:
            return None
        return self._after(attempt, outcome)

    def _check_terms(self, attempt: PlacementAttempt) -> None:
        """Refuse a price above the limit, or another one than the estimate's."""
        request = attempt.request
        if request.max_credits is not None and request.estimate.total_credits > request.max_credits:
            raise errors.over_limit(request.estimate, request.max_credits)
        if not 0 <= self._now() - attempt.priced_at <= FRESH_SECONDS:
            # a price that takes longer than a list stays fresh is not requested again after the next reading
            self._check_price(request.estimate, has_limit=request.max_credits is not None)
            attempt.priced_at = self._now()

    def _settle_own(self, attempt: PlacementAttempt, row: Placement, listing: Listing) -> Placement:
        """Find the order of this placement's earlier requests, or prove that there is none, before it is sent again."""
        found = self._matcher.match(row, listing)
        if found is not None:
            return found
        if self._matcher.is_recent(row):
            if attempt.request.new_key:
                raise errors.unknown(row, None, self._retry(attempt), reason=errors.unanswered(row), is_recent=True)
            return row
        obstacle = self._matcher.obstacle_to_absence(row, listing)
        if obstacle is not None:
            reason = f"{errors.unanswered(row, is_detailed=False)} Since then: {obstacle}."
            row = self._journal.leave_open(row, obstacle)
            raise errors.unknown(row, None, self._retry(attempt), reason=reason, is_recent=False)
        row = self._journal.mark_not_ordered(row, "the list of orders proves that it was not ordered")
        if row.conflicts and not attempt.request.new_key:
            raise errors.key_refused(row, self._anew(attempt))
        return row

    def _settle_others(self, attempt: PlacementAttempt, row: Placement, listing: Listing) -> Order | None:
        """Find other placements without an answer that share area; one of them may be this very purchase."""
        request = attempt.request
        for other in self._journal.sharing(request.purchase):
            if other.number == row.number or not other.open_tries or not self.is_own(other) or is_working(other.owner):
                continue
            if not shares_ground(request.grounds, grounds_of(other)):
                continue
            # not sent again: placing this cart must not buy the other one
            settled = self.unanswered.finish(other, listing, send=False)
            is_same = other.fingerprint == request.purchase.fingerprint
            if settled.state == "placed":
                if is_same and request.again is False:
                    return self._existing(self._holding(settled))
                # the list was read before this order was known to be ours
                attempt.listing = None
            if settled.open_tries:
                if request.owned != "buy":
                    raise errors.in_the_way(settled)
                attempt.notes.append(f"Placement {settled.number} holds some of these captures, and its outcome is unknown.")
        return None

    def _guard(self, attempt: PlacementAttempt, row: Placement, listing: Listing) -> Order | None:
        """Return an order of exactly this purchase that was placed elsewhere; refuse captures that are owned already.

        Raises
        ------
        AlreadyOwned
            If captures are owned, or may be, unless they are bought anyway.
        """
        request, purchase = attempt.request, attempt.request.purchase
        known = with_whole_footprints(self._holdings(attempt, listing), request.footprints)
        holdings = [one for one in known if row.wish == PLAIN or not is_accepted(one, row, purchase)]
        owned = owned_of(request.grounds, holdings, purchase_terms(purchase))
        if owned.exact is not None:
            if owned.exact.placement is None:
                self._journal.place(row, owned.exact.record.id, detail="ordered elsewhere, found among the orders")
            return self._existing(owned.exact)
        certain = owned.at_least(self._owned_share)
        if (certain or owned.uncertain) and request.owned != "buy":
            raise errors.already_owned(owned, self._owned_share, purchase.captures)
        shared = owned.at_least(0.0)
        if shared:
            attempt.notes.append(
                f"{pluralize(len(shared), 'capture')} of it {'overlaps' if len(shared) == 1 else 'overlap'} other orders: "
                f"{100 * owned.km2 / owned.asked_km2:.0f} % of the area."
            )
        return None

    def _after(self, attempt: PlacementAttempt, outcome: Outcome) -> Order:
        """Return the order that sending gave, or raise what it means."""
        placement, record = outcome.placement, outcome.evidence.record
        if record is not None:
            return self._placed(attempt, outcome, record)
        if placement.state == "placed":
            return self._existing(self._holding(placement))
        error, retry = outcome.error, self._retry(attempt)
        if outcome.not_recorded is not None and error is not None:
            error.add_note(f"{outcome.not_recorded.message} Place it again: the same key is used.")
        # while another request of this placement may have become an order, the answer to this one decides nothing
        is_open = placement.open_tries > 0 if outcome.not_recorded is None else placement.state == "unknown"
        is_decided = outcome.evidence.proof in {Proof.REFUSED, Proof.UNPAID, Proof.NOT_SENT, Proof.LIMITED} and error is not None
        if error is None or not is_decided or (is_open and outcome.evidence.proof in {Proof.REFUSED, Proof.UNPAID}):
            reason = outcome.evidence.mismatch and f"The service returned another order: {outcome.evidence.mismatch}."
            raise errors.unknown(placement, error, retry, reason=reason, is_recent=True) from error
        error.idempotency_key = placement.key
        if is_open:
            error.money_may_have_moved = True
        else:
            errors.add_nothing_ordered(error)
        if isinstance(error, PaymentRequired):
            error.bind(retry)
        if outcome.is_repeated_refusal and not is_open:
            errors.offer_new_key(error, self._anew(attempt))
        raise error

    def _placed(self, attempt: PlacementAttempt, outcome: Outcome, record: schemas.OrderRecord) -> Order:
        placement = outcome.placement
        if outcome.not_recorded is not None:
            warn(
                f"Order {record.id} was placed, but this was not recorded. {outcome.not_recorded.message}",
                code="placement_not_recorded",
                hint="Place it again to record it: the same key is used, so nothing is bought twice.",
            )
        created = parse_time(record.created)
        answered = service_time(None if outcome.reply is None else outcome.reply.headers.get("date"))
        age = 0.0 if created is None else (answered or placement.created) - created.timestamp()
        if outcome.evidence.is_repeated or age > 0:
            # an earlier request with this key, perhaps of a colleague, made it, and its stored answer may be old
            with contextlib.suppress(ScenecartError):
                record = self._orders.fetch(record.id)
        if record.phase == ENDED or age > EARLIER_SECONDS:
            return self._existing(Holding(record, (), None if created is None else created.timestamp()))
        order = Order(self._orders, record)
        warn_of_other_price(record, placement.credits)
        if attempt.notes:
            order.note = Notice(" ".join(attempt.notes), code="ground_shared")
            self._orders.notify(order.note)
        return order

    def _with_wish(self, attempt: PlacementAttempt, rows: list[Placement]) -> PlacementRequest:
        """Return the request with the order that it means (the plain one, or one more), which is decided once."""
        request = attempt.request
        if request.wish is not None or request.again is False:
            return replace(request, wish=request.wish or PLAIN)
        first = next((one for one in rows if one.open_tries), None)
        if request.again is True and first is not None:
            # an order without an answer is settled first, and ends this call
            return replace(request, wish=first.wish)
        attempt.listing = self.read_orders(request.purchase.ids)
        known = self._newest(rows, attempt.listing, request)
        if request.again is True:
            return replace(request, wish=PLAIN if known is None else f"more:{known[0]}", known=known)
        return replace(request, wish=_wish_of_text(str(request.again), rows), known=known)

    def _newest(self, rows: list[Placement], listing: Listing, request: PlacementRequest) -> tuple[str, float | None] | None:
        """Return the newest order of a purchase that the journal or the list knows."""
        listed = {one.record.id: one for one in listing.holdings}
        found: dict[str, float] = {}
        for row in rows:
            if row.order_id is not None:
                holding = listed.get(row.order_id)
                found[row.order_id] = (holding.created if holding else None) or row.changed
        for holding in with_whole_footprints(listing.holdings, request.footprints):
            is_same = holding.record.project in {None, request.purchase.project} and (
                holding.record.license_type in {None, request.purchase.license_type}
            )
            if is_same and has_same_ground(request.grounds, holding) is True:
                found.setdefault(holding.record.id, holding.created or 0.0)
        if not found:
            return None
        name = max(found, key=lambda one: (found[one], one))
        return name, found[name]

    def _done(self, rows: list[Placement]) -> Holding | None:
        """Return the order of a purchase that counts: the newest that has not ended, else the plain one."""
        placed = [row for row in rows if row.state == "placed"][::-1]
        ended: Holding | None = None
        for row in placed:
            holding = self._holding(row)
            if holding.record.phase != ENDED:
                return holding
            ended = holding if row.wish == PLAIN else ended
        return ended

    def _replacement(self, request: PlacementRequest, done: Holding) -> Holding | None:
        """Return the live order of the same purchase that was placed after one that has ended."""
        if done.record.phase != ENDED:
            return None
        holdings = with_whole_footprints(self.read_orders(request.purchase.ids).holdings, request.footprints)
        return owned_of(request.grounds, holdings, purchase_terms(request.purchase)).exact

    def _holding(self, placement: Placement) -> Holding:
        try:
            return self._reader.holding_of(placement)
        except NotFound as error:
            raise errors.order_gone(placement) from error

    def _fresh_listing(self, attempt: PlacementAttempt, row: Placement) -> Listing:
        """Return a fresh list of orders; without one, nothing is sent unless the user accepts that."""
        request = attempt.request
        listing = attempt.listing
        if listing is None or not listing.is_fresh(self._now()):
            others = [other for other in self._journal.sharing(request.purchase) if other.open_tries and self.is_own(other)]
            listing = self.read_orders(request.purchase.ids, [row, *others])
        self._notices.show(listing)
        if listing.is_offered and listing.obstacle:
            if request.owned != "buy" or row.open_tries:
                raise errors.orders_not_read(listing, row) from listing.failure
            attempt.notes.append("The list of orders could not be read: purchases from other computers were not seen.")
        return listing

    def _holdings(self, attempt: PlacementAttempt, listing: Listing) -> Iterable[Holding]:
        """Return the orders of the list, and those of this journal that it does not show."""
        shown = {one.record.id for one in listing.holdings}
        rows = [
            row
            for row in self._journal.sharing(attempt.request.purchase)
            if row.state == "placed" and row.order_id not in shown and self.is_own(row)
        ]
        holdings = list(listing.holdings)
        for row in rows[-_MOST_FETCHED:]:
            with contextlib.suppress(NotFound):
                holdings.append(self._reader.holding_of(row))
        return holdings + delivered_holdings(self._session, listing, attempt.request.purchase.ids)

    def _existing(self, holding: Holding) -> Order:
        """Return an order that exists already, with a notice."""
        order = Order(self._orders, holding.record)
        is_own = holding.placement is not None and holding.placement.state == "placed"
        when = holding.placement.changed if holding.placement is not None and is_own else holding.created or self._now()
        is_ended = holding.record.phase == ENDED
        order.note = errors.ended_notice(holding.record) if is_ended else errors.existing_notice(holding.record, when)
        self._orders.notify(order.note)
        return order

    def _retry(self, attempt: PlacementAttempt) -> Callable[[], Order]:
        """Return the function for an error's ``retry()``, which continues with this order."""
        return partial(self._again, replace(attempt.request, new_key=False))

    def _anew(self, attempt: PlacementAttempt) -> Callable[[], Order]:
        return partial(self._again, replace(attempt.request, new_key=True))

    def _again(self, request: PlacementRequest) -> Order:
        order = self._buy(request)
        order.cart = request.estimate.cart
        return order

    def _is_in_the_way(self, request: PlacementRequest, other: Placement) -> bool:
        return other.state != "placed" and self.is_own(other) and shares_ground(request.grounds, grounds_of(other))

    def _is_free_in_time(self, row: Placement, deadline: float) -> bool:
        """Wait until the session that works on a placement has ended its work, for a bounded time; Ctrl+C ends it."""
        owner, now = row.owner, self._journal.present(row)
        # a placement that was removed was never sent
        while now is not None and now.owner == owner and now.state != "placed" and is_working(now.owner):
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
            now = self._journal.present(row)
        return True

    def _purchase(self, estimate: Estimate, project: str, license_type: str) -> Purchase:
        """Return what is bought."""
        check_text(license_type, "license_type", after=NOTHING_ORDERED)
        cart = estimate.cart
        captures = list(cart.orders)
        body = schemas.place_body(captures, project=project, license_type=license_type, split_by_date=cart.split_by_date)
        return Purchase(
            base_url=self._session.base_url,
            account=self.account(),
            payer=self._payer.organization(),
            project=project,
            fingerprint=fingerprint_of(captures, project=project, license_type=license_type, split_by_date=cart.split_by_date),
            license_type=license_type,
            ids=tuple(capture.id for capture in captures),
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
        if prices_of(current) != prices_of(estimate):
            raise errors.price_changed(estimate, self._pricing.with_balance(current))

    def _too_slow(self, row: Placement | None, attempt: PlacementAttempt) -> PlacementError:
        if row is not None and (current := self._journal.reload(row)).open_tries:
            return errors.unknown(
                current, None, self._retry(attempt), reason=errors.unanswered(current), is_recent=self._matcher.is_recent(current)
            )
        return errors.too_slow(_MOST_ATTEMPTS)


def _wish_of_text(text: str, rows: list[Placement]) -> str:
    """Return the wish of a text: blanks and capitals make no other one, nor do those of a text that was used before."""
    wanted = _in_one_form(text)
    earlier = (row.wish for row in rows if row.wish.startswith(_TEXT) and _in_one_form(row.wish.removeprefix(_TEXT)) == wanted)
    return next(earlier, f"{_TEXT}{wanted}")


def _in_one_form(text: str) -> str:
    return " ".join(text.split()).casefold()
