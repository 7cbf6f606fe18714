"""What an organization owns: one row for each capture and order, from the list of orders, this machine's journal and catalogs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely

from scenecart._api.order_states import ENDED, UNKNOWN
from scenecart._api.schemas import OrderRecord
from scenecart._captures.frame import CRS
from scenecart._captures.times import acquisition_times
from scenecart._geo.globe import split_at_antimeridian
from scenecart._orders.journal import UNANSWERED
from scenecart._orders.listing import Ground, Holding, grounds_of
from scenecart._orders.owner import is_working
from scenecart._util.text import pluralize
from scenecart._util.validate import check_text
from scenecart.exceptions import NotFound, ScenecartError, warn

if TYPE_CHECKING:
    from collections.abc import Callable

    from scenecart._delivery.download import DeliveryService
    from scenecart._geo.area import Area
    from scenecart._orders.journal import Journal, Placement
    from scenecart._orders.listing import Listing, ListingReader
    from scenecart._orders.purchase_details import PurchaseReader

COLUMNS = (
    "id",
    "host",
    "collection",
    "acquired",
    "ordered",
    "order",
    "project",
    "license_type",
    "status",
    "credits",
    "path",
    "geometry",
)
# how old the list of orders may be for signs in tables and on maps, in seconds
PANEL_SECONDS = 60.0
# orders of this machine that the list leaves out are requested one by one: the newest of them
_MOST_FETCHED = 50
_TIMES = {"acquired": "datetime64[us, UTC]", "ordered": "datetime64[us, UTC]", "credits": "float64"}


class HoldingReader:
    """Reads what the organization owns.

    Parameters
    ----------
    reader
        What reads the list of orders.
    journal
        The record of placements.
    purchases
        Knows when captures were taken.
    deliveries
        Returns what knows the files on this machine.
    base_url
        The service's URL.
    is_own
        Returns whether a placement is of this account.
    now
        Returns the Unix time, in seconds.
    """

    def __init__(
        self,
        reader: ListingReader,
        journal: Journal,
        purchases: PurchaseReader,
        deliveries: Callable[[], DeliveryService],
        *,
        base_url: str,
        is_own: Callable[[Placement], bool],
        now: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._journal = journal
        self._purchases = purchases
        self._deliveries = deliveries
        self._base_url = base_url
        self._is_own = is_own
        self._now = now
        self._listing: Listing | None = None
        # orders of this machine that the list left out
        self._left_out: dict[str, Holding | None] = {}
        # when a capture was taken never changes
        self._acquired: dict[tuple[str, str], Any] = {}
        self._warned: set[str] = set()

    def owned(self, aoi: Area | None, project: str | None, *, acquired: bool) -> gpd.GeoDataFrame:
        """Return what is owned, newest first; see ``Client.owned``."""
        if project is not None:
            check_text(project, "project")
        frame = self._frame(self._live(0.0))
        if project is not None:
            frame = frame[frame["project"] == project]
        if aoi is not None:
            frame = _inside(frame, aoi)
        frame = frame.reset_index(drop=True)
        return self._with_times(frame) if acquired else frame

    def known(self, seconds: float = PANEL_SECONDS) -> gpd.GeoDataFrame:
        """Return what is owned by a list of orders that is at most so many seconds old."""
        return self._frame(self._live(seconds))

    def _live(self, seconds: float) -> list[Holding]:
        """Return the orders that have not ended without delivery: those of the list, and those of this machine that it lacks."""
        listing = self._listing
        if listing is None or not 0 <= self._now() - listing.read_at < seconds:
            listing = self._reader.read()
            if listing.failure is not None and listing.is_offered:
                raise listing.failure
            self._listing, self._left_out = listing, {}
        every = [*self._missing(listing), *listing.holdings]
        self._warn(listing, every)
        return [*self._unanswered(), *(one for one in every if one.record.phase != ENDED)]

    def _unanswered(self) -> list[Holding]:
        """Return what placements of this account would hold whose outcome is not known, newest first."""
        rows = self._journal.placements(self._base_url, ("intended", *UNANSWERED))[::-1]
        open_rows = [row for row in rows if row.state in UNANSWERED or is_working(row.owner)]
        return [_unseen(row) for row in open_rows if self._is_own(row)]

    def _missing(self, listing: Listing) -> list[Holding]:
        """Return the orders of this machine that the list does not show, newest first."""
        shown = {one.record.id for one in listing.holdings}
        rows = [row for row in self._journal.placements(self._base_url, ("placed",)) if row.order_id not in shown][::-1]
        for row in rows[:_MOST_FETCHED]:
            if row.order_id not in self._left_out:
                self._left_out[str(row.order_id)] = self._fetched(row)
        found = [self._left_out.get(str(row.order_id), _unseen(row)) for row in rows]
        return [one for one in found if one is not None]

    def _fetched(self, row: Placement) -> Holding | None:
        try:
            return self._reader.holding_of(row)
        except NotFound:
            return None
        except ScenecartError:
            # it was bought, even if the service no longer lists it
            return _unseen(row)

    def _warn(self, listing: Listing, every: list[Holding]) -> None:
        if not listing.is_offered:
            self._warn_once(
                "owned_list_not_offered",
                "The service does not list its orders for this account: only orders of this computer are known.",
            )
        elif listing.obstacle:
            warn(f"{listing.obstacle} Owned captures may be missing.", code="owned_list_incomplete", hint="Try again in a moment.")
        unknown = sum(1 for one in every if not one.grounds and one.record.phase != ENDED)
        if unknown:
            self._warn_once(
                "owned_captures_unknown",
                f"The service does not state the captures of {pluralize(unknown, 'order')}: "
                f"what {'it contains' if unknown == 1 else 'they contain'} is not known.",
            )

    def _warn_once(self, code: str, message: str) -> None:
        if code not in self._warned:
            self._warned.add(code)
            warn(message, code=code)

    def _frame(self, holdings: list[Holding]) -> gpd.GeoDataFrame:
        rows = [row for holding in holdings for row in self._rows(holding)]
        frame = gpd.GeoDataFrame(rows, columns=list(COLUMNS), geometry="geometry", crs=CRS)
        frame = frame.astype(_TIMES)
        return frame.sort_values("ordered", ascending=False, kind="stable", na_position="last", ignore_index=True)

    def _rows(self, holding: Holding) -> list[dict[str, Any]]:
        record, placement = holding.record, holding.placement
        prices = {name: group.credits / len(group.ids) for group in record.groups for name in group.ids}
        if not prices and record.total_credits is not None and len(holding.grounds) == 1:
            prices = {holding.grounds[0].key[2]: float(record.total_credits)}
        folder = self._deliveries().folder(record.id) if record.id else None
        ordered = holding.created if holding.created is not None or placement is None else placement.created
        common = {
            "ordered": None if ordered is None else datetime.fromtimestamp(ordered, UTC),
            "order": record.id or None,
            "project": record.project or (None if placement is None else placement.project),
            "license_type": record.license_type or (None if placement is None else placement.license_type),
            "status": record.state,
            "path": None if folder is None else str(folder),
        }
        return [
            {
                "id": ground.key[2],
                "host": ground.key[0],
                "collection": ground.key[1],
                "acquired": None,
                "credits": prices.get(ground.key[2]),
                "geometry": ground.geometry,
                **common,
            }
            for ground in map(_split, holding.grounds)
        ]

    def _with_times(self, frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        """Return what is owned with the times at which the captures were taken, from their catalogs."""
        keys = list(zip(frame["host"], frame["id"], strict=True))
        is_unknown = [isinstance(host, str) and (host, name) not in self._acquired for host, name in keys]
        if any(is_unknown):
            asked = frame.loc[is_unknown, ["id", "host", "collection", "geometry"]].drop_duplicates(["host", "id"])
            stated = self._purchases.with_catalog_columns(asked)
            times = zip(stated["host"], stated["id"], acquisition_times(stated), strict=True)
            self._acquired |= {(host, name): time for host, name, time in times if not pd.isna(time)}
        found = pd.Series([self._acquired.get(key) for key in keys], index=frame.index, dtype=_TIMES["acquired"])
        return frame.assign(acquired=found)


def _inside(frame: gpd.GeoDataFrame, aoi: Area) -> gpd.GeoDataFrame:
    """Return the rows whose ground intersects an area, and those without ground, with a warning."""
    shapes = frame.geometry.to_numpy()
    is_unstated = shapely.is_missing(shapes)
    shapely.prepare(aoi.geometry)
    is_inside = shapely.intersects(aoi.geometry, shapes)
    if is_unstated.any():
        warn(
            f"{pluralize(int(is_unstated.sum()), 'owned capture')} may be outside the area: it is not known which part was bought.",
            code="owned_place_unknown",
        )
    return frame[is_inside | is_unstated]


def _split(ground: Ground) -> Ground:
    """Return a capture with its ground in the form of areas: longitudes in ±180."""
    return ground if ground.geometry is None else Ground(ground.key, split_at_antimeridian(ground.geometry))


def _unseen(row: Placement) -> Holding:
    """Return what a placement bought, if the service was not asked for its order."""
    record = OrderRecord(row.order_id or "", UNKNOWN, project=row.project, license_type=row.license_type, total_credits=row.credits)
    return Holding(record, grounds_of(row), row.created, row)
