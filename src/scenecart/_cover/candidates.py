"""Captures that may cover a part of an area: which can be used, what each would cover, and why the others cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._api.operations import CLOUD
from scenecart._captures.filter import may_touch, numbers_of
from scenecart._cart.cart import checked_frame, keys_of, reasons_not_orderable
from scenecart._geo.geometry import clip_each, each_km2
from scenecart.exceptions import InvalidCart, InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from scenecart._geo.area import Area

_MOST = 5_000
_HINT = "Search this area, or allow more cloud."


@dataclass(frozen=True)
class Candidates:
    """Captures that cover a part of an area.

    Attributes
    ----------
    frame : their rows, EPSG:4326
    places : where each of them stands in the frame they come from
    grounds : array of polygons, what each covers of the area
    km2 : array, the area of these
    """

    frame: gpd.GeoDataFrame
    places: np.ndarray[Any, Any]
    grounds: np.ndarray[Any, Any]
    km2: np.ndarray[Any, Any]

    def without(self, out: Sequence[int]) -> Candidates:
        """Return the others."""
        keep = np.ones(len(self.km2), dtype=bool)
        keep[list(out)] = False
        return Candidates(self.frame[keep], self.places[keep], self.grounds[keep], self.km2[keep])

    @property
    def times(self) -> pd.Series[Any]:
        """When each was taken, UTC; NaT where it does not say."""
        times: pd.Series[Any] = pd.Series(pd.NaT, index=self.frame.index, dtype="datetime64[us, UTC]")
        for name in ("datetime", "start_datetime"):
            if name in self.frame.columns:
                times = times.fillna(pd.to_datetime(self.frame[name], utc=True, errors="coerce"))
        return times

    @property
    def cloud(self) -> np.ndarray[Any, Any]:
        """Cloud cover in per cent; NaN where it is not told."""
        return numbers_of(self.frame, CLOUD)


def find_candidates(captures: Any, area: Area, max_cloud_cover: float | None) -> tuple[Candidates, dict[int, str]]:
    """Return what can be used of some captures, each once, and why the others cannot, by their place in the frame.

    Raises
    ------
    InvalidCart
        If nothing can be used, or this is no frame of captures.
    InvalidQuery
        If there are too many.
    """
    frame = checked_frame(captures)
    shapes = frame.geometry.to_numpy()
    near = may_touch(shapes, area.geometry)
    against = reasons_not_orderable(frame)
    cloud = numbers_of(frame, CLOUD)
    again = pd.Series(keys_of(frame)).duplicated().to_numpy()
    whys = [reason or _cloudy(share, max_cloud_cover) for reason, share in zip(against, cloud.tolist(), strict=True)]
    fit = near & ~again & np.array([why is None for why in whys], dtype=bool)
    grounds = np.full(len(frame), shapely.Polygon(), dtype=object)
    grounds[fit] = clip_each(shapes[fit], area.geometry)
    kept = np.flatnonzero(~shapely.is_empty(grounds))
    left = np.flatnonzero(shapely.is_empty(grounds) & ~again).tolist()
    reasons = {place: whys[place] or "it does not touch the area" for place in left}
    if not len(kept):
        raise nothing_left(len(frame), reasons)
    if len(kept) > _MOST:
        raise InvalidQuery(
            f"{len(kept):,} captures touch the area, more than the {_MOST:,} that can be planned with.",
            hint="Filter them first: scenecart.filter(captures, cloud_cover=20, off_nadir=25).",
        )
    found = grounds[kept]
    return Candidates(frame.iloc[kept], kept, found, each_km2(found)), reasons


def nothing_left(count: int, reasons: dict[int, str], *, operation: str | None = None) -> InvalidCart:
    """Return the error that says why no capture can be used, and which operation said so."""
    counts = pd.Series(list(reasons.values())).value_counts()
    return InvalidCart(
        f"None of the {count:,} captures can be used for this area: {counts.index[0]} ({counts.iloc[0]:,} of them).",
        hint=_HINT,
        operation=operation,
    )


def _cloudy(cloud: float, most: float | None) -> str | None:
    if most is None or cloud <= most:
        return None
    return "its cloud cover is not known" if math.isnan(cloud) else f"its cloud cover is above {most:g} %"
