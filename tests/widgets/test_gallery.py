"""The gallery, by the messages of its cells in the browser, against a sandbox."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely

import scenecart
from _expect import raises
from _widgets import HARBOUR, pictures_sent, wait_for, world_captures
from scenecart._imagery.picture import decode
from scenecart.widgets import CaptureMap, Gallery
from scenecart.widgets._jobs import LOCK
from scenecart.widgets._state import CaptureState

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


@pytest.fixture
def captures(captures: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the captures that show some of the area."""
    return captures[scenecart.coverage(captures, HARBOUR) > 0.3]


@pytest.fixture
def gallery(client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]) -> Gallery:
    made: Gallery = display(Gallery(captures, HARBOUR, client=client))
    return made


def ask(gallery: Gallery, keys: list[int], *, visible: list[int] | None = None, turn: int | None = None) -> None:
    """Ask for pictures, as the page does for those in view."""
    message = {"kind": "pictures", "keys": keys, "visible": keys if visible is None else visible, "pixels": 128}
    gallery._receive(None, {**message, "turn": gallery._cells.turn if turn is None else turn}, [])


def test_gallery_picture_is_the_capture_cut_to_the_area(gallery: Gallery, captures: gpd.GeoDataFrame):
    """Each picture that comes into view is a square of the same ground, and arrives as WEBP in a message."""
    found = pictures_sent(gallery._cells, "keys")
    ask(gallery, [0, 1, 2])
    wait_for(lambda: len(found) == 3)
    for content in found.values():
        picture = decode(content)
        assert picture is not None
        assert picture.size == (128, 128)
    assert gallery.picture(captures.index[0]).size == (256, 256)
    assert not any(b"WEBP" in str(value).encode() for value in gallery._cells.get_state().values())


def test_gallery_picture_out_of_view_or_of_other_captures_is_not_fetched(gallery: Gallery, captures: gpd.GeoDataFrame):
    """What was scrolled past before its turn is dropped, and a request about older captures is ignored."""
    found = pictures_sent(gallery._cells, "keys")
    ask(gallery, [3, 4], visible=[4])
    wait_for(lambda: 4 in found)
    assert 3 not in found
    turn = gallery._cells.turn
    gallery.state.captures = captures.head(5)
    ask(gallery, [0], turn=turn)
    wait_for(lambda: not gallery.is_busy)
    assert 0 not in found


def test_gallery_selection_is_that_of_the_map(client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]):
    """Clicks and keys in the gallery select on the map, and the filters and the area of the map are those of the gallery."""
    picker = display(CaptureMap(captures, HARBOUR, basemap="none"))
    gallery = display(Gallery(picker, client=client))
    gallery._receive(None, {"kind": "pick", "row": 1, "how": "replace"}, [])
    gallery._receive(None, {"kind": "pick", "row": 3, "how": "span"}, [])
    assert list(picker.selected["id"]) == captures["id"].iloc[1:4].tolist()
    assert gallery._cells.selected == [1, 2, 3]
    gallery._receive(None, {"kind": "active", "row": 2}, [])
    assert gallery.active == captures.index[2]
    assert gallery.state.current == captures.index[2]
    gallery.state.current = captures.index[1]
    assert (gallery.active, gallery._cells.current) == (captures.index[1], 1)
    picker.filters = {"eo:cloud_cover": [0, 20]}
    assert set(gallery.shown["id"]) == set(picker.filtered["id"])
    turn = gallery._cells.turn
    picker.aoi = (151.19, -33.98, 151.22, -33.95)
    assert gallery._cells.turn > turn


@pytest.mark.parametrize(
    ("label", "column", "descending"),
    [("Newest", "datetime", True), ("Least cloud", "eo:cloud_cover", False), ("Least off-nadir", "view:off_nadir", False)],
)
def test_gallery_sorts_by_what_the_captures_have(gallery: Gallery, label: str, column: str, *, descending: bool):
    """Pictures are in the order of a column."""
    gallery.sort = label
    values = gallery.shown[column].dropna()
    assert values.is_monotonic_decreasing if descending else values.is_monotonic_increasing


