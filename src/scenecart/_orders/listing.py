"""The list of orders with the captures and the area of each, read before a decision about money."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import shapely
from shapely.errors import ShapelyError
from shapely.geometry import shape

from scenecart._api import schemas
from scenecart._geo.geometry import geodesic_km2, union
from scenecart._orders.list_reader import ListReader, created_at
from scenecart._orders.order_index import OrderIndex
from scenecart._orders.purchase import document_of
from scenecart.exceptions import AuthenticationError, NotFound, ScenecartError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.checks import CaptureKey
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.order_api import OrderApi

# how long a reading may be used for a purchase: the computer may sleep between the reading and the request
FRESH_SECONDS = 60.0
# the most orders without captures that are requested one by one
_MOST_FETCHED = 50
# a service without a list of orders answers with one of these, twice
_NOT_OFFERED = frozenset({403, 404, 405, 501})
# how far the ground that the service states may differ from the ground that was sent, as a share of it
_SAME_GROUND = 0.02
# how far the ground or the area of two orders may differ and be the same, and how far an area that is stated rounded, in km²
EXACT, _ROUNDED_KM2 = 0.001, 0.005


@dataclass(frozen=True)
class Ground:
    """One capture with the ground that was bought of it; the ground is None if it is not known."""

    key: CaptureKey
    geometry: BaseGeometry | None


@dataclass(frozen=True)
class Holding:
    """What one order holds, as far as it is known.

    Attributes
    ----------
    record : OrderRecord
        The order as the service describes it.
    grounds : tuple of Ground
        Its captures; empty if they are not stated.
    created : float or None
        When the service created it, in Unix time.
    placement : Placement or None
        The placement of this journal that it was made by.
    is_ground_proved : bool
        Whether something confirms the ground that the service states: the area of its price groups, or this journal. A geometry
        that nothing confirms may be a whole footprint or a box, so that another ground does not prove another order.
    """

    record: schemas.OrderRecord
    grounds: tuple[Ground, ...]
    created: float | None
    placement: Placement | None = None
    is_ground_proved: bool = True

    @property
    def ids(self) -> list[str]:
        """The ids of its captures, sorted."""
        return sorted(ground.key[2] for ground in self.grounds)

    @property
    def has_ground(self) -> bool:
        """Whether the ground of all of its captures is known."""
        return bool(self.grounds) and all(ground.geometry is not None for ground in self.grounds)


@dataclass(frozen=True)
class Listing:
    """What one reading of the list of orders showed.

    Attributes
    ----------
    holdings : tuple of Holding
        The orders, as the service lists them: newest first.
    read_at : float
        When the reading began, in Unix time.
    obstacle : str
        Why orders may be missing from it; empty if it is complete.
    is_offered : bool
        False if the service offers this account no list of orders.
    failure : ScenecartError or None
        Why it was not read.
    """

    holdings: tuple[Holding, ...]
    read_at: float
    obstacle: str = ""
    is_offered: bool = True
    failure: ScenecartError | None = None

    @property
    def states_nothing(self) -> bool:
        """Whether there are orders, none of which states its captures."""
        return bool(self.holdings) and not any(one.grounds for one in self.holdings)

    def is_fresh(self, now: float) -> bool:
        """Return whether it is recent enough for a decision about money."""
        return 0 <= now - self.read_at <= FRESH_SECONDS


class ListingReader:
    """Reads the list of orders with the captures and the ground of each.

    What was read before is kept in an index: of a list that is newest first, later calls read only the first pages.

    Parameters
    ----------
    orders
        The service's orders.
    journal
        The record of placements, which knows the exact ground of the orders of this computer.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(self, orders: OrderApi, journal: Journal, now: Callable[[], float]) -> None:
        self._orders = orders
        self._journal = journal
        self._now = now
        # the captures of an order never change
        self._fetched: dict[str, schemas.OrderRecord] = {}
        self._refused: set[Path] = set()

    def read(self, captures: Iterable[str] | None = None, *, account: str = "", since: float | None = None) -> Listing:
        """Read the list of orders; if it cannot be read completely, the result states why.

        Parameters
        ----------
        captures
            Ids of captures: the orders that hold one of them are in the result, whenever they were made. None reads the whole list.
        account
            The account whose list it is, for the index.
        since
            Unix time: every order that was created since is in the result. None stands for now.
        """
        began = self._now()
        obstacle = ""
        whose = f"{account} at {self._orders.session.base_url}"
        index = OrderIndex(self._journal.path.with_name("orders.sqlite"), whose, self._refused)
        reader = ListReader(index, self._orders, began if since is None else since) if captures is not None else None
        records: list[schemas.OrderRecord] = []
        try:
            for attempt in (1, 2):
                records.clear()
                try:
                    records.extend(self._orders.each({}, reader))
                    break
                except AuthenticationError:
                    raise
                except ScenecartError as error:
                    if error.code == "order_list_incomplete":
                        obstacle = error.message
                        break
                    if error.status not in _NOT_OFFERED or records:
                        return Listing((), began, error.message, failure=error)
                    if attempt > 1:
                        return Listing((), began, error.message, is_offered=False, failure=error)
            records = self._with_captures(records)
            if reader is not None and captures is not None and not obstacle:
                records += self._remembered(reader, records, captures)
        except AuthenticationError:
            raise
        except ScenecartError as error:
            return Listing((), began, error.message, failure=error)
        placed = {one.order_id: one for one in self._journal.placements(self._orders.session.base_url, ("placed",))}
        return Listing(_holdings(records, placed), began, obstacle)

    def _remembered(
        self, reader: ListReader, records: list[schemas.OrderRecord], captures: Iterable[str]
    ) -> list[schemas.OrderRecord]:
        """Keep what was read, and return the orders that matter and were read before, in their present state."""
        is_everything = not reader.is_cut and not reader.skipped
        reader.finish(records, is_everything=is_everything)
        if is_everything:
            return []
        shown = {record.id for record in records}
        older = [record for record in reader.index.related(captures, reader.since) if record.id not in shown]
        own = self._journal.placements(self._orders.session.base_url, ("placed",))
        # the newest order from here shows whose list it is
        newest = [one.order_id for one in own if one.order_id is not None][-1:]
        wanted = dict.fromkeys([*(record.id for record in older), *(name for name in newest if name not in shown)])
        found: list[schemas.OrderRecord] = []
        for name in wanted:
            try:
                found.extend(record for _, record in self._orders.fetch_each([name]))
            except NotFound:
                reader.index.forget(name)
        remembered = {record.id: record for record in older}
        return [record if record.captures else _filled(record, remembered.get(record.id)) for record in found]

    def holding_of(self, placement: Placement) -> Holding:
        """Return what a placed placement holds, with its order's present state.

        Raises
        ------
        NotFound
            If the order no longer exists.
        """
        record = self._orders.fetch(placement.order_id or "")
        return Holding(record, grounds_of(placement), created_at(record), placement)

    def _with_captures(self, records: list[schemas.OrderRecord]) -> list[schemas.OrderRecord]:
        """Fetch the newest orders one by one if the list does not state their captures."""
        unstated = [record.id for record in records if not record.captures][:_MOST_FETCHED]
        for order_id in unstated:
            if order_id not in self._fetched:
                try:
                    self._fetched[order_id] = self._orders.fetch(order_id)
                except AuthenticationError:
                    raise
                except ScenecartError:
                    # its captures stay unknown
                    break
        return [record if record.captures else _filled(record, self._fetched.get(record.id)) for record in records]


