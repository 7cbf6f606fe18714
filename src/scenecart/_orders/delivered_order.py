"""What an order delivered: its items, files and imagery."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

from scenecart._delivery.items import Delivered
from scenecart._imagery.raster import require_rioxarray
from scenecart._orders.order_outcomes import nothing_to_deliver
from scenecart._orders.order_state import StatedOrder

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
    from scenecart._orders.order_api import OrderApi
    from scenecart.widgets._map import FootprintMap


class DeliveredOrder(StatedOrder):
    """One order, and what was delivered of it."""

    def __init__(self, api: OrderApi, record: OrderRecord) -> None:
        super().__init__(record)
        self._api = api
        self.cart: Cart | None = None

    def refresh(self) -> Self:
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
        from scenecart._imagery.stack import StackOptions  # noqa: PLC0415  # no search needs it

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


def delivered_rasters(order: DeliveredOrder) -> Mapping[str, Path | RangeReader]:
    """Return the delivered imagery of an order by capture, for reports; see ``DeliveryService.rasters``."""
    return order._api.deliveries.rasters(order._ordered()) if order.is_delivered else {}  # noqa: SLF001  # the handle's own module


def arrived_of(order: DeliveredOrder) -> ReceivedItems:
    """Return what the service lists of an order, also of one that is still being processed; see ``DeliveryService.arrived``."""
    return order._api.deliveries.arrived(order._ordered())  # noqa: SLF001  # the handle's own module


DeliveredOrder.__module__ = "scenecart"
