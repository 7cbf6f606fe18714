"""The comparison of dates, by the messages of its page, against a sandbox and with raster files."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

import scenecart
from _expect import raises
from _widgets import HARBOUR, pictures_sent, wait_for
from scenecart._imagery.picture import decode
from scenecart.widgets import Compare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import geopandas as gpd


@pytest.fixture
def dates(captures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return three captures that show the whole area."""
    return captures[scenecart.coverage(captures, HARBOUR) > 0.99].head(3)


@pytest.fixture
def compare(client: scenecart.Client, dates: gpd.GeoDataFrame, display: Callable[[Any], Any]) -> Compare:
    made: Compare = display(Compare(dates, aoi=HARBOUR, client=client))
    return made


def raster(path: Path, value: int, crs: str = "EPSG:32756") -> Path:
    """Write a raster of one value over the harbour."""
    rasterio = pytest.importorskip("rasterio")
    grid = {"crs": crs, "transform": rasterio.Affine(20, 0, 330_000, 0, -20, 6_245_000)}
    with rasterio.open(path, "w", driver="GTiff", count=3, width=600, height=600, dtype="uint8", **grid) as file:
        file.write(np.full((3, 600, 600), value, "uint8"))
    return path


def test_compare_sends_the_pictures_that_the_page_asks_for(compare: Compare, dates: gpd.GeoDataFrame):
    """Each date has a label; a picture is sent when it is needed, as WEBP, all of the same ground and size."""
    assert len(compare.labels) == 3
    assert compare.labels[0] == f"{dates['datetime'].iloc[0]:%Y-%m-%d %H:%M}"
    found = pictures_sent(compare._stage, "indices")
    compare._receive(None, {"kind": "frames", "indices": [0, 2, 99]}, [])
    wait_for(lambda: len(found) == 2)
    assert set(found) == {0, 2}
    assert {decode(content).size for content in found.values()} == {(720, 720)}


def test_compare_mixes_quicklooks_and_files(
    client: scenecart.Client, dates: gpd.GeoDataFrame, tmp_path: Path, display: Callable[[Any], Any]
):
    """A capture and a raster file are drawn over the same area."""
    compare = display(Compare(dates.iloc[0], str(raster(tmp_path / "after.tif", 200)), aoi=HARBOUR, client=client))
    found = pictures_sent(compare._stage, "indices")
    compare._receive(None, {"kind": "frames", "indices": [0, 1]}, [])
    wait_for(lambda: len(found) == 2)
    assert compare.labels[1] == "after.tif"
    middle = np.asarray(decode(found[1]))[360, 360]
    assert abs(int(middle[0]) - 200) < 6
    assert middle[3] == 255


def test_compare_without_an_area_shows_the_first_source(tmp_path: Path, display: Callable[[Any], Any]):
    """Without an area, the first file is the view of all, and no client is needed."""
    paths = [raster(tmp_path / f"{value}.tif", value) for value in (50, 180)]
    compare = display(Compare(*paths, mode="side"))
    found = pictures_sent(compare._stage, "indices")
    compare._receive(None, {"kind": "frames", "indices": [0, 1]}, [])
    wait_for(lambda: len(found) == 2)
    assert [int(np.asarray(decode(found[index]))[360, 360, 0]) // 10 for index in (0, 1)] == [5, 18]


def test_compare_steps_and_modes_are_checked(compare: Compare):
    """The pair and the mode can be set in Python; what is not there is refused."""
    compare.shown = (1, 2)
    compare.mode = "flicker"
    assert (compare._stage.left, compare._stage.right, compare._stage.mode) == (1, 2, "flicker")
    with raises(scenecart.InvalidRequest, "compare_shown_invalid"):
        compare.shown = (0, 3)
    with pytest.raises(scenecart.InvalidRequest):
        compare.mode = "blink"


def test_compare_with_too_little_or_nothing_to_show_is_refused(client: scenecart.Client, dates: gpd.GeoDataFrame, tmp_path: Path):
    """One picture, captures without a client, wrong labels and a page in place of a raster are errors that say what is wrong."""
    with raises(scenecart.InvalidRequest, "compare_count"):
        Compare(dates.head(1), client=client)
    with raises(scenecart.InvalidRequest, "compare_without_client"):
        Compare(dates)
    with raises(scenecart.InvalidRequest, "compare_labels_invalid"):
        Compare(dates, client=client, labels=["before", "after"])
    page = tmp_path / "page.tif"
    page.write_text("<html>")
    with pytest.raises(scenecart.InvalidRequest):
        Compare(str(page), str(page))


def test_compare_with_a_service_that_fails_says_so(compare: Compare, client: scenecart.Client):
    """A picture that cannot be fetched leaves its frame empty, and the line below says why."""
    client.close()
    compare._receive(None, {"kind": "frames", "indices": [0]}, [])
    wait_for(lambda: compare._stage.notes[0])


def test_compare_to_gif_has_every_date(compare: Compare, tmp_path: Path):
    """The animation has one picture a date."""
    path = compare.to_gif(tmp_path / "harbour.gif", seconds=0.4)
    with Image.open(path) as found:
        assert found.n_frames == 3


def test_compare_to_html_is_a_page_that_loads_nothing(client: scenecart.Client, dates: gpd.GeoDataFrame, tmp_path: Path):
    """The page holds both pictures, and what a label says is text."""
    hostile = "<img src=x onerror=alert(1)>"
    compare = Compare(dates, aoi=HARBOUR, client=client, labels=[hostile, "b", "c"])
    page = compare.to_html(tmp_path / "harbour.html").read_text("utf-8")
    sources: list[str] = []

    class Sources(HTMLParser):
        def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
            sources.extend(value or "" for name, value in attrs if name in {"src", "href"})

    Sources().feed(page)
    assert len(sources) == 2
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert hostile not in compare.static_html()
    compare.close()
