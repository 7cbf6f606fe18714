"""Order: one order at the service, to refresh, wait for, cancel and download."""

from __future__ import annotations

import contextlib
import getpass
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from scenecart._api.order_states import ENDED
from scenecart._delivery.download import Delivered
from scenecart._imagery.raster import require_rioxarray
from scenecart._imagery.stack import StackOptions
from scenecart._orders.order_outcomes import cancel_notice, not_delivered, not_finished, nothing_to_deliver, state_notice
from scenecart._orders.order_state import StatedOrder
from scenecart._orders.polling import Poll
from scenecart._util.progress import bar
from scenecart.exceptions import (
    Conflict,
    ConnectionFailed,
    ScenecartError,
    ServiceError,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    import pystac
    import xarray as xr

    from scenecart._api.schemas import OrderRecord
    from scenecart._cart.cart import Cart
    from scenecart._delivery.download import ReceivedItems
    from scenecart._imagery.ranges import RangeReader
    from scenecart._orders.labels import Labels
    from scenecart._orders.order_api import OrderApi
    from scenecart._orders.purchase_details import PurchaseDetails
    from scenecart.widgets._map import FootprintMap


class Order(StatedOrder):
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

    def __init__(self, api: OrderApi, record: OrderRecord) -> None:
        super().__init__(record)
        self._api = api
        self.cart: Cart | None = None
        self._notified: str | None = None

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

        While the service or the network fails, waiting continues until ``timeout``; two notices show the begin and the end of that.
        A notice is shown once for an unknown state, and for a state in which a person has to act. In an unknown state, waiting
        continues until files of the order are listed.

        Raises
        ------
        OrderFailed
            If it ended without delivery; the message has the reason. ``OrderCancelled`` if it was cancelled.
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
        if not self.is_delivered:
            raise not_delivered(self._record)
        # the next purchase reads it again
        with contextlib.suppress(ScenecartError):
            self._api.after_wait()
        return self

    def cancel(self) -> Order:
        """Cancel the order, and print what is known about the money. Does nothing if it is already cancelled.

        If no usable answer arrives, the state of the order is read and reported.

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
        self.note = cancel_notice(self._record, answer)
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
            If an argument is not valid, no item has the bands, or the items do not state their grid.
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
            The key of the asset. Default: the one that is best for display, such as ``"visual"``.
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
        raise nothing_to_deliver(self._record)

    def _update(self, record: OrderRecord) -> None:
        """Set a newer state, read from a list of orders."""
        self._record = record

    def _poll(self, timeout: float | None, poll: float | None, callback: Callable[[Order], object] | None) -> None:
        def is_done() -> bool:
            self._notify_state()
            if callback is not None:
                callback(self)
            return self.is_finished

        polling = Poll(self._api, timeout, poll)
        if not polling.until(self.refresh, is_done):
            raise not_finished(self._record, timeout, polling.outage)

    def _notify_state(self) -> None:
        """Notify once of an unknown state, or of one in which a person has to act."""
        if self._notified != self.status and (notice := state_notice(self._record)) is not None:
            self._notified = self.status
            self._api.notify(notice)


def delivered_rasters(order: Order) -> Mapping[str, Path | RangeReader]:
    """Return the delivered imagery of an order by capture, for reports; see ``DeliveryService.rasters``."""
    return order._api.deliveries.rasters(order._ordered()) if order.is_delivered else {}  # noqa: SLF001  # the handle's own module


def arrived_of(order: Order) -> ReceivedItems:
    """Return what the service lists of an order, also of one that is still being processed; see ``DeliveryService.arrived``."""
    return order._api.deliveries.arrived(order._ordered())  # noqa: SLF001  # the handle's own module


def purchase_details_of(order: Order) -> PurchaseDetails:
    """Return what is known about what an order bought."""
    return order._api.purchases.read(order._record, order.cart)  # noqa: SLF001  # the handle's own module


def label_order(order: Order, labels: Labels) -> None:
    """Set the labels of an order that was placed; an existing order keeps those that are not given.

    The name and tags of an order that was labelled elsewhere stay: this machine's are taken only where it has none.
    """
    record = order._record  # noqa: SLF001  # the order's own module
    is_existing = order.note is not None and order.note.code != "ground_shared"
    if not is_existing:
        order._record = order._api.label(record, replace(labels, person=_person()))  # noqa: SLF001  # likewise
        return
    if not labels:
        return
    name, tags = labels.name or record.name or "", labels.tags or record.tags
    if not order._api.is_labelled(record.id):  # noqa: SLF001  # likewise
        name, tags = record.name or labels.name, record.tags or labels.tags
    reference = labels.reference or record.reference or ""
    if (name or None, tags, reference or None) != (record.name, record.tags, record.reference):
        wanted = replace(labels, name=name, tags=tags, reference=reference, person=record.person or "")
        order._record = order._api.label(record, wanted)  # noqa: SLF001  # likewise


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


Order.__module__ = "scenecart"
