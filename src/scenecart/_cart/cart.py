"""Carts: captures to buy, clipped to an area of interest, as frozen values."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

import geopandas as gpd
import numpy as np
import pandas as pd

from scenecart._api.schemas import CaptureOrder, estimate_body
from scenecart._captures.filter import numbers_of
from scenecart._captures.frame import CRS, concat
from scenecart._captures.properties import CLOUD_COVER
from scenecart._captures.times import acquisition_times
from scenecart._cart.checks import checked_frame, joined_ids, keys_of, orderable_captures, texts_of, with_ids
from scenecart._cart.owned import count_owned, mark_clipped, remaining
from scenecart._geo.area import Area, as_area
from scenecart._geo.geometry import canonical, clip_each, each_km2, geodesic_km2, geojsons, split_each, union
from scenecart._util import html
from scenecart._util.collector import collector_paused
from scenecart._util.json import dumps
from scenecart._util.reportable import Reportable
from scenecart._util.text import clean_text, pluralize
from scenecart._util.validate import check_bool, shown_value
from scenecart.exceptions import InvalidCart

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.checks import CaptureKey
    from scenecart._cart.estimate import Estimate

_ROWS_IN_HTML = 50


class PricingClient(Protocol):
    """A client that estimates carts and fetches quicklooks."""

    def estimate(self, cart: Cart) -> Estimate:
        """Return the service's price for a cart."""
        ...

    def quicklook(self, capture: Any, size: str = "thumbnail") -> bytes | None:
        """Return an image of a row of captures."""
        ...

    def owned(self, *, acquired: bool) -> gpd.GeoDataFrame:
        """Return what is owned: one row for each capture and order."""
        ...