def _filled(record: schemas.OrderRecord, fetched: schemas.OrderRecord | None) -> schemas.OrderRecord:
    return record if fetched is None or not fetched.captures else fetched


def holding_of(record: schemas.OrderRecord) -> Holding:
    """Return the captures that an order states."""
    grounds = _stated(record) or tuple(Ground((None, None, name), None) for name in record.captures)
    return Holding(record, grounds, created_at(record), is_ground_proved=_fits_area(grounds, record) is True)


def grounds_of(placement: Placement) -> tuple[Ground, ...]:
    """Return the captures of a placement with the ground that was sent."""
    return grounds_in(placement.body)


def grounds_in(body: bytes) -> tuple[Ground, ...]:
    """Return the captures of a request with their ground."""
    captures = schemas.purchased_captures(document_of(body))
    return tuple(Ground((one.host, one.collection, one.id), shape(dict(one.geometry))) for one in captures if one is not None)


def _holdings(records: Iterable[schemas.OrderRecord], placed: dict[str | None, Placement]) -> tuple[Holding, ...]:
    every = list(records)
    grounds_by_id = {record.id: _stated(record) for record in every}
    states_ground = True
    for record in every:
        placement = placed.get(record.id)
        if (
            placement is not None
            and grounds_by_id[record.id]
            and not _is_ground_of(grounds_by_id[record.id], grounds_of(placement))
        ):
            # whole footprints or boxes: what this service states as geometry is not the ground that was bought
            states_ground = False
            break
    holdings = []
    for record in every:
        placement = placed.get(record.id)
        fits: bool | None = True
        if placement is not None:
            grounds = grounds_of(placement)
        else:
            grounds = grounds_by_id[record.id] or tuple(Ground((None, None, name), None) for name in record.captures)
            fits = _fits_area(grounds, record)
            if not states_ground or fits is False:
                grounds = tuple(Ground(ground.key, None) for ground in grounds)
        holdings.append(Holding(record, grounds, created_at(record), placement, is_ground_proved=fits is True))
    return tuple(holdings)


