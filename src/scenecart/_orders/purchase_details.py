"""What an order bought: as it was placed here, as the journal kept it, and what the catalog says of those captures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import geopandas as gpd
import shapely.errors
from shapely.geometry import shape

from scenecart._api import operations, schemas
from scenecart._captures.frame import CRS
from scenecart._cart.cart import Cart, make_cart
from scenecart._util.json import NotJson, loads
from scenecart.exceptions import ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.order import Order

_ASKED_AT_ONCE = 100
_MOST_ASKED = 1_000
_TOLD = ("datetime", "start_datetime", operations.CLOUD, operations.OFF_NADIR, operations.GSD)


class CanSearch(Protocol):
    """Whoever can look captures up in a catalog, and show them."""

    @property
    def base_url(self) -> str:
        """Where the service is."""
        ...

    def search(self, host: str, *, collections: Any, ids: Any, limit: int | None) -> gpd.GeoDataFrame:
        """Return captures of these ids."""
        ...

    def quicklook(self, capture: Any) -> bytes | None:
        """Return a small picture."""
        ...


@dataclass(frozen=True)
class PurchaseDetails:
    """All that is known here of what an order bought.

    Attributes
    ----------
    cart : Cart or None
        What was placed; None where neither this session, nor the journal, nor the service tells.
    is_whole : bool
        Whether the cart has the area and the whole footprints, as it had when it was placed, or the bought ground alone.
    """

    cart: Cart | None
    is_whole: bool
    service: str = ""
    license_type: str | None = None
    split_by_date: bool | None = None
    quicklook: Callable[[Any], bytes | None] | None = None


def read_purchase_details(order: Order, record: schemas.OrderRecord, journal: Journal, desk: CanSearch) -> PurchaseDetails:
    """Gather what is known of an order. What the catalog adds is a courtesy: without it, columns stay empty."""
    placement = journal.of_order(order.id, desk.base_url)
    licence = record.license_type or (None if placement is None else placement.license_type)
    known = order.cart
    if known is not None:
        return PurchaseDetails(known, True, desk.base_url, licence, known.split_by_date, desk.quicklook)  # noqa: FBT003  # the order of the fields
    body = _placed(placement)
    split = schemas.bought_by_date(body)
    cart = _cart_of(schemas.bought(body) or schemas.bought(record.raw), desk, split_by_date=split is True)
    return PurchaseDetails(cart, False, desk.base_url, licence, split, desk.quicklook)  # noqa: FBT003  # likewise


def _placed(placement: Placement | None) -> Mapping[str, Any]:
    if placement is None:
        return {}
    try:
        body = loads(placement.body)
    except NotJson:
        return {}
    return body if isinstance(body, Mapping) else {}


def _cart_of(told: list[schemas.CaptureOrder | None], desk: CanSearch, *, split_by_date: bool) -> Cart | None:
    """Make a cart of what was sent: the bought ground of each capture."""
    bought = [capture for capture in told if capture is not None]
    if not bought or len(bought) != len(told):
        return None
    try:
        rows = {
            "id": [capture.id for capture in bought],
            "host": [capture.host for capture in bought],
            "collection": [capture.collection for capture in bought],
        }
        frame = gpd.GeoDataFrame(rows, geometry=[shape(dict(capture.geometry)) for capture in bought], crs=CRS)
        return make_cart(_with_catalog(frame, desk), split_by_date=split_by_date)
    except (ScenecartError, shapely.errors.ShapelyError, AttributeError, KeyError, TypeError, ValueError):
        return None


def _with_catalog(frame: gpd.GeoDataFrame, desk: CanSearch) -> gpd.GeoDataFrame:
    """Add what the catalog says of the captures: time, cloud, angle and resolution."""
    told: dict[tuple[Any, str], Mapping[str, Any]] = {}
    for host, captures in frame.head(_MOST_ASKED).groupby("host", sort=True):
        collections = sorted({name for name in captures["collection"] if isinstance(name, str)})
        try:
            for names in _some_at_once(captures["id"]):
                found = desk.search(str(host), collections=collections or None, ids=names, limit=len(names))
                columns = [name for name in _TOLD if name in found.columns]
                told.update({(host, row["id"]): row for row in found[["id", *columns]].to_dict("records")})
        except ScenecartError:
            continue
    rows = [told.get((host, name), {}) for host, name in zip(frame["host"], frame["id"], strict=True)]
    return frame.assign(**{name: [row.get(name) for row in rows] for name in _TOLD if any(name in row for row in rows)})


def _some_at_once(ids: Iterable[Any]) -> list[list[str]]:
    names = list(ids)
    return [names[start : start + _ASKED_AT_ONCE] for start in range(0, len(names), _ASKED_AT_ONCE)]
