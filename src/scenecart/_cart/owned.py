"""Which part of captures is owned already: shares of their area, and the geometry that is left to buy.

Owned captures are a table with one row for each capture and order: ``id``, ``host``, ``collection``, ``order`` and ``geometry``,
the purchased footprint (EPSG:4326), which is None if the service does not state it. A purchase whose outcome is unknown has no
``order``: its captures may be owned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from scenecart._captures.frame import CRS
from scenecart._cart.checks import is_same_capture, joined_ids, keys_of, with_ids
from scenecart._geo.geometry import clip_each, each_km2, each_polygonal, polygonal, reasons_unusable, split_each, union
from scenecart._geo.globe import POLYGONAL, is_valid
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidCart, not_captures, warn

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.checks import CaptureKey
    from scenecart._geo.area import Area

SHARE, ORDERS = "owned", "owned_by"
# shares below these are what buffers, roundings and neighbours share
LEAST_SHARE, LEAST_KM2 = 0.01, 0.01
WHOLE = 0.999
# coordinates are sent as multiples of this
_GRID_DEGREES = 1e-7
_ORDERS_IN_MESSAGE = 3


@dataclass(frozen=True)
class OwnedParts:
    """What orders contain of some captures: parallel arrays, one element for each capture and order that overlap, or may overlap.

    Attributes
    ----------
    row : numpy.ndarray
        The number of the capture.
    order : numpy.ndarray
        The order's id.
    share : numpy.ndarray
        The share of the capture's area, 0 to 1; NaN if it may be owned: its geometry, host or collection is not stated, or it is
        not known whether it was ordered.
    geometry : numpy.ndarray
        The shared polygons, EPSG:4326; None with a share of NaN.
    """

    row: np.ndarray[Any, Any]
    order: np.ndarray[Any, Any]
    share: np.ndarray[Any, Any]
    geometry: np.ndarray[Any, Any]

    @property
    def is_certain(self) -> np.ndarray[Any, Any]:
        """Whether the order certainly contains the shared polygons."""
        return np.asarray(~np.isnan(self.share))

    def owned_geometries(self) -> dict[int, BaseGeometry]:
        """Return for each capture, by its number, the union of what orders certainly contain of it."""
        found: dict[int, list[BaseGeometry]] = {}
        for row, geometry in zip(self.row[self.is_certain].tolist(), self.geometry[self.is_certain], strict=True):
            found.setdefault(row, []).append(geometry)
        return {row: parts[0] if len(parts) == 1 else _together(parts) for row, parts in found.items()}

    def orders_of(self, rows: set[int]) -> list[str]:
        """Return the orders that contain some captures, each once; purchases whose outcome is not known have none."""
        names = [name for row, name in zip(self.row.tolist(), self.order, strict=True) if row in rows]
        return list(dict.fromkeys(str(name) for name in names if not pd.isna(name)))


def owned_parts(captures: gpd.GeoDataFrame, clipped: np.ndarray[Any, Any], owned: gpd.GeoDataFrame) -> OwnedParts:
    """Return which parts of captures orders contain.

    Parameters
    ----------
    captures
        The captures, with a column ``id`` and, if they are known, ``host`` and ``collection``.
    clipped
        The wanted part of each capture, as valid polygons, EPSG:4326; None if it is not known, and empty if nothing is wanted.
    owned
        What is owned.
    """
    row, other, is_certain = _pairs(captures, owned)
    theirs = owned.geometry.to_numpy()[other]
    ours = clipped[row]
    is_wanted = ~shapely.is_empty(ours)
    is_known = is_certain & is_wanted & ~shapely.is_missing(ours) & ~shapely.is_missing(theirs)
    geometry = np.full(len(row), None, dtype=object)
    share = np.full(len(row), np.nan)
    geometry[is_known] = each_polygonal(shapely.intersection(ours[is_known], theirs[is_known]))
    share[is_known] = np.clip(shapely.area(geometry[is_known]) / shapely.area(ours[is_known]), 0.0, 1.0)
    is_small = np.nan_to_num(share, nan=1.0) < LEAST_SHARE
    partly = is_known & ~is_small & (share < WHOLE)
    is_small[partly] = each_km2(geometry[partly]) < LEAST_KM2
    kept = is_wanted & ~is_small
    orders = owned["order"].to_numpy(dtype=object)[other]
    is_open = np.asarray(pd.isna(orders), dtype=bool)
    share[is_open], geometry[is_open] = np.nan, None
    return OwnedParts(row[kept], orders[kept], share[kept], geometry[kept])


def mark(captures: Any, owned: gpd.GeoDataFrame, area: Area | None = None) -> gpd.GeoDataFrame:
    """Return captures with the columns ``owned`` and ``owned_by``; see ``Client.mark_owned``.

    Raises
    ------
    InvalidQuery
        If ``captures`` is not a GeoDataFrame with a column ``id``.
    """
    if not isinstance(captures, gpd.GeoDataFrame) or "id" not in captures.columns or captures.active_geometry_name is None:
        raise not_captures(captures)
    return mark_clipped(captures, _clip(captures, area), owned)


def mark_clipped(captures: gpd.GeoDataFrame, clipped: np.ndarray[Any, Any], owned: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return captures with the columns ``owned`` and ``owned_by``, by the wanted part of each as in :func:`owned_parts`."""
    parts = owned_parts(captures, clipped, owned)
    share = np.zeros(len(captures))
    orders: list[list[str]] = [[] for _ in range(len(captures))]
    share[parts.row[~parts.is_certain]] = np.nan
    owned_geometry = parts.owned_geometries()
    rows = np.fromiter(owned_geometry, dtype=np.intp, count=len(owned_geometry))
    together = shapely.area(np.fromiter(owned_geometry.values(), dtype=object, count=len(owned_geometry)))
    share[rows] = np.minimum(1.0, together / shapely.area(clipped[rows]))
    for row, name in zip(parts.row.tolist(), parts.order, strict=True):
        if not pd.isna(name) and name not in orders[row]:
            orders[row].append(str(name))
    marked = captures.copy()
    marked[SHARE] = share
    marked[ORDERS] = pd.Series(orders, index=captures.index, dtype=object)
    marked.attrs = dict(captures.attrs)
    return marked


