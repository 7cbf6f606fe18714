"""Plot of when captures were taken, and how cloudy they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenecart._captures.properties import CLOUD_COVER
from scenecart._captures.times import checked_time_ranges
from scenecart._util.style import CLIPPED, INK, transparent_axes
from scenecart.exceptions import InvalidQuery, missing_extra, not_captures

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes

_CLEAR, _OVERCAST = 0.0, 100.0
_ROW_INCHES, _MIN_HEIGHT_INCHES, _WIDTH_INCHES = 0.45, 1.6, 9.0
_MAX_ROWS = 24
# catalogs write 0001 and 9999 for open ends, which an axis cannot show together with the others
_DRAWN_YEARS = (1800, 2200)
_END = np.datetime64("2201-01-01")
_DAY = np.timedelta64(1, "D")
_AMBER = "#b5893c"


def timeline(captures: gpd.GeoDataFrame, by: str = "collection", ax: Axes | None = None) -> Axes:
    """Plot captures over time, one row for each collection, coloured by cloud cover: blue is clear, amber overcast.

    Parameters
    ----------
    captures
        Rows of a search result.
    by
        The column with one row for each value: ``"collection"`` (default), ``"platform"``, ``"host"``, ``"area"``, …
    ax
        The axes to draw on; None creates a figure.

    Returns
    -------
    matplotlib.axes.Axes
        For titles, limits, and ``ax.figure.savefig("timeline.png")``. Times are UTC; a range of days is a line from its start.
        Captures without a time, or with one before 1800 or after 2200, are not drawn; their number is in the axis label.

    Raises
    ------
    InvalidQuery
        If there is no such column, it has more than 24 values, or no value of the column of times is a time.
    MissingExtra
        If matplotlib is not installed.

    Examples
    --------
    >>> import matplotlib; matplotlib.use("agg")
    >>> import geopandas as gpd, pandas as pd
    >>> times = pd.to_datetime(["2024-03-01", "2024-03-05"], utc=True)
    >>> captures = gpd.GeoDataFrame({"datetime": times, "collection": ["a", "b"]}, geometry=[None, None], crs=4326)
    >>> [label.get_text() for label in timeline(captures).get_yticklabels()]
    ['a', 'b']
    """
    try:
        from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415  # an extra
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as error:
        raise missing_extra("A timeline needs", error, "report") from error
    if not hasattr(captures, "columns"):
        raise not_captures(captures)
    first, last = checked_time_ranges(captures, "plot a timeline")
    if by not in captures.columns:
        raise InvalidQuery(f"The captures have no column {by!r}.", code="column_missing")
    is_timed = first.dt.year.between(*_DRAWN_YEARS).to_numpy()
    timed, begins = captures[is_timed], first[is_timed].dt.tz_localize(None).to_numpy()
    ends = np.minimum(last[is_timed].dt.tz_localize(None).to_numpy(), _END)
    rows = sorted({str(value) for value in timed[by]})
    if len(rows) > _MAX_ROWS:
        raise InvalidQuery(
            f"must be a column of at most {_MAX_ROWS} values, got {by!r} with {len(rows)}.",
            code="timeline_too_many_rows",
            argument="by",
        )
    if ax is None:
        height = max(_MIN_HEIGHT_INCHES, _ROW_INCHES * len(rows) + 1)
        ax = transparent_axes(_WIDTH_INCHES, height)
    row_of = {name: number for number, name in enumerate(rows)}
    places = np.array([row_of[str(value)] for value in timed[by]])
    drawn = ax.scatter(
        begins,
        places,
        c=_cloud_covers(timed),
        cmap=LinearSegmentedColormap.from_list("clouds", (CLIPPED, _AMBER)),
        vmin=_CLEAR,
        vmax=_OVERCAST,
        marker="|",
        s=240,
        linewidths=1.6,
    )
    is_range = ends - begins > _DAY
    if is_range.any():
        ax.hlines(places[is_range], begins[is_range], ends[is_range], colors=INK, linewidth=1, alpha=0.5)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]  # untyped in matplotlib
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # untyped in matplotlib
    without_time = len(captures) - len(timed)
    ax.set_xlabel("acquired (UTC)" + (f"; {without_time:,} without a usable time" if without_time else ""), color=INK)
    ax.xaxis.get_offset_text().set_color(INK)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(INK)
    ax.tick_params(colors=INK)
    ax.tick_params(axis="y", length=0)
    if CLOUD_COVER in timed.columns and timed[CLOUD_COVER].notna().any():
        bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, aspect=12)
        bar.set_label("cloud cover (%)", color=INK)
        bar.ax.tick_params(colors=INK)
        bar.outline.set_visible(False)
    return ax


def _cloud_covers(captures: gpd.GeoDataFrame) -> Any:
    """Return cloud covers in percent; captures without one, such as radar, are drawn as clear."""
    if CLOUD_COVER not in captures.columns:
        return [_CLEAR] * len(captures)
    return pd.to_numeric(captures[CLOUD_COVER], errors="coerce").fillna(_CLEAR).to_numpy(dtype=float)


timeline.__module__ = "scenecart"
