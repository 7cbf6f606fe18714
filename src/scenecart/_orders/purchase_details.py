"""The cart an order was placed with, read from this session, the journal or the service, with catalog properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import shapely.errors
from shapely.geometry import shape

from scenecart._api import schemas
from scenecart._captures.frame import CRS
from scenecart._captures.properties import CLOUD_COVER, GSD, OFF_NADIR
from scenecart._cart.cart import Cart, make_cart
from scenecart._util.json import NotJson, loads
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from scenecart._captures.licences import Licence
    from scenecart._orders.journal import Journal, Placement

_IDS_PER_SEARCH = 100
_MAX_CAPTURES = 1_000
_CATALOG_COLUMNS = ("datetime", "start_datetime", CLOUD_COVER, OFF_NADIR, GSD)


class Catalog(Protocol):
    """A client, as far as it reads a catalog."""

    @property
    def base_url(self) -> str:
        """The service's URL."""
        ...

    def search(self, host: str, *, collections: Any, ids: Any, limit: int | None) -> gpd.GeoDataFrame:
        """Return captures with these ids."""
        ...

    def quicklook(self, capture: Any, size: str = "thumbnail") -> bytes | None:
        """Return a picture."""
        ...


@dataclass(frozen=True)
class PurchaseDetails:
    """What is known about the purchase of an order.

    Attributes
    ----------
    cart : Cart or None
        The cart that was placed; None if neither this session, nor the journal, nor the service has it.
    is_original : bool
        Whether the cart is the one that was placed, with its area and full footprints. Otherwise its footprints are
        the clipped geometries that were bought.
    """

    cart: Cart | None
    is_original: bool
    service: str = ""
    license_type: str | None = None
    split_by_date: bool | None = None
    quicklook: Callable[..., bytes | None] | None = None
    licences_of: Callable[[Collection[str]], Sequence[Licence]] | None = None


class PurchaseReader:
    """Reads the carts that orders were placed with.

    Parameters
    ----------
    journal
        The record of placements from this machine.
    catalog
        The client that looks up properties of captures.
    licences
        A function that returns the licences of hosts, for reports.
    """

    def __init__(
        self, journal: Journal, catalog: Catalog, licences: Callable[[Collection[str]], Sequence[Licence]] | None = None
    ) -> None:
        self._journal = journal
        self._licences = licences
        self._catalog = catalog

    def read(self, record: schemas.OrderRecord, cart: Cart | None) -> PurchaseDetails:
        """Return what is known of an order; the catalog's columns stay empty if it cannot be read.

        Parameters
        ----------
        record
            The order.
        cart
            The cart that was placed, if it was placed in this session.
        """
        service = self._catalog.base_url
        placement = self._journal.by_order(record.id, service)
        license_type = record.license_type or (None if placement is None else placement.license_type)
        if cart is not None:
            return PurchaseDetails(
                cart,
                is_original=True,
                service=service,
                license_type=license_type,
                split_by_date=cart.split_by_date,
                quicklook=self._catalog.quicklook,
                licences_of=self._licences,
            )
        body = _placed_body(placement)
        split_by_date = schemas.is_split_by_date(body)
        captures = schemas.purchased_captures(body) or schemas.purchased_captures(record.raw)
        return PurchaseDetails(
            self._cart_of(captures, split_by_date=split_by_date is True),
            is_original=False,
            service=service,
            license_type=license_type,
            split_by_date=split_by_date,
            quicklook=self._catalog.quicklook,
            licences_of=self._licences,
        )

    def _cart_of(self, captures: list[schemas.CaptureOrder | None], *, split_by_date: bool) -> Cart | None:
        """Return a cart of the geometries that were bought, or None if one of them is unusable."""
        usable = [capture for capture in captures if capture is not None]
        if not usable or len(usable) != len(captures):
            return None
        try:
            rows = {
                "id": [capture.id for capture in usable],
                "host": [capture.host for capture in usable],
                "collection": [capture.collection for capture in usable],
            }
            frame = gpd.GeoDataFrame(rows, geometry=[shape(dict(capture.geometry)) for capture in usable], crs=CRS)
            return make_cart(self.with_catalog_columns(frame), split_by_date=split_by_date)
        except (ScenecartError, shapely.errors.ShapelyError, AttributeError, KeyError, TypeError, ValueError):
            return None

    def with_catalog_columns(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return captures with the catalog's time, cloud cover, off-nadir angle and resolution, as far as it can be read.

        Parameters
        ----------
        frame
            Captures with ``id``, ``host`` and ``collection``; the first thousand are looked up.
        """
        found: dict[tuple[Any, str], Mapping[str, Any]] = {}
        for host, captures in frame.head(_MAX_CAPTURES).groupby("host", sort=True):
            collections = sorted({name for name in captures["collection"] if isinstance(name, str)})
            try:
                for ids in _batches(captures["id"]):
                    matches = self._catalog.search(str(host), collections=collections or None, ids=ids, limit=len(ids))
                    columns = [name for name in _CATALOG_COLUMNS if name in matches.columns]
                    found.update({(host, row["id"]): row for row in matches[["id", *columns]].to_dict("records")})
            except ScenecartError:
                continue
        rows = [found.get((host, name), {}) for host, name in zip(frame["host"], frame["id"], strict=True)]
        columns = [name for name in _CATALOG_COLUMNS if any(name in row for row in rows)]
        return frame.assign(**{name: [row.get(name) for row in rows] for name in columns})


def _placed_body(placement: Placement | None) -> Mapping[str, Any]:
    """Return the request that placed an order, or an empty mapping."""
    if placement is None:
        return {}
    try:
        body = loads(placement.body)
    except NotJson:
        return {}
    return body if isinstance(body, Mapping) else {}


def _batches(ids: Iterable[Any]) -> list[list[str]]:
    every = list(ids)
    return [every[start : start + _IDS_PER_SEARCH] for start in range(0, len(every), _IDS_PER_SEARCH)]
