"""The cart panel: captures to buy, their price, and a purchase in two steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets as t

from scenecart._util.keywords import checked_keywords
from scenecart.widgets import _static_html, _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._bench.cart import CartPart
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._notes import Note
from scenecart.widgets._purchase import STANDARD, Purchase
from scenecart.widgets._state import state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import geopandas as gpd

    from scenecart._cart.cart import Cart
    from scenecart.client import Client

_REPORT = "quote.html"
_TRAITS = ("captures", "aoi", "estimate", "order")


class CartPanel(Panel):
    """A cart to price and buy: captures, the service's price, and a purchase in two steps.

    The price is requested once the cart has settled, and kept for every cart that was priced already. Ordering shows the total, who
    pays, and what of it is owned already, and asks for confirmation. The price is requested again before the order is sent; if it
    has changed, nothing is ordered. After a purchase the cart is empty for the next one.

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
        checked_client(client)
        self.state = None if picker is None else state_of(picker)
        if self.state is not None and aoi is None:
            aoi = self.state.aoi
        self._runner = Runner(resend=self.resend_state)
        try:
            self.purchase = Purchase(client, self._runner, captures, aoi, project=project)
        except Exception:
            self._runner.close()
            raise
        self._view = CartPart(self.purchase, self._runner, self._act, has_options=True, report=_REPORT, selection=None)
        super().__init__(_style.style_sheet(), self._view)
        self.add_class("scenecart-card")
        for name in _TRAITS:
            setattr(self, name, getattr(self.purchase, name))
            self.watch(self.purchase, self._mirror, name)
        self.observe(self._set, ["captures", "aoi"])
        if self.state is not None:
            self.watch(self.state, lambda change: setattr(self, "aoi", change["new"]), "aoi")
            self.watch(self.state, self._count_selection, "selection")
            self._count_selection(None)

    @property
    def cart(self) -> Cart:
        """The cart that is priced and bought.

        Raises
        ------
        InvalidCart
            If it is empty, or a capture cannot be ordered.
        """
        return self.purchase.cart

    @property
    def project(self) -> str:
        """The project to deliver to."""
        return self.purchase.project.strip() or self.purchase.client.project or ""

    @property
    def license_type(self) -> str:
        """The licence to buy."""
        return self.purchase.license_type.strip() or STANDARD

    def add(self, captures: gpd.GeoDataFrame) -> None:
        """Add captures to the cart; captures that are in it already are not added twice."""
        self.purchase.add(captures)

    def remove(self, ids: Iterable[str]) -> None:
        """Remove captures from the cart, by id."""
        self.purchase.remove(ids)

    def buy(self) -> None:
        """Place the order at the displayed price, as "Buy" does. This spends money.

        Nothing is ordered if the service's price has changed since, or if something of the cart is owned already.
        """
        try:
            self.purchase.buy_at_once()
        except Exception as error:  # noqa: BLE001  # any error is displayed
            self._show_error(error)

    def retry(self) -> None:
        """Place the order again with the same idempotency key, as "Try again" does."""
        self.purchase.placer.retry()

    @property
    def is_busy(self) -> bool:
        """Whether a price is being requested or an order placed."""
        return self.purchase.is_pricing or self.is_placing

    @property
    def is_placing(self) -> bool:
        """Whether an order is being placed."""
        return self.purchase.is_placing

    def static_html(self) -> str:
        """Return the price, or else the captures, as HTML without scripts, for places without live widgets."""
        if self.estimate is not None:
            return str(self.estimate._repr_html_())  # as in a notebook
        return _static_html.table_html(self.captures) if len(self.captures) else super().static_html()

    def release(self) -> None:
        """End background jobs; the journal settles an order that is being placed."""
        self._runner.close()

    def _mirror(self, change: Any) -> None:
        if getattr(self, change["name"]) is not change["new"]:
            setattr(self, change["name"], change["new"])

    def _set(self, change: Any) -> None:
        name = change["name"]
        if getattr(self.purchase, name) is not change["new"]:
            setattr(self.purchase, name, change["new"])
            # as it was checked there
            setattr(self, name, getattr(self.purchase, name))

    def _act(self, kind: str, fields: dict[str, Any]) -> None:
        if kind == "add-selection" and self.state is not None:
            self.purchase.add_checked(self.state.selected)
        elif kind == "report":
            self._save_report(str(fields.get("path") or _REPORT))

    @synchronized
    def _count_selection(self, _: Any) -> None:
        self._view.redraw(selection=0 if self.state is None else len(self.state.selection))

    def _save_report(self, path: str) -> None:
        estimate, target = self.purchase.priced("No report was saved."), Path(path).expanduser()
        self._view.redraw(report=path)
        self._runner.start("report", lambda _: estimate.to_report(target), self._report_saved, self._show_error)

    def _report_saved(self, path: Path) -> None:
        self.purchase.set_note(Note("good", "Report saved.", str(path.resolve())))

    def _show_error(self, error: BaseException) -> None:
        """Display an error below the cart."""
        self.purchase.set_note(error)
