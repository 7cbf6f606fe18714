"""Looking through what was found: how much of an area captures cover, and which of them suit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from scenecart._api.operations import CLOUD, GSD, OFF_NADIR
from scenecart._captures.query import warn_of_fraction
from scenecart._geo.area import as_area
from scenecart._geo.geometry import are_plain, each_km2, each_polygonal, geodesic_km2, polygonal, split_at_antimeridian, union
from scenecart._util.keywords import checked_keywords
from scenecart.exceptions import InvalidQuery, not_captures

if TYPE_CHECKING:
    import geopandas as gpd


def coverage(captures: gpd.GeoDataFrame, aoi: Any) -> pd.Series[float]:
    """Tell how much of an area each capture covers, and how much all of them do together.

    Parameters
    ----------
    captures
        Rows of a search result, in any CRS; one without is taken as EPSG:4326.
    aoi
        The area, in any form ``search`` takes.

    Returns
    -------
    pandas.Series
        Shares from 0 to 1 of the area's geodesic size, with the captures' index. ``.attrs["together"]`` is the share of their
        union. A capture without a usable footprint covers nothing.

    Raises
    ------
    InvalidArea
        If the area cannot be used.
    InvalidQuery
        If the captures are no GeoDataFrame with footprints.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> captures = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), shapely.box(0.5, 0, 2, 1)], crs=4326)
    >>> shares = coverage(captures, (0, 0, 2, 1))
    >>> shares.round(2).tolist(), round(shares.attrs["together"], 2)
    ([0.5, 0.75], 1.0)
    """
    _check_frame(captures)
    area = as_area(aoi)
    frame = captures.set_crs(4326) if captures.crs is None else captures.to_crs(4326)
    shares = np.zeros(len(frame))
    shapes = frame.geometry.to_numpy()
    near = np.flatnonzero(may_touch(shapes, area.geometry))
    parts = each_polygonal(shapely.intersection(_mended(shapes[near]), area.geometry))
    there = ~shapely.is_empty(parts)
    shares[near[there]] = np.minimum(1.0, each_km2(parts[there]) / area.km2)
    found = pd.Series(shares, index=captures.index, name="coverage", dtype=float)
    found.attrs["together"] = min(1.0, geodesic_km2(union(parts)) / area.km2)
    return found


@checked_keywords()
def filter(  # noqa: A001  # the verb that analysts look for; captures, then keywords
    captures: gpd.GeoDataFrame,
    *,
    datetime: Any = None,
    cloud_cover: float | Sequence[float | None] | None = None,
    off_nadir: float | Sequence[float | None] | None = None,
    gsd: float | Sequence[float | None] | None = None,
    price: float | Sequence[float | None] | None = None,
    coverage: float | Sequence[float | None] | None = None,
    aoi: Any = None,
    orderable: bool | None = None,
) -> gpd.GeoDataFrame:
    """Keep the captures that suit, as a frame of the same columns and index labels.

    A number is a limit, the highest that suits (for ``coverage`` the lowest); a pair is a range, either end of which may be None.
    A capture that does not say what is asked for does not suit.

    Parameters
    ----------
    captures
        Rows of a search result.
    datetime
        A day, month or year such as ``"2024-03"``, or a range ``"2024-01/2024-06"``, either end of which may be ``..``. UTC.
    cloud_cover
        Per cent, of ``eo:cloud_cover``.
    off_nadir
        Degrees, of ``view:off_nadir``.
    gsd
        Metres.
    price
        Of the first numeric column that begins with ``price``, in its own unit. The price of an order is the estimate's alone.
    coverage
        Share from 0 to 1 of ``aoi``, which is needed then.
    aoi
        The area, in any form ``search`` takes; without ``coverage``, captures that only touch it suit.
    orderable
        True keeps those that can be ordered, False the others.

    Raises
    ------
    InvalidQuery
        If no capture says anything of what is asked for, or a range makes no sense.
    InvalidArea
        If the area cannot be used.

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
    for name, column, wanted in (
        ("cloud_cover", CLOUD, cloud_cover),
        ("off_nadir", OFF_NADIR, off_nadir),
        ("gsd", GSD, gsd),
        ("price", _price_column(captures) if price is not None else "", price),
    ):
        if wanted is not None:
            low, high = _range(name, wanted, is_least=False)
            if column == CLOUD and high is not None:
                warn_of_fraction(high, name)
            _column(captures, name, column)
            keep &= _between(numbers_of(captures, column), low, high)
    if datetime is not None:
        keep &= _in_time(captures, datetime)
    if orderable is not None:
        keep &= _column(captures, "orderable", "orderable").to_numpy(dtype=bool) == orderable
    if coverage is not None and aoi is None:
        raise InvalidQuery("coverage is the share of an area: give aoi too.")
    if aoi is not None:
        low, high = (0.0, None) if coverage is None else _range("coverage", coverage, is_least=True)
        shares = _shares(captures, keep, aoi)
        keep &= (shares > 0) & _between(shares, low, high)
    return captures[keep]


def may_touch(shapes: np.ndarray[Any, Any], area: Any) -> np.ndarray[Any, Any]:
    """Tell by their boxes which footprints may touch an area; what spans half the world may go the other way round."""
    west, south, east, north = shapely.bounds(shapes).T if len(shapes) else np.empty((4, 0))
    low_x, low_y, high_x, high_y = area.bounds
    beside = (east < low_x) | (west > high_x)
    plain = (east - west <= 180) & (west >= -180) & (east <= 180)  # noqa: PLR2004  # degrees
    return np.asarray(~((north < low_y) | (south > high_y) | (beside & plain)))