def _stated(record: schemas.OrderRecord) -> tuple[Ground, ...]:
    """Return the captures of an order with the geometry that it states; empty unless it states all of them."""
    captures: list[Any] = schemas.purchased_captures(record.raw)
    try:
        grounds = [Ground((one.host, one.collection, one.id), shape(dict(one.geometry))) for one in captures]
        usable = all(one.geometry is not None and one.geometry.is_valid and not one.geometry.is_empty for one in grounds)
    except (ShapelyError, AttributeError, IndexError, KeyError, TypeError, ValueError):
        return ()
    if not usable or (record.captures and sorted(record.captures) != sorted(one.key[2] for one in grounds)):
        return ()
    return tuple(grounds)


def _is_ground_of(stated: tuple[Ground, ...], sent: tuple[Ground, ...]) -> bool:
    by_id = {ground.key[2]: ground.geometry for ground in sent}
    return all(
        ground.geometry is None
        or by_id.get(ground.key[2]) is None
        or difference(ground.geometry, by_id[ground.key[2]]) <= _SAME_GROUND
        for ground in stated
    )


def _fits_area(grounds: tuple[Ground, ...], record: schemas.OrderRecord) -> bool | None:
    """Return whether the price groups of an order state the area that its geometry covers; None if they do not state all areas."""
    fits = [group_fits(group, grounds, _SAME_GROUND) for group in record.groups]
    return False if False in fits else bool(fits and all(fits)) or None


def group_fits(group: schemas.PriceGroup, grounds: Iterable[Ground], tolerance: float) -> bool | None:
    """Return whether the ground of a price group has the area that the group states, up to a share of it.

    A group is priced by the area of its union, or by the sum of its captures. None if it states no area, or if the ground of a
    capture is not known.
    """
    by_id = {ground.key[2]: ground.geometry for ground in grounds}
    shapes = [found for name in group.ids if (found := by_id.get(name)) is not None]
    if not group.aoi_km2 or len(shapes) != len(group.ids):
        return None
    areas = (geodesic_km2(union(shapes)), math.fsum(geodesic_km2(one) for one in shapes))
    return any(abs(area - group.aoi_km2) <= max(tolerance * area, _ROUNDED_KM2) for area in areas)


def difference(first: Any, second: Any) -> float:
    """Return the area in which two polygons differ, as a share of the first."""
    try:
        return float(first.symmetric_difference(second).area / first.area) if first.area else math.inf
    except shapely.GEOSException:
        return math.inf
