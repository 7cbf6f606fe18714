"""What one wants to buy: a frozen value of captures, the area to clip them to, and options."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from scenecart._api.schemas import CaptureOrder, estimate_body
from scenecart._captures.frame import CRS, concat
from scenecart._geo.area import Area, as_area
from scenecart._geo.geometry import clip_each, geodesic_km2, geojsons, reasons_unusable, split_each, union
from scenecart._util.json import collector_paused, dumps
from scenecart._util.keywords import checked_keywords
from scenecart._util.text import clean_text, pluralize
from scenecart.exceptions import InvalidCart

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.estimate import Estimate

_SHOWN = 5


class CanEstimate(Protocol):
    """Whoever can ask the service for a price."""

    def estimate(self, cart: Cart) -> Estimate:
        """Return the service's price for a cart."""
        ...

    def quicklook(self, capture: Any) -> bytes | None:
        """Return a small picture of a row of captures."""
        ...


@dataclass(frozen=True, eq=False)
class Cart:
    """Captures to be bought, each clipped to the area of interest. Changing a cart gives a new one.

    Made by ``client.cart(captures, aoi)``.

    Attributes
    ----------
    area : Area or None
        What the captures are clipped to; None buys whole footprints.
    split_by_date : bool
        Whether the service prices each acquisition date for itself.

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
    _desk: CanEstimate | None = field(default=None, repr=False)

    @property
    def captures(self) -> gpd.GeoDataFrame:
        """The captures with their whole footprints: EPSG:4326, one row each. A copy."""
        return self._captures.copy()

    @property
    def ids(self) -> list[str]:
        """The captures' ids, in order."""
        return [str(name) for name in self._captures["id"]]

    @cached_property
    def orders(self) -> tuple[CaptureOrder, ...]:
        """The captures as they are sent: clipped to the area, in an order that does not depend on the frame's."""
        with collector_paused():
            rows = zip(
                self._captures["id"],
                geojsons(_canonical(self._bought)),
                texts_of(self._captures, "host"),
                texts_of(self._captures, "collection"),
                strict=True,
            )
            orders = [CaptureOrder(*row) for row in rows]
        return tuple(sorted(orders, key=lambda order: (order.host or "", order.collection or "", order.id)))

    @cached_property
    def fingerprint(self) -> str:
        """What identifies the cart's contents: the same captures, area and options always give the same text."""
        with collector_paused():
            return hashlib.sha256(dumps(estimate_body(list(self.orders), split_by_date=self.split_by_date))).hexdigest()

    @cached_property
    def km2(self) -> float:
        """Ground covered by all that is bought, in geodesic km²; ground bought twice counts once."""
        return geodesic_km2(union(self._bought))

    def clipped(self) -> gpd.GeoSeries:
        """Return the part of each footprint that is bought, EPSG:4326, row by row as in ``captures``.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=1)
        >>> west, south, east, north = captures.total_bounds
        >>> half = client.cart(captures, aoi=(west, south, (west + east) / 2, north))
        >>> half.clipped().geom_type.tolist()
        ['Polygon']
        """
        return gpd.GeoSeries(self._bought.copy(), index=self._captures.index, crs=CRS)

    def add(self, captures: gpd.GeoDataFrame) -> Self:
        """Return a cart with these captures as well; one that is in it already stays once.

        Parameters
        ----------
        captures
            Rows of a search result, in any CRS; one without is taken as EPSG:4326.

        Raises
        ------
        InvalidCart
            If one cannot be ordered, does not touch the area, or is in the cart with another footprint.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> len(client.cart(captures.head(1)).add(captures))
        2
        """
        return self._with(concat([self._captures, checked_frame(captures)]))

    def remove(self, ids: str | Iterable[str]) -> Self:
        """Return a cart without the captures of these ids.

        Raises
        ------
        InvalidCart
            If one of them is no id or not in the cart, or nothing would be left.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> client.cart(captures).remove(captures["id"].iloc[0]).ids == [captures["id"].iloc[1]]
        True
        """
        given = [ids] if isinstance(ids, str) else list(ids) if isinstance(ids, Iterable) else [ids]
        if not all(isinstance(name, str) for name in given):
            raise InvalidCart("Captures are removed by their ids, as text.")
        names = set(given)
        unknown = names.difference(self.ids)
        if unknown:
            raise _about("not in the cart", sorted(unknown))
        return self._with(self._captures[~self._captures["id"].isin(names)])

    @checked_keywords()
    def replace(self, *, split_by_date: bool) -> Self:
        """Return a cart with other options.

        Parameters
        ----------
        split_by_date
            Have each acquisition date (UTC) priced for itself.

        Raises
        ------
        InvalidCart
            If it is neither True nor False.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> captures = client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2)
        >>> client.cart(captures).replace(split_by_date=True)
        Cart(2 captures, whole footprints, split by date)
        """
        return replace(self, split_by_date=_is_split(split_by_date))

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the cart to a file that a colleague can open, check, price again and approve.

        Parameters
        ----------
        path
            Where to: ``.parquet`` keeps everything as it is, ``.geojson`` opens anywhere; QGIS opens both.

        Returns
        -------
        pathlib.Path
            The file; :func:`scenecart.load_cart` gives the same cart, with the same fingerprint.

        Raises
        ------
        InvalidRequest
            If the suffix is another one, or the file cannot be written; what stood there before still stands.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2))
        >>> path = cart.save(pathlib.Path(tempfile.mkdtemp()) / "harbour.cart.geojson")
        >>> load_cart(path, client) == cart
        True
        """
        from scenecart._cart.files import save_cart  # noqa: PLC0415  # the file that writes carts also reads them

        return save_cart(self, path)

    def estimate(self) -> Estimate:
        """Ask the service what this costs. Nothing is bought, and nothing is computed here.

        Raises
        ------
        ScenecartError
            The service's refusal, or ``UntrustedEstimate`` when its figures contradict each other.

        Examples
        --------
        >>> client = connect("sandbox")
        >>> cart = client.cart(client.search("aurora", collections="aurora-50cm", datetime="2024-03", limit=2))
        >>> cart.estimate().total_aud > 0
        True
        """
        if self._desk is None:
            raise InvalidCart("This cart has no client.", hint="Make it with client.cart(captures, aoi).")
        return self._desk.estimate(self)

    @checked_keywords()
    def to_report(self, path: str | os.PathLike[str], *, title: str | None = None, thumbnails: bool = True) -> Path:
        """Write the cart as a report without prices: what would be bought; the suffix tells the format.

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
            The file that was written. The same contents give the same file.

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
        >>> client.cart(captures).to_report(pathlib.Path(tempfile.mkdtemp()) / "cart.md").name
        'cart.md'
        """
        from scenecart import report  # noqa: PLC0415  # an extra: the core works without it

        return report.write(self, path, title=title, thumbnails=thumbnails)

    @property
    def quicklook(self) -> Callable[[Any], bytes | None] | None:
        """What fetches a small picture of a row of captures; None without a client."""
        return None if self._desk is None else self._desk.quicklook

    def __len__(self) -> int:
        return len(self._captures)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cart) and other.fingerprint == self.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        where = "whole footprints" if self.area is None else repr(self.area)
        split = ", split by date" if self.split_by_date else ""
        return f"Cart({pluralize(len(self), 'capture')}, {where}{split})"

    def _with(self, captures: gpd.GeoDataFrame) -> Self:
        return replace(self, _captures=_orderable(captures, self.area))

    @cached_property
    def _bought(self) -> np.ndarray[Any, Any]:
        footprints = self._captures.geometry.to_numpy()
        return split_each(footprints) if self.area is None else clip_each(footprints, self.area.geometry)


def make_cart(captures: Any, aoi: Any = None, *, split_by_date: bool = False, desk: CanEstimate | None = None) -> Cart:
    """Check captures and area, and put them into a cart.

    Raises
    ------
    InvalidCart
        If there are no captures, one cannot be ordered, one does not touch the area, or an option is none.
    InvalidArea
        If the area cannot be used.
    """
    area = None if aoi is None else as_area(aoi)
    return Cart(_orderable(checked_frame(captures), area), area, _is_split(split_by_date), desk)


def _is_split(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise InvalidCart(f"split_by_date is True or False, not {clean_text(repr(value), 80)}.")
    return bool(value)


def checked_frame(captures: Any) -> gpd.GeoDataFrame:
    """Return captures in EPSG:4326 with their footprints in ``geometry``.

    Raises
    ------
    InvalidCart
        If this is no frame of captures, or an empty one.
    """
    if isinstance(captures, pd.Series) and "id" in captures.index and "geometry" in captures.index:
        raise InvalidCart("This is one row, not a frame.", hint="Take a slice: captures.iloc[[0]].")
    if not isinstance(captures, gpd.GeoDataFrame):
        raise InvalidCart(
            f"A cart is made of a GeoDataFrame of captures, not of {type(captures).__name__}.",
            hint="Pass rows of client.search(…).",
        )
    if "id" not in captures.columns or captures.active_geometry_name is None:
        lacking = "geometry" if "id" in captures.columns else "id"
        raise InvalidCart(f"These captures lack the column {lacking!r}.", hint="Pass rows of client.search(…).")
    if len(captures) == 0:
        raise InvalidCart("The cart is empty: no captures were chosen.", hint="Loosen the filters, or search again.")
    frame = captures if captures.active_geometry_name == "geometry" else captures.rename_geometry("geometry")
    if frame.crs is None:
        return frame.set_crs(CRS)
    return frame if frame.crs == CRS else frame.to_crs(CRS)


def _orderable(captures: gpd.GeoDataFrame, area: Area | None) -> gpd.GeoDataFrame:
    """Return the captures, each once, or say which of them cannot be ordered and why."""
    if len(captures) == 0:
        raise InvalidCart("The cart would be empty.")
    _refuse_unusable(captures)
    if area is not None:
        apart = captures["id"][shapely.is_empty(clip_each(captures.geometry.to_numpy(), area.geometry))]
        if len(apart):
            raise _about("outside the area of interest", [str(name) for name in apart])
    first: list[bool] = []
    twice: dict[str, None] = {}
    shapes: dict[tuple[str | None, str | None, str], BaseGeometry] = {}
    for key, footprint in zip(keys_of(captures), captures.geometry, strict=True):
        first.append(key not in shapes)
        if first[-1]:
            shapes[key] = footprint
        elif not shapes[key].equals(footprint):
            twice[key[2]] = None
    if twice:
        raise _about("in it twice with different footprints", list(twice))
    return captures[np.array(first)].reset_index(drop=True)


def reasons_not_orderable(captures: gpd.GeoDataFrame) -> list[str | None]:
    """Tell of each capture why it cannot be ordered, as the search said or by its id and footprint; None where it can."""
    told = captures["not_orderable_reason"] if "not_orderable_reason" in captures.columns else [None] * len(captures)
    shapes = reasons_unusable(captures.geometry.to_numpy())
    return [_reason_against(*row) for row in zip(captures["id"], shapes, told, strict=True)]


def _reason_against(name: Any, shape: str | None, told: Any) -> str | None:
    if isinstance(told, str):
        return told
    return shape if isinstance(name, str) and name.strip() else "it has no usable id"


def _refuse_unusable(captures: gpd.GeoDataFrame) -> None:
    bad: Counter[str] = Counter()
    ids: list[str] = []
    for name, why in zip(captures["id"], reasons_not_orderable(captures), strict=True):
        if why is not None:
            bad[why] += 1
            ids.append(clean_text(name, 80) or "without id")
    if bad:
        why, count = bad.most_common(1)[0]
        error = InvalidCart(
            f"{bad.total()} of {len(captures)} captures cannot be ordered: {_listed(ids)} ({why}"
            f"{f', and {bad.total() - count} for other reasons' if len(bad) > 1 else ''}).",
            hint="Leave them out: captures[captures.orderable].",
        )
        error.ids = ids
        raise error


def _canonical(geometries: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the one form all equal geometries share: flat, rounded to 1e-9 degrees, parts and rings in a fixed order."""
    rounded = shapely.transform(geometries, lambda xy: np.round(xy, 9) + 0.0, include_z=False)
    return np.asarray(shapely.normalize(rounded))


def keys_of(captures: gpd.GeoDataFrame) -> list[tuple[str | None, str | None, Any]]:
    """Return what tells captures apart: host, collection and id of each row."""
    return list(zip(texts_of(captures, "host"), texts_of(captures, "collection"), captures["id"], strict=True))


def texts_of(captures: gpd.GeoDataFrame, column: str) -> list[str | None]:
    """Return a column's texts, None where there is no text or no such column."""
    if column not in captures.columns:
        return [None] * len(captures)
    return [value if isinstance(value, str) else None for value in captures[column]]


def _about(what: str, ids: Sequence[str]) -> InvalidCart:
    error = InvalidCart(
        f"{len(ids)} capture{'s are' if len(ids) > 1 else ' is'} {what}: {_listed(ids)}.",
        hint="The ids are in this error's .ids; captures[~captures.id.isin(error.ids)] leaves them out.",
    )
    error.ids = list(ids)
    return error


def _listed(ids: Sequence[str]) -> str:
    shown = ", ".join(clean_text(name, 80) for name in ids[:_SHOWN])
    return f"{shown} and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else shown


Cart.__module__ = "scenecart"
