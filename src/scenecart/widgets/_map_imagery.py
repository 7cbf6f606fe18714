"""Imagery on the map of footprints: delivered and open rasters, and quicklooks, with the list of their layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scenecart._imagery.georeferencing import georeferenced_quicklook
from scenecart._imagery.picture import encode
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart._util.threads import thread_pool
from scenecart._util.validate import check_number, check_text
from scenecart.client import session_of
from scenecart.exceptions import InvalidRequest, ScenecartError
from scenecart.widgets import _style
from scenecart.widgets._base import Panel
from scenecart.widgets._imagery_layers import ImageryLayer, ImageryLayers, degrees_of
from scenecart.widgets._imagery_sources import NamedSource, sources_of
from scenecart.widgets._layer_list import LayerList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import ipyleaflet as leaflet
    import ipywidgets as W  # noqa: N812  # as its own documentation calls it
    import pandas as pd

    from scenecart._api.http import Session
    from scenecart._imagery.view import Bounds
    from scenecart.client import Client
    from scenecart.widgets._jobs import Runner

QUICKLOOKS = "Quicklooks"
_MAX_AT_ONCE = 6
_QUICKLOOK_SIDE = 1_024


@dataclass(frozen=True)
class GeoreferencedQuicklook:
    """A quicklook north up as WEBP, its bounds in EPSG:3857, and how its place was found."""

    picture: bytes
    bounds: Bounds
    is_sure: bool
    note: str


def fetch_quicklooks(
    captures: pd.DataFrame, fetch: Callable[[pd.Series[Any]], bytes | None]
) -> list[GeoreferencedQuicklook | None]:
    """Fetch the quicklooks of captures in parallel, and place them; None for each without one."""

    def one(row: pd.Series[Any]) -> GeoreferencedQuicklook | None:
        content = fetch(row)
        found = None if content is None else georeferenced_quicklook(content, row, _QUICKLOOK_SIDE)
        if found is None:
            return None
        picture, place = found
        drawn = np.asarray(place.northing(picture, _QUICKLOOK_SIDE))
        return GeoreferencedQuicklook(encode(drawn), place.bounds, place.is_sure, place.note)

    with thread_pool(_MAX_AT_ONCE, "scenecart-quicklook") as pool:
        return list(pool.map(one, (row for _, row in captures.iterrows())))


def open_layers(found: Sequence[NamedSource], bands: Any = None, stretch: Any = "auto") -> list[ImageryLayer | ScenecartError]:
    """Open rasters in parallel; in place of each that cannot be shown there is its error."""

    def one(source: NamedSource) -> ImageryLayer | ScenecartError:
        try:
            return ImageryLayer(source.name, source.picture(bands, stretch))
        except ScenecartError as error:
            return error

    with thread_pool(_MAX_AT_ONCE, "scenecart-imagery") as pool:
        return list(pool.map(one, found))


class MapImagery:
    """The imagery of one map. ``parts`` are the widgets to put below it.

    Parameters
    ----------
    target
        The map.
    runner
        Runs background jobs.
    notify
        Called with an error or None, for one line below the map.
    toggled
        Called when the first layer was added or the last one removed, with whether there are any.
    """

    def __init__(
        self,
        target: leaflet.Map,
        runner: Runner,
        notify: Callable[[str | None], object],
        toggled: Callable[[bool], object],
    ) -> None:
        self._notify, self._toggled, self._broken = notify, toggled, ""
        self._list = LayerList()
        self.layers = ImageryLayers(target, runner, self._changed, self._failed)
        self.parts: tuple[W.Widget, ...] = (self.layers.channel, self._list.view)
        self.is_shown = False

    @property
    def names(self) -> list[str]:
        """The names of the layers, from the bottom up."""
        return [layer.name for layer in self.layers.layers]

    @property
    def bounds(self) -> Bounds | None:
        """West, south, east and north of all rasters in degrees; None without any."""
        found = [layer.source.bounds for layer in self.layers.layers if layer.source is not None]
        if not found:
            return None
        west, south, east, north = np.array(found).T
        (low, left), (high, right) = degrees_of((west.min(), south.min(), east.max(), north.max()))
        return left, low, right, high

    def add(
        self,
        source: Any,
        session: Session | None,
        *,
        name: str | None,
        bands: Any,
        stretch: Any,
        opacity: float,
        asset: str | None,
    ) -> list[str]:
        """Open rasters and add a layer for each; see ``FootprintMap.add_imagery``."""
        check_number(opacity, "opacity", least=0, most=1)
        for value, argument in ((name, "name"), (asset, "asset")):
            if value is not None:
                check_text(value, argument)
        opened = open_layers(sources_of(source, session, asset), bands, stretch)
        for one in opened:
            if isinstance(one, ScenecartError):
                raise one
            one.opacity = float(opacity)
            if name is not None:
                one.name = name if len(opened) == 1 else f"{name} {one.name}"
        return self.show([one for one in opened if isinstance(one, ImageryLayer)])

    def show(self, layers: Sequence[ImageryLayer]) -> list[str]:
        """Add opened layers, and return their names."""
        for layer in layers:
            self.layers.add(layer)
        return [layer.name for layer in layers]

    def remove(self, name: str) -> None:
        """Remove a layer.

        Raises
        ------
        InvalidRequest
            If there is none of this name.
        """
        if not isinstance(name, str) or not self.layers.remove(name):
            names = ", ".join(clean_text(one, 80) for one in self.names) or "none"
            raise InvalidRequest(
                f"There is no imagery layer {clean_text(name, 80)!r}. Layers: {names}.", code="imagery_layer_unknown"
            )

    def show_quicklooks(self, found: Sequence[GeoreferencedQuicklook | None]) -> str:
        """Add the layer of quicklooks, and return a message about those that are missing."""
        placed = [one for one in found if one is not None]
        if placed:
            fixed = {f"{number}": (one.bounds, one.picture) for number, one in enumerate(placed)}
            self.layers.add(ImageryLayer(QUICKLOOKS, None, note=_note(placed), fixed=fixed))
        missing = len(found) - len(placed)
        return f"{missing} of {pluralize(len(found), 'capture')} have no quicklook." if missing else ""

    def hide_quicklooks(self) -> bool:
        """Remove the layer of quicklooks, and return whether there was one."""
        return self.layers.remove(QUICKLOOKS)

    def _changed(self) -> None:
        self._list.show(self.layers)
        if bool(self.layers.layers) != self.is_shown:
            self.is_shown = bool(self.layers.layers)
            self._toggled(self.is_shown)
        if self._broken and self._broken not in self.names:
            self._failed_line("", None)

    def _failed(self, layer: ImageryLayer, error: Exception | None) -> None:
        if error is not None:
            self._failed_line(layer.name, error)
        elif self._broken == layer.name:
            self._failed_line("", None)

    def _failed_line(self, name: str, error: Exception | None) -> None:
        self._broken = name
        self._notify(None if error is None else _style.error_message(error))


class ImageryPanel(Panel):
    """A panel with a map that shows imagery."""

    _client: Client | None
    _imagery: MapImagery

    @checked_keywords()
    def add_imagery(
        self,
        source: Any,
        name: str | None = None,
        bands: Any = None,
        stretch: Any = "auto",
        opacity: float = 1.0,
        *,
        asset: str | None = None,
    ) -> list[str]:
        """Show imagery below the footprints, drawn for what is in view; no port or proxy is needed.

        Parameters
        ----------
        source
            A raster file, a folder that ``order.download`` wrote, the ``https`` URL of a COG, a STAC item (of pystac, as a mapping,
            or a row of a frame; a delivered one needs the map's ``client``), or a delivered order. Each item of an order or a
            folder becomes a layer, at most twenty. GeoTIFF, COG and JPEG 2000 are opened.
        name
            The name of the layer; one of the same name is replaced. Default: the name of the file or the id of the item.
        bands
            One band or three (red, green, blue), by number from 1 or by name. Default: red, green and blue by their names, or the
            first three, or the first. A single band is drawn with its own colour table, or with a colour scale and a legend.
        stretch
            ``"auto"`` (8-bit colours as they are, other bands from the 2nd to the 98th percentile), ``"percentile"``, ``"none"``,
            or the values ``(low, high)`` that become black and white, for all bands or one pair for each.
        opacity
            0 (transparent) to 1.
        asset
            The key of the asset of an item. Default: the one that is best for display, such as ``"visual"``.

        Returns
        -------
        list of str
            The names of the layers.

        Raises
        ------
        InvalidRequest
            If it is nothing that can be shown; the map is left unchanged.
        MissingExtra
            If rioxarray, and with it rasterio, is not installed.
        ScenecartError
            If a remote file cannot be read.

        Examples
        --------
        >>> import geopandas as gpd, numpy as np, rasterio, scenecart, shapely, tempfile
        >>> path = tempfile.mkdtemp() + "/harbour.tif"
        >>> grid = {"crs": "EPSG:32756", "transform": rasterio.Affine(10, 0, 334_000, 0, -10, 6_252_000)}
        >>> with rasterio.open(path, "w", driver="GTiff", count=1, width=200, height=200, dtype="uint8", **grid) as file:
        ...     file.write(np.zeros((1, 200, 200), "uint8"))
        >>> captures = gpd.GeoDataFrame({"id": ["a"]}, geometry=[shapely.box(151.1, -34, 151.3, -33.8)], crs=4326)
        >>> footprints = scenecart.widgets.FootprintMap(captures, basemap="none")
        >>> footprints.add_imagery(path, opacity=0.8)
        ['harbour.tif']
        >>> footprints.remove_imagery("harbour.tif")
        >>> footprints.close()
        """
        session = None if self._client is None else session_of(self._client)
        return self._imagery.add(source, session, name=name, bands=bands, stretch=stretch, opacity=opacity, asset=asset)

    def remove_imagery(self, name: str) -> None:
        """Remove an imagery layer.

        Raises
        ------
        InvalidRequest
            If there is no layer of this name.
        """
        self._imagery.remove(name)

    @property
    def imagery(self) -> list[str]:
        """The names of the imagery layers, from the bottom up."""
        return self._imagery.names


def _note(placed: Sequence[GeoreferencedQuicklook]) -> str:
    """Return a text about the places of quicklooks; empty if the catalog states all of them."""
    approximate = sum(bool(one.note) for one in placed)
    unsure = sum(not one.is_sure for one in placed)
    if not approximate:
        return ""
    if len(placed) == 1:
        return placed[0].note
    which = "All" if approximate == len(placed) else f"{approximate} of {len(placed)}"
    return f"{which} are placed approximately{f'; the place of {unsure} is uncertain' if unsure else ''}."