@dataclass(frozen=True, eq=False)
class Cart(Reportable):
    """Captures to buy, each clipped to the area of interest.

    Carts are made by ``client.cart(captures, aoi)`` and are immutable: changing a cart returns a new one. A cart has a
    ``__geo_interface__``, so geopandas, shapely and folium read it as the clipped footprints.

    Attributes
    ----------
    area : Area or None
        The area the captures are clipped to; None buys whole footprints.
    split_by_date : bool
        Whether the service prices each acquisition date (UTC) separately.

    Examples
    --------
    >>> client = connect("sandbox")
    >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=3)
    >>> cart = client.cart(captures.head(2)).add(captures)
    >>> len(cart), len(cart.remove(cart.ids[0])), cart.remove(cart.ids[0]) == client.cart(captures.tail(2))
    (3, 2, True)
    """

    _captures: gpd.GeoDataFrame = field(repr=False)
    area: Area | None = None
    split_by_date: bool = False
    _client: PricingClient | None = field(default=None, repr=False)
    # what is bought of captures that are owned in part
    _left: Mapping[CaptureKey, BaseGeometry] = field(default_factory=dict, repr=False)

    @property
    def captures(self) -> gpd.GeoDataFrame:
        """A copy of the captures with their whole footprints: EPSG:4326, one row each."""
        return self._captures.copy()

    @property
    def ids(self) -> list[str]:
        """The ids of the captures, in the order of ``captures``."""
        return [str(name) for name in self._captures["id"]]

    @cached_property
    def orders(self) -> tuple[CaptureOrder, ...]:
        """The captures as sent to the service: clipped to the area, sorted by host, collection and id."""
        with collector_paused():
            rows = zip(
                self._captures["id"],
                geojsons(canonical(self._clipped)),
                texts_of(self._captures, "host"),
                texts_of(self._captures, "collection"),
                strict=True,
            )
            orders = [CaptureOrder(*row) for row in rows]
        return tuple(sorted(orders, key=_sort_key))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 digest of the contents: the same captures, area and options have the same fingerprint."""
        return _digest(self.orders, split_by_date=self.split_by_date)

    @cached_property
    def km2(self) -> float:
        """Geodesic area of the union of all clipped footprints, in km²; overlaps count once."""
        return geodesic_km2(union(self._clipped))

    @property
    def leaves_out_owned(self) -> bool:
        """Whether areas that are owned already are left out; see :meth:`without_owned`."""
        return not self._left.keys().isdisjoint(keys_of(self._captures))

    @property
    def extent(self) -> str:
        """What is bought of the captures, in a few words."""
        extent = "whole footprints" if self.area is None else f"clipped to an area of {html.km2(self.area.km2)} km²"
        return f"{extent}, without owned areas" if self.leaves_out_owned else extent

    @property
    def note(self) -> str | None:
        """How many captures are owned already, if they were marked by ``client.mark_owned()``; None if not."""
        return None if self.leaves_out_owned else count_owned(self._captures) or None

    def clipped(self) -> gpd.GeoSeries:
        """Return the part of each footprint that is bought: EPSG:4326, one row each as in ``captures``.

        It is the part inside the area and, after :meth:`without_owned`, the part of that which is not owned yet.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
        >>> west, south, east, north = captures.total_bounds
        >>> half = client.cart(captures, aoi=(west, south, (west + east) / 2, north))
        >>> half.clipped().geom_type.tolist()
        ['Polygon']
        """
        return gpd.GeoSeries(self._clipped.copy(), index=self._captures.index, crs=CRS)

    def add(self, captures: gpd.GeoDataFrame) -> Self:
        """Return a cart with more captures; captures that are already in the cart are not added twice.

        Parameters
        ----------
        captures
            Rows of a search result, in any CRS; data without a CRS is read as EPSG:4326.

        Raises
        ------
        InvalidCart
            If the captures are empty, or if one of them cannot be ordered, is outside the area, or is already in the cart
            with another footprint.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> len(client.cart(captures.head(1)).add(captures))
        2
        """
        return self._with(concat([self._captures, checked_frame(captures)]))

    def remove(self, ids: str | CaptureKey | Iterable[str | CaptureKey]) -> Self:
        """Return a cart without some captures.

        Parameters
        ----------
        ids
            The ids to remove, one or several. Where an id is that of several captures, ``(host, collection, id)`` names one.

        Raises
        ------
        InvalidCart
            If an id is not a string or not in the cart, or is that of several captures, or the cart would be empty.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> client.cart(captures).remove(captures["id"].iloc[0]).ids == [captures["id"].iloc[1]]
        True
        >>> client.cart(captures).remove(("aurora", "aurora-50cm", captures["id"].iloc[1])).ids == [captures["id"].iloc[0]]
        True
        """
        rows_of: dict[Any, list[int]] = {}
        for row, key in enumerate(keys_of(self._captures)):
            rows_of.setdefault(key, []).append(row)
            rows_of.setdefault(key[2], []).append(row)
        # three ids in a tuple are no key
        is_one = isinstance(ids, str) or not isinstance(ids, Iterable) or (_is_key(ids) and ids in rows_of)
        given: list[Any] = [ids] if is_one else list(ids)
        if not all(isinstance(one, str) or _is_key(one) for one in given):
            raise InvalidCart(
                f"must be capture ids, as strings, got {shown_value(ids)}.", code="cart_ids_not_strings", argument="ids"
            )
        missing = sorted({one if isinstance(one, str) else one[2] for one in given if one not in rows_of})
        if missing:
            raise with_ids(InvalidCart(f"Captures not in the cart: {joined_ids(missing)}.", code="capture_not_in_cart"), missing)
        several = sorted({one for one in given if isinstance(one, str) and len(rows_of[one]) > 1})
        if several:
            raise with_ids(
                InvalidCart(
                    f"Several captures have the same id: {joined_ids(several)}.",
                    code="capture_ambiguous",
                    hint="Name one as (host, collection, id).",
                ),
                several,
            )
        removed = [row for one in given for row in rows_of[one]]
        return self._with(self._captures[~np.isin(np.arange(len(self._captures)), removed)])

    def replace(self, *, split_by_date: bool) -> Self:
        """Return a cart with other options.

        Parameters
        ----------
        split_by_date
            Price each acquisition date (UTC) separately.

        Raises
        ------
        InvalidCart
            If ``split_by_date`` is not True or False.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> client.cart(captures).replace(split_by_date=True)
        Cart(2 captures, whole footprints, split by date)
        """
        return replace(self, split_by_date=_checked_split(split_by_date))

    def without_owned(self, *, ignored: Collection[str] = ()) -> Self:
        """Return a cart of what is not owned yet. The list of orders is read; nothing is bought.

        Captures that are owned wholly are dropped, and the others are clipped to the area that no order of the organization
        holds. Parts below 0.01 km² are dropped. What is left of a capture can have several parts; it is sent as one multi-part
        geometry, as for an area of several parts. Captures that may be owned, because the service does not state the area, stay
        unchanged, with the warning ``owned_ground_unknown``.

        A smaller area can cost more, because services have minimum areas: compare the two estimates.

        Parameters
        ----------
        ignored
            Ids of orders that do not count, such as the order that an earlier run placed for the rest of this cart.

        Raises
        ------
        InvalidCart
            If everything is owned (``cart_all_owned``), or the cart has no client.
        ScenecartError
            If the list of orders cannot be read.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("openterra", collections="openterra-10m", datetime="2022-02", limit=2)
        >>> order = client.cart(captures.head(1)).estimate().place()
        >>> client.cart(captures).without_owned().ids == [captures["id"].iloc[1]]
        True
        """
        if self._client is None:
            raise InvalidCart(
                "The cart is not connected to a service.",
                code="cart_not_connected",
                hint="Load it with a client: load_cart(path, client).",
            )
        owned = self._client.owned(acquired=False)
        left = remaining(self._captures, self._clipped, owned[~owned["order"].isin(list(ignored))])
        captures = self._captures[left.is_kept].reset_index(drop=True)
        return replace(self, _captures=captures, _left={**self._left, **left.geometries})

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the cart to a file, for a colleague to check, price again and approve.

        Parameters
        ----------
        path
            The file: ``.parquet`` keeps every value exactly, ``.geojson`` opens in any GIS; QGIS opens both.

        Returns
        -------
        pathlib.Path
            The file; :func:`scenecart.load_cart` reads the same cart, with the same fingerprint.

        Raises
        ------
        InvalidRequest
            If the suffix is not supported, or the file cannot be written. An existing file is then unchanged.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2))
        >>> path = cart.save(pathlib.Path(tempfile.mkdtemp()) / "harbour.cart.geojson")
        >>> load_cart(path, client) == cart
        True
        """
        from scenecart._cart.files import save_cart  # noqa: PLC0415  # files imports this module

        return save_cart(self, path)

    def estimate(self) -> Estimate:
        """Return the service's price of the cart. Nothing is bought.

        Raises
        ------
        InvalidCart
            If the cart has no client; use ``client.estimate(cart)``.
        UntrustedEstimate
            If the service's figures contradict each other.
        ScenecartError
            If the service refuses the request.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2))
        >>> cart.estimate().total_aud > 0
        True
        """
        if self._client is None:
            raise InvalidCart(
                "The cart is not connected to a service.", code="cart_not_connected", hint="Use client.estimate(cart)."
            )
        return self._client.estimate(self)

    @property
    def quicklook(self) -> Callable[..., bytes | None] | None:
        """A function that fetches an image of a row of captures; None without a client."""
        return None if self._client is None else self._client.quicklook

    def __len__(self) -> int:
        return len(self._captures)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cart) and other.fingerprint == self.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        extent = "whole footprints" if self.area is None else repr(self.area)
        rest = ", without owned areas" if self.leaves_out_owned else ""
        split = ", split by date" if self.split_by_date else ""
        return f"Cart({pluralize(len(self), 'capture')}, {extent}{rest}{split})"

    def _repr_html_(self) -> str:
        frame = self._captures[:_ROWS_IN_HTML]
        rows = zip(
            frame["id"],
            acquisition_times(frame),
            texts_of(frame, "collection"),
            numbers_of(frame, CLOUD_COVER),
            each_km2(self._clipped[:_ROWS_IN_HTML]),
            strict=True,
        )
        return html.render(
            "cart.html",
            captures=len(self),
            km2=self.km2,
            extent=self.extent,
            note=self.note,
            split_by_date=self.split_by_date,
            rows=[
                {
                    "id": clean_text(name, 80),
                    "date": None if pd.isna(time) else f"{time:%Y-%m-%d}",
                    "collection": clean_text(collection, 60),
                    "cloud": None if np.isnan(cloud) else float(cloud),
                    "km2": float(km2),
                }
                for name, time, collection, cloud, km2 in rows
            ],
            hidden=len(self) - len(frame),
        )

    @property
    def __geo_interface__(self) -> dict[str, Any]:
        """The clipped footprints as a GeoJSON FeatureCollection with the captures' ids: EPSG:4326, longitude first."""
        columns: dict[str, Any] = {"id": self.ids, "host": texts_of(self._captures, "host")}
        columns["collection"] = texts_of(self._captures, "collection")
        features: dict[str, Any] = gpd.GeoDataFrame(columns, geometry=self._clipped, index=self.ids, crs=CRS).__geo_interface__
        return features

    def _with(self, captures: gpd.GeoDataFrame) -> Self:
        return replace(self, _captures=orderable_captures(captures, self.area))

    @cached_property
    def _clipped(self) -> np.ndarray[Any, Any]:
        footprints = self._captures.geometry.to_numpy()
        clipped = split_each(footprints) if self.area is None else clip_each(footprints, self.area.geometry)
        if self._left:
            for row, key in enumerate(keys_of(self._captures)):
                clipped[row] = self._left.get(key, clipped[row])
        return clipped


