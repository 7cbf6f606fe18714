"""The cart panel: captures to buy, their price, and a purchase in two steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import pandas as pd
import traitlets as t

from scenecart._captures.frame import concat
from scenecart._cart.cart import Cart, left_of
from scenecart._cart.checks import checked_frame, orderable_captures
from scenecart._cart.estimate import estimate_html
from scenecart._geo.area import as_area
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import (
    AlreadyOwned,
    AuthenticationRequired,
    InvalidCart,
    PaymentRequired,
    PlacementUnknown,
    PriceChanged,
)
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._capture_text import describe, owned_text
from scenecart.widgets._hints import hint_of
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._state import no_captures, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.client import Client

_SETTLE_SECONDS = 0.6
_MOST_ROWS = 200
_MOST_OWNED = 20
_IDENTITY = ("host", "collection", "id")


class CartPanel(Panel):
    """A cart to price and buy: captures, the service's price, and a purchase in two steps.

    The price is requested once the cart has settled, and kept for every cart that was priced already. Buying shows the total again
    and asks for confirmation. The price is requested again before the order is sent; if it has changed, nothing is ordered.

    Parameters
    ----------
    client
        The connection to price and order with.
    captures
        The captures in the cart at first: rows of a search result, or None.
    aoi
        The area the captures are clipped to, in any format that ``search`` accepts; None buys whole footprints.
    picker
        A :class:`CaptureMap` or its state: its selection can be added to the cart, and its area is the cart's.
    project
        The project to deliver to. Default: the client's.

    Attributes
    ----------
    captures : geopandas.GeoDataFrame
        The captures in the cart; can be set.
    estimate : Estimate or None
        The current price; None until it has arrived.
    order : Order or None
        The last order placed here.

    Examples
    --------
    >>> import scenecart
    >>> client = scenecart.connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
    >>> panel = CartPanel(client, captures)
    >>> panel.remove([captures["id"].iloc[0]])
    >>> panel.cart
    Cart(1 capture, whole footprints)
    >>> panel.close()
    """

    captures = t.Any()
    aoi = t.Any(None, allow_none=True)
    estimate = t.Any(None, allow_none=True)
    order = t.Any(None, allow_none=True)

    @checked_keywords()
    def __init__(
        self, client: Client, captures: Any = None, aoi: Any = None, *, picker: Any = None, project: str | None = None
    ) -> None:
        self._client = checked_client(client)
        self._runner = Runner(2, resend=self.resend_state)
        self._estimates: dict[str, Estimate] = {}
        self._retry_purchase: Callable[[], Order] | None = None
        self._offered: Estimate | None = None
        # the estimate that was refused because something of it is owned, and what is left of captures without that
        self._refused: Estimate | None = None
        self._left: dict[Any, Any] = {}
        self.state = None if picker is None else state_of(picker)
        self._make_list()
        self._make_fields(project if project is not None else client.project)
        self._make_purchase()
        self._make_owned()
        purchase = (self._order_button, self._confirmation, self._status, self._owned, self._whole_button, self._retry_button)
        super().__init__(_style.style_sheet(), self._head, self._rows, self._edit, self._fields, self._price, *purchase)
        self.add_class("scenecart-card")
        if self.state is not None:
            self.watch(self.state, lambda change: setattr(self, "aoi", change["new"]), "aoi")
            self.watch(self.state, self._count_selection, "selection")
            aoi = self.state.aoi if aoi is None else aoi
        # what is left of a capture is clipped to the area, too
        self.observe(self._forget_rest, "aoi")
        self.observe(self._cart_changed, ["captures", "aoi"])
        self.observe(self._show_price, "estimate")
        self.aoi = aoi
        self.captures = no_captures() if captures is None else captures
        self._count_selection(None)
        self._show_price(None)

    @t.default("captures")
    def _no_captures(self) -> gpd.GeoDataFrame:
        return no_captures()

    @t.validate("captures")
    def _check_captures(self, proposal: dict[str, Any]) -> gpd.GeoDataFrame:
        frame = proposal["value"]
        return checked_frame(frame) if not isinstance(frame, gpd.GeoDataFrame) or len(frame) else no_captures()

    @t.validate("aoi")
    def _check_aoi(self, proposal: dict[str, Any]) -> Any:
        value = proposal["value"]
        return None if value is None else as_area(value)

    @property
    def cart(self) -> Cart:
        """The cart that is priced and bought.

        Raises
        ------
        InvalidCart
            If it is empty, or a capture cannot be ordered.
        """
        if not len(self.captures):
            raise InvalidCart("The cart is empty.", code="cart_empty", hint="Add captures to it.")
        # client.cart would check the frame again, which was checked when it was set
        return Cart(orderable_captures(self.captures, self.aoi), self.aoi, bool(self._by_date.value), self._client, self._left)

    @property
    def project(self) -> str:
        """The project to deliver to."""
        return str(self._project.value).strip() or self._client.project or ""

    @property
    def license_type(self) -> str:
        """The licence to buy."""
        return str(self._license.value).strip() or "standard"

    @synchronized
    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Add captures to the cart; captures that are in it already are not added twice."""
        if not isinstance(captures, gpd.GeoDataFrame) or len(captures):
            self._append(checked_frame(captures))

    @synchronized
    def remove(self, ids: Iterable[str]) -> None:
        """Remove captures from the cart, by id."""
        self.captures = self.captures[~self.captures["id"].isin(list(ids))].reset_index(drop=True)

    def buy(self) -> None:
        """Place the order at the displayed price, as "Buy" does. This spends money.

        Nothing is ordered if the service's price has changed since.
        """
        estimate = self.estimate
        if estimate is None:
            self._show_error(_no_price("Nothing was ordered."))
        else:
            self._buy(estimate)

    def retry(self) -> None:
        """Place the order again with the same idempotency key, as "Try again" does."""
        if self._retry_purchase is not None:
            self._place(self._retry_purchase)

    @property
    def is_busy(self) -> bool:
        """Whether a price is being requested or an order placed."""
        return self._runner.is_busy("estimate") or self.is_placing

    @property
    def is_placing(self) -> bool:
        """Whether an order is being placed."""
        return self._runner.is_busy("place")

    def release(self) -> None:
        """End background jobs; the journal settles an order that is being placed."""
        self._runner.close()

    def _make_list(self) -> None:
        self._title = W.HTML()
        self._add_button = _style.button("Add selection", "Add the selected captures to the cart", icon="plus")
        self._add_button.on_click(self._guarded(lambda _: self._append(self.state.selected) if self.state is not None else None))
        _style.set_visible(self._add_button, self.state is not None)
        self._head = _style.box(self._title, self._add_button, kind="row", horizontal=True)
        self._head.layout.justify_content = "space-between"
        self._rows = W.HTML()
        self._pick = W.Dropdown(options=[], layout=W.Layout(width="min(340px, 100%)"))
        self._pick.tooltip = "The capture to remove"
        remove = _style.button("Remove", "Remove this capture from the cart", icon="times")
        remove.on_click(self._guarded(lambda _: self.remove([self._pick.value]) if self._pick.value is not None else None))
        self._remove_unpriced_button = _style.button(
            "Remove captures without a price", "Remove the captures that cannot be priced", kind="warning"
        )
        self._remove_unpriced_button.on_click(self._guarded(lambda _: self._remove_unpriced()))
        self._edit = _style.box(self._pick, remove, self._remove_unpriced_button, kind="row", horizontal=True)

    def _make_fields(self, project: str | None) -> None:
        self._by_date = W.Checkbox(description="Price each date separately", indent=False, layout=W.Layout(width="auto"))
        self._by_date.observe(self._cart_changed, "value")
        style = {"description_width": "initial"}
        self._project = W.Text(value=project or "", description="Project", style=style, layout=W.Layout(width="360px"))
        self._license = W.Text(value="standard", description="Licence", style=style, layout=W.Layout(width="180px"))
        for field in (self._project, self._license):
            field.observe(self._withdraw_offer, "value")
        self._report = W.Text(value="quote.html", description="Report file", style=style, layout=W.Layout(width="280px"))
        self._report.tooltip = "The file to save the report with the price to"
        save = _style.button("Save report", "Save a report with the price to this file", icon="file-text")
        save.on_click(self._guarded(lambda _: self._save_report()))
        self._fields = _style.box(
            _style.box(self._by_date, self._license, self._project, kind="row", horizontal=True),
            _style.box(self._report, save, kind="row", horizontal=True),
        )

    def _make_purchase(self) -> None:
        self._price = W.HTML()
        self._order_button = _style.button("Order…", "Show the total and ask for confirmation", kind="primary")
        self._order_button.on_click(lambda _: self._confirm(is_open=True))
        self._question = W.HTML()
        self._buy_button = _style.button("", "Buy now. This spends money.", kind="danger")
        self._buy_button.on_click(self._guarded(self._buy_offered))
        cancel = _style.button("Do not buy", "Nothing is ordered")
        cancel.on_click(lambda _: self._confirm(is_open=False))
        buttons = _style.box(self._buy_button, cancel, kind="row", horizontal=True)
        self._confirmation = _style.box(self._question, buttons, kind="card")
        tooltip = "Try the same purchase again. You will not be charged twice."
        self._retry_button = _style.button("Try again", tooltip, kind="primary")
        self._retry_button.on_click(self._guarded(lambda _: self.retry()))
        self._status = W.HTML()
        self._confirm(is_open=False)
        _style.set_visible(self._retry_button, visible=False)

    def _make_owned(self) -> None:
        self._facts = W.HTML()
        self._rest_button = _style.button(
            "Buy only the rest…", "Leave out the ground that is owned, and show the new price first", kind="primary"
        )
        self._rest_button.on_click(self._guarded(self._price_rest))
        self._all_button = _style.button("", "Buy all of it now, although it is owned. This spends money.", kind="danger")
        self._all_button.on_click(self._guarded(self._buy_owned))
        cancel = _style.button("Order nothing", "Nothing is ordered")
        cancel.on_click(lambda _: self._offer_owned(None))
        buttons = _style.box(self._rest_button, self._all_button, cancel, kind="row", horizontal=True)
        self._owned = _style.box(self._facts, buttons, kind="card")
        self._whole_button = _style.button("Whole ground again", "Put the ground that is owned back into the cart")
        self._whole_button.on_click(self._guarded(self._restore_whole))
        self._offer_owned(None)
        _style.set_visible(self._whole_button, visible=False)

    @synchronized
    def _offer_owned(self, error: AlreadyOwned | None) -> None:
        """Show what is owned, with a button for each choice; None withdraws the choice."""
        estimate = self._refused
        if error is not None and estimate is not None:
            rows = [
                {
                    "id": clean_text(row["id"], 120),
                    "facts": [
                        owned_text(row["share"]),
                        f"order {clean_text(row['order'], 80)}",
                        *(clean_text(row[name], 60) for name in ("license_type", "status") if isinstance(row[name], str)),
                        *([] if pd.isna(row["ordered"]) else [f"ordered {row['ordered']:%Y-%m-%d}"]),
                        *([f"project {clean_text(row['project'], 80)}"] if isinstance(row["project"], str) else []),
                    ],
                }
                for row in error.owned.drop(columns="geometry").head(_MOST_OWNED).to_dict("records")
            ]
            count = error.owned["id"].nunique()
            state = f"{'is' if count == 1 else 'are'}" if error.certain else "may be"
            self._facts.value = _style.render(
                "widget_owned.html",
                text=f"{count:,} of {pluralize(len(estimate.cart), 'capture')} {state} owned already. Nothing was ordered.",
                hint=hint_of(error) if error.certain else "The service does not state which ground is owned.",
                rows=rows,
                rest=max(0, len(error.owned) - _MOST_OWNED),
            )
            self._all_button.description = f"Buy all the same for {estimate.total_credits:,} credits"
            # what the service does not state cannot be left out
            _style.set_visible(self._rest_button, error.certain)
            self._status.value = ""
        _style.set_visible(self._owned, error is not None)

    @synchronized
    def _price_rest(self, _: Any) -> None:
        """Leave out what is owned, and request the price of the rest."""
        refused = self._refused
        if refused is None:
            return
        self._offer_owned(None)
        self._status.value = _style.message("Asking for the price of the rest…", kind="busy")
        self._runner.start(
            "rest", lambda _: refused.cart.without_owned().estimate(), lambda rest: self._show_rest(refused, rest), self._show_error
        )

    def _show_rest(self, whole: Estimate, rest: Estimate) -> None:
        self._estimates[rest.cart.fingerprint] = rest
        self._left = left_of(rest.cart)
        self.captures = rest.cart.captures
        _style.set_visible(self._whole_button, self._left)
        self._status.value = _style.message(
            f"Only the rest: {rest.total_credits:,} credits. The whole cart: {whole.total_credits:,} credits.",
            "Less ground can cost more, because services have minimum areas.",
        )

    @synchronized
    def _buy_owned(self, _: Any) -> None:
        """Buy what was refused, although something of it is owned."""
        refused = self._refused
        if refused is not None:
            self._buy(refused, owned="buy")

    def _restore_whole(self, _: Any) -> None:
        self._forget_rest(None)
        self._cart_changed(None)

    @synchronized
    def _forget_rest(self, _: Any) -> None:
        self._left = {}
        _style.set_visible(self._whole_button, visible=False)

    @synchronized
    def _append(self, captures: gpd.GeoDataFrame) -> None:
        """Add captures in EPSG:4326, each once by host, collection and id."""
        frame = concat([self.captures, captures])
        is_repeated = frame.duplicated([name for name in _IDENTITY if name in frame.columns]).to_numpy()
        # the captures that are in the cart come first
        if not is_repeated[len(self.captures) :].all():
            self.captures = frame[~is_repeated].reset_index(drop=True)

    @synchronized
    def _cart_changed(self, _: Any) -> None:
        """Remove the old price at once, and request a new one when the cart has settled."""
        self._confirm(is_open=False)
        self._offer_owned(None)
        self._show_rows()
        try:
            cart = self.cart if len(self.captures) else None
        except InvalidCart as error:
            self._runner.cancel("estimate")
            self.estimate = None
            self._show_error(error)
            return
        self._status.value = ""
        _style.set_visible(self._retry_button, visible=False)
        known = None if cart is None else self._estimates.get(cart.fingerprint)
        if cart is None or known is not None:
            self._runner.cancel("estimate")
            self.estimate = known
            return
        self.estimate = None
        self._price.value = _style.message("Asking for the price…", kind="busy")
        self._runner.debounce("estimate", _SETTLE_SECONDS, lambda _: cart.estimate(), self._keep_estimate, self._show_error)

    def _keep_estimate(self, estimate: Estimate) -> None:
        self._estimates[estimate.cart.fingerprint] = estimate
        self.estimate = estimate

    @synchronized
    def _count_selection(self, _: Any) -> None:
        count = 0 if self.state is None else len(self.state.selection)
        self._add_button.description = f"Add selection ({count:,})" if count else "Add selection"
        self._add_button.disabled = not count

    def _show_rows(self) -> None:
        count = len(self.captures)
        title = f"{pluralize(count, 'capture')} in the cart" if count else "The cart is empty"
        area = "whole footprints, because no area is set" if self.aoi is None else f"clipped to {self.aoi.km2:,.1f} km²"
        area = ", ".join(part for part in (area, "without owned ground" if self._left else "") if part)
        self._title.value = _style.render("widget_title.html", title=title, rest=area if count else "")
        refused = {} if self.estimate is None else dict(self.estimate.refused)
        rows = [describe(row) for _, row in self.captures.head(_MOST_ROWS).iterrows()]
        rest = max(0, count - _MOST_ROWS)
        self._rows.value = _style.render("widget_cart.html", rows=rows, refused=refused, rest=rest) if count else ""
        ids = [str(name) for name in self.captures["id"].head(_MOST_ROWS)]
        self._pick.options = [(clean_text(name, 80), name) for name in dict.fromkeys(ids)]
        self._pick.index = 0 if ids else None
        _style.set_visible(self._edit, count)
        _style.set_visible(self._remove_unpriced_button, refused and len(refused) < count)

    @synchronized
    def _show_price(self, _: Any) -> None:
        estimate = self.estimate
        self._show_rows()
        self._price.value = "" if estimate is None else estimate_html(estimate, names_methods=False)
        self._order_button.disabled = estimate is None or not estimate.is_complete
        self._confirm(is_open=False)

    @synchronized
    def _remove_unpriced(self) -> None:
        if self.estimate is not None:
            self.remove([name for name, _ in self.estimate.refused])

    def _save_report(self) -> None:
        if self.estimate is None:
            raise _no_price("No report was saved.")
        estimate, path = self.estimate, Path(str(self._report.value)).expanduser()
        self._status.value = _style.message("Saving the report…", kind="busy")
        self._runner.start("report", lambda _: estimate.to_report(path), self._report_saved, self._show_error)

    def _report_saved(self, path: Path) -> None:
        self._status.value = _style.message(f"Report saved to {path}", kind="success")

    @synchronized
    def _confirm(self, *, is_open: bool) -> None:
        """Ask whether to buy at the displayed price, or withdraw the question."""
        estimate = self.estimate
        self._offered = estimate if is_open else None
        if self._offered is not None:
            self._question.value = _style.render(
                "widget_confirm.html",
                captures=len(estimate.cart),
                is_rest=estimate.cart.leaves_out_owned,
                total_credits=estimate.total_credits,
                total_aud=estimate.total_aud,
                project=clean_text(self.project, 80),
                license_type=clean_text(self.license_type, 80),
                balance=estimate.balance_credits,
            )
            self._buy_button.description = f"Buy for {estimate.total_credits:,} credits"
        _style.set_visible(self._confirmation, is_open)
        _style.set_visible(self._order_button, not is_open and estimate is not None)

    @synchronized
    def _buy_offered(self, _: Any) -> None:
        """Buy at the price in the question, which a newer price may have replaced at this moment."""
        if self._offered is not None:
            self._buy(self._offered)

    @synchronized
    def _withdraw_offer(self, _: Any) -> None:
        """Withdraw the question when the project or the licence changed."""
        if self._offered is not None:
            self._confirm(is_open=False)

    def _buy(self, estimate: Estimate, owned: str = "refuse") -> None:
        project, license_type = self.project or None, self.license_type
        self._refused = estimate
        self._place(
            lambda: estimate.place(project=project, license_type=license_type, owned=owned, max_credits=estimate.total_credits)
        )

    @synchronized
    def _place(self, purchase: Callable[[], Order]) -> None:
        if self.is_placing:
            return
        self._confirm(is_open=False)
        self._offer_owned(None)
        self._order_button.disabled = True
        _style.set_visible(self._retry_button, visible=False)
        self._status.value = _style.message("Placing the order…", kind="busy")
        self._runner.start("place", lambda _: purchase(), self._placed, self._not_placed)

    def _placed(self, order: Order) -> None:
        self._retry_purchase = None
        # the balance in kept estimates is out of date now
        self._estimates.clear()
        _style.set_visible(self._order_button, visible=True)
        self._status.value = _style.notice(order) or _style.message(f"Order {clean_text(order.id, 80)} placed.", kind="success")
        self.order = order
        self._order_button.disabled = False

    def _not_placed(self, error: Exception) -> None:
        self._order_button.disabled = False
        self._show_error(error)
        if isinstance(error, AlreadyOwned):
            self._offer_owned(error)
        elif isinstance(error, PriceChanged):
            self._keep_estimate(error.estimate)
            self._show_error(error)
        elif isinstance(error, PaymentRequired | PlacementUnknown):
            self._retry_purchase = error.retry
            # a new purchase must not be one click beside the retry
            _style.set_visible(self._order_button, visible=False)
            if isinstance(error, AuthenticationRequired):
                self._status.value = _style.render("widget_secure.html", url=error.challenge_url)
                self._retry_button.description = "I have confirmed the payment"
            else:
                self._retry_button.description = "Try again"
            _style.set_visible(self._retry_button, visible=True)

    def _show_error(self, error: BaseException) -> None:
        """Display an error below the cart."""
        if self._price.value and self.estimate is None:
            self._price.value = ""
        self._status.value = _style.error_message(error)


def _no_price(consequence: str) -> InvalidCart:
    return InvalidCart(
        f"The cart has no price yet. {consequence}", code="cart_not_priced", hint="Wait until the price is displayed."
    )
