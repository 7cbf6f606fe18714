"""A purchase in two steps, without a view: the offer with its facts, the order, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import traitlets as t

from scenecart.exceptions import AlreadyOwned, InvalidCart, PriceChanged
from scenecart.widgets._cart_contents import CartContents
from scenecart.widgets._jobs import LOCK, synchronized
from scenecart.widgets._notes import NOTHING_ORDERED, Note, failure_note
from scenecart.widgets._order_placer import OrderPlacer
from scenecart.widgets._owned_facts import OwnedFacts, find_owned, refused_as_owned
from scenecart.widgets._state import no_captures

if TYPE_CHECKING:
    from pathlib import Path

    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

# what the cart's own view shows
CART, CONFIRM, PLACING, BOUGHT = "cart", "confirm", "placing", "bought"
ALL, REST = "all", "rest"
STANDARD = "standard"
# notices of orders that were not bought now
_NOT_BOUGHT = frozenset({"already_ordered", "existing_order_ended"})


@dataclass(frozen=True)
class Offer:
    """A purchase that is to be confirmed.

    Attributes
    ----------
    estimate : Estimate
        The cart and its price.
    owned : OwnedFacts or None
        What of it is owned; None while that is being read.
    choice : str
        ``"all"`` buys the whole cart, ``"rest"`` only what is not owned.
    refused : bool
        Whether the service has refused it, and nothing was ordered.
    note : Note or None
        Why owned captures are not known.
    """

    estimate: Estimate
    owned: OwnedFacts | None = None
    choice: str = ALL
    refused: bool = False
    note: Note | None = None

    @property
    def is_checked(self) -> bool:
        """Whether owned captures were read, or this was tried."""
        return self.owned is not None or self.note is not None

    @property
    def chosen(self) -> Estimate | None:
        """What is bought; None if nothing is."""
        if self.choice == ALL:
            return self.estimate
        return None if self.owned is None else self.owned.rest


@dataclass(frozen=True)
class CompletedPurchase:
    """A purchase that went through, or that had gone through before.

    Attributes
    ----------
    order : Order
        The order.
    captures : int
        How many captures were requested.
    balance : dict
        The account's balance after it; empty until it was read.
    """

    order: Order
    captures: int
    balance: dict[str, Any]

    @property
    def is_new(self) -> bool:
        """Whether it was bought now."""
        return self.order.note is None or self.order.note.code not in _NOT_BOUGHT


class Purchase(CartContents):
    """A cart, its price, and its purchase in two steps.

    Parameters
    ----------
    client
        The connection to price and order with.
    runner
        Runs requests in the background.
    captures, aoi
        The captures in the cart at first, and the area that they are clipped to.
    project
        The project to deliver to. Default: the client's.
    directory
        Where the files will be downloaded to, for display.

    Attributes
    ----------
    project, license_type : str
        The project and the licence to order with.
    order : Order or None
        The last order placed here.
    step : str
        ``"cart"``, ``"confirm"``, ``"placing"`` or ``"bought"``.
    offer : Offer or None
        What is to be confirmed.
    bought : CompletedPurchase or None
        What was bought last.
    """

    project = t.Unicode("")
    license_type = t.Unicode(STANDARD)
    order = t.Any(None, allow_none=True)

    def __init__(  # one keyword for each property of a purchase
        self,
        client: Client,
        runner: Runner,
        captures: Any = None,
        aoi: Any = None,
        *,
        project: str | None = None,
        directory: Path | None = None,
    ) -> None:
        self.offer: Offer | None = None
        self.bought: CompletedPurchase | None = None
        self.directory = directory
        self.placer = OrderPlacer(client, runner, self._placed, self.notify_views)
        self.placer.refused = self._refused
        # what is being bought, and the contents of the cart at that time
        self._wanted: Estimate | None = None
        self._wanted_captures: Any = None
        super().__init__(client, runner, captures, aoi)
        self.project = project if project is not None else client.project or ""
        self.observe(self._renew_offer, ["project", "license_type"])

    @property
    def client(self) -> Client:
        """The connection."""
        return self._client

    @property
    def step(self) -> str:
        """The step that is displayed."""
        if self.is_placing:
            return PLACING
        return CONFIRM if self.offer is not None else BOUGHT if self.bought is not None else CART

    @property
    def is_placing(self) -> bool:
        """Whether an order is being placed."""
        return self.placer.is_placing

    @property
    def note(self) -> Note | None:
        """What happened last."""
        return self.placer.note

    @property
    def is_orderable(self) -> bool:
        """Whether there is a price for every capture, and no purchase of them to be finished first."""
        return self.estimate is not None and self.estimate.is_complete and not self.is_placing and not self.placer.can_retry

    def priced(self, consequence: str = NOTHING_ORDERED) -> Estimate:
        """Return the current price.

        Raises
        ------
        InvalidCart
            If there is no price yet; the message ends with the consequence.
        """
        estimate: Estimate | None = self.estimate
        if estimate is None:
            raise InvalidCart(
                f"The cart has no price yet. {consequence}", code="cart_not_priced", hint="Wait until the price is displayed."
            )
        return estimate

    @synchronized
    def open_offer(self) -> None:
        """Show what would be bought, and read what of it is owned already. Nothing is ordered.

        Raises
        ------
        InvalidCart
            If there is no price yet, or not for every capture.
        """
        estimate = self.priced()
        self.placer.discard_retry()
        self._make_offer(Offer(estimate))

    @synchronized
    def close_offer(self) -> None:
        """Buy nothing."""
        self._runner.cancel("owned-facts")
        self.offer = None
        self.notify_views()

    @synchronized
    def choose(self, choice: str) -> None:
        """Choose whether owned areas are left out (``"rest"``) or bought again (``"all"``)."""
        if self.offer is not None and self.offer.owned is not None and choice in {ALL, REST}:
            self.offer = replace(self.offer, choice=choice)
            self.notify_views()

    @synchronized
    def buy(self, total_credits: int) -> None:
        """Place the order that is offered. This spends money.

        Parameters
        ----------
        total_credits
            The displayed sum; if the offer has changed since, nothing is ordered.
        """
        offer = self.offer
        estimate = None if offer is None or not offer.is_checked else offer.chosen
        if offer is None or estimate is None or estimate.total_credits != total_credits or self.is_placing:
            return
        # owned captures are bought again only if that was chosen
        again = offer.choice == ALL and offer.owned is not None and bool(offer.owned.facts)
        self._place_estimate(estimate, "buy" if again else "refuse")

    @synchronized
    def buy_at_once(self) -> None:
        """Place the order at the displayed price, without an offer. This spends money; owned captures are refused.

        Raises
        ------
        InvalidCart
            If there is no price. Nothing was ordered.
        """
        self._place_estimate(self.priced(), "refuse")

    @synchronized
    def start_next(self) -> None:
        """Show the cart again after a purchase."""
        self.bought = None
        self.notify_views()

    def set_note(self, note: Note | BaseException) -> None:
        """Display a note that is not about a purchase."""
        with LOCK:
            self.placer.note = note if isinstance(note, Note) else failure_note(note)
            self.notify_views()

    def _contents_changed(self, change: Any) -> None:
        with LOCK:
            # another cart is another offer: notes about the earlier one do not apply
            self.offer = None
            if len(self.captures):
                self.bought = None
            self.placer.discard_retry()
            is_wanted = self.captures is self._wanted_captures
            super()._contents_changed(change)
            if is_wanted:
                # another area changes columns of the captures that are being bought
                self._wanted_captures = self.captures

    def _keep_estimate(self, estimate: Estimate) -> None:
        # the offer has the earlier price
        self.offer = None
        super()._keep_estimate(estimate)

    @synchronized
    def _renew_offer(self, _: Any) -> None:
        """Check the offer again when the project or the licence has changed: the order would be another one."""
        if self.offer is not None:
            self._make_offer(replace(self.offer, refused=False))

    def _make_offer(self, offer: Offer) -> None:
        self.offer = offer
        estimate = offer.estimate
        if offer.owned is None:
            self._runner.start(
                "owned-facts", lambda _: find_owned(self._client, estimate.cart), self._show_owned, self._owned_unknown
            )
        self.notify_views()

    def _show_owned(self, owned: OwnedFacts) -> None:
        if self.offer is not None:
            # the safe answer is chosen
            self.offer = replace(self.offer, owned=owned, choice=REST if owned.facts else ALL)
        self.notify_views()

    def _owned_unknown(self, error: Exception) -> None:
        if self.offer is not None:
            text = "It is checked again before the order is sent."
            note = failure_note(error, "It is not known what of this is owned already.")
            self.offer = replace(self.offer, note=replace(note, kind="warn", hint=text))
        self.notify_views()

    def _place_estimate(self, estimate: Estimate, owned: str) -> None:
        wanted, captures = self._wanted, self._wanted_captures
        self._wanted, self._wanted_captures = estimate, self.captures
        self.bought = None
        if not self.placer.place(estimate, self.project.strip() or None, self.license_type.strip() or STANDARD, owned=owned):
            self._wanted, self._wanted_captures = wanted, captures

    def _placed(self, order: Order) -> None:
        count = len(order.captures) if self._wanted is None else len(self._wanted.cart)
        # the balance of cached estimates is out of date
        self._estimates.clear()
        self.offer = None
        self.bought = bought = CompletedPurchase(order, count, {})
        # captures added to the cart since then are the next purchase
        if self.captures is self._wanted_captures:
            self._undo = []
            self.captures = no_captures()
        self.bought = bought
        self.order = order
        self._runner.start("balance", lambda _: self._client.balance(), self._show_balance, lambda _: None)

    def _show_balance(self, balance: dict[str, Any]) -> None:
        if self.bought is not None:
            self.bought = replace(self.bought, balance=balance)
            self.notify_views()

    def _refused(self, error: Exception) -> None:
        wanted = self._wanted
        self.offer = None
        if isinstance(error, AlreadyOwned) and wanted is not None:
            self._runner.start(
                "owned-facts",
                lambda _: refused_as_owned(error, wanted.cart),
                lambda owned: self._offer_refused(wanted, owned),
                self._owned_unknown,
            )
        elif isinstance(error, PriceChanged):
            self._keep_estimate(error.estimate)

    def _offer_refused(self, wanted: Estimate, owned: OwnedFacts) -> None:
        self.offer = Offer(wanted, owned, REST, refused=True)
        self.placer.discard_retry()
        self.notify_views()
