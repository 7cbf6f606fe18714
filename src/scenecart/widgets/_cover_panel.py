"""The panel that plans which captures cover an area, and adds them to the cart."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import traitlets as t

from scenecart._util.keywords import checked_keywords
from scenecart._util.text import pluralize
from scenecart.exceptions import InvalidArea, InvalidCart
from scenecart.widgets import _style
from scenecart.widgets._base import Panel, checked_client
from scenecart.widgets._bench.cover import CoverPart, PlanOptions, read_budget
from scenecart.widgets._jobs import Runner, synchronized
from scenecart.widgets._notes import Note, failure_note, note_fields
from scenecart.widgets._state import state_of

if TYPE_CHECKING:
    from scenecart._cover.plan import CoverPlan
    from scenecart.client import Client
    from scenecart.widgets._cart_panel import CartPanel


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
        self._options, self._busy_text = PlanOptions(), ""
        self._note: Note | None = None
        self._runner = Runner(resend=self.resend_state)
        self._view = CoverPart(client, self._runner, self._act)
        self._view.on_error(self._show_error)
        super().__init__(_style.style_sheet(), self._view)
        self.add_class("scenecart-card")
        self.watch(self.state, self._discard_plan, "aoi")
        self.watch(self.state, lambda _: self._redraw(), "revision")
        self._redraw()

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
        captures, area, options = self.state.filtered, self.state.aoi, self._options
        if len(captures) == 0:
            raise InvalidCart("No captures match the filters.", code="filters_match_nothing", hint="Remove or widen a filter.")
        budget = read_budget(options.budget)
        self.plan, self._note = None, None
        self._busy_text = f"Getting prices and planning with {pluralize(len(captures), 'capture')}…"
        self._redraw()
        self._runner.start(
            "cover",
            lambda _: self._client.cover(
                captures,
                area,
                objective=options.objective,
                min_coverage=options.share / 100,
                budget=budget,
                use_owned=options.use_owned,
            ),
            self._planned,
            self._show_error,
        )

    def static_html(self) -> str:
        """Return the plan as HTML without scripts, for places without live widgets."""
        return super().static_html() if self.plan is None else str(self.plan._repr_html_())  # as in a notebook

    def release(self) -> None:
        """End background jobs."""
        self._runner.close()

    def _act(self, kind: str, fields: dict[str, Any]) -> None:
        """Handle an event of the page."""
        if kind == "cover":
            self._options = PlanOptions.from_page(fields)
            self.cover()
        elif kind == "add":
            self._add_to_cart()

    @synchronized
    def _show_error(self, error: BaseException) -> None:
        """Display an error below the controls."""
        self._note, self._busy_text = failure_note(error), ""
        self._redraw()

    @synchronized
    def _planned(self, plan: CoverPlan) -> None:
        self._busy_text = ""
        # observers of the plan find its captures selected
        self.state.selection = tuple(plan.why.index)
        self.plan = plan
        self._redraw()

    @synchronized
    def _discard_plan(self, _: Any) -> None:
        """Discard the plan of another area."""
        self._runner.cancel("cover")
        self.plan, self._note, self._busy_text = None, None, ""
        self._redraw()

    @synchronized
    def _redraw(self) -> None:
        kept, total = int(self.state.keep.sum()), len(self.state.captures)
        matching = f"{kept:,} of {pluralize(total, 'capture')} match the filters" if total else "no captures yet"
        self._view.show(
            self.plan,
            options=asdict(self._options),
            caption=matching if self.state.aoi is not None else "no area of interest yet",
            busy=self._busy_text,
            is_busy=bool(self._busy_text),
            note=note_fields(self._note),
            can_add=self._cart is not None,
        )

    @synchronized
    def _add_to_cart(self) -> None:
        if self.plan is not None and self._cart is not None:
            self._cart.add(self.plan.cart.captures)
            self._note = Note("good", f"{pluralize(len(self.plan.cart), 'capture')} added to the cart.")
            self._redraw()
