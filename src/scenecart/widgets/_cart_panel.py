"""The cart: what is in it, what it costs, and the one button that spends, in two steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._captures.frame import concat
from scenecart._cart.cart import checked_frame, keys_of
from scenecart._geo.area import as_area
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import AuthenticationRequired, InvalidCart, PaymentRequired, PlacementUnknown, PriceChanged
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._map_layers import describe
from scenecart.widgets._state import no_captures, state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._orders.order import Order
    from scenecart.client import Client

_SETTLE_SECONDS = 0.6
_SHOWN = 200


class CartPanel(Panel):
    """A cart to price and place: captures, the service's price beside them, and a purchase in two steps.

    The price is asked for once the cart has settled, and kept for every cart that was priced already, so that clicking around
    asks nothing twice. Buying shows the exact total once more and buys nothing dearer than that.

    Parameters
    ----------
    client
        The connection to price and place with.
    captures
        What is in the cart at first: rows of a search result, or None.
    aoi
        What they are clipped to, in any form ``search`` takes; None buys whole footprints.
    picker
        A :class:`CaptureMap` or its state: its selection can be put into the cart, and its area is the cart's.
    project
        Where imagery is delivered. Default: the client's.

    Attributes
    ----------
    captures : geopandas.GeoDataFrame
        What is in the cart; can be set.
    estimate : Estimate or None
        The newest price, None while there is none.
    order : Order or None
        What was bought last.

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
        self._client = checked_client(client, "A cart")
        self._runner = Runner(2, again=self.show_again)
        self._priced: dict[str, Estimate] = {}
        self._pending: Callable[[], Order] | None = None
        self._asked: Estimate | None = None
        self.state = None if picker is None else state_of(picker)
        self._make_parts(project if project is not None else client.project)
        super().__init__(_style.sheet(), self._head, self._rows, self._edit, self._options, self._price, *self._ask)
        self.add_class("scenecart-card")
        if self.state is not None:
            self.watch(self.state, lambda change: setattr(self, "aoi", change["new"]), "aoi")
            self.watch(self.state, self._show_picked, "selection")
            aoi = self.state.aoi if aoi is None else aoi
        self.observe(self._changed, ["captures", "aoi"])
        self.observe(self._show_price, "estimate")
        self.aoi = aoi
        self.captures = no_captures() if captures is None else captures
        self._show_picked(None)
        self._show_price(None)

    @t.default("captures")
    def _empty(self) -> gpd.GeoDataFrame:
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
        """What would be priced and bought.

        Raises
        ------
        InvalidCart
            If it is empty, or a capture cannot be ordered.
        """
        return self._client.cart(self.captures, aoi=self.aoi, split_by_date=bool(self._by_date.value))

    @property
    def project(self) -> str:
        """Where imagery is delivered."""
        return str(self._project.value).strip() or self._client.project or ""

    @property
    def license_type(self) -> str:
        """Which licence is bought."""
        return str(self._license.value).strip() or "standard"

    @synchronized
    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Put captures into the cart; one that is in it already stays once."""
        known = set(keys_of(self.captures))
        fresh = [key not in known for key in keys_of(captures)]
        if any(fresh):
            self.captures = concat([self.captures, captures[fresh]])

    @synchronized
    def remove(self, ids: Iterable[str]) -> None:
        """Take captures out of the cart, by id."""
        self.captures = self.captures[~self.captures["id"].isin(list(ids))].reset_index(drop=True)

    def buy(self) -> None:
        """Do what confirming does: place what is priced, at exactly that price. This spends money."""
        estimate = self.estimate
        if estimate is None:
            self._show_failure(InvalidCart("There is no price to buy at yet."))
        else:
            self._buy(estimate)

    def _buy(self, estimate: Estimate) -> None:
        project, license_type = self.project or None, self.license_type
        self._place(lambda: estimate.place(project=project, license_type=license_type, max_credits=estimate.total_credits))

    def retry(self) -> None:
        """Do what "Try again" does after a payment error: place with the same key."""
        if self._pending is not None:
            self._place(self._pending)

    @property
    def is_busy(self) -> bool:
        """Whether a price or a purchase is under way."""
        return self._runner.is_busy("estimate") or self.is_placing

    @property
    def is_placing(self) -> bool:
        """Whether a purchase is under way."""
        return self._runner.is_busy("place")

    def end(self) -> None:
        """End what runs; a purchase under way is settled by the journal."""
        self._runner.close()

    def _make_parts(self, project: str | None) -> None:
        self._title = W.HTML()
        self._take = _style.button("Add selection", "Put the selected captures into the cart", icon="plus")
        self._take.on_click(self._safely(lambda _: self.add(self.state.selected) if self.state is not None else None))
        self._take.layout.display = "none" if self.state is None else ""
        self._head = _style.box(self._title, self._take, kind="row", across=True)
        self._head.layout.justify_content = "space-between"
        self._rows = W.HTML()
        self._pick = W.Dropdown(options=[], layout=W.Layout(width="min(340px, 100%)"))
        self._pick.tooltip = "A capture of the cart"
        drop = _style.button("Remove", "Take this capture out of the cart", icon="times")
        drop.on_click(self._safely(lambda _: self.remove([self._pick.value]) if self._pick.value is not None else None))
        self._unpriced = _style.button("Drop what has no price", "Take out the captures that cannot be priced", kind="warning")
        self._unpriced.on_click(self._safely(lambda _: self._drop_unpriced()))
        self._edit = _style.box(self._pick, drop, self._unpriced, kind="row", across=True)
        self._by_date = W.Checkbox(description="Price each date for itself", indent=False, layout=W.Layout(width="auto"))
        self._by_date.observe(self._changed, "value")
        style = {"description_width": "initial"}
        self._project = W.Text(value=project or "", description="Project", style=style, layout=W.Layout(width="360px"))
        self._license = W.Text(value="standard", description="Licence", style=style, layout=W.Layout(width="180px"))
        for field in (self._project, self._license):
            field.observe(self._take_back, "value")
        self._report = W.Text(value="quote.html", description="Report", style=style, layout=W.Layout(width="240px"))
        self._report.tooltip = "File to write the priced report to"
        write = _style.button("Write", "Write the priced report", icon="file-text")
        write.on_click(self._safely(lambda _: self._write_report()))
        self._options = _style.box(
            _style.box(self._by_date, self._license, self._project, kind="row", across=True),
            _style.box(self._report, write, kind="row", across=True),
        )
        self._price = W.HTML()
        self._order_button = _style.button("Order…", "Show the exact total and ask once more", kind="primary")
        self._order_button.on_click(lambda _: self._confirm(asked=True))
        self._question = W.HTML()
        self._yes = _style.button("", "Buy now; this spends money", kind="danger")
        self._yes.on_click(self._safely(self._agreed))
        no = _style.button("Not now", "Buy nothing")
        no.on_click(lambda _: self._confirm(asked=False))
        self._sure = _style.box(self._question, _style.box(self._yes, no, kind="row", across=True), kind="card")
        self._again = _style.button("Try again", "Place again with the same key; nothing is bought twice", kind="primary")
        self._again.on_click(self._safely(lambda _: self.retry()))
        self._words = W.HTML()
        self._ask = (self._order_button, self._sure, self._words, self._again)
        self._confirm(asked=False)
        self._again.layout.display = "none"

    @synchronized
    def _changed(self, _: Any) -> None:
        """Take the old price away at once, and ask for a new one when the cart has settled."""
        self._confirm(asked=False)
        self._show_rows()
        try:
            cart = self.cart if len(self.captures) else None
        except InvalidCart as error:
            self._runner.cancel("estimate")
            self.estimate = None
            self._show_failure(error)
            return
        self._words.value = ""
        self._again.layout.display = "none"
        known = None if cart is None else self._priced.get(cart.fingerprint)
        if cart is None or known is not None:
            self._runner.cancel("estimate")
            self.estimate = known
            return
        self.estimate = None
        self._price.value = _style.message("Asking for the price…", kind="busy")
        self._runner.later("estimate", _SETTLE_SECONDS, lambda _: cart.estimate(), self._got_price, self._show_failure)

    def _got_price(self, estimate: Estimate) -> None:
        self._priced[estimate.cart.fingerprint] = estimate
        self.estimate = estimate

    @synchronized
    def _show_picked(self, _: Any) -> None:
        count = 0 if self.state is None else len(self.state.selection)
        self._take.description = f"Add selection ({count:,})" if count else "Add selection"
        self._take.disabled = not count

    def _show_rows(self) -> None:
        count = len(self.captures)
        words = "The cart is empty" if not count else f"{pluralize(count, 'capture')} in the cart"
        area = "" if self.aoi is None else f"clipped to {self.aoi.km2:,.1f} km²"
        self._title.value = _style.text("widget_title.html", title=words, rest=area if count else "")
        refused = {} if self.estimate is None else dict(self.estimate.refused)
        rows = [describe(row) for _, row in self.captures.head(_SHOWN).iterrows()]
        self._rows.value = _style.text("widget_cart.html", rows=rows, refused=refused, rest=max(0, count - _SHOWN)) if count else ""
        ids = [str(name) for name in self.captures["id"].head(_SHOWN)]
        self._pick.options = [(clean_text(name, 80), name) for name in dict.fromkeys(ids)]
        self._pick.index = 0 if ids else None
        self._edit.layout.display = "" if count else "none"
        self._unpriced.layout.display = "" if refused and len(refused) < count else "none"

    @synchronized
    def _show_price(self, _: Any) -> None:
        estimate = self.estimate
        self._show_rows()
        self._price.value = "" if estimate is None else estimate._repr_html_()  # what a notebook shows of it
        self._order_button.disabled = estimate is None or not estimate.is_complete
        self._confirm(asked=False)

    @synchronized
    def _drop_unpriced(self) -> None:
        if self.estimate is not None:
            self.remove([name for name, _ in self.estimate.refused])

    def _write_report(self) -> None:
        if self.estimate is None:
            raise InvalidCart("There is no price to report yet.")
        estimate, path = self.estimate, Path(str(self._report.value)).expanduser()
        self._words.value = _style.message("Writing the report…", kind="busy")
        self._runner.start("report", lambda _: estimate.to_report(path), self._show_report, self._show_failure)

    def _show_report(self, path: Path) -> None:
        self._words.value = _style.message(f"Written to {path}", kind="good")

    @synchronized
    def _confirm(self, *, asked: bool) -> None:
        estimate = self.estimate
        self._asked = estimate if asked else None
        if self._asked is not None:
            total = f"{estimate.total_credits:,} credits"
            self._question.value = _style.text(
                "widget_confirm.html",
                captures=len(estimate.cart),
                total_credits=estimate.total_credits,
                total_aud=estimate.total_aud,
                project=clean_text(self.project, 80),
                license_type=clean_text(self.license_type, 80),
                balance=estimate.balance_credits,
            )
            self._yes.description = f"Buy for {total}"
        self._sure.layout.display = "" if asked else "none"
        self._order_button.layout.display = "none" if asked or estimate is None else ""

    @synchronized
    def _agreed(self, _: Any) -> None:
        """Buy what was asked about, which a newer price may have replaced in this moment."""
        if self._asked is not None:
            self._buy(self._asked)

    @synchronized
    def _take_back(self, _: Any) -> None:
        """Take the question back: what is bought is what was asked about."""
        if self._asked is not None:
            self._confirm(asked=False)

    @synchronized
    def _place(self, purchase: Callable[[], Order]) -> None:
        if self.is_placing:
            return
        self._confirm(asked=False)
        self._order_button.disabled = True
        self._again.layout.display = "none"
        self._words.value = _style.message("Placing the order…", kind="busy")
        self._runner.start("place", lambda _: purchase(), self._bought, self._not_bought)

    def _bought(self, order: Order) -> None:
        self._pending = None
        # their balance is not today's any more
        self._priced.clear()
        self._order_button.layout.display = ""
        self._words.value = _style.message(order.note or f"Ordered as {clean_text(order.id, 80)}.", kind="good")
        self.order = order
        self._order_button.disabled = False

    def _not_bought(self, error: Exception) -> None:
        self._order_button.disabled = False
        self._show_failure(error)
        if isinstance(error, PriceChanged):
            self._got_price(error.estimate)
            self._show_failure(error)
        elif isinstance(error, PaymentRequired | PlacementUnknown):
            self._pending = error.retry
            # one way on, and not two
            self._order_button.layout.display = "none"
            if isinstance(error, AuthenticationRequired):
                self._words.value = _style.text("widget_secure.html", url=error.challenge_url)
                self._again.description = "I have confirmed it: place the order"
            else:
                self._again.description = "Try again"
            self._again.layout.display = ""

    def _show_failure(self, error: BaseException) -> None:
        """Show what went wrong below the cart."""
        if self._price.value and self.estimate is None:
            self._price.value = ""
        self._words.value = _style.failure(error)
