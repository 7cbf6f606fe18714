"""Carts, prices and purchases, and the outcome of each purchase."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart._api import operations
from scenecart._client.catalog import CatalogMethods
from scenecart._client.orders import OrderMethods
from scenecart._util.keywords import checked_keywords
from scenecart._util.validate import check_bool
from scenecart.exceptions import InvalidCart, InvalidQuery

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

    from scenecart._cart.cart import Cart
    from scenecart._cart.estimate import Estimate
    from scenecart._cover.plan import CoverPlan
    from scenecart._orders.order import Order


class PurchaseMethods(CatalogMethods, OrderMethods):
    """Methods of a client for carts, prices, purchases and their outcomes."""

    project: str | None

    @checked_keywords()
    def cart(self, captures: gpd.GeoDataFrame, aoi: Any = None, *, split_by_date: bool = False) -> Cart:
        """Return a cart of captures.

        Parameters
        ----------
        captures
            Rows of a search result.
        aoi
            The area to clip the captures to, in any format that ``search`` accepts; None buys full footprints.
        split_by_date
            Price each acquisition date separately.

        Raises
        ------
        InvalidCart
            If the captures are empty, if one of them cannot be ordered or is outside the area, or if an option is invalid.
            The error's ``ids`` are these captures.
        InvalidArea
            If the area is invalid.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> client.cart(client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2))
        Cart(2 captures, whole footprints)
        """
        from scenecart._cart.cart import make_cart  # noqa: PLC0415  # a search needs no carts

        return make_cart(captures, aoi, split_by_date=split_by_date, client=self)

    @checked_keywords()
    def cover(
        self,
        captures: gpd.GeoDataFrame,
        aoi: Any,
        *,
        objective: str = "cost",
        max_cloud_cover: float | None = None,
        min_coverage: float = 0.98,
        budget: int | None = None,
        max_captures: int | None = None,
        prices: str = "service",
        time_limit: float = 10.0,
        use_owned: bool = False,
        cloud: str = "scene",
    ) -> CoverPlan:
        """Choose captures that together cover an area at the lowest cost. Nothing is bought.

        A mixed-integer program over the overlaps of the footprints finds the cheapest plan if ``time_limit`` allows.
        Otherwise it returns the best plan found, and says how far it can be from the best possible plan.

        Parameters
        ----------
        captures
            Rows of a search result, of one host or several.
        aoi
            The area to cover, in any format that ``search`` accepts.
        objective
            What to optimise. Of equally good plans, the cheapest is chosen.
            ``"cost"`` (default): fewest credits. ``"fewest"``: fewest captures. ``"newest"``: smallest sum of km² × age in
            days, counted from the newest capture. ``"clearest"``: smallest cloudy area in km² (missing cloud cover counts as
            100 %).
        max_cloud_cover
            Highest cloud cover (see ``cloud``), in percent. If it is set, captures without cloud cover are left out.
        min_coverage
            Share of the area to cover, above 0 and up to 1, by default 0.98. If all captures together cover less than this,
            the target is this share of the area that they can cover.
        budget
            Maximum number of credits to spend. If the budget is too small for ``min_coverage``, the plan covers as much as
            possible within it.
        max_captures
            Maximum number of captures to choose.
        prices
            ``"service"`` (default): asks the service for the price of each capture and of the chosen set. ``"area"``: asks
            for no prices; each capture costs its km².
        time_limit
            Maximum time to search for the best plan, in seconds. Default 10.
        use_owned
            True reads the list of orders, and counts the area of captures that are owned already as covered, at no cost. Only
            captures of this frame within ``max_cloud_cover`` count, so what is too old or too cloudy to be in it covers nothing.
            The plan then covers the rest, and its cart is clipped to it.
        cloud
            ``"scene"`` (default): ``eo:cloud_cover`` of the whole capture counts. ``"aoi"``: ``aoi:cloud_cover``, the cloud over
            the area, which :func:`scenecart.cloud_over` adds first. It may be an estimate; the plan's ``why`` says for which.

        Returns
        -------
        CoverPlan
            The cart, its estimate, the coverage, the gaps, and the reason for each capture; ``plot()`` draws it.

        Raises
        ------
        InvalidArea, InvalidQuery
            If the area or an option is invalid.
        InvalidCart
            If no capture can be used, the budget buys none, or what is owned covers enough (``cover_all_owned``).
        MissingExtra
            If SciPy is not installed.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> coast = (151.16, -34.0, 151.26, -33.9)
        >>> captures = client.search("aurora", collections="aurora-50cm", aoi=coast, datetime="2024-01/2024-06")
        >>> plan = client.cover(captures, coast, max_cloud_cover=30, min_coverage=0.9)
        >>> plan.is_complete, len(plan.cart) < len(captures), plan.estimate.total_credits > 0
        (True, True, True)
        """
        check_bool(use_owned, "use_owned", kind=InvalidQuery)
        from scenecart._cover.plan import PlanOptions  # noqa: PLC0415  # few sessions plan, and all wait for imports
        from scenecart._cover.planner import plan_cover  # noqa: PLC0415  # likewise

        options = PlanOptions(objective, min_coverage, max_cloud_cover, budget, max_captures, prices, time_limit, cloud)
        return plan_cover(captures, aoi, options, client=self, owned=self.owned(acquired=False) if use_owned else None)

    def estimate(self, cart: Cart) -> Estimate:
        """Request the price of a cart; the same as ``cart.estimate()``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("openterra", collections="openterra-10m", limit=1))
        >>> client.estimate(cart).total_credits
        0
        """
        from scenecart._cart.cart import Cart  # noqa: PLC0415  # as for carts

        if not isinstance(cart, Cart):
            raise InvalidCart(
                f"must be a Cart, got {type(cart).__name__}.",
                argument="cart",
                code="not_a_cart",
                hint="Pass client.cart(captures).",
            )
        return self._ordering().pricing.estimate(cart)

    @checked_keywords()
    def place(
        self,
        estimate: Estimate,
        *,
        project: str | None = None,
        license_type: str = "standard",
        again: bool | str = False,
        owned: str = "refuse",
        max_credits: int | None = None,
        name: str | None = None,
        tags: str | Sequence[str] | None = None,
        reference: str | None = None,
        approval: str | os.PathLike[str] | None = None,
    ) -> Order:
        """Buy a cart at its estimated price; the same as ``estimate.place()``. This spends money.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-02", limit=1)
        >>> order = client.place(client.cart(captures).estimate(), max_credits=0)
        >>> order.captures == captures["id"].tolist()
        True
        """
        from scenecart._orders.labels import check_labels  # noqa: PLC0415  # as for carts
        from scenecart._orders.order import label_order  # noqa: PLC0415  # likewise

        self._session.check_may_send(operations.PLACE)
        labels = check_labels(name, tags, reference)
        order = self._ordering().placing.place(
            estimate,
            project=self.project if project is None else project,
            license_type=license_type,
            again=again,
            owned=owned,
            max_credits=max_credits,
            guard=self._ordering().guard.of(approval),
        )
        label_order(order, labels)
        return order

    def existing_order(self, estimate: Estimate, *, project: str | None = None, license_type: str = "standard") -> Order | None:
        """Return the order that already exists for this cart, or None if ``place()`` would buy a new one.

        This buys nothing; it is the same as ``estimate.existing_order()``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-06", limit=1)
        >>> client.existing_order(client.cart(captures).estimate()) is None
        True
        """
        chosen = self.project if project is None else project
        return self._ordering().placing.existing_order(estimate, project=chosen, license_type=license_type)

    def placements(self) -> pd.DataFrame:
        """Return the placements at this service from this machine's journal, oldest first.

        The column ``state`` is ``"placed"``, ``"unpaid"``, ``"refused"``, ``"absent"`` (the list of orders proves that there is
        no order), ``"put away"`` (never sent, or resolved), ``"unknown"`` or ``"sent"`` (``settle()`` finds out), or
        ``"intended"`` (about to be sent). The next attempt always uses the same key. The other columns are ``number`` (for
        :meth:`resolve`), ``order_id``, ``project``, ``captures`` (how many), ``total_credits`` (int), ``total_aud``, ``key``,
        ``created`` (UTC) and ``detail``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-05", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> placed = client.placements().set_index("order_id")
        >>> placed.loc[order.id, "state"]
        'placed'
        """
        from scenecart._orders.tables import placements_frame  # noqa: PLC0415  # as for carts

        return placements_frame(self._journal.placements(self._session.base_url))

    def settle(self, *, send: bool = True) -> pd.DataFrame:
        """Resolve every purchase that got no answer.

        By default this may complete a purchase and spend money, but never twice; ``send=False`` only checks. If the request
        never arrived, it is sent again with the same key, but only if the price is still the same; this buys the captures.
        If it did arrive, its order is found. After 15 minutes nothing is sent: the list of orders shows the order, proves that
        there is none, or leaves the purchase unknown, for :meth:`resolve`. Purchases of other accounts are skipped, with a
        warning.

        Parameters
        ----------
        send
            False sends nothing and only reads the list of orders.

        Returns
        -------
        pandas.DataFrame
            The placements in their current states; columns as in :meth:`placements`. ``detail`` says how each was settled.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> len(client.settle())
        0
        """
        from scenecart._orders.tables import placements_frame  # noqa: PLC0415  # as for carts

        check_bool(send, "send", after="Nothing was sent.")
        if send:
            self._session.check_may_send(operations.PLACE)
        return placements_frame(self._ordering().settlement.settle(send=send))

    def resolve(
        self, number: int | np.integer[Any], *, order: str | None = None, nothing: bool = False, why: str | None = None
    ) -> pd.DataFrame:
        """End a placement whose outcome :meth:`settle` cannot find out, by what the service's console or support said.

        One that waits for payment is put away with ``nothing=True``: it is not ordered, and no longer mentioned. The journal
        keeps your words with your user name and the time.

        Parameters
        ----------
        number
            The placement's ``number`` in :meth:`placements`.
        order
            The id of the order that it became.
        nothing
            True if it became no order. If the list of orders does show its order, it is recorded as placed, with a
            warning. Placing the same captures afterwards sends the same key.
        why
            The reason, such as ``"support ticket 4711"``.

        Returns
        -------
        pandas.DataFrame
            The placement in its new state; columns as in :meth:`placements`.

        Raises
        ------
        InvalidRequest
            If there is no such placement, its outcome is known, or the order has other captures or is another placement's.
        PlacementError
            If it was sent within the last 15 minutes (``placement_recent``): ``settle()`` can still find out.
        NotFound
            If there is no such order.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> try:
        ...     client.resolve(700, nothing=True, why="support ticket 4711")
        ... except InvalidRequest as error:
        ...     print(error)
        There is no placement 700 at this service. client.placements() lists them.
        """
        from scenecart._orders.tables import placements_frame  # noqa: PLC0415  # as for carts

        if isinstance(number, np.integer):
            number = int(number)
        return placements_frame([self._ordering().settlement.resolve(number, order=order, nothing=nothing, why=why)])


PurchaseMethods.__module__ = "scenecart"
