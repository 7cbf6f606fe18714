"""When captures were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib_inline.backend_inline import _fetch_figure_metadata

import scenecart
from scenecart import InvalidQuery
from scenecart._util.style import INK

if TYPE_CHECKING:
    from collections.abc import Iterator

mpl.use("agg")


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close every figure."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    yield
    plt.close("all")


def frame(count: int = 4) -> gpd.GeoDataFrame:
    """Give captures of two collections, one of which has no time."""
    times = pd.to_datetime([f"2024-{1 + n % 12:02d}-05" for n in range(count - 1)] + [None], utc=True)
    values = {"datetime": times, "collection": ["a", "b"] * (count // 2), "eo:cloud_cover": range(count), "n": range(count)}
    return gpd.GeoDataFrame(values, geometry=[None] * count, crs=4326)


def test_every_capture_with_a_time_is_drawn():
    """There is a row for each collection and a mark for each capture that has a time; the axis counts the others."""
    ax = scenecart.timeline(frame())
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    (marks,) = ax.collections
    assert len(marks.get_offsets()) == 3
    assert "1 without a time" in ax.get_xlabel()
    assert marks.get_array().tolist() == [0, 1, 2]


def test_nothing_is_cut_off():
    """Names of any length stay within the figure."""
    captures = frame().assign(collection="a-collection-with-quite-a-long-name-that-goes-on")
    ax = scenecart.timeline(captures)
    ax.figure.canvas.draw()
    for label in ax.get_yticklabels():
        box = label.get_window_extent()
        assert box.x0 >= 0
        assert box.x1 <= ax.get_window_extent().x0


def test_it_stands_on_any_ground():
    """The picture has no ground of its own, a notebook lays none below it, and it is where one goes on drawing."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    ax = scenecart.timeline(frame())
    assert ax.figure.get_facecolor()[3] == 0
    assert _fetch_figure_metadata(ax.figure) is None
    assert plt.gca() is ax


def test_it_draws_where_it_is_told_and_without_clouds():
    """An axis of one's own is used, any column can be the rows, and captures that say nothing of clouds are drawn."""
    from matplotlib import pyplot as plt  # noqa: PLC0415  # after the backend is chosen

    _, ax = plt.subplots()
    assert scenecart.timeline(frame().drop(columns="eo:cloud_cover"), by="n", ax=ax) is ax
    assert len(ax.get_yticklabels()) == 3


def test_what_cannot_be_drawn_is_said():
    """A column that is not there, or has too many values to read, is an error."""
    with pytest.raises(InvalidQuery, match="no column 'platform'"):
        scenecart.timeline(frame(), by="platform")
    with pytest.raises(InvalidQuery, match="legible"):
        scenecart.timeline(frame(60), by="n")


def _light(colour: str) -> float:
    shares = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_letters_are_as_clear_as_one_colour_can_be_on_light_and_dark():
    """On white, and on the dark of JupyterLab, letters of plots reach what one colour can on both: a contrast of 4.35."""
    paper, screen, ink = (_light(colour) + 0.05 for colour in ("#ffffff", "#111111", INK))
    best = (paper / screen) ** 0.5
    assert best == pytest.approx(4.35, abs=0.01)
    assert min(paper / ink, ink / screen) > best - 0.02


@pytest.mark.parametrize("wrong", [None, "captures.parquet", 5])
def test_what_is_no_frame_is_told(wrong: object):
    """What is no frame of captures is refused in words."""
    with pytest.raises(scenecart.InvalidQuery, match="Captures are a GeoDataFrame, not"):
        scenecart.timeline(wrong)
