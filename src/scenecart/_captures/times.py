"""Acquisition times of captures: columns of times in any form, time ranges, and times as text."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures.properties import DATETIME, END_DATETIME, START_DATETIME
from scenecart.exceptions import InvalidQuery

if TYPE_CHECKING:
    import geopandas as gpd

    Times = pd.Series[Any]

_YEAR_1 = pd.Timestamp("0001-01-01", tz="UTC").as_unit("us")
_COLUMNS = (START_DATETIME, DATETIME, END_DATETIME)
_UTC = pd.DatetimeTZDtype("us", "UTC")
# years that pandas before 3 does not parse, as it counts nanoseconds
_FAR_YEAR = re.compile(r"(?!1[789]|2[01])\d{4}-")
_LEAP_SECOND = re.compile(r"(.*\d:\d\d:)60(\D.*|)")
_TO_MINUTES = "%Y-%m-%d %H:%M"


def utc_times(values: pd.Series[Any]) -> Times:
    """Return a column as times in UTC, from any form that files and spreadsheets use; NaT for values that are not times.

    Times, dates and ISO 8601 text are read; values without a time zone are read as UTC. Numbers are not times: whether they count
    seconds, milliseconds or days cannot be known.

    Examples
    --------
    >>> times = utc_times(pd.Series(["2024-03-05T10:00:00+02:00", "2024/03/05", 5], dtype=object))
    >>> times.dropna().astype(str).tolist()
    ['2024-03-05 08:00:00+00:00', '2024-03-05 00:00:00+00:00']
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return pd.Series(values.dt.tz_convert("UTC").astype(_UTC))
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return pd.Series(values.dt.tz_localize("UTC").astype(_UTC))
    texts = values.astype(object).map(_as_text, na_action="ignore").astype(object)
    # with more than six digits of a second, pandas counts nanoseconds, which end in the year 2262
    cut = texts.where(texts.isna(), texts.astype("string").str.replace(r"(\.\d{6})\d+", r"\1", regex=True))
    found = pd.to_datetime(cut, format="ISO8601", utc=True, errors="coerce").astype(_UTC)
    is_far = found.isna() & cut.map(_is_far, na_action="ignore").eq(other=True)
    if is_far.any():
        found[is_far] = pd.Series([_far_moment(text) for text in cut[is_far]], dtype="datetime64[us]").dt.tz_localize("UTC").array
    # Python has no year 0
    return found.where(found >= _YEAR_1)


def has_times(captures: pd.DataFrame) -> bool:
    """Return whether captures have a column of acquisition times or of the starts or ends of ranges."""
    return any(name in captures.columns for name in _COLUMNS)


def time_ranges(captures: pd.DataFrame) -> tuple[Times, Times]:
    """Return the start and the end of the acquisition of each capture, in UTC; NaT if unknown.

    They are ``start_datetime`` and ``end_datetime``, or ``datetime`` for captures without these.
    """
    start, middle, end = (_column(captures, name) for name in _COLUMNS)
    first, last = start.fillna(middle).fillna(end), end.fillna(middle).fillna(start)
    is_reversed = first > last
    return first.where(~is_reversed, last), last.where(~is_reversed, first)


def acquisition_times(captures: pd.DataFrame) -> Times:
    """Return when each capture was taken, in UTC: ``datetime``, or else the start of its range; NaT if unknown."""
    return _column(captures, DATETIME).fillna(time_ranges(captures)[0])


def checked_time_ranges(captures: gpd.GeoDataFrame, purpose: str = "filter by datetime") -> tuple[Times, Times]:
    """Return the time ranges of captures, and refuse captures without any time.

    Raises
    ------
    InvalidQuery
        If there is no column of times, or no value of it is a time.
    """
    if not has_times(captures):
        raise InvalidQuery(f"Cannot {purpose}: there is no column {DATETIME!r}.", code="column_missing")
    first, last = time_ranges(captures)
    given = [name for name in _COLUMNS if name in captures.columns and captures[name].notna().any()]
    if given and first.isna().all():
        raise InvalidQuery(
            f"Cannot {purpose}: no value of the column {given[0]!r} is a time.",
            code="times_unreadable",
            hint=f'Convert it: captures["{given[0]}"] = pandas.to_datetime(captures["{given[0]}"], utc=True, …).',
        )
    return first, last


def range_text(first: Any, last: Any, form: str = _TO_MINUTES) -> str:
    """Return an instant, or a range of days if both ends differ; empty if unknown.

    Examples
    --------
    >>> a, b = pd.Timestamp("2024-02-01T10:00Z"), pd.Timestamp("2024-02-28T00:00Z")
    >>> range_text(a, a), range_text(a, b), range_text(pd.NaT, pd.NaT)
    ('2024-02-01 10:00', '2024-02-01 – 2024-02-28', '')
    """
    if pd.isna(first) or pd.isna(last):
        return ""
    if first == last:
        return format(first, form)
    ends = [f"{end:%Y-%m-%d}" for end in (first, last)]
    # the acquisition took a few seconds
    return format(first, form) if ends[0] == ends[1] else " – ".join(ends)


def acquired_texts(captures: pd.DataFrame) -> list[str]:
    """Return when each capture was taken, as tables and cards display it: an instant, or a range of days."""
    first, last = time_ranges(captures)
    middle = _column(captures, DATETIME)
    return [
        range_text(*((moment, moment) if pd.notna(moment) else ends)) for moment, *ends in zip(middle, first, last, strict=True)
    ]


def instant(text: str) -> pd.Timestamp:
    """Return an RFC 3339 time in UTC, to the microsecond; the second 60 is the first of the next minute.

    Raises
    ------
    ValueError
        If the text is not such a time.

    Examples
    --------
    >>> instant("2024-03-05T10:00:00.5+02:00")
    Timestamp('2024-03-05 08:00:00.500000+0000', tz='UTC')
    """
    leap = _LEAP_SECOND.fullmatch(text)
    moment = pd.Timestamp(f"{leap[1]}59{leap[2]}" if leap else text)
    if pd.isna(moment):
        raise ValueError(f"{text} is not a time")
    moment = (moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")).as_unit("us")
    return moment + pd.Timedelta(1, "s") if leap else moment


def _column(captures: pd.DataFrame, name: str) -> Times:
    if name not in captures.columns:
        return pd.Series(pd.NaT, index=captures.index, dtype=_UTC)
    found = captures[name]
    # a table may have a name twice
    return utc_times(found if isinstance(found, pd.Series) else found.iloc[:, 0])


def _is_far(text: str) -> bool:
    return _FAR_YEAR.match(text) is not None


def _far_moment(text: str) -> np.datetime64:
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo is None else moment.astimezone(dt.UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return np.datetime64("NaT", "us")
    return np.datetime64(moment, "us")


def _as_text(value: Any) -> str | None:
    """Return a time, a date or a string in a form that pandas reads as ISO 8601; None for anything else."""
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, dt.date) and not pd.isna(value):
        return value.isoformat()
    return None
