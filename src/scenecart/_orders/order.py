"""Order: one order at the service, to refresh, wait for, cancel and download."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

from scenecart._api import schemas
from scenecart._api.order_states import DELIVERED, ENDED, UNKNOWN, is_on_hold, phase_of
from scenecart._delivery.download import Delivered
from scenecart._imagery.raster import require_rioxarray
from scenecart._imagery.stack import StackOptions
from scenecart._orders.notice import Notice
from scenecart._orders.polling import Poll
from scenecart._orders.tables import parse_time
from scenecart._util import html
from scenecart._util.progress import bar
from scenecart._util.reportable import Reportable
from scenecart._util.text import clean_text, duration
from scenecart.exceptions import (
    Conflict,
    ConnectionFailed,
    DownloadError,
    OrderCancelled,
    OrderFailed,
    ScenecartError,
    ServiceError,
    WaitTimeout,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
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
    from scenecart._orders.polling import Outage
    from scenecart._orders.purchase_details import PurchaseDetails
    from scenecart.widgets._map import FootprintMap

_PAID_BY = {"card": "by card", "enterprise": "by invoice"}


class Order(Reportable):
    """One order, with its last known state. ``refresh()`` requests the current state.

    ``estimate.place()`` and ``client.order(order_id)`` return one.

    Attributes
    ----------
    note : str or None
        A message about the order, for example that it already existed, or how many credits were returned when it was
        cancelled.
    cart : Cart or None
        The cart that was placed, if it was placed in this session.

    Examples
    --------
    >>> with sandbox.Sandbox(pace="instant", captures=1_000) as box:
    ...     client = box.client(home=box.data / "journal")
    ...     captures = client.search("openterra", collections="openterra-10m", limit=1)
    ...     order = client.cart(captures).estimate().place()
    ...     order.wait(timeout=60, progress=False).status
    'delivered'
    """

    def __init__(self, api: OrderApi, record: schemas.OrderRecord) -> None:
        self._api = api
        self._record = record
        self.note: Notice | None = None
        self.cart: Cart | None = None
        self._mentioned: str | None = None

    @property
    def id(self) -> str:
        """The order's id."""
        return self._record.id

    @property
    def status(self) -> str:
        """``"processing"``, ``"delivered"``, ``"failed"`` or ``"cancelled"``; any other state as the service names it."""
        return self._record.state

    @property
    def sub_status(self) -> str | None:
        """Details of the state; None if the service gives none."""
        return self._record.sub_status

    @property
    def phase(self) -> str:
        """What the state means: ``"open"``, ``"delivered"``, ``"ended"`` (without delivery), or ``"unknown"``.

        A state that is not known counts as delivered once the service lists files of the order.
        """
        return self._record.phase

    @property
    def is_finished(self) -> bool:
        """Whether it is delivered, or has ended without delivery. An unknown state does not count as finished."""
        return self._record.phase in {DELIVERED, ENDED}

    @property
    def is_delivered(self) -> bool:
        """Whether its imagery can be downloaded."""
        return self._record.phase == DELIVERED

    @property
    def total_credits(self) -> int | None:
        """The price in credits."""
        return self._record.total_credits

    @property
    def total_aud(self) -> Decimal | None:
        """The price in Australian dollars."""
        return self._record.total_aud

    @property
    def currency(self) -> str | None:
        """The currency of the price, such as ``"AUD"``, if the service names it."""
        return self._record.currency

    @property
    def order_type(self) -> str | None:
        """The type of the order, such as ``"archive"``, if the service names it."""
        return self._record.order_type

    @property
    def license_type(self) -> str | None:
        """The licence that was bought, if the service names it."""
        return self._record.license_type

    @property
    def billing_mode(self) -> str | None:
        """How it is paid: ``"credit"``, ``"card"`` or ``"enterprise"`` (a monthly invoice); None if the service does not say."""
        return self._record.billing_mode

    @property
    def project(self) -> str | None:
        """The project that the imagery is delivered to."""
        return self._record.project

    @property
    def price_groups(self) -> tuple[PriceGroup, ...]:
        """The groups of captures that are priced together, if the service lists them."""
        return self._record.groups

    @property
    def captures(self) -> list[str]:
        """The ids of the ordered captures, if the service lists them."""
        return list(self._record.captures)

    @property
    def reason(self) -> str | None:
        """Why it failed, if the service says."""
        return self._record.reason

    @property
    def created(self) -> datetime | None:
        """When it was placed, UTC."""
        return parse_time(self._record.created)

    @property
    def updated(self) -> datetime | None:
        """When it last changed, UTC, if the service says."""
        return parse_time(self._record.updated)

    @property
    def raw(self) -> dict[str, Any]:
        """The order as the service sent it, with every field."""
        return dict(self._record.raw)

    def refresh(self) -> Order:
        """Request the current state, and return the order itself.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-08", limit=1)
        >>> order = client.cart(captures).estimate().place()
        >>> order.refresh() is order
        True
        """
        self._record = self._api.fetch(self.id)
        return self

    def wait(
        self,
        timeout: float | None = None,
        poll: float | None = None,
        callback: Callable[[Order], object] | None = None,
        *,
        progress: bool = True,
    ) -> Order:
        """Wait until the order is delivered. You can interrupt the wait; the order continues.

        Parameters
        ----------
        timeout
            Maximum time to wait, in seconds; None waits without limit.
        poll
            Seconds between two requests. Default: 0.25 s at first, then longer, up to 15 s.
        callback
            Called with the order after each request.
        progress
            Show a progress bar.

        While the service or the network fails, waiting goes on until ``timeout``; two notices say when that begins and ends. A
        state that is not known, or in which somebody has to act, is mentioned once. Of an unknown state, waiting goes on until
        files of the order are listed.

        Raises
        ------
        OrderFailed
            If it ended without delivery; the message says why. ``OrderCancelled`` if it was cancelled.
        WaitTimeout
            If the order is not finished after ``timeout``. It continues. The code is ``"order_outcome_unknown"`` if its state
            is not known, or the service does not respond.
        ScenecartError
            If the service refuses, such as ``NotFound`` for an order that does not exist.

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
        self._raise_if_not_delivered()
        # what cannot be looked up now is looked up by the next purchase
        with contextlib.suppress(ScenecartError):
            self._api.after_wait()
        return self

    def cancel(self) -> Order:
        """Cancel the order, and print what is known about the money. Does nothing if it is already cancelled.

        If no usable answer arrives, the order is looked at, and its state is reported.

        Raises
        ------
        Conflict
            If it is too late to cancel. The order is then still processed.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-10", limit=4)
        >>> order = client.cart(captures).estimate().place(again=True)
        >>> order.cancel().status  # doctest: +ELLIPSIS
        Order ... is cancelled; 0 credits were returned.
        'cancelled'
        """
        self.refresh()
        if self._record.is_cancelled:
            return self
        answer = None
        try:
            answer = self._api.cancel(self._record)
        except (Conflict, ConnectionFailed, ServiceError) as error:
            # a second attempt is refused after the answer to the first was lost
            self._refresh_after(error)
        else:
            self.refresh()
        self.note = _cancel_notice(self._record, answer)
        self._api.notify(self.note)
        return self

    def _refresh_after(self, error: ScenecartError) -> None:
        """Request the state after a cancellation without an answer; raise its error if the order was not cancelled."""
        try:
            self.refresh()
        except ScenecartError:
            raise error from None
        if self.phase != ENDED:
            raise error

    def items(self) -> gpd.GeoDataFrame:
        """Return the delivered items: one row per item, columns as in a search, EPSG:4326.

        The column ``provenance`` says whether the service's record links the item to this order: ``"verified"``,
        ``"missing"`` (with a warning), or ``"unknown"`` if no record can be read. A warning says if fewer items than
        captures have arrived.

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
        return self._api.deliveries.items(self._delivered())

    def lineage(self) -> pd.DataFrame:
        """Return the recorded relations between the captures, this order and its items.

        Returns
        -------
        pandas.DataFrame
            One row per relation:

            - ``entity``: the type of the object, such as ``"item"`` or ``"order"``;
            - ``entity_id``: its id;
            - ``relation``: how it came from its source, as the service names it;
            - ``source``: the type of the object it came from, such as ``"order"`` or ``"capture"``;
            - ``source_id``: the id of that object;
            - ``depth``: how many relations away from this order, from 1, if the service reports it.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-12", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> sorted(zip(order.lineage()["entity"], order.lineage()["source"]))
        [('item', 'order'), ('order', 'capture')]
        """
        return self._api.deliveries.lineage(self.id)

    def open(
        self,
        asset: str,
        *,
        item: str | None = None,
        directory: str | os.PathLike[str] | None = None,
        remote: bool = False,
        masked: bool = False,
        scaled: bool = False,
        resolution: float | None = None,
    ) -> xr.DataArray:
        """Open a delivered raster as an array, after downloading and verifying it, or remotely without downloading it.

        Parameters
        ----------
        asset
            The key of the asset, such as ``"visual"``.
        item
            The id of the item; required if several items have this asset.
        directory
            The directory to keep the file in. Default: a folder in the client's home directory.
        remote
            Read only the parts of the remote file that are used, without downloading it. Suits cloud-optimized GeoTIFFs.
        masked
            Return NaN where the file has no data, by its no-data value, its alpha band or its mask; the alpha band is left out.
        scaled
            Apply scale and offset of the bands. Without data is NaN, too.
        resolution
            Read the coarsest overview whose pixels are at most this large, in units of the file's CRS; None reads the raster
            itself.

        Returns
        -------
        xarray.DataArray
            Dimensions ``band``, ``y``, ``x``, with the names of the bands, in the file's own CRS (``.rio.crs``); pixels are read
            when they are used.

        Raises
        ------
        InvalidRequest
            If no item has this asset, several items have it, or the resolution is not valid.
        MissingExtra
            If rioxarray is not installed.
        DownloadError
            If the order is not delivered, the file is incomplete or not a raster, or the server does not serve parts of files.

        Examples
        --------
        >>> import tempfile
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2024-01", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> image = order.open("visual", directory=tempfile.mkdtemp())
        >>> image.dims, image.band.values.tolist(), image.rio.crs.is_projected
        (('band', 'y', 'x'), ['red', 'green', 'blue', 'alpha'], True)
        >>> overview = order.open("analytic", remote=True, scaled=True, resolution=2_000)
        >>> overview.sizes["x"] < image.sizes["x"]
        True
        """
        require_rioxarray()
        how = {"masked": masked, "scaled": scaled, "resolution": resolution}
        return self._api.deliveries.open(self._delivered(), asset, item=item, directory=directory, remote=remote, **how)

    def stack(
        self,
        bands: str | Iterable[str] | None = None,
        *,
        resolution: float | None = None,
        crs: Any = None,
        bbox: Sequence[float] | None = None,
        chunks: Mapping[str, int] | None = None,
        masked: bool = False,
        scaled: bool = False,
        directory: str | os.PathLike[str] | None = None,
    ) -> xr.Dataset:
        """Stack bands of all delivered items in time, through odc-stac.

        Files that were downloaded with this client, or are in ``directory``, are read from disk, the others remotely, as far
        as they are needed.

        Parameters
        ----------
        bands
            Names of bands: a name or common name such as ``"red"``, an asset with one band such as ``"udm"``, or asset and
            band such as ``"visual.red"``. None takes the bands of the asset with the most bands.
        resolution
            Size of the pixels in units of the CRS; None takes that of the files.
        crs
            The CRS of the stack, such as ``"EPSG:32756"``; None takes that of most files.
        bbox
            West, south, east and north in degrees (EPSG:4326); west 179 and east -179 cross the antimeridian. None takes the
            extent of all items.
        chunks
            Sizes of chunks by dimension, such as ``{"x": 1024, "y": 1024}``, for a stack that Dask reads when it is computed;
            None reads it now.
        masked
            Return NaN where there is no data, by the no-data value or the alpha band of each file.
        scaled
            Apply scale and offset of the bands. Without data is NaN, too.
        directory
            A folder that the order was downloaded to earlier.

        Returns
        -------
        xarray.Dataset
            A variable for each band, with the dimensions ``time`` (UTC), ``y``, ``x``. Items of one time are one slice.

        Raises
        ------
        InvalidRequest
            If an argument is not valid, no item has the bands, or the items do not say in which grid they are.
        MissingExtra
            If odc-stac is not installed.
        DownloadError
            If the order is not delivered, or a file cannot be read.

        Warns
        -----
        ScenecartWarning
            If items without some of the bands are left out.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-07", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> stack = order.stack(["red", "nir"], resolution=2_000, scaled=True)
        >>> list(stack), stack.sizes["time"]
        (['red', 'nir'], 1)
        """
        options = StackOptions(resolution, crs, bbox, chunks, masked, scaled)
        return self._api.deliveries.stack(self._delivered(), bands, options, directory)  # noqa: PD013  # no pandas

    def show(self, *, asset: str | None = None, bands: Any = None, stretch: Any = "auto", basemap: Any = None) -> FootprintMap:
        """Show the delivered imagery on a map, at full depth; nothing is downloaded but what is in view.

        Parameters
        ----------
        asset
            The key of the asset. Default: the one that is best looked at, such as ``"visual"``.
        bands
            One band or three (red, green, blue), by number from 1 or by name; see ``FootprintMap.add_imagery``.
        stretch
            ``"auto"``, ``"percentile"``, ``"none"``, or the values ``(low, high)`` that become black and white.
        basemap
            A tile provider's name; ``"none"`` shows the outline of the land alone.

        Returns
        -------
        scenecart.widgets.FootprintMap
            A map with a layer for each of the first twenty items.

        Raises
        ------
        DownloadError
            If the order is not delivered.
        MissingExtra
            If the packages for widgets or rasters are not installed.
        ScenecartError
            If none of its imagery can be shown.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2023-02", limit=1)
        >>> order = client.cart(captures).estimate().place(again=True).wait(timeout=60, progress=False)
        >>> shown = order.show(basemap="none")
        >>> len(shown.imagery)
        1
        >>> shown.close()
        """
        from scenecart import widgets  # noqa: PLC0415  # an extra

        shown: FootprintMap = widgets.FootprintMap.from_order(self, asset=asset, bands=bands, stretch=stretch, basemap=basemap)
        return shown

    def item_collection(self) -> pystac.ItemCollection:
        """Return the delivered items as a ``pystac.ItemCollection`` (STAC 1.0.0).

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
        [['analytic', 'thumbnail', 'udm', 'visual']]
        """
        return self._api.deliveries.item_collection(self._delivered())

    def download(
        self,
        directory: str | os.PathLike[str],
        assets: str | Iterable[str] | None = None,
        *,
        progress: bool | Callable[[float], object] = True,
        workers: int = 4,
        verify: bool | Literal["size"] = True,
    ) -> list[Path]:
        """Download the delivered files into a folder that is a static STAC catalog; each is verified before it gets its name.

        The folder has a ``catalog.json``, and a folder for each item, named by date (UTC) and capture, with the files and an
        ``item.json``. Other orders can be downloaded into the same folder. Downloading again, also in several processes at once,
        fetches only what is missing or damaged; the items that are ready can be fetched before the order is finished. A warning
        says if captures are missing.

        Parameters
        ----------
        directory
            The target directory; created if needed.
        assets
            Keys of assets, one or several; None downloads all.
        progress
            True shows a progress bar. A function is called with the fraction downloaded (0 to 1), in the calling thread.
        workers
            How many files to download at once; fewer if the file server allows fewer connections.
        verify
            True compares sizes and checksums with those that the service announces, ``"size"`` only sizes, False nothing, for
            files of which the service announces a wrong size or checksum. The item says how far each file was verified.

        Returns
        -------
        list of pathlib.Path
            The files, in the order of the items.

        Raises
        ------
        DownloadError
            If nothing is delivered, or files could not be downloaded; ``error.failed`` lists these. The next call resumes.
        InvalidRequest
            If no item has one of the assets, or the directory is not a path.

        Examples
        --------
        >>> import tempfile
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2024-04", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> [path.name for path in order.download(tempfile.mkdtemp(), ["visual"], progress=False)]
        ['2024-04-30_TERRAA_S7793E15988_visual.tif']
        """
        order = self._delivered()
        return self._api.deliveries.download(order, directory, assets=assets, progress=progress, workers=workers, verify=verify)

    @property
    def missing(self) -> list[str]:
        """The ids of the ordered captures of which no item has arrived yet, from a request to the service.

        Empty if everything has arrived, or if it is not known which captures were ordered. If the service does not say which
        capture an item shows, all captures are missing until there are as many items.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2024-05", limit=1)
        >>> order = client.cart(captures).estimate().place(again=True).wait(timeout=60, progress=False)
        >>> order.missing
        []
        """
        return self._api.deliveries.missing(self._ordered())

    def _ordered(self) -> Delivered:
        captures = self.captures or ([] if self.cart is None else [str(name) for name in self.cart.captures["id"]])
        return Delivered(self.id, captures, is_open=not self.is_finished)

    def _delivered(self) -> Delivered:
        """Return what to fetch, after a refresh if needed; raise if nothing is delivered.

        Items of an order that is still being processed can be fetched as soon as the service lists them.
        """
        if not self.is_delivered:
            self.refresh()
        if self.is_delivered or (not self.is_finished and self._api.deliveries.has_items(self.id)):
            return self._ordered()
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

    def __repr__(self) -> str:
        price = "" if self.total_credits is None else f", {self.total_credits:,} credits"
        paid = f", paid {self._paid_by}" if price and self._paid_by else ""
        return f"Order({self.id}, {self.status}{price}{paid})"

    def _repr_html_(self) -> str:
        return html.render(
            "order.html",
            id=clean_text(self.id, 80),
            status=clean_text(self.status, 40),
            kind=self._kind,
            captures=len(self.captures),
            total_credits=self.total_credits,
            total_aud=self.total_aud,
            created="" if self.created is None else f"{self.created:%Y-%m-%d %H:%M} UTC",
            paid=self._paid_by,
            note=self.note,
            reason=self.reason,
        )

    @property
    def _kind(self) -> str:
        """What the state is displayed as."""
        if self._record.is_cancelled:
            return "cancelled"
        return {DELIVERED: "delivered", ENDED: "failed"}.get(self.phase, "processing")

    @property
    def _paid_by(self) -> str | None:
        """How it is paid, if not from the balance of credits."""
        return _PAID_BY.get(self.billing_mode or "")

    def _update(self, record: schemas.OrderRecord) -> None:
        """Set a newer state, read from a list of orders."""
        self._record = record

    def _poll(self, timeout: float | None, poll: float | None, callback: Callable[[Order], object] | None) -> None:
        def is_done() -> bool:
            self._mention_state()
            if callback is not None:
                callback(self)
            return self.is_finished

        polling = Poll(self._api, timeout, poll)
        if not polling.until(self.refresh, is_done):
            raise self._not_finished(timeout, polling.outage)

    def _not_finished(self, timeout: float | None, outage: Outage) -> WaitTimeout:
        state, hint = (
            clean_text(self.status, 40),
            f"The order goes on without you. Wait again later: client.order({self.id!r}).wait().",
        )
        after = f" after {duration(timeout)}" if timeout else ""
        if outage.error is not None:
            error = WaitTimeout(
                f"The state of order {self.id} is unknown: the service has not responded for {duration(outage.seconds)} "
                f"({outage.error.message.removesuffix('.')}). It was {state} before.",
                code="order_outcome_unknown",
                hint=hint,
                details={"order_id": self.id},
            )
            error.__cause__ = outage.error
            return error
        if self.phase == UNKNOWN:
            return WaitTimeout(
                f"Order {self.id} is in an unknown state{after}: {state}.",
                code="order_outcome_unknown",
                hint=hint,
                details={"order_id": self.id},
            )
        return WaitTimeout(
            f"Order {self.id} is still {state}{after}.",
            code="order_not_finished",
            hint=hint,
            details={"order_id": self.id},
        )

    def _mention_state(self) -> None:
        """Notify once of a state that is not known, or in which somebody has to act."""
        if self._mentioned == self.status or not (phase_of(self.status) == UNKNOWN or is_on_hold(self.status)):
            return
        self._mentioned = self.status
        state, details = clean_text(self.status, 40), {"order_id": self.id}
        if is_on_hold(self.status):
            self._api.notify(
                Notice(
                    f"Order {self.id} is on hold ({state}). Waiting goes on.",
                    code="order_on_hold",
                    hint="Check it in the service's console.",
                    details=details,
                )
            )
            return
        if self.is_delivered:
            rest, hint = "Files of it are listed, so it counts as delivered.", None
        else:
            rest, hint = (
                "Waiting goes on until files of it are listed.",
                "To stop waiting, interrupt it: the order is not affected.",
            )
        self._api.notify(
            Notice(
                f"Order {self.id} is in an unknown state: {state}. {rest}", code="order_state_unknown", hint=hint, details=details
            )
        )

    def _raise_if_not_delivered(self) -> None:
        if self.is_delivered:
            return
        is_cancelled = self._record.is_cancelled
        reason = f": {self.reason}" if self.reason else ""
        if self.status in {"failed", "cancelled"}:
            ended = "was cancelled" if is_cancelled else "failed"
            hint = "The credits reserved for it, or the hold on your card, are released."
        else:
            ended = f"ended without delivery ({clean_text(self.status, 40)})"
            hint = "Check your balance or your card: this state does not say what was returned."
        kind = OrderCancelled if is_cancelled else OrderFailed
        error = kind(
            f"Order {self.id} {ended}{reason}.",
            code="order_cancelled" if is_cancelled else "order_failed",
            hint=hint,
            details={"order_id": self.id},
        )
        error.order_id, error.reason = self.id, self.reason
        raise error


def purchase_details_of(order: Order) -> PurchaseDetails:
    """Return what is known about what an order bought."""
    return order._api.purchases.read(order._record, order.cart)  # noqa: SLF001  # the handle's own module


def _cancel_notice(record: schemas.OrderRecord, answer: Any) -> Notice:
    """Return what is known after a cancellation: the state, and what happens to the money as far as the service says."""
    state, price = clean_text(record.state, 40), record.total_credits
    returned = schemas.returned_credits(answer)
    remark = schemas.remark(answer) if returned is None or price is None or returned[1] < price else None
    said = f" The service says: {remark.rstrip('.')}." if remark else ""
    hint = None
    if returned is not None:
        kind, amount = returned
        of_price = f" of its {price:,}" if price is not None and amount < price else ""
        money = f"; {amount:,}{of_price} credits were {'returned' if kind == 'refunded' else kind}."
    elif record.phase == ENDED:
        money = ". The service does not say what was returned."
        hint = "Check your balance, your card or your invoice."
    else:
        money = ". Cancelling it was requested; the service does not say more."
        hint = "Check it again later."
    return Notice(f"Order {record.id} is {state}{money}{said}", code="cancel_result", hint=hint, details={"order_id": record.id})


Order.__module__ = "scenecart"
