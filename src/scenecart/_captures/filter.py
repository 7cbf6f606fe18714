"""Filters of captures, and the share of an area that each capture covers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
from shapely.errors import ShapelyError

from scenecart._captures.properties import AREA_CLOUD, CLOUD_COVER, GSD, OFF_NADIR
from scenecart._captures.query import warn_of_fraction
from scenecart._captures.stac_api import as_interval
from scenecart._captures.times import checked_time_ranges, instant
from scenecart._geo.area import as_area
from scenecart._geo.geometry import are_plain, each_km2, each_polygonal, geodesic_km2, polygonal, union
from scenecart._geo.globe import is_valid, split_at_antimeridian
from scenecart._util.keywords import checked_keywords
from scenecart._util.validate import is_number, shown_value
from scenecart.exceptions import InvalidArea, InvalidQuery, not_captures

if TYPE_CHECKING:
    import geopandas as gpd

    from scenecart._geo.area import Area

_REST_OF_SECOND = pd.Timedelta(999_999, "us")


def coverage(captures: gpd.GeoDataFrame, aoi: Any) -> pd.Series[float]:
    """Return the share of an area that each capture covers, and that all cover together.

    Parameters
    ----------
    captures
        Rows of a search result, in any CRS; without a CRS, they are read as EPSG:4326.
    aoi
        The area, in any format that ``search`` accepts.

    Returns
    -------
    pandas.Series
        Shares from 0 to 1 of the geodesic area, with the index of the captures. ``.attrs["together"]`` is the share of their
        union. A capture without a usable footprint covers 0.

    Raises
    ------
    InvalidArea
        If the area is invalid.
    InvalidQuery
        If the captures are not a GeoDataFrame with footprints.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), shapely.box(0.5, 0, 2, 1)], crs=4326)
    >>> shares = coverage(captures, (0, 0, 2, 1))
    >>> shares.round(2).tolist(), round(shares.attrs["together"], 2)
    ([0.5, 0.75], 1.0)
    """
    check_frame(captures)
    area = as_area(aoi)
    frame = captures.set_crs(4326) if captures.crs is None else captures.to_crs(4326)
    shares, parts = covered_parts(frame.geometry.to_numpy(), area)
    found = pd.Series(shares, index=captures.index, name="coverage", dtype=float)
    found.attrs["together"] = min(1.0, geodesic_km2(union(parts)) / area.km2)
    return found


def covered_parts(shapes: np.ndarray[Any, Any], area: Area) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the share of an area that each footprint covers (0 to 1), and the covered parts of the area (EPSG:4326)."""
    shares = np.zeros(len(shapes))
    near = np.flatnonzero(may_intersect(shapes, area.geometry))
    footprints = valid_areas(shapes[near])
    shapely.prepare(area.geometry)
    # most captures cover all of a small area, which needs no measuring
    is_all = shapely.covered_by(area.geometry, footprints)
    shares[near[is_all]] = 1.0
    parts = each_polygonal(shapely.intersection(footprints[~is_all], area.geometry))
    overlaps = ~shapely.is_empty(parts)
    shares[near[~is_all][overlaps]] = np.minimum(1.0, each_km2(parts[overlaps]) / area.km2)
    return shares, np.concatenate([parts, [area.geometry] if is_all.any() else []])


