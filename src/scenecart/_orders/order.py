"""An order: what is known of it, following it to its end, cancelling it, opening what it delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._api import schemas
from scenecart._imagery.raster import require_rioxarray
from scenecart._orders.polling import poll_until
from scenecart._orders.tables import moment
from scenecart._util import html
from scenecart._util.keywords import checked_keywords
from scenecart._util.progress import bar
from scenecart._util.text import clean_text
from scenecart.exceptions import (
    DownloadError,
    OrderCancelled,
    OrderFailed,
    WaitTimeout,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from decimal import Decimal
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    import pystac
    import xarray as xr

    from scenecart._api.schemas import PriceGroup
    from scenecart._cart.cart import Cart
    from scenecart._orders.order_api import OrderApi
    from scenecart._orders.purchase_details import PurchaseDetails

_PAID = {"card": "by card", "enterprise": "by invoice"}


class Order:
    """One order: a handle that shows its last known state and can ask for a newer one.

    Made by ``estimate.place()`` and ``client.order(id)``.

    Attributes
    ----------
    note : str or None
        What there is to say of how it came about, such as that it existed before.
    cart : Cart or None
        What was placed, where it was placed from this session.

    Examples
    --------
    >>> with sandbox.Sandbox(pace="instant", captures=1_000) as box:
    ...     client = box.client(home=box.data / "journal")
    ...     captures = client.search("openterra", collections="openterra-10m", limit=1)
    ...     order = client.cart(captures).estimate().place()
    ...     order.wait(timeout=60, progress=False).status
    'delivered'
    """

    def __init__(self, desk: OrderApi, record: schemas.OrderRecord) -> None:
        self._desk = desk
        self._record = record
        self.note: str | None = None
        self.cart: Cart | None = None

    @property
    def id(self) -> str:
        """The service's id of it."""
        return self._record.id

    @property
    def status(self) -> str:
        """``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``; anything else as the service says it."""
        return self._record.state

    @property
    def is_finished(self) -> bool:
        """Whether it is delivered, failed or cancelled. A state that is not known is not taken as an end."""
        return self._record.state in schemas.TERMINAL

    @property
    def total_credits(self) -> int | None:
        """The price in credits."""
        return self._record.total_credits

    @property
    def total_aud(self) -> Decimal | None:
        """The price in Australian dollars."""
        return self._record.total_aud

    @property
    def billing_mode(self) -> str | None:
        """How it is paid: ``"credit"``, ``"card"`` or ``"enterprise"`` (a monthly invoice), where the service tells it."""
        return self._record.billing_mode

    @property
    def project(self) -> str | None:
        """The project it is delivered to."""
        return self._record.project

    @property
    def price_groups(self) -> tuple[PriceGroup, ...]:
        """What is priced together, where the service tells it."""
        return self._record.groups

    @property
    def captures(self) -> list[str]:
        """The ids of what was ordered, where the service tells them."""
        return list(self._record.captures)

    @property
    def reason(self) -> str | None:
        """Why it failed, where the service says so."""
        return self._record.reason

    @property
    def created(self) -> datetime | None:
        """When it was placed, UTC."""
        return moment(self._record.created)

    def refresh(self) -> Order:
        """Ask the service for its state; returns the order itself.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-08", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> order.refresh() is order
        True
        """
        self._record = self._desk.fetch(self.id)
        return self

    def take_up(self, record: schemas.OrderRecord) -> None:
        """Take up a newer state that came with a list."""
        self._record = record

    def tell(self, note: str) -> None:
        """Keep what there is to say, and say it where the analyst looks."""
        self.note = note
        self._desk.say(note)

    @checked_keywords()
    def wait(
        self,
        timeout: float | None = None,
        poll: float | None = None,
        callback: Callable[[Order], object] | None = None,
        *,
        progress: bool = True,
    ) -> Order:
        """Wait until it is delivered. Interrupting or timing out harms nothing; waiting can go on later.

        Parameters
        ----------
        timeout
            Seconds to wait at most; None waits as long as it takes.
        poll
            Seconds between two looks. Default: from a quarter of a second, growing to 15.
        callback
            Called with the order after each look.
        progress
            Show a bar.

        Raises
        ------
        OrderFailed
            If it failed; the reason is in the message. ``OrderCancelled`` if it was cancelled.
        WaitTimeout
            If the time is over first.

        Returns
        -------
        Order
            The order itself.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-09", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> order.wait(timeout=60, progress=False).is_finished
        True
        """
        if progress:
            with bar(f"Order {self.id}: {self.status}", unit="state") as shown:

                def show(order: Order) -> None:
                    shown.show(label=f"Order {order.id}: {order.status}")
                    if callback is not None:
                        callback(order)

                self._poll(timeout, poll, show)
                shown.finish(f"Order {self.id}: {self.status}")
        else:
            self._poll(timeout, poll, callback)
        self._raise_if_lost()
        return self

    def cancel(self) -> Order:
        """Ask the service to cancel, and tell what was given back; asking again for a cancelled order does nothing.

        Raises
        ------
        Conflict
            If it is too late. The order goes on.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-10", limit=4)
        >>> order = client.cart(captures).estimate().place(again=True)
        >>> order.cancel().status  # doctest: +ELLIPSIS
        Order ... is cancelled; 0 credits were given back.
        'cancelled'
        """
        self.refresh()
        if self.status != "cancelled":
            answer = self._desk.cancel(self.id)
            self.refresh()
            self.tell(f"Order {self.id} is {self.status}{_given_back(answer, self._record)}.")
        return self

    def items(self) -> gpd.GeoDataFrame:
        """Return what was delivered: one row an item, columns as in a search, EPSG:4326.

        The column ``provenance`` says whether the service's own record leads from the item back to this order:
        ``"verified"``, ``"missing"``, or ``"unknown"`` where the account may not ask. A missing one is also warned of.

        Raises
        ------
        DownloadError
            If the order is not delivered.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-11", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> items = order.items()
        >>> items["provenance"].tolist(), items.crs.to_epsg()
        (['verified'], 4326)
        """
        return self._desk.deliveries.items(self._delivered_id())

    def lineage(self) -> pd.DataFrame:
        """Return how items, this order and captures follow from each other, as the service recorded it.

        Returns
        -------
        pandas.DataFrame
            One row an edge: ``entity``, ``entity_id``, ``relation``, ``source``, ``source_id``, ``depth``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-12", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> sorted(zip(order.lineage()["entity"], order.lineage()["source"]))
        [('item', 'order'), ('order', 'capture')]
        """
        return self._desk.deliveries.lineage(self.id)

    @checked_keywords()
    def open(self, asset: str, *, item: str | None = None, directory: str | os.PathLike[str] | None = None) -> xr.DataArray:
        """Open a delivered raster as an array, fetched and verified first.

        Parameters
        ----------
        asset
            Which asset, by key, such as ``"visual"``.
        item
            Which item, by id; needed where the order delivered several.
        directory
            Where the file is kept. Default: the user's cache directory.

        Returns
        -------
        xarray.DataArray
            Dimensions ``band``, ``y``, ``x``, in the file's own CRS (``.rio.crs``), read when it is used.

        Raises
        ------
        InvalidRequest
            If there is no such asset, or several items have it.
        MissingExtra
            If rioxarray is not installed.
        DownloadError
            If the order is not delivered, or the file does not arrive whole.

        Examples
        --------
        >>> import tempfile
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2024-01", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> image = order.open("visual", directory=tempfile.mkdtemp())
        >>> image.dims, image.rio.crs.is_projected
        (('band', 'y', 'x'), True)
        """
        require_rioxarray()
        return self._desk.deliveries.open(self._delivered_id(), asset, item=item, directory=directory)

    def item_collection(self) -> pystac.ItemCollection:
        """Return what was delivered as a ``pystac.ItemCollection`` (STAC 1.0.0).

        Raises
        ------
        DownloadError
            If the order is not delivered.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2024-02", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> [sorted(item.assets) for item in order.item_collection()]
        [['thumbnail', 'visual']]
        """
        return self._desk.deliveries.item_collection(self._delivered_id())

    @checked_keywords()
    def download(
        self,
        directory: str | os.PathLike[str],
        assets: str | Iterable[str] | None = None,
        *,
        progress: bool | Callable[[float], object] = True,
        workers: int = 4,
    ) -> list[Path]:
        """Fetch the delivered files, each verified before it stands under its name.

        Parameters
        ----------
        directory
            Where to; made if needed. Files that are there already, whole, are not fetched again.
        assets
            Which assets of each item, by key, one or several; None fetches all.
        progress
            True shows a bar; a callable is given the share that is there, from 0 to 1, from the threads that fetch.
        workers
            How many files at once.

        Returns
        -------
        list of pathlib.Path
            The files, in the order of the items.

        Raises
        ------
        DownloadError
            If the order is not delivered, or a file does not arrive whole. What had arrived resumes next time.
        InvalidRequest
            If an asset is asked for that no item has, or the directory is no path.

        Examples
        --------
        >>> import tempfile
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2024-04", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> [path.name for path in order.download(tempfile.mkdtemp(), ["visual"], progress=False)]
        ['visual.tif']
        """
        order_id = self._delivered_id()
        return self._desk.deliveries.download(order_id, directory, assets=assets, progress=progress, workers=workers)

    def _delivered_id(self) -> str:
        """Return the id once the order is delivered, asking the service again if it was not."""
        if self.status != "delivered":
            self.refresh()
        if self.status == "delivered":
            return self.id
        state = clean_text(self.status, 40)
        details = {"order_id": self.id}
        if self.is_finished:
            reason = f": {self.reason}" if self.reason else ""
            raise DownloadError(
                f"Order {self.id} is {state}, so it delivers nothing{reason}.", code="order_without_delivery", details=details
            )
        raise DownloadError(
            f"Order {self.id} is {state}, not delivered yet.",
            code="order_not_delivered",
            hint="Call order.wait() first.",
            details=details,
        )

    def papers(self) -> PurchaseDetails:
        """Return what is known here of what it bought: from this session, the journal or the service, with the catalog's words."""
        return self._desk.papers(self, self._record)

    @checked_keywords()
    def to_report(self, path: str | os.PathLike[str], *, title: str | None = None, thumbnails: bool = True) -> Path:
        """Write the order as a report: what was placed, what it costs, and how it stands; the suffix tells the format.

        What was placed is known from this session, or from this machine's journal, or as far as the service tells it.

        Parameters
        ----------
        path
            Where to write it: ``.html`` and ``.pdf`` to read and print, ``.xlsx``, ``.md`` and ``.csv`` for offices, ``.geojson``,
            ``.gpkg`` and ``.parquet`` for GIS.
        title
            What the report is called.
        thumbnails
            Fetch a small picture of each capture, for ``.html`` and ``.pdf``.

        Returns
        -------
        pathlib.Path
            The file that was written.

        Raises
        ------
        InvalidRequest
            If the suffix is no known format, or the file cannot be written.
        MissingExtra
            If the packages for reports are not installed.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> order = client.cart(captures).estimate().place()
        >>> order.to_report(pathlib.Path(tempfile.mkdtemp()) / "order.csv").name
        'order.csv'
        """
        from scenecart import report  # noqa: PLC0415  # an extra: the core works without it

        return report.write(self, path, title=title, thumbnails=thumbnails)

    def __repr__(self) -> str:
        price = "" if self.total_credits is None else f", {self.total_credits:,} credits"
        paid = f", paid {self._paid}" if price and self._paid else ""
        return f"Order({self.id}, {self.status}{price}{paid})"

    def _repr_html_(self) -> str:
        return html.render(
            "order.html",
            id=clean_text(self.id, 80),
            status=clean_text(self.status, 40),
            kind=self.status if self.status in schemas.TERMINAL else "processing",
            captures=len(self.captures),
            total_credits=self.total_credits,
            total_aud=self.total_aud,
            created="" if self.created is None else f"{self.created:%Y-%m-%d %H:%M} UTC",
            paid=self._paid,
            note=self.note,
            reason=self.reason,
        )

    @property
    def _paid(self) -> str | None:
        """How it is paid where that is not out of the balance of credits, which is where everybody looks first."""
        return _PAID.get(self.billing_mode or "")

    def _poll(self, timeout: float | None, poll: float | None, callback: Callable[[Order], object] | None) -> None:
        def look() -> bool:
            self.refresh()
            if callback is not None:
                callback(self)
            return self.is_finished

        if not poll_until(self._desk, look, timeout, poll):
            raise WaitTimeout(
                f"Order {self.id} is still {self.status} after {timeout:g} seconds.",
                hint=f"It goes on without you: client.order({self.id!r}).wait() later.",
            )

    def _raise_if_lost(self) -> None:
        if self.status == "delivered":
            return
        kind = OrderCancelled if self.status == "cancelled" else OrderFailed
        what = "was cancelled" if self.status == "cancelled" else "failed"
        error = kind(
            f"Order {self.id} {what}{f': {self.reason}' if self.reason else ''}.",
            hint="What was reserved or held for it is given back; see client.balance().",
        )
        error.order_id, error.reason = self.id, self.reason
        raise error


def _given_back(answer: Mapping[str, Any], record: schemas.OrderRecord) -> str:
    """Tell what a cancelled order gives back, as far as the service says it."""
    told = schemas.returned_credits(answer)
    if told is not None:
        kind, amount = told
        return f"; {amount:,} credits were {'given back' if kind == 'refunded' else kind}"
    if record.state == "cancelled" and record.total_credits is not None:
        return f"; nothing of its {record.total_credits:,} credits is charged"
    return ""


Order.__module__ = "scenecart"