def count_owned(captures: pd.DataFrame) -> str:
    """Return how many marked captures are owned, as a sentence; empty if none is, or if they are not marked.

    Examples
    --------
    >>> import pandas as pd
    >>> from scenecart._cart.owned import count_owned
    >>> count_owned(pd.DataFrame({"owned": [0.0, 0.7, float("nan")]}))
    '1 of 3 captures is owned already, wholly or in part; 1 may be.'
    """
    if SHARE not in captures.columns:
        return ""
    share = pd.to_numeric(captures[SHARE], errors="coerce")
    certain, perhaps = int((share > 0).sum()), int(share.isna().sum())
    of_all = f"of {pluralize(len(captures), 'capture')}"
    if not certain:
        return f"{perhaps:,} {of_all} may be owned already." if perhaps else ""
    rest = f"; {perhaps:,} may be" if perhaps else ""
    extent = "" if (share[share > 0] >= WHOLE).all() else ", wholly or in part"
    return f"{certain:,} {of_all} {'is' if certain == 1 else 'are'} owned already{extent}{rest}."


@dataclass(frozen=True)
class Remaining:
    """The part of a cart that is not owned yet.

    Attributes
    ----------
    is_kept : numpy.ndarray
        Whether a part of each capture is left.
    geometries : dict of CaptureKey to BaseGeometry
        What is left of the captures that are owned in part, EPSG:4326.
    """

    is_kept: np.ndarray[Any, Any]
    geometries: dict[CaptureKey, BaseGeometry]


def remaining(captures: gpd.GeoDataFrame, clipped: np.ndarray[Any, Any], owned: gpd.GeoDataFrame) -> Remaining:
    """Return the part of a cart that is not owned yet; captures that may be owned stay, with a warning.

    Parameters
    ----------
    captures
        The captures of the cart.
    clipped
        The part of each that the cart buys, EPSG:4326.
    owned
        What is owned.

    Raises
    ------
    InvalidCart
        If nothing is left (``cart_all_owned``).
    """
    parts = owned_parts(captures, clipped, owned)
    is_kept = np.ones(len(captures), dtype=bool)
    left: dict[int, BaseGeometry] = {}
    for row, geometry in parts.owned_geometries().items():
        rest = without_slivers(shapely.difference(clipped[row], geometry, grid_size=_GRID_DEGREES))
        is_kept[row] = not rest.is_empty
        if is_kept[row]:
            left[row] = rest
    perhaps = {row for row in parts.row[~parts.is_certain].tolist() if is_kept[row]}
    if not is_kept.any():
        raise _all_owned(captures, parts)
    if perhaps:
        count = f"{len(perhaps):,} of {pluralize(len(captures), 'capture')}"
        orders = parts.orders_of(perhaps)
        why = (
            f", by {listed_orders(orders)}. The service does not state which area"
            if orders
            else ": it is not known what became of a purchase of this machine"
        )
        warn(
            f"{count} may be owned already{why}; {'it is' if len(perhaps) == 1 else 'they are'} in the cart unchanged.",
            code="owned_ground_unknown",
        )
    keys = keys_of(captures)
    return Remaining(is_kept, {keys[row]: rest for row, rest in left.items()})