@checked_keywords()
def filter(  # noqa: A001  # the verb that analysts look for
    captures: gpd.GeoDataFrame,
    *,
    datetime: Any = None,
    cloud_cover: float | Sequence[float | None] | None = None,
    aoi_cloud_cover: float | Sequence[float | None] | None = None,
    off_nadir: float | Sequence[float | None] | None = None,
    gsd: float | Sequence[float | None] | None = None,
    price: float | Sequence[float | None] | None = None,
    coverage: float | Sequence[float | None] | None = None,
    aoi: Any = None,
    orderable: bool | None = None,
) -> gpd.GeoDataFrame:
    """Keep the captures that match all conditions, with their columns and index labels.

    A number is the highest value to keep (for ``coverage`` the lowest); a pair is a range, either end of which may be None.
    A capture without the value is not kept.

    Parameters
    ----------
    captures
        Rows of a search result.
    datetime
        What ``search`` takes: a day, month or year such as ``"2024-03"``, or a range ``"2024-01/2024-06"``, either end of which may
        be ``..``. UTC. A capture with ``start_datetime`` and ``end_datetime`` matches if that range overlaps it. Columns of naive
        times, dates and ISO 8601 text are read, as UTC.
    cloud_cover
        ``eo:cloud_cover`` of the whole capture, in percent.
    aoi_cloud_cover
        ``aoi:cloud_cover`` in percent: the cloud over an area, which :func:`cloud_over` adds. It may be an estimate.
    off_nadir
        ``view:off_nadir`` in degrees.
    gsd
        Ground sample distance in metres.
    price
        The first numeric column with a name that starts with ``price``, in its own unit. It is the catalog's value; the price
        of an order is in its estimate.
    coverage
        Share of ``aoi``, which is required with it: 0 to 1, as :func:`coverage` returns it. ``CaptureMap.filters`` has percent.
    aoi
        The area, in any format that ``search`` accepts; without ``coverage``, captures that intersect it are kept.
    orderable
        True keeps the captures that can be ordered, False the others.

    Raises
    ------
    InvalidQuery
        If the captures have no such column, or a range is invalid.
    InvalidArea
        If the area is invalid.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> shapes = [shapely.box(0, 0, 1, 1)] * 2
    >>> captures = gpd.GeoDataFrame({"gsd": [0.3, 0.5], "eo:cloud_cover": [40, 3]}, geometry=shapes, crs=4326)
    >>> filter(captures, cloud_cover=10)["gsd"].tolist()
    [0.5]
    """
    if not isinstance(captures, pd.DataFrame):
        raise not_captures(captures)
    keep = np.ones(len(captures), dtype=bool)
    for name, column, condition in (
        ("cloud_cover", CLOUD_COVER, cloud_cover),
        ("aoi_cloud_cover", AREA_CLOUD, aoi_cloud_cover),
        ("off_nadir", OFF_NADIR, off_nadir),
        ("gsd", GSD, gsd),
        ("price", _price_column(captures) if price is not None else "", price),
    ):
        if condition is not None:
            low, high = _range(name, condition, is_minimum=False)
            if column in {CLOUD_COVER, AREA_CLOUD} and high is not None:
                warn_of_fraction(high, name)
            _column(captures, name, column)
            keep &= _between(numbers_of(captures, column), low, high)
    if datetime is not None:
        keep &= _in_time(captures, datetime)
    if orderable is not None:
        keep &= _column(captures, "orderable", "orderable").to_numpy(dtype=bool) == orderable
    low, high = (0.0, None) if coverage is None else _share_range(coverage)
    if coverage is not None and aoi is None:
        raise InvalidQuery("requires an aoi: it is a share of that area.", code="aoi_missing", argument="coverage")
    if aoi is not None:
        check_frame(captures)
        shares = _shares(captures, keep, aoi)
        keep &= (shares > 0) & _between(shares, low, high)
    return captures[keep]


def may_intersect(shapes: np.ndarray[Any, Any], area: Any) -> np.ndarray[Any, Any]:
    """Return which footprints may intersect an area, by their bounds.

    A footprint wider than 180 degrees may cross the antimeridian or enclose a pole, so its bounds cannot exclude it.
    """
    west, south, east, north = shapely.bounds(shapes).T if len(shapes) else np.empty((4, 0))
    low_x, low_y, high_x, high_y = area.bounds
    is_beside = (east < low_x) | (west > high_x) | (north < low_y) | (south > high_y)
    is_narrow = (east - west <= 180) & (west >= -180) & (east <= 180)  # noqa: PLR2004  # degrees
    return np.asarray(~(is_beside & is_narrow) & ~np.isnan(west))