def make_cart(
    captures: Any,
    aoi: Any = None,
    *,
    split_by_date: bool = False,
    client: PricingClient | None = None,
    left: Mapping[CaptureKey, BaseGeometry] | None = None,
) -> Cart:
    """Check captures, area and options, and return a cart of them.

    Parameters
    ----------
    captures, aoi, split_by_date
        As for ``Client.cart``.
    client
        The client that prices the cart.
    left
        What is bought of captures that are owned in part.

    Raises
    ------
    InvalidCart
        If the captures are empty, if one of them cannot be ordered or is outside the area, or if an option is invalid.
    InvalidArea
        If the area is invalid.
    """
    area = None if aoi is None else as_area(aoi)
    return Cart(orderable_captures(checked_frame(captures), area), area, _checked_split(split_by_date), client, left or {})


def marked_cart(cart: Cart, owned: gpd.GeoDataFrame) -> Cart:
    """Return a cart whose captures have the columns ``owned`` and ``owned_by``: what is owned of the area that it buys.

    The fingerprint stays the same.
    """
    return replace(cart, _captures=mark_clipped(cart.captures, cart.clipped().to_numpy(), owned))


def left_of(cart: Cart) -> dict[CaptureKey, BaseGeometry]:
    """Return what is bought of the captures that are owned in part."""
    keys = set(keys_of(cart.captures))
    return {key: geometry for key, geometry in cart._left.items() if key in keys}  # noqa: SLF001  # a function of this module


def _checked_split(value: Any) -> bool:
    plain = bool(value) if isinstance(value, np.bool_) else value
    check_bool(plain, "split_by_date", kind=InvalidCart)
    return bool(plain)


def _digest(captures: Iterable[CaptureOrder], *, split_by_date: bool) -> str:
    with collector_paused():
        return hashlib.sha256(dumps(estimate_body(list(captures), split_by_date=split_by_date))).hexdigest()


def _sort_key(capture: CaptureOrder) -> tuple[str, str, str]:
    return capture.host or "", capture.collection or "", capture.id


def _is_key(value: Any) -> bool:
    """Return whether a value names a capture by host, collection and id."""
    is_three = isinstance(value, tuple) and len(value) == 3  # noqa: PLR2004  # as said
    return is_three and isinstance(value[2], str) and all(part is None or isinstance(part, str) for part in value[:2])


Cart.__module__ = "scenecart"
