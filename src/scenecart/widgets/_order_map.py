"""The delivered imagery of an order on a map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scenecart._util.text import pluralize
from scenecart.exceptions import ScenecartError
from scenecart.widgets._imagery_layers import ImageryLayer
from scenecart.widgets._imagery_sources import MAX_LAYERS, sources_of
from scenecart.widgets._map_imagery import open_layers

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._orders.order import Order


@dataclass(frozen=True)
class DeliveredImagery:
    """Delivered items, and their rasters, opened without downloading them.

    Attributes
    ----------
    items : geopandas.GeoDataFrame
        One row for each delivered item.
    layers : list of ImageryLayer
        The rasters that can be shown.
    errors : list of ScenecartError
        Why the others cannot.
    """

    items: gpd.GeoDataFrame
    layers: list[ImageryLayer]
    errors: list[ScenecartError]

    @property
    def note(self) -> str:
        """A message about items that are not shown; empty if all are."""
        count = len(self.items)
        if count > MAX_LAYERS:
            return f"The imagery of the first {MAX_LAYERS} of {count:,} items is shown."
        if self.errors:
            return f"The imagery of {len(self.errors)} of {pluralize(count, 'item')} cannot be shown: {self.errors[0].message}"
        return ""


def open_delivered(order: Order, asset: str | None = None, bands: Any = None, stretch: Any = "auto") -> DeliveredImagery:
    """Open the imagery of a delivered order, at most of twenty items; those that cannot be shown are returned as errors.

    Raises
    ------
    ScenecartError
        If the items cannot be listed.
    """
    items = order.items()
    sources: list[Any] = []
    errors: list[ScenecartError] = []
    for _, row in items.head(MAX_LAYERS).iterrows():
        try:
            sources += sources_of(row, order._api.session, asset)  # noqa: SLF001  # its connection
        except ScenecartError as error:
            errors.append(error)
    opened = open_layers(sources, bands, stretch)
    errors += [one for one in opened if isinstance(one, ScenecartError)]
    return DeliveredImagery(items, [one for one in opened if isinstance(one, ImageryLayer)], errors)