def valid_areas(shapes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return footprints as valid polygons with longitudes in ±180 degrees; empty polygons for missing footprints."""
    areas = shapes.copy()
    others = ~are_plain(areas)
    areas[others] = [_valid_area(shape) for shape in areas[others]]
    return areas


def _valid_area(shape: Any) -> Any:
    if shape is None or shape.is_empty:
        return shapely.Polygon()
    try:
        area = polygonal(split_at_antimeridian(shape))
        return area if is_valid(area) else polygonal(shapely.make_valid(area))
    except (InvalidArea, ShapelyError):
        # the footprint is not on the globe
        return shapely.Polygon()


def check_frame(captures: Any) -> None:
    # not isinstance(…, GeoDataFrame), since importing geopandas takes half a second
    if not (isinstance(captures, pd.DataFrame) and hasattr(captures, "to_crs")):
        raise not_captures(captures)
    if captures.active_geometry_name is None:
        raise InvalidQuery(
            "The captures have no active geometry column.",
            code="geometry_column_missing",
            hint='Set it: captures.set_geometry("geometry").',
        )


def _shares(captures: gpd.GeoDataFrame, keep: np.ndarray[Any, Any], aoi: Any) -> np.ndarray[Any, Any]:
    """Return the coverage of the captures to keep, and 0 for the others, because measuring areas is slow."""
    shares = np.zeros(len(captures))
    shares[keep] = coverage(captures[keep], aoi).to_numpy()
    return shares


def _range(argument: str, value: Any, *, is_minimum: bool) -> tuple[float | None, float | None]:
    """Return the lower and the upper limit of a condition."""
    if is_number(value):
        return (float(value), None) if is_minimum else (None, float(value))
    is_pair = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2  # noqa: PLR2004  # a pair
    if not is_pair or not all(end is None or is_number(end) for end in value):
        raise InvalidQuery(
            f"must be a number or a pair of numbers, got {shown_value(value)}.",
            code="range_invalid",
            argument=argument,
            hint=f"For example: {argument}=20 or {argument}=(0, 20)",
        )
    low, high = value
    if low is not None and high is not None and low > high:
        raise InvalidQuery(
            f"must have its lower limit first, got {shown_value(value)}.",
            code="range_reversed",
            argument=argument,
            hint=f"Use {argument}=({high}, {low}).",
        )
    return low, high


def _share_range(value: Any) -> tuple[float | None, float | None]:
    """Return the limits of a share, and refuse a percentage."""
    low, high = _range("coverage", value, is_minimum=True)
    if max(low or 0.0, high or 0.0) > 1.0:
        raise InvalidQuery(
            f"must be a share from 0 to 1, got {shown_value(value)}.",
            code="coverage_out_of_range",
            argument="coverage",
            hint="Write 90 % as 0.9.",
        )
    return low, high


def _between(values: np.ndarray[Any, Any], low: float | None, high: float | None) -> np.ndarray[Any, Any]:
    with np.errstate(invalid="ignore"):
        keep = ~np.isnan(values)
        if low is not None:
            keep &= values >= low
        if high is not None:
            keep &= values <= high
    return np.asarray(keep)


def _column(captures: gpd.GeoDataFrame, name: str, column: str) -> pd.Series[Any]:
    if column not in captures.columns:
        hint = "Add it: captures = scenecart.cloud_over(captures, aoi, client=client)" if column == AREA_CLOUD else None
        raise InvalidQuery(f"Cannot filter by {name}: there is no column {column!r}.", code="column_missing", hint=hint)
    found: pd.Series[Any] = captures[column]
    return found


def numbers_of(captures: gpd.GeoDataFrame, column: str) -> np.ndarray[Any, Any]:
    """Return a column as numbers, with NaN for other values and for a missing column."""
    if column not in captures.columns:
        return np.full(len(captures), np.nan)
    return np.asarray(pd.to_numeric(captures[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan))


def _price_column(captures: gpd.GeoDataFrame) -> str:
    named = [name for name in captures.columns if isinstance(name, str) and name.lower().startswith("price")]
    return next((name for name in named if pd.api.types.is_numeric_dtype(captures[name])), "price")


def _in_time(captures: gpd.GeoDataFrame, interval: Any) -> np.ndarray[Any, Any]:
    """Return which captures were taken in an interval; a capture with a time range matches if it overlaps the interval."""
    start, slash, end = as_interval(interval).partition("/")
    begin, until = _instant(start), _instant(end if slash else start)
    first, last = checked_time_ranges(captures)
    keep = first.notna()
    if begin is not None:
        keep &= last >= begin
    if until is not None:
        # a day, month or year ends with the last fraction of its last second
        keep &= first <= (until if _ends_with_time(interval) else until + _REST_OF_SECOND)
    return keep.to_numpy(dtype=bool)


def _instant(text: str) -> pd.Timestamp | None:
    return None if text in {"", ".."} else instant(text)


def _ends_with_time(interval: Any) -> bool:
    """Return whether the end of an interval is a time of day, not a whole day, month or year."""
    end = interval[-1] if isinstance(interval, list | tuple) else interval
    return ":" in end.rpartition("/")[2] if isinstance(end, str) else isinstance(end, dt.datetime)


coverage.__module__ = "scenecart"
filter.__module__ = "scenecart"