def without_slivers(geometry: BaseGeometry) -> BaseGeometry:
    """Return the polygons of a geometry without parts below 0.01 km²; an empty polygon if nothing is left."""
    parts = shapely.get_parts(polygonal(geometry))
    kept = parts[each_km2(parts) >= LEAST_KM2] if len(parts) else parts
    return kept[0] if len(kept) == 1 else shapely.MultiPolygon(list(kept)) if len(kept) else shapely.Polygon()


def is_valid_rest(geometry: BaseGeometry) -> bool:
    """Return whether a geometry can be what is left of a capture."""
    return geometry.geom_type in POLYGONAL and not geometry.is_empty and is_valid(geometry)


def _clip(captures: gpd.GeoDataFrame, area: Area | None) -> np.ndarray[Any, Any]:
    """Return the part of each footprint inside an area, EPSG:4326; None for a footprint that cannot be used."""
    series = captures.geometry
    footprints = (series if series.crs is None or series.crs == CRS else series.to_crs(CRS)).to_numpy()
    clipped = np.full(len(footprints), None, dtype=object)
    usable = np.array([reason is None for reason in reasons_unusable(footprints)], dtype=bool)
    some = footprints[usable]
    clipped[usable] = split_each(some) if area is None else clip_each(some, area.geometry)
    return clipped


def _pairs(captures: gpd.GeoDataFrame, owned: gpd.GeoDataFrame) -> tuple[np.ndarray[Any, Any], ...]:
    """Return row numbers of captures and of owned captures that may be the same, and whether they certainly are."""
    ours, theirs = keys_of(captures), keys_of(owned)
    by_id: dict[str, list[int]] = {}
    for number, key in enumerate(theirs):
        by_id.setdefault(key[2], []).append(number)
    found = [
        (row, other, same is True)
        for row, key in enumerate(ours)
        if isinstance(key[2], str)
        for other in by_id.get(key[2], ())
        for same in [is_same_capture(key, theirs[other])]
        if same is not False
    ]
    rows, others, certain = zip(*found, strict=True) if found else ((), (), ())
    return np.array(rows, dtype=np.intp), np.array(others, dtype=np.intp), np.array(certain, dtype=bool)


def _together(parts: list[BaseGeometry]) -> BaseGeometry:
    """Return the union of a few polygons."""
    try:
        return polygonal(shapely.union_all(parts))
    except shapely.GEOSException:
        # on a grid, which is slower and always succeeds
        return union(parts)


def _all_owned(captures: gpd.GeoDataFrame, parts: OwnedParts) -> InvalidCart:
    orders = parts.orders_of(set(range(len(captures))))
    error = InvalidCart(
        f"Nothing is left to buy: {joined_ids([str(name) for name in captures['id']])} "
        f"{'is' if len(captures) == 1 else 'are'} owned already, by {listed_orders(orders)}.",
        code="cart_all_owned",
        hint="client.owned() lists what is owned. To buy it anyway, place the whole cart with owned='buy'.",
        details={"orders": ", ".join(clean_text(name, 80) for name in orders)},
    )
    return with_ids(error, [str(name) for name in captures["id"]])


def listed_orders(orders: list[str]) -> str:
    """Return the ids of the first orders and the number of the others, such as "orders 7, 8, 9 and 2 more"."""
    shown = ", ".join(clean_text(name, 80) for name in orders[:_ORDERS_IN_MESSAGE])
    more = len(orders) - _ORDERS_IN_MESSAGE
    return f"{'order' if len(orders) == 1 else 'orders'} {shown}{f' and {more} more' if more > 0 else ''}"
