"""Candidates of a cover plan: the captures that can be used, and why the others cannot."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._captures.filter import may_intersect, numbers_of
from scenecart._captures.properties import CLOUD_COVER
from scenecart._captures.times import acquisition_times
from scenecart._cart.checks import checked_frame, keys_of, reasons_not_orderable
from scenecart._geo.geometry import clip_each, each_km2
from scenecart.exceptions import InvalidCart, InvalidQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from scenecart._geo.area import Area

_MAX_CANDIDATES = 5_000


@dataclass(frozen=True)
class Candidates:
    """Captures that cover a part of an area.

    Attributes
    ----------
    frame : the captures, EPSG:4326, one row each
    positions : the row numbers of the captures in the original frame
    footprints : array of polygons, the part of the area that each capture covers
    km2 : array, the areas of ``footprints``
    cloud_column : the column of the cloud cover that counts
    """

    frame: gpd.GeoDataFrame
    positions: np.ndarray[Any, Any]
    footprints: np.ndarray[Any, Any]
    km2: np.ndarray[Any, Any]
    cloud_column: str = CLOUD_COVER

    def without(self, removed: Sequence[int]) -> Candidates:
        """Return the candidates without some, by index."""
        keep = np.ones(len(self.km2), dtype=bool)
        keep[list(removed)] = False
        return self.kept(keep, self.footprints[keep], self.km2[keep])

    def kept(self, keep: np.ndarray[Any, Any], footprints: np.ndarray[Any, Any], km2: np.ndarray[Any, Any]) -> Candidates:
        """Return some of the candidates, with the parts of the area that they cover now."""
        return Candidates(self.frame[keep], self.positions[keep], footprints, km2, self.cloud_column)

    @property
    def times(self) -> pd.Series[Any]:
        """Acquisition times, UTC; NaT if unknown."""
        return acquisition_times(self.frame)

    @property
    def cloud(self) -> np.ndarray[Any, Any]:
        """Cloud cover in percent; NaN if unknown."""
        return numbers_of(self.frame, self.cloud_column)


def find_candidates(
    captures: Any, area: Area, max_cloud_cover: float | None, cloud_column: str = CLOUD_COVER
) -> tuple[Candidates, dict[int, str]]:
    """Return the usable captures without repetitions, and why the others are not usable, by row number.

    ``cloud_column`` is the column of the cloud cover that counts.

    Raises
    ------
    InvalidCart
        If no capture can be used, or this is not a frame of captures.
    InvalidQuery
        If there are too many.
    """
    frame = checked_frame(captures)
    whole_footprints = frame.geometry.to_numpy()
    cloud = numbers_of(frame, cloud_column)
    is_repeated = pd.Series(keys_of(frame)).duplicated().to_numpy()
    reasons = [
        reason or _reason_too_cloudy(percent, max_cloud_cover)
        for reason, percent in zip(reasons_not_orderable(frame), cloud.tolist(), strict=True)
    ]
    is_usable = np.array([reason is None for reason in reasons], dtype=bool)
    is_usable &= may_intersect(whole_footprints, area.geometry) & ~is_repeated
    footprints = np.full(len(frame), shapely.Polygon(), dtype=object)
    footprints[is_usable] = clip_each(whole_footprints[is_usable], area.geometry)
    kept = np.flatnonzero(~shapely.is_empty(footprints))
    excluded = np.flatnonzero(shapely.is_empty(footprints) & ~is_repeated).tolist()
    excluded_reasons = {position: reasons[position] or "it is outside the area" for position in excluded}
    if not len(kept):
        raise no_candidates_error(len(frame), excluded_reasons)
    if len(kept) > _MAX_CANDIDATES:
        raise InvalidQuery(
            f"{len(kept):,} captures cover a part of the area; a plan can consider at most {_MAX_CANDIDATES:,}.",
            code="too_many_candidates",
            hint="Filter them first: scenecart.filter(captures, cloud_cover=20, off_nadir=25).",
        )
    clipped = footprints[kept]
    return Candidates(frame.iloc[kept], kept, clipped, each_km2(clipped), cloud_column), excluded_reasons


def no_candidates_error(count: int, reasons: dict[int, str], *, operation: str | None = None) -> InvalidCart:
    """Return the error for captures of which none can be used, with the most common reason."""
    counts = pd.Series(list(reasons.values())).value_counts()
    return InvalidCart(
        f"None of the {count:,} captures can be used for this area. Most common reason: {counts.index[0]} ({counts.iloc[0]:,}).",
        code="captures_unusable",
        hint="Search this area, or allow more cloud.",
        operation=operation,
    )


def _reason_too_cloudy(percent: float, most: float | None) -> str | None:
    if most is None or percent <= most:
        return None
    return "its cloud cover is unknown" if math.isnan(percent) else f"its cloud cover is above {most:g} %"
