"""Covering an area by a click: which captures to take, what they cost together, and into the cart with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidArea, InvalidCart, InvalidRequest
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._state import state_of

if TYPE_CHECKING:
    from scenecart._cover.plan import CoverPlan
    from scenecart.client import Client
    from scenecart.widgets._cart_panel import CartPanel

_OBJECTIVES = (
    ("Least cost", "cost"),
    ("Fewest captures", "fewest"),
    ("Newest ground", "newest"),
    ("Clearest ground", "clearest"),
)

_MOST_DIGITS = 15


class CoverPanel(Panel):
    """Choose captures that cover the area of interest: of those that suit the filters, the best for an objective.

    What is chosen becomes the selection on the map. Nothing is bought.

    Parameters
    ----------
    client
        The connection to ask for prices with.
    picker
        A :class:`CaptureMap` or its state: its filtered captures, its area, its selection.
    cart
        A :class:`CartPanel` that the plan can be put into; None shows no button for it.

    Attributes
    ----------
    plan : CoverPlan or None
        The newest plan.

    Examples
    --------
    >>> import scenecart
    >>> client = scenecart.connect("sandbox")
    >>> coast = (151.16, -34.0, 151.26, -33.9)
    >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
    >>> picker = scenecart.widgets.CaptureMap(captures, coast, basemap="none")
    >>> panel = CoverPanel(client, picker)
    >>> panel.cover()
    >>> panel.is_busy
    True
    >>> panel.close()
    >>> picker.close()
    """

    plan = t.Any(None, allow_none=True)

    @checked_keywords()
    def __init__(self, client: Client, picker: Any, *, cart: CartPanel | None = None) -> None:
        self._client, self._cart = checked_client(client, "A cover"), cart
        self.state = state_of(picker)
        self._runner = Runner(1, again=self.show_again)
        self._make_parts()
        controls = _style.box(self._objective, self._share, self._budget, self._go, kind="row", across=True)
        super().__init__(_style.sheet(), self._head, controls, self._words, self._shown, self._take)
        self.add_class("scenecart-card")
        self.watch(self.state, self._outdated, "aoi")

    @property
    def is_busy(self) -> bool:
        """Whether a plan is being made."""
        return self._runner.is_busy("cover")

    @synchronized
    def cover(self) -> None:
        """Do what "Cover this area" does: plan in the background.

        Raises
        ------
        InvalidArea
            If there is no area of interest yet.
        InvalidCart
            If no capture suits the filters.
        InvalidRequest
            If the budget is no number of credits.
        """
        if self.state.aoi is None:
            raise InvalidArea(
                "There is no area to cover yet.", hint="Draw one on the map, load one from a file, or search with one."
            )
        captures, area = self.state.filtered, self.state.aoi
        if len(captures) == 0:
            raise InvalidCart("No capture suits the filters.", hint="Loosen them first.")
        objective, share = str(self._objective.value), self._share.value / 100
        budget = _credits(self._budget.value)
        self.plan = None
        self._show()
        self._go.disabled = True
        self._words.value = _style.message(
            f"Asking for prices and planning with {pluralize(len(captures), 'capture')}…", kind="busy"
        )
        self._runner.start(
            "cover",
            lambda _: self._client.cover(captures, area, objective=objective, min_coverage=share, budget=budget),
            self._planned,
            self._failed,
        )

    def end(self) -> None:
        """End what runs."""
        self._runner.close()

    def _make_parts(self) -> None:
        self._head = W.HTML(_style.text("widget_title.html", title="Cover this area", rest="with captures that suit the filters"))
        narrow = {"description_width": "initial"}
        self._objective = W.Dropdown(options=_OBJECTIVES, description="Best is", style=narrow, layout=W.Layout(width="230px"))
        self._share = W.IntSlider(value=98, min=10, max=100, description="Cover, %", style=narrow, layout=W.Layout(width="260px"))
        self._share.tooltip = "Share of the area to be covered, in per cent"
        self._budget = W.Text(placeholder="no limit", description="Budget", style=narrow, layout=W.Layout(width="190px"))
        self._budget.tooltip = "Most credits to spend; empty sets no limit"
        self._go = _style.button(
            "Cover this area", "Choose captures that cover it; nothing is bought", kind="primary", icon="th-large"
        )
        self._go.on_click(self._safely(lambda _: self.cover()))
        self._words, self._shown = W.HTML(), W.HTML()
        self._take = _style.button("Put into the cart", "Put the chosen captures into the cart", icon="plus")
        self._take.on_click(self._safely(lambda _: self._put()))
        self._take.layout.display = "none"

    def _show_failure(self, error: BaseException) -> None:
        """Show what went wrong below the controls."""
        self._words.value = _style.failure(error)

    def _planned(self, plan: CoverPlan) -> None:
        self._go.disabled = False
        self._words.value = ""
        # whoever observes the plan finds its captures selected
        self.state.selection = tuple(plan.why.index)
        self.plan = plan
        self._show()

    def _failed(self, error: Exception) -> None:
        self._go.disabled = False
        self._show_failure(error)

    @synchronized
    def _outdated(self, _: Any) -> None:
        """Take away a plan for another area."""
        self._runner.cancel("cover")
        self._go.disabled = False
        self._words.value = ""
        self.plan = None
        self._show()

    def _show(self) -> None:
        self._shown.value = "" if self.plan is None else self.plan._repr_html_()  # what a notebook shows of it
        self._take.layout.display = "" if self.plan is not None and self._cart is not None else "none"

    @synchronized
    def _put(self) -> None:
        if self.plan is not None and self._cart is not None:
            self._cart.add(self.plan.cart.captures)
            self._words.value = _style.message(f"In the cart: {pluralize(len(self.plan.cart), 'capture')}.", kind="good")


def _credits(words: str) -> int | None:
    """Read a number of credits as people write it; None for nothing.

    Examples
    --------
    >>> _credits(" 12,000 "), _credits("")
    (12000, None)
    """
    digits = "".join(words.split()).replace(",", "")
    if not digits:
        return None
    if len(digits) > _MOST_DIGITS or not (digits.isascii() and digits.isdecimal() and int(digits) > 0):
        raise InvalidRequest(
            f"A budget is a whole number of credits, not {clean_text(words, 40)!r}.", hint="Leave it empty for no limit."
        )
    return int(digits)