def test_gallery_sorts_by_the_share_of_the_area_and_refuses_what_is_not_there(gallery: Gallery, captures: gpd.GeoDataFrame):
    """The captures that cover most of the area come first; an order without values is an error."""
    gallery.sort = "Covers most"
    shares = scenecart.coverage(captures, HARBOUR).loc[gallery.shown.index]
    assert shares.round(9).is_monotonic_decreasing
    with raises(scenecart.InvalidRequest, "gallery_sort_unknown"):
        gallery.sort = "Prettiest"
    gallery.state.aoi = None
    with raises(scenecart.InvalidRequest, "gallery_sort_unknown"):
        gallery.sort = "Covers most"


def test_gallery_without_an_area_shows_whole_captures(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Without an area, each picture is the whole capture."""
    gallery = display(Gallery(captures, client=client))
    picture = gallery.picture(captures.index[0])
    assert picture is not None
    assert np.asarray(picture)[..., 3].mean() > 60


def test_gallery_of_thousands_sends_a_window(client: scenecart.Client, display: Callable[[Any], Any]):
    """Of ten thousand captures, the page gets the texts of those around the view; odd ones have an empty frame."""
    captures = world_captures(10_000)
    captures.loc[captures.index[0], "geometry"] = shapely.Point()
    gallery = display(Gallery(captures, client=client))
    assert len(gallery._cells.view["rows"]) < 100
    gallery._receive(None, {"kind": "window", "start": 5_000, "size": 20}, [])
    view = gallery._cells.view
    assert view["start"] <= 5_000
    assert view["start"] + len(view["rows"]) >= 5_020
    found = pictures_sent(gallery._cells, "keys")
    ask(gallery, [0])
    wait_for(lambda: 0 in found)
    assert found[0] == b""


def test_gallery_with_a_service_that_fails_says_so_once(gallery: Gallery, client: scenecart.Client):
    """If pictures cannot be fetched, the frames stay empty, one line says why, and picking works."""
    client.close()
    found = pictures_sent(gallery._cells, "keys")
    ask(gallery, [5, 6])
    wait_for(lambda: len(found) == 2)
    assert set(found.values()) == {b""}
    assert "scenecart-error" in gallery._status.value
    gallery._receive(None, {"kind": "pick", "row": 0, "how": "replace"}, [])
    assert len(gallery.state.selection) == 1


def test_gallery_made_while_its_state_changes_is_complete(client: scenecart.Client, captures: gpd.GeoDataFrame):
    """A gallery that is made while a job of another widget changes the captures is complete, and stops no job."""
    state, errors, is_made = CaptureState(captures, HARBOUR), [], threading.Event()

    def change() -> None:
        limits = itertools.cycle([[0, 100], [0, 90]])
        while not is_made.is_set():
            try:
                with LOCK:
                    state.filters = {"eo:cloud_cover": next(limits)}
            except Exception as error:  # noqa: BLE001  # what the other widget would show
                errors.append(error)

    job = threading.Thread(target=change)
    job.start()
    try:
        for _ in range(3):
            gallery = Gallery(state, client=client)
            assert len(gallery._cells.view["rows"]) > 0
            gallery.close()
    finally:
        is_made.set()
        job.join(20)
    assert errors == []


def test_gallery_static_html_has_the_pictures_that_were_shown(gallery: Gallery):
    """A notebook without a kernel shows the pictures that were in view, without scripts."""
    ask(gallery, [0, 1])
    # the small pictures come first, and are not kept
    wait_for(lambda: len(gallery._pictures.kept()) == 2)
    html = gallery.static_html()
    assert html.count("data:image/webp") == 2
    assert "<script" not in html


def test_gallery_at_its_end_takes_more_captures(
    client: scenecart.Client, captures: gpd.GeoDataFrame, display: Callable[[Any], Any]
):
    """Where the last pictures are in view, more captures, or another area, are shown without an error."""
    gallery = display(Gallery(captures, HARBOUR, client=client))
    gallery._receive(None, {"kind": "window", "start": len(captures) - 10, "size": 20}, [])
    gallery.state.captures = pd.concat([captures] * 2, ignore_index=True)
    assert gallery._cells.count == 2 * len(captures) == len(gallery.shown)
    assert len(gallery._cells.view["rows"]) > 10
    gallery.state.aoi = None
    assert gallery._cells.count == 2 * len(captures)
