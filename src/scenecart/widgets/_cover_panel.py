"""The panel that plans which captures cover an area, and adds them to the cart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as W  # noqa: N812  # as its own documentation calls it
import traitlets as t

from scenecart._util.keywords import checked_keywords
from scenecart._util.text import pluralize
from scenecart._util.validate import shown_value
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
    ("Lowest cost", "cost"),
    ("Fewest captures", "fewest"),
    ("Newest captures", "newest"),
    ("Least cloud", "clearest"),
)

_MOST_DIGITS = 15


class CoverPanel(Panel):
    """A panel that chooses captures to cover the area of interest, from those that match the filters.

    The chosen captures become the selection on the map. Nothing is bought.

    Parameters
    ----------
    client
        The connection to request prices with.
    picker
        A :class:`CaptureMap` or its state: its filtered captures, its area, its selection.
    cart
        A :class:`CartPanel` to add the chosen captures to; None hides the button.

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
        self._client, self._cart = checked_client(client), cart
        self.state = state_of(picker)
        self._runner = Runner(1, resend=self.resend_state)
        self._make_parts()
        inputs = (self._objective, self._share, self._budget, self._use_owned, self._start)
        controls = _style.box(*inputs, kind="row", horizontal=True)
        super().__init__(_style.style_sheet(), self._head, controls, self._status, self._plan_view, self._add_button)
        self.add_class("scenecart-card")
        self.watch(self.state, self._discard_plan, "aoi")

    @property
    def is_busy(self) -> bool:
        """Whether a plan is being made."""
        return self._runner.is_busy("cover")

    @synchronized
    def cover(self) -> None:
        """Plan a cover in the background, as "Cover this area" does.

        Raises
        ------
        InvalidArea
            If there is no area of interest yet.
        InvalidCart
            If no capture matches the filters.
        InvalidRequest
            If the budget is not a number of credits.
        """
        if self.state.aoi is None:
            raise InvalidArea(
                "There is no area of interest.", code="area_missing", hint="Draw it on the map, or load it from a file."
            )
        captures, area = self.state.filtered, self.state.aoi
        if len(captures) == 0:
            raise InvalidCart("No captures match the filters.", code="filters_match_nothing", hint="Remove or widen a filter.")
        objective, share, use_owned = str(self._objective.value), self._share.value / 100, self._use_owned.value
        budget = _read_budget(self._budget.value)
        self.plan = None
        self._update()
        self._start.disabled = True
        self._status.value = _style.message(f"Getting prices and planning with {pluralize(len(captures), 'capture')}…", kind="busy")
        self._runner.start(
            "cover",
            lambda _: self._client.cover(
                captures, area, objective=objective, min_coverage=share, budget=budget, use_owned=use_owned
            ),
            self._planned,
            self._failed,
        )

    def static_html(self) -> str:
        """Return the plan as HTML without scripts, for places without live widgets."""
        return super().static_html() if self.plan is None else str(self.plan._repr_html_())  # as in a notebook

    def release(self) -> None:
        """End background jobs."""
        self._runner.close()

    def _make_parts(self) -> None:
        rest = "with captures that match the filters"
        self._head = W.HTML(_style.render("widget_title.html", title="Cover this area", rest=rest))
        style = {"description_width": "initial"}
        self._objective = W.Dropdown(options=_OBJECTIVES, description="Optimise for", style=style, layout=W.Layout(width="250px"))
        self._share = W.IntSlider(value=98, min=10, max=100, description="Coverage, %", style=style, layout=W.Layout(width="280px"))
        self._share.tooltip = "Share of the area to cover, in percent"
        self._budget = W.Text(placeholder="no limit", description="Budget", style=style, layout=W.Layout(width="190px"))
        self._budget.tooltip = "Maximum number of credits to spend. Leave it empty for no limit."
        self._use_owned = W.Checkbox(value=True, description="Use what we own", indent=False, layout=W.Layout(width="150px"))
        self._use_owned.tooltip = "Ground that the organization owns already counts as covered, at no cost"
        self._start = _style.button(
            "Cover this area", "Choose captures that cover the area. Nothing is bought.", kind="primary", icon="th-large"
        )
        self._start.on_click(self._guarded(lambda _: self.cover()))
        self._status, self._plan_view = W.HTML(), W.HTML()
        self._add_button = _style.button("Add to cart", "Add the chosen captures to the cart", icon="plus")
        self._add_button.on_click(self._guarded(lambda _: self._add_to_cart()))
        _style.set_visible(self._add_button, visible=False)

    def _show_error(self, error: BaseException) -> None:
        """Display an error below the controls."""
        self._status.value = _style.error_message(error)

    def _planned(self, plan: CoverPlan) -> None:
        self._start.disabled = False
        self._status.value = ""
        # observers of the plan find its captures selected
        self.state.selection = tuple(plan.why.index)
        self.plan = plan
        self._update()

    def _failed(self, error: Exception) -> None:
        self._start.disabled = False
        self._show_error(error)

    @synchronized
    def _discard_plan(self, _: Any) -> None:
        """Discard the plan of another area."""
        self._runner.cancel("cover")
        self._start.disabled = False
        self._status.value = ""
        self.plan = None
        self._update()

    def _update(self) -> None:
        self._plan_view.value = "" if self.plan is None else self.plan._repr_html_()  # as in a notebook
        _style.set_visible(self._add_button, self.plan is not None and self._cart is not None)

    @synchronized
    def _add_to_cart(self) -> None:
        if self.plan is not None and self._cart is not None:
            self._cart.add(self.plan.cart.captures)
            self._status.value = _style.message(f"{pluralize(len(self.plan.cart), 'capture')} added to the cart.", kind="success")


def _read_budget(text: str) -> int | None:
    """Parse a number of credits as people write it; None for empty text.

    Examples
    --------
    >>> _read_budget(" 12,000 "), _read_budget("")
    (12000, None)
    """
    digits = "".join(text.split()).replace(",", "")
    if not digits:
        return None
    if len(digits) > _MOST_DIGITS or not (digits.isascii() and digits.isdecimal() and int(digits) > 0):
        raise InvalidRequest(
            f"must be a whole number of credits, got {shown_value(text)}.",
            argument="budget",
            code="budget_invalid",
            hint="Leave the budget empty for no limit.",
        )
    return int(digits)
