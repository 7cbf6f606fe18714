"""Orders of the organization, and what it owns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scenecart._api.order_states import unknown_state_hint
from scenecart._geo.area import as_area
from scenecart._util.validate import check_bool, check_count, shown_value
from scenecart.exceptions import InvalidQuery, JournalError, warn

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd

    from scenecart._api.http import Session
    from scenecart._client.ordering import Ordering
    from scenecart._orders.journal import Journal
    from scenecart._orders.order import Order
    from scenecart._util.once import Once


class OrderMethods:
    """What a client reads of orders."""

    _session: Session
    _journal: Journal
    _ordering: Once[Ordering]

    def order(self, order_id: str) -> Order:
        """Return an order by its id; blanks and line breaks that were copied with it are left out.

        Raises
        ------
        NotFound
            If it does not exist, or belongs to another organization.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-03", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> client.order(order.id).total_credits
        0
        """
        from scenecart._orders.order import Order  # noqa: PLC0415  # a search needs no orders

        service = self._ordering().orders
        return Order(service, service.fetch(_pasted(order_id)))

    def orders(
        self,
        *,
        status: str | None = None,
        project: str | None = None,
        name: str | None = None,
        ids: Sequence[str] | None = None,
        tags: str | Sequence[str] | None = None,
        order_type: str | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """Return the organization's orders as a table, newest first, indexed by id.

        Parameters
        ----------
        status
            Only orders in this state: ``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``. Another value is sent
            too, with a warning: the service may know more states.
        project
            Only orders for this project.
        name
            Only orders with this display name.
        ids
            Only orders with these ids; an empty list returns an empty table.
        tags
            Only orders with all of these tags.
        order_type
            Only orders of this type, such as ``"archive"``.
        limit
            Maximum number of orders to return; None returns all.

        Returns
        -------
        pandas.DataFrame
            Columns ``status``, ``captures`` (the number; missing if unknown), ``total_credits`` (int), ``total_aud``
            (decimal), ``billing_mode``, ``project``, ``name``, ``tags``, ``reference`` (of orders placed on this machine),
            ``created`` (UTC) and ``reason``. It is a ``geopandas.GeoDataFrame``
            (EPSG:4326) if the service or this machine's journal knows the geometry of an order.
            A list that is shorter than the service says comes with a warning, ``orders_incomplete``; orders of this machine
            that the service's list left out are added, with the warning ``orders_left_out``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-04", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> client.orders(ids=[order.id])["captures"].tolist()
        [1]
        """
        limit = check_count(limit, "limit", kind=InvalidQuery)
        from scenecart._api import schemas  # noqa: PLC0415  # a search needs no orders
        from scenecart._orders.tables import footprints_of, orders_frame  # noqa: PLC0415  # likewise

        hint = unknown_state_hint(status) if isinstance(status, str) else None
        if hint is not None:
            warn(f"{shown_value(status)} is not a known order status. It is sent anyway.", code="order_status_unknown", hint=hint)
        if isinstance(ids, Iterable):
            ids = _pasted(ids) if isinstance(ids, str) else [_pasted(one) for one in ids]
        filters = schemas.order_filters(status=status, project=project, name=name, ids=ids, tags=tags, order_type=order_type)
        try:
            placed = self._journal.placements(self._session.base_url, ("placed",))
        except JournalError as error:
            warn(
                f"{error.message} Footprints of orders from this machine are missing.",
                code="order_footprints_missing",
                hint=error.hint,
            )
            placed = []
        own = [placement.order_id for placement in placed if placement.order_id is not None]
        records = [] if schemas.matches_nothing(filters) else self._ordering().orders.table(filters, limit, own)
        return orders_frame(records, footprints_of(records, placed))

    def owned(self, aoi: Any = None, project: str | None = None, *, acquired: bool = True) -> gpd.GeoDataFrame:
        """Return what the organization owns: one row for each capture and order, newest first. Nothing is bought.

        The list of orders is read once. Orders that have ended without delivery do not count. Orders of this machine that the
        list leaves out are included. So are purchases of this machine whose outcome is not known yet, without an order: they may be
        owned, and become an order or disappear with :meth:`settle`.

        Parameters
        ----------
        aoi
            Only captures whose purchased footprint intersects this area, in any format that ``search`` accepts; nothing is clipped.
            Captures whose purchased footprint the service does not state stay, with the warning ``owned_place_unknown``.
        project
            Only captures that were delivered to this project.
        acquired
            Whether to look up in the catalogs when the captures were taken: one request for a hundred captures, up to a thousand
            captures a call. False leaves ``acquired`` missing.

        Returns
        -------
        geopandas.GeoDataFrame
            Columns ``id``, ``host``, ``collection``, ``acquired`` and ``ordered`` (UTC), ``order``, ``project``, ``license_type``,
            ``status``, ``credits`` (the price of the group, divided by its captures), ``path`` (the folder of files that
            ``order.open()`` keeps on this machine) and ``geometry`` (the purchased footprint, EPSG:4326). What the service does not
            state is missing. Orders whose captures it does not state are a warning, ``owned_captures_unknown``.

        Raises
        ------
        InvalidArea, InvalidRequest
            If an argument is invalid.
        ScenecartError
            If the list of orders cannot be read. A service that offers none is a warning, ``owned_list_not_offered``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2022-03", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> owned = client.owned()
        >>> owned.loc[owned["order"] == order.id, "id"].tolist() == captures["id"].tolist()
        True
        """
        check_bool(acquired, "acquired")
        return self._ordering().holdings.owned(None if aoi is None else as_area(aoi), project, acquired=acquired)

    def mark_owned(self, captures: gpd.GeoDataFrame, aoi: Any = None) -> gpd.GeoDataFrame:
        """Return captures with two more columns that say what the organization owns of them. Nothing is bought.

        The list of orders is read at most once a minute.

        Parameters
        ----------
        captures
            Rows of a search result; they are not changed.
        aoi
            Only the part inside this area counts, in any format that ``search`` accepts; None counts whole footprints.

        Returns
        -------
        geopandas.GeoDataFrame
            The same captures with ``owned``, the share (0 to 1) of each capture's area that is owned, and ``owned_by``, the ids
            of the orders. The share is NaN if a capture may be owned: if the service does not state enough to tell, or if it is not
            known what became of a purchase of this machine. Shares below 1 % and areas below 0.01 km² count as 0.

        Raises
        ------
        InvalidQuery, InvalidArea
            If an argument is invalid.
        ScenecartError
            If the list of orders cannot be read.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2022-04", limit=2)
        >>> order = client.cart(captures.head(1)).estimate().place()
        >>> client.mark_owned(captures)["owned"].tolist()
        [1.0, 0.0]
        """
        from scenecart._cart.owned import mark  # noqa: PLC0415  # a search needs no orders

        return mark(captures, self._ordering().holdings.known(), None if aoi is None else as_area(aoi))


def _pasted(order_id: Any) -> Any:
    """Return an id of an order as it was before it was copied from a terminal or a page."""
    return "".join(order_id.split()) if isinstance(order_id, str) else order_id


OrderMethods.__module__ = "scenecart"
