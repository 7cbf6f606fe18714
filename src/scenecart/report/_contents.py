"""What a report says, computed once and without any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from scenecart._wire import clean_text

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    import geopandas as gpd

    from scenecart._area import Area
    from scenecart._estimate import Estimate
    from scenecart._wire import PriceGroup


@dataclass(frozen=True)
class CaptureLine:
    """One capture as a report shows it."""

    number: int
    id: str
    collection: str
    acquired: str
    cloud: float | None
    off_nadir: float | None
    gsd: float | None
    group: int | None
    error: str | None


@dataclass(frozen=True)
class Contents:
    """All that a report says, in the order in which it says it."""

    title: str
    made_at: datetime
    hosts: tuple[str, ...]
    area: Area | None
    area_km2: float
    split_by_date: bool
    groups: tuple[PriceGroup, ...]
    lines: tuple[CaptureLine, ...]
    total_credits: int
    total_aud: Decimal
    fingerprint: str
    captures: gpd.GeoDataFrame
    bought: gpd.GeoSeries


def contents_of(estimate: Estimate, title: str | None = None) -> Contents:
    """Gather what a report of an estimate says."""
    cart = estimate.cart
    captures = cart.captures
    group_of = {name: number for number, group in enumerate(estimate.price_groups, 1) for name in group.ids}
    reasons = dict(estimate.refused)
    lines = tuple(
        CaptureLine(
            number=number,
            id=clean_text(row["id"], 200),
            collection=clean_text(row.get("collection"), 120),
            acquired=_when(row),
            cloud=_number(row.get("eo:cloud_cover")),
            off_nadir=_number(row.get("view:off_nadir")),
            gsd=_number(row.get("gsd")),
            group=group_of.get(row["id"]),
            error=reasons.get(row["id"]),
        )
        for number, (_, row) in enumerate(captures.iterrows(), 1)
    )
    hosts = sorted({clean_text(host, 120) for host in captures["host"] if isinstance(host, str)}) if "host" in captures else []
    return Contents(
        title=clean_text(title, 200) or "Quote for archive imagery",
        made_at=estimate.made_at,
        hosts=tuple(hosts),
        area=cart.area,
        area_km2=cart.km2,
        split_by_date=cart.split_by_date,
        groups=estimate.price_groups,
        lines=lines,
        total_credits=estimate.total_credits,
        total_aud=estimate.total_aud,
        fingerprint=cart.fingerprint,
        captures=captures,
        bought=cart.bought(),
    )


def _when(row: Any) -> str:
    for name in ("datetime", "start_datetime"):
        value = row.get(name)
        if isinstance(value, pd.Timestamp) and not pd.isna(value):
            return f"{value:%Y-%m-%d %H:%M}"
    return ""


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and not pd.isna(value) else None
