"""When captures were taken, and how cloudy they are: one look at a search result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scenecart._api.operations import CLOUD
from scenecart._util.keywords import checked_keywords
from scenecart._util.style import BOUGHT, INK, transparent_axes
from scenecart.exceptions import InvalidQuery, missing_extra, not_captures

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.axes import Axes

_CLEAR, _OVERCAST = 0.0, 100.0
_ROW_INCHES, _LEAST_INCHES, _WIDTH_INCHES = 0.45, 1.6, 9.0
_MOST_ROWS = 24
_AMBER = "#b5893c"


@checked_keywords()
def timeline(captures: gpd.GeoDataFrame, by: str = "collection", ax: Axes | None = None) -> Axes:
    """Draw captures along time, a row a collection, from blue for a clear one to amber for an overcast one.

    Parameters
    ----------
    captures
        Rows of a search result.
    by
        The column whose values get a row each: ``"collection"`` (default), ``"platform"``, ``"host"``, ``"area"``, …
    ax
        Where to draw; None makes a figure.

    Returns
    -------
    matplotlib.axes.Axes
        For titles, limits, and ``ax.figure.savefig("timeline.png")``. Times are UTC. Captures without a time are not drawn; the
        axis says how many.

    Raises
    ------
    InvalidQuery
        If there is no such column, or it has more values than rows can be read.
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
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415  # likewise
    except ModuleNotFoundError as error:
        raise missing_extra("A timeline needs", error, "report") from error
    if not hasattr(captures, "columns"):
        raise not_captures(captures)
    for column in ("datetime", by):
        if column not in captures.columns:
            raise InvalidQuery(f"The captures have no column {column!r}.")
    timed = captures[captures["datetime"].notna()]
    rows = sorted({str(value) for value in timed[by]})
    if len(rows) > _MOST_ROWS:
        raise InvalidQuery(f"{by!r} has {len(rows)} values; a timeline is legible with up to {_MOST_ROWS}.")
    if ax is None:
        height = max(_LEAST_INCHES, _ROW_INCHES * len(rows) + 1)
        ax = transparent_axes(_WIDTH_INCHES, height)
    place = {name: number for number, name in enumerate(rows)}
    drawn = ax.scatter(
        timed["datetime"].dt.tz_localize(None).to_numpy(),
        [place[str(value)] for value in timed[by]],
        c=_clouds(timed),
        cmap=LinearSegmentedColormap.from_list("clouds", (BOUGHT, _AMBER)),
        vmin=_CLEAR,
        vmax=_OVERCAST,
        marker="|",
        s=240,
        linewidths=1.6,
    )
    ax.set_yticks(range(len(rows)), rows)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]  # matplotlib's own types stop here
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]  # likewise
    left_out = len(captures) - len(timed)
    ax.set_xlabel("acquired (UTC)" + (f"; {left_out:,} without a time" if left_out else ""), color=INK)
    ax.xaxis.get_offset_text().set_color(INK)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(INK)
    ax.tick_params(colors=INK)
    ax.tick_params(axis="y", length=0)
    if CLOUD in timed.columns and timed[CLOUD].notna().any():
        bar = ax.figure.colorbar(drawn, ax=ax, pad=0.02, aspect=12)
        bar.set_label("cloud cover (%)", color=INK)
        bar.ax.tick_params(colors=INK)
        bar.outline.set_visible(False)
    return ax


def _clouds(captures: gpd.GeoDataFrame) -> Any:
    """Return cloud covers; what does not say, such as radar, is drawn as clear."""
    import pandas as pd  # noqa: PLC0415  # geopandas, which the caller has, brings it

    if CLOUD not in captures.columns:
        return [_CLEAR] * len(captures)
    return pd.to_numeric(captures[CLOUD], errors="coerce").fillna(_CLEAR).to_numpy(dtype=float)


timeline.__module__ = "scenecart"
