"""Tests of the timeline plot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib_inline.backend_inline import _fetch_figure_metadata

import scenecart
from _expect import raises
from scenecart import InvalidQuery
from scenecart._util.style import INK

if TYPE_CHECKING:
    from collections.abc import Iterator

mpl.use("agg")


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    """Close all figures."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    yield
    plt.close("all")


def frame(count: int = 4) -> gpd.GeoDataFrame:
    """Return captures of two collections, the last one without a time."""
    times = pd.to_datetime([f"2024-{1 + n % 12:02d}-05" for n in range(count - 1)] + [None], utc=True)
    values = {"datetime": times, "collection": ["a", "b"] * (count // 2), "eo:cloud_cover": range(count), "n": range(count)}
    return gpd.GeoDataFrame(values, geometry=[None] * count, crs=4326)


def test_timeline_draws_each_capture_with_a_time():
    """There is a row for each collection and a mark for each capture with a time; the axis label counts the others."""
    ax = scenecart.timeline(frame())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    (marks,) = ax.collections
    assert len(marks.get_offsets()) == 3
    assert "; 1 " in ax.get_xlabel()
    assert marks.get_array().tolist() == [0, 1, 2]


def test_timeline_draws_ranges_of_days_as_lines():
    """A capture with a start and an end is a mark and a line; years no axis can show beside the others are counted."""
    captures = frame()
    captures["start_datetime"] = pd.Series(["2023-01-01", None, "9999-01-01", None], dtype=object)
    captures["end_datetime"] = pd.Series(["9999-12-31", None, "9999-12-31", None], dtype=object)
    ax = scenecart.timeline(captures)
    marks, lines = ax.collections
    assert (len(marks.get_offsets()), len(lines.get_segments())) == (2, 1)
    assert "; 2 " in ax.get_xlabel()
    ax.figure.canvas.draw()


def test_timeline_long_names_fit_the_figure():
    """Names of any length stay within the figure."""
    captures = frame().assign(collection="a-collection-with-quite-a-long-name-that-goes-on")
    ax = scenecart.timeline(captures)
    ax.figure.canvas.draw()
    for label in ax.get_yticklabels():
        box = label.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= ax.get_window_extent().x0


def test_timeline_background_is_transparent():
    """The plot is transparent, a notebook adds no background, and it is the current axes."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    ax = scenecart.timeline(frame())
    assert ax.figure.get_facecolor()[3] == 0
    assert _fetch_figure_metadata(ax.figure) is None
    assert plt.gca() is ax


def test_timeline_uses_given_axes_and_needs_no_cloud_cover():
    """Given axes are used, any column can be the rows, and captures without a cloud cover are drawn."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    _, ax = plt.subplots()
    assert scenecart.timeline(frame().drop(columns="eo:cloud_cover"), by="n", ax=ax) is ax
    assert len(ax.get_yticklabels()) == 3


def test_timeline_unusable_column_is_refused():
    """A missing column, or one with too many values to read, is an error."""
    with raises(InvalidQuery, "column_missing") as caught:
        scenecart.timeline(frame(), by="platform")
    assert "'platform'" in str(caught.value)
    with raises(InvalidQuery, "timeline_too_many_rows"):
        scenecart.timeline(frame(60), by="n")


def _luminance(colour: str) -> float:
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_timeline_ink_contrast_is_best_for_light_and_dark():
    """On white and on the dark of JupyterLab, text in plots has the highest contrast that one colour can have on both: 4.35."""
    paper, screen, ink = (_luminance(colour) + 0.05 for colour in ("#ffffff", "#111111", INK))
    best = (paper / screen) ** 0.5
    assert best == pytest.approx(4.35, abs=0.01)
    assert min(paper / ink, ink / screen) > best - 0.02


@pytest.mark.parametrize("value", [None, "captures.parquet", 5])
def test_timeline_not_a_geodataframe_is_refused(value: object):
    """Anything but a frame of captures is refused."""
    with raises(InvalidQuery, "captures_invalid"):
        scenecart.timeline(value)