def _mended(shapes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return footprints in ±180, with whatever is no valid area made one, or an empty polygon."""
    mended = shapes.copy()
    others = ~are_plain(mended)
    mended[others] = [_as_ground(shape) for shape in mended[others]]
    return mended


def _as_ground(shape: Any) -> Any:
    if shape is None or shape.is_empty:
        return shapely.Polygon()
    ground = polygonal(split_at_antimeridian(shape))
    return ground if ground.is_valid else polygonal(shapely.make_valid(ground))


def _check_frame(captures: Any) -> None:
    # known by what it can do: importing geopandas takes half a second
    if not (isinstance(captures, pd.DataFrame) and hasattr(captures, "to_crs")):
        raise not_captures(captures)
    if captures.active_geometry_name is None:
        raise InvalidQuery("The captures have no footprints.", hint='Name their column: captures.set_geometry("…").')


def _shares(captures: gpd.GeoDataFrame, keep: np.ndarray[Any, Any], aoi: Any) -> np.ndarray[Any, Any]:
    """Measure only those that suit otherwise: areas are the dear part."""
    shares = np.zeros(len(captures))
    shares[keep] = coverage(captures[keep], aoi).to_numpy()
    return shares


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not np.isnan(value)


def _range(name: str, wanted: Any, *, is_least: bool) -> tuple[float | None, float | None]:
    if isinstance(wanted, str) or not (_is_number(wanted) or isinstance(wanted, Sequence)):
        raise InvalidQuery(f"{name} is a number or a pair of numbers, not {wanted!r}.")
    if not isinstance(wanted, Sequence):
        return (float(wanted), None) if is_least else (None, float(wanted))
    if len(wanted) != 2 or not all(end is None or _is_number(end) for end in wanted):  # noqa: PLR2004  # a pair
        raise InvalidQuery(f"{name} is a number or a pair of numbers, not {wanted!r}.", hint=f"{name}=(0, 20)")
    low, high = wanted
    if low is not None and high is not None and low > high:
        raise InvalidQuery(f"{name} is reversed: {low} is more than {high}.", hint=f"{name}=({high}, {low})")
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
        raise InvalidQuery(f"No capture says anything of {name}: there is no column {column!r}.")
    found: pd.Series[Any] = captures[column]
    return found


def numbers_of(captures: gpd.GeoDataFrame, column: str) -> np.ndarray[Any, Any]:
    """Return a column as numbers, NaN where there is none, or no such column."""
    if column not in captures.columns:
        return np.full(len(captures), np.nan)
    return np.asarray(pd.to_numeric(captures[column], errors="coerce").to_numpy(dtype=float, na_value=np.nan))


def _price_column(captures: gpd.GeoDataFrame) -> str:
    named = [name for name in captures.columns if isinstance(name, str) and name.lower().startswith("price")]
    return next((name for name in named if pd.api.types.is_numeric_dtype(captures[name])), "price")


def _in_time(captures: gpd.GeoDataFrame, wanted: Any) -> np.ndarray[Any, Any]:
    """Tell which captures lie in a span; one with a range of its own lies in it where the two meet."""
    begin, end = _span(wanted)
    times = _column(captures, "datetime", "datetime")
    first = captures["start_datetime"].fillna(times) if "start_datetime" in captures.columns else times
    last = captures["end_datetime"].fillna(times) if "end_datetime" in captures.columns else times
    keep = first.notna() & last.notna()
    if begin is not None:
        keep &= last >= begin
    if end is not None:
        keep &= first < end
    return keep.to_numpy(dtype=bool)


def _span(wanted: Any) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """Read a span of time as its first instant and the first one after it."""
    if isinstance(wanted, dt.date):
        wanted = wanted.isoformat()
    if isinstance(wanted, Sequence) and not isinstance(wanted, str) and len(wanted) == 2:  # noqa: PLR2004  # start and end
        wanted = "/".join(".." if end is None else end if isinstance(end, str) else end.isoformat() for end in wanted)
    if not isinstance(wanted, str):
        raise InvalidQuery(f"datetime is a text such as '2024-03' or '2024-01/2024-06', not {wanted!r}.")
    first, slash, last = wanted.partition("/")
    begin, until = _period(first), _period(last) if slash else _period(first)
    begins, ends = (None if begin is None else begin[0]), (None if until is None else until[1])
    if begins is None and ends is None:
        raise InvalidQuery("datetime is empty, or open at both ends.", hint="Leave it out to keep all times.")
    if begins is not None and ends is not None and begins >= ends:
        raise InvalidQuery(f"datetime is reversed: {first} is after {last}.", hint="The earlier one comes first.")
    return begins, ends


def _period(text: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    if text.strip() in {"", ".."}:
        return None
    try:
        if "T" in text.upper() or ":" in text:
            moment = pd.Timestamp(text)
            moment = moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
            return moment, moment + pd.Timedelta(1, "us")
        period = pd.Period(text)
    except (ValueError, TypeError):
        raise InvalidQuery(
            f"datetime cannot be read: {text!r}.", hint="It looks like 2024-03, 2024-03-05 or 2024-01/2024-06."
        ) from None
    return period.start_time.tz_localize("UTC"), (period + 1).start_time.tz_localize("UTC")


coverage.__module__ = "scenecart"
filter.__module__ = "scenecart"
