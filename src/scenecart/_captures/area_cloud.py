"""Columns for the cloud cover of an area: what providers state, and for which area an estimate was made."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._captures.filter import numbers_of, valid_areas
from scenecart._captures.properties import AREA_CLOUD, AREA_CLOUD_NOTE, AREA_CLOUD_SOURCE, CLOUD_COVER, PROVIDER
from scenecart._geo.geometry import each_km2, each_polygonal
from scenecart.exceptions import InvalidQuery

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._geo.area import Area

COLUMNS = (AREA_CLOUD, AREA_CLOUD_SOURCE, AREA_CLOUD_NOTE)
OUTSIDE = "It does not show the area."
# fields of providers for the area of a search, and whether they state the cloud-free share
FIELDS = {AREA_CLOUD: False, "aoi:cloud_free_percentage": True, "cloud_cover_percentage_of_aoi": False}
_AREA = "aoi:cloud_area"
_FULL = 100.0
# applies to the area if the capture is entirely inside it
_WHOLE = 0.999


def stated_cloud(captures: gpd.GeoDataFrame, area: Area) -> pd.DataFrame:
    """Return the three columns as far as the catalog states the cloud over an area; NaN and None elsewhere.

    Parameters
    ----------
    captures
        Rows of a search result, in EPSG:4326.
    area
        The area of interest.
    """
    found = pd.DataFrame(index=captures.index, columns=list(COLUMNS)).astype({AREA_CLOUD: float})
    footprints = valid_areas(captures.geometry.to_numpy())
    shown_km2 = each_km2(each_polygonal(shapely.intersection(footprints, area.geometry)))
    found.loc[~(shown_km2 > 0), AREA_CLOUD_NOTE] = OUTSIDE
    for field, is_free in FIELDS.items():
        values = _stated(captures, field)
        is_new = _is_percent(values) & found[AREA_CLOUD_NOTE].isna().to_numpy()
        _set(found, is_new, _FULL - values if is_free else values, f"{field}, for the area that was searched")
    scene = numbers_of(captures, CLOUD_COVER)
    is_inside = _is_percent(scene) & (shown_km2 >= _WHOLE * each_km2(footprints)) & found[AREA_CLOUD_NOTE].isna().to_numpy()
    _set(found, is_inside, scene, f"{CLOUD_COVER}, since the whole capture is inside the area")
    return found


def _set(found: pd.DataFrame, rows: np.ndarray[Any, Any], values: np.ndarray[Any, Any], note: str) -> None:
    found.loc[rows, AREA_CLOUD] = values[rows]
    found.loc[rows, [AREA_CLOUD_SOURCE, AREA_CLOUD_NOTE]] = [PROVIDER, f"{note}."]


def _stated(captures: gpd.GeoDataFrame, field: str) -> np.ndarray[Any, Any]:
    """Return a column of the provider, without values that an earlier call of ``cloud_over`` wrote to it."""
    values = numbers_of(captures, field)
    if field == AREA_CLOUD and {AREA_CLOUD_SOURCE, AREA_CLOUD_NOTE} <= set(captures.columns):
        notes = captures[AREA_CLOUD_NOTE].astype(str).to_numpy()
        values = np.where([note.startswith(AREA_CLOUD) for note in notes], values, np.nan)
    return values


def _is_percent(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    with np.errstate(invalid="ignore"):
        return np.asarray((values >= 0) & (values <= _FULL))


def note_area(captures: gpd.GeoDataFrame, area: Area) -> None:
    """Record in ``attrs`` the area to which the columns apply."""
    captures.attrs[_AREA] = _digest(area)


def check_area_cloud(captures: gpd.GeoDataFrame, area: Area | None = None) -> None:
    """Refuse captures without the cloud cover of an area, or with that of another area.

    Raises
    ------
    InvalidQuery
        If there is no such column, or it is known to be for another area.
    """
    if AREA_CLOUD not in captures.columns:
        raise InvalidQuery(
            f"The cloud over the area is not known: there is no column {AREA_CLOUD!r}.",
            code="area_cloud_missing",
            hint="Add it: captures = scenecart.cloud_over(captures, aoi, client=client)",
        )
    noted = captures.attrs.get(_AREA)
    if area is not None and noted is not None and noted != _digest(area):
        raise InvalidQuery(
            f"The column {AREA_CLOUD!r} is for another area.",
            code="area_cloud_of_other_area",
            hint="Make it for this area: captures = scenecart.cloud_over(captures, aoi, client=client)",
        )


def _digest(area: Area) -> str:
    # corners within 0.1 m are the same
    shape = shapely.normalize(shapely.set_precision(area.geometry, 1e-6, mode="pointwise"))
    return hashlib.sha256(shapely.to_wkb(shape)).hexdigest()[:16]
