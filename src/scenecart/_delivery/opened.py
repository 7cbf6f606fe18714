"""A folder of deliveries, opened without a client or a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from scenecart._api import operations
from scenecart._captures import decode
from scenecart._captures.frame import to_frame
from scenecart._delivery.catalog import items_in
from scenecart._delivery.loading import choose_item, open_asset, stack_items
from scenecart._imagery.stack import StackOptions
from scenecart._util.files import as_path
from scenecart._util.json import dumps
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import DownloadError, InvalidRequest, warn

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import geopandas as gpd
    import pystac
    import xarray as xr


class Delivery:
    """Delivered imagery in a folder: the items of one or several orders. Returned by ``open_delivery``."""

    def __init__(self, path: Path, items: Mapping[str, dict[str, Any]]) -> None:
        self._path = path
        self._items = dict(items)
        self._folders = {id(item): name for name, item in self._items.items()}

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    def items(self) -> gpd.GeoDataFrame:
        """Return the delivered items: one row each, with the footprint as geometry (EPSG:4326) and the STAC properties as columns.

        Examples
        --------
        >>> import scenecart, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> client = scenecart.connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-03", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> files = order.download(folder, progress=False)
        >>> len(scenecart.open_delivery(folder).items())
        1
        """
        document = {"type": "FeatureCollection", "features": list(self._items.values())}
        features, _, _ = decode.read_page(dumps(document), operations.LIST_ASSETS.id)
        return to_frame(features).drop(columns=["host", "orderable", "not_orderable_reason"])

    def item_collection(self) -> pystac.ItemCollection:
        """Return the delivered items as a ``pystac.ItemCollection`` with absolute paths, for tools that need one file of items.

        The items in the folder have relative paths, so that it can be moved. GDAL's STACIT driver takes relative paths from the
        working directory instead of the item's folder: save this collection for it, and again after moving the folder.

        Examples
        --------
        >>> import scenecart, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> client = scenecart.connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-02", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> files = order.download(folder, ["visual"], progress=False)
        >>> [sorted(item.assets) for item in scenecart.open_delivery(folder).item_collection()]
        [['visual']]
        """
        import pystac  # noqa: PLC0415  # slow to import, and most folders are read as frames

        found = []
        failed: dict[str, Exception] = {}
        for item in self._items.values():
            paths = {key: file_of(self._path.resolve() / self._folders[id(item)], asset) for key, asset in item["assets"].items()}
            assets = {key: {**item["assets"][key], "href": str(path)} for key, path in paths.items() if path is not None}
            try:
                found.append(pystac.Item.from_dict({**item, "assets": assets, "links": []}))
            except Exception as error:  # noqa: BLE001  # pystac raises any kind of error for a malformed item
                failed[self._folders[id(item)]] = error
        if failed:
            name, reason = next(iter(failed.items()))
            warn(
                f"{pluralize(len(failed), 'delivered item')} {'is' if len(failed) == 1 else 'are'} not valid STAC and left out: "
                f"{clean_text(name, 80)} ({clean_text(str(reason), 120)}).",
                code="items_left_out",
                hint="Download the order again into a new folder, or read the others only.",
            )
        return pystac.ItemCollection(found, clone_items=False)

    def open(
        self,
        asset: str,
        *,
        item: str | None = None,
        masked: bool = False,
        scaled: bool = False,
        resolution: float | None = None,
    ) -> xr.DataArray:
        """Open a delivered raster as an array; see ``Order.open``.

        Parameters
        ----------
        asset
            The key of the asset, such as ``"visual"``.
        item
            The id of the item; required if several items have this asset.
        masked
            Return NaN where the file has no data. An alpha band becomes the mask.
        scaled
            Apply scale and offset of the bands. Without data is NaN, too.
        resolution
            Read the coarsest overview whose pixels are at most this large, in units of the file's CRS.

        Raises
        ------
        InvalidRequest
            If no item has this asset, or several have it.
        DownloadError
            If its file is missing or not a raster.
        MissingExtra
            If rioxarray is not installed.

        Examples
        --------
        >>> import scenecart, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> client = scenecart.connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-04", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> files = order.download(folder, ["analytic"], progress=False)
        >>> scenecart.open_delivery(folder).open("analytic", scaled=True).band.values.tolist()
        ['blue', 'green', 'red', 'nir']
        """
        found = choose_item([*self._items.values()], asset, item)
        source = self._file(found, asset)
        return open_asset(source, found["assets"][asset], masked=masked, scaled=scaled, resolution=resolution)

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
    ) -> xr.Dataset:
        """Stack bands of all items in time; see ``Order.stack``.

        Parameters
        ----------
        bands
            Names of bands, such as ``["red", "nir"]`` or ``"udm"``; None takes those of the asset with the most bands.
        resolution
            Size of the pixels in units of the CRS; None takes that of the files.
        crs
            The CRS of the stack, such as ``"EPSG:32756"``; None takes that of most files.
        bbox
            West, south, east and north in degrees (EPSG:4326); west 179 and east -179 cross the antimeridian. None takes the
            extent of all items.
        chunks
            Sizes of chunks by dimension, for a stack that Dask reads when it is computed.
        masked
            Return NaN where there is no data.
        scaled
            Apply scale and offset of the bands. Without data is NaN, too.

        Raises
        ------
        InvalidRequest
            If an argument is not valid, or no item has the bands.
        DownloadError
            If a file is missing.
        MissingExtra
            If odc-stac is not installed.

        Examples
        --------
        >>> import scenecart, tempfile
        >>> folder = tempfile.mkdtemp()
        >>> client = scenecart.connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-05", limit=1)
        >>> order = client.cart(captures).estimate().place().wait(timeout=60, progress=False)
        >>> files = order.download(folder, ["analytic"], progress=False)
        >>> list(scenecart.open_delivery(folder).stack(["red", "nir"], scaled=True))
        ['red', 'nir']
        """
        options = StackOptions(resolution, crs, bbox, chunks, masked, scaled)
        return stack_items([*self._items.values()], bands, self._file, options)

    def __repr__(self) -> str:
        return f"Delivery({clean_text(self._path, 200)!r}, {pluralize(len(self._items), 'item')})"

    def _file(self, item: Mapping[str, Any], key: str) -> Path:
        found = file_of(self._path / self._folders[id(item)], item["assets"][key])
        if found is None:
            raise DownloadError(
                f"The file of {key!r} of item {clean_text(item['id'], 80)} is not in its folder.",
                code="delivered_file_missing",
                hint="Download the order again into this folder.",
            )
        return found


def open_delivery(directory: str | os.PathLike[str]) -> Delivery:
    """Open a folder that orders were downloaded to. It needs no client and no network.

    Parameters
    ----------
    directory
        The folder.

    Raises
    ------
    InvalidRequest
        If it has no delivered items.

    Examples
    --------
    >>> import scenecart, tempfile
    >>> client = scenecart.connect("sandbox")
    >>> captures = client.search("openterra", collections="openterra-10m", datetime="2021-06", limit=1)
    >>> order = client.cart(captures).estimate().place(again=True).wait(timeout=60, progress=False)
    >>> folder = tempfile.mkdtemp()
    >>> files = order.download(folder, progress=False)
    >>> scenecart.open_delivery(folder).stack("nir").sizes["time"]
    1
    """
    path = as_path(directory, "directory")
    items = dict(items_in(path))
    if not items:
        raise InvalidRequest(
            f"must be a folder with delivered items, got {clean_text(path, 200)!r}.",
            code="delivery_without_items",
            argument="directory",
            hint="Choose a folder that an order was downloaded to.",
        )
    return Delivery(path, items)


def file_of(folder: Path, asset: Any) -> Path | None:
    """Return the file of an asset in the folder of its item; None if it does not exist, or is outside of the folder."""
    href = asset.get("href") if isinstance(asset, Mapping) else None
    if not isinstance(href, str):
        return None
    path = folder / unquote(href)
    try:
        is_inside = path.resolve().is_relative_to(folder.resolve())
        return path if is_inside and path.is_file() else None
    except (OSError, ValueError):
        return None


Delivery.__module__ = "scenecart"
open_delivery.__module__ = "scenecart"
