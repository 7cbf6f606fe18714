"""What of a purchase is owned already: shares of ground, exact orders, and orders that state too little."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import geopandas as gpd
import shapely

from scenecart._api.order_states import ENDED, UNKNOWN
from scenecart._captures.frame import CRS
from scenecart._cart.checks import is_same_capture
from scenecart._cart.owned import LEAST_KM2, LEAST_SHARE, WHOLE
from scenecart._geo.geometry import geodesic_km2, polygonal, union
from scenecart._orders.listing import EXACT, Ground, Holding, difference, group_fits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shapely.geometry.base import BaseGeometry

    from scenecart._cart.checks import CaptureKey

# the share of a capture's area above which it counts as owned, unless the client sets another
OWNED_SHARE = 0.1


@dataclass(frozen=True)
class Claim:
    """What one order holds of one capture of a purchase.

    Attributes
    ----------
    capture : CaptureKey
        The capture.
    holding : Holding
        The order.
    share : float or None
        The share of the capture's ground; None if the ground is not known.
    km2 : float
        The shared ground, in km².
    geometry : BaseGeometry or None
        The shared ground.
    is_certain : bool
        Whether the order certainly is of this capture: host and collection are stated.
    """

    capture: CaptureKey
    holding: Holding
    share: float | None
    km2: float
    geometry: BaseGeometry | None
    is_certain: bool


@dataclass(frozen=True)
class Owned:
    """What of a purchase is owned.

    Attributes
    ----------
    claims : tuple of Claim
        One for each capture and order that share ground, or may share it.
    shares : dict of CaptureKey to float
        The share of each capture's ground that orders hold together.
    km2, asked_km2 : float
        The owned ground and all of the ground, in km².
    exact : Holding or None
        An order of exactly this purchase that has not ended.
    """

    claims: tuple[Claim, ...] = ()
    shares: dict[CaptureKey, float] = field(default_factory=dict)
    km2: float = 0.0
    asked_km2: float = 0.0
    exact: Holding | None = None

    @property
    def uncertain(self) -> list[Claim]:
        """The claims of which the ground, or the capture, is not certain."""
        return [claim for claim in self.claims if claim.share is None or not claim.is_certain]

    def at_least(self, share: float) -> dict[CaptureKey, float]:
        """Return the captures of which at least this share is owned for certain."""
        return {key: owned for key, owned in self.shares.items() if owned >= max(share, LEAST_SHARE)}


@dataclass(frozen=True)
class Terms:
    """What an order of exactly this purchase has besides its captures: project, licence and price."""

    project: str
    license_type: str
    credits: int


def owned_of(grounds: Iterable[Ground], holdings: Iterable[Holding], terms: Terms | None = None) -> Owned:
    """Compare what is to be bought with what orders hold.

    Parameters
    ----------
    grounds
        The captures to buy, with their ground.
    holdings
        The orders; those that have ended without delivery do not count.
    terms
        What an exact order must have; None searches for no exact one.
    """
    wanted = tuple(grounds)
    by_id: dict[str, list[Ground]] = {}
    for ground in wanted:
        by_id.setdefault(ground.key[2], []).append(ground)
    live = [one for one in holdings if one.record.phase != ENDED and not by_id.keys().isdisjoint(one.ids)]
    claims: list[Claim] = []
    parts: dict[CaptureKey, list[BaseGeometry]] = {}
    for holding in live:
        for theirs in holding.grounds:
            for ours in by_id.get(theirs.key[2], ()):
                claim = _claim(ours, theirs, holding)
                if claim is None:
                    continue
                claims.append(claim)
                if claim.geometry is not None and claim.is_certain:
                    parts.setdefault(ours.key, []).append(claim.geometry)
    shares, km2 = {}, 0.0
    for ground in wanted:
        if ground.geometry is not None and ground.key in parts:
            part = union(parts[ground.key])
            shares[ground.key] = min(1.0, part.area / ground.geometry.area)
            km2 += geodesic_km2(part)
    asked_km2 = sum(geodesic_km2(ground.geometry) for ground in wanted if ground.geometry is not None) if claims else 0.0
    exact = None if terms is None else next((one for one in live if is_exact(wanted, one, terms)), None)
    return Owned(tuple(claims), shares, km2, asked_km2, exact)


def is_exact(wanted: tuple[Ground, ...], holding: Holding, terms: Terms) -> bool:
    """Return whether an order is exactly a purchase: all captures and ground, the project and the licence, and not ended.

    Where it does not state the host or the collection of a capture, its price must be the same too: a capture may be sold by two
    hosts.
    """
    record = holding.record
    if record.phase in {ENDED, UNKNOWN} or record.project != terms.project or record.license_type != terms.license_type:
        return False
    ours = {ground.key for ground in wanted}
    is_stated = all(ground.key in ours for ground in holding.grounds)
    return has_same_ground(wanted, holding) is True and (is_stated or record.total_credits == terms.credits)


def has_same_ground(wanted: tuple[Ground, ...], holding: Holding) -> bool | None:
    """Return whether an order holds exactly these captures with this ground; None if its captures fit and its ground is unknown.

    Two tiles of one capture have the same id: their ground distinguishes them.
    """
    if not holding.grounds or sorted(ground.key[2] for ground in wanted) != holding.ids:
        return False if holding.grounds else None
    left = list(holding.grounds)
    for ours in wanted:
        fitting = [one for one in left if is_same_capture(ours.key, one.key) is not False]
        if not fitting:
            return False
        if any(one.geometry is None for one in fitting):
            return None
        same = next((one for one in fitting if difference(ours.geometry, one.geometry) <= EXACT), None)
        if same is None:
            return False
        left.remove(same)
    return True


def with_whole_footprints(holdings: Iterable[Holding], footprints: Mapping[CaptureKey, BaseGeometry]) -> list[Holding]:
    """Return orders with the ground that their area proves, where they do not state it.

    No order holds more of a capture than its footprint: an order with the area of whole footprints holds whole footprints.

    Parameters
    ----------
    holdings
        The orders.
    footprints
        The whole footprints of captures, by host, collection and id.
    """
    keys: dict[str, list[CaptureKey]] = {}
    for key in footprints:
        keys.setdefault(key[2], []).append(key)
    return [one if one.has_ground or not one.grounds else _with_whole(one, footprints, keys) for one in holdings]


def _with_whole(holding: Holding, footprints: Mapping[CaptureKey, BaseGeometry], keys: Mapping[str, list[CaptureKey]]) -> Holding:
    alone = {name: footprints[found[0]] for name, found in keys.items() if len(found) == 1}
    wholes = [Ground((None, None, name), footprint) for name, footprint in alone.items()]
    proved = {name for group in holding.record.groups if group_fits(group, wholes, EXACT) for name in group.ids}
    grounds = tuple(
        Ground(ground.key, alone[ground.key[2]])
        if ground.geometry is None and ground.key[2] in proved and is_same_capture(ground.key, keys[ground.key[2]][0]) is not False
        else ground
        for ground in holding.grounds
    )
    return replace(holding, grounds=grounds)


def shares_ground(first: Iterable[Ground], second: Iterable[Ground]) -> bool:
    """Return whether two purchases share so much ground of a capture that one has to wait for the other."""
    others = list(second)
    for ours in first:
        for theirs in others:
            claim = _claim(ours, theirs, None) if ours.key[2] == theirs.key[2] else None
            if claim is not None and (claim.share is None or claim.share >= LEAST_SHARE):
                return True
    return False


def owned_frame(claims: Iterable[Claim]) -> gpd.GeoDataFrame:
    """Return claims as a table with one row for each capture and order.

    Columns ``id``, ``host``, ``collection``, ``order``, ``project``, ``license_type``, ``status``, ``ordered`` (UTC), ``share``
    (0–1; missing if the service does not state the ground), ``km2`` and ``geometry`` (the shared ground, EPSG:4326).
    """
    rows = [
        {
            "id": claim.capture[2],
            "host": claim.capture[0],
            "collection": claim.capture[1],
            "order": claim.holding.record.id,
            "project": claim.holding.record.project,
            "license_type": claim.holding.record.license_type,
            "status": claim.holding.record.state,
            "ordered": None if claim.holding.created is None else datetime.fromtimestamp(claim.holding.created, UTC),
            "share": claim.share,
            "km2": claim.km2 if claim.geometry is not None else None,
            "geometry": claim.geometry,
        }
        for claim in claims
    ]
    columns = ["id", "host", "collection", "order", "project", "license_type", "status", "ordered", "share", "km2", "geometry"]
    frame = gpd.GeoDataFrame(rows, columns=columns, geometry="geometry", crs=CRS)
    return frame.astype({"share": "float64", "km2": "float64"})


def _claim(ours: Ground, theirs: Ground, holding: Holding | None) -> Claim | None:
    """Return what an order holds of a capture; None if it holds nothing of it, or less than counts."""
    is_same = is_same_capture(ours.key, theirs.key)
    if is_same is False or ours.geometry is None:
        return None
    if theirs.geometry is None:
        return Claim(ours.key, holding, None, 0.0, None, is_certain=is_same is True)  # type: ignore[arg-type]  # None only to compare
    try:
        shared = polygonal(ours.geometry.intersection(theirs.geometry))
    except shapely.GEOSException:
        return Claim(ours.key, holding, None, 0.0, None, is_certain=False)  # type: ignore[arg-type]  # None only to compare
    share = shared.area / ours.geometry.area if ours.geometry.area else 0.0
    km2 = geodesic_km2(shared) if share else 0.0
    if share < WHOLE and (share < LEAST_SHARE or km2 < LEAST_KM2):
        return None
    return Claim(ours.key, holding, share, km2, shared, is_certain=is_same is True)  # type: ignore[arg-type]  # None only to compare
